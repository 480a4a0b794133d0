"""Segment keys that a custodian keeps from the labels to the data of one opening, in memory alone.

A custodian unseals its bundle of each segment when it is asked for labels, and would unseal it again when it is asked
for data. The effective keys are kept instead. ``docs/threats.md``, "Keys between two lanes", says what that gives away.

Promises: keys of an opening are given to requests of the same intent only, and only for a header with the same bundles.
They are forgotten when its data was answered, when the day's epoch key is destroyed, and when the opening was idle.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from coffer.notes.keys import SealKey, Secret
from coffer.segments.bundle import OpenBundle, open_effective
from coffer.segments.header import Header

MOST_KEYS: Final = 2**14
"""Keys of 32 B, of all openings: half a MiB. One of a month with 180 segments keeps 360 under ``2 of 3``.

Beyond it nothing more is kept, and bundles are unsealed again.
"""
IDLE: Final = dt.timedelta(seconds=60)
"""How long keys outlast the last request of their opening. A client asks for data at once after the labels, and a draw takes a second."""


@dataclass(slots=True, kw_only=True)
class _Opening:
    """The keys of one opening, each with its day.

    They stand under what identifies the bundle: hash of the header, custodian's index, clauses.
    """

    used: dt.datetime
    keys: dict[tuple[bytes, int, tuple[int, ...]], tuple[dt.date, dict[int, Secret]]] = field(default_factory=dict)


class KeptKeys:
    """Effective keys of the openings under way. One thread at a time."""

    def __init__(self) -> None:
        self._openings: dict[int, _Opening] = {}

    def __repr__(self) -> str:
        return f"<kept keys of {len(self._openings)} openings>"

    def __len__(self) -> int:
        """How many keys are kept."""
        return sum(len(keys) for opening in self._openings.values() for _, keys in opening.keys.values())

    def opener(self, intent: int, now: dt.datetime) -> OpenBundle:
        """As ``open_effective``, but what this intent opened before is not opened again.

        ``decide`` calls it when all its checks have passed, so that the intent is the log's and of the authorization that
        was asked under.
        """
        self.forget_idle(now)
        room = MOST_KEYS - len(self)

        def open_bundle(header: Header, key: SealKey, *, index: int, clauses: tuple[int, ...]) -> dict[int, Secret]:
            nonlocal room
            opening = self._openings.setdefault(intent, _Opening(used=now))
            opening.used = now
            bundle = (header.hash, index, clauses)
            if bundle in opening.keys:
                return opening.keys[bundle][1]
            keys = open_effective(header, key, index=index, clauses=clauses)
            if len(keys) <= room:
                room -= len(keys)
                opening.keys[bundle] = (header.core.day, keys)
            return keys

        return open_bundle

    def forget(self, intent: int) -> None:
        """Forget the keys of an opening."""
        self._openings.pop(intent, None)

    def forget_days(self, is_gone: Callable[[dt.date], bool]) -> None:
        """Forget the keys of the days whose epoch keys are gone."""
        for opening in self._openings.values():
            opening.keys = {bundle: kept for bundle, kept in opening.keys.items() if not is_gone(kept[0])}

    def forget_idle(self, now: dt.datetime) -> None:
        """Forget the openings without a request for a minute. A clock that was set back forgets them too."""
        self._openings = {
            intent: opening
            for intent, opening in self._openings.items()
            if dt.timedelta(0) <= now - opening.used < IDLE
        }
