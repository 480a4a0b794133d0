"""Whether an answer left out a segment that its authorization reaches. Pure.

The auditor has no numbering tables, so it does not know the country of a number. It takes the rules from the note's
line `rules:`, which lists exactly the rules of its subjects. Each subject must have all segments of one of these rules,
and each rule must have a subject.

Segments may go by other tables than the note, and those may put the number into another country. If only that explains
a missing segment, the verdict rests on it as a condition, which names the tables. A number without any cell may have a
rule that has no segments. The verdict then rests on the condition that the number has none of the other rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coffer_audit.answer.countries import find_countries, rule_under

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date

    from coffer_audit.answer.authorization import Authorization, Subject
    from coffer_audit.entries.roster import Roster
    from coffer_audit.errors import Findings
    from coffer_audit.validity.facts import Segment
    from coffer_audit.validity.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The segments that a subject reaches and that were not asked.

    `left_out`: those that could have been asked. `gone`: those that were gone before the close. `moved`: the versions
    of tables that must put the number into another country than the note's; otherwise more segments were left out.
    """

    left_out: list[Segment] = field(default_factory=list)
    gone: list[Segment] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)

    def __add__(self, other: Missing) -> Missing:
        return Missing(
            left_out=self.left_out + other.left_out, gone=self.gone + other.gone, moved=self.moved + other.moved
        )

    @property
    def badness(self) -> tuple[int, int, int]:
        """The order of readings; the least one is taken."""
        return len(self.left_out), len(self.moved), len(self.gone)


class _Reach:
    """The segments that one subject line reaches, by the version of the tables that decide its rule."""

    def __init__(
        self, subject: Subject, home: Roster, rosters: Sequence[Roster], some: Iterable[Segment], cells: Collection[str]
    ) -> None:
        self.home, self.cells = home, cells
        self.segments: dict[str, list[Segment]] = {home.numbering: []}
        for segment in some:
            self.segments.setdefault(segment.roster.numbering, []).append(segment)
        self.countries = {}
        for version, segments in self.segments.items():
            asked = [(item.roster, item.line.rule) for item in segments if item.line.seg_id in cells]
            # if no country fits, an earlier step has reported it
            self.countries[version] = find_countries(subject, asked, rosters) or find_countries(subject, (), rosters)

    def missing(self, version: str, country: str, gone: Collection[str]) -> Missing:
        """Give the missing segments if these tables put the subject into this country."""
        some = [
            segment
            for segment in self.segments[version]
            if segment.line.rule == rule_under(country, segment.roster) and segment.line.seg_id not in self.cells
        ]
        return Missing(
            left_out=[segment for segment in some if segment.line.seg_id not in gone],
            gone=[segment for segment in some if segment.line.seg_id in gone],
        )

    def likeliest(self, rule: str, gone: Collection[str]) -> Missing | None:
        """Give the missing segments if the subject has this rule under the note's roster.

        None if its cells show that it has another rule.
        """
        readings = []
        for country in self.countries[self.home.numbering]:
            if rule_under(country, self.home) != rule:
                continue
            reading = self.missing(self.home.numbering, country, gone)
            for version in self.segments.keys() - {self.home.numbering}:
                reading += self._elsewhere(version, country, gone)
            readings.append(reading)
        return min(readings, key=lambda item: item.badness, default=None)

    def _elsewhere(self, version: str, country: str, gone: Collection[str]) -> Missing:
        """Give the missing segments under other tables.

        The country stays the same if nothing is then left out; else the country that explains most is taken.
        """
        readings = []
        for other in self.countries[version]:
            reading = self.missing(version, other, gone)
            is_moved = other != country
            readings.append(Missing(left_out=reading.left_out, gone=reading.gone, moved=[version] * is_moved))
        return min(readings, key=lambda item: item.badness)


