"""What a custodian's people see beside a request: earlier ones of its case, and openings. Pure.

A **case** is what requests with the same ``basis:`` text belong to. A desk that writes the basis otherwise begins another case, and the page then says
that no earlier request is known.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from coffer.authority.authorization import Authorization, Terms
from coffer.ledger.state import State

_MADE_ANEW: Final = ("origin", "id", "salt", "seal", "subject", "period")
"""Lines that say nothing to compare: random in each request, the vault's, or compared subject by subject."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Change:
    """One line that differs.

    ``field``: the line's name, for a period with its subject. An empty side had no such line.
    """

    field: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One opening that the log shows.

    ``records``: handed over, None while it goes on; ``drawn``: opened, 0 without a draw.
    """

    intent: int
    time: dt.datetime
    drawn: int
    records: int | None


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


def changes_between(earlier: Authorization, later: Authorization) -> tuple[Change, ...]:
    """What the later text says otherwise, line by line in the order of the text; empty if nothing."""
    before, after = _lines(earlier), _lines(later)
    periods_before, periods_after = _periods(earlier.terms), _periods(later.terms)
    changes = []
    for field in dict.fromkeys([*before, *after]):
        if field == "rules":  # the text has the subjects before this line
            changes += _changes_of_subjects(periods_before, periods_after)
        if before.get(field) != after.get(field):
            changes.append(Change(field=field, before=_one(before.get(field)), after=_one(after.get(field))))
    return tuple(changes)


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _lines(authorization: Authorization) -> dict[str, str]:
    pairs = (line.partition(": ") for line in authorization.note.text.decode("ascii").splitlines())
    return {name: value for name, colon, value in pairs if colon and name not in _MADE_ANEW}


def _periods(terms: Terms) -> dict[str, tuple[str, ...]]:
    subjects = zip(terms.subjects, terms.periods, strict=True)
    return {subject.format(): tuple(period.format() for period in periods) for subject, periods in subjects}


def _changes_of_subjects(before: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]]) -> list[Change]:
    changes = []
    for subject in dict.fromkeys([*before, *after]):
        was, is_now = before.get(subject, ()), after.get(subject, ())
        if not was or not is_now:  # every subject has a period
            sides = [(subject,) if periods else () for periods in (was, is_now)]
            changes.append(Change(field="subject", before=sides[0], after=sides[1]))
        if was != is_now:
            changes.append(Change(field=f"period of {subject}", before=was, after=is_now))
    return changes


def history_of(authorization: Authorization, state: State) -> History:
    """What the log shows of an authorization: its openings, refusals, and whether it was revoked."""
    commitment = authorization.commitment
    uses = tuple(
        Use(
            intent=opening.index,
            time=opening.time,
            drawn=opening.draw.records if opening.draw else 0,
            records=opening.close.records if opening.close else None,
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
