"""What a custodian's people do with their passkeys: register, sign in, agree, refuse, take back.

Promises: every change is on the disk when a method returns, made under the lock that all processes of this custodian
take, and judged by the rule of ``approvals`` and ``people``, which this file only calls. Trusts: the caller for who is
signed in (``finish_sign_in`` says who that is), and that invitations are made only by whoever has the passphrase.
Knows no HTTP and no HTML.
"""

import datetime as dt
import hmac
from dataclasses import dataclass

from coffer import wire
from coffer.authority.hold import Hold, Requested, verify_opens
from coffer.custodian.approvals import Agreed, Approvals, TakenBack, approval_challenge
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
from coffer.custody.again import Again
from coffer.custody.questions import ask_question
from coffer.entropy import Entropy
from coffer.errors import Refused
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State
from coffer.notes.note import Note
from coffer.passkeys.ceremonies import (
    Assertion,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a custodian's people are with a request.

    ``agreed_by``: persons whose agreement stands, the first at the head. ``required``: how many must agree; 0: whoever
    has the passphrase approves at the terminal. ``is_approved`` stays so until it ``is_refused``.
    """

    required: int
    agreed_by: tuple[int, ...]
    is_approved: bool
    is_refused: bool


class Clerks:
    """The people of one custodian at work. Any thread may call; ``now`` is the time that is written down."""

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

    # Changes by whoever has the passphrase.

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
        return self._registration_options(self.people().person(ordinal), _ordinal_bytes(ordinal), now)

    def finish_adding(self, ordinal: int, response: bytes, label: str, now: dt.datetime) -> Person:
        """The person, with one more passkey, for when the first is lost."""
        passkey = self._registered(response, _ordinal_bytes(ordinal), label, now)
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
                people = self._append(_used(proven), now)
        return people.person(person.ordinal)

    def set_away(self, ordinal: int, away: Away | None, now: dt.datetime) -> None:
        """When a person does not look, and who stands in; None: they are back. They may still agree."""
        self._change(WentAway(ordinal=ordinal, away=away), now)

    # Deciding.

    def standing(self, commitment: Commitment) -> Standing:
        """How far they are with a request."""
        return self._standing(self._machine.folder.decided(self._service.keys), commitment)

    def begin_approval(self, commitment: Commitment, ordinal: int, now: dt.datetime) -> str:
        """Options for the browser of a person who agrees to a request.

        The challenge is made of the request's text.

        Raises:
            Refused: it does not wait here, is out of time, revoked, or refused, or the person has no passkey.
        """
        person = self._signing(ordinal)
        request = self._waiting(commitment)
        text_hash = wire.digest(request.note.text)
        issued = self._challenges.issue(
            Purpose.APPROVE,
            commitment + _ordinal_bytes(ordinal),
            now,
            derive=lambda nonce: approval_challenge(self._service.name, commitment, text_hash, nonce),
        )
        allowed = [passkey.id for passkey in person.passkeys]
        return authentication_options(self._site(), challenge=issued.value, allowed=allowed)

    def approve(self, commitment: Commitment, ordinal: int, response: bytes, now: dt.datetime) -> Standing:
        """Keep that a person agrees, with what their authenticator signed. What enough agreed to is approved.

        A person who agreed before counts once; asking twice changes nothing.

        Raises:
            MalformedInput, Refused: the browser's answer does not hold, or the request cannot be approved.
        """
        assertion = parse_assertion(response)
        subject = commitment + _ordinal_bytes(ordinal)
        issued = self._challenges.take(assertion.challenge, Purpose.APPROVE, subject, now)
        request = self._waiting(commitment)
        folder, keys = self._machine.folder, self._service.keys
        agreed = Agreed(
            commitment=commitment,
            person=ordinal,
            nonce=issued.nonce,
            text_hash=wire.digest(request.note.text),
            assertion=assertion,
        )
        with folder.deciding():
            self._service.verify_not_refused(commitment)  # by another process, or just now
            person, before = self._signing(ordinal), folder.decided(keys)
            own = [one for one in before.agreements.get(commitment, ()) if one.agreed.person == ordinal]
            if any(person.passkey(one.passkey.id) for one in own):
                return self._standing(before, commitment)
            after = folder.append_decision(agreed, now, keys)
            self._note_use(assertion, issued.value, now)
        standing = self._standing(after, commitment)
        if standing.is_approved:
            self._machine.keep_approved(self._service, now, self._entropy)  # if it fails, the attendant signs later
        return standing

    def take_back(self, commitment: Commitment, ordinal: int, now: dt.datetime) -> Standing:
        """A person agrees no more. Once the last that is needed has agreed, only a refusal ends the approval.

        Raises:
            Refused: the person did not agree, or it is approved already.
        """
        folder, keys = self._machine.folder, self._service.keys
        with folder.deciding():
            after = folder.append_decision(TakenBack(commitment=commitment, person=ordinal), now, keys)
        return self._standing(after, commitment)

    def ask(self, commitment: Commitment, ordinal: int, text: str, now: dt.datetime) -> None:
        """Ask the desk one question about a request, which it fetches and explains to every custodian.

        Raises:
            MalformedInput, Refused: the text is none, one was asked before, or the request cannot be approved any more.
        """
        self._signing(ordinal)
        request, auth = self._waiting(commitment), self._service.keys.auth
        question = ask_question(request.commitment, text, custodian=self._service.name, key=auth, now=now)
        self._machine.requests.ask(question, self._service.keys)

    def refuse(
        self, commitment: Commitment, ordinal: int, reason: str, now: dt.datetime, *, again: Again | None = None
    ) -> Standing:
        """Refuse a request, approved or not: nothing is answered to it from now on, and the log will say so.

        ``reason``: one of ``ledger.entries.REFUSE_REASONS``. ``again``: how the desk may come again, which it alone is told.

        Raises:
            Refused: it does not wait here, or the person is none of the custodian's.
        """
        self._signing(ordinal)
        request = self._note(commitment)
        entry = self._service.refusal_entry(request.note.raw, reason, "request", person=ordinal)
        self._machine.put([entry])
        if not isinstance(request, Hold):  # a hold stays where it waits, until it ends
            keys = self._service.keys
            self._machine.requests.keep_refused(request, reason, keys, now, self._entropy, again=again)
        return self.standing(commitment)

    def countersigned(self, commitment: Commitment, now: dt.datetime) -> Note:
        """The request with this custodian's signature, which the desk fetches.

        Any number of times, also after a crash.

        Raises:
            Refused: not enough persons agreed yet, or it is out of time, revoked or refused.
        """
        request = verify_opens(self._note(commitment), "request")
        signed = self._service.countersign(request.note.raw, "request")
        self._machine.requests.keep_signed(signed, self._service.keys, now, self._entropy)
        return signed

    # Steps of these.

    def _standing(self, approvals: Approvals, commitment: Commitment) -> Standing:
        return Standing(
            required=self.people().required,
            agreed_by=approvals.agreed_by(commitment),
            is_approved=commitment in approvals.approved,
            is_refused=commitment in approvals.withdrawn,
        )

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

    def _note(self, commitment: Commitment) -> Requested:
        """The request or hold, whether it waits or was decided: an approved one can still be refused."""
        keys, machine = self._service.keys, self._machine
        request = (
            machine.note(commitment, keys)
            or machine.requests.decided_note(commitment, keys)
            or machine.folder.holds.waiting_note(commitment, keys)
        )
        if request is None:
            raise Refused("request: does not wait here", code="form", hint="it may have expired, or been decided")
        return request

    def _waiting(self, commitment: Commitment) -> Requested:
        requested = self._service.verify_approvable(self._note(commitment).note.raw, "request")
        if isinstance(requested, Hold):
            self._verify_stands(requested, self._service.state)
        return requested

    def _verify_stands(self, hold: Hold, state: State) -> None:
        """A hold that ended is not approved: nobody could keep for it any more."""
        logged = state.hold_of(hold.commitment)
        if logged is None or not logged.is_open(state.rosters[logged.entry.roster], state.newest):
            raise Refused("hold: the log has none that stands", code="time", hint="it was released, lapsed, or is over")

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
        handle = hmac.digest(key, wire.tag("handle") + _ordinal_bytes(person.ordinal), "sha256")
        existing = [passkey.id for passkey in person.passkeys]
        return registration_options(site, handle=handle, user=person.name, challenge=issued.value, existing=existing)

    def _registered(self, response: bytes, subject: bytes, label: str, now: dt.datetime) -> Passkey:
        challenge = parse_registration_challenge(response)
        issued = self._challenges.take(challenge, Purpose.REGISTER, subject, now)
        return verify_registration(response, self._site(), challenge=issued.value, label=label, now=now)

    def _note_use(self, assertion: Assertion, challenge: bytes, now: dt.datetime) -> None:
        """Keep a counter that moved.

        A crash before it lets no assertion serve twice: the agreement holds the counter, too.
        """
        _, passkey = self.people().holder(assertion.credential)
        proven = verify_assertion(assertion, passkey, self._site(), challenge=challenge)
        if proven != passkey:
            self._append(_used(proven), now)


def _used(passkey: Passkey) -> Used:
    return Used(credential=passkey.id, count=passkey.count, is_backed_up=passkey.is_backed_up)


def _ordinal_bytes(ordinal: int) -> bytes:
    return ordinal.to_bytes(4, "big")
