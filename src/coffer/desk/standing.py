"""Where one request stands: by the log, by the desk's files and by this clock. Pure."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of
from coffer.authority.lacking import Part
from coffer.desk.case import Request
from coffer.desk.signed import Raised, can_be_met, parts_of, raised_of, with_amendment
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State
from coffer.procedures.opening.early import is_spent


class CaseState(StrEnum):
    """Where a case stands."""

    DRAFT = "draft"
    SENT = "sent"
    """A request waits for signatures."""
    SIGNED = "signed"
    SHORT = "short"
    """More records were found than it allows, and nothing was opened."""
    OPENING = "opening"
    ANSWERED = "answered"
    LETTER_DUE = "letter-due"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CLOSED = "closed"
    SHREDDED = "shredded"
    HOLD_BEGUN = "hold-begun"
    """Too few custodians keep so far for a hold of it; there is no request."""
    HELD = "held"
    """Records are kept for it, unread; there is no request."""
    HOLD_ENDED = "hold-ended"
    """None of its holds lasts any more; there is no request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtDesk:
    """What the vault's desk folder says about one authorization.

    ``has_key``: its seal key is kept, without which nothing can be opened. ``in_progress``: an opening was begun whose
    answer was not delivered. ``needed``: the limit that an opening needed which was over it; 0 if none was. ``told``:
    when the person was told.
    """

    has_key: bool
    in_progress: bool
    needed: int = 0
    told: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one request stands.

    ``parts``: of every rule that must be met, those of older rosters included. ``refused``: custodians that refused it
    in public. ``can_be_met``: whether the rules can be met without them. ``drawn``: records so far. ``max_records``: by
    the amendment that counts, if there is one. ``needed``, ``has_key``: as of ``AtDesk``.
    """

    request: int
    state: CaseState
    commitment: Commitment
    signed: tuple[str, ...]
    parts: tuple[Part, ...]
    refused: tuple[str, ...]
    can_be_met: bool
    drawn: int
    max_records: int
    needed: int
    has_key: bool
    raised: tuple[Raised, ...]
    not_before: dt.datetime
    expires: dt.datetime
    secret_until: dt.date
    is_letter_due: bool

    @property
    def lacks(self) -> tuple[Part, ...]:
        """The parts that are not met."""
        return tuple(part for part in self.parts if not part.is_met)

    def is_alive(self, now: dt.datetime) -> bool:
        """Whether custodians still answer to it."""
        ended = {CaseState.WITHDRAWN, CaseState.REFUSED, CaseState.EXPIRED}
        return self.state not in ended and now < self.expires

    def may_be_raised(self, now: dt.datetime) -> bool:
        """Whether an amendment of it could still be used."""
        return self.is_alive(now) and self.has_key

    @property
    def waiting(self) -> Raised | None:
        """The newest amendment that custodians may still sign, where it would allow what is needed."""
        waiting = [one for one in self.raised if one.waits and one.limit >= max(self.needed, self.max_records + 1)]
        return waiting[-1] if waiting else None


def standing_of(request: Request, state: State, desk: Mapping[Commitment, AtDesk], now: dt.datetime) -> Standing:
    """Where a request stands by the log, by the desk's files and by this clock.

    Raises:
        NotProven: a signature on it does not verify.
    """
    raised = raised_of(request, state, now)
    authorization = with_amendment(parse_authorization(request.note, "request"), raised)
    terms, commitment = authorization.terms, authorization.commitment
    roster = state.rosters.get(terms.roster, state.roster)
    at_desk = desk.get(commitment, AtDesk(has_key=False, in_progress=False))
    refused = tuple(name for name in roster.names if state.is_refused(commitment, name))
    parts = parts_of(authorization, state, now)
    is_open_to_some = can_be_met(parts, refused)
    used = any(opening.intent.authorization == commitment for opening in state.openings.values())
    return Standing(
        request=request.number,
        state=_state_of(request, authorization, state, at_desk, can_be_met=is_open_to_some, parts=parts, now=now),
        commitment=commitment,
        signed=signers_of(authorization, roster),
        parts=parts,
        refused=refused,
        can_be_met=is_open_to_some,
        drawn=state.drawn(commitment, up_to=state.size),
        max_records=authorization.limit,
        needed=at_desk.needed,
        has_key=at_desk.has_key,
        raised=raised,
        not_before=terms.not_before,
        expires=terms.expires,
        secret_until=terms.secret_until,
        is_letter_due=used and at_desk.told is None and not authorization.is_secret(now),
    )


def _state_of(
    request: Request,
    authorization: Authorization,
    state: State,
    at_desk: AtDesk,
    *,
    can_be_met: bool,
    parts: tuple[Part, ...],
    now: dt.datetime,
) -> CaseState:
    terms = authorization.terms
    if at_desk.in_progress:
        return CaseState.OPENING
    if request.delivered:
        return CaseState.ANSWERED
    if request.withdrawn is not None:
        return CaseState.WITHDRAWN
    if authorization.commitment in state.revoked or not can_be_met:
        return CaseState.REFUSED
    if now >= terms.expires or is_spent(authorization, state) or not at_desk.has_key:
        return CaseState.EXPIRED
    if not all(part.is_met for part in parts):
        return CaseState.SENT
    return CaseState.SHORT if at_desk.needed > authorization.limit else CaseState.SIGNED
