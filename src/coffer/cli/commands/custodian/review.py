"""``coffer custodian review``."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import click

from coffer import wire
from coffer.authority.authorization import Authorization, Terms
from coffer.authority.due import deadline_of, has_deadline, shown_left
from coffer.authority.ordered import Urgency
from coffer.cli.authorities import marks_of
from coffer.cli.console import clock, console, say
from coffer.cli.debts import waiting_lines
from coffer.cli.history import show_course
from coffer.cli.inbox import say_order, verified_note
from coffer.cli.machine import at_work
from coffer.cli.passphrases import passphrase_option
from coffer.cli.periods import show_days
from coffer.cli.presence import say_news
from coffer.cli.protected import say_protected
from coffer.cli.tables import Table
from coffer.cli.terms import show_terms, status_of
from coffer.custodian.approvals import Approvals
from coffer.custodian.machine.folder import Machine
from coffer.custodian.service import CustodianService
from coffer.custody.check_words import check_words
from coffer.custody.protected import ProtectedList
from coffer.errors import Unavailable
from coffer.ledger.entries import NAME_DIGITS
from coffer.ledger.state import State

AT_THE_TERMINAL = 1
"""The number of whoever reads requests by this command: the custodian's first person."""


@click.command(epilog="Example: coffer custodian review judge/ 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e")
@click.argument("folder", metavar="DIR")
@click.argument("note", required=False)
@passphrase_option
def review(folder: str, note: str | None, passphrase_file: str | None) -> None:
    """List the requests that wait, or verify one and show it.

    NOTE is a file, or the first digits of a request in the list.
    """
    machine, service = at_work(folder, passphrase_file)
    with suppress(Unavailable):  # what was followed last must do
        service.sync()
    say_news(service.news(), machine.config.name, f"coffer custodian acknowledge {folder}")
    if note is None:
        _list(machine, service, folder)
        return
    request, state = verified_note(machine, service, note)
    if isinstance(request, Authorization):
        _note_reading(machine, service, request)
    known = machine.folder.authorities(service.keys)
    said = tuple(marks_of(request.terms, known, machine.config.name))
    show_terms(request, state.rosters[request.terms.roster], status_of(request, state, clock()), said)
    say_protected(machine.folder, service.keys, request)
    if isinstance(request, Authorization):
        show_course(machine, service, request, state)
        say_order(machine, service, request, folder)


def _list(machine: Machine, service: CustodianService, folder: str) -> None:
    """The requests that wait, a row each; whatever else waits is said."""
    notes = machine.notes(service.keys)
    for name in machine.unreadable_notes(service.keys):
        say(f"inbox/{name}: no note to this custodian, or changed: remove the file; the desk can send a request again")
    approved = machine.folder.approvals(service.keys)
    for hold in machine.folder.holds.waiting(service.keys):
        if hold.commitment not in approved:
            until = wire.format_time(hold.terms.until)
            say(f"a hold waits, to keep and not to read until {until}: {hold.commitment.hex()[:NAME_DIGITS]}")
    for line in waiting_lines(service.state, machine.config.name):
        say(line)
    if not notes:
        say("no request waits")
        return
    marks_on = partial(
        _marks,
        state=service.sync(),
        decided=machine.folder.decided(service.keys),
        protected=machine.folder.protected(service.keys),
        required=machine.folder.people(service.keys).now.required,
    )
    table = Table("request", "what it asks", whole=("request",))
    for request in notes:
        machine.requests.mark_seen(request.commitment, clock(), service.keys)
        terms = request.terms
        table.add_row(request.commitment.hex()[:NAME_DIGITS], f"{terms.authority}: {terms.basis}")
        table.add_row("", "; ".join((*_asked(terms), *marks_on(request))))
    console().print(table)
    say(f"next: coffer custodian review {folder} REQUEST, to read one whole; then approve or refuse it")


def _asked(terms: Terms) -> Iterator[str]:
    """What a request asks, in parts of a line."""
    if terms.ordered.urgency is not Urgency.ORDINARY:
        yield terms.ordered.urgency.value.upper()
    due = deadline_of(terms)
    yield f"{'due' if has_deadline(terms.ordered) else 'expires'} {wire.format_time(due)}, {shown_left(due, clock())}"
    yield f"UTC days {show_days(terms.all_days)}"
    yield ", ".join(terms.kinds)
    yield f"at most {terms.max_records:,}"
    yield f"{'rule' if len(terms.rules) == 1 else 'rules'} {', '.join(terms.rules)}"
    yield f"expires {wire.format_time(terms.expires)}"


def _marks(
    request: Authorization, *, state: State, decided: Approvals, protected: ProtectedList, required: int
) -> list[str]:
    """What this custodian did with a request, and what should make its people look twice."""
    agreed = len(decided.agreed_by(request.commitment))
    marks = (
        ("approved by you", request.commitment in decided.in_force),
        (f"{agreed} of {required} agreed", bool(agreed) and request.commitment not in decided.approved),
        ("revoked", request.commitment in state.revoked),
        ("protected", any(protected.has(subject.sid) for subject in request.terms.subjects)),
    )
    return [name for name, is_so in marks if is_so]


def _note_reading(machine: Machine, service: CustodianService, request: Authorization) -> None:
    """Note that somebody reads the request, and show the check words if it came by the service."""
    machine.requests.mark_read(request.commitment, AT_THE_TERMINAL, clock(), service.keys)
    marks = machine.requests.marks(request.commitment, service.keys)
    if marks is not None:
        console().print(f"check words: {' '.join(check_words(request, machine.config.name, marks.nonce))}")
        say("the desk sees the same four words only if it looks at this very text: compare them on the phone")
