"""An ETSI TS 102 657 request message, read into the terms of a request note. Pure; strict.

A message is accepted only if a note can say exactly the same: one number, address or device, or a list of them; a first and a
last moment; the kinds of the record type that it names. A message that asks for more is refused. An unknown condition
is refused too, because ignoring it would widen what is opened. The names are in ``etsi_uncertain.py``.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from coffer import wire
from coffer.authority.authorization import MAX_RECORDS, MAX_SUBJECTS
from coffer.authority.ordered import MAX_FILE_BYTES
from coffer.authority.period import Period, format_instant, parse_instant
from coffer.disclosure import etsi_uncertain as names
from coffer.disclosure.strict_xml import local_name as _local
from coffer.disclosure.strict_xml import parse_xml, root_name
from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import parse_subject

_ID: Final = re.compile(r"[A-Z]{2}")
_PART: Final = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
_REFERENCE: Final = re.compile(r"(?:|.*; )ETSI request ([A-Z]{2})/([^/]+)(?:/(.{1,64}))?")
_ROOTS: Final = ("retainedDataMessage", "RetainedDataMessage")
_OID: Final = re.compile(r"0\.4\.0\.2\.3\.0\.[1-9][0-9]{0,2}")
_TIME: Final = re.compile(r"([0-9]{14})(Z|[+-][0-9]{4})")
_NUMBER: Final = re.compile(r"\+?([1-9][0-9]{0,14})")
_DEVICE: Final = re.compile(r"[0-9]{15}")
_SECOND: Final = dt.timedelta(seconds=1)
_NO_COUNTRY: Final = (
    "it begins with no calling code: ask the authority whose number it is. Then leave out --from-order, and type the "
    "request with --subject and --home, with the message as its --order"
)
_BULK: Final = "one person's records are opened, or a few that are named; nothing is searched"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReference:
    """The requestID of an ETSI message.

    ``country``: ISO 3166-1 alpha-2. ``organisation``: the authority. ``number``: empty if the message has none.
    """

    country: str
    organisation: str
    number: str

    def format(self) -> str:
        """The end of the note's ``basis:`` line, where custodians see it; the response repeats it."""
        organisation = self.organisation.replace("%", "%25").replace("/", "%2F")
        return f"ETSI request {self.country}/{organisation}" + (f"/{self.number}" if self.number else "")


def find_reference(basis: str) -> RequestReference | None:
    """The reference at the end of a ``basis:`` line; None if there is none."""
    match = _REFERENCE.fullmatch(basis)
    if match is None:
        return None
    organisation, number = match[2].replace("%2F", "/").replace("%25", "%"), match[3] or ""
    if not _PART.fullmatch(organisation) or not (number == "" or _PART.fullmatch(number)):
        return None
    reference = RequestReference(country=match[1], organisation=organisation, number=number)
    return reference if basis.endswith(reference.format()) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EtsiRequest:
    """What a message asks for.

    ``period``: from its first moment to the second after its last. ``max_hits``: None if it names no limit.
    """

    reference: RequestReference
    subjects: tuple[str, ...]
    kinds: tuple[str, ...]
    period: Period
    max_hits: int | None

    def __repr__(self) -> str:
        return "<ETSI request>"


def is_retained_data(raw: bytes) -> bool:
    """Whether the bytes are XML whose root is that of such a message."""
    return root_name(raw, limit=MAX_FILE_BYTES) in _ROOTS


def parse_etsi_request(raw: bytes, place: str) -> EtsiRequest:
    """Read a request message.

    Raises:
        MalformedInput: it is not XML, is too long, has a document type, or is not a request of this standard.
        Refused: it asks for something that is never opened or that a note cannot say (code scope).
    """
    root = _parse_root(raw, place)
    parts = _children(root, ("rdHeaderId", "retainedDataHeader", "retainedDataPayload"), f"{place}: message")
    if "rdHeaderId" in parts and not _OID.fullmatch(_text(_the(parts, "rdHeaderId", place), place)):
        raise MalformedInput(f"{place}: rdHeaderId: of another standard, expected 0.4.0.2.3.0 and a version")
    reference = _parse_header(_the(parts, "retainedDataHeader", place), place)
    payload = _the(parts, "retainedDataPayload", place)
    message = _the(_children(payload, (names.REQUEST,), f"{place}: retainedDataPayload"), names.REQUEST, place)
    known = (names.PARAMETERS, names.MAX_HITS, *names.IGNORED)
    fields = _children(message, known, f"{place}: {names.REQUEST}", may_refuse=True)
    hits = fields.get(names.MAX_HITS, [])
    max_hits = (
        wire.parse_decimal(_text(_the(fields, names.MAX_HITS, place), place), f"{place}: maxHits", low=1, high=10**9)
        if hits
        else None
    )
    constraints = _Constraints(place)
    for item in _the(fields, names.PARAMETERS, place):
        constraints.add(item)
    subjects, kinds, period = constraints.end()
    return EtsiRequest(
        reference=reference,
        subjects=subjects,
        kinds=kinds,
        period=period,
        max_hits=None if max_hits is None else min(max_hits, MAX_RECORDS),
    )


