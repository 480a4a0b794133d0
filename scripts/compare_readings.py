"""Compare how custodians and coffer-audit read generated logs.

    python scripts/compare_readings.py --entries 5000000 --seed 1 --workers 2

After each entry both must give the same verdict by the same rule, and after each log the same State. A difference is
written to ``--output``, and the exit code is then 1. The same seed and number of workers give the same entries.
``--real`` signs with real keys, which is about a third as fast.
"""

import argparse
import gc
import json
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from differential.compare import Report, compare


def main() -> int:
    """Compare, and print how many entries were compared and what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--real", action="store_true", help="real signatures")
    parser.add_argument("--output", type=Path, help="folder for the logs that are read in two ways")
    options = parser.parse_args()
    share = -(-options.entries // options.workers)
    work = partial(_work, share, is_cheap=not options.real)
    seeds = [options.seed * 1_000 + number for number in range(options.workers)]
    if options.workers == 1:
        reports = [work(seeds[0])]
    else:
        with ProcessPoolExecutor(options.workers) as pool:
            reports = list(pool.map(work, seeds))
    verdicts: dict[str, int] = {}
    for report in reports:
        for name, count in report.verdicts.items():
            verdicts[name] = verdicts.get(name, 0) + count
    differences = [item for report in reports for item in report.differences]
    total, logs = sum(report.entries for report in reports), sum(report.logs for report in reports)
    seconds = max(report.seconds for report in reports)
    counted = {name: count for name, count in sorted(verdicts.items()) if count >= 20}
    print(json.dumps({"verdicts": counted}))
    reached = sum((report.reached for report in reports), Counter())
    print(json.dumps({"reached": dict(sorted(reached.items()))}))
    print(f"{total} entries of {logs} logs in {seconds:.0f} s: {len(differences)} differences")
    for number, (said, raws) in enumerate(differences):
        print(said)
        if options.output:
            options.output.mkdir(parents=True, exist_ok=True)
            for index, raw in enumerate(raws):
                (options.output / f"{number:03d}-{index:03d}.note").write_bytes(raw)
    return 1 if differences else 0


def _work(entries: int, seed: int, *, is_cheap: bool) -> Report:
    gc.disable()  # a log is small and dropped whole; reference cycles are collected between logs
    return compare(entries, seed, is_cheap=is_cheap, on_progress=partial(_tell, seed))


def _tell(seed: int, report: Report) -> None:
    gc.collect()
    line = f"seed {seed}: {report.entries} entries, {report.entries / report.seconds:.0f}/s, {len(report.differences)} differences"
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
