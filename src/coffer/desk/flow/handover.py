"""What leaves the desk: packages for authorities, letters for persons, documents for readers."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from coffer.desk import edits
from coffer.desk.case import (
    Case,
    CaseId,
    Did,
    DocumentId,
    DocumentKind,
    Edit,
    NewDocument,
    NewEvent,
)
from coffer.desk.flow.entry import Entry, authorization_of
from coffer.desk.people import PersonId
from coffer.desk.port import Post
from coffer.desk.preview import unpack_answer
from coffer.desk.steps import has_letter
from coffer.disclosure.formats import Rendering, render
from coffer.disclosure.notice import Notice, format_letter
from coffer.disclosure.package import format_package, zip_files
from coffer.disclosure.verified import Disclosure, PinnedLog, verify_disclosure
from coffer.errors import Refused
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State
from coffer.procedures.letterhead import letterhead_of
from coffer.procedures.notices import notices_of, openings_for, proof_of
from coffer.vault.operator import DESK


class Handover(Entry):
    """Answers, packages, letters."""

    def answer(self, case: Case, document: DocumentId) -> dict[str, bytes]:
        """The files of an answer in the case."""
        if case.document(document).kind is not DocumentKind.ANSWER:
            raise Refused("document: it is not an answer", code="form")
        return unpack_answer(self.store.document(case.id, document))

    def package(
        self,
        case: Case,
        document: DocumentId,
        rendering: Callable[[Disclosure], Rendering],
        *,
        name: str,
        by: PersonId,
        now: dt.datetime,
        post: Post | None = None,
    ) -> Case:
        """Make the signed package of an answer and put it into the case.

        ``rendering``: which forms, chosen when the answer is proven. Where the person asks for their own data, what
        else concerned them is added.
        """
        about = case.document(document)
        pins = PinnedLog(log_key=self.vault.pins.log_key, genesis=self.vault.pins.genesis)
        disclosure = verify_disclosure(self.answer(case, document), pins)
        asked = rendering(disclosure)
        style = replace(asked.style, letterhead=letterhead_of(self.vault))
        chosen = replace(asked, style=style, openings=openings_for(self.vault, disclosure.authorization, now))
        rendered = render(disclosure, chosen, now=now)
        key = self.vault.operator_key(DESK)
        raw = format_package(disclosure, rendered, key, language=style.language)
        made = self.new_document(raw, kind=DocumentKind.PACKAGE, name=name, by=by, now=now, request=about.request)
        edit = edits.with_documents(Edit(case=case, events=(edits.document_event(made.about),)), [made])
        return self.store.write(edit, by=by, now=now, post=post).case

    def read_document(self, case: Case, document: DocumentId, *, by: PersonId, now: dt.datetime) -> bytes:
        """A document's content. That it was read is in the history before it is handed out."""
        event = edits.document_event(case.document(document), Did.READ_DOCUMENT)
        self.apply(case.id, lambda now_case: Edit(case=now_case, events=(event,)), by=by, now=now)
        return self.store.document(case.id, document)

    def letters_due(self, state: State, now: dt.datetime) -> tuple[tuple[CaseId | None, int | None, Commitment], ...]:
        """The persons that are due to be told: case and request, or None for what was opened without a case."""
        due = [notice.authorization.commitment for notice in notices_of(self.vault, state) if notice.is_due(now)]
        places = [(commitment, self.store.case_of(commitment)) for commitment in due]
        return tuple((*(place or (None, None)), commitment) for commitment, place in places)

    def write_letter(
        self, case: Case, number: int, *, language: str, complaints: str | None, by: PersonId, now: dt.datetime
    ) -> Case:
        """Put a letter and its proof for each person into the case. Nobody counts as told before it was sent.

        Raises:
            Refused: no letter is due: the request was not opened, is still secret, or its person was told.
        """
        with self.vault.alone():
            state = self.vault.replay()
            notice = self._due(case, number, state, now)
            documents: list[NewDocument] = []
            head = letterhead_of(self.vault)
            each = notice.for_each_person()
            for place, own in enumerate(each, 1):
                letter = format_letter(own, language=language, complaints=complaints, now=now, letterhead=head)
                proof = zip_files(dict(sorted(proof_of(self.vault, state, own).items())))
                mark = f"-{place}" if len(each) > 1 else ""
                documents += [
                    self.new_document(raw, kind=kind, name=f"{stem}{mark}.{ending}", by=by, now=now, request=number)
                    for raw, kind, stem, ending in (
                        (letter, DocumentKind.LETTER, "letter", "pdf"),
                        (proof, DocumentKind.PROOF, "proof", "zip"),
                    )
                ]
            event = NewEvent(did=Did.WROTE_LETTER, values={"request": number, "language": language})

            def edit(now_case: Case) -> Edit:
                events = (event, *(edits.document_event(item.about) for item in documents))
                return edits.with_documents(Edit(case=now_case, events=events), documents)

            return self.apply(case.id, edit, by=by, now=now)

    def mark_told(self, case: Case, number: int, *, by: PersonId, now: dt.datetime) -> Case:
        """Keep that the letters of a request were sent: its persons count as told.

        Raises:
            Refused: no letter is due, or none was written.
        """
        if not has_letter(case, number):
            raise Refused("letter: none was written for this request", code="time")
        event = NewEvent(did=Did.SENT_LETTER, values={"request": number})
        with self.vault.alone():
            notice = self._due(case, number, self.vault.replay(), now)
            # The history has it before the person counts as told: after a crash in between it is said again.
            updated = self.apply(case.id, lambda now_case: Edit(case=now_case, events=(event,)), by=by, now=now)
            self.vault.desk.mark_told(notice.authorization.commitment, now)
        return updated

    def _due(self, case: Case, number: int, state: State, now: dt.datetime) -> Notice:
        commitment = authorization_of(case.request(number)).commitment
        notices = {notice.authorization.commitment: notice for notice in notices_of(self.vault, state)}
        notice = notices.get(commitment)
        if notice is None or not notice.is_due(now):
            raise Refused("letter: none is due for this request", code="time")
        return notice
