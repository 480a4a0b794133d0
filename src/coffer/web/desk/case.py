"""The page of one case: its state, who is missing, what to do."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fastapi import Response

from coffer.desk.case import Case, Document, DocumentKind, Request, Stage
from coffer.desk.people import Role
from coffer.desk.port import Conflict
from coffer.desk.rights import Action
from coffer.desk.standing import CaseState
from coffer.desk.steps import NextStep, Step
from coffer.errors import CofferError
from coffer.web.desk.course_shown import CourseShown, course_shown, short_words
from coffer.web.desk.debts_shown import DebtShown, debts_shown
from coffer.web.desk.frame import Frame, case_path
from coffer.web.desk.held import holds_shown
from coffer.web.desk.parts import PartShown, shown_draft, shown_request
from coffer.web.desk.questions import refused_lines, said_of
from coffer.web.desk.raising import raised_shown
from coffer.web.desk.requesting import share_passed
from coffer.web.desk.rows import lines_of
from coffer.web.desk.saying import DOCUMENTS, PAPER_LANGUAGES, STATES, heading, lacking, step_words, time_to_keep
from coffer.web.desk.steps_shown import opening_shown
from coffer.web.desk.visit import Visit, mark_of, request_of
from coffer.web.desk.watching import members_of, words_shown
from coffer.web.ground.asked import read_terms
from coffer.web.ground.signers import Part, read_rule
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import Wording

_LOCAL: Final = "%Y-%m-%dT%H:%M"
_CALM: Final = 0.5
"""Before half of the time has passed, the clock is calm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    title: str
    left: float
    share: float
    foot: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deed:
    """An act that a passkey agrees to."""

    path: str
    title: str
    text: str
    button: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _May:
    edit: bool
    download: bool
    take_in: bool
    assign: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    document: str
    sentence: str
    packages: tuple[dict[str, str], ...] = ()
    country: str = field(default="")


