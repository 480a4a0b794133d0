"""Which dead segments a vault keeps on its disk, because a hold covers them.

Their rows are noise to everybody until an authorization opens what custodians held (``docs/formats/hold.md``). What is
written here names days, kinds and rules and no subject: it says no more than the files that stay.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer import wire
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.ledger.entries import Commitment, SegmentId
from coffer.ledger.facts import Segment
from coffer.ledger.holds import LoggedHold
from coffer.ledger.retention import is_segment_past
from coffer.ledger.state import State

HOLDS: Final = "holds"
Covered = tuple[dt.date, str, str]
"""Day, kind and rule of segments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSegments:
    """The holds of a vault's folder: a file for each, ``holds/<commitment>``."""

    path: Path
    disk: Disk
    say: Callable[[str], None]

    def keep(self, note: Commitment, covered: Iterable[Covered]) -> None:
        """Keep the files of these segments while the hold is begun or in force."""
        lines = sorted(f"{day} {kind} {rule}\n" for day, kind, rule in set(covered))
        self.disk.write(self._file(note), "".join(lines).encode("ascii"), private=True)

    def removable(self, state: State, shown: dt.datetime) -> set[SegmentId]:
        """The dead segments that no hold needs.

        Of a hold that another machine of the vault logged nothing is known here: while it lasts, everything is kept;
        so it is where a file was damaged. ``shown``: the time that has evidently come. A clock that is ahead would
        remove what custodians, who go by that, still answer for.
        """
        if any(own is None for _, own in self._covered(state, shown)):
            return set()
        dead = {seg_id for seg_id, segment in state.segments.items() if state.is_dead(segment)}
        return dead - self.needed(state, shown)

    def sealed_since(self, hold: LoggedHold, state: State, today: dt.date) -> int:
        """How many segments that a hold may be about were sealed after it was logged, and can still be kept.

        0 where another machine of the vault made it, or its file was damaged: then only its note tells.
        """
        covered = self._read(hold.entry.note) or set()
        return sum(
            segment.entry_index > hold.index and covered_as(segment) in covered and not is_segment_past(segment, today)
            for segment in state.segments.values()
        )

    def forget_ended(self, state: State, shown: dt.datetime) -> None:
        """Forget what was kept for holds that ended."""
        for hold in state.holds.values():
            if not _is_open(hold, state, shown):
                self.disk.remove(self._file(hold.entry.note))

    def needed(self, state: State, shown: dt.datetime) -> set[SegmentId]:
        """The dead segments that must be here for holds.

        What was over when a hold was logged is not held by it.
        """
        covered = self._covered(state, shown)
        return {
            segment.line.seg_id
            for segment in state.segments.values()
            if state.is_dead(segment)
            and any(
                own is not None and covered_as(segment) in own and not is_segment_past(segment, hold.time.date())
                for hold, own in covered
            )
        }

    def _covered(self, state: State, shown: dt.datetime) -> list[tuple[LoggedHold, set[Covered] | None]]:
        """What each hold covers that has not ended; None where that is not known here."""
        return [(hold, self._read(hold.entry.note)) for hold in state.holds.values() if _is_open(hold, state, shown)]

    def _read(self, note: Commitment) -> set[Covered] | None:
        path = self._file(note)
        if not self.disk.is_file(path):
            return None
        try:
            parts = [line.split(" ") for line in wire.parse_lines(self.disk.read(path), HOLDS)]
            return {(wire.parse_day(day, HOLDS), kind, rule) for day, kind, rule in parts}
        except (MalformedInput, ValueError):
            self.say(
                f"{HOLDS}/{path.name}: damaged, expected lines of day, kind and rule: every dead segment is kept while "
                "this hold lasts"
            )
            return None

    def _file(self, note: Commitment) -> Path:
        return self.path / HOLDS / note.hex()


def _is_open(hold: LoggedHold, state: State, shown: dt.datetime) -> bool:
    return hold.is_open(state.rosters[hold.entry.roster], shown)


def covered_as(segment: Segment) -> Covered:
    """By what a hold names a segment here."""
    return segment.line.day, segment.line.kind, segment.line.rule
