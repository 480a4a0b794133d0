"""An opening in steps, as far as it is. Pure."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Final

from coffer.errors import CofferError
from coffer.procedures.opening.run import Stage
from coffer.web.desk.visit import Visit
from coffer.web.ground.wording import N_, Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an opening of this process is. ``reached``: each stage with its number and time, in order.

    ``stopped``: why it stopped; None while it runs. ``is_over``: it ended with its answer in the case.
    """

    request: int
    began: dt.datetime
    reached: tuple[tuple[Stage, int, dt.datetime], ...] = ()
    stopped: CofferError | None = field(default=None, repr=False)
    is_over: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it is under way."""
        return not self.is_over and self.stopped is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStep:
    """One step. ``state``: as of ``step`` in the macros."""

    state: str
    title: str
    time: str
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOpening:
    """An opening in steps."""

    steps: tuple[ShownStep, ...]
    stopped: CofferError | None
    is_running: bool


_TITLES: Final = {
    Stage.INTENT: N_("The opening is announced in the log"),
    Stage.LABELS: N_("Enough custodians have answered"),
    Stage.DRAW: N_("The number of records stands in the log"),
    Stage.DATA: N_("The records are opened"),
    Stage.CLOSE: N_("The end stands in the log, and the answer is in the case"),
}


def opening_shown(progress: Progress | None, visit: Visit) -> ShownOpening | None:
    """The steps of an opening; None if this process has none of the case."""
    if progress is None:
        return None
    words, reached = visit.words, {stage: (number, time) for stage, number, time in progress.reached}
    steps = []
    for stage, title in _TITLES.items():
        if stage in reached:
            number, time = reached[stage]
            at = time.astimezone(visit.reader.zone).strftime("%H:%M:%S")
            steps.append(
                ShownStep(state="proven", title=words.gettext(title), time=at, more=_more(stage, number, words))
            )
            continue
        is_next = all(shown.state == "proven" for shown in steps)
        state = ("running" if progress.is_running else "stopped") if is_next else "pending"
        steps.append(ShownStep(state=state, title=words.gettext(title), time=""))
    return ShownOpening(steps=tuple(steps), stopped=progress.stopped, is_running=progress.is_running)


def _more(stage: Stage, number: int, words: Wording) -> tuple[str, ...]:
    _, count = words.gettext, words.number(number)
    match stage:
        case Stage.INTENT | Stage.CLOSE:
            return (_("Entry %(index)s.") % {"index": count},)
        case Stage.LABELS:
            return (words.ngettext("Asked in %(num)s part.", "Asked in %(num)s parts.", number) % {"num": count},)
        case _:
            return (words.ngettext("%(num)s record.", "%(num)s records.", number) % {"num": count},)
