"""By when a request is to be answered, and how soon that is. Pure.

The order's own deadline counts. An emergency without one has eight hours from its receipt, as under Regulation (EU)
2023/1543, Article 10; any other request has until it expires.
"""

import datetime as dt
from typing import Final

from coffer.authority.authorization import Terms
from coffer.authority.ordered import Ordered, Urgency

EMERGENCY_WITHIN: Final = dt.timedelta(hours=8)


def deadline_of(terms: Terms) -> dt.datetime:
    """When an answer is due, in UTC; never later than the request expires."""
    return due_by(terms.ordered, terms.expires)


def due_by(ordered: Ordered, ends: dt.datetime) -> dt.datetime:
    """When what an order asks is due, in UTC; never later than it ``ends``."""
    due = ordered.due
    if due is None and ordered.urgency is Urgency.EMERGENCY:
        due = ordered.received + EMERGENCY_WITHIN
    return ends if due is None else min(due.astimezone(dt.UTC), ends)


def has_deadline(ordered: Ordered) -> bool:
    """Whether the order has a deadline of its own; else what it asks only ends some day."""
    return ordered.due is not None or ordered.urgency is Urgency.EMERGENCY


def shown_left(due: dt.datetime, now: dt.datetime) -> str:
    """The time left in one unit, such as ``3 h`` or ``9 days``, rounded down; ``late by 2 h`` afterwards."""
    left = due - now
    return f"late by {_shown(-left)}" if left < dt.timedelta(0) else f"{_shown(left)} left"


def _shown(span: dt.timedelta) -> str:
    if span >= dt.timedelta(days=3):
        return f"{span.days} days"
    minutes = span // dt.timedelta(minutes=1)
    return f"{minutes // 60} h" if minutes >= 180 else f"{minutes} min"
