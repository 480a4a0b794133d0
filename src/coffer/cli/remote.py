"""``coffer complete``, ``sync``, ``send`` and ``serve-log``: the operator's side of custodians on their own machines."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coffer.authority.authorization import parse_authorization
from coffer.cli.console import (
    console,
    operator_passphrase,
    read_file,
    read_notes,
    report_error,
    say,
)
from coffer.cli.vaults import Network, vault_at
from coffer.custody.exchange import note_info
from coffer.disk import Disk
from coffer.errors import MalformedInput, Unavailable
from coffer.extras import extra
from coffer.notes.keys import seal
from coffer.procedures.roster.found import complete_vault
from coffer.procedures.sync import custodians_behind, run_sync, what_they_wait_for
from coffer.vault.folder import Vault
from coffer.visible import counted

if TYPE_CHECKING:
    from coffer.custody.client import HttpCustodian

DEFAULT_DEADLINE_S = 30.0
"""What an opening waits for its custodians in all: they answer in well under a second, and one that is down must not hold it up."""
deadline_option = click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(0.1, 3600),
    default=DEFAULT_DEADLINE_S,
    show_default=True,
    help="Seconds to wait for custodians on other machines, in all.",
)


@contextmanager
def remote_custodians(vault: Vault, deadline_s: float) -> Iterator[list["HttpCustodian"]]:
    """The custodians of ``custodians.toml``, none of them spoken to yet; their connections are let go of at the end, whatever happens."""
    addresses = vault.addresses()
    if not addresses:
        yield []
        return
    with extra("web"):
        from coffer.custody.client import HttpCustodian  # noqa: PLC0415 - an extra; without addresses nobody needs it
    both = {address.name for address in addresses} & set(vault.custodian_names())
    if both:
        raise MalformedInput(f"custodians.toml: {', '.join(sorted(both))}: a custodian of this folder too")
    for address in addresses:
        if address.is_plain:
            say(f"custodian {address.name}: plain http: nothing but this machine protects what is asked")
    with ExitStack() as held:
        yield [held.enter_context(closing(HttpCustodian(address, deadline_s=deadline_s))) for address in addresses]


@click.command(epilog="Example: coffer complete vault roster.note")
@click.argument("vault")
@click.argument("rosters", metavar="ROSTER...", nargs=-1, required=True)
def complete(vault: str, rosters: tuple[str, ...]) -> None:
    """Begin the log of a vault, once every custodian on another machine has signed its roster, or a copy of it: give all copies."""
    made = complete_vault(Path(vault), Disk(), Network(), read_notes(rosters)[0], operator_passphrase())
    out = console()
    out.print(f"log key  {made.pins.log_key.format()}", soft_wrap=True)
    out.print(f"genesis  {made.pins.genesis.hex()}", soft_wrap=True)
    say(
        "give vault.toml to every custodian and auditor: they pin it; and enter the custodians' addresses in custodians.toml"
    )


@click.command(epilog="Example: coffer sync vault")
@click.argument("vault")
@deadline_option
def sync(vault: str, deadline_s: float) -> None:
    """Fetch what custodians on other machines signed (epoch keys, refusals, receipts) and log what counts."""
    opened = vault_at(vault)
    before = opened.replay().size
    with remote_custodians(opened, deadline_s) as remotes:
        report = run_sync(opened, remotes)
    known = {*opened.custodian_names(), *(remote.name for remote in remotes)}
    unknown = [name for name in opened.replay().roster.names if name not in known]
    for error in report.silent.values():
        report_error(error)
    for line in report.refused:
        say(line)
    for name in unknown:
        say(f"custodian {name}: has no address in custodians.toml: a table [{name}] with url and fingerprint")
    _say_behind(opened, before, [remote.name for remote in remotes if remote.name not in report.silent], place=vault)
    missing = [*report.silent, *unknown]
    asked = len(remotes) + len(unknown)
    console().print(
        f"{counted(report.logged, 'entry')} logged, {asked - len(missing)} of {counted(asked, 'custodian')} elsewhere answered"
    )
    if missing:
        raise Unavailable(
            f"sync: {', '.join(missing)} did not answer", hint="run it again when they do: nothing is lost"
        )


def _say_behind(opened: Vault, before: int, answered: list[str], *, place: str) -> None:
    """Which custodians do not follow the log, and what they wait for. What was logged just now they cannot know yet."""
    held = {**dict.fromkeys(answered, b""), **opened.outside.checkpoints(opened.addresses())}
    behind = custodians_behind(held, opened.pins.log_key, before)
    why = what_they_wait_for(opened, opened.replay(), place=place) if behind else ""
    for one in behind if why else ():
        say(f"custodian {one.name} knows {one.size:,} of {counted(before, 'entry')} of the log")
    if why:
        say(why)


@click.command(epilog="Example: coffer send vault request.note")
@click.argument("vault")
@click.argument("note")
@deadline_option
def send(vault: str, note: str, deadline_s: float) -> None:
    """Send a request, sealed, to the custodians on other machines, to be reviewed by their people."""
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
    say("a custodian confirms nothing: if its clerk does not see the request, send it again")
    if len(sent) < len(asked):
        raise Unavailable(
            f"send: {', '.join(remote.name for remote, _ in asked if remote.name not in sent)} could not be reached"
        )


@click.command("serve-log", epilog="Example: coffer serve-log vault --listen 127.0.0.1:8080")
@click.argument("vault")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Address and port; port 0 for any.")
def serve_log(vault: str, listen: str) -> None:
    """Serve the public log to custodians and auditors. Any static web server on the folder log/ does the same."""
    from coffer.cli.serving import run_log_server  # noqa: PLC0415 - needs the extra web

    run_log_server(vault_at(vault), listen)
