"""A custodian at work: the shell around ``decide``.

The very same code answers in this process and, later, behind HTTP.
"""

import datetime as dt
import threading
from collections.abc import Callable, Iterable
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of, verify_requested
from coffer.custody.decide import Answer, Decision, Decline, Reject, Standing, decide
from coffer.custody.exchange import (
    CONSTANT_REFUSAL,
    MAX_REQUEST_BYTES,
    Request,
    format_refusal,
    parse_request,
    reply_info,
    request_info,
    response_message,
)
from coffer.custody.folder import CustodianFolder, CustodianKeys
from coffer.custody.receipts import (
    HeaderReader,
    held_clauses,
    ingester_of,
    is_accused,
    make_receipt,
    verify_logged_header,
)
from coffer.custody.replica import Replica
from coffer.errors import CofferError, MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import Body, Commitment, DestroyEntry, EpochKeyEntry, RefuseEntry, RevokeEntry, format_entry
from coffer.ledger.roster import Roster, parse_roster
from coffer.ledger.state import ROSTER_LIFE, State, verify_clock
from coffer.notes.cosign import verify_quorum
from coffer.notes.keys import SealKey, SigningKey, VerifyKey, seal
from coffer.notes.note import Note, parse_note, sign_note
from coffer.segments.seal import Entropy
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.mirror import Advance, Forked, Stale, verify_prefix
from coffer.translog.port import LogReader

Clock = Callable[[], dt.datetime]
MAX_RECEIPTS: Final = 20_000
"""Receipts of one run: some 10 MB of entries and a few seconds; the next run gives the others."""
_SEALED_OVERHEAD: Final = 1136
"""HPKE: encapsulated key 1,120 B and tag 16 B."""


