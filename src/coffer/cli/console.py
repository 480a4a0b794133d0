"""How commands speak: results on stdout, everything else on stderr with ``coffer:``.

Everything said goes through ``coffer.visible``: strangers choose the names of files, senders and orders, and no such name may
steer a terminal. The clocks and the reading of small files are here too.
"""

import datetime as dt
import os
import sys
import time
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coffer.cli.screen import Screen
from coffer.errors import CofferError, MalformedInput, Unavailable
from coffer.visible import FALLBACK, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coffer.custodian.evident import Uptime
    from coffer.notes.keys import Secret

PIPE_WIDTH: Final = 200
"""Columns where the output is no terminal: wide enough that no cell is cut."""


def system_clock() -> dt.datetime:
    """The system's clock, in UTC."""
    return dt.datetime.now(dt.UTC)


def clock() -> dt.datetime:
    """Now, for every command: the one place that looks at the system's clock, so that a test can set it."""
    return system_clock()


def uptime() -> "Uptime":
    """How long this machine has been running, sleep included.

    Unknown where the system does not say which start that was.
    """
    from coffer.custodian.evident import Uptime  # noqa: PLC0415 - only custodians at work ask

    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return Uptime(boot=boot, seconds=int(time.clock_gettime(time.CLOCK_BOOTTIME)))
    except (OSError, ValueError, AttributeError):  # another system than Linux
        return Uptime()


def console() -> Screen:
    """For results on stdout."""
    return Screen(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def error_console() -> Screen:
    """For tables beside a result that takes all of stdout."""
    return Screen(stderr=True)


def print_text(text: str) -> None:
    """The text of a file as the result on stdout, line by line as ``visible`` writes them."""
    print("\n".join(visible(line) for line in text.split("\n")), end="")


def print_line(line: str) -> None:
    """One line of a result that comes bit by bit, written at once."""
    click.echo(visible(line))


def can_show(text: str) -> bool:
    """Whether the encoding of stdout has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def prepare_outputs() -> None:
    """Make the standard streams safe to write to.

    A character that an output's encoding lacks is written out. A stream that is closed is opened on nothing: otherwise the next
    file that is opened would take its number, and messages would go into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115
        elif number > 0 and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=FALLBACK)


class _Speech:
    """How lines on stderr are: for people, or a JSON document each. One for the process, as stderr is."""

    is_json = False
    command = ""


def speak(*, is_json: bool, command: str = "") -> None:
    """From now on lines on stderr are JSON documents, or lines for people.

    ``command``: what each document names.
    """
    _Speech.is_json, _Speech.command = is_json, command


def speaks_json() -> bool:
    """Whether lines are JSON documents."""
    return _Speech.is_json


def say(message: str) -> None:
    """A line on stderr. If that takes nothing, the exit code still says how the command went."""
    _write(f"coffer: {visible(message)}", {"level": "info", "message": message})


def _write(line: str, fields: "Mapping[str, object]") -> None:
    """The line, or where JSON is spoken a document of these fields."""
    if _Speech.is_json:
        import json  # noqa: PLC0415 - only what prints it pays for it

        time = clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": time, "command": _Speech.command, **fields})
    with suppress(OSError):
        click.echo(line, err=True)


def tell(line: str) -> None:
    """A line of a walk-through on stderr, without the program's name before it."""
    click.echo(visible(line), err=True)


def print_json(document: object) -> None:
    """One JSON document on stdout."""
    import json  # noqa: PLC0415 - only what prints it pays for it

    click.echo(json.dumps(document, indent=1))


def report_error(error: CofferError) -> int:
    """Say what is wrong and what to do; the family's exit code."""
    if _Speech.is_json:
        fields = {"level": "error", "message": error.message, "hint": error.hint or "", "exit_code": error.exit_code}
        _write("", fields)
        return error.exit_code
    say(error.message)
    if error.hint:
        say(f"hint: {error.hint}")
    return error.exit_code


def read_file(name: str) -> bytes:
    """A small input file, whole."""
    path = Path(name)
    try:
        if path.is_dir():
            raise MalformedInput(f"{path.name}: is a folder, expected a file")
        if not path.is_file():
            raise MalformedInput(f"{path.name}: no such file")
        return path.read_bytes()
    except OSError as error:
        raise Unavailable(f"{path.name}: {error.strerror}") from error


def confirm(question: str) -> None:
    """Ask, and stop unless the answer is yes.

    Raises:
        Abort: no, or the question was broken off.
        MalformedInput: nobody is there to answer; the hint names the option that says yes.
    """
    try:
        if click.confirm(question, err=True):
            return
    except click.Abort:
        if not sys.stdin.isatty():
            raise MalformedInput(
                f"{question}: no answer: this is no terminal",
                hint="--yes says yes beforehand: whoever writes it has read what is asked",
            ) from None
        raise
    raise click.Abort


def verify_absent(name: str) -> Path:
    """An output's path where nothing lies yet, in a folder that is there."""
    path = Path(name)
    if path.exists():
        raise MalformedInput(f"{path.name}: exists already", hint="choose another name: nothing is overwritten")
    if not path.absolute().parent.is_dir():
        raise MalformedInput(f"{path.name}: its folder is not there")
    return path


def operator_passphrase() -> "Secret | None":
    """COFFER_PASSPHRASE_OPERATOR, if the operator seals its own keys.

    The custodians' variable is never used instead: the operator does not know their passphrase.
    """
    from coffer.notes.keys import Secret  # noqa: PLC0415 - its file loads the library of ciphers, which the help does not need

    text = os.environb.get(b"COFFER_PASSPHRASE_OPERATOR")
    return None if text is None else Secret(text, "passphrase")
