"""Coffer's tasks in a process of its own, timed as the peers' tasks are.

    python ours.py TASK VAULT [NOTE ANSWER ...]

``count``: replays the log or starts from the snapshot, proves the tally against it, and sums it by day, kind and
country. ``one``: goes from a countersigned note to the answer and its evidence on disk, with the log entries; the
custodians are at work already. Prints the seconds of the task alone in the best repetition, without starting and
without stretching passphrases, and the number of records or lines.
"""

import argparse
import datetime as dt
import json
import os
import time
from pathlib import Path

Times = tuple[float, float]
FIRST, LAST = dt.date(2012, 12, 10), dt.date(2013, 1, 8)


def count(folder: Path) -> tuple[list[Times], int]:
    from coffer.disk import Disk
    from coffer.cli.vaults import Network
    from coffer.procedures.reports.totals import make_report
    from coffer.vault.folder import open_vault

    times, lines = [], 0
    for _ in range(5):
        started = time.perf_counter(), time.process_time()
        vault = open_vault(folder, Disk(), Network())
        by = ("day", "kind", "origin")
        lines = len(make_report(vault, vault.replay(), first=FIRST, last=LAST, by=by, country=None).lines)
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    return times, lines


def one(folder: Path, pairs: list[tuple[Path, Path]]) -> tuple[list[Times], int]:
    from coffer.cli.custodians import unlock
    from coffer.cli.passphrases import Passphrases
    from coffer.cli.vaults import Network
    from coffer.disclosure.answer import answer_files
    from coffer.disk import Disk
    from coffer.procedures.opening.run import run_opening
    from coffer.vault.folder import open_vault

    vault, disk = open_vault(folder, Disk(), Network()), Disk()
    services = unlock(vault, Passphrases(None), vault.custodian_names())
    times, records = [], 0
    for note, path in pairs:
        started = time.perf_counter(), time.process_time()
        answer = run_opening(
            vault,
            note.read_bytes(),
            services,
            deliver=lambda made, path=path: disk.write_folder(path, answer_files(made)),
        )
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        records = answer.records
    return times, records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("count", "one"))
    parser.add_argument("vault", type=Path)
    parser.add_argument("rest", type=Path, nargs="*", metavar="NOTE ANSWER", help="for one: notes, each with a folder")
    given = parser.parse_args()
    pairs = list(zip(given.rest[::2], given.rest[1::2], strict=True))
    times, items = count(given.vault) if given.task == "count" else one(given.vault, pairs)
    seconds, processor_s = min(times)
    print(json.dumps({"seconds": seconds, "processor_s": processor_s, "found": items}))


if __name__ == "__main__":
    main()
