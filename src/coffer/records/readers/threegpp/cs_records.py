"""Circuit-switched charging records to legs, column-wise. Pure.

Says which field of which record means what, and reads its values. A leg is what one record says of a call or text:
who was served, who was the other side. Source: TS 32.298 section 5.2.2 (``CSRecord``); ``forwardCallRecord [100]`` is
Huawei's.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from coffer.errors import MalformedInput
from coffer.kinds import KINDS
from coffer.records.draft import OPTIONAL
from coffer.records.feed import Feed
from coffer.records.readers.account import UTC_MICROS, Columns
from coffer.records.readers.text.times import Times, parse_times
from coffer.records.readers.threegpp import tbcd, tlv
from coffer.records.readers.threegpp.domains import BY_TAG
from coffer.records.readers.threegpp.tbcd import Column
from coffer.records.rejects import Reason, Rejects, some_rejects

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


class Role(IntEnum):
    """What a leg is of its event. The order is that in which one of them stands for the others."""

    ORIGINATED = 1
    FORWARDED = 2
    TERMINATED = 3
    ROAMING = 4
    TRANSIT = 5


MO_CALL, MT_CALL, ROAMING, INCOMING, OUTGOING, TRANSIT, MO_TEXT, MT_TEXT, FORWARD = 0, 1, 2, 3, 4, 5, 6, 7, 100
_ROLES: Final = {
    MO_CALL: Role.ORIGINATED, MT_CALL: Role.TERMINATED, ROAMING: Role.ROAMING, INCOMING: Role.TRANSIT, OUTGOING: Role.TRANSIT,
    TRANSIT: Role.TRANSIT, MO_TEXT: Role.ORIGINATED, MT_TEXT: Role.TERMINATED, FORWARD: Role.FORWARDED,
}  # fmt: skip
NO_EVENT: Final = {
    8: "text-gateway", 9: "text-gateway", 10: "supplementary-service", 11: "location-inquiry", 12: "location-update", 13: "location-update",
    14: "equipment-check", 15: "other-record", 16: "camel-leg", 17: "location-service", 18: "location-service", 19: "location-service",
    20: "handover-leg", 21: "roaming-leg", 22: "registration",
}  # fmt: skip
"""Records that tell of no call or text of their own."""
_MO: Final = {
    "imsi": 1, "imei": 2, "msisdn": 3, "calling": 4, "called": 5, "entity": 9, "location": 12, "service": 14, "services_used": 17,
    "seizure": 22, "answer": 23, "duration": 25, "cause": 30, "reference": 32, "sequence": 33, "network_reference": 38, "msc": 39,
    "camel_forward": 40,
}  # fmt: skip
_GATEWAY: Final = {
    "calling": 1, "called": 2, "entity": 3, "seizure": 6, "answer": 7, "duration": 9, "cause": 11, "reference": 13, "sequence": 14,
}  # fmt: skip
_FIELDS: Final = {
    MO_CALL: _MO,
    FORWARD: _MO,
    MT_CALL: {
        "imsi": 1, "imei": 2, "msisdn": 3, "calling": 4, "entity": 6, "location": 9, "service": 11, "seizure": 19, "answer": 20,
        "duration": 22, "cause": 27, "reference": 29, "sequence": 30, "network_reference": 33, "msc": 34,
    },
    ROAMING: {
        "imsi": 1, "msisdn": 2, "calling": 3, "entity": 5, "service": 8, "seizure": 12, "answer": 13, "duration": 15, "cause": 17,
        "reference": 19, "sequence": 20, "network_reference": 22, "msc": 23,
    },
    INCOMING: _GATEWAY,
    OUTGOING: _GATEWAY,
    TRANSIT: {
        "entity": 1, "calling": 4, "called": 5, "seizure": 7, "answer": 8, "duration": 10, "cause": 12, "reference": 14, "sequence": 15,
    },
    MO_TEXT: {
        "imsi": 1, "imei": 2, "msisdn": 3, "entity": 6, "location": 7, "reference": 8, "seizure": 9, "result": 10, "called": 12,
    },
    MT_TEXT: {"imsi": 2, "imei": 3, "msisdn": 4, "entity": 6, "location": 7, "seizure": 8, "result": 9},
}  # fmt: skip
"""Tags by record. ``seizure`` of a text is when it was sent or delivered; ``called`` of a text has another encoding."""
NAMES: Final = tuple(sorted({name for fields in _FIELDS.values() for name in fields}))
FORWARDING: Final = (0x21, 0x24, 0x29, 0x2A, 0x2B)
"""Supplementary services of TS 29.002 by which a call goes on: unconditional, deflection, busy, no reply, not reachable."""
TEXT_SERVICES: Final = (0x21, 0x22)
"""Teleservices: text terminated and originated."""
MAX_DURATION_S: Final = 1 << 31
"""68 years; a sum of parts then fits an i64 whatever they claim."""
LEGS: Final[Columns] = {
    "file": pl.Int64, "offset": pl.Int64, "role": pl.UInt8, "kind": pl.UInt8, "start": UTC_MICROS, "is_ambiguous": pl.Boolean,
    "fault": pl.UInt8, "field": pl.String, "duration_s": pl.Int64, "answered": pl.Boolean, "cause": pl.Int64, "sequence": pl.Int64,
    "own_key": pl.String, "call_key": pl.String, "imsi_key": pl.String, "a": pl.String, "b": pl.String, "f": pl.String, "cell": pl.UInt64,
    "imei": pl.UInt64, "imsi": pl.UInt64,
}  # fmt: skip
"""``fault``: a ``Reason``, at ``field``. ``own_key``: equal for the parts of one leg. ``call_key``: equal for the legs of one call, over
switches; both empty where the record has none. ``a``, ``b``, ``f``: numbers as written, empty for nobody. ``cell``, ``imei``, ``imsi``: of
the served party, who is a of an originated leg and b of any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRules:
    """``plmn``: MCC and MNC of a location without them, (0, 0) for none: then it is no cell.

    ``has_offsets``: times carry their offset from UTC.
    """

    feed: Feed
    plmn: tuple[int, int]
    has_offsets: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Decoded:
    """``legs``: as ``LEGS`` but for the file.

    ``skipped``: words of records without an event. ``bad``: offsets of records that cannot be read.

    ``flaws``: optional fields of ``legs`` that are empty because what stands there is none.
    """

    legs: pl.DataFrame
    skipped: list[str]
    bad: I64
    flaws: Rejects


