"""``coffer roster sign``."""

from pathlib import Path

import click

from coffer.cli.console import confirm, console, say
from coffer.cli.custodians import unlock
from coffer.cli.notes import read_note
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.vaults import vault_at
from coffer.custody.presence import describe_absence, is_absence
from coffer.disk import Disk
from coffer.ledger.changes import describe
from coffer.ledger.roster import parse_roster
from coffer.notes.note import parse_note
from coffer.vault.folder import Vault


@click.command(epilog="Example: coffer roster sign vault roster.note --as dpo")
@click.argument("vault")
@click.argument("note")
@click.option(
    "--as",
    "name",
    required=True,
    metavar="CUSTODIAN",
    help="Who signs: those in force that base asks for, and every newcomer.",
)
@click.option("--yes", is_flag=True, help="Do not ask; for scripts. Whoever runs it has read the changes.")
@passphrase_option
def sign(vault: str, note: str, name: str, passphrase_file: str | None, *, yes: bool) -> None:
    """Show exactly what would change, and sign it."""
    opened, raw, place = vault_at(vault), read_note(note), Path(note).name
    opened.custodian(name)
    if is_absence(raw):
        _sign_absence(opened, note, name, Passphrases(passphrase_file), is_asking=not yes)
        return
    for line in describe(opened.replay().roster, parse_roster(parse_note(raw, place).text, place)):
        console().print(line)
    if not yes:
        confirm(f"sign this as {name}?")
    passphrases = Passphrases(passphrase_file)
    passphrases.opener(opened.custodian(name))  # a prompt must not hold the vault up
    with opened.alone():
        service = unlock(opened, passphrases, [name])[0]
        signed = service.sign_roster(raw, place)
    Disk().write(Path(note), signed.raw)
    say(f"signed by {name}")


def _sign_absence(opened: Vault, note: str, name: str, passphrases: Passphrases, *, is_asking: bool) -> None:
    """``coffer roster sign`` for what says that a custodian is gone."""
    raw = read_note(note)
    say(describe_absence(raw, opened.replay(), Path(note).name))
    if is_asking:
        confirm(f"sign this as {name}?")
    passphrases.opener(opened.custodian(name))
    with opened.alone():
        service = unlock(opened, passphrases, [name])[0]
        signed = service.sign_absence(raw, Path(note).name, state=service.peek())
    Disk().write(Path(note), signed.raw)
    say(f"signed by {name}")
