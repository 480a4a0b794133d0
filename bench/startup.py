"""How long each command takes to start, beside ``python -c pass`` and ``datasette --version``.

``make bench`` runs this, and it writes into ``bench/results.json``. A start is ``COMMAND --help``, which imports all
that the command needs; ``log``, ``request``, ``countersign`` and ``open`` are also run for what they do, on a small
vault with 30 days of records, the last two with the passphrase and with keys that ``coffer unlock`` holds. Each command
runs several times, in turn with the others, so that a busy machine slows all of them. The least time is the cost of the
start; processor time is given beside it. A first run compiles the byte code and does not count.

``python bench/startup.py 15 --work`` runs the work alone, and keeps no figures.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from coffer.cli.commands import LISTED
from measuring import keep
from rich.console import Console
from rich.table import Table

BIN = Path(sys.executable).parent
COFFER = str(BIN / "coffer")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["COFFER_PASSPHRASE"] = "bench"


SUBJECT = "tel:+33612345678"
DAYS = 30
FEED = """
[feed]
name = "calls"
format = "csv"
home_country = "FR"
time_zone = "UTC"
kind = "call"
[csv]
header = false
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = 0
b = 1
start = 2
duration_s = 3
"""
NUMBER = count()


def run(command: list[str], environment: dict[str, str] = ENVIRONMENT) -> tuple[float, float]:
    """The seconds of a command on the clock, and of the processor.

    ``{n}`` in its words is another number each time.
    """
    words = [word.replace("{n}", str(next(NUMBER))) for word in command]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(words)[:200]}: exit code {done.returncode}\n{done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def small_vault(work: Path) -> Path:
    """Make a vault of three custodians, with a record of each of 29 days and a request for them."""
    vault, note = work / "vault", work / "request.note"
    custodians = [word for name in ("judge", "dpo", "regulator") for word in ("--custodian", name)]
    limits = ["--retention-days", "60", "--late-days", "40", "--rule", "base=2 of judge,dpo,regulator"]
    run([COFFER, "init", str(vault), "--origin", "bench.example/startup", *custodians, *limits])
    run([COFFER, "epoch", str(vault), "--days", *first_and_last()])
    days = [datetime.now(UTC) - timedelta(days=days) for days in range(1, DAYS)]
    (work / "calls.csv").write_text("".join(f"+33612345678,+33698765432,{day:%Y-%m-%d} 10:00:00,60\n" for day in days))
    (work / "feed.toml").write_text(FEED)
    run([COFFER, "ingest", str(vault), "--feed", str(work / "feed.toml"), str(work / "calls.csv")])
    run(request(vault, note))
    for name in ("judge", "dpo"):
        run([COFFER, "countersign", str(vault), str(note), "--as", name, "--yes"])
    return vault


def first_and_last() -> list[str]:
    """The days of the vault's keys, and of every request."""
    now = datetime.now(UTC)
    return [f"{now - timedelta(days=DAYS - 1):%Y-%m-%d}", f"{now:%Y-%m-%d}"]


def request(vault: Path, note: Path) -> list[str]:
    """The command that asks for all days of one number."""
    order = ["--authority", "Court", "--basis", "Art. 1", "--purpose", "Theft", "--person", "A. Example"]
    asked = ["--subject", SUBJECT, "--days", *first_and_last(), "--kinds", "call", "--max-records", "1000000"]
    return [COFFER, "request", str(vault), *asked, *order, "-o", str(note)]


def work_tasks(work: Path, vault: Path) -> dict[str, list[str]]:
    """What commands do, by name."""
    note = str(work / "request.note")
    return {
        "coffer log VAULT": [COFFER, "log", str(vault)],
        "coffer request VAULT ...": request(vault, work / "request-{n}.note"),
        "coffer countersign VAULT ...": [COFFER, "countersign", str(vault), note, "--as", "judge", "--yes"],
        "coffer open VAULT ..., 30 days": [COFFER, "open", str(vault), note, "-o", str(work / "answer-{n}")],
    }


def session(work: Path, vault: Path) -> dict[str, str]:
    """The environment of a session whose agent holds every custodian's keys, without a passphrase."""
    runtime = work / "session"
    runtime.mkdir(mode=0o700)
    environment = ENVIRONMENT | {"XDG_RUNTIME_DIR": str(runtime)}
    names = [word for name in ("judge", "dpo", "regulator") for word in ("--as", name)]
    run([COFFER, "unlock", str(vault), *names], environment)
    return {name: value for name, value in environment.items() if name != "COFFER_PASSPHRASE"}


def main() -> None:
    """Measure all commands, print a table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int, nargs="?", default=7)
    parser.add_argument("--work", action="store_true", help="the work alone; no figures are kept")
    given = parser.parse_args()
    runs, is_all = given.runs, not given.work
    ENVIRONMENT["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp(prefix="startup-")
    datasette = shutil.which("datasette", path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        vault = small_vault(work)
        tasks = {"python -c pass": [sys.executable, "-c", "pass"]}
        if datasette:
            tasks["datasette --version"] = [datasette, "--version"]
        else:
            print("datasette --version: not measured: datasette is not installed", file=sys.stderr)
        tasks |= {f"coffer {option}": [COFFER, option] for option in ("--help", "--version")}
        if is_all:
            tasks |= {f"coffer {one.name} --help": [COFFER, one.name, "--help"] for one in LISTED}
        doing = work_tasks(work, vault)
        measured = {name: (command, ENVIRONMENT) for name, command in (tasks | doing).items()}
        unlocked = session(work, vault)
        measured |= {
            f"{name}, unlocked": (command, unlocked)
            for name, command in doing.items()
            if "countersign" in name or "open" in name
        }
        try:
            for command, environment in measured.values():
                run(command, environment)
            times = {name: [] for name in measured}
            for _ in range(runs):
                for name, (command, environment) in measured.items():
                    times[name].append(run(command, environment))
        finally:
            run([COFFER, "lock"], unlocked)
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
    if not is_all:
        return
    keep("startup", {"runs": runs, "starts": rows})


if __name__ == "__main__":
    main()
