"""Reports from the tally: sums over the released tables of every batch that counts.

A batch counts if State has it and it was not superseded. Each table is proven against the log first.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import polars as pl

from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.identity.numbering import is_country
from coffer.ledger.facts import Batch
from coffer.ledger.state import State
from coffer.tally.chart import Chart, draw_up
from coffer.tally.exact import BUCKETS, MEASURES
from coffer.tally.release import ReleasedCount, noise_sd, parse_table, shown, tally_hash
from coffer.vault.folder import Vault
from coffer.vault.stored import tally_keys

_CELLS: Final = "cells"
_WITH_DURATION: Final = "call"
DIMENSIONS: Final = ("day", "hour", "kind", "feed", "origin", "destination")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """One line of a report.

    ``keys``: what it counts, in the order of ``Report.by``. ``buckets``: records by duration, in the order of
    ``BUCKETS``. Only calls have durations: for other kinds a bucket would hold only noise, and is 0. ``noise_sd``: the
    standard deviation of the noise in ``records``; 0 if exact.
    """

    keys: tuple[str, ...]
    records: ReleasedCount
    buckets: tuple[ReleasedCount, ...]
    noise_sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Totals of a period. ``country``, ``kind``, ``feed``: what they are limited to; None for all.

    ``noise_sd``: the standard deviation of the noise in ``total``; 0 if exact. None if cells that are too small to show
    safely are missing from the total, because no standard deviation describes that.
    """

    first: dt.date
    last: dt.date
    by: tuple[str, ...]
    country: str | None
    kind: str | None
    feed: str | None
    epsilon: Decimal | None
    lines: tuple[ReportLine, ...]
    total: ReleasedCount
    noise_sd: float | None
    batches: int

    @property
    def has_clipped_lines(self) -> bool:
        """Whether noise put lines below nothing. They are shown as 0, so all add up to more than the total."""
        return sum(line.records for line in self.lines) != self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The released tables of every batch that counts, proven against the log.

    ``hours``, ``countries``: with the columns of ``docs/formats/tally.md``, without what can only be noise. ``hours``
    has the column ``day`` too. ``batches``: those that the tables come from, in the order of the log. ``epsilon``: that
    of the roster in force.
    """

    hours: pl.DataFrame
    countries: pl.DataFrame
    batches: tuple[Batch, ...]
    epsilon: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """Which records count: those of one kind, of one feed, from or to one country; None for all."""

    kind: str | None = None
    feed: str | None = None
    country: str | None = None


ALL: Final = Narrowing()


def read_tables(vault: Vault, state: State) -> Tables:
    """The tables of a vault.

    Raises:
        NotProven: a tally file is not the one in the log.
        Unavailable: a tally file is missing.
    """
    batches = tuple(counting_batches(state))
    return join_tables([read_batch(vault, batch) for batch in batches], batches, state.roster.epsilon)


def join_tables(read: Sequence[Sequence[pl.DataFrame]], batches: Sequence[Batch], epsilon: Decimal | None) -> Tables:
    """The tables of the batches, from the two tables of each as ``read_batch`` gives them."""
    pairs = list(zip(read, batches, strict=True))
    hours = [_possible(tables[0], batch, epsilon) for tables, batch in pairs]
    countries = [_possible(tables[1], batch, epsilon) for tables, batch in pairs]
    return Tables(
        hours=(pl.concat(hours) if hours else _empty()).with_columns(pl.col("hour").dt.date().alias("day")),
        countries=pl.concat(countries) if countries else _empty(),
        batches=tuple(batches),
        epsilon=epsilon,
    )


def make_report(
    vault: Vault,
    state: State,
    *,
    first: dt.date,
    last: dt.date,
    by: Sequence[str],
    country: str | None,
    kind: str | None = None,
    feed: str | None = None,
) -> Report:
    """``sum_up`` of a vault's tables, of one kind, feed or country if they are given. Raises as both."""
    if country is not None:
        country = parse_country(country, "--country")
    narrowing = Narrowing(kind=kind, feed=feed, country=country)
    return sum_up(read_tables(vault, state), first=first, last=last, by=by, narrowing=narrowing)


def sum_up(tables: Tables, *, first: dt.date, last: dt.date, by: Sequence[str], narrowing: Narrowing = ALL) -> Report:
    """The sums of a period's tally, by one or more of ``DIMENSIONS``.

    Without a country or place, the hours table is summed, which is complete. Otherwise the countries table is summed,
    in which cells that are too small to show safely are missing.

    Raises:
        MalformedInput: days in the wrong order, an unknown dimension, or hours of a country (no table has both).
    """
    if first > last:
        raise MalformedInput("--from: later than --to")
    if not by or len(set(by)) != len(by) or set(by) - set(DIMENSIONS):
        raise MalformedInput(f"--by: expected some of {', '.join(DIMENSIONS)}, each once, joined by commas")
    country, epsilon = narrowing.country, tables.epsilon
    by_place = country is not None or not set(by).isdisjoint(("origin", "destination"))
    if "hour" in by and by_place:
        raise MalformedInput(
            "--by hour: not counted by country",
            hint="the tally keeps hours and countries apart on purpose; use --by day",
        )
    frame = _narrowed(tables.countries if by_place else tables.hours, narrowing)
    frame = frame.filter(pl.col("day").is_between(first, last))
    if country is not None:
        frame = frame.filter((pl.col("origin") == country) | (pl.col("destination") == country))
    hour = pl.col("hour").dt.strftime("%Y-%m-%d %H:00").alias("hour")
    keys = [hour if name == "hour" else pl.col(name).cast(pl.String) for name in by]
    grouped = frame.group_by(keys).agg(pl.col(*MEASURES).sum(), pl.len().alias(_CELLS)).sort(by)
    sd = None if by_place and epsilon is not None else noise_sd(frame.height, epsilon)
    return Report(
        first=first,
        last=last,
        by=tuple(by),
        country=country,
        kind=narrowing.kind,
        feed=narrowing.feed,
        epsilon=epsilon,
        lines=tuple(_line(row, by, epsilon) for row in grouped.iter_rows(named=True)),
        total=shown(int(frame["records"].sum())),
        noise_sd=sd,
        batches=len(tables.batches),
    )


