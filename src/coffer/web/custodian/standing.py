"""How a note stands at this custodian, and which version of that a page showed. Decides nothing."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from coffer import wire
from coffer.authority.hold import Requested
from coffer.custodian.approvals import Agreeable, Approvals, Ratification
from coffer.custodian.marks import Marks
from coffer.custodian.people import People
from coffer.errors import CofferError, NotProven
from coffer.ledger.debts import Debt
from coffer.ledger.entries import NAME_DIGITS, Commitment
from coffer.ledger.retention import retention_of
from coffer.ledger.state import State
from coffer.web.custodian.office import Office, here_within, steadily
from coffer.web.custodian.views import Days, Stage
from coffer.web.ground.wording import Wording

DIGITS: Final = re.compile(f"[0-9a-f]{{{NAME_DIGITS}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decidable:
    """What a page asks to decide: a request or a hold; with a ``debt``, what was opened under a request."""

    note: Requested
    debt: Debt | None = None

    @property
    def commitment(self) -> Commitment:
        """Of its note."""
        return self.note.commitment

    @property
    def about(self) -> Agreeable:
        """What a person agrees to."""
        if self.debt is None:
            return self.note.commitment
        return Ratification(commitment=self.note.commitment, intent=self.debt.index)


def digits_of(commitment: Commitment) -> str:
    """How an address names a request: the digits by which people name it everywhere."""
    return commitment.hex()[:NAME_DIGITS]


def is_as_shown(office: Office, item: Decidable, version: str) -> bool:
    """Whether nothing changed after a form with this version was shown.

    If something did, it is read again first.
    """
    return version == version_of(office, item)


def version_of(office: Office, item: Decidable) -> str:
    """A hash over what a person decides on.

    It covers text, signatures, revocation, refusals, agreements and the protected list; of a hold how it stands in the
    log, of an emergency what was opened and who ratified it.
    """
    state, note, commitment = office.service.state, item.note, item.commitment
    approvals, people = office.machine.folder.decided(office.service.keys), office.clerks.people()
    refusals = [body.custodian for _, body in list(state.refusals) if body.authorization == commitment]
    parts = [
        note.note.raw.hex(),
        f"revoked {commitment in state.revoked}",
        f"refused {','.join(sorted(refusals))} {commitment in approvals.withdrawn}",
        f"agreed {approvals.agreed_by(commitment)} of {people.required}, {commitment in approvals.approved}",
        f"protected {protected_lines(office, note)}",
        f"expired {office.clock() >= note.terms.ends}",
        f"hold {_hold_standing(office, note)}",
        f"emergency {_debt_standing(office, item.debt, approvals)}",
    ]
    return wire.digest("\n".join(parts).encode("utf-8")).hex()[:32]


def _debt_standing(office: Office, debt: Debt | None, approvals: Approvals) -> str:
    """Who ratified an emergency, in the log and here, and what was opened; empty without one."""
    if debt is None:
        return ""
    now, opening = office.service.state.debts[debt.index], office.service.state.openings[debt.index]
    about = Ratification(commitment=debt.authorization, intent=debt.index)
    opened = (None if opening.draw is None else opening.draw.records, opening.close is not None)
    return f"{now.ratified} {now.paid_index} {opened} {approvals.agreed_by(about)} {about in approvals.ratified}"


def _hold_standing(office: Office, note: Requested) -> str:
    """How a hold stands in the log, and who keeps for the term of this note; empty for a request."""
    state = office.service.state
    logged = steadily(partial(state.hold_of, note.commitment))
    term = None if logged is None else logged.term(note.commitment)
    return "" if logged is None or term is None else f"{state.hold_status(logged, office.clock())} {term.holders}"


def stage_of(
    office: Office, note: Requested, approvals: Approvals, people: People, you: int, *, is_refused: bool
) -> Stage:
    """What can still happen to a request here."""
    commitment, state = note.commitment, office.service.state
    if is_refused:
        return "refused" if is_refusal_told(office, note) else "unlogged"
    if commitment in state.revoked:
        return "revoked"
    if office.clock() >= note.terms.ends:
        return "expired"
    if commitment in approvals.approved:
        return "approved"
    if not people.required:
        return "terminal"
    return "agreed" if you in approvals.agreed_by(commitment) else "open"


def is_refusal_told(office: Office, note: Requested) -> bool:
    """Whether the log shows this custodian's refusal, or will once the operator fetches it."""
    waits = f"refuse-{note.commitment.hex()}" in office.machine.waiting_names()
    return waits or office.service.state.is_refused(note.commitment, office.name)