def decode(data: bytes, starts: I64, ends: I64, offsets: I64, rules: DecodeRules) -> Decoded:
    """Legs of records that stand at ``[start, end)`` of ``data``; shapes (n,).

    ``offsets``: where each stands in its file.
    """
    view = np.frombuffer(data + bytes(tlv.PADDING), np.uint8)
    outer = tlv.walk(view, starts, ends)
    is_open, is_bad = outer.is_indefinite, outer.is_bad
    is_bad |= (np.bincount(outer.elements.row, minlength=len(starts)) != 1) & ~is_open
    chosen = np.flatnonzero(~is_bad & ~is_open)
    order = np.argsort(outer.elements.row, kind="stable")
    at = order[np.searchsorted(outer.elements.row[order], chosen)]
    choice, first, last = outer.elements.tag[at], outer.elements.starts[at], outer.elements.ends[at]
    known = np.isin(choice, list(_ROLES))
    skipped = [_no_event(number) for number in choice[~known].tolist()]
    chosen, choice, first, last = chosen[known], choice[known], first[known], last[known]
    inner = tlv.walk(view, first, last)
    is_open[chosen[inner.is_indefinite]] = True
    is_bad[chosen[inner.is_bad]] = True
    good = ~(inner.is_bad | inner.is_indefinite)
    record = _Record(view, choice, inner.elements, rules)
    legs = record.legs().with_columns(offset=offsets[chosen])
    is_whole = good & ~record.has_open_parts
    legs = legs.filter(pl.Series(is_whole))
    is_open[chosen[record.has_open_parts]] = True
    bad = np.flatnonzero(is_bad & ~is_open)
    again = np.flatnonzero(is_open)
    decoded = Decoded(legs=legs, skipped=skipped, bad=offsets[bad], flaws=record.flaws(offsets[chosen], is_whole))
    return _with_rewritten(decoded, data, again, (starts, ends, offsets), rules) if len(again) else decoded


