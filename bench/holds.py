"""What a hold costs: 90 days, three kinds, ten subjects, in a vault of three custodians.

    PYTHONPATH=tests python bench/holds.py [--days 90] [--subjects 10]

It says the seconds and bytes of one custodian that keeps, and of an opening of one subject by two custodians, before the
keys died and from what was held.
"""

import argparse
import datetime as dt
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from holds import begun, opened, retire
from world import World, feed

from coffer.procedures.holding import keep_hold

FIRST, KINDS, NAMES = dt.date(2016, 6, 4), ("call", "text", "email"), ("judge", "dpo")


def subjects_of(count: int) -> list[str]:
    return [f"tel:+3369876{number:04}" for number in range(count)]


def made(folder: Path, days: int, count: int) -> World:
    """One record a day, kind and person."""
    world = World.make(folder, retention_days=100, late_days=100)
    world.epoch(str(FIRST), str(FIRST + dt.timedelta(days=days)))
    numbers = subjects_of(count)
    for kind in KINDS:
        names = [f"a{n}@example.org" if kind == "email" else s.removeprefix("tel:") for n, s in enumerate(numbers)]
        other = "b@example.org" if kind == "email" else "+33612345678"
        lines = [
            f"{name},{other},{FIRST + dt.timedelta(days=day)} 10:00:00,0\n" for day in range(days) for name in names
        ]
        own = feed(kind=kind, name=f"{kind}s")
        world.ingest("".join(lines), by=own, name=f"{kind}.csv")
    return world


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--days", type=int, default=90)
    options.add_argument("--subjects", type=int, default=10)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = made(Path(folder), given.days, given.subjects)
        span = [(str(FIRST), str(FIRST + dt.timedelta(days=given.days - 1)))]
        asked = {"days": span, "kinds": ",".join(KINDS)}
        print(f"{len(world.state().segments)} segments")
        one = {"subjects": subjects_of(1), "max_records": 10_000, **asked}
        services = world.custodians(*NAMES)
        started = time.perf_counter()
        rows = len(opened(world, custodians=services, **one).records_csv.splitlines()) - 1
        print(f"opened one subject by its keys: {rows} records, {time.perf_counter() - started:.2f} s")
        hold = begun(world, until_days=89, subjects=subjects_of(given.subjects), **asked)
        raw = hold.note.raw
        for name in NAMES:
            service = world.custodian(name)
            raw = service.countersign(raw, "hold").raw
            started = time.perf_counter()
            keep_hold(world.vault, raw, [service])
            took = time.perf_counter() - started
            kept = list((world.vault.path / "custodians" / name / "holds").glob("*/*"))
            size = sum(path.stat().st_size for path in kept)
            print(f"{name} keeps: {took:.2f} s, {size / 1e6:.1f} MB in {len(kept)} files")
        for _ in range(6):
            world.now += dt.timedelta(days=14)
            retire(world)
        services = world.custodians(*NAMES)
        started = time.perf_counter()
        rows = len(opened(world, hold, custodians=services, **one).records_csv.splitlines()) - 1
        print(f"opened one subject from the hold: {rows} records, {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
