"""How commands speak: results on stdout, everything else on stderr with ``coffer:``; passphrases; files that are never overwritten.

Whatever is said goes through ``coffer.visible``: names of files, senders and orders are chosen by strangers, and none of them steers a terminal.
"""

import datetime as dt
import json
import os
import sys
import time
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

import click
import rich.table
from rich.console import Console

from coffer.custodian.evident import Uptime
from coffer.custodian.folder import variable_name
from coffer.errors import CofferError, MalformedInput, Unavailable
from coffer.notes.keys import Secret
from coffer.notes.note import join_notes, parse_note
from coffer.visible import FALLBACK, visible

PIPE_WIDTH: Final = 200
"""Columns where the output is no terminal: wide enough that no cell is cut."""


def system_clock() -> dt.datetime:
    """The system's clock, in UTC."""
    return dt.datetime.now(dt.UTC)


def clock() -> dt.datetime:
    """Now, for every command: the one place that looks at the system's clock, so that a test can set it."""
    return system_clock()


def uptime() -> Uptime:
    """How long this machine has been running, sleep included; unknown where the system does not say which start that was."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return Uptime(boot=boot, seconds=int(time.clock_gettime(time.CLOCK_BOOTTIME)))
    except (OSError, ValueError, AttributeError):  # another system than Linux
        return Uptime()


class _Console(Console):
    """Prints lines as ``visible`` writes them, and tables whose cells are."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as the library
        """As the library's, each text on a line of its own."""
        super().print(*(visible(item) if isinstance(item, str) else item for item in objects), **options)


class Table(rich.table.Table):
    """A table whose cells are written as ``visible`` writes them: a line end in a cell would look like another row."""

    def add_row(self, *cells: Any, **options: Any) -> None:  # noqa: ANN401 - as the library
        """As the library's."""
        super().add_row(*(visible(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def console() -> Console:
    """For results on stdout."""
    return _Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def error_console() -> Console:
    """For tables beside a result that takes all of stdout."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_text(text: str) -> None:
    """The text of a file as the result on stdout, line by line as ``visible`` writes them."""
    print("\n".join(visible(line) for line in text.split("\n")), end="")


def can_show(text: str) -> bool:
    """Whether the encoding of stdout has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def prepare_outputs() -> None:
    """What the encoding of an output does not have is written out; an output or input that is closed is nobody's, not the next file that is opened."""
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


def say(message: str) -> None:
    """A line for people, on stderr."""
    click.echo(f"coffer: {visible(message)}", err=True)


def print_json(document: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, indent=1))


def report_error(error: CofferError) -> int:
    """Say what is wrong and what to do; the family's exit code."""
    say(error.message)
    if error.hint:
        say(f"hint: {error.hint}")
    return error.exit_code


class Passphrases:
    """Where a custodian's passphrase comes from: a file, the environment, or a prompt."""

    def __init__(self, file: str | None) -> None:
        self._file = file
        self._typed: dict[str, Secret] = {}

    def get(self, name: str, *, is_new: bool = False) -> Secret:
        """The passphrase of a custodian.

        Raises:
            MalformedInput: none is given and there is no terminal to ask at.
        """
        found = self.find(name)
        if found is not None:
            return found
        if not sys.stdin.isatty():
            raise MalformedInput(
                f"passphrase of {name}: not given",
                hint=f"set COFFER_PASSPHRASE_{variable_name(name)} or COFFER_PASSPHRASE, or use --passphrase-file",
            )
        text = click.prompt(f"passphrase of {visible(name)}", hide_input=True, confirmation_prompt=is_new, err=True)
        self._typed[name] = Secret(text.encode("utf-8"), "passphrase")
        return self._typed[name]

    def get_or_skip(self, name: str) -> Secret | None:
        """The passphrase of a custodian that may stay out: at a terminal it is asked for, and nothing typed means no."""
        found = self.find(name)
        if found is None and sys.stdin.isatty():
            prompt = f"passphrase of {visible(name)} (empty: it does not answer)"
            text = click.prompt(prompt, default="", show_default=False, hide_input=True, err=True)
            found = Secret(text.encode("utf-8"), "passphrase") if text else None
            if found is not None:
                self._typed[name] = found
        return found

    def find(self, name: str) -> Secret | None:
        """The passphrase typed before, from a file or the environment, or None."""
        if name in self._typed:
            return self._typed[name]
        if self._file is not None:
            if not Path(self._file).is_file():
                raise MalformedInput(f"--passphrase-file: {Path(self._file).name}: no such file")
            return Secret(read_file(self._file).rstrip(b"\r\n"), "passphrase")
        for variable in (f"COFFER_PASSPHRASE_{variable_name(name)}", "COFFER_PASSPHRASE"):
            if variable in os.environ:
                return Secret(os.environb[variable.encode("ascii")], "passphrase")
        return None


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


def read_notes(names: Sequence[str]) -> tuple[bytes, str]:
    """Copies of one signed text, each perhaps signed by others, as one note; and what to call it."""
    place = Path(names[0]).name
    if len(names) == 1:
        return read_file(names[0]), place
    return join_notes([parse_note(read_file(name), Path(name).name) for name in names], place).raw, place


def verify_absent(name: str) -> Path:
    """An output's path where nothing lies yet, in a folder that is there."""
    path = Path(name)
    if path.exists():
        raise MalformedInput(f"{path.name}: exists already", hint="choose another name: nothing is overwritten")
    if not path.absolute().parent.is_dir():
        raise MalformedInput(f"{path.name}: its folder is not there")
    return path


def operator_passphrase() -> Secret | None:
    """COFFER_PASSPHRASE_OPERATOR, if the operator seals its own keys. Never the custodians' fallback: the operator does not know theirs."""
    text = os.environb.get(b"COFFER_PASSPHRASE_OPERATOR")
    return None if text is None else Secret(text, "passphrase")
