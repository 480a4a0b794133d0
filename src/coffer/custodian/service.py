"""A custodian at work: it answers, signs and destroys. In the caller's process, and behind HTTP."""

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import signers_of
from coffer.authority.hold import Hold, Requested, is_hold, parse_hold, parse_requested_note
from coffer.authority.known import needs_every_signature
from coffer.custodian.approvals import Approved, Withdrawn, must_agree
from coffer.custodian.cosigning import Cosigning
from coffer.custodian.evident import Uptime
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.follow import Follower
from coffer.custodian.holding import Holding
from coffer.custodian.keyring import KeyRing
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.lifetime import KeyLifetime
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.custody.logged import parse_logged_header
from coffer.custody.presence import News, news_of
from coffer.custody.review import (
    member_in_force,
    parse_requested,
    ratifications_of,
    refusal_of,
    release_of,
    revocation_of,
    verify_in_roster,
    verify_open,
)
from coffer.custody.signing import sign_absence, sign_roster
from coffer.custody.waiting import needs_auth, verify_own_entry
from coffer.entropy import Entropy
from coffer.errors import CofferError, NotProven, Refused, Unavailable
from coffer.ledger.entries import (
    Body,
    Commitment,
    DestroyEntry,
    EpochKeyEntry,
    ObjectionEntry,
)
from coffer.ledger.grammar import format_entry
from coffer.ledger.retention import due_days
from coffer.ledger.roster import Roster
from coffer.ledger.state import State, verify_clock
from coffer.notes.keys import Secret, SigningKey, VerifyKey
from coffer.notes.note import Note, sign_note
from coffer.translog.port import LogMirror, LogReader

if TYPE_CHECKING:
    from coffer.custodian.answering import Answering
    from coffer.custodian.reporting import Reporting

