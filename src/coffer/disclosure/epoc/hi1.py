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
TASK: Final = "http://uri.etsi.org/03120/common/2020/09/Task"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_PREFIXES: Final = {
    None: CORE,
    "common": COMMON,
    "delivery": DELIVERY,
    "document": DOCUMENT,
    "notification": NOTIFICATION,
    "task": TASK,
    "xsi": _XSI,
}
_VERSION: Final = (
    ("ETSIVersion", "V1.22.1"),
    ("NationalProfileOwner", "EU"),
    ("NationalProfileVersion", "v1.3.1"),
)
_OUTCOME: Final = "/eevidence/outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """What every message about an order needs. ``new_id``: a UUID each time that it is called."""

    order: Form
    provider: Endpoint
    now: dt.datetime
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Part:
    """One file of an answer.

    ``ids``: the identifiers that it is about. ``number``: from 1, over the whole reply.
    """

    ids: tuple[str, ...]
    number: int
    is_last: bool
    xml: bytes


def _dictionary(order: Form) -> str:
    return "LDTaskStatus" if order.kind is FormKind.PRODUCTION else "LPTaskStatus"


def task_id(order: Form, identifier_id: str) -> str:
    """The object identifier of an identifier's task, as the converter derives it from the form."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"{order.first_id}-{identifier_id}".encode()).digest()[:16], version=4))


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
    _add(item, NOTIFICATION, "NotificationDetails", f"Status of {order.case_id}")
    if form3 is not None:
        _entry(item, NOTIFICATION, "NotificationType", "EPOCNotificationType", "DeFactoImpossibility")
    _add(item, NOTIFICATION, "NewNotification", "true")
    _add(item, NOTIFICATION, "NotificationTimestamp", about.now.isoformat(timespec="seconds"))
    listed = _add(item, NOTIFICATION, "StatusOfAssociatedObjects")
    rows = [(order.form_id, "AuthorisationStatus", authorisation, "")]
    rows += [(task_id(order, id_), _dictionary(order), status, details.get(id_, "")) for id_, status in by_id.items()]
    for object_id, dictionary, status, why in rows:
        row = _add(listed, NOTIFICATION, "AssociatedObjectStatus")
        _add(row, NOTIFICATION, "AssociatedObject", object_id)
        _entry(row, NOTIFICATION, "Status", dictionary, status)
        if why:
            _add(row, NOTIFICATION, "Details", why)
    if form3 is not None:
        document = _object(about, actions, "CREATE", "document:DocumentObject", [order.form_id])
        _add(document, DOCUMENT, "DocumentName", "Form 3")
        _entry(document, DOCUMENT, "DocumentType", "EPOCDocumentType", "Form3")
        body = _add(document, DOCUMENT, "DocumentBody")
        _add(body, DOCUMENT, "Contents", base64.b64encode(form3).decode("ascii"))
        _add(body, DOCUMENT, "ContentType", "application/xml")
    for id_, until in kept.items():
        action = _action(actions, "UPDATE")
        task = _hi1_object(action, "task:LPTaskObject", task_id(order, id_), order.authority, [order.first_id])
        _entry(task, TASK, "Status", _dictionary(order), by_id[id_])
        _add(task, TASK, "PreservationExpiration", until.isoformat(timespec="seconds"))
    return _written(root)


