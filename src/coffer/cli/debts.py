"""Emergencies that were opened and must be ratified, as people read them."""

import datetime as dt
from collections.abc import Iterator

from coffer import wire
from coffer.cli.console import console
from coffer.cli.tables import Table
from coffer.ledger.debts import Debt, DebtStatus
from coffer.ledger.entries import NAME_DIGITS, Commitment
from coffer.ledger.facts import Opening
from coffer.ledger.state import State
from coffer.visible import counted


def debt_lines(authorization: Commitment, state: State, now: dt.datetime) -> Iterator[str]:
    """What was opened under an authorization in an emergency, and how that stands; nothing without one."""
    for debt in state.debts.values():
        if debt.authorization == authorization:
            yield f"emergency of entry {debt.index}: {opened_of(state.openings[debt.index])}; {standing_of(debt, state, now)}"


def opened_of(opening: Opening) -> str:
    """What an opening gave, by the log."""
    if opening.close is not None:
        return f"{counted(opening.close.records, 'record')} opened"
    return (
        "nothing opened so far"
        if opening.draw is None
        else f"{counted(opening.draw.records, 'record')} drawn, not closed"
    )


def standing_of(debt: Debt, state: State, now: dt.datetime) -> str:
    """How a debt stands, and who has said what."""
    status = debt.status(max(now, state.newest))
    said = [f"ratified by {', '.join(debt.ratified)}"] if debt.ratified else []
    no = state.disapproved_by(debt)
    said += [f"disapproved by {', '.join(no)}"] if no else []
    if status in (DebtStatus.OWED, DebtStatus.OVERDUE):
        roster = state.rosters[debt.roster]
        said += [f"lacks rule {name}: {roster.rules[name].expression}" for name in debt.lacking(roster)]
    return "; ".join([str(status), *said])


def waiting_lines(state: State, name: str) -> Iterator[str]:
    """The emergencies that a custodian may still ratify, a line each."""
    for debt in state.debts.values():
        is_done = debt.paid is not None or name in debt.ratified or state.is_refused(debt.authorization, name)
        rosters = (state.rosters[debt.roster], state.roster)
        if not is_done and any(roster.custodian(name) for roster in rosters):
            opened = opened_of(state.openings[debt.index])
            yield f"an emergency waits to be ratified, {opened}: {debt.authorization.hex()[:NAME_DIGITS]}"


def show_debts(state: State, now: dt.datetime) -> None:
    """Every emergency of the log, as a table on stdout."""
    table = Table("entry", "opened", "request", "status", whole=("entry", "request"))
    for debt in state.debts.values():
        name = debt.authorization.hex()[:NAME_DIGITS]
        opened = f"{wire.format_time(debt.time)}, {opened_of(state.openings[debt.index])}"
        table.add_row(str(debt.index), opened, name, standing_of(debt, state, now))
    console().print(table)


def debts_document(state: State, now: dt.datetime) -> list[dict[str, object]]:
    """The same as JSON."""
    return [
        {
            "entry": debt.index,
            "time": wire.format_time(debt.time),
            "authorization": debt.authorization.hex(),
            "rules": list(debt.rules),
            "status": str(debt.status(max(now, state.newest))),
            "ratified_by": list(debt.ratified),
            "disapproved_by": list(state.disapproved_by(debt)),
        }
        for debt in state.debts.values()
    ]
