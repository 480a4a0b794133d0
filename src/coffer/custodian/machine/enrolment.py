"""A custodian's people and their passkeys: invited, registered, signed in, away, removed.

Promises: every change is on the disk when a method returns, made under the lock that all processes of this custodian
take, and judged by the rule of ``people``, which this file only calls. Trusts: the caller for who is signed in
(``finish_sign_in`` says who that is), and that invitations are made only by whoever has the passphrase. Knows no HTTP
and no HTML.
"""

import datetime as dt
import hmac

from coffer import wire
from coffer.custodian.machine.folder import Machine
from coffer.custodian.people import (
    Away,
    Enrolled,
    Event,
    Invited,
    People,
    Person,
    Removed,
    Required,
    Revoked,
    Sited,
    Used,
    WentAway,
)
from coffer.custodian.service import CustodianService
from coffer.entropy import Entropy
from coffer.errors import Refused
from coffer.passkeys.ceremonies import (
    authentication_options,
    parse_assertion,
    parse_registration_challenge,
    registration_options,
    verify_assertion,
    verify_registration,
)
from coffer.passkeys.challenges import Challenges, Purpose
from coffer.passkeys.invitations import hash_code, make_invitation, verify_invitation, verify_tells_apart
from coffer.passkeys.passkey import Passkey, RelyingParty


