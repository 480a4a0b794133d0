"""What people see beside a request: earlier ones of its case or of its subjects, and openings. Pure.

A **case** is what requests with the same ``basis:`` text belong to. A desk that writes the basis otherwise begins another case, and the page then says
that no earlier request is known.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from coffer.authority.authorization import Authorization
from coffer.ledger.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One opening that the log shows.

    ``records``: handed over, None while it goes on; ``drawn``: opened, 0 without a draw. ``is_void``: closed with
    nothing opened, over the limit or too late.
    """

    intent: int
    time: dt.datetime
    drawn: int
    records: int | None
    is_void: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the log shows of one authorization.

    ``refusals``: custodian and reason, in the log's order. ``drawn``: of all its openings, which count against ``max-records``.
    """

    uses: tuple[Use, ...]
    refusals: tuple[tuple[str, str], ...]
    is_revoked: bool

    @property
    def drawn(self) -> int:
        """Records that were opened under it."""
        return sum(use.drawn for use in self.uses)


def history_of(authorization: Authorization, state: State) -> History:
    """What the log shows of an authorization: its openings, refusals, and whether it was revoked."""
    commitment = authorization.commitment
    uses = tuple(
        Use(
            intent=opening.index,
            time=opening.time,
            drawn=opening.draw.records if opening.draw else 0,
            records=opening.close.records if opening.close else None,
            is_void=opening.close is not None and opening.close.answers == 0,
        )
        for opening in state.openings.values()
        if opening.intent.authorization == commitment
    )
    refusals = tuple(
        (entry.custodian, entry.reason) for _, entry in state.refusals if entry.authorization == commitment
    )
    return History(uses=uses, refusals=refusals, is_revoked=commitment in state.revoked)


def earlier_of_case(authorization: Authorization, kept: Iterable[Authorization]) -> tuple[Authorization, ...]:
    """The kept requests of the same case, the newest first; this one itself is left out.

    Ordered by when they come into force, then by their commitments, so that everyone compares with the same one.
    """
    same = [
        one
        for one in kept
        if one.terms.basis == authorization.terms.basis and one.commitment != authorization.commitment
    ]
    return tuple(sorted(same, key=lambda one: (one.terms.not_before, one.commitment), reverse=True))


def earlier_of_subjects(authorization: Authorization, kept: Iterable[Authorization]) -> tuple[Authorization, ...]:
    """The kept requests that ask about one of its subjects, whatever their case, the newest first."""
    sids = {subject.sid for subject in authorization.terms.subjects}
    same = {
        one.commitment: one
        for one in kept
        if one.commitment != authorization.commitment
        and not sids.isdisjoint(subject.sid for subject in one.terms.subjects)
    }
    return tuple(sorted(same.values(), key=lambda one: (one.terms.not_before, one.commitment), reverse=True))
