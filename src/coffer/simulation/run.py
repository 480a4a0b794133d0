"""Runs a scenario: gives days to processes and writes chunks to files.

No other module here touches the disk. Each day has its own generator, seeded by (seed, day), so the files do not depend
on which process writes them or when.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from coffer.children import environment, pool
from coffer.errors import MalformedInput, Unavailable
from coffer.simulation.planted import PLANTED_LINES, PlantedSubject, plan_planting
from coffer.simulation.population import Population, make_population
from coffer.simulation.scenario import Scenario, daily_totals
from coffer.simulation.traffic import DayPlan, day_traffic
from coffer.simulation.truths import Finding, find_records, format_truths
from coffer.simulation.writers.csv import FILE_SUFFIX, HEADER, CsvTables, format_feed, format_rows, make_csv_tables

FEED_FILE: Final = "feed.toml"
TRUTHS_FILE: Final = "truths.json"
UNFINISHED_SUFFIX: Final = ".part"
"""The suffix of a day's file until its last row is written, so that nobody reads an unfinished day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSummary:
    """What was written: ``records`` rows in ``files`` CSV files of ``size_bytes`` together.

    ``subscribers``: people who could appear. ``subjects``: planted subjects, which together have ``true_records``
    records.
    """

    records: int
    files: int
    size_bytes: int
    subscribers: int
    subjects: int
    true_records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _DayTask:
    """Everything that a process needs for one file."""

    path: Path
    seed: int
    plan: DayPlan
    population: Population
    tables: CsvTables
    subjects: tuple[PlantedSubject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _DayOutcome:
    records: int
    size_bytes: int
    findings: list[Finding]


def simulate(
    out_dir: Path, *, scenario: Scenario, on_progress: Callable[[int], None], workers: int
) -> SimulationSummary:
    """Write the scenario's files into ``out_dir``, which must be empty or not there.

    ``on_progress`` is called in this process with the number of records of each day that is finished, in no particular
    order of days. ``workers`` processes write at once, 1 to the number of days; 1 stays in this process. The feed file
    comes last: a folder without it is unfinished.

    Raises:
        MalformedInput: an unknown country, too many subscribers for its numbers, or fewer than one worker.
        Unavailable: the folder is not empty, or the disk fails.
    """
    if workers < 1:
        raise MalformedInput(f"simulation: workers: found {workers}, expected at least 1")
    population = make_population(scenario, planted=PLANTED_LINES)
    tables = make_csv_tables(population.blocks, population.cells)
    totals = daily_totals(scenario)
    planting = plan_planting(population, totals)
    tasks = [
        _DayTask(
            path=out_dir / f"{day}{FILE_SUFFIX}",
            seed=scenario.seed,
            plan=DayPlan(day=day, total=total, is_free_day=scenario.is_free_day(day), appearances=appearances),
            population=population,
            tables=tables,
            subjects=planting.subjects,
        )
        for day, total, appearances in zip(scenario.days, totals, planting.by_day, strict=True)
    ]
    # Start with the longest day; otherwise one process would still write it when the others are done.
    tasks.sort(key=lambda task: (-task.plan.total, task.plan.day))
    outcomes: list[_DayOutcome] = []
    try:
        _make_empty_folder(out_dir)
        for outcome in _run(tasks, workers):
            outcomes.append(outcome)
            on_progress(outcome.records)
        findings = [finding for outcome in outcomes for finding in outcome.findings]
        (out_dir / TRUTHS_FILE).write_bytes(format_truths(planting.subjects, findings))
        name = f"sim-{scenario.country.lower()}"
        (out_dir / FEED_FILE).write_bytes(format_feed(name, scenario.country))
    except OSError as error:
        raise Unavailable(
            f"{out_dir.name}: {error.strerror or error}", hint="the folder is unfinished: remove it"
        ) from error
    return SimulationSummary(
        records=sum(outcome.records for outcome in outcomes),
        files=len(outcomes),
        size_bytes=sum(outcome.size_bytes for outcome in outcomes),
        subscribers=population.subscribers,
        subjects=len(planting.subjects),
        true_records=len(findings),
    )


def _make_empty_folder(out_dir: Path) -> None:
    out_dir.mkdir(parents=True, exist_ok=True)
    if any(out_dir.iterdir()):
        raise Unavailable(f"{out_dir.name}: folder is not empty", hint="nothing is overwritten: name a new folder")


def _run(tasks: list[_DayTask], workers: int) -> Iterator[_DayOutcome]:
    """The outcomes in the order in which days finish. If a day fails, no further day is begun."""
    if workers == 1:
        yield from map(_write_day, tasks)
        return
    with pool(min(workers, len(tasks))) as processes:
        with environment():
            futures = [processes.submit(_write_day, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            processes.shutdown(wait=True, cancel_futures=True)


def _write_day(task: _DayTask) -> _DayOutcome:
    """Write one file; memory holds one chunk and the tables, however long the day is."""
    day = task.plan.day
    findings: list[Finding] = []
    records = size_bytes = 0
    unfinished = task.path.with_name(task.path.name + UNFINISHED_SUFFIX)
    with unfinished.open("xb") as file:
        size_bytes += file.write(HEADER)
        for columns in day_traffic(task.population, task.plan, day_generator(task.seed, day)):
            size_bytes += file.write(format_rows(columns, task.tables, day).data)
            findings += find_records(columns, task.subjects, task.population, day)
            records += len(columns.second)
    unfinished.rename(task.path)
    if records != task.plan.total:
        raise AssertionError(f"{task.path.name}: {records} rows, planned {task.plan.total}")
    return _DayOutcome(records=records, size_bytes=size_bytes, findings=findings)


def day_generator(seed: int, day: dt.date) -> np.random.Generator:
    """The generator of a day. The bit generator is named, because numpy may change its default."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, day.toordinal()))))
