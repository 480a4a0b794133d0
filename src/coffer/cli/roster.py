"""``coffer roster show``, ``propose``, ``sign`` and ``publish``."""

import os
from collections.abc import Mapping
from pathlib import Path

import click

from coffer import wire
from coffer.cli.console import Passphrases, Table, clock, console, read_file, read_notes, say, verify_absent
from coffer.cli.presence import absence, acknowledge, object_in_vault, publish_absence, sign_absence_in_vault
from coffer.cli.setup import unlock
from coffer.cli.vaults import vault_at
from coffer.custodian.folder import CustodianFolder, CustodianKeys
from coffer.custody.presence import is_absence
from coffer.custody.public import PublicKeys
from coffer.custody.waiting import MAX_AHEAD_DAYS
from coffer.disk import Disk
from coffer.errors import MalformedInput, Unavailable
from coffer.identity.numbering import verify_version
from coffer.ledger.changes import describe
from coffer.ledger.cosigning import describe_majorities
from coffer.ledger.entries import EpochKeyEntry, parse_entry
from coffer.ledger.roster import Roster, parse_roster
from coffer.ledger.rules import BASE, parse_custodian_name
from coffer.ledger.state import State, verify_clock
from coffer.notes.keys import Secret
from coffer.notes.note import Note, parse_note, sign_note
from coffer.procedures.ingest.decide import accepted_window
from coffer.procedures.roster.change import (
    Change,
    days_to_cover,
    losing_segments,
    needed_signers,
    propose,
    uncovered,
    verify_signed,
)
from coffer.translog.layout import parse_open_bundle
from coffer.vault.folder import DESK, Vault
from coffer.vault.policy import POLICY
from coffer.visible import counted


@click.group(
    epilog="Example: coffer roster propose vault --replace judge=judge2 -o roster.note, then coffer roster sign vault roster.note --as dpo, "
    "then coffer roster publish vault roster.note"
)
def roster() -> None:
    """Who the custodians are, under which rules, from now on. What is sealed keeps the roster it was sealed under."""


for _command in (absence, object_in_vault, acknowledge):
    roster.add_command(_command)


@roster.command()
@click.argument("vault")
@click.option(
    "--all", "is_all", is_flag=True, help="List every roster of this vault, with its hash and what it still holds for."
)
def show(vault: str, *, is_all: bool) -> None:
    """The roster in force."""
    state = vault_at(vault).replay()
    if is_all:
        _list(state)
        return
    _show(state.roster)
    if len(state.rosters) > 1:
        say(
            f"roster {len(state.rosters)} of this vault; older ones hold for what was sealed under them: coffer roster show {vault} --all"
        )


