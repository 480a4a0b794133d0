"""Alerts, sizes and numbers of the operator's page in the reader's words. Pure."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from markupsafe import Markup

from coffer.procedures.duty.board import Alert, Board, Fact, Urgency
from coffer.web.ground import times
from coffer.web.ground.app import N_
from coffer.web.ground.render import Reader
from coffer.web.operator.troubles import BY_CODE

_NEVER: Final = N_("never")
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An alert in words: ``title`` says what is, ``do`` what to do, with commands marked."""

    title: str
    do: Markup
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class Saying:
    """The words of one reader."""

    reader: Reader
    gettext: Callable[[str], str]

    def alerts(self, board: Board, urgency: Urgency) -> list[Said]:
        """The alerts of an urgency."""
        return [self.alert(alert) for alert in board.alerts if alert.urgency is urgency]

    def alert(self, alert: Alert) -> Said:
        """One alert."""
        trouble = BY_CODE[alert.code]
        facts: Mapping[str, str] = {name: self.fact(value) for name, value in alert.facts.items()}
        return Said(
            title=self.gettext(trouble.titles[alert.code]) % facts,
            do=marked(self.gettext(trouble.do)),
            urgency=alert.urgency,
        )

    def fact(self, value: Fact) -> str:
        """A fact as the reader writes it."""
        show = partial(times.show_number, language=self.reader.language)
        if isinstance(value, dt.datetime):
            return times.show_time(value, self.reader.language, self.reader.zone)
        if isinstance(value, dt.date):
            return times.show_day(value, self.reader.language)
        if isinstance(value, int | float):
            return show(value)
        return self.gettext(_NEVER) if value == "-" else value

    def size(self, size_bytes: float) -> str:
        """A size in the largest unit of which there is one, with two digits below ten."""
        sign, left, unit = ("\N{MINUS SIGN}" if size_bytes < 0 else ""), abs(float(size_bytes)), 0
        while left >= 1_000 and unit < len(_UNITS) - 1:
            left, unit = left / 1_000, unit + 1
        shown = round(left, 1) if left < 10 and unit else round(left)
        return f"{sign}{times.show_number(shown, self.reader.language)} {_UNITS[unit]}"


def marked(text: str) -> Markup:
    """A sentence with what stands between backquotes as code."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))
