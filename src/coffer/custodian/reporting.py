"""What a custodian tells a desk of its own request: how it stands here.

Promises: whoever is not a requester of the roster gets the constant refusal, and another desk gets the very report of a note that is not held. A query
that is sent again is answered to the same reply key, which only its sender has. Nothing is written, signed or looked up in the log for a query.

Implements ``docs/formats/exchange.md``, "Standing of a request".
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from coffer.custodian.answering import Answering
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.follow import Follower
from coffer.custodian.keyring import KeyRing
from coffer.custodian.marks import Marks
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.custody.standing import (
    Asked,
    Away,
    Held,
    Query,
    SaidNo,
    Signed,
    Standing,
    parse_query,
    query_info,
    sign_standing,
    standing_info,
)
from coffer.errors import CofferError
from coffer.ledger.entries import Commitment
from coffer.ledger.roster import Roster
from coffer.notes.keys import seal

_ALONE: Final = 1
"""People who must agree at a custodian that does not ask for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How many of a custodian's people agreed to one request, and how many must."""

    agreed: int
    needed: int


class Reporting:
    """Answers queries. Any thread may call it: it reads files that appear whole, and State as it is."""

    def __init__(
        self,
        folder: CustodianFolder,
        ring: KeyRing,
        following: Follower,
        answering: Answering,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._folder = folder
        self._ring = ring
        self._following = following
        self._answering = answering
        self._clock = clock

    def report(self, sealed: bytes) -> bytes:
        """A signed and sealed report, or the constant refusal.

        Raises:
            NotProven: it is sealed under a roster that is not known here yet, or to somebody else.
        """
        raw, roster, index = self._answering.opened(sealed, query_info, "query")
        try:
            query = parse_query(raw)
            key = roster.requesters.get(query.requester)
            if key is None or not query.is_signed_by(key, roster.hash, index) or not query.is_fresh(self._clock()):
                return self._refuse("query not proven")
            plain = sign_standing(self._standing(query, roster), query, self._ring.keys.resp)
            return seal(plain, query.reply_public, info=standing_info(query.hash, index))
        except CofferError as error:
            return self._refuse(f"query {type(error).__name__}")

    def agreement(self, commitment: Commitment) -> Agreement:
        """How many of its people agreed. What is approved, also at the terminal, needs nobody more."""
        keys = self._ring.keys
        needed = max(_ALONE, self._folder.people(keys).now.required)
        decided = self._folder.decided(keys)
        agreed = needed if commitment in decided.in_force else min(needed, len(decided.agreed_by(commitment)))
        return Agreement(agreed=agreed, needed=needed)

    def away(self) -> Away | None:
        """Until when fewer of its people are here than must agree; None if enough are."""
        keys, now = self._ring.keys, self._clock()
        people = self._folder.people(keys).now
        if not people.required:
            return None  # whoever has the passphrase approves, and nobody says when they are there
        gone = people.away_at(now)
        until = people.short_until(now)
        here = {person.ordinal for person in people.here_at(now)}
        return None if until is None else Away(until=until, is_told=all(one.stand_in in here for one in gone))

    def _standing(self, query: Query, roster: Roster) -> Standing:
        keys, requests = self._ring.keys, self._folder.requests
        marks = requests.marks(query.commitment, keys)
        is_theirs = (
            marks is not None
            and (marks.requester, marks.roster) == (roster.requesters[query.requester], roster.hash)
            and self._clock() < marks.expires
        )
        return Standing(
            custodian=self._folder.name,
            authorization=query.commitment,
            held=self._held(query.commitment, marks, roster) if marks is not None and is_theirs else None,
            away=self.away(),
        )

    def _held(self, commitment: Commitment, marks: Marks, roster: Roster) -> Held:
        agreement = self.agreement(commitment)
        return Held(
            since=marks.held,
            nonce=marks.nonce,
            seen=marks.seen,
            reading=min((time for _, time in marks.readers), default=None),
            agreed=agreement.agreed,
            needed=agreement.needed,
            decision=self._decision(commitment, marks),
            asked=self._asked(commitment, marks, roster),
        )

    def _asked(self, commitment: Commitment, marks: Marks, roster: Roster) -> Asked | None:
        """What its people ask the desk; None if nothing, or if somebody changed the file."""
        keys, questions = self._ring.keys, self._folder.requests.questions
        try:
            question = questions.question(commitment, keys)
            if question is None:
                return None
            explained = questions.explanations(commitment, marks.requester, roster, keys)
        except CofferError:
            return None
        return Asked(question=question, is_explained=question in [one.question for one in explained])

    def _decision(self, commitment: Commitment, marks: Marks) -> Signed | SaidNo | None:
        """What the approvals file and the log say; marks only add when and why."""
        keys, state = self._ring.keys, self._following.state
        logged = [
            body.reason
            for _, body in state.refusals
            if (body.authorization, body.custodian) == (commitment, self._folder.name)
        ]
        if logged or self._folder.is_withdrawn(commitment, keys):
            noted, time = marks.said_no or (None, None)
            return SaidNo(
                is_withdrawal=marks.signed is not None,
                reason=logged[0] if logged else noted,
                time=time,
                again=marks.again,
            )
        if marks.signed is None or commitment not in self._folder.approvals(keys):
            return None
        note = self._folder.requests.decided_note(commitment, keys)
        if note is None:
            return None
        own = keys.auth.verify_key
        lines = [line for line in note.note.signatures if (line.name, line.key_id) == (own.name, own.key_id)]
        return Signed(time=marks.signed, signature=lines[0].signature) if lines else None

    def _refuse(self, kind: str) -> bytes:
        self._folder.outcomes.count(kind, self._clock())
        return CONSTANT_REFUSAL
