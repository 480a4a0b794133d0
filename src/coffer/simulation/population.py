"""The people behind the traffic: subscribers, and the helplines, senders and foreigners around them.

A subscriber is an index, and 0 is the most active. Everything about a subscriber is computed from the index and the
seed, so nine million people take no memory. Records are computed by sums, products and look-ups only: logarithms and
sines differ in the last bit between machines, and the files would differ too.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.errors import MalformedInput
from coffer.simulation.numbers import WITHHELD, Block, number_ranges, sender, short_code, time_zone_name
from coffer.simulation.scenario import Scenario, apportion

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FLAT_TOP_FRACTION: Final = 1 / 15_000
"""Activity falls as (rank + flat top)^(-3/4).

With eight records for each subscriber, the top one starts 2,700 records a month and is met in as many, the median
starts 3 and is met in 3, and the top tenth of people has over half of all records. The exponent is 3/4 because its
inverse is a fourth power, which two exact products give.
"""
LINES_PER_TRIPLE: Final = 3
"""The third of each three subscribers is a fixed line.

France had 73 million mobile and 36 million fixed lines at the end of 2012 (ARCEP).
"""
CIRCLE: Final = 20
"""People whom one subscriber knows.

They are drawn by the square of a uniform number, so the first of them gets 22 % of the calls.
"""
HUBS: Final = 6
"""Helplines with a fixed number. The short codes are helplines too."""
HUB_SHARES: Final = (30, 18, 10, 7, 4, 3)
SHORT_HUBS: Final = (("3900", 14), ("1144", 8), ("112", 6))
"""Helplines with a short code, and their weights among all hubs.

Short codes have three or four digits, because nearly every plan has room for these.
"""
TEXT_SHORT_CODES: Final = ("3636", "4242", "2828")
SENDERS: Final = (
    "BANQUE NORD",
    "COLIS RAPID",
    "INFO TRAIN",
    "DOCTEUR RDV",
    "METEO",
    "MA BOUTIQUE",
    "SECURITE",
    "ASSUR PLUS",
)
"""Invented names of senders, at most 11 characters (3GPP TS 23.040 section 9.1.2.5)."""
# fmt: off
PARTNERS: Final = (
    ("BE", 13), ("DE", 12), ("GB", 12), ("FR", 12), ("ES", 11), ("IT", 9), ("CH", 8), ("DZ", 8), ("MA", 8), ("PT", 6),
    ("TN", 5), ("US", 5), ("SN", 3),
)
# fmt: on
"""Countries that are called and call, with weights: neighbours, and countries that families come from.

Every home country uses the same list without itself.
"""
PARTNER_BLOCKS: Final = 4
"""Blocks of mobile numbers in a partner country. Four million numbers suffice for the people who call here."""
SCATTER_STEP: Final = 61_803_419
"""A prime near the golden ratio of 10^8.

A country has n * 10^k numbers with n <= 100. The prime does not divide that, so stepping by it meets every number once.
"""
TABLE_SIZE: Final = 256
"""Entries of the tables that turn eight random bits into a weighted choice."""

CELLS_PER_SUBSCRIBER: Final = 1 / 200
LEAST_CELLS: Final = 60
MOST_CELLS: Final = 40_000
"""About as many as the sites of the French networks in 2012.

The table of their names still fits in a processor's cache.
"""
OPERATORS: Final = (("01", 40), ("10", 28), ("20", 17), ("15", 15))
"""Mobile network codes and market shares in per cent (France, end of 2012, roughly).

