"""A message as a whole: its order, the changes that it asks for, what is not supported. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from coffer.disclosure.epoc.form import Endpoint, Form, Shown
from coffer.disclosure.epoc.hi1 import AUTHORISATION, COMMON, CORE, TASK, TaskName
from coffer.disclosure.epoc.names import FormKind, Recipient
from coffer.disclosure.hi1 import names
from coffer.disclosure.hi1.authorisation import Authorisation, parse_authorisation
from coffer.disclosure.hi1.documents import Attached, attached, differing
from coffer.disclosure.hi1.fields import shown_below
from coffer.disclosure.hi1.message import Action, Envelope, parse_actions, parse_header, parse_uuid
from coffer.disclosure.hi1.names import ErrorCode, Fault, Flag, Kind, Verb
from coffer.disclosure.hi1.tasks import Task, parse_task

FORM_KINDS: Final = {Kind.DISCLOSURE: FormKind.PRODUCTION, Kind.PRESERVATION: FormKind.PRESERVATION}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TaskOrder:
    """An Authorisation with its tasks.

    ``form``: the same as a form's values; an identifier's ``id`` is the number of its task's action. ``tasks``: their
    names, by that number. ``is_european``: an order under Regulation (EU) 2023/1543. ``is_emergency``: it leaves eight
    hours, or was issued as an emergency by a national rule. ``due``: the earliest deadline of its tasks, or None.
    ``is_high``: of a national order's priority. ``has_role``: whether it says what kind of authority issued it. ``expiration``: the
    earliest moment until which a task is to be preserved, or None.
    """

    form: Form
    tasks: Mapping[str, TaskName]
    is_european: bool
    is_emergency: bool
    is_high: bool
    has_role: bool
    due: dt.datetime | None
    expiration: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An UPDATE of something that was asked before. ``says``: what changes, in our own words."""

    number: str
    object_id: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Content:
    """A message. ``order``: None where it creates no task. ``unsupported``: what is not done.

    ``documents``: those that it carries. ``differing``: the numbers of those that are a form, and ask for something
    else than its tasks.
    """

    envelope: Envelope
    actions: tuple[Action, ...]
    order: TaskOrder | None
    changes: tuple[Change, ...]
    unsupported: tuple[Action, ...]
    documents: tuple[Attached, ...]
    differing: tuple[str, ...]
    shown: tuple[Shown, ...]


def parse_content(envelope: Envelope) -> Content:
    """Read all of a message.

    Raises:
        MalformedInput: something is missing, or not known where it could change what is asked. A ``Fault`` has its
            code; anything else has ``ErrorCode.INVALID``.
    """
    shown = [*parse_header(envelope)]
    actions = parse_actions(envelope)
    created = [action for action in actions if action.verb is Verb.CREATE]
    authorisations = [action for action in created if action.kind is Kind.AUTHORISATION]
    tasks = [parse_task(action) for action in created if action.kind in names.TASKS]
    order = None
    if tasks or authorisations:
        order = _order(envelope, [_authorisation(action) for action in authorisations], tasks)
        shown += order.form.shown
    read = (Kind.AUTHORISATION, *names.TASKS)
    for action in actions:
        if action.item is not None and not (action.verb is Verb.CREATE and action.kind in read):
            shown += shown_below(action.item.element, f"action {action.number}/{action.type_name}")
    documents = attached(actions, envelope.root.place)
    _verify_once(envelope.root.place, [object_id(action) for action in created])
    return Content(
        envelope=envelope,
        actions=actions,
        order=order,
        changes=tuple(_change(action) for action in actions if action.verb is Verb.UPDATE),
        unsupported=tuple(action for action in actions if not _is_supported(action)),
        documents=documents,
        differing=() if order is None else differing(order.form, documents, envelope.root.place),
        shown=tuple(shown),
    )


def _is_supported(action: Action) -> bool:
    return action.verb in {Verb.CREATE, Verb.UPDATE} and action.kind is not None


def _authorisation(action: Action) -> Authorisation:
    assert action.item is not None, "an Authorisation is an object"
    return parse_authorisation(action.item)


def object_id(action: Action) -> str:
    """The identifier of the object of an action."""
    assert action.item is not None, "looked at by the caller"
    item = action.item
    named = [child for child in item.element if child.tag == f"{{{CORE}}}ObjectIdentifier"]
    if len(named) != 1:
        raise Fault(ErrorCode.INVALID, f"{item.where}: {len(named)} ObjectIdentifier, expected one")
    return parse_uuid(replace(item, element=named[0], path=f"{item.path}/ObjectIdentifier"))


def _verify_once(place: str, ids: Sequence[str]) -> None:
    if len(set(ids)) != len(ids):
        raise Fault(ErrorCode.EXISTS, f"{place}: an ObjectIdentifier stands there twice, expected each once")


