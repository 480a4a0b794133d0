"""How long an opening through a desk that stays takes: ``python bench/desk.py --days 90``.

Founds a vault with three local custodians, fills its log, and opens one request several times: by a vault that replays
its log for each command, and by one that keeps it (``is_warm``), as a desk does. Prints a JSON document.
"""

import argparse
import datetime as dt
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

from coffer.procedures.opening.run import run_opening
from coffer.vault.folder import open_vault
from world import World


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=90, help="days with records, and so with keys and segments")
    parser.add_argument("--batches", type=int, default=20, help="ingests before, each with a segment for each day")
    parser.add_argument("--openings", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = World.make(Path(folder))
        today = world.now.date()
        first = today - dt.timedelta(days=options.days - 1)
        world.epoch(first.isoformat(), today.isoformat())
        for batch in range(options.batches):
            lines = [
                f"+33612345678,+336{batch:02d}76{n:04d},{first + dt.timedelta(days=n)} 0{batch % 10}:00:00,60\n"
                for n in range(options.days)
            ]
            world.ingest("".join(lines), name=f"{batch}.csv")
        custodians = world.custodians()
        warm = open_vault(world.vault.path, world.disk, world.outside, is_warm=True)
        started = time.perf_counter()
        state = warm.replay()
        results = {
            "days": options.days,
            "entries": state.size,
            "segments": len(state.segments),
            "first_replay_s": round(time.perf_counter() - started, 3),
        }
        for name, vault in (("cold", world.vault), ("warm", warm)):
            taken, computed = [], []
            for _ in range(options.openings):
                note = world.authorize(by=world.vault.custodian_names(), days=[(today.isoformat(), today.isoformat())])
                vault.replay()  # a desk that shows pages has caught up before
                started, worked = time.perf_counter(), time.process_time()
                run_opening(vault, note, custodians, deliver=lambda _answer: None)
                taken.append(time.perf_counter() - started)
                computed.append(time.process_time() - worked)
            results[f"{name}_opening_s"] = round(statistics.median(taken), 3)
            results[f"{name}_cpu_s"] = round(statistics.median(computed), 3)
            results[f"{name}_slowest_s"] = round(max(taken), 3)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
