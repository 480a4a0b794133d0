"""The answer to a message: what became of each action, or why nothing did. Pure.

A draft for people to send. It repeats the message's transaction, and a system pairs the two by it.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from lxml import etree

from coffer.disclosure.epoc.hi1 import (
    AUTHORISATION,
    CORE,
    TASK,
    add,
    add_object,
    entry,
    start_message,
    task_dictionary,
    written,
)
from coffer.disclosure.hi1 import names
from coffer.disclosure.hi1.message import Action, Envelope
from coffer.disclosure.hi1.names import ErrorCode, Fault, Kind
from coffer.disclosure.hi1.order import FORM_KINDS, Content, TaskOrder, object_id
from coffer.errors import MalformedInput

_MAX_DESCRIPTION: Final = 65_535
"""Characters of a LongString of ETSI TS 103 280: a path may have longer names."""
_PREFIXES: Final = {Kind.AUTHORISATION: "auth", Kind.DISCLOSURE: "task", Kind.PRESERVATION: "task"}


def format_response(content: Content, authorisation: str, by_id: Mapping[str, str], now: dt.datetime) -> bytes:
    """An answer to each action.

    ``authorisation``, ``by_id``: the statuses of the order and of its tasks, by identifier; empty without an order.
    """
    root, payload = _started(content.envelope, now)
    responses = add(payload, CORE, "ActionResponses")
    for action in content.actions:
        response = add(responses, CORE, "ActionResponse")
        add(response, CORE, "ActionIdentifier", action.number)
        if action in content.unsupported:
            name = action.verb if action.item is None else f"{action.verb} of {action.type_name}"
            _add_error(response, ErrorCode.NOT_SUPPORTED, f"{name} is not supported")
            continue
        created = add(response, CORE, f"{action.verb}Response")
        add(created, CORE, "Identifier", object_id(action))
        if content.order is not None and action.kind in names.READ:
            status = authorisation if action.kind is Kind.AUTHORISATION else by_id[action.number]
            _add_status(created, action, content.order, status)
    return written(root)


def format_error(envelope: Envelope, error: MalformedInput, now: dt.datetime) -> bytes:
    """The answer to a message that cannot be read: none of its actions was done."""
    root, payload = _started(envelope, now)
    code = error.code if isinstance(error, Fault) else ErrorCode.INVALID
    _add_error(payload, code, error.message.removeprefix(f"{envelope.root.place}: "))
    return written(root)


def _started(envelope: Envelope, now: dt.datetime) -> tuple[etree._Element, etree._Element]:
    """A message back to the sender, and its payload."""
    root, _ = start_message(envelope.receiver, envelope.sender, envelope.transaction, now, envelope.version)
    return root, add(add(root, CORE, "Payload"), CORE, "ResponsePayload")


def _add_error(parent: etree._Element, code: ErrorCode, description: str) -> None:
    error = add(parent, CORE, "ErrorInformation")
    add(error, CORE, "ErrorCode", str(int(code)))
    add(error, CORE, "ErrorDescription", description[:_MAX_DESCRIPTION])


def _add_status(parent: etree._Element, action: Action, order: TaskOrder, status: str) -> None:
    """The object with its status alone: the sender has the rest of it."""
    assert action.kind is not None, "an object that is read"
    item = add_object(parent, f"{_PREFIXES[action.kind]}:{action.kind}", object_id(action), order.form.authority, [])
    if action.kind is Kind.AUTHORISATION:
        entry(item, AUTHORISATION, "AuthorisationStatus", "AuthorisationStatus", status)
    else:
        entry(item, TASK, "Status", task_dictionary(FORM_KINDS[action.kind]), status)
