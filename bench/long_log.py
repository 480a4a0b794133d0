"""How long a vault and a custodian take to start on a long log.

    python bench/long_log.py --entries 100000

Founds a vault of three custodians, and logs years of epoch keys, then ingests of four segments each (invented, without
files) and openings. Measures in this process the replay from the beginning, the snapshot, the start from it, one more
append, and the proof of one entry. Prints a JSON document.
"""

import argparse
import datetime as dt
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from coffer.custodian.service import CustodianService
from coffer.disk import Disk
from coffer.ledger.codes import OrderCodes
from coffer.ledger.entries import (
    BatchId,
    Body,
    CloseEntry,
    CoarseCounts,
    Commitment,
    DrawEntry,
    EpochKeyEntry,
    IngestEntry,
    IntentEntry,
    SegmentId,
    SegmentLine,
)
from coffer.ledger.grammar import format_entry
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.note import sign_note
from coffer.procedures.roster.found import RosterTerms, found_vault
from coffer.vault.outside import Alone
from coffer.vault.folder import Vault, open_vault
from coffer.vault.operator import DESK, INGESTER

START = dt.datetime(2016, 1, 1, tzinfo=dt.UTC)
NAMES = ("judge", "dpo", "regulator")
PASSPHRASE = Secret(b"bench", "passphrase")
CODES = OrderCodes(order_class="produce", kinds="call,text")


def timed(results: dict[str, float], name: str, act: Callable[[], object], times: int = 1) -> object:
    """What ``act`` gives; its least seconds on the clock and of the processor go into the results."""
    clock, spent = [], []
    for _ in range(times):
        started, worked = time.perf_counter(), time.process_time()
        value = act()
        clock.append(time.perf_counter() - started)
        spent.append(time.process_time() - worked)
    results |= {name: round(min(clock), 6), f"{name[:-2]}_cpu_s": round(min(spent), 6)}
    print(f"{name}: {results[name]} s", file=sys.stderr, flush=True)
    return value


def segment(day: dt.date) -> SegmentLine:
    return SegmentLine(
        seg_id=SegmentId(os.urandom(32)), header_hash=os.urandom(32), day=day, kind="call", rule="base", part=0, rows=1024, supersedes=None
    )  # fmt: skip


def fill(vault: Vault, entries: int) -> None:
    """Log this many entries: a tenth epoch keys, a tenth openings of three entries, the rest ingests.

    The time of each entry is a minute after the one before.
    """
    auth = {name: vault.custodian(name).unlock(PASSPHRASE).auth for name in NAMES}
    ingester, desk = vault.operator_key(INGESTER), vault.operator_key(DESK)
    roster = vault.replay().roster.hash
    bodies: list[tuple[Body, SigningKey]] = []
    for number in range(entries // 10):
        day = START.date() + dt.timedelta(days=number // 3)
        key = EpochKeyEntry(roster=roster, custodian=NAMES[number % 3], day=day, key=os.urandom(1216))
        bodies.append((key, auth[NAMES[number % 3]]))
    while len(bodies) < entries - 1:
        day = START.date() + dt.timedelta(days=len(bodies) // 100)
        if len(bodies) % 27 == 0:
            index = len(bodies) + 1
            commitment, nonce = Commitment(os.urandom(32)), os.urandom(16)
            bodies.append((IntentEntry(authorization=commitment, requester=DESK, nonce=nonce, cells_at_most=64, codes=CODES), desk))
            bodies.append((DrawEntry(intent=index, table=os.urandom(32), records=7), desk))
            close = CloseEntry(intent=index, result=os.urandom(32), records=7, answers=3, unconfirmed_cells=0, outcome="full", took="-")
            bodies.append((close, desk))
        counts = CoarseCounts(files=0, read=9_216, kept=9_216, rejected=0, duplicate=0)
        batch, segments = BatchId(os.urandom(16)), tuple(segment(day) for _ in range(4))
        entry = IngestEntry(batch=batch, number=1, total=1, feed="calls", counts=counts, segments=segments, tally=None)
        bodies.append((entry, ingester))
    raw = [
        sign_note(format_entry(body, origin=vault.pins.origin, time=START + dt.timedelta(minutes=n)), key).raw
        for n, (body, key) in enumerate(bodies)
    ]
    vault.log.append(raw[: entries - 1], vault.operator_key(vault.pins.origin))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work" / "long-log")
    parser.add_argument("--times", type=int, default=1, help="starts, appends and proofs; the least of each counts")
    parser.add_argument("--log-alone", action="store_true", help="no custodian starts on it")
    parser.add_argument("--keep", action="store_true", help="leave the vault there")
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, float] = {}
    now = START
    outside = Alone(clock=lambda: now, entropy=os.urandom)
    vault = found_vault(
        options.work, Disk(), origin="bench.example/long", custodians=NAMES, passphrase=lambda _: PASSPHRASE, outside=outside,
        terms=RosterTerms(rules=[("base", "2 of judge,dpo,regulator")], retention_days=36500, late_days=36500, tally="exact"),
    )  # fmt: skip
    timed(results, "fill_s", lambda: fill(vault, options.entries))
    whole = timed(results, "replay_from_the_beginning_s", vault.replay)
    now = end = START + dt.timedelta(minutes=options.entries)

    def write_snapshot() -> None:
        with vault.writing():
            pass

    timed(results, "replay_and_write_a_snapshot_s", write_snapshot)
    times = options.times
    again = timed(
        results, "start_from_the_snapshot_s", lambda: open_vault(options.work, Disk(), outside).replay(), times
    )
    assert again == whole, "the snapshot gives another state"
    keys = vault.custodian("judge").unlock(PASSPHRASE)

    def start_custodian() -> None:
        service = CustodianService(
            vault.custodian("judge"), keys, log=vault.log, log_key=vault.pins.log_key, genesis=vault.pins.genesis, clock=lambda: end
        )  # fmt: skip
        service.verify_ready()

    if not options.log_alone:
        timed(results, "custodian_first_start_s", start_custodian)
        timed(results, "custodian_start_from_the_snapshot_s", start_custodian)
    state = vault.replay()
    size = state.size

    def append() -> None:
        body = IntentEntry(authorization=Commitment(bytes(32)), requester=DESK, nonce=os.urandom(16), cells_at_most=1, codes=CODES)
        vault.append([vault.entry(body, vault.operator_key(DESK), state)], state)

    timed(results, "append_one_entry_s", append, times)
    timed(results, "prove_one_entry_s", lambda: vault.log.inclusion_proof(size // 3, size + 1), times)
    results |= {
        "entries": options.entries,
        "snapshot_mib": round((options.work / "snapshot").stat().st_size / 2**20, 1),
    }
    print(json.dumps(results, indent=1))
    if not options.keep:
        shutil.rmtree(options.work)


if __name__ == "__main__":
    main()
