"""``coffer custodian revoke``."""

import click

from coffer.cli.console import say
from coffer.cli.inbox import chosen_note
from coffer.cli.machine import at_work
from coffer.cli.passphrases import passphrase_option


@click.command(epilog="Example: coffer custodian revoke judge/ request.note")
@click.argument("folder", metavar="DIR")
@click.argument("note")
@passphrase_option
def revoke(folder: str, note: str, passphrase_file: str | None) -> None:
    """End an authorization or a hold for everyone, once the log says so.

    To take only this custodian's own approval back, use: coffer custodian refuse.
    """
    machine, service = at_work(folder, passphrase_file)
    request = chosen_note(machine, service, note)
    machine.put([service.revocation_entry(request.note.raw, "request")])
    say(f"revoked by {machine.config.name}; it is in the log after the operator's next: coffer sync")
