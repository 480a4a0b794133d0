"""What has to be done now, and what the operator's page shows beside it. Pure.

Everything comes from the log, the account of each ingest, the vault's disk, and what custodians and witnesses say of
themselves. Nothing comes from a case, a request or a record. ``board`` has the values, ``lines`` the tables and
``alerts`` what is wrong.
"""

from dataclasses import replace

from coffer.ledger.retention import retention_timeline
from coffer.notes.cosign import SKEW
from coffer.procedures.duty.alerts import log_alerts, party_alerts, vault_alerts
from coffer.procedures.duty.board import Board, Sight, WitnessLine
from coffer.procedures.duty.lines import disk_line, feed_lines, oldest_living, party_lines, run_lines
from coffer.procedures.receipts.decide import missing_receipts


def decide_board(sight: Sight) -> Board:
    """Everything that the page shows, from what was seen."""
    state = sight.state
    timeline = None if state is None else retention_timeline(state, sight.now.date())
    missing = [] if state is None else missing_receipts(state, sight.now)
    feeds = () if state is None else feed_lines(state, sight.runs, sight.now)
    runs = run_lines(state, sight.runs, sight.now)
    parties = () if state is None else party_lines(state, sight, missing)
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
        oldest_day=None if state is None else oldest_living(state),
        entries=0 if state is None else state.size,
    )
    alerts = [*log_alerts(sight), *party_alerts(sight, board, missing), *vault_alerts(sight, board)]
    ordered = tuple(sorted(alerts, key=lambda alert: alert.urgency))  # stable: within an urgency as they were found
    return replace(board, alerts=ordered)
