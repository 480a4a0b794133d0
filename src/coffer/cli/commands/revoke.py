"""``coffer revoke``."""

from pathlib import Path

import click

from coffer.cli.console import say
from coffer.cli.custodians import unlock
from coffer.cli.notes import read_note
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.vaults import vault_at


@click.command(epilog="Example: coffer revoke vault request.note --as judge")
@click.argument("vault")
@click.argument("note")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Which custodian revokes; any one is enough.")
@passphrase_option
def revoke(vault: str, note: str, name: str, passphrase_file: str | None) -> None:
    """End an authorization: from here on nobody answers to it."""
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    opened.custodian(name)
    passphrases.opener(opened.custodian(name))  # a prompt must not hold the vault up
    with opened.writing() as state:
        service = unlock(opened, passphrases, [name])[0]
        index = opened.append([service.revocation_entry(read_note(note), Path(note).name)], state)[0]
        opened.desk.remove_ended_seal_keys(state, opened.shown(state))
    say(f"revoked by {name}, logged as entry {index}")