def chart_up(tables: Tables, *, first: dt.date, last: dt.date, narrowing: Narrowing = ALL) -> Chart:
    """The chart of a period: its days, and with which countries.

    Raises:
        MalformedInput: days in the wrong order, or more days than a picture can show.
    """
    return draw_up(
        _narrowed(tables.hours, narrowing),
        _narrowed(tables.countries, narrowing),
        first=first,
        last=last,
        country=narrowing.country,
        epsilon=tables.epsilon,
    )


def make_chart(
    vault: Vault,
    state: State,
    *,
    first: dt.date,
    last: dt.date,
    country: str | None,
    kind: str | None = None,
    feed: str | None = None,
) -> Chart:
    """``chart_up`` of a vault's tables, of one kind, feed or country if they are given. Raises as both."""
    narrowing = Narrowing(kind=kind, feed=feed, country=country)
    return chart_up(read_tables(vault, state), first=first, last=last, narrowing=narrowing)


def _narrowed(frame: pl.DataFrame, narrowing: Narrowing) -> pl.DataFrame:
    """The cells of one kind and one feed."""
    for column, wanted in (("kind", narrowing.kind), ("feed", narrowing.feed)):
        if wanted is not None:
            frame = frame.filter(pl.col(column) == wanted)
    return frame


def counting_batches(state: State) -> list[Batch]:
    """The batches that have a tally and were not superseded."""
    return [batch for batch in state.batches.values() if batch.tally is not None and batch.batch not in state.withdrawn]


def parse_country(text: str, place: str) -> str:
    """The ISO code of a country, in capital letters.

    Raises:
        MalformedInput: no country with a numbering plan has this code.
    """
    country = text.upper()
    if not is_country(country):
        raise MalformedInput(f"{place}: not a country", hint="give its ISO code of two letters, for example FR")
    return country


def _possible(frame: pl.DataFrame, batch: Batch, epsilon: Decimal | None) -> pl.DataFrame:
    """The part of a noisy table that can hold records.

    Left out are hours that were in the future when the batch was logged, and durations of anything but calls. The file
    keeps every cell, because the choice of cells must tell nothing. A cell that can only be noise is not shown.
    """
    if epsilon is None:
        return frame
    if "hour" in frame.columns:
        frame = frame.filter(pl.col("hour") <= pl.lit(batch.time))
    return frame.with_columns(
        pl.when(pl.col("kind") == _WITH_DURATION).then(pl.col(*BUCKETS)).otherwise(pl.lit(0, pl.Int64)).name.keep()
    )


def _line(row: dict[str, object], by: Sequence[str], epsilon: Decimal | None) -> ReportLine:
    records, *buckets = (_count(row[name]) for name in MEASURES)
    cells = row[_CELLS]
    assert isinstance(cells, int)
    keys = tuple(str(row[name]) for name in by)
    return ReportLine(keys=keys, records=records, buckets=tuple(buckets), noise_sd=noise_sd(cells, epsilon))


def _count(value: object) -> ReleasedCount:
    assert isinstance(value, int)
    return shown(value)


def read_batch(vault: Vault, batch: Batch) -> Sequence[pl.DataFrame]:
    """The tables of one batch, hours and countries, proven by the hash in its log entry.

    Raises as ``read_tables``.
    """
    keys = tally_keys(batch.batch)
    for key in keys:
        if not vault.objects.is_there(key):
            raise Unavailable(
                f"tally: {key.removeprefix('tally/')} is missing", hint="restore it from a copy; the log knows its hash"
            )
    raw = [vault.objects.read(key) for key in keys]
    if tally_hash(*raw) != batch.tally:
        raise NotProven(f"tally: {keys[0].removeprefix('tally/')} or its twin is not the one in the log")
    return [parse_table(item) for item in raw]


def _empty() -> pl.DataFrame:
    names = ("kind", "feed", "origin", "destination")
    schema = pl.Schema(
        {"day": pl.Date(), "hour": pl.Datetime("ms", "UTC")}
        | dict.fromkeys(names, pl.String())
        | dict.fromkeys(MEASURES, pl.Int64())
    )
    return pl.DataFrame(schema=schema)
