"""A form's XML, read into values. Pure; strict.

Two kinds of places. Where the form says what is asked (its wrapper, its identifiers, its deadline), an element,
attribute or text that is not known is refused by its path: passing it over could widen what is opened. Everywhere else
it is kept as a text that is shown. Elements count by their local name, in the namespaces of the forms.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, TypeVar

from lxml import etree

from coffer.disclosure.epoc import names
from coffer.disclosure.epoc.evidence import parse_evidence
from coffer.disclosure.epoc.form import AskedIdentifier, Endpoint, Form, Issuing, Shown
from coffer.disclosure.epoc.names import Deadline, FormKind, IssuerType, Recipient
from coffer.disclosure.epoc.nodes import FORMS, Node
from coffer.disclosure.strict_xml import local_name, parse_xml
from coffer.errors import MalformedInput

MAX_IDENTIFIERS: Final = 1_000
"""Identifiers of one form. A MiB holds no more than about two thousand."""
_CASE: Final = re.compile(
    r"(?:EIO|MLA|ITN|EPOC|EPOCPR|SODA|SODB|SODX|TOEA|TOEL|TOEX)"
    r"-[A-Z]{2}-[A-Z]{2}-[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{4}-[0-9]{1,9}"
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SECTION: Final = re.compile(r"Section(?:[A-Z]|EToF)")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_EXTENDED: Final = re.compile(r"P([1-9][0-9]{0,2})D")
_NATIONAL_ID: Final = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
_LOCATIONS: Final = tuple(
    f"{{http://www.w3.org/2001/XMLSchema-instance}}{name}" for name in ("schemaLocation", "noNamespaceSchemaLocation")
)
_ROOT: Final = "message"
_WRAPPER: Final = ("globalCaseId", "formId", "parentFormId", "form")
_EVIDENCE: Final = {FormKind.PRODUCTION: "SectionEToF", FormKind.PRESERVATION: "SectionC"}
_ISSUING: Final = {FormKind.PRODUCTION: "SectionI", FormKind.PRESERVATION: "SectionF"}
_OPTION: Final = {FormKind.PRODUCTION: "Option", FormKind.PRESERVATION: "Selection"}
_Word = TypeVar("_Word", bound=StrEnum)


def parse_form(raw: bytes, place: str) -> Form:
    """Read a form. Form 3 is the provider's own reply, and is refused.

    Raises:
        MalformedInput: it is not XML of such a form, lacks something, or has something that is not known.
    """
    root = parse_xml(raw, place)
    wrapper = Node(root, place, local_name(root))
    if wrapper.name != _ROOT or etree.QName(root).namespace not in FORMS.namespaces:
        raise MalformedInput(f"{wrapper.where}: not the root of a form, expected {_ROOT} of {FORMS.name}, or of none")
    shown = [
        Shown(path=f"@{etree.QName(name).localname}", text=str(root.get(name)))
        for name in _LOCATIONS
        if name in root.attrib
    ]
    wrapper.refuse_attributes(but=_LOCATIONS)
    parts = wrapper.strict_children(_WRAPPER)
    case_id = _matching(parts.one("globalCaseId"), _CASE, "INSTRUMENT-CC-CC-YYYY-MM-DD-NNNN-N")
    form_id = _matching(parts.one("formId"), _UUID, "a UUID in small letters")
    parent = parts.optional("parentFormId")
    parent_id = None if parent is None else _matching(parent, _UUID, "a UUID in small letters")
    around = parts.one("form")
    around.refuse_attributes()
    form = around.strict_children(tuple(FormKind)).single()
    kind = FormKind(form.name)
    if kind not in names.INSTRUMENTS:
        raise MalformedInput(f"{place}: {names.TITLES[kind]}, expected an order", hint="replies are made, and not read")
    form.verify_namespace(names.NAMESPACES[kind])
    if case_id.split("-")[0] != names.INSTRUMENTS[kind]:
        raise MalformedInput(f"{place}: globalCaseId: of another instrument, expected {names.INSTRUMENTS[kind]}")
    if (parent_id is None) == (kind in {FormKind.SUBSEQUENT, FormKind.EXTENSION}):
        expected = "one" if parent_id is None else "none: it follows no form"
        raise MalformedInput(f"{place}: parentFormId, expected {expected}")
    return _Sections(form, kind, shown).form(case_id, form_id, parent_id)


class _Sections:
    """The sections of one form: what is read of them, and the texts that are left to be shown."""

    def __init__(self, form: Node, kind: FormKind, shown: list[Shown]) -> None:
        self._form, self._kind, self._shown = form, kind, shown
        self._taken: set[etree._Element] = set()
        form.refuse_attributes()
        self._sections: dict[str, Node] = {}
        for section in form.children():
            if not _SECTION.fullmatch(section.name):
                raise section.unknown("a section of the form")
            if section.name in self._sections:
                raise MalformedInput(f"{section.where}: a second one, expected one")
            self._sections[section.name] = section
        form.strict_children(tuple(self._sections))

    def form(self, case_id: str, form_id: str, parent_id: str | None) -> Form:
        """All of it; raises ``MalformedInput``."""
        kind, is_order = self._kind, self._kind in _EVIDENCE
        addressee = self._section("SectionB").the("Addressee") if is_order else self._section("SectionA")
        authority = self._endpoint(addressee.descendant("AuthorityTechnicalIdentifier"))
        concerned = addressee.optional_descendant("ServiceProviderConcerned")
        technical = None if concerned is None else concerned.optional_descendant("TechnicalIdentifier")
        deadline = recipient = None
        if kind is FormKind.PRODUCTION:
            asked = self._form.descendant("DataProductionInRelationToDeadline")
            deadline = self._word(asked.only_leaf(("WithinTenDays", "Value")), Deadline)
            competences = self._form.descendant("ToWhomTransferTheData").descendant("AuthorityCompetences")
            recipient = self._word(competences, Recipient)
        identifiers: tuple[AskedIdentifier, ...] = ()
        if is_order:
            evidence = self._section(_EVIDENCE[kind])
            identifiers = parse_evidence(evidence, _OPTION[kind], MAX_IDENTIFIERS)
            self._taken.add(evidence.element)
        return Form(
            kind=kind,
            case_id=case_id,
            form_id=form_id,
            parent_id=parent_id,
            authority=authority,
            provider=None if technical is None else self._endpoint(technical),
            identifiers=identifiers,
            issuing=self._issuing(self._section(_ISSUING[kind])) if is_order else None,
            deadline=deadline,
            recipient=recipient,
            has_delay="SectionH" in self._sections
            and self._sections["SectionH"].optional_descendant("DelayConditions") is not None,
            is_notified="SectionK" in self._sections
            and self._sections["SectionK"].optional_descendant("EnforcingAuthority") is not None,
            extended_days=self._extended_days() if kind is FormKind.EXTENSION else None,
            shown=(*self._shown, *(text for section in self._sections.values() for text in self._left(section))),
        )

    def _section(self, name: str) -> Node:
        section = self._sections.get(name)
        if section is None:
            raise MalformedInput(f"{self._form.where}: no {name}, expected one")
        return section

    def _issuing(self, section: Node) -> Issuing:
        authority = section.the("IssuingAndContactAuthority").the("IssuingAuthority")
        texts = [authority.optional(name) for name in ("NameOfAuthority", "FileReference")]
        name, reference = ("" if node is None else self._text(node) for node in texts)
        return Issuing(type=self._word(section.the("Type"), IssuerType), name=name, file_reference=reference)

    def _extended_days(self) -> int | None:
        """What a Form 6 says of its days, if it says it where it was seen."""
        node = None if "SectionB" not in self._sections else self._sections["SectionB"].optional("ExtendedBy")
        if node is None:
            return None
        self._taken.add(node.element)
        return int(_matching(node, _EXTENDED, "a number of days, like P30D")[1:-1])

    def _endpoint(self, node: Node) -> Endpoint:
        node.refuse_attributes()
        parts = node.strict_children(("Country", "NationalId"))
        country, national_id = parts.one("Country"), parts.one("NationalId")
        self._taken |= {country.element, national_id.element}
        return Endpoint(
            country=_matching(country, _COUNTRY, "two capital letters"),
            national_id=_matching(national_id, _NATIONAL_ID, "1 to 255 printable ASCII characters"),
        )

    def _word(self, node: Node, words: type[_Word]) -> _Word:
        text = self._text(node)
        if text not in tuple(words):
            raise MalformedInput(f"{node.where}: an unknown code, expected {', '.join(words)}")
        return words(text)

    def _text(self, node: Node) -> str:
        self._taken.add(node.element)
        return node.text()

    def _left(self, node: Node) -> Iterator[Shown]:
        """Every text and attribute at or below an element that was not read."""
        if node.element in self._taken:
            return
        path = node.path.partition(f"{self._kind}/")[2]
        for name, value in node.element.attrib.items():
            yield Shown(path=f"{path}/@{etree.QName(str(name)).localname}", text=str(value))
        texts = " ".join([node.element.text or "", *(child.tail or "" for child in node.element)]).split()
        children = list(node.children())
        if texts or not children:
            yield Shown(path=path, text=" ".join(texts))
        for child in children:
            yield from self._left(child)


def _matching(node: Node, pattern: re.Pattern[str], expected: str) -> str:
    text = node.text()
    if not pattern.fullmatch(text):
        raise MalformedInput(f"{node.where}: expected {expected}")
    return text
