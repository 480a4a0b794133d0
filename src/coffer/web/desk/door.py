"""The desk's people at the door, and a passkey for a single act.

The passkeys are those of ``coffer.desk``'s register.

Promises: a challenge serves one purpose, one person and one act, once, for five minutes. What a clerk's passkey signed
for an act is bound to the request's commitment and can be kept as evidence.
"""

import datetime as dt
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from coffer import wire
from coffer.desk.case import CaseId
from coffer.desk.people import Person, PersonId
from coffer.desk.port import People
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.passkeys.ceremonies import (
    Assertion,
    authentication_options,
    format_base64url,
    parse_assertion,
    registration_options,
    verify_assertion,
    verify_registration,
)
from coffer.passkeys.challenges import CHALLENGE_BYTES, Challenges, Purpose
from coffer.passkeys.passkey import Passkey, RelyingParty
from coffer.web.ground.door import Ceremony, Visitor

_UNKNOWN: Final = "passkey: nobody here has this one"
_ANYBODY: Final = b""


class Act(StrEnum):
    """What a clerk's own passkey is asked for, each time anew."""

    SEND = "send"
    OPEN = "open"
    INVITE = "invite"
    SHRED = "shred"
    HOLD = "hold"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What somebody's passkey signed for one act: evidence for the history, where it is about a request."""

    person: PersonId
    act: Act
    commitment: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    assertion: Assertion = field(repr=False)

    def texts(self) -> dict[str, str]:
        """The evidence as the texts of an event: whoever has them can verify the signature again."""
        parts = {
            "credential": self.assertion.credential,
            "authenticator-data": self.assertion.authenticator_data,
            "client-data": self.assertion.client_data,
            "signature": self.assertion.signature,
            "nonce": self.nonce,
        }
        return {f"passkey-{name}": wire.format_base64(raw) for name, raw in parts.items()}


def act_challenge(nonce: bytes, act: Act, commitment: bytes) -> bytes:
    """What the authenticator signs: ``H(T("desk-act") || nonce || LP(act) || commitment)``."""
    return wire.digest(wire.tag("desk-act"), nonce, wire.lp(act.value.encode("ascii")), commitment)


def invited(name: str, role: str, person: str = "") -> bytes:
    """What stands for an invitation where a passkey agrees to it: ``H(T("desk-invite") || LP(...) ...)``.

    ``person``: somebody who is invited anew; empty for somebody new.
    """
    return wire.digest(wire.tag("desk-invite"), *(wire.lp(one.encode("utf-8")) for one in (name, role, person)))


def destroyed(case: CaseId) -> bytes:
    """What stands for a case where a passkey agrees to its end: ``H(T("desk-shred") || case id)``."""
    return wire.digest(wire.tag("desk-shred"), bytes.fromhex(case))


