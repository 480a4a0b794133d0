"""``coffer custodian epoch``."""

import datetime as dt
import os
from pathlib import Path

import click

from coffer import wire
from coffer.cli.console import clock, console, say, verify_absent
from coffer.cli.machine import at_work
from coffer.cli.notes import read_note
from coffer.cli.passphrases import passphrase_option
from coffer.custody.waiting import MAX_AHEAD_DAYS
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.ledger.retention import still_kept
from coffer.ledger.roster import parse_roster
from coffer.notes.note import parse_note
from coffer.translog.tiling import format_bundle
from coffer.visible import counted


@click.command(epilog="Example: coffer custodian epoch judge/ --days 2026-11-01 2026-11-30")
@click.argument("folder", metavar="DIR")
@click.option("--days", nargs=2, required=True, metavar="FIRST LAST", help="Days (UTC) to make keys for.")
@click.option("--roster", "note", metavar="NOTE", help="A roster by which this custodian is to join, with -o.")
@click.option("-o", "--output", help="Where to write the keys for: coffer roster publish VAULT NOTE --keys FILE.")
@passphrase_option
def epoch(
    folder: str, days: tuple[str, str], note: str | None, output: str | None, passphrase_file: str | None
) -> None:
    """Make this custodian's keys of these days.

    The keys are in the log after the operator's next coffer sync, or along with a roster by which this
    custodian joins.
    """
    if (note is None) != (output is None):
        raise MalformedInput("--roster, -o: expected both or neither")
    first, last = (wire.parse_day(day, "--days") for day in days)
    count = (last - first).days + 1
    if not 1 <= count <= MAX_AHEAD_DAYS:
        raise MalformedInput(f"--days: {count} days, expected 1 to {MAX_AHEAD_DAYS}, first before last")
    machine, service = at_work(folder, passphrase_file)
    wanted = [first + dt.timedelta(days=n) for n in range(count)]
    kept = still_kept(service.sync(), wanted, clock().date())
    if len(kept) < len(wanted):
        say(f"past their retention, so that no key is made: {len(wanted) - len(kept)} of these days")
    if note is not None and output is not None:
        path, place = verify_absent(output), Path(note).name
        roster = parse_roster(parse_note(read_note(note), place).text, place).hash
        entries = service.epoch_key_entries(kept, os.urandom, roster=roster)
        Disk().write(path, format_bundle(entries))
        console().print(
            f"{counted(len(entries), 'epoch key')} written to {path.name}, for: coffer roster publish --keys {path.name}"
        )
        return
    made = machine.make_epoch_keys(service, kept, os.urandom)
    console().print(f"{counted(made, 'epoch key')} made, to be in the log after the operator's next: coffer sync")
