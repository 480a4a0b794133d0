"""``coffer custodian init``."""

import os
import shutil

import click

from coffer.cli import costs
from coffer.cli.console import clock, console, say, verify_absent
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.machine.folder import CERTIFICATE, CERTIFICATE_KEY, Machine, MachineConfig
from coffer.custodian.machine.tls import fingerprint_of, make_certificate
from coffer.custodian.token import Token
from coffer.custody.check_words import words_of
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.serving.listen import parse_listen


@click.command(epilog="Example: coffer custodian init judge/ --name judge")
@click.argument("folder", metavar="DIR")
@click.option("--name", required=True, help="The custodian's name in the roster.")
@click.option("--listen", default="127.0.0.1:8443", show_default=True, help="Address and port of the service.")
@click.option("--token", help="Label of a PKCS#11 token that wraps the keys; the passphrase is then its PIN.")
@click.option("--token-module", help="Path of the token's PKCS#11 library.")
@click.option("--token-key", default="coffer", show_default=True, help="Name of the key made on the token.")
@passphrase_option
def init(
    folder: str,
    name: str,
    listen: str,
    token: str | None,
    token_module: str | None,
    token_key: str,
    passphrase_file: str | None,
) -> None:
    """Make the custodian's keys and its certificate.

    It writes NAME.pub for whoever founds the vault.
    """
    path, disk = verify_absent(folder.rstrip("/")), Disk()
    parse_listen(listen, "--listen")
    if (token is None) != (token_module is None):
        raise MalformedInput("--token, --token-module: expected both or neither")
    if "#" in token_key:
        raise MalformedInput("--token-key: # is kept for the key's rotations")
    wrapping = Token(module=token_module, label=token, key=token_key) if token and token_module else None
    config = MachineConfig(name=name, listen=listen)
    building = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    passphrase = Passphrases(passphrase_file).get(name, is_new=token is None)  # a PIN is the token's
    try:
        machine = Machine(building, disk, config, cost=costs.COSTS.passphrase)
        keys = CustodianKeys.generate(machine.folder.name, os.urandom)
        machine.folder.create(keys, passphrase, os.urandom, token=wrapping)
        certificate, key = make_certificate(name, clock())
        disk.write(building / CERTIFICATE, certificate)
        disk.write(building / CERTIFICATE_KEY, key, private=True)
        disk.write(building / f"{name}.pub", keys.public(name).format())
        for part in ("mirror", "inbox", "outbox"):
            disk.make_folder(building / part, private=part != "mirror")
        machine.write_config()
        disk.publish([(building, path)])
    except BaseException:  # also Ctrl-C at a prompt: half a custodian would only stand in the way
        shutil.rmtree(building, ignore_errors=True)
        raise
    out = console()
    out.print(f"keys         {folder.rstrip('/')}/{name}.pub", soft_wrap=True)
    out.print(f"words        {words_of(keys.public(name).format())}", soft_wrap=True)
    out.print(f"fingerprint  {fingerprint_of(certificate, CERTIFICATE)}", soft_wrap=True)
    say("give keys and fingerprint to the vault's operator, and compare the words on the phone")
