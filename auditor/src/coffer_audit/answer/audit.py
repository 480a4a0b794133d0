"""The audit of an answer: its numbered steps (docs/procedures/auditing.md).

Each step takes the values that earlier steps proved.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from coffer_audit.answer.against_log import verify_against_log
from coffer_audit.answer.cells import Proven, find_windows, verify_cells
from coffer_audit.answer.claims import STATUSES
from coffer_audit.answer.evidence import (
    Given,
    read_answer,
    verify_authorization,
    verify_entries,
    verify_opening,
    verify_origin,
    verify_package,
    verify_segments,
)
from coffer_audit.answer.package import PackageFiles
from coffer_audit.answer.replies import verify_countersignatures, verify_replies, verify_requests
from coffer_audit.answer.result import verify_draw, verify_result
from coffer_audit.errors import Findings, MalformedInput, NotProven, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from coffer_audit.answer.claims import Claims


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedAnswer:
    """An answer as it was read, and the findings of the steps; a step that failed ran last."""

    given: Given
    findings: Findings


class _StoppedError(Exception):
    """A step failed; its violation is among the findings already."""


@contextmanager
def _step(number: int, name: str, findings: Findings) -> Iterator[None]:
    """Record how a step ended. If it raised, the audit ends.

    Later steps need the values that it would have proven.
    """
    before = len(findings.violations)
    try:
        yield
    except (MalformedInput, NotProven, Unavailable) as error:
        findings.violate(f"STEP{number}", str(error))
        findings.steps.append(f"{number} {name}: FAILED, later steps not run")
        raise _StoppedError from error
    verdict = "OK" if before == len(findings.violations) else "FAILED"
    findings.steps.append(f"{number} {name}: {verdict}")


def audit_answer(path: Path, log_key: str | None, genesis: str | None, vault: Path | None) -> AuditedAnswer:
    """Audit an answer, which is a folder or a package.

    `vault`: the folder of a vault or of its log alone; with it the audit also shows that nothing was left out.

    Raises: MalformedInput or Unavailable if it cannot be read as an answer. Every other fault is in the findings.
    """
    findings = Findings()
    given = read_answer(path, log_key, genesis, findings)
    with suppress(_StoppedError):
        _run_steps(given, vault, findings)
    return AuditedAnswer(given=given, findings=findings)


def _run_steps(given: Given, vault: Path | None, findings: Findings) -> None:
    claims = given.claims
    if isinstance(given.files, PackageFiles):
        with _step(0, "package: manifest signed by the requester, every file as it lists", findings):
            verify_package(given.files, given)
    with _step(1, "checkpoint signed by the log", findings):
        verify_origin(given)
    with _step(2, "entries included in the checkpoint", findings):
        state = verify_entries(given, findings)
    with _step(3, "intent, draw and close linked and signed", findings):
        opening = verify_opening(given, state)
    with _step(4, "authorization well-formed, committed to, signed by the requester", findings):
        order = verify_authorization(given, state, opening)
    with _step(5, "segment headers, manifests and batches lead to the log", findings):
        stored = verify_segments(given, state, order.paper)
    with _step(6, "requests signed and within the authorization", findings):
        digests = verify_requests(given, state, opening, order)
    with _step(7, "countersignatures satisfy every rule", findings):
        verify_countersignatures(claims, state, opening, order, findings)
    with _step(8, "replies signed by the custodians", findings):
        replies = verify_replies(given, state, order, digests)
    with _step(9, "labels, rows and status of every cell", findings):
        windows = find_windows(digests)
        proven = Proven(state=state, paper=order.paper, stored=stored, windows=windows, replies=replies)
        opened = verify_cells(claims, proven, findings)
    with _step(10, "draw equals the rows asked", findings):
        verify_draw(opening, digests)
    with _step(11, "records.csv, superseded.csv, result and close", findings):
        verify_result(given, opening, proven, opened)
    if vault:
        with _step(12, "complete against the vault's log", findings):
            verify_against_log(
                vault,
                given,
                state=state,
                opening=opening,
                order=order,
                digests=digests,
                replies=replies,
                findings=findings,
            )


def summarise_answer(claims: Claims) -> dict[str, object]:
    """Give the totals that the answer claims."""
    counts = Counter(cell.status for cell in claims.cells)
    return {
        "records": claims.records,
        "repeated_records": claims.repeated_records,
        "superseded_records": claims.superseded_records,
        "superseded_batches": [asdict(batch) for batch in claims.superseded_batches],
        "outside_period": claims.outside_period,
        "cells": {word: counts[word] for word in STATUSES},
        "part": asdict(claims.part) if claims.part else None,
    }