@roster.command(name="propose")
@click.argument("vault")
@click.option("--add", "added", multiple=True, metavar="NAME", help="A custodian that joins.")
@click.option(
    "--replace",
    "replaced",
    multiple=True,
    metavar="OLD=NEW",
    help="One that takes another's place in every rule; a new name.",
)
@click.option(
    "--remove", "removed", multiple=True, metavar="NAME", help="A custodian that leaves; no rule may need it."
)
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="NAME=RULE",
    help="A rule from now on: 'base=2 of a,b,c'; 'FR=' drops a country's.",
)
@click.option(
    "--custodian-keys",
    "key_files",
    multiple=True,
    metavar="FILE",
    help="Public keys of one that joins, from its own machine: coffer custodian init makes NAME.pub.",
)
@click.option(
    "--make-keys-here", is_flag=True, help="Make the keys of those that join without any in this vault's folder."
)
@click.option("--witness", "witnesses", multiple=True, metavar="VKEY", help="The witnesses from now on, all of them.")
@click.option("--quorum", type=int, help="How many witnesses must cosign.")
@click.option("--retention-days", type=int, help="For what is sealed from now on.")
@click.option("--late-days", type=int, help="Records older than this are refused at ingest.")
@click.option(
    "--waiting-days", type=int, help="How long an indispensable custodian that is said to be gone may object."
)
@click.option("--cell-cap", type=int, help="Records of one subject in one segment without hub: yes.")
@click.option("--tally", help="epsilon=E or exact.")
@click.option(
    "--numbering", metavar="VERSION", help="Of the numbering tables; records keep the identity they were sealed under."
)
@click.option("--passphrase-file", help="File with the passphrase of every custodian made here.")
@click.option("-o", "--output", required=True, help="Where to write the roster that is to be signed.")
def propose_roster(
    vault: str,
    added: tuple[str, ...],
    replaced: tuple[str, ...],
    removed: tuple[str, ...],
    rules: tuple[str, ...],
    key_files: tuple[str, ...],
    witnesses: tuple[str, ...],
    quorum: int | None,
    retention_days: int | None,
    late_days: int | None,
    waiting_days: int | None,
    cell_cap: int | None,
    tally: str | None,
    numbering: str | None,
    passphrase_file: str | None,
    output: str,
    *,
    make_keys_here: bool,
) -> None:
    """Write the roster that is to be: the one in force with these changes. Nothing holds before it is signed and published."""
    path, opened = verify_absent(output), vault_at(vault)
    given = {keys.name: keys for keys in (PublicKeys.parse(read_file(name), Path(name).name) for name in key_files)}
    pairs = dict(_pair(value, "--replace OLD=NEW") for value in replaced)
    for name in (*added, *pairs.values()):
        parse_custodian_name(name, "custodian")
    state = opened.replay()
    verify_clock(state, clock())
    joining = _Joining(
        opened, given, may_make=make_keys_here or bool(set(opened.custodian_names()) & set(state.roster.names))
    )
    change = Change(
        added=tuple(joining.keys_of(name) for name in added),
        replaced={old: joining.keys_of(new) for old, new in pairs.items()},
        removed=removed,
        rules={name: text or None for name, text in (_pair(rule, "--rule NAME=RULE") for rule in rules)},
        witnesses=witnesses or None,
        quorum=quorum,
        retention_days=retention_days,
        late_days=late_days,
        waiting_days=waiting_days,
        cell_cap=cell_cap,
        tally=None if tally is None else tally.replace("epsilon=", "epsilon ", 1),
        numbering=numbering,
    )
    new = propose(state.roster, change, max(clock(), state.newest).replace(microsecond=0))
    verify_version(new.numbering)  # a roster that names tables nobody has would stop every ingest
    _verify_names_unused(new, state)
    note = sign_note(new.text, opened.operator_key(DESK))
    joining.ask(Passphrases(passphrase_file))  # before the vault is held: people take their time
    with opened.alone():
        joining.store()
        opened.disk.write(path, note.raw)
    for line in describe(state.roster, new):
        console().print(line)
    if (lost := losing_segments(new, state)) > 0:
        say(
            f"{counted(lost, 'segment')} of custodians that leave: open what is in them with coffer request --roster {state.roster.hash.hex()[:16]}"
        )
    if state.roster.quorum and state.roster.witnesses != new.witnesses:
        say("the witnesses in force must cosign the change too; if they are gone, every custodian in force must sign")
    for who in needed_signers(state, new):
        say(f"must sign in any case: {who}")
    for line in describe_majorities(new):
        say(line)
    for name in joining.made:
        say(f"the keys of {name} were made in this vault's folder")
    local = set(opened.custodian_names())
    say(
        f"written to {path.name}; next, by custodians that together satisfy {state.roster.rules[BASE].expression}, and every newcomer:"
    )
    for name in dict.fromkeys((*state.roster.names, *new.names)):
        how = (
            f"coffer roster sign {vault} {path.name} --as {name}"
            if name in local
            else f"on its machine: coffer custodian sign-roster DIR {path.name}"
        )
        say(f"  {name}: {how}")
    say(f"then: coffer roster publish {vault} {path.name}   (or all the copies that were signed apart)")


def _verify_witnesses_can_be_asked(vault: Vault, new: Roster) -> None:
    """Custodians would answer nothing under a roster whose witnesses nobody can reach."""
    known = [key.name for key in new.witnesses if key.name in vault.policy().witnesses]
    if len(known) < new.quorum:
        missing = [key.name for key in new.witnesses if key.name not in known]
        raise MalformedInput(
            f"witnesses: {len(known)} have an address in {POLICY}, and the roster asks for {new.quorum}: custodians would answer nothing",
            hint=f'write there: format = "coffer.policy/v1", then a table [witnesses] with "{missing[0]}" = "https://..."',
        )


