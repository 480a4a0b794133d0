"""The grammar of log entries (docs/formats/entries.md); `validity` decides what they mean. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from coffer_audit.entries.codes import OF_CLOSE, OF_INTENT, OF_REFUSE
from coffer_audit.entries.roster import HPKE_PUBLIC_BYTES, Roster, parse_roster
from coffer_audit.errors import MalformedInput
from coffer_audit.notes import Note, parse_note
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
    from collections.abc import Callable
    from datetime import date, datetime

COUNTS = ("files", "read", "kept", "rejected", "duplicate")
COARSE = 1_024
SALT_LINE = 4  # the salt is always the fifth line of an authorization
AMENDMENT = "coffer.amend/v1"
MAX_ROWS = 1 << 28  # rows of a segment or of a draw
MAX_PARTS = 99_999  # entries of one ingest
MAX_COUNT = 1 << 62
MAX_PARTITIONS = 256  # lines `offsets:` of an ingest from a topic
OBJECTS = ("segment", "intent")
VERSIONS = {"close": "2", "fault": "2", "ingest": "23", "intent": "2", "refuse": "2", "roster": "3"}
"""The versions, one digit each, of a type of entry if they are not 1; older versions are not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLine:
    """One segment as the log describes it; `supersedes` is "" for none."""

    seg_id: str
    header_hash: str
    day: date
    kind: str
    rule: str
    part: int
    rows: int
    supersedes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """What a batch took of a partition, as marks: from `start` to before `end`.

    `after`: where the log ended before; "" before the first batch.
    """

    partition: int
    after: str
    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """Entry i of N of a batch. `counts`: rounded, of the whole batch. `tally`: "" for none.

    `topic` and `offsets`: of version 3; "" and empty in version 2, of files.
    """

    batch: str
    part: int
    parts: int
    feed: str
    counts: dict[str, int]
    topic: str
    offsets: tuple[Offsets, ...]
    segments: tuple[SegmentLine, ...]
    tally: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An entry in which each line occurs once.

    `number` holds its integers, and `text` the other values as they are written.
    """

    type: str
    text: dict[str, str]
    number: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reveal:
    """Revealed lines of an authorization.

    `hashes`: h_i of every line but the salt, in order. `shown`: the lines in clear, and `numbers` their indexes.
    """

    authorization: str
    hashes: bytes
    shown: tuple[str, ...]
    numbers: tuple[int, ...]


Body = Roster | Ingest | Reveal | Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A parsed entry; only State verifies its signatures."""

    note: Note
    origin: str
    time: datetime
    body: Body


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


def _parse_offsets(lines: Lines) -> tuple[Offsets, ...]:
    taken: list[Offsets] = []
    for _, value in lines.take_all("offsets", at_least=1, at_most=MAX_PARTITIONS):
        words = parse_words(value, 4, "offsets")
        partition = parse_decimal(words[0], "offsets", high=(1 << 31) - 1)
        after = "" if words[1] == "-" else parse_hex(words[1], 16, "offsets")
        start, end = (parse_hex(word, 16, "offsets") for word in words[2:])
        if end in (after, start) or (taken and partition <= taken[-1].partition):
            raise MalformedInput("offsets: found another order, expected an end behind the start, partitions ascending")
        taken.append(Offsets(partition=partition, after=after, start=start, end=end))
    return tuple(taken)


def _parse_ingest(lines: Lines, version: str) -> Ingest:
    batch = parse_hex(lines.take("batch"), 16, "batch")
    place = parse_match(r"[0-9]{1,19}/[0-9]{1,19}", lines.take("entry"), "entry", "<i>/<N>").split("/")
    parts = parse_decimal(place[1], "entry", low=1, high=MAX_PARTS)
    return Ingest(
        batch=batch,
        part=parse_decimal(place[0], "entry", low=1, high=parts),
        parts=parts,
        feed=parse_match(FEED, lines.take("feed"), "feed", "a feed's name"),
        counts={key: _parse_coarse(lines, key) for key in COUNTS},
        topic=parse_hex(lines.take("topic"), 16, "topic") if version == "3" else "",
        offsets=_parse_offsets(lines) if version == "3" else (),
        segments=tuple(_parse_segment(value) for _, value in lines.take_all("segment")),
        tally="" if (tally := lines.take("tally")) == "-" else parse_hex(tally, 32, "tally"),
    )


def parse_count(text: str, place: str) -> int:
    """Decode a number that has no bound of its own; at most 2^62."""
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


def _parse_moment(text: str, place: str) -> str:
    parse_time(text, place)
    return text