def _parse_root(raw: bytes, place: str) -> etree._Element:
    root = parse_xml(raw, place)
    if _local(root) not in _ROOTS:
        raise MalformedInput(f"{place}: not a message of ETSI TS 102 657, expected {_ROOTS[0]}")
    return root


def _parse_header(head: etree._Element, place: str) -> RequestReference:
    where = f"{place}: retainedDataHeader"
    fields = _children(head, ("requestID", *names.HEADER_IGNORED), where)
    request = _the(fields, "requestID", where)
    known = ("countryCode", "authorisedOrganisationID", "requestNumber")
    parts = _children(request, (*known, *names.REQUEST_ID_IGNORED), f"{where}: requestID")
    country, organisation = (_text(_the(parts, name, where), f"{where}: {name}") for name in known[:2])
    has_number = "requestNumber" in parts
    number = _text(_the(parts, "requestNumber", where), f"{where}: requestNumber") if has_number else ""
    is_number = bool(_PART.fullmatch(number)) or not has_number
    reference = RequestReference(country=country, organisation=organisation, number=number)
    if not (_ID.fullmatch(country) and _PART.fullmatch(organisation) and is_number):
        raise MalformedInput(
            f"{where}: requestID: expected a country of two capital letters, and texts of up to 64 printable ASCII characters"
        )
    if find_reference(f"a basis; {reference.format()}") != reference:
        raise MalformedInput(f"{where}: requestNumber: reads like the reference of another request")
    return reference


class _Constraints:
    """The conditions of one message. All of them hold at once, and each kind occurs at most once."""

    def __init__(self, place: str) -> None:
        self._place = f"{place}: {names.PARAMETERS}"
        self._subjects: tuple[str, ...] | None = None
        self._bounds: dict[str, dt.datetime] = {}
        self._types: set[str] = set()

    def add(self, item: etree._Element) -> None:
        """Take one condition.

        Raises:
            Refused: a note cannot say it.
        """
        inner = item
        if _local(item) == names.CONSTRAINT_ITEM and len(item) == 1:
            inner = item[0]
        name, place = _local(inner), f"{self._place}: line {inner.sourceline}"
        if name in names.REFUSED_CONSTRAINTS:
            raise Refused(f"{place}: {name} is not followed, expected equals or isAMemberOf", code="scope", hint=_BULK)
        if name not in (names.EQUALS, names.MEMBER, names.FROM, names.TO):
            raise Refused(
                f"{place}: an unknown condition", code="scope", hint="only identities, times and kinds can be asked for"
            )
        leaves = [_leaf(child, place) for child in inner]
        if not leaves or (len(leaves) > 1 and name != names.MEMBER):
            raise Refused(f"{place}: {len(leaves)} values in {name}, expected one", code="scope", hint=_BULK)
        self._types |= {path.partition("/")[0] for path, _ in leaves}
        if name in (names.EQUALS, names.MEMBER):
            self._add_subjects(leaves, place)
        else:
            self._add_bound(name, leaves[0], place)

    def _add_subjects(self, leaves: Sequence[tuple[str, str]], place: str) -> None:
        if self._subjects is not None:
            raise Refused(
                f"{place}: a second condition on who, expected one",
                code="scope",
                hint="several persons are one isAMemberOf; who was in touch with whom is not searched",
            )
        if len(leaves) > MAX_SUBJECTS:
            raise Refused(f"{place}: {len(leaves)} values, expected at most {MAX_SUBJECTS}", code="scope", hint=_BULK)
        self._subjects = tuple(_subject(path, text, place) for path, text in leaves)

    def _add_bound(self, name: str, leaf: tuple[str, str], place: str) -> None:
        path, text = leaf
        if path not in (names.FIRST_PATHS if name == names.FROM else names.LAST_PATHS):
            raise Refused(f"{place}: {name} of something other than a time", code="scope", hint=_BULK)
        if name in self._bounds:
            raise Refused(f"{place}: a second {name}, expected one", code="scope", hint="send one message a period")
        self._bounds[name] = _parse_time(text, place)

    def end(self) -> tuple[tuple[str, ...], tuple[str, ...], Period]:
        """Subjects, kinds and period.

        Raises:
            Refused: no subject or no time is named, or two types of record are mixed.
        """
        if self._subjects is None:
            raise Refused(f"{self._place}: names no number, address or device", code="scope", hint=_BULK)
        if set(self._bounds) != {names.FROM, names.TO}:
            raise Refused(
                f"{self._place}: no first and last moment, expected both", code="scope", hint="an order names its days"
            )
        if len(self._types) != 1:
            raise Refused(
                f"{self._place}: two types of record, expected one", code="scope", hint="send a message for each"
            )
        first, last = self._bounds[names.FROM], self._bounds[names.TO]
        if first > last:
            raise MalformedInput(f"{self._place}: its last moment is before its first")
        kinds = ("email",) if self._types == {"messageRecord"} else ("call", "text")
        return self._subjects, kinds, Period(first=first, end=last + _SECOND)


