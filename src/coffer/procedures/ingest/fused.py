"""Lines of CSV to rows and counts by the compiled kernel; odd lines are left over.

A feed is made into tables once: what each column is, how times and
numbers are read, which words mean what. Numbers in plain digits are read by the kernel itself. Any other party is a
*word*: the first time it is met, its identity is found by the code that is there for columns, and kept. Pure; steps 3
and 4 of ``docs/procedures/ingest.md``.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeGuard

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer import kernels, wire
from coffer.entropy import Entropy
from coffer.identity.arrays import POWERS_OF_TEN, U64
from coffer.identity.columns import sids
from coffer.identity.identifier import IdentityType
from coffer.identity.numbering import plans
from coffer.identity.readings import other_idd
from coffer.identity.tables import number_tables
from coffer.identity.validity import has_national_zero
from coffer.ledger.roster import Roster
from coffer.procedures.ingest.split import GroupKey, country_rules, party_of, peers_of
from coffer.records.canonical import complete
from coffer.records.draft import Draft, Marks, PartyDraft, Window
from coffer.records.feed import Feed
from coffer.records.layout import Layout
from coffer.records.no_index import NoIndex
from coffer.records.readers.mapped.csv import BoundCsv
from coffer.records.readers.mapped.instructions import instructions, set_instructions
from coffer.records.readers.text.times import day_offset
from coffer.segments.header import extra_bytes
from coffer.segments.rows import PEER_STRING, PackedRows, format_string
from coffer.tally.exact import ExactCounts, count_cells

I64 = npt.NDArray[np.int64]
Keep = Callable[[GroupKey, PackedRows], None]
"""Takes rows of a group."""

_ROWS: Final = 2**14
"""Rows that are held before they are put into groups: as many as stay in the cache of one core."""
_RUNS: Final = 2**16
_UNKNOWN: Final = 2**15
"""Words that are learnt at once. What is beyond goes the slow way, and is met again."""
_CELLS: Final = 2**16
MAX_WORDS: Final = 2**18
"""Words that are kept, of 80 B each in slots of which half are free: 40 MiB. The frequent ones come first."""
_WORD_BYTES: Final = 40
_MULTIPLIERS: Final = 6
_MAX_DAYS: Final = 100_000
"""Days for which groups are looked up in a table, of 16 B a day and rule."""
_DAY_MICROS: Final = 86_400_000_000
_FREE: Final = np.uint64(2**64 - 1)
_UNASKED: Final = -(2**31)
_MIXED: Final = 2**31 - 1
_HAS_ROW, _IS_PRESENT, _IS_DIALLED, _IS_LISTED, _IS_TEXT, _IS_LONG, _IS_ODD = (1 << bit for bit in range(7))
_PLACES: Final = (
    "kind", "a", "b", "forwarded", "duration_s", "answered",
    *(f"{party}_{what}" for party in ("a", "b", "f") for what in ("cell", "imei", "imsi")),
)  # fmt: skip
_BEHIND_TRUNK: Final = 2
_STYLES: Final = {"any": (1, 1), "national": (1, 0), "international": (0, 0), "e164-no-plus": (_BEHIND_TRUNK, 1)}
"""By number style: whether digits are read as a national number, and whether as one with its calling code."""


def is_fused(bound: object) -> TypeGuard[BoundCsv]:
    """Whether lines of this bound feed are read by the kernel."""
    return kernels.lines is not None and isinstance(bound, BoundCsv) and not why_slow(bound.feed)


def why_slow(feed: Feed) -> str:
    """Why lines of a CSV feed are not read by the kernel, in words.

    Empty if they are, or if no kernel is here.
    """
    if kernels.lines is None or feed.format != "csv":
        return ""
    if feed.mapping.beyond_plain:
        return f"the feed asks for {', '.join(feed.mapping.beyond_plain)}"
    formats = feed.mapping.date_formats
    return "" if instructions(formats) else f"date_format {formats[0]!r} is none of those that are compiled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """Whole rows that the kernel left: their bytes, and the number of each line; shape (lines,)."""

    data: bytes
    numbers: I64


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Records that the kernel kept; the others as in ``ChunkCount``."""

    kept: int
    unindexed: int
    dialled: int


