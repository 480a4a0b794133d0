"""The desk's own copy of each request: signatures that arrived, reports, and what was explained.

Promises: what is kept was proven when it came. An explanation is kept before anybody gets it, so that a custodian never
gets two. Implements ``docs/formats/vault.md``, ``desk/<commitment>.request``.
"""

import datetime as dt
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of
from coffer.custody.again import Again
from coffer.custody.exchange import format_order
from coffer.custody.questions import Explanation, Question, explain, explanation_info, verify_explanation
from coffer.custody.standing import SaidNo, Standing, parse_standing
from coffer.errors import CofferError, MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.notes.keys import seal
from coffer.notes.note import Note, join_notes
from coffer.procedures.opening.early import days_ahead, is_spent
from coffer.procedures.opening.standings import Reporter, ask_standings, with_countersignatures
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK

_SENT, _REPORTS, _EXPLAINED = "sent", "reports", "explained"


@runtime_checkable
class Hearer(Protocol):
    """A custodian on another machine, as far as it takes explanations."""

    @property
    def name(self) -> str:
        """Its name in the roster."""

    def send_explanation(self, sealed: bytes) -> None:
        """Hand over what the desk explains. Sending it again is harmless.

        Raises:
            Unavailable: it could not be reached.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One request as the desk keeps it.

    ``sent``: to which custodians it was handed, and when last. ``reports``: the last one of each custodian. ``has_key``: it can still be opened here.
    """

    authorization: Authorization
    sent: Mapping[str, dt.datetime]
    reports: Mapping[str, Standing]
    explanations: tuple[Explanation, ...]
    has_key: bool

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """What custodians asked and nothing was explained to, by custodian."""
        explained = {one.question.custodian for one in self.explanations}
        return tuple(one for one in self.questions if one.custodian not in explained)

    @property
    def questions(self) -> tuple[Question, ...]:
        """What custodians asked, by custodian."""
        asked = [report.held.asked for _, report in sorted(self.reports.items()) if report.held is not None]
        return tuple(one.question for one in asked if one is not None)


def keep_request(vault: Vault, authorization: Authorization) -> None:
    """Keep a request that was signed here, or a copy with more signatures."""
    vault.desk.keep_request(authorization.commitment, authorization.note.raw, authorization.terms.expires)


def read_kept(vault: Vault, commitment: Commitment, state: State) -> Kept | None:
    """One request with what belongs to it; None if the desk does not keep it.

    Raises:
        MalformedInput, NotProven: one of its files was changed, or it is of another vault.
    """
    raw = vault.desk.read_request(commitment)
    if raw is None:
        return None
    opened = vault.desk.read_note(commitment)  # a copy that was opened may have more signatures
    copies = [parse_authorization(copy, "request").note for copy in (raw, opened) if copy is not None]
    authorization = parse_authorization(join_notes(copies, "request").raw, "request")
    roster = state.rosters.get(authorization.terms.roster)
    if roster is None or authorization.commitment != commitment:
        raise NotProven("desk: a request kept there is of another vault")
    reports = [parse_standing(part, _REPORTS) for part in vault.desk.read_parts(commitment, _REPORTS)]
    explained = vault.desk.read_parts(commitment, _EXPLAINED)
    requester = authorization.terms.requester
    return Kept(
        authorization=authorization,
        sent=dict(_parse_sent(part) for part in vault.desk.read_parts(commitment, _SENT)),
        reports={report.custodian: report for report in reports},
        explanations=tuple(verify_explanation(part, roster, requester, _EXPLAINED) for part in explained),
        # What amends a request is opened with that one's key.
        has_key=vault.desk.has_seal_key(authorization.terms.amends or commitment),
    )


def kept_requests(vault: Vault, state: State) -> tuple[list[Kept], int]:
    """Every request that the desk keeps, by when it expires; and how many files were changed."""
    kept, damaged = [], 0
    for commitment in vault.desk.request_commitments():
        try:
            one = read_kept(vault, commitment, state)
        except (MalformedInput, NotProven):
            damaged += 1
            continue
        kept += [one] if one is not None else []
    return sorted(kept, key=lambda one: (one.authorization.terms.expires, one.authorization.commitment)), damaged


def is_living(kept: Kept, state: State, now: dt.datetime) -> bool:
    """Whether custodians may still decide: its key is here, and it neither expired nor was revoked."""
    return (
        kept.has_key and now < kept.authorization.terms.expires and kept.authorization.commitment not in state.revoked
    )


