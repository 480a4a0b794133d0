"""A custodian at work: it answers, signs and destroys. The very same code works in this process and behind HTTP."""

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of, verify_requested
from coffer.custodian.answer import Answering
from coffer.custodian.evident import Uptime, advance, confirmed, is_worth_keeping
from coffer.custodian.folder import CustodianFolder, CustodianKeys
from coffer.custodian.follow import Follower
from coffer.custodian.keyring import KeyRing
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.custody.presence import News, news_of, sign_absence
from coffer.custody.receipts import (
    ingester_of,
    make_receipt,
    owes_receipt,
    verify_logged_header,
)
from coffer.custody.waiting import is_by
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import (
    Body,
    Commitment,
    DestroyEntry,
    EpochKeyEntry,
    ObjectionEntry,
    RefuseEntry,
    RevokeEntry,
    SegmentId,
    format_entry,
    parse_entry,
)
from coffer.ledger.retention import due_days, is_over
from coffer.ledger.roster import parse_roster
from coffer.ledger.state import BACKDATING, BEGINNING, ROSTER_LIFE, State, verify_clock
from coffer.notes.keys import Secret, SigningKey, VerifyKey
from coffer.notes.note import Note, parse_note, sign_note
from coffer.segments.header import seg_id_of
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.port import LogMirror, LogReader

Clock = Callable[[], dt.datetime]
MAX_DAYS_AT_ONCE: Final = 31
"""More due days than a month has are either a long pause or a clock set ahead, which would destroy what must be kept: a person decides."""


