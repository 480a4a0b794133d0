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
    """Totals of a period.

    ``noise_sd``: the standard deviation of the noise in ``total``; 0 if exact. None if cells that are too small to show
    safely are missing from the total, because no standard deviation describes that.
    """

    first: dt.date
    last: dt.date
    by: tuple[str, ...]
    country: str | None
    epsilon: Decimal | None
    lines: tuple[ReportLine, ...]
    total: ReleasedCount
    noise_sd: float | None
    batches: int


def make_report(
    vault: Vault, state: State, *, first: dt.date, last: dt.date, by: Sequence[str], country: str | None
) -> Report:
    """The sums of a period's tally, by one or more of ``DIMENSIONS``.

    Without a country or place, the hours table is summed, which is complete. Otherwise the countries table is summed,
    in which cells that are too small to show safely are missing.

    Raises:
        MalformedInput: days in the wrong order, an unknown dimension, or hours of a country (no table has both).
        NotProven: a tally file is not the one in the log.
        Unavailable: a tally file is missing.
    """
    if first > last:
        raise MalformedInput("--from: later than --to")
    if not by or len(set(by)) != len(by) or set(by) - set(DIMENSIONS):
        raise MalformedInput(f"--by: expected some of {', '.join(DIMENSIONS)}, each once, joined by commas")
    if country is not None:
        country = parse_country(country, "--country")
    by_place = country is not None or not set(by).isdisjoint(("origin", "destination"))
    if "hour" in by and by_place:
        raise MalformedInput(
            "--by hour: not counted by country",
            hint="the tally keeps hours and countries apart on purpose; use --by day",
        )
    batches = _counting(state)
    tables = [_possible(_read(vault, batch)[1 if by_place else 0], batch, state) for batch in batches]
    frame = pl.concat(tables) if tables else _empty()
    if not by_place:
        frame = frame.with_columns(pl.col("hour").dt.date().alias("day"))
    frame = frame.filter(pl.col("day").is_between(first, last))
    if country is not None:
        frame = frame.filter((pl.col("origin") == country) | (pl.col("destination") == country))
    epsilon = state.roster.epsilon
    hour = pl.col("hour").dt.strftime("%Y-%m-%d %H:00").alias("hour")
    keys = [hour if name == "hour" else pl.col(name).cast(pl.String) for name in by]
    grouped = frame.group_by(keys).agg(pl.col(*MEASURES).sum(), pl.len().alias(_CELLS)).sort(by)
    sd = None if by_place and epsilon is not None else noise_sd(frame.height, epsilon)
    return Report(
        first=first,
        last=last,
        by=tuple(by),
        country=country,
        epsilon=epsilon,
        lines=tuple(_line(row, by, epsilon) for row in grouped.iter_rows(named=True)),
        total=shown(int(frame["records"].sum())),
        noise_sd=sd,
        batches=len(tables),
    )


def make_chart(vault: Vault, state: State, *, first: dt.date, last: dt.date, country: str | None) -> Chart:
    """The chart of a period: its days, and with which countries.

    Raises:
        MalformedInput: days in the wrong order, or more days than a picture can show.
        NotProven: a tally file is not the one in the log.
        Unavailable: a tally file is missing.
    """
    batches = _counting(state)
    tables = [_read(vault, batch) for batch in batches]
    pairs = list(zip(tables, batches, strict=True))
    hours = pl.concat([_possible(table[0], batch, state) for table, batch in pairs]) if tables else _empty()
    countries = pl.concat([_possible(table[1], batch, state) for table, batch in pairs]) if tables else _empty()
    return draw_up(hours, countries, first=first, last=last, country=country, epsilon=state.roster.epsilon)


def _counting(state: State) -> list[Batch]:
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


def _possible(frame: pl.DataFrame, batch: Batch, state: State) -> pl.DataFrame:
    """The part of a noisy table that can hold records.

    Left out are hours that were in the future when the batch was logged, and durations of anything but calls. The file
    keeps every cell, because the choice of cells must tell nothing. A cell that can only be noise is not shown.
    """
    if state.roster.epsilon is None:
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


def _read(vault: Vault, batch: Batch) -> Sequence[pl.DataFrame]:
    paths = vault.tally_paths(batch.batch)
    for path in paths:
        if not vault.disk.is_file(path):
            raise Unavailable(f"tally: {path.name} is missing", hint="restore it from a copy; the log knows its hash")
    raw = [vault.disk.read(path) for path in paths]
    if tally_hash(*raw) != batch.tally:
        raise NotProven(f"tally: {paths[0].name} or its twin is not the one in the log")
    return [parse_table(item) for item in raw]


def _empty() -> pl.DataFrame:
    names = ("kind", "feed", "origin", "destination")
    schema = pl.Schema(
        {"day": pl.Date(), "hour": pl.Datetime("ms", "UTC")}
        | dict.fromkeys(names, pl.String())
        | dict.fromkeys(MEASURES, pl.Int64())
    )
    return pl.DataFrame(schema=schema)