class FusedReader:
    """Reads lines of one bound feed, and keeps what it learnt for the next chunk. Used by one thread.

    ``on_group`` is told each new group, and may refuse it by raising.
    """

    def __init__(
        self,
        bound: BoundCsv,
        *,
        roster: Roster,
        window: Window,
        no_index: NoIndex | None,
        entropy: Entropy,
        on_group: Callable[[GroupKey], None],
    ) -> None:
        self._feed, self._roster, self._window, self._no_index = bound.feed, roster, window, no_index
        self._on_group = on_group
        self._keys: list[GroupKey] = []
        self._group_widths: list[int] = []
        self._learnt = np.zeros((0, 10), np.uint64)
        self._strings = np.zeros((0, 8), np.uint64)
        self._counts: ExactCounts | None = None
        self._home = plans(roster.numbering).country_names.index(bound.feed.home.country)
        self._rules = list(roster.rules)
        self._scanner = self._made(bound)
        # Whoever chooses names and numbers does not know these, so none can be chosen that meet in one slot.
        self._scanner.multipliers = np.frombuffer(entropy(8 * _MULTIPLIERS), "<u8") | np.uint64(1)

    def _made(self, bound: BoundCsv) -> "kernels.lines.Scanner":
        feed, scanner = self._feed, kernels.lines.Scanner()
        self._widths = [0] + [4 + extra_bytes(int(feed.layout(kind))) // 8 for kind in (1, 2, 3)]
        self._set_columns(scanner, bound)
        self._set_numbers(scanner)
        set_instructions(scanner, instructions(feed.mapping.date_formats))
        scanner.zone_is_utc = feed.time_zone == "UTC"
        scanner.earliest, scanner.latest = _micros(self._window.earliest), _micros(self._window.latest)
        last_day = _day(self._window.latest.date())
        scanner.first_day = max(_day(self._window.earliest.date()), last_day - _MAX_DAYS)
        scanner.earliest = max(scanner.earliest, scanner.first_day * _DAY_MICROS)  # what is older goes the slow way
        days = last_day - scanner.first_day + 1
        scanner.groups = np.full((days, 4, len(self._rules)), -1, np.int32)
        scanner.offsets = np.full(days + 2, _UNASKED, np.int32)
        scanner.widths = np.array(self._widths, np.int32)
        scanner.rows = np.zeros((_ROWS, max(self._widths)), np.uint64)
        scanner.row_groups = np.zeros(_ROWS, np.int32)
        scanner.odd, scanner.unknown = np.zeros((_RUNS, 4), np.int64), np.zeros((_UNKNOWN, 3), np.int64)
        scanner.tally_keys, scanner.tally_counts = np.full(_CELLS, _FREE, np.uint64), np.zeros(_CELLS, np.int64)
        scanner.words, scanner.strings = np.zeros((2**12, 10), np.uint64), self._strings
        return scanner

    def _set_columns(self, scanner: "kernels.lines.Scanner", bound: BoundCsv) -> None:
        feed, answered = self._feed, self._feed.mapping.answered
        classes = np.zeros(256, np.uint8)
        classes[128:] = classes[0] = 5
        for byte, kind in ((feed.mapping.text.delimiter, 1), ('"', 2), ("\r", 3), ("\n", 4)):
            classes[ord(byte)] = kind
        kept = {key for key in bound.positions if "_" not in key or key.partition("_")[2] in (*feed.keep, "s")}
        kept -= {f"f_{what}" for what in feed.keep} if "forwarded" not in bound.positions else set()
        scanner.classes, scanner.columns, scanner.delimiter = classes, bound.columns, ord(feed.mapping.text.delimiter)
        scanner.places = np.array([bound.positions[key][0] if key in kept else -1 for key in _PLACES], np.int32)
        scanner.starts = np.array(bound.positions["start"], np.int32)
        scanner.begins, scanner.ends = np.zeros(bound.columns, np.int64), np.zeros(bound.columns, np.int64)
        scanner.kind = feed.mapping.kind.constant
        kinds = _word_table(feed.mapping.kind.values)
        scanner.kind_words = len(kinds)
        yes_or_no = {} if answered is None else {word: bool(means) for word, means in answered.values.items()}
        scanner.values = np.concatenate([kinds, _word_table(yes_or_no)])
        scanner.most_digits, scanner.cell_bits = np.array([3, 3, 5, 9], np.int32), np.array([10, 10, 16, 28], np.int32)
        scanner.owns = np.array([what in feed.keep for what in ("cell", "imei", "imsi")], np.int32)
        fewest_digits = feed.fewest_imei_digits if "imei" in feed.index else 0
        scanner.finds = np.array([0, fewest_digits, "imsi" in feed.index], np.int32)
        numbers = sum(what in feed.keep for what in ("cell", "imei", "imsi"))
        layouts = [Layout(0), *(feed.layout(kind) for kind in (1, 2, 3))]
        scanner.own_at = np.array(
            [width - 1 if one & Layout.OWN else 0 for one, width in zip(layouts, self._widths, strict=True)], np.int32
        )
        scanner.short_at = np.array([4 + numbers if Layout.SHORT_STRING in one else 0 for one in layouts], np.int32)
        scanner.long_at = np.array(
            [4 + numbers + 2 * (Layout.SHORT_STRING in one) if Layout.LONG_STRING in one else 0 for one in layouts],
            np.int32,
        )

    def _set_numbers(self, scanner: "kernels.lines.Scanner") -> None:
        habits, home = self._feed.habits, self._feed.home
        tables = number_tables(self._roster.numbering)
        scanner.powers = POWERS_OF_TEN
        scanner.leading = tables.leading
        scanner.valid_starts, scanner.valid_lengths = tables.valid_starts, tables.valid_lengths
        scanner.plan_starts, scanner.plan_ends = tables.plan_starts, tables.plan_ends
        scanner.plan_countries = tables.plan_countries
        scanner.rules = country_rules(self._roster).astype(np.uint16)
        scanner.listed = np.zeros(0, np.uint64) if self._no_index is None else self._no_index.numbers
        # The kernel reads national numbers only where dropping the trunk prefix is enough.
        scanner.is_plain = home.is_plain and not other_idd(home.country)
        scanner.home_short = home.short_digits
        scanner.code, scanner.code_digits = home.calling_code, len(str(home.calling_code))
        scanner.trunk, scanner.trunk_digits = int(home.trunk or "0"), len(home.trunk)
        scanner.idd, scanner.idd_digits = int(home.idd or "0"), len(home.idd)
        scanner.may_be_zero = has_national_zero(home.calling_code)
        scanner.national, scanner.coded = _STYLES[habits.style]
        if scanner.national == _BEHIND_TRUNK and home.trunk != "0":
            scanner.national = 0  # a calling code may begin with any other trunk prefix
        outside = [(int(prefix), len(prefix)) for prefix in habits.outside]
        scanner.outside = np.array(outside, np.uint64).reshape(-1, 2)

    def read(self, data: bytes, *, first_line: int, keep: Keep) -> tuple[Counts, Odd]:
        """Read whole rows. Their records go to ``keep``; rows that are odd come back."""
        scanner = self._scanner
        scanner.kept = scanner.unindexed = scanner.dialled = 0
        odd = self._run(data, keep)
        numbers = odd.numbers + first_line
        if self._learn(data):
            odd = self._run(odd.data, keep)
            numbers = numbers[odd.numbers]
        counts = Counts(kept=scanner.kept, unindexed=scanner.unindexed, dialled=scanner.dialled)
        return counts, Odd(data=odd.data, numbers=numbers)

    def finish(self) -> ExactCounts | None:
        """The tally of all that the kernel kept."""
        self._drain()
        return self._counts

    def _run(self, data: bytes, keep: Keep) -> Odd:
        """Have the kernel read; the numbers of odd lines count from 0."""
        scanner, raw = self._scanner, np.frombuffer(data, np.uint8)
        scanner.position = scanner.line = scanner.odd_runs = scanner.unknown_words = 0
        runs = []
        is_plain = data.isascii() and not any(byte in data for byte in (b'"', b"\r", b"\0"))
        while outcome := scanner.run(raw, is_plain):
            match outcome:
                case kernels.lines.NEEDS_GROUP:
                    self._add_group()
                case kernels.lines.NEEDS_DAY:
                    self._add_day()
                case kernels.lines.FULL_ROWS:
                    self._hand_over(keep)
                case kernels.lines.FULL_TALLY:
                    self._drain()
                case _:
                    runs.append(np.array(scanner.odd[: scanner.odd_runs]))
                    scanner.odd_runs = 0
        self._hand_over(keep)
        odd = np.concatenate([*runs, np.asarray(scanner.odd)[: scanner.odd_runs]])
        before = np.cumsum(odd[:, 3]) - odd[:, 3]
        numbers = np.repeat(odd[:, 2] - before, odd[:, 3]) + np.arange(odd[:, 3].sum(), dtype=np.int64)
        return Odd(data=b"".join(data[begin:end] for begin, end in odd[:, :2].tolist()), numbers=numbers)

    def _add_group(self) -> None:
        scanner = self._scanner
        day, kind, rule = scanner.needed_day, scanner.needed_kind, scanner.needed_rule
        key = GroupKey(day=wire.day_from_number(day, "record"), kind=kind, rule=self._rules[rule])
        self._on_group(key)
        scanner.groups[day - scanner.first_day, kind, rule] = len(self._keys)
        self._keys.append(key)

    def _add_day(self) -> None:
        scanner = self._scanner
        offset = day_offset(wire.day_from_number(scanner.needed_day, "record"), self._feed.time_zone)
        scanner.offsets[scanner.needed_day - scanner.first_day + 1] = _MIXED if offset is None else offset

    def _hand_over(self, keep: Keep) -> None:
        """Give the rows that are held to their groups."""
        scanner = self._scanner
        groups = np.asarray(scanner.row_groups)[: scanner.made]
        counts = np.bincount(groups, minlength=len(self._keys))
        widths = np.array([self._widths[key.kind] for key in self._keys], np.int32)
        ends = np.cumsum(counts * widths)
        out = np.empty(ends[-1] if len(ends) else 0, np.uint64)
        kernels.lines.distribute(scanner.rows, groups, ends - counts * widths, widths, out)
        for group in np.flatnonzero(counts).tolist():
            width, end = int(widths[group]), int(ends[group])
            rows = out[end - int(counts[group]) * width : end].reshape(-1, width)
            keep(self._keys[group], PackedRows(words=rows))
        scanner.made = 0

    def _drain(self) -> None:
        """Add the cells of the kernel to the tally."""
        scanner = self._scanner
        all_keys, all_counts = np.asarray(scanner.tally_keys), np.asarray(scanner.tally_counts)
        at = np.flatnonzero(all_keys != _FREE)
        if not len(at):
            return
        keys, records = all_keys[at], all_counts[at]
        all_keys[:], all_counts[:], scanner.tallied = _FREE, 0, 0
        bucket = (keys >> np.uint64(27) & np.uint64(7)).astype(np.uint8)
        cells = pl.DataFrame(
            {
                "hour": (keys >> np.uint64(32)).astype(np.int64) + scanner.first_day * 24,
                "kind": (keys >> np.uint64(30) & np.uint64(3)).astype(np.uint8),
                "origin": (keys >> np.uint64(12) & np.uint64(0xFFF)).astype(np.uint16),
                "destination": (keys & np.uint64(0xFFF)).astype(np.uint16),
                "bucket": np.where(bucket == 7, np.uint8(255), bucket),
                "records": records,
            }
        )
        counts = count_cells(cells, home=self._home)
        self._counts = counts if self._counts is None else self._counts.merge(counts)

    def _learn(self, data: bytes) -> bool:
        """Find the identities of words that were met and not known; whether any was learnt."""
        scanner = self._scanner
        unknown = np.asarray(scanner.unknown)[: scanner.unknown_words]
        met = {(data[begin:end], kind) for begin, end, kind in unknown.tolist()}
        words = sorted(met)[: MAX_WORDS - len(self._learnt)]
        if not words:
            return False
        records, strings = self._identities(words, len(self._strings))
        self._strings = np.concatenate([self._strings, strings])
        scanner.strings = self._strings
        self._learnt = np.concatenate([self._learnt, records])
        if 2 * len(self._learnt) > len(scanner.words):
            scanner.words = np.zeros((1 << (4 * len(self._learnt)).bit_length(), 10), np.uint64)
            records = self._learnt
        scanner.learn(records)
        return True

    def _identities(self, words: list[tuple[bytes, int]], string_base: int) -> tuple[U64, U64]:
        """The records of words for the kernel, and the strings to which they point from ``string_base`` on."""
        feed, rows = self._feed, len(words)
        kinds = np.array([kind for _, kind in words], np.uint8)
        start = pl.repeat(self._window.latest, rows, dtype=pl.Datetime("us", "UTC"), eager=True)
        draft = Draft(
            offsets=np.arange(rows, dtype=np.int64),
            kinds=kinds,
            start=start,
            duration_s=pa.nulls(rows, pa.int64()),
            answered=pa.nulls(rows, pa.bool_()),
            parties={"a": PartyDraft(written=pa.array([word for word, _ in words], pa.binary()))},
            marks=Marks(rows),
        )
        batch = complete(draft, feed=feed, window=self._window).batch
        at = batch.column("line").to_numpy()  # a word that is no identity is not there: its lines stay odd
        party = party_of(batch, "a", feed, self._roster, self._no_index)
        high, low = sids(party.type, party.number, party.text, feed=feed.name, home=feed.home.country)
        peer_types, peers = peers_of(party.type, party.number, party.text)
        is_long = (party.type == IdentityType.EMAIL) | (party.type == IdentityType.OPAQUE)
        strings = np.flatnonzero(peer_types == PEER_STRING)
        flags = (
            (party.type > 0, _HAS_ROW),
            (party.is_present, _IS_PRESENT),
            (party.type == IdentityType.DIALLED, _IS_DIALLED),
            (party.is_present & (party.type == 0), _IS_LISTED),
            (is_long, _IS_LONG),
        )
        note = party.country.astype(np.int64) << 16
        for is_set, bit in flags:
            note |= is_set.astype(np.int64) * bit
        note[strings] |= _IS_TEXT | (string_base + np.arange(len(strings))) << 32
        records = np.zeros((rows, 10), np.uint64)
        raw = b"".join(word.ljust(_WORD_BYTES, b"\0") for word, _ in words)
        records[:, :5] = np.frombuffer(raw, "<u8").reshape(-1, 5)
        records[:, 5] = np.array([len(word) << 2 | kind for word, kind in words], np.uint64)
        records[:, 9] = _IS_ODD
        records[at, 6], records[at, 7], records[at, 9] = high, low, note.astype(np.uint64)
        records[at, 8] = peer_types.astype(np.uint64) << np.uint64(60) | peers << np.uint64(10)
        texts = zip(party.text.take(pa.array(strings)).to_pylist(), is_long[strings].tolist(), strict=True)
        table = b"".join(format_string(text, 64 if long else 16).ljust(64, b"\0") for text, long in texts)
        return records, np.frombuffer(table, "<u8").reshape(-1, 8)


def _word_table(values: Mapping[str, int]) -> npt.NDArray[np.uint8]:
    """Words with their values: size, value, bytes.

    Those that no line can hold as they stand are left out.
    """
    words = {word.encode(): value for word, value in values.items()}
    usable = [(word, int(value)) for word, value in words.items() if 0 < len(word) < 200 and word == word.strip(b" ")]
    table = np.zeros((len(usable), 202), np.uint8)
    for row, (word, value) in zip(table, usable, strict=True):
        row[0], row[1] = len(word), value
        row[2 : 2 + len(word)] = np.frombuffer(word, np.uint8)
    return table


def _micros(time: dt.datetime) -> int:
    return (time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def _day(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days
