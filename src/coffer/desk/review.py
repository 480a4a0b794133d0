"""What is found about a draft while it is typed. Pure.

``review_draft`` goes through every field and never stops at the first fault. What it finds are codes with values, which
a page puts into words. The request itself is made by ``procedures.opening.request``, which decides anew.
"""

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from coffer import letters, wire
from coffer.authority.authorization import (
    MAX_LIFE,
    MAX_RECORDS,
    MAX_SECRECY,
    MAX_SUBJECTS,
    parse_free_text,
    parse_kinds,
)
from coffer.authority.countersign import subject_rule
from coffer.authority.hold import Hold
from coffer.authority.ordered import IssuedIn, Issuer, OrderClass, Ordered, verify_ordered
from coffer.authority.period import MAX_DAYS, MAX_PERIODS, Period, settled, whole_days
from coffer.authority.typed import parse_typed, parse_zone
from coffer.desk.draft import Draft, TypedSpan
from coffer.desk.found import Code, Finding, HoldReview, Review, Weight
from coffer.desk.orders import Came
from coffer.errors import CofferError, MalformedInput
from coffer.identity.identifier import Identifier
from coffer.identity.typed import parse_typed_subject
from coffer.kinds import KINDS
from coffer.ledger.facts import Segment
from coffer.ledger.holds import MOST_LIFE
from coffer.ledger.retention import retention_of
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.procedures.opening.decide import segments_for
from coffer.procedures.opening.request import Order

FREE_TEXTS: Final = ("authority", "basis", "purpose")
DEFAULT_LIFE: Final = dt.timedelta(days=30)
DEFAULT_SECRECY: Final = dt.timedelta(days=365)
DEFAULT_HOLD: Final = dt.timedelta(days=60)
"""What a European Preservation Order asks for, from its receipt."""
_DAY: Final = dt.timedelta(days=1)
_SECOND: Final = dt.timedelta(seconds=1)
_OF_REQUESTS: Final = frozenset({Code.DAYS_DIE})
"""A hold is what keeps days whose keys die."""
_Word = TypeVar("_Word", bound=StrEnum)


def review_draft(draft: Draft, came: Came, state: State, now: dt.datetime, *, holds: Sequence[Hold] = ()) -> Review:
    """Everything that there is to say about a draft now, and by what the log says now.

    ``holds``: those of its case.
    """
    return _Review(draft, came, state, now, holds).review()


def review_hold(draft: Draft, came: Came, state: State, now: dt.datetime) -> HoldReview:
    """The same of a draft from which a hold is to be made: what only a request needs is not asked for."""
    plain = replace(draft, max_records="1", not_before="", expires="", is_extension=False, roster="")
    pass_ = _Review(plain, came, state, now, ())
    until = pass_.until()
    review = pass_.review()
    findings = tuple(one for one in review.findings if one.code not in _OF_REQUESTS)
    return HoldReview(review=replace(review, findings=findings), until=until)


