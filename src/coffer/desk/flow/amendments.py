"""Raising the limit of a request by a note of the case, which custodians sign as they did it."""

import datetime as dt
from collections.abc import Mapping

from coffer.desk import edits
from coffer.desk.case import Case, Edit, Place
from coffer.desk.flow.entry import authorization_of, verify_alive
from coffer.desk.flow.requests import Requests
from coffer.desk.people import PersonId
from coffer.desk.port import Post
from coffer.errors import Refused
from coffer.ledger.state import State
from coffer.procedures.opening.amend import More, PreparedAmendment, prepare_amendment, sign_amendment


class Amendments(Requests):
    """Amendments of a case's requests. They are sent and taken in as the requests are."""

    def prepare_amendment(self, case: Case, number: int, more: More, state: State) -> PreparedAmendment:
        """The amendment of a request as it would be signed. Nothing is signed or stored.

        Raises:
            Refused: the request was withdrawn, has expired or was revoked.
            Unavailable: nothing can be opened under it any more.
        """
        request = case.request(number)
        verify_alive(request)
        return prepare_amendment(self.vault, authorization_of(request), more, state)

    def make_amendment(
        self,
        case: Case,
        number: int,
        prepared: PreparedAmendment,
        texts: Mapping[str, str],
        *,
        by: PersonId,
        now: dt.datetime,
        post: Post | None = None,
    ) -> tuple[Case, Place | None]:
        """Sign what was prepared and keep it in the case; where it stands.

        ``texts``: what a passkey agreed to. ``post``: the form that it came with; no place if it was written before.

        If the case does not take it, the desk's own copy is forgotten.
        """
        amendment = sign_amendment(self.vault, prepared)
        raw = amendment.note.raw

        def edit(current: Case) -> Edit:
            return edits.add_amendment(current, number, raw, texts, by=by, now=now)

        try:
            kept = self.apply(case.id, edit, by=by, now=now, post=post)
        except Refused:
            self.vault.desk.forget_request(amendment.commitment)
            raise
        at = next((one.number for one in kept.request(number).amendments if one.note == raw), None)
        if at is None:
            self.vault.desk.forget_request(amendment.commitment)
        return kept, None if at is None else Place(request=number, amendment=at)
