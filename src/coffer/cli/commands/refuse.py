"""``coffer refuse``."""

import os
from pathlib import Path

import click

from coffer.authority.authorization import Authorization
from coffer.authority.hold import parse_requested_note
from coffer.cli.again import again_option
from coffer.cli.console import clock, say
from coffer.cli.custodians import unlock
from coffer.cli.notes import read_note
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.vaults import vault_at
from coffer.custody.again import Again
from coffer.ledger.entries import REFUSE_REASONS


@click.command(epilog="Example: coffer refuse vault request.note --as dpo --reason scope")
@click.argument("vault")
@click.argument("note")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Which custodian refuses.")
@click.option(
    "--reason",
    required=True,
    type=click.Choice(REFUSE_REASONS),
    help="Too wide, out of time, wrong form, or no good reason given.",
)
@again_option
@passphrase_option
def refuse(vault: str, note: str, name: str, reason: str, again: Again | None, passphrase_file: str | None) -> None:
    """Refuse a request in the public log, which shows the reason but no person."""
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    opened.custodian(name)
    passphrases.opener(opened.custodian(name))  # a prompt must not hold the vault up
    with opened.writing() as state:
        service = unlock(opened, passphrases, [name])[0]
        raw, place = read_note(note), Path(note).name
        index = opened.append([service.refusal_entry(raw, reason, place)], state)[0]
        requests, request = opened.custodian(name).requests, parse_requested_note(raw, place)
        if isinstance(request, Authorization):
            requests.keep_refused(request, reason, service.keys, clock(), os.urandom, again=again)
    say(f"refused by {name}, logged as entry {index}")
