"""What has to be done now, and what the operator's page shows beside it. Pure.

Everything comes from the log, the account of each ingest, the vault's disk, and what custodians and witnesses say of
themselves. Nothing comes from a case, a request or a record.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from itertools import pairwise
from typing import Final

from coffer.custody.gauges import Health, Trouble
from coffer.ledger.cosigning import describe_lack
from coffer.ledger.entries import COARSE, FaultEntry
from coffer.ledger.facts import Batch, Segment
from coffer.ledger.retention import Timeline, retention_timeline
from coffer.ledger.state import State
from coffer.notes.cosign import SKEW
from coffer.procedures.receipts.decide import WARN_AFTER, Missing, missing_receipts
from coffer.vault.policy import Policy
from coffer.vault.runs import KNOWN, LOGGED, LOGGING, READING, Run

DAY: Final = dt.timedelta(days=1)
QUIET_RUN: Final = {READING: dt.timedelta(minutes=5), LOGGING: dt.timedelta(hours=1, minutes=5)}
"""A run that told nothing for longer was cut short. One that logs may wait an hour for the vault's lock."""
MANY_REJECTS: Final = 0.01
"""The share of a feed's lines that are rejected, from which on somebody must look."""
SEEN_FEEDS: Final = dt.timedelta(days=90)
"""A feed that brought nothing for longer was given up and is not shown."""
LEAST_BATCHES: Final = 4
"""Of a feed, before its pauses say how long it is usually silent."""
LEAST_SILENCE: Final = dt.timedelta(hours=3)
DISK_SOON: Final = 30
DISK_NOW: Final = 3
"""Days until the disk is full."""
KEYS_SOON: Final = 14
KEYS_NOW: Final = 2
"""Days for which a custodian's keys are still in the log."""
CLOCK_SOON_S: Final = 60
FAULTS_FOR: Final = dt.timedelta(days=7)


class Urgency(IntEnum):
    """How long something can wait."""

    NOW = 0
    TODAY = 1
    LATER = 2


class Code(StrEnum):
    """What may be wrong, as far as a page can know.

    ``web.operator.troubles`` says each in words, and what to do.
    """

    LOG = "log"
    LONGER_LOG = "longer-log"
    FROZEN = "frozen"
    INGESTER_ACCUSED = "ingester-accused"
    CUSTODIAN_ACCUSED = "custodian-accused"
    CERTIFICATE = "certificate"
    RULE_LACKS = "rule-lacks"
    NO_QUORUM = "no-quorum"
    DISK = "disk"
    KEYS_END = "keys-end"
    SILENT = "silent"
    BEHIND = "behind"
    CLOCK = "clock"
    RECEIPTS = "receipts"
    OVERDUE = "overdue"
    REJECTS = "rejects"
    CUT_SHORT = "cut-short"
    ASIDE = "aside"
    NO_ADDRESS = "no-address"
    UNACKNOWLEDGED = "unacknowledged"
    WAITING = "waiting"
    WITNESS = "witness"
    FEED = "feed"
    GIVEN_UP = "given-up"


