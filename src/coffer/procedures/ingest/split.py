"""From canonical records to the rows of segments. Pure and column-wise.

A record gives two rows, a forwarded call four. Rows are grouped by day, kind and rule.

Source: ``docs/formats/segment.md``, "Rows of a segment".
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from coffer import wire
from coffer.bounds import SECONDS_PER_DAY
from coffer.identity.columns import sids
from coffer.identity.identifier import IdentityType, unpack_short_code
from coffer.identity.mobile_columns import unmarked
from coffer.identity.numbering import countries_of, plans
from coffer.ledger.roster import Roster
from coffer.records.feed import Feed
from coffer.records.layout import Layout
from coffer.records.no_index import NoIndex
from coffer.segments import rows as seg
from coffer.segments.rows import PackedRows, RowColumns, pack_rows
from coffer.tally.exact import Counted

_PEER_TYPES: Final = np.zeros(7, np.uint8)
_PEER_TYPES[[IdentityType.E164, IdentityType.SHORT]] = seg.PEER_E164, seg.PEER_SHORT
_PEER_TYPES[[IdentityType.EMAIL, IdentityType.SENDER, IdentityType.OPAQUE]] = seg.PEER_STRING


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class GroupKey:
    """The segment to which a row goes. ``kind``: the kind's number."""

    day: dt.date
    kind: int
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Split:
    """The rows of some records by segment, and the columns that the tally needs.

    ``unindexed``: how many records have a party on the no-index list. ``dialled``: how many have a party that is kept
    as the digits dialled.
    """

    groups: dict[GroupKey, PackedRows]
    counted: Counted
    unindexed: int
    dialled: int


@dataclass(frozen=True, slots=True)
class Party:
    """One side of the records.

    A party on the no-index list is ``is_present`` and has type 0, which a withheld party has too.
    """

    is_present: npt.NDArray[np.bool_]
    type: npt.NDArray[np.uint8]
    number: npt.NDArray[np.uint64]
    text: pa.StringArray
    cell: npt.NDArray[np.uint64]
    imei: npt.NDArray[np.uint64]
    imsi: npt.NDArray[np.uint64]
    country: npt.NDArray[np.uint16]
    """The country whose rule applies: an index into the country names of the roster's numbering tables."""

    def is_device_alone(self, feed: Feed) -> npt.NDArray[np.bool_]:
        """Where nobody is named, but a handset or a subscription by which the feed's rows are found.

        Such a row has a sid of zeros until ``indexing`` gives it others. A party on the no-index list is somebody.
        """
        devices = [self.imei] * ("imei" in feed.index) + [self.imsi] * ("imsi" in feed.index)
        is_device: npt.NDArray[np.bool_] = np.any([column > 0 for column in devices], axis=0)
        return is_device & ~self.is_present


