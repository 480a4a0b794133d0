"""The audit of a custodian's agreements (docs/procedures/auditing.md, "Approvals")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.answer.evidence import (
    read_answer,
    verify_authorization,
    verify_entries,
    verify_opening,
    verify_origin,
    verify_package,
)
from coffer_audit.answer.package import PackageFiles
from coffer_audit.approvals.agreements import (
    Agreements,
    parse_agreements,
    verify_note,
    verify_requests,
    verify_signature,
)
from coffer_audit.errors import Findings, NotProven, verify_that
from coffer_audit.notes import MAX_NOTE_BYTES, VerifyKey
from coffer_audit.vault.opened import open_vault
from coffer_audit.wire import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from coffer_audit.entries.roster import Roster
    from coffer_audit.log.checkpoint import Checkpoint
    from coffer_audit.trust import Trust

NOT_SHOWN = (
    "that two persons are two people: the custodian gives out their numbers",
    "that no approval of the custodian is missing from the file",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedApprovals:
    """The agreements of a file, and the findings.

    `trust` and `checkpoint` are those of the answer or vault.
    """

    agreements: Agreements
    trust: Trust
    checkpoint: Checkpoint
    findings: Findings


def audit_approvals(
    path: Path, log_key: str | None, genesis: str | None, *, answer: Path | None, vault: Path | None
) -> AuditedApprovals:
    """Audit a file of agreements against the rosters of a vault, and against the note of an answer.

    Raises: MalformedInput or Unavailable if something cannot be read. Every other fault is in the findings.
    """
    agreements, findings = parse_agreements(read_file(path, MAX_NOTE_BYTES)), Findings()
    if answer is not None:
        trust, checkpoint = _audit_by_answer(agreements, answer, log_key, genesis, findings)
    if vault is not None:
        opened, _ = open_vault(vault, log_key, genesis)
        trust, checkpoint = opened.trust, opened.log.checkpoint
        findings.violations += opened.findings.violations
        findings.warnings += opened.findings.warnings
        with findings.guard("APPROVALS"):
            _verify_signed(agreements, trust, opened.state.rosters)
    if answer is None:
        findings.conditions.append("each note has the text that was agreed to, which only the note shows (--answer)")
    with findings.guard("APPROVALS"):
        verify_requests(agreements)
    findings.not_shown += NOT_SHOWN
    return AuditedApprovals(agreements=agreements, trust=trust, checkpoint=checkpoint, findings=findings)


def _audit_by_answer(
    agreements: Agreements, answer: Path, log_key: str | None, genesis: str | None, findings: Findings
) -> tuple[Trust, Checkpoint]:
    """Prove that a countersignature on the answer's note stands on agreements to exactly that note."""
    given = read_answer(answer, log_key, genesis, findings)
    with findings.guard("APPROVALS"):
        if isinstance(given.files, PackageFiles):
            verify_package(given.files, given)
        verify_origin(given)
        state = verify_entries(given, findings)
        order = verify_authorization(given, state, verify_opening(given, state))
        _verify_signed(agreements, given.trust, [order.roster])
        key = _key_of(agreements, [order.roster])
        verify_that(
            key.identity in order.signers,
            f"authorization: found no countersignature of custodian {agreements.custodian}",
        )
        verify_note(agreements, order.paper.commitment, order.paper.note.text)
    return given.trust, given.checkpoint


def _verify_signed(agreements: Agreements, trust: Trust, rosters: Iterable[Roster]) -> None:
    verify_that(agreements.origin == trust.key.name, "agreements origin: found another than the log's")
    verify_signature(agreements, _key_of(agreements, rosters))


def _key_of(agreements: Agreements, rosters: Iterable[Roster]) -> VerifyKey:
    """Give the custodian's auth key; a name keeps its keys in all rosters of a log."""
    for roster in rosters:
        number = roster.find(agreements.custodian)
        if number:
            return roster.custodians[number - 1].auth
    raise NotProven(f"agreements custodian: found {agreements.custodian}, expected one of a roster")