Other countries get the same codes.
"""
# fmt: off
MOBILE_COUNTRY_CODES: Final = {
    "AT": 232, "BE": 206, "BR": 724, "CA": 302, "CH": 228, "CN": 460, "CZ": 230, "DE": 262, "DK": 238, "DZ": 603,
    "ES": 214, "FI": 244, "FR": 208, "GB": 234, "GR": 202, "IE": 272, "IN": 404, "IT": 222, "JP": 440, "LU": 270,
    "MA": 604, "MX": 334, "NL": 204, "NO": 242, "PL": 260, "PT": 268, "RU": 250, "SE": 240, "SN": 608, "TN": 605,
    "TR": 286, "UA": 255, "US": 310, "ZA": 655,
}
# fmt: on
"""By ITU-T E.212. Every other country gets 001, which E.212 keeps for test networks."""
TEST_NETWORK: Final = 1

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_STIR: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_UNIT: Final = 2.0**-53
_CONTACT, _ABROAD, _PLACE, _OPERATOR, _BANK = (np.uint64(topic << 56) for topic in range(1, 6))
"""Topics of hashes. A subscriber's hashes for different decisions must be independent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One side of n records; each field has shape (n,).

    ``block``: index into ``Population.blocks``. ``tail``: the tail in that block, 0 for a name.
    """

    block: I32
    tail: I32


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The numbers of one kind of line: ``count`` blocks from ``first`` on, with the scatter of indexes."""

    first: int
    count: int
    block_size: int
    step: int
    shift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Everyone who can appear, as tables and constants.

    ``subscribers``: a multiple of 3. Indexes from there to ``subscribers + extras`` are set apart: hubs have the fixed
    lines, planted subjects the mobile ones. ``blocks``: block 0 is the withheld number. ``hub_table``,
    ``partner_table``, ``sender_table``: blocks, shape (256,); a ``hub_table`` entry of -1 - h is hub h.
    ``operator_table``: indexes of ``operator_first`` and ``operator_cells``, shape (256,). ``cells``:
    ``MCC-MNC-LAC-CI`` as bytes, shape (c,); those of one operator stand together.
    """

    subscribers: int
    extras: int
    salt: np.uint64
    activity_low: float
    activity_high: float
    flat_top: float
    blocks: tuple[Block, ...]
    mobile: Range
    fixed: Range
    hub_table: I32
    partner_table: I32
    sender_table: I32
    text_short_blocks: I32
    rare_sender_block: int
    rare_short_block: int
    cells: npt.NDArray[np.bytes_]
    operator_table: I32
    operator_first: I32
    operator_cells: I32
    time_zone: str

    def draw(self, uniform: F64) -> I64:
        """Subscribers for uniform numbers in [0, 1), drawn in proportion to their activity."""
        root = self.activity_low + uniform * (self.activity_high - self.activity_low)
        root *= root
        root *= root
        return np.clip((root - self.flat_top).astype(np.int64), 0, self.subscribers - 1)

    def acquaintance(self, index: I64, place: U64) -> I64:
        """The acquaintance of ``index`` at ``place`` (0 to CIRCLE-1).

        It is always the same subscriber, and more likely an active one.
        """
        return self.draw(_fraction(self._hash(_CONTACT, index, place)))

    def apart_from(self, index: I64, other: I64) -> I64:
        """``index``; where it equals ``other``, the next subscriber with the same kind of line."""
        same = np.flatnonzero(index == other)
        index[same] = (index[same] + LINES_PER_TRIPLE) % self.subscribers
        return index

    def number(self, index: I64) -> Party:
        """The number of each subscriber, hub or planted index; no two indexes share one."""
        triple, line = _divide(index, LINES_PER_TRIPLE)
        is_fixed = line == LINES_PER_TRIPLE - 1
        mobile = self._scatter(self.mobile, triple * (LINES_PER_TRIPLE - 1) + line)
        fixed = self._scatter(self.fixed, triple)
        return Party(
            block=np.where(is_fixed, fixed.block, mobile.block).astype(np.int32),
            tail=np.where(is_fixed, fixed.tail, mobile.tail).astype(np.int32),
        )

    def foreigner(self, index: I64, place: U64) -> Party:
        """The number abroad that ``index`` knows as number ``place``."""
        value = self._hash(_ABROAD, index, place)
        block = self.partner_table[(value & np.uint64(TABLE_SIZE - 1)).astype(np.int64)]
        sizes = np.array([one.size for one in self.blocks], np.uint64)[block]
        return Party(block=block, tail=((value >> np.uint64(8)) % sizes).astype(np.int32))

    def bank(self, index: I64, place: U64) -> I32:
        """Block of the sender that writes to ``index`` as number ``place`` (0 to 3)."""
        return self.sender_table[(self._hash(_BANK, index, place) % np.uint64(TABLE_SIZE)).astype(np.int64)]

    def hub(self, choice: I64) -> Party:
        """The helpline for each random number below 256: a fixed line set apart, or a short code."""
        block = self.hub_table[choice]
        line = self.number(self.subscribers + LINES_PER_TRIPLE * (-1 - block.astype(np.int64)) + LINES_PER_TRIPLE - 1)
        has_line = block < 0
        return Party(
            block=np.where(has_line, line.block, block).astype(np.int32),
            tail=np.where(has_line, line.tail, 0).astype(np.int32),
        )

    def cell(self, index: I64, is_at_work: Bools) -> I32:
        """The index into ``cells`` of the home or work cell.

        It is -1 for a fixed line, and for a party that is no subscriber (index -1).
        """
        operator = self.operator_table[(self._hash(_OPERATOR, index) % np.uint64(TABLE_SIZE)).astype(np.int64)]
        place = self._hash(_PLACE, index, is_at_work.astype(np.uint64))
        count = self.operator_cells[operator]
        cells = self.operator_first[operator] + (place % count.astype(np.uint64)).astype(np.int32)
        is_mobile = (index >= 0) & (index % LINES_PER_TRIPLE != LINES_PER_TRIPLE - 1)
        return np.where(is_mobile, cells, np.int32(-1)).astype(np.int32)

    def planted_index(self, ordinal: int) -> int:
        """The index of a mobile line that no draw gives."""
        triple, line = divmod(ordinal, LINES_PER_TRIPLE - 1)
        return self.subscribers + LINES_PER_TRIPLE * triple + line

    def rank_with_share(self, share: float) -> int:
        """The mobile subscriber whose share of all draws is ``share``; the first one if none has so much."""
        scale = 0.25 / (self.activity_high - self.activity_low)
        rank = int((scale / share) ** (4 / 3) - self.flat_top)
        return self.mobile_near(rank)

    def mobile_near(self, rank: int) -> int:
        """The mobile subscriber at ``rank`` or just before."""
        bounded = min(max(rank, 0), self.subscribers - 1)
        return bounded - (bounded % LINES_PER_TRIPLE == LINES_PER_TRIPLE - 1)

    def _scatter(self, numbers: Range, ordinal: I64) -> Party:
        _, scattered = _divide(ordinal * numbers.step + numbers.shift, numbers.count * numbers.block_size)
        block, tail = _divide(scattered, numbers.block_size)
        return Party(block=(block + numbers.first).astype(np.int32), tail=tail.astype(np.int32))

    def _hash(self, topic: np.uint64, index: I64, place: U64 | None = None) -> U64:
        """64 pseudo-random bits from (seed, topic, index, place < 32).

        Source: splitmix64 (Steele, Lea, Flood 2014).
        """
        value = index.astype(np.uint64) << np.uint64(5)
        if place is not None:
            value |= place
        value += topic ^ self.salt
        value *= _GOLDEN
        value = (value ^ (value >> np.uint64(30))) * _STIR[0]
        value = (value ^ (value >> np.uint64(27))) * _STIR[1]
        return value ^ (value >> np.uint64(31))


def make_population(scenario: Scenario, *, planted: int) -> Population:
    """The people of a scenario. ``planted``: how many mobile lines are set apart for planted subjects.

    Raises:
        MalformedInput: the country is unknown, or its numbers do not suffice for so many subscribers.
    """
    country = scenario.country
    ranges = number_ranges(country, home=country)
    extras = LINES_PER_TRIPLE * max(HUBS, planted)
    capacity = min(_size(ranges.mobile) // 2, _size(ranges.fixed)) * LINES_PER_TRIPLE - extras
    if scenario.subscribers is not None and scenario.subscribers > capacity:
        raise MalformedInput(
            f"simulation: subscribers: found {scenario.subscribers}, numbers of {country} suffice for {capacity}"
        )
    subscribers = min(scenario.wanted_subscribers, capacity) // LINES_PER_TRIPLE * LINES_PER_TRIPLE
    salt = np.random.SeedSequence(scenario.seed).generate_state(3, np.uint64)
    book = _Book([WITHHELD])
    mobile, fixed = book.range(ranges.mobile, int(salt[1])), book.range(ranges.fixed, int(salt[2]))
    hub_blocks = [-1 - hub for hub in range(HUBS)] + [book.add(short_code(country, digits)) for digits, _ in SHORT_HUBS]
    partners = [(code, weight) for code, weight in PARTNERS if code != country]
    partner_blocks, partner_weights = _partner_blocks(book, partners, home=country)
    senders = [book.add(sender(name)) for name in SENDERS]
    flat_top = max(1.0, subscribers * FLAT_TOP_FRACTION)
    cells, first, count = _cells(country, min(max(int(subscribers * CELLS_PER_SUBSCRIBER), LEAST_CELLS), MOST_CELLS))
    return Population(
        subscribers=subscribers,
        extras=extras,
        salt=salt[0],
        activity_low=sqrt(sqrt(flat_top)),
        activity_high=sqrt(sqrt(subscribers + flat_top)),
        flat_top=flat_top,
        mobile=mobile,
        fixed=fixed,
        hub_table=_weighted(hub_blocks, [*HUB_SHARES, *(weight for _, weight in SHORT_HUBS)]),
        partner_table=_weighted(partner_blocks, partner_weights),
        sender_table=_weighted(senders, [1] * len(senders)),
        text_short_blocks=np.array([book.add(short_code(country, digits)) for digits in TEXT_SHORT_CODES], np.int32),
        rare_sender_block=book.add(sender("PETITE BQUE")),
        rare_short_block=book.add(short_code(country, "3999")),
        blocks=tuple(book.blocks),
        cells=cells,
        operator_table=_weighted(list(range(len(OPERATORS))), [share for _, share in OPERATORS]),
        operator_first=first,
        operator_cells=count,
        time_zone=time_zone_name(country),
    )


class _Book:
    """Collects the blocks of a population; a block's place is its index."""

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks

    def add(self, block: Block) -> int:
        self.blocks.append(block)
        return len(self.blocks) - 1

    def range(self, blocks: tuple[Block, ...], random: int) -> Range:
        """Append all blocks. ``random``: decides the number of index 0."""
        first = len(self.blocks)
        self.blocks.extend(blocks)
        size = _size(blocks)
        return Range(
            first=first, count=len(blocks), block_size=blocks[0].size, step=SCATTER_STEP % size, shift=random % size
        )


