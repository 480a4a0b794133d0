"""The text form of an authorization, parsed and written, and its commitment.

Source: ``docs/formats/authorization.md``.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypedDict

from coffer import letters, wire
from coffer.authority.ordered import OPENING_CLASSES, OrderClass, Ordered, format_ordered, parse_ordered
from coffer.authority.period import Period, days_of_periods, parse_periods
from coffer.errors import MalformedInput
from coffer.identity.identifier import Identifier, parse_subject
from coffer.kinds import KINDS
from coffer.ledger.codes import OrderCodes, age_code, due_code
from coffer.ledger.entries import Commitment
from coffer.ledger.reveal import commitment_of_lines, line_key
from coffer.ledger.rules import parse_rule_names
from coffer.notes.keys import Secret, VerifyKey, parse_key_name, parse_vkey
from coffer.notes.note import Note, parse_note

FORMAT: Final = "coffer.authorization/v3"
AMENDMENT: Final = "coffer.amend/v1"
"""The first line of a note that raises the limit of another one (``amended``)."""
MAX_SUBJECTS: Final = 20
MAX_LIFE: Final = dt.timedelta(days=30)
MAX_SECRECY: Final = dt.timedelta(days=3_653)
"""The longest secrecy after the last day in force: ten years.

A secret without an end would never be told to the person. A longer case needs a new order, which people look at anew.
"""
MAX_RECORDS: Final = 1_000_000
MAX_TEXT: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a note says whatever it asks for: whom, when, which kinds, and the order behind it.

    ``ordered``: the order behind it. ``subjects``: in the order of their lines. ``persons`` and ``periods``: for each
    subject, in the same order, who used it and the periods below its line; they hold for no other subject. ``kinds``
    and ``rules``: their names.
    """

    origin: str
    roster: bytes
    id: bytes
    salt: Secret
    requester: VerifyKey
    ordered: Ordered
    authority: str
    basis: str
    purpose: str
    subjects: tuple[Identifier, ...]
    persons: tuple[str, ...]
    rules: tuple[str, ...]
    periods: tuple[tuple[Period, ...], ...]
    kinds: tuple[str, ...]
    is_hub: bool
    secret_until: dt.date

    def __repr__(self) -> str:
        return "<terms of a note>"

    def days_of(self, line: int) -> tuple[dt.date, ...]:
        """The UTC days that a subject's periods touch, ascending; its cells ask for the keys of these days.

        ``line``: counted from 1, as in cells.
        """
        return days_of_periods(self.periods[line - 1], "periods")

    @property
    def all_days(self) -> tuple[dt.date, ...]:
        """The UTC days of all subjects together, ascending, each once.

        Only the days of ``days_of`` may be asked for a subject.
        """
        return days_of_periods((period for periods in self.periods for period in periods), "periods")

    @property
    def codes(self) -> OrderCodes:
        """The public codes of its order, all of them; a roster may hide some."""
        ordered, oldest = self.ordered, min(period.first for periods in self.periods for period in periods)
        return OrderCodes(
            order_class=str(ordered.order_class),
            urgency=str(ordered.urgency),
            due=due_code(ordered.received, ordered.due),
            kinds=",".join(self.kinds),
            age=age_code(ordered.received, oldest),
            issued_by=str(ordered.issuer),
            issued_in=str(ordered.issued_in),
        )

    def touches(self, line: int, day: dt.date) -> bool:
        """Whether a UTC day is one of ``days_of(line)``."""
        return any(period.first_day <= day <= period.last_day for period in self.periods[line - 1])

    def holds(self, line: int, start: dt.datetime) -> bool:
        """Whether a record that starts then is within that subject's periods.

        Only such a record is handed over.
        """
        return any(period.holds(start) for period in self.periods[line - 1])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Terms(Named):
    """What an authorization says.

    ``amends``: of an amendment, the commitment of the authorization whose limit it raises; else None.
    """

    seal: bytes
    max_records: int
    not_before: dt.datetime
    expires: dt.datetime
    amends: Commitment | None = None

    @property
    def ends(self) -> dt.datetime:
        """When nobody answers to it any more."""
        return self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A parsed authorization, whose signatures are not verified yet.

    ``commitment``: the hash that the log shows of it. ``amendment``: the note that raises its limit, with signatures of
    its own, if there is one.
    """

    terms: Terms
    note: Note
    commitment: Commitment
    amendment: "Authorization | None" = None

    def __repr__(self) -> str:
        return f"<authorization {self.commitment.hex()[:16]}>"

    @property
    def raw(self) -> bytes:
        """The note, and behind it the one that amends it."""
        return self.note.raw + (b"" if self.amendment is None else self.amendment.note.raw)

    @property
    def notes(self) -> "tuple[Authorization, ...]":
        """Every note that must be signed, approved and alive: itself, and its amendment."""
        return (self,) if self.amendment is None else (self, self.amendment)

    @property
    def limit(self) -> int:
        """How many records may be drawn in all."""
        return self.notes[-1].terms.max_records

    def days_of(self, line: int) -> tuple[dt.date, ...]:
        """The UTC days of a subject line, from 1."""
        return self.terms.days_of(line)

    def is_secret(self, now: dt.datetime) -> bool:
        """Whether it is still secret; secrecy lasts to the end of its last day (UTC)."""
        return now.astimezone(dt.UTC).date() <= self.terms.secret_until


def format_terms(terms: Terms) -> bytes:
    """The text to sign; ``parse_authorization`` is its strict inverse."""
    lines = [
        FORMAT if terms.amends is None else AMENDMENT,
        *identity_lines(terms),
        f"seal: {terms.seal.hex()}",
        *asked_lines(terms),
        *([] if terms.amends is None else [f"amends: {terms.amends.hex()}"]),
        f"max-records: {terms.max_records}",
        f"hub: {'yes' if terms.is_hub else 'no'}",
        f"not-before: {wire.format_time(terms.not_before)}",
        f"expires: {wire.format_time(terms.expires)}",
        f"secret-until: {terms.secret_until}",
    ]
    return ("\n".join(lines) + "\n").encode("utf-8")


def identity_lines(terms: Named) -> Iterator[str]:
    """The lines from ``origin:`` to ``requester:``."""
    yield f"origin: {terms.origin}"
    yield f"roster: {terms.roster.hex()}"
    yield f"id: {terms.id.hex()}"
    yield f"salt: {terms.salt.unsafe_bytes().hex()}"
    yield f"requester: {terms.requester.name} {terms.requester.format()}"


def asked_lines(terms: Named) -> Iterator[str]:
    """The lines from ``class:`` to ``kinds:``."""
    yield from format_ordered(terms.ordered)
    yield f"authority: {terms.authority}"
    yield f"basis: {terms.basis}"
    yield f"purpose: {terms.purpose}"
    yield from _subject_lines(terms)
    yield f"rules: {','.join(terms.rules)}"
    yield f"kinds: {','.join(terms.kinds)}"


def _subject_lines(terms: Named) -> Iterator[str]:
    for subject, person, periods in zip(terms.subjects, terms.persons, terms.periods, strict=True):
        yield f"subject: {subject.format()}"
        yield f"person: {person}"
        yield from (f"period: {period.format()}" for period in periods)


def commit(text: bytes, roster: bytes, salt: Secret) -> Commitment:
    """The commitment to an authorization's text.

    The salt is a line of the signed text, so an authorization has only one commitment.
    """
    lines = text.decode("utf-8")[:-1].split("\n")
    key = salt.unsafe_bytes()
    shown = [(i, line_key(key, i), line) for i, line in enumerate(lines) if not line.startswith("salt: ")]
    return commitment_of_lines(roster, shown)


def parse_authorization(raw: bytes, place: str) -> Authorization:
    """The authorization in a signed note, or the amendment of one.

    A text that would not be written back byte for byte is refused.

    Raises:
        MalformedInput: a line is not in its form; the message names the line and never a value of a subject or person.
    """
    note = parse_note(raw, place, has_letters=True)
    if note.text.startswith(b"coffer.hold/"):
        raise MalformedInput(
            f"{place}: a hold, expected a request",
            hint="coffer hold list says how it stands; what it keeps opens with a request: coffer open ... --hold FILE",
        )
    fields = wire.Fields(wire.parse_lines(note.text, place, has_letters=True), place)
    terms = _parse_terms(fields, place, is_amendment=note.text.startswith(f"{AMENDMENT}\n".encode("ascii")))
    if format_terms(terms) != note.text:
        raise MalformedInput(f"{place}: not in canonical form: written again it would differ")
    return Authorization(terms=terms, note=note, commitment=commit(note.text, terms.roster, terms.salt))


class Identity(TypedDict):
    """The lines from ``origin:`` to ``requester:``, by field."""

    origin: str
    roster: bytes
    id: bytes
    salt: Secret
    requester: VerifyKey


class AskedFor(TypedDict):
    """The lines from ``class:`` to ``kinds:``, by field."""

    ordered: Ordered
    authority: str
    basis: str
    purpose: str
    subjects: tuple[Identifier, ...]
    persons: tuple[str, ...]
    rules: tuple[str, ...]
    periods: tuple[tuple[Period, ...], ...]
    kinds: tuple[str, ...]


def parse_identity(fields: wire.Fields) -> Identity:
    """The inverse of ``identity_lines``."""
    return Identity(
        origin=parse_key_name(fields.one("origin"), fields.place("origin")),
        roster=wire.parse_hex(fields.one("roster"), fields.place("roster"), size=32),
        id=wire.parse_hex(fields.one("id"), fields.place("id"), size=16),
        salt=Secret(wire.parse_hex(fields.one("salt"), fields.place("salt"), size=32), "salt"),
        requester=_parse_requester(fields.one("requester"), fields.place("requester")),
    )


def parse_asked(fields: wire.Fields, place: str, classes: Sequence[OrderClass] = OPENING_CLASSES) -> AskedFor:
    """The inverse of ``asked_lines``; ``classes``: those that the note may be of."""
    ordered = parse_ordered(fields, classes)
    authority, basis, purpose = (_free_text(fields, key) for key in ("authority", "basis", "purpose"))
    subjects, persons, periods = _parse_subjects(fields, place)
    return AskedFor(
        ordered=ordered,
        authority=authority,
        basis=basis,
        purpose=purpose,
        subjects=subjects,
        persons=persons,
        rules=parse_rule_names(fields.one("rules"), fields.place("rules")),
        periods=periods,
        kinds=parse_kinds(fields.one("kinds"), fields.place("kinds")),
    )


def parse_yes_or_no(fields: wire.Fields, key: str) -> bool:
    """Whether a line says yes."""
    value = fields.one(key)
    if value not in ("no", "yes"):
        raise MalformedInput(f"{fields.place(key)}: expected no or yes")
    return value == "yes"


def _parse_terms(fields: wire.Fields, place: str, *, is_amendment: bool) -> Terms:
    fields.literal(AMENDMENT if is_amendment else FORMAT)
    identity = parse_identity(fields)
    seal = wire.parse_hex(fields.one("seal"), fields.place("seal"), size=32)
    asked = parse_asked(fields, place)
    amends = None
    if is_amendment:
        amends = Commitment(wire.parse_hex(fields.one("amends"), fields.place("amends"), size=32))
    max_records = wire.parse_decimal(fields.one("max-records"), fields.place("max-records"), low=1, high=MAX_RECORDS)
    is_hub = parse_yes_or_no(fields, "hub")
    not_before = wire.parse_time(fields.one("not-before"), fields.place("not-before"))
    expires = wire.parse_time(fields.one("expires"), fields.place("expires"))
    if not (not_before < expires and expires - not_before <= MAX_LIFE):
        raise MalformedInput(
            f"{fields.place('expires')}: expected after not-before, and at most {MAX_LIFE.days} days later"
        )
    secret_until = wire.parse_day(fields.one("secret-until"), fields.place("secret-until"))
    verify_secrecy(secret_until, expires, fields.place("secret-until"))
    fields.end()
    return Terms(
        **identity,
        **asked,
        seal=seal,
        max_records=max_records,
        is_hub=is_hub,
        not_before=not_before,
        expires=expires,
        secret_until=secret_until,
        amends=amends,
    )


def parse_free_text(text: str, place: str) -> str:
    """Free text: 1 to 500 characters of ``letters``, no outer spaces.

    Other characters could be displayed as something else than what is signed.
    """
    if not 1 <= len(text) <= MAX_TEXT or text != text.strip(" "):
        raise MalformedInput(f"{place}: found {len(text)} characters, expected 1 to {MAX_TEXT} without outer spaces")
    if not letters.is_allowed(text):
        raise MalformedInput(
            f"{place}: holds a character that does not show as itself, or an alphabet that is not read",
            hint="write it in Latin, Greek, Cyrillic, Armenian or Georgian letters, on one line",
        )
    return text


def parse_kinds(text: str, place: str) -> tuple[str, ...]:
    """The kinds in a text like ``call,email``: some of call, text and email, in this order."""
    kinds = tuple(text.split(","))
    if kinds != tuple(kind for kind in KINDS if kind in kinds):
        raise MalformedInput(
            f"{place}: expected some of call,text,email in this order, without spaces",
            hint="texts (SMS and MMS) are text: for example call,text",
        )
    return kinds


def _parse_requester(value: str, place: str) -> VerifyKey:
    name, _, vkey = value.partition(" ")
    key = parse_vkey(vkey, place)
    if key.name != name:
        raise MalformedInput(f"{place}: the name is not the key's")
    return key


def _free_text(fields: wire.Fields, key: str) -> str:
    return parse_free_text(fields.one(key), fields.place(key))


def _parse_subjects(
    fields: wire.Fields, place: str
) -> tuple[tuple[Identifier, ...], tuple[str, ...], tuple[tuple[Period, ...], ...]]:
    """The subjects, and for each the person and the periods below its line."""
    subjects: list[Identifier] = []
    persons: list[str] = []
    periods: list[tuple[Period, ...]] = []
    while (value := fields.optional("subject")) is not None and len(subjects) < MAX_SUBJECTS:
        subjects.append(parse_subject(value, f"{place}: subject {len(subjects) + 1}"))
        persons.append(_free_text(fields, "person"))
        periods.append(parse_periods(fields.many("period"), f"{place}: subject {len(subjects)}"))
    if value is not None or not subjects:
        raise MalformedInput(f"{place}: {'more' if subjects else '0'} subjects, expected 1 to {MAX_SUBJECTS}")
    if len({subject.sid for subject in subjects}) != len(subjects):
        raise MalformedInput(f"{place}: a subject is named twice")
    days_of_periods((period for own in periods for period in own), place)
    return tuple(subjects), tuple(persons), tuple(periods)


def verify_secrecy(secret_until: dt.date, expires: dt.datetime, place: str) -> None:
    """Refuse secrecy that lasts longer than ``MAX_SECRECY``.

    Raises:
        MalformedInput: it ends more than ten years after the last day in force.
    """
    if secret_until - expires.date() > MAX_SECRECY:
        raise MalformedInput(
            f"{place}: more than {MAX_SECRECY.days} days after the day it expires, expected at most that",
            hint="whom it concerns must be told one day: name the day on which the order's own secrecy ends",
        )
