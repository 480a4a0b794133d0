"""What a custodian's people decide with their passkeys: agree, take back, ask, refuse.

Promises: every decision is on the disk when a method returns, made under the lock that all processes of this custodian
take, and judged by the rule of ``approvals``, which this file only calls. Trusts: the caller for who is signed in. Knows
no HTTP and no HTML.
"""

import datetime as dt
from dataclasses import dataclass

from coffer import wire
from coffer.authority.hold import Requested, verify_opens
from coffer.custodian.approvals import Agreeable, Agreed, Approvals, Ratification, TakenBack, challenge_of
from coffer.custodian.machine.enrolment import Enrolment, ordinal_bytes, used
from coffer.custody.again import Again
from coffer.custody.questions import ask_question
from coffer.errors import Refused
from coffer.ledger.entries import Commitment
from coffer.notes.note import Note
from coffer.passkeys.ceremonies import Assertion, authentication_options, parse_assertion, verify_assertion
from coffer.passkeys.challenges import Purpose


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


class Clerks(Enrolment):
    """The people of one custodian at work. Any thread may call; ``now`` is the time that is written down."""

    def standing(self, about: Agreeable) -> Standing:
        """How far they are with a request, a hold, or what an emergency opened."""
        return self._standing(self._machine.folder.decided(self._service.keys), about)

    def begin_approval(self, about: Agreeable, ordinal: int, now: dt.datetime) -> str:
        """Options for the browser of a person who agrees to a request, or ratifies what an emergency opened.

        The challenge is made of the request's text.

        Raises:
            Refused: it does not wait here, is out of time, revoked, refused, or ratified, or the person has no passkey.
        """
        person = self._signing(ordinal)
        text_hash = wire.digest(self._waiting(about).note.text)
        issued = self._challenges.issue(
            Purpose.APPROVE,
            _subject(about, ordinal),
            now,
            derive=lambda nonce: challenge_of(self._service.name, about, text_hash, nonce),
        )
        allowed = [passkey.id for passkey in person.passkeys]
        return authentication_options(self._site(), challenge=issued.value, allowed=allowed)

    def approve(self, about: Agreeable, ordinal: int, response: bytes, now: dt.datetime) -> Standing:
        """Keep that a person agrees, with what their authenticator signed. What enough agreed to is approved.

        A person who agreed before counts once; asking twice changes nothing. Who agreed to ratify before the draw counts no
        more: they read that nothing was drawn.

        Raises:
            MalformedInput, Refused: the browser's answer does not hold, or it cannot be agreed to.
        """
        assertion = parse_assertion(response)
        issued = self._challenges.take(assertion.challenge, Purpose.APPROVE, _subject(about, ordinal), now)
        text_hash = wire.digest(self._waiting(about).note.text)
        self._service.end_outdated()
        folder, keys = self._machine.folder, self._service.keys
        agreed = Agreed(about=about, person=ordinal, nonce=issued.nonce, text_hash=text_hash, assertion=assertion)
        with folder.deciding():
            if not isinstance(about, Ratification):
                self._service.verify_not_refused(about)  # by another process, or just now
            person, before = self._signing(ordinal), folder.decided(keys)
            own = [one for one in before.agreements.get(about, ()) if one.agreed.person == ordinal]
            if any(person.passkey(one.passkey.id) for one in own):
                return self._standing(before, about)
            after = folder.append_decision(agreed, now, keys)
            self._note_use(assertion, issued.value, now)
        standing = self._standing(after, about)
        if standing.is_approved:  # if the rest fails, the attendant does it later
            if isinstance(about, Ratification):
                self._machine.keep_ratified(self._service)
            else:
                self._machine.keep_approved(self._service, now, self._entropy)
        return standing

    def take_back(self, about: Agreeable, ordinal: int, now: dt.datetime) -> Standing:
        """A person agrees no more. Once the last that is needed has agreed, only a refusal ends the approval.

        Raises:
            Refused: the person did not agree, or it is approved already.
        """
        folder, keys = self._machine.folder, self._service.keys
        with folder.deciding():
            after = folder.append_decision(TakenBack(about=about, person=ordinal), now, keys)
        return self._standing(after, about)

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

    def _standing(self, approvals: Approvals, about: Agreeable) -> Standing:
        commitment = about.commitment if isinstance(about, Ratification) else about
        return Standing(
            required=self.people().required,
            agreed_by=approvals.agreed_by(about),
            is_approved=approvals.is_settled(about),
            is_refused=commitment in approvals.withdrawn,
        )

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

    def _waiting(self, about: Agreeable) -> Requested:
        """The note of what may be agreed to now."""
        if isinstance(about, Ratification):
            raw = self._note(about.commitment).note.raw
            return self._service.verify_ratifiable(raw, about.intent, "request")
        requested = self._service.verify_approvable(self._note(about).note.raw, "request")
        self._service.verify_stands(requested)
        return requested

    def _note_use(self, assertion: Assertion, challenge: bytes, now: dt.datetime) -> None:
        """Keep a counter that moved.

        A crash before it lets no assertion serve twice: the agreement holds the counter, too.
        """
        _, passkey = self.people().holder(assertion.credential)
        proven = verify_assertion(assertion, passkey, self._site(), challenge=challenge)
        if proven != passkey:
            self._append(used(proven), now)


def _subject(about: Agreeable, ordinal: int) -> bytes:
    """What a challenge is bound to: one person, and one thing to agree to."""
    if isinstance(about, Ratification):
        return about.commitment + about.intent.to_bytes(8, "big") + ordinal_bytes(ordinal)
    return about + ordinal_bytes(ordinal)
