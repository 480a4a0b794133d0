"""Notes that wait for a passkey, each for the page whose form asked for it."""

import datetime as dt
import threading
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from coffer.desk.case import CaseId
from coffer.desk.port import Post
from coffer.errors import Unavailable

T = TypeVar("T")
KEPT_FOR: Final = dt.timedelta(minutes=5)
"""As long as the challenge of a passkey lives: then the form is signed anew."""
MOST: Final = 256
MOST_EACH: Final = 8
"""Of one person. Who has more pages open at once loses the oldest, and keeps nobody else from signing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting(Generic[T]):
    value: T
    until: dt.datetime


class PreparedNotes(Generic[T]):
    """The newest note of each form: one page of one person for one case. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[Post, CaseId], _Waiting[T]] = {}

    def keep(self, post: Post, case: CaseId, value: T, now: dt.datetime) -> T:
        """Keep what was prepared until its challenge ends. ``post``: the form that it was prepared for.

        Raises:
            Unavailable: too many wait.
        """
        with self._lock:
            self._kept = {key: one for key, one in self._kept.items() if now < one.until}
            self._kept.pop((post, case), None)
            own = [key for key in self._kept if key[0].person == post.person]
            for key in own[: max(0, len(own) + 1 - MOST_EACH)]:
                del self._kept[key]
            if len(self._kept) >= MOST:
                raise Unavailable("desk: too many notes are being signed", hint="try again in some minutes")
            self._kept[post, case] = _Waiting(value=value, until=now + KEPT_FOR)
        return value

    def take(self, post: Post, case: CaseId) -> T | None:
        """What was kept for a form, once; None if nothing waits."""
        with self._lock:
            waiting = self._kept.pop((post, case), None)
        return None if waiting is None else waiting.value
