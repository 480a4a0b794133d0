"""``coffer custodian protect``."""

from pathlib import Path

import click

from coffer.cli.protected import change_list, list_options, parse_change
from coffer.custodian.machine.folder import Machine
from coffer.disk import Disk


@click.command(
    epilog="""\b
Examples:
coffer custodian protect judge/ --add tel:+33612345678 --category journalist
coffer custodian protect judge/ --from list.txt
    (a line: tel:+33612345678 journalist; - reads standard input)"""
)
@click.argument("folder", metavar="DIR")
@list_options
def protect(folder: str, **options: object) -> None:
    """Keep this custodian's list of people whose records need every signature.

    The service follows the list at once. It holds keyed hashes only. Whoever has the passphrase can ask for one
    person at a time; nobody can list who is on it.
    """
    change, machine = parse_change(options), Machine.open(Path(folder), Disk())
    change_list(machine.folder, change, machine.folder.exclusively)
