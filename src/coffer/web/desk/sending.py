"""Requests and amendments at the desk: what a passkey agrees to, and what is sent to custodians."""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from coffer.authority.authorization import parse_authorization
from coffer.desk import edits
from coffer.desk.case import Case, CaseId, Did, Edit, NewEvent, Place
from coffer.desk.draft import Draft
from coffer.desk.flow.entry import verify_alive
from coffer.desk.flow.flow import Flow
from coffer.desk.orders import came_of
from coffer.desk.people import PersonId
from coffer.desk.port import Conflict
from coffer.desk.review import review_draft
from coffer.errors import Refused
from coffer.ledger.entries import Commitment
from coffer.procedures.opening.amend import More, PreparedAmendment
from coffer.procedures.opening.kept import send_kept
from coffer.procedures.opening.request import Prepared, prepare_request, sign_request
from coffer.procedures.opening.send import Recipient
from coffer.web.desk.door import Act, Proven
from coffer.web.desk.prepared import PreparedNotes
from coffer.web.desk.visit import Visit, mark_of
from coffer.web.desk.watching import Custodians

_log = logging.getLogger(__name__)
Prove = Callable[[Visit, Act, Commitment], Proven]
REMIND_AGAIN: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """``part``: of the order, as of its draft."""

    prepared: Prepared
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Amendment:
    prepared: PreparedAmendment
    number: int


