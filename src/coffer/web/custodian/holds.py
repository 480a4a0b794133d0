"""The holds of a custodian as its pages show them. Reads what its machine holds; decides nothing."""

from functools import partial
from typing import Any, Final, cast

from coffer.authority.countersign import signers_of
from coffer.authority.hold import Hold
from coffer.custodian.approvals import Approvals
from coffer.custodian.held_here import first_note, held_here
from coffer.custodian.people import People
from coffer.custody.review import parse_requested
from coffer.errors import NotProven, Refused
from coffer.ledger.holds import HoldStatus, LoggedHold, Term
from coffer.ledger.roster import Roster
from coffer.web.custodian.deciding import Matter
from coffer.web.custodian.office import Office, names_of, steadily
from coffer.web.custodian.standing import (
    DIGITS,
    Decidable,
    days_of,
    digits_of,
    protected_lines,
    reason_words,
    refusal_by,
    share_of,
    stage_of,
    version_of,
    who_could,
)
from coffer.web.custodian.views import HoldReview, HoldRow, HoldStage
from coffer.web.ground.preserved import read_hold
from coffer.web.ground.signers import Member, read_rule
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import Wording

MOST_SHOWN: Final = 100
"""Holds in the list, those that end first. One custodian keeps for at most 1,024; more than some are rare."""
_OPEN: Final = (HoldStatus.BEGUN, HoldStatus.IN_FORCE)


def find_hold(office: Office, digits: str) -> Decidable | None:
    """A hold that waits, was decided, or is kept here, by its digits."""
    if not DIGITS.fullmatch(digits):
        return None
    keys, files = office.service.keys, office.machine.folder.holds
    for commitment in (*files.waiting_commitments(), *files.commitments()):
        if commitment.hex().startswith(digits):
            note = files.waiting_note(commitment, keys) or first_note(office.machine.folder, keys, commitment)
            if note is not None:
                return Decidable(note=note)
    return None


def hold_rows(office: Office, you: int, words: Wording) -> list[HoldRow]:
    """The holds that stand in the log and wait or are kept here, those that end first at the head."""
    keys, now, folder = office.service.keys, office.clock(), office.machine.folder
    notes = {note.commitment: note for note in folder.holds.waiting(keys)}
    for commitment in folder.holds.commitments():
        if commitment not in notes and (note := first_note(folder, keys, commitment)) is not None:
            notes[commitment] = note
    approvals, people, known = folder.decided(keys), office.clerks.people(), folder.authorities(keys)
    rows = []
    for note in sorted(notes.values(), key=lambda one: (one.terms.until, one.commitment)):
        place = _place(office, note)
        if place is None or office.service.state.hold_status(place[0], now) not in _OPEN:
            continue
        logged, term = place
        stage = _hold_stage(office, note, place, approvals, people, you)
        agreed = approvals.agreed_by(note.commitment)
        rows.append(
            HoldRow(
                digits=digits_of(note.commitment),
                asked=read_hold(note.terms, words, marked=mark_authority(note.terms, known, words)),
                authority=note.terms.authority,
                until=note.terms.until,
                stage=stage,
                agreed=names_of(people, agreed),
                missing=max(0, people.required - len(agreed)),
                at_most=dict(term.held).get(office.name, 0),
                dies=logged.kept_until(office.name, office.service.state.rosters[logged.entry.roster], now),
            )
        )
    return rows[:MOST_SHOWN]


