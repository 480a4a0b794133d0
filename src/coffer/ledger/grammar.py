"""The grammar of every log entry but the roster: parse and format, nothing judged. Pure.

Source: ``docs/formats/entries.md``.
"""

import datetime as dt
import re
import sys
from collections.abc import Callable, Sequence
from typing import Final

from coffer import wire
from coffer.bounds import MAX_ROWS
from coffer.errors import MalformedInput
from coffer.kinds import KINDS
from coffer.ledger.codes import CODES, HIDDEN, ORDER_KEYS, REFUSED_CLASSES, OrderCodes
from coffer.ledger.entries import (
    COARSE,
    MAX_COUNT,
    MAX_PARTITIONS,
    MAX_PARTS,
    REFUSE_REASONS,
    SALT_LINE,
    AbsenceEntry,
    BatchId,
    Body,
    CloseEntry,
    CoarseCounts,
    Commitment,
    DestroyEntry,
    DrawEntry,
    Entry,
    EpochKeyEntry,
    ExtendEntry,
    FaultEntry,
    HeldEntry,
    HoldEntry,
    IngestEntry,
    IntentEntry,
    ObjectionEntry,
    OffsetMark,
    Offsets,
    RatifyEntry,
    ReceiptEntry,
    RefuseEntry,
    ReleaseEntry,
    RevealedLine,
    RevealEntry,
    RevokeEntry,
    SegmentId,
    SegmentLine,
    TopicId,
    TopicOffsets,
    WithdrawEntry,
)
from coffer.ledger.lines import lines_of
from coffer.ledger.rules import is_rule_name, parse_custodian_name, parse_rule_names
from coffer.notes.keys import HPKE_PUBLIC_BYTES, parse_key_name
from coffer.notes.note import parse_note

_VERSIONS: Final = {"close": 2, "fault": 2, "ingest": 2, "intent": 2, "refuse": 2, "roster": 3}
"""The version of a type of entry, where it is not 1. Older versions are not read."""
_FROM_TOPIC: Final = "coffer.ingest/v3"
"""The first line of an ingest from a topic. One from files is of version 2, so that it reads as it always did."""
_FEED: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")


def parse_feed_name(text: str, place: str) -> str:
    """A feed's name: ``[a-z0-9][a-z0-9-]{0,15}``."""
    if not _FEED.fullmatch(text):
        raise MalformedInput(f"{place}: not a feed's name, expected 1 to 16 of a-z, 0-9 and -")
    return text


def parse_entry(raw: bytes, place: str) -> Entry:
    """Read one entry of the log; raises ``MalformedInput``."""
    is_reveal = raw.startswith(f"{_first_line('reveal')}\n".encode("ascii"))
    note = parse_note(raw, place, has_letters=is_reveal)
    lines = wire.parse_lines(note.text, place, has_letters=is_reveal)
    kind = lines[0].removeprefix("coffer.").partition("/")[0]
    is_from_topic = lines[0] == _FROM_TOPIC
    if (lines[0] != _first_line(kind) and not is_from_topic) or (kind not in _PARSERS and kind != "roster"):
        raise MalformedInput(f"{place}: line 1: unknown type of entry")
    fields = wire.Fields(lines[1:], place)
    origin = parse_key_name(fields.one("origin"), fields.place("origin"))
    time = wire.parse_time(fields.one("time"), fields.place("time"))
    if kind == "roster":
        return Entry(note=note, origin=origin, time=time, body=None)
    body = _parse_ingest(fields, is_from_topic=True) if is_from_topic else _PARSERS[kind](fields)
    fields.end()
    return Entry(note=note, origin=origin, time=time, body=body)


def format_entry(body: Body, *, origin: str, time: dt.datetime) -> bytes:
    """The text of an entry, to be signed."""
    kind, lines = lines_of(body)
    first = _FROM_TOPIC if isinstance(body, IngestEntry) and body.offsets is not None else _first_line(kind)
    head = [first, f"origin: {origin}", f"time: {wire.format_time(time)}"]
    return ("\n".join([*head, *lines]) + "\n").encode("utf-8" if kind == "reveal" else "ascii")


def _first_line(kind: str) -> str:
    return f"coffer.{kind}/v{_VERSIONS.get(kind, 1)}"