class SendingDesk:
    """Signs, sends and ends the requests of cases, and what amends them. Any thread may call."""

    def __init__(self, flow: Flow, custodians: Custodians) -> None:
        self._flow, self._vault, self._store, self._custodians = flow, flow.vault, flow.store, custodians
        self._requests: PreparedNotes[_Request] = PreparedNotes()
        self._amendments: PreparedNotes[_Amendment] = PreparedNotes()

    # A request.

    def prepare(self, person: PersonId, case: CaseId, draft: Draft, now: dt.datetime) -> Prepared:
        """The request of a draft, for this person's passkey to agree to. Nothing is signed or stored.

        Raises:
            Refused: something about the draft stops it.
        """
        state = self._vault.replay()
        review = review_draft(draft, came_of(self._store.case(case)), state, now)
        if review.order is None:
            raise Refused("draft: it cannot be sent yet", code="form", hint="mend the fields that are marked")
        prepared = prepare_request(self._vault, review.order, state, roster=draft.roster)
        self._requests.keep(person, case, _Request(prepared=prepared, part=draft.part), now)
        return prepared

    def send_prepared(self, visit: Visit, prove: Prove) -> Case:
        """Sign the prepared request, keep it in the case and send it.

        Raises:
            Conflict: the case was changed meanwhile. Nothing was signed.
            Refused: nothing was prepared, or the passkey did not agree to it.
        """
        case, person = visit.the_case, visit.person.id
        waiting = self._requests.take(person, case.id)
        if waiting is None:
            return self._sent_before(visit)
        proven = prove(visit, Act.SEND, waiting.prepared.commitment)
        _verify_shown(visit)
        authorization = sign_request(self._vault, waiting.prepared)
        try:
            edit = edits.add_request(case, authorization.note.raw, by=person, now=visit.now, part=waiting.part)
            edit = replace(edit, events=tuple(replace(event, texts=proven.texts()) for event in edit.events))
            written = self._store.write(edit, by=person, now=visit.now, post=visit.post)
        except (Conflict, Refused):
            self._forget(authorization.commitment)
            raise
        if written.is_repeated:
            self._forget(authorization.commitment)
            return written.case
        return self._send(written.case, Place(request=len(written.case.requests)), person, visit.now)

    def _forget(self, commitment: Commitment) -> None:
        """Remove what was stored for a request that no case has."""
        self._vault.desk.remove_seal_key(commitment)
        self._vault.desk.forget_request(commitment)

    def _sent_before(self, visit: Visit) -> Case:
        """A form that was sent twice is done once; any other has to be signed."""
        case, nothing = visit.the_case, Edit(case=visit.the_case, events=())
        old = replace(nothing, case=replace(case, version=case.version - 1))
        try:
            written = self._store.write(old, by=visit.person.id, now=visit.now, post=visit.post)
        except Conflict:
            raise _nothing_waits() from None
        return written.case

    # An amendment.

    def prepare_amendment(self, visit: Visit, number: int, more: More) -> PreparedAmendment:
        """What raises the limit of a request, for this person's passkey to agree to.

        Nothing is signed or stored.

        Raises:
            Refused: the request was withdrawn, has expired or was revoked.
            Unavailable: nothing can be opened under it any more.
        """
        case = visit.the_case
        prepared = self._flow.prepare_amendment(case, number, more, self._vault.replay())
        self._amendments.keep(visit.person.id, case.id, _Amendment(prepared=prepared, number=number), visit.now)
        return prepared

    def send_amendment(self, visit: Visit, prove: Prove) -> Case:
        """Sign the prepared amendment, keep it in the case and send it.

        Raises:
            Conflict: the case was changed meanwhile. Nothing was signed.
            Refused: nothing was prepared, or the passkey did not agree to it.
        """
        case, person = visit.the_case, visit.person.id
        waiting = self._amendments.take(person, case.id)
        if waiting is None:
            raise _nothing_waits()
        proven = prove(visit, Act.SEND, waiting.prepared.commitment)
        _verify_shown(visit)
        kept, place = self._flow.make_amendment(
            case, waiting.number, waiting.prepared, proven.texts(), by=person, now=visit.now
        )
        return self._send(kept, place, person, visit.now)

    # Either of them.

    def _send(self, case: Case, place: Place, person: PersonId, now: dt.datetime) -> Case:
        """Hand a note to the custodians on other machines."""
        authorization = parse_authorization(case.at(place).note, "request")
        with self._custodians() as custodians:
            remotes: list[Recipient] = [one for one in custodians if isinstance(one, Recipient)]
            updated, sent = self._flow.send_note(case, place, remotes, by=person, now=now)
            send_kept(self._vault, authorization, remotes)
        for message in sent.failed.values():
            _log.warning("desk: a request could not be handed over: %s", message)
        return updated

    def send_signed(self, visit: Visit, number: int, prove: Prove) -> Case:
        """Send a request that was signed and not sent, or only in part."""
        case = visit.the_case
        authorization = parse_authorization(case.request(number).note, "request")
        proven = prove(visit, Act.SEND, authorization.commitment)
        note_agreement(self._flow, case, number, proven, visit)
        return self._send(case, Place(request=number), visit.person.id, visit.now)

    def remind(self, visit: Visit, place: Place) -> Case:
        """Hand a note over again, at most hourly. The custodians' machines then tell their people."""
        case = visit.the_case
        verify_alive(case.request(place.request))
        sent_at = case.at(place).sent_at
        if sent_at is not None and visit.now - sent_at < REMIND_AGAIN:
            again = (sent_at + REMIND_AGAIN - visit.now) // dt.timedelta(minutes=1) + 1
            raise Refused(
                "remind: within the last hour they were told already", code="time", hint=f"again in {again} minutes"
            )
        return self._send(case, place, visit.person.id, visit.now)

    def take_in(self, visit: Visit, raw: bytes) -> Case:
        """Merge a signed copy that came another way."""
        return self._flow.take_in(visit.the_case, [("copy.note", raw)], by=visit.person.id, now=visit.now)

    def withdraw(self, visit: Visit, number: int) -> Case:
        """End a request."""
        _verify_shown(visit)
        return self._flow.withdraw(visit.the_case, number, by=visit.person.id, now=visit.now)


def note_agreement(flow: Flow, case: Case, number: int, proven: Proven, visit: Visit) -> None:
    """Keep what a passkey signed about a request in the history."""
    event = NewEvent(did=Did.AGREED, values={"request": number, "act": proven.act.value}, texts=proven.texts())
    flow.apply(case.id, lambda now: Edit(case=now, events=(event,)), by=visit.person.id, now=visit.now)


def _verify_shown(visit: Visit) -> None:
    """Raise ``Conflict`` if the case is not as its page showed it."""
    case = visit.the_case
    if visit.form.text("version") != mark_of(case):
        raise Conflict(Edit(case=case, events=()), case, ())


def _nothing_waits() -> Refused:
    return Refused(
        "request: nothing waits for this passkey, or for longer than 5 minutes",
        code="time",
        hint="press the button again",
    )
