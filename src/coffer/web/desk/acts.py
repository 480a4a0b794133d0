"""The acts that stand on the page of a case."""

import datetime as dt
from dataclasses import replace
from typing import Any

from fastapi import Response

from coffer.authority.typed import parse_typed
from coffer.desk import edits
from coffer.desk.case import Case, Edit
from coffer.desk.people import PersonId, Role
from coffer.desk.port import Conflict
from coffer.errors import CofferError, MalformedInput, NotProven, Refused
from coffer.web.desk.door import Act, destroyed
from coffer.web.desk.frame import Frame, case_path, to, trouble
from coffer.web.desk.visit import Visit, asked_again, place_of


class CaseActs:
    """What somebody does to a case, or to the request of it that their page shows."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    # Acts that a passkey agrees to.

    def _number(self, visit: Visit) -> int:
        """The number of the request that the form is about."""
        return place_of(visit, self._frame.office.next_step(visit.the_case, visit.now)).request

    def _challenge(self, visit: Visit, act: Act) -> Response:
        try:
            authorization = self._frame.office.authorization(visit.the_case.request(self._number(visit)))
            # The passkey signs what the page showed: another request may have taken its place since.
            self._frame.verify_current(visit)
            return self._frame.ask_passkey(visit, act, authorization.commitment)
        except CofferError as error:
            return trouble(error)

    def challenge_send(self, visit: Visit) -> Response:
        """A challenge for sending."""
        return self._challenge(visit, Act.SEND)

    def challenge_open(self, visit: Visit) -> Response:
        """A challenge for opening."""
        return self._challenge(visit, Act.OPEN)

    def send_again(self, visit: Visit) -> Response:
        """Send what was signed and not sent."""
        return self._do(
            visit, lambda: self._frame.office.sending.send_signed(visit, self._number(visit), self._frame.proven)
        )

    def open(self, visit: Visit) -> Response:
        """Begin to open, or take an opening up again. It goes on when the reader leaves."""
        return self._do(visit, lambda: self._open(visit))

    def _open(self, visit: Visit) -> None:
        office, number = self._frame.office, self._number(visit)
        step = office.step_of(visit.the_case, number, visit.now)
        office.openings.begin(visit, number, step, self._frame.proven)

    # Acts without one.

    def _do(self, visit: Visit, act: Any) -> Response:  # noqa: ANN401 - a call without arguments
        try:
            act()
        except Conflict as conflict:
            return self._frame.show_case(visit, conflict=conflict)
        except CofferError as error:
            now = replace(visit, case=self._frame.office.store.case(visit.the_case.id))
            return self._frame.show_case(now, refused=error)
        return to(f"{case_path(visit.the_case.id)}{asked_again(visit)}")

    def _write(self, visit: Visit, make: Any) -> Response:  # noqa: ANN401 - from a case to an edit
        return self._do(visit, lambda: self._frame.write(visit, make))

    def take_in(self, visit: Visit) -> Response:
        """Take in a countersigned copy that came another way."""
        upload = visit.form.file("copy")
        raw = b"" if upload is None else upload.raw
        return self._do(visit, lambda: self._frame.office.sending.take_in(visit, raw))

    def remind(self, visit: Visit) -> Response:
        """Send the request again to who has not decided, so that their machines tell their people."""
        office = self._frame.office
        step = office.next_step(visit.the_case, visit.now)
        return self._do(visit, lambda: office.sending.remind(visit, place_of(visit, step)))

    def withdraw(self, visit: Visit) -> Response:
        """The key of the request is destroyed here."""
        return self._do(visit, lambda: self._frame.office.sending.withdraw(visit, self._number(visit)))

    def close(self, visit: Visit) -> Response:
        """Nothing is left to do."""
        return self._write(visit, lambda case: edits.close(case, visit.now))

    def reopen(self, visit: Visit) -> Response:
        """It was closed too early."""
        return self._write(visit, edits.reopen)

    def assign(self, visit: Visit) -> Response:
        """Give the case to somebody."""
        text = visit.form.text("to")
        people = self._frame.office.store.people()
        assignee = people.get(PersonId(text))
        if text and (assignee is None or not assignee.is_active or assignee.role not in {Role.CLERK, Role.HEAD}):
            raise MalformedInput("assign: nobody here who works on cases")
        return self._write(visit, lambda case: edits.assign(case, PersonId(text) if text else None))

    def due(self, visit: Visit) -> Response:
        """Another deadline."""
        text, due = visit.form.text("due"), None
        if text:
            try:
                due = parse_typed(text, visit.reader.zone, "due").astimezone(dt.UTC)
            except OverflowError:
                raise MalformedInput("due: outside the calendar") from None
        return self._write(visit, lambda case: edits.set_due(case, due))

    def note(self, visit: Visit) -> Response:
        """A note for those who look later."""
        text = visit.form.text("note").replace("\r\n", "\n")

        def add(case: Case) -> Edit:
            return edits.add_note(case, text)

        return self._write(visit, add)

    def challenge_shred(self, visit: Visit) -> Response:
        """A challenge for the end of this case."""
        try:
            self._verify_sure(visit)
            return self._frame.ask_passkey(visit, Act.SHRED, destroyed(visit.the_case.id))
        except CofferError as error:
            return trouble(error)

    def shred(self, visit: Visit) -> Response:
        """Destroy a closed case, once somebody said that nobody needs it, and their passkey agreed.

        Nothing else that is done here is without return, so that a session alone is too little.
        """
        try:
            self._verify_sure(visit)
            self._frame.proven(visit, Act.SHRED, destroyed(visit.the_case.id))
        except Conflict as conflict:
            return self._frame.show_case(visit, conflict=conflict)
        except (Refused, MalformedInput, NotProven) as error:
            return self._frame.show_case(visit, refused=error)
        self._frame.office.forget_requests(visit.the_case)
        self._frame.office.store.shred(visit.the_case.id, now=visit.now)
        return to("/closed")

    def _verify_sure(self, visit: Visit) -> None:
        if not visit.form.is_ticked("sure"):
            raise Refused("case: not destroyed: the box was not ticked", code="form")
        self._frame.verify_current(visit)
