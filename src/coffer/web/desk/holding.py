"""Holds at the desk: what a passkey agrees to, and what is sent to custodians."""

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

from coffer.authority.hold import Hold
from coffer.custody.port import Custodian
from coffer.desk.case import Case, CaseId, DocumentId
from coffer.desk.draft import Draft
from coffer.desk.flow.flow import Flow
from coffer.desk.orders import came_of
from coffer.desk.people import PersonId
from coffer.desk.review import review_hold
from coffer.errors import Refused, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.holds import MOST_LIFE
from coffer.ledger.state import State
from coffer.procedures.holding import (
    Distant,
    DistantKeeper,
    HoldKeeper,
    PreparedHold,
    prepare_extension,
    prepare_hold,
    sought_of,
)
from coffer.web.desk.door import Act, Proven
from coffer.web.desk.visit import Visit

PREPARED_FOR: Final = dt.timedelta(minutes=5)
"""As long as the challenge of a passkey lives."""
MAX_PREPARED: Final = 256
Prove = Callable[[Visit, Act, Commitment], Proven]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    prepared: PreparedHold
    until: dt.datetime


class HoldDesk:
    """Makes, extends, sends and releases the holds of cases. Any thread may call."""

    def __init__(self, flow: Flow, custodians: Callable[[], AbstractContextManager[Sequence[Custodian]]]) -> None:
        self._flow, self._custodians = flow, custodians
        self._lock = threading.Lock()
        self._prepared: dict[tuple[PersonId, CaseId], _Waiting] = {}

    def prepare(self, visit: Visit, draft: Draft, state: State) -> PreparedHold:
        """The hold of a draft, for this person's passkey to agree to. Nothing is signed or stored.

        Raises:
            Refused: something about the draft stops it.
        """
        reviewed = review_hold(draft, came_of(visit.the_case), state, visit.now)
        if reviewed.sought is None:
            raise Refused("draft: no hold can be made of it yet", code="form", hint="mend the fields that are marked")
        prepared = prepare_hold(self._flow.vault, reviewed.sought, state, until=reviewed.until)
        return self._keep(visit, prepared)

    def prepare_extension(self, visit: Visit, hold: Hold, until: dt.datetime, state: State) -> PreparedHold:
        """What makes a hold of the case last longer, for this person's passkey to agree to.

        Raises:
            Refused: it is not in force, or ``until`` is too late.
        """
        if until - visit.now > MOST_LIFE:
            raise Refused(f"hold: lasts at most {MOST_LIFE.days} days from now", code="time")
        came = came_of(visit.the_case)
        ordered = replace(hold.terms.ordered, files=came.files or hold.terms.ordered.files)
        sought = replace(sought_of(hold), ordered=ordered)
        return self._keep(visit, prepare_extension(self._flow.vault, hold, sought, state, until=until))

    def _keep(self, visit: Visit, prepared: PreparedHold) -> PreparedHold:
        with self._lock:
            self._prepared = {key: one for key, one in self._prepared.items() if visit.now < one.until}
            if len(self._prepared) >= MAX_PREPARED:
                raise Unavailable("desk: too many holds are being signed", hint="try again in some minutes")
            waiting = _Waiting(prepared=prepared, until=visit.now + PREPARED_FOR)
            self._prepared[visit.person.id, visit.the_case.id] = waiting
        return prepared

    def make_prepared(self, visit: Visit, prove: Prove) -> Case:
        """Sign and log what was prepared, keep it in the case, and send it.

        Raises:
            Refused: nothing was prepared, the passkey did not agree to it, or the log would not take it.
        """
        case, person = visit.the_case, visit.person.id
        with self._lock:
            waiting = self._prepared.pop((person, case.id), None)
        if waiting is None:
            raise Refused(
                "hold: nothing waits for this passkey, or for longer than 5 minutes",
                code="time",
                hint="load the page again: if it was sent before, the case has it",
            )
        proven = prove(visit, Act.HOLD, waiting.prepared.commitment)
        kept = self._flow.make_hold(case, waiting.prepared, proven.texts(), by=person, now=visit.now)
        newest = self._flow.holds_of(kept)[-1]
        self._send(kept, newest, by=None, now=visit.now)
        return kept

    def send(self, visit: Visit, hold: Hold) -> dict[str, str]:
        """Send a hold again: custodians that approved it keep, those that kept keep what came since."""
        return self._send(visit.the_case, hold, by=visit.person.id, now=visit.now)

    def _send(self, case: Case, hold: Hold, *, by: PersonId | None, now: dt.datetime) -> dict[str, str]:
        with self._custodians() as custodians:
            keepers = keepers_of(custodians, self._flow.vault.replay())
            return self._flow.send_hold(case, hold, keepers, by=by, now=now)

    def release(self, visit: Visit, hold: Hold, prove: Prove) -> None:
        """End a hold for good."""
        proven = prove(visit, Act.RELEASE, hold.commitment)
        self._flow.release(visit.the_case, hold, proven.texts(), by=visit.person.id, now=visit.now)

    def hold_of(self, case: Case, document: DocumentId) -> Hold:
        """The hold whose note is this document of the case."""
        for about, hold in zip(case.holds, self._flow.holds_of(case), strict=True):
            if about.id == document:
                return hold
        raise Refused("case: it has no such hold", code="form")


def keepers_of(custodians: Sequence[Custodian], state: State) -> list[HoldKeeper]:
    """Those that can keep: on machines of their own, or unlocked in this process."""
    keepers: list[HoldKeeper] = []
    for one in custodians:
        if isinstance(one, Distant):
            keepers.append(DistantKeeper(one, state))
        elif isinstance(one, HoldKeeper):
            keepers.append(one)
    return keepers
