"""Authorizations, their subjects and their commitment (docs/formats/authorization.md, identity.md)."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from coffer_audit.entries.codes import parse_period
from coffer_audit.entries.parse import AMENDMENT, SALT_LINE
from coffer_audit.errors import MalformedInput
from coffer_audit.notes import Note, VerifyKey, parse_note, parse_vkey
from coffer_audit.wire import (
    FEED,
    FREE_TEXT,
    KEY_NAME,
    KINDS,
    Lines,
    hash_of,
    parse_day,
    parse_decimal,
    parse_hex,
    parse_instant,
    parse_match,
    parse_time,
    parse_words,
    u32,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

LABEL = r"(?!(?!xn).{2}--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# A local part is plain, or in quotes if it needs them because of (),:;<>[ ] or an escaped quote or backslash.
PLAIN_LOCAL = r"[!#-'*+./0-9=?^-~-]+"
NEEDS_QUOTES = r"(?:[(),:;<>\[\]]|\\[\"\\])"
QUOTED_LOCAL = rf'"(?=[^"]*{NEEDS_QUOTES})(?:(?![@A-Z\\"])[!-~]|\\["\\])+"'
# scheme: (pattern of the rest, type byte, label of the hash)
SUBJECTS = {
    "tel": (r"\+([1-9][0-9]{0,14})", 1, ""),
    "mailto": (rf"((?=.{{1,64}}@)(?=.{{1,254}}$)(?:{PLAIN_LOCAL}|{QUOTED_LOCAL})@{LABEL}(?:\.{LABEL})+)", 2, "email"),
    "short": (r"([A-Z]{2}/[0-9]{3,11})", 3, "short"),
    "sender": (r"((?=[ -~]*[A-Za-z])[!-~](?:[ -~]{0,13}[!-~])?)", 4, "alnum"),
    "dialled": (r"([A-Z]{2}/[0-9]{1,32})", 6, "dialled"),
    "imsi": (r"((?:[2-7][0-9]{2}|901)(?![0-9]*0{9}$)[0-9]{11,12})", 7, ""),
    "imei": (r"(?!0[02-9]|1|01234567|(.)\1{7}|.{8}0{6})[0-9]{15}", 8, ""),
    "opaque": (rf"({FEED}/[!-~](?:[ -~]{{0,61}}[!-~])?)", 5, "opaque"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A subject line.

    `country` is None if only the numbering tables know it, or the roster for a handset, and "" if there is none.
    """

    text: str
    sid: bytes
    country: str | None
    feed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A parsed authorization; its signatures are verified in `evidence`."""

    note: Note
    origin: str
    roster: str
    requester: str
    key: VerifyKey
    seal: str
    subjects: tuple[Subject, ...]
    rules: frozenset[str]
    periods: tuple[tuple[tuple[datetime, datetime], ...], ...]
    kinds: frozenset[str]
    max_records: int
    hub: bool
    is_urgent: bool
    not_before: datetime
    expires: datetime
    commitment: str
    amends: str | None
    amendment: Authorization | None = None

    @property
    def raw(self) -> bytes:
        """Give the note, and behind it the one that amends it."""
        return self.note.raw + (self.amendment.note.raw if self.amendment else b"")

    @property
    def limit(self) -> int:
        """Give how many records may be drawn in all."""
        return self.amendment.max_records if self.amendment else self.max_records

    def days_of(self, line: int) -> frozenset[date]:
        """Give the UTC days that the periods of a subject line touch; lines count from 1."""
        return _days_of(self.periods[line - 1])

    def holds(self, line: int, start: datetime) -> bool:
        """Tell whether a record that starts then is within a period of a subject line."""
        return any(first <= start < end for first, end in self.periods[line - 1])


def has_check_digit(imei: str) -> bool:
    """Tell whether the last digit of an IMEI checks the others (3GPP TS 23.003, annex B)."""
    return sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(imei)) % 10 == 0


def parse_subject(text: str) -> Subject:
    """Decode a subject line's value and compute its sid; messages never show it."""
    scheme, _, value = text.partition(":")
    pattern, kind, label = SUBJECTS.get(scheme, ("(?!)", 0, ""))
    match = re.fullmatch(pattern, value, re.ASCII)
    if not match or (scheme == "imei" and not has_check_digit(value)):
        raise MalformedInput(
            "subject: found another form, expected tel:, mailto:, short:, sender:, opaque:, dialled:, imsi: or imei:"
        )
    body, prefix, rest = match[1], *value.partition("/")[::2]
    if kind in (1, 7, 8):
        digits = value[:14] if kind == 8 else value.removeprefix("+")
        sid = bytes([kind]) + bytes(7) + int(digits).to_bytes(8, "big")
        return Subject(text=text, sid=sid, country=None, feed="")
    if kind in (3, 5, 6):
        body = f"{prefix}\0{rest}"
    sid = bytes([kind]) + hash_of(label, (body.upper() if kind == 4 else body).encode())[:15]
    return Subject(text=text, sid=sid, country=prefix if kind in (3, 6) else "", feed=prefix if kind == 5 else "")