def review_hold(office: Office, note: Hold, you: int, words: Wording) -> HoldReview:
    """One hold, from the bytes that this machine holds and the log as it was last followed.

    Raises:
        MalformedInput, NotProven, Refused: it is no hold of this vault's desk, or the log has none of it.
    """
    keys, now, state, folder = office.service.keys, office.clock(), office.service.state, office.machine.folder
    parse_requested(note.note.raw, state, "hold")
    place = _place(office, note)
    if place is None:
        raise Refused("hold: the log has no such hold", code="log")
    logged, term = place
    roster = state.rosters[note.terms.roster]
    people, approvals = office.clerks.people(), folder.decided(keys)
    agreed, known = approvals.agreed_by(note.commitment), folder.authorities(keys)
    stage = _hold_stage(office, note, place, approvals, people, you)
    text = note.note.text.decode("utf-8")
    return HoldReview(
        digits=digits_of(note.commitment),
        version=version_of(office, Decidable(note=note)),
        asked=read_hold(note.terms, words, marked=mark_authority(note.terms, known, words, custodian=office.name)),
        text=text,
        line_count=text.count("\n"),
        stage=stage,
        status=state.hold_status(logged, now),
        is_extension=note.terms.extends is not None,
        until=note.terms.until,
        ends=logged.until(roster),
        logged_at=term.time,
        joined_by=term.to_be_joined_by,
        share=share_of(term.time, note.terms.until, now),
        seconds_left=int((note.terms.until - now).total_seconds()),
        requester=note.terms.requester.name,
        signed=_signed(office, note, roster),
        protected=protected_lines(office, note),
        days=days_of(note, state, now.date()),
        parts=read_rule(note.terms, roster, term.holders, words, members=_members(office, note, term, stage, words)),
        agreed=names_of(people, agreed),
        needed=who_could(people, agreed, you, now),
        completes=len(agreed) + 1 >= people.required,
        reason=reason_words(refusal_by(office, note, None, approvals)[1], words),
        here=steadily(partial(held_here, folder, note, state, now)),
        at_most=dict(term.held).get(office.name, 0),
    )


def _signed(office: Office, note: Hold, roster: Roster) -> tuple[str, ...]:
    """The custodians whose signature is here: on the hold as it came, or as it was signed here."""
    try:
        own = office.machine.requests.decided_note(note.commitment, office.service.keys)
    except NotProven:  # somebody changed the file: then it is not here
        own = None
    signers = {name for one in (note, own) if one is not None for name in signers_of(one, roster)}
    return tuple(name for name in roster.names if name in signers)


def _place(office: Office, note: Hold) -> tuple[LoggedHold, Term] | None:
    """The hold in the log that this note made or extends, and its term."""
    logged = steadily(partial(office.service.state.hold_of, note.commitment))
    term = None if logged is None else logged.term(note.commitment)
    return None if logged is None or term is None else (logged, term)


def _hold_stage(
    office: Office, note: Hold, place: tuple[LoggedHold, Term], approvals: Approvals, people: People, you: int
) -> HoldStage:
    logged, term = place
    is_refused, _ = refusal_by(office, note, None, approvals)
    stage = cast("HoldStage", stage_of(office, note, approvals, people, you, is_refused=is_refused))
    now, is_kept = office.clock(), office.name in term.holders
    if office.service.state.hold_status(logged, now) not in _OPEN or (not is_kept and not term.may_be_joined(now)):
        return "refused" if stage == "refused" else "expired"
    return "kept" if stage == "approved" and is_kept else stage


def _members(office: Office, note: Hold, term: Term, stage: HoldStage, words: Wording) -> dict[str, Member]:
    """What the log shows of each custodian: whether it keeps for this note."""
    _, state, members = words.gettext, office.service.state, {}
    for name in state.rosters[note.terms.roster].names:
        if name in term.holders:
            members[name] = Member(name=name, text=_("keeps"), kind="ok")
        elif state.is_refused(note.commitment, name) or (name == office.name and stage in ("refused", "unlogged")):
            members[name] = Member(name=name, text=_("refused"), kind="bad")
        elif name == office.name:
            said = _("approved") if stage == "approved" else _("you, now")
            members[name] = Member(name=name, text=said, kind="wait")
        else:
            members[name] = Member(name=name, text=_("does not keep so far"), kind="")
    return members


def _read(office: Office, item: Decidable, you: int, words: Wording) -> dict[str, Any]:
    assert isinstance(item.note, Hold), "holds alone are found so"
    return {"review": review_hold(office, item.note, you, words)}


HOLDS: Final = Matter(path="/holds", template="custodian/hold.html", find=find_hold, read=_read, here="/#holds")