def _verify_old_witnesses(vault: Vault, old: Roster, new: Roster, note: Note) -> None:
    """Custodians ask for the old quorum too, unless every one of the old roster signed the new one (ADR 7)."""
    known = [key.name for key in old.witnesses if key.name in vault.policy().witnesses]
    unsigned = [custodian.name for custodian in old.custodians if not note.is_signed_by(custodian.auth)]
    if old.witnesses != new.witnesses and len(known) < old.quorum and unsigned:
        raise MalformedInput(
            f"witnesses: the roster in force asks for {old.quorum}, and {len(known)} of them have an address in {POLICY}: custodians would answer nothing",
            hint="keep their addresses until the change is cosigned; if they are gone, every custodian in force must sign, and these have not: "
            + ", ".join(unsigned),
        )


class _Joining:
    """The keys of those that join: from a file, from this vault's folder, or made here and stored once the proposal stands."""

    def __init__(self, vault: Vault, given: Mapping[str, PublicKeys], *, may_make: bool) -> None:
        self._vault, self._given, self._may_make = vault, given, may_make
        self._fresh: dict[str, CustodianKeys] = {}
        self._secrets: dict[str, Secret] = {}

    def keys_of(self, name: str) -> PublicKeys:
        """The public keys of one that joins."""
        if name in self._given:
            return self._given[name]
        disk, path = self._vault.disk, self._folder(name).path / "public"
        if disk.is_file(path):
            return PublicKeys.parse(disk.read(path), f"{name}/public")
        if not self._may_make:
            raise MalformedInput(
                f"custodian {name}: no keys of it are given",
                hint="give --custodian-keys NAME.pub of its own machine (coffer custodian init), or say --make-keys-here",
            )
        self._fresh[name] = made = CustodianKeys.generate(name, os.urandom)
        return made.public(name)

    @property
    def made(self) -> list[str]:
        """Those whose keys were made here."""
        return list(self._fresh)

    def ask(self, passphrases: Passphrases) -> None:
        """The passphrase of each custodian whose keys were made here; all before anything is written."""
        self._secrets = {name: passphrases.get(name, is_new=True) for name in self._fresh}

    def store(self) -> None:
        """Keep what was made here, each under its custodian's passphrase. The vault is held."""
        for name in self._fresh:
            if self._vault.disk.is_file(self._folder(name).path / "public"):
                raise Unavailable(f"custodian {name}: its keys were made meanwhile", hint="run the command again")
        for name, made in self._fresh.items():
            folder = self._folder(name)
            folder.create(made, self._secrets[name], os.urandom)
            self._vault.disk.write(folder.path / "public", made.public(name).format())

    def _folder(self, name: str) -> CustodianFolder:
        vault = self._vault
        return CustodianFolder(vault.path / "custodians" / name, vault.disk, origin=vault.pins.origin)


def _verify_names_unused(new: Roster, state: State) -> None:
    """Rule R2 early, and before keys are made over those of one that left."""
    before = {name for old in state.rosters.values() for name in old.names}
    for name in new.names:
        if name in before and state.roster.custodian(name) is None:
            raise MalformedInput(f"custodian {name}: has left before", hint="a name is not given twice: choose another")


