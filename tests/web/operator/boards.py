"""Boards for the tests of the operator's page: a well one, one on which everything is wrong, and one without a log."""

import datetime as dt

from coffer.custody.gauges import Health, Trouble
from coffer.ledger.retention import Timeline, TimelineDay
from coffer.procedures.duty.board import (
    Alert,
    Board,
    Code,
    Disk,
    DiskLine,
    FeedLine,
    PartyLine,
    RejectLine,
    RunLine,
    Urgency,
    WitnessLine,
)
from coffer.vault.runs import FAILED, KNOWN, LOGGED, READING, Run

NOW = dt.datetime(2013, 1, 9, 9, 42, tzinfo=dt.UTC)
TODAY = NOW.date()
HOUR = dt.timedelta(hours=1)
DISK = Disk(total_bytes=2 * 10**12, free_bytes=1_588 * 10**9, segments_bytes=412 * 10**9, log_bytes=1_100_000)
FACTS = {
    "name": "regulator",
    "feed": "msc-south",
    "count": 2,
    "size": 101,
    "have": 1,
    "need": 2,
    "since": NOW - 30 * HOUR,
    "seconds": 75,
    "theirs": 104,
    "ours": 101,
    "trouble": "log: entry 7 is not what the checkpoint says",
    "day": TODAY + dt.timedelta(days=1),
    "hours": 31,
    "percent": 3.6,
    "days": 2,
    "lack": "rule base lacks 1 of dpo, regulator",
}


def run(stage=READING, **changes):
    fields = {"feed": "msc-north", "stage": stage, "began": NOW - HOUR / 60, "told": NOW, "files": 3}
    fields |= {"size_bytes": 1_500_000_000, "done_bytes": 1_200_000_000, "read": 1_199_104, "kept": 1_199_104}
    return Run(**fields | {"rejected": 100} | changes)


def well():
    """A vault about which nothing needs to be done."""
    names = ("judge", "dpo", "regulator", "oversight")
    return Board(
        now=NOW,
        alerts=(),
        feeds=(feed("msc-north"), feed("smsc", read=301_218, kept=301_218, duplicate=0, rejected=0)),
        runs=(RunLine(run=run(LOGGED), state="logged", share=None, a_second=40_100.0, left_s=None),),
        parties=tuple(party(name) for name in names),
        witnesses=(
            WitnessLine(name="w.example/ngo", cosigned=NOW - HOUR / 30, is_recent=True),
            WitnessLine(name="w.example/university", cosigned=NOW - HOUR / 30, is_recent=True),
        ),
        quorum=2,
        disk=DiskLine(disk=DISK, a_day_bytes=3_800_000_000, days_left=417),
        timeline=timeline(),
        oldest_day=dt.date(2012, 1, 10),
        entries=101,
    )


def feed(name, **changes):
    fields = {"read": 1_512_406, "kept": 1_512_001, "duplicate": 312, "rejected": 93, "batches": 96}
    return FeedLine(name=name, **fields | {"last": NOW - HOUR / 30, "is_silent": False} | changes)


def party(name, **changes):
    fields = {"receipts": 0, "oldest": None, "accuses": 0, "keys_until": TODAY + dt.timedelta(days=39)}
    ends = dt.datetime(2022, 12, 31, tzinfo=dt.UTC)
    health = Health(name=name, took_s=0.031, log_size=101, clock_off_s=0, certificate_ends=ends)
    return PartyLine(name=name, is_here=False, **{"health": health} | fields | changes)


def timeline(*, late=()):
    days = [
        TimelineDay(
            day=dt.date(2012, 1, 9) + dt.timedelta(days=n),
            dies=TODAY + dt.timedelta(days=n),
            keys=tuple(late) if n == 0 else ("judge", "dpo"),
            segments=12 * (n % 3),
            rows=12_288 * (n % 3),
            is_due=n == 0,
        )
        for n in range(0 if late else 1, 9)
    ]
    return Timeline(days=tuple(days), later=352, dead_days=1_204)


def wrong():
    """A vault about which everything has to be done that a page can know."""
    urgencies = dict.fromkeys(Code, Urgency.TODAY)
    urgencies |= dict.fromkeys((Code.INGESTER_ACCUSED, Code.FROZEN, Code.NO_QUORUM), Urgency.NOW)
    urgencies |= dict.fromkeys((Code.WITNESS, Code.FEED, Code.GIVEN_UP), Urgency.LATER)
    alerts = [Alert(code=code, urgency=urgency, facts=FACTS) for code, urgency in urgencies.items()]
    reasons = (
        RejectLine(reason="ambiguous-time", lines=43_120, began=NOW - 3 * HOUR, file=2, first=7),
        RejectLine(reason="not-a-number", lines=381, began=NOW - 3 * HOUR, file=3, first=90),
    )
    parties = (
        party("judge", accuses=2),
        party("dpo", health=Health(name="dpo", trouble=Trouble.NOBODY), receipts=12, oldest=31 * HOUR),
        party("regulator", health=Health(name="regulator", is_behind=True, log_size=99, clock_off_s=-75)),
        party("oversight", health=Health(name="oversight", is_frozen=True), keys_until=None),
        party("fourth", health=Health(name="fourth", trouble=Trouble.CERTIFICATE)),
        party("fifth", health=None),
    )
    south = feed("msc-south", rejected=43_507, kept=1_161_230, reasons=reasons)
    good = well()
    fields = {name: getattr(good, name) for name in Board.__dataclass_fields__}
    fields |= {
        "alerts": tuple(sorted(alerts, key=lambda alert: alert.urgency)),
        "feeds": (south, feed("mail", read=0, kept=0, rejected=0, duplicate=0, batches=0, is_silent=True)),
        "runs": tuple(
            RunLine(run=one, state=state, share=share, a_second=20_000.0, left_s=left)
            for one, state, share, left in (
                (run(), "running", 0.8, 15.0),
                (run(feed="smsc", files=1), "running", 0.2, 4_000.0),
                (run(feed="mail", size_bytes=0), "running", None, None),
                (run(), "logging", None, None),
                (run(KNOWN), "known", None, None),
                (run(FAILED), "failed", None, None),
                (run(), "cut", None, None),
            )
        ),
        "parties": parties,
        "witnesses": (*good.witnesses[:1], WitnessLine(name="w.example/press", cosigned=None, is_recent=False)),
        "timeline": timeline(late=("regulator",)),
        "disk": DiskLine(disk=DISK, a_day_bytes=900_000_000_000, days_left=2),
    }
    return Board(**fields)


def without_log():
    """A vault whose log does not hold."""
    return Board(
        now=NOW,
        alerts=(Alert(code=Code.LOG, urgency=Urgency.NOW, facts={"trouble": FACTS["trouble"]}),),
        feeds=(),
        runs=(),
        parties=(),
        witnesses=(),
        quorum=0,
        disk=DiskLine(disk=DISK, a_day_bytes=0, days_left=None),
        timeline=None,
        oldest_day=None,
        entries=0,
    )
