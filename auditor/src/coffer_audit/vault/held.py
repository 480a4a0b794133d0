"""Which files of dead segments may lie in a vault for a hold (docs/procedures/retention.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from coffer_audit.errors import MalformedInput, Unavailable
from coffer_audit.validity.facts import Segment
from coffer_audit.wire import parse_day, parse_words, read_file

if TYPE_CHECKING:
    from pathlib import Path

    from coffer_audit.validity.holds import Hold
    from coffer_audit.validity.state import State

MAX_HOLD_BYTES = 1 << 24
"""What a hold covers is a line for each day, kind and rule: at most some thousand."""
A_NIGHT = timedelta(days=1)
"""The nightly retirement removes the files of a hold that ended."""
ENDED = "a hold covered it until less than a day ago, and the next retirement removes it"
UNKNOWN = "a hold is open of which the folder does not say what it covers"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """A hold that has not ended, or has just ended.

    `covered`: its days, kinds and rules; None if not told.
    """

    hold: Hold
    is_ended: bool
    covered: set[tuple[date, str, str]] | None

    def may_cover(self, segment: Segment) -> bool:
        """Whether it can be about a segment by the log, and is about it by its file.

        What was past its retention when the hold was logged is not held by it.
        """
        line = segment.line
        is_possible = line.rule in self.hold.rules and not segment.is_past(self.hold.terms[0].time.date())
        return is_possible and (self.covered is None or (line.day, line.kind, line.rule) in self.covered)


class HeldFiles:
    """The holds of a vault's folder, as they stand at the log's newest entry."""

    def __init__(self, folder: Path, state: State) -> None:
        now, self._holds = state.newest, list[_Open]()
        for hold in state.holds.all.values():
            is_ended = not hold.is_open(now)
            if not is_ended or hold.was_open_within(A_NIGHT, now):
                self._holds.append(_Open(hold=hold, is_ended=is_ended, covered=_covered(folder, hold)))

    def is_needed(self, segment: Segment) -> bool:
        """Whether an open hold covers a dead segment, by its file: the vault leaves it there on purpose."""
        return any(one.covered is not None and not one.is_ended and one.may_cover(segment) for one in self._holds)

    def excuse(self, segment: Segment) -> str:
        """Why a dead segment that no open hold is known to cover may still be there; empty if it may not.

        While the folder does not say what an open hold covers, a vault keeps every dead segment.
        """
        if any(one.covered is None and not one.is_ended for one in self._holds):
            return UNKNOWN
        return ENDED if any(one.is_ended and one.may_cover(segment) for one in self._holds) else ""


def _covered(folder: Path, hold: Hold) -> set[tuple[date, str, str]] | None:
    """Days, kinds and rules; None where the file is not there, is not readable, or was damaged."""
    name = hold.terms[0].note
    try:
        lines = read_file(folder / "holds" / name, MAX_HOLD_BYTES).decode("ascii").split("\n")
        parts = [parse_words(line, 3, "holds") for line in lines[:-1]]
        covered = {(parse_day(day, "holds"), kind, rule) for day, kind, rule in parts}
    except (Unavailable, MalformedInput, UnicodeDecodeError):
        return None
    return covered if covered and not lines[-1] else None
