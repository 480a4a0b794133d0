"""Holds at the desk: what a passkey agrees to, and what is sent to custodians."""

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

from coffer.authority.hold import Hold
from coffer.custody.port import Custodian
from coffer.desk.case import Case, DocumentId
from coffer.desk.draft import Draft
from coffer.desk.flow.flow import Flow
from coffer.desk.orders import came_of
from coffer.desk.people import PersonId
from coffer.desk.review import review_hold
from coffer.errors import Refused
from coffer.ledger.entries import Commitment
from coffer.ledger.holds import MOST_LIFE, HoldStatus
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
from coffer.web.desk.held import late_segments
from coffer.web.desk.orders_read import OrdersRead, files_of
from coffer.web.desk.prepared import PreparedNotes
from coffer.web.desk.typed import ReadOrder
from coffer.web.desk.visit import Visit

LOOK_AGAIN: Final = dt.timedelta(minutes=1)
SEND_AGAIN: Final = dt.timedelta(minutes=10)
SLOWER: Final = 6
"""A hold that waited for six hours is sent hourly: each time every header goes along."""
SEND_DAILY: Final = dt.timedelta(days=1)
"""A custodian's key lives for months after its day; what it kept costs nothing when it comes again."""
Prove = Callable[[Visit, Act, Commitment], Proven]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hold:
    """A hold that waits for a passkey. ``part``: of the order, as of its draft."""

    prepared: PreparedHold
    part: int


class HoldDesk:
    """Makes, extends, sends and releases the holds of cases. Any thread may call."""

    def __init__(
        self, flow: Flow, custodians: Callable[[], AbstractContextManager[Sequence[Custodian]]], orders: OrdersRead
    ) -> None:
        self._flow, self._custodians, self._orders = flow, custodians, orders
        self._prepared: PreparedNotes[_Hold] = PreparedNotes()
        self._sent: dict[Commitment, dt.datetime] = {}
        self._looked: dt.datetime | None = None

    def prepare(self, visit: Visit, draft: Draft, state: State) -> PreparedHold:
        """The hold of a draft, for this person's passkey to agree to. Nothing is signed or stored.

        Raises:
            Refused: something about the draft stops it.
        """
        reviewed = review_hold(draft, came_of(visit.the_case), state, visit.now)
        if reviewed.sought is None:
            raise Refused("draft: no hold can be made of it yet", code="form", hint="mend the fields that are marked")
        prepared = prepare_hold(self._flow.vault, reviewed.sought, state, until=reviewed.until)
        return self._keep(visit, prepared, draft.part)

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
        prepared = prepare_extension(self._flow.vault, hold, sought, state, until=until)
        return self._keep(visit, prepared, 0)

    def _keep(self, visit: Visit, prepared: PreparedHold, part: int) -> PreparedHold:
        kept = _Hold(prepared=prepared, part=part)
        return self._prepared.keep(visit.post, visit.the_case.id, kept, visit.now).prepared

    def make_prepared(self, visit: Visit, prove: Prove) -> Case:
        """Sign and log what was prepared, keep it in the case, and send it.

        Raises:
            Refused: nothing was prepared, the passkey did not agree to it, or the log would not take it.
        """
        case, person = visit.the_case, visit.person.id
        waiting = self._prepared.take(visit.post, case.id)
        if waiting is None:
            raise Refused(
                "hold: nothing waits for this passkey, or for longer than 5 minutes",
                code="time",
                hint="load the page again: if it was sent before, the case has it",
            )
        proven = prove(visit, Act.HOLD, waiting.prepared.commitment)
        kept = self._flow.make_hold(case, waiting.prepared, proven.texts(), by=person, now=visit.now, part=waiting.part)
        newest = self._flow.holds_of(kept)[-1]
        self._send(kept, newest, by=None, now=visit.now)
        return kept

    def next(self, case: Case, before: Draft, now: dt.datetime) -> ReadOrder | None:
        """The draft of the next hold that the case's order asks for; None if it asks for no more.

        What a hold is about that did not lapse needs no other.
        """
        files = files_of(case)
        if not files:
            return None
        state = self._flow.vault.replay()
        holds = [hold for hold in self._flow.holds_of(case) if hold.terms.extends is None]
        logged = [(hold, one) for hold in holds if (one := state.hold_of(hold.commitment)) is not None]
        made = [hold.terms.basis for hold, one in logged if state.hold_status(one, now) is not HoldStatus.LAPSED]
        read = self._orders.fill(case.id, files[-1], before, made=made)
        return read if read.is_hold else None

    def send(self, visit: Visit, hold: Hold) -> dict[str, str]:
        """Send a hold again: custodians that approved it keep, those that kept keep what came since."""
        return self._send(visit.the_case, hold, by=visit.person.id, now=visit.now)

    def _send(self, case: Case, hold: Hold, *, by: PersonId | None, now: dt.datetime) -> dict[str, str]:
        self._sent[hold.commitment] = now
        with self._custodians() as custodians:
            keepers = keepers_of(custodians, self._flow.vault.replay())
            return self._flow.send_hold(case, hold, keepers, by=by, now=now)

    def send_due(self, now: dt.datetime) -> int:
        """Send the holds that custodians may join, or of which something was sealed since; how many.

        Looked at once a minute. A hold is sent less and less often while nobody decides on it.
        """
        if self._looked is not None and now - self._looked < LOOK_AGAIN:
            return 0
        self._looked, state, count = now, self._flow.vault.replay(), 0
        for case in self._flow.store.open_cases():
            for hold in self._flow.holds_of(case):
                after = sending_again(hold, state, now)
                last = self._sent.get(hold.commitment)
                if after is not None and (last is None or now - last >= after):
                    self._send(case, hold, by=None, now=now)
                    count += 1
        return count

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


def sending_again(hold: Hold, state: State, now: dt.datetime) -> dt.timedelta | None:
    """How long after it was sent last a hold is sent again by itself; None if it is not."""
    logged = state.hold_of(hold.commitment)
    term = None if logged is None else logged.term(hold.commitment)
    if logged is None or term is None or not logged.is_open(state.rosters[logged.entry.roster], now):
        return None
    if term.may_be_joined(now):
        roster = state.rosters[logged.entry.roster]
        names = [name for name in roster.names if logged.may_be_kept_by(name, roster)]
        if any(name not in term.holders and not state.is_refused(term.note, name) for name in names):
            return max(SEND_AGAIN, (now - term.time) / SLOWER)
    is_late = now < term.until and late_segments(hold, logged, state, now) > 0
    return SEND_DAILY if is_late and term is logged.terms[-1] else None


def keepers_of(custodians: Sequence[Custodian], state: State) -> list[HoldKeeper]:
    """Those that can keep: on machines of their own, or unlocked in this process."""
    keepers: list[HoldKeeper] = []
    for one in custodians:
        if isinstance(one, Distant):
            keepers.append(DistantKeeper(one, state))
        elif isinstance(one, HoldKeeper):
            keepers.append(one)
    return keepers
