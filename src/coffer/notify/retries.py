"""When a notification that could not be sent is tried again. Pure."""

import datetime as dt
from typing import Final

AFTER: Final = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
"""After the n-th failure. The eighth is the last, 22 hours after the first: by then a person has looked anyway."""
MAX_TRIES: Final = len(AFTER) + 1


def next_try(tries: int, now: dt.datetime) -> dt.datetime | None:
    """When to try again after ``tries`` failures, from 1; None if it is given up."""
    return now + AFTER[tries - 1] if 1 <= tries <= len(AFTER) else None


def hours_until(due: dt.datetime, now: dt.datetime) -> int:
    """Whole hours until a deadline, or since it.

    They are rounded so that nobody believes to have longer than they have.
    """
    return int(abs((due - now) // dt.timedelta(hours=1)))
