"""``coffer lock``."""

import click

from coffer.agent import client
from coffer.cli.console import say


@click.command(epilog="Example, before you leave: coffer lock && exit")
def lock() -> None:
    """Lock every key that coffer unlock keeps.

    The agent of this session overwrites what it holds, and ends.
    """
    say("locked" if client.lock() else "nothing was unlocked")
