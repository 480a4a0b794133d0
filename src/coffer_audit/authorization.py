"""Authorizations, their subjects and their commitment (docs/formats/authorization.md, identity.md)."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from coffer_audit.entries import SALT_LINE
from coffer_audit.errors import MalformedInput
from coffer_audit.notes import Note, VerifyKey, parse_note, parse_vkey
from coffer_audit.wire import (
    FEED,
    KEY_NAME,
    KINDS,
    Lines,
    hash_of,
    parse_day,
    parse_decimal,
    parse_hex,
    parse_match,
    parse_time,
    parse_words,
    u32,
)

if TYPE_CHECKING:
    from datetime import date, datetime

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# scheme: (what follows it, type byte, label of the hash)
SUBJECTS = {
    "tel": (r"\+([1-9][0-9]{0,14})", 1, ""),
    "mailto": (rf"((?:(?![@A-Z])[!-~])+@{LABEL}(?:\.{LABEL})*)", 2, "email"),
    "short": (r"([A-Z]{2}/[0-9]{3,11})", 3, "short"),
    "sender": (r"((?=[ -~]*[A-Za-z])[!-~](?:[ -~]{0,13}[!-~])?)", 4, "alnum"),
    "dialled": (r"([A-Z]{2}/[0-9]{1,32})", 6, "dialled"),
    "opaque": (rf"({FEED}/[!-~](?:[ -~]{{0,61}}[!-~])?)", 5, "opaque"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A subject line; `country` is None where only the numbering table knows it, "" where there is none."""

    text: str
    sid: bytes
    country: str | None
    feed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A parsed authorization; its signatures are verified in answer.py."""

    note: Note
    origin: str
    roster: str
    requester: str
    key: VerifyKey
    seal: str
    subjects: tuple[Subject, ...]
    rules: frozenset[str]
    days: frozenset[date]
    kinds: frozenset[str]
    max_records: int
    hub: bool
    not_before: datetime
    expires: datetime
    commitment: str


def parse_subject(text: str) -> Subject:
    """Decode a subject line's value and compute its sid; messages never show it."""
    scheme, _, value = text.partition(":")
    pattern, kind, label = SUBJECTS.get(scheme, ("(?!)", 0, ""))
    match = re.fullmatch(pattern, value, re.ASCII)
    if not match:
        raise MalformedInput(
            "subject: found another form, expected tel:, mailto:, short:, sender:, opaque: or dialled:"
        )
    body, prefix, rest = match[1], *value.partition("/")[::2]
    if kind == 1:
        return Subject(text=text, sid=b"\1" + bytes(7) + int(body).to_bytes(8, "big"), country=None, feed="")
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


def _parse_days(lines: Lines) -> frozenset[date]:
    days: list[date] = []
    for _, value in lines.take_all("days", at_least=1, at_most=92):
        first, last = (parse_day(word, "days") for word in parse_words(value, 2, "days"))
        if not 0 <= (last - first).days < 92 or (days and first <= days[-1]):
            raise MalformedInput("days: found another order or over 92 days, expected ascending, at most 92 in all")
        days += [first + timedelta(days=i) for i in range((last - first).days + 1)]
    if len(days) > 92:
        raise MalformedInput(f"days: found {len(days)}, expected at most 92 in all")
    return frozenset(days)


def parse_authorization(raw: bytes) -> Authorization:
    """Decode an authorization; every field has one spelling, so what parses re-serialises to the same bytes."""
    note = parse_note(raw, "authorization")
    lines = Lines(note.lines[1:], "authorization")
    if note.lines[0] != "coffer.authorization/v1":
        raise MalformedInput("authorization line 1: found another, expected coffer.authorization/v1")
    origin = parse_match(KEY_NAME, lines.take("origin"), "origin", "an origin")
    roster = parse_hex(lines.take("roster"), 32, "roster")
    parse_hex(lines.take("id"), 16, "id")
    salt = bytes.fromhex(parse_hex(lines.take("salt"), 32, "salt"))
    requester, vkey = parse_words(lines.take("requester"), 2, "requester")
    if not vkey.startswith(f"{requester}+"):
        raise MalformedInput("requester: found a key of another name")
    key, seal = parse_vkey(vkey, "requester"), parse_hex(lines.take("seal"), 32, "seal")
    for free in ("authority", "basis", "purpose", "person"):
        parse_match(r"[ -~]{1,500}", lines.take(free), free, "at most 500 printable ASCII characters")
    subjects = tuple(parse_subject(value) for _, value in lines.take_all("subject", at_least=1, at_most=20))
    if len({subject.sid for subject in subjects}) != len(subjects):
        raise MalformedInput("subject: found one twice, expected each once")
    rules = lines.take("rules").split(",")
    if rules != sorted(set(rules)) or not all(re.fullmatch("base|[A-Z]{2}", rule) for rule in rules):
        raise MalformedInput("rules: found another form, expected base or country codes, ascending")
    days, kinds = _parse_days(lines), lines.take("kinds").split(",")
    if not kinds or kinds != [kind for kind in KINDS if kind in kinds]:
        raise MalformedInput("kinds: found another form, expected some of call,text,email in this order")
    limit = parse_decimal(lines.take("max-records"), "max-records", low=1, high=1_000_000)
    hub = parse_match("no|yes", lines.take("hub"), "hub", "no or yes") == "yes"
    not_before, expires = (parse_time(lines.take(key), key) for key in ("not-before", "expires"))
    if not timedelta(0) < expires - not_before <= timedelta(days=30):
        raise MalformedInput("expires: found it not after not-before or over 30 days later")
    parse_day(lines.take("secret-until"), "secret-until")
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
        days=days,
        kinds=frozenset(kinds),
        max_records=limit,
        hub=hub,
        not_before=not_before,
        expires=expires,
        commitment=compute_commitment(roster, salt, note.lines),
    )
