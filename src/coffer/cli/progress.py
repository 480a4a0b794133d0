"""How far the openings of a request are, for people and for programs."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.cli.console import say
from coffer.cli.periods import show_days
from coffer.disclosure.part import Part
from coffer.ledger.state import State
from coffer.procedures.opening.continuing import Opened
from coffer.procedures.opening.owed import owed_after, owed_days
from coffer.vault.desk import Desk
from coffer.visible import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """What the last opening left unconfirmed.

    ``cells``: how many, by the log. ``days``: of which UTC days; None if the desk has lost which cells they are.
    """

    cells: int
    days: tuple[dt.date, ...] | None


def owed_of(desk: Desk, authorization: Authorization, parts: Sequence[Opened], state: State) -> Debt:
    """What is still owed of an authorization, by the log and the desk's file."""
    close = parts[-1].opening.close if parts else None
    if close is None or not close.unconfirmed_cells:
        return Debt(cells=0, days=())
    following = Part(number=len(parts) + 1, since=parts[-1].opening.index)
    owed = owed_after(desk.read_owed(authorization.commitment), following)
    return Debt(cells=close.unconfirmed_cells, days=None if owed is None else owed_days(owed, state))


def opened_document(
    authorization: Authorization, parts: Sequence[Opened], owed: Debt, *, limit: int = 0
) -> dict[str, object]:
    """The parts that were opened, and what is left of the budget and of the time.

    ``limit``: as of ``say_progress``.
    """
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
        "unconfirmed_cells": owed.cells,
        "days_owed": None if owed.days is None else [day.isoformat() for day in owed.days],
        "drawn": sum(one.drawn for one in parts),
        "max_records": max(limit, authorization.limit),
        "expires": wire.format_time(terms.expires),
    }


def say_progress(
    authorization: Authorization, parts: Sequence[Opened], owed: Debt, *, ahead: Sequence[dt.date], limit: int = 0
) -> None:
    """How far a continuing order is, in a line, and what is owed of it.

    ``ahead``: its days that are not over. ``limit``: how many records it may open by what amends it too, where known.
    """
    limit = max(limit, authorization.limit)
    terms = authorization.terms
    days = sorted({day for one in parts for day in one.days})
    drawn = sum(one.drawn for one in parts)
    said = f"{show_days(days)}, {len(days)} of " if days else "none of "
    say(
        f"opened so far: {counted(len(parts), 'part')}, {said}{counted(len(terms.all_days), 'UTC day')};"
        f" {drawn} of {counted(limit, 'record')} drawn; until {wire.format_time(terms.expires)}"
    )
    if ahead and drawn >= limit:
        say(f"no record is left for the {counted(len(ahead), 'UTC day')} still to come: coffer amend raises the limit")
    cells = counted(owed.cells, "unconfirmed cell")
    if owed.cells and owed.days is None and drawn >= limit:
        say(f"owed: {cells}, and all records that it allows were drawn")
    elif owed.cells and owed.days is None:
        say(f"owed: {cells}, and the desk has no file that says which")
        say("hint: coffer open without --since-last asks for all days again, and draws what it finds again")
    elif owed.days:
        say(f"owed: {cells} of {show_days(owed.days)}; the next part asks again, once a custodian can say more")


def say_opened(
    authorization: Authorization, parts: Sequence[Opened], owed: Debt, *, ahead: Sequence[dt.date], limit: int
) -> None:
    """The same of a request under which something was opened."""
    if parts:
        say_progress(authorization, parts, owed, ahead=ahead, limit=limit)
