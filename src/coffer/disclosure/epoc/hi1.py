"""Messages of ETSI TS 103 120 that answer an order: a notification of statuses, and deliveries. Pure.

The objects and their order follow ETSI's schemas v1.23.1; the profile for orders of the Union is as certain as
``docs/formats/epoc.md`` says.
"""

import base64
import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from coffer.disclosure.epoc.form import Endpoint, Form
from coffer.disclosure.epoc.names import FormKind

CORE: Final = "http://uri.etsi.org/03120/common/2019/10/Core"
COMMON: Final = "http://uri.etsi.org/03120/common/2016/02/Common"
DELIVERY: Final = "http://uri.etsi.org/03120/common/2019/10/Delivery"
DOCUMENT: Final = "http://uri.etsi.org/03120/common/2020/09/Document"
NOTIFICATION: Final = "http://uri.etsi.org/03120/common/2016/02/Notification"
AUTHORISATION: Final = "http://uri.etsi.org/03120/common/2020/09/Authorisation"
TASK: Final = "http://uri.etsi.org/03120/common/2020/09/Task"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_PREFIXES: Final = {
    None: CORE,
    "auth": AUTHORISATION,
    "common": COMMON,
    "delivery": DELIVERY,
    "document": DOCUMENT,
    "notification": NOTIFICATION,
    "task": TASK,
    "xsi": _XSI,
}
VERSION: Final = (
    ("ETSIVersion", "V1.22.1"),
    ("NationalProfileOwner", "EU"),
    ("NationalProfileVersion", "v1.3.1"),
)
OUTCOME: Final = "/eevidence/outcome"
"""The workflow of the profile of the Union in which data are handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskName:
    """How a task is named. ``reference``: its LDID; empty where it has none."""

    object_id: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """What every message about an order needs.

    ``provider``: whose objects are made. ``sender``, ``receiver``: the systems. ``task``: the name of an identifier's
    task. ``version``: of the standard and of its national profile, as elements and texts. ``workflow``: of its deliveries;
    None where the order is not of the Union. ``new_id``: a UUID each time that it is called.
    """

    order: Form
    provider: Endpoint
    sender: Endpoint
    receiver: Endpoint
    task: Callable[[str], TaskName]
    version: Sequence[tuple[str, str]] = VERSION
    workflow: str | None = OUTCOME
    now: dt.datetime
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Part:
    """One message of a delivery.

    ``ids``: the identifiers that it is about. ``delivery``: a UUID that all messages of the delivery have. ``number``:
    from 1, within it.
    """

    ids: tuple[str, ...]
    delivery: str
    number: int
    is_last: bool
    xml: bytes


def task_dictionary(kind: FormKind) -> str:
    """The dictionary of the statuses that an order's tasks have."""
    return "LDTaskStatus" if kind is FormKind.PRODUCTION else "LPTaskStatus"


