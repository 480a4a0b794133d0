"""``coffer roster acknowledge``."""

import click

from coffer.cli.custodians import unlock
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.presence import acknowledge_news
from coffer.cli.vaults import vault_at


@click.command(epilog="Example: coffer roster acknowledge vault --as judge")
@click.argument("vault")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Whose people have read what changed.")
@passphrase_option
def acknowledge(vault: str, name: str, passphrase_file: str | None) -> None:
    """Show what changed in the roster, and keep that a custodian's people have read it."""
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    opened.custodian(name)
    passphrases.opener(opened.custodian(name))
    with opened.alone():
        service = unlock(opened, passphrases, [name])[0]
        acknowledge_news(service)
