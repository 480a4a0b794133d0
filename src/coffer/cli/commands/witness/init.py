"""``coffer witness init``."""

from pathlib import Path

import click

from coffer.cli.console import console, say
from coffer.disk import Disk
from coffer.translog.store.witness import make_witness


@click.command(epilog="Example: coffer witness init w --name w.example/one --log VKEY")
@click.argument("folder")
@click.option("--name", required=True, help="The witness's name, for example w.example/one.")
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="VKEY",
    help="The key of a log it cosigns; repeat for each, or add them later.",
)
def init(folder: str, name: str, logs: tuple[str, ...]) -> None:
    """Make a witness.

    Its key lies in the folder, readable for its owner alone.
    """
    made = make_witness(Path(folder), Disk(), name, list(logs))
    console().print(f"witness  {made.public.format()}", soft_wrap=True)
    say(
        "give the key to whoever founds the vault (coffer init --witness) or proposes its roster (coffer roster propose --witness)"
    )
    if not logs:
        say("once the vault is there: coffer witness add-log FOLDER VKEY, with the log key that its founder gives you")
