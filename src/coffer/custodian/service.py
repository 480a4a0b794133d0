"""A custodian at work: it answers, signs and destroys. In the caller's process, and behind HTTP."""

import datetime as dt
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from coffer.authority.hold import Hold
from coffer.custodian.day_keys import DayKeys
from coffer.custodian.deciding import Deciding
from coffer.custodian.membership import Membership
from coffer.custodian.unlocked import Clock
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.custody.logged import parse_logged_header
from coffer.custody.waiting import needs_auth, verify_own_entry
from coffer.entropy import Entropy
from coffer.errors import NotProven, Unavailable
from coffer.ledger.entries import Commitment, EpochKeyEntry
from coffer.ledger.roster import Roster
from coffer.ledger.state import verify_clock
from coffer.notes.note import Note

if TYPE_CHECKING:
    from coffer.custodian.answering import Answering
    from coffer.custodian.reporting import Reporting

__all__ = ["Clock", "CustodianService"]


class CustodianService(Deciding, Membership, DayKeys):
    """One custodian with its keys unlocked. Fits ``coffer.custody.port.Custodian``.

    What its people decide is in ``deciding``, its place in the roster in ``membership``, its keys by day in
    ``day_keys``; here it answers others, cosigns, gives receipts and keeps for holds.
    """

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

    def answer(self, sealed: bytes) -> bytes:
        """A sealed reply, or the constant refusal.

        Any number of requests are unsealed at once, and strangers are turned away there. One request at a time is decided, because State has one past.
        """
        if not self._has_begun:  # a State that is just being replayed knows the first rosters alone
            with self._lock:
                self._has_begun = self._answering.begin()
            if not self._has_begun:
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

    def forget_ended(self, now: dt.datetime) -> None:
        """Forget the requests that ended by ``now``, and old decided ones."""
        self._folder.requests.remove_ended(self.state, now, self.keys)

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
