"""``coffer custodian refuse``."""

import os

import click

from coffer.cli.again import again_option
from coffer.cli.console import clock, say
from coffer.cli.inbox import chosen_note
from coffer.cli.machine import at_work
from coffer.cli.passphrases import passphrase_option
from coffer.custody.again import Again
from coffer.ledger.entries import REFUSE_REASONS


@click.command(epilog="Example: coffer custodian refuse judge/ 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e --reason scope")
@click.argument("folder", metavar="DIR")
@click.argument("note")
@click.option(
    "--reason",
    required=True,
    type=click.Choice(REFUSE_REASONS),
    help="Too wide, out of time, wrong form, or no good reason given.",
)
@again_option
@passphrase_option
def refuse(folder: str, note: str, reason: str, again: Again | None, passphrase_file: str | None) -> None:
    """Refuse a request, or take an approval back.

    This custodian answers nothing to it from now on, and the log will say so.
    """
    machine, service = at_work(folder, passphrase_file)
    request = chosen_note(machine, service, note)
    machine.put([service.refusal_entry(request.note.raw, reason, "request")])
    machine.requests.keep_refused(request, reason, service.keys, clock(), os.urandom, again=again)
    say(f"refused by {machine.config.name}; it is in the log after the operator's next: coffer sync")
