"""``coffer send``."""

from pathlib import Path

import click

from coffer.authority.authorization import parse_authorization
from coffer.cli.console import console, read_file, say
from coffer.cli.custodians import remote_custodians
from coffer.cli.notes import read_note
from coffer.cli.patience import deadline_option
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput, Unavailable
from coffer.procedures.opening.send import files_of, send_request


@click.command(epilog="Example: coffer send vault request.note --order order.pdf")
@click.argument("vault")
@click.argument("note")
@click.option(
    "--order",
    "orders",
    multiple=True,
    metavar="FILE",
    help="A file of the order, so that custodians can read it. Repeat for more.",
)
@deadline_option
def send(vault: str, note: str, orders: tuple[str, ...], deadline_s: float) -> None:
    """Send a request, sealed, to the custodians on other machines.

    Their people review it there. Sending it again, with more files, is harmless.
    """
    opened = vault_at(vault)
    authorization = parse_authorization(read_note(note), Path(note).name)
    given = [(Path(name).name, read_file(name)) for name in orders]
    sent_files = files_of(authorization, given)
    state = opened.replay()
    if authorization.terms.roster not in state.rosters:
        raise MalformedInput(f"{Path(note).name}: written for another vault")
    with remote_custodians(opened, deadline_s) as remotes:
        sent = send_request(authorization, state, remotes, [raw for _, raw in given])
    for message in sent.failed.values():
        say(message)
    console().print(f"handed to {', '.join(sent.reached) or 'nobody'}")
    for number, file in enumerate(authorization.terms.ordered.files, 1):
        if file not in sent_files:
            say(f"file {number} of the order was not sent, SHA-256 {file.sha256.hex()}: give it by --order")
    say(f"whether it is held there, and the check words: coffer status {vault} {note}")
    if sent.failed:
        raise Unavailable(f"send: {', '.join(sent.failed)} could not be reached")
