"""From a sealed request to a sealed reply: the shell around ``decide``.

Steps 1, 2 and 15 of ``docs/procedures/opening.md``.

Promises: a sender that proves nothing gets the constant refusal. It cannot fill the disk, and it cannot write what others asked into the custodian's
record.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from coffer import wire
from coffer.authority.amended import parse_amended
from coffer.authority.authorization import parse_authorization
from coffer.authority.countersign import verify_requested
from coffer.authority.hold import Hold, parse_hold
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.follow import Follower
from coffer.custodian.holding import Holding
from coffer.custodian.keyring import KeyRing
from coffer.custody.decide import Decision, Decline, Grant, Reject, decide
from coffer.custody.decider import Decider
from coffer.custody.exchange import (
    CONSTANT_REFUSAL,
    MAX_REQUEST_BYTES,
    Request,
    format_refusal,
    note_info,
    order_info,
    parse_envelope,
    parse_order,
    reply_info,
    request_info,
    response_message,
)
from coffer.custody.parcel import hold_info, parse_parcel
from coffer.custody.questions import explanation_info
from coffer.errors import CofferError, MalformedInput, NotProven
from coffer.ledger.entries import Commitment
from coffer.ledger.roster import Roster
from coffer.notes.keys import seal
from coffer.notes.note import Note
from coffer.segments.prf import DATA_LANE

_SEALED_OVERHEAD: Final = 1136
"""HPKE: encapsulated key 1,120 B and tag 16 B."""


class Answering:
    """Unseals what is sealed to this custodian, has it decided, signs the reply.

    Any thread may call ``unseal_proven`` and ``unseal_note``. One thread at a time calls the rest, because State has one past.
    """

    def __init__(
        self,
        folder: CustodianFolder,
        ring: KeyRing,
        following: Follower,
        clock: Callable[[], dt.datetime],
        holding: Holding,
    ) -> None:
        self._folder = folder
        self._ring = ring
        self._following = following
        self._clock = clock
        self._holding = holding

    def begin(self) -> bool:
        """Read the log for the first time, if nothing is known of it. Whether something is known now."""
        try:
            if not self._following.state.rosters:
                self._following.catch_up()
        except (MalformedInput, NotProven) as error:
            self._refuse_constantly(1, error)
        return bool(self._following.state.rosters)

    def unseal_proven(self, sealed: bytes) -> tuple[Request, int] | None:
        """A request whose requester is proven, with this custodian's index; else None, a constant refusal.

        Junk of strangers ends here. The checks come in the order of what they cost: unsealing, the note's commitment among the approvals, the
        requester's signature. Cells are read, the log is followed and the decision is made only for a requester. These are not the real checks:
        ``decide`` makes those, in their own order. All of them end in the same refusal.
        """
        step = 1
        try:
            raw, index = self._unseal(sealed)
            envelope = parse_envelope(raw)
            step = 3
            authorization = parse_amended(envelope.note, "request: note")
            terms = authorization.terms
            step = 4
            if authorization.commitment not in self._folder.approvals(self._ring.keys):
                self._turn_away(step)
                return None
            step = 7
            if wire.digest(envelope.seal_public) != terms.seal or not envelope.is_signed_by(terms.requester):
                self._turn_away(step)
                return None
            step = 1
            return envelope.request(), index
        except (MalformedInput, NotProven) as error:
            self._refuse_constantly(step, error)
            return None

    def decide_and_sign(self, request: Request, index: int) -> bytes:
        """A signed and sealed reply, or the constant refusal, to a request from ``unseal_proven``."""
        step = 2
        try:
            self._following.accept(request.checkpoint)
            self._following.verify_fresh(request.checkpoint)
            step = 4
            decider = replace(self.decider(), open_bundle=self._ring.kept.opener(request.intent, self._clock()))
        except (MalformedInput, NotProven) as error:
            return self._refuse_constantly(step, error)
        decision = decide(request, self._following.state, decider)
        if isinstance(decision, Grant):
            self._following.keep_cosigned(request.checkpoint)
            if request.lane == DATA_LANE:  # the last request of an opening; one that is resumed unseals again
                self._ring.kept.forget(request.intent)
        self._note(decision, request)
        try:
            match decision:
                case Grant():
                    return self._reply(request, index, decision.payload)
                case Decline():
                    return self._reply(request, index, format_refusal(index, request.hash, decision.code))
                case Reject():
                    return CONSTANT_REFUSAL
        except MalformedInput as error:  # the requester signed a seal key that is no key: nothing can be sealed to it
            return self._refuse_constantly(7, error)

    def unseal_note(self, sealed: bytes) -> Note:
        """An authorization that the desk sent to be reviewed, with proven signatures alone.

        Raises:
            MalformedInput, NotProven, Refused: it is none, or not of this vault's desk, or a custodian's signature is false.
        """
        raw, roster, _ = self.opened(sealed, note_info, "note")
        authorization = parse_authorization(raw, "note")
        verify_requested(authorization, roster)
        note, known = authorization.note, (authorization.terms.requester, *(one.auth for one in roster.custodians))
        note.verify_lines_of(known)
        names = {(key.name, key.key_id) for key in known}
        return replace(note, signatures=tuple(line for line in note.signatures if (line.name, line.key_id) in names))

    def unseal_hold(self, sealed: bytes) -> tuple[Hold, tuple[bytes, ...]]:
        """A hold that the desk sent, with header files of segments that it covers.

        Raises:
            MalformedInput, NotProven: it is none, or not of this vault's desk.
        """
        raw, roster, _ = self.opened(sealed, hold_info, "hold")
        note, headers = parse_parcel(raw)
        hold = parse_hold(note, "hold")
        verify_requested(hold, roster)
        return hold, headers

    def unseal_order(self, sealed: bytes) -> tuple[Commitment, bytes]:
        """A file of an order, and the commitment of the authorization that its sender names.

        Raises:
            MalformedInput, NotProven: it is none. Whether it is one of the note is not proven yet.
        """
        commitment, raw = parse_order(self.opened(sealed, order_info, "order")[0])
        return Commitment(commitment), raw

    def unseal_explanation(self, sealed: bytes) -> tuple[Commitment, bytes, Roster]:
        """What the desk explained, the commitment of the authorization that its sender names, and its roster.

        Raises:
            MalformedInput, NotProven: it is none. Whether the desk signed it is not proven yet.
        """
        raw, roster, _ = self.opened(sealed, explanation_info, "explanation")
        commitment, explanation = parse_order(raw)
        return Commitment(commitment), explanation, roster

    def decider(self) -> Decider:
        """What the decision knows of this custodian."""
        return Decider(
            name=self._folder.name,
            approvals=self._folder.approvals(self._ring.keys),
            epoch_key=self._ring.epoch_key,
            is_protected=self._folder.protected(self._ring.keys).has,
            authorities=self._folder.authorities(self._ring.keys),
            now=self._clock(),
            held=self._holding.held,
        )

    def _unseal(self, sealed: bytes) -> tuple[bytes, int]:
        """Step 1."""
        if len(sealed) > MAX_REQUEST_BYTES + _SEALED_OVERHEAD:
            raise MalformedInput(f"request: {len(sealed)} bytes, expected at most {MAX_REQUEST_BYTES}")
        raw, _, index = self.opened(sealed, request_info, "request")
        return raw, index

    def opened(self, sealed: bytes, info: Callable[[bytes, int], bytes], place: str) -> tuple[bytes, Roster, int]:
        """The plain bytes of what is sealed to this custodian, and the roster and index of the sealing.

        ``info``: the HPKE info of a roster's hash and this custodian's number in it. Tries every roster that has this custodian's key, the newest first.
        """
        req = self._ring.keys.req
        for roster in reversed(tuple(self._following.state.rosters.values())):  # another thread may follow the log
            me = roster.custodian(self._folder.name)
            if me is None or me.req != req.public:
                continue
            try:
                return req.unseal(sealed, info=info(roster.hash, me.index), place=place), roster, me.index
            except NotProven:
                continue
        raise NotProven(f"{place}: not sealed to this custodian")

    def _reply(self, request: Request, index: int, payload: bytes) -> bytes:
        """Step 15: sign, then seal to the requester."""
        signature = self._ring.keys.resp.sign(response_message(request.hash, request.seal_public, payload))
        return seal(payload + signature, request.seal_public, info=reply_info(request.hash, index))

    def _turn_away(self, step: int) -> None:
        self._folder.outcomes.count(f"rejected step {step}", self._clock())

    def _refuse_constantly(self, step: int, error: CofferError) -> bytes:
        self._folder.outcomes.count(f"step {step} {type(error).__name__}", self._clock())
        return CONSTANT_REFUSAL

    def _note(self, decision: Decision, request: Request) -> None:
        match decision:
            case Grant():
                outcome = f"answered lane {request.lane} intent {request.intent} cells {len(request.cells)}"
            case Decline():
                outcome = f"declined step {decision.step} {decision.code.name.lower()} intent {request.intent}"
            case Reject():
                outcome = f"rejected step {decision.step}"
        self._folder.outcomes.note(f"{wire.format_time(self._clock())} {outcome}")