Clock = Callable[[], dt.datetime]


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
        """``unlock`` reads the keys anew, where another process of this custodian may have wrapped them anew.

        ``uptime``: how long this machine has been running. If that is unknown, only the log shows that time passes.
        """
        self._folder = folder
        self._ring = KeyRing(folder, keys, unlock)
        self._clock = clock
        self._origin = log_key.name
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
        self._holding = Holding(folder, self._ring)
        self._lifetime = KeyLifetime(folder, self._ring, self._following, uptime, self._holding)
        self._cosigning = Cosigning(folder, self._ring, self._following, clock, log_key)
        self._lock = threading.RLock()

    # A custodian that signs a request answers nothing, and whoever answers gives no receipts: each act reads its own
    # room, which takes a tenth of a second less of ``coffer countersign``.
    @cached_property
    def _answering(self) -> "Answering":
        from coffer.custodian.answering import Answering  # noqa: PLC0415

        return Answering(self._folder, self._ring, self._following, self._clock, self._holding)

    @cached_property
    def _reporting(self) -> "Reporting":
        from coffer.custodian.reporting import Reporting  # noqa: PLC0415

        return Reporting(self._folder, self._ring, self._following, self._answering, self._clock)

    @property
    def name(self) -> str:
        """Its name in the roster."""
        return self._folder.name

    @property
    def keys(self) -> CustodianKeys:
        """Its keys as they are now."""
        return self._ring.keys

    def answer(self, sealed: bytes) -> bytes:
        """A sealed reply, or the constant refusal.

        Any number of requests are unsealed at once, and strangers are turned away there. One request at a time is decided, because State has one past.
        """
        if not self.state.rosters:
            with self._lock:
                if not self._answering.begin():
                    return CONSTANT_REFUSAL
        proven = self._answering.unseal_proven(sealed)
        if proven is None:
            return CONSTANT_REFUSAL
        with self._lock:
            return self._answering.decide_and_sign(*proven)

    def standing(self, sealed: bytes) -> bytes:
        """A sealed report of how a request stands here, or the constant refusal.

        It waits for no decision, and looks at no log.
        """
        try:
            return self._reporting.report(sealed)
        except NotProven:
            return CONSTANT_REFUSAL

    def report(self, sealed: bytes) -> bytes:
        """The same, for who can look at the log and ask again.

        Raises:
            NotProven: it is sealed under a roster that is not known here yet, or to somebody else.
        """
        return self._reporting.report(sealed)

    def cosign(self, checkpoint: bytes) -> bytes:
        """A cosignature line over a checkpoint that it follows, nothing for any other.

        What the log did not sign waits for nobody and holds up nobody, because anybody can send it.
        """
        line = self._cosigning.recent(checkpoint)
        if line is not None:
            return line
        with self._lock:
            return self._cosigning.follow_and_cosign(checkpoint)

    def sync(self) -> State:
        """Catch up with the log's newest checkpoint; this custodian's own replay of it."""
        with self._lock:
            self._following.catch_up()
            return self._following.state

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

    def ratify_entries(self, raw: bytes, place: str) -> list[bytes]:
        """The signed ``ratify`` entries for what was opened under a request in an emergency.

        Raises:
            MalformedInput, NotProven: it is not a proper request.
            Refused: nothing is left to ratify, or persons must agree first.
        """
        requested, state = self.verify_request(raw, place)
        self.verify_at_terminal(requested.commitment)
        auth = self.keys.auth
        bodies = ratifications_of(requested, state, self.name, auth.verify_key, place)
        return [self._entry(body, auth) for body in bodies]

    def revocation_entry(self, raw: bytes, place: str) -> bytes:
        """The signed ``revoke`` entry for an authorization; from then on nobody answers to it.

        Of a hold it is the ``release`` that ends it.
        """
        if is_hold(raw):
            return self.release_entry(raw, place)
        authorization, state = self.verify_request(raw, place)
        auth = self.keys.auth
        return self._entry(revocation_of(authorization, state, self.name, auth.verify_key, place), auth)

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
        """Prove that approvals, its lists and today's key are its own, and its clock is not behind.

        Raises:
            NotProven, MalformedInput: they are not, and it would refuse everything; what to look at.
        """
        with self._lock:
            self._folder.approvals(self.keys)
            self._folder.protected(self.keys)
            self._folder.authorities(self.keys)
            self._ring.epoch_key(self._clock().date())
            verify_clock(self.state, self._clock())

    def is_doubtful(self, authorization: Authorization) -> bool:
        """Whether it answers only if every custodian of the rule has signed, by its own list of authorities.

        Raises:
            NotProven: the list is not as the custodian wrote it.
        """
        known = self._folder.authorities(self.keys)
        return any(needs_every_signature(note.terms, known) for note in authorization.notes)

    def verify_request(self, raw: bytes, place: str) -> tuple[Requested, State]:
        """A request of this vault, signed by its desk, and what the log says now.

        Raises:
            MalformedInput, NotProven, Refused: it is none.
        """
        state = self.sync()
        return parse_requested(raw, state, place), state

    def epoch_key_entries(
        self, days: Iterable[dt.date], entropy: Entropy, *, roster: bytes | None = None
    ) -> list[bytes]:
        """Make a key for each of the days that has none in the log yet; the entries that publish them.

        ``roster``: the hash of a roster that is about to be logged and by which this custodian joins; such entries count only after it. A key that an
        earlier try stored and never logged is published as it is.
        """
        with self._lock:
            state = self.sync()
            self._lifetime.look_at_time(self._clock())
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
        """Forget the key of every day whose retention is over at ``now``, and of every hold that ended.

        Idempotent. The keys that stay are wrapped anew first, so that the files of the others are worthless before they are overwritten. Two more kinds of
        key file are destroyed: those of days that the log calls destroyed (put back from a backup), and those of past days that were never published.

        A day counts as over only once that time has evidently come (``evident``). An attacker who sets the clock or dates an entry must not be able to
        destroy keys, and one who hides the log must not be able to keep them. ``may_catch_up``: a person says that the clock is right.

        Raises:
            Refused: more than ``lifetime.MAX_DAYS_AT_ONCE`` keys, unless ``may_catch_up``; nothing is destroyed then.
        """
        with self._lock:
            self._lifetime.destroy_due(self._last_known(), now, passphrase, entropy, may_catch_up=may_catch_up)
            if self._folder.holds.commitments():
                is_current = True
                try:  # only now: a log that is served slowly must not delay the destruction of keys
                    self.sync()
                except CofferError:
                    is_current = False
                self._lifetime.destroy_holds(self.state, now, passphrase, entropy, is_current=is_current)

    def evident_time(self, now: dt.datetime) -> dt.datetime:
        """The latest instant that has evidently come, by what this custodian saw of machine and log."""
        with self._lock:
            return self._lifetime.look_at_time(now)

    @property
    def held_back(self) -> int:
        """How many days were due by this machine's clock alone at the last ``destroy_due``: they wait."""
        return self._lifetime.held_back

    def destroy_entries(self, now: dt.datetime) -> list[bytes]:
        """The signed entries of the days that are due by the log and whose keys are destroyed here."""
        with self._lock:
            days = due_days(self.sync(), self.name, now.date())
            gone = [day for day in days if not self._folder.has_epoch_key(day)]
            return [self._entry(DestroyEntry(custodian=self.name, day=day), self.keys.resp) for day in gone]

    def forget_destroyed(self) -> None:
        """Forget the keys that another process of this custodian destroyed, and those of idle openings."""
        with self._lock:
            self._ring.forget_destroyed(self._clock())

    def forget_ended(self, now: dt.datetime) -> None:
        """Forget the requests that ended by ``now``, and old decided ones."""
        self._folder.requests.remove_ended(self.state, now, self.keys)

    def _last_known(self) -> State:
        """What the log said when it was last followed; it is asked only if nothing is known.

        A log that is served slowly must not delay the destruction of keys.
        """
        self._following.recall()
        return self.state if self.state.rosters else self.sync()

    def peek(self) -> State:
        """What the log says now, cosigned or not. For acts that give nothing out, such as signing a roster."""
        with self._lock:
            return self._following.peek()

    def sign_roster(self, raw: bytes, place: str, *, state: State | None = None) -> Note:
        """A proposed roster with this custodian's signature.

        The caller shows its people first what changes from ``state`` (``peek``).

        Raises:
            MalformedInput, NotProven: it is no roster of this vault.
            Refused: this custodian is neither in force nor in it with these keys, or its time is not near.
        """
        state = state or self.peek()
        return sign_roster(raw, state, name=self.name, auth=self.keys.auth, now=self._clock(), place=place)

    def sign_absence(self, raw: bytes, place: str, *, state: State) -> Note:
        """A note that calls another custodian gone, with this one's signature.

        Raises as ``signing.sign_absence``.
        """
        return sign_absence(raw, state, name=self.name, auth=self.keys.auth, now=self._clock(), place=place)

    def news(self) -> tuple[News, ...]:
        """The changes of the roster that its people have not acknowledged, as far as it follows the log."""
        with self._lock:
            return news_of(self.state, self.name, self._folder.acknowledged(self.keys))

    def acknowledge(self) -> None:
        """Its people have read what changed up to the roster in force."""
        with self._lock:
            state = self.state
            self._folder.acknowledge(state.roster_indexes[state.roster.hash], self.keys)

    def receipt_entries(self, headers: Sequence[bytes], *, is_looking: bool = True) -> list[bytes]:
        """A signed ``receipt``, or ``fault`` of the ingester, for each of these segments where one is owed.

        Steps 1 to 4 of ``docs/procedures/receipts.md``. ``is_looking``: the log is followed first. ``headers``: header files. One that is not the log's is
        passed over: a file was changed, and everyone who judges receipts sees that.
        """
        from coffer.custody.receipts import ingester_of, make_receipt, owed_segment  # noqa: PLC0415

        with self._lock:
            state = self.sync() if is_looking else self.state
            entries = []
            for raw in headers:
                segment = owed_segment(raw, state, self.name)
                if segment is None:
                    continue
                # If the file of a segment or of a key was changed, the other segments still get their receipts.
                with suppress(NotProven):
                    key = self._ring.epoch_key(segment.line.day)
                    if key is None:
                        continue
                    header = parse_logged_header(raw, segment)
                    ingester = ingester_of(segment, self._following.entries)
                    body = make_receipt(header, segment, state, self.name, key, ingester)
                    entries.append(self._entry(body, self.keys.resp))
            return entries

    def held_entries(self, raw: bytes, headers: Iterable[bytes], entropy: Entropy, place: str) -> list[bytes]:
        """Keep for a hold that is approved here; the signed ``held`` entry, unless the log has it.

        ``headers``: header files of the segments that it covers.

        Raises:
            MalformedInput, NotProven, Refused, Unavailable: as ``Holding.keep``.
        """
        with self._lock:
            body = self._holding.keep(raw, headers, self.sync(), self._clock(), entropy, place)
            return [] if body is None else [self._entry(body, self.keys.resp)]

    def release_entry(self, raw: bytes, place: str) -> bytes:
        """The signed ``release`` entry that ends a hold: nothing is kept for it any more.

        Raises:
            MalformedInput, NotProven, Refused: it is no hold of this vault, or the log has none of it that stands.
        """
        hold, state = parse_hold(raw, place), self.sync()
        return self._entry(release_of(hold, state, place), self.keys.auth)

    def has_news(self) -> bool:
        """Whether the log shows another checkpoint than the one that was accepted last.

        Any thread may ask, and nothing waits for it.
        """
        return self._following.has_news()

    def _verify_not_refused(self, commitment: Commitment, state: State, place: str) -> None:
        if state.is_refused(commitment, self.name) or self._folder.is_withdrawn(commitment, self.keys):
            raise Refused(f"{place}: {self.name} has refused it", code="scope")

    def is_in_force(self, state: State) -> bool:
        """Whether the roster in force has it, with these keys."""
        return member_in_force(state, self.name, self.keys.auth.verify_key) is not None

    @property
    def state(self) -> State:
        """Its replay up to the newest checkpoint it accepted; readers only."""
        return self._following.state

    def renewed(self, raw: bytes) -> bytes:
        """One of its own entries that waits to be logged, signed again and dated now.

        The log takes nothing that is dated over 15 minutes before its newest entry.

        Raises:
            MalformedInput: no entry.
            NotProven: this custodian did not write it. A party that can write to its disk must not get its signature.
        """
        with self._lock:
            if not self.state.rosters:
                raise Unavailable(f"custodian {self.name}: the log was not read yet")
            auth, resp = self.keys.auth, self.keys.resp
            body = verify_own_entry(raw, self.name, auth=auth.verify_key, resp=resp.verify_key)
            if isinstance(body, EpochKeyEntry):
                own = self._ring.epoch_key(body.day)
                if own is None or own.public != body.key:
                    raise NotProven(f"waiting entry: not this custodian's key of {body.day}")
                body = replace(body, roster=self._following.state.roster.hash)
            return self._entry(body, auth if needs_auth(body) else resp)

    def unseal_note(self, sealed: bytes) -> Note:
        """An authorization that the desk sent to be reviewed.

        Raises:
            MalformedInput, NotProven, Refused: it is none, or not of this vault's desk.
        """
        return self._answering.unseal_note(sealed)

    def unseal_hold(self, sealed: bytes) -> tuple[Hold, tuple[bytes, ...]]:
        """A hold that the desk sent, with header files of segments that it covers.

        Raises:
            MalformedInput, NotProven: it is none, or not of this vault's desk.
        """
        return self._answering.unseal_hold(sealed)

    def unseal_order(self, sealed: bytes) -> tuple[Commitment, bytes]:
        """A file of an order, and the commitment of the authorization that its sender names.

        Raises:
            MalformedInput, NotProven: it is none.
        """
        return self._answering.unseal_order(sealed)

    def unseal_explanation(self, sealed: bytes) -> tuple[Commitment, bytes, Roster]:
        """What the desk explained, the commitment of its authorization, and the roster of the sealing.

        Raises:
            MalformedInput, NotProven: it is none.
        """
        return self._answering.unseal_explanation(sealed)

    def _entry(self, body: Body, key: SigningKey) -> bytes:
        now = self._clock()
        verify_clock(self._following.state, now)
        text = format_entry(body, origin=self._origin, time=max(now, self._following.state.newest))
        return sign_note(text, key).raw
