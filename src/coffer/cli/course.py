"""What became of a request, in the words of a terminal: by the log, reports and the desk."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence

from coffer import wire
from coffer.authority.authorization import MAX_RECORDS, Authorization, Terms
from coffer.authority.countersign import Footing, footing_of, may_open_at_once, rules_of, signers_of
from coffer.authority.due import deadline_of
from coffer.authority.hold import Requested
from coffer.authority.lacking import Part, Share, parts_for
from coffer.cli.debts import debt_lines, standing_of
from coffer.cli.terms import every_member
from coffer.custody.again import Again, AgainWord
from coffer.custody.earlier import Use, history_of
from coffer.custody.questions import Explanation, Question
from coffer.custody.standing import SaidNo, Standing
from coffer.ledger.entries import Commitment
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.procedures.opening.kept import Kept
from coffer.vault.desk import Desk
from coffer.visible import counted


def course_rows(
    authorization: Authorization, state: State, now: dt.datetime, *, limit: int = 0
) -> Iterator[tuple[str, str]]:
    """What the log shows of a request, and whether it is over: openings, refusals, revocation.

    ``limit``: how many records it may open by what amends it too, where that is known.
    """
    history, terms = history_of(authorization, state), authorization.terms
    for index, entry in state.refusals:
        if entry.authorization == authorization.commitment:
            yield "refused", f"by {entry.custodian} ({entry.reason}), entry {index}"
    if history.is_revoked:
        yield "revoked", "nobody answers to it any more"
    for use in history.uses:
        yield "not opened" if use.is_void else "opened", shown_use(use)
    if history.uses:
        yield "records", f"{history.drawn:,} of at most {max(limit, terms.max_records):,} opened"
    for line in debt_lines(authorization.commitment, state, now):
        yield "debt", line
    if now >= terms.expires:
        yield "expired", wire.format_time(terms.expires)


def shown_use(use: Use) -> str:
    """One opening as the log shows it."""
    if use.is_void:
        return f"{wire.format_time(use.time)}, entry {use.intent}: closed with nothing opened"
    handed = "it goes on" if use.records is None else f"{counted(use.records, 'record')} handed over"
    return f"{wire.format_time(use.time)}, entry {use.intent}: {counted(use.drawn, 'record')} drawn, {handed}"


def said_no(reports: Mapping[str, Standing]) -> dict[str, SaidNo]:
    """What custodians refused or took back by their own reports, by custodian."""
    decisions = {name: one.held.decision for name, one in reports.items() if one.held is not None}
    return {name: decision for name, decision in decisions.items() if isinstance(decision, SaidNo)}


def refusers_of(authorization: Authorization, reports: Mapping[str, Standing], state: State) -> frozenset[str]:
    """The custodians that said no: in the log, or by their own reports."""
    logged = {entry.custodian for _, entry in state.refusals if entry.authorization == authorization.commitment}
    return frozenset({*logged, *said_no(reports)})


def stage_of(
    authorization: Authorization,
    reports: Mapping[str, Standing],
    state: State,
    now: dt.datetime,
    *,
    has_key: bool,
    limit: int,
    needed: int = 0,
    untold: Collection[str] = (),
) -> str:
    """In a few words, what holds a request up, or how it ended.

    ``has_key``: it can still be opened here. ``limit``: how many records it may open, by what amends it too.
    ``needed``: as of ``needed_of``. ``untold``: custodians that decided, and the desk was not told how.
    """
    terms, history = authorization.terms, history_of(authorization, state)
    roster = state.rosters[terms.roster]
    refusers = refusers_of(authorization, reports, state)
    signers = [name for name in signers_of(authorization, roster) if name not in refusers]
    parts = parts_for(terms.subjects, roster, signers, is_hub=terms.is_hub)
    times = sum(not use.is_void for use in history.uses)
    said = [f"opened {counted(times, 'time')}, {history.drawn:,} of {limit:,} records"] if times else []
    said += [
        standing_of(debt, state, now) for debt in state.debts.values() if debt.authorization == authorization.commitment
    ]
    if history.is_revoked:
        return "; ".join([*said, "revoked"])
    if any(len([name for name in part.members if name not in refusers]) < part.needed for part in parts):
        said.append(f"refused by {', '.join(sorted(refusers))}: its rules can no more be met")
    elif now >= terms.expires:
        said.append("expired")
    elif not has_key and not history.uses:
        said.append("withdrawn by the desk")
    elif has_key:
        said += [shown_need(needed)] if needed else []
        said += [f"refused by {', '.join(sorted(refusers))}"] if refusers else []
        lacks = [lack_of(part, without=refusers) for part in parts if not part.is_met]
        footings = {footing_of(name, roster, signers, terms) for name in rules_of(terms.subjects, roster)}
        if lacks and history.uses:
            return "; ".join(
                said
            )  # what was opened was signed; what is missing is in a copy that the desk has not seen
        if lacks and Footing.NONE not in footings:
            said.append("signed for an emergency, if the authority was called back")
        said += [f"signed by {', '.join(signers)}"] if signers else []
        said += [f"decided by {', '.join(untold)}, and the desk was not told how"] if untold and lacks else []
        said += [f"waits for {'; '.join(lacks)}"] if lacks else []
    return "; ".join(said)


def limit_in_use(commitment: Commitment, kept: Mapping[Commitment, Terms], state: State) -> int:
    """How many records a request may open: its own limit, or the amended one that its openings needed.

    ``kept``: of every note that the desk keeps, the request and what amends it.
    """
    drawn = state.drawn(commitment, up_to=state.size)
    limits = sorted(terms.max_records for note, terms in kept.items() if commitment in (note, terms.amends))
    return next((limit for limit in limits if drawn <= limit), drawn)


def needed_of(desk: Desk, commitment: Commitment, kept: Mapping[Commitment, Terms]) -> int:
    """The limit that an opening of a request needed, where no note that the desk keeps allows it; else 0.

    ``kept``: as of ``limit_in_use``.
    """
    needed = desk.read_short(commitment)
    limits = [terms.max_records for note, terms in kept.items() if commitment in (note, terms.amends)]
    return needed if needed > max(limits, default=0) else 0


def shown_need(needed: int) -> str:
    """What an opening needs that was over its limit. ``needed``: as of ``needed_of``."""
    if needed > MAX_RECORDS:
        return "found more than any amendment allows: make a new request"
    return f"needs max-records {needed}: amend it"


def lack_of(part: Part, *, without: Collection[str] = ()) -> str:
    """Whom a part of a rule still needs. ``without``: who said no."""
    return f"{part.missing(without=without)} (rule {part.rule})"


def rule_rows(requested: Requested, roster: Roster, refusers: Collection[str]) -> Iterator[tuple[str, str]]:
    """For each part of each rule that will be enforced: who must sign, who did, who is missing.

    ``roster``: the one that the note names. For an emergency, also what is enough at once.
    """
    terms = requested.terms
    signers = signers_of(requested, roster)
    for part in parts_for(terms.subjects, roster, signers, is_hub=terms.is_hub):
        names = ", ".join(part.members)
        asked = f"{part.needed} of {names}" if part.share is Share.SET else f"{names}, always"
        if part.share is Share.HUB:
            asked = f"all of {names}, since it is a hub"
        signed = f"signed by {', '.join(part.signed)}" if part.signed else "nobody signed"
        lacks = "complete" if part.is_met else f"missing: {part.missing(without=refusers)}"
        no = [name for name in part.members if name in refusers]
        refused = f"; refused by {', '.join(no)}" if no else ""
        yield f"rule {part.rule}", f"{asked}: {signed}; {lacks}{refused}"
    for name in rules_of(terms.subjects, roster) if may_open_at_once(terms) else ():
        emergency = roster.emergency_rules.get(name)
        if emergency is not None:
            footing = footing_of(name, roster, signers, terms)
            enough = "not enough signed" if footing is Footing.NONE else "enough signed"
            yield "emergency", f"rule {name} at once by {emergency.expression}: {enough}"
        yield (
            "",
            f"custodians that have not called the authority back answer only if all have signed: {every_member(name, roster)}",
        )


def rules_document(requested: Requested, roster: Roster) -> list[dict[str, object]]:
    """The same for programs."""
    terms, signers = requested.terms, signers_of(requested, roster)
    return [
        {
            "rule": part.rule,
            "share": part.share.value,
            "needed": part.needed,
            "members": list(part.members),
            "signed": list(part.signed),
            "missing": list(part.lacks),
        }
        for part in parts_for(terms.subjects, roster, signers, is_hub=terms.is_hub)
    ]


def shown_again(again: Again) -> str:
    """How the desk may come again, in words."""
    return {
        AgainWord.NO: "not again about this",
        AgainWord.NARROWER: "again if it asks for less",
        AgainWord.REASONS: "again with better reasons",
        AgainWord.LATER: f"again from {again.later} on",
    }[again.word]


def question_rows(questions: Sequence[Question], explanations: Sequence[Explanation]) -> Iterator[tuple[str, str]]:
    """Who asked what, and what the desk explained. Both are people's own text."""
    explained = {one.question.custodian: one for one in explanations}
    for question in (*(one.question for one in explanations), *(q for q in questions if q.custodian not in explained)):
        yield f"{question.custodian} asked", f"{question.text}   ({wire.format_time(question.asked)})"
        one = explained.get(question.custodian)
        yield "  desk", "nothing yet" if one is None else f"{one.text}   ({wire.format_time(one.time)})"


