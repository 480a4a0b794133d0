"""``coffer hold list``."""

import datetime as dt
from typing import Any

import click

from coffer import wire
from coffer.cli.console import clock, console, print_json, say
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.ledger.entries import NAME_DIGITS
from coffer.ledger.holds import LoggedHold, Term
from coffer.ledger.roster import Roster
from coffer.visible import counted


@click.command("list", epilog="Example: coffer hold list vault")
@click.argument("vault")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_holds(vault: str, *, as_json: bool) -> None:
    """List the holds of the log: how each stands, until when, and who keeps.

    What extends a hold has a line of its own: who joined it, and whether that is enough. Whom and what holds are about stands in their notes alone.
    """
    opened, now = vault_at(vault), clock()
    state = opened.replay()
    holds: list[dict[str, Any]] = [
        {
            "entry": hold.index,
            "note": hold.entry.note.hex(),
            "status": str(state.hold_status(hold, now)),
            "until": wire.format_time(hold.until(state.rosters[hold.entry.roster])),
            "extensions": len(hold.terms) - 1,
            "kept_by": list(hold.term_in_force(state.rosters[hold.entry.roster]).holders),
            "extended": _extensions(hold, state.rosters[hold.entry.roster], now),
            "sealed_since": opened.held.sealed_since(hold, state, now.date())
            if hold.is_open(state.rosters[hold.entry.roster], now)
            else 0,
        }
        for hold in state.holds.values()
    ]
    if as_json:
        print_json(holds)
        return
    if not holds:
        say("the log has no hold")
        return
    table = Table("entry", "note", "status", "until", "kept by")
    for hold in holds:
        for line in (hold, *hold["extended"]):
            names = ", ".join(line["kept_by"]) or "nobody"
            table.add_row(str(line["entry"]), line["note"][:NAME_DIGITS], line["status"], line["until"], names)
    console().print(table)
    for hold in holds:
        if hold["sealed_since"]:
            segments = counted(hold["sealed_since"], "segment")
            say(f"entry {hold['entry']}: {segments} sealed since: coffer hold keep {vault} NOTE")


def _extensions(hold: LoggedHold, roster: Roster, now: dt.datetime) -> list[dict[str, Any]]:
    """What extends a hold, a line each."""
    return [
        {
            "entry": term.index,
            "note": term.note.hex(),
            "status": f"extends {hold.index}: {_joined(hold, term, roster, now)}",
            "until": wire.format_time(term.until),
            "kept_by": list(term.holders),
        }
        for term in hold.terms[1:]
    ]


def _joined(hold: LoggedHold, term: Term, roster: Roster, now: dt.datetime) -> str:
    if hold.is_satisfied(term, roster):
        return "joined"
    if hold.is_open(roster, now) and term.may_be_joined(now):
        return f"to be joined by {wire.format_time(term.to_be_joined_by)}"
    return "joined by too few"