def note_sent(vault: Vault, commitment: Commitment, names: Sequence[str], now: dt.datetime) -> None:
    """Keep to whom a request was handed just now."""
    before = dict(_parse_sent(part) for part in vault.desk.read_parts(commitment, _SENT))
    after = before | dict.fromkeys(names, now.replace(microsecond=0))
    parts = [f"{name} {wire.format_time(at)}".encode("ascii") for name, at in sorted(after.items())]
    vault.desk.keep_parts(commitment, _SENT, parts)


def _parse_sent(part: bytes) -> tuple[str, dt.datetime]:
    name, _, sent = part.decode("ascii").partition(" ")
    return name, wire.parse_time(sent, _SENT)


def take_reports(
    vault: Vault, authorization: Authorization, roster: Roster, standings: Mapping[str, Standing | CofferError]
) -> Note:
    """The note with the signatures that arrived, merged with the desk's copy, which is kept.

    Where the desk keeps no copy, nothing is written.

    Raises:
        NotProven: a signature is not that custodian's over this text, or a file of the desk was changed.
    """
    commitment = authorization.commitment
    note = with_countersignatures(authorization, roster, standings)
    merged = keep_signatures(vault, authorization, note, roster)
    if merged is None:
        return note
    before = {parse_standing(part, _REPORTS).custodian: part for part in vault.desk.read_parts(commitment, _REPORTS)}
    new = {name: one.format() for name, one in standings.items() if isinstance(one, Standing) and one.held is not None}
    vault.desk.keep_parts(commitment, _REPORTS, [part for _, part in sorted((before | new).items())])
    return merged


def keep_signatures(vault: Vault, authorization: Authorization, copy: Note, roster: Roster) -> Note | None:
    """Add the signatures of a copy to the desk's own; returns what it keeps, or None if it keeps no copy.

    Raises:
        NotProven: a signature is not that custodian's over this text, or the desk's file was changed.
        Refused, Unavailable: the operator's keys, under which the desk keeps it, are sealed or not here.
    """
    raw = vault.desk.read_request(authorization.commitment)
    if raw is None:
        return None
    own = parse_authorization(raw, "request").note
    merged = join_notes([own, copy], "request")
    if merged != own:
        merged.verify_lines_of([member.auth for member in roster.custodians])
        vault.desk.keep_request(authorization.commitment, merged.raw, authorization.terms.expires)
    return merged


def explain_once(vault: Vault, kept: Kept, question: Question, text: str) -> Explanation:
    """What the desk explains to a question, signed and kept before anybody gets it.

    The same text again gives what was explained before.

    Raises:
        MalformedInput: it is too long, or holds a character that does not show as itself.
        Refused: something else was explained before.
        Unavailable: the desk forgot the request.
    """
    commitment = kept.authorization.commitment
    new = explain(question, text, key=vault.operator_key(DESK), now=vault.outside.clock())
    with vault.alone():
        now = read_kept(vault, commitment, vault.replay())
        if now is None:
            raise Unavailable("request: the desk keeps no copy of it any more")
        before = now.explanations
        same = [one for one in before if one.question == question]
        if same and same[0].text != new.text:
            raise Refused(
                f"question of {question.custodian}: something else was explained before",
                code="form",
                hint="every custodian has that: call its people, or make another request",
            )
        if same:
            return same[0]
        vault.desk.keep_parts(commitment, _EXPLAINED, [one.raw for one in (*before, new)])
    return new


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """``reached``: who took every explanation. ``failed``: the message of each that could not be reached."""

    reached: tuple[str, ...]
    failed: dict[str, str]


def send_explanations(
    authorization: Authorization, explanations: Sequence[Explanation], roster: Roster, hearers: Sequence[Hearer]
) -> Explained:
    """Seal what was explained to each custodian of the roster, whoever asked."""
    reached: list[str] = []
    failed: dict[str, str] = {}
    for hearer in hearers:
        member = roster.custodian(hearer.name)
        if member is None or not explanations:
            continue
        info = explanation_info(roster.hash, member.index)
        try:
            for one in explanations:
                hearer.send_explanation(seal(format_order(authorization.commitment, one.raw), member.req, info=info))
        except Unavailable as error:
            failed[hearer.name] = error.message
        else:
            reached.append(hearer.name)
    return Explained(reached=tuple(reached), failed=failed)