def task_id(order: Form, identifier_id: str) -> str:
    """The object identifier of an identifier's task, as the converter derives it from the form."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"{order.first_id}-{identifier_id}".encode()).digest()[:16], version=4))


def form_task(order: Form, identifier_id: str) -> TaskName:
    """The task of an identifier of a form that came as no message, named as the converter does."""
    name = task_id(order, identifier_id)
    owner = f"{order.authority.country}-{order.authority.national_id}"
    return TaskName(object_id=name, reference=f"{owner}-{name}-{identifier_id}")


def format_status(
    about: Correspondence,
    authorisation: str,
    by_id: Mapping[str, str],
    details: Mapping[str, str],
    form3: bytes | None,
    kept: Mapping[str, dt.datetime],
) -> bytes:
    """A notification of the order's status and of each task's, with Form 3 as a document if there is one.

    ``details``: by identifier, why it is not executed. ``kept``: by identifier, until when it is preserved; each of these
    tasks is updated.
    """
    order = about.order
    root, actions = _message(about, workflow=None)
    item = _object(about, actions, "CREATE", "notification:NotificationObject", [order.form_id])
    add(item, NOTIFICATION, "NotificationDetails", f"Status of {order.case_id}")
    if form3 is not None:
        entry(item, NOTIFICATION, "NotificationType", "EPOCNotificationType", "DeFactoImpossibility")
    else:
        entry(item, NOTIFICATION, "NotificationType", "NotificationType", "General")
    add(item, NOTIFICATION, "NewNotification", "true")
    add(item, NOTIFICATION, "NotificationTimestamp", about.now.isoformat(timespec="seconds"))
    listed = add(item, NOTIFICATION, "StatusOfAssociatedObjects")
    rows = [(order.form_id, "AuthorisationStatus", authorisation, "")]
    dictionary = task_dictionary(order.kind)
    rows += [(about.task(id_).object_id, dictionary, status, details.get(id_, "")) for id_, status in by_id.items()]
    for object_id, name, status, why in rows:
        row = add(listed, NOTIFICATION, "AssociatedObjectStatus")
        add(row, NOTIFICATION, "AssociatedObject", object_id)
        entry(row, NOTIFICATION, "Status", name, status)
        if why:
            add(row, NOTIFICATION, "Details", why)
    if form3 is not None:
        document = _object(about, actions, "CREATE", "document:DocumentObject", [order.form_id])
        add(document, DOCUMENT, "DocumentName", "Form 3")
        entry(document, DOCUMENT, "DocumentType", "EPOCDocumentType", "Form3")
        body = add(document, DOCUMENT, "DocumentBody")
        add(body, DOCUMENT, "Contents", base64.b64encode(form3).decode("ascii"))
        add(body, DOCUMENT, "ContentType", "application/xml")
    for id_, until in kept.items():
        action = _action(actions, "UPDATE")
        task = add_object(action, "task:LPTaskObject", about.task(id_).object_id, order.authority, [order.first_id])
        entry(task, TASK, "Status", dictionary, by_id[id_])
        add(task, TASK, "PreservationExpiration", until.isoformat(timespec="seconds"))
    return written(root)


def format_delivery(about: Correspondence, part: Part, ended: Mapping[str, str]) -> bytes:
    """One message of a delivery, with its manifest.

    ``ended``: statuses of tasks that end with this message, by identifier. An ETSI TS 102 657
    message stands in it as it is, so the receiver's own client reads it on.
    """
    order = about.order
    root, actions = _message(about, workflow=about.workflow)
    tasks = [about.task(id_) for id_ in part.ids]
    item = _object(about, actions, "DELIVER", "delivery:DeliveryObject", [task.object_id for task in tasks])
    if len(tasks) == 1 and tasks[0].reference:
        add(add(item, DELIVERY, "Reference"), DELIVERY, "LDID", tasks[0].reference)
    add(item, DELIVERY, "DeliveryID", part.delivery)
    add(item, DELIVERY, "SequenceNumber", str(part.number))
    add(item, DELIVERY, "LastSequence", "true" if part.is_last else "false")
    entry(add(item, DELIVERY, "Manifest"), DELIVERY, "Specification", "ManifestSpecification", "TS102657-XML")
    data = add(add(item, DELIVERY, "Delivery"), DELIVERY, "XMLData")
    data.append(etree.fromstring(part.xml, etree.XMLParser(resolve_entities=False, huge_tree=True)))
    entry(item, DELIVERY, "DeliveryStatus", "DeliveryStatus", "Available")
    for id_, status in ended.items():
        action = _action(actions, "UPDATE")
        task = add_object(action, "task:LDTaskObject", about.task(id_).object_id, order.authority, [order.form_id])
        entry(task, TASK, "Status", task_dictionary(order.kind), status)
    return written(root)


def _message(about: Correspondence, *, workflow: str | None) -> tuple[etree._Element, etree._Element]:
    root, header = start_message(about.sender, about.receiver, about.new_id(), about.now, about.version)
    if workflow is not None:
        add(header, CORE, "WorkflowIdentifier", workflow)
    return root, add(add(add(root, CORE, "Payload"), CORE, "RequestPayload"), CORE, "ActionRequests")


def start_message(
    sender: Endpoint, receiver: Endpoint, transaction: str, now: dt.datetime, version: Sequence[tuple[str, str]]
) -> tuple[etree._Element, etree._Element]:
    """A message without its payload, and its header."""
    # lxml names the default namespace None, which its types do not allow.
    root = etree.Element(f"{{{CORE}}}HI1Message", nsmap=_PREFIXES)  # type: ignore[arg-type]
    header = add(root, CORE, "Header")
    for name, end in (("SenderIdentifier", sender), ("ReceiverIdentifier", receiver)):
        endpoint = add(header, CORE, name)
        add(endpoint, CORE, "CountryCode", end.country)
        add(endpoint, CORE, "UniqueIdentifier", end.national_id)
    add(header, CORE, "TransactionIdentifier", transaction)
    add(header, CORE, "Timestamp", now.isoformat(timespec="microseconds"))
    versions = add(header, CORE, "Version")
    for name, text in version:
        add(versions, CORE, name, text)
    return root, header


def _action(actions: etree._Element, verb: str) -> etree._Element:
    action = add(actions, CORE, "ActionRequest")
    add(action, CORE, "ActionIdentifier", str(len(actions) - 1))
    return add(action, CORE, verb)


def _object(
    about: Correspondence, actions: etree._Element, verb: str, kind: str, associated: Sequence[str]
) -> etree._Element:
    """A new object of the provider's, in an action of its own."""
    object_id, action = about.new_id(), _action(actions, verb)
    if verb == "DELIVER":
        add(action, CORE, "Identifier", object_id)
    return add_object(action, kind, object_id, about.provider, associated)


def add_object(
    action: etree._Element, kind: str, object_id: str, owner: Endpoint, associated: Sequence[str]
) -> etree._Element:
    """An object. ``kind``: its type, with a prefix that ``start_message`` declares."""
    item = add(action, CORE, "HI1Object")
    item.set(f"{{{_XSI}}}type", kind)
    add(item, CORE, "ObjectIdentifier", object_id)
    add(item, CORE, "CountryCode", owner.country)
    add(item, CORE, "OwnerIdentifier", owner.national_id)
    if not associated:
        return item
    objects = add(item, CORE, "AssociatedObjects")
    for one in associated:
        add(objects, CORE, "AssociatedObject", one)
    return item


def entry(parent: etree._Element, namespace: str, name: str, dictionary: str, value: str) -> None:
    """Add a value of a dictionary of ETSI's."""
    node = add(parent, namespace, name)
    for part, text in (("Owner", "ETSI"), ("Name", dictionary), ("Value", value)):
        add(node, COMMON, part, text)


def add(parent: etree._Element, namespace: str, name: str, text: str | None = None) -> etree._Element:
    """Add an element, with its text if it has one."""
    child = etree.SubElement(parent, f"{{{namespace}}}{name}")
    child.text = text
    return child


def written(root: etree._Element) -> bytes:
    """The message as a file."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
