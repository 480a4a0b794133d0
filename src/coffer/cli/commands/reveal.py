"""``coffer reveal``."""

from pathlib import Path

import click

from coffer.authority.authorization import parse_authorization
from coffer.authority.countersign import verify_requested
from coffer.cli.console import clock, say
from coffer.cli.notes import read_note
from coffer.cli.vaults import vault_at
from coffer.procedures.opening.reveal import HIDDEN_BY_DEFAULT, parse_hidden, reveal_entry, verify_may_reveal
from coffer.vault.operator import DESK
from coffer.visible import counted


@click.command(epilog="Example: coffer reveal vault request.note")
@click.argument("vault")
@click.argument("note")
@click.option(
    "--hide",
    default=",".join(HIDDEN_BY_DEFAULT),
    show_default=True,
    help="Keys of lines that stay hidden, joined by commas; nothing shows all but the salt.",
)
def reveal(vault: str, note: str, hide: str) -> None:
    """Publish the lines of an authorization once its secrecy is over.

    The public learns who ordered what, why, for which times and how much. Whom it concerned stays hidden unless
    asked for: that person is told with ``coffer notices``.
    """
    hidden = parse_hidden(hide, "--hide")
    opened = vault_at(vault)
    authorization = parse_authorization(read_note(note), Path(note).name)
    with opened.writing() as state:
        verify_may_reveal(authorization, hidden, state, clock())
        verify_requested(authorization, state.rosters[authorization.terms.roster])
        body = reveal_entry(authorization, hidden)
        index = opened.append([opened.entry(body, opened.operator_key(DESK), state)], state)[0]
        drawn = state.drawn(authorization.commitment, up_to=state.size)
    shown = sum(line.line is not None for line in body.lines)
    say(f"{counted(shown, 'line')} revealed, {len(body.lines) - shown} hidden, logged as entry {index}")
    if drawn > authorization.terms.max_records:
        say(
            "hint: an amendment allowed more records than it says: reveal the amendment too, or audits find too many drawn"
        )
