"""``coffer custodian authorities``."""

from pathlib import Path

import click

from coffer.cli.authorities import authorities_options, change_authorities
from coffer.custodian.machine.folder import Machine
from coffer.disk import Disk


@click.command(epilog="Example: coffer custodian authorities judge/ --take authorities.toml")
@click.argument("folder", metavar="DIR")
@authorities_options
def authorities(folder: str, **options: object) -> None:
    """Keep this custodian's own list of authorities that it has called back.

    The service follows the list at once. An emergency of any other authority is answered only if every custodian
    of the rule has signed.
    """
    machine = Machine.open(Path(folder), Disk())
    change_authorities(machine.folder, options, machine.folder.exclusively)
