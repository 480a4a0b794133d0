"""``coffer witness add-log``."""

from pathlib import Path

import click

from coffer.cli.console import say
from coffer.disk import Disk
from coffer.translog.store.witness import add_log


@click.command("add-log", epilog="Example: coffer witness add-log w example.org/vault+1a2b3c4d+AX...")
@click.argument("folder")
@click.argument("vkey")
def add(folder: str, vkey: str) -> None:
    """Cosign one more log.

    A service that runs must be started again.
    """
    key = add_log(Path(folder), Disk(), vkey)
    say(f"cosigns {key.name} from the next start of its service")
