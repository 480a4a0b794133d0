"""The pages on which a hold is made of a case's order, extended, released, and opened by a request."""

import datetime as dt
from typing import ClassVar

from fastapi import Response

from coffer import wire
from coffer.authority.hold import Hold, HoldTerms, format_hold_terms
from coffer.authority.period import whole_days
from coffer.desk.case import Case, Did, DocumentId, Edit, NewEvent
from coffer.desk.draft import Draft
from coffer.desk.edits import save_draft
from coffer.desk.orders import came_of
from coffer.desk.port import Conflict
from coffer.desk.review import review_hold
from coffer.errors import CofferError, MalformedInput
from coffer.notes.keys import Secret
from coffer.procedures.opening.request import asked_of
from coffer.web.desk.door import Act
from coffer.web.desk.frame import case_path, to, trouble
from coffer.web.desk.parts import PartShown, shown_draft
from coffer.web.desk.requesting import Preview, draft_of_hold, shown_text
from coffer.web.desk.requests import Looked, RequestPages
from coffer.web.desk.typed import ReadOrder, parse_number, read_draft
from coffer.web.desk.visit import Visit
from coffer.web.ground.preserved import read_hold
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import N_, Wording


class HoldPages(RequestPages):
    """The form of a hold is that of a request, without what only a request needs."""

    WORD: ClassVar[str] = "hold"

    def _looked_at(self, draft: Draft, case: Case, visit: Visit) -> Looked:
        office, state, words = self._frame.office, self._frame.office.state(), visit.words
        reviewed = review_hold(draft, came_of(case), state, visit.now)
        shown, roster = None, state.roster
        if reviewed.sought is not None:
            try:
                terms = HoldTerms(
                    origin=roster.origin,
                    roster=roster.hash,
                    id=bytes(16),
                    salt=Secret(bytes(32), "no salt"),
                    requester=office.requester,
                    **asked_of(reviewed.sought, roster, visit.now),
                    is_hub=reviewed.sought.is_hub,
                    until=reviewed.until,
                    extends=None,
                    secret_until=reviewed.sought.secret_until,
                )
                asked = read_hold(terms, words, marked=mark_authority(terms, office.authorities(), words))
                shown = Preview(exact=shown_text(format_hold_terms(terms)), asked=asked)
            except CofferError:
                shown = None  # what the note itself refuses is said when it is made
        return Looked(review=reviewed.review, shown=shown, values={"is_hold": True})

    # The form is made, checked and kept as that of a request.

    def _draft_of(self, case: Case, visit: Visit) -> Draft:
        """The draft, or what the next part of the order asks to keep; or the part that was chosen."""
        part = parse_number(visit.request.query_params.get("part", ""))
        draft = super()._draft_of(case, visit)
        is_kept = case.draft is not None and part in {0, draft.part}
        read = None if is_kept or not (case.holds or part) else self._frame.office.holds.next(case, draft, visit.now)
        if read is None:
            return draft
        return next((one.draft for one in read.parts if one.draft.part == part and not one.is_made), read.draft)

    def _parts(self, case: Case, draft: Draft, words: Wording) -> list[PartShown]:
        """The holds that the order needs; nothing where it needs but one."""
        read = self._frame.office.holds.next(case, Draft(), self._frame.office.clock())
        shown = []
        for one in read.parts if read is not None else ():
            is_here, path = one.draft.part == draft.part, f"{case_path(case.id)}/{self.WORD}?part={one.draft.part}"
            text, kind = (N_("made"), "ok") if one.is_made else (N_("to be checked and sent"), "wait")
            text, kind = (N_("in the form"), "") if is_here else (text, kind)
            shown.append(
                shown_draft(
                    one.draft,
                    text=words.gettext(text),
                    kind=kind,
                    path="" if one.is_made else path,
                    is_here=is_here,
                    words=words,
                )
            )
        return shown if len(shown) > 1 else []

    def _read_again(self, case: Case) -> ReadOrder | None:
        office = self._frame.office
        if case.draft is not None or not case.holds:
            return super()._read_again(case)
        return office.holds.next(case, Draft(), office.clock())

    def challenge_request(self, visit: Visit) -> Response:
        """The hold is prepared; its commitment is what the clerk's passkey signs."""
        office = self._frame.office
        try:
            self._frame.verify_current(visit)
            prepared = office.holds.prepare(visit, read_draft(visit.form), office.state())
            return self._frame.ask_passkey(visit, Act.HOLD, prepared.commitment)
        except CofferError as error:
            return trouble(error)

    def send_request(self, visit: Visit) -> Response:
        """The desk signs what was prepared, logs it and sends it to custodians."""
        draft, case = read_draft(visit.form), visit.the_case
        try:
            self._frame.verify_current(visit)
            self._frame.office.holds.make_prepared(visit, self._frame.proven)
        except Conflict as conflict:
            return self._in_conflict(visit, conflict, draft)
        except CofferError as error:
            return self._show(visit, case, draft, status=error.http_status, refused=error)
        return to(f"{case_path(case.id)}#holds")

    # One hold of the case.

    def _hold(self, visit: Visit) -> Hold:
        document = DocumentId(str(visit.request.path_params["document"]))
        return self._frame.office.holds.hold_of(visit.the_case, document)

    def challenge_extend(self, visit: Visit) -> Response:
        """What would extend it is prepared, for the clerk's passkey."""
        office = self._frame.office
        try:
            self._frame.verify_current(visit)
            until = self._until(visit)
            prepared = office.holds.prepare_extension(visit, self._hold(visit), until, office.state())
            return self._frame.ask_passkey(visit, Act.HOLD, prepared.commitment)
        except CofferError as error:
            return trouble(error)

    @staticmethod
    def _until(visit: Visit) -> dt.datetime:
        """The end of the day that was typed, on the reader's clock."""
        day = wire.parse_day(visit.form.text("until").strip(), "until")
        end = whole_days(day, day, visit.reader.zone).end.astimezone(dt.UTC) - dt.timedelta(seconds=1)
        if end <= visit.now:
            raise MalformedInput("until: over already, expected a later day")
        return end

    def extend(self, visit: Visit) -> Response:
        """Log what extends it, and send it."""
        return self._do(visit, lambda: self._frame.office.holds.make_prepared(visit, self._frame.proven))

    def challenge_release(self, visit: Visit) -> Response:
        """A challenge for its end."""
        try:
            self._frame.verify_current(visit)
            return self._frame.ask_passkey(visit, Act.RELEASE, self._hold(visit).commitment)
        except CofferError as error:
            return trouble(error)

    def release(self, visit: Visit) -> Response:
        """End it: what custodians kept is destroyed."""
        return self._do(visit, lambda: self._frame.office.holds.release(visit, self._hold(visit), self._frame.proven))

    def send(self, visit: Visit) -> Response:
        """Send it again, so that custodians which approved it keep, and what came since is kept too."""
        return self._do(visit, lambda: self._frame.office.holds.send(visit, self._hold(visit)))

    def open_held(self, visit: Visit) -> Response:
        """A draft of the request that opens what is held: the same subjects, times and kinds."""
        hold, zone, home = self._hold(visit), visit.reader.zone.key, self._frame.office.home
        try:
            self._frame.write(visit, lambda case: _with_draft(case, draft_of_hold(hold.terms, zone, home)))
        except Conflict as conflict:
            return self._frame.show_case(visit, conflict=conflict)
        return to(f"{case_path(visit.the_case.id)}/request")

    def _do(self, visit: Visit, act: object) -> Response:
        assert callable(act)
        try:
            act()
        except Conflict as conflict:
            return self._frame.show_case(visit, conflict=conflict)
        except CofferError as error:
            return self._frame.show_case(visit, refused=error)
        return to(f"{case_path(visit.the_case.id)}#holds")


def _with_draft(case: Case, draft: Draft) -> Edit:
    """The draft in the case, unless somebody writes another one already."""
    return Edit(case=case, events=(NewEvent(did=Did.SAVED_DRAFT),)) if case.draft else save_draft(case, draft)
