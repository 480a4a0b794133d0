"""``coffer send``."""

from collections.abc import Sequence

import click

from coffer.authority.authorization import Authorization
from coffer.cli.console import clock, console, read_file, say
from coffer.cli.course import BINDS_NOBODY
from coffer.cli.custodians import remote_custodians
from coffer.cli.kept import kept_or_read
from coffer.cli.patience import deadline_option
from coffer.cli.vaults import vault_at
from coffer.custody.questions import Question
from coffer.errors import MalformedInput, Unavailable
from coffer.procedures.opening.kept import Kept, explain_once, note_sent, read_kept, send_explanations, take_reports
from coffer.procedures.opening.send import files_of, send_request
from coffer.procedures.opening.standings import Reporter, ask_standings
from coffer.vault.folder import Vault


@click.command(
    epilog="""\b
Examples:
coffer send vault request.note --order order.pdf
coffer send vault request.note --explain "The whole trip is the matter." """
)
@click.argument("vault")
@click.argument("note")
@click.option(
    "--order",
    "orders",
    multiple=True,
    metavar="FILE",
    help="A file of the order, so that custodians can read it. Repeat for more.",
)
@click.option(
    "--explain", "text", metavar="TEXT", help="Explain what a custodian asked: once, to every custodian of the request."
)
@click.option("--to", "asker", metavar="CUSTODIAN", help="Whose question it is, if several asked.")
@deadline_option
def send(
    vault: str, note: str, orders: tuple[str, ...], text: str | None, asker: str | None, deadline_s: float
) -> None:
    """Send a request, sealed, to the custodians on other machines.

    Their people review it there. Sending it again, with more files, is harmless. NOTE is a file, or the first digits of a request that the desk keeps.
    """
    opened = vault_at(vault)
    authorization, place = kept_or_read(opened, [note])
    given = [(name.rpartition("/")[2], read_file(name)) for name in orders]
    sent_files = files_of(authorization, given)
    state = opened.replay()
    if authorization.terms.roster not in state.rosters:
        raise MalformedInput(f"{place}: written for another vault")
    if asker is not None and text is None:
        raise MalformedInput("--to: nothing is explained", hint="add --explain TEXT")
    with remote_custodians(opened, deadline_s) as remotes:
        if text is not None:
            _explain(opened, authorization, remotes, text, asker)
        sent = send_request(authorization, state, remotes, [raw for _, raw in given])
        note_sent(opened, authorization.commitment, sent.reached, clock())
        kept = read_kept(opened, authorization.commitment, state)
        explanations = () if kept is None else kept.explanations
        roster = state.rosters[authorization.terms.roster]
        explained = send_explanations(authorization, explanations, roster, remotes)
    failed = sent.failed | explained.failed
    for message in failed.values():
        say(message)
    console().print(f"handed to {', '.join(name for name in sent.reached if name not in failed) or 'nobody'}")
    if explanations:
        say(f"with what was explained to {', '.join(one.question.custodian for one in explanations)}; {BINDS_NOBODY}")
    for number, file in enumerate(authorization.terms.ordered.files, 1):
        if file not in sent_files:
            say(f"file {number} of the order was not sent, SHA-256 {file.sha256.hex()}: give it by --order")
    say(f"whether it is held there, and the check words: coffer status {vault} {note}")
    if failed:
        raise Unavailable(f"send: {', '.join(failed)} could not be reached")


def _explain(
    opened: Vault, authorization: Authorization, remotes: Sequence[Reporter], text: str, asker: str | None
) -> None:
    """Ask custodians what they ask, and keep the explanation to one of them."""
    standings = ask_standings(opened, authorization, remotes)
    state = opened.replay()
    take_reports(opened, authorization, state.rosters[authorization.terms.roster], standings)
    kept = read_kept(opened, authorization.commitment, state)
    if kept is None:
        raise MalformedInput("request: the desk keeps no copy of it", hint="only the vault that made it can explain")
    explain_once(opened, kept, _chosen(kept, asker), text)


def _chosen(kept: Kept, asker: str | None) -> Question:
    """The question that is explained: the one of ``asker``, or the only one that waits."""
    named = [one for one in kept.questions if one.custodian == asker]
    choice = named if asker is not None else list(kept.open_questions)
    if len(choice) == 1:
        return choice[0]
    names = ", ".join(one.custodian for one in choice)
    if choice:
        raise MalformedInput(f"--explain: {names} asked, expected one", hint=f"--to one of these: {names}")
    raise MalformedInput(f"--explain: {f'{asker} asked nothing' if asker else 'no question waits'}")
