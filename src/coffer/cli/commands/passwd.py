"""``coffer passwd``."""

import os
from pathlib import Path

import click

from coffer.cli.console import say
from coffer.cli.machine import machine_at
from coffer.cli.passphrases import Passphrases, new_passphrase, passphrase_option
from coffer.cli.vaults import vault_at
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.machine.folder import CONFIG
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.translog.store.witness import is_witness
from coffer.vault.operator import DESK


@click.command(
    epilog="""\b
Examples:
coffer passwd vault --as judge
coffer passwd vault --operator
coffer passwd judge/"""
)
@click.argument("folder", metavar="VAULT|DIR")
@click.option("--as", "name", metavar="CUSTODIAN", help="Whose keys in the vault's folder.")
@click.option("--operator", is_flag=True, help="The operator's keys of the vault; they may have none until now.")
@click.option("--new-file", metavar="FILE", help="File with the new passphrase; else it is asked for, twice.")
@passphrase_option
def passwd(folder: str, name: str | None, new_file: str | None, passphrase_file: str | None, *, operator: bool) -> None:
    """Change the passphrase of a key file.

    The old one comes from where every command takes it. Copies of the old file still open with the old
    passphrase, so destroy them. A service that runs is restarted with the new one.
    """
    if Path(folder, CONFIG).is_file():
        if name or operator:
            raise MalformedInput(
                f"{Path(folder).name}: a custodian's own folder, where --as and --operator say nothing"
            )
        _of_custodian(machine_at(folder).folder, passphrase_file, new_file)
        return
    if is_witness(Path(folder), Disk()):
        raise MalformedInput(
            f"{Path(folder).name}: a witness's folder, whose keys lie under no passphrase",
            hint="it serves unattended, and its folder is readable for its owner alone; new keys are a new witness: coffer witness init",
        )
    vault = vault_at(folder)
    if bool(name) == operator:
        known = ", ".join(vault.custodian_names()) or "none"
        raise MalformedInput("passwd: one key file is named", hint=f"--operator, or --as one of these: {known}")
    if name:
        _of_custodian(vault.custodian(name), passphrase_file, new_file)
        return
    vault.operator_key(DESK)  # a wrong one is said before the new one is asked for
    new = new_passphrase("the operator", new_file)
    with vault.alone():
        vault.operator.change_passphrase(new)
    say("the operator's keys have the new passphrase: set COFFER_PASSPHRASE_OPERATOR where commands and services run")


def _of_custodian(folder: CustodianFolder, passphrase_file: str | None, new_file: str | None) -> None:
    old = Passphrases(passphrase_file, asks_agent=False).get(folder.name)
    folder.unlock(old)  # a wrong one is said before the new one is asked for
    new = new_passphrase(folder.name, new_file)
    with folder.exclusively():
        folder.change_passphrase(old, new, os.urandom)
    say(f"{folder.name} has the new passphrase: restart its service with it, and set it where commands run")
