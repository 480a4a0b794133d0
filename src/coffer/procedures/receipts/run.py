"""Receipts, the shell: lets custodians give theirs, logs them, judges, logs faults. The steps are numbered in ``docs/procedures/receipts.md``."""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from coffer.custody.port import ReceiptGiver
from coffer.custody.receipts import Finding, ingester_of, judge_segment
from coffer.errors import CofferError, MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import FaultEntry, ReceiptEntry, SegmentId
from coffer.ledger.facts import Segment
from coffer.ledger.roster import MAX_CUSTODIANS
from coffer.ledger.state import State
from coffer.procedures.receipts.decide import Missing, missing_receipts, owed_by
from coffer.vault.folder import DESK, Vault

SEGMENTS_A_ROUND: Final = 1_000
"""Of each custodian: some 6 MB of headers, and no more receipts than one hands out at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptReport:
    """``given`` now and ``logged`` in all; ``findings`` stand until the segments' keys are destroyed. ``silent``: why a custodian gave nothing."""

    segments: int
    given: int
    logged: int
    missing: tuple[Missing, ...]
    findings: tuple[Finding, ...]
    entries: tuple[int, ...]
    silent: tuple[str, ...] = ()


def run_receipts(vault: Vault, custodians: Sequence[ReceiptGiver]) -> ReceiptReport:
    """Steps 1 to 8.

    Raises:
        Unavailable: the disk fails, or another command is writing.
    """
    with vault.writing() as state:
        before, first = len(state.receipts), state.size
        with ThreadPoolExecutor(max_workers=MAX_CUSTODIANS) as pool:
            silent = _collect(vault, state, custodians, pool)
        findings = judge(vault, state)
        faults = _faults(vault, state, findings)
        if faults:
            vault.append(faults, state)
        return ReceiptReport(
            segments=len(_living(state)),
            given=len(state.receipts) - before,
            logged=len(state.receipts),
            missing=tuple(missing_receipts(state, vault.outside.clock())),
            findings=tuple(findings),
            entries=tuple(range(first, state.size)),
            silent=tuple(silent.values()),
        )


def _collect(vault: Vault, state: State, custodians: Sequence[ReceiptGiver], pool: Executor) -> dict[str, str]:
    """Steps 1 to 4 by every custodian, all asked at once, so many segments a round that memory and entry bundles stay small.

    What one hands out that has no effect in State is not logged: its receipt stays missing. Returns why some did not answer.
    """
    owed = {giver.name: owed_by(state, giver.name) for giver in custodians}
    silent: dict[str, str] = {}
    for start in range(0, max(map(len, owed.values()), default=0), SEGMENTS_A_ROUND):
        rounds = [(giver, owed[giver.name][start : start + SEGMENTS_A_ROUND]) for giver in custodians]
        asked = [(giver, _headers(vault, segments)) for giver, segments in rounds if giver.name not in silent]
        entries: list[bytes] = []
        for (giver, _), found in zip(asked, pool.map(lambda pair: _ask(*pair), asked), strict=True):
            if isinstance(found, CofferError):
                silent[giver.name] = found.message
            else:
                entries += found
        vault.append_counting(entries, state)
    return silent


def _ask(giver: ReceiptGiver, headers: Sequence[bytes]) -> list[bytes] | CofferError:
    try:
        return giver.receipt_entries(headers) if headers else []
    except (Unavailable, MalformedInput, NotProven) as error:
        return error


def _headers(vault: Vault, segments: Sequence[Segment]) -> list[bytes]:
    """Their header files as they lie there; one that is missing shows to whoever judges."""
    found = []
    for segment in segments:
        with suppress(Unavailable):
            found.append(vault.segments.read_raw_header(segment.line.day, segment.line.seg_id))
    return found


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
    by = [fault.accuser for fault in state.faults_of.get(segment.line.seg_id, ()) if fault.accused == ingester]
    names = ", ".join(dict.fromkeys(name for name in by if segment.roster.custodian(name)))
    reason = f"bundle or subkeys do not open, says {names}"
    line = segment.line
    return [Finding(segment=line.seg_id, day=line.day, accused=ingester, reason=reason)] if names else []


def _faults(vault: Vault, state: State, findings: Sequence[Finding]) -> list[bytes]:
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
    return [vault.entry(body, key, state) for body in bodies.values()]
