"""``coffer countersign``."""

import os
from pathlib import Path

import click

from coffer.authority.authorization import parse_authorization
from coffer.cli.console import clock, read_file, say
from coffer.cli.custodians import at_work
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.presence import say_news
from coffer.cli.protected import say_protected
from coffer.cli.terms import roster_of, say_signers, show_terms, status_of
from coffer.cli.vaults import vault_at
from coffer.custody.presence import news_of
from coffer.disk import Disk


@click.command(epilog="Example: coffer countersign vault request.note --as judge")
@click.argument("vault")
@click.argument("note")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Which custodian approves.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts. Whoever runs it has read the request.")
@passphrase_option
def countersign(vault: str, note: str, name: str, passphrase_file: str | None, *, yes: bool) -> None:
    """Approve a request as a custodian of this vault's folder.

    The request is shown, put into the custodian's own approvals file, and signed.
    """
    opened = vault_at(vault)
    raw, place = read_file(note), Path(note).name
    authorization = parse_authorization(raw, place)
    folder, passphrases = opened.custodian(name), Passphrases(passphrase_file)
    opener = passphrases.opener(folder)
    keys = folder.unlock(opener)
    state = opened.replay()
    news = news_of(state, name, folder.acknowledged(keys))
    say_news(news, name, f"coffer roster acknowledge {vault} --as {name}")
    if not yes:
        show_terms(authorization, roster_of(authorization, state), status_of(authorization, state, clock()))
    say_protected(folder, keys, authorization)
    if not yes:
        click.confirm(f"approve this as {name}?", abort=True, err=True)
    with opened.alone():
        service = at_work(opened, folder, keys, opener)
        service.verify_ready()
        signed = service.countersign(raw, place)
        folder.requests.keep_signed(signed, service.keys, clock(), os.urandom)
    if signed.raw == raw:
        say(f"{name} had countersigned it before")
    else:
        Disk().write(Path(note), signed.raw, private=True)
        say(f"countersigned by {name}")
    say_signers(opened, parse_authorization(signed.raw, place))
