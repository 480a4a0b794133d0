"""Founding a vault.

Fresh keys for everyone, the genesis roster signed by every custodian, the first entry of the log.
"""

import datetime as dt
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from coffer.custody.folder import CustodianFolder, CustodianKeys
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.ledger.roster import format_roster, parse_roster
from coffer.ledger.rules import parse_custodian_name
from coffer.notes.keys import Secret, SigningKey, parse_key_name
from coffer.notes.note import sign_note
from coffer.procedures.receipts import POLICY, Policy
from coffer.segments.seal import Entropy
from coffer.vault.folder import CONFIG, DESK, INGESTER, Pins, Vault

DEFAULT_CELL_CAP = 200
"""Records of one subject in one segment that are opened without ``hub: yes`` (specification, section 3)."""


def found_vault(
    path: Path,
    disk: Disk,
    *,
    origin: str,
    custodians: Sequence[str],
    rules: Sequence[tuple[str, str]],
    retention_days: int,
    late_days: int,
    tally: str,
    receipts_within: dt.timedelta | None = None,
    witnesses: Sequence[str] = (),
    quorum: int = 0,
    passphrase: Callable[[str], Secret],
    operator_passphrase: Secret | None = None,
    now: dt.datetime,
    entropy: Entropy,
) -> Vault:
    """Make a vault in a folder that is not there yet.

    ``passphrase`` is asked for each custodian once everything else is known to be right.

    Raises:
        MalformedInput: a name, rule or number is wrong, or something lies at ``path``. Nothing is written then.
    """
    if path.exists():
        raise MalformedInput(f"{path.name}: exists already", hint="choose a new folder: a vault is never overwritten")
    parse_key_name(origin, "origin")
    names = [parse_custodian_name(name, "custodian") for name in custodians]
    keys = {name: CustodianKeys.generate(name, entropy) for name in names}
    operator = {name: SigningKey.generate(name) for name in (origin, INGESTER, DESK)}
    ordered = sorted(rules, key=lambda rule: (rule[0] != "base", rule[0]))
    text = format_roster(
        origin=origin,
        time=now,
        custodians=[(name, k.auth.verify_key, k.resp.verify_key, k.req.public) for name, k in keys.items()],
        rules=ordered,
        ingesters=[operator[INGESTER].verify_key],
        requesters=[operator[DESK].verify_key],
        retention_days=retention_days,
        late_days=late_days,
        cell_cap=DEFAULT_CELL_CAP,
        tally=tally,
        witnesses=witnesses,
        quorum=quorum,
    )
    roster = parse_roster(text, "roster")
    passphrases = {name: passphrase(name) for name in names}
    pins = Pins(origin=origin, log_key=operator[origin].verify_key, genesis=roster.hash)
    building = path.with_name(f".{path.name}.{entropy(4).hex()}")
    try:
        vault = Vault(building, disk, pins, operator_passphrase)
        _write_keys(vault, keys, passphrases, operator, entropy)
        genesis = sign_note(text, *(keys[name].auth for name in names))
        vault.log.append([genesis.raw], operator[origin])
        disk.write(building / CONFIG, pins.format())
        if receipts_within is not None:
            disk.write(building / POLICY, Policy(receipts_within=receipts_within).format())
        vault.replay()
        disk.publish([(building, path)])
    except BaseException:  # also Ctrl-C at a prompt: half a vault would only stand in the way
        shutil.rmtree(building, ignore_errors=True)
        raise
    return Vault(path, disk, pins, operator_passphrase)


def _write_keys(
    vault: Vault,
    keys: Mapping[str, CustodianKeys],
    passphrases: Mapping[str, Secret],
    operator: Mapping[str, SigningKey],
    entropy: Entropy,
) -> None:
    disk, path = vault.disk, vault.path
    for folder in ("operator", "desk", "custodians"):
        disk.make_folder(path / folder, private=True)
    for folder in ("segments", "tally", "log"):
        disk.make_folder(path / folder)
    for name, own in keys.items():
        CustodianFolder(path / "custodians" / name, disk, origin=vault.pins.origin).create(
            own, passphrases[name], entropy
        )
    secrets = {"log" if name == vault.pins.origin else name: key.seed for name, key in operator.items()}
    secrets |= {"file": Secret(entropy(32), "file key"), "wrapping": Secret(entropy(32), "wrapping key")}
    vault.write_operator_keys(secrets, entropy)
