"""Reports from the tally: sums over the released tables of every batch in State that was not withdrawn, each proven against the log first."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import polars as pl

from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.facts import Batch
from coffer.ledger.state import State
from coffer.tally.chart import Chart, draw_up
from coffer.tally.exact import MEASURES
from coffer.tally.release import ReleasedCount, noise_sd, parse_table, shown, tally_hash
from coffer.vault.folder import Vault

DIMENSIONS: Final = ("day", "hour", "kind", "feed", "origin", "destination")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """One line of a report. ``keys``: what it counts, in the order of ``Report.by``. ``buckets``: records by duration, in the order of ``BUCKETS``."""

    keys: tuple[str, ...]
    records: ReleasedCount
    buckets: tuple[ReleasedCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Totals of a period.

    ``noise_sd`` is the standard deviation of the noise in ``total``, 0 if
    exact; None where cells too small to show safely are missing from it, which no standard deviation describes.
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
    """Sum the tally of a period by one or more of ``DIMENSIONS``.

    Without a country the hours table is summed, which is complete; with one, the countries table, in which cells too
    small to show safely are missing.

    Raises:
        MalformedInput: days in the wrong order, an unknown dimension, or hours of a country (no table has both).
        NotProven: a tally file is not the one in the log. Unavailable: it is missing.
    """
    if first > last:
        raise MalformedInput("--from: later than --to")
    if not by or len(set(by)) != len(by) or set(by) - set(DIMENSIONS):
        raise MalformedInput(f"--by: expected some of {', '.join(DIMENSIONS)}, each once, joined by commas")
    by_place = country is not None or not set(by).isdisjoint(("origin", "destination"))
    if "hour" in by and by_place:
        raise MalformedInput(
            "--by hour: not counted by country",
            hint="the tally keeps hours and countries apart on purpose; use --by day",
        )
    batches = _counting(state)
    tables = [_read(vault, batch)[1 if by_place else 0] for batch in batches]
    frame = pl.concat(tables) if tables else _empty()
    if not by_place:
        frame = frame.with_columns(pl.col("hour").dt.date().alias("day"))
    frame = frame.filter(pl.col("day").is_between(first, last))
    if country is not None:
        frame = frame.filter((pl.col("origin") == country) | (pl.col("destination") == country))
    epsilon = state.roster.epsilon
    hour = pl.col("hour").dt.strftime("%Y-%m-%d %H:00").alias("hour")
    keys = [hour if name == "hour" else pl.col(name).cast(pl.String) for name in by]
    grouped = frame.group_by(keys).agg(pl.col(*MEASURES).sum()).sort(by)
    sd = None if by_place and epsilon is not None else noise_sd(frame.height, epsilon)
    return Report(
        first=first,
        last=last,
        by=tuple(by),
        country=country,
        epsilon=epsilon,
        lines=tuple(_line(row, by) for row in grouped.iter_rows(named=True)),
        total=shown(int(frame["records"].sum())),
        noise_sd=sd,
        batches=len(tables),
    )


def make_chart(vault: Vault, state: State, *, first: dt.date, last: dt.date, country: str | None) -> Chart:
    """What a picture of the period shows: its days, and with which countries.

    Raises:
        MalformedInput: days in the wrong order, or more of them than a picture can show.
        NotProven: a tally file is not the one in the log. Unavailable: it is missing.
    """
    batches = _counting(state)
    tables = [_read(vault, batch) for batch in batches]
    hours = pl.concat([table[0] for table in tables]) if tables else _empty()
    countries = pl.concat([table[1] for table in tables]) if tables else _empty()
    return draw_up(hours, countries, first=first, last=last, country=country, epsilon=state.roster.epsilon)


def _counting(state: State) -> list[Batch]:
    """The batches that have a tally and were not withdrawn."""
    return [batch for batch in state.batches.values() if batch.tally is not None and batch.batch not in state.withdrawn]


def _line(row: dict[str, object], by: Sequence[str]) -> ReportLine:
    records, *buckets = (_count(row[name]) for name in MEASURES)
    return ReportLine(keys=tuple(str(row[name]) for name in by), records=records, buckets=tuple(buckets))


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
