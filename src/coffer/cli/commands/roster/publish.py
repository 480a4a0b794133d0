"""``coffer roster publish``."""

import os
from pathlib import Path

import click

from coffer.cli.console import clock, console, read_file, say
from coffer.cli.custodians import unlock
from coffer.cli.notes import read_notes
from coffer.cli.passphrases import Passphrases
from coffer.cli.vaults import vault_at
from coffer.custody.presence import is_absence
from coffer.custody.waiting import MAX_AHEAD_DAYS
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.changes import describe
from coffer.ledger.entries import EpochKeyEntry
from coffer.ledger.grammar import parse_entry
from coffer.ledger.roster import Roster, parse_roster
from coffer.ledger.state import State
from coffer.notes.note import Note, parse_note
from coffer.procedures.ingest.decide import accepted_window
from coffer.procedures.roster.change import (
    days_to_cover,
    uncovered,
    verify_absence_signed,
    verify_signed,
)
from coffer.translog.tiling import parse_open_bundle
from coffer.vault.folder import Vault
from coffer.vault.policy import POLICY
from coffer.visible import counted


@click.command(epilog="Example: coffer roster publish vault roster.note")
@click.argument("vault")
@click.argument("notes", metavar="NOTE...", nargs=-1, required=True)
@click.option(
    "--keys",
    "key_files",
    multiple=True,
    metavar="FILE",
    help="Epoch keys of one that joins from its own machine: coffer custodian epoch --roster NOTE -o FILE.",
)
@click.option(
    "--anyway", is_flag=True, help="Also without the keys of those that join: ingest stops until they are logged."
)
@click.option("--passphrase-file", help="File with the passphrase of those that join in this folder.")
def publish(
    vault: str, notes: tuple[str, ...], key_files: tuple[str, ...], passphrase_file: str | None, *, anyway: bool
) -> None:
    """Log a roster that is signed by all that must; it is in force from then on.

    If custodians signed copies of it apart, give all copies.

    The epoch keys of those that join are logged along with it, for the days for which there are keys: without
    them nothing could be sealed.
    """
    opened, (raw, place) = vault_at(vault), read_notes(notes)
    if is_absence(raw):
        _publish_absence(opened, raw, place)
        return
    joining = _KeysOfNewcomers(opened, key_files, Passphrases(passphrase_file))
    joining.ask(parse_roster(parse_note(raw, place).text, place))  # before the vault is held: people take their time
    with opened.writing() as state:
        if parse_roster(parse_note(raw, place).text, place).hash == state.roster.hash:
            opened.writer.gather_cosignatures(state)
            say(f"in force already, logged as entry {state.roster_indexes[state.roster.hash]}")
            return
        old, new = state.roster, verify_signed(parse_note(raw, place), state, place)
        changes = describe(old, new)
        _verify_witnesses_can_be_asked(opened, new)
        _verify_old_witnesses(opened, old, new, parse_note(raw, place))
        keys = joining.entries(old, new, state, anyway=anyway)
        index = opened.append([raw, *keys], state)[0]
    for line in changes:
        console().print(line)
    say(f"in force, logged as entry {index}" + (f", with {counted(len(keys), 'epoch key')}" if keys else ""))
    elsewhere = [name for name in new.names if old.custodian(name) is None and name not in opened.custodian_names()]
    if elsewhere:
        say(
            f"{', '.join(elsewhere)} joined: join the vault on that machine (coffer custodian join, serve) and enter its address in custodians.toml"
        )


def _verify_witnesses_can_be_asked(vault: Vault, new: Roster) -> None:
    """Refuse a roster whose witnesses nobody can reach: custodians would answer nothing under it."""
    addresses = vault.policy().witnesses
    known = [name for name in new.witness_names if name in addresses]
    if len(known) < new.quorum:
        missing = [name for name in new.witness_names if name not in known]
        raise MalformedInput(
            f"witnesses: {len(known)} have an address in {POLICY}, and the roster asks for {new.quorum}: custodians would answer nothing",
            hint=f'write there: format = "coffer.policy/v1", then a table [witnesses] with "{missing[0]}" = "https://..."',
        )


def _verify_old_witnesses(vault: Vault, old: Roster, new: Roster, note: Note) -> None:
    """Refuse a change that the old witnesses cannot cosign.

    Custodians ask for the old quorum too, unless every custodian of the old roster signed the new one (ADR 7).
    """
    addresses = vault.policy().witnesses
    known = [name for name in old.witness_names if name in addresses]
    unsigned = [custodian.name for custodian in old.custodians if not note.is_signed_by(custodian.auth)]
    if old.witnesses != new.witnesses and len(known) < old.quorum and unsigned:
        raise MalformedInput(
            f"witnesses: the roster in force asks for {old.quorum}, and {len(known)} of them have an address in {POLICY}: custodians would answer nothing",
            hint="keep their addresses until the change is cosigned; if they are gone, every custodian in force must sign, and these have not: "
            + ", ".join(unsigned),
        )


class _KeysOfNewcomers:
    """The epoch keys that are logged along with a roster.

    They come from files, or are made here for custodians in this vault's folder.
    """

    def __init__(self, vault: Vault, files: tuple[str, ...], passphrases: Passphrases) -> None:
        self._vault, self._passphrases = vault, passphrases
        self._given = [
            raw for name in files for raw in parse_open_bundle(read_file(name), MAX_AHEAD_DAYS, Path(name).name)
        ]
        self._local: list[str] = []

    def ask(self, new: Roster) -> None:
        """The passphrase of each newcomer in this folder."""
        old, here = self._vault.replay().roster, self._vault.custodian_names()
        self._local = [name for name in new.names if old.custodian(name) is None and name in here]
        for name in self._local:
            self._passphrases.get(name)

    def entries(self, old: Roster, new: Roster, state: State, *, anyway: bool) -> list[bytes]:
        """What is logged behind the roster.

        Raises:
            Unavailable: a newcomer has no key of a day for which there are others, and it was not said that this is wanted.
        """
        first = accepted_window(state, clock()).earliest.date()
        days = days_to_cover(state, first)
        services = unlock(self._vault, self._passphrases, self._local) if days else []
        made = [raw for one in services for raw in one.epoch_key_entries(days, os.urandom, roster=new.hash)]
        parsed = [(raw, parse_entry(raw, "epoch keys").body) for raw in (*self._given, *made)]
        keys = [body for _, body in parsed if isinstance(body, EpochKeyEntry) and body.roster == new.hash]
        if len(keys) < len(parsed) or any(old.custodian(key.custodian) is not None for key in keys):
            raise MalformedInput("--keys: not the epoch keys of one that joins by this roster")
        missing = uncovered(new, old, days, keys)
        for name, without in missing.items() if not anyway else ():
            span = f"{without[0]} {without[-1]}"
            raise Unavailable(
                f"custodian {name}: joins without keys of {counted(len(without), 'day')} for which there are others: ingest of them would stop",
                hint=f"on its machine, once it joined the vault: coffer custodian epoch DIR --days {span} --roster NOTE -o {name}.keys, then here "
                f"--keys {name}.keys; or --anyway",
            )
        return [raw for raw, _ in parsed]


def _publish_absence(opened: Vault, raw: bytes, place: str) -> None:
    """Log an absence that all the others signed."""
    with opened.writing() as state:
        body = verify_absence_signed(parse_note(raw, place), state, place)
        index = opened.append([raw], state)[0]
        until = state.absences[body.custodian]
    console().print(
        f"logged as entry {index}: {body.custodian} may object for {counted(until.waiting_days, 'day')} (coffer custodian object DIR, then coffer sync)"
    )
