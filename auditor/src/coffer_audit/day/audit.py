"""The audit of a certificate: every entry under one checkpoint, and the day's death derived anew."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from coffer_audit.answer.package import MAX_PACKAGE_BYTES, parse_zip
from coffer_audit.day.derive import DeadRule, Remaining, derive_dead, derive_remaining
from coffer_audit.day.make import FORMAT
from coffer_audit.entries.parse import Act, parse_entry
from coffer_audit.errors import Findings, MalformedInput, NotProven, verify_that
from coffer_audit.log.checkpoint import parse_checkpoint, verify_checkpoint, verify_included
from coffer_audit.log.cosigners import find_cosigners
from coffer_audit.notes import cosigned_times
from coffer_audit.trust import Trust, decide_trust
from coffer_audit.validity.state import State, replay
from coffer_audit.wire import parse_day, parse_decimal, parse_json, read_file

if TYPE_CHECKING:
    from pathlib import Path

    from coffer_audit.log.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Destruction:
    """A custodian's entry that it destroyed the day's key."""

    custodian: str
    entry: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate whose every part was verified.

    `cosigned`: the times of witnesses and custodians that cosigned the checkpoint, by name. `remaining`: the holds that
    may keep values of the day.
    """

    day: date
    trust: Trust
    checkpoint: Checkpoint
    findings: Findings
    rules: tuple[DeadRule, ...]
    destructions: tuple[Destruction, ...]
    cosigned: dict[str, datetime]
    remaining: tuple[Remaining, ...]

    @property
    def evident(self) -> datetime | None:
        """By when the destructions were in the log, by others than the log: the earliest cosignature."""
        return min(self.cosigned.values(), default=None)


def audit_certificate(path: Path, log_key: str | None, genesis: str | None) -> Certificate:
    """Audit the certificate in a zip.

    Raises: MalformedInput, NotProven or Unavailable at the first step that fails.
    """
    findings = Findings()
    files = _parse_files(read_file(path, MAX_PACKAGE_BYTES))
    document = parse_json(files.pop("certificate.json", b""), "certificate.json", ("format", "day", "trust"))
    if document["format"] != FORMAT or not isinstance(document["trust"], dict):
        raise MalformedInput(f"certificate.json: found another form, expected format {FORMAT} and trust")
    day = parse_day(str(document["day"]), "certificate.json day")
    texts = {key: str(document["trust"].get(key, "")) for key in ("origin", "log", "genesis")}
    trust = decide_trust(texts, log_key, genesis, findings)
    checkpoint = parse_checkpoint(files.pop("checkpoint", b""), "checkpoint")
    verify_checkpoint(checkpoint, trust.key, "checkpoint")
    findings.steps.append("checkpoint: signed by the log's key")
    entries = _proven_entries(files, checkpoint)
    findings.steps.append(f"entries: all under the checkpoint of size {checkpoint.size}")
    state = replay(trust.key.name, trust.genesis, entries, sparse=True)
    for index, code, message in state.invalid:
        findings.violate(code, message, entry=index)
    verify_that(state.rosters, "entries: found no valid genesis at entry 0")
    rules = derive_dead(state, day)
    findings.steps.append("keys: too few of them are left to open any of these segments")
    destructions, cosigned = tuple(_destructions(entries, day)), _cosigned(checkpoint, state)
    last = max((item.entry for item in destructions), default=checkpoint.size)
    return Certificate(
        day=day,
        trust=trust,
        checkpoint=checkpoint,
        findings=findings,
        rules=rules,
        destructions=destructions,
        cosigned=cosigned,
        remaining=derive_remaining(state, last, max((state.newest, *cosigned.values()))),
    )


def _parse_files(raw: bytes) -> dict[str, bytes]:
    entries = parse_zip(raw)
    files = {path: bytes(content) for path, content in entries}
    if [path for path, _ in entries] != sorted(files):
        raise MalformedInput("certificate: found its files in another order or one twice, expected them sorted")
    return files


def _proven_entries(files: dict[str, bytes], checkpoint: Checkpoint) -> list[tuple[int, bytes]]:
    """Give index and bytes of each entry, in order; every file must be one, and every proof be used."""
    proofs, entries = parse_json(files.pop("proofs.json", b""), "proofs.json"), []
    for path, raw in files.items():
        name = path.removeprefix("entries/").removesuffix(".note")
        if path != f"entries/{name}.note":
            raise MalformedInput(f"{path!a}: found a file that no certificate has, expected entries/<index>.note")
        index = parse_decimal(name, "entries: name")
        verify_included(raw, index, proofs.get(str(index)), checkpoint)
        entries.append((index, raw))
    if len(proofs) != len(entries):
        raise MalformedInput(f"proofs.json: found {len(proofs)} proofs, expected {len(entries)}")
    return sorted(entries)


def _destructions(entries: list[tuple[int, bytes]], day: date) -> list[Destruction]:
    destructions = []
    for index, raw in entries:
        entry = parse_entry(raw)
        if isinstance(entry.body, Act) and entry.body.type == "destroy" and entry.body.text["day"] == day.isoformat():
            destructions.append(Destruction(custodian=entry.body.text["custodian"], entry=index, time=entry.time))
    return destructions


def _cosigned(checkpoint: Checkpoint, state: State) -> dict[str, datetime]:
    """Give when each witness and custodian of the last roster cosigned; false lines count for nothing."""
    roster, times = state.rosters[-1], dict[str, int]()
    for witness in roster.witnesses:
        with suppress(NotProven):
            newest = cosigned_times(checkpoint.note, [witness], "checkpoint")
            times |= {name: max(time, times.get(name, 0)) for name, time in newest.items()}
    times |= find_cosigners(checkpoint, roster)
    return {name: datetime.fromtimestamp(time, UTC) for name, time in sorted(times.items())}