class CasePages:
    """The page of a case, on which one of its requests is shown."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        frame.show_case = self._show

    def case(self, visit: Visit) -> Response:
        """The page."""
        self._frame.office.hearing.watch(visit.the_case)
        return self._show(visit)

    def _show(self, visit: Visit, *, refused: CofferError | None = None, conflict: Conflict | None = None) -> Response:
        case = visit.the_case if conflict is None else conflict.theirs
        office, words = self._frame.office, visit.words
        step = office.next_step(case, visit.now)
        number = request_of(replace(visit, case=case), step)
        own = office.step_of(case, number, visit.now) if number else step
        shown = own if self._is_named(visit) or step.request == number else step
        about = self._request(case, number, own, visit)
        status = 200 if refused is None else refused.http_status
        return self._frame.respond(
            visit,
            "case",
            here="/",
            status=status if conflict is None else 409,
            case=case,
            version=mark_of(case),
            refused=refused,
            conflict=None if conflict is None else {"who": self._frame.who_changed(conflict, words)},
            heading=heading(case.number, shown, words),
            lede=self._next(shown, visit),
            clock_of=self._clock(case, step, visit),
            next=step_words(shown, words),
            is_next_hold=step.step is Step.NEXT_HOLD,
            number=number,
            debts=self._debts(case, visit),
            order_parts=self._parts(case, number, visit),
            events=lines_of(office.store.history(case.id), office.store.people(), lambda person: person.name, words),
            documents=[_document(about, visit) for about in reversed(case.documents)],
            paper_languages=PAPER_LANGUAGES,
            holds=holds_shown(case.holds, office.flow.holds_of(case), office.state(), visit.now, words),
            **about,
            **self._rights(case, own, visit, waits=any(one.may_wait for one in about["raised"])),
            **self._assigning(case, visit),
        )

    @staticmethod
    def _is_named(visit: Visit) -> bool:
        """Whether somebody chose which request they look at."""
        return bool(visit.request.query_params.get("request") or visit.form.text("request"))

    def _rights(self, case: Case, own: NextStep, visit: Visit, *, waits: bool) -> dict[str, Any]:
        """What the reader may do.

        ``own``: the step of the request that is shown. ``waits``: its amendment does.
        """
        may = self._frame.may
        is_closed = case.stage is not Stage.OPEN
        is_waiting = own.state in {CaseState.SENT, CaseState.SIGNED}
        may_send = may(visit, Action.SEND_REQUEST) and not is_closed
        return {
            "is_closed": is_closed,
            "may": _May(
                edit=may(visit, Action.EDIT_CASE),
                download=may(visit, Action.DOWNLOAD),
                take_in=may(visit, Action.TAKE_IN) and (is_waiting or waits),
                assign=may(visit, Action.ASSIGN),
            ),
            "may_explain": may_send,
            "may_hold": may_send,
            "may_raise": may_send,
            "may_remind": own.state is CaseState.SENT and may_send,
            "may_withdraw": (is_waiting or own.state is CaseState.SHORT)
            and not is_closed
            and may(visit, Action.WITHDRAW),
            "may_release": not is_closed and may(visit, Action.WITHDRAW),
            "may_close": not is_closed and may(visit, Action.CLOSE) and own.state is not CaseState.OPENING,
            "is_for_head": own.step is Step.CLOSE and not may(visit, Action.CLOSE),
            "may_shred": case.stage is Stage.CLOSED and may(visit, Action.SHRED),
            "may_reopen": case.stage is Stage.CLOSED and may(visit, Action.CLOSE),
        }

    def _assigning(self, case: Case, visit: Visit) -> dict[str, Any]:
        """Who has the case, who could, and when it is due."""
        people = self._frame.office.store.people().values()
        return {
            "due_typed": "" if case.due is None else case.due.astimezone(visit.reader.zone).strftime(_LOCAL),
            "assigned": self._frame.name_of(case.assigned, visit.words),
            "clerks": [one for one in people if one.is_active and one.role in {Role.CLERK, Role.HEAD}],
        }

    def _debts(self, case: Case, visit: Visit) -> list[DebtShown]:
        office = self._frame.office
        own = {office.authorization(request).commitment for request in case.requests}
        return debts_shown(office.state(), own, visit.now, visit.words)

    def _parts(self, case: Case, number: int, visit: Visit) -> list[PartShown]:
        """Every request and draft of the case, where there are several."""
        if len(case.requests) + len(case.drafts) < 2:
            return []
        office, path = self._frame.office, case_path(case.id)
        rows = []
        for request in case.requests:
            step = office.step_of(case, request.number, visit.now) if case.stage is Stage.OPEN else None
            state = STATES[CaseState.CLOSED if step is None else step.state]
            rows.append(
                shown_request(
                    office.authorization(request).terms,
                    number=request.number,
                    state=state,
                    path=f"{path}?request={request.number}",
                    is_here=request.number == number,
                    words=visit.words,
                )
            )
        return rows + [
            shown_draft(
                draft,
                text=visit.words.gettext(STATES[CaseState.DRAFT][0]),
                path=f"{path}/request?part={draft.part}",
                is_here=False,
                words=visit.words,
            )
            for draft in case.drafts
        ]

    def _request(self, case: Case, number: int, own: NextStep, visit: Visit) -> dict[str, Any]:
        """The request that is shown: in words, as signed, who signed, how far it is, what can be done."""
        office, words = self._frame.office, visit.words
        nothing: dict[str, Any] = {
            **dict.fromkeys(("asked", "act", "answer", "opening", "course"), None),
            **dict.fromkeys(("exact", "asked_at", "short"), ""),
            **dict.fromkeys(("parts", "words", "said", "refused_before", "raised"), ()),
            "may_amend": False,
        }
        if not number:
            return nothing
        request = case.request(number)
        authorization = office.authorization(request)
        state, terms = office.state(), authorization.terms
        standing = office.flow.standings(case, state, visit.now)[number - 1]
        seen = office.hearing.seen(authorization.commitment)
        signers = office.signers(authorization)
        known = members_of(authorization, seen, signers, state, words, here=office.vault.custodian_names())
        rule = read_rule(terms, office.roster_of(authorization), signers, words, members=known)
        course = self._course(request, visit)
        is_unfinished = course is not None or standing.state in {CaseState.SIGNED, CaseState.SHORT}
        return nothing | {
            "asked": read_terms(terms, words, marked=mark_authority(terms, office.authorities(), words)),
            "exact": authorization.note.text.decode("utf-8"),
            "parts": [_settled(part, signers, words) for part in rule],
            "asked_at": _asked_at(seen.time if seen is not None else None, visit),
            "words": words_shown(seen),
            "said": said_of(office, authorization),
            "refused_before": refused_lines(
                office, {subject.sid for subject in terms.subjects}, words, but=[authorization.commitment]
            ),
            "raised": [raised_shown(office, one, standing, words) for one in reversed(standing.raised)],
            "short": short_words(standing.needed, words) if standing.needed > standing.max_records else "",
            "may_amend": case.stage is Stage.OPEN and standing.may_be_raised(visit.now) and is_unfinished,
            "act": self._act(case, number, own, visit),
            "opening": opening_shown(office.openings.progress_of(case, number), visit),
            "answer": self._answer(case, request, visit),
            "course": course,
        }

    def _course(self, request: Request, visit: Visit) -> CourseShown | None:
        office = self._frame.office
        course = office.flow.course(request, office.state(), visit.now)
        authorization = office.flow.amended(request, visit.now)
        return course_shown(course, authorization, visit.now.date(), visit.words)

    def _next(self, step: NextStep, visit: Visit) -> list[str]:
        _ = visit.words.gettext
        if step.state is CaseState.HOLD_BEGUN and step.until is not None:
            begun = [*lacking(step, visit.words), time_to_keep(step.until, visit.now, visit.words)]
            is_desks = step.step is Step.NEXT_HOLD
            return [*begun, _("Next: %(step)s.") % {"step": step_words(step, visit.words)}] if is_desks else begun
        match step.step:
            case Step.WAIT_FOR_SIGNATURES:
                return [*lacking(step, visit.words), _("You need do nothing until then.")]
            case Step.ASK_OTHERS:
                return [*lacking(step, visit.words), _("The rule can still be met.")]
            case Step.RESUME:
                return [
                    _("The opening goes on if you leave, and after a restart of this machine; it never runs twice.")
                ]
            case Step.WAIT_UNTIL if step.until is not None:
                return [_("It is in force from %(time)s.") % {"time": visit.words.time(step.until)}]
            case _:
                return [_("Next: %(step)s.") % {"step": step_words(step, visit.words)}]

    def _clock(self, case: Case, step: NextStep, visit: Visit) -> _Clock | None:
        if case.due is None:
            return None
        _, words = visit.words.gettext, visit.words
        share = share_passed(case.received, case.due, visit.now)
        is_done = step.state in {CaseState.ANSWERED, CaseState.CLOSED, CaseState.LETTER_DUE}
        foot = _("Received %(time)s · %(zone)s") % {"time": words.time(case.received), "zone": words.zone.key}
        return _Clock(
            title=_("Answer due %(time)s") % {"time": words.time(case.due)},
            left=max(0.0, (case.due - visit.now).total_seconds())
            if is_done
            else (case.due - visit.now).total_seconds(),
            share=share,
            foot=foot,
            state="calm" if is_done or share < _CALM else "",
        )

    def _answer(self, case: Case, request: Request, visit: Visit) -> _Answer | None:
        if not request.delivered:
            return None
        last, words = request.delivered[-1], visit.words
        sentence = words.ngettext(
            "%(num)s record was opened, as entry %(index)s of the log says.",
            "%(num)s records were opened, as entry %(index)s of the log says.",
            last.records,
        ) % {"num": words.number(last.records), "index": last.close}
        return _Answer(
            document=last.document,
            sentence=sentence,
            packages=tuple(
                {"id": about.id, "about": f"{about.name}, {_size(about.size, visit)}"}
                for about in reversed(case.documents)
                if about.kind is DocumentKind.PACKAGE and about.request == request.number
            ),
            country=self._frame.office.home,
        )

    def _act(self, case: Case, number: int, step: NextStep, visit: Visit) -> _Deed | None:
        _ = visit.words.gettext
        if step.step is Step.SEND and self._frame.may(visit, Action.SEND_REQUEST):
            return _Deed(
                path=f"{case_path(case.id)}/send",
                title=_("Send the request"),
                text=_("The request is signed and was not sent yet. Nothing is signed anew."),
                button=_("Agree with passkey and send"),
            )
        openings = self._frame.office.openings
        stopped = step.step is Step.RESUME and not openings.is_opening(case, number)
        if (step.step is Step.OPEN or stopped) and self._frame.may(visit, Action.OPEN_RECORDS):
            return _Deed(
                path=f"{case_path(case.id)}/open",
                title=_("Take the opening up again") if stopped else _("Open the records"),
                text=_("The log will show for good that a request was opened, and how many records."),
                button=_("Agree with passkey and open"),
            )
        if self._frame.may(visit, Action.OPEN_RECORDS) and openings.is_part_due(case, number, visit.now):
            return _Deed(
                path=f"{case_path(case.id)}/open",
                title=_("Open what came since"),
                text=_(
                    "The log will show for good that a part was opened. What was opened before is not opened again."
                ),
                button=_("Agree with passkey and open"),
            )
        return None


def _settled(part: Part, signers: Sequence[str], words: Wording) -> Part:
    """A part of a rule that is met waits for nobody."""
    if not part.is_met:
        return part
    members = [
        one
        if one.name in signers or one.kind == "bad"
        else replace(one, text=words.gettext("not needed"), kind="", note="")
        for one in part.members
    ]
    return replace(part, members=tuple(members))


def _document(about: Document, visit: Visit) -> dict[str, str]:
    title = visit.words.gettext(DOCUMENTS[about.kind][0])
    return {"id": about.id, "title": title, "about": f"{about.name}, {_size(about.size, visit)}"}


def _size(size: int, visit: Visit) -> str:
    if size < 1_000:
        return visit.words.ngettext("%(num)s byte", "%(num)s bytes", size) % {"num": visit.words.number(size)}
    return f"{visit.words.number(round(size / 1_000))} kB"


def _asked_at(time: dt.datetime | None, visit: Visit) -> str:
    _ = visit.words.gettext
    if time is None:
        return _("Custodians were not asked yet.")
    return _("Custodians were asked at %(time)s.") % {"time": visit.words.time(time)}
