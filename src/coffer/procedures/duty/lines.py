"""The lines of the operator's page: feeds, runs of ingest, custodians and the disk. Pure."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from coffer.ledger.entries import FaultEntry
from coffer.ledger.facts import Batch, Segment
from coffer.ledger.retention import Timeline
from coffer.ledger.state import State
from coffer.procedures.duty.board import Disk, DiskLine, FeedLine, PartyLine, RejectLine, RunLine, Sight
from coffer.procedures.receipts.decide import Missing
from coffer.vault.runs import KNOWN, LOGGED, LOGGING, READING, Run

DAY: Final = dt.timedelta(days=1)
QUIET_RUN: Final = {READING: dt.timedelta(minutes=5), LOGGING: dt.timedelta(hours=1, minutes=5)}
"""A run that told nothing for longer was cut short. One that logs may wait an hour for the vault's lock."""
SEEN_FEEDS: Final = dt.timedelta(days=90)
"""A feed that brought nothing for longer was given up and is not shown."""
LEAST_BATCHES: Final = 4
"""Of a feed, before its pauses say how long it is usually silent."""
LEAST_SILENCE: Final = dt.timedelta(hours=3)


def feed_lines(state: State, runs: Sequence[Run], now: dt.datetime) -> tuple[FeedLine, ...]:
    """Each feed that brought something in the last 90 days, by name."""
    batches: dict[str, list[Batch]] = defaultdict(list)
    for batch in state.batches.values():
        if batch.time >= now - SEEN_FEEDS:
            batches[batch.feed].append(batch)
    told = {run.batch: run for run in runs if run.batch}
    known = [run for run in runs if run.stage == KNOWN and run.told >= now - DAY]
    lines = []
    for name in sorted(batches):
        own = sorted(batches[name], key=lambda batch: batch.time)
        # A superseded batch is mended: its rejected lines need nobody any more.
        recent = [
            batch
            for batch in own
            if batch.time >= now - DAY and not (set(batch.segments) and set(batch.segments) <= state.superseded)
        ]
        own_runs = [told[batch.batch.hex()] for batch in recent if batch.batch.hex() in told]
        counted = [batch.counts for batch in recent]
        again = [run for run in known if run.feed == name]
        lines.append(
            FeedLine(
                name=name,
                read=sum(one.read for one in counted) + sum(run.read for run in again),
                kept=sum(one.kept for one in counted),
                duplicate=sum(one.duplicate for one in counted) + sum(run.duplicate for run in again),
                rejected=sum((told.get(batch.batch.hex()) or batch.counts).rejected for batch in recent),
                batches=len(recent),
                last=own[-1].time,
                is_silent=_is_silent([batch.time for batch in own], now),
                reasons=_reasons(own_runs),
            )
        )
    return tuple(lines)


def _is_silent(times: Sequence[dt.datetime], now: dt.datetime) -> bool:
    """Whether a feed is silent for twice its longest pause of the last ten."""
    if len(times) < LEAST_BATCHES:
        return False
    longest = max(later - sooner for sooner, later in pairwise(times[-11:]))
    return now - times[-1] > max(LEAST_SILENCE, 2 * longest)


def _reasons(runs: Sequence[Run]) -> tuple[RejectLine, ...]:
    lines: Counter[str] = Counter()
    first: dict[str, tuple[dt.datetime, int, int]] = {}
    for run in runs:
        for one in run.reasons:
            lines[one.reason] += one.lines
            place = (run.began, one.file, one.first)
            first[one.reason] = min(place, first.get(one.reason, place))
    return tuple(
        RejectLine(reason=reason, lines=count, began=first[reason][0], file=first[reason][1], first=first[reason][2])
        for reason, count in lines.most_common()
    )


def run_lines(state: State | None, runs: Sequence[Run], now: dt.datetime) -> tuple[RunLine, ...]:
    """The runs that go on, then those that ended in the last 24 hours, the newest first.

    ``state`` of a line: ``running``, ``logging``, ``logged``, ``known``, ``failed`` or ``cut``.
    """
    logged = set() if state is None else {batch.hex() for batch in state.batches}
    lines = [_run_line(run, logged, now) for run in runs if not run.has_ended or run.told >= now - DAY]
    return tuple(sorted(lines, key=lambda line: line.state not in {"running", "logging"}))


