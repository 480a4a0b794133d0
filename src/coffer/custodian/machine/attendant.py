"""What a served custodian does every minute without being asked.

It destroys keys that are due, follows the log, and makes the keys of the days ahead.

Promises: if something fails in one look, the next look tries again, and health and the custodian's people are told. Knows nothing of HTTP.
"""

import datetime as dt
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from coffer import wire
from coffer.custodian import answering, reporting  # noqa: F401 - read at the start, and not when a stranger first asks
from coffer.custodian.machine.folder import Machine
from coffer.custodian.service import Clock, CustodianService
from coffer.entropy import Entropy
from coffer.errors import CofferError, Refused
from coffer.notes.keys import Secret
from coffer.visible import counted

EVERY_S: Final = 60.0
"""Between two looks. So a revocation, a full outbox or a new day is noticed within a minute, without any request."""


class Attendant:
    """Looks after one custodian. ``look`` runs in one thread; what it saw may be read from any."""

    def __init__(
        self,
        machine: Machine,
        service: CustodianService,
        *,
        passphrase: Secret,
        clock: Clock,
        entropy: Entropy,
        epoch_ahead: int,
    ) -> None:
        """``epoch_ahead``: days for which keys are made ahead."""
        self._machine = machine
        self._passphrase = passphrase
        self._service = service
        self._clock = clock
        self._entropy = entropy
        self._epoch_ahead = epoch_ahead
        self._is_behind, self._trouble = True, ""
        self._news: tuple[str, ...] = ()
        self._stopping = threading.Event()

    @property
    def is_behind(self) -> bool:
        """Whether the last look failed, or there was none yet."""
        return self._is_behind

    @property
    def trouble(self) -> str:
        """What to tell the custodian's own people of the last look; empty if all went well."""
        return self._trouble

    @property
    def news(self) -> tuple[str, ...]:
        """What its people have not acknowledged of the roster, a line each."""
        return self._news

    def look(self) -> None:
        """One look: destroy the keys that are due, follow the log, make the keys of the days ahead.

        What fails is noted, and tried again at the next look.
        """
        try:
            now = self._clock()
            try:
                self._machine.destroy_due_keys(self._service, now, self._passphrase, self._entropy)
            except Refused as error:  # a person must decide, and the rest of the look goes on
                refused: Refused | None = error
            else:
                refused = _held_back(self._service)
            self._service.forget_destroyed()
            self._machine.folder.outcomes.sum_up(now)
            state = self._service.sync()
            self._news = self._machine.write_news(self._service)
            if self._service.is_in_force(state):
                days = [now.date() + dt.timedelta(days=n) for n in range(self._epoch_ahead + 1)]
                wanted = [day for day in days if (self._service.name, day) not in state.epoch_keys]
                if wanted:
                    self._machine.make_epoch_keys(self._service, wanted, self._entropy)
            self._machine.keep_approved(self._service, now, self._entropy)
            self._machine.keep_ratified(self._service)
            self._service.forget_ended(now)
            self._service.verify_own()  # else it would refuse everything, and nobody here would know
            if refused is not None:
                raise refused
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look tries again, and health says so
            self._is_behind = True
            self._trouble = _told(error)
            with suppress(CofferError):  # a full disk must not end the looks, because keys must die on time
                self._machine.folder.outcomes.note(f"{wire.format_time(self._clock())} look {type(error).__name__}")
        else:
            self._is_behind, self._trouble = False, ""

    def attend(
        self, tell: Callable[[str], None], *, inform: Callable[[str], None] = lambda _news: None
    ) -> threading.Thread:
        """Look every minute, until ``stop``.

        ``tell`` is told of trouble, once each time it begins.

        ``inform`` is told what its people have not acknowledged, at the start and whenever that changes.
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
            self._machine.folder.outcomes.sum_up(self._clock())


def _held_back(service: CustodianService) -> Refused | None:
    """What to tell its people if days are due by the clock and by nothing else."""
    if not service.held_back:
        return None
    return Refused(
        f"custodian {service.name}: {counted(service.held_back, 'day')} due by this machine's clock, and nothing else shows that it is so late: the keys wait",
        code="time",
        hint="if the clock is right: coffer custodian destroy DIR --catch-up; else set it",
    )


def _told(error: Exception) -> str:
    """What to tell the custodian's own people."""
    if not isinstance(error, CofferError):
        return type(error).__name__
    return f"{error.message} ({error.hint})" if error.hint else error.message