BINDS_NOBODY = "questions and explanations change nothing that is enforced: only the text of the request is"


def course_document(
    authorization: Authorization,
    kept: Kept | None,
    reports: Mapping[str, Standing],
    state: State,
    now: dt.datetime,
    *,
    limit: int,
    needed: int = 0,
    untold: Collection[str] = (),
) -> dict[str, object]:
    """The same for programs."""
    terms, commitment, history = authorization.terms, authorization.commitment, history_of(authorization, state)
    again = {name: no.again.format() for name, no in said_no(reports).items() if no.again is not None}
    has_key = kept.has_key if kept is not None else True
    return {
        "class": terms.ordered.urgency.value,
        "received": terms.ordered.received.isoformat(),
        "due": wire.format_time(deadline_of(terms)),
        "expires": wire.format_time(terms.expires),
        "what_holds_it": stage_of(
            authorization, reports, state, now, has_key=has_key, limit=limit, needed=needed, untold=untold
        ),
        "signed": signers_of(authorization, state.rosters[terms.roster]),
        "untold": list(untold),
        "sent": {name: wire.format_time(time) for name, time in (kept.sent if kept is not None else {}).items()},
        "refused": [
            {"custodian": entry.custodian, "reason": entry.reason, "entry": index}
            for index, entry in state.refusals
            if entry.authorization == commitment
        ],
        "again": again,
        "is_revoked": history.is_revoked,
        "is_expired": now >= terms.expires,
        "opened": [
            {"entry": use.intent, "time": wire.format_time(use.time), "drawn": use.drawn, "records": use.records}
            for use in history.uses
        ],
        "questions": [_question_document(one, kept) for one in kept.questions] if kept is not None else [],
    }


def _question_document(question: Question, kept: Kept) -> dict[str, object]:
    said = [one for one in kept.explanations if one.question == question]
    explained = {"time": wire.format_time(said[0].time), "text": said[0].text} if said else None
    asked = {"custodian": question.custodian, "asked": wire.format_time(question.asked), "text": question.text}
    return asked | {"explained": explained}
