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
    """Keep a custodian's list of people whose records need every signature.

    The list holds keyed hashes only. Whoever has the passphrase can ask for one person at a time; nobody can
    list who is on it.
    """
    change, opened = parse_change(options), vault_at(vault)
    change_list(opened.custodian(name), change, opened.alone)
