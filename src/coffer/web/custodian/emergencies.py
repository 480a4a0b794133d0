"""Emergencies that this custodian may ratify, as its pages show them. Decides nothing.

An emergency is named in addresses by the index of its intent, which the log shows to everybody.
"""

import re
from typing import Any, Final

from coffer.authority.authorization import Authorization
from coffer.custodian.approvals import Approvals, Ratification
from coffer.custodian.people import People
from coffer.custody.review import may_ratify, parse_requested
from coffer.errors import NotProven
from coffer.ledger.debts import Debt, DebtStatus
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State
from coffer.web.custodian.deciding import Matter
from coffer.web.custodian.office import Office, names_of
from coffer.web.custodian.standing import (
    Decidable,
    digits_of,
    marks_of,
    reason_words,
    refusal_by,
    share_of,
    version_of,
    who_could,
)
from coffer.web.custodian.views import EmergencyReview, EmergencyRow, EmergencyStage, Opened
from coffer.web.ground.asked import read_terms
from coffer.web.ground.signers import Member, read_rule
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import Wording

MOST_SHOWN: Final = 100
"""In the list, those due first. A desk has at most eight that nobody ratified."""
_INDEX: Final = re.compile("0|[1-9][0-9]{0,17}")


def find_emergency(office: Office, digits: str) -> Decidable | None:
    """An emergency that this custodian may ratify, or has, by the index of its intent.

    Its request lies here, and is no amendment: no emergency rule raises a limit.
    """
    debt = office.service.state.debts.get(int(digits)) if _INDEX.fullmatch(digits) else None
    if debt is None or not _concerns(office, debt):
        return None
    note = _request(office, debt.authorization)
    return None if note is None or _is_amendment(note) else Decidable(note=note, debt=debt)


def emergency_rows(office: Office, you: int, words: Wording) -> list[EmergencyRow]:
    """The emergencies that are still owed and that this custodian may ratify, or did; by deadline."""
    state, now, keys = office.service.state, office.clock(), office.service.keys
    owed = [debt for debt in list(state.debts.values()) if debt.paid is None and _concerns(office, debt)]
    approvals, people = office.machine.folder.decided(keys), office.clerks.people()
    known, rows = office.machine.folder.authorities(keys), []
    for debt in sorted(owed, key=lambda one: (one.deadline, one.index))[:MOST_SHOWN]:
        note, about = _request(office, debt.authorization), _about(debt)
        agreed = approvals.agreed_by(about)
        rows.append(
            EmergencyRow(
                index=debt.index,
                asked=None
                if note is None or _is_amendment(note)
                else read_terms(note.terms, words, marked=mark_authority(note.terms, known, words)),
                is_amendment=note is not None and _is_amendment(note),
                opened=_opened(state, debt),
                deadline=debt.deadline,
                seconds_left=int((debt.deadline - now).total_seconds()),
                is_overdue=debt.status(max(now, state.newest)) is DebtStatus.OVERDUE,
                stage=_stage(office, debt, approvals, people, you),
                agreed=names_of(people, agreed),
                needed=who_could(people, agreed, you, now),
                is_refused=_is_refused(office, debt, approvals),
            )
        )
    return rows


