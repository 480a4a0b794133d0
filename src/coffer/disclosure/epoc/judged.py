"""What of an order can be asked of a vault, and what cannot be answered and why. Pure.

Nothing is guessed: a number without its country, a range that ends before it begins, or an identifier without times is
said with its reason, and neither a request nor a hold is made of it.
"""

import datetime as dt
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from coffer.authority.authorization import MAX_SUBJECTS
from coffer.authority.period import MAX_DAYS, MAX_PERIODS, Period
from coffer.disclosure.epoc.form import AskedCategory, AskedIdentifier, Form
from coffer.disclosure.epoc.names import DataCategory, IdentifierType, Reason
from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import IdentityType, parse_subject
from coffer.identity.mobile import whole_imei
from coffer.identity.not_held import ELSEWHERE, REASONS, NotHeld

MAX_NOTES: Final = 40
"""Requests that one order may need: ten years of one person, a quarter of a year each."""
_SECOND: Final = dt.timedelta(seconds=1)
_BETWEEN: Final = re.compile(r"[ /-]")
"""What people write between the groups of an IMEI or IMSI."""
_SCHEMES: Final = {IdentifierType.PHONE_NUMBER: "tel", IdentifierType.EMAIL: "mailto"}
FOUND_BY: Final = {IdentifierType.IMEI_NUMBER: IdentityType.IMEI, IdentifierType.IMSI: IdentityType.IMSI}
"""Identifiers by which records are found only where a feed says so."""
_FORMS: Final = {
    IdentifierType.PHONE_NUMBER: "international form, with + and its country's code",
    IdentifierType.EMAIL: "its plain form",
    IdentifierType.IMEI_NUMBER: "a form of 15 digits with a right check digit",
    IdentifierType.IMSI: "a form of 14 or 15 digits with a country's code",
}
KINDS: Final = {
    IdentifierType.PHONE_NUMBER: ("call", "text"),
    IdentifierType.EMAIL: ("email",),
    IdentifierType.IMEI_NUMBER: ("call", "text"),
    IdentifierType.IMSI: ("call", "text"),
}
"""The kinds of record that are traffic data of an identifier."""
_NOT_HELD: Final = dict.fromkeys(
    (
        IdentifierType.IPV_4,
        IdentifierType.IPV_6,
        IdentifierType.IP_ADDRESS_RANGE,
        IdentifierType.IP_BLOCKS,
        IdentifierType.MAC_ADDRESS,
        IdentifierType.USER_ID,
    ),
    (Reason.DATA_NOT_HELD, REASONS[NotHeld.IP_ADDRESS]),
)
_NOT_FOUND_BY: Final = "records cannot be searched by a {}: they open only for a named number or address"
_THINGS: Final = {IdentifierType.IMEI_NUMBER: "device", IdentifierType.IMSI: "SIM"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Something that was asked and that the vault does not answer.

    ``id``: the identifier's number in the form. ``what``: the category of data, or ``all``. ``is_elsewhere``: another
    system of the same operator may answer it, so only people can say the reason.
    """

    id: str
    what: str
    reason: Reason
    sentence: str
    is_elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Asked:
    """An identifier that the vault can be asked about, or keep, for traffic data.

    ``periods``: ascending, apart.
    """

    id: str
    subject: str
    kinds: tuple[str, ...]
    periods: tuple[Period, ...]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Judgement:
    """The whole order.

    An identifier can be in both: its traffic data can be asked, and its content is not held.
    """

    asked: tuple[Asked, ...]
    lacking: tuple[Lacking, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PlannedNote:
    """One request, or one hold: the identifiers' numbers, and of each its subject and periods.

    All in the same order.
    """

    kinds: tuple[str, ...]
    ids: tuple[str, ...]
    subjects: tuple[str, ...]
    periods: tuple[tuple[Period, ...], ...]


def judge(form: Form, *, found_by: Collection[IdentityType] = frozenset()) -> Judgement:
    """Each identifier of the form, judged by itself.

    ``found_by``: whether the vault's records are found by an IMEI, an IMSI.
    """
    asked: list[Asked] = []
    lacking: list[Lacking] = []
    for identifier in form.identifiers:
        outcome = _judge(identifier, found_by)
        if isinstance(outcome, Lacking):
            lacking.append(outcome)
            continue
        lacking += [
            _lacking(identifier, one) for one in identifier.categories if one.category is not DataCategory.TRAFFIC
        ]
        if outcome is not None:
            asked.append(outcome)
    return Judgement(asked=tuple(asked), lacking=tuple(lacking))


def _judge(identifier: AskedIdentifier, found_by: Collection[IdentityType]) -> Asked | Lacking | None:
    """What can be asked; why nothing can; None if only other categories than traffic are named."""
    if identifier.unanswerable is not None:
        return _nothing(identifier, *identifier.unanswerable)
    assert identifier.type is not None, "its reader would have given a reason"
    if not identifier.categories:
        return _nothing(identifier, Reason.INSUFFICIENT_INFORMATION, "it names no category of data")
    if identifier.type in _NOT_HELD:
        return _nothing(identifier, *_NOT_HELD[identifier.type])
    if identifier.type in FOUND_BY and FOUND_BY[identifier.type] not in found_by:
        sentence = _NOT_FOUND_BY.format(_THINGS[identifier.type])
        return _nothing(identifier, Reason.DE_FACTO_IMPOSSIBILITY, sentence)
    traffic = next((one for one in identifier.categories if one.category is DataCategory.TRAFFIC), None)
    if traffic is None:
        return None
    insufficient = Reason.INSUFFICIENT_INFORMATION
    if not traffic.options:
        return _nothing(identifier, insufficient, "it names no traffic data", what=DataCategory.TRAFFIC)
    if not identifier.ranges:
        return _nothing(identifier, insufficient, "it names no time", what=DataCategory.TRAFFIC)
    if any(one.end < one.start for one in identifier.ranges):
        sentence = "a range of time ends before it begins"
        return _nothing(identifier, Reason.MANIFEST_ERRORS, sentence, what=DataCategory.TRAFFIC)
    try:
        subject = parse_subject(_subject_line(identifier.type, identifier.value), "identifier").format()
    except MalformedInput:
        form = _FORMS[identifier.type]
        return _nothing(identifier, insufficient, f"it is not in {form}, so it names nobody for certain")
    return Asked(
        id=identifier.id,
        subject=subject,
        kinds=KINDS[identifier.type],
        periods=merged([Period(first=one.start, end=one.end + _SECOND) for one in identifier.ranges]),
        options=traffic.options,
    )


def _subject_line(kind: IdentifierType, value: str) -> str:
    if kind is IdentifierType.IMEI_NUMBER:
        return f"imei:{whole_imei(_BETWEEN.sub('', value)) or ''}"
    if kind is IdentifierType.IMSI:
        return f"imsi:{_BETWEEN.sub('', value)}"
    return f"{_SCHEMES[kind]}:{value}"


def _nothing(identifier: AskedIdentifier, reason: Reason, sentence: str, *, what: str = "all") -> Lacking:
    return Lacking(id=identifier.id, what=what, reason=reason, sentence=sentence)


def _lacking(identifier: AskedIdentifier, one: AskedCategory) -> Lacking:
    if one.category is DataCategory.CONTENT:
        return _nothing(identifier, Reason.DATA_NOT_HELD, REASONS[NotHeld.CONTENT], what=one.category)
    return Lacking(
        id=identifier.id, what=one.category, reason=Reason.DATA_NOT_HELD, sentence=ELSEWHERE, is_elsewhere=True
    )


def merged(periods: Sequence[Period]) -> tuple[Period, ...]:
    """The same moments, as periods that ascend and do not touch each other."""
    apart: list[Period] = []
    for period in sorted(periods, key=lambda one: (one.first, one.end)):
        if apart and period.first <= apart[-1].end:
            apart[-1] = Period(first=apart[-1].first, end=max(apart[-1].end, period.end))
        else:
            apart.append(period)
    return tuple(apart)


@dataclass(slots=True)
class _Filling:
    """A note while pieces are put into it."""

    kinds: tuple[str, ...]
    periods: dict[str, list[Period]] = field(default_factory=dict)
    of: dict[str, str] = field(default_factory=dict)
    days: set[dt.date] = field(default_factory=set)

    def take(self, one: Asked, piece: Period) -> bool:
        """Whether the piece fits, and then it is in the note.

        A second identifier of the form that names the same person goes into another note: a subject stands in a note
        once, and each answer then belongs to the identifiers that its note names.
        """
        count = (piece.last_day - piece.first_day).days + 1
        days = self.days | {piece.first_day + dt.timedelta(days=n) for n in range(count)}
        is_new = one.subject not in self.of
        fits = (
            self.kinds == one.kinds
            and len(days) <= MAX_DAYS
            and (len(self.of) < MAX_SUBJECTS if is_new else self.of[one.subject] == one.id)
            and len(self.periods.get(one.subject, ())) < MAX_PERIODS
        )
        if fits:
            self.of[one.subject], self.days = one.id, days
            self.periods.setdefault(one.subject, []).append(piece)
        return fits


def plan_notes(asked: Sequence[Asked]) -> tuple[PlannedNote, ...]:
    """The requests that say exactly this, as few as go.

    Raises:
        Refused: it would be more than ``MAX_NOTES`` (code time).
    """
    notes: list[_Filling] = []
    for one in asked:
        for piece in _pieces(one.periods):
            if any(note.take(one, piece) for note in notes):
                continue
            if len(notes) == MAX_NOTES:
                raise Refused(
                    f"the order needs more than {MAX_NOTES} requests of {MAX_DAYS} days, expected fewer",
                    code="time",
                    hint="ask the authority for nearer times",
                )
            notes.append(_Filling(one.kinds))
            is_taken = notes[-1].take(one, piece)
            assert is_taken, "a piece fits into an empty note"
    return tuple(
        PlannedNote(
            kinds=note.kinds,
            ids=tuple(note.of.values()),
            subjects=tuple(note.of),
            periods=tuple(tuple(note.periods[subject]) for subject in note.of),
        )
        for note in notes
    )


def _pieces(periods: Sequence[Period]) -> Iterator[Period]:
    """The periods, cut at midnights of UTC so that each piece touches as many days as a note may."""
    for period in periods:
        rest = period
        while (rest.last_day - rest.first_day).days >= MAX_DAYS:
            day = rest.first_day + dt.timedelta(days=MAX_DAYS)
            cut = dt.datetime.combine(day, dt.time(), dt.UTC).astimezone(period.first.tzinfo)
            yield Period(first=rest.first, end=cut)
            rest = Period(first=cut, end=period.end)
        yield rest
