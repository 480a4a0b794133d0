"""Whether an answer left a segment out: every one that its authorization reaches must have been asked. Pure.

For a number the auditor has no numbering table and does not know the country. It takes the rules from the note's line `rules:`, which are exactly
those of its subjects: each subject must have all segments of one of them, and each of them must have a subject. A cell that custodians answered shows
which, since they answer only for a subject's own rule. Without one, a number may have been given a rule that has no segments: then the rules that it must
not have for the answer to be complete are a condition of the verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date

    from coffer_audit.authorization import Authorization, Subject
    from coffer_audit.entries import Roster
    from coffer_audit.errors import Findings
    from coffer_audit.state import Segment, State

BASE = "base"


def rules_of(subject: Subject, paper: Authorization, roster: Roster) -> set[str]:
    """Give the rules of the note's roster that a subject may have: one where its country is known, else those of the note."""
    if subject.country is None:
        return set(paper.rules)
    return {subject.country if subject.country in roster.rules else BASE}


def _possible_rules(subject: Subject, paper: Authorization, roster: Roster, shown: list[Segment]) -> set[str]:
    """Narrow `rules_of` by segments of which custodians answered for this subject: of rosters with the note's tables."""
    rules = rules_of(subject, paper, roster)
    same = [segment for segment in shown if segment.roster.numbering == roster.numbering]
    if subject.country is not None or not same:
        return rules
    countries = {segment.line.rule for segment in same} - {BASE}
    if countries:
        return rules & {name if name in roster.rules else BASE for name in countries}
    return rules - {name for segment in same for name in segment.roster.rules if name != BASE}


def verify_complete(
    paper: Authorization,
    roster: Roster,
    asked: Collection[tuple[str, int]],
    confirmed: Collection[tuple[str, int]],
    *,
    before: State,
    after: State,
    closed: date,
    findings: Findings,
) -> None:
    """Add a violation for each segment that was left out.

    `roster`: the note's. `asked`: (segment, subject line), and `confirmed` those with a proven outcome. `before`: State at the intent, `after`: at the close,
    on day `closed`.
    """
    fitting: dict[int, set[str]] = {}
    for number, subject in enumerate(paper.subjects, 1):
        cells = {seg_id for seg_id, line in asked if line == number}
        shown = [before.segments[seg_id] for seg_id, line in confirmed if line == number]
        missing = {
            rule: _missing(paper, number, subject, _countries(subject, rule, roster, before), cells, before)
            for rule in sorted(_possible_rules(subject, paper, roster, shown))
        }
        left_out = {
            rule: [seg_id for seg_id in some if not _is_gone(before.segments[seg_id], after, closed)]
            for rule, some in missing.items()
        }
        fitting[number] = {rule for rule, some in left_out.items() if not some}
        if not fitting[number]:
            if not left_out:
                findings.violate("INCOMPLETE", f"subject line {number}: found cells of no rule that the note names")
            _tell_left_out(number, min(left_out.values(), key=len, default=[]), before, findings)
            continue
        if unasked := sorted(rule for rule, some in left_out.items() if some):
            _tell_condition(number, unasked, left_out, roster, findings)
        if gone := min((missing[rule] for rule in fitting[number]), key=len):
            findings.warn(
                "GONE",
                f"subject line {number}: {len(gone)} of its segments were not asked, since they were dead or their"
                " retention was over",
            )
    if all(fitting.values()) and not has_a_line_each(sorted(paper.rules), fitting):
        findings.violate("INCOMPLETE", "rules: found one of which no subject line had all segments, expected one")


def _tell_condition(
    number: int, rules: list[str], left_out: dict[str, list[str]], roster: Roster, findings: Findings
) -> None:
    count = len({seg_id for rule in rules for seg_id in left_out[rule]})
    findings.conditions.append(
        f"subject line {number} falls under none of {', '.join(rules)} by the numbering tables {roster.numbering},"
        f" which only those show ({count} segments were not asked for it)"
    )


def _tell_left_out(number: int, some: list[str], before: State, findings: Findings) -> None:
    for seg_id in some:
        findings.violate(
            "INCOMPLETE",
            f"subject line {number}: found no cell of this segment, expected one",
            entry=before.segments[seg_id].entry,
            segment=seg_id,
        )


def _countries(subject: Subject, rule: str, roster: Roster, state: State) -> list[str]:
    """Give the countries that have this rule under the note's roster, as far as any roster tells them apart."""
    if subject.country is not None:
        return [subject.country]
    if rule != BASE:
        return [rule]
    named = {name for some in state.rosters for name in some.rules}
    return [BASE, *sorted(named - set(roster.rules))]


def _missing(
    paper: Authorization, number: int, subject: Subject, countries: Iterable[str], cells: set[str], state: State
) -> list[str]:
    """Give the segments that a subject of the likeliest of the countries reaches and that were not asked, in order."""
    found = []
    for country in countries:
        reached = {
            seg_id
            for seg_id, segment in state.segments.items()
            if segment.line.rule == (country if country in segment.roster.rules else BASE)
            and segment.line.day in paper.days_of(number)
            and segment.line.kind in paper.kinds
            and subject.feed in ("", segment.feed)
        }
        found.append((len(cells - reached), sorted(reached - cells, key=lambda seg_id: state.segments[seg_id].entry)))
    return min(found, key=lambda item: (item[0], len(item[1])))[1]


def _is_gone(segment: Segment, after: State, closed: date) -> bool:
    """Whether a segment could not be asked any more at the close."""
    return after.is_dead(segment) or (closed - segment.line.day).days >= segment.roster.retention_days


def has_a_line_each(rules: list[str], fitting: dict[int, set[str]]) -> bool:
    """Whether every rule can be given a subject line of its own among those that it fits (augmenting paths)."""
    given: dict[int, str] = {}

    def is_placed(rule: str, seen: set[int]) -> bool:
        for number in (n for n, fits in fitting.items() if rule in fits):
            if number in seen:
                continue
            seen.add(number)
            if number not in given or is_placed(given[number], seen):
                given[number] = rule
                return True
        return False

    return all(is_placed(rule, set()) for rule in rules)
