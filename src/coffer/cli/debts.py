"""Emergencies that were opened and must be ratified, as people read them."""

import datetime as dt
from collections.abc import Iterator

from coffer import wire
from coffer.authority.lacking import parts_of
from coffer.cli.console import console, say
from coffer.cli.tables import Table
from coffer.ledger.debts import Debt, DebtStatus
from coffer.ledger.entries import NAME_DIGITS, Commitment
from coffer.ledger.facts import Opening
from coffer.ledger.roster import Roster
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
    counting = [name for name in debt.ratified if debt.is_for(name, _rosters(debt, state))]
    idle = [name for name in debt.ratified if name not in counting]
    said = [f"{'ratified' if debt.paid else 'agreed'} by {', '.join(counting)}"] if counting else []
    said += [f"the agreement of {', '.join(idle)} counts for nothing"] if idle else []
    no = state.disapproved_by(debt)
    said += [f"disapproved by {', '.join(no)}"] if no else []
    if status in (DebtStatus.OWED, DebtStatus.OVERDUE):
        roster = state.rosters[debt.roster]
        rules = [roster.rule_for_country(name) for name in debt.lacking(roster)]
        parts = [part for rule in rules for part in parts_of(rule, roster, debt.ratified, is_hub=False)]
        said += [f"lacks {part.missing()} (rule {part.rule})" for part in parts if not part.is_met]
    return "; ".join([str(status), *said])


def say_if_idle(authorization: Commitment, name: str, state: State) -> None:
    """Say that an agreement counts for nothing, where no rule of it names the custodian."""
    debts = [debt for debt in state.debts.values() if debt.authorization == authorization]
    if debts and not any(debt.is_for(name, _rosters(debt, state)) for debt in debts):
        say(f"the rules of this emergency do not name {name}: its agreement is logged and counts for nothing")


def _rosters(debt: Debt, state: State) -> tuple[Roster, Roster]:
    """Those whose rules may be satisfied: the one of the emergency's time, and the one in force."""
    return state.rosters[debt.roster], state.roster


def waiting_lines(state: State, name: str) -> Iterator[str]:
    """The emergencies that a custodian may still ratify, a line each."""
    for debt in state.debts.values():
        is_done = debt.paid is not None or name in debt.ratified or state.is_refused(debt.authorization, name)
        if not is_done and any(roster.custodian(name) for roster in _rosters(debt, state)):
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
