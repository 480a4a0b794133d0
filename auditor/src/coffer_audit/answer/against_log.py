"""Step 12 of the audit of an answer: comparison with the whole log (docs/formats/answer.md)."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from coffer_audit.answer.completeness import verify_complete
from coffer_audit.answer.evidence import find_parts_before, segment_of, shown_entries
from coffer_audit.entries.parse import parse_entry
from coffer_audit.errors import verify_that
from coffer_audit.log.checkpoint import parse_checkpoint
from coffer_audit.log.cosigners import find_cosigners
from coffer_audit.validity.state import replay
from coffer_audit.vault.opened import open_vault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from coffer_audit.answer.evidence import Given, Order
    from coffer_audit.answer.exchange import Digest
    from coffer_audit.errors import Findings
    from coffer_audit.validity.facts import Opening
    from coffer_audit.validity.state import State


def verify_against_log(
    vault: Path,
    given: Given,
    *,
    state: State,
    opening: Opening,
    order: Order,
    digests: Sequence[Digest],
    findings: Findings,
) -> None:
    """Step 12: prove that the log is the same and valid, and that no segment was left out.

    Segments that were dead or past their retention at the close need not have been asked.
    """
    claims = given.claims
    audited, _ = open_vault(vault, given.trust.key.text, given.trust.genesis)
    log, intent = audited.log, claims.intent
    verify_that(not audited.findings.violations, "vault: found violations in its log; audit the vault for the list")
    seen = [
        given.checkpoint,
        *(parse_checkpoint(digest.checkpoint, "request checkpoint") for digest in digests),
    ]
    for checkpoint in seen:
        who = ", ".join(sorted(find_cosigners(checkpoint, order.roster)))
        verify_that(
            checkpoint.size <= len(log.entries) and log.tree.root_at(checkpoint.size) == checkpoint.root,
            f"checkpoint of size {checkpoint.size}: found another log than the vault's"
            + (f", cosigned by {who}: compare what they keep with coffer-audit histories" if who else ""),
        )
    _verify_effect(given, audited.state)
    verify_that(
        audited.state.openings.get(intent) == opening,
        "intent: found it, its draw or close invalid in the full log",
    )
    drawn = opening.draw[0] if opening.draw else -1
    total = sum(
        item.draw[1].number["records"]
        for item in audited.state.openings.values()
        if item.draw and item.draw[0] <= drawn and item.intent.text["authorization"] == order.paper.commitment
    )
    verify_that(total <= order.paper.limit, f"draws: found {total} in all, expected at most max-records")
    close = claims.close
    before = replay(given.trust.key.name, given.trust.genesis, enumerate(log.entries[:intent]))
    after = replay(given.trust.key.name, given.trust.genesis, enumerate(log.entries[: close + 1]))
    replaced = before.superseded_before(intent)
    for cell in claims.cells:
        verify_that(
            before.segments.get(cell.segment) == segment_of(state, cell.segment),
            "cell: found a segment that the full log has not, or otherwise, before the intent",
        )
        verify_that(
            cell.superseded or cell.segment not in replaced,
            f"cell superseded: found no, expected yes: entry {replaced.get(cell.segment)} of the full log, "
            "before the intent, supersedes it",
        )
        verify_that(
            not cell.superseded or cell.segment in replaced,
            "cell superseded: found yes, expected no: no entry of the full log before the intent supersedes it",
        )
    _verify_held(given, before, opening, findings)
    closed, since = parse_entry(log.entries[close]).time.date(), 0
    if claims.part is not None:
        past = find_parts_before(order.paper.commitment, intent, before)
        verify_that(
            (claims.part.number, claims.part.since) == (len(past) + 1, max(past, default=None)),
            f"answer.json continues: found another part, expected part {len(past) + 1} as the full log has it",
        )
        since = claims.part.since or 0
    old = replay(given.trust.key.name, given.trust.genesis, enumerate(log.entries[:since])).segments
    verify_complete(
        order.paper, order.roster, claims.asked, before=before, after=after, old=old, closed=closed, findings=findings
    )


def _verify_held(given: Given, before: State, opening: Opening, findings: Findings) -> None:
    """A segment that was dead at the intent is answered only by custodians that kept for a hold in force.

    Each of them said so before it destroyed its key of the day, and of no fewer cells than it answered. Whom a hold
    names stands in its note, so that this is a condition of the verdict.
    """
    dead = [cell for cell in given.claims.cells if before.is_dead(before.segments[cell.segment])]
    if not dead:
        return
    now = max(opening.time, before.newest)
    in_force = {index: hold for index, hold in before.holds.all.items() if hold.status(now) == "in force"}
    verify_that(
        in_force, "cell: found a segment whose keys were destroyed before the intent, and no hold in force then"
    )
    keepers: defaultdict[str, set[int]] = defaultdict(set)  # by custodian, the holds from which it can have answered
    answered: Counter[str] = Counter()
    for cell in dead:
        day = before.segments[cell.segment].line.day.isoformat()
        for name in cell.by:
            gone = before.destroyed.get((name, day))
            if gone is None:
                continue  # it still had its key
            kept = {index for index, hold in in_force.items() if hold.may_answer(name, now, gone)}
            verify_that(
                kept,
                f"cell by: found {name}, which destroyed its key of the day in entry {gone} and joined no hold in force "
                "before",
            )
            keepers[name] |= kept
            answered[name] += 1
    for name, count in answered.items():
        most = sum(in_force[index].count_cells(name) for index in keepers[name])
        verify_that(count <= most, f"cell by: found {count} cells of {name} from holds, expected at most {most}")
    holds = " or ".join(map(str, sorted(set[int]().union(*keepers.values()) or in_force)))
    findings.conditions.append(
        f"a hold in force (entry {holds}) names the subjects of {len(dead)} cells whose keys were destroyed before, "
        "which only its note shows"
    )


def _verify_effect(given: Given, whole: State) -> None:
    """Every entry of the evidence has effect in the full log.

    The evidence shows few entries. One that is dated back, or comes a second time, may count among those alone.
    """
    shown = {index for index, _ in shown_entries(given)}
    for index, code, message in whole.invalid:
        verify_that(
            index not in shown, f"entry {index}: found without effect in the full log ({code}: {message}), expected one"
        )