def _no_event(choice: int) -> str:
    """Under which word a record without an event is counted; it may be of another domain."""
    if choice in NO_EVENT:
        return NO_EVENT[choice]
    return BY_TAG[choice][1].word if choice in BY_TAG else "unknown-record"


def _with_rewritten(
    decoded: Decoded, data: bytes, again: I64, places: tuple[I64, I64, I64], rules: DecodeRules
) -> Decoded:
    """Records with indefinite lengths, rewritten one by one and then read like the others."""
    starts, ends, offsets = places
    rewritten, kept, bad = [], [], []
    for i in again.tolist():
        try:
            rewritten.append(tlv.definite(data[int(starts[i]) : int(ends[i])]))
            kept.append(int(offsets[i]))
        except MalformedInput:
            bad.append(int(offsets[i]))
    sizes = np.array([len(part) for part in rewritten], np.int64)
    stops = np.cumsum(sizes)
    second = decode(b"".join(rewritten), stops - sizes, stops, np.array(kept, np.int64), rules)
    return Decoded(
        legs=pl.concat([decoded.legs, second.legs]),
        skipped=decoded.skipped + second.skipped,
        bad=np.concatenate((decoded.bad, np.array(bad, np.int64), second.bad)),
        flaws=Rejects.concat([decoded.flaws, second.flaws]),
    )


def _slots() -> npt.NDArray[np.int8]:
    """Which column a tag of a record goes to, -1 none; shape (choices, tags)."""
    table = np.full((FORWARD + 1, 128), -1, np.int8)
    for choice, fields in _FIELDS.items():
        for name, tag in fields.items():
            table[choice, tag] = NAMES.index(name)
    return table


_SLOTS: Final = _slots()