def _hash(fields: wire.Fields, key: str, size: int = 32) -> bytes:
    return wire.parse_hex(fields.one(key), fields.place(key), size=size)


def _custodian(fields: wire.Fields) -> str:
    return parse_custodian_name(fields.one("custodian"), fields.place("custodian"))


def _number(fields: wire.Fields, key: str, low: int = 0, high: int = MAX_COUNT) -> int:
    return wire.parse_decimal(fields.one(key), fields.place(key), low=low, high=high)


def _commitment(fields: wire.Fields) -> Commitment:
    return Commitment(_hash(fields, "authorization"))


def _parse_epoch_key(fields: wire.Fields) -> EpochKeyEntry:
    return EpochKeyEntry(
        roster=_hash(fields, "roster"),
        custodian=_custodian(fields),
        day=wire.parse_day(fields.one("day"), fields.place("day")),
        key=wire.parse_base64(fields.one("key"), fields.place("key"), size=HPKE_PUBLIC_BYTES),
    )


def _parse_ingest(fields: wire.Fields, *, is_from_topic: bool = False) -> IngestEntry:
    batch = BatchId(_hash(fields, "batch", 16))
    number, slash, total = fields.one("entry").partition("/")
    place = fields.place("entry")
    if not slash:
        raise MalformedInput(f"{place}: expected i/N")
    count = wire.parse_decimal(total, place, low=1, high=MAX_PARTS)
    return IngestEntry(
        batch=batch,
        number=wire.parse_decimal(number, place, low=1, high=count),
        total=count,
        feed=sys.intern(parse_feed_name(fields.one("feed"), fields.place("feed"))),
        counts=_parse_counts(fields),
        offsets=_parse_offsets(fields) if is_from_topic else None,
        segments=tuple(_parse_segment(value, fields.place("segment")) for value in fields.many("segment")),
        tally=_parse_optional_hash(fields.one("tally"), fields.place("tally")),
    )


def _parse_counts(fields: wire.Fields) -> CoarseCounts:
    counts = {}
    for key in CoarseCounts.__slots__:
        counts[key] = _number(fields, key)
        if counts[key] % COARSE:
            raise MalformedInput(f"{fields.place(key)}: expected a multiple of {COARSE}")
    return CoarseCounts(**counts)


def _parse_offsets(fields: wire.Fields) -> TopicOffsets:
    topic = TopicId(_hash(fields, "topic", 16))
    values, place = fields.many("offsets"), fields.place("offsets")
    partitions = tuple(_parse_partition(value, place) for value in values)
    numbers = [one.partition for one in partitions]
    if not 1 <= len(numbers) <= MAX_PARTITIONS or numbers != sorted(set(numbers)):
        raise MalformedInput(f"{place}: expected 1 to {MAX_PARTITIONS}, partitions ascending")
    return TopicOffsets(topic=topic, partitions=partitions)


def _parse_partition(value: str, place: str) -> Offsets:
    parts = value.split(" ")
    if len(parts) != 4:
        raise MalformedInput(f"{place}: {len(parts)} parts, expected 4")
    partition = wire.parse_decimal(parts[0], place, high=2**31 - 1)
    start, end = (OffsetMark(wire.parse_hex(part, place, size=16)) for part in parts[2:])
    after = None if parts[1] == "-" else OffsetMark(wire.parse_hex(parts[1], place, size=16))
    if end in (after, start):
        raise MalformedInput(f"{place}: expected an end behind the start")
    return Offsets(partition=partition, after=after, start=start, end=end)


def _parse_withdraw(fields: wire.Fields) -> WithdrawEntry:
    return WithdrawEntry(batch=BatchId(_hash(fields, "batch", 16)))


