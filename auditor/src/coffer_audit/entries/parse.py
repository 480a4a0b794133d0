"""The grammar of log entries (docs/formats/entries.md, the table); what they mean is decided in `validity`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

from coffer_audit.errors import MalformedInput
from coffer_audit.notes import COSIGNATURES, Note, VerifyKey, parse_note, parse_vkey
from coffer_audit.wire import (
    CUSTODIAN,
    FEED,
    KEY_NAME,
    KINDS,
    Lines,
    hash_of,
    parse_base64,
    parse_day,
    parse_decimal,
    parse_hex,
    parse_match,
    parse_time,
    parse_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date, datetime

HPKE_PUBLIC_BYTES = 1_216
EXPRESSION = re.compile(r"([0-9]{1,2}) of ([a-z0-9,-]+)(?: and ([a-z0-9,-]+))?", re.ASCII)
COUNTS = ("files", "read", "kept", "rejected", "duplicate")
COARSE = 1_024
SALT_LINE = 4  # the salt is always the fifth line of an authorization
MAX_ROWS = 1 << 28  # of a segment, and of a draw
MAX_PARTS = 99_999  # entries of one ingest
MAX_COUNT = 1 << 62
OBJECTS = ("segment", "intent")
VERSIONS = {"fault": "2", "ingest": "2", "roster": "2"}
"""The version of a type of entry, where it is not 1; older ones are not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Clauses as ascending masks (bit i-1 for custodian i); `everyone` is the mask of its set and `and` members, named in the others."""

    text: str
    clauses: tuple[int, ...]
    everyone: int
    members: tuple[str, ...]
    needed: tuple[str, ...]

    def is_satisfied(self, mask: int) -> bool:
        """Whether a set of custodians meets every clause."""
        return all(mask & clause for clause in self.clauses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodian:
    """A custodian of a roster."""

    name: str
    auth: VerifyKey
    resp: VerifyKey
    req: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """A roster; `hash` is in hex."""

    hash: str
    custodians: tuple[Custodian, ...]
    rules: dict[str, Rule]
    ingesters: tuple[VerifyKey, ...]
    requesters: dict[str, VerifyKey]
    witnesses: tuple[VerifyKey, ...]
    quorum: int
    retention_days: int
    waiting_days: int
    cell_cap: int
    numbering: str

    def signing_keys(self) -> list[VerifyKey]:
        """Give every signing key that the roster names, witnesses excepted."""
        pairs = [key for custodian in self.custodians for key in (custodian.auth, custodian.resp)]
        return [*pairs, *self.ingesters, *self.requesters.values()]

    def mask_of(self, signers: Iterable[tuple[str, bytes]]) -> int:
        """Give the mask of the custodians whose auth key is among the signers."""
        return sum(1 << i for i, custodian in enumerate(self.custodians) if custodian.auth.identity in set(signers))

    def find(self, name: str) -> int:
        """Give the number (1..n) of a custodian, 0 if it is not in the roster."""
        return next((i for i, custodian in enumerate(self.custodians, 1) if custodian.name == name), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLine:
    """One segment as the log has it; `supersedes` is "" for none."""

    seg_id: str
    header_hash: str
    day: date
    kind: str
    rule: str
    part: int
    rows: int
    supersedes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """Entry i of N of a batch; `counts` are coarse and of the whole batch; `tally` is "" for none."""

    batch: str
    part: int
    parts: int
    feed: str
    counts: dict[str, int]
    segments: tuple[SegmentLine, ...]
    tally: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An entry whose lines each stand once: values by key, integers in `number`, the rest, as written, in `text`."""

    type: str
    text: dict[str, str]
    number: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reveal:
    """`hashes` are h_i of every line but the salt, in order; `shown` are the lines that are in clear."""

    authorization: str
    hashes: bytes
    shown: tuple[str, ...]


