"""The pages about many cases: what to do first, letters, closed ones, and the history for an auditor."""

from typing import Final

from fastapi import Response

from coffer.desk.case import Case, CaseId
from coffer.desk.rights import Action
from coffer.desk.steps import has_letter
from coffer.errors import MalformedInput
from coffer.web.desk.frame import Frame
from coffer.web.desk.questions import askers
from coffer.web.desk.rows import Row, lines_of, row_of
from coffer.web.desk.saying import CLASSES, PAPER_LANGUAGES
from coffer.web.desk.visit import Visit

CLOSED_SHOWN: Final = 5
CLOSED_ON_PAGE: Final = 50


class ListingPages:
    """Pages about many cases."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def home(self, visit: Visit) -> Response:
        """Open cases by deadline; numbers alone for who reads no case."""
        if not self._frame.may(visit, Action.LIST_CASES):
            return self._figures(visit)
        office = self._frame.office
        rows = [self._row(visit, case) for case in office.store.open_cases()]
        closed = office.store.closed_cases(limit=CLOSED_SHOWN)
        return self._frame.respond(
            visit,
            "cases",
            rows=rows,
            waiting=sum(row.needs_desk for row in rows),
            closed=closed,
            letters=len(office.telling.due(visit.now)),
            may_make=self._frame.may(visit, Action.MAKE_CASE),
        )

    def _row(self, visit: Visit, case: Case) -> Row:
        klass = visit.words.gettext(CLASSES[case.order_class])
        office = self._frame.office
        step = office.next_step(case, visit.now)
        return row_of(case, step, klass, visit.words, visit.now, asks=askers(office, case))

    def _figures(self, visit: Visit) -> Response:
        store = self._frame.office.store
        reads = self._frame.may(visit, Action.READ_HISTORY)
        rows = [*store.open_cases(), *store.closed_cases(limit=CLOSED_ON_PAGE)] if reads else []
        return self._frame.respond(
            visit, "figures", figures=store.figures(visit.now), reads_history=reads, rows=[_bare(case) for case in rows]
        )

    def closed(self, visit: Visit) -> Response:
        """Closed cases, the last first."""
        before = visit.request.query_params.get("after", "")
        cases = self._frame.office.store.closed_cases(
            limit=CLOSED_ON_PAGE + 1, before=parse_case_id(before) if before else None
        )
        shown = cases[:CLOSED_ON_PAGE]
        more = shown[-1].id if len(cases) > CLOSED_ON_PAGE else ""
        return self._frame.respond(visit, "closed", rows=shown, more=more)

    def letters(self, visit: Visit) -> Response:
        """Whom to tell."""
        office = self._frame.office
        due = office.telling.due(visit.now)
        return self._frame.respond(
            visit,
            "letters",
            paper_languages=PAPER_LANGUAGES,
            due=[
                {
                    "id": item.case.id if item.case is not None else "",
                    "number": item.case.number if item.case is not None else "",
                    "version": self._frame.mark(item.case) if item.case is not None else "",
                    "request": item.request,
                    "person": item.person,
                    "ended": item.ended,
                    "is_written": item.case is not None and has_letter(item.case, item.request),
                    "may_write": item.case is not None
                    and self._frame.may_with(visit, Action.WRITE_LETTERS, item.case.assigned),
                }
                for item in due
            ],
            later=office.telling.next(visit.now),
            told=office.telling.told(visit.words.gettext("of no case here")),
        )

    def history(self, visit: Visit) -> Response:
        """Who did what in a case, without any text that could name somebody."""
        store = self._frame.office.store
        events = [event.without_texts() for event in store.history(visit.the_case.id)]
        lines = lines_of(events, store.people(), lambda person: person.name, visit.words)
        return self._frame.respond(visit, "history", here="/", id=visit.the_case.id, events=lines)


def _bare(case: Case) -> dict[str, object]:
    """What an auditor sees of a case in a list."""
    return {"id": case.id, "stage": case.stage.value, "due": case.due}


def parse_case_id(text: str) -> CaseId:
    """A case's id as it stands in an address.

    Raises:
        MalformedInput: it is none.
    """
    if len(text) != 32 or not set(text) <= set("0123456789abcdef"):
        raise MalformedInput("case: not an id of 32 hex digits")
    return CaseId(text)
