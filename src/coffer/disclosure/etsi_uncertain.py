"""The parts of our ETSI TS 102 657 messages that no schema or real program has confirmed. Pure.

A real client was seen to import the paths in ``etsi.py``. The names here follow the text of the standard as we
understand it, and a reader who has RDMessage.xsd should check them. ``docs/formats/etsi.md`` lists each point by the
name of its constant or function. Nothing else in the package depends on whether they are right.
"""

from collections.abc import Sequence
from typing import Final

from lxml import etree

STATUS_LAST: Final = "responseComplete"
STATUS_MORE: Final = "responseIncomplete"
"""The status of all files of one answer but the last. The client accepts it; the order follows the standard's text."""
STATUS_FAILED: Final = "responseFailed"
"""Seen with the type FurtherInformation. That this type is a text, and its greatest length, are from memory."""
MAX_FURTHER_INFORMATION: Final = 255

EMAIL_USAGE: Final = "msgServiceUsage"
"""The alternative of messageRecord for a sent or received e-mail."""
EMAIL_EVENT, EMAIL_TIME, EMAIL_SENDER, EMAIL_RECIPIENTS, EMAIL_RECIPIENT = (
    "msgTransmission",
    "dateTime",
    "senderAddress",
    "recipients",
    "recipient",
)
"""Elements within msgServiceUsage, a choice; a mail in transit is its alternative msgTransmission.

Names and order are from memory.
"""

CLI_WITHHELD: Final = "cliWithheld"
"""A value of BasicEventType, seen in use.

That an eventInformation of telephonyServiceUsage holds it in these elements is from memory.
"""
_EVENT: Final = ("eventInformation", "TelephonyEventInformation", "type", "basic", CLI_WITHHELD)

NATIONAL_RESPONSE: Final = "nationalResponsePayload"
"""Seen in a responseMessage, behind responsePayload.

Its countryCode is from memory; the elements that a country adds behind it are our own.
"""

# The names of a request message, from the standard's text.
REQUEST: Final = "requestMessage"
PARAMETERS: Final = "requestParameters"
CONSTRAINT_ITEM: Final = "RequestConstraint"
"""The element around one item of requestParameters. Some messages wrap their items; both forms are read."""
MAX_HITS: Final = "maxHits"
IGNORED: Final = ("requestPriority", "deliveryPointHIB", "maxRecordsPerBatch")
"""Urgency, delivery address and portions. None of them changes what may be opened, so all are ignored."""
EQUALS, MEMBER, FROM, TO = "equals", "isAMemberOf", "greaterThanOrEqualTo", "lessThanOrEqualTo"
REFUSED_CONSTRAINTS: Final = ("notEqualTo", "lessThan", "greaterThan", "startsWith", "endsWith")
"""Known and always refused: ranges, prefixes and suffixes of identities would be bulk search."""
_PARTY: Final = "telephonyRecord/telephonyServiceUsage/partyInformation/TelephonyPartyInformation"
NUMBER_PATH: Final = f"{_PARTY}/partyNumber"
IMSI_PATH: Final = f"{_PARTY}/iMSI"
IMEI_PATH: Final = f"{_PARTY}/iMEI"
ADDRESS_PATH: Final = f"messageRecord/{EMAIL_USAGE}/emailAddress"
FIRST_PATHS: Final = (
    "telephonyRecord/telephonyServiceUsage/communicationTime/startTime",
    f"{_PARTY}/communicationTime/startTime",
    f"messageRecord/{EMAIL_USAGE}/communicationTime/startTime",
)
LAST_PATHS: Final = (*FIRST_PATHS, *(path.replace("startTime", "endTime") for path in FIRST_PATHS))
"""A message may set its last moment for a record's start or for its end.

Both are read as the start, because a record belongs to the day on which it starts.
"""
REQUEST_ID_IGNORED: Final = ("externalIdentifier",)
"""Other names that the authority gives its request. The response repeats only the requestNumber."""
HEADER_IGNORED: Final = ("cSPID", "timeStamp", "requestType", "requestFlag")


def add_message_record(payload: etree._Element, namespace: str, *, time: str, sender: str, recipient: str) -> None:
    """Add a ``messageRecord`` below a recordPayload; an empty address is left out.

    Its essentials stand in otherInformation too, because clients keep that.
    """
    event = _nested(payload, namespace, ("messageRecord", EMAIL_USAGE, EMAIL_EVENT))
    _nested(event, namespace, (EMAIL_TIME,)).text = time
    if sender:
        _nested(event, namespace, (EMAIL_SENDER,)).text = sender
    if recipient:
        _nested(event, namespace, (EMAIL_RECIPIENTS, EMAIL_RECIPIENT)).text = recipient


def add_withheld_caller(usage: etree._Element, namespace: str) -> None:
    """Add an event to the call: the caller withheld the number."""
    _nested(usage, namespace, _EVENT)


def add_national_response(message: etree._Element, namespace: str, *, country: str, text: str) -> None:
    """Add the remarks on the whole answer."""
    payload = _nested(message, namespace, (NATIONAL_RESPONSE,))
    _nested(payload, namespace, ("countryCode",)).text = country
    _nested(payload, namespace, ("otherInformation",)).text = text


def _nested(parent: etree._Element, namespace: str, names: Sequence[str]) -> etree._Element:
    for name in names:
        parent = etree.SubElement(parent, f"{{{namespace}}}{name}")
    return parent