Body = Roster | Ingest | Reveal | Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A parsed entry; its signatures are verified by State only."""

    note: Note
    origin: str
    time: datetime
    body: Body


def expand_rule(expression: str, names: tuple[str, ...], place: str) -> Rule:
    """Parse `K of a,b,c and d` over the custodians' names into its clauses."""
    match = EXPRESSION.fullmatch(expression)
    if not match:
        raise MalformedInput(f"{place}: found another form, expected <K> of <names>, with or without and <names>")
    quota = parse_decimal(match[1], place, low=2, high=9)
    members, needed = match[2].split(","), match[3].split(",") if match[3] else []
    for group in (members, needed):
        if len(set(group)) != len(group) or not set(group) <= set(names):
            raise MalformedInput(f"{place}: found an unknown or repeated name, expected custodians of the roster")
    if len(members) < 2 * quota - 1:
        raise MalformedInput(f"{place}: found {len(members)} in the set, expected at least {2 * quota - 1}")
    bits = {name: 1 << i for i, name in enumerate(names)}
    sets = [sum(bits[name] for name in some) for some in combinations(members, len(members) - quota + 1)]
    clauses = sorted({*sets, *(bits[name] for name in needed)})
    return Rule(
        text=expression,
        clauses=tuple(clauses),
        everyone=sum(bits[name] for name in {*members, *needed}),
        members=tuple(members),
        needed=tuple(needed),
    )


def _parse_custodians(lines: Lines) -> tuple[tuple[Custodian, ...], set[bytes]]:
    custodians, sealing = [], set()
    for _, value in lines.take_all("custodian", at_least=1, at_most=9):
        words = parse_words(value, 4, "custodian")
        name = parse_match(CUSTODIAN, words[0], "custodian", "a custodian's name")
        auth, resp = parse_vkey(words[1], "custodian auth"), parse_vkey(words[2], "custodian resp")
        if (auth.name, resp.name) != (f"{name}/auth", f"{name}/resp"):
            raise MalformedInput(f"custodian {name}: found keys of another name, expected {name}/auth and {name}/resp")
        req = parse_base64(words[3], HPKE_PUBLIC_BYTES, "custodian req")
        sealing.add(req)
        custodians.append(Custodian(name=name, auth=auth, resp=resp, req=req))
    return tuple(custodians), sealing


def _parse_rules(lines: Lines, names: tuple[str, ...]) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    order = []
    for _, value in lines.take_all("rule", at_least=1):
        name, expression = parse_words(value, 2, "rule")
        parse_match(r"base|[A-Z]{2}", name, "rule", "base or a country")
        rules[name] = expand_rule(expression, names, f"rule {name}")
        order.append(name)
    if order[0] != "base" or order[1:] != sorted(set(order[1:]) - {"base"}):
        raise MalformedInput("rule: found another order, expected base, then countries ascending")
    return rules


def _parse_roster(lines: Lines, note: Note) -> Roster:
    custodians, sealing = _parse_custodians(lines)
    rules = _parse_rules(lines, tuple(custodian.name for custodian in custodians))
    ingesters = tuple(parse_vkey(value, "ingester") for _, value in lines.take_all("ingester", at_least=1))
    requesters: list[tuple[str, VerifyKey]] = []
    for _, value in lines.take_all("requester", at_least=1):
        name, vkey = parse_words(value, 2, "requester")
        if not vkey.startswith(f"{name}+"):
            raise MalformedInput("requester: found a key of another name")
        requesters.append((parse_match(KEY_NAME, name, "requester", "a name"), parse_vkey(vkey, "requester")))
    witnesses = tuple(parse_vkey(value, "witness", kinds=COSIGNATURES) for _, value in lines.take_all("witness"))
    roster = Roster(
        hash=hash_of("roster", note.text).hex(),
        custodians=custodians,
        rules=rules,
        ingesters=ingesters,
        requesters=dict(requesters),
        witnesses=witnesses,
        quorum=parse_decimal(lines.take("quorum"), "quorum", high=len({key.name for key in witnesses})),
        retention_days=parse_decimal(lines.take("retention-days"), "retention-days", low=1, high=36_500),
        waiting_days=_parse_late_and_waiting(lines),
        cell_cap=parse_decimal(lines.take("cell-cap"), "cell-cap", low=1, high=65_535),
        numbering=_parse_tally_and_numbering(lines),
    )
    names = [*(custodian.name for custodian in custodians), *(name for name, _ in requesters)]
    keys = [pair for c in custodians for pair in (c.auth, c.resp)] + [
        *ingesters,
        *(k for _, k in requesters),
        *witnesses,
    ]
    # A witness may have one key of each type; it still counts as one.
    named = [key.name for key in keys if key.kind not in COSIGNATURES] + list({key.name for key in witnesses})
    types = [(key.name, key.kind) for key in witnesses]
    doubled = [len(set(group)) != len(group) for group in (names, named, types, [k.public for k in keys])]
    if any(doubled) or len(sealing) != len(custodians):
        raise MalformedInput("roster: found a name or a key twice, expected all distinct")
    return roster


