"""Who must be told by letter, who will have to be, and who was."""

import datetime as dt
import threading
from dataclasses import dataclass
from typing import Final

from coffer.desk.case import Case
from coffer.desk.port import Store
from coffer.disclosure.notice import Notice
from coffer.procedures.notices import notices_of
from coffer.vault.folder import Vault

_SHOWN: Final = 50
"""Of those who were told, the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LetterDue:
    """Somebody who is due to be told. ``case``: None for what was opened without one."""

    case: Case | None
    request: int
    person: str
    ended: dt.date


class TellingDesk:
    """The notices of the log. Any thread may call."""

    def __init__(self, vault: Vault, store: Store) -> None:
        self._vault, self._store = vault, store
        self._lock = threading.Lock()
        self._known: tuple[object, tuple[Notice, ...]] | None = None

    def _notices(self) -> tuple[Notice, ...]:
        """The notices of the log as it is now.

        Notes are unsealed once, not at each view of the list of cases, which counts them. A note that somebody changes
        afterwards is found when its letter is written, which reads it again.
        """
        state = self._vault.replay()
        key = (state.size, self._vault.desk.kept_names(), self._vault.desk.told())
        with self._lock:
            known = self._known
        if known is None or known[0] != key:
            known = (key, notices_of(self._vault, state))
            with self._lock:
                self._known = known
        return known[1]

    def due(self, now: dt.datetime) -> list[LetterDue]:
        """Who must be told now."""
        due = []
        for notice in self._notices():
            if not notice.is_due(now):
                continue
            terms = notice.authorization.terms
            place = self._store.case_of(notice.authorization.commitment)
            case = None if place is None else self._store.case(place[0])
            number = 0 if place is None else place[1]
            due.append(LetterDue(case=case, request=number, person=", ".join(notice.persons), ended=terms.secret_until))
        return due

    def next(self, now: dt.datetime) -> dt.date | None:
        """After which day the next letter is due; None if nobody else waits."""
        later = [
            notice.authorization.terms.secret_until
            for notice in self._notices()
            if notice.told is None and not notice.is_due(now)
        ]
        return min(later, default=None)

    def told(self, of_none: str) -> list[dict[str, object]]:
        """Who was told, the last first. ``of_none``: what stands for a case where there is none."""
        told = []
        for notice in self._notices():
            if notice.told is None:
                continue
            place = self._store.case_of(notice.authorization.commitment)
            number = of_none if place is None else self._store.case(place[0]).number
            told.append({"number": number, "told": notice.told})
        return sorted(told, key=lambda row: str(row["told"]), reverse=True)[:_SHOWN]
