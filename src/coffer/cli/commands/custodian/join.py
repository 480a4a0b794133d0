"""``coffer custodian join``."""

import dataclasses
from pathlib import Path

import click

from coffer.cli.console import read_file, say
from coffer.cli.machine import log_of
from coffer.custodian.machine.folder import Machine, Pinned
from coffer.custody.check_words import words_of
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.roster import parse_roster
from coffer.notes.note import parse_note
from coffer.translog.checkpoint import verify_checkpoint
from coffer.vault.pins import parse_pins


@click.command(epilog="Example: coffer custodian join judge/ --vault vault.toml --log https://log.example.org/vault")
@click.argument("folder", metavar="DIR")
@click.option("--vault", "pins_file", required=True, help="The vault.toml that the operator gave you.")
@click.option("--log", "log_at", required=True, help="The log's web address, or its folder.")
@click.option("--offline", is_flag=True, help="Pin without looking at the log.")
def join(folder: str, pins_file: str, log_at: str, *, offline: bool) -> None:
    """Pin a vault: its origin, its log's key, its first roster, and where its log is.

    The log must begin with that roster.
    """
    machine = Machine.open(Path(folder), Disk())
    pins = parse_pins(read_file(pins_file), Path(pins_file).name)
    old = machine.config.pinned
    if old is not None and (old.genesis, old.log_key) != (pins.genesis, pins.log_key):
        raise MalformedInput(
            f"custodian {machine.config.name}: belongs to another vault", hint="make a new custodian for this one"
        )
    where = log_at if "://" in log_at else str(Path(log_at).resolve())
    pinned = Pinned(log_key=pins.log_key, genesis=pins.genesis, log_at=where)
    if not offline:
        _verify_log(pinned)
    Machine(machine.path, Disk(), dataclasses.replace(machine.config, pinned=pinned)).write_config()
    say(f"{machine.config.name} pins {pins.origin}; words of {Path(pins_file).name}: {words_of(pins.format())}")


def _verify_log(pinned: Pinned) -> None:
    """Check that the log is that of the vault: a pin is for good, so a wrong address must show now."""
    log = log_of(pinned)
    verify_checkpoint(log.checkpoint(), pinned.log_key, "log")
    first = parse_note(log.entries(0, 1)[0], "log: entry 0")
    if parse_roster(first.text, "log: entry 0").hash != pinned.genesis:
        raise NotProven(
            "log: it does not begin with the roster that vault.toml pins",
            hint="is it the log of this vault? ask its operator",
        )
