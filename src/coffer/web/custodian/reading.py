"""The requests of a custodian as its pages show them. Reads what its machine holds; decides nothing."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.authority.countersign import signers_of
from coffer.authority.due import deadline_of
from coffer.authority.hold import Requested
from coffer.custodian.approvals import Approvals
from coffer.custodian.marks import Marks
from coffer.custodian.people import People
from coffer.custody.check_words import check_words
from coffer.custody.earlier import earlier_of_case, history_of
from coffer.custody.review import parse_requested
from coffer.errors import CofferError, NotProven
from coffer.ledger.entries import NAME_DIGITS, Commitment
from coffer.ledger.retention import retention_of
from coffer.ledger.state import State
from coffer.web.custodian.office import Office, here_within, names_of, steadily
from coffer.web.custodian.views import Days, DecidedRow, Earlier, Review, Row, Stage
from coffer.web.ground.asked import differences, read_terms
from coffer.web.ground.ordered import urgency_words
from coffer.web.ground.signers import Member, read_rule
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import Wording

DECIDED_WITHIN: Final = dt.timedelta(days=30)
PAGE: Final = 100
"""Requests on one page of the list: as many as a desk sends in a day. Thousands on one page would hold the machine."""
DIGITS: Final = re.compile(f"[0-9a-f]{{{NAME_DIGITS}}}")


def digits_of(commitment: Commitment) -> str:
    """How an address names a request: the digits by which people name it everywhere."""
    return commitment.hex()[:NAME_DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """The requests that lie here, each read once. ``kept``: those that wait, then those decided."""

    waiting: tuple[Authorization, ...]
    kept: tuple[Authorization, ...]


def read_here(office: Office) -> Here:
    """All of them, as they are now."""
    keys, requests = office.service.keys, office.machine.requests
    waiting = tuple(requests.notes(keys))
    return Here(waiting=waiting, kept=(*waiting, *requests.decided(keys)))


def find(office: Office, digits: str) -> Authorization | None:
    """A request that waits or was decided here, by its digits."""
    if not DIGITS.fullmatch(digits):
        return None
    return office.machine.requests.begins_with(digits, office.service.keys)


def queue(office: Office, waiting: Sequence[Authorization], page: int, you: int, words: Wording) -> list[Row]:
    """What waits, by deadline: a page of ``waiting``, from 1."""
    keys, now = office.service.keys, office.clock()
    notes = page_of(waiting, page)
    kept = [*waiting, *office.machine.requests.decided(keys)]
    approvals, people = office.machine.folder.decided(keys), office.clerks.people()
    known, rows = office.machine.folder.authorities(keys), []
    for note in notes:
        marks = _marks(office, note.commitment)
        agreed = approvals.agreed_by(note.commitment)
        due = deadline_of(note.terms)
        rows.append(
            Row(
                digits=digits_of(note.commitment),
                asked=read_terms(note.terms, words, marked=mark_authority(note.terms, known, words)),
                authority=note.terms.authority,
                due=due,
                seconds_left=int((due - now).total_seconds()),
                is_expired=now >= note.terms.expires,
                urgency=urgency_words(note.terms, words),
                ordinal_of_case=_number_in_case(note, kept),
                read_by=names_of(people, _others(_readers(marks), you)),
                is_read_by_you=you in _readers(marks),
                agreed=names_of(people, _others(agreed, you)),
                is_agreed_by_you=you in agreed,
                needed=who_could(people, agreed, you, now),
                missing=max(0, people.required - len(agreed)),
                is_protected=bool(protected_lines(office, note)),
            )
        )
    return rows


def page_of(waiting: Sequence[Authorization], page: int) -> Sequence[Authorization]:
    """The requests that one page of the list shows."""
    return waiting[(page - 1) * PAGE : page * PAGE]


def pages_of(waiting: Sequence[Authorization]) -> int:
    """How many pages the list has; 1 where nothing waits."""
    return max(1, -(-len(waiting) // PAGE))


def mark_seen(office: Office, shown: Sequence[Authorization]) -> None:
    """Note of every request on a page of the list that somebody of the custodian saw it."""
    keys, now = office.service.keys, office.clock()
    for note in shown:
        office.machine.requests.mark_seen(note.commitment, now, keys)


def decided(office: Office, words: Wording) -> list[DecidedRow]:
    """What was decided in the last 30 days, the newest first."""
    keys, now, state = office.service.keys, office.clock(), office.service.state
    approvals, people = office.machine.folder.decided(keys), office.clerks.people()
    rows = []
    for note in office.machine.requests.decided(keys):
        marks = _marks(office, note.commitment)
        time = _decided_at(note, marks, approvals)
        if (time or note.terms.expires) < now - DECIDED_WITHIN:
            continue
        history = steadily(partial(history_of, note, state))
        is_refused, reason = refusal_by(office, note, marks, approvals)
        rows.append(
            DecidedRow(
                digits=digits_of(note.commitment),
                asked=read_terms(note.terms, words),
                is_refused=is_refused,
                was_approved=note.commitment in approvals.approved,
                reason=reason_words(reason, words),
                agreed=names_of(people, approvals.agreed_by(note.commitment)),
                history=history,
                is_expired=now >= note.terms.expires,
                time=time,
            )
        )
    return sorted(rows, key=lambda row: row.time or dt.datetime.min.replace(tzinfo=dt.UTC), reverse=True)


def review(office: Office, note: Authorization, here: Here, you: int, words: Wording) -> Review:
    """One request, from the bytes that this machine holds and the log as it was last followed.

    Raises:
        MalformedInput, NotProven, Refused: it is no request of this vault's desk.
    """
    keys, now, state = office.service.keys, office.clock(), office.service.state
    parse_requested(note.note.raw, state, "request")
    roster = state.rosters[note.terms.roster]
    people, approvals = office.clerks.people(), office.machine.folder.decided(keys)
    marks, agreed = _marks(office, note.commitment), approvals.agreed_by(note.commitment)
    waiting, kept = here.waiting, here.kept
    known = office.machine.folder.authorities(keys)
    asked = read_terms(note.terms, words, marked=mark_authority(note.terms, known, words, custodian=office.name))
    is_refused, reason = refusal_by(office, note, marks, approvals)
    stage = stage_of(office, note, approvals, people, you, is_refused=is_refused)
    earlier = _earlier(office, note, kept, approvals, words)
    received, due = (marks.held if marks else None), deadline_of(note.terms)
    places = [one.commitment for one in waiting]
    case, same = _earlier_uses(note, kept, state)
    signed = signers_of(note, roster)
    text = note.note.text.decode("utf-8")
    after = {*signed, office.name}
    return Review(
        digits=digits_of(note.commitment),
        version=_version(office, note, approvals, people),
        asked=asked,
        text=text,
        line_count=text.count("\n"),
        stage=stage,
        due=due,
        is_due=due < note.terms.expires,
        urgency=urgency_words(note.terms, words),
        received=received,
        share=share_of(received or note.terms.not_before, due, now),
        seconds_left=int((due - now).total_seconds()),
        place=places.index(note.commitment) + 1 if note.commitment in places else 0,
        waiting=len(places),
        words=check_words(note, office.name, marks.nonce) if marks else (),
        requester=note.terms.requester.name,
        files=office.machine.requests.order_files(note, keys),
        protected=protected_lines(office, note),
        protected_size=_protected_size(office),
        days=days_of(note, state, now.date()),
        history=steadily(partial(history_of, note, state)),
        case_uses=len(case),
        case_records=sum(case),
        subject_uses=len(same),
        earlier=earlier,
        changed=frozenset(one.key for one in earlier.differences if one.key) if earlier else frozenset(),
        parts=read_rule(note.terms, roster, signed, words, members=_members(office, note, stage, words)),
        agreed=names_of(people, agreed),
        is_agreed_by_you=you in agreed,
        needed=who_could(people, agreed, you, now),
        missing=max(0, people.required - len(agreed)),
        required=people.required,
        completes=len(agreed) + 1 >= people.required,
        refused_by=office.name if is_refused else "",
        reason=reason_words(reason, words),
        read_by=names_of(people, _others(_readers(marks), you)),
        is_rule_met_after=all(part.is_met for part in read_rule(note.terms, roster, sorted(after), words)),
    )


def version_of(office: Office, note: Requested) -> str:
    """What ``Review.version`` says now."""
    approvals = office.machine.folder.decided(office.service.keys)
    return _version(office, note, approvals, office.clerks.people())


def _version(office: Office, note: Requested, approvals: Approvals, people: People) -> str:
    """A hash over what a person decides on.

    It covers text, signatures, revocation, refusals, agreements and the protected list.
    """
    state, commitment = office.service.state, note.commitment
    refusals = [body.custodian for _, body in list(state.refusals) if body.authorization == commitment]
    parts = [
        note.note.raw.hex(),
        f"revoked {commitment in state.revoked}",
        f"refused {','.join(sorted(refusals))} {commitment in approvals.withdrawn}",
        f"agreed {approvals.agreed_by(commitment)} of {people.required}, {commitment in approvals.approved}",
        f"protected {protected_lines(office, note)}",
        f"expired {office.clock() >= note.terms.ends}",
        f"hold {_hold_standing(office, note)}",
    ]
    return wire.digest("\n".join(parts).encode("utf-8")).hex()[:32]


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


def _members(office: Office, note: Authorization, stage: Stage, words: Wording) -> dict[str, Member]:
    """What is known here of each custodian.

    Known are signatures on the note, refusals in the log, and this custodian's own state.
    """
    _, state = words.gettext, office.service.state
    roster, required = state.rosters[note.terms.roster], office.clerks.people().required
    signed = signers_of(note, roster)
    reasons = {body.custodian: body.reason for _, body in list(state.refusals) if body.authorization == note.commitment}
    members = {}
    for name in roster.names:
        if name == office.name:
            members[name] = _own_member(name, stage, words, required)
        elif name in reasons:
            members[name] = Member(name=name, text=_("refused"), kind="bad", note=reason_words(reasons[name], words))
        elif name in signed:
            members[name] = Member(name=name, text=_("signed"), kind="ok")
        else:
            members[name] = Member(name=name, text=_("not known here"), kind="")
    return members


def _own_member(name: str, stage: Stage, words: Wording, required: int) -> Member:
    _ = words.gettext
    match stage:
        case "approved":
            return Member(name=name, text=_("signed"), kind="ok")
        case "refused" | "unlogged":
            return Member(name=name, text=_("refused"), kind="bad")
        case "revoked" | "expired":
            return Member(name=name, text=_("over"), kind="")
        case "agreed":
            return Member(
                name=name, text=_("in part"), kind="wait", note=_("A second person of your office must agree.")
            )
        case _:
            note = _("Two persons of your office must agree.") if required > 1 else ""
            return Member(name=name, text=_("you, now"), kind="wait", note=note)


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


def who_could(people: People, agreed: Sequence[int], you: int, now: dt.datetime) -> tuple[str, ...]:
    """The others who are here and have not agreed."""
    here = here_within(people, now, now + dt.timedelta(seconds=1))
    return tuple(person.name for person in here if person.ordinal not in {*agreed, you})


def _others(ordinals: Sequence[int], you: int) -> list[int]:
    return [ordinal for ordinal in ordinals if ordinal != you]


def _readers(marks: Marks | None) -> list[int]:
    return [number for number, _ in marks.readers] if marks else []


def _marks(office: Office, commitment: Commitment) -> Marks | None:
    try:
        return office.machine.requests.marks(commitment, office.service.keys)
    except NotProven:  # then there are no check words to show, and the page says so
        return None


def protected_lines(office: Office, note: Requested) -> tuple[int, ...] | None:
    """The lines, from 1, of subjects on the custodian's own list; None if the list is damaged."""
    try:
        protected = office.machine.folder.protected(office.service.keys)
    except CofferError:  # then this custodian answers nothing, and the page says so
        return None
    return tuple(line for line, subject in enumerate(note.terms.subjects, 1) if protected.has(subject.sid))


