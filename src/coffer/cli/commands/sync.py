"""``coffer sync``."""

from collections.abc import Sequence

import click

from coffer.cli.console import console, report_error, say
from coffer.cli.custodians import remote_custodians
from coffer.cli.patience import deadline_option
from coffer.cli.vaults import vault_at
from coffer.errors import Unavailable
from coffer.ledger.entries import NAME_DIGITS
from coffer.procedures.opening.kept import Heard, fetch_reports
from coffer.procedures.sync import custodians_behind, run_sync, what_they_wait_for
from coffer.vault.folder import Vault
from coffer.visible import counted


@click.command(epilog="Example: coffer sync vault")
@click.argument("vault")
@deadline_option
def sync(vault: str, deadline_s: float) -> None:
    """Fetch what custodians on other machines signed, and log what counts.

    It fetches epoch keys, refusals and receipts. Of each request that the desk keeps it fetches countersignatures and questions, too.
    """
    opened = vault_at(vault)
    before = opened.replay().size
    with remote_custodians(opened, deadline_s) as remotes:
        report = run_sync(opened, remotes)
        answering = [remote for remote in remotes if remote.name not in report.silent]
        heard, damaged = fetch_reports(opened, answering, deadline_s=deadline_s)
    known = {*opened.custodian_names(), *(remote.name for remote in remotes)}
    unknown = [name for name in opened.replay().roster.names if name not in known]
    for error in report.silent.values():
        report_error(error)
    for line in report.refused:
        say(line)
    for name in unknown:
        say(f"custodian {name}: has no address in custodians.toml: a table [{name}] with url and fingerprint")
    _say_behind(opened, before, [remote.name for remote in remotes if remote.name not in report.silent], place=vault)
    _say_heard(heard, damaged, place=vault)
    missing = [*report.silent, *unknown]
    asked = len(remotes) + len(unknown)
    console().print(
        f"{counted(report.logged, 'entry')} logged, {asked - len(missing)} of {counted(asked, 'custodian')} elsewhere answered"
    )
    if missing:
        raise Unavailable(
            f"sync: {', '.join(missing)} did not answer", hint="run it again when they do: nothing is lost"
        )


def _say_heard(heard: Sequence[Heard], damaged: int, *, place: str) -> None:
    """What arrived for the requests that the desk keeps, and which questions wait. Nobody is named."""
    for one in heard:
        digits = one.commitment.hex()[:NAME_DIGITS]
        if one.signed:
            say(f"request {digits}: signed by {', '.join(one.signed)}")
        for name in one.refused:
            say(f"request {digits}: {name} says no: coffer status {place} {digits}")
        for name in one.asked:
            say(f"request {digits}: a question of {name} waits: coffer status {place} {digits}")
        if one.trouble is not None:
            report_error(one.trouble)
    if damaged:
        say(f"{counted(damaged, 'request')} of the desk: a file was changed, and cannot be read")


def _say_behind(opened: Vault, before: int, answered: list[str], *, place: str) -> None:
    """Which custodians do not follow the log, and what they wait for.

    They cannot know yet what was logged just now.
    """
    held = {**dict.fromkeys(answered, b""), **opened.outside.checkpoints(opened.addresses())}
    behind = custodians_behind(held, opened.pins.log_key, before)
    why = what_they_wait_for(opened, opened.replay(), place=place) if behind else ""
    for one in behind if why else ():
        say(f"custodian {one.name} knows {one.size:,} of {counted(before, 'entry')} of the log")
    if why:
        say(why)
