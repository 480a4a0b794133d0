"""``coffer desk people``."""

import click

from coffer.cli.console import console, print_json
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.visible import visible_cell


@click.command(epilog="Example: coffer desk people vault")
@click.argument("vault")
@click.option("--database", metavar="URL", help="As of coffer serve.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def people(vault: str, database: str | None, *, as_json: bool) -> None:
    """List who works at the desk, with their roles and passkeys."""
    from coffer.cli.desks import store_of  # noqa: PLC0415 - needs the extra pages

    store = store_of(vault_at(vault), database)
    try:
        persons = sorted(store.people().values(), key=lambda person: person.added)
    finally:
        store.close()
    if as_json:
        print_json(
            [
                {
                    "person": person.id,
                    "name": person.name,
                    "role": person.role.value,
                    "passkeys": len(person.passkeys),
                    "added": person.added.isoformat(),
                    "revoked": None if person.revoked is None else person.revoked.isoformat(),
                }
                for person in persons
            ]
        )
        return
    table = Table("person", "name", "role", "passkeys", "state", numbers=("passkeys",))
    for person in persons:
        state = "in force" if person.is_active else "revoked"
        table.add_row(person.id[:8], visible_cell(person.name), person.role.value, str(len(person.passkeys)), state)
    console().print(table if persons else "nobody yet: coffer desk invite")