def _protected_size(office: Office) -> int:
    try:
        return len(office.machine.folder.protected(office.service.keys).members)
    except CofferError:
        return 0


def refusal_by(office: Office, note: Requested, marks: Marks | None, approvals: Approvals) -> tuple[bool, str]:
    """Whether this custodian refused, and the reason where one is known."""
    logged = [
        body.reason
        for _, body in list(office.service.state.refusals)
        if (body.authorization, body.custodian) == (note.commitment, office.name)
    ]
    noted = marks.said_no[0] if marks and marks.said_no else ""
    return bool(logged) or note.commitment in approvals.withdrawn, logged[0] if logged else noted


def _decided_at(note: Authorization, marks: Marks | None, approvals: Approvals) -> dt.datetime | None:
    if marks is not None and marks.said_no is not None:
        return marks.said_no[1]
    if marks is not None and marks.signed is not None:
        return marks.signed
    completed = approvals.completed.get(note.commitment)
    return completed.time if completed else None


def _before(note: Authorization, kept: Sequence[Authorization]) -> list[Authorization]:
    """The requests of the same case before this one, the newest first.

    ``kept`` holds those that wait before the decided ones.

    Of two that come into force in the same second, one that was decided comes before one that waits.
    """
    places = {one.commitment: -place for place, one in enumerate(kept)}
    mine = (note.terms.not_before, places.get(note.commitment, 1))
    case = {one.commitment: one for one in earlier_of_case(note, kept)}.values()
    before = [(one.terms.not_before, places[one.commitment], one.commitment, one) for one in case]
    earlier = [item for item in before if item[:2] < mine]
    return [one for *_, one in sorted(earlier, key=lambda item: item[:3], reverse=True)]


