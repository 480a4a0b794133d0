"""``coffer custodian review``, ``approve``, ``refuse``, ``revoke`` and ``protect``: what people at a custodian decide."""

import re
from contextlib import suppress
from pathlib import Path

import click
from rich.table import Column

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of
from coffer.cli.authorize import show_terms, status_of
from coffer.cli.console import Table, clock, console, read_file, say, verify_absent
from coffer.cli.machines import at_work, passphrase_option, yes_option
from coffer.cli.periods import show_days
from coffer.cli.presence import say_news
from coffer.cli.protecting import change_list, list_options, parse_change, say_protected
from coffer.custodian.machine.folder import Machine
from coffer.custodian.service import CustodianService
from coffer.disk import Disk
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.entries import NAME_DIGITS, REFUSE_REASONS
from coffer.ledger.state import State

_DIGITS = re.compile("[0-9A-Fa-f]+")


@click.command(epilog="Example: coffer custodian review judge/ 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e")
@click.argument("folder", metavar="DIR")
@click.argument("note", required=False)
@passphrase_option
def review(folder: str, note: str | None, passphrase_file: str | None) -> None:
    """List the requests that wait, or verify one and show it exactly: by its first digits in the list, or a file."""
    machine, _, service = at_work(folder, passphrase_file)
    with suppress(Unavailable):  # what was followed last must do
        service.sync()
    say_news(service.news(), machine.config.name, f"coffer custodian acknowledge {folder}")
    if note is not None:
        found, state = _verified(machine, service, note)
        show_terms(found, state.rosters[found.terms.roster], status_of(found, state, clock()))
        say_protected(machine.folder, service.keys, found)
        return
    notes = machine.notes(service.keys)
    for name in machine.unreadable_notes(service.keys):
        say(f"inbox/{name}: no note to this custodian, or changed: remove the file; the desk can send a request again")
    if not notes:
        say("no request waits")
        return
    state = service.sync()
    approved, protected = machine.folder.approvals(service.keys), machine.folder.protected(service.keys)
    table = Table(
        Column("request", min_width=NAME_DIGITS, no_wrap=True),
        Column("what it asks", overflow="fold"),
        box=None,
        pad_edge=False,
    )
    for found in notes:
        terms = found.terms
        marks = (
            ("approved by you", found.commitment in approved),
            ("revoked", found.commitment in state.revoked),
            ("protected", any(protected.has(subject.sid) for subject in terms.subjects)),
        )
        asked = (
            f"UTC days {show_days(terms.all_days)}",
            ", ".join(terms.kinds),
            f"at most {terms.max_records:,}",
            f"{'rule' if len(terms.rules) == 1 else 'rules'} {', '.join(terms.rules)}",
            f"expires {wire.format_time(terms.expires)}",
            *(name for name, is_so in marks if is_so),
        )
        table.add_row(found.commitment.hex()[:NAME_DIGITS], f"{terms.authority}: {terms.basis}")
        table.add_row("", "; ".join(asked))
    console().print(table)
    say(f"next: coffer custodian review {folder} REQUEST, to read one whole; then approve or refuse it")


@click.command(epilog="Example: coffer custodian approve judge/ 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e -o judge.note")
@click.argument("folder", metavar="DIR")
@click.argument("note")
@click.option("-o", "--output", required=True, help="Where to write the countersigned request.")
@yes_option
@passphrase_option
def approve(folder: str, note: str, output: str, passphrase_file: str | None, *, yes: bool) -> None:
    """Approve a request: it is shown, put into the approvals file, and signed. NOTE is a file, or a request's first digits in the list."""
    path = verify_absent(output)
    machine, _, service = at_work(folder, passphrase_file)
    found, state = _verified(machine, service, note)
    roster = state.rosters[found.terms.roster]
    if not yes:
        show_terms(found, roster, status_of(found, state, clock()))
    say_protected(machine.folder, service.keys, found)
    if not yes:
        click.confirm(f"approve this as {machine.config.name}?", abort=True, err=True)
    signed = service.countersign(found.note.raw, "request")
    Disk().write(path, signed.raw, private=True)
    machine.remove_note(found.commitment)
    signers = ", ".join(signers_of(parse_authorization(signed.raw, "request"), roster))
    say(f"countersigned by {machine.config.name}; signed by custodians: {signers}")
    say("send it to the desk, which puts together what each of you signed: coffer open VAULT NOTE NOTE ...")


@click.command(epilog="Example: coffer custodian refuse judge/ 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e --reason scope")
@click.argument("folder", metavar="DIR")
@click.argument("note")
@click.option(
    "--reason",
    required=True,
    type=click.Choice(REFUSE_REASONS),
    help="Too wide, out of time, wrong form, or no good reason given.",
)
@passphrase_option
def refuse(folder: str, note: str, reason: str, passphrase_file: str | None) -> None:
    """Refuse a request, or take an approval back: nothing is answered to it from now on, and the log will say so."""
    machine, _, service = at_work(folder, passphrase_file)
    found = _chosen(machine, service, note)
    machine.put([service.refusal_entry(found.note.raw, reason, "request")])
    machine.remove_note(found.commitment)
    say(f"refused by {machine.config.name}; it is in the log after the operator's next: coffer sync")


@click.command(epilog="Example: coffer custodian revoke judge/ request.note")
@click.argument("folder", metavar="DIR")
@click.argument("note")
@passphrase_option
def revoke(folder: str, note: str, passphrase_file: str | None) -> None:
    """End an authorization for everyone, once the log says so; take this custodian's own approval back with: refuse."""
    machine, _, service = at_work(folder, passphrase_file)
    found = _chosen(machine, service, note)
    machine.put([service.revocation_entry(found.note.raw, "request")])
    say(f"revoked by {machine.config.name}; it is in the log after the operator's next: coffer sync")


@click.command(
    epilog="""\b
Examples:
coffer custodian protect judge/ --add tel:+33612345678 --category journalist
coffer custodian protect judge/ --from list.txt
    (a line: tel:+33612345678 journalist; - reads standard input)"""
)
@click.argument("folder", metavar="DIR")
@list_options
def protect(folder: str, **options: object) -> None:
    """Keep this custodian's list of people whose records need every custodian's signature; the service follows it at once.

    It holds keyed hashes only: who is on it can be asked one by one, by whoever has the passphrase, and not listed.
    """
    change, machine = parse_change(options), Machine.open(Path(folder), Disk())
    change_list(machine.folder, change, machine.folder.exclusively)


def _verified(machine: Machine, service: CustodianService, note: str) -> tuple[Authorization, State]:
    """A request that this vault's desk signed, and what the log says."""
    return service.verify_request(_chosen(machine, service, note).note.raw, Path(note).name)


def _chosen(machine: Machine, service: CustodianService, note: str) -> Authorization:
    """A note of the inbox by the first digits of its commitment, or a file. What consists of digits is never a file: one may lie here that has that name."""
    if not _DIGITS.fullmatch(note):
        return parse_authorization(read_file(note), Path(note).name)
    found = [waiting for waiting in machine.notes(service.keys) if waiting.commitment.hex().startswith(note.lower())]
    if len(note) < NAME_DIGITS or len(found) != 1:
        raise MalformedInput(
            f"request {note[:64]}: {len(found)} that wait begin so, expected {NAME_DIGITS} digits or more of one",
            hint="coffer custodian review DIR lists what waits, each with its 32 digits; a file of that name is ./NAME",
        )
    return found[0]
