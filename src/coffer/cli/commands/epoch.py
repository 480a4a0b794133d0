"""``coffer epoch``."""

import datetime as dt
import os

import click

from coffer import wire
from coffer.cli.console import console, say
from coffer.cli.custodians import unlock
from coffer.cli.passphrases import Passphrases, passphrases_option
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput
from coffer.visible import counted

MAX_EPOCH_DAYS = 3_700
"""Ten years of keys at once: more is a typing mistake."""


@click.command(epilog="Example: coffer epoch vault --days 2026-11-01 2026-11-30")
@click.argument("vault")
@click.option(
    "--days", "ranges", nargs=2, multiple=True, required=True, metavar="FIRST LAST", help="Days (UTC) to make keys for."
)
@passphrases_option
def epoch(vault: str, ranges: tuple[tuple[str, str], ...], passphrase_file: str | None) -> None:
    """Let every local custodian make and publish its key of each day.

    Days that have keys are left as they are.
    """
    days = sorted({day for first, last in ranges for day in _days(first, last)})
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    roster = opened.replay().roster
    names = [name for name in opened.custodian_names() if roster.custodian(name)]
    for name in names:
        passphrases.opener(opened.custodian(name))  # a prompt must not hold the vault up
    with opened.writing() as state:
        services = unlock(opened, passphrases, names)
        entries = [entry for service in services for entry in service.epoch_key_entries(days, os.urandom)]
        if entries:
            opened.append(entries, state)
    if not services:
        say(
            "no custodian is in this folder: those on machines of their own make their keys there, and coffer sync fetches them"
        )
    console().print(
        f"{counted(len(entries), 'epoch key')} published for {counted(len(days), 'day')} and {counted(len(services), 'custodian')}"
    )


def _days(first: str, last: str) -> list[dt.date]:
    start, end = wire.parse_day(first, "--days"), wire.parse_day(last, "--days")
    count = (end - start).days + 1
    if not 1 <= count <= MAX_EPOCH_DAYS:
        raise MalformedInput(f"--days: {count} days, expected 1 to {MAX_EPOCH_DAYS}, first before last")
    return [start + dt.timedelta(days=n) for n in range(count)]
