"""What ``coffer fsck`` and ``coffer replicate`` say of a place of objects."""

from typing import TYPE_CHECKING

from coffer.errors import NotProven
from coffer.visible import counted

if TYPE_CHECKING:
    from coffer.cli.screen import Screen
    from coffer.procedures.fsck import Examined


def examined_document(examined: "Examined") -> dict[str, object]:
    """For ``--json``."""
    return {
        "segments": examined.segments,
        "tallies": examined.tallies,
        "tiles": examined.tiles,
        "deep": examined.is_deep,
        "faults": [{"key": one.key, "fault": str(one.fault)} for one in examined.faults],
    }


def print_examined(out: "Screen", examined: "Examined") -> None:
    """A line for each fault, then what was looked at."""
    for one in examined.faults:
        out.print(f"{one.key}: {one.fault}", soft_wrap=True)
    read = "every row read" if examined.is_deep else "rows not read"
    looked = (counted(examined.segments, "segment"), counted(examined.tallies, "tally"))
    out.print(
        f"{', '.join(looked)}, {counted(examined.tiles, 'log tile')}, {read}: {counted(len(examined.faults), 'fault')}"
    )


def verify_faultless(examined: "Examined", command: str) -> None:
    """End the command with an error if there are faults.

    Raises:
        NotProven: there are.
    """
    if examined.faults:
        raise NotProven(
            f"{command}: {counted(len(examined.faults), 'fault')}",
            hint="what is missing or changed: restore it from a copy (of log/ and memory/: coffer tidy); dead objects may be deleted in the store, "
            "and orphans if this log is the newest",
        )
