"""``coffer custodian ratify``."""

import click

from coffer.cli.authorities import marks_of
from coffer.cli.console import clock, confirm, say
from coffer.cli.debts import say_if_idle
from coffer.cli.inbox import say_order, verified_request
from coffer.cli.machine import at_work, yes_option
from coffer.cli.passphrases import passphrase_option
from coffer.cli.protected import say_protected
from coffer.cli.terms import show_terms, status_of
from coffer.visible import counted


@click.command(epilog="Example: coffer custodian ratify judge/ 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e")
@click.argument("folder", metavar="DIR")
@click.argument("note")
@yes_option
@passphrase_option
def ratify(folder: str, note: str, passphrase_file: str | None, *, yes: bool) -> None:
    """Agree, afterwards, to what was opened under a request in an emergency.

    It shows the whole request, what was opened and how many records. Where persons must agree by passkey, it signs only
    what they ratified on the custodian's page. To disapprove, refuse the request: the log shows it for ever, also if you
    look again and agree later.
    """
    machine, service = at_work(folder, passphrase_file)
    request, state = verified_request(machine, service, note)
    entries = service.ratify_entries(request.note.raw, "request")
    if not yes:
        known = machine.folder.authorities(service.keys)
        marks = list(marks_of(request.terms, known, machine.config.name))
        show_terms(request, state.rosters[request.terms.roster], status_of(request, state, clock()), marks)
    say_if_idle(request.commitment, machine.config.name, state)
    say_protected(machine.folder, service.keys, request)
    say_order(machine, service, request, folder)
    if not yes:
        confirm(f"agree to what was opened under it, as {machine.config.name}?")
    machine.put(entries)
    what = counted(len(entries), "emergency")
    say(f"{machine.config.name} agrees to {what}; in the log after the operator's next: coffer sync")