def _parse_late_and_waiting(lines: Lines) -> int:
    parse_decimal(lines.take("late-days"), "late-days", high=36_500)
    return parse_decimal(lines.take("waiting-days"), "waiting-days", low=1, high=3_650)


def _parse_tally_and_numbering(lines: Lines) -> str:
    if (tally := lines.take("tally")) != "exact":
        value = parse_match(r"epsilon (0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?", tally, "tally", "exact or epsilon <decimal>")
        if not 0 < float(value.removeprefix("epsilon ")) <= 10:
            raise MalformedInput("tally: found an epsilon out of range, expected above 0 and at most 10")
    return parse_match(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", lines.take("numbering"), "numbering", "a version")


def _parse_coarse(lines: Lines, key: str) -> int:
    number = parse_count(lines.take(key), key)
    if number % COARSE:
        raise MalformedInput(f"{key}: found {number}, expected a multiple of {COARSE}")
    return number


def _parse_segment(value: str) -> SegmentLine:
    words = parse_words(value, 8, "segment")
    return SegmentLine(
        seg_id=parse_hex(words[0], 32, "segment"),
        header_hash=parse_hex(words[1], 32, "segment"),
        day=parse_day(words[2], "segment"),
        kind=parse_match("|".join(KINDS), words[3], "segment", "a kind"),
        rule=parse_match(r"base|[A-Z]{2}", words[4], "segment", "a rule's name"),
        part=parse_decimal(words[5], "segment", high=(1 << 32) - 1),
        rows=parse_decimal(words[6], "segment", low=1, high=MAX_ROWS),
        supersedes="" if words[7] == "-" else parse_hex(words[7], 32, "segment"),
    )


def _parse_ingest(lines: Lines) -> Ingest:
    batch = parse_hex(lines.take("batch"), 16, "batch")
    place = parse_match(r"[0-9]{1,19}/[0-9]{1,19}", lines.take("entry"), "entry", "<i>/<N>").split("/")
    parts = parse_decimal(place[1], "entry", low=1, high=MAX_PARTS)
    return Ingest(
        batch=batch,
        part=parse_decimal(place[0], "entry", low=1, high=parts),
        parts=parts,
        feed=parse_match(FEED, lines.take("feed"), "feed", "a feed's name"),
        counts={key: _parse_coarse(lines, key) for key in COUNTS},
        segments=tuple(_parse_segment(value) for _, value in lines.take_all("segment")),
        tally="" if (tally := lines.take("tally")) == "-" else parse_hex(tally, 32, "tally"),
    )


def parse_count(text: str, place: str) -> int:
    """Decode a number that no bound of its own limits: up to 2^62."""
    return parse_decimal(text, place, high=MAX_COUNT)


def _parse_power(text: str, place: str) -> int:
    number = parse_decimal(text, place, low=1, high=1 << 20)
    if number.bit_count() != 1:
        raise MalformedInput(f"{place}: found {number}, expected a power of 2")
    return number


def _parse_public(text: str, place: str) -> str:
    return hashlib.sha256(parse_base64(text, HPKE_PUBLIC_BYTES, place)).hexdigest()


def _parse_object(text: str, place: str) -> str:
    """Give the text back if it is `segment <seg_id>` or `intent <index>`."""
    kind, _, rest = text.partition(" ")
    if kind == OBJECTS[1]:
        parse_count(rest, place)
    else:
        parse_match(OBJECTS[0], kind, place, "segment or intent")
        parse_hex(rest, 32, place)
    return text


def _parse_date(text: str, place: str) -> str:
    return parse_day(text, place).isoformat()


HEX32, HEX16 = partial(parse_hex, size=32), partial(parse_hex, size=16)
NAME = partial(parse_match, CUSTODIAN, expected="a custodian's name")
PARTY = partial(parse_match, KEY_NAME, expected="a name")
REASONS = ("scope", "time", "form", "merit")
REASON = partial(parse_match, "|".join(REASONS), expected="scope, time, form or merit")
ACTS: dict[str, dict[str, Callable[..., str | int]]] = {
    "epoch-key": {"roster": HEX32, "custodian": NAME, "day": _parse_date, "key": _parse_public},
    "withdraw": {"batch": HEX16},
    "receipt": {"custodian": NAME, "segment": HEX32},
    "intent": {"authorization": HEX32, "requester": PARTY, "nonce": HEX16, "cells-at-most": _parse_power},
    "draw": {"intent": parse_count, "table": HEX32, "records": partial(parse_decimal, low=1, high=MAX_ROWS)},
    "close": {
        "intent": parse_count,
        "result": HEX32,
        "records": parse_count,
        "answers": partial(parse_decimal, high=9),
        "unconfirmed-cells": parse_count,
    },
    "refuse": {"authorization": HEX32, "custodian": NAME, "reason": REASON},
    "revoke": {"authorization": HEX32},
    "destroy": {"custodian": NAME, "day": _parse_date},
    "absence": {"custodian": NAME},
    "objection": {"absence": parse_count},
    "fault": {"accuser": PARTY, "accused": PARTY, "object": _parse_object, "evidence": HEX32},
}


def _parse_act(kind: str, lines: Lines) -> Act:
    text: dict[str, str] = {}
    number: dict[str, int] = {}
    for key, parse in ACTS[kind].items():
        value = parse(lines.take(key), place=key)
        if isinstance(value, int):
            number[key] = value
        else:
            text[key] = value
    if kind == "receipt":
        canaries = [parse_words(value, 2, "canary") for _, value in lines.take_all("canary", at_least=1)]
        masks = [parse_hex(mask, 2, "canary") + parse_hex(value, 16, "canary")[:0] for mask, value in canaries]
        if masks != sorted(set(masks)):
            raise MalformedInput("canary: found another order, expected ascending masks")
        text["canaries"] = "".join(mask + value for mask, value in canaries)
    return Act(type=kind, text=text, number=number)


def _parse_reveal(lines: Lines) -> Reveal:
    commitment, hashes, shown = parse_hex(lines.take("authorization"), 32, "authorization"), b"", list[str]()
    for number, (key, value) in enumerate(lines.take_all("line", "hidden", at_least=SALT_LINE)):
        words = parse_words(value, 3 if key == "line" else 2, key)
        if parse_decimal(words[0], key, high=999) != number + (number >= SALT_LINE):
            raise MalformedInput(f"{key}: found index {words[0]}, expected every line but the salt, ascending")
        tag = bytes.fromhex(parse_hex(words[1], 32, key))
        hashes += hash_of("line", tag, words[2].encode()) if key == "line" else tag
        shown += words[2:]
    return Reveal(authorization=commitment, hashes=hashes, shown=tuple(shown))


def _parse_body(kind: str, lines: Lines, note: Note) -> Body:
    match kind:
        case "roster":
            return _parse_roster(lines, note)
        case "ingest":
            return _parse_ingest(lines)
        case "reveal":
            return _parse_reveal(lines)
        case _ if kind in ACTS:
            return _parse_act(kind, lines)
    raise MalformedInput("entry line 1: found no known type, expected coffer.<type>/v<version>")


def parse_entry(raw: bytes) -> Entry:
    """Decode an entry of any type."""
    note = parse_note(raw, "entry")
    match = re.fullmatch(r"coffer\.([a-z-]+)/v([1-9])", note.lines[0], re.ASCII)
    if not match or match[2] != VERSIONS.get(match[1], "1"):
        raise MalformedInput("entry line 1: found no known type, expected coffer.<type>/v<version>")
    lines = Lines(note.lines[1:], match[1])
    origin = parse_match(KEY_NAME, lines.take("origin"), "origin", "an origin")
    time = parse_time(lines.take("time"), "time")
    body = _parse_body(match[1], lines, note)
    lines.end()
    return Entry(note=note, origin=origin, time=time, body=body)
