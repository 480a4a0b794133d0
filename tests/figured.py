"""Every figure that the code gives, from the functions that give them."""

import datetime as dt
from pathlib import Path

from coffer.cli.figures import listener_figures, process_figures
from coffer.cli.servers import witness_figures
from coffer.custodian.machine.figures import GAUGES, custodian_figures
from coffer.disk import Disk
from coffer.procedures.backup import backup_figures
from coffer.procedures.duty.board import Board, DiskLine
from coffer.procedures.duty.board import Disk as DiskOfBoard
from coffer.procedures.duty.figures import board_figures
from coffer.procedures.watch.figures import Figures, figures_of
from coffer.web.window.window import window_figures

NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)


def board(**changes):
    """An operator's page on which nothing is wrong."""
    disk = DiskOfBoard(total_bytes=10**12, free_bytes=10**11, segments_bytes=10**9, log_bytes=10**6)
    fields = {
        "now": NOW,
        "alerts": (),
        "feeds": (),
        "runs": (),
        "parties": (),
        "witnesses": (),
        "quorum": 0,
        "disk": DiskLine(disk=disk, a_day_bytes=10**9, days_left=100),
        "timeline": None,
        "oldest_day": None,
        "entries": 3,
    }
    return Board(**fields | changes)


class NeverBackedUp:
    """A vault without a backup."""

    path, disk = Path("/nowhere"), Disk()


def figures_of_code():
    """By what serves them."""
    return {
        "every": [*process_figures(), *listener_figures({})],
        "serve": [*window_figures(3, is_damaged=False), *board_figures(board()), *backup_figures(NeverBackedUp())],
        "watch": figures_of({"calls": Figures()}, free_bytes=1, now=NOW),
        "custodian": custodian_figures({}, dict.fromkeys(GAUGES, 0)),
        "witness": witness_figures(1, 1, 0),
    }


def names_of_code():
    """The names of all of them."""
    return {figure.name for figures in figures_of_code().values() for figure in figures}