def _leaf(element: etree._Element, place: str) -> tuple[str, str]:
    """The path of local names down to the only text, and that text.

    Raises:
        Refused: there are several leaves, so the condition is on several things at once.
    """
    path = [_local(element)]
    while len(element):
        if len(element) > 1 or (element.text or "").strip():
            raise Refused(
                f"{place}: a condition on several things at once, expected one number, address or time",
                code="scope",
                hint="places and roles cannot be asked for",
            )
        element = element[0]
        path.append(_local(element))
    return "/".join(path), _text(element, place)


def _subject(path: str, text: str, place: str) -> str:
    if path == names.NUMBER_PATH:
        return _number(text, f"{place}: partyNumber")
    if path == names.ADDRESS_PATH:
        return parse_subject(f"mailto:{text}", f"{place}: emailAddress").format()
    if path in (names.IMSI_PATH, names.IMEI_PATH):
        scheme = "imsi" if path == names.IMSI_PATH else "imei"
        # As octets of TBCD the digits stand in pairs the other way round: 14 or 16 of them would be another's.
        if not _DEVICE.fullmatch(text):
            raise MalformedInput(f"{place}: {scheme.upper()}: expected its 15 digits in their order")
        return parse_subject(f"{scheme}:{text}", f"{place}: {scheme.upper()}").format()
    raise Refused(
        f"{place}: a condition on something other than a number, a device or an e-mail address",
        code="scope",
        hint="places and roles cannot be asked for",
    )


def _number(text: str, place: str) -> str:
    match = _NUMBER.fullmatch(text)
    try:
        if match is None:
            raise MalformedInput(f"{place}: expected an international number of up to 15 digits")
        return parse_subject(f"tel:+{match[1]}", place).format()
    except MalformedInput as error:
        # The requestID's country is the authority's: the number may be of another.
        raise MalformedInput(error.message, hint=_NO_COUNTRY) from None


def _parse_time(text: str, place: str) -> dt.datetime:
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        offset = match[2].replace("Z", "+0000")
        value = dt.datetime.strptime(match[1] + offset, "%Y%m%d%H%M%S%z")
        # A note ends its period one second after the last moment, so that second must be in the calendar too.
        parse_instant(format_instant(value + _SECOND), place)
        return parse_instant(format_instant(value), place)
    except (ValueError, OverflowError):
        raise MalformedInput(f"{place}: not a time, expected YYYYMMDDhhmmss and Z or +hhmm") from None


def _children(
    element: etree._Element, known: Sequence[str], place: str, *, may_refuse: bool = False
) -> dict[str, list[etree._Element]]:
    children: dict[str, list[etree._Element]] = {}
    for child in element:
        name = _local(child)
        if name not in known:
            message = f"{place}: line {child.sourceline}: an element that is not read here, expected {', '.join(known)}"
            if may_refuse:
                raise Refused(message, code="scope", hint="a condition that is passed over would widen what is opened")
            raise MalformedInput(message)
        children.setdefault(name, []).append(child)
    return children


def _the(children: dict[str, list[etree._Element]], name: str, place: str) -> etree._Element:
    elements = children.get(name, [])
    if len(elements) != 1:
        raise MalformedInput(f"{place}: {len(elements)} {name} elements, expected one")
    return elements[0]


def _text(element: etree._Element, place: str) -> str:
    if len(element):
        raise MalformedInput(f"{place}: line {element.sourceline}: expected text alone")
    return (element.text or "").strip()