class Enrolment:
    """The people of one custodian and their passkeys.

    Any thread may call; ``now`` is the time that is written down.
    """

    def __init__(self, machine: Machine, service: CustodianService, challenges: Challenges, entropy: Entropy) -> None:
        self._machine = machine
        self._service = service
        self._challenges = challenges
        self._entropy = entropy

    def people(self) -> People:
        """Everybody as they are now.

        Raises:
            NotProven: their file was changed.
        """
        return self._machine.folder.people(self._service.keys).now

    def require(self, number: int, now: dt.datetime) -> None:
        """From now on so many persons must agree by passkey. What was approved before stays approved."""
        self._change(Required(number=number), now)

    def set_site(self, origin: str, now: dt.datetime) -> None:
        """Their pages are at this origin, such as ``https://judge.example:8444``."""
        self._change(Sited(origin=origin), now)

    def invite(self, name: str, now: dt.datetime) -> tuple[int, str]:
        """A new person: their ordinal, and the code with which they register a passkey.

        The code is kept nowhere.
        """
        code, invitation = make_invitation(now, self._entropy)
        with self._machine.folder.deciding():
            people = self.people()
            # Not by the reader of the file, which must read each line for good as it was written.
            verify_tells_apart(name, [one.name for one in people.persons.values()])
            ordinal = people.invited + 1
            self._append(Invited(ordinal=ordinal, name=name, invitation=invitation), now)
        return ordinal, code

    def invite_again(self, ordinal: int, now: dt.datetime) -> str:
        """A new code for a person who lost every passkey; an earlier code serves no more."""
        code, invitation = make_invitation(now, self._entropy)
        with self._machine.folder.deciding():
            name = self.people().person(ordinal).name
            self._append(Invited(ordinal=ordinal, name=name, invitation=invitation), now)
        return code

    def remove(self, ordinal: int, now: dt.datetime) -> None:
        """A person and their passkeys count no more. What they completed stays approved, until it is refused."""
        self._change(Removed(ordinal=ordinal), now)

    # Registering a passkey.

    def begin_enrolment(self, code: str, now: dt.datetime) -> str:
        """Options for ``navigator.credentials.create``, for whoever holds the code of an invitation.

        Raises:
            MalformedInput, Refused: no code, or not one that serves now.
        """
        hashed, person = self._invited(code, now)
        return self._registration_options(person, hashed, now)

    def finish_enrolment(self, code: str, response: bytes, label: str, now: dt.datetime) -> Person:
        """The person, with the passkey that their browser registered. The code is used up.

        Raises:
            MalformedInput, Refused: the code or the browser's answer does not hold.
        """
        hashed, person = self._invited(code, now)
        passkey = self._registered(response, hashed, label, now)
        with self._machine.folder.deciding():
            self._invited(code, now)  # another process may have used it meanwhile
            people = self._append(Enrolled(ordinal=person.ordinal, passkey=passkey, is_recovery=False), now)
        return people.person(person.ordinal)

    def begin_adding(self, ordinal: int, now: dt.datetime) -> str:
        """Options for a further passkey of a person who is signed in."""
        return self._registration_options(self.people().person(ordinal), ordinal_bytes(ordinal), now)

    def finish_adding(self, ordinal: int, response: bytes, label: str, now: dt.datetime) -> Person:
        """The person, with one more passkey, for when the first is lost."""
        passkey = self._registered(response, ordinal_bytes(ordinal), label, now)
        return self._change(Enrolled(ordinal=ordinal, passkey=passkey, is_recovery=True), now).person(ordinal)

    def revoke(self, ordinal: int, credential: bytes, now: dt.datetime) -> None:
        """A passkey of a person counts no more."""
        self._change(Revoked(ordinal=ordinal, credential=credential), now)

    # Signing in.

    def begin_sign_in(self, visit: bytes, now: dt.datetime) -> str:
        """Options for ``navigator.credentials.get``; they name nobody's passkey.

        ``visit``: what binds both halves to one browser, such as a random cookie.
        """
        site = self._site()
        issued = self._challenges.issue(Purpose.SIGN_IN, visit, now)
        return authentication_options(site, challenge=issued.value)

    def finish_sign_in(self, visit: bytes, response: bytes, now: dt.datetime) -> Person:
        """Who signed in.

        Raises:
            MalformedInput, Refused: the browser's answer does not hold, or the passkey is nobody's.
        """
        assertion = parse_assertion(response)
        issued = self._challenges.take(assertion.challenge, Purpose.SIGN_IN, visit, now)
        with self._machine.folder.deciding():
            people = self.people()
            person, passkey = people.holder(assertion.credential)
            proven = verify_assertion(assertion, passkey, self._site(), challenge=issued.value)
            if proven != passkey:
                people = self._append(used(proven), now)
        return people.person(person.ordinal)

    def set_away(self, ordinal: int, away: Away | None, now: dt.datetime) -> None:
        """When a person does not look, and who stands in; None: they are back. They may still agree."""
        self._change(WentAway(ordinal=ordinal, away=away), now)

    # Steps of these.

    def _change(self, event: Event, now: dt.datetime) -> People:
        with self._machine.folder.deciding():
            return self._append(event, now)

    def _append(self, event: Event, now: dt.datetime) -> People:
        return self._machine.folder.append_event(event, now, self._service.keys, self._entropy).now

    def _site(self) -> RelyingParty:
        site = self.people().site
        if site is None:
            raise Refused(
                f"custodian {self._service.name}: its people have no page yet",
                code="form",
                hint="coffer custodian people DIR site --origin https://HOST:PORT",
            )
        return site

    def _signing(self, ordinal: int) -> Person:
        person = self.people().person(ordinal)
        if not person.passkeys:
            raise Refused(f"person {ordinal}: has no passkey", code="form", hint="ask for an invitation")
        return person

    def _invited(self, code: str, now: dt.datetime) -> tuple[bytes, Person]:
        hashed = hash_code(code)
        person = self.people().invitee(hashed)
        verify_invitation(hashed, person.invitation if person else None, now)
        assert person is not None, "its invitation was proven just now"
        return hashed, person

    def _registration_options(self, person: Person, subject: bytes, now: dt.datetime) -> str:
        site = self._site()
        issued = self._challenges.issue(Purpose.REGISTER, subject, now)
        key = self._service.keys.people.unsafe_bytes()
        handle = hmac.digest(key, wire.tag("handle") + ordinal_bytes(person.ordinal), "sha256")
        existing = [passkey.id for passkey in person.passkeys]
        return registration_options(site, handle=handle, user=person.name, challenge=issued.value, existing=existing)

    def _registered(self, response: bytes, subject: bytes, label: str, now: dt.datetime) -> Passkey:
        challenge = parse_registration_challenge(response)
        issued = self._challenges.take(challenge, Purpose.REGISTER, subject, now)
        return verify_registration(response, self._site(), challenge=issued.value, label=label, now=now)


def used(passkey: Passkey) -> Used:
    """What is kept of a use of a passkey: its counter, and whether it is backed up."""
    return Used(credential=passkey.id, count=passkey.count, is_backed_up=passkey.is_backed_up)


def ordinal_bytes(ordinal: int) -> bytes:
    """A person's number, as challenges are bound to it."""
    return ordinal.to_bytes(4, "big")
