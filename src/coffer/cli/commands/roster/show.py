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
    for found in state.rosters.values():
        living = sum(s.roster.hash == found.hash and not state.is_dead(s) for s in state.segments.values())
        names = ", ".join(found.names)
        table.add_row(
            found.hash.hex()[:16],
            str(state.roster_indexes[found.hash]),
            wire.format_time(found.time),
            f"{living:,}",
            names,
        )
    console().print(table)
    say("ask for what an older one holds with: coffer request VAULT --roster HASH")


def _show(found: Roster) -> None:
    table = Table()
    table.add_row("roster", found.hash.hex())
    table.add_row("custodians", ", ".join(found.names))
    for name, rule in found.rules.items():
        table.add_row(f"rule {name}", rule.expression)
    table.add_row("witnesses", f"{found.quorum} of {', '.join(key.name for key in found.witnesses) or 'none'}")
    table.add_row("retention", counted(found.retention_days, "day"))
    table.add_row("late", counted(found.late_days, "day"))
    table.add_row("waiting", counted(found.waiting_days, "day"))
    table.add_row("cell cap", counted(found.cell_cap, "record"))
    table.add_row("tally", "exact" if found.epsilon is None else f"epsilon {found.epsilon}")
    table.add_row("numbering", found.numbering)
    console().print(table)
