"""The window over the month of the story, beside datasette in the same run.

Measured are the first paint and the visitors a second.

``python bench/window.py``. ``make bench`` runs this, and it writes into ``bench/results.json``. The vault is that of
``tests/month.py``: its tally says the published numbers of 70 million records, and nothing was sealed, because the
window reads log and tally alone. Datasette serves the table of days, the same that ``/numbers.csv`` gives, from SQLite.

Both are served on loopback by one process each, and are measured in turn. First contentful paint is what Chromium says
of a page in a fresh profile, after one visit that does not count. Requests a second are those of ``wrk``, with the
errors that it counts.
"""

import argparse
import csv
import io
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]

from measuring import keep
from month import make_month
from playwright.sync_api import sync_playwright

BIN = Path(sys.executable).parent
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
VISITORS = 32
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


@contextmanager
def serving(command: list[str], health: str | None = None) -> Iterator[str]:
    """A server's address, while it runs: the first that it prints.

    What it prints goes to a file, so it waits for nobody.
    """
    with tempfile.NamedTemporaryFile("r+") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            while not (found := re.search(r"http://[0-9.]+:[0-9]+", Path(log.name).read_text())):
                if process.poll() is not None:
                    sys.exit(f"{command[0]}: ended with {process.returncode}")
                time.sleep(0.1)
            wait_for(found[0] + (health or "/"))
            yield found[0]
        finally:
            process.terminate()


def wait_for(address: str) -> None:
    """Until it answers 200."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(address) as response:
                if response.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"{address}: no answer in 30 seconds")


def table_of_days(window: str, path: Path) -> int:
    """The days of the window as a table of SQLite; how many."""
    with urllib.request.urlopen(f"{window}/numbers.csv") as response:
        rows = list(csv.DictReader(io.TextIOWrapper(response, "utf-8")))
    with sqlite3.connect(path) as base:
        base.execute("create table days (day text primary key, records integer, noise_sd real)")
        base.executemany(
            "insert into days values (?, ?, ?)", [(row["day"], row["records"], row["noise_sd"]) for row in rows]
        )
    return len(rows)


def paints(addresses: dict[str, str], visits: int) -> dict[str, list[float]]:
    """Milliseconds to the first contentful paint, each visit in a fresh profile, in turn."""
    times: dict[str, list[float]] = {name: [] for name in addresses}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for visit in range(visits + 1):
            for name, address in addresses.items():
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                page = context.new_page()
                page.goto(address, wait_until="load")
                page.wait_for_function(f"({PAINT}) !== null")
                if visit:
                    times[name].append(page.evaluate(PAINT))
                context.close()
        browser.close()
    return times


def visitors(address: str, seconds: int, *headers: str) -> dict[str, float]:
    """What wrk says of a page: requests a second, milliseconds at the 99th of 100, errors of any kind."""
    options = [word for header in headers for word in ("-H", header)]
    command = ["wrk", "-t2", f"-c{VISITORS}", f"-d{seconds}s", "--latency", *options, address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    errors = sum(int(count) for count in re.findall(r"(?:connect|read|write|timeout) ([0-9]+)", said))
    errors += sum(int(count) for count in re.findall(r"Non-2xx or 3xx responses: ([0-9]+)", said))
    slow = re.search(r"99%\s+([0-9.]+)(us|ms|s)\b", said)
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    return {
        "requests_a_second": round(float(re.search(r"Requests/sec:\s+([0-9.]+)", said)[1])),
        "p99_ms": round(float(slow[1]) * scale[slow[2]], 1),
        "errors": errors,
    }


def main() -> None:
    """Measure both, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--visits", type=int, default=9)
    options = parser.parse_args()
    datasette = shutil.which("datasette", path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    if datasette is None or shutil.which("wrk") is None:
        sys.exit("window: not measured: datasette (requirements-bench.lock) or wrk (apt install wrk) is not installed")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        vault = make_month(folder).vault.path
        window_command = [str(BIN / "coffer"), "serve", str(vault), "--window", "127.0.0.1:0"]
        with serving([*window_command, "--operator", "Telco Example"], "/health") as window:
            days = table_of_days(window, folder / "month.db")
            served = [datasette, "serve", str(folder / "month.db"), "--host", "127.0.0.1", "--port", "8931"]
            with serving(served) as peer:
                addresses = {"window": f"{window}/", "datasette": f"{peer}/month/days"}
                painted = paints(addresses, options.visits)
                load = {
                    "window": visitors(addresses["window"], options.seconds),
                    "window, compressed": visitors(addresses["window"], options.seconds, "accept-encoding: gzip"),
                    "datasette": visitors(addresses["datasette"], options.seconds),
                }
    rows = {
        "days": days,
        "visits": options.visits,
        "seconds": options.seconds,
        "connections": VISITORS,
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "load_average": round(os.getloadavg()[0], 1),
        "first_contentful_paint_ms": {
            name: {"least": round(min(times)), "median": round(statistics.median(times)), "most": round(max(times))}
            for name, times in painted.items()
        },
        "under_load": load,
    }
    print(json.dumps(rows, indent=1))
    keep("window", rows)


if __name__ == "__main__":
    main()
