"""``coffer custodian ask``."""

import click

from coffer.authority.hold import verify_opens
from coffer.cli.console import clock, say
from coffer.cli.inbox import chosen_request
from coffer.cli.machine import at_work
from coffer.cli.passphrases import passphrase_option
from coffer.custody.questions import ask_question


@click.command(
    epilog="""\b
Example:
coffer custodian ask judge/ 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e "Why a month?\""""
)
@click.argument("folder", metavar="DIR")
@click.argument("note", metavar="REQUEST")
@click.argument("text", metavar="QUESTION")
@passphrase_option
def ask(folder: str, note: str, text: str, passphrase_file: str | None) -> None:
    """Ask the desk one question about a request that was sent here.

    The desk fetches it, sealed, and explains once, to every custodian of the request. Neither changes what is enforced.
    """
    machine, service = at_work(folder, passphrase_file)
    request = chosen_request(machine, service, note)
    verify_opens(service.verify_approvable(request.note.raw, "request"), "request")
    question = ask_question(request.commitment, text, custodian=machine.config.name, key=service.keys.auth, now=clock())
    machine.requests.ask(question, service.keys)
    say("asked: the desk sees it while this custodian is served; what it explains: coffer custodian review DIR REQUEST")
