"""``coffer complete``."""

from pathlib import Path

import click

from coffer.cli.console import console, operator_passphrase, say
from coffer.cli.notes import read_notes
from coffer.cli.vaults import Network
from coffer.disk import Disk
from coffer.procedures.roster.found import complete_vault


@click.command(epilog="Example: coffer complete vault roster.note")
@click.argument("vault")
@click.argument("rosters", metavar="ROSTER...", nargs=-1, required=True)
def complete(vault: str, rosters: tuple[str, ...]) -> None:
    """Begin the log of a vault whose custodians elsewhere have all signed its roster.

    Every custodian on another machine must have signed the roster, or a copy of it: give all copies.
    """
    made = complete_vault(Path(vault), Disk(), Network(), read_notes(rosters)[0], operator_passphrase())
    out = console()
    out.print(f"log key  {made.pins.log_key.format()}", soft_wrap=True)
    out.print(f"genesis  {made.pins.genesis.hex()}", soft_wrap=True)
    say(
        "give vault.toml to every custodian and auditor: they pin it; and enter the custodians' addresses in custodians.toml"
    )
