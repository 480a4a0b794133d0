"""From a draft to a countersigned request, and what to do next."""

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of, verify_requested
from coffer.desk import edits
from coffer.desk.case import (
    Case,
    Did,
    DocumentKind,
    Edit,
    NewEvent,
    Place,
    Told,
)
from coffer.desk.flow.entry import Entry, authorization_of, verify_alive
from coffer.desk.found import Review
from coffer.desk.orders import came_of, order_documents
from coffer.desk.people import PersonId
from coffer.desk.port import Conflict, Post, Written
from coffer.desk.review import review_draft
from coffer.desk.standing import AtDesk, Standing, standing_of
from coffer.desk.steps import NextStep, newest_places, news_of, next_step, request_step
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State
from coffer.notes.note import Note, join_notes, parse_note
from coffer.notify.message import News
from coffer.procedures.opening.kept import note_sent, read_kept
from coffer.procedures.opening.request import make_request
from coffer.procedures.opening.send import Recipient, Sent, send_request


class Requests(Entry):
    """Requests of a case."""

    def at_desk(self, case: Case) -> dict[Commitment, AtDesk]:
        """What the vault's desk folder says about the case's requests."""
        desk, told = self.vault.desk, self.vault.desk.told()
        by_commitment = {}
        for request in case.requests:
            commitment = authorization_of(request).commitment
            by_commitment[commitment] = AtDesk(
                has_key=desk.has_seal_key(commitment),
                in_progress=self.is_undelivered(request, commitment),
                needed=desk.read_short(commitment),
                told=told.get(commitment),
            )
        return by_commitment

    def next_step(self, case: Case, state: State, now: dt.datetime) -> NextStep:
        """What to do next in a case, by the log as it was replayed."""
        return next_step(case, state, self.at_desk(case), now, holds=self.holds_of(case))

    @staticmethod
    def commitments(case: Case) -> tuple[Commitment, ...]:
        """Of every note of a case that custodians sign."""
        return tuple(_places_of(case))

    def standings(self, case: Case, state: State, now: dt.datetime) -> list[Standing]:
        """Where each request of a case stands, with its amendments, in order."""
        at_desk = self.at_desk(case)
        return [standing_of(request, state, at_desk, now) for request in case.requests]

    def request_step(self, case: Case, number: int, state: State, now: dt.datetime) -> NextStep:
        """What to do next about one request of an open case."""
        standing = standing_of(case.request(number), state, self.at_desk(case), now)
        return request_step(standing, case, now)

    def review(self, case: Case, state: State, now: dt.datetime) -> Review:
        """What there is to say about the case's draft."""
        if case.draft is None:
            raise Refused("case: it has no draft", code="form")
        return review_draft(case.draft, came_of(case), state, now)

    def make_request(self, case: Case, *, by: PersonId, now: dt.datetime, post: Post | None = None) -> Written:
        """Sign the request that the draft asks for. It can be read, sent and countersigned from then on.

        Raises:
            Refused: something about the draft stops it (code form).
            Conflict: somebody else changed the case meanwhile; the request is forgotten.
        """
        review = self.review(case, self.vault.replay(), now)
        if review.order is None:
            raise Refused("draft: it cannot be sent yet", code="form", hint="mend the fields that are marked")
        authorization = make_request(self.vault, review.order, roster="" if case.draft is None else case.draft.roster)
        part = 0 if case.draft is None else case.draft.part
        edit = edits.add_request(case, authorization.note.raw, by=by, now=now, part=part)
        try:
            written = self.store.write(edit, by=by, now=now, post=post)
        except (Conflict, Refused):
            self.vault.desk.remove_seal_key(authorization.commitment)
            self.vault.desk.forget_request(authorization.commitment)
            raise
        # After any other failure the database may have it: the key stays, and dies by itself when the request expires.
        if written.is_repeated:
            self.vault.desk.remove_seal_key(authorization.commitment)
            self.vault.desk.forget_request(authorization.commitment)
        return written

    def send(
        self, case: Case, number: int, to: Sequence[Recipient], *, by: PersonId, now: dt.datetime
    ) -> tuple[Case, Sent]:
        """Hand a request, with its order's files, to custodians elsewhere; sending it again is harmless."""
        return self.send_note(case, Place(request=number), to, by=by, now=now)

    def send_note(
        self, case: Case, place: Place, to: Sequence[Recipient], *, by: PersonId, now: dt.datetime
    ) -> tuple[Case, Sent]:
        """The same of a request or of one of its amendments."""
        verify_alive(case.request(place.request))
        authorization = parse_authorization(case.at(place).note, "request")
        orders = [self.store.document(case.id, one) for one in order_documents(case, authorization)] if to else []
        sent = send_request(authorization, self.vault.replay(), to, orders)
        note_sent(self.vault, authorization.commitment, sent.reached, now)
        values = place.values | {"reached": len(sent.reached), "failed": len(sent.failed)}
        event = NewEvent(did=Did.SENT_REQUEST, values=values)

        def edit(current: Case) -> Edit:
            return Edit(case=edits.with_sent(current, place, sent.reached, now), events=(event,))

        return self.apply(case.id, edit, by=by, now=now), sent

    def take_in(self, case: Case, copies: Sequence[tuple[str, bytes]], *, by: PersonId, now: dt.datetime) -> Case:
        """Merge signed copies of the case's requests and amendments into them.

        ``copies``: file name and content of each.

        Only signatures that verify, of custodians of this log, are kept; the copies themselves become documents.

        Raises:
            MalformedInput: one is not a copy of a request of this case.
            NotProven: a signature that claims to be a custodian's does not verify. Nothing is taken in.
        """
        state, places = self.vault.replay(), _places_of(case)
        merged: dict[Place, list[tuple[str, Note]]] = {}
        for number, (name, raw) in enumerate(copies, 1):
            authorization = parse_authorization(raw, f"copy {number}")
            place = places.get(authorization.commitment)
            if place is None:
                raise MalformedInput(f"copy {number}: not of a request of this case", hint="is it another case's?")
            merged.setdefault(place, []).append((name, _proven(authorization, state)))
        updated = case
        for place, own in merged.items():
            updated = self._take_in(updated, place, own, by=by, now=now)
        return updated

    def _take_in(
        self, case: Case, place: Place, copies: Sequence[tuple[str, Note]], *, by: PersonId, now: dt.datetime
    ) -> Case:
        state = self.vault.replay()

        def edit(current: Case) -> Edit:
            joined = _with_signatures(current, place, [note for _, note in copies], state)
            known = {item.sha256 for item in current.documents}
            made = [
                self.new_document(note.raw, kind=DocumentKind.COPY, name=name, by=by, now=now, request=place.request)
                for name, note in copies
            ]
            documents = [item for item in made if item.about.sha256 not in known]
            events = (*joined.events, *(edits.document_event(item.about) for item in documents))
            return edits.with_documents(replace(joined, events=events), documents)

        return self.apply(case.id, edit, by=by, now=now)

    def take_signatures(self, case: Case, place: Place, note: Note, now: dt.datetime) -> Case:
        """Keep what the desk fetched itself: proven signatures on a note. No copy is kept beside it."""
        state = self.vault.replay()

        def edit(current: Case) -> Edit:
            joined = _with_signatures(current, place, [note], state)
            is_new = joined.events[0].values["signed"] != 0
            return joined if is_new else Edit(case=current, events=())

        return self.apply(case.id, edit, by=None, now=now)

    def withdraw(self, case: Case, number: int, *, by: PersonId, now: dt.datetime) -> Case:
        """End a request: its seal key is destroyed, so that nothing can be opened under it any more.

        Raises:
            Refused: an opening is in progress; it must end first.
        """
        request = case.request(number)
        commitment = authorization_of(request).commitment
        with self.vault.alone():
            if self.is_undelivered(self.store.case(case.id).request(number), commitment):
                raise Refused(
                    "request: an opening is in progress", code="form", hint="resume it; it costs nothing more"
                )
            self.vault.desk.remove_seal_key(commitment)

        def edit(now_case: Case) -> Edit:
            current = now_case.request(number)
            changed = edits.with_request(now_case, replace(current, withdrawn=current.withdrawn or now))
            return Edit(case=changed, events=(NewEvent(did=Did.WITHDREW, values={"request": number}),))

        return self.apply(case.id, edit, by=by, now=now)

    def remind(self, state: State, now: dt.datetime) -> int:
        """Tell the persons of open cases that are due, late, signed, refused or asked about; each once.

        Returns how many.
        """
        count = 0
        for case in self.store.open_cases():
            step = self.next_step(case, state, now)
            news = news_of(step, case, now)
            kinds = [news] if news is not None else []
            kinds += [News.QUESTION] if self._is_asked(case, state) else []
            if case.assigned is not None and kinds:
                about = f"{case.id} {_turn_of(case, step)}"
                self.store.tell([Told(person=case.assigned, news=one, about=about) for one in kinds], case.due, now)
                count += 1
        return count

    def _is_asked(self, case: Case, state: State) -> bool:
        """Whether a custodian's question about a note of the case waits, by what it reported last."""
        for place in newest_places(case):
            with suppress(
                MalformedInput, NotProven
            ):  # a file of the desk was changed: its page and ``coffer status`` say so
                commitment = parse_authorization(case.at(place).note, "request").commitment
                kept = read_kept(self.vault, commitment, state)
                if kept is not None and kept.open_questions:
                    return True
        return False


