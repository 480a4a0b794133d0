"""What ``coffer request --from-hi1 FILE`` takes from a message of ETSI TS 103 120.

The message says whom, when and on whose authority. What it leaves open, the desk adds: a national profile has its own
words for urgency, and perhaps no deadline.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from coffer.authority.ordered import IssuedIn, Ordered, Urgency
from coffer.cli.console import read_file, say
from coffer.cli.from_epoc import EIGHT_HOURS, TEN_DAYS, EpocOrder, issuer_of, planned, verify_not_said
from coffer.cli.from_etsi import Given, verify_given
from coffer.errors import Refused

if TYPE_CHECKING:
    from coffer.disclosure.hi1.order import Content, TaskOrder

_ALWAYS_SAID: Final = ("subjects", "ranges", "begins", "ends")


def read_message(file: str, ordered: Ordered, given: Given, persons: Sequence[str]) -> EpocOrder:
    """The tasks, judged, and one request for each note that they need; says what is not answered.

    ``ordered``: what was typed about the order, with the message among its files.

    Raises:
        MalformedInput: it is no such message, or an option is missing or contradicts it.
        Refused: nothing of it can be asked of a vault, or the options ask for more than it does.
    """
    from coffer.disclosure.epoc.names import FormKind  # noqa: PLC0415 - only such a message needs the library of XML
    from coffer.disclosure.hi1.message import parse_envelope  # noqa: PLC0415 - as above
    from coffer.disclosure.hi1.order import parse_content  # noqa: PLC0415 - as above

    place = Path(file).name
    content = parse_content(parse_envelope(read_file(file), place))
    say_actions(content)
    refuse_changes(content)
    order = content.order
    if order is None:
        raise Refused(f"{place}: it asks for no records", code="form", hint=f"coffer reply {place} answers it")
    if order.form.kind is not FormKind.PRODUCTION:
        raise Refused(f"{place}: tasks that ask to preserve: nothing is opened", code="form")
    verify_not_said("--from-hi1", (*_ALWAYS_SAID, *_said(order)))
    verify_given({"--max-records": given.max_records})
    form = replace(order.form, shown=content.shown)
    return planned(form, place, _ordered(order, ordered), given, persons)


def say_actions(content: "Content") -> None:
    """Say which actions are not done, and what changes."""
    for action in content.unsupported:
        what = action.verb if action.item is None else f"{action.verb} of another object"
        say(f"action {action.number}: {what}: not supported")
    for change in content.changes:
        say(f"action {change.number}: {change.object_id} {change.says}")


def refuse_changes(content: "Content") -> None:
    """Raise ``Refused`` for a message that changes what was asked before, which nothing here knows."""
    if content.changes:
        raise Refused(
            f"{content.envelope.root.place}: it changes what was asked before, and a person must do so",
            code="form",
            hint="coffer revoke ends a request, coffer hold extend keeps for longer, coffer hold release ends a hold",
        )


def _said(order: "TaskOrder") -> tuple[str, ...]:
    """What this message says of what others leave open."""
    urgency = ("urgency",) if order.is_european or order.is_emergency or order.is_high else ()
    due = ("due",) if order.is_european or order.due is not None else ()
    return (*urgency, *due, *(("issued_by",) if order.has_role else ()))


def _ordered(order: "TaskOrder", typed: Ordered) -> Ordered:
    assert order.form.issuing is not None, "every message has one"
    urgency, due = typed.urgency, order.due or typed.due
    if order.is_european:
        urgency = Urgency.ORDINARY
        due = min(one for one in (order.due, _legal_due(order, typed.received)) if one is not None)
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
