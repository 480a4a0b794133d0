"""Which dead segments a vault keeps on its disk, because a hold covers them.

Their rows are noise to everybody until an authorization opens what custodians held (``docs/formats/hold.md``). What is
written here names days, kinds and rules and no subject: it says no more than the files that stay.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer import wire
from coffer.disk import Disk
from coffer.ledger.entries import Commitment, SegmentId
from coffer.ledger.facts import Segment
from coffer.ledger.holds import HoldStatus
from coffer.ledger.state import State

HOLDS: Final = "holds"
Covered = tuple[dt.date, str, str]
"""Day, kind and rule of segments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSegments:
    """The holds of a vault's folder: a file for each, ``holds/<commitment>``."""

    path: Path
    disk: Disk

    def keep(self, note: Commitment, covered: Iterable[Covered]) -> None:
        """Keep the files of these segments while the hold is begun or in force."""
        lines = sorted(f"{day} {kind} {rule}\n" for day, kind, rule in set(covered))
        self.disk.write(self._file(note), "".join(lines).encode("ascii"), private=True)

    def removable(self, state: State, now: dt.datetime) -> set[SegmentId]:
        """The dead segments that no hold needs.

        Of a hold that another machine of the vault logged nothing is known here: while it lasts, everything is kept.
        """
        lasting, here = self._lasting(state, now), set(self.disk.names(self.path / HOLDS))
        if any(note.hex() not in here for note in lasting):
            return set()
        covered = set[Covered]().union(*(self._read(note) for note in lasting))
        dead = (segment for segment in state.segments.values() if state.is_dead(segment))
        return {segment.line.seg_id for segment in dead if covered_as(segment) not in covered}

    def forget_ended(self, state: State, now: dt.datetime) -> None:
        """Forget what was kept for holds that ended."""
        lasting = {note.hex() for note in self._lasting(state, now)}
        logged = {hold.entry.note.hex() for hold in state.holds.values()}  # one that is logged just now stays
        for name in self.disk.names(self.path / HOLDS):
            if name in logged and name not in lasting:
                self.disk.remove(self.path / HOLDS / name)

    def _lasting(self, state: State, now: dt.datetime) -> list[Commitment]:
        """The holds that are begun or in force."""
        clock, lasting = max(now, state.newest), (HoldStatus.BEGUN, HoldStatus.IN_FORCE)
        return [hold.entry.note for hold in state.holds.values() if state.hold_status(hold, clock) in lasting]

    def _read(self, note: Commitment) -> set[Covered]:
        lines = self.disk.read(self._file(note)).decode("ascii").splitlines()
        parts = [line.split(" ") for line in lines]
        return {(wire.parse_day(day, HOLDS), kind, rule) for day, kind, rule in parts}

    def _file(self, note: Commitment) -> Path:
        return self.path / HOLDS / note.hex()


def covered_as(segment: Segment) -> Covered:
    """By what a hold names a segment here."""
    return segment.line.day, segment.line.kind, segment.line.rule
