"""``coffer hold keep``."""

import click

from coffer.cli.console import say
from coffer.cli.custodians import remote_custodians, unlock
from coffer.cli.notes import hold_of, read_notes
from coffer.cli.passphrases import Passphrases, passphrases_option
from coffer.cli.patience import deadline_option
from coffer.cli.vaults import vault_at
from coffer.procedures.holding import DistantKeeper, keep_hold


@click.command(epilog="Example: coffer hold keep vault hold.note")
@click.argument("vault")
@click.argument("notes", metavar="NOTE...", nargs=-1, required=True)
@passphrases_option
@deadline_option
def keep(vault: str, notes: tuple[str, ...], passphrase_file: str | None, deadline_s: float) -> None:
    """Let custodians keep for a hold that they approved.

    Countersigning in this vault's folder keeps at once; custodians on other machines are sent the hold here, to review
    it, and keep when it is sent again. Given again, this also keeps what was sealed since. If custodians signed copies
    of the hold apart, give all copies.
    """
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    raw, place = read_notes(notes)
    hold_of(opened, raw, place)
    services = unlock(opened, passphrases, opened.custodian_names(), may_skip=True)
    with remote_custodians(opened, deadline_s) as remotes:
        distant = [DistantKeeper(remote, opened.replay()) for remote in remotes]
        for name, trouble in keep_hold(opened, raw, [*services, *distant]).items():
            say(f"{name}: {trouble or 'keeps'}")
