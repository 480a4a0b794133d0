"""What a State of very many segments costs, beside the same facts as rows of SQLite.

    python bench/scale.py --segments 100000 1000000

The State is that of a year: a roster of three custodians, epoch keys, segments of all days, and a receipt of each
custodian for each segment. Segments are invented, without files. Measured in processes of their own: reading the
snapshot, memory, a copy (each command that writes makes one), which segments an order of one number over 30 days
reaches, and which receipts are due. Prints a table, and keeps it in ``bench/results.json``.
"""

import argparse
import datetime as dt
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from coffer.custody.receipts import holders_of
from coffer.disk import Disk
from coffer.identity.identifier import parse_subject
from coffer.ledger.entries import BatchId, CoarseCounts, ReceiptEntry, SegmentId, SegmentLine
from coffer.ledger.facts import Batch, Segment
from coffer.ledger.snapshot import format_snapshot, parse_snapshot
from coffer.ledger.state import State
from coffer.notes.keys import Secret
from coffer.procedures.opening.decide import segments_for
from coffer.procedures.receipts.decide import missing_receipts
from coffer.procedures.roster.found import RosterTerms, found_vault
from coffer.vault.outside import Alone
from measuring import ENVIRONMENT, PAGE, RESULTS, keep
from rich.console import Console
from rich.table import Table

NAMES = ("judge", "dpo", "regulator")
START = dt.date(2016, 1, 1)
NOW = dt.datetime(2017, 1, 1, tzinfo=dt.UTC)
DAYS, ORDER_DAYS, IN_A_BATCH = 365, 30, 300
SUBJECT = "tel:+33612345678"


