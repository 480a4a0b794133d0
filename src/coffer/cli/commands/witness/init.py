"""``coffer witness init``."""

from pathlib import Path

import click

from coffer.cli.console import console, say
from coffer.custody.check_words import words_of_key
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

    Its keys lie in the folder, readable for its owner alone. It signs with Ed25519 and with ML-DSA-44.
    """
    made = make_witness(Path(folder), Disk(), name, list(logs))
    for key in made:
        console().print(f"witness  {key.public.format()}", soft_wrap=True)
        say(f"words of this key: {words_of_key(key.public.format())}")
    say(
        "give both keys to whoever founds the vault (coffer init, --witness for each) or proposes its roster (coffer roster propose): "
        "either counts, the second (ML-DSA-44) also when quantum computers can forge the first"
    )
    if not logs:
        say("once the vault is there: coffer witness add-log FOLDER VKEY, with the log key that its founder gives you")
