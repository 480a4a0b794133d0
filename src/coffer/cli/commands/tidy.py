"""``coffer tidy``."""

import datetime as dt
from contextlib import suppress

import click

from coffer.cli.console import clock, confirm, console, print_json, say
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.errors import Refused, Unavailable
from coffer.vault.aside import PutAside
from coffer.visible import counted

DEFAULT_DAYS = 30
"""Longer than anybody takes to notice that a log was put back."""


@click.command(
    epilog="""\b
Examples:
coffer tidy vault
coffer tidy vault --older-than 0"""
)
@click.argument("vault")
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(0, 36_500),
    default=DEFAULT_DAYS,
    show_default=True,
    help="Days that a folder must have lain aside.",
)
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def tidy(vault: str, days: int, *, yes: bool, as_json: bool) -> None:
    """Remove what commands put aside because the log did not know it.

    A folder is removed once witnesses or custodians elsewhere know no longer log. What the log knows goes back
    to its place first. Each folder holds a text that says why it is there. In an object store, what is
    damaged of the log is put anew, and what this machine remembers for others.
    """
    opened, before = vault_at(vault), clock() - dt.timedelta(days=days)
    with opened.writing():
        old = [folder for folder in opened.aside.folders() if folder.time <= before]
    for folder in old:
        say(f"{folder.path.name}: {_files(folder)}")
    if old and not yes:
        confirm("remove this for good?")
    with opened.writing() as state:
        there = opened.aside.folders()
        unwanted = [folder for folder in there if folder.path in {one.path for one in old}]
        if unwanted and not opened.writer.is_confirmed_outside(state):
            raise Unavailable(
                "tidy: no witness and no custodian elsewhere says that this log is the newest: nothing was removed",
                hint="run it again when they answer: what lies aside may be newer than this log",
            )
        for folder in unwanted:
            opened.leftovers.remove(folder, state)
        if opened.stored is not None:
            opened.stored.mend_log(opened.log)
        with suppress(Refused):  # without the passphrase of the operator's keys nothing can be sealed
            opened.ingested.put_back(opened.ingested.lines(state))
    left = [folder for folder in there if folder not in unwanted]
    if as_json:
        print_json(
            {"removed": [_document(folder) for folder in unwanted], "left": [_document(folder) for folder in left]}
        )
        return
    if left:
        table = Table("aside", "files", "bytes")
        for folder in left:
            table.add_row(folder.path.name, f"{folder.files:,}", f"{folder.size_bytes:,}")
        console().print(table)
    console().print(f"{len(unwanted)} of {counted(len(there), 'folder')} aside removed")


def _files(folder: PutAside) -> str:
    return f"{counted(folder.files, 'file')}, {counted(folder.size_bytes, 'byte')}"


def _document(folder: PutAside) -> dict[str, object]:
    return {
        "name": folder.path.name,
        "reason": folder.reason,
        "time": folder.time.isoformat(),
        "files": folder.files,
        "bytes": folder.size_bytes,
    }
