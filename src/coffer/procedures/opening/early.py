"""Step R0 of an opening: what is refused before anything is logged. Pure.

These are not the real checks: the custodians decide for themselves.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import (
    Countersigned,
    Footing,
    all_signed,
    called,
    expected_of,
    footing_of,
    signers_of,
    subject_rule,
    verify_countersigned,
)
from coffer.errors import Refused, Unavailable
from coffer.ledger.cosigning import describe_lack, is_cosigned
from coffer.ledger.debts import why_no_emergency
from coffer.ledger.facts import Segment
from coffer.ledger.rules import mask_of
from coffer.ledger.state import State


def verify_may_ask(authorization: Authorization, state: State, now: dt.datetime) -> Countersigned:
    """Step R0: the authorization with its proven countersignatures. Not the real check.

    It fails early, before anything is logged. The custodians decide for themselves.

    Raises:
        NotProven: a signature is wrong.
        Refused: another vault's, not in force, revoked, or too few countersignatures.
    """
    terms = authorization.terms
    roster = state.rosters.get(terms.roster)
    if terms.origin != state.origin or roster is None:
        raise Refused("authorization: written for another vault", code="scope", hint=f"this vault is {state.origin}")
    countersigned = verify_countersigned(authorization, roster)
    if any(note.commitment in state.revoked for note in authorization.notes):
        raise Refused("authorization: revoked", code="time", hint="a custodian has ended it: see coffer log VAULT")
    if not terms.not_before <= now < terms.expires:
        when = "is not in force yet" if now < terms.not_before else "has expired"
        raise Refused(
            f"authorization: {when}: not-before {terms.not_before:%Y-%m-%d %H:%M}Z, expires {terms.expires:%Y-%m-%d %H:%M}Z",
            code="time",
        )
    return countersigned


def verify_signed_for_segments(countersigned: Countersigned, segments: Sequence[tuple[Segment, int]]) -> Countersigned:
    """Step R0: refuse if segments that were sealed under an older roster lack signatures.

    Such segments need signatures by the rules of their own roster too; if only by its emergency rule, it is one.

    Raises:
        Refused: too few of that roster's custodians have signed (code scope).
    """
    authorization, is_emergency = countersigned.authorization, countersigned.is_emergency
    distinct: dict[tuple[bytes, int], Segment] = {}
    for segment, number in segments:
        distinct.setdefault((segment.roster.hash, number), segment)
    for (_, number), segment in distinct.items():
        for note in authorization.notes:
            is_emergency |= _verify_signed_for_segment(note, segment, number) is Footing.EMERGENCY
    return replace(countersigned, is_emergency=is_emergency)


def _verify_signed_for_segment(note: Authorization, segment: Segment, number: int) -> Footing:
    roster, signers = segment.roster, signers_of(note, segment.roster)
    rule = subject_rule(note.terms.subjects[number - 1], roster)
    footing = footing_of(rule.name, roster, signers, note.terms)
    if footing is Footing.NONE:
        raise Refused(
            f"{called(note.terms)}: records of {segment.line.day} were sealed under another roster, for subject {number} with rule {rule.name}: "
            f"signed by {','.join(signers) or 'no custodian of it'}, expected {expected_of(rule.name, roster, note.terms)}",
            code="scope",
            hint=f"let more of its custodians sign; if they left: coffer request --roster {roster.hash.hex()[:16]}",
        )
    return footing


def verify_emergency(countersigned: Countersigned, requester: str, state: State, now: dt.datetime) -> None:
    """Step R0, if no opening is to be resumed: an emergency that State would refuse is not begun.

    Raises:
        Refused: earlier ones are not ratified, or too many; or the note names a roster that is not in force.
    """
    if not countersigned.is_emergency:
        return
    if countersigned.roster.hash != state.roster.hash:
        raise Refused(
            "authorization: an emergency under a roster that is not in force",
            code="scope",
            hint="ask for a new request, or let the custodians of its rules sign",
        )
    why = why_no_emergency(state.debts.values(), requester, max(now, state.newest))
    if why is not None:
        raise Refused(
            f"emergency: {why}",
            code="budget",
            hint="let the custodians of the rules sign this request, or ratify what is owed: coffer ratify VAULT",
        )


def is_spent(authorization: Authorization, state: State) -> bool:
    """Whether all records were drawn that the authorization, with its amendment if given, allows."""
    return state.drawn(authorization.commitment, up_to=state.size) >= authorization.limit


def days_ahead(authorization: Authorization, state: State, now: dt.datetime) -> tuple[dt.date, ...]:
    """The UTC days of an authorization that are not over, so that records of them may still come."""
    today = max(now, state.newest).date()
    return tuple(day for day in authorization.terms.all_days if day >= today)


def verify_unspent(authorization: Authorization, state: State) -> None:
    """Step R0, if no opening is to be resumed: refuse an authorization whose records were all drawn.

    Raises:
        Refused: all of its records were drawn (code budget).
    """
    if is_spent(authorization, state):
        raise Refused(
            f"records: all {authorization.limit} that it allows were drawn before (max-records)",
            code="budget",
            hint="give its amendment too, if there is one (coffer amend), or ask for a new authorization",
        )


def verify_answerable(countersigned: Countersigned, at_hand: Sequence[str]) -> None:
    """Step R0: refuse if too few custodians can be asked, so that no intent is logged in vain.

    ``at_hand``: names of the custodians that can be asked.

    Raises:
        Unavailable: they are too few for a rule of the note, or to vouch for the log.
    """
    roster = countersigned.roster
    mask = mask_of(at_hand, roster.names)
    for subject in countersigned.authorization.terms.subjects:
        rule = subject_rule(subject, roster)
        if not roster.locks[rule.name].is_satisfied_by(mask):
            names = ", ".join(at_hand) or "none"
            raise Unavailable(
                f"custodians: {names} can be asked, expected {rule.expression} (rule {rule.name})",
                hint="give the passphrases of more custodians",
            )
    if not is_cosigned(countersigned.authorization.terms.rules, roster, at_hand):
        lack = describe_lack(countersigned.authorization.terms.rules, roster, at_hand)
        raise Unavailable(
            f"custodians: {', '.join(at_hand)} can be asked, and more must vouch for the log: {lack}",
            hint="give the passphrases of more custodians",
        )


UNKNOWN_AUTHORITY: Final = (
    "custodians that have not called the authority back answer in an emergency only if every custodian of the rule has "
    "signed: let all sign, or let them call it back: coffer authorities VAULT --as CUSTODIAN --take FILE"
)
"""What helps where an emergency is refused because of who ordered it."""


def verify_authority(countersigned: Countersigned, at_hand: Sequence[str], doubting: Sequence[str]) -> None:
    """Step R0: refuse an emergency that too few would answer, because nobody called its authority back.

    ``doubting``: those of the custodians at hand whose lists say that they answer only if everybody has signed. Of
    custodians elsewhere nothing is known: they count as if they answered.

    Raises:
        Refused: those who are left are too few (code scope).
    """
    roster, authorization = countersigned.roster, countersigned.authorization
    mask = mask_of([name for name in at_hand if name not in doubting], roster.names)
    heightened = all_signed(authorization, roster)
    for is_all, subject in zip(heightened, authorization.terms.subjects, strict=True):
        rule = subject_rule(subject, roster)
        if not is_all and not roster.locks[rule.name].is_satisfied_by(mask):
            raise Refused(
                f"authority: nobody called it back, by the own list of {', '.join(doubting)}; and not every custodian "
                f"of rule {rule.name} has signed this emergency",
                code="scope",
                hint=UNKNOWN_AUTHORITY,
            )
