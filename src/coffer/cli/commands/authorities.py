"""``coffer authorities``."""

import click

from coffer.cli.authorities import authorities_options, change_authorities, show_list
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput
from coffer.vault.known import desk_authorities


@click.command(
    epilog="""\b
Examples:
coffer authorities vault
    (the desk's own list, the file authorities.toml in the vault's folder)
coffer authorities vault --as judge --take authorities.toml"""
)
@click.argument("vault")
@click.option("--as", "name", metavar="CUSTODIAN", help="The list of a custodian; without it the desk's.")
@authorities_options
def authorities(vault: str, name: str | None, *, as_json: bool, **options: object) -> None:
    """Show which authorities are known, or have a custodian take such a list.

    A request of an authority that nobody called back is marked. An emergency of one is answered by a custodian
    only if every custodian of the rule has signed.
    """
    opened = vault_at(vault)
    if name is not None:
        change_authorities(opened.custodian(name), {**options, "as_json": as_json}, opened.alone)
        return
    if options["take"] or options["drop"]:
        raise MalformedInput(
            "--take, --drop: without --as", hint="the desk's list is the file authorities.toml in the vault"
        )
    show_list(desk_authorities(opened), as_json=as_json)
