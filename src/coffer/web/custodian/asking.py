"""What a custodian's people ask the desk, what it explained, and earlier requests of a subject.

It decides nothing.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.authority.hold import Requested
from coffer.custody.again import Again, AgainWord
from coffer.custody.earlier import earlier_of_subjects, history_of
from coffer.custody.questions import composed_told
from coffer.errors import CofferError, MalformedInput
from coffer.ledger.entries import NAME_DIGITS
from coffer.web.custodian.office import Office, steadily
from coffer.web.custodian.standing import marks_of
from coffer.web.custodian.views import Stage
from coffer.web.ground.again import again_words
from coffer.web.ground.forms import Form
from coffer.web.ground.wording import Wording

MOST_SHOWN: Final = 10
"""Earlier requests of the same subjects on a page, the newest first."""
_MAY_ASK: Final = ("open", "agreed", "approved", "terminal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One question with what the desk explained; ``explained`` is None while it has not."""

    custodian: str
    text: str
    asked: dt.datetime
    explanation: str
    explained: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """All questions about a request that are known here. ``may_ask``: this custodian has not asked yet."""

    said: tuple[Said, ...]
    may_ask: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """An earlier request about one of the subjects. ``lines``: what became of it, a sentence each."""

    digits: str
    since: dt.date
    lines: tuple[str, ...]


def beside(
    office: Office, note: Authorization, kept: Sequence[Authorization], stage: Stage, words: Wording
) -> dict[str, Any]:
    """What the page of a request shows beside it. ``kept``: the requests that lie here."""
    return {"talk": talk_of(office, note, stage), "same": same_subjects(office, note, kept, words)}


def ask_desk(office: Office, note: Requested, you: int, text: str) -> None:
    """Ask what somebody typed. A form that was sent twice asks once.

    Raises:
        MalformedInput, Refused: as ``Clerks.ask``.
    """
    asked = office.machine.requests.questions.question(note.commitment, office.service.keys)
    if asked is None or composed_told(text, "question") != asked.text:
        office.clerks.ask(note.commitment, you, text, office.clock())


def talk_of(office: Office, note: Authorization, stage: Stage) -> Talk:
    """What was asked and explained; nothing where somebody changed the files."""
    keys, questions = office.service.keys, office.machine.requests.questions
    roster = office.service.state.rosters[note.terms.roster]
    try:
        own = questions.question(note.commitment, keys)
        explained = questions.explanations(note.commitment, note.terms.requester, roster, keys)
    except CofferError:
        return Talk(said=(), may_ask=False)
    said = [
        Said(
            custodian=one.question.custodian,
            text=one.question.text,
            asked=one.question.asked,
            explanation=one.text,
            explained=one.time,
        )
        for one in explained
    ]
    if own is not None and own not in [one.question for one in explained]:
        said.append(Said(custodian=own.custodian, text=own.text, asked=own.asked, explanation="", explained=None))
    return Talk(said=tuple(said), may_ask=own is None and stage in _MAY_ASK)


def same_subjects(
    office: Office, note: Authorization, kept: Sequence[Authorization], words: Wording
) -> tuple[Same, ...]:
    """Earlier requests about a subject of this one that are kept here, the newest first."""
    same = earlier_of_subjects(note, kept)[:MOST_SHOWN]
    return tuple(
        Same(
            digits=one.commitment.hex()[:NAME_DIGITS],
            since=one.terms.not_before.date(),
            lines=_became(office, one, words),
        )
        for one in same
    )


def _became(office: Office, one: Authorization, words: Wording) -> tuple[str, ...]:
    _, keys, lines = words.gettext, office.service.keys, list[str]()
    history = steadily(partial(history_of, one, office.service.state))
    marks = marks_of(office, one.commitment)
    refused = dict(history.refusals)
    if office.name in refused or (marks is not None and marks.said_no is not None):
        lines.append(_("Refused by your office."))
        if marks is not None and marks.again is not None:
            lines.append(again_words(marks.again, words))
    elif one.commitment in office.machine.folder.decided(keys).approved:
        lines.append(_("Approved by your office."))
    others = [name for name in refused if name != office.name]
    if others:
        lines.append(_("Refused by %(names)s, as the log says.") % {"names": words.names(others)})
    if history.is_revoked:
        lines.append(_("Revoked."))
    if history.uses:
        lines.append(
            words.ngettext("%(num)s record was opened.", "%(num)s records were opened.", history.drawn)
            % {"num": words.number(history.drawn)}
        )
    return tuple(lines) or (_("Not decided here."),)


def read_again(form: Form) -> Again | None:
    """What a refusal says about coming again; None if nothing was chosen.

    Raises:
        MalformedInput: later, and no day.
    """
    chosen = form.text("again")
    if not chosen:
        return None
    if chosen == AgainWord.LATER:
        return Again(word=AgainWord.LATER, later=wire.parse_day(form.text("again-day"), "again"))
    if chosen not in {word.value for word in AgainWord}:
        raise MalformedInput("again: expected one of the choices")
    return Again(word=AgainWord(chosen))
