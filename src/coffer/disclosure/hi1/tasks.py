"""A task: whom, when and what it asks for. Pure; strict: nothing in a task is passed over.

An element that is not listed is refused by its path, because what it says could narrow what is asked.
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from coffer.disclosure.epoc.evidence import MAX_VALUE, parse_moment
from coffer.disclosure.epoc.form import AskedCategory, AskedIdentifier, Endpoint, Shown, TimeRange
from coffer.disclosure.epoc.names import IdentifierType, Reason, Recipient
from coffer.disclosure.epoc.nodes import Children, Node
from coffer.disclosure.hi1 import names
from coffer.disclosure.hi1.fields import parse_entry, parse_flags, parse_known, shown_of
from coffer.disclosure.hi1.message import Action, matching, parse_endpoint, parse_owner, parse_uuid
from coffer.disclosure.hi1.names import AWAITING, CATEGORIES, ETSI, FORMATS, XSI, ErrorCode, Fault, Flag, Kind
from coffer.identity.mobile import whole_imei

_BASE: Final = ("ObjectIdentifier", "CountryCode", "OwnerIdentifier", "AssociatedObjects")
_BASE_SHOWN: Final = ("Generation", "ExternalIdentifier", "LastChanged")
_READ: Final = {
    Kind.DISCLOSURE: ("Reference", "Status", "DesiredStatus", "RequestDetails", "DeliveryDetails", "CSPID", "Flags"),
    Kind.PRESERVATION: ("Status", "DesiredStatus", "RequestDetails", "CSPID"),
}
_SHOWN: Final = {
    Kind.DISCLOSURE: ("ApprovalDetails", "AlternativePreservationReferences", "Deadlines", "DeliveryDetails"),
    Kind.PRESERVATION: ("DesiredPreservationExpiration", "PreservationExpiration"),
}
_WORDS: Final = ("ManualInformation",)
_DETAILS: Final = ("Type", "StartTime", "EndTime", "ObservedTime", "ObservedTimes", "RequestValues", "Subtype")
_REFERENCE: Final = re.compile(r"(?=.{1,255}\Z)[A-Z]{2}-[ -~]+-[ -~]*[!-~]")
"""An LDID of ETSI TS 103 280: a delivery with any other would not be of its schema."""
_DIGITS: Final = re.compile(r"[0-9]{1,15}")
_Unanswerable = tuple[Reason, str]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Task:
    """One task.

    ``reference``: its LDID, which a delivery repeats; empty where it has none. ``deadlines``: moments. ``recipients``:
    who is to get the data, as far as a delivery profile says so. ``authorisations``: the objects that it belongs to. ``expiration``:
    until when it is to be preserved; None for a task to disclose, and where it does not say so.
    """

    asked: AskedIdentifier
    kind: Kind
    object_id: str
    owner: Endpoint | None
    authorisations: tuple[str, ...]
    provider: Endpoint | None
    reference: str
    flags: frozenset[Flag]
    deadlines: tuple[dt.datetime, ...]
    recipients: tuple[Recipient, ...]
    expiration: dt.datetime | None
    shown: tuple[Shown, ...]


def parse_task(action: Action) -> Task:
    """Read the object of a task that is to be created.

    Raises:
        MalformedInput: it lacks something, or has anything that is not known.
    """
    item, kind = action.item, action.kind
    assert item is not None, "a task is an object"
    assert kind in names.TASKS, "looked at by the caller"
    known = (*_BASE, *_BASE_SHOWN, *_READ[kind], *_SHOWN[kind], *_WORDS)
    parts = item.strict_children(tuple(dict.fromkeys(known)))
    _verify_statuses(parts, kind)
    csp, until = parts.optional("CSPID"), parts.optional("DesiredPreservationExpiration")
    reference = parts.optional("Reference")
    return Task(
        asked=_Asked(action.number, parts).read(),
        kind=kind,
        object_id=parse_uuid(parts.one("ObjectIdentifier")),
        owner=parse_owner(parts.optional("CountryCode"), parts.optional("OwnerIdentifier")),
        authorisations=_associated(parts.optional("AssociatedObjects")),
        provider=None if csp is None else parse_endpoint(csp),
        reference="" if reference is None else matching(reference, _REFERENCE, "an LDID, like DE-authority-1"),
        flags=_flags(parts.optional("Flags")),
        deadlines=_deadlines(parts.optional("Deadlines")),
        recipients=_recipients(parts.optional("DeliveryDetails")),
        expiration=None if until is None else parse_moment(until),
        shown=shown_of(node for name in (*_BASE_SHOWN, *_SHOWN[kind]) for node in parts.many(name)),
    )


def _verify_statuses(parts: Children, kind: Kind) -> None:
    """A task that is not approved, or is ended already, is not carried out."""
    known = dict.fromkeys(("LDTaskDesiredStatus", "LPTaskDesiredStatus"), (AWAITING[kind],))
    for name, dictionaries in (("DesiredStatus", known), ("Status", {f"{kind[:6]}Status": (AWAITING[kind],)})):
        node = parts.optional(name)
        if node is not None:
            parse_known(node, dictionaries)


def _associated(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    node.refuse_attributes()
    return tuple(parse_uuid(one) for one in node.strict_children(("AssociatedObject",)).many("AssociatedObject"))


def _flags(node: Node | None) -> frozenset[Flag]:
    if node is None:
        return frozenset()
    node.refuse_attributes()
    return parse_flags(node.strict_children(("LDTaskFlag",)).many("LDTaskFlag"), names.TASK_FLAGS)


def _deadlines(node: Node | None) -> tuple[dt.datetime, ...]:
    """The moments alone; what kind of deadline each is, is shown."""
    if node is None:
        return ()
    moments = []
    for deadline in node.strict_children(("LDDeadline",)).many("LDDeadline"):
        deadline.refuse_attributes()
        moment = deadline.strict_children(("DateTime", "NatureOfDeadline", "OtherInformation")).optional("DateTime")
        moments += [parse_moment(moment)] if moment is not None else []
    return tuple(moments)


def _recipients(node: Node | None) -> tuple[Recipient, ...]:
    """Who gets the data. Addresses are shown: people deliver, and not this program."""
    if node is None:
        return ()
    recipients = []
    for one in node.strict_children(("LDDeliveryDestination",)).many("LDDeliveryDestination"):
        profile = one.optional("LDDeliveryProfile")
        entry = None if profile is None else parse_entry(profile)
        if entry is not None and profile is not None and (entry.owner, entry.name) == (ETSI, "EPOCDeliveryProfile"):
            parse_known(profile, {"EPOCDeliveryProfile": names.RECIPIENTS})
            recipients.append(names.RECIPIENTS[entry.value])
    return tuple(dict.fromkeys(recipients))


class _Asked:
    """What one task asks for, as an identifier of a form, or why it cannot be answered."""

    def __init__(self, number: str, parts: Children) -> None:
        self._number, self._parts = number, parts
        self._why: list[_Unanswerable] = []
        self._format = ""
        details = parts.optional("RequestDetails")
        if details is None:
            raise Fault(ErrorCode.REQUIRED_MISSING, f"{parts.of.where}: no RequestDetails, expected one")
        details.refuse_attributes()
        self._details = details.strict_children(_DETAILS)

    def read(self) -> AskedIdentifier:
        categories, ranges, (kind, value) = self._categories(), self._ranges(), self._value()
        return AskedIdentifier(
            id=self._number,
            type=kind,
            value=value,
            ranges=ranges,
            categories=categories,
            other=self._other(),
            unanswerable=self._why[0] if self._why else None,
        )

    def _insufficient(self, sentence: str) -> None:
        self._why.append((Reason.INSUFFICIENT_INFORMATION, sentence))

    def _categories(self) -> tuple[AskedCategory, ...]:
        node = self._details.optional("Type")
        if node is None:
            self._insufficient("it names no kind of data")
            return ()
        kind = parse_known(node, {"RequestType": CATEGORIES}).value
        subtypes = self._details.optional("Subtype")
        codes = () if subtypes is None else _subtypes(subtypes)
        if not CATEGORIES[kind]:
            self._insufficient("it says only in words what is asked")
        return tuple(AskedCategory(category=one, options=(kind, *codes), other="") for one in CATEGORIES[kind])

    def _ranges(self) -> tuple[TimeRange, ...]:
        start, end = (self._details.optional(name) for name in ("StartTime", "EndTime"))
        moments = [None if node is None else parse_moment(node) for node in (start, end)]
        if moments[0] is not None and moments[1] is not None:
            return (TimeRange(start=moments[0], end=moments[1]),)
        if moments != [None, None]:
            self._insufficient("it names one end of its time alone")
        elif self._observed():
            self._insufficient("it names when the identifier was seen, and no range of time")
        return ()

    def _observed(self) -> tuple[Node, ...]:
        return (*self._details.many("ObservedTime"), *self._details.many("ObservedTimes"))

    def _value(self) -> tuple[IdentifierType | None, str]:
        node = self._details.optional("RequestValues")
        values = [] if node is None else [_request_value(one) for one in _values(node)]
        if len(values) != 1:
            several = "it names several values, which may hold together: a task may name one here"
            self._insufficient(several if values else "it names nobody")
            return None, ""
        owner, name, value = values[0]
        self._format = "" if owner == ETSI and name in FORMATS else f"format {owner} {name}"
        if owner != ETSI or name not in FORMATS:
            self._insufficient("its identifier is of a format that is not read here")
        else:
            kind = FORMATS[name]
            if kind is IdentifierType.IMEI_NUMBER:
                return kind, self._imei(name, value)
            is_digits = kind is IdentifierType.PHONE_NUMBER and _DIGITS.fullmatch(value)
            return kind, f"+{value}" if is_digits else value
        return None, value

    def _imei(self, name: str, value: str) -> str:
        """The IMEI with its check digit, or the value as it is.

        Only a format says that digits have none to check. So those of another number of digits name nobody for certain;
        15 that check themselves may stand where the format has 14.
        """
        length = names.IMEI_DIGITS[name]
        whole = whole_imei(value, length) or (whole_imei(value) if length < len(value) else None)
        if whole is None:
            self._insufficient(f"its identifier is no {name} of a handset, which has {length} digits")
        return whole or value

    def _other(self) -> str:
        texts = [self._format] if self._format else []
        words = self._parts.optional("ManualInformation")
        texts += [] if words is None else [words.text()]
        return "; ".join([*texts, *(f"seen at {parse_moment(node).isoformat()}" for node in self._observed())])


def _values(node: Node) -> tuple[Node, ...]:
    node.refuse_attributes()
    return tuple(node.strict_children(("RequestValue",)).many("RequestValue"))


def _request_value(node: Node) -> tuple[str, str, str]:
    """Whose format, which format, and the value."""
    node.refuse_attributes()
    parts = node.strict_children(("FormatType", "Value"))
    form = parts.one("FormatType")
    form.refuse_attributes()
    fields = form.strict_children(("FormatOwner", "FormatName"))
    value = parts.one("Value").text()
    if not 1 <= len(value) <= MAX_VALUE or not value.isprintable():
        raise Fault(ErrorCode.IMPROPER_VALUE, f"{node.where}/Value: expected 1 to {MAX_VALUE} printable characters")
    return fields.one("FormatOwner").text(), fields.one("FormatName").text(), value


def _subtypes(node: Node) -> tuple[str, ...]:
    """Codes that are shown. A value may be nil: then the sender had a code that its dictionary lacks."""
    node.refuse_attributes()
    codes = []
    for one in node.strict_children(("RequestSubtype",)).many("RequestSubtype"):
        one.refuse_attributes()
        parts = one.strict_children(("Owner", "Name", "Value"))
        value = parts.one("Value")
        if value.element.get(f"{{{XSI}}}nil") == "true":
            value.refuse_attributes(but=(f"{{{XSI}}}nil",))
            if len(value.element) or (value.element.text or "").strip():
                raise Fault(ErrorCode.INVALID, f"{value.where}: nil with a value, expected one of both")
            text = "no value"
        else:
            text = value.text()
        codes.append(f"{parts.one('Owner').text()} {parts.one('Name').text()}: {text}")
    return tuple(codes)