def _size(blocks: tuple[Block, ...]) -> int:
    return sum(block.size for block in blocks)


def _partner_blocks(book: _Book, partners: list[tuple[str, int]], *, home: str) -> tuple[list[int], list[int]]:
    blocks: list[int] = []
    weights: list[int] = []
    for code, weight in partners:
        mobile = number_ranges(code, home=home, most=PARTNER_BLOCKS).mobile
        blocks += [book.add(block) for block in mobile]
        weights += apportion(weight * PARTNER_BLOCKS, [1] * len(mobile))
    return blocks, weights


def _weighted(values: list[int], weights: list[int]) -> I32:
    return np.repeat(np.array(values, np.int32), apportion(TABLE_SIZE, weights))


def _cells(country: str, count: int) -> tuple[npt.NDArray[np.bytes_], I32, I32]:
    """The names of the cells, and each operator's first cell and number of cells."""
    mcc = MOBILE_COUNTRY_CODES.get(country, TEST_NETWORK)
    counts = apportion(count, [share for _, share in OPERATORS])
    names = [
        f"{mcc:03d}-{mnc}-{1_000 + cell // 64}-{10_000 + cell * 7 % 50_000}"
        for (mnc, _), cells in zip(OPERATORS, counts, strict=True)
        for cell in range(cells)
    ]
    first = np.concatenate(([0], np.cumsum(counts)[:-1]))
    return np.array(names, np.bytes_), first.astype(np.int32), np.array(counts, np.int32)


def _fraction(value: U64) -> F64:
    """The upper 53 bits as a number in [0, 1)."""
    return (value >> np.uint64(11)).astype(np.float64) * _UNIT


def _divide(value: I64, by: int) -> tuple[I64, I64]:
    """Quotient and remainder.

    This is quicker than ``np.divmod``, because numpy vectorises a division by a scalar but no remainder.
    """
    quotient = value // by
    return quotient, value - quotient * by
