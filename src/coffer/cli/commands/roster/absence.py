"""``coffer roster absence``."""

import click

from coffer.cli.console import clock, console, say, verify_absent
from coffer.cli.vaults import vault_at
from coffer.custody.presence import describe_absence
from coffer.disk import Disk
from coffer.ledger.state import verify_clock
from coffer.notes.note import sign_note
from coffer.procedures.roster.change import propose_absence
from coffer.vault.operator import DESK


@click.command(epilog="Example: coffer roster absence vault fr -o absence.note")
@click.argument("vault")
@click.argument("name", metavar="CUSTODIAN")
@click.option("-o", "--output", required=True, help="Where to write what all the other custodians sign.")
def absence(vault: str, name: str, output: str) -> None:
    """Write that an indispensable custodian is gone for good, for the others to sign.

    Signed by all the others and published, the note starts the wait. If that custodian does not object within
    the roster's waiting-days, a roster that all the others sign needs no signature of it.
    """
    path, opened = verify_absent(output), vault_at(vault)
    state = opened.replay()
    verify_clock(state, clock())
    note = sign_note(propose_absence(state, name, clock().replace(microsecond=0)), opened.operator_key(DESK))
    Disk().write(path, note.raw)
    console().print(describe_absence(note.raw, state, path.name))
    say(f"written to {path.name}; next, by every other custodian, within 7 days:")
    for other in (other for other in state.roster.names if other != name):
        say(
            f"  {other}: coffer roster sign {vault} {path.name} --as {other}, or coffer custodian sign-roster DIR {path.name}"
        )
    say(f"then: coffer roster publish {vault} {path.name}   (or all the copies that were signed apart)")
