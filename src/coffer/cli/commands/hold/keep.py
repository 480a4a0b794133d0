"""``coffer hold keep``."""

import click

from coffer.cli.console import say
from coffer.cli.custodians import unlock
from coffer.cli.notes import read_note
from coffer.cli.passphrases import Passphrases, passphrases_option
from coffer.cli.vaults import vault_at
from coffer.procedures.holding import keep_hold


@click.command(epilog="Example: coffer hold keep vault hold.note")
@click.argument("vault")
@click.argument("note")
@passphrases_option
def keep(vault: str, note: str, passphrase_file: str | None) -> None:
    """Let the custodians of this vault's folder keep for a hold that they approved.

    Countersigning keeps at once. Given again, this also keeps what was sealed since.
    """
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    services = unlock(opened, passphrases, opened.custodian_names(), may_skip=True)
    for name, trouble in keep_hold(opened, read_note(note), services).items():
        say(f"{name}: {trouble or 'keeps'}")
