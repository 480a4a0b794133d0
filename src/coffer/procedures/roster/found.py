"""Founding a vault: fresh keys, the genesis roster that every custodian signs, the log's first entry."""

import datetime as dt
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coffer.custodian.keys import CustodianKeys
from coffer.custody.public import PublicKeys
from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven
from coffer.identity.numbering import VERSION
from coffer.ledger.codes import DEFAULT_LEVEL
from coffer.ledger.roster import Emergency, format_roster, parse_roster
from coffer.ledger.rules import parse_custodian_name
from coffer.notes.keys import Secret, SigningKey, parse_key_name
from coffer.notes.note import parse_note, sign_note
from coffer.objects.address import OBJECTS, StoreAddress
from coffer.objects.port import Objects
from coffer.sequencer.address import CHECKPOINTS, CheckpointAddress
from coffer.vault.folder import CONFIG, FOUNDING, Vault
from coffer.vault.operator import DESK, INGESTER
from coffer.vault.outside import Outside
from coffer.vault.pins import Pins, parse_pins
from coffer.vault.policy import POLICY, Policy
from coffer.vault.stored import LOG

ROSTER = "roster.note"
DEFAULT_CELL_CAP = 200
"""Records of one subject in one segment that are opened without ``hub: yes`` (``docs/formats/people.md``)."""
DEFAULT_WAITING_DAYS = 90
"""A quarter of a year, so that a court or a ministry that is merely slow learns in time that it is said to be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterTerms:
    """What the first roster says besides its keys (``docs/formats/people.md``).

    ``rules``: name and expression of each. ``witnesses``: their keys as text, and ``quorum``: how many of them must
    cosign. ``emergency``: who may open in an emergency at once; None for nobody.
    """

    rules: Sequence[tuple[str, str]]
    retention_days: int
    late_days: int
    waiting_days: int = DEFAULT_WAITING_DAYS
    tally: str
    numbering: str = VERSION
    statistics: str = DEFAULT_LEVEL
    witnesses: Sequence[str] = ()
    quorum: int = 0
    emergency: Emergency | None = None


def found_vault(
    path: Path,
    disk: Disk,
    *,
    origin: str,
    custodians: Sequence[str],
    elsewhere: Sequence[PublicKeys] = (),
    terms: RosterTerms,
    receipts_within: dt.timedelta | None = None,
    passphrase: Callable[[str], Secret],
    operator_passphrase: Secret | None = None,
    outside: Outside,
    objects: StoreAddress | None = None,
    checkpoints: CheckpointAddress | None = None,
) -> Vault:
    """A new vault, in a folder that does not exist yet.

    ``passphrase`` is called for each local custodian once everything else was checked. With custodians ``elsewhere``
    there is no log yet: they sign ``roster.note`` in the vault's folder, and ``complete_vault`` begins the log with it.
    ``objects``: the store in which segments and tallies will be; None for the vault's folder. ``checkpoints``: where
    several machines compare and swap the log's checkpoint; None for a vault of one machine.

    Raises:
        MalformedInput: a name, rule or number is wrong, or ``path`` exists. Then nothing is written.
    """
    if path.exists():
        raise MalformedInput(f"{path.name}: exists already", hint="choose a new folder: a vault is never overwritten")
    parse_key_name(origin, "origin")
    names = [parse_custodian_name(name, "custodian") for name in custodians]
    keys = {name: CustodianKeys.generate(name, outside.entropy) for name in names}
    operator = {name: SigningKey.generate(name) for name in (origin, INGESTER, DESK)}
    publics = [*(own.public(name) for name, own in keys.items()), *elsewhere]
    text = _roster_text(terms, origin, operator, publics, outside.clock().replace(microsecond=0))
    genesis = parse_roster(text, "roster").hash
    passphrases = {name: passphrase(name) for name in names}
    pins = Pins(origin=origin, log_key=operator[origin].verify_key, genesis=genesis)
    building = path.with_name(f".{path.name}.{outside.entropy(4).hex()}")
    try:
        vault = _stored_at(building, disk, pins, outside, operator_passphrase, objects=objects, checkpoints=checkpoints)
        _write_keys(vault, keys, passphrases, operator)
        if receipts_within is not None:
            disk.write(building / POLICY, Policy(receipts_within=receipts_within).format())
        _write_roster(vault, text, operator[DESK], [keys[name].auth for name in names], is_complete=not elsewhere)
        disk.publish([(building, path)])
    except BaseException:  # also Ctrl-C at a prompt: half a vault is of no use
        shutil.rmtree(building, ignore_errors=True)
        raise
    return Vault(path, disk, pins, outside, operator_passphrase=operator_passphrase)


def _roster_text(
    terms: RosterTerms,
    origin: str,
    operator: Mapping[str, SigningKey],
    custodians: Sequence[PublicKeys],
    time: dt.datetime,
) -> bytes:
    return format_roster(
        origin=origin,
        time=time,
        custodians=[(public.name, public.auth, public.resp, public.req) for public in custodians],
        rules=sorted(terms.rules, key=lambda rule: (rule[0] != "base", rule[0])),
        ingesters=[operator[INGESTER].verify_key],
        requesters=[operator[DESK].verify_key],
        retention_days=terms.retention_days,
        late_days=terms.late_days,
        waiting_days=terms.waiting_days,
        cell_cap=DEFAULT_CELL_CAP,
        tally=terms.tally,
        numbering=terms.numbering,
        statistics=terms.statistics,
        witnesses=terms.witnesses,
        quorum=terms.quorum,
        emergency=terms.emergency,
    )


def _stored_at(
    path: Path,
    disk: Disk,
    pins: Pins,
    outside: Outside,
    operator_passphrase: Secret | None,
    *,
    objects: StoreAddress | None,
    checkpoints: CheckpointAddress | None,
) -> Vault:
    """The vault that is being made, with its stores proven to be empty and writable."""
    if objects is not None:
        disk.write(path / OBJECTS, objects.format())
    if checkpoints is not None:
        disk.write(path / CHECKPOINTS, checkpoints.format())
    vault = Vault(path, disk, pins, outside, operator_passphrase=operator_passphrase)
    if objects is not None and vault.objects.is_there(f"{LOG}checkpoint"):
        raise MalformedInput(f"{objects}: holds another vault", hint="choose a new prefix: none is overwritten")
    if objects is not None:
        _prove_writable(vault.objects, outside.entropy)
    if vault.machines is not None and not vault.machines.sequencer.begin():
        raise MalformedInput(f"{CHECKPOINTS}: have a log of this origin", hint="an origin is one log's for good")
    return vault


def _write_roster(vault: Vault, text: bytes, desk: SigningKey, own: Sequence[SigningKey], *, is_complete: bool) -> None:
    """Begin the log with the roster if every custodian is here; else leave it for the others to sign."""
    if is_complete:
        vault.begin_log(sign_note(text, *own).raw)
        vault.disk.write(vault.path / CONFIG, vault.pins.format())
        vault.replay()
        vault.copy_log()
    else:
        # The desk signs too: a note needs a signature, and the custodians see that the founder means this text.
        vault.disk.write(vault.path / ROSTER, sign_note(text, desk, *own).raw)
        vault.disk.write(vault.path / FOUNDING, vault.pins.format())


def _prove_writable(objects: Objects, entropy: Entropy) -> None:
    """Put an object and delete it again.

    So a bucket that is not there stops the founding, and not the first ingest.

    Raises:
        Unavailable: the store does not take it.
    """
    key = f"{LOG}probe"
    objects.put(key, entropy(16))
    objects.delete([key])


def complete_vault(
    path: Path, disk: Disk, outside: Outside, raw: bytes, operator_passphrase: Secret | None = None
) -> Vault:
    """A vault whose log begins now, after its custodians elsewhere have signed its roster.

    Raises:
        MalformedInput: there is no vault to complete, or the roster is another one.
        NotProven: a signature is wrong or missing.
    """
    if not disk.is_file(path / FOUNDING):
        raise MalformedInput(f"{path.name}: no vault that waits for its custodians' signatures")
    pins = parse_pins(disk.read(path / FOUNDING), FOUNDING)
    note = parse_note(raw, "roster")
    roster = parse_roster(note.text, "roster")
    if roster.hash != pins.genesis:
        raise MalformedInput("roster: another one than this vault was founded with")
    note.verify_lines_of(roster.signing_keys)
    missing = [custodian.name for custodian in roster.custodians if not note.is_signed_by(custodian.auth)]
    if missing:
        raise NotProven(
            f"roster: not signed by {', '.join(missing)}", hint="coffer custodian sign-roster, on the machine of each"
        )
    vault = Vault(path, disk, pins, outside, operator_passphrase=operator_passphrase)
    vault.begin_log(note.raw)
    vault.replay()
    disk.publish([(path / FOUNDING, path / CONFIG)])
    return vault


def _write_keys(
    vault: Vault,
    keys: Mapping[str, CustodianKeys],
    passphrases: Mapping[str, Secret],
    operator: Mapping[str, SigningKey],
) -> None:
    disk, path, entropy = vault.disk, vault.path, vault.outside.entropy
    for folder in ("operator", "desk", "custodians"):
        disk.make_folder(path / folder, private=True)
    for folder in ("segments", "tally", "log"):
        disk.make_folder(path / folder)
    for name, own in keys.items():
        vault.custodian_folder(name).create(own, passphrases[name], entropy)
    secrets = {"log" if name == vault.pins.origin else name: key.seed for name, key in operator.items()}
    secrets |= {"file": Secret(entropy(32), "file key"), "wrapping": Secret(entropy(32), "wrapping key")}
    vault.operator.write(secrets)
