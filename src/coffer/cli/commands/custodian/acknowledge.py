"""``coffer custodian acknowledge``."""

import click

from coffer.cli.machine import at_work
from coffer.cli.passphrases import passphrase_option
from coffer.cli.presence import acknowledge_news


@click.command("acknowledge", epilog="Example: coffer custodian acknowledge judge/")
@click.argument("folder", metavar="DIR")
@passphrase_option
def acknowledge_here(folder: str, passphrase_file: str | None) -> None:
    """Show what changed in the roster, and keep that it was read."""
    machine, service = at_work(folder, passphrase_file)
    service.sync()
    acknowledge_news(service)
    machine.write_news(service)