Fact = str | int | float | dt.date | dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something to do. ``facts``: what its sentence names: parties, feeds, days and counts."""

    code: Code
    urgency: Urgency
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk under a vault. ``segments_bytes``: of it, the sealed records. ``log_bytes``: the log."""

    total_bytes: int
    free_bytes: int
    segments_bytes: int
    log_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen at ``now``.

    ``state``: None where the log does not hold. ``local``: custodians in the vault's folder. ``healths``: of those on
    machines of their own. ``cosigned``: when each witness of the roster cosigned last; None if it did not. ``aside``:
    folders that lie aside. ``log_size``: of the vault's log once custodians had said the size of theirs. ``log_trouble``:
    why the log does not hold. ``given_up``: notifications of the desk that were never sent.
    """

    now: dt.datetime
    state: State | None
    policy: Policy
    runs: Sequence[Run]
    local: Sequence[str]
    healths: Sequence[Health]
    cosigned: Mapping[str, dt.datetime | None]
    aside: int
    disk: Disk
    log_size: int
    given_up: int = 0
    log_trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLine:
    """One feed in the last 24 hours.

    ``read``, ``kept``, ``duplicate``: as the log counts, each batch rounded down to whole 1,024s. ``rejected``: exact
    where the runs are there, else as the log counts. ``batches``: how many. ``last``: when the last one was logged.
    ``reasons``: its rejects, the most frequent first.
    """

    name: str
    read: int
    kept: int
    duplicate: int
    rejected: int
    batches: int
    last: dt.datetime
    is_silent: bool
    reasons: tuple["RejectLine", ...] = ()

    @property
    def share(self) -> float:
        """The share of its new lines that were rejected, 0 to 1; at least, since ``kept`` is rounded down."""
        return self.rejected / (self.rejected + self.kept_at_most) if self.rejected else 0.0

    @property
    def kept_at_most(self) -> int:
        """What was kept, rounded up."""
        return self.kept + self.batches * (COARSE - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectLine:
    """Lines of a feed rejected for one reason; the first of them by the run's time, file and line."""

    reason: str
    lines: int
    began: dt.datetime
    file: int
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run of ingest.

    ``share``: of its bytes that are sealed, 0 to 1; None if unknown. ``left_s``: seconds to go.
    """

    run: Run
    state: str
    share: float | None
    a_second: float
    left_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyLine:
    """A custodian.

    ``health``: None for one in the vault's folder, or without an address. ``oldest``: age of a receipt.
    """

    name: str
    is_here: bool
    health: Health | None
    receipts: int
    oldest: dt.timedelta | None
    accuses: int
    keys_until: dt.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessLine:
    """A witness of the roster and when it cosigned last."""

    name: str
    cosigned: dt.datetime | None
    is_recent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLine:
    """``a_day_bytes``: by how much it fills, after what dies. ``days_left``: None if it does not fill."""

    disk: Disk
    a_day_bytes: int
    days_left: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The operator's page as values. ``alerts``: the most urgent first."""

    now: dt.datetime
    alerts: tuple[Alert, ...]
    feeds: tuple[FeedLine, ...]
    runs: tuple[RunLine, ...]
    parties: tuple[PartyLine, ...]
    witnesses: tuple[WitnessLine, ...]
    quorum: int
    disk: DiskLine
    timeline: Timeline | None
    oldest_day: dt.date | None
    entries: int

    def count(self, urgency: Urgency) -> int:
        """How many alerts are so urgent."""
        return sum(alert.urgency is urgency for alert in self.alerts)


def decide_board(sight: Sight) -> Board:
    """Everything that the page shows, from what was seen."""
    state = sight.state
    timeline = None if state is None else retention_timeline(state, sight.now.date())
    missing = [] if state is None else missing_receipts(state, sight.now)
    feeds = () if state is None else feed_lines(state, sight.runs, sight.now)
    runs = run_lines(state, sight.runs, sight.now)
    parties = () if state is None else _party_lines(state, sight, missing)
    witnesses = tuple(
        WitnessLine(name=name, cosigned=time, is_recent=time is not None and abs(sight.now - time) <= SKEW)
        for name, time in sight.cosigned.items()
    )
    disk = disk_line(state, timeline, sight.disk, sight.now)
    board = Board(
        now=sight.now,
        alerts=(),
        feeds=feeds,
        runs=runs,
        parties=parties,
        witnesses=witnesses,
        quorum=0 if state is None else state.roster.quorum,
        disk=disk,
        timeline=timeline,
        oldest_day=None if state is None else _oldest_living(state),
        entries=0 if state is None else state.size,
    )
    alerts = [*_log_alerts(sight), *_party_alerts(sight, board, missing), *_vault_alerts(sight, board)]
    ordered = tuple(sorted(alerts, key=lambda alert: alert.urgency))  # stable: within an urgency as they were found
    return replace(board, alerts=ordered)


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


def _oldest_living(state: State) -> dt.date | None:
    return min((one.line.day for one in state.segments.values() if not state.is_dead(one)), default=None)