def _turn_of(case: Case, step: NextStep) -> str:
    """What makes a turn of a case another one, of which its person is told: request and amendment."""
    number = step.request if step.request is not None and step.request <= len(case.requests) else len(case.requests)
    amendments = len(case.request(number).amendments) if number else 0
    return f"{number} {amendments}" if amendments else str(number)


def _places_of(case: Case) -> dict[Commitment, Place]:
    """Where each note of a case stands that custodians sign."""
    places = [Place(request=request.number) for request in case.requests]
    places += [
        Place(request=request.number, amendment=one.number) for request in case.requests for one in request.amendments
    ]
    return {parse_authorization(case.at(place).note, "request").commitment: place for place in places}


def _with_signatures(case: Case, place: Place, notes: Sequence[Note], state: State) -> Edit:
    """The note at a place with the signatures of these copies."""
    before = parse_authorization(case.at(place).note, "request")
    after = parse_authorization(join_notes([before.note, *notes], "request").raw, "request")
    roster = state.rosters[after.terms.roster]
    news = [name for name in signers_of(after, roster) if name not in signers_of(before, roster)]
    values = place.values | {"signed": len(news)} | {f"signer-{n}": name for n, name in enumerate(news, 1)}
    changed = edits.with_note(case, place, after.note.raw)
    return Edit(case=changed, events=(NewEvent(did=Did.TOOK_IN, values=values),))


def _proven(authorization: Authorization, state: State) -> Note:
    """The copy with only the signatures that count: the requester's and those of custodians of the log."""
    roster = state.rosters.get(authorization.terms.roster)
    if roster is None or authorization.terms.origin != state.origin:
        raise MalformedInput("copy: written for another vault")
    verify_requested(authorization, roster)
    keys = {authorization.terms.requester} | {c.auth for known in state.rosters.values() for c in known.custodians}
    proven = {(key.name, key.key_id) for key in keys if authorization.note.is_signed_by(key)}
    lines = tuple(line for line in authorization.note.signatures if (line.name, line.key_id) in proven)
    return parse_note(Note(text=authorization.note.text, signatures=lines).raw, "copy", has_letters=True)