def _order(envelope: Envelope, authorisations: Sequence[Authorisation], tasks: Sequence[Task]) -> TaskOrder:
    place = envelope.root.place
    if len(authorisations) != 1:
        code = ErrorCode.NOT_SUPPORTED if authorisations else ErrorCode.LINK_MISSING
        raise Fault(code, f"{place}: tasks with {len(authorisations)} Authorisations, expected one")
    (authorisation,) = authorisations
    if not tasks:
        raise Fault(
            ErrorCode.REQUIRED_MISSING,
            f"{place}: an Authorisation without a task to disclose or preserve, expected one",
        )
    kinds = {task.kind for task in tasks}
    if len(kinds) != 1 or authorisation.tasks not in {None, *kinds}:
        expected = "LDTask alone or LPTask alone, as the Authorisation's legal type says"
        raise Fault(ErrorCode.IMPROPER_VALUE, f"{place}: tasks of the wrong kind, expected {expected}")
    owner = authorisation.owner or envelope.sender
    provider = authorisation.provider or envelope.receiver
    for task in tasks:
        _verify_task(place, task, authorisation, owner, provider)
    flags = authorisation.flags | {flag for task in tasks for flag in task.flags}
    (kind,) = kinds
    form = Form(
        kind=FORM_KINDS[kind],
        case_id=authorisation.reference,
        form_id=authorisation.object_id,
        parent_id=None,
        authority=owner,
        provider=provider,
        identifiers=tuple(task.asked for task in tasks),
        issuing=authorisation.issuing,
        deadline=authorisation.deadline if kind is Kind.DISCLOSURE else None,
        recipient=_recipient(place, tasks),
        has_delay=Flag.DELAY in flags,
        is_notified=Flag.NOTIFIED in flags,
        shown=(
            *authorisation.shown,
            *(Shown(path="flag", text=flag) for flag in Flag if flag in flags),
            *(text for task in tasks for text in task.shown),
        ),
        extended_days=None,
        is_message=True,
    )
    is_european = authorisation.tasks is not None
    deadlines = [moment for task in tasks for moment in task.deadlines]
    return TaskOrder(
        form=form,
        tasks={task.asked.id: TaskName(object_id=task.object_id, reference=task.reference) for task in tasks},
        is_european=is_european,
        is_emergency=authorisation.is_short or (not is_european and Flag.EMERGENCY in flags),
        is_high=authorisation.priority == "High",
        has_role=authorisation.has_role,
        due=min(deadlines, default=None),
        expiration=min((task.expiration for task in tasks if task.expiration is not None), default=None),
    )


def _verify_task(place: str, task: Task, authorisation: Authorisation, owner: Endpoint, provider: Endpoint) -> None:
    about = f"{place}: action {task.asked.id}"
    if authorisation.object_id not in task.authorisations:
        raise Fault(ErrorCode.LINK_MISSING, f"{about}: of no Authorisation of this message, expected it")
    if task.owner not in {None, owner}:
        raise Fault(ErrorCode.IMPROPER_VALUE, f"{about}: of another owner than the Authorisation, expected the same")
    if task.provider not in {None, provider}:
        raise Fault(
            ErrorCode.IMPROPER_VALUE, f"{about}: for another provider than the Authorisation, expected the same"
        )


def _recipient(place: str, tasks: Sequence[Task]) -> Recipient | None:
    """Who gets the data of all tasks; None where no task says so."""
    recipients = {recipient for task in tasks for recipient in task.recipients}
    if len(recipients) > 1:
        raise Fault(ErrorCode.IMPROPER_VALUE, f"{place}: tasks for {len(recipients)} recipients, expected one for all")
    return next(iter(recipients), None)


def _change(action: Action) -> Change:
    """What an UPDATE is about, from the element that says it; the rest is shown."""
    assert action.item is not None, "an UPDATE has an object"
    values = {value.text or "" for value in action.item.element.iter(f"{{{COMMON}}}Value") if _is_status(value)}
    tags = {child.tag for child in action.item.element}
    if "Cancelled" in values:
        says = "is cancelled"
    elif "SubsequentProductionRequest" in values:
        says = "will be asked for, and is to be kept until then"
    elif f"{{{TASK}}}DesiredPreservationExpiration" in tags:
        says = "is to be kept for longer"
    else:
        says = "is changed"
    return Change(number=action.number, object_id=object_id(action), says=says)


def _is_status(value: etree._Element) -> bool:
    parent = value.getparent()
    return parent is not None and parent.tag in {
        f"{{{TASK}}}DesiredStatus",
        f"{{{TASK}}}Status",
        f"{{{AUTHORISATION}}}AuthorisationStatus",
        f"{{{AUTHORISATION}}}AuthorisationDesiredStatus",
    }