def _parse_segment(value: str, place: str) -> SegmentLine:
    parts = value.split(" ")
    if len(parts) != 8:
        raise MalformedInput(f"{place}: {len(parts)} parts, expected 8")
    if parts[3] not in KINDS or not is_rule_name(parts[4]):
        raise MalformedInput(f"{place}: unknown kind or rule name")
    supersedes = _parse_optional_hash(parts[7], place)
    return SegmentLine(
        seg_id=SegmentId(wire.parse_hex(parts[0], place, size=32)),
        header_hash=wire.parse_hex(parts[1], place, size=32),
        day=wire.parse_day(parts[2], place),
        kind=sys.intern(parts[3]),  # one object for all segments of a log
        rule=sys.intern(parts[4]),
        part=wire.parse_decimal(parts[5], place, high=2**32 - 1),
        rows=wire.parse_decimal(parts[6], place, low=1, high=MAX_ROWS),
        supersedes=None if supersedes is None else SegmentId(supersedes),
    )


def _parse_optional_hash(text: str, place: str) -> bytes | None:
    return None if text == "-" else wire.parse_hex(text, place, size=32)


def _parse_receipt(fields: wire.Fields) -> ReceiptEntry:
    custodian = _custodian(fields)
    segment = SegmentId(_hash(fields, "segment"))
    canaries = []
    for value in fields.many("canary"):
        mask, _, partial = value.partition(" ")
        place = fields.place("canary")
        clause = int.from_bytes(wire.parse_hex(mask, place, size=2), "big")
        canaries.append((clause, wire.parse_hex(partial, place, size=16)))
    masks = [mask for mask, _ in canaries]
    if not masks or masks != sorted(set(masks)):
        raise MalformedInput(f"{fields.place('canary')}: expected at least one, clause masks ascending")
    return ReceiptEntry(custodian=custodian, segment=segment, canaries=tuple(canaries))


def _parse_intent(fields: wire.Fields) -> IntentEntry:
    authorization = _commitment(fields)
    requester = parse_key_name(fields.one("requester"), fields.place("requester"))
    nonce, cells, rules = _hash(fields, "nonce", 16), _cells_at_most(fields), fields.optional("rules")
    return IntentEntry(
        authorization=authorization,
        requester=requester,
        nonce=nonce,
        cells_at_most=cells,
        rules=() if rules is None else parse_rule_names(rules, fields.place("rules")),
        codes=OrderCodes.of_values({key: _code(fields, key, CODES[key]) for key in ORDER_KEYS}),
    )


def _code(fields: wire.Fields, key: str, values: Sequence[str]) -> str:
    value = fields.one(key)
    if value != HIDDEN and value not in values:
        raise MalformedInput(f"{fields.place(key)}: expected one of {' '.join(values)}, or {HIDDEN}")
    return sys.intern(value)


def _cells_at_most(fields: wire.Fields) -> int:
    number = _number(fields, "cells-at-most", 1, 2**20)
    if number & (number - 1):
        raise MalformedInput(f"{fields.place('cells-at-most')}: expected a power of 2")
    return number


def _parse_draw(fields: wire.Fields) -> DrawEntry:
    return DrawEntry(
        intent=_number(fields, "intent"), table=_hash(fields, "table"), records=_number(fields, "records", 1, MAX_ROWS)
    )


def _parse_close(fields: wire.Fields) -> CloseEntry:
    return CloseEntry(
        intent=_number(fields, "intent"),
        result=_hash(fields, "result"),
        records=_number(fields, "records"),
        answers=_number(fields, "answers", 0, 9),
        unconfirmed_cells=_number(fields, "unconfirmed-cells"),
        outcome=_code(fields, "outcome", CODES["outcome"]),
        took=_code(fields, "took", CODES["took"]),
    )


def _parse_refuse(fields: wire.Fields) -> RefuseEntry:
    authorization, custodian, reason = _commitment(fields), _custodian(fields), fields.one("reason")
    if reason not in REFUSE_REASONS:
        raise MalformedInput(f"{fields.place('reason')}: expected one of {', '.join(REFUSE_REASONS)}")
    return RefuseEntry(
        authorization=authorization,
        custodian=custodian,
        reason=reason,
        order_class=_code(fields, "class", REFUSED_CLASSES),
        urgency=_code(fields, "urgency", CODES["urgency"]),
    )


def _parse_revoke(fields: wire.Fields) -> RevokeEntry:
    return RevokeEntry(authorization=_commitment(fields))


def _parse_destroy(fields: wire.Fields) -> DestroyEntry:
    return DestroyEntry(custodian=_custodian(fields), day=wire.parse_day(fields.one("day"), fields.place("day")))