def compute_commitment(roster: str, salt: bytes, lines: tuple[str, ...]) -> str:
    """Give the commitment, in hex, over all lines of the text but the salt's."""
    hashes = [
        hash_of("line", hmac.digest(salt, u32(i), "sha256"), line.encode())
        for i, line in enumerate(lines)
        if i != SALT_LINE
    ]
    return hash_of("auth", bytes.fromhex(roster), *hashes).hex()


def _days_of(periods: Iterable[tuple[datetime, datetime]]) -> frozenset[date]:
    """Give the UTC days that the periods touch; at most 92."""
    days: set[date] = set()
    for first, end in periods:
        day, last = first.date(), (end - timedelta(seconds=1)).date()
        if (last - day).days >= 92:
            raise MalformedInput("period: found over 92 UTC days, expected at most 92 in all")
        days |= {day + timedelta(days=i) for i in range((last - day).days + 1)}
    if len(days) > 92:
        raise MalformedInput(f"period: found {len(days)} UTC days, expected at most 92 in all")
    return frozenset(days)


def _parse_ordered(lines: Lines) -> bool:
    """Read the lines about the order behind it; whether it is an emergency."""
    kind = parse_match("produce|extend|access", lines.take("class"), "class", "produce, extend or access")
    urgency = parse_match(
        "ordinary|urgent|emergency", lines.take("urgency"), "urgency", "ordinary, urgent or emergency"
    )
    issuers = "court, prosecutor, police, other or person"
    issuer = parse_match("court|prosecutor|police|other|person", lines.take("issued-by"), "issued-by", issuers)
    parse_match("home|union|elsewhere", lines.take("issued-in"), "issued-in", "home, union or elsewhere")
    if (issuer == "person") != (kind == "access"):
        raise MalformedInput("issued-by: found another, expected person for the class access and for no other")
    received = parse_instant(lines.take("received"))
    if lines.is_next("due") and not timedelta(0) < parse_instant(lines.take("due")) - received <= timedelta(days=366):
        raise MalformedInput("due: found it not after received or over 366 days later")
    files = [parse_words(value, 2, "order") for _, value in lines.take_all("order", at_least=0, at_most=8)]
    for digest, size in files:
        parse_hex(digest, 32, "order")
        parse_decimal(size, "order", low=1, high=1 << 23)
    if len({digest for digest, _ in files}) != len(files):
        raise MalformedInput("order: found a file twice, expected each once")
    return urgency == "emergency"


def _parse_subjects(lines: Lines) -> tuple[tuple[Subject, ...], tuple[tuple[tuple[datetime, datetime], ...], ...]]:
    """Give the subject lines, and for each the periods between it and the next."""
    subjects: list[Subject] = []
    periods: list[tuple[tuple[datetime, datetime], ...]] = []
    while not subjects or lines.is_next("subject"):
        subjects.append(parse_subject(lines.take("subject")))
        parse_match(FREE_TEXT, lines.take("person"), "person", "at most 500 characters that text may hold")
        own = [parse_period(value) for _, value in lines.take_all("period", at_least=1, at_most=20)]
        if any(later[0] < earlier[1] for earlier, later in pairwise(own)):
            raise MalformedInput("period: found another order or an overlap, expected each after the one before")
        periods.append(tuple(own))
    if len(subjects) > 20 or len({subject.sid for subject in subjects}) != len(subjects):
        raise MalformedInput("subject: found one twice or over 20, expected each once")
    _days_of(period for own in periods for period in own)
    return tuple(subjects), tuple(periods)