@roster.command()
@click.argument("vault")
@click.argument("note")
@click.option(
    "--as",
    "name",
    required=True,
    metavar="CUSTODIAN",
    help="Who signs: those in force that base asks for, and every newcomer.",
)
@click.option("--yes", is_flag=True, help="Do not ask; for scripts. Whoever runs it has read the changes.")
@click.option("--passphrase-file", help="File with the custodian's passphrase; else the environment or a prompt.")
def sign(vault: str, note: str, name: str, passphrase_file: str | None, *, yes: bool) -> None:
    """Show exactly what would change, and sign it."""
    opened, raw, place = vault_at(vault), read_file(note), Path(note).name
    opened.custodian(name)
    if is_absence(raw):
        sign_absence_in_vault(opened, note, name, Passphrases(passphrase_file), is_asking=not yes)
        return
    for line in describe(opened.replay().roster, parse_roster(parse_note(raw, place).text, place)):
        console().print(line)
    if not yes:
        click.confirm(f"sign this as {name}?", abort=True, err=True)
    passphrases = Passphrases(passphrase_file)
    passphrases.get(name)  # a prompt must not hold the vault up
    with opened.alone():
        service = unlock(opened, passphrases, [name])[0]
        signed = service.sign_roster(raw, place)
    Disk().write(Path(note), signed.raw)
    say(f"signed by {name}")


@roster.command()
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
    """Log a roster that is signed by all that must, or copies of it that together are; it is in force from then on.

    The epoch keys of those that join are logged along with it, for the days for which there are keys: without them nothing could be sealed.
    """
    opened, (raw, place) = vault_at(vault), read_notes(notes)
    if is_absence(raw):
        publish_absence(opened, raw, place)
        return
    joining = _KeysOfNewcomers(opened, key_files, Passphrases(passphrase_file))
    joining.ask(parse_roster(parse_note(raw, place).text, place))  # before the vault is held: people take their time
    with opened.writing() as state:
        if parse_roster(parse_note(raw, place).text, place).hash == state.roster.hash:
            opened.gather_cosignatures(state)
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


class _KeysOfNewcomers:
    """The epoch keys that are logged along with a roster: from files, and made here for those in this vault's folder."""

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
        found = [(raw, parse_entry(raw, "epoch keys").body) for raw in (*self._given, *made)]
        keys = [body for _, body in found if isinstance(body, EpochKeyEntry) and body.roster == new.hash]
        if len(keys) < len(found) or any(old.custodian(key.custodian) is not None for key in keys):
            raise MalformedInput("--keys: not the epoch keys of one that joins by this roster")
        missing = uncovered(new, old, days, keys)
        for name, without in missing.items() if not anyway else ():
            span = f"{without[0]} {without[-1]}"
            raise Unavailable(
                f"custodian {name}: joins without keys of {counted(len(without), 'day')} for which there are others: ingest of them would stop",
                hint=f"on its machine, once it joined the vault: coffer custodian epoch DIR --days {span} --roster NOTE -o {name}.keys, then here "
                f"--keys {name}.keys; or --anyway",
            )
        return [raw for raw, _ in found]


def _pair(value: str, what: str) -> tuple[str, str]:
    name, equals, rest = value.partition("=")
    if not equals:
        raise MalformedInput(f"{what.split(' ', maxsplit=1)[0]} {value}: expected {what.split(' ')[1]}")
    return name, rest


def _list(state: State) -> None:
    table = Table("roster", "entry", "since", "segments", "custodians", box=None, pad_edge=False, header_style="bold")
    for found in state.rosters.values():
        living = sum(s.roster.hash == found.hash and not state.is_dead(s) for s in state.segments.values())
        names = ", ".join(found.names)
        table.add_row(
            found.hash.hex()[:16],
            str(state.roster_indexes[found.hash]),
            wire.format_time(found.time),
            f"{living:,}",
            names,
        )
    console().print(table)
    say("ask for what an older one holds with: coffer request VAULT --roster HASH")


def _show(found: Roster) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("roster", found.hash.hex())
    table.add_row("custodians", ", ".join(found.names))
    for name, rule in found.rules.items():
        table.add_row(f"rule {name}", rule.expression)
    table.add_row("witnesses", f"{found.quorum} of {', '.join(key.name for key in found.witnesses) or 'none'}")
    table.add_row("retention", counted(found.retention_days, "day"))
    table.add_row("late", counted(found.late_days, "day"))
    table.add_row("waiting", counted(found.waiting_days, "day"))
    table.add_row("cell cap", counted(found.cell_cap, "record"))
    table.add_row("tally", "exact" if found.epsilon is None else f"epsilon {found.epsilon}")
    table.add_row("numbering", found.numbering)
    console().print(table)