def send_kept(vault: Vault, authorization: Authorization, recipients: Sequence[object]) -> Explained:
    """Hand what was explained of a request to those recipients that take explanations."""
    state = vault.replay()
    kept, hearers = (
        read_kept(vault, authorization.commitment, state),
        [one for one in recipients if isinstance(one, Hearer)],
    )
    if kept is None:
        return Explained(reached=(), failed={})
    return send_explanations(authorization, kept.explanations, state.rosters[authorization.terms.roster], hearers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An earlier request that a custodian refused. ``again``: how the desk may come again."""

    authorization: Authorization
    custodian: str
    reason: str
    again: Again | None


def refused_before(vault: Vault, subjects: Collection[bytes], state: State) -> tuple[Refusal, ...]:
    """Who refused an earlier request about one of these subjects (sids), the newest request first.

    As far as the desk keeps its requests. A file that somebody changed is passed over: ``coffer status`` counts it.
    """
    refusals = []
    for kept in kept_requests(vault, state)[0]:
        authorization = kept.authorization
        if not any(subject.sid in subjects for subject in authorization.terms.subjects):
            continue
        logged = {
            entry.custodian: entry.reason
            for _, entry in state.refusals
            if entry.authorization == authorization.commitment
        }
        told = {name: one.held.decision for name, one in kept.reports.items() if one.held is not None}
        said = {name: one for name, one in told.items() if isinstance(one, SaidNo)}
        for name in sorted({*logged, *said}):
            no = said.get(name)
            reason = logged.get(name) or (no.reason if no is not None and no.reason else "")
            again = None if no is None else no.again
            refusals.append(Refusal(authorization=authorization, custodian=name, reason=reason, again=again))
    return tuple(sorted(refusals, key=lambda one: one.authorization.terms.not_before, reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What custodians said of one request that the desk keeps.

    ``signed`` and ``refused``: those that did since the desk heard last. ``asked``: whose question waits. ``trouble``: of the first that told something
    false.
    """

    commitment: Commitment
    signed: tuple[str, ...]
    refused: tuple[str, ...]
    asked: tuple[str, ...]
    trouble: CofferError | None


def fetch_reports(vault: Vault, reporters: Sequence[Reporter], *, deadline_s: float) -> tuple[list[Heard], int]:
    """Ask about every request that is alive, and keep what is told; and how many files were changed.

    ``deadline_s``: for all requests together. One that is not asked about in time is asked about the next time.

    Raises:
        Unavailable: the disk fails.
    """
    state, heard = vault.replay(), []
    if not reporters:
        return [], 0
    now, began = vault.outside.clock(), time.monotonic()
    every, damaged = kept_requests(vault, state)
    for kept in (one for one in every if is_living(one, state, now)):
        left = deadline_s - (time.monotonic() - began)
        if left <= 0:
            break
        authorization = kept.authorization
        roster = state.rosters[authorization.terms.roster]
        standings = ask_standings(vault, authorization, reporters, deadline_s=left)
        note = take_reports(vault, authorization, roster, standings)
        after = read_kept(vault, authorization.commitment, state)
        signers = signers_of(parse_authorization(note.raw, "request"), roster)
        heard.append(
            Heard(
                commitment=authorization.commitment,
                signed=tuple(name for name in signers if name not in signers_of(authorization, roster)),
                refused=tuple(name for name in _said_no(standings) if name not in _said_no(kept.reports)),
                asked=() if after is None else tuple(one.custodian for one in after.open_questions),
                trouble=next((one for one in standings.values() if isinstance(one, NotProven)), None),
            )
        )
    return heard, damaged


def _said_no(standings: Mapping[str, Standing | CofferError] | Mapping[str, Standing]) -> list[str]:
    """Who refused or took a signature back."""
    held = {name: one.held for name, one in standings.items() if isinstance(one, Standing) and one.held is not None}
    return [name for name, one in held.items() if isinstance(one.decision, SaidNo)]


def forget_spent_key(vault: Vault, authorization: Authorization, state: State) -> None:
    """Remove the seal key of an authorization under which nothing more can be drawn.

    It stays while an amendment that the desk keeps allows more, whether this opening was asked for with it or not, while
    days of it lie ahead, which an amendment may still open, and where the desk's copies cannot be read: it is then
    removed when the authorization ends.
    """
    if not is_spent(authorization, state) or days_ahead(authorization, state, vault.outside.clock()):
        return
    desk, commitment = vault.desk, authorization.commitment
    try:
        raws = [desk.read_request(kept) for kept in desk.request_commitments() if kept not in state.revoked]
        terms = [parse_authorization(raw, "request kept").terms for raw in raws if raw is not None]
    except (MalformedInput, NotProven):
        return
    limits = [one.max_records for one in terms if one.amends == commitment]
    if state.drawn(commitment, up_to=state.size) >= max(limits, default=0):
        desk.remove_seal_key(commitment)
