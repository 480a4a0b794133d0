"""``coffer custodian object``."""

import click

from coffer.cli.console import say
from coffer.cli.machine import at_work
from coffer.cli.passphrases import passphrase_option


@click.command("object", epilog="Example: coffer custodian object judge/")
@click.argument("folder", metavar="DIR")
@passphrase_option
def object_here(folder: str, passphrase_file: str | None) -> None:
    """Say that this custodian is there, though all others say that it is gone.

    The objection is in the log after the operator's next coffer sync.
    """
    machine, service = at_work(folder, passphrase_file)
    machine.put([service.objection_entry()])
    say(
        f"{machine.config.name} objects; it is in the log after the operator's next: coffer sync. Make sure that it runs"
    )
