"""A message: its header, so that it can be answered, and its actions one by one. Pure; strict."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from coffer.authority.ordered import MAX_FILE_BYTES
from coffer.disclosure.epoc.form import Endpoint, Shown
from coffer.disclosure.epoc.hi1 import CORE, VERSION
from coffer.disclosure.epoc.nodes import Node
from coffer.disclosure.hi1.names import MESSAGE, READ, WORDS, XSI, ErrorCode, Fault, Kind, Verb
from coffer.disclosure.strict_xml import local_name, parse_xml, root_name
from coffer.errors import MalformedInput

MAX_ACTIONS: Final = 1_000
"""Actions of one message. An order has one for itself, one a task, and a few documents."""
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_IDENTIFIER: Final = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_VERSION: Final = re.compile(r"V1\.[0-9]{1,3}\.[0-9]{1,3}")
_ANY_VERSION: Final = re.compile(r"V[0-9]+\.[0-9]+\.[0-9]+")
_SHORT: Final = 255
"""Characters of a ShortString of ETSI TS 103 280."""
_HEADER: Final = (
    "SenderIdentifier",
    "ReceiverIdentifier",
    "TransactionIdentifier",
    "Timestamp",
    "Version",
    "WorkflowIdentifier",
)
_VERSIONS: Final = ("ETSIVersion", "NationalProfileOwner", "NationalProfileVersion")
_LOCATIONS: Final = tuple(f"{{{XSI}}}{name}" for name in ("schemaLocation", "noNamespaceSchemaLocation"))
_WITH_OBJECT: Final = (Verb.CREATE, Verb.UPDATE, Verb.DELIVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A request whose sender can be answered; nothing else of it was looked at.

    ``transaction``: its UUID, which the answer repeats. ``version``: of the standard and of its national profile, as
    elements and texts that an answer may have: the message's, or ours where no answer may repeat them.
    """

    root: Node
    sender: Endpoint
    receiver: Endpoint
    transaction: str
    version: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action.

    ``item``: its object, where it has one. ``kind``: of that object; None if it is not known. ``type_name``: its type
    as it stands, without prefix; empty where the action has no object.
    """

    number: str
    verb: Verb
    type_name: str
    kind: Kind | None
    item: Node | None


def is_message(raw: bytes) -> bool:
    """Whether the bytes are XML whose root is that of such a message."""
    return root_name(raw, limit=MAX_FILE_BYTES) == MESSAGE


def parse_envelope(raw: bytes, place: str) -> Envelope:
    """Read who sent a message, and which.

    Raises:
        MalformedInput: it is no message, is an answer, or does not say this: then nobody can be answered.
    """
    element = parse_xml(raw, place, limit=MAX_FILE_BYTES)
    root = Node(element, place, local_name(element), WORDS)
    if root.name != MESSAGE:
        raise root.unknown(MESSAGE)
    root.verify_namespace(CORE)
    header = root.the("Header")
    version = header.the("Version")
    if root.the("Payload").optional("ResponsePayload") is not None:
        raise MalformedInput(f"{place}: an answer to a message, expected a request")
    return Envelope(
        root=root,
        sender=parse_endpoint(header.the("SenderIdentifier")),
        receiver=parse_endpoint(header.the("ReceiverIdentifier")),
        transaction=parse_uuid(header.the("TransactionIdentifier")),
        version=_repeated(tuple((name, version.the(name).text()) for name in _VERSIONS)),
    )


def _repeated(version: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    is_valid = _ANY_VERSION.fullmatch(version[0][1]) and all(len(text) <= _SHORT for _, text in version)
    return version if is_valid else VERSION


def parse_header(envelope: Envelope) -> Iterator[Shown]:
    """What the rest of the header says, to be shown; raises ``MalformedInput`` for anything unknown."""
    root = envelope.root
    root.refuse_attributes(but=_LOCATIONS)
    for name in _LOCATIONS:
        if name in root.element.attrib:
            yield Shown(path=f"@{etree.QName(name).localname}", text=str(root.element.get(name)))
    parts = root.strict_children(("Header", "Payload", "Signature", "Signatures"))
    header = parts.one("Header")
    header.refuse_attributes()
    fields = header.strict_children(_HEADER)
    version = fields.one("Version")
    version.refuse_attributes()
    texts = version.strict_children(_VERSIONS)
    if not _VERSION.fullmatch(texts.one("ETSIVersion").text()):
        raise Fault(ErrorCode.VERSION, f"{version.where}/ETSIVersion: expected V1 and two numbers")
    for name in _VERSIONS[1:]:
        if len(texts.one(name).text()) > _SHORT:
            raise Fault(ErrorCode.INVALID, f"{version.where}/{name}: expected at most {_SHORT} characters")
    shown = [fields.one("Timestamp"), *(texts.one(name) for name in _VERSIONS)]
    shown += [node for node in [fields.optional("WorkflowIdentifier")] if node is not None]
    for node in shown:
        yield Shown(path=node.path.partition("/")[2], text=node.text())
    for name in ("Signature", "Signatures"):
        for _ in parts.many(name):
            yield Shown(path=name, text="of the whole message; not verified here")


def parse_actions(envelope: Envelope) -> tuple[Action, ...]:
    """The actions in their order, each with its own number.

    Raises:
        MalformedInput: the payload holds something that is not known.
    """
    payload = envelope.root.the("Payload")
    payload.refuse_attributes()
    request = payload.strict_children(("RequestPayload",)).one("RequestPayload")
    request.refuse_attributes()
    requests = request.strict_children(("ActionRequests",)).one("ActionRequests")
    requests.refuse_attributes()
    nodes = requests.strict_children(("ActionRequest",)).many("ActionRequest")
    if not 1 <= len(nodes) <= MAX_ACTIONS:
        raise Fault(ErrorCode.INVALID, f"{requests.where}: {len(nodes)} ActionRequest, expected 1 to {MAX_ACTIONS}")
    actions = tuple(_action(node) for node in nodes)
    if len({action.number for action in actions}) != len(actions):
        raise Fault(ErrorCode.DUPLICATE_ACTION, f"{requests.where}: an ActionIdentifier stands there twice")
    return actions


def _action(node: Node) -> Action:
    node.refuse_attributes()
    parts = node.strict_children(("ActionIdentifier", *Verb))
    number = parts.one("ActionIdentifier").text()
    if not _NUMBER.fullmatch(number):
        raise Fault(ErrorCode.IMPROPER_VALUE, f"{node.where}/ActionIdentifier: expected a number")
    verbs = [child for verb in Verb for child in parts.many(verb)]
    if len(verbs) != 1:
        raise Fault(ErrorCode.INVALID, f"{node.where}: {len(verbs)} things to do, expected one")
    asked = Node(verbs[0].element, node.place, f"action {number}/{verbs[0].name}", WORDS)
    verb = Verb(asked.name)
    if verb not in _WITH_OBJECT:
        return Action(number=number, verb=verb, type_name="", kind=None, item=None)
    asked.refuse_attributes()
    fields = asked.strict_children(("HI1Object",) if verb is not Verb.DELIVER else ("Identifier", "HI1Object"))
    item = fields.one("HI1Object")
    return Action(number=number, verb=verb, type_name=(name := _type(item)[1]), kind=_kind(item, name), item=item)


def _kind(item: Node, name: str) -> Kind | None:
    """The kind of an object. One that is read is of its own namespace: no other is taken for it."""
    if name not in tuple(Kind):
        return None
    kind = Kind(name)
    if kind in READ and _type(item)[0] != READ[kind]:
        raise Fault(ErrorCode.INVALID, f"{item.where}/@type: of another namespace, expected {READ[kind]}")
    return kind


def _type(item: Node) -> tuple[str, str]:
    """The namespace and the name of an object's type."""
    item.refuse_attributes(but=(f"{{{XSI}}}type",))
    prefix, _, name = str(item.element.get(f"{{{XSI}}}type", "")).strip().rpartition(":")
    if not name:
        raise Fault(ErrorCode.INVALID, f"{item.where}: no xsi:type, expected one")
    return item.element.nsmap.get(prefix or None, ""), name


def parse_endpoint(node: Node) -> Endpoint:
    """A country, and the identifier of somebody in it."""
    node.refuse_attributes()
    parts = node.strict_children(("CountryCode", "UniqueIdentifier"))
    return _endpoint(parts.one("CountryCode"), parts.one("UniqueIdentifier"))


def parse_owner(country: Node | None, identifier: Node | None) -> Endpoint | None:
    """Whose an object is; None where it does not say both parts."""
    if country is None or identifier is None:
        return None
    return _endpoint(country, identifier)


def _endpoint(country: Node, identifier: Node) -> Endpoint:
    return Endpoint(
        country=matching(country, _COUNTRY, "two capital letters"),
        national_id=matching(identifier, _IDENTIFIER, "1 to 255 printable ASCII characters"),
    )


def parse_uuid(node: Node) -> str:
    """A UUID, in small letters."""
    return matching(node, _UUID, "a UUID").lower()


def matching(node: Node, pattern: re.Pattern[str], expected: str) -> str:
    """The text of an element, which must be of this form."""
    text = node.text()
    if not pattern.fullmatch(text):
        raise Fault(ErrorCode.IMPROPER_VALUE, f"{node.where}: expected {expected}")
    return text
