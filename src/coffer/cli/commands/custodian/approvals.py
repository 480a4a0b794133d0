"""``coffer custodian approvals``."""

import click

from coffer.cli.console import clock, say, verify_absent
from coffer.cli.machine import at_work
from coffer.cli.passphrases import passphrase_option
from coffer.custodian.agreements import choose_requests, format_agreements
from coffer.disk import Disk
from coffer.notes.note import sign_note
from coffer.visible import counted


@click.command(
    epilog="Example: coffer custodian approvals judge/ -o approvals.note; then coffer-audit approvals approvals.note --answer case.zip"
)
@click.argument("folder", metavar="DIR")
@click.argument("requests", nargs=-1, metavar="[REQUEST]...")
@click.option("-o", "--output", required=True, help="Where to write them.")
@passphrase_option
def approvals(folder: str, requests: tuple[str, ...], output: str, passphrase_file: str | None) -> None:
    """Show to an auditor what persons of this custodian agreed to, signed by it.

    The file holds what their authenticators signed, public keys and numbers of persons, and no name. REQUEST: the
    first digits of a request; with none, all that were approved by passkey.
    """
    path = verify_absent(output)
    machine, service = at_work(folder, passphrase_file)
    decided, history = machine.folder.decided(service.keys), machine.folder.people(service.keys)
    chosen = choose_requests(decided, requests)
    text = format_agreements(
        decided,
        history,
        chosen,
        origin=machine.pinned.log_key.name,
        custodian=machine.config.name,
        now=clock(),
    )
    Disk().write(path, sign_note(text, service.keys.auth).raw)
    say(f"{counted(len(chosen), 'request')} in {path.name}; for: coffer-audit approvals {path.name} --answer ANSWER")