def _accusations(state: State) -> dict[str, int]:
    """By accuser: segments that count and that it says were not sealed to it."""
    ingesters = {key.name for roster in state.rosters.values() for key in roster.ingesters}
    counts: Counter[str] = Counter()
    for _, fault in state.faults:
        segment = _segment_of(state, fault)
        if segment is not None and fault.accused in ingesters:
            counts[fault.accuser] += 1
    return dict(counts)


def _segment_of(state: State, fault: FaultEntry) -> Segment | None:
    """The segment of a fault, while it lives and is not superseded."""
    if isinstance(fault.object, int) or fault.object in state.superseded:
        return None
    segment = state.segments.get(fault.object)
    return None if segment is None or state.is_dead(segment) else segment


def _party_lines(state: State, sight: Sight, missing: Sequence[Missing]) -> tuple[PartyLine, ...]:
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


def _log_alerts(sight: Sight) -> list[Alert]:
    if sight.log_trouble:
        return [Alert(code=Code.LOG, urgency=Urgency.NOW, facts={"trouble": sight.log_trouble})]
    assert sight.state is not None, "a log that holds has a state"
    state, alerts = sight.state, []
    for one in sight.healths:
        if one.log_size > sight.log_size:
            facts: dict[str, Fact] = {"name": one.name, "theirs": one.log_size, "ours": sight.log_size}
            alerts.append(Alert(code=Code.LONGER_LOG, urgency=Urgency.NOW, facts=facts))
    recent = [name for name, time in sight.cosigned.items() if time is not None and abs(sight.now - time) <= SKEW]
    if len(recent) < state.roster.quorum:
        facts = {"have": len(recent), "need": state.roster.quorum}
        alerts.append(Alert(code=Code.NO_QUORUM, urgency=Urgency.NOW, facts=facts))
    else:
        for name, time in sight.cosigned.items():
            if name not in recent:
                alerts.append(
                    Alert(code=Code.WITNESS, urgency=Urgency.LATER, facts={"name": name, "since": time or "-"})
                )
    return alerts


