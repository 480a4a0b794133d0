"""The peers' tasks, each in a process of its own.

    python peers.py ENGINE TASK FOLDER DATABASE [SUBJECT]

The peers load the same CSV files, in plaintext, into a table with one row for each party, ordered by subject and, in
ClickHouse, partitioned by day. Numbers stay as they are written; nothing is validated or normalised. Prints the seconds
of the task alone, without starting, and for a look-up or a count the number of rows.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

SIDES = "(a, b, 'out', a_cell), (b, a, 'in', b_cell)"
COLUMNS = (
    "kind LowCardinality(String), subject String, direction LowCardinality(String), peer String, start DateTime('UTC'), duration_s UInt32, "
    "answered UInt8, cell String"
)


def lines_of(chdb: object, query: str) -> int:
    return len(chdb.query(query, "CSV").bytes().splitlines())


def clickhouse(task: str, folder: Path, database: Path, subject: str) -> int:
    from chdb import session

    chdb = session.Session(str(database))
    if task == "load":
        chdb.query("CREATE DATABASE IF NOT EXISTS bench")
        chdb.query(
            f"CREATE TABLE bench.side ({COLUMNS}) ENGINE = MergeTree PARTITION BY toDate(start) ORDER BY (subject, start)"
        )
        source = f"file('{folder}/2*.csv', CSVWithNames, 'kind String, a String, b String, start DateTime(\\'UTC\\'), duration_s Nullable(UInt32), answered UInt8, forwarded String, a_cell String, b_cell String')"
        chdb.query(
            "INSERT INTO bench.side SELECT kind, s.1, s.3, s.2, start, ifNull(duration_s, 0), answered, s.4 FROM "
            f"(SELECT kind, start, duration_s, answered, arrayJoin([{SIDES}]) AS s FROM {source}) WHERE s.1 != '' "
            "SETTINGS max_partitions_per_insert_block = 1000"
        )
        return 0
    if task == "one":
        return lines_of(chdb, f"SELECT * FROM bench.side WHERE subject = '{subject}' ORDER BY start")
    return lines_of(
        chdb,
        "SELECT toDate(start) AS day, kind, substring(subject, 1, 4) AS country, count() FROM bench.side WHERE direction = 'out' GROUP BY ALL ORDER BY ALL",
    )


def duckdb(task: str, folder: Path, database: Path, subject: str) -> int:
    import duckdb as library

    connection = library.connect(str(database / "bench.duckdb"))
    if task == "load":
        types = "{'kind': 'VARCHAR', 'a': 'VARCHAR', 'b': 'VARCHAR', 'start': 'TIMESTAMP', 'duration_s': 'INTEGER', 'answered': 'TINYINT', 'forwarded': 'VARCHAR', 'a_cell': 'VARCHAR', 'b_cell': 'VARCHAR'}"
        source = f"read_csv('{folder}/2*.csv', header = true, columns = {types})"
        connection.execute(f"PRAGMA temp_directory = '{database}/spill'")
        connection.execute(
            "CREATE TABLE side AS SELECT * FROM ("
            f"SELECT kind, a AS subject, 'out' AS direction, b AS peer, start, duration_s, answered, a_cell AS cell FROM {source} WHERE a IS NOT NULL "
            f"UNION ALL SELECT kind, b, 'in', a, start, duration_s, answered, b_cell FROM {source}) ORDER BY subject, start"
        )
        connection.execute("CHECKPOINT")
        return 0
    if task == "one":
        return len(connection.execute("SELECT * FROM side WHERE subject = ? ORDER BY start", [subject]).fetchall())
    return len(
        connection.execute(
            "SELECT start::DATE AS day, kind, substring(subject, 1, 4), count(*) FROM side WHERE direction = 'out' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    )


ENGINES: dict[str, Callable[[str, Path, Path, str], int]] = {"clickhouse": clickhouse, "duckdb": duckdb}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("task", choices=("load", "one", "count"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("subject", nargs="?", default="")
    given = parser.parse_args()
    given.database.mkdir(parents=True, exist_ok=True)
    run = ENGINES[given.engine]
    repeats = 1 if given.task == "load" else 5
    times, rows = [], 0
    for _ in range(repeats):
        started = time.perf_counter(), time.process_time()
        rows = run(given.task, given.folder.resolve(), given.database, given.subject)
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    seconds, processor_s = min(times)
    print(json.dumps({"seconds": seconds, "processor_s": processor_s, "found": rows}))


if __name__ == "__main__":
    main()