def _parse_fault(fields: wire.Fields) -> FaultEntry:
    return FaultEntry(
        accuser=parse_key_name(fields.one("accuser"), fields.place("accuser")),
        accused=parse_key_name(fields.one("accused"), fields.place("accused")),
        object=_parse_object(fields.one("object"), fields.place("object")),
        evidence=_hash(fields, "evidence"),
    )


def _parse_object(value: str, place: str) -> SegmentId | int:
    kind, _, rest = value.partition(" ")
    if kind == "segment":
        return SegmentId(wire.parse_hex(rest, place, size=32))
    if kind == "intent":
        return wire.parse_decimal(rest, place, high=MAX_COUNT)
    raise MalformedInput(f"{place}: expected 'segment' and its id, or 'intent' and its index")


def _parse_reveal(fields: wire.Fields) -> RevealEntry:
    authorization = _commitment(fields)
    lines: list[RevealedLine] = []
    while True:
        shown, hidden = fields.many("line"), fields.many("hidden")
        lines += [_parse_revealed(value, shown=True, place=fields.place("line")) for value in shown]
        lines += [_parse_revealed(value, shown=False, place=fields.place("hidden")) for value in hidden]
        if not shown and not hidden:
            break
    indexes = [line.index for line in lines]
    if len(indexes) < SALT_LINE or indexes != [i for i in range(len(indexes) + 1) if i != SALT_LINE]:
        raise MalformedInput(f"{fields.place('line')}: expected every line of the text but its salt, in order")
    return RevealEntry(authorization=authorization, lines=tuple(lines))


def _parse_revealed(value: str, *, shown: bool, place: str) -> RevealedLine:
    parts = value.split(" ", 2 if shown else 1)
    if len(parts) != (3 if shown else 2):
        raise MalformedInput(f"{place}: expected an index, a hash and, if shown, the line")
    index = wire.parse_decimal(parts[0], place, high=999)
    return RevealedLine(index=index, proof=wire.parse_hex(parts[1], place, size=32), line=parts[2] if shown else None)


def _until(fields: wire.Fields) -> dt.datetime:
    return wire.parse_time(fields.one("until"), fields.place("until"))


def _parse_hold(fields: wire.Fields) -> HoldEntry:
    return HoldEntry(
        note=Commitment(_hash(fields, "note")),
        roster=_hash(fields, "roster"),
        rules=parse_rule_names(fields.one("rules"), fields.place("rules")),
        requester=parse_key_name(fields.one("requester"), fields.place("requester")),
        until=_until(fields),
    )


def _parse_held(fields: wire.Fields) -> HeldEntry:
    return HeldEntry(
        hold=_number(fields, "hold"),
        note=Commitment(_hash(fields, "note")),
        custodian=_custodian(fields),
        cells_at_most=_cells_at_most(fields),
    )


def _parse_extend(fields: wire.Fields) -> ExtendEntry:
    return ExtendEntry(hold=_number(fields, "hold"), note=Commitment(_hash(fields, "note")), until=_until(fields))


_PARSERS: Final[dict[str, Callable[[wire.Fields], Body]]] = {
    "epoch-key": _parse_epoch_key,
    "ingest": _parse_ingest,
    "withdraw": _parse_withdraw,
    "receipt": _parse_receipt,
    "intent": _parse_intent,
    "draw": _parse_draw,
    "close": _parse_close,
    "refuse": _parse_refuse,
    "revoke": _parse_revoke,
    "destroy": _parse_destroy,
    "fault": _parse_fault,
    "reveal": _parse_reveal,
    "absence": lambda fields: AbsenceEntry(custodian=_custodian(fields)),
    "objection": lambda fields: ObjectionEntry(absence=_number(fields, "absence")),
    "hold": _parse_hold,
    "held": _parse_held,
    "extend": _parse_extend,
    "release": lambda fields: ReleaseEntry(hold=_number(fields, "hold")),
    "ratify": lambda fields: RatifyEntry(
        intent=_number(fields, "intent"), authorization=_commitment(fields), custodian=_custodian(fields)
    ),
}
ENTRY_TYPES: Final = tuple(_PARSERS)
"""Every type of entry but ``roster``, as its first line names it."""
