"""``coffer roster object``."""

import click

from coffer.cli.console import say
from coffer.cli.custodians import unlock
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.vaults import vault_at


@click.command("object", epilog="Example: coffer roster object vault --as fr")
@click.argument("vault")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Who is said to be gone, and is not.")
@passphrase_option
def object_in_vault(vault: str, name: str, passphrase_file: str | None) -> None:
    """Say in the log that a custodian is there, though all others say that it is gone."""
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    opened.custodian(name)
    passphrases.opener(opened.custodian(name))  # a prompt must not hold the vault up
    with opened.writing() as state:
        index = opened.append([unlock(opened, passphrases, [name])[0].objection_entry()], state)[0]
    say(f"{name} objects, logged as entry {index}")