class DeskDoor:
    """``ground.door.Door`` over the desk's people. Any thread may call."""

    def __init__(self, people: People, party: RelyingParty, entropy: Entropy) -> None:
        self._people, self._party = people, party
        self._challenges = Challenges(entropy)

    def person(self, person: str) -> Person | None:
        """Somebody in force, by their id."""
        member = self._people.people().get(PersonId(person))
        return member if member is not None and member.is_active else None

    def visitor(self, person: str, _now: dt.datetime, /) -> Visitor | None:
        """As the port."""
        member = self.person(person)
        return None if member is None else Visitor(id=member.id, name=member.name, role=member.role.value)

    def begin_sign_in(self, now: dt.datetime, /) -> Ceremony:
        """As the port."""
        issued = self._challenges.issue(Purpose.SIGN_IN, _ANYBODY, now)
        return self._asked(issued.value)

    def sign_in(self, handle: str, answer: str, now: dt.datetime, /) -> str:
        """As the port."""
        challenge = self._challenges.take(_challenge_of(handle), Purpose.SIGN_IN, _ANYBODY, now)
        assertion = parse_assertion(answer.encode("utf-8"))
        person, _ = self._used(assertion, challenge.value, now)
        return person.id

    def begin_enrolling(self, code: str, now: dt.datetime, /) -> Ceremony:
        """As the port."""
        invitation = self._people.invitation(code, now)
        return self._registering(invitation.person, invitation.name, (), now)

    def enroll(self, code: str, handle: str, answer: str, label: str, now: dt.datetime, /) -> str:
        """As the port."""
        invitation = self._people.invitation(code, now)
        passkey = self._registered(invitation.person, handle, answer, label, now)
        return self._people.accept(code, passkey, now).id

    def begin_adding(self, person: str, now: dt.datetime, /) -> Ceremony:
        """As the port."""
        member = self._in_force(person)
        return self._registering(member.id, member.name, member.passkeys, now)

    def add(self, person: str, handle: str, answer: str, label: str, now: dt.datetime, /) -> None:
        """As the port."""
        passkey = self._registered(PersonId(person), handle, answer, label, now)
        if self._people.find_passkey(passkey.id) is not None:
            raise Refused("passkey: kept already", code="form", hint="use another authenticator")

        def added(current: Person) -> Person:
            if not current.passkeys:
                raise Refused("passkey: all of yours were removed meanwhile", code="scope", hint="ask the operator")
            return replace(current, passkeys=(*current.passkeys, passkey))

        self._people.change(PersonId(person), added, now)

    def begin_act(self, person: str, act: Act, commitment: bytes, now: dt.datetime) -> Ceremony:
        """A challenge for one act on one request, for this person's own passkeys."""
        member = self._in_force(person)
        issued = self._challenges.issue(
            Purpose.APPROVE,
            _act_subject(member.id, act, commitment),
            now,
            derive=lambda nonce: act_challenge(nonce, act, commitment),
        )
        return self._asked(issued.value, tuple(passkey.id for passkey in member.passkeys))

    def prove_act(self, person: str, act: Act, commitment: bytes, handle: str, answer: str, now: dt.datetime) -> Proven:
        """Prove that this person's passkey agreed to this act on this request just now.

        Raises:
            Refused: it was another person's, another act's or request's, too late, or used before.
        """
        member = self._in_force(person)
        subject = _act_subject(member.id, act, commitment)
        challenge = self._challenges.take(_challenge_of(handle), Purpose.APPROVE, subject, now)
        assertion = parse_assertion(answer.encode("utf-8"))
        holder, _ = self._used(assertion, challenge.value, now)
        if holder.id != member.id:
            raise Refused("passkey: of another person", code="form", hint="use your own passkey")
        return Proven(person=member.id, act=act, commitment=commitment, nonce=challenge.nonce, assertion=assertion)

    def _asked(self, challenge: bytes, allowed: tuple[bytes, ...] = ()) -> Ceremony:
        options = authentication_options(self._party, challenge=challenge, allowed=allowed)
        return Ceremony(handle=format_base64url(challenge), options=options)

    def _registering(self, person: PersonId, name: str, existing: tuple[Passkey, ...], now: dt.datetime) -> Ceremony:
        issued = self._challenges.issue(Purpose.REGISTER, person.encode("ascii"), now)
        options = registration_options(
            self._party,
            handle=bytes.fromhex(person),
            user=name,
            challenge=issued.value,
            existing=tuple(passkey.id for passkey in existing),
        )
        return Ceremony(handle=format_base64url(issued.value), options=options)

    def _registered(self, person: PersonId, handle: str, answer: str, label: str, now: dt.datetime) -> Passkey:
        challenge = self._challenges.take(_challenge_of(handle), Purpose.REGISTER, person.encode("ascii"), now)
        return verify_registration(
            answer.encode("utf-8"), self._party, challenge=challenge.value, label=label or "passkey", now=now
        )

    def _used(self, assertion: Assertion, challenge: bytes, now: dt.datetime) -> tuple[Person, Passkey]:
        """Whose passkey signed; its new count is kept."""
        known = self._people.find_passkey(assertion.credential)
        if known is None:
            raise Refused(_UNKNOWN, code="form", hint="use another passkey, or ask for an invitation")
        person, passkey = known
        used = verify_assertion(assertion, passkey, self._party, challenge=challenge)
        try:
            self._people.record_use(passkey.id, used.count, now)
        except NotProven as error:
            raise Refused(error.message, code="form", hint=error.hint or "revoke this passkey") from error
        return person, used

    def _in_force(self, person: str) -> Person:
        member = self.person(person)
        if member is None:
            raise Refused("person: not of this desk any more", code="scope", hint="ask the operator")
        return member


def _act_subject(person: PersonId, act: Act, commitment: bytes) -> bytes:
    return wire.lp(person.encode("ascii")) + wire.lp(act.value.encode("ascii")) + commitment


def _challenge_of(handle: str) -> bytes:
    try:
        raw = wire.parse_base64(handle.replace("-", "+").replace("_", "/") + "=" * (-len(handle) % 4), "handle")
    except MalformedInput:
        raw = b""
    if len(raw) != CHALLENGE_BYTES:
        raise Refused("challenge: none of this name", code="time", hint="begin again on the page")
    return raw