def split_records(batch: pa.RecordBatch, *, feed: Feed, roster: Roster, no_index: NoIndex | None = None) -> Split:
    """The rows of a batch in the canonical schema, by segment.

    A party on the no-index list gets no row, and the other party's row shows it as withheld. The tally counts the
    record like any other.
    """
    start_s = batch.column("start").cast(pa.int64()).to_numpy() // 1_000_000
    kind = batch.column("kind").to_numpy()
    duration = batch.column("duration_s")
    known_duration = duration.is_valid().to_numpy(zero_copy_only=False)
    duration_s = duration.fill_null(0).to_numpy()
    parties = {name: party_of(batch, name, feed, roster, no_index) for name in ("a", "b", "f")}
    a, b, f = parties["a"], parties["b"], parties["f"]
    flags = _flags(batch, kind, duration_s, known_duration)
    shared = (start_s, np.minimum(duration_s, seg.MAX_DURATION_S).astype(np.uint32), flags, kind)
    sides = [(a, b, (a.type > 0) | a.is_device_alone(feed), seg.OUT), (b, a, b.type > 0, seg.IN)]
    if f.is_present.any():
        sides += [(b, f, f.is_present & (b.type > 0), seg.FORWARDED), (f, a, f.type > 0, seg.IN)]
    kinds = np.flatnonzero(np.bincount(kind, minlength=4)).tolist()
    parts: dict[GroupKey, list[PackedRows]] = {}
    for number in kinds:
        of_kind = kind == number if len(kinds) > 1 else None
        for own, peer, chosen, direction in sides:
            at = np.flatnonzero(chosen if of_kind is None else chosen & of_kind)
            if len(at):
                rows = _rows(own, peer, at, direction=direction, shared=shared, feed=feed, kind=number)
                for key, part in _by_segment(rows, own.country[at], start_s[at] // SECONDS_PER_DAY, number, roster):
                    parts.setdefault(key, []).append(part)
    counted = Counted(
        start_s=start_s,
        kind=kind,
        duration_s=np.where(known_duration, duration_s, -1),
        origin=_counted(a),
        destination=_counted(b),
    )
    dialled = [party.type == IdentityType.DIALLED for party in parties.values()]
    listed = [party.is_present & (party.type == 0) for party in parties.values()]
    return Split(
        groups={key: seg.concat_rows(of_segment) for key, of_segment in parts.items()},
        counted=counted,
        unindexed=int(np.count_nonzero(listed[0] | listed[1] | listed[2])) if no_index is not None else 0,
        dialled=int(np.count_nonzero(dialled[0] | dialled[1] | dialled[2])),
    )


def _counted(party: Party) -> npt.NDArray[np.uint16]:
    """The country that the tally counts for a party; none for dialled digits.

    Dialled digits are kept under the feed's country, but nothing shows that they are a number there.
    """
    return np.where(party.type == IdentityType.DIALLED, np.uint16(0), party.country)


def party_of(batch: pa.RecordBatch, name: str, feed: Feed, roster: Roster, no_index: NoIndex | None) -> Party:
    """One side of canonical records, with the country whose rule applies."""
    kinds = batch.column(f"{name}_type").to_numpy()
    number = batch.column(f"{name}_number").to_numpy()
    country = np.zeros(len(kinds), np.uint16)
    at = np.flatnonzero(kinds == IdentityType.E164)
    country[at] = countries_of(number[at], roster.numbering)
    names = plans(roster.numbering).country_names
    short = np.flatnonzero(kinds == IdentityType.SHORT)
    if len(short):
        codes, inverse = np.unique(number[short], return_inverse=True)
        country[short] = np.array([names.index(unpack_short_code(int(code))[0]) for code in codes], np.uint16)[inverse]
    country[kinds == IdentityType.DIALLED] = names.index(feed.home.country)
    own = [batch.column(f"{name}_{what}").to_numpy() for what in ("cell", "imei", "imsi")]
    is_present, text = kinds > 0, batch.column(f"{name}_text")
    if no_index is not None and (listed := no_index.is_listed(kinds, number, text)).any():
        kinds = np.where(listed, np.uint8(0), kinds)
        number = np.where(listed, np.uint64(0), number)
        text = pc.if_else(pa.array(listed), pa.scalar(None, text.type), text)
    return Party(is_present, kinds, number, text, own[0], own[1], own[2], country)


def _flags(
    batch: pa.RecordBatch, kind: npt.NDArray[np.uint8], duration_s: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.uint8]:
    """The flags of each record: answered, saturated."""
    answered = batch.column("answered")
    guess = (kind != 1) | ~known | (duration_s > 0)
    is_answered = np.where(
        answered.is_valid().to_numpy(zero_copy_only=False),
        pc.fill_null(answered, pa.scalar(value=False)).to_numpy(zero_copy_only=False),
        guess,
    )
    flags = np.where(is_answered, seg.FLAG_ANSWERED, 0) | np.where(
        duration_s > seg.MAX_DURATION_S, seg.FLAG_SATURATED, 0
    )
    return flags.astype(np.uint8)


def _rows(
    own: Party,
    peer: Party,
    at: npt.NDArray[np.int64],
    *,
    direction: int,
    shared: tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
    feed: Feed,
    kind: int,
) -> PackedRows:
    """One row for each record in ``at``, all of one kind, seen from ``own``."""
    start_s, duration_s, flags, _ = shared
    layout = feed.layout(kind)
    own_text = _take_text(own.text, at)
    high, low = sids(own.type[at], own.number[at], own_text, feed=feed.name, home=feed.home.country)
    peer_type = peer.type[at]
    peer_text = _take_text(peer.text, at)
    kinds, numbers = peers_of(peer_type, peer.number[at], peer_text)
    rows = RowColumns(
        sid_high=high,
        sid_low=low,
        peer_type=kinds,
        peer=numbers,
        second=(start_s[at] % SECONDS_PER_DAY).astype(np.uint32),
        duration_s=duration_s[at],
        flags=flags[at] | np.uint8(direction << 3),
        cell=own.cell[at],
        imei=own.imei[at] if layout & Layout.BY_IMEI else unmarked(own.imei[at]),
        imsi=own.imsi[at],
        peer_text=peer_text,
        peer_is_long=(peer_type == IdentityType.EMAIL) | (peer_type == IdentityType.OPAQUE),
        own=seg.pack_own(*peers_of(own.type[at], own.number[at], own_text)) if layout & Layout.OWN else high,
    )
    return pack_rows(rows, int(layout))


def peers_of(
    types: npt.NDArray[np.uint8], numbers: npt.NDArray[np.uint64], text: pa.StringArray
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
    """The peer type and the peer by which rows show these identities; shape (n,) each."""
    is_number = (types == IdentityType.E164) | (types == IdentityType.SHORT)
    kinds, peers = _PEER_TYPES[types], np.where(is_number, numbers, np.uint64(0))
    _pack_dialled(types == IdentityType.DIALLED, text, kinds, peers)
    return kinds, peers


def _pack_dialled(
    is_dialled: npt.NDArray[np.bool_],
    text: pa.StringArray,
    kinds: npt.NDArray[np.uint8],
    numbers: npt.NDArray[np.uint64],
) -> None:
    """Write the peer types and peers of dialled digits into ``kinds`` and ``numbers``.

    Each distinct value is packed once.
    """
    at = np.flatnonzero(is_dialled)
    if not len(at):
        return
    encoded = text.take(pa.array(at)).dictionary_encode()
    packed = [seg.pack_dialled(digits) for digits in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy()
    kinds[at] = np.array([kind for kind, _ in packed], np.uint8)[codes]
    numbers[at] = np.array([peer for _, peer in packed], np.uint64)[codes]


def _take_text(text: pa.StringArray, at: npt.NDArray[np.int64]) -> pa.StringArray:
    return pa.nulls(len(at), pa.string()) if text.null_count == len(text) else text.take(pa.array(at))


def country_rules(roster: Roster) -> npt.NDArray[np.int64]:
    """By country of the numbering tables, which of the roster's rules applies; shape (countries,)."""
    rules = list(roster.rules)
    return np.array([rules.index(roster.rule_for_country(name).name) for name in plans(roster.numbering).country_names])


def _by_segment(
    rows: PackedRows, country: npt.NDArray[np.uint16], day: npt.NDArray[np.int64], kind: int, roster: Roster
) -> Iterator[tuple[GroupKey, PackedRows]]:
    """The rows of one kind, by the segment to which they belong."""
    rules, by_country = list(roster.rules), country_rules(roster)
    key = day * len(rules) + by_country[country]
    first = int(key.min())
    for value in (np.flatnonzero(np.bincount(key - first)) + first).tolist():
        number, rule = divmod(value, len(rules))
        group = GroupKey(day=wire.day_from_number(number, "record"), kind=kind, rule=rules[rule])
        mine = key == value
        yield group, rows if mine.all() else rows.take(np.flatnonzero(mine))
