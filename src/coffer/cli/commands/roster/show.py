"""``coffer roster show``."""

import click

from coffer import wire
from coffer.cli.console import console, say
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.visible import counted


@click.command(epilog="Example: coffer roster show vault --all")
@click.argument("vault")
@click.option(
    "--all", "is_all", is_flag=True, help="List every roster of this vault, with its hash and what it still holds for."
)
def show(vault: str, *, is_all: bool) -> None:
    """Show the roster in force, or list all of them."""
    state = vault_at(vault).replay()
    if is_all:
        _list(state)
        return
    _show(state.roster)
    if len(state.rosters) > 1:
        say(
            f"roster {len(state.rosters)} of this vault; older ones hold for what was sealed under them: coffer roster show {vault} --all"
        )


def _list(state: State) -> None:
    table = Table("roster", "entry", "since", "segments", "custodians")
    for shown in state.rosters.values():
        living = sum(s.roster.hash == shown.hash and not state.is_dead(s) for s in state.segments.values())
        names = ", ".join(shown.names)
        table.add_row(
            shown.hash.hex()[:16],
            str(state.roster_indexes[shown.hash]),
            wire.format_time(shown.time),
            f"{living:,}",
            names,
        )
    console().print(table)
    say("ask for what an older one holds with: coffer request VAULT --roster HASH")


def _show(shown: Roster) -> None:
    table = Table()
    table.add_row("roster", shown.hash.hex())
    table.add_row("custodians", ", ".join(shown.names))
    for name, rule in shown.rules.items():
        table.add_row(f"rule {name}", rule.expression)
    if shown.emergency is not None:
        hours = counted(shown.emergency.ratify_hours, "hour")
        table.add_row("emergency", f"{shown.emergency.expression}, to be ratified within {hours}")
    table.add_row("witnesses", f"{shown.quorum} of {', '.join(shown.witness_names) or 'none'}")
    table.add_row("retention", counted(shown.retention_days, "day"))
    table.add_row("late", counted(shown.late_days, "day"))
    table.add_row("waiting", counted(shown.waiting_days, "day"))
    table.add_row("cell cap", counted(shown.cell_cap, "record"))
    table.add_row("tally", "exact" if shown.epsilon is None else f"epsilon {shown.epsilon}")
    table.add_row("numbering", shown.numbering)
    table.add_row("statistics", shown.statistics)
    console().print(table)
