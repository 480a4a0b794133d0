"""The text form of an authorization: parse, format, commit. Source: specification, section 6."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput
from coffer.identity.identifier import Identifier, parse_subject
from coffer.ledger.entries import KINDS, Commitment
from coffer.ledger.reveal import commitment_of_lines, line_key
from coffer.ledger.rules import is_rule_name
from coffer.notes.keys import Secret, VerifyKey, parse_key_name, parse_vkey
from coffer.notes.note import Note, parse_note

MAX_SUBJECTS: Final = 20
MAX_DAYS: Final = 92
"""A quarter: longer needs a new order, and a new look by every custodian."""
MAX_LIFE: Final = dt.timedelta(days=30)
MAX_RECORDS: Final = 1_000_000
MAX_TEXT: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an authorization says. ``subjects`` and ``days`` keep the order of their lines; ``kinds`` and ``rules`` are names."""

    origin: str
    roster: bytes
    id: bytes
    salt: Secret
    requester: VerifyKey
    seal: bytes
    authority: str
    basis: str
    purpose: str
    person: str
    subjects: tuple[Identifier, ...]
    rules: tuple[str, ...]
    days: tuple[tuple[dt.date, dt.date], ...]
    kinds: tuple[str, ...]
    max_records: int
    is_hub: bool
    not_before: dt.datetime
    expires: dt.datetime
    secret_until: dt.date

    def __repr__(self) -> str:
        return "<terms of an authorization>"

    def covers(self, day: dt.date, kind: str) -> bool:
        """Whether a day and a kind are within."""
        return kind in self.kinds and any(first <= day <= last for first, last in self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A parsed authorization; who signed it is not yet proven. ``commitment`` is what the log shows."""

    terms: Terms
    note: Note
    commitment: Commitment

    def __repr__(self) -> str:
        return f"<authorization {self.commitment.hex()[:16]}>"

    def is_secret(self, now: dt.datetime) -> bool:
        """Whether its secrecy is not over: it lasts to the end of its last day (UTC)."""
        return now.astimezone(dt.UTC).date() <= self.terms.secret_until


def format_terms(terms: Terms) -> bytes:
    """The text, to be signed; ``parse_authorization`` is its strict inverse."""
    lines = [
        "coffer.authorization/v1",
        f"origin: {terms.origin}",
        f"roster: {terms.roster.hex()}",
        f"id: {terms.id.hex()}",
        f"salt: {terms.salt.unsafe_bytes().hex()}",
        f"requester: {terms.requester.name} {terms.requester.format()}",
        f"seal: {terms.seal.hex()}",
        f"authority: {terms.authority}",
        f"basis: {terms.basis}",
        f"purpose: {terms.purpose}",
        f"person: {terms.person}",
        *(f"subject: {subject.format()}" for subject in terms.subjects),
        f"rules: {','.join(terms.rules)}",
        *(f"days: {first} {last}" for first, last in terms.days),
        f"kinds: {','.join(terms.kinds)}",
        f"max-records: {terms.max_records}",
        f"hub: {'yes' if terms.is_hub else 'no'}",
        f"not-before: {wire.format_time(terms.not_before)}",
        f"expires: {wire.format_time(terms.expires)}",
        f"secret-until: {terms.secret_until}",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def commit(text: bytes, roster: bytes, salt: Secret) -> Commitment:
    """The commitment to an authorization's text: one authorization, one commitment, since the salt is a line of the signed text."""
    lines = text.decode("ascii")[:-1].split("\n")
    key = salt.unsafe_bytes()
    shown = [(i, line_key(key, i), line) for i, line in enumerate(lines) if not line.startswith("salt: ")]
    return commitment_of_lines(roster, shown)


def parse_authorization(raw: bytes, place: str) -> Authorization:
    """Read a signed note and its text, refusing everything that would not be written back byte for byte.

    Raises:
        MalformedInput: the line at fault; the values of subjects and persons are never repeated.
    """
    note = parse_note(raw, place)
    fields = wire.Fields(wire.parse_lines(note.text, place), place)
    terms = _parse_terms(fields, place)
    if format_terms(terms) != note.text:
        raise MalformedInput(f"{place}: not in canonical form: written again it would differ")
    return Authorization(terms=terms, note=note, commitment=commit(note.text, terms.roster, terms.salt))


def _parse_terms(fields: wire.Fields, place: str) -> Terms:
    fields.literal("coffer.authorization/v1")
    origin = parse_key_name(fields.one("origin"), fields.place("origin"))
    roster = wire.parse_hex(fields.one("roster"), fields.place("roster"), size=32)
    identifier = wire.parse_hex(fields.one("id"), fields.place("id"), size=16)
    salt = Secret(wire.parse_hex(fields.one("salt"), fields.place("salt"), size=32), "salt")
    requester = _parse_requester(fields.one("requester"), fields.place("requester"))
    seal = wire.parse_hex(fields.one("seal"), fields.place("seal"), size=32)
    free = {
        key: parse_free_text(fields.one(key), fields.place(key)) for key in ("authority", "basis", "purpose", "person")
    }
    subjects = _parse_subjects(fields.many("subject"), place)
    rules = _parse_rules(fields.one("rules"), fields.place("rules"))
    days = _parse_days(fields.many("days"), place)
    kinds = parse_kinds(fields.one("kinds"), fields.place("kinds"))
    max_records = wire.parse_decimal(fields.one("max-records"), fields.place("max-records"), low=1, high=MAX_RECORDS)
    hub = fields.one("hub")
    if hub not in ("no", "yes"):
        raise MalformedInput(f"{fields.place('hub')}: expected no or yes")
    not_before = wire.parse_time(fields.one("not-before"), fields.place("not-before"))
    expires = wire.parse_time(fields.one("expires"), fields.place("expires"))
    if not (not_before < expires and expires - not_before <= MAX_LIFE):
        raise MalformedInput(
            f"{fields.place('expires')}: expected after not-before, and at most {MAX_LIFE.days} days later"
        )
    secret_until = wire.parse_day(fields.one("secret-until"), fields.place("secret-until"))
    fields.end()
    return Terms(
        origin=origin,
        roster=roster,
        id=identifier,
        salt=salt,
        requester=requester,
        seal=seal,
        subjects=subjects,
        rules=rules,
        days=days,
        kinds=kinds,
        max_records=max_records,
        is_hub=hub == "yes",
        not_before=not_before,
        expires=expires,
        secret_until=secret_until,
        **free,
    )


def parse_free_text(text: str, place: str) -> str:
    """Printable ASCII, 1 to 500 characters, no outer spaces: what cannot be drawn to look like something else."""
    if not wire.is_printable(text) or not 1 <= len(text) <= MAX_TEXT or text != text.strip(" "):
        raise MalformedInput(
            f"{place}: expected 1 to {MAX_TEXT} printable ASCII characters",
            hint="write letters with accents without them: e for an e with an accent",
        )
    return text


def parse_kinds(text: str, place: str) -> tuple[str, ...]:
    """Some of call, text, email, in this order, joined by commas."""
    kinds = tuple(text.split(","))
    if kinds != tuple(kind for kind in KINDS if kind in kinds):
        raise MalformedInput(f"{place}: expected some of call,text,email in this order, without spaces")
    return kinds


def _parse_requester(value: str, place: str) -> VerifyKey:
    name, _, vkey = value.partition(" ")
    key = parse_vkey(vkey, place)
    if key.name != name:
        raise MalformedInput(f"{place}: the name is not the key's")
    return key


def _parse_subjects(values: list[str], place: str) -> tuple[Identifier, ...]:
    if not 1 <= len(values) <= MAX_SUBJECTS:
        raise MalformedInput(f"{place}: {len(values)} subjects, expected 1 to {MAX_SUBJECTS}")
    subjects = tuple(parse_subject(value, f"{place}: subject {n}") for n, value in enumerate(values, 1))
    if len({subject.sid for subject in subjects}) != len(subjects):
        raise MalformedInput(f"{place}: a subject is named twice")
    return subjects


def _parse_rules(text: str, place: str) -> tuple[str, ...]:
    rules = tuple(text.split(","))
    if rules != tuple(sorted(set(rules))) or not all(is_rule_name(rule) for rule in rules):
        raise MalformedInput(f"{place}: expected names of rules, base or country codes, ascending, joined by commas")
    return rules


def _parse_days(values: list[str], place: str) -> tuple[tuple[dt.date, dt.date], ...]:
    ranges: list[tuple[dt.date, dt.date]] = []
    for value in values:
        first, _, last = value.partition(" ")
        span = wire.parse_day(first, f"{place}: days"), wire.parse_day(last, f"{place}: days")
        if span[0] > span[1] or (ranges and span[0] <= ranges[-1][1]):
            raise MalformedInput(
                f"{place}: days: expected ascending ranges without overlap, each from first to last day"
            )
        ranges.append(span)
    total = sum((last - first).days + 1 for first, last in ranges)
    if not 1 <= total <= MAX_DAYS:
        raise MalformedInput(f"{place}: days: {total} days, expected 1 to {MAX_DAYS}")
    return tuple(ranges)
