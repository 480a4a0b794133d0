"""Which signatures a request and its amendments have and lack, and which limit counts by them. Pure.

An amendment counts once custodians who satisfy every rule of its request have signed it. Until then the request stands
as it is. Source: ``docs/formats/authorization.md``, "Amendments".
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import may_open_at_once, signers_of
from coffer.authority.lacking import Part, parts_for
from coffer.desk.case import Place, Request
from coffer.ledger.state import State
from coffer.procedures.opening.decide import segments_of


def parts_of(authorization: Authorization, state: State, now: dt.datetime) -> tuple[Part, ...]:
    """The parts of the note's own rules, then those of older rosters that sealed its records.

    Raises:
        NotProven: a signature on it does not verify.
    """
    terms = authorization.terms
    roster = state.rosters.get(terms.roster, state.roster)
    at_once = may_open_at_once(terms)
    signers = signers_of(authorization, roster)
    parts = list(parts_for(terms.subjects, roster, signers, is_hub=terms.is_hub, is_urgent=at_once))
    reached = segments_of(authorization, state, before=state.size, now=now)
    older = {segment.roster.hash: segment.roster for segment, _ in reached if segment.roster.hash != roster.hash}
    for other in older.values():
        numbers = sorted({number for segment, number in reached if segment.roster.hash == other.hash})
        subjects = [terms.subjects[number - 1] for number in numbers]
        signers = signers_of(authorization, other)
        parts += parts_for(subjects, other, signers, is_hub=False, is_urgent=at_once)
    return tuple(parts)


def can_be_met(parts: Collection[Part], refused: Collection[str]) -> bool:
    """Whether the rules can be met without those that refused."""
    return all(len([name for name in part.members if name not in refused]) >= part.needed for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """How one amendment of a request stands.

    ``parts``: of every rule that must be met. ``refused``: custodians that refused it in public.
    """

    place: Place
    authorization: Authorization
    sent_at: dt.datetime | None
    parts: tuple[Part, ...] = field(repr=False)
    refused: tuple[str, ...]
    is_revoked: bool

    @property
    def limit(self) -> int:
        """How many records it allows in all."""
        return self.authorization.terms.max_records

    @property
    def counts(self) -> bool:
        """Whether it raises the limit now."""
        return not self.is_revoked and all(part.is_met for part in self.parts)

    @property
    def waits(self) -> bool:
        """Whether custodians may still sign it."""
        return not self.is_revoked and not self.counts and can_be_met(self.parts, self.refused)

    @property
    def lacks(self) -> tuple[Part, ...]:
        """The parts that are not met."""
        return tuple(part for part in self.parts if not part.is_met)


def raised_of(request: Request, state: State, now: dt.datetime) -> tuple[Raised, ...]:
    """The amendments of a request, in order.

    Raises:
        NotProven: a signature on one does not verify.
    """
    raised = []
    for one in request.amendments:
        authorization = parse_authorization(one.note, "amendment")
        roster = state.rosters.get(authorization.terms.roster, state.roster)
        raised.append(
            Raised(
                place=Place(request=request.number, amendment=one.number),
                authorization=authorization,
                sent_at=one.sent_at,
                parts=parts_of(authorization, state, now),
                refused=tuple(name for name in roster.names if state.is_refused(authorization.commitment, name)),
                is_revoked=authorization.commitment in state.revoked,
            )
        )
    return tuple(raised)


def amended_of(request: Request, state: State, now: dt.datetime) -> Authorization:
    """The authorization of a request, with the amendment that counts and allows most, if one does.

    Raises:
        NotProven: a signature on an amendment does not verify.
    """
    return with_amendment(parse_authorization(request.note, "request"), raised_of(request, state, now))


def with_amendment(authorization: Authorization, raised: Collection[Raised]) -> Authorization:
    """The same, of amendments that were looked at."""
    counting = [one for one in raised if one.counts]
    best = max(counting, key=lambda one: one.limit, default=None)
    return authorization if best is None else replace(authorization, amendment=best.authorization)
