"""The Authorisation of a message: on whose authority, how urgent, for whom. Pure.

What is not read of it is shown: it widens nothing, because tasks alone say who and what is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from coffer.disclosure.epoc.form import Endpoint, Issuing, Shown
from coffer.disclosure.epoc.hi1 import AUTHORISATION, COMMON, CORE
from coffer.disclosure.epoc.names import Deadline, IssuerType
from coffer.disclosure.epoc.nodes import Node
from coffer.disclosure.hi1 import names
from coffer.disclosure.hi1.fields import Entry, parse_entry, parse_flags, parse_known, shown_below
from coffer.disclosure.hi1.message import parse_endpoint, parse_owner, parse_uuid
from coffer.disclosure.hi1.names import ETSI, READY, ErrorCode, Fault, Flag, Kind

_STATUSES: Final = dict.fromkeys(
    ("AuthorisationStatus", "AuthorisationDesiredStatus", "AuthorisationDesiredSatus"), READY
)
"""The third name is a converter's misspelling, which is met in what it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Authorisation:
    """The order that tasks belong to.

    ``tasks``: the kind that an order of the Union must have; None for any other order. ``deadline``: in days, where an
    order of the Union says so. ``is_short``: eight hours. ``issuing``: ``type`` is OTHER where the role is not known,
    and ``has_role`` says whether it is. ``priority``: High or Routine, or empty.
    """

    object_id: str
    owner: Endpoint | None
    reference: str
    tasks: Kind | None
    deadline: Deadline | None
    is_short: bool
    priority: str
    provider: Endpoint | None
    issuing: Issuing
    has_role: bool
    flags: frozenset[Flag]
    shown: tuple[Shown, ...]


def parse_authorisation(item: Node) -> Authorisation:
    """Read the object of an Authorisation.

    Raises:
        MalformedInput: it lacks something, or a value that is read is not known.
    """
    reader = _Reader(item)
    legal, priority = reader.entry("AuthorisationLegalType"), reader.entry("AuthorisationPriority")
    reader.verify_statuses()
    issuing, has_role = reader.issuing()
    reference = reader.text("AuthorisationReference")
    if not reference:
        raise Fault(ErrorCode.REQUIRED_MISSING, f"{item.where}: no AuthorisationReference, expected one")
    is_european = legal is not None and (legal.owner, legal.name) == (ETSI, "EPOCLegalType")
    return Authorisation(
        object_id=parse_uuid(reader.one("ObjectIdentifier")),
        owner=reader.owner(),
        reference=reference,
        tasks=_tasks(item, legal) if legal is not None and is_european else None,
        deadline=_deadline(priority),
        is_short=_is_of(priority, "EPOCPriority") and priority is not None and priority.value == names.SHORT,
        priority=priority.value if priority is not None and _is_of(priority, "AuthorisationPriority") else "",
        provider=reader.provider(),
        issuing=issuing,
        has_role=has_role,
        flags=reader.flags(),
        shown=reader.left(),
    )


def _tasks(item: Node, legal: Entry) -> Kind:
    if legal.value not in names.LEGAL_TYPES:
        raise Fault(ErrorCode.IMPROPER_VALUE, f"{item.where}/AuthorisationLegalType: expected EPOC or EPOCPR")
    return names.LEGAL_TYPES[legal.value]


def _is_of(entry: Entry | None, name: str) -> bool:
    return entry is not None and (entry.owner, entry.name) == (ETSI, name)


def _deadline(priority: Entry | None) -> Deadline | None:
    return names.DEADLINES.get(priority.value) if priority is not None and _is_of(priority, "EPOCPriority") else None