def format_delivery(about: Correspondence, part: Part, ended: Mapping[str, str]) -> bytes:
    """One file of an answer, with its manifest.

    ``ended``: statuses of tasks that end with this message, by identifier. An ETSI TS 102 657
    message stands in it as it is, so the receiver's own client reads it on.
    """
    order = about.order
    root, actions = _message(about, workflow=_OUTCOME)
    tasks = [task_id(order, id_) for id_ in part.ids]
    item = _object(about, actions, "DELIVER", "delivery:DeliveryObject", tasks)
    if len(part.ids) == 1:
        authority = order.authority
        reference = f"{authority.country}-{authority.national_id}-{tasks[0]}-{part.ids[0]}"
        _add(_add(item, DELIVERY, "Reference"), DELIVERY, "LDID", reference)
    _add(item, DELIVERY, "DeliveryID", about.new_id())
    _add(item, DELIVERY, "SequenceNumber", str(part.number))
    _add(item, DELIVERY, "LastSequence", "true" if part.is_last else "false")
    _entry(_add(item, DELIVERY, "Manifest"), DELIVERY, "Specification", "ManifestSpecification", "TS102657-XML")
    data = _add(_add(item, DELIVERY, "Delivery"), DELIVERY, "XMLData")
    data.append(etree.fromstring(part.xml, etree.XMLParser(resolve_entities=False, huge_tree=True)))
    _entry(item, DELIVERY, "DeliveryStatus", "DeliveryStatus", "Available")
    for id_, status in ended.items():
        action = _action(actions, "UPDATE")
        task = _hi1_object(action, "task:LDTaskObject", task_id(order, id_), order.authority, [order.form_id])
        _entry(task, TASK, "Status", _dictionary(order), status)
    return _written(root)


def _message(about: Correspondence, *, workflow: str | None) -> tuple[etree._Element, etree._Element]:
    # lxml names the default namespace None, which its types do not allow.
    root = etree.Element(f"{{{CORE}}}HI1Message", nsmap=_PREFIXES)  # type: ignore[arg-type]
    header = _add(root, CORE, "Header")
    for name, end in (("SenderIdentifier", about.provider), ("ReceiverIdentifier", about.order.authority)):
        endpoint = _add(header, CORE, name)
        _add(endpoint, CORE, "CountryCode", end.country)
        _add(endpoint, CORE, "UniqueIdentifier", end.national_id)
    _add(header, CORE, "TransactionIdentifier", about.new_id())
    _add(header, CORE, "Timestamp", about.now.isoformat(timespec="microseconds"))
    version = _add(header, CORE, "Version")
    for name, text in _VERSION:
        _add(version, CORE, name, text)
    if workflow is not None:
        _add(header, CORE, "WorkflowIdentifier", workflow)
    return root, _add(_add(_add(root, CORE, "Payload"), CORE, "RequestPayload"), CORE, "ActionRequests")


def _action(actions: etree._Element, verb: str) -> etree._Element:
    action = _add(actions, CORE, "ActionRequest")
    _add(action, CORE, "ActionIdentifier", str(len(actions) - 1))
    return _add(action, CORE, verb)


def _object(
    about: Correspondence, actions: etree._Element, verb: str, kind: str, associated: Sequence[str]
) -> etree._Element:
    """A new object of the provider's, in an action of its own."""
    object_id, action = about.new_id(), _action(actions, verb)
    if verb == "DELIVER":
        _add(action, CORE, "Identifier", object_id)
    return _hi1_object(action, kind, object_id, about.provider, associated)


def _hi1_object(
    action: etree._Element, kind: str, object_id: str, owner: Endpoint, associated: Sequence[str]
) -> etree._Element:
    item = _add(action, CORE, "HI1Object")
    item.set(f"{{{_XSI}}}type", kind)
    _add(item, CORE, "ObjectIdentifier", object_id)
    _add(item, CORE, "CountryCode", owner.country)
    _add(item, CORE, "OwnerIdentifier", owner.national_id)
    objects = _add(item, CORE, "AssociatedObjects")
    for one in associated:
        _add(objects, CORE, "AssociatedObject", one)
    return item


def _entry(parent: etree._Element, namespace: str, name: str, dictionary: str, value: str) -> None:
    """Add a value of a dictionary of ETSI's."""
    entry = _add(parent, namespace, name)
    for part, text in (("Owner", "ETSI"), ("Name", dictionary), ("Value", value)):
        _add(entry, COMMON, part, text)


def _add(parent: etree._Element, namespace: str, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{namespace}}}{name}")
    child.text = text
    return child


def _written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
