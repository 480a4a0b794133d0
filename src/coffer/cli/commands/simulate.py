"""``coffer simulate``."""

import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from coffer import wire
from coffer.cli.console import console, say
from coffer.simulation.run import simulate as run_simulation
from coffer.simulation.scenario import Scenario
from coffer.visible import counted

_DEFAULT = Scenario()


@click.command(epilog="Example: coffer simulate out/ --country FR --days 2016-09-01 2016-09-03 --records 200000")
@click.argument("folder")
@click.option("--country", default=_DEFAULT.country, show_default=True, help="ISO code of the operator's country.")
@click.option(
    "--days",
    nargs=2,
    default=(str(_DEFAULT.first_day), str(_DEFAULT.last_day)),
    show_default=True,
    metavar="FIRST LAST",
    help="Days (UTC).",
)
@click.option("--records", type=int, default=_DEFAULT.records, show_default=True, help="How many records in all.")
@click.option("--seed", type=int, default=_DEFAULT.seed, show_default=True, help="The same seed gives the same bytes.")
@click.option(
    "--workers", type=int, default=os.cpu_count() or 1, show_default=True, help="Processes that write at once."
)
def simulate(folder: str, country: str, days: tuple[str, str], records: int, seed: int, workers: int) -> None:
    """Make the traffic of a country of invented people.

    It writes one CSV file a day, a feed file, and truths.json to check answers with.
    """
    scenario = Scenario(
        country=country,
        first_day=wire.parse_day(days[0], "--days"),
        last_day=wire.parse_day(days[1], "--days"),
        records=records,
        seed=seed,
    )
    columns = (
        TextColumn("simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("records"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, transient=True, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("records", total=records)
        summary = run_simulation(
            Path(folder),
            scenario=scenario,
            on_progress=lambda done: bar.advance(task, done),
            workers=min(workers, len(scenario.days)),
        )
    console().print(f"{counted(summary.records, 'record')} of {counted(len(scenario.days), 'day')} in {folder}")
    say(f"next: coffer ingest VAULT --feed {folder}/feed.toml {folder}/*.csv")
