"""``coffer send``."""

from pathlib import Path

import click

from coffer.authority.authorization import parse_authorization
from coffer.cli.console import console, read_file, say
from coffer.cli.custodians import deadline_option, remote_custodians
from coffer.cli.vaults import vault_at
from coffer.custody.exchange import note_info
from coffer.errors import MalformedInput, Unavailable
from coffer.notes.keys import seal


@click.command(epilog="Example: coffer send vault request.note")
@click.argument("vault")
@click.argument("note")
@deadline_option
def send(vault: str, note: str, deadline_s: float) -> None:
    """Send a request, sealed, to the custodians on other machines.

    Their people review it there.
    """
    opened = vault_at(vault)
    authorization = parse_authorization(read_file(note), Path(note).name)
    roster = opened.replay().rosters.get(authorization.terms.roster)
    if roster is None:
        raise MalformedInput(f"{Path(note).name}: written for another vault")
    sent: list[str] = []
    with remote_custodians(opened, deadline_s) as remotes:
        asked = [(remote, member) for remote in remotes if (member := roster.custodian(remote.name)) is not None]
        for remote, member in asked:
            try:
                remote.send_note(seal(authorization.note.raw, member.req, info=note_info(roster.hash, member.index)))
                sent.append(remote.name)
            except Unavailable as error:
                say(error.message)
    console().print(f"handed to {', '.join(sent) or 'nobody'}")
    say(f"whether it is held there, and the check words: coffer status {vault} {note}")
    if len(sent) < len(asked):
        raise Unavailable(
            f"send: {', '.join(remote.name for remote, _ in asked if remote.name not in sent)} could not be reached"
        )
