"""How a request, or a hold, stands at every custodian that its rules name.

All are asked at once; their reports are proven and put together.

The desk asks while it waits for signatures (``docs/procedures/opening.md``, "Before an opening"). Nothing is logged, and no custodian learns what
another one said.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, Protocol

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import subject_rule
from coffer.authority.hold import Requested
from coffer.authority.known import is_urgent
from coffer.custody.check_words import check_words
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.custody.standing import (
    Query,
    Signed,
    Standing,
    query_info,
    sign_query,
    standing_info,
    verify_standing,
)
from coffer.errors import CofferError, NotProven, Unavailable
from coffer.ledger.roster import MAX_CUSTODIANS, Custodian, Roster
from coffer.notes.keys import SealKey, seal
from coffer.notes.note import Note, SignatureLine, join_notes
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK

DEADLINE_S: Final = 10.0
_GRACE_S: Final = 0.5
"""Longer than the deadline that a client keeps itself, so that it can say why nobody answered."""


class Reporter(Protocol):
    """A custodian, as far as it tells how a request stands (``coffer.custody.port.Custodian``)."""

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def standing(self, sealed: bytes) -> bytes:
        """A sealed report, or the constant refusal; unproven."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A custodian's check words for a request.

    ``before``: those that were shown first, if the custodian's machine names another nonce now; then somebody must find out why.
    """

    now: tuple[str, ...]
    before: tuple[str, ...] | None


def asked_custodians(authorization: Requested, roster: Roster) -> tuple[Custodian, ...]:
    """The custodians that the rules of the request's subjects name, in the roster's order.

    In an emergency also those of the emergency rules.
    """
    rules = [subject_rule(subject, roster) for subject in authorization.terms.subjects]
    if is_urgent(authorization.terms):
        rules += [roster.emergency_rules[rule.name] for rule in rules if rule.name in roster.emergency_rules]
    names = {name for rule in rules for name in (*rule.members, *rule.indispensable)}
    return tuple(custodian for custodian in roster.custodians if custodian.name in names)


def ask_standings(
    vault: Vault,
    authorization: Requested,
    custodians: Sequence[Reporter],
    *,
    deadline_s: float = DEADLINE_S,
) -> dict[str, Standing | CofferError]:
    """How the request stands at each custodian of its rules, or why that is not known.

    All are asked at once.

    ``Unavailable``: nobody answered in time, or the custodian is not at hand. ``NotProven``: something else than its own report of this request.

    Raises:
        NotProven: the request was written for another vault.
    """
    roster = roster_of(vault, authorization)
    members, reporters = asked_custodians(authorization, roster), {one.name: one for one in custodians}
    key, now = vault.operator_key(DESK), vault.outside.clock().replace(microsecond=0)

    def ask(member: Custodian) -> Standing:
        reply_key = SealKey.generate()
        unsigned = Query(
            requester=authorization.terms.requester.name,
            commitment=authorization.commitment,
            time=now,
            reply_public=reply_key.public,
        )
        query = sign_query(unsigned, key, roster.hash, member.index)
        return _asked(reporters[member.name], member, query, reply_key, authorization, roster)

    pool = ThreadPoolExecutor(max_workers=MAX_CUSTODIANS)
    pending = {member.name: pool.submit(ask, member) for member in members if member.name in reporters}
    wait(pending.values(), timeout=deadline_s + _GRACE_S)
    pool.shutdown(wait=False)  # nobody waits for a late custodian
    standings: dict[str, Standing | CofferError] = {}
    for member in members:
        future = pending.get(member.name)
        if future is None:
            hint = "its address is a table of custodians.toml; a custodian of the vault's folder needs its passphrase"
            standings[member.name] = Unavailable(f"custodian {member.name}: not at hand", hint=hint)
        elif not future.done():
            standings[member.name] = Unavailable(f"custodian {member.name}: no answer in time")
        else:
            error = future.exception()
            if error is not None and not isinstance(error, CofferError):
                raise error
            standings[member.name] = future.result() if error is None else error
    return standings


def _asked(
    reporter: Reporter,
    member: Custodian,
    query: Query,
    reply_key: SealKey,
    authorization: Requested,
    roster: Roster,
) -> Standing:
    reply = reporter.standing(seal(query.raw, member.req, info=query_info(roster.hash, member.index)))
    if reply == CONSTANT_REFUSAL:
        raise Unavailable(
            f"custodian {member.name}: tells this desk nothing",
            hint="does it follow the log, is one of the clocks over 15 minutes wrong, or is this vault's desk key another one?",
        )
    place = f"standing at {member.name}"
    raw = reply_key.unseal(reply, info=standing_info(query.hash, member.index), place=place)
    return verify_standing(raw, query=query, authorization=authorization, member=member)


def roster_of(vault: Vault, authorization: Requested) -> Roster:
    """The roster that a request of this vault names; raises ``NotProven`` for one of another vault."""
    state = vault.replay()
    roster = state.rosters.get(authorization.terms.roster)
    if roster is None or authorization.terms.origin != state.origin:
        raise NotProven("request: written for another vault", hint=f"this vault is {state.origin}")
    return roster


def with_countersignatures(
    authorization: Requested, roster: Roster, standings: Mapping[str, Standing | CofferError]
) -> Note:
    """The note with the countersignatures that arrived, each verified; those it had stay as they are.

    Raises:
        NotProven: a signature, there before or arrived, is not that custodian's over this text.
    """
    note = authorization.note
    for name, standing in standings.items():
        if isinstance(standing, CofferError) or standing.held is None:
            continue
        member, decision = roster.custodian(name), standing.held.decision
        if member is None or not isinstance(decision, Signed) or note.is_signed_by(member.auth):
            continue
        line = SignatureLine(name=member.auth.name, key_id=member.auth.key_id, signature=decision.signature)
        copy = Note(text=note.text, signatures=(line,)).verify_signed_by(member.auth)
        note = join_notes([note, copy], "request")
    return note


def shown_words(
    vault: Vault, authorization: Authorization, standings: Mapping[str, Standing | CofferError]
) -> dict[str, Words]:
    """The check words of each custodian that holds the note, from this desk's own copy of it.

    The nonce by which they were shown first is kept: a custodian that names another one has lost it, or lies.

    Raises:
        NotProven: the kept nonces were changed.
    """
    before = vault.desk.read_nonces(authorization.commitment)
    held = {
        name: standing.held
        for name, standing in standings.items()
        if isinstance(standing, Standing) and standing.held is not None
    }
    new = {name: one.nonce for name, one in held.items() if name not in before}
    if new:
        vault.desk.keep_nonces(authorization.commitment, before | new)
    words = {}
    for name, one in held.items():
        first = before.get(name, one.nonce)
        other = check_words(authorization, name, first) if first != one.nonce else None
        words[name] = Words(now=check_words(authorization, name, one.nonce), before=other)
    return words
