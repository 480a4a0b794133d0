"""``coffer protect``."""

import click

from coffer.cli.protected import change_list, list_options, parse_change
from coffer.cli.vaults import vault_at


@click.command(
    epilog="""\b
Examples:
coffer protect vault --as judge --add tel:+33612345678 --category journalist
coffer protect vault --as judge --from list.txt
    (a line: tel:+33612345678 journalist; - reads standard input)
coffer protect vault --as judge --count"""
)
@click.argument("vault")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Whose list; no custodian sees another's.")
@list_options
def protect(vault: str, name: str, **options: object) -> None:
    """Keep a custodian's own list of people whose records need every custodian's signature.

    It holds keyed hashes only: who is on it can be asked one by one, by whoever has the passphrase, and not listed.
    """
    change, opened = parse_change(options), vault_at(vault)
    change_list(opened.custodian(name), change, opened.alone)
