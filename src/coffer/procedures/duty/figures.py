"""What the operator's page shows, as figures: how many alerts of each kind, and the disk. Pure.

Promises: no feed, party or case is named, and no number of records is given.
"""

from collections import Counter
from collections.abc import Sequence

from coffer.bounds import SECONDS_PER_DAY
from coffer.procedures.duty.board import Board, Code, Urgency
from coffer.serving.figures import Figure, gauge, sample


def board_figures(board: Board | None) -> Sequence[Figure]:
    """The figures of the last look; ``None``: before the first one, of which only the time is told."""
    looked = gauge(
        "coffer_duty_looked_timestamp_seconds",
        "When the operator's page looked around last; 0 before the first look.",
        sample(0 if board is None else int(board.now.timestamp())),
    )
    if board is None:
        return [looked]
    raised = Counter((alert.code, alert.urgency) for alert in board.alerts)
    disk = board.disk.disk
    figures = [
        looked,
        gauge(
            "coffer_duty_alerts",
            "What the operator has to do, by alert of the page and urgency.",
            *(
                sample(raised[code, urgency], code=code, urgency=urgency.name.lower())
                for code in Code
                for urgency in Urgency
            ),
        ),
        gauge("coffer_disk_bytes", "Size of the vault's disk.", sample(disk.total_bytes)),
        gauge("coffer_disk_free_bytes", "Free bytes of the vault's disk.", sample(disk.free_bytes)),
        gauge("coffer_segments_bytes", "Bytes of sealed segments in the vault's folder.", sample(disk.segments_bytes)),
        gauge("coffer_log_bytes", "Bytes of the log in the vault's folder.", sample(disk.log_bytes)),
    ]
    if board.disk.days_left is not None:
        left = sample(board.disk.days_left * SECONDS_PER_DAY)
        figures.append(gauge("coffer_disk_left_seconds", "Until the disk is full; absent if it does not fill.", left))
    return figures
