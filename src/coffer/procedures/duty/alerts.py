"""What has to be done now: an alert for each thing that is wrong, as far as a page can know. Pure."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Final

from coffer.custody.gauges import Health, Trouble
from coffer.ledger.cosigning import describe_lack
from coffer.ledger.state import State
from coffer.notes.cosign import SKEW
from coffer.procedures.duty.board import Alert, Board, Code, Fact, Sight, Urgency
from coffer.procedures.duty.lines import accused_segment
from coffer.procedures.receipts.decide import WARN_AFTER, Missing

MANY_REJECTS: Final = 0.01
"""The share of a feed's lines that are rejected, from which on somebody must look."""
DISK_SOON: Final = 30
DISK_NOW: Final = 3
"""Days until the disk is full."""
KEYS_SOON: Final = 14
KEYS_NOW: Final = 2
"""Days for which a custodian's keys are still in the log."""
CLOCK_SOON_S: Final = 60
FAULTS_FOR: Final = dt.timedelta(days=7)


def log_alerts(sight: Sight) -> list[Alert]:
    """Of the log itself: it does not hold, a custodian knows a longer one, witnesses are missing."""
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


def party_alerts(sight: Sight, board: Board, missing: Sequence[Missing]) -> list[Alert]:
    """Of custodians: machines, keys, receipts, accusations, and rules that cannot be satisfied now."""
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
    alerts += _emergencies(state, sight.now)
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


def _emergencies(state: State, now: dt.datetime) -> list[Alert]:
    """Of emergencies that custodians have not ratified: at once where one is overdue."""
    unpaid = sum(debt.paid is None for debt in state.debts.values())
    if not unpaid:
        return []
    urgency = Urgency.NOW if state.overdue(max(now, state.newest)) else Urgency.TODAY
    return [Alert(code=Code.EMERGENCY, urgency=urgency, facts={"count": unpaid})]


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
            is_recent = accused_segment(state, fault) is not None
        if is_recent:
            names.add(fault.accused)
    return [Alert(code=Code.CUSTODIAN_ACCUSED, urgency=Urgency.NOW, facts={"name": name}) for name in sorted(names)]


def vault_alerts(sight: Sight, board: Board) -> list[Alert]:
    """Of the vault: its disk, feeds and ingests, notifications given up, and what lies aside."""
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
