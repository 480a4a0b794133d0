"""``coffer hold release``."""

from pathlib import Path

import click

from coffer.cli.console import say
from coffer.cli.notes import hold_of, read_note
from coffer.cli.vaults import vault_at
from coffer.procedures.holding import release_hold


@click.command(epilog="Example: coffer hold release vault hold.note")
@click.argument("vault")
@click.argument("note")
def release(vault: str, note: str) -> None:
    """End a hold: what custodians kept for it is destroyed.

    The desk does it here; a custodian does it with coffer revoke. Files and values go with the next coffer retire, and
    nobody answers from it any more.
    """
    opened, raw = vault_at(vault), read_note(note)
    hold_of(opened, raw, Path(note).name)
    ended = release_hold(opened, raw)
    say(f"the hold of entry {ended.index} is released: nobody answers from it")
    say("what was kept for it is destroyed by the next coffer retire, and coffer custodian destroy elsewhere")
