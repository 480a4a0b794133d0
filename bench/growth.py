"""How an opening and the log grow, beside ClickHouse and SQLite.

    python bench/growth.py --peers-python PATH [--segments 10 100 1000 3000] [--entries 1000 10000 100000]

Opening: a vault with one record of a person in each segment, in at most 1,000 of them, opened by a warm desk with three
local custodians, log entries and evidence on disk; beside it the same records in ClickHouse (``chdb``), in as many parts, looked up by their
number. Log: ``long_log.py``, beside SQLite with the same entries in a table. Each measurement is a process of its own,
and the peers' are run by another interpreter, which has ``chdb``. Times are the least and the median of several, after
one that does not count. ``bench/results.json`` keeps them under "growth".
"""

import argparse
import datetime as dt
import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import RESULTS, keep, verify_peers

HERE = Path(__file__).parent
PERSON, OTHER = "+33612345678", "+33612345679"
LAST = dt.date(2016, 9, 5)
MOST_DAYS = 50
"""Days of a vault; an order may name 92. More segments come from more ingests of the same days, as parts of a partition do."""
MOST_DRAWN = 1_000
"""Segments with a record of the person. A request that opens rows carries each segment's header, and at most 8 MiB."""
LOG_TASKS = {
    "read all": ("replay_from_the_beginning_s", "read_all_s"),
    "start": ("start_from_the_snapshot_s", None),
    "append one": ("append_one_entry_s", "append_one_s"),
    "prove one": ("prove_one_entry_s", "select_one_s"),
}
"""By task, what ``long_log.py`` calls it, and what SQLite does instead."""


def measured(act: Callable[[int], object], times: int) -> dict[str, float]:
    """The least and median seconds of ``act``, and the least of the processor.

    The first time does not count.
    """
    clock, spent = [], []
    for number in range(times + 1):
        started, worked = time.perf_counter(), time.process_time()
        act(number)
        clock.append(time.perf_counter() - started)
        spent.append(time.process_time() - worked)
    return {"s": min(clock[1:]), "median_s": statistics.median(clock[1:]), "cpu_s": min(spent[1:])}


def days_and_batches(segments: int) -> tuple[int, int]:
    """Into how many days and ingests a number of segments falls."""
    days = min(segments, MOST_DAYS)
    if segments % days:
        sys.exit(f"--segments: found {segments}, expected up to {MOST_DAYS}, or a multiple of it")
    return days, segments // days


