"""The openings that one process of the desk runs, each in a thread of its own.

Promises: an opening goes on when its reader leaves, one process at a time runs it, and after a restart it is taken up
again.
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from coffer.desk.case import Case, CaseId, Did, Stage
from coffer.desk.flow.entry import authorization_of
from coffer.desk.flow.flow import Flow
from coffer.desk.people import PersonId
from coffer.desk.standing import CaseState
from coffer.desk.steps import NextStep, Step
from coffer.errors import CofferError, Refused, Unavailable
from coffer.procedures.opening import run
from coffer.web.desk.door import Act
from coffer.web.desk.sending import Prove, agreed_before, note_agreement
from coffer.web.desk.steps_shown import Progress
from coffer.web.desk.visit import Visit
from coffer.web.desk.watching import Custodians

_log = logging.getLogger(__name__)
AT_ONCE: Final = 4
"""The vault has one writer, so that more would only wait; each waits in a thread of its own."""
PATIENCE_S: Final = 120.0
_Key = tuple[CaseId, int]
"""A case, and the number of its request."""


class OpeningDesk:
    """Begins openings and takes them up again. Any thread may call."""

    def __init__(self, flow: Flow, custodians: Custodians) -> None:
        self._flow, self._custodians, self._clock = flow, custodians, flow.vault.outside.clock
        self._lock = threading.Lock()
        self._beginning = threading.Lock()
        """One form after another, so that the second of two that are one finds that the first began."""
        self._progress: dict[_Key, Progress] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="opening")
        self._stopping = threading.Event()

    def begin(self, visit: Visit, number: int, step: NextStep, prove: Prove) -> None:
        """Begin to open a request, or take it up again.

        It goes on by itself. ``step``: what is next about it.

        Raises:
            Refused: nothing can be opened now, or the passkey did not agree.
        """
        with self._beginning:
            if agreed_before(self._flow, visit, Act.OPEN) is None:
                self._begin(visit, number, step, prove)

    def _begin(self, visit: Visit, number: int, step: NextStep, prove: Prove) -> None:
        case = visit.the_case
        is_next = self.is_part_due(case, number, visit.now)
        if step.step not in {Step.OPEN, Step.RESUME} and not is_next:
            if self.is_opening(case, number) or step.state in {CaseState.ANSWERED, CaseState.LETTER_DUE}:
                return  # the same form again
            raise Refused("case: nothing can be opened now", code="form", hint="its page says what is missing")
        if self.is_opening(case, number):
            return
        proven = prove(visit, Act.OPEN, authorization_of(case.request(number)).commitment)
        note_agreement(self._flow, case, number, proven, visit)
        self.run(case, number, visit.person.id, is_next=is_next)

    def is_part_due(self, case: Case, number: int, now: dt.datetime) -> bool:
        """Whether something came since a request was answered, that may be opened now."""
        is_open = case.stage is Stage.OPEN and not self.is_opening(case, number)
        return is_open and self._flow.is_part_due(case.request(number), self._flow.vault.replay(), now)

    def is_opening(self, case: Case, number: int) -> bool:
        """Whether this process opens a request at this moment."""
        progress = self.progress_of(case, number)
        return progress is not None and progress.is_running

    def progress_of(self, case: Case, number: int) -> Progress | None:
        """How far the newest opening of a request is, if this process runs or ran it."""
        with self._lock:
            return self._progress.get((case.id, number))

    @property
    def is_busy(self) -> bool:
        """Whether an opening is under way."""
        with self._lock:
            return any(progress.is_running for progress in self._progress.values())

    def run(self, case: Case, number: int, person: PersonId, *, is_next: bool = False) -> None:
        """Open a request in the background, unless this process is at it."""
        key = case.id, number
        with self._lock:
            known = self._progress.get(key)
            if known is not None and known.is_running:
                return
            self._progress[key] = Progress(request=number, began=self._clock())
        self._pool.submit(self._open, key, person, is_next)

    def _open(self, key: _Key, person: PersonId, is_next: bool) -> None:
        """One opening, in a thread of its own. What it ends with stands in its progress."""

        def tell(stage: run.Stage, count: int) -> None:
            if self._stopping.is_set():
                raise Unavailable("opening: the desk stops", hint="it is taken up again when the desk starts")
            self._change(key, lambda old: replace(old, reached=(*old.reached, (stage, count, self._clock()))))

        case, number = key
        try:
            with self._custodians() as custodians:
                self._flow.open(
                    case,
                    number,
                    custodians,
                    by=person,
                    clock=self._clock,
                    on_progress=tell,
                    patience_s=PATIENCE_S,
                    next_part=is_next,
                )
        except CofferError as error:
            _log.warning("desk: an opening stopped: %s", error.message)
            stopped = error
            self._change(key, lambda old: replace(old, stopped=stopped))
        except Exception as error:  # noqa: BLE001 - a thread that ends in silence is worse; its words may name somebody
            _log.error("desk: an opening failed (%s)", type(error).__name__)
            fault = Unavailable("opening: something is wrong here", hint="the operator finds the cause on the machine")
            self._change(key, lambda old: replace(old, stopped=fault))
        else:
            self._change(key, lambda old: replace(old, is_over=True))

    def _change(self, key: _Key, change: Callable[[Progress], Progress]) -> None:
        with self._lock:
            self._progress[key] = change(self._progress[key])

    def resume(self) -> int:
        """Take up what a restart cut short; how many. Whoever began stays the one who did it."""
        count, state, now = 0, self._flow.vault.replay(), self._clock()
        for case in self._flow.store.open_cases():
            for standing in self._flow.standings(case, state, now) if case.requests else ():
                number = standing.request
                if standing.state is not CaseState.OPENING or self.is_opening(case, number):
                    continue
                events = self._flow.store.history(case.id)
                began = [one for one in events if one.did is Did.BEGAN_OPENING and one.values.get("request") == number]
                person = began[-1].by if began else None
                if person is not None:
                    self.run(case, number, person)
                    count += 1
        return count

    def stop(self) -> None:
        """An opening that runs stops at its next stage and is taken up at the next start."""
        self._stopping.set()
        self._pool.shutdown(wait=True)
