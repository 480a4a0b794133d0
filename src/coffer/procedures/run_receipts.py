"""Receipts, the shell: lets custodians give theirs, logs them, judges, logs faults. The steps are numbered in ``docs/procedures/receipts.md``."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from coffer.custody.receipts import Finding, HeaderReader, ingester_of, judge_segment
from coffer.errors import Unavailable
from coffer.ledger.entries import FaultEntry, ReceiptEntry, SegmentId
from coffer.ledger.state import Segment, State
from coffer.procedures.receipts import POLICY, Missing, Policy, missing_receipts
from coffer.vault.folder import DESK, Vault


class ReceiptGiver(Protocol):
    """A custodian that gives receipts."""

    def receipt_entries(self, read_header: HeaderReader) -> list[bytes]:
        """Signed entries, receipts or faults."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptReport:
    """``given`` now and ``logged`` in all; ``findings`` stand until the segments' keys are destroyed."""

    segments: int
    given: int
    logged: int
    missing: tuple[Missing, ...]
    findings: tuple[Finding, ...]
    entries: tuple[int, ...]


def run_receipts(
    vault: Vault, custodians: Sequence[ReceiptGiver], *, clock: Callable[[], dt.datetime]
) -> ReceiptReport:
    """Steps 1 to 8.

    Raises:
        Unavailable: the disk fails, or another command is writing.
    """
    with vault.writing() as state:
        before = len(state.receipts)
        entries = [entry for giver in custodians for entry in giver.receipt_entries(header_reader(vault))]
        indexes = vault.append(entries, state) if entries else []
        findings = judge(vault, state)
        faults = _faults(vault, state, findings, clock)
        indexes += vault.append(faults, state) if faults else []
        return ReceiptReport(
            segments=len(_living(state)),
            given=len(state.receipts) - before,
            logged=len(state.receipts),
            missing=tuple(missing_receipts(state, clock())),
            findings=tuple(findings),
            entries=tuple(indexes),
        )


def policy_of(vault: Vault) -> Policy:
    """What ``policy.toml`` says; without one, missing receipts are only warned of."""
    path = vault.path / POLICY
    return Policy.parse(vault.disk.read(path), POLICY) if vault.disk.is_file(path) else Policy()


def header_reader(vault: Vault) -> HeaderReader:
    """Header files from the vault's disk."""
    return lambda segment: vault.segments.read_raw_header(segment.line.day, segment.line.seg_id)


def judge(vault: Vault, state: State) -> list[Finding]:
    """Steps 5 to 7 over every segment with living keys, and the accusations of custodians that stand in the log."""
    receipts: dict[SegmentId, dict[str, ReceiptEntry]] = {}
    for (name, seg_id), receipt in state.receipts.items():
        receipts.setdefault(seg_id, {})[name] = receipt
    findings = []
    for segment in _living(state):
        ingester = ingester_of(segment, vault.log.entries)
        try:
            files = vault.segments.files(segment.line.day, segment.line.seg_id)
            found = judge_segment(segment, files, receipts.get(segment.line.seg_id, {}), state, ingester)
        except Unavailable as error:
            found = [_missing_file(segment, error)]
        findings += found
        if not any(finding.accused == ingester for finding in found):
            findings += _accusations(segment, state, ingester)
    return findings


def _living(state: State) -> list[Segment]:
    return [segment for segment in state.segments.values() if not state.is_dead(segment)]


def _missing_file(segment: Segment, error: Unavailable) -> Finding:
    return Finding(segment=segment.line.seg_id, day=segment.line.day, accused="vault", reason=error.message)


def _accusations(segment: Segment, state: State, ingester: str) -> list[Finding]:
    """What custodians logged instead of a receipt: only they can see that a bundle does not open."""
    by = [b.accuser for _, b in state.faults if b.object == segment.line.seg_id and b.accused == ingester]
    names = ", ".join(dict.fromkeys(name for name in by if segment.roster.custodian(name)))
    reason = f"bundle or subkeys do not open, says {names}"
    line = segment.line
    return [Finding(segment=line.seg_id, day=line.day, accused=ingester, reason=reason)] if names else []


def _faults(vault: Vault, state: State, findings: Sequence[Finding], clock: Callable[[], dt.datetime]) -> list[bytes]:
    """Step 8: a ``fault`` entry by the desk for each finding that can be shown, once."""
    known = {(body.accuser, body.accused, body.object) for _, body in state.faults}
    roster, key = state.roster, vault.operator_key(DESK)
    in_force = {*roster.names, *(ingester.name for ingester in roster.ingesters)}
    bodies = {
        (finding.accused, finding.segment): FaultEntry(
            accuser=DESK, accused=finding.accused, object=finding.segment, evidence=finding.evidence
        )
        for finding in findings
        if finding.evidence is not None
        and finding.accused in in_force
        and (DESK, finding.accused, finding.segment) not in known
    }
    return [vault.entry(body, key, state, clock) for body in bodies.values()]
