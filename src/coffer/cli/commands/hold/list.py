"""``coffer hold list``."""

import click

from coffer import wire
from coffer.cli.console import clock, console, print_json, say
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.ledger.entries import NAME_DIGITS
from coffer.visible import counted


@click.command("list", epilog="Example: coffer hold list vault")
@click.argument("vault")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_holds(vault: str, *, as_json: bool) -> None:
    """List the holds of the log: how each stands, until when, and who keeps.

    Whom and what they are about stands in their notes alone.
    """
    opened, now = vault_at(vault), clock()
    state = opened.replay()
    holds = [
        {
            "entry": hold.index,
            "note": hold.entry.note.hex(),
            "status": str(state.hold_status(hold, now)),
            "until": wire.format_time(hold.until(state.rosters[hold.entry.roster])),
            "extensions": len(hold.terms) - 1,
            "kept_by": list(hold.terms[-1].holders),
            "sealed_since": opened.held.sealed_since(hold, state, now.date())
            if hold.is_open(state.rosters[hold.entry.roster], now)
            else 0,
        }
        for hold in state.holds.values()
    ]
    if as_json:
        print_json(holds)
        return
    table = Table("entry", "note", "status", "until", "kept by")
    for hold in holds:
        kept_by = hold["kept_by"]
        assert isinstance(kept_by, list), "as it was made above"
        name = str(hold["note"])[:NAME_DIGITS]
        table.add_row(str(hold["entry"]), name, str(hold["status"]), str(hold["until"]), ", ".join(kept_by) or "nobody")
    console().print(table)
    for hold in holds:
        if hold["sealed_since"]:
            say(
                f"entry {hold['entry']}: {counted(int(str(hold['sealed_since'])), 'segment')} sealed since: coffer hold keep VAULT NOTE"
            )