class _Record:
    """The fields of n records as columns."""

    def __init__(self, view: U8, choice: I64, elements: tlv.Elements, rules: DecodeRules) -> None:
        self._view = view
        self._choice = choice
        self._rules = rules
        self.has_open_parts = np.zeros(len(choice), np.bool_)
        is_low = (elements.tag >= 0) & (elements.tag < _SLOTS.shape[1])
        slot = np.where(is_low, _SLOTS[choice[elements.row], np.where(is_low, elements.tag, 0)], -1)
        self._starts = np.zeros((len(NAMES), len(choice)), np.int64)
        self._sizes = np.zeros((len(NAMES), len(choice)), np.int64)
        wanted = slot >= 0
        slot, row = slot[wanted], elements.row[wanted]
        self._starts[slot, row] = elements.starts[wanted]
        self._sizes[slot, row] = elements.ends[wanted] - elements.starts[wanted]
        self._fault = np.zeros(len(choice), np.uint8)
        self._field = np.full(len(choice), "", object)
        self._flaws: list[tuple[I64, Reason, str]] = []

    def _column(self, name: str) -> Column:
        at = NAMES.index(name)
        return Column(view=self._view, starts=self._starts[at], sizes=self._sizes[at])

    def _within(self, name: str) -> tlv.Elements:
        """The elements inside a field; ``row`` is the record."""
        column = self._column(name)
        rows = np.flatnonzero(column.is_there)
        walked = tlv.walk(self._view, column.starts[rows], (column.starts + column.sizes)[rows])
        self.has_open_parts[rows[walked.is_indefinite]] = True
        self._mark_rows(rows[walked.is_bad], Reason.BAD_RECORD, "")
        found = walked.elements
        return tlv.Elements(row=rows[found.row], tag=found.tag, starts=found.starts, ends=found.ends)

    def _part(self, elements: tlv.Elements, tag: int) -> Column:
        """One of the elements inside a field, as a column over all records."""
        starts, sizes = np.zeros(len(self._choice), np.int64), np.zeros(len(self._choice), np.int64)
        at = elements.tag == tag
        starts[elements.row[at]] = elements.starts[at]
        sizes[elements.row[at]] = (elements.ends - elements.starts)[at]
        return Column(view=self._view, starts=starts, sizes=sizes)

    def flaws(self, offsets: I64, is_kept: npt.NDArray[np.bool_]) -> Rejects:
        """Optional fields that were marked in rows that are kept."""
        parts = [
            some_rejects(offsets[rows[is_kept[rows]]], reason, field)
            for rows, reason, field in self._flaws
            if is_kept[rows].any()
        ]
        return Rejects.concat(parts)

    def _mark_rows(self, rows: I64, reason: Reason, field: str) -> None:
        if field in OPTIONAL:
            self._flaws.append((rows, reason, field))
            return
        rows = rows[self._fault[rows] == 0]
        self._fault[rows] = reason
        self._field[rows] = field

    def _mark(self, bad: npt.NDArray[np.bool_], reason: Reason, field: str) -> None:
        self._mark_rows(np.flatnonzero(bad), reason, field)

    def legs(self) -> pl.DataFrame:
        """``LEGS`` without file and offset."""
        is_text_record = np.isin(self._choice, (MO_TEXT, MT_TEXT))
        role = self._roles()
        kind = np.where(is_text_record | self._is_text_service(), KINDS["text"], KINDS["call"])
        start, is_ambiguous = self._starts_of_events()
        answered = np.where(is_text_record, ~self._column("result").is_there, self._column("answer").is_there)
        duration, is_long = tbcd.integers(self._column("duration"))
        self._mark(is_long | (duration < 0) | (duration > MAX_DURATION_S), Reason.BAD_DURATION, "duration_s")
        has_duration = self._column("duration").is_there & ~is_text_record
        sequence, _ = tbcd.integers(self._column("sequence"))
        cause, _ = tbcd.integers(self._column("cause"))
        columns = {
            "role": role,
            "kind": kind.astype(np.uint8),
            "start": start,
            "is_ambiguous": is_ambiguous,
            "duration_s": pl.Series(np.where(answered, duration, 0)).set(pl.Series(~has_duration), None),
            "answered": answered,
            "cause": cause,
            "sequence": pl.Series(sequence).set(pl.Series(~self._column("sequence").is_there), None),
            **self._keys(),
            **self._parties(role, is_text_record),
            **self._own(role),
        }
        return pl.DataFrame(columns | {"fault": self._fault, "field": pl.Series(self._field.tolist(), dtype=pl.String)})

    def _roles(self) -> U8:
        table = np.zeros(FORWARD + 1, np.uint8)
        for choice, usual in _ROLES.items():
            table[choice] = usual
        role: U8 = table[self._choice]
        services = self._within("services_used")
        inner = tlv.walk(self._view, services.starts, services.ends)
        codes = inner.elements.where(inner.elements.tag == 0)
        is_forwarding = np.isin(self._view[codes.starts], FORWARDING) & (codes.ends > codes.starts)
        rows = services.row[codes.row[is_forwarding]]
        self.has_open_parts[services.row[inner.is_indefinite]] = True
        camel, _ = tbcd.integers(self._column("camel_forward"))
        forwarded = camel == 1
        forwarded[rows] = True
        role[(role == Role.ORIGINATED) & (self._choice == MO_CALL) & forwarded] = Role.FORWARDED
        return role

    def _is_text_service(self) -> npt.NDArray[np.bool_]:
        service = self._part(self._within("service"), 3)
        found: npt.NDArray[np.bool_] = np.isin(service.octet(0), TEXT_SERVICES) & service.is_there
        return found

    def _starts_of_events(self) -> tuple[pl.Series, pl.Series]:
        """Seizure, else answer; null where the fault says why."""
        seizure, answer = self._column("seizure"), self._column("answer")
        is_seized = seizure.is_there
        column = Column(
            view=self._view,
            starts=np.where(is_seized, seizure.starts, answer.starts),
            sizes=np.where(is_seized, seizure.sizes, answer.sizes),
        )
        clock, offset, is_bad = tbcd.times(column)
        nothing = np.iinfo(np.int64).min
        is_bad |= ~column.is_there
        if self._rules.has_offsets:
            is_bad |= offset == nothing
            utc = pl.Series(clock - np.where(is_bad, 0, offset)).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            times = Times.certain(utc.set(pl.Series(is_bad), None))
        else:
            feed = self._rules.feed
            text = pl.Series(clock).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S").set(pl.Series(is_bad), "")
            times = parse_times(text, ("%Y-%m-%d %H:%M:%S",), feed.time_zone, feed.fold)
        fault = times.fault.to_numpy()
        for reason in np.unique(fault[fault > 0]).tolist():
            self._mark(fault == reason, Reason(reason), "start")
        return times.start, times.is_ambiguous

    def _keys(self) -> dict[str, pl.Series]:
        """What the parts of a leg share, and what the legs of a call share.

        A leg: kind of record, switch, served IMSI and reference. A call: network reference and the switch that gave
        it.
        """
        reference, entity, imsi, network, msc = (
            tbcd.raw(self._column(name)).bin.encode("hex")
            for name in ("reference", "entity", "imsi", "network_reference", "msc")
        )
        choice = pl.Series(self._choice).cast(pl.String)
        has_own, has_call = (pl.Series(self._column(name).is_there) for name in ("reference", "network_reference"))
        own = choice + "/" + entity + "/" + imsi + "/" + reference
        return {
            "own_key": own.set(~has_own | ~_is_set(reference), ""),
            "call_key": (network + "/" + msc).set(~has_call | ~_is_set(network), ""),
            "imsi_key": imsi,
        }

    def _parties(self, role: U8, is_text_record: npt.NDArray[np.bool_]) -> dict[str, pl.Series]:
        home = self._rules.feed.home
        served = tbcd.numbers(self._column("msisdn"), home)
        calling = tbcd.numbers(self._column("calling"), home)
        called_column = self._column("called")
        called = tbcd.numbers(called_column, home)
        if is_text_record.any():
            called = called.zip_with(pl.Series(~is_text_record), tbcd.message_addresses(called_column, home))
        roles = pl.Series(role)
        is_served_a, is_transit = roles == Role.ORIGINATED, roles == Role.TRANSIT
        a = calling.zip_with(~is_served_a | (served == ""), served)
        b = called.zip_with(is_served_a | is_transit, served)
        f = called.zip_with(roles == Role.FORWARDED, pl.Series([""]).new_from_index(0, len(called)))
        return {"a": a, "b": b, "f": f}

    def _own(self, role: U8) -> dict[str, npt.NDArray[np.uint64]]:
        """Cell, IMEI and IMSI of the served party, where the feed keeps them; 0 elsewhere."""
        keep, party = self._rules.feed.keep, np.where(role == Role.ORIGINATED, "a", "b")
        own = {name: np.zeros(len(self._choice), np.uint64) for name in ("cell", "imei", "imsi")}
        devices = (("imei", 14, 16, "1", Reason.BAD_IMEI), ("imsi", 6, 15, "", Reason.BAD_IMSI))
        for name, shortest, longest, mark, reason in devices:
            if name in keep:
                own[name], bad = tbcd.serials(self._column(name), shortest, longest, mark)
                for side in ("a", "b"):
                    self._mark(bad & (party == side), reason, f"{side}_{name}")
        if "cell" in keep:
            own["cell"], bad = self._cells()
            for side in ("a", "b"):
                self._mark(bad & (party == side), Reason.BAD_CELL, f"{side}_cell")
        return own

    def _cells(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        """As ``identity.cells`` packs them; 0 where there is no location, or no network is known."""
        parts = self._within("location")
        area, cell, network = (self._part(parts, tag) for tag in (0, 1, 2))
        mcc, mnc, is_bad = tbcd.networks(network, self._rules.plmn)
        numbers = [part.octet(0).astype(np.uint64) << np.uint64(8) | part.octet(1) for part in (area, cell)]
        is_there = area.is_there & cell.is_there
        is_bad |= is_there & ((area.sizes != 2) | (cell.sizes != 2))
        packed = mcc << np.uint64(54) | mnc << np.uint64(44) | numbers[0] << np.uint64(28) | numbers[1]
        return np.where(is_there & ~is_bad & (mcc > 0), packed, np.uint64(0)), is_bad


def _is_set(reference: pl.Series) -> pl.Series:
    """A reference of zeros, in hexadecimal, names nothing: strangers' legs must not be joined by it."""
    return reference.str.contains("[1-9a-f]").fill_null(value=False)
