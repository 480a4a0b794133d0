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
    """Keep this custodian's list of people whose records need every custodian's signature; the service follows it at once.

    It holds keyed hashes only: who is on it can be asked one by one, by whoever has the passphrase, and not listed.
    """
    change, machine = parse_change(options), Machine.open(Path(folder), Disk())
    change_list(machine.folder, change, machine.folder.exclusively)
