"""What ``--from-order FILE`` takes from a message of ETSI TS 103 120.

The message says whom, when and on whose authority. What it leaves open, the desk adds: a national profile has its own
words for urgency, and perhaps no deadline.
"""

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from coffer.authority.ordered import IssuedIn, Ordered, Urgency
from coffer.cli.console import say
from coffer.cli.from_epoc import EIGHT_HOURS, TEN_DAYS
from coffer.errors import Refused

if TYPE_CHECKING:
    from coffer.disclosure.hi1.order import Content, TaskOrder


def say_actions(content: "Content") -> None:
    """Say which actions are not done, and what changes."""
    for action in content.unsupported:
        what = action.verb if action.item is None else f"{action.verb} of another object"
        say(f"action {action.number}: {what}: not supported")
    for change in content.changes:
        say(f"action {change.number}: {change.object_id} {change.says}")
    for number in content.differing:
        say(f"action {number}: the form asks for something else than the tasks: compare them")


def refuse_differing(content: "Content") -> None:
    """Raise ``Refused`` for tasks that ask for something else than the signed form beside them."""
    place = content.envelope.root.place
    if content.differing:
        raise Refused(
            f"{place}: action {', '.join(content.differing)}: the form asks for something else than the tasks",
            code="form",
            hint=f"coffer reply {place} writes the form out: ask the authority, or read it with --from-order",
        )


def refuse_changes(content: "Content") -> None:
    """Raise ``Refused`` for a message that changes what was asked before, which nothing here knows."""
    if content.changes:
        raise Refused(
            f"{content.envelope.root.place}: it changes what was asked before, and a person must do so",
            code="form",
            hint="coffer revoke ends a request, coffer hold extend keeps for longer, coffer hold release ends a hold",
        )


def said_by_tasks(order: "TaskOrder") -> tuple[str, ...]:
    """What this message says of what others leave open."""
    urgency = ("urgency",) if order.is_european or order.is_emergency or order.is_high else ()
    due = ("due",) if order.is_european or order.due is not None else ()
    return (*urgency, *due, *(("issued_by",) if order.has_role else ()))


def ordered_by_tasks(order: "TaskOrder", typed: Ordered) -> Ordered:
    """What was typed about the order, with what the message says."""
    from coffer.disclosure.epoc.names import FormKind  # noqa: PLC0415 - only after the message was read
    from coffer.disclosure.epoc.noted import issuer_of  # noqa: PLC0415 - as above

    assert order.form.issuing is not None, "every message has one"
    urgency, due = typed.urgency, order.due or typed.due
    if order.is_european:
        urgency = Urgency.ORDINARY
        legal = _legal_due(order, typed.received) if order.form.kind is FormKind.PRODUCTION else typed.due
        due = min((one for one in (order.due, legal) if one is not None), default=None)
    if order.is_emergency:
        urgency = Urgency.EMERGENCY
    elif order.is_high:
        urgency = Urgency.URGENT
    is_typed = click.get_current_context().get_parameter_source("issued_in") is ParameterSource.COMMANDLINE
    return replace(
        typed,
        urgency=urgency,
        issuer=issuer_of(order.form.issuing.type) if order.has_role else typed.issuer,
        issued_in=IssuedIn.UNION if order.is_european and not is_typed else typed.issued_in,
        due=due,
    )


def _legal_due(order: "TaskOrder", received: dt.datetime) -> dt.datetime:
    """The deadline that the Regulation sets."""
    return received + (EIGHT_HOURS if order.is_emergency else TEN_DAYS)
