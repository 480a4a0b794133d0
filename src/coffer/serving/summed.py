"""Log lines about strangers, counted by kind and summed up in one line a minute.

Promises: at most one line of ``MAX_LINE`` characters a minute, whatever is sent, and no word in it that a stranger
chose. Once an hour the line also says where an exception was raised, so that our own bugs are noticed.
"""

import logging
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final

EVERY_S: Final = 60.0
MAX_KINDS: Final = 12
"""Kinds in a line. The rarer ones are summed up as other."""
MAX_KIND: Final = 72
MAX_LINE: Final = 1_200
"""Characters of a line, one line a minute: at most 1.7 MB a day."""
MAX_COUNTED: Final = 256
"""Kinds that are counted separately within a minute."""
MAX_FRAMES: Final = 12
PLACES_EVERY_S: Final = 3_600.0


class Summed:
    """Counts by kind. All methods may be called from several threads."""

    def __init__(self, tell: Callable[[str], None], timer: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._timer = timer
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._where = ""
        self._where_told = -PLACES_EVERY_S
        self._stopping = threading.Event()

    def add(self, kind: str, count: int = 1) -> None:
        """Count something. ``kind``: our own words, never a stranger's."""
        with self._lock:
            known = kind in self._counts or len(self._counts) < MAX_COUNTED
            self._counts[kind[:MAX_KIND] if known else "other"] += count

    def add_error(self, kind: str, error: BaseException) -> None:
        """Count an error, with the place where it was raised.

        Its message is left out, because a stranger may have chosen it.
        """
        self.add(f"{kind} {type(error).__name__}")
        with self._lock:
            if not self._where and self._timer() - self._where_told >= PLACES_EVERY_S:
                frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
                self._where = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in reversed(frames))
                self._where_told = self._timer()

    def say(self) -> None:
        """Write the line of this minute, if anything was counted."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            where, self._where = self._where, ""
        if not counts:
            return
        shown = counts.most_common(MAX_KINDS)
        rest = counts.total() - sum(count for _, count in shown)
        parts = [f"{kind} {count}" for kind, count in shown] + ([f"other {rest}"] if rest else [])
        line = f"in the last minute: {', '.join(parts)}" + (f" (first at {where})" if where else "")
        with suppress(OSError, ValueError):  # a terminal that was closed
            self._tell(line[:MAX_LINE])

    def keep_saying(self, gather: Callable[[], None] = lambda: None) -> None:
        """Say it every minute until ``stop``, in a thread of its own.

        So a slow reader of the lines holds up nothing. ``gather`` adds the counts that are kept elsewhere.
        """

        def work() -> None:
            while not self._stopping.wait(EVERY_S):
                gather()
                self.say()
            gather()
            self.say()

        self._thread = threading.Thread(target=work, name="summing", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write the last line and end the thread."""
        self._stopping.set()
        self._thread.join(2.0)


class SummedLog(logging.Handler):
    """Counts what libraries log, by logger and place. The messages are left out."""

    def __init__(self, summed: Summed) -> None:
        super().__init__(logging.WARNING)
        self._summed = summed

    def emit(self, record: logging.LogRecord) -> None:
        """Count it."""
        kind = f"{record.name} {record.filename}:{record.lineno}"
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            self._summed.add(kind)
        else:
            self._summed.add_error(kind, error)


def sum_up_logs(summed: Summed) -> Callable[[], None]:
    """Count libraries' warnings and errors instead of writing each; the returned function undoes it."""
    root, handler = logging.getLogger(), SummedLog(summed)
    root.addHandler(handler)
    logging.captureWarnings(capture=True)

    def undo() -> None:
        root.removeHandler(handler)
        logging.captureWarnings(capture=False)

    return undo
