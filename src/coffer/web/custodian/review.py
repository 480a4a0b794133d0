"""One request, as its page shows it. Reads what this machine holds; decides nothing."""

from dataclasses import dataclass
from functools import partial

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import signers_of
from coffer.authority.due import deadline_of
from coffer.custody.check_words import check_words
from coffer.custody.earlier import history_of
from coffer.custody.review import parse_requested
from coffer.web.custodian.earlier import earlier_in_case, earlier_uses
from coffer.web.custodian.office import Office, names_of, steadily
from coffer.web.custodian.standing import (
    DIGITS,
    Decidable,
    days_of,
    digits_of,
    marks_of,
    others,
    protected_lines,
    protected_size,
    readers_of,
    reason_words,
    refusal_by,
    share_of,
    stage_of,
    version_of,
    who_could,
)
from coffer.web.custodian.views import Review, Stage
from coffer.web.ground.asked import read_terms
from coffer.web.ground.ordered import urgency_words
from coffer.web.ground.signers import Member, read_rule
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import Wording


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


def find(office: Office, digits: str) -> Decidable | None:
    """A request that waits or was decided here, by its digits."""
    if not DIGITS.fullmatch(digits):
        return None
    note = office.machine.requests.begins_with(digits, office.service.keys)
    return None if note is None else Decidable(note=note)


def request_of(item: Decidable) -> Authorization:
    """The request that ``find`` found."""
    assert isinstance(item.note, Authorization), "requests alone are found so"
    return item.note


def review(office: Office, note: Authorization, here: Here, you: int, words: Wording) -> Review:
    """One request, from the bytes that this machine holds and the log as it was last followed.

    Raises:
        MalformedInput, NotProven, Refused: it is no request of this vault's desk.
    """
    keys, now, state = office.service.keys, office.clock(), office.service.state
    parse_requested(note.note.raw, state, "request")
    roster = state.rosters[note.terms.roster]
    people, approvals = office.clerks.people(), office.machine.folder.decided(keys)
    marks, agreed = marks_of(office, note.commitment), approvals.agreed_by(note.commitment)
    waiting, kept = here.waiting, here.kept
    known = office.machine.folder.authorities(keys)
    asked = read_terms(note.terms, words, marked=mark_authority(note.terms, known, words, custodian=office.name))
    is_refused, reason = refusal_by(office, note, marks, approvals)
    stage = stage_of(office, note, approvals, people, you, is_refused=is_refused)
    earlier = earlier_in_case(office, note, kept, approvals, words)
    received, due = (marks.held if marks else None), deadline_of(note.terms)
    places = [one.commitment for one in waiting]
    case, same = earlier_uses(note, kept, state)
    signed = signers_of(note, roster)
    text = note.note.text.decode("utf-8")
    after = {*signed, office.name}
    return Review(
        digits=digits_of(note.commitment),
        version=version_of(office, Decidable(note=note)),
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
        protected_size=protected_size(office),
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
        read_by=names_of(people, others(readers_of(marks), you)),
        is_rule_met_after=all(part.is_met for part in read_rule(note.terms, roster, sorted(after), words)),
    )


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
