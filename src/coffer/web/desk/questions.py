"""What custodians asked about a case's request, what was explained, and who refused before."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fastapi import Response

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.custody.standing import Standing
from coffer.desk.case import Case, Did, Edit, NewEvent
from coffer.desk.steps import newest_places
from coffer.errors import CofferError, Refused
from coffer.procedures.opening.kept import Kept, explain_once, read_kept, refused_before, send_kept
from coffer.web.desk.frame import Frame, case_path, to
from coffer.web.desk.office import Office
from coffer.web.desk.visit import Visit, asked_again, place_of
from coffer.web.ground.again import again_words
from coffer.web.ground.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One question. ``explained``: None while the desk has not explained it."""

    custodian: str
    text: str
    asked: dt.datetime
    explanation: str
    explained: dt.datetime | None


def said_of(office: Office, authorization: Authorization) -> list[Said]:
    """What was asked about a request, by custodian; nothing where the desk keeps no copy."""
    try:
        kept = read_kept(office.vault, authorization.commitment, office.state())
    except CofferError:
        return []
    return [] if kept is None else _said(kept)


def _said(kept: Kept) -> list[Said]:
    explained = {one.question.custodian: one for one in kept.explanations}
    asked = {one.custodian: one for one in (*kept.questions, *(one.question for one in kept.explanations))}
    shown = []
    for name, question in sorted(asked.items()):
        one = explained.get(name)
        shown.append(
            Said(
                custodian=name,
                text=question.text,
                asked=question.asked,
                explanation="" if one is None else one.text,
                explained=None if one is None else one.time,
            )
        )
    return shown


def askers(office: Office, case: Case) -> tuple[str, ...]:
    """The custodians whose question about a note of the case waits, by what was heard last."""
    asking: list[str] = []
    for place in newest_places(case):
        authorization = parse_authorization(case.at(place).note, "request")
        seen = office.hearing.seen(authorization.commitment)
        heard = () if seen is None else [one for one in seen.standings.values() if isinstance(one, Standing)]
        if any(one.held is not None and one.held.asked is not None for one in heard):
            # nothing is read for the others: the list looks again every few seconds
            asking += [one.custodian for one in said_of(office, authorization) if one.explained is None]
    return tuple(dict.fromkeys(asking))


def refused_lines(
    office: Office, subjects: Collection[bytes], words: Wording, *, but: Sequence[bytes] = ()
) -> list[str]:
    """A sentence for each refusal of an earlier request about one of these subjects.

    ``but``: commitments that are left out.
    """
    _, lines = words.gettext, []
    for one in refused_before(office.vault, subjects, office.state()):
        if one.authorization.commitment in but:
            continue
        said = {"name": one.custodian, "day": words.day(one.authorization.terms.not_before.date())}
        line = _("%(name)s refused a request of %(day)s about the same subject.") % said
        lines.append(" ".join(filter(None, (line, again_words(one.again, words) if one.again is not None else ""))))
    return list(dict.fromkeys(lines))


class QuestionPages:
    """The one act on them: to explain, once."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def explain(self, visit: Visit) -> Response:
        """Explain what a custodian asked about a request or its amendment, to every custodian of it."""
        try:
            self._explain(visit)
        except CofferError as error:
            return self._frame.show_case(visit, refused=error)
        return to(f"{case_path(visit.the_case.id)}{asked_again(visit)}")

    def _explain(self, visit: Visit) -> None:
        case, office = visit.the_case, self._frame.office
        place = place_of(visit, office.next_step(case, visit.now))
        authorization = parse_authorization(case.at(place).note, "request")
        kept = read_kept(office.vault, authorization.commitment, office.state())
        name = visit.form.text("custodian")
        asked = [] if kept is None else [one for one in kept.questions if one.custodian == name]
        if kept is None or not asked:
            raise Refused("question: no such custodian asked anything", code="form")
        is_new = name in {one.custodian for one in kept.open_questions}
        explanation = explain_once(office.vault, kept, asked[0], visit.form.text(f"explanation-{name}"))
        with office.custodians() as custodians:
            send_kept(office.vault, authorization, custodians)  # whoever is silent gets it when the desk reminds
        if is_new:
            values = place.values | {"custodian": name}
            event = NewEvent(did=Did.EXPLAINED, values=values, texts={"note": explanation.text})
            office.flow.apply(case.id, lambda now: Edit(case=now, events=(event,)), by=visit.person.id, now=visit.now)