def records_in(segments: int) -> int:
    """How many of the segments hold a record of the person: all, up to what one request carries."""
    days, batches = days_and_batches(segments)
    return days * min(batches, MOST_DRAWN // days)


def write_batches(folder: Path, segments: int) -> None:
    """One file an ingest: a line a day, each with one record.

    It is of the person, or of somebody else once there are enough.
    """
    days, batches = days_and_batches(segments)
    for batch in range(batches):
        caller = PERSON if days * batch < records_in(segments) else OTHER
        lines = (
            f"{caller},+33{698_000_000 + 1000 * batch + n},{LAST - dt.timedelta(days=n)} {batch % 24:02}:00:{batch // 24:02},60\n"
            for n in range(days)
        )
        (folder / f"{batch:04}.csv").write_text("".join(lines))


def open_ours(folder: Path, segments: int, times: int) -> dict[str, float]:
    """Seal the files, and open them several times."""
    sys.path[:0] = [str(HERE.parent / "tests")]
    from coffer.disclosure.answer import Answer, answer_files
    from coffer.procedures.opening.run import run_opening
    from coffer.vault.folder import open_vault
    from world import World

    days, _ = days_and_batches(segments)
    first = (LAST - dt.timedelta(days=days - 1)).isoformat()
    world = World.make(folder / "world", late_days=365)
    world.epoch(first, LAST.isoformat())
    for file in sorted(folder.glob("*.csv")):
        world.ingest_files([file])
    custodians, warm = world.custodians(), open_vault(world.vault.path, world.disk, world.outside, is_warm=True)
    asked = {"days": [(first, LAST.isoformat())], "max_records": segments}
    notes = [world.authorize(by=warm.custodian_names(), **asked) for _ in range(times + 1)]

    def act(number: int) -> None:
        def deliver(answer: Answer) -> None:
            expected = records_in(segments)
            assert answer.records == expected, f"{answer.records} records, expected {expected}"
            world.disk.write_folder(folder / f"answer-{number}", answer_files(answer))

        run_opening(warm, notes[number], custodians, deliver=deliver)

    return measured(act, times)


def open_clickhouse(folder: Path, segments: int, times: int) -> dict[str, float]:
    """Load the files, a part for each day and file, and look the number up several times."""
    from chdb import session
    from peers import COLUMNS, SIDES, lines_of

    chdb = session.Session(str(folder / "clickhouse"))
    chdb.query("CREATE DATABASE bench")
    chdb.query(
        f"CREATE TABLE bench.side ({COLUMNS}) ENGINE = MergeTree PARTITION BY toDate(start) ORDER BY (subject, start)"
    )
    chdb.query("SYSTEM STOP MERGES bench.side")
    columns = "a String, b String, start DateTime(\\'UTC\\'), duration_s UInt32"
    for file in sorted(folder.glob("*.csv")):
        chdb.query(
            "INSERT INTO bench.side SELECT 'call', s.1, s.3, s.2, start, duration_s, 1, s.4 FROM (SELECT start, duration_s, '' AS a_cell, '' AS b_cell, "
            f"arrayJoin([{SIDES}]) AS s FROM file('{file}', CSV, '{columns}')) SETTINGS max_partitions_per_insert_block = 1000"
        )
    (parts,) = (
        chdb.query("SELECT count() FROM system.parts WHERE table = 'side' AND active", "CSV").bytes().splitlines()
    )
    assert int(parts) == segments, f"{int(parts)} parts, expected {segments}"

    def act(_: int) -> None:
        rows = lines_of(chdb, f"SELECT * FROM bench.side WHERE subject = '{PERSON}' ORDER BY start")
        assert rows == records_in(segments), f"{rows} rows, expected {records_in(segments)}"

    return measured(act, times)


def entries_of(log: Path) -> list[bytes]:
    """The entries of a log's folder: in each bundle, u16 length || entry."""
    full = sorted(
        path for path in (log / "tile" / "entries").rglob("*") if path.is_file() and ".p" not in path.parent.name
    )
    partial = max(
        (log / "tile" / "entries").rglob("*.p/*"), key=lambda path: (path.parent, int(path.name)), default=None
    )
    entries = []
    for raw in (path.read_bytes() for path in [*full, *([partial] if partial else [])]):
        at = 0
        while at < len(raw):
            end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
            entries.append(raw[at + 2 : end])
            at = end
    return entries


def log_sqlite(log: Path, folder: Path, times: int) -> dict[str, float]:
    """The same entries in a table: one more, durable when it returns; one by its index; all of them."""
    entries = entries_of(log)
    base = sqlite3.connect(folder / "log.sqlite", isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = FULL")
    base.execute("CREATE TABLE entry (number INTEGER PRIMARY KEY, raw BLOB NOT NULL)")
    base.execute("BEGIN")
    base.executemany("INSERT INTO entry VALUES (?, ?)", enumerate(entries))
    base.execute("COMMIT")
    size, results = len(entries), {"entries": len(entries)}
    acts: dict[str, Callable[[int], object]] = {
        "append_one": lambda _: base.execute("INSERT INTO entry (raw) VALUES (?)", (entries[-1],)),
        "select_one": lambda n: base.execute("SELECT raw FROM entry WHERE number = ?", (size // 3 + n,)).fetchone(),
        "read_all": lambda _: base.execute("SELECT raw FROM entry ORDER BY number").fetchall(),
    }
    for name, act in acts.items():
        results |= {f"{name}_{what}": value for what, value in measured(act, times).items()}
    return results


def child(python: str, *words: object) -> dict[str, float]:
    """What a process of its own measures: the JSON that it prints last."""
    done = subprocess.run([python, *map(str, words)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))[:200]}: exit code {done.returncode}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def rounded(row: dict[str, object]) -> dict[str, object]:
    return {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in row.items()}


def opening_rows(sizes: list[int], peers_python: str, times: int, work: Path) -> list[dict[str, object]]:
    """A row for each number of segments."""
    rows = []
    for segments in sizes:
        with tempfile.TemporaryDirectory(dir=work) as name:
            write_batches(Path(name), segments)
            ours = child(sys.executable, __file__, "ours", name, segments, times)
            peer = child(peers_python, __file__, "clickhouse", name, segments, times)
        own = {f"coffer_{what}": value for what, value in ours.items()}
        row = {
            "segments": segments,
            **own,
            "peer": "clickhouse",
            **{f"peer_{what}": value for what, value in peer.items()},
        }
        rows.append(rounded(row))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def log_rows(sizes: list[int], peers_python: str, times: int, work: Path) -> list[dict[str, object]]:
    """A row for each number of entries and each task."""
    rows = []
    for entries in sizes:
        with tempfile.TemporaryDirectory(dir=work) as name:
            vault = Path(name) / "vault"
            options = ("--entries", entries, "--work", vault, "--times", times, "--log-alone", "--keep")
            ours = child(sys.executable, HERE / "long_log.py", *options)
            peer = child(peers_python, __file__, "sqlite", vault / "log", name, times)
        for task, (own, theirs) in LOG_TASKS.items():
            row = {"entries": entries, "task": task, "coffer_s": ours[own], "coffer_cpu_s": ours[f"{own[:-2]}_cpu_s"]}
            row |= {"peer": "sqlite", "peer_s": peer[theirs]} if theirs else {"peer": None, "peer_s": None}
            rows.append(rounded(row))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    if sys.argv[1:2] in (["ours"], ["clickhouse"], ["sqlite"]):  # a process of its own
        role, (folder, other, times) = sys.argv[1], sys.argv[2:]
        if role == "sqlite":
            print(json.dumps(log_sqlite(Path(folder), Path(other), int(times))))
        else:
            act = open_ours if role == "ours" else open_clickhouse
            print(json.dumps(act(Path(folder), int(other), int(times))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers-python", required=True, help="an interpreter with chdb")
    parser.add_argument("--segments", type=int, nargs="*", default=[10, 100, 1_000, 3_000])
    parser.add_argument("--entries", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where figures are kept (bench/results.json)")
    options = parser.parse_args()
    verify_peers(options.peers_python, ["chdb"])
    options.work.mkdir(parents=True, exist_ok=True)
    rows = {
        "opening": opening_rows(options.segments, options.peers_python, options.times, options.work),
        "log": log_rows(options.entries, options.peers_python, options.times, options.work),
    }
    keep("growth", rows, options.output)


if __name__ == "__main__":
    main()
