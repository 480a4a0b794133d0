"""The same files sealed by one machine and by a Spark cluster on the same cores.

    python bench/cluster.py --records 1000000 7029000

Needs ``make spark`` and Java. A standalone cluster runs on loopback with one and with two workers of one core each; the
embedded engine runs with as many workers. Days are simulated as for ``run.py``. From several sizes follow the fixed cost
of each way and its growth by a million records. Prints a table, and keeps it in ``bench/results.json``.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]

from clustering import PYTHON, is_here, standalone
from measuring import ENVIRONMENT, RESULTS, keep, measure
from rich.console import Console
from rich.table import Table
from run import COFFER, found_vault


def ingest(vault: Path, data: Path, coffer: list[str], how: list[str], rounds: int) -> float:
    """Seconds of an ingest on the clock, the median of some."""
    files = sorted(str(path) for path in data.glob("2*.csv"))
    costs = []
    for _ in range(rounds):
        found_vault(vault)
        costs.append(measure([*coffer, "ingest", str(vault), "--feed", str(data / "feed.toml"), *how, *files])[0])
    return round(median(one.seconds for one in costs), 2)


def rows(options: argparse.Namespace) -> list[dict[str, object]]:
    """A row for each size, engine and number of workers."""
    made: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as work:
        vault = Path(work) / "vault"
        for workers in (1, 2):
            folder = Path(work) / f"cluster-{workers}"
            folder.mkdir()
            with standalone(folder, workers, {}) as cluster:
                ENVIRONMENT.update(cluster.environment())
                for records in options.records:
                    data = options.work / f"data-{records}"
                    if not (data / "feed.toml").is_file():
                        measure([COFFER, "simulate", str(data), "--records", str(records)])
                    ways = {
                        "here": ([COFFER], ["--workers", str(workers)]),
                        "spark": (
                            [str(PYTHON), "-m", "coffer"],
                            ["--engine", "spark", "--master", cluster.master, "--split-mib", "64"],
                        ),
                    }
                    for engine, (coffer, how) in ways.items():
                        seconds = ingest(vault, data, coffer, how, options.rounds)
                        made.append({"records": records, "workers": workers, "engine": engine, "seconds": seconds})
                        print(made[-1], flush=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="*", default=[1_000_000, 7_029_000, 21_087_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where figures are kept (bench/results.json)")
    options = parser.parse_args()
    if not is_here():
        sys.exit("no Spark here: make spark, and Java 17 or later")
    options.work = options.work.resolve()
    found = rows(options)
    table = Table(*found[0])
    for row in found:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))
    Console(width=100).print(table)
    keep("cluster", found, options.output)


if __name__ == "__main__":
    main()
