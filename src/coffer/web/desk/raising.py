"""The page on which the limit of a request is raised, and how its amendments stand, in words."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from coffer.authority.authorization import MAX_RECORDS, Authorization, format_terms
from coffer.authority.ordered import OrderFile
from coffer.desk.case import Case, Document, DocumentKind
from coffer.desk.draft import Draft
from coffer.desk.found import Review
from coffer.desk.orders import came_of
from coffer.desk.port import Conflict
from coffer.desk.review import review_amendment
from coffer.desk.signed import Raised
from coffer.desk.standing import Standing
from coffer.errors import CofferError, Refused
from coffer.notes.keys import Secret
from coffer.procedures.opening.amend import More, amendment_terms
from coffer.web.desk.course_shown import short_words
from coffer.web.desk.door import Act
from coffer.web.desk.findings import tell
from coffer.web.desk.frame import Frame, case_path, to, trouble
from coffer.web.desk.office import Office
from coffer.web.desk.questions import Said, said_of
from coffer.web.desk.requesting import Preview, needed, shown_text
from coffer.web.desk.typed import read_draft
from coffer.web.desk.visit import Visit, mark_of, request_of
from coffer.web.desk.watching import ShownWords, members_of, words_shown
from coffer.web.ground.asked import read_terms, records_counted
from coffer.web.ground.signers import Part, read_rule
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import N_, Wording


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RaisedShown:
    """One amendment of a request.

    ``state`` and ``kind``: as of ``chip``. ``may_wait``: custodians may still sign it.
    """

    number: int
    title: str
    state: str
    kind: str
    authority: str
    basis: str
    exact: str
    parts: tuple[Part, ...]
    words: tuple[ShownWords, ...]
    said: tuple[Said, ...]
    may_wait: bool


def raised_shown(office: Office, raised: Raised, standing: Standing, words: Wording) -> RaisedShown:
    """How an amendment of a request stands."""
    note, _ = raised.authorization, words.gettext
    seen, signers = office.hearing.seen(note.commitment), office.signers(note)
    known = members_of(note, seen, signers, office.state(), words, here=office.vault.custodian_names())
    text, kind = _state(raised, standing)
    return RaisedShown(
        number=raised.place.amendment,
        title=_("At most %(records)s in all") % {"records": records_counted(raised.limit, words)},
        state=_(text),
        kind=kind,
        authority=note.terms.authority,
        basis=note.terms.basis,
        exact=note.note.text.decode("utf-8"),
        parts=read_rule(note.terms, office.roster_of(note), signers, words, members=known),
        words=tuple(words_shown(seen)) if raised.waits else (),
        said=tuple(said_of(office, note)),
        may_wait=raised.waits,
    )


def _state(raised: Raised, standing: Standing) -> tuple[str, str]:
    if raised.is_revoked:
        return N_("revoked"), "bad"
    if raised.counts:
        is_used = raised.limit == standing.max_records
        return (N_("in force"), "ok") if is_used else (N_("another allows more"), "")
    return (N_("waiting for signatures"), "wait") if raised.waits else (N_("refused"), "bad")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Typed:
    """The form: of the draft only authority, legal basis and limit.

    ``orders``: the documents that were ticked.
    """

    draft: Draft
    orders: tuple[Document, ...]

    def more(self, limit: int) -> More:
        """What the order says that asks for more."""
        files = tuple(OrderFile(sha256=one.sha256, size=one.size) for one in self.orders)
        return More(max_records=limit, authority=self.draft.authority, basis=self.draft.basis, files=files)


class AmendmentPages:
    """The form of an amendment: that of a request, without what it cannot change."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def _number(self, visit: Visit, case: Case) -> int:
        number = request_of(visit, self._frame.office.next_step(case, visit.now))
        if not number:
            raise Refused("case: it has no request yet", code="form")
        return number

    def form(self, visit: Visit) -> Response:
        """The form, filled from the request and from what an opening found."""
        case = visit.the_case
        authorization, standing = self._about(case, self._number(visit, case), visit.now)
        is_limit = standing.max_records < standing.needed <= MAX_RECORDS
        draft = Draft(
            authority=authorization.terms.authority,
            basis=authorization.terms.basis,
            max_records=str(standing.needed) if is_limit else "",
        )
        known = {file.sha256 for file in authorization.terms.ordered.files}
        new = tuple(one for one in _orders(case) if one.sha256 not in known)
        return self._show(visit, _Typed(draft=draft, orders=new), is_new=True)

    def check(self, visit: Visit) -> Response:
        """The form as it is typed, checked; nothing is kept."""
        return self._show(visit, self._typed(visit), is_sent=True)

    def validate(self, visit: Visit) -> Response:
        """The same while somebody types."""
        return self._show(visit, self._typed(visit), is_new=True)

    @staticmethod
    def _typed(visit: Visit) -> _Typed:
        chosen = set(visit.form.all("orders"))
        return _Typed(
            draft=read_draft(visit.form), orders=tuple(one for one in _orders(visit.the_case) if one.id in chosen)
        )

    def _about(self, case: Case, number: int, now: dt.datetime) -> tuple[Authorization, Standing]:
        """The request, with the amendment that counts so far."""
        office = self._frame.office
        request = case.request(number)
        return office.flow.amended(request, now), office.flow.standings(case, office.state(), now)[number - 1]

    def _review(self, visit: Visit, typed: _Typed, authorization: Authorization) -> tuple[Review, More | None]:
        office = self._frame.office
        came = came_of(visit.the_case)
        review, limit = review_amendment(typed.draft, authorization, came, office.state(), visit.now)
        return review, None if limit is None else typed.more(limit)

    def _show(
        self,
        visit: Visit,
        typed: _Typed,
        *,
        case: Case | None = None,
        status: int = 200,
        is_new: bool = False,
        is_sent: bool = False,
        **values: Any,  # noqa: ANN401 - the template's own
    ) -> Response:
        """The form with what is found about it now. ``case``: as it is, where somebody changed it meanwhile."""
        office, words, case = self._frame.office, visit.words, case or visit.the_case
        number = self._number(visit, case)
        authorization, standing = self._about(case, number, visit.now)
        review, more = self._review(visit, typed, authorization)
        told, shown = tell(review, words, is_new=is_new), self._preview(authorization, more, visit)
        parts, why = needed(review, office.roster_of(authorization), words, is_hub=authorization.terms.is_hub)
        defaults: dict[str, object] = {"conflict": None, "refused": None}
        return self._frame.respond(
            visit,
            "amend",
            status=status,
            here="/",
            case=case,
            version=mark_of(case),
            number=number,
            draft=typed.draft,
            orders=[(one, one in typed.orders) for one in _orders(case)],
            told=told,
            exact=shown.exact if shown is not None else "",
            asked=shown.asked if shown is not None else None,
            parts=parts,
            why_rule=why,
            limit=records_counted(authorization.limit, words),
            drawn=records_counted(standing.drawn, words),
            short=short_words(standing.needed, words) if standing.needed > authorization.limit else "",
            focus=told.first if is_sent else "",
            **(defaults | values),
        )

    def _preview(self, authorization: Authorization, more: More | None, visit: Visit) -> Preview | None:
        if more is None:
            return None
        now, nothing = visit.now.replace(microsecond=0), Secret(bytes(32), "no salt")
        try:
            terms = amendment_terms(authorization, more, now, id=bytes(16), salt=nothing)
        except CofferError:
            return None  # what the note itself refuses is said when it is made
        marked = mark_authority(terms, self._frame.office.authorities(), visit.words)
        return Preview(exact=shown_text(format_terms(terms)), asked=read_terms(terms, visit.words, marked=marked))

    # Signing and sending.

    def challenge(self, visit: Visit) -> Response:
        """The amendment is prepared; its commitment is what the clerk's passkey signs."""
        case, office = visit.the_case, self._frame.office
        try:
            self._frame.verify_current(visit)
            number = self._number(visit, case)
            _review, more = self._review(visit, self._typed(visit), self._about(case, number, visit.now)[0])
            if more is None:
                raise Refused("draft: it cannot be sent yet", code="form", hint="mend the fields that are marked")
            prepared = office.sending.prepare_amendment(visit, number, more)
            return self._frame.ask_passkey(visit, Act.SEND, prepared.commitment)
        except CofferError as error:
            return trouble(error)

    def send(self, visit: Visit) -> Response:
        """The desk signs what was prepared, keeps it and sends it."""
        case = visit.the_case
        try:
            self._frame.office.sending.send_amendment(visit, self._frame.proven)
        except Conflict as conflict:
            who = self._frame.who_changed(conflict, visit.words)
            return self._show(visit, self._typed(visit), case=conflict.theirs, status=409, conflict=who)
        except CofferError as error:
            return self._show(visit, self._typed(visit), status=error.http_status, refused=error)
        return to(f"{case_path(case.id)}?request={self._number(visit, case)}#raised")


def _orders(case: Case) -> Collection[Document]:
    return [one for one in case.documents if one.kind is DocumentKind.ORDER]
