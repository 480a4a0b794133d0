"""``coffer complete``, ``sync``, ``send`` and ``serve-log``: the operator's side of custodians on their own machines."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coffer.authority.authorization import parse_authorization
from coffer.cli.console import clock, console, missing_extra, operator_passphrase, read_file, read_notes, say, vault_at
from coffer.custody.exchange import note_info
from coffer.custody.waiting import has_arrived, own_entries, waiting_body
from coffer.disk import Disk
from coffer.errors import CofferError, MalformedInput, Unavailable
from coffer.ledger.entries import EpochKeyEntry, FaultEntry, RefuseEntry, RevokeEntry
from coffer.ledger.facts import Valid
from coffer.ledger.state import State
from coffer.notes.keys import seal
from coffer.procedures.founding import complete_vault
from coffer.vault.folder import Vault

if TYPE_CHECKING:
    from coffer.custody.client import HttpCustodian

MAX_AHEAD_DAYS = 3_700
"""Ten years of epoch keys."""
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


def remote_custodians(vault: Vault, deadline_s: float) -> list["HttpCustodian"]:
    """The custodians of ``custodians.toml``; none of them is spoken to yet."""
    addresses = vault.addresses()
    if not addresses:
        return []
    try:
        from coffer.custody.client import HttpCustodian  # noqa: PLC0415 - an extra; without addresses nobody needs it
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    both = {address.name for address in addresses} & set(vault.custodian_names())
    if both:
        raise MalformedInput(f"custodians.toml: {', '.join(sorted(both))}: a custodian of this folder too")
    for address in addresses:
        if address.is_plain:
            say(f"custodian {address.name}: plain http: nothing but this machine protects what is asked")
    return [HttpCustodian(address, deadline_s=deadline_s) for address in addresses]


@click.command(epilog="Example: coffer complete vault roster.note")
@click.argument("vault")
@click.argument("rosters", metavar="ROSTER...", nargs=-1, required=True)
def complete(vault: str, rosters: tuple[str, ...]) -> None:
    """Begin the log of a vault, once every custodian on another machine has signed its roster, or a copy of it: give all copies."""
    made = complete_vault(Path(vault), Disk(), read_notes(rosters)[0], operator_passphrase())
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
    remotes = remote_custodians(opened, deadline_s)
    with ThreadPoolExecutor(max_workers=9) as pool:
        fetched = list(pool.map(_fetch, remotes))
    entries, answered = [], 0
    for remote, found in zip(remotes, fetched, strict=True):
        if isinstance(found, CofferError):
            say(found.message)
        else:
            answered += 1
            entries += [(remote.name, raw) for raw in found]
    logged = 0
    if entries:
        with opened.writing() as state:
            new = [(name, raw) for name, raw in entries if not has_arrived(waiting_body(raw, name), name, state)]
            new, strange = _known_here(opened, state, new)
            for name in strange:
                say(f"custodian {name}: hands out entries about what was never here: not logged")
            verdicts = opened.append_counting([raw for _, raw in new], state)
            for (name, _), verdict in zip(new, verdicts, strict=True):
                if isinstance(verdict, Valid):
                    logged += 1
                else:
                    say(f"custodian {name}: an entry has no effect ({verdict.rule}): {verdict.reason}")
    for remote in remotes:
        remote.close()
    roster = opened.replay().roster
    silent = [remote.name for remote, found in zip(remotes, fetched, strict=True) if isinstance(found, CofferError)]
    unknown = [name for name in roster.names if name not in {*opened.custodian_names(), *(r.name for r in remotes)}]
    for name in unknown:
        say(f"custodian {name}: has no address in custodians.toml (docs/formats/custodian.md)")
    console().print(
        f"{logged} entries logged, {answered} of {len(remotes) + len(unknown)} custodians elsewhere answered"
    )
    if silent or unknown:
        raise Unavailable(
            f"sync: {', '.join([*silent, *unknown])} did not answer", hint="run it again when they do: nothing is lost"
        )


def _known_here(
    vault: Vault, state: State, entries: list[tuple[str, bytes]]
) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Without what is about nothing that this vault's desk or log knows: one custodian could log thousands of such entries."""
    known, strange = [], []
    for name, raw in entries:
        body = waiting_body(raw, name)
        is_strange = (
            (isinstance(body, RevokeEntry | RefuseEntry) and not vault.knows(body.authorization, state))
            or (isinstance(body, FaultEntry) and body.object not in state.segments)
            or (isinstance(body, EpochKeyEntry) and body.day > clock().date() + dt.timedelta(days=MAX_AHEAD_DAYS))
        )
        if is_strange:
            strange.append(name)
        else:
            known.append((name, raw))
    return known, sorted(set(strange))


def _fetch(remote: "HttpCustodian") -> list[bytes] | CofferError:
    """What a custodian hands out; only entries that are its own to sign."""
    try:
        return own_entries(remote.entries(), remote.name)
    except CofferError as error:
        return error


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
    remotes = remote_custodians(opened, deadline_s)
    sent: list[str] = []
    asked = [remote.name for remote in remotes if roster.custodian(remote.name) is not None]
    for remote in remotes:
        member = roster.custodian(remote.name)
        if member is None:
            continue
        sealed = seal(authorization.note.raw, member.req, info=note_info(roster.hash, member.index))
        try:
            remote.send_note(sealed)
            sent.append(remote.name)
        except Unavailable as error:
            say(error.message)
        remote.close()
    console().print(f"handed to {', '.join(sent) or 'nobody'}")
    say("a custodian confirms nothing: if its clerk does not see the request, send it again")
    if len(sent) < len(asked):
        raise Unavailable(f"send: {', '.join(name for name in asked if name not in sent)} could not be reached")


@click.command("serve-log", epilog="Example: coffer serve-log vault --listen 127.0.0.1:8080")
@click.argument("vault")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Address and port; port 0 for any.")
def serve_log(vault: str, listen: str) -> None:
    """Serve the public log to custodians and auditors. Any static web server on the folder log/ does the same."""
    from coffer.cli.serving import run_log_server  # noqa: PLC0415 - needs the extra web

    run_log_server(vault_at(vault), listen)