def _shared_lines(note: Note) -> list[str]:
    """Give the lines that an amendment repeats as they are.

    It says otherwise on which order it rests, and how many records may be drawn.
    """
    own = ("id", "salt", "issued-by", "issued-in", "received", "due", "order", "authority", "basis")
    keys = tuple(f"{key}: " for key in (*own, "amends", "max-records"))
    return [line for line in note.lines[1:] if not line.startswith(keys)]


def parse_authorization(raw: bytes) -> Authorization:
    """Decode an authorization, with the amendment behind it if there is one."""
    first, mark, rest = raw.partition(f"\n{AMENDMENT}\n".encode())
    paper = _parse_note(first + b"\n" if mark else raw)
    if paper.amends is not None:
        raise MalformedInput("authorization: found an amendment alone, expected what it amends before it")
    if not mark:
        return paper
    amendment = _parse_note(mark[1:] + rest)
    if amendment.amends != paper.commitment:
        raise MalformedInput("amendment: found it of another authorization")
    if _shared_lines(amendment.note) != _shared_lines(paper.note):
        raise MalformedInput("amendment: found other lines than the authorization's, expected another limit and order")
    if amendment.max_records <= paper.max_records:
        raise MalformedInput("amendment: found no higher limit, expected one")
    return replace(paper, amendment=amendment)


def _parse_note(raw: bytes) -> Authorization:
    """Decode one note.

    Every field has one spelling, so a text that parses would be written with the same bytes.
    """
    note = parse_note(raw, "authorization", has_letters=True)
    lines = Lines(note.lines[1:], "authorization")
    if note.lines[0] not in ("coffer.authorization/v3", AMENDMENT):
        raise MalformedInput("authorization line 1: found another, expected coffer.authorization/v3")
    origin = parse_match(KEY_NAME, lines.take("origin"), "origin", "an origin")
    roster = parse_hex(lines.take("roster"), 32, "roster")
    parse_hex(lines.take("id"), 16, "id")
    salt = bytes.fromhex(parse_hex(lines.take("salt"), 32, "salt"))
    requester, vkey = parse_words(lines.take("requester"), 2, "requester")
    if not vkey.startswith(f"{requester}+"):
        raise MalformedInput("requester: found a key of another name")
    key, seal = parse_vkey(vkey, "requester"), parse_hex(lines.take("seal"), 32, "seal")
    is_urgent = _parse_ordered(lines)
    for free in ("authority", "basis", "purpose"):
        parse_match(FREE_TEXT, lines.take(free), free, "at most 500 characters that text may hold")
    subjects, periods = _parse_subjects(lines)
    rules = lines.take("rules").split(",")
    if rules != sorted(set(rules)) or not all(re.fullmatch("base|[A-Z]{2}", rule) for rule in rules):
        raise MalformedInput("rules: found another form, expected base or country codes, ascending")
    kinds = lines.take("kinds").split(",")
    if not kinds or kinds != [kind for kind in KINDS if kind in kinds]:
        raise MalformedInput("kinds: found another form, expected some of call,text,email in this order")
    amends = parse_hex(lines.take("amends"), 32, "amends") if note.lines[0] == AMENDMENT else None
    limit = parse_decimal(lines.take("max-records"), "max-records", low=1, high=1_000_000)
    hub = parse_match("no|yes", lines.take("hub"), "hub", "no or yes") == "yes"
    not_before, expires = (parse_time(lines.take(key), key) for key in ("not-before", "expires"))
    if not timedelta(0) < expires - not_before <= timedelta(days=30):
        raise MalformedInput("expires: found it not after not-before or over 30 days later")
    if parse_day(lines.take("secret-until"), "secret-until") - expires.date() > timedelta(days=3653):
        raise MalformedInput("secret-until: found it over 3653 days after the day of expires, expected at most that")
    lines.end()
    return Authorization(
        note=note,
        origin=origin,
        roster=roster,
        requester=requester,
        key=key,
        seal=seal,
        subjects=subjects,
        rules=frozenset(rules),
        periods=periods,
        kinds=frozenset(kinds),
        max_records=limit,
        hub=hub,
        is_urgent=is_urgent,
        not_before=not_before,
        expires=expires,
        commitment=compute_commitment(roster, salt, note.lines),
        amends=amends,
    )
