"""The window on one vault: a thread that follows its log, and what is wrong with the log."""

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from typing import Final

from coffer.errors import CofferError, Unavailable
from coffer.procedures.reports.totals import Tables
from coffer.serving.figures import Figure, gauge, sample
from coffer.translog.checkpoint import Checkpoint
from coffer.vault.folder import Vault
from coffer.web.ground.site import Site
from coffer.web.window.reading import Reading

LOOK_S: Final = 2.0
"""Between two looks at the checkpoint: a longer log is on the pages within seconds."""


class Window:
    """Reads a vault's log and tally.

    ``clock``: gives the day for what dies when. ``home``: the country of numbers that readers type without +; empty: the
    one that most published records touch, which a small vault has not.
    """

    def __init__(self, vault: Vault, site: Site, clock: Callable[[], dt.datetime], *, home: str = "") -> None:
        self.reading = Reading(vault)
        self.site = site
        self.clock = clock
        self.home = home
        self._trouble: CofferError | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._reading_tables = threading.Lock()

    @property
    def today(self) -> dt.date:
        """The UTC day."""
        return self.clock().astimezone(dt.UTC).date()

    def look(self) -> None:
        """Read what was logged since the last look, and remember what is wrong with it."""
        try:
            self.reading.follow()
        except CofferError as error:
            self._trouble = error
        else:
            self._trouble = None

    def start(self) -> None:
        """Look now and then, in a thread of its own, until ``stop``."""

        def looking() -> None:
            self.look()
            while not self._stop.wait(LOOK_S):
                self.look()

        self._thread = threading.Thread(target=looking, name="looking", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2 * LOOK_S)

    @property
    def health(self) -> str:
        """``ok``, ``reading`` (the log for the first time) or ``damaged``."""
        if self._trouble is not None:
            return "damaged"
        return "reading" if self.reading.checkpoint is None else "ok"

    def figures(self) -> Sequence[Figure]:
        """How long the log is that pages rest on, and whether it holds."""
        checkpoint = self.reading.checkpoint
        size = 0 if checkpoint is None else checkpoint.head.size
        return window_figures(size, is_damaged=self._trouble is not None)

    def head(self) -> Checkpoint:
        """The checkpoint that pages rest on.

        Raises:
            NotProven, MalformedInput, Unavailable: the log was not read yet, or does not hold.
        """
        if self._trouble is not None:
            raise self._trouble
        checkpoint = self.reading.checkpoint
        if checkpoint is None:
            raise Unavailable("log: being read for the first time", hint="ask again in a minute")
        return checkpoint

    def tables(self) -> Tables:
        """The tally's tables. Raises as ``Reading.tables``."""
        with self._reading_tables:
            return self.reading.tables()


def window_figures(size: int, *, is_damaged: bool) -> Sequence[Figure]:
    """How long a log is, and whether it could not be read or does not hold."""
    return [
        gauge("coffer_log_size", "Entries of the log that were read and proven.", sample(size)),
        gauge("coffer_window_is_damaged", "1: the log cannot be read, or does not hold.", sample(is_damaged)),
    ]
