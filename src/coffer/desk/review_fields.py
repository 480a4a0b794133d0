"""What is found about a draft's fields, but its times. Pure."""

import datetime as dt
from enum import StrEnum
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from coffer import letters, wire
from coffer.authority.authorization import MAX_RECORDS, MAX_SUBJECTS, parse_free_text, parse_kinds
from coffer.authority.countersign import subject_rule
from coffer.authority.ordered import IssuedIn, Issuer, OrderClass, Ordered, verify_ordered
from coffer.authority.period import settled
from coffer.desk.found import Code, Weight
from coffer.desk.looking import Look
from coffer.errors import CofferError, MalformedInput
from coffer.identity.identifier import Identifier
from coffer.identity.typed import parse_typed_subject
from coffer.kinds import KINDS
from coffer.ledger.roster import Roster

FREE_TEXTS: Final = ("authority", "basis", "purpose")
_Word = TypeVar("_Word", bound=StrEnum)


def roster_of(look: Look) -> Roster:
    """The roster that the draft names, or the one in force."""
    wanted = look.draft.roster
    known = [digest for digest in look.state.rosters if wanted and digest.hex() == wanted]
    if wanted and not known:
        look.add("roster", Code.ROSTER_UNKNOWN)
    return look.state.rosters[known[0]] if known else look.state.roster


def subjects_of(look: Look, roster: Roster) -> list[Identifier | None]:
    """The identities; None in the place of one that is none."""
    draft = look.draft
    if not draft.subjects:
        look.add("subjects", Code.MISSING)
    if len(draft.subjects) > MAX_SUBJECTS:
        look.add("subjects", Code.TOO_MANY_SUBJECTS, count=len(draft.subjects), most=MAX_SUBJECTS)
    seen: dict[bytes, int] = {}
    subjects: list[Identifier | None] = []
    for number, typed in enumerate(draft.subjects[:MAX_SUBJECTS], 1):
        try:
            subject = parse_typed_subject(typed.text, draft.home or None, f"subject {number}")
            rule = subject_rule(subject, roster)
        except CofferError:
            _not_a_subject(look, typed.text.strip(), number)
            subjects.append(None)
            continue
        if subject.format() != typed.text:
            look.add("subjects", Code.SUBJECT_SPELLED, Weight.TELLS, number=number, text=subject.format())
        if subject.sid in seen:
            look.add("subjects", Code.SUBJECT_TWICE, number=number, other=seen[subject.sid])
        seen.setdefault(subject.sid, number)
        expression = rule.expression
        look.add(
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


def _not_a_subject(look: Look, text: str, number: int) -> None:
    if text[:1].isdigit() and not look.draft.home and "@" not in text:
        look.add("home", Code.COUNTRY_UNKNOWN, number=number)
    else:
        look.add("subjects", Code.SUBJECT_FORM if text else Code.MISSING, number=number)


def kinds_of(look: Look) -> tuple[str, ...]:
    """The kinds that are known, in the order of a note."""
    kinds = tuple(kind for kind in KINDS if kind in look.draft.kinds)
    if not look.draft.kinds:
        look.add("kinds", Code.MISSING)
        return ()
    try:
        parse_kinds(",".join(kinds), "kinds")
    except MalformedInput:
        look.add("kinds", Code.KIND_UNKNOWN)
        return ()
    if not set(look.draft.kinds) <= set(KINDS):
        look.add("kinds", Code.KIND_UNKNOWN)
    kept = {segment.line.kind for segment in look.state.segments.values()}
    for kind in kinds:
        if kind not in kept:
            look.add("kinds", Code.KIND_NOT_KEPT, Weight.WARNS, kind=kind)
    return kinds


def limit_of(look: Look) -> int:
    """The limit; 0 where it is none."""
    if not look.draft.max_records.strip():
        look.add("max_records", Code.MISSING)
        return 0
    try:
        return wire.parse_decimal(look.draft.max_records.strip(), "limit", low=1, high=MAX_RECORDS)
    except MalformedInput:
        look.add("max_records", Code.LIMIT_FORM, most=MAX_RECORDS)
        return 0


def look_at_text(look: Look, name: str, typed: str) -> None:
    """Look at one free text."""
    text = letters.composed(typed)
    if not text:
        look.add(name, Code.MISSING)
        return
    try:
        parse_free_text(text, name)
    except MalformedInput:
        look.add(name, Code.TEXT_FORM, most=500)
        return
    for word, alphabets in letters.mixed_words(text):
        look.add(name, Code.TEXT_MIXED, Weight.WARNS, word=word, alphabets=", ".join(alphabets))


def persons_of(look: Look) -> tuple[str, ...]:
    """One for all subjects, or one for each."""
    persons = tuple(line.strip() for line in look.draft.person.splitlines() if line.strip())
    for person in persons or ("",):
        look_at_text(look, "person", person)
    if len(persons) > 1 and len(persons) != len(look.draft.subjects):
        look.add("person", Code.PERSONS_COUNT, count=len(persons), subjects=len(look.draft.subjects))
    return persons


def ordered_of(look: Look, zone: ZoneInfo | None) -> Ordered | None:
    """What the note says about the order; None where something of it is missing or wrong."""
    draft, came, clock = look.draft, look.came, zone or dt.UTC
    issuer = Issuer.PERSON if came.is_access else _choice(Issuer, draft.issued_by)
    issued_in = IssuedIn.HOME if came.is_access else _choice(IssuedIn, draft.issued_in)
    if issuer is None or (issuer is Issuer.PERSON and not came.is_access):
        look.add("issued_by", Code.MISSING)
    if issued_in is None:
        look.add("issued_in", Code.MISSING)
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
        look.add("order", Code.ORDER_FORM)
    return ordered


def _choice(words: type[_Word], text: str) -> _Word | None:
    """The word that was chosen; None where none was."""
    return words(text) if text in set(words) else None
