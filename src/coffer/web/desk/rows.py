"""What the list of cases, the letters and the history show. Pure.

They are values for templates, from the store and the log.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coffer.desk.case import Case, CaseId, Event
from coffer.desk.people import Person, PersonId
from coffer.desk.steps import Actor, NextStep, Step
from coffer.web.desk.saying import STATES, event_words, lacking, step_words, time_to_keep
from coffer.web.ground.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Row:
    """One case in a list.

    ``left``: seconds to the deadline. ``nobody``: what stands where nobody is missing. ``asks``: whose question waits.
    """

    id: CaseId
    number: str
    about: str
    authority: str
    due: dt.datetime | None
    left: float
    state: str
    kind: str
    is_late: bool
    lacks: tuple[str, ...]
    nobody: str
    step: str
    needs_desk: bool
    asks: tuple[str, ...]
    closed: dt.datetime | None


def row_of(
    case: Case,
    step: NextStep,
    klass: str,
    words: Wording,
    now: dt.datetime,
    *,
    asks: tuple[str, ...] = (),
) -> Row:
    """A case in a list.

    ``klass``: the word for how urgent its order is. ``asks``: whose question about it waits.
    """
    _ = words.gettext
    state, kind = STATES[step.state]
    missing = lacking(step, words)
    nobody = _("not sent") if step.step in {Step.FINISH_DRAFT, Step.SEND} else _("nobody")
    return Row(
        id=case.id,
        number=case.number,
        about=f"{klass}, {case.authority}",
        authority=case.authority,
        due=case.due,
        left=(case.due - now).total_seconds() if case.due is not None else 0.0,
        state=_(state),
        kind=kind,
        is_late=step.is_late,
        lacks=missing,
        nobody=nobody,
        step=time_to_keep(step.until, now, words)
        if step.step is Step.WAIT_FOR_KEEPERS and step.until is not None
        else step_words(step, words),
        needs_desk=step.actor is Actor.DESK or bool(asks),
        asks=asks,
        closed=case.closed,
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Line:
    """One line of a history. ``more``: what was written to it."""

    text: str
    time: dt.datetime
    more: tuple[str, ...]


def lines_of(
    events: Sequence[Event], people: Mapping[PersonId, Person], names: Callable[[Person], str], words: Wording
) -> list[Line]:
    """The history, the newest first. ``names``: how a person is called here."""
    _ = words.gettext

    def who(event: Event) -> str:
        if event.by is None:
            return _("The desk")
        person = people.get(event.by)
        return names(person) if person is not None else _("somebody who is gone")

    return [
        Line(text=event_words(event, who, words), time=event.time, more=_more(event, words))
        for event in reversed(events)
    ]


def _more(event: Event, words: Wording) -> tuple[str, ...]:
    _ = words.gettext
    said = []
    if "note" in event.texts:
        said += event.texts["note"].splitlines()
    signers = [str(value) for name, value in sorted(event.values.items()) if name.startswith("signer-")]
    if signers:
        said.append(_("Signed by %(names)s.") % {"names": words.names(signers)})
    if "name" in event.texts:
        said.append(event.texts["name"])
    if "passkey-signature" in event.texts:
        said.append(_("Agreed to by passkey; the signature is kept."))
    if "message" in event.texts:
        said.append(event.texts["message"])
    return tuple(said)
