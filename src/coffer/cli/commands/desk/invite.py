"""``coffer desk invite``."""

import click

from coffer.cli.console import clock, console, say
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput

ROLES = ("clerk", "head", "operator", "auditor")


@click.command(
    epilog="""\b
Examples:
coffer desk invite vault --role head --name "H. Head"
coffer desk invite vault --person 3f2a   (who lost their passkeys)"""
)
@click.argument("vault")
@click.option("--role", type=click.Choice(ROLES), help="What a new person is at the desk.")
@click.option("--name", help="A new person's name; only the desk sees it.")
@click.option("--person", metavar="DIGITS", help="Somebody who lost their passkeys: the first digits of their number.")
@click.option("--database", metavar="URL", help="As of coffer serve.")
def invite(vault: str, role: str | None, name: str | None, person: str | None, database: str | None) -> None:
    """Print an invitation to the desk: a code for one passkey, shown once.

    Give it to the person by a way on which you know each other. It serves for 72 hours. A person who lost
    their passkeys keeps their cases; the old passkeys stop once the new one is made.
    """
    from coffer.cli.desks import store_of  # noqa: PLC0415 - needs the extra pages
    from coffer.cli.people_of_desk import find_person  # noqa: PLC0415
    from coffer.desk.people import Role, parse_name  # noqa: PLC0415

    if (person is None) == (name is None) or (person is None) != (role is not None):
        raise MalformedInput("--name, --role, --person: expected name and role of somebody new, or person alone")
    store = store_of(vault_at(vault), database)
    try:
        if person is not None:
            known = find_person(store, person)
            code = store.invite(known.name, known.role, by=None, now=clock(), person=known.id)
        else:
            assert name is not None, "looked at above"
            assert role is not None, "looked at above"
            code = store.invite(parse_name(name), Role(role), by=None, now=clock())
    finally:
        store.close()
    console().print(f"code  {code}")
    say("shown this once; it serves for 72 hours, for one passkey, on the page of the desk")