def _run_line(run: Run, logged: set[str], now: dt.datetime) -> RunLine:
    took_s = max((run.told - run.began).total_seconds(), 0.0)
    share = run.done_bytes / run.size_bytes if 0 < run.done_bytes <= run.size_bytes else None
    if run.batch in logged:
        state = LOGGED
    elif run.stage in QUIET_RUN:
        words = {READING: "running", LOGGING: "logging"}
        state = words[run.stage] if now - run.told <= QUIET_RUN[run.stage] else "cut"
    else:
        state = run.stage
    is_running = state == "running"
    return RunLine(
        run=run,
        state=state,
        share=share if is_running else None,
        a_second=run.read / took_s if took_s else 0.0,
        left_s=took_s * (1 - share) / share if is_running and share and took_s else None,
    )


def disk_line(state: State | None, timeline: Timeline | None, disk: Disk, now: dt.datetime) -> DiskLine:
    """How fast the disk fills: what 30 days brought, less what dies in 30 days.

    Both are counted by the bytes of a padded row now.
    """
    if state is None or timeline is None or not state.batches:
        return DiskLine(disk=disk, a_day_bytes=0, days_left=None)
    living = [segment for segment in state.segments.values() if not state.is_dead(segment)]
    rows = sum(segment.line.rows for segment in living)
    since = max(now - 30 * DAY, min(batch.time for batch in state.batches.values()))
    days = max((now - since) / DAY, 1.0)
    brought = sum(
        state.segments[seg_id].line.rows
        for batch in state.batches.values()
        if batch.time >= since
        for seg_id in batch.segments
    )
    dying = sum(day.rows for day in timeline.days)
    row_bytes = disk.segments_bytes / rows if rows else 0.0
    a_day = (brought / days - dying / 30) * row_bytes
    left = None if a_day < 1 else int(disk.free_bytes / a_day)
    return DiskLine(disk=disk, a_day_bytes=int(a_day), days_left=left)


def oldest_living(state: State) -> dt.date | None:
    """The oldest day whose records can still be opened; None if there is none."""
    return min((one.line.day for one in state.segments.values() if not state.is_dead(one)), default=None)


def _accusations(state: State) -> dict[str, int]:
    """By accuser: segments that count and that it says were not sealed to it."""
    ingesters = {key.name for roster in state.rosters.values() for key in roster.ingesters}
    counts: Counter[str] = Counter()
    for _, fault in state.faults:
        segment = accused_segment(state, fault)
        if segment is not None and fault.accused in ingesters:
            counts[fault.accuser] += 1
    return dict(counts)


def party_lines(state: State, sight: Sight, missing: Sequence[Missing]) -> tuple[PartyLine, ...]:
    """Each custodian of the roster, with the receipts that it owes and the segments that it accuses."""
    healths = {one.name: one for one in sight.healths}
    accuses = _accusations(state)
    owed: dict[str, list[Missing]] = defaultdict(list)
    for item in missing:
        owed[item.custodian].append(item)
    return tuple(
        PartyLine(
            name=name,
            is_here=name in sight.local,
            health=healths.get(name),
            receipts=len(owed[name]),
            oldest=max((item.age for item in owed[name]), default=None),
            accuses=accuses.get(name, 0),
            keys_until=_keys_until(state, name, sight.now.date()),
        )
        for name in state.roster.names
    )


def _keys_until(state: State, name: str, today: dt.date) -> dt.date | None:
    """The last day up to which a custodian has a key for every day from today on.

    None without a key for today.
    """
    day = today
    while (name, day) in state.epoch_keys:
        day += DAY
    return None if day == today else day - DAY


def accused_segment(state: State, fault: FaultEntry) -> Segment | None:
    """The segment of a fault, while it lives and is not superseded."""
    if isinstance(fault.object, int) or fault.object in state.superseded:
        return None
    segment = state.segments.get(fault.object)
    return None if segment is None or state.is_dead(segment) else segment
