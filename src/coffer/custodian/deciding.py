"""What a custodian's people decide about a request, signed: approved, refused, ratified, revoked.

Whether it may be is decided in ``coffer.custody.review``; who of its people must agree, by the approvals file.
"""

import datetime as dt

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import signers_of
from coffer.authority.hold import Hold, Requested, is_hold, parse_hold, parse_requested_note
from coffer.authority.known import needs_every_signature
from coffer.custodian.approvals import Agreed, Approved, Ratification, TakenBack, Withdrawn, must_agree
from coffer.custodian.unlocked import Unlocked
from coffer.custody.review import (
    may_ratify,
    ratifications_of,
    refusal_of,
    release_of,
    revocation_of,
    verify_in_roster,
    verify_open,
)
from coffer.errors import Refused
from coffer.ledger.entries import Commitment, RatifyEntry
from coffer.ledger.grammar import parse_entry
from coffer.ledger.state import State, verify_clock
from coffer.notes.note import Note


class Deciding(Unlocked):
    """A custodian, as far as it decides about requests."""

    def verify_approvable(self, raw: bytes, place: str) -> Requested:
        """A request that may be approved here now: proper, in time, of its roster, and not refused.

        Raises:
            MalformedInput, NotProven: it is not a proper request.
            Refused: out of time, revoked, or refused by this custodian before.
        """
        authorization, state = self.verify_request(raw, place)
        verify_open(authorization, state, self._clock(), place)
        self._verify_not_refused(authorization.commitment, state, place)
        verify_in_roster(authorization, state, self.name, self.keys.auth.verify_key, place)
        return authorization

    def verify_stands(self, requested: Requested) -> None:
        """Prove that a hold has not ended, by the log that was read; of a request nothing.

        Raises:
            Refused: the log has none that stands.
        """
        if not isinstance(requested, Hold):
            return
        logged, state = self.state.hold_of(requested.commitment), self.state
        if logged is None or not logged.is_open(state.rosters[logged.entry.roster], state.newest):
            raise Refused("hold: the log has none that stands", code="time", hint="it was released, lapsed, or is over")

    def verify_not_refused(self, commitment: Commitment) -> None:
        """Prove that this custodian has not refused a request, by its own file and the log that it read.

        Raises:
            Refused: it has.
        """
        self._verify_not_refused(commitment, self.state, "request")

    def verify_at_terminal(self, commitment: Commitment) -> None:
        """Prove that the terminal may countersign: it is approved, or no person is asked to agree.

        Raises:
            Refused: persons must agree first (code ``form``).
        """
        required = self._folder.people(self.keys).now.required
        if required and commitment not in self._folder.approvals(self.keys):
            raise must_agree(required)

    def countersign(self, raw: bytes, place: str) -> Note:
        """Sign an authorization that is approved.

        Enough persons approved it, or this call does where nobody must agree by passkey.

        It is checked, stands in the approvals file (fsync), and only then is signed.

        Raises:
            MalformedInput, NotProven: it is not a proper request.
            Refused: out of time, revoked, refused by this custodian before, or persons must agree first.
        """
        authorization = self.verify_approvable(raw, place)
        commitment, state = authorization.commitment, self.state
        with self._folder.deciding():
            self._verify_not_refused(commitment, state, place)  # another process may have refused it meanwhile
            self.verify_at_terminal(commitment)
            if commitment not in self._folder.approvals(self.keys):
                self._folder.append_decision(Approved(commitment=commitment), self._clock(), self.keys)
        if self.name in signers_of(authorization, state.rosters[authorization.terms.roster]):
            return authorization.note
        return authorization.note.with_signature(self.keys.auth)

    def refusal_entry(self, raw: bytes, reason: str, place: str, *, person: int = 0) -> bytes:
        """The signed ``refuse`` entry for a request; from then on this custodian does not answer to it.

        ``person``: who said so on the custodian's page; 0 at the terminal.
        """
        commitment = parse_requested_note(raw, place).commitment
        with self._folder.deciding():  # before the log is asked, so that nobody can keep a custodian from saying no
            if not self._folder.is_withdrawn(commitment, self.keys):
                withdrawn = Withdrawn(commitment=commitment, person=person)
                self._folder.append_decision(withdrawn, self._clock(), self.keys)
        authorization, state = self.verify_request(raw, place)
        auth = self.keys.auth
        return self._entry(refusal_of(authorization, reason, state, self.name, auth.verify_key, place), auth)

    def verify_ratifiable(self, raw: bytes, intent: int, place: str) -> Requested:
        """A request under which this emergency was opened, and which this custodian may still ratify.

        Also one that expired, or was revoked or refused since: it was opened all the same.

        Raises:
            MalformedInput, NotProven: it is not a proper request.
            Refused: no emergency of it, this custodian is in neither roster, or it has ratified it before.
        """
        requested, state = self.verify_request(raw, place)
        verify_clock(state, self._clock())
        bodies = ratifications_of(requested, state, self.name, self.keys.auth.verify_key, place)
        if intent not in {body.intent for body in bodies}:
            raise Refused(f"{place}: {self.name} has ratified it before, or the emergency is another's", code="scope")
        return requested

    def ratify_entries(self, raw: bytes, place: str) -> list[bytes]:
        """The signed ``ratify`` entries for what was opened under a request in an emergency.

        Where persons must agree by passkey, only for what they agreed to on the custodian's page.

        Raises:
            MalformedInput, NotProven: it is not a proper request.
            Refused: nothing is left to ratify, or persons must agree first.
        """
        requested, state = self.verify_request(raw, place)
        auth, required = self.keys.auth, self._folder.people(self.keys).now.required
        bodies = ratifications_of(requested, state, self.name, auth.verify_key, place)
        if required:
            agreed = self._folder.decided(self.keys).ratified
            bodies = tuple(body for body in bodies if _about(body) in agreed)
            if not bodies:
                raise must_agree(required)
        return [self._entry(body, auth) for body in bodies]

    def end_outdated(self) -> None:
        """End the agreements to ratify that are older than the draw, so that these persons are asked again.

        They read that nothing was drawn. What enough persons agreed to stays.
        """
        if not self._outdated():
            return
        with self._folder.deciding():
            for one in self._outdated():  # again: another process may have ended them meanwhile
                ended = TakenBack(about=one.about, person=one.person)
                self._folder.append_decision(ended, self._clock(), self.keys)

    def _outdated(self) -> list[Agreed]:
        """Those of its persons of today: nobody else's counts with a later one."""
        approvals, persons = self._folder.decided(self.keys), self._folder.people(self.keys).now.persons
        outdated = list[Agreed]()
        for about, agreements in approvals.agreements.items():
            if isinstance(about, Ratification) and agreements and not approvals.is_settled(about):
                drawn = self._drawn(about)
                outdated += [one.agreed for one in agreements if drawn is not None and one.time < drawn]
        return [one for one in outdated if one.person in persons]

    def _drawn(self, about: Ratification) -> dt.datetime | None:
        """When something was drawn, by the log; None if nothing was, or it has no such opening."""
        opening = self.state.openings.get(about.intent)
        index = None if opening is None else opening.draw_index
        if opening is None or index is None or opening.intent.authorization != about.commitment:
            return None
        return parse_entry(self._following.entries(index, index + 1)[0], f"entry {index}").time

    def ratified_entries(self) -> list[bytes]:
        """The signed ``ratify`` entries for what enough persons agreed to and the log does not show yet."""
        state, auth, entries = self.state, self.keys.auth, list[bytes]()
        for about in sorted(self._folder.decided(self.keys).ratified, key=lambda one: one.intent):
            debt = state.debts.get(about.intent)
            if debt is None or debt.authorization != about.commitment or self.name in debt.ratified:
                continue
            if may_ratify(debt, state, self.name, auth.verify_key):
                body = RatifyEntry(intent=debt.index, authorization=debt.authorization, custodian=self.name)
                entries.append(self._entry(body, auth))
        return entries

    def revocation_entry(self, raw: bytes, place: str) -> bytes:
        """The signed ``revoke`` entry for an authorization; from then on nobody answers to it.

        Of a hold it is the ``release`` that ends it.
        """
        if is_hold(raw):
            return self.release_entry(raw, place)
        authorization, state = self.verify_request(raw, place)
        auth = self.keys.auth
        return self._entry(revocation_of(authorization, state, self.name, auth.verify_key, place), auth)

    def release_entry(self, raw: bytes, place: str) -> bytes:
        """The signed ``release`` entry that ends a hold: nothing is kept for it any more.

        Raises:
            MalformedInput, NotProven, Refused: it is no hold of this vault, or the log has none of it that stands.
        """
        hold, state = parse_hold(raw, place), self.sync()
        return self._entry(release_of(hold, state, place), self.keys.auth)

    def is_doubtful(self, authorization: Authorization) -> bool:
        """Whether it answers only if every custodian of the rule has signed, by its own list of authorities.

        Raises:
            NotProven: the list is not as the custodian wrote it.
        """
        known = self._folder.authorities(self.keys)
        return any(needs_every_signature(note.terms, known) for note in authorization.notes)

    def _verify_not_refused(self, commitment: Commitment, state: State, place: str) -> None:
        if state.is_refused(commitment, self.name) or self._folder.is_withdrawn(commitment, self.keys):
            raise Refused(f"{place}: {self.name} has refused it", code="scope")


def _about(body: RatifyEntry) -> Ratification:
    return Ratification(commitment=body.authorization, intent=body.intent)
