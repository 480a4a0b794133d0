"""How far the openings of a request are, for people and for programs."""

from collections.abc import Sequence

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.cli.console import say
from coffer.cli.periods import show_days
from coffer.procedures.opening.continuing import Opened
from coffer.visible import counted


def opened_document(authorization: Authorization, parts: Sequence[Opened]) -> dict[str, object]:
    """The parts that were opened, and what is left of the budget and of the time."""
    terms = authorization.terms
    return {
        "parts": [
            {
                "number": one.part.number,
                "intent": one.opening.index,
                "close": one.opening.close_index,
                "days": [day.isoformat() for day in one.days],
                "drawn": one.drawn,
            }
            for one in parts
        ],
        "drawn": sum(one.drawn for one in parts),
        "max_records": authorization.limit,
        "expires": wire.format_time(terms.expires),
    }


def say_progress(authorization: Authorization, parts: Sequence[Opened]) -> None:
    """How far a continuing order is, in a line."""
    terms = authorization.terms
    days = sorted({day for one in parts for day in one.days})
    drawn = sum(one.drawn for one in parts)
    said = f"{show_days(days)}, {len(days)} of " if days else "none of "
    say(
        f"opened so far: {counted(len(parts), 'part')}, {said}{counted(len(terms.all_days), 'UTC day')};"
        f" {drawn} of {counted(authorization.limit, 'record')} drawn; until {wire.format_time(terms.expires)}"
    )


def say_opened(authorization: Authorization, parts: Sequence[Opened]) -> None:
    """The same of a request under which something was opened."""
    if parts:
        say_progress(authorization, parts)
