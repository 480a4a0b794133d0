"""What a served custodian does for anybody beside answering: entries, notes, orders, headers.

Promises: strangers cannot make it sign, or look at the log, more often than a few times in some seconds.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from coffer import wire
from coffer.custodian.machine.attendant import Attendant
from coffer.custodian.machine.folder import Machine
from coffer.custodian.service import Clock, CustodianService
from coffer.custody.receipts import knows_all, owes_for
from coffer.entropy import Entropy
from coffer.errors import CofferError, MalformedInput, NotProven, Unavailable
from coffer.segments.header import MIN_HEADER_BYTES

HANDED_OUT_FOR_S: Final = 30.0
"""How long the same signed bundle is handed out while the outbox stays the same. So strangers cannot make it sign more often."""
MAX_HEADERS: Final = 4_096
"""Header files in one request. The vault sends one MiB at once, which holds fewer."""
MAX_LOOKS: Final = 10
LOOKS_WITHIN_S: Final = 10.0
"""Seconds within which others can cause at most ``MAX_LOOKS`` looks at the log."""


class Errands:
    """The errands of one served custodian. All methods may be called from several threads."""

    def __init__(
        self,
        machine: Machine,
        service: CustodianService,
        attendant: Attendant,
        *,
        clock: Clock,
        timer: Callable[[], float],
        entropy: Entropy,
    ) -> None:
        self._machine = machine
        self._service = service
        self._attendant = attendant
        self._clock = clock
        self._timer = timer
        self._entropy = entropy
        self._lock = threading.Lock()
        self._looks: list[float] = []
        self._looking = threading.Lock()
        self._bundle, self._signed_at = b"", timer()
        self._signed: tuple[str, ...] = ()

    def waiting(self) -> bytes:
        """The entries of the outbox, dated now, as a bundle; under the roster that the log shows now."""
        names = self._machine.waiting_names()
        if names and not self._is_signed(names):
            with suppress(CofferError):  # then what is known must suffice
                self._look_soon()
        with self._lock:
            names = self._machine.waiting_names()
            if not self._is_signed(names):
                self._bundle = self._machine.waiting_bundle(self._service)
                self._signed_at, self._signed = self._timer(), names
            return self._bundle

    def _is_signed(self, names: tuple[str, ...]) -> bool:
        """Whether the bundle that was signed last holds these entries, and is not old."""
        return names == self._signed and self._timer() < self._signed_at + HANDED_OUT_FOR_S

    def take_note(self, sealed: bytes) -> None:
        """Unseal a note and keep it for review.

        A note that does not open may be sealed under a roster that was published just now, so the log is looked at once.
        """
        try:
            note = self._service.unseal_note(sealed)
        except NotProven:
            if not self._look_soon():
                raise
            note = self._service.unseal_note(sealed)
        with self._lock:
            try:
                self._machine.requests.take(note, self._service.keys, self._clock(), self._entropy)
            except Unavailable:
                self._machine.folder.outcomes.count("note not taken: too many wait, or the disk", self._clock())
                raise

    def take_hold(self, sealed: bytes) -> None:
        """Unseal a hold with header files, and keep for it if it is approved here; else its note waits.

        One that does not open may be sealed under a roster that was published just now, as a note.
        """
        try:
            hold, headers = self._service.unseal_hold(sealed)
        except NotProven:
            if not self._look_soon():
                raise
            hold, headers = self._service.unseal_hold(sealed)
        with self._lock:
            self._machine.take_hold(self._service, hold, headers, self._clock(), self._entropy)

    def take_order(self, sealed: bytes) -> None:
        """Unseal a file of an order and keep it beside the note that names it.

        Anybody may send one. The note came first, so the log is not looked at.
        """
        commitment, raw = self._service.unseal_order(sealed)
        try:
            self._machine.requests.take_order(commitment, raw, self._service.keys)
        except Unavailable:
            self._machine.folder.outcomes.count("order's file not taken: too many are kept, or the disk", self._clock())
            raise

    def take_explanation(self, sealed: bytes) -> None:
        """Unseal what the desk explained, and keep it beside the note.

        The note came first, so the log is not looked at.
        """
        commitment, raw, roster = self._service.unseal_explanation(sealed)
        self._machine.requests.take_explanation(commitment, raw, roster, self._service.keys)

    def standing(self, sealed: bytes) -> bytes:
        """A sealed report of how a request stands here, or the constant refusal.

        A query under a roster that was published just now makes it look at the log once, as a note does.
        """
        try:
            return self._service.report(sealed)
        except NotProven:
            with suppress(CofferError):  # then what is known must suffice
                self._look_soon()
            return self._service.standing(sealed)

    def take_headers(self, raw: bytes) -> None:
        """Give receipts for the segments of these headers, each length-prefixed.

        They wait in the outbox then.
        """
        headers = _parse_headers(raw)
        if not knows_all(headers, self._service.state):
            self._look_soon()
        # Anybody may send them. So only owed ones are worked on, and one at a time, so that nobody waits for all of them.
        for header in headers:
            if owes_for(header, self._service.state, self._service.name):
                with self._lock:
                    self._machine.give_receipts(self._service, [header])

    def mirror_file(self, name: str) -> bytes | None:
        """A file of the mirror."""
        return self._machine.mirror_file(name)

    def gauges(self) -> dict[str, int]:
        """Numbers about the mirror and the outbox, nothing about a request.

        One for each name of ``figures.GAUGES``.
        """
        return {
            "log_size": self._service.state.size,
            "waiting_entries": len(self._machine.waiting_names()),
            "is_frozen": int(self._machine.folder.memory.is_frozen()),
            "is_behind": int(self._attendant.is_behind),
            "unacknowledged_changes": len(self._attendant.news),
        }

    def _look_soon(self) -> bool:
        """Look at the log, unless that was done too often just now. Whether it looked."""
        now = self._timer()
        with self._lock:
            self._looks = [time for time in self._looks if time > now - LOOKS_WITHIN_S]
            if len(self._looks) >= MAX_LOOKS:
                return False
            self._looks.append(now)
        if not self._looking.acquire(blocking=False):
            return False
        try:
            # This question needs no lock, so a slow log does not hold up the decision on a request.
            if self._service.has_news():
                self._service.sync()
        finally:
            self._looking.release()
        return True


def _parse_headers(raw: bytes) -> list[bytes]:
    """The header files, each once, without those that are too short; raises ``MalformedInput``."""
    cursor, headers = wire.Cursor(raw, "headers"), list[bytes]()
    while not cursor.at_end():
        if len(headers) >= MAX_HEADERS:
            raise MalformedInput(f"headers: expected at most {MAX_HEADERS}")
        headers.append(cursor.lp())
    return [header for header in dict.fromkeys(headers) if len(header) >= MIN_HEADER_BYTES]
