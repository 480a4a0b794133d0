"""``coffer ratify``."""

from pathlib import Path

import click

from coffer.authority.authorization import parse_authorization
from coffer.cli.console import clock, confirm, print_json, say
from coffer.cli.custodians import unlock
from coffer.cli.debts import debt_lines, debts_document, say_if_idle, show_debts
from coffer.cli.machine import yes_option
from coffer.cli.notes import read_note
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.terms import show_terms, status_of
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput
from coffer.visible import counted


@click.command(
    epilog="""\b
Examples:
coffer ratify vault
coffer ratify vault request.note --as judge"""
)
@click.argument("vault")
@click.argument("note", required=False)
@click.option("--as", "name", metavar="CUSTODIAN", help="Which custodian of this vault's folder agrees.")
@click.option("--json", "as_json", is_flag=True, help="The list as JSON.")
@yes_option
@passphrase_option
def ratify(
    vault: str, note: str | None, name: str | None, passphrase_file: str | None, *, as_json: bool, yes: bool
) -> None:
    """List the emergencies that must be ratified, or agree to one as a custodian.

    NOTE is its request. A custodian on its own machine agrees there (coffer custodian ratify), and coffer sync logs it.
    """
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    if note is None and name is not None:
        raise MalformedInput("--as: no request is named", hint=f"coffer ratify {vault} lists what must be ratified")
    if note is not None and as_json:
        raise MalformedInput("--json: of the list alone, expected no NOTE")
    if note is None:
        state = opened.replay()
        if as_json:
            print_json(debts_document(state, clock()))
        elif state.debts:
            show_debts(state, clock())
        else:
            say("no emergency was opened")
        return
    if name is None:
        raise MalformedInput("--as: missing", hint="say which custodian agrees: --as NAME")
    raw, place = read_note(note), Path(note).name
    request = parse_authorization(raw, place)
    passphrases.opener(opened.custodian(name))  # a prompt must not hold the vault up
    state = opened.replay()
    say_if_idle(request.commitment, name, state)
    if not yes:
        show_terms(request, state.rosters.get(request.terms.roster), status_of(request, state, clock()))
        confirm(f"agree to what was opened under it, as {name}?")
    with opened.writing() as state:
        service = unlock(opened, passphrases, [name])[0]
        indexes = opened.append(service.ratify_entries(raw, place), state)
    say(f"{name} agrees to {counted(len(indexes), 'emergency')}, logged as {', '.join(map(str, indexes))}")
    for line in debt_lines(request.commitment, state, clock()):
        say(line)