class _Reader:
    """The elements of one Authorisation, by name: which were read, and which are left to be shown."""

    def __init__(self, item: Node) -> None:
        self._item = item
        self._taken: set[etree._Element] = set()
        self._groups: dict[str, list[Node]] = {}
        for element in item.element:
            if isinstance(element.tag, str) and etree.QName(element).namespace in {CORE, AUTHORISATION}:
                name = etree.QName(element).localname
                node = Node(element, item.place, f"{item.path}/{name}", item.vocabulary)
                self._groups.setdefault(name, []).append(node)

    def optional(self, name: str) -> Node | None:
        nodes = self._groups.get(name, [])
        if len(nodes) > 1:
            raise Fault(ErrorCode.INVALID, f"{self._item.where}: {len(nodes)} {name}, expected one")
        self._taken |= {node.element for node in nodes}
        return nodes[0] if nodes else None

    def one(self, name: str) -> Node:
        node = self.optional(name)
        if node is None:
            raise Fault(ErrorCode.REQUIRED_MISSING, f"{self._item.where}: no {name}, expected one")
        return node

    def text(self, name: str) -> str:
        node = self.optional(name)
        return "" if node is None else node.text()

    def entry(self, name: str) -> Entry | None:
        """A value that has an effect if it is known, and is shown in any case."""
        node = self.optional(name)
        if node is None:
            return None
        self._taken.discard(node.element)
        entry = parse_entry(node)
        known = {"EPOCPriority": (*names.DEADLINES, names.SHORT), "AuthorisationPriority": names.PRIORITIES}
        if name == "AuthorisationPriority" and entry.owner == ETSI:
            parse_known(node, known)
        return entry

    def verify_statuses(self) -> None:
        """An Authorisation that is not approved, or not any more, is not carried out."""
        for name in ("AuthorisationStatus", "AuthorisationDesiredStatus"):
            node = self.optional(name)
            if node is not None:
                parse_known(node, _STATUSES)

    def owner(self) -> Endpoint | None:
        """Whose object it is; None where it does not say both parts."""
        return parse_owner(self.optional("CountryCode"), self.optional("OwnerIdentifier"))

    def provider(self) -> Endpoint | None:
        node = self.optional("AuthorisationCSPID")
        if node is None:
            return None
        node.refuse_attributes()
        return parse_endpoint(node.strict_children(("CSPID",)).one("CSPID"))

    def flags(self) -> frozenset[Flag]:
        node = self.optional("AuthorisationFlags")
        if node is None:
            return frozenset()
        node.refuse_attributes()
        nodes = node.strict_children(("AuthorisationFlag",)).many("AuthorisationFlag")
        return parse_flags(nodes, names.AUTHORISATION_FLAGS)

    def issuing(self) -> tuple[Issuing, bool]:
        """Who issued it: the approval of type IssuingAuthority, or the only one."""
        approvals = self._groups.get("AuthorisationApprovalDetails", [])
        issued = [one for one in approvals if _text(one, ("ApprovalType",)) == "IssuingAuthority"]
        chosen = issued or approvals
        if len(issued) > 1:
            raise Fault(ErrorCode.IMPROPER_VALUE, f"{self._item.where}: {len(issued)} IssuingAuthority, expected one")
        if len(chosen) != 1:
            return Issuing(type=IssuerType.OTHER, name="", file_reference=""), False
        paths = (("ApproverDetails", "ApproverName"), ("ApproverDetails", "ApproverRole"), ("ApprovalReference",))
        name, role, reference = (_text(chosen[0], path) for path in paths)
        kind = names.ROLES.get(role)
        return Issuing(type=kind or IssuerType.OTHER, name=name, file_reference=reference), kind is not None

    def left(self) -> tuple[Shown, ...]:
        """Everything that was not read. Approvals are shown whole, so that nobody need compare two places."""
        return tuple(shown_below(self._item.element, self._item.path, taken=self._taken))


def _text(node: Node, path: Sequence[str]) -> str:
    """The text of the one element at that path; empty if it is not there.

    What stands beside it may be of any nation's namespace, and is shown.
    """
    step = node
    for name in path:
        own = [child for child in step.element if child.tag == f"{{{COMMON}}}{name}"]
        if len(own) > 1:
            raise Fault(ErrorCode.INVALID, f"{step.where}: {len(own)} {name}, expected one")
        if not own:
            return ""
        step = Node(own[0], step.place, f"{step.path}/{name}", step.vocabulary)
    return step.text()
