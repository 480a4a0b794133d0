"""From a draft to a countersigned request, and what to do next."""

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of, verify_requested
from coffer.desk import case as cases
from coffer.desk.case import (
    Case,
    Did,
    DocumentKind,
    Edit,
    NewEvent,
    Told,
)
from coffer.desk.flow.entry import Entry, authorization_of, verify_alive
from coffer.desk.found import Review
from coffer.desk.orders import came_of, order_documents
from coffer.desk.people import PersonId
from coffer.desk.port import Conflict, Post, Written
from coffer.desk.review import review_draft
from coffer.desk.steps import AtDesk, NextStep, news_of, next_step
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
                told=told.get(commitment),
            )
        return by_commitment

    def next_step(self, case: Case, state: State, now: dt.datetime) -> NextStep:
        """What to do next in a case, by the log as it was replayed."""
        return next_step(case, state, self.at_desk(case), now, holds=self.holds_of(case))

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
        edit = cases.add_request(case, authorization.note.raw, by=by, now=now)
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
        request = case.request(number)
        verify_alive(request)
        authorization = authorization_of(request)
        orders = [self.store.document(case.id, one) for one in order_documents(case, authorization)] if to else []
        sent = send_request(authorization, self.vault.replay(), to, orders)
        note_sent(self.vault, authorization.commitment, sent.reached, now)

        def edit(now_case: Case) -> Edit:
            current = now_case.request(number)
            names = tuple(dict.fromkeys((*current.sent, *sent.reached)))
            changed = cases.with_request(now_case, replace(current, sent=names, sent_at=now))
            values = {"request": number, "reached": len(sent.reached), "failed": len(sent.failed)}
            return Edit(case=changed, events=(NewEvent(did=Did.SENT_REQUEST, values=values),))

        return self.apply(case.id, edit, by=by, now=now), sent

    def take_in(self, case: Case, copies: Sequence[tuple[str, bytes]], *, by: PersonId, now: dt.datetime) -> Case:
        """Merge signed copies of the case's requests into them. ``copies``: file name and content of each.

        Only signatures that verify, of custodians of this log, are kept; the copies themselves become documents.

        Raises:
            MalformedInput: one is not a copy of a request of this case.
            NotProven: a signature that claims to be a custodian's does not verify. Nothing is taken in.
        """
        state = self.vault.replay()
        numbers = {authorization_of(request).commitment: request.number for request in case.requests}
        merged: dict[int, list[tuple[str, Note]]] = {}
        for place, (name, raw) in enumerate(copies, 1):
            authorization = parse_authorization(raw, f"copy {place}")
            number = numbers.get(authorization.commitment)
            if number is None:
                raise MalformedInput(f"copy {place}: not of a request of this case", hint="is it another case's?")
            merged.setdefault(number, []).append((name, _proven(authorization, state)))
        updated = case
        for number, own in merged.items():
            updated = self._take_in(updated, number, own, by=by, now=now)
        return updated

    def _take_in(
        self, case: Case, number: int, copies: Sequence[tuple[str, Note]], *, by: PersonId, now: dt.datetime
    ) -> Case:
        state = self.vault.replay()

        def edit(now_case: Case) -> Edit:
            request = now_case.request(number)
            before = authorization_of(request)
            note = join_notes([before.note, *(note for _, note in copies)], "request")
            after = parse_authorization(note.raw, "request")
            roster = state.rosters[after.terms.roster]
            news = [name for name in signers_of(after, roster) if name not in signers_of(before, roster)]
            known = {item.sha256 for item in now_case.documents}
            documents = [
                self.new_document(note.raw, kind=DocumentKind.COPY, name=name, by=by, now=now, request=number)
                for name, note in copies
            ]
            documents = [item for item in documents if item.about.sha256 not in known]
            changed = cases.with_request(now_case, replace(request, note=note.raw))
            values: dict[str, int | str] = {"request": number, "signed": len(news)}
            values |= {f"signer-{place}": name for place, name in enumerate(news, 1)}
            events = (NewEvent(did=Did.TOOK_IN, values=values), *(cases.document_event(d.about) for d in documents))
            return cases.with_documents(Edit(case=changed, events=events), documents)

        return self.apply(case.id, edit, by=by, now=now)

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
            changed = cases.with_request(now_case, replace(current, withdrawn=current.withdrawn or now))
            return Edit(case=changed, events=(NewEvent(did=Did.WITHDREW, values={"request": number}),))

        return self.apply(case.id, edit, by=by, now=now)

    def remind(self, state: State, now: dt.datetime) -> int:
        """Tell the persons of open cases that are due, late, signed, refused or asked about; each once.

        Returns how many.
        """
        count = 0
        for case in self.store.open_cases():
            news = news_of(self.next_step(case, state, now), case, now)
            about = [news] if news is not None else []
            about += [News.QUESTION] if self._is_asked(case, state) else []
            if case.assigned is not None and about:
                told = [Told(person=case.assigned, news=one, about=f"{case.id} {len(case.requests)}") for one in about]
                self.store.tell(told, case.due, now)
                count += 1
        return count

    def _is_asked(self, case: Case, state: State) -> bool:
        """Whether a custodian's question about the newest request waits, by what it reported last."""
        if not case.requests:
            return False
        with suppress(
            MalformedInput, NotProven
        ):  # a file of the desk was changed: its page and ``coffer status`` say so
            kept = read_kept(self.vault, authorization_of(case.requests[-1]).commitment, state)
            return kept is not None and bool(kept.open_questions)
        return False


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
