"""How far an order is that is opened part by part, in words."""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import groupby

from coffer.authority.authorization import Authorization
from coffer.ledger.state import State
from coffer.procedures.opening.continuing import Opened, opened_parts
from coffer.web.ground.wording import Wording


def parts_shown(authorization: Authorization, state: State, words: Wording) -> list[str]:
    """A line for each part that was opened; none while only one was, of days that are all over."""
    parts = opened_parts(authorization, state)
    is_going_on = bool(parts) and authorization.terms.all_days[-1] >= state.newest.date()
    return [_line(part, words) for part in parts] if len(parts) > 1 or is_going_on else []


def _line(opened: Opened, words: Wording) -> str:
    said = words.ngettext(
        "Part %(number)s: UTC days %(days)s; %(num)s record opened",
        "Part %(number)s: UTC days %(days)s; %(num)s records opened",
        opened.drawn,
    )
    days = ", ".join(words.days(first, last) for first, last in _spans(opened.days))
    return said % {"number": opened.part.number, "days": days or "-", "num": words.number(opened.drawn)}


def _spans(days: Sequence[dt.date]) -> Iterator[tuple[dt.date, dt.date]]:
    """Days as spans without a gap."""
    for _, run in groupby(enumerate(days), lambda item: item[1].toordinal() - item[0]):
        own = [day for _, day in run]
        yield own[0], own[-1]
