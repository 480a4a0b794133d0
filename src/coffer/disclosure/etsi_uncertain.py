"""Everything in our ETSI TS 102 657 messages that was not checked against the schema or a real program. Pure.

The paths in ``etsi.py`` are those that a real client was seen to import. What stands here follows the text of the
standard as we understand it, and a reader who has RDMessage.xsd should check it; ``docs/formats/etsi.md`` lists each
point by the name of its constant or function. Nothing else in the package depends on how these turn out.
"""

from typing import Final

from lxml import etree

STATUS_LAST: Final = "responseComplete"
STATUS_MORE: Final = "responseIncomplete"
"""All files of one answer but the last: the client takes either, the order of a multi-part response is by the text."""

PARTY_TYPES: Final = {
    "withheld": "number withheld",
    "short": "short code",
    "sender": "alphanumeric sender",
    "opaque": "local identity",
    "dialled": "digits as dialled",
}
"""``partyType/other`` of a party that is no E.164 number; where partyType stands in the schema is not known."""

EMAIL_USAGE: Final = "msgServiceUsage"
"""The alternative of messageRecord for a sent or received e-mail; left empty, since the names within are not known."""

# What a request message looks like: names from the standard's text.
REQUEST: Final = "requestMessage"
PARAMETERS: Final = "requestParameters"
CONSTRAINT_ITEM: Final = "RequestConstraint"
"""The element of one item of requestParameters, if the items are wrapped; both forms are read."""
MAX_HITS: Final = "maxHits"
IGNORED: Final = ("requestPriority", "deliveryPointHIB")
"""How urgent, and where to: neither changes what may be opened."""
EQUALS, MEMBER, FROM, TO = "equals", "isAMemberOf", "greaterThanOrEqualTo", "lessThanOrEqualTo"
REFUSED_CONSTRAINTS: Final = ("notEqualTo", "lessThan", "greaterThan", "startsWith", "endsWith")
"""Known and never followed: ranges, prefixes and suffixes of identities would be bulk search."""
_PARTY: Final = "telephonyRecord/telephonyServiceUsage/partyInformation/TelephonyPartyInformation"
NUMBER_PATH: Final = f"{_PARTY}/partyNumber"
ADDRESS_PATH: Final = f"messageRecord/{EMAIL_USAGE}/emailAddress"
FIRST_PATHS: Final = (
    "telephonyRecord/telephonyServiceUsage/communicationTime/startTime",
    f"{_PARTY}/communicationTime/startTime",
    f"messageRecord/{EMAIL_USAGE}/communicationTime/startTime",
)
LAST_PATHS: Final = (*FIRST_PATHS, *(path.replace("startTime", "endTime") for path in FIRST_PATHS))
"""The last moment may be asked of the start or of the end; a record belongs to the day on which it starts."""
HEADER_IGNORED: Final = ("cSPID", "timeStamp", "requestType", "requestFlag")


def add_party_type(party: etree._Element, namespace: str, text: str) -> None:
    """``partyType/other`` below a party."""
    kind = etree.SubElement(party, f"{{{namespace}}}partyType")
    etree.SubElement(kind, f"{{{namespace}}}other").text = text


def add_message_record(payload: etree._Element, namespace: str) -> None:
    """``messageRecord`` below a recordPayload; its essentials are in otherInformation, which clients keep."""
    record = etree.SubElement(payload, f"{{{namespace}}}messageRecord")
    etree.SubElement(record, f"{{{namespace}}}{EMAIL_USAGE}")
