"""The pages on which a request is written, from the order to signing and sending."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final
from zoneinfo import available_timezones

from fastapi import Response

from coffer.authority.typed import parse_typed
from coffer.desk.case import (
    Case,
    CaseClass,
    CaseId,
    DocumentId,
    DocumentKind,
    parse_text,
)
from coffer.desk.draft import Draft
from coffer.desk.edits import (
    MAX_REQUESTS,
    document_event,
    make_case,
    new_document,
    save_draft,
    with_documents,
    with_drafts,
)
from coffer.desk.found import Review
from coffer.desk.orders import came_of
from coffer.desk.port import Conflict
from coffer.desk.review import review_draft
from coffer.disclosure.not_held import format_not_held
from coffer.disclosure.strict_xml import begins_as_xml
from coffer.errors import CofferError, MalformedInput
from coffer.identity.identifier import parse_subject
from coffer.identity.not_held import NotHeld
from coffer.procedures.letterhead import letterhead_of
from coffer.web.desk.door import Act
from coffer.web.desk.findings import tell
from coffer.web.desk.frame import Frame, case_path, to, trouble
from coffer.web.desk.papers import MAX_ORDER_MIB, neutral
from coffer.web.desk.parts import PartShown, around_here, shown_draft, shown_request
from coffer.web.desk.questions import refused_lines
from coffer.web.desk.requesting import (
    Preview,
    differing,
    draft_of_terms,
    needed,
    preview,
    spans_shown,
    with_blanks,
)
from coffer.web.desk.saying import CLASSES, NOT_HELD, PAPER_LANGUAGES
from coffer.web.desk.typed import (
    ReadOrder,
    fill_from_order,
    is_pdf,
    parse_number,
    read_draft,
    subjects_text,
)
from coffer.web.desk.visit import Visit, mark_of
from coffer.web.ground.wording import N_, Wording

_LOCAL: Final = "%Y-%m-%dT%H:%M"
"""What a browser's field for a day and time holds."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _TypedCase:
    """The form of a new case as typed."""

    number: str = ""
    authority: str = ""
    order_class: str = CaseClass.ORDINARY.value
    received: str = ""
    due: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conflict:
    who: str
    lines: list[tuple[str, str, str]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Looked:
    """What was found about a draft.

    ``shown``: the note as it would be signed; None while something stops it. ``values``: what else the template shows.
    """

    review: Review
    shown: Preview | None
    values: Mapping[str, object] = field(default_factory=dict)


class RequestPages:
    """Pages on which a request is written."""

    WORD: ClassVar[str] = "request"
    """How the address of the form ends."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def _looked_at(self, draft: Draft, case: Case, visit: Visit) -> Looked:
        office, state = self._frame.office, self._frame.office.state()
        review = review_draft(draft, came_of(case), state, visit.now, holds=office.flow.holds_of(case))
        shown = preview(review, office.requester, state, visit.words, visit.now, office.authorities())
        return Looked(review=review, shown=shown, values={"is_hold": False})

    # A new case.

    def new(self, visit: Visit) -> Response:
        """Which order?"""
        received = visit.now.astimezone(visit.reader.zone).strftime(_LOCAL)
        return self._show_new(visit, _TypedCase(received=received), {})

    def _show_new(self, visit: Visit, typed: _TypedCase, errors: dict[str, str]) -> Response:
        _ = visit.words.gettext
        return self._frame.respond(
            visit,
            "new",
            status=400 if errors else 200,
            here="/new",
            typed=typed,
            errors=errors,
            labels={
                "number": _("Case"),
                "authority": _("Authority"),
                "received": _("Received"),
                "due": _("Answer due"),
                "order": _("The order"),
                "class": _("How urgent is it?"),
            },
            classes=[(one.value, _(label)) for one, label in CLASSES.items()],
            most=MAX_ORDER_MIB,
            not_held=[(kind.value, _(label)) for kind, label in NOT_HELD.items()],
            paper_languages=PAPER_LANGUAGES,
            language=visit.reader.language,
        )

    def not_held(self, visit: Visit) -> Response:
        """A draft of the reply that something is not held."""
        asked = {kind for kind in NotHeld if kind.value in visit.request.query_params.getlist("what")}
        language = visit.request.query_params.get("in", "")
        if not asked or language not in PAPER_LANGUAGES:
            return to("/new#not-held")
        letterhead = letterhead_of(self._frame.office.vault)
        today = visit.now.astimezone(visit.reader.zone).date()
        text = format_not_held(asked, language=language, today=today, letterhead=letterhead)
        headers = {"content-disposition": 'attachment; filename="not-held.txt"'}
        return Response(text, headers=headers, media_type="text/plain; charset=utf-8")

    def make_case(self, visit: Visit) -> Response:
        """A new case with its order and the draft that the order fills."""
        form, _ = visit.form, visit.words.gettext
        typed = _TypedCase(
            number=form.text("number"),
            authority=form.text("authority"),
            order_class=form.text("class") or CaseClass.ORDINARY.value,
            received=form.text("received"),
            due=form.text("due"),
        )
        errors: dict[str, str] = {}
        for name in ("number", "authority"):
            try:
                parse_text(getattr(typed, name), name, most=500)
            except MalformedInput:
                errors[name] = _("Write it as the order does: it cannot be empty, or hold characters that nobody sees.")
        received = self._moment(visit, typed.received, "received", errors) or visit.now
        due = self._moment(visit, typed.due, "due", errors)
        upload = form.file("order")
        if upload is not None and not (is_pdf(upload.raw) or begins_as_xml(upload.raw)):
            errors["order"] = _("This is neither a PDF nor XML. Choose the order itself.")
        if typed.order_class not in {one.value for one in CaseClass}:
            errors["class"] = _("Say how urgent it is.")
        if errors:
            return self._show_new(visit, typed, errors)
        case_id = CaseId(self._frame.office.entropy(16).hex())
        edit = make_case(
            id=case_id,
            number=typed.number,
            authority=typed.authority,
            order_class=CaseClass(typed.order_class),
            received=received,
            due=due,
            assigned=visit.person.id,
        )
        draft = Draft(
            authority=typed.authority, zone=visit.reader.zone.key, home=self._frame.office.home, issued_in="home"
        )
        filled = ReadOrder(drafts=(draft,), is_read=False)
        if upload is not None:
            filled = fill_from_order(draft, upload.raw, found_by=self._frame.office.found_types())
            document = new_document(
                upload.raw,
                id=DocumentId(self._frame.office.entropy(16).hex()),
                kind=DocumentKind.ORDER,
                name=neutral(upload.name),
                by=visit.person.id,
                now=visit.now,
            )
            edit = with_documents(replace(edit, events=(*edit.events, document_event(document.about))), [document])
        drafts = filled.drafts[: 1 if filled.is_hold else MAX_REQUESTS]
        edit = replace(edit, case=with_drafts(edit.case, drafts))
        case = self._frame.office.store.write(edit, by=visit.person.id, now=visit.now, post=visit.post).case
        how = "" if upload is None or is_pdf(upload.raw) else "?order=read" if filled.is_read else "?order=unread"
        return to(f"{case_path(case.id)}/{'hold' if filled.is_hold else 'request'}{how}")

    @staticmethod
    def _moment(visit: Visit, text: str, name: str, errors: dict[str, str]) -> dt.datetime | None:
        if not text:
            return None
        try:
            return parse_typed(text, visit.reader.zone, name).astimezone(dt.UTC)
        except (MalformedInput, OverflowError):
            errors[name] = visit.words.gettext("This is no day and time. Write 2013-01-09T15:54.")
            return None

    # The form of the request.

    def _draft_of(self, case: Case, visit: Visit) -> Draft:
        """What the form shows first: the draft, or what the last request of the same part of the order asked.

        What the order does not say is taken from the case's newest request, where it may be the same.
        """
        office = self._frame.office
        part = parse_number(visit.request.query_params.get("part", "")) or None
        draft = case.draft if part is None else case.draft_of(part)
        zone, home = visit.reader.zone.key, office.home
        asked = [one for one in case.requests if part in (None, one.part)] if draft is None else case.requests
        if draft is None and asked:
            return replace(draft_of_terms(office.authorization(asked[-1]).terms, zone, home), part=asked[-1].part)
        if draft is None:
            return Draft(authority=case.authority, zone=zone, home=home, issued_in="home")
        if draft.part and asked:
            return with_blanks(draft, draft_of_terms(office.authorization(asked[-1]).terms, zone, home))
        return draft

    def request(self, visit: Visit) -> Response:
        """The form."""
        case = visit.the_case
        filled = self._read_again(case) if visit.request.query_params.get("order", "") in {"read", "unread"} else None
        saved = visit.request.query_params.get("kept") == "yes"
        return self._show(visit, case, self._draft_of(case, visit), is_new=True, saved=saved, filled=filled)

    def _read_again(self, case: Case) -> ReadOrder | None:
        """What the case's order says, or why it could not be read: no address carries it."""
        return self._frame.office.orders.newest(case)

    def _parts(self, case: Case, draft: Draft, words: Wording) -> list[PartShown]:
        """The other drafts and requests of the case's order; nothing where it needs but one."""
        path, shown = case_path(case.id), []
        for request in case.requests if draft.part else ():
            terms = self._frame.office.authorization(request).terms
            shown.append(
                shown_request(
                    terms,
                    number=request.number,
                    state=(N_("made"), "ok"),
                    path=f"{path}?request={request.number}",
                    is_here=False,
                    words=words,
                )
            )
        for one in case.drafts if draft.part else ():
            is_here = one.part == draft.part
            text = words.gettext(N_("in the form") if is_here else N_("to be checked and sent"))
            own = f"{path}/{self.WORD}?part={one.part}"
            shown.append(
                shown_draft(one, text=text, kind="" if is_here else "wait", path=own, is_here=is_here, words=words)
            )
        return shown if len(shown) > 1 else []

    def _show(
        self,
        visit: Visit,
        case: Case,
        draft: Draft,
        *,
        status: int = 200,
        is_new: bool = False,
        more: bool = False,
        is_sent: bool = False,
        is_typing: bool = False,
        mark: str = "",
        **values: Any,  # noqa: ANN401 - the template's own
    ) -> Response:
        """The form with what is found about it now. ``mark``: what the reader's page was made from."""
        office, words = self._frame.office, visit.words
        looked = self._looked_at(draft, case, visit)
        told, shown = tell(looked.review, words, is_new=is_new), looked.shown
        parts, why = needed(looked.review, office.state().roster, words, is_hub=draft.is_hub)
        defaults: dict[str, object] = dict.fromkeys(("saved", "conflict", "filled", "refused", "order_said"))
        defaults |= {"refused_before": [], "order_parts": [], "parts_left": 0}
        if not is_typing:  # what stands beside the form is read once, not at each key that is pressed
            sids = {parse_subject(text, "subject").sid for text in looked.review.subjects}
            values["refused_before"] = refused_lines(office, sids, words)
            values["order_said"] = office.orders.said(case, words)
            values["order_parts"], values["parts_left"] = around_here(self._parts(case, draft, words))
        zones = sorted({visit.reader.zone.key, self._frame.pages.site.zone, "UTC"} & available_timezones())
        return self._frame.respond(
            visit,
            "request",
            status=status,
            here="/",
            case=case,
            version=mark or mark_of(case),
            number=len(case.requests) + 1,
            draft=draft,
            subjects=subjects_text(draft),
            spans=spans_shown(draft, more=more),
            told=told,
            differs=office.orders.differing(case, draft, words, is_hold=self.WORD == "hold"),
            exact=shown.exact if shown is not None else "",
            asked=shown.asked if shown is not None else None,
            parts=parts,
            why_rule=why,
            zones=zones,
            orders=[one for one in case.documents if one.kind is DocumentKind.ORDER],
            focus=told.first if is_sent else "",
            **(defaults | dict(looked.values) | values),
        )

    def validate(self, visit: Visit) -> Response:
        """The form as it is typed at this moment, checked; nothing is kept."""
        draft = read_draft(visit.form)
        return self._show(visit, visit.the_case, draft, is_new=True, is_typing=True, mark=visit.form.text("version"))

    def edit_request(self, visit: Visit) -> Response:
        """A button of the form other than sending: check, another time, keep."""
        draft, case, what = read_draft(visit.form), visit.the_case, visit.form.text("do")
        if what == "save":
            return self._save(visit, draft)
        # ``send`` comes here only where no script runs: then what keeps it from being sent is said.
        return self._show(
            visit,
            case,
            draft,
            more=what == "span",
            is_new=what == "span",
            is_sent=what != "span",
            mark=visit.form.text("version"),
        )

    def _save(self, visit: Visit, draft: Draft) -> Response:
        try:
            self._frame.write(visit, lambda case: save_draft(case, draft))
        except Conflict as conflict:
            return self._in_conflict(visit, conflict, draft)
        part = f"part={draft.part}&" if draft.part else ""
        return to(f"{case_path(visit.the_case.id)}/{self.WORD}?{part}kept=yes")

    def _in_conflict(self, visit: Visit, conflict: Conflict, draft: Draft) -> Response:
        """Both texts. The form now rests on what the other saved, so that keeping it again is a decision."""
        shown = _Conflict(
            who=self._frame.who_changed(conflict, visit.words),
            lines=differing(conflict.theirs.draft_of(draft.part), draft, visit.words),
        )
        return self._show(visit, conflict.theirs, draft, status=409, conflict=shown)

    # Signing and sending.

    def challenge_request(self, visit: Visit) -> Response:
        """The request is prepared; its commitment is what the clerk's passkey signs."""
        try:
            self._frame.verify_current(visit)
            draft, office = read_draft(visit.form), self._frame.office
            prepared = office.sending.prepare(visit, draft)
            return self._frame.ask_passkey(visit, Act.SEND, prepared.commitment)
        except CofferError as error:
            return trouble(error)

    def send_request(self, visit: Visit) -> Response:
        """The desk signs what was prepared, keeps it and sends it."""
        office, draft, case = self._frame.office, read_draft(visit.form), visit.the_case
        try:
            office.sending.send_prepared(visit, self._frame.proven)
        except Conflict as conflict:
            return self._in_conflict(visit, conflict, draft)
        except CofferError as error:
            return self._show(visit, case, draft, status=error.http_status, refused=error)
        return to(case_path(case.id))