_COSIGNED_FOR: Final = dt.timedelta(seconds=30)
"""How long the same cosignature is handed out: strangers cannot make it sign more often."""


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
        unlock: Callable[[], CustodianKeys] | None = None,
        mirror: LogMirror | None = None,
        after_sync: Callable[[State], None] = lambda _state: None,
        uptime: Callable[[], Uptime] = Uptime,
    ) -> None:
        """``unlock``: reads the keys anew, where another process of this custodian may wrap them anew meanwhile.

        ``uptime``: how long this machine has been running; where that is unknown, only the log shows that time passes.
        """
        self._folder = folder
        self._ring = KeyRing(folder, keys, unlock)
        self._clock = clock
        self._uptime = uptime
        self.held_back = 0
        self._origin = log_key.name
        self._log_key = log_key
        self._cosigned = (b"", b"", BEGINNING)
        self._following = Follower(
            folder,
            keys.snapshots,
            log=log,
            log_key=log_key,
            genesis=genesis,
            clock=clock,
            mirror=mirror,
            after=after_sync,
        )
        self._answering = Answering(folder, self._ring, self._following, clock)
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """Its name in the roster."""
        return self._folder.name

    @property
    def keys(self) -> CustodianKeys:
        """Its keys as they are now."""
        return self._ring.keys

    def answer(self, sealed: bytes) -> bytes:
        """A sealed reply, or the constant refusal. One request is decided at a time: State has one past; what strangers send never gets so far."""
        if not self.state.rosters:
            with self._lock:
                if not self._answering.has_begun():
                    return CONSTANT_REFUSAL
        sifted = self._answering.sift(sealed)
        if sifted is None:
            return CONSTANT_REFUSAL
        with self._lock:
            return self._answering.answer(*sifted)

    def cosign(self, checkpoint: bytes) -> bytes:
        """A cosignature line over a checkpoint that it follows, nothing for any other.

        What the log did not sign never waits for, or holds, what answers: anybody can send it. What was cosigned just now is handed out again.
        """
        try:
            offered = verify_checkpoint(checkpoint, self._log_key, "checkpoint")
        except (MalformedInput, NotProven):
            return b""
        text, line, at = self._cosigned
        if text == offered.note.text and abs(self._clock() - at) < _COSIGNED_FOR and not self._folder.is_frozen():
            return line
        with self._lock:
            line = self._answering.cosign(checkpoint)
            if line:
                self._cosigned = (offered.note.text, line, self._clock())
            return line

    def sync(self) -> State:
        """Catch up with the log's newest checkpoint; this custodian's own replay of it."""
        with self._lock:
            self._following.catch_up()
            return self._following.state

    def countersign(self, raw: bytes, place: str) -> Note:
        """Approve an authorization: check it, append its commitment to the approvals file (fsync), then sign.

        Raises:
            MalformedInput, NotProven: it is not a proper request.
            Refused: out of time, revoked, or refused by this custodian before.
        """
        authorization, state = self.verify_request(raw, place)
        roster = state.rosters[authorization.terms.roster]
        self._verify_open(authorization.commitment, authorization.terms.expires, state, place)
        custodian = roster.custodian(self.name)
        if custodian is None or custodian.auth != self.keys.auth.verify_key:
            raise Refused(
                f"{place}: custodian {self.name} is not in its roster", code="scope", hint="ask for a new request"
            )
        with self._folder.deciding():
            self._verify_not_refused(authorization.commitment, state, place)  # perhaps meanwhile, by another process
            if authorization.commitment not in self._folder.approvals(self.keys):
                self._folder.append_approval(authorization.commitment, self._clock(), self.keys)
        if self.name in signers_of(authorization, roster):
            return authorization.note
        return authorization.note.with_signature(self.keys.auth)

    def refusal_entry(self, raw: bytes, reason: str, place: str) -> bytes:
        """The signed ``refuse`` entry for a request; from then on this custodian does not answer to it."""
        commitment = parse_authorization(raw, place).commitment
        with self._folder.deciding():  # before anything is asked of the log: nobody can keep a custodian from saying no
            if not self._folder.is_withdrawn(commitment, self.keys):
                self._folder.append_withdrawal(commitment, self._clock(), self.keys)
        authorization, state = self.verify_request(raw, place)
        if state.is_refused(authorization.commitment, self.name):
            raise Refused(f"{place}: {self.name} has refused it before", code="scope")
        if not self.is_in_force(state):
            raise Refused(
                f"{place}: {self.name} left the roster, so the log takes no refusal of it; it answers nothing to this request any more",
                code="scope",
            )
        body = RefuseEntry(authorization=authorization.commitment, custodian=self.name, reason=reason)
        return self._entry(body, self.keys.auth)

    def revocation_entry(self, raw: bytes, place: str) -> bytes:
        """The signed ``revoke`` entry for an authorization; from then on nobody answers to it."""
        authorization, state = self.verify_request(raw, place)
        if authorization.commitment in state.revoked:
            raise Refused(f"{place}: revoked before", code="time")
        if not self.is_in_force(state):
            raise Refused(
                f"{place}: {self.name} left the roster, so it can revoke nothing any more",
                code="scope",
                hint=f"any of {', '.join(state.roster.names)} can",
            )
        return self._entry(RevokeEntry(authorization=authorization.commitment), self.keys.auth)

    def objection_entry(self) -> bytes:
        """The signed entry that says that this custodian is there, though all others say that it is gone.

        Raises:
            Refused: nobody says so.
        """
        absence = self.sync().absences.get(self.name)
        if absence is None:
            raise Refused(f"custodian {self.name}: nobody says that it is gone", code="scope")
        return self._entry(ObjectionEntry(absence=absence.index), self.keys.auth)

    def verify_ready(self) -> None:
        """Prove that it could answer: ``verify_own``, and the log continues what it remembers.

        Raises:
            NotProven, MalformedInput: it could not; what to look at.
        """
        self.verify_own()
        self.sync()

    def verify_own(self) -> None:
        """Prove that its approvals, its protected list and its key of today are its own, and its clock not behind the log.

        Raises:
            NotProven, MalformedInput: they are not, and it would refuse everything; what to look at.
        """
        with self._lock:
            self._folder.approvals(self.keys)
            self._folder.protected(self.keys)
            self._ring.epoch_key(self._clock().date())
            verify_clock(self.state, self._clock())

    def verify_request(self, raw: bytes, place: str) -> tuple[Authorization, State]:
        """A request of this vault, signed by its desk, and what the log says now.

        Raises:
            MalformedInput, NotProven, Refused: it is none.
        """
        state = self.sync()
        authorization = parse_authorization(raw, place)
        roster = state.rosters.get(authorization.terms.roster)
        if authorization.terms.origin != state.origin or roster is None:
            raise Refused(f"{place}: written for another vault", code="scope")
        verify_requested(authorization, roster)
        return authorization, state

    def epoch_key_entries(
        self, days: Iterable[dt.date], entropy: Entropy, *, roster: bytes | None = None
    ) -> list[bytes]:
        """Make and store a key for each of the days that has none in the log yet; the signed entries that publish them.

        ``roster``: the hash of one that is about to be logged, by whose newcomer this is; such entries count only behind it.
        A key stored by an earlier try that was never logged is published as it is.
        """
        with self._lock:
            state = self.sync()
            self._evident(self._clock())
            entries = []
            for day in days:
                if (self.name, day) in state.epoch_keys:
                    continue
                key = self._ring.make_epoch_key(day, entropy)
                body = EpochKeyEntry(roster=roster or state.roster.hash, custodian=self.name, day=day, key=key.public)
                entries.append(self._entry(body, self.keys.auth))
            return entries

    def destroy_due(
        self, now: dt.datetime, passphrase: Callable[[], Secret], entropy: Entropy, *, may_catch_up: bool = False
    ) -> None:
        """Forget the key of every day whose retention is over at ``now``.

        What is left is wrapped anew without them first, so that their files are worthless before they are overwritten.
        Idempotent. Key files of days that the log calls destroyed (put back from a backup), and of past days that were
        never published, are destroyed too. A day counts as over only once that time has evidently come (``evident``):
        whoever sets the clock or dates an entry must not be able to destroy keys, and whoever can hide the log must not be
        able to keep them. ``held_back``: how many days wait for that. ``may_catch_up``: a person says that the clock is right.

        Raises:
            Refused: more than ``MAX_DAYS_AT_ONCE`` keys, unless ``may_catch_up``; nothing is destroyed then.
        """
        with self._lock:
            state = self._last_known()
            by_clock, strays = self._due(state, now.date())
            if len(by_clock) > MAX_DAYS_AT_ONCE and not may_catch_up:
                raise Refused(
                    f"custodian {self.name}: {len(by_clock)} days are due at once, expected at most {MAX_DAYS_AT_ONCE}",
                    code="time",
                    hint="if this machine's clock is right, add --catch-up: what is destroyed cannot come back",
                )
            evident = self._evident(now, is_confirmed=may_catch_up)
            due, strays = self._due(state, min(now, evident).date())
            self.held_back = len(by_clock) - len(due)
            if due:
                self._ring.rotate(passphrase(), entropy, without=due)
            for day in due:
                self._ring.destroy_epoch_key(day)
            for day in strays:
                self._folder.note_outcome(f"{wire.format_time(now)} destroyed a stray key of {day}")

    def _due(self, state: State, today: dt.date) -> tuple[list[dt.date], list[dt.date]]:
        """The days whose key files are to be destroyed on ``today``, and which of them are strays."""
        days, present = set(due_days(state, self.name, today)), self._folder.epoch_days()
        strays = [
            day
            for day in present
            if (self.name, day) in state.destroyed
            or ((self.name, day) not in state.epoch_keys and is_over(state, day, today))
        ]
        return sorted({*strays, *(day for day in present if day in days)}), strays

    def _evident(self, now: dt.datetime, *, is_confirmed: bool = False) -> dt.datetime:
        """The latest instant that has evidently come; what is known of it is kept."""
        before = self._folder.evident(self.keys)
        after = advance(before, now=now, uptime=self._uptime(), outside=self._following.newest_time())
        if is_confirmed:
            after = confirmed(after, now)
        if is_worth_keeping(before, after):
            self._folder.keep_evident(after, self.keys)
        return after.reached

    def destroy_entries(self, now: dt.datetime) -> list[bytes]:
        """The signed entries of the days that are due, by the log as it is now, and whose keys are destroyed here."""
        with self._lock:
            days = due_days(self.sync(), self.name, now.date())
            gone = [day for day in days if not self._folder.has_epoch_key(day)]
            return [self._entry(DestroyEntry(custodian=self.name, day=day), self.keys.resp) for day in gone]

    def forget_destroyed(self) -> None:
        """Forget the keys whose files another process of this custodian destroyed."""
        with self._lock:
            self._ring.forget_destroyed()

    def _last_known(self) -> State:
        """What the log said when it was last followed; it is asked only if nothing is known: whoever serves it slowly must not delay this."""
        self._following.recall()
        return self.state if self.state.rosters else self.sync()

    def peek(self) -> State:
        """What the log says now, cosigned or not: for what gives nothing out, such as signing a roster."""
        with self._lock:
            return self._following.peek()

    def sign_roster(self, raw: bytes, place: str, *, state: State | None = None) -> Note:
        """A proposed roster with this custodian's signature; whoever calls shows its people what changes from ``state`` (``peek``).

        Raises:
            MalformedInput, NotProven: it is no roster of this vault.
            Refused: this custodian is neither in force nor in it with these keys, or its time is not near.
        """
        state, note = state or self.peek(), parse_note(raw, place)
        new = parse_roster(note.text, place)
        if new.origin != state.origin:
            raise NotProven(f"{place}: a roster of another vault")
        note.verify_lines_of([*state.roster.signing_keys, *new.signing_keys])
        if new.time < state.roster.time or new.time < state.newest - ROSTER_LIFE:
            raise Refused(
                f"{place}: older than the roster in force, or than 7 days", code="time", hint="propose it anew"
            )
        if new.time > self._clock() + BACKDATING:
            raise Refused(f"{place}: dated ahead of this clock", code="time", hint="is one of the clocks wrong?")
        members = [member for roster in (state.roster, new) if (member := roster.custodian(self.name))]
        if not members or any(member.auth != self.keys.auth.verify_key for member in members):
            raise Refused(f"{place}: custodian {self.name} is not in it, or with other keys", code="scope")
        return note if note.is_signed_by(self.keys.auth.verify_key) else note.with_signature(self.keys.auth)

    def sign_absence(self, raw: bytes, place: str, *, state: State) -> Note:
        """A note that says that another custodian is gone, with this one's signature; raises as ``presence.sign_absence``."""
        return sign_absence(raw, state, name=self.name, auth=self.keys.auth, now=self._clock(), place=place)

    def news(self) -> tuple[News, ...]:
        """What of the roster its people have not acknowledged, as far as it follows the log."""
        with self._lock:
            return news_of(self.state, self.name, self._folder.acknowledged(self.keys))

    def acknowledge(self) -> None:
        """Its people have read what changed up to the roster in force."""
        with self._lock:
            state = self.state
            self._folder.acknowledge(state.roster_indexes[state.roster.hash], self.keys)

    def receipt_entries(self, headers: Sequence[bytes], *, is_looking: bool = True) -> list[bytes]:
        """A signed ``receipt`` for each of these segments that it holds a part of and gave none for, or a ``fault`` that accuses the ingester.

        ``is_looking``: at the log first. ``headers``: header files. One that is not the log's is passed over: a file was
        changed, which shows to whoever judges.
        Steps 1 to 4 of ``docs/procedures/receipts.md``.
        """
        with self._lock:
            state = self.sync() if is_looking else self.state
            entries = []
            for raw in headers:
                segment = state.segments.get(SegmentId(seg_id_of(raw)))
                if segment is None or not owes_receipt(state, segment, self.name):
                    continue
                # Where a file was changed, of the segment or of the key, the others are not held up.
                with suppress(NotProven):
                    key = self._ring.epoch_key(segment.line.day)
                    if key is None:
                        continue
                    header = verify_logged_header(raw, segment)
                    ingester = ingester_of(segment, self._following.entries)
                    body = make_receipt(header, segment, state, self.name, key, ingester)
                    entries.append(self._entry(body, self.keys.resp))
            return entries

    def knows_all(self, headers: Sequence[bytes]) -> bool:
        """Whether the log as it was last seen has the segments of all these header files."""
        segments = self.state.segments
        return all(SegmentId(seg_id_of(raw)) in segments for raw in headers)

    def owes(self, header: bytes) -> bool:
        """Whether this header file is the log's, of a segment for which a receipt of this custodian is due. Any thread may ask; it costs no key."""
        state = self.state
        segment = state.segments.get(SegmentId(seg_id_of(header)))
        if segment is None or not owes_receipt(state, segment, self.name):
            return False
        with suppress(NotProven, MalformedInput):
            verify_logged_header(header, segment)
            return True
        return False

    def has_news(self) -> bool:
        """Whether the log shows another checkpoint than the one that was accepted last. Any thread may ask, and nothing waits for it."""
        return self._following.has_news()

    def _verify_open(self, commitment: Commitment, expires: dt.datetime, state: State, place: str) -> None:
        verify_clock(state, self._clock())
        if max(self._clock(), state.newest) >= expires:
            raise Refused(f"{place}: expired {wire.format_time(expires)}", code="time", hint="ask for a new request")
        if commitment in state.revoked:
            raise Refused(f"{place}: revoked", code="time")
        self._verify_not_refused(commitment, state, place)

    def _verify_not_refused(self, commitment: Commitment, state: State, place: str) -> None:
        if state.is_refused(commitment, self.name) or self._folder.is_withdrawn(commitment, self.keys):
            raise Refused(f"{place}: {self.name} has refused it", code="scope")

    @property
    def seal_public(self) -> bytes:
        """The public half of its req key, to which what is meant for it is sealed: 1,216 B."""
        return self.keys.req.public

    def is_in_force(self, state: State) -> bool:
        """Whether the roster in force has it, with these keys."""
        me = state.roster.custodian(self.name)
        return me is not None and me.auth == self.keys.auth.verify_key

    @property
    def state(self) -> State:
        """Its replay up to the newest checkpoint it accepted; readers only."""
        return self._following.state

    def renewed(self, raw: bytes) -> bytes:
        """One of its own entries that waits to be logged, dated now: the log takes nothing that is over 15 minutes behind it.

        Raises:
            MalformedInput: no entry.
            NotProven: this custodian did not write it: whoever writes to its disk must not get its signature.
        """
        with self._lock:
            if not self.state.rosters:
                raise Unavailable(f"custodian {self.name}: the log was not read yet")
            entry = parse_entry(raw, "waiting entry")
            body = entry.body
            key = (
                self.keys.auth
                if isinstance(body, EpochKeyEntry | RefuseEntry | RevokeEntry | ObjectionEntry)
                else self.keys.resp
            )
            entry.note.verify_signed_by(key.verify_key)
            if body is None or not is_by(body, self.name):
                raise NotProven("waiting entry: of another custodian")
            if isinstance(body, EpochKeyEntry):
                own = self._ring.epoch_key(body.day)
                if own is None or own.public != body.key:
                    raise NotProven(f"waiting entry: not this custodian's key of {body.day}")
                body = replace(body, roster=self._following.state.roster.hash)
            return self._entry(body, key)

    def unseal_note(self, sealed: bytes) -> Note:
        """An authorization that the desk sent to be reviewed.

        Raises:
            MalformedInput, NotProven, Refused: it is none, or not of this vault's desk.
        """
        return self._answering.unseal_note(sealed)

    def _entry(self, body: Body, key: SigningKey) -> bytes:
        now = self._clock()
        verify_clock(self._following.state, now)
        text = format_entry(body, origin=self._origin, time=max(now, self._following.state.newest))
        return sign_note(text, key).raw
