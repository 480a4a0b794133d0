"""How long each command takes to start, beside ``python -c pass`` and ``datasette --version``.

``make bench`` runs this, and it writes into ``bench/results.json``. A start is ``COMMAND --help``, which imports all
that the command needs; for some commands it is also the work itself on a small vault. Each command runs several times,
in turn with the others, so that a busy machine slows all of them. The least time is the cost of the start; processor
time is given beside it. A first run compiles the byte code and does not count.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from coffer.cli.commands import LISTED
from rich.console import Console
from rich.table import Table

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 7
HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
COFFER = str(BIN / "coffer")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT |= {"COFFER_PASSPHRASE": "bench", "PYTHONPYCACHEPREFIX": tempfile.mkdtemp(prefix="startup-")}


def run(command: list[str]) -> tuple[float, float]:
    """The seconds of a command on the clock, and of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)[:200]}: exit code {done.returncode}\n{done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def small_vault(folder: Path) -> None:
    """Make a vault of three custodians with the keys of today, whose log has four entries."""
    custodians = [word for name in ("judge", "dpo", "regulator") for word in ("--custodian", name)]
    limits = ["--retention-days", "30", "--late-days", "5", "--rule", "base=2 of judge,dpo,regulator"]
    run([COFFER, "init", str(folder), "--origin", "bench.example/startup", *custodians, *limits])
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    run([COFFER, "epoch", str(folder), "--days", today, today])


def main() -> None:
    """Measure all commands, print a table and keep the figures."""
    datasette = shutil.which("datasette", path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    with tempfile.TemporaryDirectory() as work:
        vault = Path(work) / "vault"
        small_vault(vault)
        tasks = {"python -c pass": [sys.executable, "-c", "pass"]}
        if datasette:
            tasks["datasette --version"] = [datasette, "--version"]
        else:
            print("datasette --version: not measured: datasette is not installed", file=sys.stderr)
        tasks |= {f"coffer {option}": [COFFER, option] for option in ("--help", "--version")}
        tasks |= {f"coffer {one.name} --help": [COFFER, one.name, "--help"] for one in LISTED}
        tasks["coffer log vault"] = [COFFER, "log", str(vault)]
        for command in tasks.values():
            run(command)
        times = {name: [] for name in tasks}
        for _ in range(RUNS):
            for name, command in tasks.items():
                times[name].append(run(command))
    shutil.rmtree(ENVIRONMENT["PYTHONPYCACHEPREFIX"])
    rows = {
        name: {
            "least_s": round(min(clock for clock, _ in values), 3),
            "median_s": round(statistics.median(clock for clock, _ in values), 3),
            "processor_s": round(min(spent for _, spent in values), 3),
        }
        for name, values in times.items()
    }
    table = Table("start", "least, ms", "median, ms", "processor, ms", box=None, pad_edge=False)
    for name, row in rows.items():
        table.add_row(name, *(f"{1000 * value:,.0f}" for value in row.values()))
    Console(width=100).print(table)
    path = HERE / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(results | {"startup": {"runs": RUNS, "starts": rows}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
