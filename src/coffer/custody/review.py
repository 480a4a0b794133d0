"""When a custodian's people may approve, refuse or revoke a request. Pure.

These checks come before any opening. ``decide`` trusts none of them when it decides what an opening may do.
"""

import datetime as dt

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.authority.countersign import verify_requested
from coffer.authority.hold import Hold, Requested, parse_requested_note
from coffer.errors import Refused
from coffer.ledger.debts import Debt
from coffer.ledger.entries import RatifyEntry, RefuseEntry, ReleaseEntry, RevokeEntry
from coffer.ledger.roster import Custodian
from coffer.ledger.state import State, verify_clock
from coffer.notes.keys import VerifyKey


def parse_requested(raw: bytes, state: State, place: str) -> Requested:
    """A request of this vault, proven to be signed by its desk.

    Raises:
        MalformedInput, NotProven, Refused: it is none.
    """
    authorization = parse_requested_note(raw, place)
    roster = state.rosters.get(authorization.terms.roster)
    if authorization.terms.origin != state.origin or roster is None:
        raise Refused(f"{place}: written for another vault", code="scope")
    verify_requested(authorization, roster)
    return authorization


def member_in_force(state: State, name: str, auth: VerifyKey) -> Custodian | None:
    """The custodian of that name in the roster in force, if it has this key there."""
    member = state.roster.custodian(name)
    return member if member is not None and member.auth == auth else None


def verify_open(authorization: Requested, state: State, now: dt.datetime, place: str) -> None:
    """A request may still be approved.

    Raises:
        Refused: it expired or was revoked (code ``time``).
        Unavailable: this clock is behind the log.
    """
    verify_clock(state, now)
    expires = authorization.terms.ends
    if max(now, state.newest) >= expires:
        raise Refused(f"{place}: expired {wire.format_time(expires)}", code="time", hint="ask for a new request")
    if authorization.commitment in state.revoked:
        raise Refused(f"{place}: revoked", code="time")


def verify_in_roster(authorization: Requested, state: State, name: str, auth: VerifyKey, place: str) -> None:
    """The roster under which the request was written has this custodian with this key.

    Raises:
        Refused: it has not (code ``scope``).
    """
    custodian = state.rosters[authorization.terms.roster].custodian(name)
    if custodian is None or custodian.auth != auth:
        raise Refused(f"{place}: custodian {name} is not in its roster", code="scope", hint="ask for a new request")


def refusal_of(
    authorization: Requested, reason: str, state: State, name: str, auth: VerifyKey, place: str
) -> RefuseEntry:
    """What this custodian logs to refuse a request.

    Raises:
        Refused: it has refused it before, or left the roster.
    """
    if state.is_refused(authorization.commitment, name):
        raise Refused(f"{place}: {name} has refused it before", code="scope")
    if member_in_force(state, name, auth) is None:
        raise Refused(
            f"{place}: {name} left the roster, so the log takes no refusal of it; it answers nothing to this request any more",
            code="scope",
        )
    codes = authorization.terms.codes.at(state.roster.statistics)
    return RefuseEntry(
        authorization=authorization.commitment,
        custodian=name,
        reason=reason,
        order_class=codes.order_class,
        urgency=codes.urgency,
    )


def revocation_of(authorization: Requested, state: State, name: str, auth: VerifyKey, place: str) -> RevokeEntry:
    """What this custodian logs to end an authorization.

    Raises:
        Refused: it was revoked before, or this custodian left the roster.
    """
    if authorization.commitment in state.revoked:
        raise Refused(f"{place}: revoked before", code="time")
    if member_in_force(state, name, auth) is None:
        raise Refused(
            f"{place}: {name} left the roster, so it can revoke nothing any more",
            code="scope",
            hint=f"any of {', '.join(state.roster.names)} can",
        )
    return RevokeEntry(authorization=authorization.commitment)


def may_ratify(debt: Debt, state: State, name: str, auth: VerifyKey) -> bool:
    """Whether a custodian is in the roster of an emergency, or in force, with this key.

    Also if it has ratified it.
    """
    members = (roster.custodian(name) for roster in (state.rosters[debt.roster], state.roster))
    return any(member is not None and member.auth == auth for member in members)


def ratifications_of(
    requested: Requested, state: State, name: str, auth: VerifyKey, place: str
) -> tuple[RatifyEntry, ...]:
    """What this custodian logs to agree, afterwards, to each emergency that was opened under a request.

    It may have refused the request before, if its people looked again; both stay in the log.

    Raises:
        Refused: nothing is left for it to ratify, it is in neither roster, or this is an amendment.
    """
    if isinstance(requested, Authorization) and requested.terms.amends is not None:
        raise Refused(
            f"{place}: an amendment, and no emergency rule raises a limit",
            code="scope",
            hint="the log names it for an emergency: ask the desk why, and ratify nothing of it",
        )
    own = [
        debt
        for debt in state.debts.values()
        if debt.authorization == requested.commitment and may_ratify(debt, state, name, auth)
    ]
    if not own:
        hint = "who has ratified, or is in neither roster, may not; coffer ratify VAULT lists what must be ratified"
        raise Refused(f"{place}: no emergency of it that {name} may ratify", code="scope", hint=hint)
    entries = tuple(
        RatifyEntry(intent=debt.index, authorization=debt.authorization, custodian=name)
        for debt in own
        if name not in debt.ratified
    )
    if not entries:
        raise Refused(f"{place}: {name} has ratified it before", code="scope")
    return entries


def release_of(hold: Hold, state: State, place: str) -> ReleaseEntry:
    """What ends a hold in the log. Its requester signs it, or a custodian.

    Raises:
        Refused: the log has no such hold, or it was released before.
    """
    logged = state.hold_of(hold.commitment)
    if logged is None or logged.released is not None:
        raise Refused(f"{place}: the log has no such hold, or it was released", code="time")
    return ReleaseEntry(hold=logged.index)
