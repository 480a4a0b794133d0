"""``coffer custodian destroy``."""

import os

import click

from coffer.cli.console import clock, console, say
from coffer.cli.machine import at_work_retiring
from coffer.cli.passphrases import passphrase_option
from coffer.visible import counted


@click.command(epilog="Example: coffer custodian destroy judge/")
@click.argument("folder", metavar="DIR")
@click.option("--catch-up", is_flag=True, help="Destroy all that this clock says is due; it must be right.")
@passphrase_option
def destroy(folder: str, passphrase_file: str | None, *, catch_up: bool) -> None:
    """Destroy the keys of every day whose retention is over.

    The other keys are wrapped anew, and the log will say so. The service does it by itself.
    """
    machine, passphrase, service = at_work_retiring(folder, passphrase_file)
    days = machine.destroy_due_keys(service, clock(), passphrase, os.urandom, may_catch_up=catch_up)
    console().print(f"{counted(len(days), 'epoch key')} destroyed" + (f": {days[0]} to {days[-1]}" if days else ""))
    if service.held_back:
        say(
            f"{counted(service.held_back, 'day')} due by this clock, with nothing else that shows it: kept for now (--catch-up if the clock is right)"
        )
    if days:
        say("it is in the log after the operator's next: coffer sync")