def review_emergency(office: Office, note: Authorization, debt: Debt, you: int, words: Wording) -> EmergencyReview:
    """One emergency, from the bytes of its request here and the log as it was last followed.

    Raises:
        MalformedInput, NotProven, Refused: it is no request of this vault's desk.
    """
    keys, now, state = office.service.keys, office.clock(), office.service.state
    parse_requested(note.note.raw, state, "request")
    people, approvals = office.clerks.people(), office.machine.folder.decided(keys)
    known, agreed = office.machine.folder.authorities(keys), approvals.agreed_by(_about(debt))
    stage, text = _stage(office, debt, approvals, people, you), note.note.text.decode("utf-8")
    members = _members(office, debt, stage, words)
    _, reason = refusal_by(office, note, marks_of(office, note.commitment), approvals)
    return EmergencyReview(
        index=debt.index,
        digits=digits_of(note.commitment),
        version=version_of(office, Decidable(note=note, debt=debt)),
        asked=read_terms(note.terms, words, marked=mark_authority(note.terms, known, words, custodian=office.name)),
        text=text,
        line_count=text.count("\n"),
        stage=stage,
        opened=_opened(state, debt),
        deadline=debt.deadline,
        share=share_of(debt.time, debt.deadline, now),
        seconds_left=int((debt.deadline - now).total_seconds()),
        is_late=debt.status(max(now, state.newest)) in (DebtStatus.OVERDUE, DebtStatus.RATIFIED_LATE),
        requester=note.terms.requester.name,
        parts=read_rule(
            note.terms, state.rosters[debt.roster], debt.ratified, words, members=members, is_ratifying=True
        ),
        agreed=names_of(people, agreed),
        needed=who_could(people, agreed, you, now),
        completes=len(agreed) + 1 >= people.required,
        is_refused=_is_refused(office, debt, approvals),
        reason=reason_words(reason, words),
    )


def _about(debt: Debt) -> Ratification:
    return Ratification(commitment=debt.authorization, intent=debt.index)


def _concerns(office: Office, debt: Debt) -> bool:
    return may_ratify(debt, office.service.state, office.name, office.service.keys.auth.verify_key)


def _request(office: Office, commitment: Commitment) -> Authorization | None:
    """The request of an emergency, as it waits or was decided here."""
    requests, keys = office.machine.requests, office.service.keys
    try:
        note = requests.note(commitment, keys) or requests.decided_note(commitment, keys)
    except NotProven:  # somebody changed the file: then it is not here
        return None
    return note if isinstance(note, Authorization) else None


def _is_amendment(note: Authorization) -> bool:
    return note.terms.amends is not None


def _opened(state: State, debt: Debt) -> Opened:
    opening = state.openings[debt.index]
    drawn = None if opening.draw is None else opening.draw.records
    return Opened(
        requester=debt.requester,
        time=debt.time,
        records=drawn if opening.close is None else opening.close.records,
        is_closed=opening.close is not None,
    )


def _is_refused(office: Office, debt: Debt, approvals: Approvals) -> bool:
    return debt.authorization in approvals.withdrawn or office.service.state.is_refused(debt.authorization, office.name)


def _stage(office: Office, debt: Debt, approvals: Approvals, people: People, you: int) -> EmergencyStage:
    if debt.paid is not None:
        return "paid"
    if office.name in debt.ratified or _about(debt) in approvals.ratified:
        return "ratified"
    if not people.required:
        return "terminal"
    return "agreed" if you in approvals.agreed_by(_about(debt)) else "open"


def _members(office: Office, debt: Debt, stage: EmergencyStage, words: Wording) -> dict[str, Member]:
    """Who ratified, by the log; and this custodian's own state."""
    _, state, members = words.gettext, office.service.state, {}
    refused = state.disapproved_by(debt)
    for name in state.rosters[debt.roster].names:
        note = _("It refused the request, as the log says.") if name in refused else ""
        if name in debt.ratified:
            members[name] = Member(name=name, text=_("ratified"), kind="ok", note=note)
        elif name == office.name and stage == "ratified":
            members[name] = Member(name=name, text=_("ratified"), kind="ok", note=_("The log does not show it yet."))
        elif name == office.name and stage in ("open", "agreed", "terminal"):
            members[name] = Member(name=name, text=_("you, now"), kind="wait", note=note)
        elif name in refused:
            members[name] = Member(name=name, text=_("refused"), kind="bad", note=note)
        else:
            members[name] = Member(name=name, text=_("has not ratified"), kind="wait")
    return members


def _read(office: Office, item: Decidable, you: int, words: Wording) -> dict[str, Any]:
    assert isinstance(item.note, Authorization), "emergencies alone are found so"
    assert item.debt is not None, "emergencies alone are found so"
    office.machine.requests.mark_read(item.commitment, you, office.clock(), office.service.keys)
    return {"review": review_emergency(office, item.note, item.debt, you, words)}


EMERGENCIES: Final = Matter(path="/emergencies", template="custodian/emergency.html", find=find_emergency, read=_read)