def _number_in_case(note: Authorization, kept: Sequence[Authorization]) -> int:
    return 1 + len(_before(note, kept))


def _earlier(
    office: Office, note: Authorization, kept: Sequence[Authorization], approvals: Approvals, words: Wording
) -> Earlier | None:
    before = _before(note, kept)
    if not before:
        return None
    last = before[0]
    marks = _marks(office, last.commitment)
    is_refused, reason = refusal_by(office, last, marks, approvals)
    return Earlier(
        number=_number_in_case(last, kept),
        is_refused=is_refused,
        reason=reason_words(reason, words),
        was_approved=last.commitment in approvals.approved,
        time=_decided_at(last, marks, approvals),
        differences=differences(last.terms, note.terms, words),
    )


def _earlier_uses(note: Authorization, kept: Sequence[Authorization], state: State) -> tuple[list[int], list[int]]:
    """The records of each opening of the case's other requests.

    With them go requests that asked about the same subjects.
    """
    sids = {subject.sid for subject in note.terms.subjects}
    case = {one.commitment for one in earlier_of_case(note, kept)}
    of_case, of_subjects = [], []
    for other in {one.commitment: one for one in kept if one.commitment != note.commitment}.values():
        is_same = not sids.isdisjoint(subject.sid for subject in other.terms.subjects)
        if other.commitment not in case and not is_same:
            continue
        records = [
            use.drawn if use.records is None else use.records
            for use in steadily(partial(history_of, other, state)).uses
        ]
        of_case += records if other.commitment in case else []
        of_subjects += records if is_same else []
    return of_case, of_subjects


def is_as_shown(office: Office, note: Requested, version: str) -> bool:
    """Whether nothing changed after a form with this version was shown.

    If something did, it is read again first.
    """
    return version == version_of(office, note)
