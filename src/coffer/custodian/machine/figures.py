"""What a custodian's service shows of itself as numbers: outcomes of HTTP, its mirror and its outbox."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from coffer.serving.figures import Figure, counter, gauge, sample


class Counts:
    """What the metrics show. The outcomes are those of HTTP; the decisions are not told apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()

    def add(self, outcome: str) -> None:
        """One more of an outcome."""
        with self._lock:
            self._answers[outcome] += 1

    def figures(self, gauges: Mapping[str, int]) -> Sequence[Figure]:
        """All of them as figures, with the gauges."""
        with self._lock:
            return custodian_figures(dict(self._answers), gauges)


def custodian_figures(outcomes: Mapping[str, int], gauges: Mapping[str, int]) -> Sequence[Figure]:
    """Posted bodies by their outcome of HTTP, and how mirror and outbox stand."""
    answers = [sample(outcomes.get(name, 0), outcome=name) for name in _OUTCOMES]
    posted = "Posted bodies by what became of them; what was decided is not told apart."
    shown = [gauge(f"coffer_{name}", meaning, sample(gauges[name])) for name, meaning in GAUGES.items()]
    return [counter("coffer_requests_total", posted, *answers), *shown]


_OUTCOMES: Final = ("answered", "busy", "failed", "malformed")
GAUGES: Final = {
    "log_size": "Entries of the log that this custodian accepted.",
    "waiting_entries": "Signed entries that wait to be logged.",
    "is_frozen": "1: it saw two histories of the log and answers nothing.",
    "unacknowledged_changes": "Changes of the roster, and absences of this custodian, that its people have not acknowledged.",
    "is_behind": "1: its last look at the log failed.",
}