def verify_complete(
    paper: Authorization,
    roster: Roster,
    asked: Collection[tuple[str, int]],
    *,
    before: State,
    after: State,
    old: Collection[str],
    closed: date,
    findings: Findings,
) -> None:
    """Add a violation for each segment that was left out.

    `roster`: the note's. `asked`: (segment, subject line). `before`: the State at the intent. `after`: the State at the
    close, on day `closed`. `old`: segments that an earlier part of a continuing order asked for.
    """
    gone = {seg_id for seg_id, segment in before.segments.items() if _is_gone(segment, after, closed)}
    fitting: dict[int, dict[str, Missing]] = {}
    for number, subject in enumerate(paper.subjects, 1):
        reach = _Reach(
            subject,
            roster,
            before.rosters,
            [segment for segment in _reached(paper, number, subject, before) if segment.line.seg_id not in old],
            {seg_id for seg_id, line in asked if line == number},
        )
        readings = {rule: reach.likeliest(rule, gone) for rule in sorted(paper.rules)}
        missing = {rule: item for rule, item in readings.items() if item is not None}
        fitting[number] = {rule: item for rule, item in missing.items() if not item.left_out}
        if not fitting[number]:
            _tell_left_out(number, missing, findings)
        elif fitting[number] != missing:
            _tell_rules_it_must_not_have(
                number, {rule: item.left_out for rule, item in missing.items()}, roster, findings
            )
    if all(fitting.values()):
        _tell_what_it_rests_on(paper, roster, fitting, findings)


def _reached(paper: Authorization, number: int, subject: Subject, state: State) -> list[Segment]:
    """Give the segments of a subject line's days, kinds and feed, under any rule, in order."""
    days = paper.days_of(number)
    return [
        segment
        for segment in state.segments.values()
        if segment.line.day in days and segment.line.kind in paper.kinds and subject.feed in ("", segment.feed)
    ]


def _tell_left_out(number: int, missing: dict[str, Missing], findings: Findings) -> None:
    if not missing:
        findings.violate("INCOMPLETE", f"subject line {number}: found cells of none of the rules that the note names")
        return
    for segment in min(missing.values(), key=lambda item: item.badness).left_out:
        findings.violate(
            "INCOMPLETE",
            f"subject line {number}: found no cell of this segment, expected one",
            entry=segment.entry,
            segment=segment.line.seg_id,
        )


def _tell_rules_it_must_not_have(
    number: int, left_out: dict[str, list[Segment]], roster: Roster, findings: Findings
) -> None:
    """Add the condition that the number has none of the rules whose segments were not all asked.

    No answered cell shows which rule the number has.
    """
    rules = [rule for rule, some in left_out.items() if some]
    count = len({segment.line.seg_id for some in left_out.values() for segment in some})
    findings.conditions.append(
        f"the numbering tables {roster.numbering} put the number of subject line {number} under none of"
        f" {', '.join(rules)}, of which {count} segments were not asked for it; coffer disclose --vault looks"
    )


def _tell_what_it_rests_on(
    paper: Authorization, roster: Roster, fitting: dict[int, dict[str, Missing]], findings: Findings
) -> None:
    """Add the warnings and conditions on which completeness rests, where each rule has its own subject.

    Segments that were gone are a warning. Segments that only other tables explain are a condition.
    """
    certain = {
        number: {rule: item for rule, item in fits.items() if not item.moved} for number, fits in fitting.items()
    }
    rules = sorted(paper.rules)
    if all(certain.values()) and has_a_line_each(rules, certain):
        fitting = certain
    elif not has_a_line_each(rules, fitting):
        findings.violate("INCOMPLETE", "rules: found one of which no subject line had all segments, expected one")
        return
    for number, fits in fitting.items():
        best = min(fits.values(), key=lambda item: item.badness)
        if best.gone:
            findings.warn(
                "GONE",
                f"subject line {number}: {len(best.gone)} of its segments were not asked, since they were dead or their"
                " retention was over",
            )
        # name the tables of every reading that the rules may need; which of them they need cannot be told
        for version in sorted({version for item in fits.values() for version in item.moved}):
            findings.conditions.append(
                f"the numbering tables {version} put the number of subject line {number} into another country than the"
                f" tables {roster.numbering} do; coffer disclose --vault looks"
            )


def _is_gone(segment: Segment, after: State, closed: date) -> bool:
    """Whether a segment could no longer be asked at the close."""
    return after.is_dead(segment) or segment.is_past(closed)


def has_a_line_each(rules: list[str], fitting: dict[int, dict[str, Missing]]) -> bool:
    """Whether each rule can have a fitting subject line of its own (by augmenting paths)."""
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