def refusal_by(office: Office, note: Requested, marks: Marks | None, approvals: Approvals) -> tuple[bool, str]:
    """Whether this custodian refused, and the reason where one is known."""
    logged = [
        body.reason
        for _, body in list(office.service.state.refusals)
        if (body.authorization, body.custodian) == (note.commitment, office.name)
    ]
    noted = marks.said_no[0] if marks and marks.said_no else ""
    return bool(logged) or note.commitment in approvals.withdrawn, logged[0] if logged else noted


def decided_at(note: Requested, marks: Marks | None, approvals: Approvals) -> dt.datetime | None:
    """When this custodian decided on a request, as far as that is known."""
    if marks is not None and marks.said_no is not None:
        return marks.said_no[1]
    if marks is not None and marks.signed is not None:
        return marks.signed
    completed = approvals.completed.get(note.commitment)
    return completed.time if completed else None


def marks_of(office: Office, commitment: Commitment) -> Marks | None:
    """What is noted about a request; None if nothing is, or somebody changed it."""
    try:
        return office.machine.requests.marks(commitment, office.service.keys)
    except NotProven:  # then there are no check words to show, and the page says so
        return None


def readers_of(marks: Marks | None) -> list[int]:
    """The persons who opened it."""
    return [number for number, _ in marks.readers] if marks else []


def others(ordinals: Sequence[int], you: int) -> list[int]:
    """Everybody of these but you."""
    return [ordinal for ordinal in ordinals if ordinal != you]


def who_could(people: People, agreed: Sequence[int], you: int, now: dt.datetime) -> tuple[str, ...]:
    """The others who are here and have not agreed."""
    here = here_within(people, now, now + dt.timedelta(seconds=1))
    return tuple(person.name for person in here if person.ordinal not in {*agreed, you})


def share_of(begins: dt.datetime, due: dt.datetime, now: dt.datetime) -> float:
    """Of the time between the two, what has passed: 0 to 1."""
    whole = (due - begins).total_seconds()
    return 1.0 if whole <= 0 else min(1.0, max(0.0, (now - begins).total_seconds() / whole))


def days_of(note: Requested, state: State, today: dt.date) -> Days:
    """How the days that a note asks about stand."""
    retention = steadily(partial(retention_of, state))
    days = note.terms.all_days
    gone = tuple(day for day in days if retention.is_over(day, today))
    kept = [day for day in days if day not in gone]
    first = min((day + dt.timedelta(days=retention.days(day)) for day in kept), default=None)
    return Days(gone=gone, ahead=tuple(day for day in kept if day > today), first_dies=first)


def protected_lines(office: Office, note: Requested) -> tuple[int, ...] | None:
    """The lines, from 1, of subjects on the custodian's own list; None if the list is damaged."""
    try:
        protected = office.machine.folder.protected(office.service.keys)
    except CofferError:  # then this custodian answers nothing, and the page says so
        return None
    return tuple(line for line, subject in enumerate(note.terms.subjects, 1) if protected.has(subject.sid))


def protected_size(office: Office) -> int:
    """How many entries the custodian's own list has; 0 if it is damaged."""
    try:
        return len(office.machine.folder.protected(office.service.keys).members)
    except CofferError:
        return 0


def reason_words(reason: str, words: Wording) -> str:
    """The public word of a refusal, and what it means; empty if it is not known."""
    _ = words.gettext
    return {
        "scope": _("Scope: it asks more than is needed"),
        "time": _("Time: too late, too early, or expired"),
        "form": _("Form: the order is missing, unsigned or differs"),
        "merit": _("Merit: its reasons do not convince"),
        "held": _("Held: what it asks for is not kept"),
        "law": _("Law: the law does not allow it"),
        "unclear": _("Unclear: it does not say enough to find the data"),
    }.get(reason, reason)
