"""An element of a form with its path, so that whatever is wrong is named by it. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from coffer.disclosure.epoc.names import EIO, EPOC, NAMESPACES
from coffer.disclosure.strict_xml import local_name
from coffer.errors import MalformedInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The namespaces whose elements are read. ``name``: what a message calls them."""

    name: str
    namespaces: frozenset[str | None]


FORMS: Final = Vocabulary(name="the forms' namespaces", namespaces=frozenset({None, EPOC, EIO, *NAMESPACES.values()}))


@dataclass(frozen=True, slots=True)
class Node:
    """An element. ``place``: its file. ``path``: the local names from the root to it, joined by ``/``."""

    element: etree._Element
    place: str
    path: str
    vocabulary: Vocabulary = FORMS

    @property
    def name(self) -> str:
        """Its local name."""
        return local_name(self.element)

    @property
    def where(self) -> str:
        """The beginning of each message about it: no text of the form, which may name a person."""
        return f"{self.place}: line {self.element.sourceline}: {self.path}"

    def children(self) -> Iterator["Node"]:
        """The elements in it; raises ``MalformedInput`` for one of a namespace that is not the forms'."""
        for child in self.element:
            node = replace(self, element=child, path=f"{self.path}/{local_name(child)}")
            if not isinstance(child.tag, str) or etree.QName(child).namespace not in self.vocabulary.namespaces:
                raise node.unknown(f"an element of {self.vocabulary.name}")
            yield node

    def strict_children(self, known: Sequence[str]) -> "Children":
        """The elements in it, all of which must be known; there is no text beside them."""
        groups: dict[str, list[Node]] = {}
        for child in self.children():
            if child.name not in known:
                raise child.unknown(", ".join(known))
            groups.setdefault(child.name, []).append(child)
        if any((text or "").strip() for text in (self.element.text, *(child.tail for child in self.element))):
            raise MalformedInput(f"{self.where}: text beside its elements, expected none")
        return Children(self, groups)

    def the(self, name: str) -> "Node":
        """The one child of that name, where others are passed over, to be shown."""
        return _one(self, [child for child in self.children() if child.name == name], name)

    def optional(self, name: str) -> "Node | None":
        """The one child of that name; None if there is none."""
        named = [child for child in self.children() if child.name == name]
        return _one(self, named, name) if named else None

    def descendant(self, name: str) -> "Node":
        """The one element of that name at any depth below it."""
        return _one(self, list(_below(self, name)), name)

    def optional_descendant(self, name: str) -> "Node | None":
        """The one element of that name at any depth below it; None if there is none."""
        named = list(_below(self, name))
        return _one(self, named, name) if named else None

    def only_leaf(self, known: Collection[str]) -> "Node":
        """The one element without elements below it; nothing may stand beside it or around it."""
        node = self
        while len(node.element):
            node.refuse_attributes()
            children = list(node.children())
            node.strict_children([child.name for child in children])
            node = _one(node, children, "element in it")
        if node.name not in known:
            raise node.unknown(" or ".join(known))
        return node

    def text(self) -> str:
        """Its text, without outer spaces; raises ``MalformedInput`` if it has elements or attributes."""
        if len(self.element):
            raise MalformedInput(f"{self.where}: has elements, expected text alone")
        self.refuse_attributes()
        return " ".join((self.element.text or "").split())

    def refuse_attributes(self, *, but: Collection[str] = ()) -> None:
        """Raise ``MalformedInput`` if it has an attribute besides those."""
        for name in self.element.attrib:
            if name not in but:
                raise MalformedInput(
                    f"{self.where}: an attribute that is not read here: {etree.QName(str(name)).localname}"
                )

    def verify_namespace(self, namespace: str) -> None:
        """Raise ``MalformedInput`` if it is of another namespace."""
        if etree.QName(self.element).namespace != namespace:
            raise MalformedInput(f"{self.where}: of another namespace, expected {namespace}")

    def unknown(self, expected: str) -> MalformedInput:
        """The error for an element that must not be passed over."""
        return MalformedInput(
            f"{self.where}: an element that is not read here, expected {expected}",
            hint="an element that is passed over could change what is asked",
        )


@dataclass(frozen=True, slots=True)
class Children:
    """The known children of an element, by name."""

    of: Node
    groups: Mapping[str, Sequence[Node]]

    def one(self, name: str) -> Node:
        """The one of that name."""
        return _one(self.of, self.groups.get(name, ()), name)

    def optional(self, name: str) -> Node | None:
        """The one of that name; None if there is none."""
        return self.one(name) if name in self.groups else None

    def many(self, name: str) -> Sequence[Node]:
        """All of that name."""
        return self.groups.get(name, ())

    def single(self) -> Node:
        """The only child there is."""
        return _one(self.of, [node for group in self.groups.values() for node in group], "element in it")


def _below(node: Node, name: str) -> Iterator[Node]:
    """The elements of that name at any depth; not those within another of them."""
    for child in node.children():
        if child.name == name:
            yield child
        else:
            yield from _below(child, name)


def _one(node: Node, nodes: Sequence[Node], name: str) -> Node:
    if len(nodes) != 1:
        raise MalformedInput(f"{node.where}: {len(nodes)} {name}, expected one")
    return nodes[0]