def made(count: int, folder: Path) -> State:
    """A State with so many segments, of which every custodian gave a receipt."""
    outside = Alone(clock=lambda: dt.datetime(2016, 1, 1, tzinfo=dt.UTC), entropy=os.urandom)
    secret = Secret(b"bench", "passphrase")
    vault = found_vault(
        folder, Disk(), origin="bench.example/scale", custodians=NAMES, passphrase=lambda _: secret, outside=outside,
        terms=RosterTerms(rules=[("base", "2 of judge,dpo,regulator")], retention_days=36500, late_days=36500, tally="exact"),
    )  # fmt: skip
    state = vault.replay()
    days = [START + dt.timedelta(days=number) for number in range(DAYS)]
    state.epoch_keys = {(name, day): os.urandom(1216) for day in days for name in NAMES}
    for at in range(0, count, IN_A_BATCH):
        names = [SegmentId(os.urandom(32)) for _ in range(min(IN_A_BATCH, count - at))]
        day = days[at * DAYS // count]
        for name in names:
            line = SegmentLine(
                seg_id=name, header_hash=os.urandom(32), day=day, kind="call", rule="base", part=0, rows=2**24, supersedes=None
            )  # fmt: skip
            state.segments[name] = Segment(
                line=line, feed="calls", roster=state.roster, entry_index=at // IN_A_BATCH + 1
            )
        counts = CoarseCounts(files=0, read=0, kept=0, rejected=0, duplicate=0)
        batch = BatchId(os.urandom(16))
        state.batches[batch] = Batch(
            batch=batch, feed="calls", time=dt.datetime.combine(day, dt.time(), dt.UTC), counts=counts,
            segments=tuple(names), tally=os.urandom(32), entry_indexes=(at // IN_A_BATCH + 1,),
        )  # fmt: skip
    for segment in state.segments.values():
        for name in holders_of(segment):
            canaries = tuple((mask, os.urandom(16)) for mask in segment.clauses_held(name))
            state.receipts.add(ReceiptEntry(custodian=name, segment=segment.line.seg_id, canaries=canaries))
    return state


def timed(act: Callable[[], object]) -> tuple[float, object]:
    """The processor seconds of one act, and what it gives."""
    started = time.process_time()
    value = act()
    return round(time.process_time() - started, 3), value


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def ours(snapshot: Path) -> dict[str, float]:
    """What a command pays that takes State from its snapshot."""
    raw = snapshot.read_bytes()
    before = resident_mib()
    start_s, state = timed(lambda: parse_snapshot(raw, "snapshot"))
    memory = resident_mib() - before
    assert isinstance(state, State)
    copy_s, _ = timed(state.copy)
    subject = parse_subject(SUBJECT, "subject")
    days = [[START + dt.timedelta(days=100 + number) for number in range(ORDER_DAYS)]]
    order_s, reached = timed(lambda: segments_for([subject], days, ("call",), state, before=2**40, now=NOW))
    due_s, _ = timed(lambda: missing_receipts(state, NOW))
    return {
        "start_s": start_s,
        "mib": round(memory),
        "copy_s": copy_s,
        "order_s": order_s,
        "reached": len(reached),  # type: ignore[arg-type]
        "due_s": due_s,
        "snapshot_mib": round(len(raw) / 2**20),
    }


def peer(base: Path) -> dict[str, float]:
    """The same questions of the same facts in SQLite: all of them into memory, and one order's."""
    connection = sqlite3.connect(base)
    before = resident_mib()
    start_s, rows = timed(lambda: connection.execute("SELECT * FROM segment").fetchall())
    memory = resident_mib() - before
    assert isinstance(rows, list)
    first = (START + dt.timedelta(days=100)).toordinal()
    question = "SELECT id FROM segment WHERE day BETWEEN ? AND ? AND kind = 'call' ORDER BY id"
    order_s, reached = timed(lambda: connection.execute(question, (first, first + ORDER_DAYS - 1)).fetchall())
    return {"start_s": start_s, "mib": round(memory), "order_s": order_s, "reached": len(reached)}  # type: ignore[arg-type]


def tables(state: State, base: Path) -> None:
    """Segments and their receipts in a table that SQLite can search by day."""
    connection = sqlite3.connect(base)
    connection.execute(
        "CREATE TABLE segment (id BLOB, hash BLOB, day INT, kind TEXT, rule TEXT, part INT, rows INT, feed TEXT, entry INT, receipts BLOB)"
    )
    connection.executemany(
        "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(
                    one.line.seg_id,
                    one.line.header_hash,
                    one.line.day.toordinal(),
                    one.line.kind,
                    one.line.rule,
                    one.line.part,
                ),
                *(one.line.rows, one.feed, one.entry_index),
                state.receipts.kept[one.line.seg_id],
            )
            for one in state.segments.values()
        ),
    )
    connection.execute("CREATE INDEX by_day ON segment (day, kind)")
    connection.commit()


def measured(count: int, work: Path) -> dict[str, float]:
    """Both sides for so many segments."""
    state = made(count, work / "vault")
    (work / "snapshot").write_bytes(format_snapshot(state))
    tables(state, work / "segments.db")
    del state
    row: dict[str, float] = {"segments": count}
    for role, file in (("ours", work / "snapshot"), ("peer", work / "segments.db")):
        out = subprocess.run([sys.executable, __file__, role, file], env=ENVIRONMENT, check=True, capture_output=True)
        told = json.loads(out.stdout)
        row |= {name if role == "ours" else f"sqlite_{name}": value for name, value in told.items()}
    assert row.pop("sqlite_reached") == row["reached"], "an order reaches other segments in SQLite"
    return row


def main() -> None:
    if sys.argv[1:2] in (["ours"], ["peer"]):
        print(json.dumps((ours if sys.argv[1] == "ours" else peer)(Path(sys.argv[2]))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--output", type=Path, default=RESULTS, help="where figures are kept (bench/results.json)")
    options = parser.parse_args()
    rows = []
    for count in options.segments:
        with tempfile.TemporaryDirectory() as work:
            rows.append(measured(count, Path(work)))
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(f"{value:,}" for value in row.values()))
    Console(width=160).print(table)
    keep("scale", rows, options.output)


if __name__ == "__main__":
    main()
