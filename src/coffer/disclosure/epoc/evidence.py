"""Whom, when and what a form asks for, read from its Evidence elements. Pure; nothing is passed over."""

import datetime as dt
import re
from typing import Final

from coffer.authority.period import format_instant, parse_instant
from coffer.disclosure.epoc.form import AskedCategory, AskedIdentifier, TimeRange
from coffer.disclosure.epoc.names import DataCategory, IdentifierType
from coffer.disclosure.epoc.nodes import Node
from coffer.errors import MalformedInput

MAX_VALUE: Final = 320
"""Characters of an identifier. The longest is an e-mail address."""
_TYPES: Final = tuple(kind for kind in IdentifierType if kind is not IdentifierType.IMSI)
_ID: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_OPTION: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_TIME: Final = re.compile(r"([0-9-]{10}T[0-9:]{8})(?:\.0+)?(Z|[+-][0-9]{2}:[0-9]{2})")
_SECOND: Final = dt.timedelta(seconds=1)


def parse_evidence(section: Node, option: str, limit: int) -> tuple[AskedIdentifier, ...]:
    """The identifiers of a section, in its order.

    ``option``: the element that names a code of data. ``limit``: how many identifiers at most.
    """
    section.refuse_attributes()
    nodes = section.strict_children(("Evidence",)).many("Evidence")
    if not 1 <= len(nodes) <= limit:
        raise MalformedInput(f"{section.where}: {len(nodes)} Evidence, expected 1 to {limit}")
    identifiers = tuple(_identifier(node, option) for node in nodes)
    if len({identifier.id for identifier in identifiers}) != len(identifiers):
        raise MalformedInput(f"{section.where}: an Id stands there twice, expected each once")
    return identifiers


def _identifier(evidence: Node, option: str) -> AskedIdentifier:
    evidence.refuse_attributes()
    parts = evidence.strict_children(("Identifier", "DataCategories"))
    node, data = parts.one("Identifier"), parts.one("DataCategories")
    node.refuse_attributes()
    data.refuse_attributes()
    fields = node.strict_children(("Id", "Type", "Value", "DateTimeRange"))
    id_, kind, value = fields.one("Id").text(), fields.one("Type").text(), fields.one("Value").text()
    if not _ID.fullmatch(id_):
        raise MalformedInput(f"{node.where}/Id: expected a number")
    if kind not in _TYPES:
        raise MalformedInput(f"{node.where}/Type: an unknown code, expected {', '.join(_TYPES)}")
    if not 1 <= len(value) <= MAX_VALUE or not value.isprintable():
        raise MalformedInput(f"{node.where}/Value: expected 1 to {MAX_VALUE} printable characters")
    categories = data.strict_children((*DataCategory, "OtherInformation"))
    other = categories.optional("OtherInformation")
    asked = [(name, categories.optional(name)) for name in DataCategory]
    return AskedIdentifier(
        id=id_,
        type=IdentifierType(kind),
        value=value,
        ranges=tuple(_range(one) for one in fields.many("DateTimeRange")),
        categories=tuple(_category(name, one, option) for name, one in asked if one is not None),
        other="" if other is None else other.text(),
    )


def _category(name: DataCategory, node: Node, option: str) -> AskedCategory:
    node.refuse_attributes()
    parts = node.strict_children((option, "Other", "OtherText"))
    options = tuple(one.text() for one in parts.many(option))
    if not all(_OPTION.fullmatch(code) for code in options):
        raise MalformedInput(f"{node.where}/{option}: expected a code of letters, digits and _")
    texts = [parts.optional(other) for other in ("Other", "OtherText")]
    other = "; ".join(text for one in texts if one is not None and (text := one.text()))
    return AskedCategory(category=name, options=options, other=other)


def _range(node: Node) -> TimeRange:
    node.refuse_attributes()
    parts = node.strict_children(("Start", "End"))
    return TimeRange(start=parse_moment(parts.one("Start")), end=parse_moment(parts.one("End")))


def parse_moment(node: Node) -> dt.datetime:
    """An xs:dateTime to the second, with its offset."""
    match = _TIME.fullmatch(node.text())
    try:
        if match is None:
            raise MalformedInput("time")
        offset = "+00:00" if match[2] in {"Z", "-00:00"} else match[2]
        instant = parse_instant(match[1] + offset, "time")
        # A note ends its period one second after the last moment, so that second must be in the calendar too.
        parse_instant(format_instant(instant + _SECOND), "time")
    except (MalformedInput, OverflowError):
        raise MalformedInput(
            f"{node.where}: not a time, expected YYYY-MM-DDThh:mm:ss and Z or +hh:mm",
            hint="a time without its offset names several moments: ask the authority",
        ) from None
    return instant
