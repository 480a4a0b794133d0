"""``coffer amend``."""

from pathlib import Path

import click

from coffer.authority.authorization import Authorization
from coffer.authority.ordered import order_file
from coffer.cli.console import clock, read_file, say, verify_absent
from coffer.cli.notes import read_note
from coffer.cli.terms import say_signers
from coffer.cli.vaults import vault_at
from coffer.disk import Disk
from coffer.procedures.opening.amend import amend_request
from coffer.procedures.opening.early import days_ahead
from coffer.vault.folder import Vault
from coffer.visible import counted


@click.command(
    epilog="""\b
Examples:
coffer amend vault request.note --max-records 500 \\
    --authority "Court of Example" --basis "Act 1; 3/2016, extended" \\
    --order more.pdf -o amendment.note
coffer open vault request.note amendment.note -o answer/"""
)
@click.argument("vault")
@click.argument("note")
@click.option("--max-records", type=int, required=True, help="How many records may be opened in all; more than before.")
@click.option("--authority", required=True, help="Who ordered that more may be opened.")
@click.option("--basis", required=True, help="Legal basis and case of that order.")
@click.option(
    "--order",
    "orders",
    multiple=True,
    metavar="FILE",
    help="That order itself: its hash is signed. Repeat for more.",
)
@click.option("-o", "--output", required=True, help="Where to write the amendment.")
def amend(
    vault: str, note: str, max_records: int, authority: str, basis: str, orders: tuple[str, ...], output: str
) -> None:
    """Raise how many records a request may open, without starting anew.

    The amendment changes nothing else. Custodians approve and countersign it as they did the request, and count what
    was drawn before against it. Give both notes to coffer open.
    """
    path = verify_absent(output)
    opened = vault_at(vault)
    amendment = amend_request(
        opened,
        read_note(note),
        max_records=max_records,
        authority=authority,
        basis=basis,
        place=Path(note).name,
        files=[order_file(read_file(name), Path(name).name) for name in dict.fromkeys(orders)],
    )
    Disk().write(path, amendment.note.raw, private=True)
    say(f"written to {path.name}; it names a person: keep it as you would keep the order")
    say_signers(opened, amendment)
    _say_room(opened, amendment)


def _say_room(vault: Vault, amendment: Authorization) -> None:
    """Say where the new limit is all that the next part needs, and days are still to come."""
    terms, ahead = amendment.terms, len(days_ahead(amendment, vault.replay(), clock()))
    needed = 0 if terms.amends is None else vault.desk.read_short(terms.amends)
    if ahead and needed >= terms.max_records:
        say(f"the next opening alone needs {needed}: nothing is left for the {counted(ahead, 'UTC day')} still to come")
