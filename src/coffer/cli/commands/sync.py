"""``coffer sync``."""

import click

from coffer.cli.console import clock, console, report_error, say
from coffer.cli.custodians import deadline_option, remote_custodians
from coffer.cli.vaults import vault_at
from coffer.errors import Unavailable
from coffer.procedures.sync import run_sync


@click.command(epilog="Example: coffer sync vault")
@click.argument("vault")
@deadline_option
def sync(vault: str, deadline_s: float) -> None:
    """Fetch what custodians on other machines signed, and log what counts.

    It fetches epoch keys, refusals and receipts.
    """
    opened = vault_at(vault)
    with remote_custodians(opened, deadline_s) as remotes:
        report = run_sync(opened, remotes, clock=clock)
    known = {*opened.custodian_names(), *(remote.name for remote in remotes)}
    unknown = [name for name in opened.replay().roster.names if name not in known]
    for error in report.silent.values():
        report_error(error)
    for line in report.refused:
        say(line)
    for name in unknown:
        say(f"custodian {name}: has no address in custodians.toml: a table [{name}] with url and fingerprint")
    missing = [*report.silent, *unknown]
    asked = len(remotes) + len(unknown)
    console().print(f"{report.logged} entries logged, {asked - len(missing)} of {asked} custodians elsewhere answered")
    if missing:
        raise Unavailable(
            f"sync: {', '.join(missing)} did not answer", hint="run it again when they do: nothing is lost"
        )
