"""Everything in our ETSI TS 102 657 messages that was not checked against the schema or a real program. Pure.

The paths in ``etsi.py`` are those that a real client was seen to import. What stands here follows the text of the
standard as we understand it, and a reader who has RDMessage.xsd should check it; ``docs/formats/etsi.md`` lists each
point by the name of its constant or function. Nothing else in the package depends on how these turn out.
"""

from collections.abc import Sequence
from typing import Final

from lxml import etree

STATUS_LAST: Final = "responseComplete"
STATUS_MORE: Final = "responseIncomplete"
"""All files of one answer but the last: the client takes either, the order of a multi-part response is by the text."""
STATUS_FAILED: Final = "responseFailed"
"""Seen with the type FurtherInformation; that this is a text, and how long it may be, is from memory."""
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
"""Within msgServiceUsage, a choice whose alternative for a mail on its way is msgTransmission: names and order from memory."""

CLI_WITHHELD: Final = "cliWithheld"
"""A value of BasicEventType that was seen; that an eventInformation of telephonyServiceUsage holds it in these elements is from memory."""
_EVENT: Final = ("eventInformation", "TelephonyEventInformation", "type", "basic", CLI_WITHHELD)

NATIONAL_RESPONSE: Final = "nationalResponsePayload"
"""Of responseMessage, behind responsePayload: seen. Its countryCode and what a country adds behind it are from memory and ours."""

# What a request message looks like: names from the standard's text.
REQUEST: Final = "requestMessage"
PARAMETERS: Final = "requestParameters"
CONSTRAINT_ITEM: Final = "RequestConstraint"
"""The element of one item of requestParameters, if the items are wrapped; both forms are read."""
MAX_HITS: Final = "maxHits"
IGNORED: Final = ("requestPriority", "deliveryPointHIB", "maxRecordsPerBatch")
"""How urgent, where to, and in what portions: none changes what may be opened. Our files hold at most 1,000 records."""
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
REQUEST_ID_IGNORED: Final = ("externalIdentifier",)
"""Whatever else the authority calls its request; the response bears the requestNumber."""
HEADER_IGNORED: Final = ("cSPID", "timeStamp", "requestType", "requestFlag")


def add_message_record(payload: etree._Element, namespace: str, *, time: str, sender: str, recipient: str) -> None:
    """``messageRecord`` below a recordPayload; its essentials are in otherInformation too, which clients keep. An empty address is left out."""
    event = _nested(payload, namespace, ("messageRecord", EMAIL_USAGE, EMAIL_EVENT))
    _nested(event, namespace, (EMAIL_TIME,)).text = time
    if sender:
        _nested(event, namespace, (EMAIL_SENDER,)).text = sender
    if recipient:
        _nested(event, namespace, (EMAIL_RECIPIENTS, EMAIL_RECIPIENT)).text = recipient


def add_withheld_caller(usage: etree._Element, namespace: str) -> None:
    """That the caller's number was withheld, as an event of the call."""
    _nested(usage, namespace, _EVENT)


def add_national_response(message: etree._Element, namespace: str, *, country: str, text: str) -> None:
    """What the answer as a whole says beside its records."""
    payload = _nested(message, namespace, (NATIONAL_RESPONSE,))
    _nested(payload, namespace, ("countryCode",)).text = country
    _nested(payload, namespace, ("otherInformation",)).text = text


def _nested(parent: etree._Element, namespace: str, names: Sequence[str]) -> etree._Element:
    for name in names:
        parent = etree.SubElement(parent, f"{{{namespace}}}{name}")
    return parent
