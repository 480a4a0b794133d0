"""Receipts, the shell: asks custodians for receipts, logs them, judges segments, logs faults.

The steps are numbered in ``docs/procedures/receipts.md``.
"""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from coffer.custody.port import ReceiptGiver
from coffer.custody.receipts import Finding, ingester_of, judge_segment
from coffer.errors import CofferError, MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import FaultEntry
from coffer.ledger.facts import Segment
from coffer.ledger.roster import MAX_CUSTODIANS
from coffer.ledger.state import State
from coffer.procedures.receipts.decide import Missing, missing_receipts, owed_by
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK

SEGMENTS_A_ROUND: Final = 1_000
"""For each custodian: some 6 MB of headers, and no more receipts than it hands out at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptReport:
    """The receipts of a vault.

    ``segments``: how many have living keys. ``given``: receipts logged by this run; ``logged``: in all. ``findings``
    are repeated until the segments' keys are destroyed. ``silent``: why custodians gave nothing.
    """

    segments: int
    given: int
    logged: int
    missing: tuple[Missing, ...]
    findings: tuple[Finding, ...]
    entries: tuple[int, ...]
    silent: tuple[str, ...] = ()


def run_receipts(vault: Vault, custodians: Sequence[ReceiptGiver]) -> ReceiptReport:
    """The receipts of a vault, after steps 1 to 8.

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
    """Steps 1 to 4 by every custodian; returns why some did not answer.

    All are asked at once, with so many segments a round that memory and entry bundles stay small. An entry that has no
    effect in State is not logged, and its receipt stays missing.
    """
    owed = {giver.name: owed_by(state, giver.name) for giver in custodians}
    silent: dict[str, str] = {}
    for start in range(0, max(map(len, owed.values()), default=0), SEGMENTS_A_ROUND):
        rounds = [(giver, owed[giver.name][start : start + SEGMENTS_A_ROUND]) for giver in custodians]
        asked = [(giver, _headers(vault, segments)) for giver, segments in rounds if giver.name not in silent]
        entries: list[bytes] = []
        for (giver, _), receipts in zip(asked, pool.map(lambda pair: _ask(*pair), asked), strict=True):
            if isinstance(receipts, CofferError):
                silent[giver.name] = receipts.message
            else:
                entries += receipts
        vault.append_counting(entries, state)
    return silent


def _ask(giver: ReceiptGiver, headers: Sequence[bytes]) -> list[bytes] | CofferError:
    try:
        return giver.receipt_entries(headers) if headers else []
    except (Unavailable, MalformedInput, NotProven) as error:
        return error


def _headers(vault: Vault, segments: Sequence[Segment]) -> list[bytes]:
    """The header files of these segments, unproven. A missing one is left out; ``judge`` reports it."""
    headers = []
    for segment in segments:
        with suppress(Unavailable):
            headers.append(vault.segments.read_raw_header(segment.line.day, segment.line.seg_id))
    return headers


def judge(vault: Vault, state: State) -> list[Finding]:
    """The findings of steps 5 to 7 over every segment with living keys.

    They include the accusations by custodians that the log holds.
    """
    findings = []
    for segment in _living(state):
        ingester = ingester_of(segment, vault.log.entries)
        try:
            files = vault.segments.files(segment.line.day, segment.line.seg_id)
            of_segment = judge_segment(segment, files, state.receipts.of(segment.line.seg_id), state, ingester)
        except Unavailable as error:
            of_segment = [_missing_file(segment, error)]
        findings += of_segment
        if not any(finding.accused == ingester for finding in of_segment):
            findings += _accusations(segment, state, ingester)
    return findings


def _living(state: State) -> list[Segment]:
    return [segment for segment in state.segments.values() if not state.is_dead(segment)]


def _missing_file(segment: Segment, error: Unavailable) -> Finding:
    return Finding(segment=segment.line.seg_id, day=segment.line.day, accused="vault", reason=error.message)


def _accusations(segment: Segment, state: State, ingester: str) -> list[Finding]:
    """The accusations that custodians logged instead of a receipt.

    Only custodians can see that a bundle does not open.
    """
    by = [fault.accuser for fault in state.faults_of.get(segment.line.seg_id, ()) if fault.accused == ingester]
    names = ", ".join(dict.fromkeys(name for name in by if segment.roster.custodian(name)))
    reason = f"bundle or subkeys do not open, says {names}"
    line = segment.line
    return [Finding(segment=line.seg_id, day=line.day, accused=ingester, reason=reason)] if names else []


def _faults(vault: Vault, state: State, findings: Sequence[Finding]) -> list[bytes]:
    """Step 8: a ``fault`` entry by the desk for each finding with evidence, unless it is logged already."""
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