class _Review:
    """One pass over a draft."""

    def __init__(self, draft: Draft, came: Came, state: State, now: dt.datetime, holds: Sequence[Hold]) -> None:
        self._draft = draft
        self._came = came
        self._state = state
        self._holds = holds
        self._now = now.replace(microsecond=0)
        self._findings: list[Finding] = []

    def review(self) -> Review:
        """All fields in the order of the form."""
        draft = self._draft
        roster = self._roster()
        subjects = self._subjects(roster)
        zone = self._zone()
        periods = self._periods(zone)
        kinds = self._kinds()
        most = self._limit()
        for name in FREE_TEXTS:
            self._free_text(name, getattr(draft, name))
        persons = self._persons()
        ordered = self._ordered(zone)
        start, end = self._life(zone)
        secret_until = self._secrecy(start, end)
        identities = [subject for subject in subjects if subject is not None]
        days = [_days_of(own) for own in periods]
        asked = tuple(sorted({day for own in days for day in own}))
        reached: tuple[dt.date, ...] = ()
        if identities and len(identities) == len(subjects) == len(periods) and kinds and asked:
            reached = self._reach(identities, days, kinds, end, roster)
        is_stopped = any(finding.weight is Weight.STOPS for finding in self._findings)
        order = None
        if not is_stopped and ordered is not None:
            order = Order(
                ordered=ordered,
                persons=persons,
                subjects=[subject.format() for subject in identities],
                periods=periods,
                kinds=",".join(kinds),
                max_records=most,
                is_hub=draft.is_hub,
                not_before=start,
                expires=end,
                secret_until=secret_until,
                **{name: getattr(draft, name) for name in FREE_TEXTS},
            )
        rules = {rule.name: rule for subject in identities for rule in [subject_rule(subject, roster)]}
        return Review(
            findings=tuple(self._findings),
            order=order,
            subjects=tuple(subject.format() for subject in identities),
            rules=tuple(rules[name] for name in sorted(rules)),
            asked=asked,
            reached=reached,
        )

    def _add(self, name: str, code: Code, weight: Weight = Weight.STOPS, **values: int | str) -> None:
        self._findings.append(Finding(field=name, code=code, weight=weight, values=values))

    def _roster(self) -> Roster:
        wanted = self._draft.roster
        known = [digest for digest in self._state.rosters if wanted and digest.hex() == wanted]
        if wanted and not known:
            self._add("roster", Code.ROSTER_UNKNOWN)
        return self._state.rosters[known[0]] if known else self._state.roster

    def _subjects(self, roster: Roster) -> list[Identifier | None]:
        """The identities; None in the place of one that is none."""
        draft = self._draft
        if not draft.subjects:
            self._add("subjects", Code.MISSING)
        if len(draft.subjects) > MAX_SUBJECTS:
            self._add("subjects", Code.TOO_MANY_SUBJECTS, count=len(draft.subjects), most=MAX_SUBJECTS)
        seen: dict[bytes, int] = {}
        subjects: list[Identifier | None] = []
        for number, typed in enumerate(draft.subjects[:MAX_SUBJECTS], 1):
            try:
                subject = parse_typed_subject(typed.text, draft.home or None, f"subject {number}")
                rule = subject_rule(subject, roster)
            except CofferError:
                self._not_a_subject(typed.text.strip(), number)
                subjects.append(None)
                continue
            if subject.format() != typed.text:
                self._add("subjects", Code.SUBJECT_SPELLED, Weight.TELLS, number=number, text=subject.format())
            if subject.sid in seen:
                self._add("subjects", Code.SUBJECT_TWICE, number=number, other=seen[subject.sid])
            seen.setdefault(subject.sid, number)
            expression = rule.expression
            self._add(
                "subjects",
                Code.RULE,
                Weight.TELLS,
                number=number,
                rule=rule.name,
                expression=expression,
                is_hub=int(draft.is_hub),
            )
            subjects.append(subject)
        return subjects

    def _not_a_subject(self, text: str, number: int) -> None:
        if text[:1].isdigit() and not self._draft.home and "@" not in text:
            self._add("home", Code.COUNTRY_UNKNOWN, number=number)
        else:
            self._add("subjects", Code.SUBJECT_FORM if text else Code.MISSING, number=number)

    def _zone(self) -> ZoneInfo | None:
        try:
            return parse_zone(self._draft.zone, "zone")
        except MalformedInput:
            self._add("zone", Code.ZONE_UNKNOWN)
            return None

    def _periods(self, zone: ZoneInfo | None) -> list[tuple[Period, ...]]:
        """The periods of each subject that are in their form."""
        draft = self._draft
        shared = self._spans(draft.spans, zone, 0)
        is_needed = not draft.subjects or any(not subject.spans for subject in draft.subjects)
        if is_needed and not draft.spans:
            self._add("spans", Code.MISSING)
        periods = [
            self._spans(subject.spans, zone, number) if subject.spans else shared
            for number, subject in enumerate(draft.subjects[:MAX_SUBJECTS], 1)
        ]
        days = {day for own in periods or [shared] for day in _days_of(own)}
        if len(days) > MAX_DAYS:
            self._add("spans", Code.TOO_MANY_DAYS, count=len(days), most=MAX_DAYS)
        parts = {
            day
            for own in periods or [shared]
            for period in own
            if not period.is_whole_days
            for day in _days_of([period])
        }
        if parts:
            self._days("spans", Code.WHOLE_DAYS_OPENED, Weight.TELLS, sorted(parts))
        return periods

    def _spans(self, typed: Sequence[TypedSpan], zone: ZoneInfo | None, number: int) -> tuple[Period, ...]:
        """The periods of these spans, in order. ``number``: of the subject, 0 for those shared."""
        if len(typed) > MAX_PERIODS:
            self._add("spans", Code.TOO_MANY_SPANS, number=number, most=MAX_PERIODS)
        periods: list[Period] = []
        for place, span in enumerate(typed[:MAX_PERIODS], 1):
            try:
                first, end = _ends(span, zone)
            except MalformedInput:
                if zone is not None:  # else the zone is what is wrong, and was named
                    self._add("spans", Code.SPAN_FORM, number=number, span=place)
                continue
            if not first < end:
                self._add("spans", Code.SPAN_ORDER, number=number, span=place)
                continue
            periods.append(Period(first=first, end=end))
        ordered = sorted(periods, key=lambda period: (period.first, period.end))
        if any(later.first < earlier.end for earlier, later in itertools.pairwise(ordered)):
            self._add("spans", Code.SPANS_OVERLAP, number=number)
        return tuple(ordered)

    def _kinds(self) -> tuple[str, ...]:
        kinds = tuple(kind for kind in KINDS if kind in self._draft.kinds)
        if not self._draft.kinds:
            self._add("kinds", Code.MISSING)
            return ()
        try:
            parse_kinds(",".join(kinds), "kinds")
        except MalformedInput:
            self._add("kinds", Code.KIND_UNKNOWN)
            return ()
        if not set(self._draft.kinds) <= set(KINDS):
            self._add("kinds", Code.KIND_UNKNOWN)
        kept = {segment.line.kind for segment in self._state.segments.values()}
        for kind in kinds:
            if kind not in kept:
                self._add("kinds", Code.KIND_NOT_KEPT, Weight.WARNS, kind=kind)
        return kinds

    def _limit(self) -> int:
        if not self._draft.max_records.strip():
            self._add("max_records", Code.MISSING)
            return 0
        try:
            return wire.parse_decimal(self._draft.max_records.strip(), "limit", low=1, high=MAX_RECORDS)
        except MalformedInput:
            self._add("max_records", Code.LIMIT_FORM, most=MAX_RECORDS)
            return 0

    def _free_text(self, name: str, typed: str) -> None:
        text = letters.composed(typed)
        if not text:
            self._add(name, Code.MISSING)
            return
        try:
            parse_free_text(text, name)
        except MalformedInput:
            self._add(name, Code.TEXT_FORM, most=500)
            return
        for word, alphabets in letters.mixed_words(text):
            self._add(name, Code.TEXT_MIXED, Weight.WARNS, word=word, alphabets=", ".join(alphabets))

    def _persons(self) -> tuple[str, ...]:
        """One for all subjects, or one for each."""
        persons = tuple(line.strip() for line in self._draft.person.splitlines() if line.strip())
        for person in persons or ("",):
            self._free_text("person", person)
        if len(persons) > 1 and len(persons) != len(self._draft.subjects):
            self._add("person", Code.PERSONS_COUNT, count=len(persons), subjects=len(self._draft.subjects))
        return persons

    def _ordered(self, zone: ZoneInfo | None) -> Ordered | None:
        """What the note says about the order; None where something of it is missing or wrong."""
        draft, came, clock = self._draft, self._came, zone or dt.UTC
        issuer = Issuer.PERSON if came.is_access else _choice(Issuer, draft.issued_by)
        issued_in = IssuedIn.HOME if came.is_access else _choice(IssuedIn, draft.issued_in)
        if issuer is None or (issuer is Issuer.PERSON and not came.is_access):
            self._add("issued_by", Code.MISSING)
        if issued_in is None:
            self._add("issued_in", Code.MISSING)
        if issuer is None or issued_in is None:
            return None
        produce = OrderClass.EXTEND if draft.is_extension else OrderClass.PRODUCE
        ordered = Ordered(
            order_class=OrderClass.ACCESS if came.is_access else produce,
            urgency=came.urgency,
            issuer=issuer,
            issued_in=issued_in,
            received=settled(came.received.replace(microsecond=0).astimezone(clock)),
            due=None if came.due is None else settled(came.due.replace(microsecond=0).astimezone(clock)),
            files=came.files,
        )
        try:
            verify_ordered(ordered, str)
        except MalformedInput:
            self._add("order", Code.ORDER_FORM)
        return ordered

    def _moment(self, name: str, zone: ZoneInfo | None, otherwise: dt.datetime) -> dt.datetime | None:
        text = getattr(self._draft, name).strip()
        if not text:
            return otherwise
        try:
            return parse_typed(text, zone, name).astimezone(dt.UTC).replace(microsecond=0)
        except (MalformedInput, OverflowError):
            if zone is not None:  # else the zone is what is wrong, and was named
                self._add(name, Code.MOMENT_FORM)
            return None

    def _life(self, zone: ZoneInfo | None) -> tuple[dt.datetime, dt.datetime]:
        start = self._moment("not_before", zone, self._now) or self._now
        end = self._moment("expires", zone, start + DEFAULT_LIFE) or start + DEFAULT_LIFE
        if end <= start:
            self._add("expires", Code.EXPIRES_EARLY)
        elif end - start > MAX_LIFE:
            self._add("expires", Code.EXPIRES_LATE, most=MAX_LIFE.days)
        elif end <= self._now:
            self._add("expires", Code.EXPIRES_PAST)
        return start, end

    def until(self) -> dt.datetime:
        """Until when a hold is to keep: what is typed, or 60 days after the order came."""
        otherwise = self._came.received.replace(microsecond=0) + DEFAULT_HOLD
        typed, zone = self._draft.until.strip(), self._zone_of(self._draft.zone)
        try:
            day = wire.parse_day(typed, "until")
            until = whole_days(day, day, zone or dt.UTC).end.astimezone(dt.UTC) - _SECOND
        except MalformedInput:
            until = self._moment("until", zone, otherwise) or otherwise
        if until <= self._now:
            self._add("until", Code.EXPIRES_PAST)
        elif until - self._now > MOST_LIFE:
            self._add("until", Code.UNTIL_LATE, most=MOST_LIFE.days)
        else:
            self._add("until", Code.UNTIL_LEFT, Weight.TELLS, count=(until - self._now).days)
        return until

    @staticmethod
    def _zone_of(name: str) -> ZoneInfo | None:
        try:
            return parse_zone(name, "zone")
        except MalformedInput:
            return None  # it is named where the days are read

    def _held(self, subjects: Sequence[Identifier], days: Sequence[dt.date]) -> list[dt.date]:
        """The days that a hold in force keeps for every one of these subjects, or a part of each."""
        sids = {subject.sid for subject in subjects}
        in_force = {term.note for hold in self._state.holds_in_force(self._now) for term in hold.terms}
        kept = {
            day
            for hold in self._holds
            if hold.commitment in in_force and sids <= {subject.sid for subject in hold.terms.subjects}
            for day in hold.terms.all_days
        }
        return [day for day in days if day in kept]

    def _secrecy(self, start: dt.datetime, end: dt.datetime) -> dt.date:
        text = self._draft.secret_until.strip()
        default = (start + DEFAULT_SECRECY).date()
        if not text:
            return default
        try:
            day = wire.parse_day(text, "secret_until")
        except MalformedInput:
            self._add("secret_until", Code.MOMENT_FORM)
            return default
        if day - end.date() > MAX_SECRECY:
            self._add("secret_until", Code.SECRECY_LONG, most=MAX_SECRECY.days)
        elif day < self._now.date():
            self._add("secret_until", Code.SECRECY_OVER, Weight.WARNS)
        return day

    def _reach(
        self,
        subjects: Sequence[Identifier],
        days: Sequence[Sequence[dt.date]],
        kinds: Sequence[str],
        expires: dt.datetime,
        roster: Roster,
    ) -> tuple[dt.date, ...]:
        """The days with records; says of the others why they cannot be reached."""
        state, today = self._state, self._now.date()
        segments = segments_for(subjects, days, kinds, state, before=state.size, now=self._now)
        reached = {segment.line.day for segment, _ in segments}
        retention = retention_of(state)
        dead_days = {segment.line.day for segment in state.segments.values() if state.is_dead(segment)}
        others = sorted({day for own in days for day in own} - reached)
        ahead = [day for day in others if day > today]
        dead = [day for day in others if day <= today and (retention.is_over(day, today) or day in dead_days)]
        held = self._held(subjects, dead)
        self._days("spans", Code.DAYS_HELD, Weight.TELLS, held)
        self._days("spans", Code.DAYS_DEAD, Weight.WARNS, [day for day in dead if day not in held])
        self._days("spans", Code.DAYS_AHEAD, Weight.WARNS, ahead)
        self._days("spans", Code.DAYS_EMPTY, Weight.WARNS, [day for day in others if day not in {*ahead, *dead}])
        dying = sorted(day for day in reached if retention.is_over(day, expires.date()))
        self._days("spans", Code.DAYS_DIE, Weight.WARNS, dying)
        if not reached and not held:
            self._add("spans", Code.NOTHING_REACHED, Weight.WARNS)
        self._older_rosters(segments, subjects, roster)
        return tuple(sorted(reached))

    def _older_rosters(
        self, segments: Sequence[tuple[Segment, int]], subjects: Sequence[Identifier], roster: Roster
    ) -> None:
        older = {(s.roster.hash, n): s.roster for s, n in segments if s.roster.hash != roster.hash}
        needed = {
            (other.hash.hex()[:16], rule.name, rule.expression)
            for (_, number), other in older.items()
            for rule in [subject_rule(subjects[number - 1], other)]
        }
        for digest, name, expression in sorted(needed):
            self._add("roster", Code.OLDER_ROSTER, Weight.TELLS, roster=digest, rule=name, expression=expression)

    def _days(self, name: str, code: Code, weight: Weight, days: Sequence[dt.date]) -> None:
        if days:
            self._add(name, code, weight, count=len(days), first=str(days[0]), last=str(days[-1]))


def _choice(words: type[_Word], text: str) -> _Word | None:
    """The word that was chosen; None where none was."""
    return words(text) if text in set(words) else None


def _ends(span: TypedSpan, zone: ZoneInfo | None) -> tuple[dt.datetime, dt.datetime]:
    """First moment and end of a span; raises ``MalformedInput`` where a part is not in its form."""
    first, last = span.first.strip(), span.last.strip()
    if "T" in first or "T" in last:
        return parse_typed(first, zone, "span"), parse_typed(last, zone, "span")
    begins, ends = wire.parse_day(first, "span"), wire.parse_day(last, "span")
    if begins > ends:  # the caller finds that they are out of order
        moment = dt.datetime.combine(begins, dt.time(), dt.UTC)
        return moment, moment
    whole = whole_days(begins, ends, zone or dt.UTC)
    return whole.first, whole.end


def _days_of(periods: Sequence[Period]) -> list[dt.date]:
    """The UTC days that periods touch, ascending, each once; of a longer time one more than ``MAX_DAYS``."""
    days: set[dt.date] = set()
    for period in periods:
        count = min((period.last_day - period.first_day).days + 1, MAX_DAYS + 1)
        days |= {period.first_day + n * _DAY for n in range(count)}
    return sorted(days)
