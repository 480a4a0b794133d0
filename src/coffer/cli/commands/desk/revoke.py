"""``coffer desk revoke``."""

from dataclasses import replace

import click

from coffer.cli.console import clock, say
from coffer.cli.vaults import vault_at
from coffer.errors import Refused


@click.command(epilog="Example: coffer desk revoke vault 3f2a91c0")
@click.argument("vault")
@click.argument("person", metavar="DIGITS")
@click.option("--database", metavar="URL", help="As of coffer serve.")
def revoke(vault: str, person: str, database: str | None) -> None:
    """End somebody's access to the desk: their passkeys and sessions stop at once.

    What they did stays in the history. DIGITS are the first of their number in coffer desk people.
    """
    from coffer.cli.desks import store_of  # noqa: PLC0415 - needs the extra pages
    from coffer.cli.people_of_desk import find_person  # noqa: PLC0415

    store = store_of(vault_at(vault), database)
    try:
        known = find_person(store, person)
        if not known.is_active:
            raise Refused("person: revoked before", code="form")
        store.update(replace(known, revoked=clock()), clock())
    finally:
        store.close()
    say("revoked")
