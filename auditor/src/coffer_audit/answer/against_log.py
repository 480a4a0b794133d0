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

    from coffer_audit.answer.claims import Claims
    from coffer_audit.answer.evidence import Given, Order
    from coffer_audit.answer.exchange import Digest
    from coffer_audit.answer.replies import Replies
    from coffer_audit.errors import Findings
    from coffer_audit.log.folder import LogCopy
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
    replies: Replies,
    findings: Findings,
) -> None:
    """Step 12: prove that the log is the same and valid, and that no segment was left out.

    Segments that were dead or past their retention at the close need not have been asked.
    """
    claims, pins = given.claims, given.trust
    audited, _ = open_vault(vault, pins.key.text, pins.genesis)
    log, intent = audited.log, claims.intent
    verify_that(not audited.findings.violations, "vault: found violations in its log; audit the vault for the list")
    _verify_same_log(given, log, order, digests)
    _verify_effect(given, audited.state)
    verify_that(
        audited.state.openings.get(intent) == opening,
        "intent: found it, its draw or close invalid in the full log",
    )
    _verify_budget(audited.state, opening, order)
    _verify_not_ended(audited.state, order, digests, replies)
    before = replay(pins.key.name, pins.genesis, enumerate(log.entries[:intent]))
    after = replay(pins.key.name, pins.genesis, enumerate(log.entries[: claims.close + 1]))
    _verify_cells(claims, state, before)
    _verify_held(given, before, opening, findings)
    old = replay(pins.key.name, pins.genesis, enumerate(log.entries[: _part_since(claims, order, before)])).segments
    closed = parse_entry(log.entries[claims.close]).time.date()
    verify_complete(
        order.paper, order.roster, claims.asked, before=before, after=after, old=old, closed=closed, findings=findings
    )


def _verify_same_log(given: Given, log: LogCopy, order: Order, digests: Sequence[Digest]) -> None:
    """Every checkpoint of the answer is of the vault's history."""
    shown = [parse_checkpoint(digest.checkpoint, "request checkpoint") for digest in digests]
    for checkpoint in (given.checkpoint, *shown):
        who = ", ".join(sorted(find_cosigners(checkpoint, order.roster)))
        verify_that(
            checkpoint.size <= len(log.entries) and log.tree.root_at(checkpoint.size) == checkpoint.root,
            f"checkpoint of size {checkpoint.size}: found another log than the vault's"
            + (f", cosigned by {who}: compare what they keep with coffer-audit histories" if who else ""),
        )


def _verify_budget(whole: State, opening: Opening, order: Order) -> None:
    """All draws of the authorization up to this one are within its limit, or its amendment's."""
    drawn = opening.draw[0] if opening.draw else -1
    total = sum(
        item.draw[1].number["records"]
        for item in whole.openings.values()
        if item.draw and item.draw[0] <= drawn and item.intent.text["authorization"] == order.paper.commitment
    )
    verify_that(total <= order.paper.limit, f"draws: found {total} in all, expected at most max-records")


def _verify_not_ended(whole: State, order: Order, digests: Sequence[Digest], replies: Replies) -> None:
    """No request came after a revocation, and no custodian answered after its own refusal.

    Of the authorization or of its amendment; a custodian replays the log up to the checkpoint of each request.
    """
    notes = {order.paper.commitment} | ({order.paper.amendment.commitment} if order.paper.amendment else set())
    sizes = [parse_checkpoint(digest.checkpoint, "request checkpoint").size for digest in digests]
    revoked = min((index for index, note in whole.marks["revoke"] if note in notes), default=None)
    for number, size in enumerate(sizes):
        verify_that(
            revoked is None or size <= revoked,
            f"request {number:02d}: found it after entry {revoked}, which revokes the authorization or its amendment",
        )
    for index, refusal in whole.refusals:
        name, note = refusal.text["custodian"], refusal.text["authorization"]
        late = [number for number, who in replies.values if who == name and sizes[number] > index and note in notes]
        verify_that(
            not late,
            f"reply of {name}: found one to a request after entry {index}, in which it refused the authorization or its "
            "amendment",
        )


def _verify_cells(claims: Claims, state: State, before: State) -> None:
    """Every cell is of a segment of the full log before the intent, and superseded there if it says so."""
    replaced = before.ingests.superseded_before(claims.intent)
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


def _part_since(claims: Claims, order: Order, before: State) -> int:
    """Give the intent of the part before; 0 of a first part and of an opening of all that is there.

    Raises: NotProven if the full log has another part before it, or this one has another number.
    """
    part = claims.part
    if part is None:
        return 0
    past = find_parts_before(order.paper.commitment, claims.intent, before)
    verify_that(
        (part.number, part.since) == (len(past) + 1, max(past, default=None)),
        f"answer.json continues: found another part, expected part {len(past) + 1} as the full log has it",
    )
    return part.since or 0


def _verify_held(given: Given, before: State, opening: Opening, findings: Findings) -> None:
    """A segment that was over at the intent is answered only by custodians that kept for a hold in force.

    Over is what is dead, and what is past its retention. Each custodian without its key said that it keeps before it
    destroyed it, and of no fewer cells than it answered. Whom a hold names stands in its note, so that this is a
    condition of the verdict.
    """
    now = max(opening.time, before.newest)
    segments = {cell.segment: before.segments[cell.segment] for cell in given.claims.cells}
    past = {seg_id for seg_id, segment in segments.items() if segment.is_past(now.date())}
    over = [cell for cell in given.claims.cells if cell.segment in past or before.is_dead(segments[cell.segment])]
    if not over:
        return
    in_force = {index: hold for index, hold in before.holds.all.items() if hold.status(now) == "in force"}
    verify_that(
        in_force,
        "cell: found a segment that was over before the intent, its keys destroyed or its retention ended, and no hold "
        "in force then",
    )
    keepers: defaultdict[str, set[int]] = defaultdict(set)  # by custodian, the holds from which it can have answered
    answered: Counter[str] = Counter()
    for cell in over:
        day = segments[cell.segment].line.day.isoformat()
        for name in cell.by:
            gone = before.destroyed.get((name, day))
            if gone is None and cell.segment not in past:
                continue  # it still had its key
            kept = {i for i, hold in in_force.items() if hold.may_answer(name, now, gone, before.is_withdrawn)}
            why = "has a day past its retention" if gone is None else f"destroyed its key of the day in entry {gone}"
            verify_that(kept, f"cell by: found {name}, which {why} and joined no hold in force before")
            keepers[name] |= kept
            answered[name] += 1
    for name, count in answered.items():
        most = sum(in_force[index].count_cells(name) for index in keepers[name])
        verify_that(count <= most, f"cell by: found {count} cells of {name} from holds, expected at most {most}")
    holds = " or ".join(map(str, sorted(set[int]().union(*keepers.values()) or in_force)))
    findings.conditions.append(
        f"a hold in force (entry {holds}) names the subjects of {len(over)} cells of days that were over before, which "
        "only its note shows"
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