def _parse_rules(text: str, place: str) -> str:
    """Give the text back if it names rules, ascending and each once."""
    names = [parse_match(r"base|[A-Z]{2}", name, place, "a rule's name") for name in text.split(",")]
    if names != sorted(set(names)):
        raise MalformedInput(f"{place}: found another order, expected names of rules ascending")
    return text


HEX32, HEX16 = partial(parse_hex, size=32), partial(parse_hex, size=16)
NAME = partial(parse_match, CUSTODIAN, expected="a custodian's name")
PARTY = partial(parse_match, KEY_NAME, expected="a name")
REASONS = ("scope", "time", "form", "merit", "held", "law", "unclear")
REASON = partial(parse_match, "|".join(REASONS), expected=f"one of {' '.join(REASONS)}")
ACTS: dict[str, dict[str, Callable[..., str | int]]] = {
    "epoch-key": {"roster": HEX32, "custodian": NAME, "day": _parse_date, "key": _parse_public},
    "withdraw": {"batch": HEX16},
    "receipt": {"custodian": NAME, "segment": HEX32},
    "intent": {"authorization": HEX32, "requester": PARTY, "nonce": HEX16, "cells-at-most": _parse_power, **OF_INTENT},
    "draw": {"intent": parse_count, "table": HEX32, "records": partial(parse_decimal, low=1, high=MAX_ROWS)},
    "close": {
        "intent": parse_count,
        "result": HEX32,
        "records": parse_count,
        "answers": partial(parse_decimal, high=9),
        "unconfirmed-cells": parse_count,
        **OF_CLOSE,
    },
    "refuse": {"authorization": HEX32, "custodian": NAME, "reason": REASON, **OF_REFUSE},
    "revoke": {"authorization": HEX32},
    "destroy": {"custodian": NAME, "day": _parse_date},
    "absence": {"custodian": NAME},
    "objection": {"absence": parse_count},
    "hold": {"note": HEX32, "roster": HEX32, "rules": _parse_rules, "requester": PARTY, "until": _parse_moment},
    "held": {"hold": parse_count, "note": HEX32, "custodian": NAME, "cells-at-most": _parse_power},
    "extend": {"hold": parse_count, "note": HEX32, "until": _parse_moment},
    "release": {"hold": parse_count},
    "ratify": {"intent": parse_count, "authorization": HEX32, "custodian": NAME},
    "fault": {"accuser": PARTY, "accused": PARTY, "object": _parse_object, "evidence": HEX32},
}


def _parse_act(kind: str, lines: Lines) -> Act:
    text: dict[str, str] = {}
    number: dict[str, int] = {}
    for key, parse in ACTS[kind].items():
        if key == "class" and kind == "intent" and lines.is_next("rules"):
            text["rules"] = _parse_rules(lines.take("rules"), "rules")
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
    commitment, hashes, shown = parse_hex(lines.take("authorization"), 32, "authorization"), b"", dict[int, str]()
    for number, (key, value) in enumerate(lines.take_all("line", "hidden", at_least=SALT_LINE)):
        words = parse_words(value, 3 if key == "line" else 2, key)
        if parse_decimal(words[0], key, high=999) != number + (number >= SALT_LINE):
            raise MalformedInput(f"{key}: found index {words[0]}, expected every line but the salt, ascending")
        tag = bytes.fromhex(parse_hex(words[1], 32, key))
        hashes += hash_of("line", tag, words[2].encode()) if key == "line" else tag
        shown |= {number + (number >= SALT_LINE): words[2]} if key == "line" else {}
    return Reveal(authorization=commitment, hashes=hashes, shown=tuple(shown.values()), numbers=tuple(shown))


def _parse_body(kind: str, version: str, lines: Lines, note: Note) -> Body:
    match kind:
        case "roster":
            return parse_roster(lines, note)
        case "ingest":
            return _parse_ingest(lines, version)
        case "reveal":
            return _parse_reveal(lines)
        case _ if kind in ACTS:
            return _parse_act(kind, lines)
    raise MalformedInput("entry line 1: found no known type, expected coffer.<type>/v<version>")


def parse_entry(raw: bytes) -> Entry:
    """Decode an entry of any type."""
    note = parse_note(raw, "entry", has_letters=raw.startswith(b"coffer.reveal/v1\n"))
    match = re.fullmatch(r"coffer\.([a-z-]+)/v([1-9])", note.lines[0], re.ASCII)
    if not match or match[2] not in VERSIONS.get(match[1], "1"):
        raise MalformedInput("entry line 1: found no known type, expected coffer.<type>/v<version>")
    lines = Lines(note.lines[1:], match[1])
    origin = parse_match(KEY_NAME, lines.take("origin"), "origin", "an origin")
    time = parse_time(lines.take("time"), "time")
    body = _parse_body(match[1], match[2], lines, note)
    lines.end()
    return Entry(note=note, origin=origin, time=time, body=body)
