"""What objects have in common: values of a dictionary, flags, and texts that are only shown. Pure."""

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from coffer.disclosure.epoc.form import Shown
from coffer.disclosure.epoc.nodes import Node
from coffer.disclosure.hi1.names import ETSI, UNSUPPORTED_FLAGS, ErrorCode, Fault, Flag
from coffer.disclosure.strict_xml import local_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value of a dictionary. ``owner``: whose dictionary; ``name``: which."""

    owner: str
    name: str
    value: str

    def format(self) -> str:
        """As it is shown: its value alone tells too little where the dictionary is not known."""
        return f"{self.owner} {self.name}: {self.value}"


def parse_entry(node: Node) -> Entry:
    """The value that an element names."""
    node.refuse_attributes()
    parts = node.strict_children(("Owner", "Name", "Value"))
    owner, name, value = (parts.one(part).text() for part in ("Owner", "Name", "Value"))
    return Entry(owner=owner, name=name, value=value)


def parse_known(node: Node, known: Mapping[str, Collection[str]]) -> Entry:
    """A value of ETSI's. ``known``: the dictionaries that it may be of, with their values."""
    entry = parse_entry(node)
    if entry.owner != ETSI or entry.name not in known:
        raise Fault(
            ErrorCode.IMPROPER_VALUE, f"{node.where}: of another dictionary, expected ETSI's {' or '.join(known)}"
        )
    if entry.value not in known[entry.name]:
        raise Fault(
            ErrorCode.IMPROPER_VALUE, f"{node.where}: an unknown value, expected {', '.join(known[entry.name])}"
        )
    return entry


def parse_flags(nodes: Sequence[Node], known: Mapping[str, Collection[Flag]]) -> frozenset[Flag]:
    """What the flags say. One that is not known could mean anything, so it is refused."""
    flags = set()
    for node in nodes:
        entry = parse_entry(node)
        if entry.owner == ETSI and entry.value in UNSUPPORTED_FLAGS and entry.name in known:
            raise Fault(ErrorCode.NOT_SUPPORTED, f"{node.where}: {entry.value}: {UNSUPPORTED_FLAGS[entry.value]}")
        flags.add(Flag(parse_known(node, known).value))
    return frozenset(flags)


def shown_below(
    element: etree._Element, path: str, *, taken: Collection[etree._Element] = frozenset()
) -> Iterator[Shown]:
    """Every text and attribute at or below an element, of whatever namespace; not those in ``taken``."""
    if element in taken:
        return
    for name, value in element.attrib.items():
        yield Shown(path=f"{path}/@{etree.QName(str(name)).localname}", text=str(value))
    texts = " ".join([element.text or "", *(child.tail or "" for child in element)]).split()
    if local_name(element) == "Contents" and texts:
        yield Shown(path=path, text=_file(" ".join(texts)))
    elif texts or not len(element):
        yield Shown(path=path, text=" ".join(texts))
    for child in element:
        yield from shown_below(child, f"{path}/{local_name(child)}", taken=taken)


def _file(text: str) -> str:
    """A file by its size and hash; the text itself if it is no base64."""
    raw = decoded(text)
    if raw is None:
        return text
    return f"{len(raw)} bytes, SHA-256 {hashlib.sha256(raw).hexdigest()}"


def decoded(text: str) -> bytes | None:
    """The bytes of base64, which may be broken into lines; None if it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return None


def shown_of(nodes: Iterable[Node | None]) -> tuple[Shown, ...]:
    """All of these elements, to be shown."""
    return tuple(text for node in nodes if node is not None for text in shown_below(node.element, node.path))
