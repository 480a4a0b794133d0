"""``coffer roster propose``."""

import os
from collections.abc import Mapping
from pathlib import Path

import click

from coffer.cli.console import clock, console, read_file, say, verify_absent
from coffer.cli.passphrases import Passphrases
from coffer.cli.vaults import vault_at
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.keys import CustodianKeys
from coffer.custody.check_words import words_of, words_of_key
from coffer.custody.public import PublicKeys
from coffer.errors import MalformedInput, Unavailable
from coffer.identity.numbering import verify_version
from coffer.ledger.changes import describe, describe_emergency
from coffer.ledger.codes import LEVELS
from coffer.ledger.cosigning import describe_majorities
from coffer.ledger.roster import MAX_RATIFY_HOURS, Roster
from coffer.ledger.rules import BASE, parse_custodian_name
from coffer.ledger.state import State, verify_clock
from coffer.notes.keys import Secret
from coffer.notes.note import sign_note
from coffer.procedures.roster.change import (
    Change,
    losing_segments,
    needed_signers,
    propose,
)
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK
from coffer.visible import counted


@click.command("propose", epilog="Example: coffer roster propose vault --replace judge=judge2 -o roster.note")
@click.argument("vault")
@click.option("--add", "added", multiple=True, metavar="NAME", help="A custodian that joins.")
@click.option(
    "--replace",
    "replaced",
    multiple=True,
    metavar="OLD=NEW",
    help="Custodian NEW takes the place of OLD in every rule; NEW is a name that was never used.",
)
@click.option(
    "--remove", "removed", multiple=True, metavar="NAME", help="A custodian that leaves; no rule may need it."
)
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="NAME=RULE",
    help="Set a rule: 'base=2 of a,b,c' or 'FR=...'; 'FR=' drops the country's rule.",
)
@click.option(
    "--emergency",
    metavar="RULE",
    help="Set who may open in an emergency: '2 of a,b,c'. An empty one drops it.",
)
@click.option(
    "--ratify-hours", type=click.IntRange(1, MAX_RATIFY_HOURS), help="Hours in which an emergency must be ratified."
)
@click.option(
    "--custodian-keys",
    "key_files",
    multiple=True,
    metavar="FILE",
    help="Public keys of a custodian that joins with its own machine, where coffer custodian init made NAME.pub.",
)
@click.option(
    "--make-keys-here",
    is_flag=True,
    help="Where a custodian joins without --custodian-keys, make its keys in this vault's folder.",
)
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="VKEY",
    help="Key of a witness. Repeat for each: they replace all witnesses in force.",
)
@click.option("--quorum", type=int, help="How many witnesses must cosign.")
@click.option(
    "--retention-days", type=int, help="Days for which records are kept; it holds for what is sealed from now on."
)
@click.option("--late-days", type=int, help="Days after which a record is too old to be ingested.")
@click.option(
    "--waiting-days", type=int, help="Days in which an indispensable custodian that is said to be gone may object."
)
@click.option(
    "--cell-cap",
    type=int,
    help="Most records of one subject in one segment (a day, kind and feed) that open without --hub in the request.",
)
@click.option("--tally", help="Noise of the published counts: epsilon=E (smaller is noisier), or exact for none.")
@click.option(
    "--numbering",
    metavar="VERSION",
    help="Version of the numbering tables to use; records keep the identity they were sealed under.",
)
@click.option(
    "--statistics",
    type=click.Choice(LEVELS),
    help="How much of each order the log tells at once for statistics.",
)
@click.option("--passphrase-file", help="File with the passphrase of every custodian made here.")
@click.option("-o", "--output", required=True, help="Where to write the roster that is to be signed.")
def propose_roster(
    vault: str,
    added: tuple[str, ...],
    replaced: tuple[str, ...],
    removed: tuple[str, ...],
    rules: tuple[str, ...],
    emergency: str | None,
    ratify_hours: int | None,
    key_files: tuple[str, ...],
    witnesses: tuple[str, ...],
    quorum: int | None,
    retention_days: int | None,
    late_days: int | None,
    waiting_days: int | None,
    cell_cap: int | None,
    tally: str | None,
    numbering: str | None,
    statistics: str | None,
    passphrase_file: str | None,
    output: str,
    *,
    make_keys_here: bool,
) -> None:
    """Write the roster that is to be: the one in force with changes.

    Nothing holds before it is signed and published.
    """
    path, opened = verify_absent(output), vault_at(vault)
    given = {keys.name: keys for keys in (PublicKeys.parse(read_file(name), Path(name).name) for name in key_files)}
    for name, keys in given.items():
        say(f"words of the keys of {name}, which its people should hear from you: {words_of(keys.format())}")
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
        emergency=emergency,
        ratify_hours=ratify_hours,
        statistics=statistics,
    )
    new = propose(state.roster, change, max(clock(), state.newest).replace(microsecond=0))
    verify_version(new.numbering)  # a roster that names tables nobody has would stop every ingest
    _verify_names_unused(new, state)
    for number, witness in enumerate(witnesses, 1):
        say(f"words of the key of witness {number}, which its operator should hear from you: {words_of_key(witness)}")
    note = sign_note(new.text, opened.operator_key(DESK))
    joining.ask(Passphrases(passphrase_file))  # before the vault is held: people take their time
    with opened.alone():
        joining.store()
        opened.disk.write(path, note.raw)
    for line in describe(state.roster, new):
        console().print(line)
    _say_meaning(state, new)
    for name in joining.made:
        say(f"the keys of {name} were made in this vault's folder")
    _say_signing(opened, vault, path.name, state, new)


