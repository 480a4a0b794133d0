"""Coffer beside ClickHouse and DuckDB on the same simulated days, in one run: ``make bench RECORDS=7029000``.

Measures, paired and repeated: sealing against loading in plaintext; one number over the whole window; the count by country, day and kind; bytes on disk; peak memory of
each as a tree of child processes (the sum of their resident pages, sampled). Writes ``bench/results.json``.
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
    """Resident pages of a process and all below it."""
    try:
        own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return own + sum(resident_bytes(int(child)) for child in children)


def measure(command: list[str]) -> tuple[float, float, str]:
    """Run a command: seconds, peak MiB, stdout."""
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


def peer(engine: str, task: str, data: Path, database: Path, subject: str = "") -> tuple[float, float]:
    _, peak, out = measure([sys.executable, str(HERE / "peers.py"), engine, task, str(data), str(database), subject])
    return json.loads(out)["seconds"], peak


def open_one(vault: Path, subject: str, work: Path, round_number: int) -> tuple[float, float]:
    """End to end: request and three countersignatures are made before; the time is that of ``coffer open``."""
    note, answer = work / f"{round_number}.note", work / f"answer-{round_number}"
    order = ["--authority", "bench", "--basis", "bench", "--purpose", "bench", "--person", "bench", "-o", str(note)]
    what = ["--subject", subject, "--days", FIRST, LAST, "--kinds", "call,text", "--max-records", "100000"]
    measure([COFFER, "request", str(vault), *what, *order])
    for name in ("judge", "dpo", "regulator"):
        measure([COFFER, "countersign", str(vault), str(note), "--as", name, "--yes"])
    seconds, peak, _ = measure([COFFER, "open", str(vault), str(note), "-o", str(answer)])
    return seconds, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=7_029_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    options = parser.parse_args()
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    data, vault = work / f"data-{options.records}", work / "vault"
    if not (data / "feed.toml").is_file():
        shutil.rmtree(data, ignore_errors=True)
        seconds, peak, _ = measure([COFFER, "simulate", str(data), "--records", str(options.records)])
        print(f"simulated {options.records:,} records in {seconds:.1f} s, peak {peak:.0f} MiB", flush=True)
    files = sorted(str(path) for path in data.glob("2*.csv"))
    results = []

    loads = {"coffer": [], "clickhouse": [], "duckdb": []}
    for _ in range(options.rounds):
        found_vault(vault)
        seconds, peak, _ = measure([COFFER, "ingest", str(vault), "--feed", str(data / "feed.toml"), *files])
        loads["coffer"].append((seconds, peak))
        for engine in ("clickhouse", "duckdb"):
            shutil.rmtree(work / engine, ignore_errors=True)
            loads[engine].append(peer(engine, "load", data, work / engine))
        print({name: [f"{s:.1f} s {p:.0f} MiB" for s, p in found] for name, found in loads.items()}, flush=True)
    ours = min(loads["coffer"])
    rows_bytes = sum(path.stat().st_size for path in (vault / "segments").rglob("*.rows"))
    for engine in ("clickhouse", "duckdb"):
        best = min(loads[engine])
        results.append(
            line("ingest", options.records, ours, engine, best, folder_bytes(vault), folder_bytes(work / engine))
        )

    truths = json.loads((data / "truths.json").read_text())["subjects"]
    subject = max(
        (s for s in truths if s["subject"].startswith("tel:") and len(s["records"]) < 2000),
        key=lambda s: len(s["records"]),
    )["subject"]
    openings = [open_one(vault, subject, work, number) for number in range(options.rounds)]
    shutil.rmtree(work / "answer-0", ignore_errors=True)
    counts = []
    for _ in range(3):
        counts.append(
            measure([COFFER, "report", str(vault), "--from", FIRST, "--to", LAST, "--by", "origin", "--json"])[:2]
        )
    for engine in ("clickhouse", "duckdb"):
        one = peer(engine, "one", data, work / engine, subject.removeprefix("tel:"))
        results.append(line("one number, 30 days", options.records, min(openings), engine, one, None, None))
        results.append(
            line(
                "count by country, day, kind",
                options.records,
                min(counts),
                engine,
                peer(engine, "count", data, work / engine),
                None,
                None,
            )
        )
    document = {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "row_bytes_per_record": round(rows_bytes / options.records, 2),
        "results": results,
    }
    (HERE / "results.json").write_text(json.dumps(document, indent=1) + "\n")
    show(results)
    for path in work.glob("answer-*"):
        shutil.rmtree(path)
    for path in work.glob("*.note"):
        path.unlink()


def line(
    name: str,
    records: int,
    ours: tuple[float, float],
    engine: str,
    theirs: tuple[float, float],
    our_bytes: int | None,
    their_bytes: int | None,
) -> dict[str, object]:
    return {
        "name": name, "records": records, "coffer_s": round(ours[0], 3), "peer": engine, "peer_s": round(theirs[0], 4), "ratio": round(theirs[0] / ours[0], 4),
        "coffer_peak_mib": round(ours[1]), "peer_peak_mib": round(theirs[1]), "coffer_bytes": our_bytes, "peer_bytes": their_bytes,
    }  # fmt: skip


def show(results: list[dict[str, object]]) -> None:
    table = Table(*results[0], box=None)
    for row in results:
        table.add_row(*(f"{value:,}" if isinstance(value, int | float) else str(value or "") for value in row.values()))
    Console(width=180).print(table)


if __name__ == "__main__":
    main()
