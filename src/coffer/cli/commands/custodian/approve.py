"""``coffer custodian approve``."""

import os

import click

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import signers_of
from coffer.authority.hold import parse_requested_note
from coffer.cli.authorities import marks_of
from coffer.cli.console import clock, confirm, say, verify_absent
from coffer.cli.inbox import say_order, verified_note
from coffer.cli.machine import at_work, yes_option
from coffer.cli.passphrases import passphrase_option
from coffer.cli.protected import say_protected
from coffer.cli.terms import show_terms, status_of
from coffer.disk import Disk


@click.command(epilog="Example: coffer custodian approve judge/ 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e -o judge.note")
@click.argument("folder", metavar="DIR")
@click.argument("note")
@click.option("-o", "--output", help="Where to write the countersigned request too, to carry it to the desk.")
@yes_option
@passphrase_option
def approve(folder: str, note: str, output: str | None, passphrase_file: str | None, *, yes: bool) -> None:
    """Approve a request: show it, keep that it is approved, and sign it.

    NOTE is a file, or the first digits of a request in the list. Where persons must agree by passkey (coffer custodian
    people), it signs only what they approved on the custodian's page. The desk fetches the signature from the served custodian (coffer status).
    """
    path = None if output is None else verify_absent(output)
    machine, service = at_work(folder, passphrase_file)
    request, state = verified_note(machine, service, note)
    service.verify_at_terminal(request.commitment)  # before somebody reads it all; it is judged again when it is signed
    roster = state.rosters[request.terms.roster]
    if not yes:
        known = machine.folder.authorities(service.keys)
        marks = list(marks_of(request.terms, known, machine.config.name))
        show_terms(request, roster, status_of(request, state, clock()), marks)
    say_protected(machine.folder, service.keys, request)
    if isinstance(request, Authorization):
        say_order(machine, service, request, folder)
    if not yes:
        confirm(f"approve this as {machine.config.name}?")
    signed = service.countersign(request.note.raw, "request")
    machine.requests.keep_signed(signed, service.keys, clock(), os.urandom)
    if path is not None:
        Disk().write(path, signed.raw, private=True)
    signers = ", ".join(signers_of(parse_requested_note(signed.raw, "request"), roster))
    say(f"countersigned by {machine.config.name}; signed by custodians: {signers}")
    if not isinstance(request, Authorization):
        say("the desk fetches it, and this custodian keeps when the hold is sent again: coffer hold keep VAULT NOTE")
    elif path is None:
        say("the desk fetches it while this custodian is served: coffer status VAULT NOTE -o MERGED")
    else:
        say("send it to the desk, which puts together what each of you signed: coffer open VAULT NOTE NOTE ...")
