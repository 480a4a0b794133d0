"""Requests and amendments at the desk: what a passkey agrees to, and what is sent to custodians."""

import datetime as dt
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from coffer.authority.authorization import parse_authorization
from coffer.desk import edits
from coffer.desk.case import Case, Did, Edit, NewEvent, Place
from coffer.desk.draft import Draft
from coffer.desk.flow.entry import verify_alive
from coffer.desk.flow.flow import Flow
from coffer.desk.orders import came_of
from coffer.desk.people import PersonId
from coffer.desk.port import Conflict, Post, Written
from coffer.desk.review import review_draft
from coffer.errors import Refused
from coffer.ledger.entries import Commitment
from coffer.procedures.opening.amend import More, PreparedAmendment
from coffer.procedures.opening.kept import send_kept
from coffer.procedures.opening.request import Prepared, prepare_request, sign_request
from coffer.procedures.opening.send import Recipient
from coffer.web.desk.door import Act, Proven
from coffer.web.desk.prepared import PreparedNotes
from coffer.web.desk.visit import Visit, mark_of, written_before
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
        self._signing = threading.Lock()
        """One form after another: the second of two that are one finds what the first wrote, and not half of it."""

    # A request.

    def prepare(self, visit: Visit, draft: Draft) -> Prepared:
        """The request of a draft, for this person's passkey to agree to. Nothing is signed or stored.

        Raises:
            Refused: something about the draft stops it, or the case has no room for one more.
        """
        edits.verify_room(visit.the_case)
        state = self._vault.replay()
        review = review_draft(draft, came_of(visit.the_case), state, visit.now)
        if review.order is None:
            raise Refused("draft: it cannot be sent yet", code="form", hint="mend the fields that are marked")
        prepared = prepare_request(self._vault, review.order, state, roster=draft.roster)
        waiting = _Request(prepared=prepared, part=draft.part)
        self._requests.keep(visit.post, visit.the_case.id, waiting, visit.now)
        return prepared

    def send_prepared(self, visit: Visit, prove: Prove) -> Case:
        """Sign the prepared request, keep it in the case and send it.

        Raises:
            Conflict: the case was changed meanwhile. Nothing was signed.
            Refused: nothing was prepared, or the passkey did not agree to it.
        """
        with self._signing:
            waiting = self._requests.take(visit.post, visit.the_case.id)
            if waiting is None:
                return self._sent_before(visit)
            written = self._sign(waiting, visit, prove)
        if written.is_repeated:
            return written.case
        return self._send(written.case, Place(request=len(written.case.requests)), visit.person.id, visit.now)

    def _sign(self, waiting: _Request, visit: Visit, prove: Prove) -> Written:
        """The case with the request, once the passkey agreed to it."""
        case, person = visit.the_case, visit.person.id
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
        return written

    def _forget(self, commitment: Commitment) -> None:
        """Remove what was stored for a request that no case has."""
        self._vault.desk.remove_seal_key(commitment)
        self._vault.desk.forget_request(commitment)

    def _sent_before(self, visit: Visit) -> Case:
        """A form that was sent twice is done once; any other has to be signed."""
        before = written_before(self._store, visit, visit.post)
        if before is None:
            raise _nothing_waits()
        return before

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
        self._amendments.keep(visit.post, case.id, _Amendment(prepared=prepared, number=number), visit.now)
        return prepared

    def send_amendment(self, visit: Visit, prove: Prove) -> Case:
        """Sign the prepared amendment, keep it in the case and send it.

        Raises:
            Conflict: the case was changed meanwhile. Nothing was signed.
            Refused: nothing was prepared, or the passkey did not agree to it.
        """
        case, person = visit.the_case, visit.person.id
        with self._signing:
            waiting = self._amendments.take(visit.post, case.id)
            if waiting is None:
                return self._sent_before(visit)
            proven = prove(visit, Act.SEND, waiting.prepared.commitment)
            _verify_shown(visit)
            kept, place = self._flow.make_amendment(
                case, waiting.number, waiting.prepared, proven.texts(), by=person, now=visit.now, post=visit.post
            )
        return kept if place is None else self._send(kept, place, person, visit.now)

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
        with self._signing:
            before = agreed_before(self._flow, visit, Act.SEND)
            if before is not None:
                return before
            note_agreement(self._flow, case, number, prove(visit, Act.SEND, authorization.commitment), visit)
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
    flow.apply(
        case.id,
        lambda now: Edit(case=now, events=(event,)),
        by=visit.person.id,
        now=visit.now,
        post=_post_of(visit, proven.act),
    )


def agreed_before(flow: Flow, visit: Visit, act: Act) -> Case | None:
    """The case as it is now, if a passkey agreed to this very form before."""
    return written_before(flow.store, visit, _post_of(visit, act))


def _post_of(visit: Visit, act: Act) -> Post:
    """The form of one act: a page of a case has several forms under one key."""
    return replace(visit.post, key=f"{visit.post.key} {act.value}")


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
