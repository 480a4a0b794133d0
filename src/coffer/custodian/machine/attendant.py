"""What a served custodian does without being asked, and the shell between its service and HTTP. Fits ``server.Served``."""

import datetime as dt
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from coffer import wire
from coffer.custodian.machine.folder import Machine
from coffer.custodian.service import Clock, CustodianService
from coffer.errors import CofferError, MalformedInput, NotProven, Refused, Unavailable
from coffer.notes.keys import Secret
from coffer.segments.header import MIN_HEADER_BYTES
from coffer.segments.seal import Entropy
from coffer.visible import counted

EVERY_S: Final = 60.0
"""Between two looks at the log: a revocation, a full outbox or a day that begins is noticed within a minute, without any request."""
_HANDED_OUT_FOR_S: Final = 30.0
"""How long the same signed bundle is handed out while the outbox is the same: strangers cannot make it sign more often."""


MAX_HEADERS: Final = 4_096
"""Header files in one request: more than fit the MiB that the vault sends at once."""
MAX_LOOKS: Final = 10
_LOOKS_WITHIN_S: Final = 10.0
"""Looks at the log that others may make necessary within this time: strangers cannot make it look more often."""


class Attendant:
    """One served custodian. All methods may be called from several threads."""

    def __init__(
        self,
        machine: Machine,
        service: CustodianService,
        *,
        passphrase: Secret,
        clock: Clock,
        timer: Callable[[], float],
        entropy: Entropy,
        epoch_ahead: int,
    ) -> None:
        self._machine = machine
        self._passphrase = passphrase
        self._service = service
        self._clock = clock
        self._timer = timer
        self._entropy = entropy
        self._epoch_ahead = epoch_ahead
        self._lock = threading.Lock()
        self._is_behind, self._trouble = True, ""
        self._news: tuple[str, ...] = ()
        self._looks: list[float] = []
        self._bundle, self._signed_at = b"", timer()
        self._signed: tuple[str, ...] = ()
        self._looking = threading.Lock()
        self._stopping = threading.Event()

    def answer(self, sealed: bytes) -> bytes:
        """A sealed reply, or the constant refusal."""
        return self._service.answer(sealed)

    def cosign(self, checkpoint: bytes) -> bytes:
        """Its cosignature line over a checkpoint that it follows; nothing for any other."""
        return self._service.cosign(checkpoint)

    def waiting(self) -> bytes:
        """The entries of the outbox, dated now, as a bundle; under the roster that the log shows now."""
        names = self._machine.waiting_names()
        if names and not self._is_signed(names):
            with suppress(CofferError):  # what is known must do
                self._look_soon()
        with self._lock:
            names = self._machine.waiting_names()
            if not self._is_signed(names):
                self._bundle = self._machine.waiting_bundle(self._service)
                self._signed_at, self._signed = self._timer(), names
            return self._bundle

    def _is_signed(self, names: tuple[str, ...]) -> bool:
        """Whether the bundle that was signed last is of these, and not old."""
        return names == self._signed and self._timer() < self._signed_at + _HANDED_OUT_FOR_S

    def take_note(self, sealed: bytes) -> None:
        """Unseal a note and keep it for review. One that does not open may be under a roster that was published just now."""
        try:
            note = self._service.unseal_note(sealed)
        except NotProven:
            if not self._look_soon():
                raise
            note = self._service.unseal_note(sealed)
        with self._lock:
            try:
                self._machine.take_note(note, self._service.seal_public)
            except Unavailable:
                self._machine.folder.count_outcome("note not taken: too many wait, or the disk", self._clock())
                raise

    def _look_soon(self) -> bool:
        """Look at the log, unless that was done too often just now. Whether it looked."""
        now = self._timer()
        with self._lock:
            self._looks = [time for time in self._looks if time > now - _LOOKS_WITHIN_S]
            if len(self._looks) >= MAX_LOOKS:
                return False
            self._looks.append(now)
        if not self._looking.acquire(blocking=False):
            return False
        try:
            # Asked first without the lock under which requests are decided: a slow log holds up nobody but whoever wants to know.
            if self._service.has_news():
                self._service.sync()
        finally:
            self._looking.release()
        return True

    def take_headers(self, raw: bytes) -> None:
        """Give receipts for the segments of these headers, each length-prefixed; they wait in the outbox then."""
        headers = _parse_headers(raw)
        if not self._service.knows_all(headers):
            self._look_soon()
        # Whoever sends them is nobody: only what is owed is worked on, one at a time, so that nobody waits for all of them.
        for header in headers:
            if self._service.owes(header):
                with self._lock:
                    self._machine.give_receipts(self._service, [header])

    def mirror_file(self, name: str) -> bytes | None:
        """A file of the mirror."""
        return self._machine.mirror_file(name)

    def gauges(self) -> dict[str, int]:
        """Numbers about the mirror and the outbox; nothing about a request."""
        return {
            "log_size": self._service.state.size,
            "waiting_entries": len(self._machine.waiting_names()),
            "is_frozen": int(self._machine.folder.is_frozen()),
            "is_behind": int(self._is_behind),
            "unacknowledged_changes": len(self._news),
        }

    def look(self) -> None:
        """One look at the log: destroy keys that are due, catch up, make those of the days ahead. What fails is noted and tried again at the next look."""
        try:
            now = self._clock()
            try:
                self._machine.destroy_due_keys(self._service, now, self._passphrase, self._entropy)
            except Refused as error:  # a person must decide; what else there is to do goes on
                refused: Refused | None = error
            else:
                refused = _held_back(self._service)
            self._service.forget_destroyed()
            self._machine.folder.sum_up_outcomes(now)
            state = self._service.sync()
            self._news = self._machine.write_news(self._service)
            if self._service.is_in_force(state):
                days = [now.date() + dt.timedelta(days=n) for n in range(self._epoch_ahead + 1)]
                wanted = [day for day in days if (self._service.name, day) not in state.epoch_keys]
                if wanted:
                    self._machine.make_epoch_keys(self._service, wanted, self._entropy)
            self._machine.remove_ended_notes(state, now, self._service.keys)
            self._service.verify_own()  # or it would refuse everything, and nobody here would know
            if refused is not None:
                raise refused
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look tries again, and health says so
            self._is_behind = True
            self._trouble = _told(error)
            with suppress(CofferError):  # a full disk must not end the looks: keys die on time all the same
                self._machine.folder.note_outcome(f"{wire.format_time(self._clock())} look {type(error).__name__}")
        else:
            self._is_behind, self._trouble = False, ""

    def attend(
        self, tell: Callable[[str], None], *, inform: Callable[[str], None] = lambda _news: None
    ) -> threading.Thread:
        """Look every minute, until ``stop``. ``tell`` is told what keeps it from following the log, once each time it begins.

        ``inform``: is told what its people have not acknowledged, at the start and whenever it changes.
        """

        def work() -> None:
            was = ""
            told: tuple[str, ...] = ()
            while True:
                self.look()
                if self._news != told:
                    with suppress(OSError):  # a terminal that was closed
                        for line in self._news:
                            inform(line)
                told = self._news
                if self._trouble and not was:
                    with suppress(OSError):  # a terminal that was closed
                        tell(self._trouble)
                was = self._trouble
                if self._stopping.wait(EVERY_S):
                    return

        thread = threading.Thread(target=work, name="attending", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Let the thread of ``attend`` end."""
        self._stopping.set()
        with suppress(CofferError):
            self._machine.folder.sum_up_outcomes(self._clock())


def _held_back(service: CustodianService) -> Refused | None:
    """What to tell its people if days are due by the clock and by nothing else."""
    if not service.held_back:
        return None
    return Refused(
        f"custodian {service.name}: {counted(service.held_back, 'day')} due by this machine's clock, and nothing else shows that it is so late: the keys wait",
        code="time",
        hint="if the clock is right: coffer custodian destroy DIR --catch-up; else set it",
    )


def _parse_headers(raw: bytes) -> list[bytes]:
    """Header files, each length-prefixed and once, without what is too short to be one; raises ``MalformedInput``."""
    cursor, headers = wire.Cursor(raw, "headers"), list[bytes]()
    while not cursor.at_end():
        if len(headers) >= MAX_HEADERS:
            raise MalformedInput(f"headers: expected at most {MAX_HEADERS}")
        headers.append(cursor.lp())
    return [header for header in dict.fromkeys(headers) if len(header) >= MIN_HEADER_BYTES]


def _told(error: Exception) -> str:
    """What to tell the custodian's own people."""
    if not isinstance(error, CofferError):
        return type(error).__name__
    return f"{error.message} ({error.hint})" if error.hint else error.message