def _say_meaning(state: State, new: Roster) -> None:
    """What the change costs, and who must agree to it in any case."""
    if (lost := losing_segments(new, state)) > 0:
        say(
            f"{counted(lost, 'segment')} of custodians that leave: open what is in them with coffer request --roster {state.roster.hash.hex()[:16]}"
        )
    if state.roster.quorum and state.roster.witnesses != new.witnesses:
        say("the witnesses in force must cosign the change too; if they are gone, every custodian in force must sign")
    for who in needed_signers(state, new):
        say(f"must sign in any case: {who}")
    for line in (*describe_majorities(new), *describe_emergency(new)):
        say(line)


def _say_signing(opened: Vault, vault: str, written: str, state: State, new: Roster) -> None:
    """Who signs the roster now, and by which command."""
    local = set(opened.custodian_names())
    say(
        f"written to {written}; next, by custodians that together satisfy {state.roster.rules[BASE].expression}, and every newcomer:"
    )
    for name in dict.fromkeys((*state.roster.names, *new.names)):
        how = (
            f"coffer roster sign {vault} {written} --as {name}"
            if name in local
            else f"on its machine: coffer custodian sign-roster DIR {written}"
        )
        say(f"  {name}: {how}")
    say(f"then: coffer roster publish {vault} {written}   (or all the copies that were signed apart)")


class _Joining:
    """The keys of the custodians that join.

    They come from a file, from this vault's folder, or are made here and stored once the proposal stands.
    """

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
        return vault.custodian_folder(name)


def _verify_names_unused(new: Roster, state: State) -> None:
    """Check rule R2 early, before keys are made over those of a custodian that left."""
    before = {name for old in state.rosters.values() for name in old.names}
    for name in new.names:
        if name in before and state.roster.custodian(name) is None:
            raise MalformedInput(f"custodian {name}: has left before", hint="a name is not given twice: choose another")


def _pair(value: str, what: str) -> tuple[str, str]:
    name, equals, rest = value.partition("=")
    if not equals:
        raise MalformedInput(f"{what.split(' ', maxsplit=1)[0]} {value}: expected {what.split(' ')[1]}")
    return name, rest