class CustodianService:
    """One custodian with its keys unlocked. Fits ``coffer.custody.port.Custodian``.

    It reads the log itself and believes of it only what its own mirror proves.
    """

    def __init__(
        self,
        folder: CustodianFolder,
        keys: CustodianKeys,
        *,
        log: LogReader,
        log_key: VerifyKey,
        genesis: bytes,
        clock: Clock,
        is_protected: Callable[[bytes], bool] = lambda _sid: False,
    ) -> None:
        self._folder = folder
        self._keys = keys
        self._log = log
        self._clock = clock
        self._is_protected = is_protected
        self._log_key = log_key
        self._genesis = genesis
        self._replica = self._restored(genesis)
        self._epoch_keys: dict[dt.date, SealKey | None] = {}
        self._remembered = folder.remembered()
        self._has_remembered = False
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """Its name in the roster."""
        return self._folder.name

    def answer(self, sealed: bytes) -> bytes:
        """A sealed reply, or the constant refusal. One request at a time: State has one past."""
        with self._lock:
            return self._answer(sealed)

    def _answer(self, sealed: bytes) -> bytes:
        step = 1
        try:
            request, index = self._unseal(sealed)
            step = 2
            self._accept(request.checkpoint)
            self._verify_fresh(request.checkpoint)
            step = 4
            standing = self._standing()
        except (MalformedInput, NotProven) as error:
            return self._refuse_constantly(Reject(step=step), error)
        decision = decide(request, self._replica.state, standing)
        self._note(decision, request)
        try:
            match decision:
                case Answer():
                    return self._reply(request, index, decision.payload)
                case Decline():
                    return self._reply(request, index, format_refusal(index, request.hash, decision.code))
                case Reject():
                    return CONSTANT_REFUSAL
        except MalformedInput as error:  # a seal key that is none: there is nobody to answer to
            return self._refuse_constantly(Reject(step=7), error)

    def sync(self) -> State:
        """Catch up with the log's newest checkpoint; this custodian's own replay of it."""
        with self._lock:
            self._accept(self._log.checkpoint())
            return self._replica.state

    def countersign(self, raw: bytes, place: str) -> Note:
        """Approve an authorization: check it, append its commitment to the approvals file (fsync), then sign.

        Raises:
            MalformedInput, NotProven: it is not a proper request.
            Refused: out of time, revoked, or refused by this custodian before.
        """
        authorization, state = self._verified(raw, place)
        roster = state.rosters[authorization.terms.roster]
        self._verify_open(authorization.commitment, authorization.terms.expires, state, place)
        custodian = roster.custodian(self.name)
        if custodian is None or custodian.auth != self._keys.auth.verify_key:
            raise Refused(
                f"{place}: custodian {self.name} is not in its roster", code="scope", hint="ask for a new request"
            )
        if authorization.commitment not in self._folder.approvals(self._keys):
            self._folder.append_approval(authorization.commitment, self._clock(), self._keys)
        if self.name in signers_of(authorization, roster):
            return authorization.note
        return authorization.note.with_signature(self._keys.auth)

    def refusal_entry(self, raw: bytes, reason: str, place: str) -> bytes:
        """The signed ``refuse`` entry for a request; from then on this custodian does not answer to it."""
        authorization, state = self._verified(raw, place)
        if state.is_refused(authorization.commitment, self.name):
            raise Refused(f"{place}: {self.name} has refused it before", code="scope")
        body = RefuseEntry(authorization=authorization.commitment, custodian=self.name, reason=reason)
        return self._entry(body, self._keys.auth)

    def revocation_entry(self, raw: bytes, place: str) -> bytes:
        """The signed ``revoke`` entry for an authorization; from then on nobody answers to it."""
        authorization, state = self._verified(raw, place)
        if authorization.commitment in state.revoked:
            raise Refused(f"{place}: revoked before", code="time")
        return self._entry(RevokeEntry(authorization=authorization.commitment), self._keys.auth)

    def verify_ready(self) -> None:
        """Prove that it could answer: its approvals file is its own, the log continues what it remembers.

        Raises:
            NotProven, MalformedInput: it could not; what to look at.
        """
        self._folder.approvals(self._keys)
        self.sync()

    def _verified(self, raw: bytes, place: str) -> tuple[Authorization, State]:
        """A request of this vault, signed by its desk."""
        state = self.sync()
        authorization = parse_authorization(raw, place)
        roster = state.rosters.get(authorization.terms.roster)
        if authorization.terms.origin != state.origin or roster is None:
            raise Refused(f"{place}: written for another vault", code="scope")
        verify_requested(authorization, roster)
        return authorization, state

    def epoch_key_entries(self, days: Iterable[dt.date], entropy: Entropy) -> list[bytes]:
        """Make and store a key for each of the days that has none in the log yet; the signed entries that publish them.

        A key stored by an earlier try that was never logged is published as it is.
        """
        state = self.sync()
        entries = []
        for day in days:
            if (self.name, day) in state.epoch_keys:
                continue
            key = self._folder.read_epoch_key(day, self._keys)
            if key is None:
                key = SealKey.generate()
                self._folder.write_epoch_key(day, key, self._keys, entropy)
            body = EpochKeyEntry(roster=state.roster.hash, custodian=self.name, day=day, key=key.public)
            entries.append(self._entry(body, self._keys.auth))
        return entries

    def destroy_entry(self, day: dt.date) -> bytes:
        """Forget a day's key, then the signed ``destroy`` entry that says so."""
        self._folder.remove_epoch_key(day)
        self._epoch_keys[day] = None
        return self._entry(DestroyEntry(custodian=self.name, day=day), self._keys.resp)

    def sign_roster(self, raw: bytes, place: str) -> Note:
        """A proposed roster with this custodian's signature; whoever calls has shown its people what changes.

        Raises:
            MalformedInput, NotProven: it is no roster of this vault.
            Refused: this custodian is neither in force nor in it with these keys.
        """
        state, note = self.sync(), parse_note(raw, place)
        new = parse_roster(note.text, place)
        if new.origin != state.origin:
            raise NotProven(f"{place}: a roster of another vault")
        if new.time < state.roster.time or new.time < state.newest - ROSTER_LIFE:
            raise Refused(
                f"{place}: older than the roster in force, or than 7 days", code="time", hint="propose it anew"
            )
        members = [member for roster in (state.roster, new) if (member := roster.custodian(self.name))]
        if not members or any(member.auth != self._keys.auth.verify_key for member in members):
            raise Refused(f"{place}: custodian {self.name} is not in it, or with other keys", code="scope")
        return note if note.is_signed_by(self._keys.auth.verify_key) else note.with_signature(self._keys.auth)

    def receipt_entries(self, read_header: HeaderReader, *, at_most: int = MAX_RECEIPTS) -> list[bytes]:
        """A signed ``receipt`` for every segment that it holds a part of and gave none for, or a ``fault`` that accuses the ingester.

        A segment whose header cannot be had, or is not the log's, is left for the next time: the files were changed, which shows to whoever judges.
        The oldest segments come first. Steps 1 to 4 of ``docs/procedures/receipts.md``.
        """
        with self._lock:
            state = self.sync()
            entries: list[bytes] = []
            for seg_id, segment in state.segments.items():
                if len(entries) >= at_most:
                    break
                if (self.name, seg_id) in state.receipts or not held_clauses(segment, self.name):
                    continue
                key = self._epoch_key(segment.line.day)
                if key is None or is_accused(state, self.name, seg_id):
                    continue
                try:
                    header = verify_logged_header(read_header(segment), segment)
                except (Unavailable, NotProven):
                    continue
                ingester = ingester_of(segment, self._log.entries)
                entries.append(
                    self._entry(make_receipt(header, segment, state, self.name, key, ingester), self._keys.resp)
                )
            return entries

    def _unseal(self, sealed: bytes) -> tuple[Request, int]:
        """Step 1.

        The roster in force, and before it every older one, names the index and context this may have been sealed in.
        """
        if len(sealed) > MAX_REQUEST_BYTES + _SEALED_OVERHEAD:
            raise MalformedInput(f"request: {len(sealed)} bytes, expected at most {MAX_REQUEST_BYTES}")
        if not self._replica.state.rosters:
            self._accept(self._log.checkpoint())
        for roster in reversed(self._replica.state.rosters.values()):
            me = roster.custodian(self.name)
            if me is None or me.req != self._keys.req.public:
                continue
            try:
                raw = self._keys.req.unseal(sealed, info=request_info(roster.hash, me.index), place="request")
            except NotProven:
                continue
            return parse_request(raw), me.index
        raise NotProven("request: not sealed to this custodian")

    def _accept(self, checkpoint: bytes) -> None:
        """Step 2: acceptable, remembered durably before it is acted on, entries replayed."""
        if self._folder.is_frozen():
            raise NotProven("custodian: frozen since it saw two histories of the log")
        newest = self._replica.mirror.newest
        if newest is not None and checkpoint == newest.note.raw:
            return
        try:
            advance = self._replica.prepare(checkpoint, self._log.entries)
            if not self._has_remembered and self._remembered is not None:
                self._verify_remembered(self._remembered, advance)
        except Forked as fork:
            self._folder.freeze(fork.remembered, fork.offered)
            raise
        was = self._replica.state.in_force
        self._replica.commit(advance)
        try:
            self._verify_cosigned(was, checkpoint, now=None)
            self._folder.remember(checkpoint)
        except (
            BaseException
        ):  # it was not remembered, so nothing may be known of it: back to an older memory, and prove again from there
            self._replica, self._has_remembered = Replica.empty(log_key=self._log_key, genesis=self._genesis), False
            self._replica = self._restored(self._genesis)
            raise
        self._remembered, self._has_remembered = checkpoint, True
        if self._replica.is_worth_keeping:
            self._folder.keep_snapshot(self._replica.snapshot(self._keys.snapshots))

    def _verify_cosigned(self, before: Roster | None, checkpoint: bytes, *, now: dt.datetime | None) -> None:
        """The quorum of the roster now in force, and of the one before: an operator cannot shake off its witnesses by a roster of its own making."""
        state, note = self._replica.state, parse_note(checkpoint, "checkpoint", may_be_cosigned=True)
        for roster in [state.in_force] if before is state.in_force else [before, state.in_force]:
            if roster is not None:
                verify_quorum(note, roster.witnesses, roster.quorum, newest=state.newest, now=now)

    def _verify_fresh(self, checkpoint: bytes) -> None:
        """Whoever is asked for records also wants to know that this is the newest: an old one could hide a revocation."""
        self._verify_cosigned(None, checkpoint, now=self._clock())

    def _restored(self, genesis: bytes) -> Replica:
        """What this custodian had replayed when it last kept a snapshot; nothing, if there is none that is its own."""
        raw = self._folder.snapshot()
        if raw is not None:
            try:
                return Replica.restore(raw, self._keys.snapshots, log_key=self._log_key, genesis=genesis)
            except (MalformedInput, NotProven):
                self._folder.note_outcome(
                    f"{wire.format_time(self._clock())} snapshot is not its own: the log is replayed"
                )
        return Replica.empty(log_key=self._log_key, genesis=genesis)

    def _verify_remembered(self, remembered: bytes, advance: Advance) -> None:
        """The first time after a start: what was accepted before must be a prefix of what is seen now."""
        old = verify_checkpoint(remembered, self._log_key, "remembered checkpoint")
        try:
            verify_prefix(self._replica.mirror.frontier, advance.entries, old)
        except Stale:
            raise
        except NotProven as error:
            raise Forked(error.message, remembered=remembered, offered=advance.checkpoint.note.raw) from None

    def _verify_open(self, commitment: Commitment, expires: dt.datetime, state: State, place: str) -> None:
        verify_clock(state, self._clock())
        if max(self._clock(), state.newest) >= expires:
            raise Refused(f"{place}: expired {wire.format_time(expires)}", code="time", hint="ask for a new request")
        if commitment in state.revoked:
            raise Refused(f"{place}: revoked", code="time")
        if state.is_refused(commitment, self.name):
            raise Refused(f"{place}: {self.name} has refused it", code="scope")

    def _standing(self) -> Standing:
        return Standing(
            name=self.name,
            approvals=self._folder.approvals(self._keys),
            epoch_key=self._epoch_key,
            is_protected=self._is_protected,
            now=self._clock(),
        )

    def _epoch_key(self, day: dt.date) -> SealKey | None:
        if day not in self._epoch_keys:
            self._epoch_keys[day] = self._folder.read_epoch_key(day, self._keys)
        return self._epoch_keys[day]

    def _reply(self, request: Request, index: int, payload: bytes) -> bytes:
        """Step 15: sign, then seal to the requester."""
        signature = self._keys.resp.sign(response_message(request.hash, request.seal_public, payload))
        return seal(payload + signature, request.seal_public, info=reply_info(request.hash, index))

    def _refuse_constantly(self, decision: Reject, error: CofferError) -> bytes:
        self._folder.note_outcome(f"{wire.format_time(self._clock())} step {decision.step} {type(error).__name__}")
        return CONSTANT_REFUSAL

    def _note(self, decision: Decision, request: Request) -> None:
        match decision:
            case Answer():
                outcome = f"answered lane {request.lane} intent {request.intent} cells {len(request.cells)}"
            case Decline():
                outcome = f"declined step {decision.step} {decision.code.name.lower()} intent {request.intent}"
            case Reject():
                outcome = f"rejected step {decision.step}"
        self._folder.note_outcome(f"{wire.format_time(self._clock())} {outcome}")

    def _entry(self, body: Body, key: SigningKey) -> bytes:
        now = self._clock()
        verify_clock(self._replica.state, now)
        text = format_entry(body, origin=self._log_key.name, time=max(now, self._replica.state.newest))
        return sign_note(text, key).raw
