"""How an opening begins: one that waits is taken up, adopted or given up; a new one logs its intent.

What an earlier run left behind is decided first, so that no crash costs the budget twice. Step R1 of
``docs/procedures/opening.md``.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import Countersigned
from coffer.authority.hold import Hold
from coffer.custody.exchange import Cell
from coffer.custody.port import AtHand, Custodian
from coffer.disclosure.part import Part
from coffer.ledger.entries import IntentEntry
from coffer.ledger.facts import Segment
from coffer.ledger.state import State
from coffer.notes.keys import SealKey
from coffer.procedures.opening.closing import give_up
from coffer.procedures.opening.continuing import Due, segments_due, verify_due
from coffer.procedures.opening.decide import cells_at_most
from coffer.procedures.opening.early import (
    verify_answerable,
    verify_authority,
    verify_emergency,
    verify_may_ask,
    verify_signed_for_segments,
    verify_unspent,
)
from coffer.procedures.opening.journal import Journal
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An opening whose intent is logged, and what it may reach.

    ``countersigned``: proven to satisfy the rules of ``reached``: segments, and the subject line to ask each for.
    ``seal_key``: to which custodians seal their replies.
    """

    countersigned: Countersigned
    journal: Journal
    reached: Sequence[tuple[Segment, int]]
    seal_key: SealKey


def begin_opening(
    vault: Vault,
    state: State,
    authorization: Authorization,
    custodians: Sequence[Custodian],
    *,
    holds: Sequence[Hold],
    is_continuing: bool,
) -> Begun:
    """Go on with the opening that waits for its answer, or begin a new one.

    Arguments and errors: ``run_opening``.
    """
    now = vault.outside.clock()
    vault.desk.remove_ended_seal_keys(state, vault.shown(state))
    countersigned = verify_may_ask(authorization, state, now)
    verify_answerable(countersigned, [custodian.name for custodian in custodians])
    waiting = _waiting(vault, state, authorization, now, is_continuing=is_continuing)
    journal = waiting.journal
    reach = partial(segments_due, authorization, state, waiting.part, waiting.owed, now=now, holds=holds)
    # A resumed opening reaches the same segments as before.
    reached = reach(before=state.size if journal is None else journal.intent)
    countersigned = verify_signed_for_segments(countersigned, reached)
    if journal is not None and _is_overtaken(journal, countersigned, state):
        give_up(vault, state, authorization, journal)
        journal, reached = None, reach(before=state.size)
        countersigned = verify_signed_for_segments(countersigned, reached)
    if journal is None:
        _verify_may_begin(countersigned, custodians, state, now)
    seal_key = vault.desk.read_seal_key(authorization.commitment)
    vault.desk.keep_note(authorization.commitment, authorization.note.raw)
    if journal is None:
        journal = _begin(vault, state, countersigned, len(reached), waiting)
    else:
        vault.writer.gather_cosignatures(state)  # those of the log's last entry may be missing, or too old by now
    return Begun(countersigned=countersigned, journal=journal, reached=reached, seal_key=seal_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """What to open under an authorization, and the opening of it that waits for its answer.

    ``journal``: None if a new opening has to begin. ``part``: of a continuing order; None for all that it allows.
    ``owed``: cells that the opening before left unconfirmed.
    """

    journal: Journal | None
    part: Part | None = None
    owed: tuple[Cell, ...] = ()


def _waiting(
    vault: Vault, state: State, authorization: Authorization, now: dt.datetime, *, is_continuing: bool
) -> _Waiting:
    journal = _taken_up(vault, state, authorization)
    if journal is not None:
        return _Waiting(journal=journal, part=journal.part, owed=journal.owed)
    verify_unspent(authorization, state)
    if not is_continuing:
        return _Waiting(journal=None)
    due = verify_due(authorization, state, now, owed=vault.desk.read_owed(authorization.commitment))
    return _Waiting(journal=_adopted(vault, authorization, due), part=due.part, owed=due.owed)


def _taken_up(vault: Vault, state: State, authorization: Authorization) -> Journal | None:
    """The opening whose answer was not delivered, if there is one of this authorization in this log."""
    raw = vault.desk.read_opening(authorization.commitment)
    journal = None if raw is None else Journal.parse(raw)
    opening = None if journal is None else state.openings.get(journal.intent)
    is_its = opening is not None and opening.intent.authorization == authorization.commitment
    return journal if is_its else None


def _adopted(vault: Vault, authorization: Authorization, due: Due) -> Journal | None:
    """The journal of a part whose intent was logged before a crash that kept it from being written."""
    if due.adopted is None:
        return None
    journal = Journal(intent=due.adopted, result_salt=vault.outside.entropy(32), part=due.part, owed=due.owed)
    vault.desk.write_opening(authorization.commitment, journal.format())
    return journal


def _is_overtaken(journal: Journal, countersigned: Countersigned, state: State) -> bool:
    """Whether an emergency opening waits that the ordinary rule allows by now, and nothing was drawn.

    Once it is overdue to be ratified, custodians no longer answer to it; to an opening under the rule they do. It owes
    its ratification all the same. What was drawn is resumed, or the budget would pay twice.
    """
    opening = state.openings[journal.intent]
    is_answered = opening.close is not None and opening.close.answers > 0
    is_emergency = bool(opening.intent.rules)
    return is_emergency and not countersigned.is_emergency and opening.draw is None and not is_answered


def _verify_may_begin(
    countersigned: Countersigned, custodians: Sequence[Custodian], state: State, now: dt.datetime
) -> None:
    """Refuse early what custodians at hand would doubt, and an emergency that is one too many."""
    authorization, names = countersigned.authorization, [custodian.name for custodian in custodians]
    at_hand = [custodian for custodian in custodians if isinstance(custodian, AtHand)]
    verify_authority(countersigned, names, [one.name for one in at_hand if one.is_doubtful(authorization)])
    verify_emergency(countersigned, DESK, state, now)


def _begin(vault: Vault, state: State, countersigned: Countersigned, cells: int, waiting: _Waiting) -> Journal:
    """R1: log the intent, before anyone is asked; returns the journal of the new opening."""
    authorization = countersigned.authorization
    body = IntentEntry(
        authorization=authorization.commitment,
        requester=DESK,
        nonce=vault.outside.entropy(16),
        cells_at_most=cells_at_most(cells),
        codes=authorization.terms.codes.at(state.roster.statistics),
        rules=authorization.terms.rules if countersigned.is_emergency else (),
    )
    (intent,) = vault.append([vault.entry(body, vault.operator_key(DESK), state)], state)
    if intent not in state.openings:
        raise AssertionError("our own intent does not count in State")
    journal = Journal(intent=intent, result_salt=vault.outside.entropy(32), part=waiting.part, owed=waiting.owed)
    vault.desk.write_opening(authorization.commitment, journal.format())
    return journal