def _party_alerts(sight: Sight, board: Board, missing: Sequence[Missing]) -> list[Alert]:
    if sight.state is None:
        return []
    alerts = []
    state, today = sight.state, sight.now.date()
    for one in sight.healths:
        alerts += _health_alerts(one, state)
    for line in board.parties:
        if not line.is_here and line.health is None:
            alerts.append(Alert(code=Code.NO_ADDRESS, urgency=Urgency.TODAY, facts={"name": line.name}))
        if line.accuses:
            facts: dict[str, Fact] = {"name": line.name, "count": line.accuses}
            alerts.append(Alert(code=Code.INGESTER_ACCUSED, urgency=Urgency.NOW, facts=facts))
        days = -1 if line.keys_until is None else (line.keys_until - today).days
        if days < KEYS_SOON and state.batches:
            until: Fact = line.keys_until or "-"
            urgency = Urgency.NOW if days < KEYS_NOW else Urgency.TODAY
            alerts.append(Alert(code=Code.KEYS_END, urgency=urgency, facts={"name": line.name, "day": until}))
    alerts += _accused_custodians(sight)
    answering = {line.name for line in board.parties if line.is_here or _is_well(line.health)}
    used = {segment.line.rule for segment in state.segments.values()} & set(state.roster.rules)
    lack = describe_lack(sorted(used), state.roster, answering)
    if lack and sight.healths:
        alerts.append(Alert(code=Code.RULE_LACKS, urgency=Urgency.NOW, facts={"lack": lack}))
    late = Counter(item.custodian for item in missing if item.age > WARN_AFTER)
    for name, count in sorted(late.items()):
        oldest = max(item.age for item in missing if item.custodian == name)
        facts = {"name": name, "count": count, "hours": oldest // dt.timedelta(hours=1)}
        is_over = sight.policy.receipts_within is not None and oldest > sight.policy.receipts_within
        urgency = Urgency.NOW if is_over else Urgency.TODAY
        alerts.append(Alert(code=Code.RECEIPTS, urgency=urgency, facts=facts))
    overdue = {} if board.timeline is None else board.timeline.overdue
    for name, count in overdue.items():
        alerts.append(Alert(code=Code.OVERDUE, urgency=Urgency.TODAY, facts={"name": name, "count": count}))
    return alerts


def _is_well(health: Health | None) -> bool:
    return health is not None and health.trouble is None and not health.is_frozen


def _health_alerts(one: Health, state: State) -> list[Alert]:
    if one.trouble is Trouble.CERTIFICATE:
        return [Alert(code=Code.CERTIFICATE, urgency=Urgency.NOW, facts={"name": one.name})]
    if one.trouble is not None:
        return [Alert(code=Code.SILENT, urgency=Urgency.TODAY, facts={"name": one.name})]
    alerts = []
    if one.is_frozen:
        alerts.append(Alert(code=Code.FROZEN, urgency=Urgency.NOW, facts={"name": one.name}))
    elif one.is_behind:
        facts: dict[str, Fact] = {"name": one.name, "count": one.log_size, "size": state.size}
        alerts.append(Alert(code=Code.BEHIND, urgency=Urgency.TODAY, facts=facts))
    if one.clock_off_s is not None and abs(one.clock_off_s) > CLOCK_SOON_S:
        urgency = Urgency.NOW if abs(one.clock_off_s) > SKEW.total_seconds() else Urgency.TODAY
        facts = {"name": one.name, "seconds": abs(one.clock_off_s)}
        alerts.append(Alert(code=Code.CLOCK, urgency=urgency, facts=facts))
    if one.waiting:
        facts = {"name": one.name, "count": one.waiting}
        alerts.append(Alert(code=Code.WAITING, urgency=Urgency.LATER, facts=facts))
    if one.unacknowledged:
        alerts.append(Alert(code=Code.UNACKNOWLEDGED, urgency=Urgency.LATER, facts={"name": one.name}))
    return alerts


def _accused_custodians(sight: Sight) -> list[Alert]:
    """Custodians that were accused within the last week, or whose accused segment lives."""
    state = sight.state
    assert state is not None, "the caller looked"
    names = set()
    for _, fault in state.faults:
        if fault.accused not in state.roster.names:
            continue
        if isinstance(fault.object, int):
            opening = state.openings.get(fault.object)
            is_recent = opening is not None and opening.time >= sight.now - FAULTS_FOR
        else:
            is_recent = _segment_of(state, fault) is not None
        if is_recent:
            names.add(fault.accused)
    return [Alert(code=Code.CUSTODIAN_ACCUSED, urgency=Urgency.NOW, facts={"name": name}) for name in sorted(names)]


def _vault_alerts(sight: Sight, board: Board) -> list[Alert]:
    alerts = []
    left = board.disk.days_left
    if left is not None and left < DISK_SOON:
        urgency = Urgency.NOW if left < DISK_NOW else Urgency.TODAY
        alerts.append(Alert(code=Code.DISK, urgency=urgency, facts={"days": left}))
    for feed in board.feeds:
        if feed.share >= MANY_REJECTS:
            urgency = Urgency.NOW if feed.rejected > feed.kept_at_most else Urgency.TODAY
            facts: dict[str, Fact] = {"feed": feed.name, "percent": round(100 * feed.share, 1)}
            alerts.append(Alert(code=Code.REJECTS, urgency=urgency, facts=facts))
        if feed.is_silent:
            facts = {"feed": feed.name, "since": feed.last}
            alerts.append(Alert(code=Code.FEED, urgency=Urgency.LATER, facts=facts))
    for line in board.runs:
        if line.state == "cut":
            facts = {"feed": line.run.feed, "since": line.run.told}
            alerts.append(Alert(code=Code.CUT_SHORT, urgency=Urgency.TODAY, facts=facts))
    if sight.given_up:
        alerts.append(Alert(code=Code.GIVEN_UP, urgency=Urgency.LATER, facts={"count": sight.given_up}))
    if sight.aside:
        alerts.append(Alert(code=Code.ASIDE, urgency=Urgency.TODAY, facts={"count": sight.aside}))
    return alerts
