"""What a custodian's people see beside a request at the terminal: its course, and earlier ones."""

from collections.abc import Iterator
from contextlib import suppress

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.authority.due import deadline_of, has_deadline, shown_left
from coffer.cli.console import clock, console, say
from coffer.cli.course import BINDS_NOBODY, course_rows, question_rows, rule_rows, shown_again
from coffer.cli.tables import Table
from coffer.custodian.machine.folder import Machine
from coffer.custodian.marks import Marks
from coffer.custodian.service import CustodianService
from coffer.custody.earlier import earlier_of_subjects, history_of
from coffer.errors import NotProven
from coffer.ledger.entries import NAME_DIGITS
from coffer.ledger.state import State
from coffer.visible import counted

MOST_EARLIER = 10
"""Earlier requests that are shown, the newest first. The others are counted."""


def show_course(machine: Machine, service: CustodianService, request: Authorization, state: State) -> None:
    """By when it is due, who must sign, what became of it, what was asked, and earlier requests."""
    roster, keys, now, table = state.rosters[request.terms.roster], service.keys, clock(), Table()
    due = deadline_of(request.terms)
    table.add_row(
        "due" if has_deadline(request.terms.ordered) else "expires", f"{wire.format_time(due)}, {shown_left(due, now)}"
    )
    refusers = [entry.custodian for _, entry in state.refusals if entry.authorization == request.commitment]
    for key, text in (*rule_rows(request, roster, refusers), *course_rows(request, state, now)):
        table.add_row(key, text)
    for key, text in _marked(machine, service, request):
        table.add_row(key, text)
    files = machine.requests.questions
    asked = files.question(request.commitment, keys)
    explained = files.explanations(request.commitment, request.terms.requester, roster, keys)
    questions = list(question_rows([asked] if asked is not None else [], explained))
    for key, text in questions:
        table.add_row(key, text)
    for key, text in _earlier(machine, service, request, state):
        table.add_row(key, text)
    console().print(table)
    if questions:
        say(BINDS_NOBODY)


def _marks(machine: Machine, service: CustodianService, request: Authorization) -> Marks | None:
    with suppress(NotProven):  # somebody changed the file; the check words are then missing too
        return machine.requests.marks(request.commitment, service.keys)
    return None


def _marked(machine: Machine, service: CustodianService, request: Authorization) -> Iterator[tuple[str, str]]:
    """What this machine noted: when it came, who read it, how many of its people agreed."""
    marks = _marks(machine, service, request)
    if marks is None:
        return
    yield "here", f"since {wire.format_time(marks.held)}"
    for number, time in marks.readers:
        yield "read", f"by person {number} at {wire.format_time(time)}"
    if marks.signed is not None:
        yield "signed", f"here at {wire.format_time(marks.signed)}"
    if marks.said_no is not None:
        again = f", {shown_again(marks.again)}" if marks.again is not None else ""
        yield "refused", f"here at {wire.format_time(marks.said_no[1])} ({marks.said_no[0]}{again})"
    agreed = machine.folder.decided(service.keys).agreed_by(request.commitment)
    if agreed:
        yield "agreed", f"persons {', '.join(map(str, agreed))}"


def _earlier(
    machine: Machine, service: CustodianService, request: Authorization, state: State
) -> Iterator[tuple[str, str]]:
    """Earlier requests about a subject of this one that are kept here: what it and others did."""
    kept = [*machine.requests.notes(service.keys), *machine.requests.decided(service.keys)]
    same = earlier_of_subjects(request, kept)
    for one in same[:MOST_EARLIER]:
        digits = one.commitment.hex()[:NAME_DIGITS]
        yield "same subject", f"{digits} of {one.terms.not_before:%Y-%m-%d}: {_became(machine, service, one, state)}"
    if len(same) > MOST_EARLIER:
        yield "same subject", f"{counted(len(same) - MOST_EARLIER, 'earlier request')} more"


def _became(machine: Machine, service: CustodianService, one: Authorization, state: State) -> str:
    marks, history = _marks(machine, service, one), history_of(one, state)
    said = []
    own = dict(history.refusals).get(machine.config.name) or (marks.said_no[0] if marks and marks.said_no else "")
    if own:
        again = f", {shown_again(marks.again)}" if marks is not None and marks.again is not None else ""
        said.append(f"refused here ({own}{again})")
    elif one.commitment in machine.folder.approvals(service.keys):
        said.append("approved here")
    said += [f"refused by {name} ({reason})" for name, reason in history.refusals if name != machine.config.name]
    if history.uses:
        said.append(f"opened {counted(len(history.uses), 'time')}, {counted(history.drawn, 'record')}")
    return "; ".join([*said, *(["revoked"] if history.is_revoked else [])]) or "not decided here"
