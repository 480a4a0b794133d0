"""The page of one case: its state, who is missing, what to do; and the acts that stand on it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fastapi import Response

from coffer.authority.authorization import Authorization
from coffer.authority.typed import parse_typed
from coffer.desk import case as cases
from coffer.desk.case import Case, Edit, Request
from coffer.desk.people import PersonId, Role
from coffer.desk.port import Conflict
from coffer.desk.rights import Action
from coffer.desk.steps import CaseState, NextStep, Step
from coffer.errors import CofferError, MalformedInput, NotProven, Refused
from coffer.web.desk.door import Act, destroyed
from coffer.web.desk.frame import Frame, case_path, to, trouble
from coffer.web.desk.held import holds_shown
from coffer.web.desk.parts import parts_shown
from coffer.web.desk.questions import refused_lines, said_of
from coffer.web.desk.requesting import share_passed
from coffer.web.desk.rows import lines_of
from coffer.web.desk.saying import DOCUMENTS, PAPER_LANGUAGES, heading, lacking, owed_words, step_words, time_to_keep
from coffer.web.desk.steps_shown import opening_shown
from coffer.web.desk.visit import Visit, mark_of
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
    parts: tuple[str, ...] = ()
    packages: tuple[dict[str, str], ...] = ()
    country: str = field(default="")


class CasePages:
    """The page of a case and its acts."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        frame.show_case = self._show

    def case(self, visit: Visit) -> Response:
        """The page."""
        self._frame.office.watch(visit.the_case)
        return self._show(visit)

    def _show(self, visit: Visit, *, refused: CofferError | None = None, conflict: Conflict | None = None) -> Response:
        case = visit.the_case if conflict is None else conflict.theirs
        office, words = self._frame.office, visit.words
        step = office.next_step(case, visit.now)
        may, asked = self._frame.may, self._asked(visit, case)
        is_closed = case.stage is not cases.Stage.OPEN
        standing_wait = step.state in {CaseState.SENT, CaseState.SIGNED}
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
            heading=heading(case.number, step, words),
            lede=self._lede(step, visit),
            clock_of=self._clock(case, step, visit),
            opening=opening_shown(office.opening_of(case), visit),
            answer=self._answer(case, visit),
            act=self._act(case, step, visit),
            next=step_words(step, words),
            is_next_hold=step.step is Step.NEXT_HOLD,
            number=len(case.requests),
            is_closed=is_closed,
            may=_May(
                edit=may(visit, Action.EDIT_CASE),
                download=may(visit, Action.DOWNLOAD),
                take_in=may(visit, Action.TAKE_IN) and standing_wait,
                assign=may(visit, Action.ASSIGN),
            ),
            may_explain=may(visit, Action.SEND_REQUEST) and not is_closed,
            may_remind=step.state is CaseState.SENT and not is_closed and may(visit, Action.SEND_REQUEST),
            may_withdraw=standing_wait and not is_closed and may(visit, Action.WITHDRAW),
            may_close=not is_closed and may(visit, Action.CLOSE) and step.state is not CaseState.OPENING,
            is_for_head=step.step is Step.CLOSE and not may(visit, Action.CLOSE),
            may_shred=case.stage is cases.Stage.CLOSED and may(visit, Action.SHRED),
            may_reopen=case.stage is cases.Stage.CLOSED and may(visit, Action.CLOSE),
            events=lines_of(office.store.history(case.id), office.store.people(), lambda person: person.name, words),
            documents=[
                {
                    "id": about.id,
                    "title": words.gettext(DOCUMENTS[about.kind][0]),
                    "about": f"{about.name}, {_size(about.size, visit)}",
                }
                for about in reversed(case.documents)
            ],
            due_typed="" if case.due is None else case.due.astimezone(visit.reader.zone).strftime(_LOCAL),
            assigned=self._frame.name_of(case.assigned, words),
            clerks=[
                one for one in office.store.people().values() if one.is_active and one.role in {Role.CLERK, Role.HEAD}
            ],
            paper_languages=PAPER_LANGUAGES,
            holds=holds_shown(case.holds, office.flow.holds_of(case), office.state(), visit.now, words),
            may_hold=not is_closed and may(visit, Action.SEND_REQUEST),
            may_release=not is_closed and may(visit, Action.WITHDRAW),
            **asked,
        )

    def _asked(self, visit: Visit, case: Case) -> dict[str, Any]:
        """The newest request: in plain words, as signed, who signed it, and its check words."""
        nothing: dict[str, Any] = {
            "asked": None,
            "exact": "",
            "parts": [],
            "asked_at": "",
            "words": [],
            "said": [],
            "refused_before": [],
        }
        if not case.requests:
            return nothing
        office, words = self._frame.office, visit.words
        request = case.requests[-1]
        authorization = office.authorization(request)
        seen = office.seen(authorization.commitment)
        roster = office.roster_of(authorization)
        signers = office.signers(authorization)
        known = members_of(authorization, seen, signers, office.state(), words, here=office.vault.custodian_names())
        return {
            "asked": read_terms(
                authorization.terms, words, marked=mark_authority(authorization.terms, office.authorities(), words)
            ),
            "exact": authorization.note.text.decode("utf-8"),
            "parts": [
                _settled(part, signers, words)
                for part in read_rule(authorization.terms, roster, signers, words, members=known)
            ],
            "asked_at": _asked_at(seen.time if seen is not None else None, visit),
            "words": words_shown(seen),
            "said": said_of(office, authorization),
            "refused_before": refused_lines(
                office,
                {subject.sid for subject in authorization.terms.subjects},
                words,
                but=[office.authorization(one).commitment for one in case.requests[-1:]],
            ),
        }

    def _lede(self, step: NextStep, visit: Visit) -> list[str]:
        office = self._frame.office
        own = {office.authorization(request).commitment for request in visit.the_case.requests}
        return [*owed_words(office.state(), own, visit.now, visit.words), *self._next(step, visit)]

    def _next(self, step: NextStep, visit: Visit) -> list[str]:
        _ = visit.words.gettext
        if step.state is CaseState.HOLD_BEGUN and step.until is not None:
            begun = [*lacking(step, visit.words), time_to_keep(step.until, visit.now, visit.words)]
            is_desks = step.step is Step.NEXT_HOLD
            return [*begun, _("Next: %(step)s.") % {"step": step_words(step, visit.words)}] if is_desks else begun
        said_no = self._frame.office.refusers(visit.the_case)
        match step.step:
            case Step.WAIT_FOR_SIGNATURES:
                return [*lacking(step, visit.words, said_no), _("You need do nothing until then.")]
            case Step.ASK_OTHERS:
                return [*lacking(step, visit.words, said_no), _("The rule can still be met.")]
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

    def _answer(self, case: Case, visit: Visit) -> _Answer | None:
        delivered = [one for request in case.requests for one in request.delivered]
        if not delivered:
            return None
        last, words, office = delivered[-1], visit.words, self._frame.office
        sentence = words.ngettext(
            "%(num)s record was opened, as entry %(index)s of the log says.",
            "%(num)s records were opened, as entry %(index)s of the log says.",
            last.records,
        ) % {"num": words.number(last.records), "index": last.close}
        return _Answer(
            document=last.document,
            sentence=sentence,
            parts=tuple(parts_shown(office.authorization(case.requests[-1]), office.state(), words)),
            packages=tuple(
                {"id": about.id, "about": f"{about.name}, {_size(about.size, visit)}"}
                for about in reversed(case.documents)
                if about.kind is cases.DocumentKind.PACKAGE
            ),
            country=self._frame.office.home,
        )

    def _act(self, case: Case, step: NextStep, visit: Visit) -> _Deed | None:
        _ = visit.words.gettext
        if step.step is Step.SEND and self._frame.may(visit, Action.SEND_REQUEST):
            return _Deed(
                path=f"{case_path(case.id)}/send",
                title=_("Send the request"),
                text=_("The request is signed and was not sent yet. Nothing is signed anew."),
                button=_("Agree with passkey and send"),
            )
        stopped = step.step is Step.RESUME and not self._frame.office.is_opening(case)
        if (step.step is Step.OPEN or stopped) and self._frame.may(visit, Action.OPEN_RECORDS):
            return _Deed(
                path=f"{case_path(case.id)}/open",
                title=_("Take the opening up again") if stopped else _("Open the records"),
                text=_("The log will show for good that a request was opened, and how many records."),
                button=_("Agree with passkey and open"),
            )
        if self._frame.may(visit, Action.OPEN_RECORDS) and self._frame.office.is_part_due(case, visit.now):
            return _Deed(
                path=f"{case_path(case.id)}/open",
                title=_("Open what came since"),
                text=_(
                    "The log will show for good that a part was opened. What was opened before is not opened again."
                ),
                button=_("Agree with passkey and open"),
            )
        return None

    # Acts that a passkey agrees to.

    def _newest(self, visit: Visit) -> tuple[Request, Authorization]:
        if not visit.the_case.requests:
            raise Refused("case: it has no request yet", code="form")
        request = visit.the_case.requests[-1]
        return request, self._frame.office.authorization(request)

    def _challenge(self, visit: Visit, act: Act) -> Response:
        try:
            _request, authorization = self._newest(visit)
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
        return self._do(visit, lambda: self._frame.office.send_signed(visit, self._frame.proven))

    def open(self, visit: Visit) -> Response:
        """Begin to open, or take an opening up again. It goes on when the reader leaves."""
        return self._do(visit, lambda: self._frame.office.begin_opening(visit, self._frame.proven))

    # Acts without one.

    def _do(self, visit: Visit, act: Any) -> Response:  # noqa: ANN401 - a call without arguments
        try:
            act()
        except Conflict as conflict:
            return self._show(visit, conflict=conflict)
        except CofferError as error:
            now = replace(visit, case=self._frame.office.store.case(visit.the_case.id))
            return self._show(now, refused=error)
        return to(case_path(visit.the_case.id))

    def _write(self, visit: Visit, make: Any) -> Response:  # noqa: ANN401 - from a case to an edit
        return self._do(visit, lambda: self._frame.write(visit, make))

    def take_in(self, visit: Visit) -> Response:
        """Take in a countersigned copy that came another way."""
        upload = visit.form.file("copy")
        raw = b"" if upload is None else upload.raw
        return self._do(visit, lambda: self._frame.office.take_in(visit, raw))

    def remind(self, visit: Visit) -> Response:
        """Send the request again to who has not decided, so that their machines tell their people."""
        return self._do(visit, lambda: self._frame.office.remind(visit))

    def withdraw(self, visit: Visit) -> Response:
        """The key of the request is destroyed here."""
        return self._do(visit, lambda: self._frame.office.withdraw(visit))

    def close(self, visit: Visit) -> Response:
        """Nothing is left to do."""
        return self._write(visit, lambda case: cases.close(case, visit.now))

    def reopen(self, visit: Visit) -> Response:
        """It was closed too early."""
        return self._write(visit, cases.reopen)

    def assign(self, visit: Visit) -> Response:
        """Give the case to somebody."""
        text = visit.form.text("to")
        people = self._frame.office.store.people()
        assignee = people.get(PersonId(text))
        if text and (assignee is None or not assignee.is_active or assignee.role not in {Role.CLERK, Role.HEAD}):
            raise MalformedInput("assign: nobody here who works on cases")
        return self._write(visit, lambda case: cases.assign(case, PersonId(text) if text else None))

    def due(self, visit: Visit) -> Response:
        """Another deadline."""
        text, due = visit.form.text("due"), None
        if text:
            try:
                due = parse_typed(text, visit.reader.zone, "due").astimezone(dt.UTC)
            except OverflowError:
                raise MalformedInput("due: outside the calendar") from None
        return self._write(visit, lambda case: cases.set_due(case, due))

    def note(self, visit: Visit) -> Response:
        """A note for those who look later."""
        text = visit.form.text("note").replace("\r\n", "\n")

        def add(case: Case) -> Edit:
            return cases.add_note(case, text)

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
            return self._show(visit, conflict=conflict)
        except (Refused, MalformedInput, NotProven) as error:
            return self._show(visit, refused=error)
        self._frame.office.forget_requests(visit.the_case)
        self._frame.office.store.shred(visit.the_case.id, now=visit.now)
        return to("/closed")

    def _verify_sure(self, visit: Visit) -> None:
        if not visit.form.is_ticked("sure"):
            raise Refused("case: not destroyed: the box was not ticked", code="form")
        self._frame.verify_current(visit)


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


def _size(size: int, visit: Visit) -> str:
    if size < 1_000:
        return visit.words.ngettext("%(num)s byte", "%(num)s bytes", size) % {"num": visit.words.number(size)}
    return f"{visit.words.number(round(size / 1_000))} kB"


def _asked_at(time: dt.datetime | None, visit: Visit) -> str:
    _ = visit.words.gettext
    if time is None:
        return _("Custodians were not asked yet.")
    return _("Custodians were asked at %(time)s.") % {"time": visit.words.time(time)}
