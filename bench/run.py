"""Coffer beside ClickHouse and DuckDB on the same simulated days: ``make bench RECORDS=7029000``.

Measures, in rounds in which each engine has its turn: sealing against loading in plaintext; one number over the whole
window; the count by country, day and kind; bytes on disk; peak memory of each tree of child processes (the sum of their
resident pages, sampled). A figure is the median of the rounds, and a ratio the median of the rounds' ratios. A task is
timed alone, without starting (``ours.py``, ``peers.py``), and as a whole command. Checks that the busiest planted
number has exactly the planted records. Writes ``bench/results.json``, by the number of records.

The peers run in an environment of their own (``--peers-python``), since chdb brings pandas, which pyarrow imports where
it is, and Coffer's users do not have it.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
FIRST, LAST = "2012-12-10", "2013-01-08"
COFFER = str(BIN / "coffer")
ENVIRONMENT = os.environ | {"COFFER_PASSPHRASE": "bench"}
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """The resident bytes of a process and all its descendants."""
    try:
        own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return own + sum(resident_bytes(int(child)) for child in children)


def measure(command: list[str]) -> tuple[float, float, str]:
    """Run a command; return its seconds, peak MiB and stdout."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, resident_bytes(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)[:200]}: exit code {process.returncode}\n{err}")
    return seconds, peak / 2**20, out


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def found_vault(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    custodians = ["--custodian", "judge", "--custodian", "dpo", "--custodian", "regulator"]
    limits = ["--retention-days", "36500", "--late-days", "36500", "--tally", "epsilon=0.1"]
    rule = ["--rule", "base=2 of judge,dpo,regulator"]
    measure([COFFER, "init", str(folder), "--origin", "bench.example/vault", *custodians, *rule, *limits])
    measure([COFFER, "epoch", str(folder), "--days", FIRST, LAST])


def timed_task(script: str, *arguments: str) -> tuple[float, float, int]:
    """The seconds of a task alone, the peak MiB of its process, and the number of records or rows."""
    _, peak, out = measure([sys.executable, str(HERE / script), *arguments])
    document = json.loads(out.strip().splitlines()[-1])
    return document["seconds"], peak, document["found"]


def peer(engine: str, task: str, data: Path, database: Path, subject: str = "") -> tuple[float, float, int]:
    return timed_task("peers.py", engine, task, str(data), str(database), subject)


def request(vault: Path, subject: str, note: Path) -> None:
    """Make a request with all three countersignatures, before anything is timed."""
    order = ["--authority", "bench", "--basis", "bench", "--purpose", "bench", "--person", "bench", "-o", str(note)]
    what = ["--subject", subject, "--days", FIRST, LAST, "--kinds", "call,text", "--max-records", "100000"]
    measure([COFFER, "request", str(vault), *what, *order])
    for name in ("judge", "dpo", "regulator"):
        measure([COFFER, "countersign", str(vault), str(note), "--as", name, "--yes"])


def load(options: argparse.Namespace, data: Path, vault: Path) -> dict[str, list[tuple[float, float]]]:
    """Let each engine load the same files in turn, ``rounds`` times; the last load of each stays."""
    files = sorted(str(path) for path in data.glob("2*.csv"))
    loads: dict[str, list[tuple[float, float]]] = {"coffer": [], **{engine: [] for engine in options.peers}}
    for _ in range(options.rounds):
        found_vault(vault)
        seconds, peak, _ = measure([COFFER, "ingest", str(vault), "--feed", str(data / "feed.toml"), *files])
        loads["coffer"].append((seconds, peak))
        for engine in options.peers:
            shutil.rmtree(options.work / engine, ignore_errors=True)
            loads[engine].append(peer(engine, "load", data, options.work / engine)[:2])
        print({name: [f"{s:.1f} s {p:.0f} MiB" for s, p in costs] for name, costs in loads.items()}, flush=True)
    return loads


def planted(data: Path, most: int = 2000) -> list[dict[str, object]]:
    """Numbers whose records the simulation lists, with fewer than ``most``; the busiest first."""
    truths = json.loads((data / "truths.json").read_text())["subjects"]
    numbers = [item for item in truths if item["subject"].startswith("tel:") and len(item["records"]) < most]
    return sorted(numbers, key=lambda item: -len(item["records"]))


def open_planted(vault: Path, data: Path, work: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """Open the busiest planted number, by the whole command and as a task alone.

    The number of records must be the planted one.
    """
    subject = planted(data)[0]
    expected = len(subject["records"])
    whole, notes = [], []
    for number in range(2 * rounds):
        note, answer = work / f"{number}.note", work / f"answer-{number}"
        request(vault, str(subject["subject"]), note)
        if number < rounds:
            seconds, peak, _ = measure([COFFER, "open", str(vault), str(note), "-o", str(answer)])
            whole.append((seconds, peak))
            records = len((answer / "records.csv").read_bytes().splitlines()) - 1
            assert records == expected, f"{records} records opened, {expected} planted"
        else:
            notes += [str(note), str(answer)]
    seconds, peak, records = timed_task("ours.py", "one", str(vault), *notes)
    assert records == expected, f"{records} records opened, {expected} planted"
    return {"one number, 30 days": (seconds, peak), "one number, whole command": min(whole)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=7_029_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--peers", nargs="+", default=["clickhouse", "duckdb"], choices=["clickhouse", "duckdb"])
    parser.add_argument("--results", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    work = options.work.resolve()
    options.work = work
    work.mkdir(parents=True, exist_ok=True)
    data, vault = work / f"data-{options.records}", work / "vault"
    if not (data / "feed.toml").is_file():
        shutil.rmtree(data, ignore_errors=True)
        seconds, peak, _ = measure([COFFER, "simulate", str(data), "--records", str(options.records)])
        print(f"simulated {options.records:,} records in {seconds:.1f} s, peak {peak:.0f} MiB", flush=True)
    loads = load(options, data, vault)
    ours = {"ingest": min(loads["coffer"]), **open_planted(vault, data, work, options.rounds)}
    ours["count by country, day, kind"] = timed_task("ours.py", "count", str(vault))[:2]
    report = [COFFER, "report", str(vault), "--from", FIRST, "--to", LAST, "--by", "day,kind,origin", "--json"]
    ours["count, whole command"] = min(measure(report)[:2] for _ in range(options.rounds))
    rows_bytes = sum(path.stat().st_size for path in (vault / "segments").rglob("*.rows"))
    number = str(planted(data)[0]["subject"]).removeprefix("tel:")
    results = []
    for engine in options.peers:
        theirs = {"ingest": min(loads[engine])}
        for name, task in (("one number", "one"), ("count", "count")):
            started = time.perf_counter()
            seconds, peak, _ = peer(engine, task, data, work / engine, number)
            # The peer's whole command does its task five times, so four of them are subtracted.
            whole = time.perf_counter() - started - 4 * seconds
            alone = "one number, 30 days" if task == "one" else "count by country, day, kind"
            theirs |= {alone: (seconds, peak), f"{name}, whole command": (whole, peak)}
        sizes = {"ingest": (folder_bytes(vault), folder_bytes(work / engine))}
        results += [
            line(name, options.records, ours[name], engine, theirs[name], sizes.get(name, (None, None))) for name in ours
        ]
    document = {
        "machine": processor(),
        "cores": os.cpu_count(),
        "row_bytes_per_record": round(rows_bytes / options.records, 2),
        "results": results,
    }
    options.results.write_text(json.dumps(document, indent=1) + "\n")
    show(results)
    for path in work.glob("answer-*"):
        shutil.rmtree(path)
    for path in work.glob("*.note"):
        path.unlink()


def processor() -> str:
    """The processor's name, if the system tells it."""
    names = [text for text in Path("/proc/cpuinfo").read_text().splitlines() if text.startswith("model name")]
    return names[0].partition(": ")[2] if names else platform.machine()


def line(
    name: str,
    records: int,
    ours: tuple[float, float],
    engine: str,
    theirs: tuple[float, float],
    sizes: tuple[int | None, int | None],
) -> dict[str, object]:
    return {
        "name": name, "records": records, "coffer_s": round(ours[0], 4), "peer": engine, "peer_s": round(theirs[0], 4), "ratio": round(theirs[0] / ours[0], 4),
        "coffer_peak_mib": round(ours[1]), "peer_peak_mib": round(theirs[1]), "coffer_bytes": sizes[0], "peer_bytes": sizes[1],
    }  # fmt: skip


def show(results: list[dict[str, object]]) -> None:
    table = Table(*results[0], box=None)
    for row in results:
        table.add_row(*(f"{value:,}" if isinstance(value, int | float) else str(value or "") for value in row.values()))
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
