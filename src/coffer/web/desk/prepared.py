"""Notes that were prepared for a passkey, and wait for it."""

import datetime as dt
import threading
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from coffer.desk.case import CaseId
from coffer.desk.people import PersonId
from coffer.errors import Unavailable

T = TypeVar("T")
KEPT_FOR: Final = dt.timedelta(minutes=5)
"""As long as the challenge of a passkey lives: then the form is signed anew."""
MOST: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting(Generic[T]):
    value: T
    until: dt.datetime


class PreparedNotes(Generic[T]):
    """One note for each person and case: the newest. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[PersonId, CaseId], _Waiting[T]] = {}

    def keep(self, person: PersonId, case: CaseId, value: T, now: dt.datetime) -> T:
        """Keep what was prepared until its challenge ends.

        Raises:
            Unavailable: too many wait.
        """
        with self._lock:
            self._kept = {key: one for key, one in self._kept.items() if now < one.until}
            if len(self._kept) >= MOST:
                raise Unavailable("desk: too many notes are being signed", hint="try again in some minutes")
            self._kept[person, case] = _Waiting(value=value, until=now + KEPT_FOR)
        return value

    def take(self, person: PersonId, case: CaseId) -> T | None:
        """What was kept, once; None if nothing waits."""
        with self._lock:
            waiting = self._kept.pop((person, case), None)
        return None if waiting is None else waiting.value
