"""The throughput of a served custodian: ``python bench/service.py --days 30``.

Founds a vault whose three custodians have machines of their own, and ingests some records of many days. Measures labels
a second through the service in this process and through a process over TLS, refusals of junk a second, and openings
side by side. Prints a JSON document. long_log.py measures the start on a long log.
"""

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / part) for part in ("tests", "tests/attacks")]

from forging import Desk

from coffer.custody.asked import WINDOW
from coffer.custody.exchange import CONSTANT_REFUSAL, Cell
from elsewhere import Elsewhere


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--openings", type=int, default=50)
    options = parser.parse_args()
    results: dict[str, float] = {"days": options.days}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = Elsewhere.make_elsewhere(Path(folder))
        today = world.now.date()
        first = today - dt.timedelta(days=options.days - 1)
        world.epoch(first.isoformat(), today.isoformat())
        lines = [
            f"+33612345678,+3369876{n:04d},{first + dt.timedelta(days=n)} 00:00:00,60\n" for n in range(options.days)
        ]
        world.ingest("".join(lines))
        note = world.authorize(by=world.names, days=[(first.isoformat(), today.isoformat())], max_records=100_000)
        desk = Desk(world, note)
        intent = desk.intent(cells_at_most=128)
        headers = [header for _, header in sorted(desk.headers().items())]
        cells = [Cell(seg_id=header.core.seg_id, line=1, rank_from=0, rank_count=WINDOW) for header in headers]
        request = desk.labels(intent, *cells)
        sealed = desk.sealed(request)
        labels = len(cells) * WINDOW * 2  # two clauses for each custodian
        judge = world.custodian("judge")
        assert judge.answer(sealed) != CONSTANT_REFUSAL

        def rate(act, weight: int) -> float:
            started, count = time.perf_counter(), 0
            while time.perf_counter() - started < options.seconds:
                act()
                count += 1
            return round(count * weight / (time.perf_counter() - started))

        started, count = time.process_time(), 0
        until = time.perf_counter() + options.seconds
        while time.perf_counter() < until:
            judge.answer(sealed)
            count += 1
        results["labels_per_core_second"] = round(count * labels / (time.process_time() - started))
        results["labels_per_request"] = labels
        results["junk_refusals_per_second_here"] = rate(lambda: judge.answer(bytes(3000)), 1)
        started = time.perf_counter()
        served = {name: stack.enter_context(world.serving(name)) for name in world.names}
        results["three_processes_start_s"] = round(time.perf_counter() - started, 2)
        client = served["judge"].client(deadline_s=600)
        with ThreadPoolExecutor(8) as pool:
            started = time.perf_counter()
            replies = list(pool.map(client.answer, [sealed] * 64))
            results["labels_per_second_over_tls"] = round(64 * labels / (time.perf_counter() - started))
            assert CONSTANT_REFUSAL not in replies
            started = time.perf_counter()
            list(pool.map(client.answer, [os.urandom(3000) for _ in range(400)]))
            results["junk_refusals_per_second_over_tls"] = round(400 / (time.perf_counter() - started))
        clients = [process.client(deadline_s=600) for process in served.values()]
        notes = [
            world.authorize(by=world.names, days=[(today.isoformat(), today.isoformat())])
            for _ in range(options.openings)
        ]
        started = time.perf_counter()
        for note in notes:  # the vault has one writer; the custodians of one opening work side by side
            world.open(note, clients)
        results["openings_per_second"] = round(options.openings / (time.perf_counter() - started), 1)
        results["memory_mib"] = round(served["judge"].memory_mib(), 1)
        for each in [client, *clients]:
            each.close()
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
