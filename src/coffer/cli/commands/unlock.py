"""``coffer unlock``."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from coffer.agent import client
from coffer.cli.console import console, operator_passphrase, print_json, read_file, say
from coffer.cli.machine import machine_at
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.tables import Table
from coffer.cli.vaults import Network, vault_at
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.machine.folder import CONFIG
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.notes.keyfile import StretchedKey, stretch, verify_stretchable
from coffer.notes.keys import Secret
from coffer.vault.folder import open_vault
from coffer.vault.operator import DESK
from coffer.visible import counted

DEFAULT_IDLE_MINUTES = 15
"""A coffee, not a lunch."""
DEFAULT_HOURS = 8
"""A working day."""


@click.command(
    epilog="""\b
Examples:
coffer unlock vault --as judge --as dpo
coffer unlock vault --operator
coffer unlock judge/ --idle 5
coffer unlock --status"""
)
@click.argument("folder", metavar="[VAULT|DIR]", required=False)
@click.option("--as", "names", multiple=True, metavar="CUSTODIAN", help="Whose keys in the vault's folder; repeat.")
@click.option("--operator", is_flag=True, help="The operator's keys of the vault.")
@click.option(
    "--idle",
    "idle_minutes",
    type=click.IntRange(1, 120),
    default=DEFAULT_IDLE_MINUTES,
    show_default=True,
    help="Minutes without use after which they are locked.",
)
@click.option(
    "--hours",
    type=click.IntRange(1, 24),
    default=DEFAULT_HOURS,
    show_default=True,
    help="Hours after which they are locked in any case.",
)
@click.option(
    "--status", "is_status", is_flag=True, help="Show what is unlocked and for how long; nothing is unlocked."
)
@click.option("--json", "as_json", is_flag=True, help="The status as JSON.")
@passphrase_option
def unlock(
    folder: str | None,
    names: tuple[str, ...],
    idle_minutes: int,
    hours: int,
    passphrase_file: str | None,
    *,
    operator: bool,
    is_status: bool,
    as_json: bool,
) -> None:
    """Keep keys unlocked for a while, so that commands need no passphrase.

    They are kept in the memory of a process of this session. Every program that you run meanwhile can use them: lock them
    when you leave (coffer lock). Destroying keys (retire, custodian destroy) and services that stay still need the passphrase.
    """
    if is_status:
        if folder is not None or names or operator:
            raise MalformedInput("--status: takes no folder and nobody's name")
        _show_status(as_json=as_json)
        return
    if folder is None:
        raise MalformedInput(
            "unlock: no folder", hint="coffer unlock VAULT --as CUSTODIAN, or a custodian's own folder"
        )
    files = list(_key_files(folder, names, passphrase_file, is_operator=operator))
    client.verify_session()  # as the files, before anybody types a passphrase
    keys = {file.path.resolve(): file.unlocked() for file in files}
    for path, key in keys.items():
        client.hold(key, label=str(path), idle_s=60 * idle_minutes, life_s=3600 * hours)
    told = client.status()
    if told is not None and not told.is_locked:
        say("this system may swap the memory out to disk: allow more locked memory (ulimit -l)")
    unused, most = counted(idle_minutes, "minute"), counted(hours, "hour")
    say(f"{counted(len(keys), 'key file')} unlocked, until not used for {unused}; {most} at most. Lock: coffer lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeyFile:
    """A key file that a passphrase opens, looked at before anybody types one.

    ``ask``: for its passphrase. ``prove``: that what it gives opens the keys.
    """

    path: Path
    place: str
    ask: Callable[[], Secret]
    prove: Callable[[StretchedKey], object]
    raw: bytes

    @classmethod
    def read(
        cls, path: Path, place: str, ask: Callable[[], Secret], prove: Callable[[StretchedKey], object]
    ) -> "_KeyFile":
        """Raises ``MalformedInput`` if no passphrase opens it, ``Unavailable`` if it is not there."""
        raw = Disk().read(path)
        verify_stretchable(raw, place=place)
        return cls(path=path, place=place, ask=ask, prove=prove, raw=raw)

    def unlocked(self) -> StretchedKey:
        """What the passphrase gives, once it is shown to open the keys."""
        key = stretch(self.raw, self.ask(), place=self.place)
        self.prove(key)
        return key


def _key_files(
    folder: str, names: Sequence[str], passphrase_file: str | None, *, is_operator: bool
) -> Iterator[_KeyFile]:
    passphrases = Passphrases(passphrase_file, asks_agent=False)
    if Path(folder, CONFIG).is_file():
        if names or is_operator:
            raise MalformedInput(
                f"{Path(folder).name}: a custodian's own folder, where --as and --operator say nothing"
            )
        yield _of_custodian(machine_at(folder).folder, passphrases)
        return
    vault = vault_at(folder)
    if not (names or is_operator):
        known = ", ".join(vault.custodian_names()) or "none"
        raise MalformedInput("unlock: nobody is named", hint=f"--operator, or --as of these: {known}")
    if is_operator:
        yield _of_operator(Path(folder), passphrase_file)
    for name in dict.fromkeys(names):
        yield _of_custodian(vault.custodian(name), passphrases)


def _of_custodian(folder: CustodianFolder, passphrases: Passphrases) -> _KeyFile:
    name = folder.name
    return _KeyFile.read(folder.key_file, f"custodian {name}", lambda: passphrases.get(name), folder.unlock)


def _of_operator(vault: Path, passphrase_file: str | None) -> _KeyFile:
    def prove(key: StretchedKey) -> None:
        open_vault(vault, Disk(), Network(), operator_passphrase=key).operator_key(DESK)

    path = vault / "operator" / "keys"
    return _KeyFile.read(path, "operator's keys", lambda: _passphrase_of_operator(passphrase_file), prove)


def _passphrase_of_operator(file: str | None) -> Secret:
    if file is not None:
        return Secret(read_file(file).rstrip(b"\r\n"), "passphrase")
    given = operator_passphrase()
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise MalformedInput(
            "passphrase of the operator: not given", hint="set COFFER_PASSPHRASE_OPERATOR, or use --passphrase-file"
        )
    return Secret(click.prompt("passphrase of the operator", hide_input=True, err=True).encode("utf-8"), "passphrase")


def _show_status(*, as_json: bool) -> None:
    told = client.status()
    lines = () if told is None else told.lines
    if as_json:
        print_json(
            {"unlocked": [{"key_file": line.label, "idle_s": line.idle_s, "life_s": line.life_s} for line in lines]}
        )
        return
    if not lines:
        say("nothing is unlocked")
        return
    table = Table("key file", "locked if unused for", "locked in any case in")
    for line in lines:
        table.add_row(line.label, _minutes(line.idle_s), _minutes(line.life_s))
    console().print(table)


def _minutes(seconds: int) -> str:
    return f"{seconds // 3600} h {seconds // 60 % 60} min" if seconds >= 3600 else f"{seconds // 60} min"
