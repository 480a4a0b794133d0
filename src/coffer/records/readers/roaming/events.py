"""Events of TAP3 and NRTRDE to rows of the account, column-wise. Pure.

Numbers: TAP3 packs digits with the high nibble first and says of none whether it is international. The visited network
wrote them, so that a national number is one of another country than the feed's. Such a number is no number that the
feed's country could complete, and its event is rejected. Source: TD.57 and TD.35, data dictionaries.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer.errors import MalformedInput
from coffer.kinds import KINDS
from coffer.records.draft import OPTIONAL, UNREADABLE
from coffer.records.feed import Feed
from coffer.records.readers.account import OWN
from coffer.records.readers.roaming.layouts import NAMES, Fields, Layout, Tree
from coffer.records.readers.text.times import parse_times
from coffer.records.readers.threegpp import tbcd, tlv
from coffer.records.readers.threegpp.tbcd import Column
from coffer.records.rejects import Reason, Rejects, some_rejects

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
TEXT_SERVICES: Final = ("21", "22")
"""Teleservices: text terminated and originated, as TAP writes them in hexadecimal."""
FORWARDING: Final = ("21", "29", "2A", "2B", "20", "28")
"""Supplementary services by which a call goes on: unconditional, busy, no reply, not reachable, and all of them."""
_INTERNATIONAL: Final = r"^[1-9][0-9]{6,17}$"
_SHORT: Final = r"^[0-9]{3,6}$"
_UNSUCCESSFUL: Final = 3
"""A cause for termination: an attempt that came to nothing."""
_TIME: Final = "%Y%m%d%H%M%S%z"
_MAX_DURATION_S: Final = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Decoded:
    """``events``: rows for the account but for the file. ``skipped``: words of events without a record.

    ``bad``: offsets of events that cannot be read. ``flaws``: optional fields that are empty because what stands there is none.
    """

    events: pl.DataFrame
    skipped: Counter[str]
    bad: I64
    flaws: Rejects


def fields_of(view: tlv.U8, whole: Column, tree: Tree) -> tuple[Fields, Bools, Bools]:
    """The fields of some events.

    Says too which events cannot be walked, and which have an indefinite length within.
    """
    nothing = np.zeros(len(whole), np.int64)
    found = {name: Column(view=view, starts=nothing, sizes=nothing) for name in NAMES}
    is_bad, is_open = np.zeros(len(whole), np.bool_), np.zeros(len(whole), np.bool_)
    waiting: list[tuple[Column, Tree]] = [(whole, tree)]
    while waiting:
        around, below = waiting.pop()
        rows = np.flatnonzero(around.is_there)
        walked = tlv.walk(view, around.starts[rows], (around.starts + around.sizes)[rows], tlv.APPLICATION)
        is_bad[rows[walked.is_bad]] = True
        is_open[rows[walked.is_indefinite]] = True
        for tag, what in below.items():
            part = _first(view, rows, walked.elements, tag, len(whole))
            if isinstance(what, dict):
                waiting.append((part, what))
            else:
                had = found[what]
                found[what] = Column(
                    view=view,
                    starts=np.where(had.is_there, had.starts, part.starts),
                    sizes=np.where(had.is_there, had.sizes, part.sizes),
                )
    return found, is_bad, is_open


def _first(view: tlv.U8, rows: I64, elements: tlv.Elements, tag: int, count: int) -> Column:
    """The first element of a tag in each event, size 0 where there is none."""
    at = np.flatnonzero(elements.tag == tag)[::-1]  # the last that is written stays, and that is the first
    starts, sizes = np.zeros(count, np.int64), np.zeros(count, np.int64)
    row = rows[elements.row[at]]
    starts[row], sizes[row] = elements.starts[at], (elements.ends - elements.starts)[at]
    return Column(view=view, starts=starts, sizes=sizes)


def decode(data: bytes, spans: tuple[I64, I64, I64], layout: Layout, offsets: dict[str, str], feed: Feed) -> Decoded:
    """Rows of the events that stand at [start, end) of ``data``.

    ``spans``: starts, ends, and offsets in the file. ``offsets``: by code the offset from UTC, like ``+0100``.
    """
    starts, ends, places = spans
    view = np.frombuffer(data + bytes(tlv.PADDING), np.uint8)
    outer = tlv.walk(view, starts, ends, tlv.APPLICATION)
    elements = outer.elements
    is_one = np.bincount(elements.row, minlength=len(starts)) == 1
    order = np.argsort(elements.row, kind="stable")
    chosen = np.flatnonzero(is_one & ~outer.is_bad)
    at = order[np.searchsorted(elements.row[order], chosen)]
    tag = elements.tag[at]
    is_event = np.isin(tag, (layout.originated, layout.terminated))
    skipped = Counter(layout.skipped.get(number, "unknown-event") for number in tag[~is_event].tolist())
    chosen, at, tag = chosen[is_event], at[is_event], tag[is_event]
    whole = Column(view=view, starts=elements.starts[at], sizes=(elements.ends - elements.starts)[at])
    found, is_bad, is_open = fields_of(view, whole, layout.fields)
    events = _Events(found, tag == layout.originated, layout, offsets, feed)
    is_kept = ~(is_bad | is_open)
    rows = events.rows().with_columns(offset=places[chosen]).filter(pl.Series(is_kept))
    again = np.sort(np.concatenate((np.flatnonzero(outer.is_indefinite), chosen[is_open])))
    bad = np.setdiff1d(np.flatnonzero(~is_one | outer.is_bad), again)
    decoded = Decoded(
        events=rows,
        skipped=skipped,
        bad=places[np.concatenate((bad, chosen[is_bad & ~is_open]))],
        flaws=Rejects.concat(
            [some_rejects(places[chosen][bad & is_kept], reason, name) for bad, reason, name in events.flaws]
        ),
    )
    return _with_rewritten(decoded, data, spans, again, (layout, offsets, feed)) if len(again) else decoded


def _with_rewritten(
    decoded: Decoded, data: bytes, spans: tuple[I64, I64, I64], again: I64, rules: tuple[Layout, dict[str, str], Feed]
) -> Decoded:
    """Events with indefinite lengths, rewritten one by one and then read like the others."""
    starts, ends, places = spans
    rewritten, kept, bad = [], [], []
    for i in again.tolist():
        try:
            rewritten.append(tlv.definite(data[int(starts[i]) : int(ends[i])]))
            kept.append(int(places[i]))
        except MalformedInput:
            bad.append(int(places[i]))
    sizes = np.array([len(part) for part in rewritten], np.int64)
    stops = np.cumsum(sizes)
    second = decode(b"".join(rewritten), (stops - sizes, stops, np.array(kept, np.int64)), *rules)
    return Decoded(
        events=pl.concat([decoded.events, second.events]),
        skipped=decoded.skipped + second.skipped,
        bad=np.concatenate((decoded.bad, np.array(bad, np.int64), second.bad)),
        flaws=Rejects.concat([decoded.flaws, second.flaws]),
    )


class _Events:
    """The fields of n events as columns.

    ``flaws``: optional fields that are bad, each with its reason and name.
    """

    def __init__(
        self, fields: Fields, is_originated: Bools, layout: Layout, offsets: dict[str, str], feed: Feed
    ) -> None:
        self._fields = fields
        self._is_originated = is_originated
        self._layout = layout
        self._offsets = offsets
        self._feed = feed
        self._fault = np.zeros(len(is_originated), np.uint8)
        self._name = np.full(len(is_originated), "", object)
        self.flaws: list[tuple[Bools, Reason, str]] = []

    def rows(self) -> pl.DataFrame:
        """Columns of ``account.EVENTS`` and ``account.MORE``, without file and offset."""
        service = self._text("service")
        is_text = service.is_in(TEXT_SERVICES)
        is_text |= (service == "") & self._is_there("text_called", "text_calling")
        duration, is_long = tbcd.integers(self._fields["duration"])
        has_duration = self._fields["duration"].is_there & ~is_text.to_numpy()
        is_bad_duration = has_duration & (is_long | (duration < 0) | (duration > _MAX_DURATION_S))
        parties = self._parties(is_text)  # a fault of a party comes before one of its event
        self._mark(is_bad_duration, Reason.BAD_DURATION, "duration_s")
        times = parse_times(self._stamps(), (_TIME,), "UTC", "reject")
        self._mark(times.fault.to_numpy() > 0, Reason.BAD_TIME, "start")
        own = self._own(parties["f"] != "")
        return pl.DataFrame(
            {
                "kind": pl.Series(np.where(is_text.to_numpy(), KINDS["text"], KINDS["call"]).astype(np.uint8)),
                "start": times.start,
                "is_ambiguous": times.is_ambiguous,
                "fault": self._fault,
                "field": pl.Series(self._name.tolist(), dtype=pl.String),
                "duration_s": pl.Series(duration).set(pl.Series(~has_duration), None),
                "answered": self._answered(has_duration & (duration > 0)),
                **parties,
                **own,
            }
        )

    def _answered(self, is_talk: Bools) -> pl.Series:
        """Whether somebody talked; null where the event does not say so, as of a text."""
        cause, _ = tbcd.integers(self._fields["cause"])
        is_failed = self._fields["cause"].is_there & (cause == _UNSUCCESSFUL)
        return pl.Series(is_talk).set(pl.Series(~is_talk & ~is_failed), None)

    def _text(self, name: str) -> pl.Series:
        data, ends = self._fields[name].flat()
        if (data > 127).any():  # no letters of ISO 646; there are few
            raw = tbcd.raw(self._fields[name]).to_list()
            return pl.Series([value.decode("utf-8", "replace").strip(" ") for value in raw], dtype=pl.String)
        bounds = np.concatenate((np.zeros(1, np.int64), ends))
        found = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(bounds), pa.py_buffer(data))
        return pl.Series(pl.from_arrow(found)).str.strip_chars(" ")

    def _digits(self, name: str) -> pl.Series:
        """Packed digits, high nibble first, without the filler."""
        return tbcd.raw(self._fields[name]).bin.encode("hex").str.strip_chars_end("f")

    def _is_there(self, *names: str) -> pl.Series:
        found = np.zeros(len(self._fault), np.bool_)
        for name in names:
            found |= self._fields[name].is_there
        return pl.Series(found)

    def _mark(self, bad: Bools, reason: Reason, name: str) -> None:
        if name in OPTIONAL:
            self.flaws.append((bad, reason, name))
            return
        at = bad & (self._fault == 0)
        self._fault[at], self._name[at] = reason, name

    def _stamps(self) -> pl.Series:
        """Local time and offset as one text; empty where one of them is missing or no such thing."""
        offset = self._text("offset")
        if self._layout.offsets:
            codes, _ = tbcd.integers(self._fields["offset_code"])
            known = pl.Series(codes).cast(pl.String).replace_strict(self._offsets, default="", return_dtype=pl.String)
            offset = known.set(~self._is_there("offset_code"), "")
        stamp = self._text("start")
        is_good = stamp.str.contains("^[0-9]{14}$") & offset.str.contains("^[+-][0-9]{4}$")
        return (stamp + offset).set(~is_good, "")

    def _parties(self, is_text: pl.Series) -> dict[str, pl.Series]:
        """Who was in touch: the subscriber, and the other side as far as its number is certain."""
        is_originated = pl.Series(self._is_originated)
        own = self._served()
        numbers = self._digits if self._layout.has_packed_numbers else self._text
        other = self._other(numbers("called"), self._text("text_called"), self._text("dialled"), is_text)
        nobody = pl.Series([""]).new_from_index(0, len(other))
        caller = self._other(numbers("calling"), self._text("text_calling"), nobody, is_text)
        is_forwarded = is_originated & ~is_text & self._text("supplementary").str.to_uppercase().is_in(FORWARDING)
        a = own.zip_with(is_originated, caller)
        b = other.zip_with(is_originated, own)
        for name, party in (("a", a), ("b", b)):
            self._mark((party == "?").to_numpy(), Reason.NOT_A_NUMBER, name)
        # The forwarder did not call: who did is not certain from this record.
        return {
            "a": nobody.zip_with(is_forwarded, a),
            "b": own.zip_with(is_forwarded, b),
            "f": b.zip_with(is_forwarded, nobody),
        }

    def _served(self) -> pl.Series:
        """The subscriber's number.

        NRTRDE has none. Then it is the IMSI, as an identity of this feed, if the feed has such.
        """
        msisdn = self._digits("msisdn")
        number = ("+" + msisdn).set(~msisdn.str.contains(_INTERNATIONAL), "")
        imsi = self._digits("imsi")
        is_named = (number == "") & imsi.str.contains("^[0-9]{6,15}$")
        if self._feed.local_identities:
            number = number.zip_with(~is_named, "imsi-" + imsi)
        return number

    def _other(self, number: pl.Series, of_text: pl.Series, dialled: pl.Series, is_text: pl.Series) -> pl.Series:
        """The other side: a number that is certain, else ``?``; empty where nobody is named."""
        written = of_text.zip_with(is_text & (of_text != ""), number)
        written = written.zip_with(written != "", dialled)
        bare = written.str.replace(r"^(?:\+|00)", "")
        is_international = bare.str.contains(_INTERNATIONAL)
        is_marked = written.str.contains(r"^(?:\+|00)")
        # What was dialled is certain only with a mark; a number that the network gives is international without one.
        is_from_network = (number != "") | is_text
        is_sure = is_international & (is_marked | is_from_network)
        is_sender = is_text & written.str.contains(r"[A-Za-z]|" + _SHORT)
        is_sender |= written.str.contains(UNREADABLE, literal=True)  # which is named for what it is
        other = ("+" + bare).zip_with(
            is_sure, written.zip_with(is_sender, pl.Series(["?"]).new_from_index(0, len(written)))
        )
        return other.set(written == "", "")

    def _own(self, is_forwarded: pl.Series) -> dict[str, pl.Series]:
        """IMSI and IMEI of the subscriber, where the feed keeps them; never a cell."""
        is_a = pl.Series(self._is_originated) & ~is_forwarded
        columns = {}
        devices = (("imei", 14, 16, "1", Reason.BAD_IMEI), ("imsi", 6, 15, "", Reason.BAD_IMSI))
        for name, shortest, longest, mark, reason in devices:
            text = self._digits(name)
            is_good = text.str.contains(f"^[0-9]{{{shortest},{longest}}}$")
            value = (mark + text).set(~is_good, "0").cast(pl.UInt64)
            if name not in self._feed.keep:
                value, is_good = value * 0, is_good | True
            for party, is_its in (("a", is_a), ("b", ~is_a)):
                columns[f"{party}_{name}"] = value.set(~is_its, 0)
                self._mark(((text != "") & ~is_good & is_its).to_numpy(), reason, f"{party}_{name}")
        assert {"imei", "imsi"} < set(OWN), "the third is a cell, which roaming never gives"
        return columns
