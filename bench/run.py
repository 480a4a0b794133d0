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
import shutil
import sys
from pathlib import Path
from time import sleep

from measuring import RESULTS, Cost, keep, kept, measure, median, ratio, rounded, verify_peers
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
FIRST, LAST = "2012-12-10", "2013-01-08"
COFFER = str(BIN / "coffer")
REST_S = 2
"""Between two loads: what the one left to be written to the disk is not the other's cost."""


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def found_vault(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    custodians = ["--custodian", "judge", "--custodian", "dpo", "--custodian", "regulator"]
    limits = ["--retention-days", "36500", "--late-days", "36500", "--tally", "epsilon=0.1"]
    rule = ["--rule", "base=2 of judge,dpo,regulator"]
    measure([COFFER, "init", str(folder), "--origin", "bench.example/vault", *custodians, *rule, *limits])
    measure([COFFER, "epoch", str(folder), "--days", FIRST, LAST])


def timed_task(python: str, script: str, *arguments: str) -> tuple[Cost, Cost, int]:
    """What a task costs alone and as a whole process, and the number of records or rows.

    A peak is that of the process.
    """
    whole, out = measure([python, str(HERE / script), *arguments])
    document = json.loads(out.strip().splitlines()[-1])
    alone = Cost(seconds=document["seconds"], processor_s=document["processor_s"], peak_mib=whole.peak_mib)
    return alone, whole, document["found"]


def request(vault: Path, subject: str, note: Path) -> None:
    """Make a request with all three countersignatures, before anything is timed."""
    order = ["--authority", "bench", "--basis", "bench", "--purpose", "bench", "--person", "bench", "-o", str(note)]
    what = ["--subject", subject, "--days", FIRST, LAST, "--kinds", "call,text", "--max-records", "100000"]
    measure([COFFER, "request", str(vault), *what, *order])
    for name in ("judge", "dpo", "regulator"):
        measure([COFFER, "countersign", str(vault), str(note), "--as", name, "--yes"])


def load(options: argparse.Namespace, data: Path, vault: Path) -> dict[str, list[Cost]]:
    """Let each engine load the same files in turn, ``rounds`` times; the last load of each stays."""
    files = sorted(str(path) for path in data.glob("2*.csv"))
    loads: dict[str, list[Cost]] = {name: [] for name in ("coffer", *options.peers)}
    for _ in range(options.rounds):
        found_vault(vault)
        sleep(REST_S)
        loads["coffer"].append(measure([COFFER, "ingest", str(vault), "--feed", str(data / "feed.toml"), *files])[0])
        for engine in options.peers:
            shutil.rmtree(options.work / engine, ignore_errors=True)
            sleep(REST_S)
            arguments = [engine, "load", str(data), str(options.work / engine)]
            loads[engine].append(timed_task(options.peers_python, "peers.py", *arguments)[1])
        told = {
            name: f"{c[-1].seconds:.1f} s, {c[-1].processor_s:.1f} s of processor, {c[-1].peak_mib:.0f} MiB"
            for name, c in loads.items()
        }
        print(f"{options.records:,} records in: {told}", flush=True)
    return loads


def planted(data: Path, most: int = 2000) -> list[dict[str, object]]:
    """Numbers whose records the simulation lists, with fewer than ``most``; the busiest first."""
    truths = json.loads((data / "truths.json").read_text())["subjects"]
    numbers = [item for item in truths if item["subject"].startswith("tel:") and len(item["records"]) < most]
    return sorted(numbers, key=lambda item: -len(item["records"]))


def open_planted(vault: Path, data: Path, work: Path, rounds: int) -> dict[str, Cost]:
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
            whole.append(measure([COFFER, "open", str(vault), str(note), "-o", str(answer)])[0])
            records = len((answer / "records.csv").read_bytes().splitlines()) - 1
            assert records == expected, f"{records} records opened, {expected} planted"
        else:
            notes += [str(note), str(answer)]
    alone, _, records = timed_task(sys.executable, "ours.py", "one", str(vault), *notes)
    assert records == expected, f"{records} records opened, {expected} planted"
    return {"one number, 30 days": alone, "one number, whole command": median(whole)}


def look_up(options: argparse.Namespace, data: Path) -> dict[str, dict[str, Cost]]:
    """What the peers take for the same number, and for the count."""
    subject = planted(data)[0]
    number, expected = str(subject["subject"]).removeprefix("tel:"), len(subject["records"])
    theirs: dict[str, dict[str, Cost]] = {}
    for engine in options.peers:
        where = [str(data), str(options.work / engine), number]
        one, _, rows = timed_task(options.peers_python, "peers.py", engine, "one", *where)
        print(
            f"{engine}: {rows:,} of the {expected:,} records of one number: the others are written in another way, and it normalises nothing",
            flush=True,
        )
        count = timed_task(options.peers_python, "peers.py", engine, "count", *where)[0]
        theirs[engine] = {"one number, 30 days": one, "count by country, day, kind": count}
    return theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=7_029_000, help="how many are simulated in 30 days (7029000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each engine has its turn (3)")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="folder of data, vault and databases")
    parser.add_argument("--peers", nargs="+", default=["clickhouse", "duckdb"], choices=["clickhouse", "duckdb"])
    parser.add_argument("--peers-python", default=sys.executable, help="interpreter that has them: see make peers")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where figures are kept (bench/results.json)")
    options = parser.parse_args()
    verify_peers(options.peers_python, ({"clickhouse": "chdb", "duckdb": "duckdb"}[one] for one in options.peers))
    work = options.work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    clear(options)
    clear(options)
    data, vault = work / f"data-{options.records}", work / "vault"
    if not (data / "feed.toml").is_file():
        shutil.rmtree(data, ignore_errors=True)
        cost, _ = measure([COFFER, "simulate", str(data), "--records", str(options.records)])
        print(
            f"simulated {options.records:,} records in {cost.seconds:.1f} s, peak {cost.peak_mib:.0f} MiB", flush=True
        )
    loads = load(options, data, vault)
    count = timed_task(sys.executable, "ours.py", "count", str(vault))[0]
    report = [COFFER, "report", str(vault), "--from", FIRST, "--to", LAST, "--by", "day,kind,origin", "--json"]
    ours = {
        "ingest": median(loads["coffer"]),
        **open_planted(vault, data, work, options.rounds),
        "count by country, day, kind": count,
        "count, whole command": median(measure(report)[0] for _ in range(options.rounds)),
    }
    tasks = {name: {"coffer": rounded(cost)} for name, cost in ours.items()}
    for engine, costs in look_up(options, data).items():
        ingest = rounded(median(loads[engine])) | {
            "ratio": ratio(loads["coffer"], loads[engine]),
            "processor_ratio": ratio(loads["coffer"], loads[engine], "processor_s"),
        }
        tasks["ingest"][engine] = ingest | {"bytes": folder_bytes(work / engine)}
        for name, cost in costs.items():
            tasks[name][engine] = rounded(cost) | {"ratio": round(cost.seconds / ours[name].seconds, 3)}
    tasks["ingest"]["coffer"]["bytes"] = folder_bytes(vault)
    segments = list((vault / "segments").rglob("*.rows"))
    run = {
        "rounds": options.rounds,
        "segments": len(segments),
        "row_bytes_per_record": round(sum(path.stat().st_size for path in segments) / options.records, 2),
        "tasks": tasks,
    }
    keep("runs", kept("runs", options.output) | {str(options.records): run}, options.output)
    show(tasks)
    clear(options)


def clear(options: argparse.Namespace) -> None:
    """Remove what a run makes, but not the records and the vault."""
    for path in [*options.work.glob("answer-*"), *(options.work / engine for engine in options.peers)]:
        shutil.rmtree(path, ignore_errors=True)
    for path in options.work.glob("*.note"):
        path.unlink()


def show(tasks: dict[str, dict[str, dict[str, float]]]) -> None:
    columns = ("seconds", "processor_s", "peak_mib", "ratio", "processor_ratio", "bytes")
    table = Table("task", "who", *columns, box=None)
    for task, by_engine in tasks.items():
        for engine, row in by_engine.items():
            table.add_row(task, engine, *(f"{row[name]:,}" if name in row else "" for name in columns))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
