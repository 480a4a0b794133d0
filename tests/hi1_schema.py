"""What ETSI's schema v1.23.1 of TS 103 120 says of the objects that are written here, as a check of our own.

The facts stand in ``docs/formats/hi1.md``, with their source. A type is its elements in their order, each with how
often it may stand there; a text is a pattern; a value of a dictionary is one of a list.
"""

import re

from lxml import etree

from coffer.disclosure.epoc import hi1

XSI = "{http://www.w3.org/2001/XMLSchema-instance}type"
SHORT, LONG = r"(?s:.{0,255})", r"(?s:.{0,65535})"
UUID = r"[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}"
NUMBER, BOOLEAN, COUNTRY, LDID = r"[0-9]+", "true|false", "[A-Z]{2}", "[A-Z]{2}-.+-.+"
MOMENT = r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}"
SECOND, MICROSECOND = (MOMENT + part + r"(Z|[+-][0-9]{2}:[0-9]{2})" for part in ("", r"\.[0-9]{6}"))
BASE64 = r"[A-Za-z0-9+/]*={0,2}"
ANY = object()
"""Anything of another namespace."""
STATUS, TEXT, E164 = "Entry", LONG, "[0-9]{1,15}"
REQUEST = {"CREATE": "Created", "UPDATE": "Created", "DELIVER": "Delivered", "GET": "Identified", "LIST": "Listed",
           "GETCSPCONFIG": "Nothing"}  # fmt: skip
RESPONSE = {"GETResponse": "Created", "CREATEResponse": "Response", "UPDATEResponse": "Response",
            "DELIVERResponse": "Identified", "ErrorInformation": "Error"}  # fmt: skip
BASE = "ObjectIdentifier CountryCode? OwnerIdentifier? Generation? ExternalIdentifier? AssociatedObjects? LastChanged?"
DETAILS = "Type? StartTime? EndTime? {} RequestValues? Subtype? TargetIdentifierSubtype?"
TYPES = {
    "HI1Message": "Header Payload Signature? Signatures?",
    "Header": "SenderIdentifier ReceiverIdentifier TransactionIdentifier Timestamp Version WorkflowIdentifier?",
    "Endpoint": "CountryCode UniqueIdentifier",
    "Version": "ETSIVersion NationalProfileOwner NationalProfileVersion",
    "Payload": "RequestPayload|ResponsePayload",
    "RequestPayload": "ActionRequests",
    "ActionRequests": "ActionRequest+",
    "ActionRequest": "ActionIdentifier " + "|".join(REQUEST),
    "ResponsePayload": "ActionResponses|ErrorInformation",
    "ActionResponses": "ActionResponse+",
    "ActionResponse": "ActionIdentifier " + "|".join(RESPONSE),
    "Error": "ErrorCode ErrorDescription",
    "Created": "HI1Object",
    "Response": "Identifier HI1Object?",
    "Delivered": "Identifier HI1Object",
    "Identified": "Identifier",
    "Listed": "ObjectType? LastChanged? LastChangedTimespan? MaximumObjectCount? Status? CountryCode?",
    "Nothing": "",
    "Associated": "AssociatedObject*",
    "Entry": "Owner Name Value",
    "AuthorisationObject": f"{BASE} AuthorisationReference? AuthorisationLegalType? AuthorisationPriority? "
    "AuthorisationStatus? AuthorisationDesiredStatus? AuthorisationTimespan? AuthorisationCSPID? "
    "AuthorisationApprovalDetails* AuthorisationInvalidReason? AuthorisationFlags? AuthorisationManualInformation?",
    "CSPIDs": "CSPID+",
    "AuthorisationFlags": "AuthorisationFlag*",
    "Approval": "ApprovalType? ApprovalDescription? ApprovalReference? ApproverDetails? ApprovalTimestamp?",
    "Approver": "ApproverName? ApproverRole? ApproverContactDetails*",
    "Contact": "Name? Role? EmailAddress? PhoneNumber? FaxNumber? Address? ApproverAlternateName? "
    "ApproverEmailAddress? ApproverPhoneNumber?",
    "LDTaskObject": f"{BASE} Reference? Status? StatusReason? DesiredStatus? RequestDetails? DeliveryDetails? "
    "ApprovalDetails* CSPID? HandlingProfile? Flags? AlternativePreservationReferences? Deadlines? ManualInformation?",
    "LPTaskObject": f"{BASE} Status? StatusReason? DesiredStatus? RequestDetails? DesiredPreservationExpiration? "
    "PreservationExpiration? CSPID?",
    "Details": DETAILS.format("ObservedTime? ObservedTimes*"),
    "RequestValues": "RequestValue+",
    "RequestValue": "FormatType Value",
    "FormatType": "FormatOwner FormatName",
    "Subtype": "RequestSubtype+",
    "Destinations": "LDDeliveryDestination+",
    "Destination": "DeliveryAddress? LDHandoverFormat? LDDeliveryProfile?",
    "Address": "URL|FQDN|EndpointID",
    "Deadlines": "LDDeadline*",
    "LDDeadline": "DateTime? NatureOfDeadline? OtherInformation?",
    "Flags": "LDTaskFlag*",
    "DocumentObject": f"{BASE} DocumentReference? DocumentName? DocumentStatus? DocumentDesiredStatus? DocumentType? "
    "DocumentBody?",
    "DocumentBody": "Contents? ContentType? Checksum? ChecksumType?",
    "NotificationObject": f"{BASE} NotificationDetails? NotificationType? NewNotification? NotificationTimestamp? "
    "StatusOfAssociatedObjects?",
    "StatusOfAssociatedObjects": "AssociatedObjectStatus+",
    "AssociatedObjectStatus": "AssociatedObject Status Details?",
    "DeliveryObject": f"{BASE} Reference? DeliveryID? SequenceNumber? LastSequence? Manifest? Delivery? DeliveryStatus? "
    "DeliveryDesiredStatus?",
    "Reference": "LDID|LIID",
    "Manifest": "Specification|ExternalSchema",
    "Delivery": "BinaryData|XMLData|JSONData|URL|DataExistence",
}
"""By type its elements: ``?`` at most once, ``*`` any number, ``+`` at least once; of those with ``|`` between them one."""
NAMESPACES = {
    "AuthorisationObject": hi1.AUTHORISATION,
    "LDTaskObject": hi1.TASK,
    "LPTaskObject": hi1.TASK,
    "DocumentObject": hi1.DOCUMENT,
    "NotificationObject": hi1.NOTIFICATION,
    "DeliveryObject": hi1.DELIVERY,
}
"""Of the elements that a kind of object adds to those of every object; all below them are of it, but for ``OWN``."""
OWN = {"Entry": hi1.COMMON, "Approval": hi1.COMMON, "Approver": hi1.COMMON, "Contact": hi1.COMMON, "Endpoint": hi1.CORE}
ELEMENTS = {
    **{name: name for name in TYPES},
    **REQUEST,
    **RESPONSE,
    **dict.fromkeys(("SenderIdentifier", "ReceiverIdentifier", "CSPID", "EndpointID"), "Endpoint"),
    **dict.fromkeys(("ErrorInformation", "StatusReason", "AuthorisationInvalidReason"), "Error"),
    **dict.fromkeys(("TransactionIdentifier", "ObjectIdentifier", "Identifier", "AssociatedObject", "DeliveryID"), UUID),
    **dict.fromkeys(("ActionIdentifier", "ErrorCode", "SequenceNumber", "Generation", "MaximumObjectCount"), NUMBER),
    **dict.fromkeys(("LastSequence", "NewNotification", "DataExistence"), BOOLEAN),
    **dict.fromkeys(("OwnerIdentifier", "NationalProfileOwner", "NationalProfileVersion", "Owner", "Name", "FormatOwner",
                     "FormatName", "ContentType"), SHORT),
    **dict.fromkeys(("StartTime", "EndTime", "ObservedTime", "ObservedTimes", "DateTime", "LastChanged", "PreservationExpiration",
                     "DesiredPreservationExpiration", "NotificationTimestamp", "ApprovalTimestamp"), SECOND),
    **dict.fromkeys(("Status", "DesiredStatus", "AuthorisationLegalType", "AuthorisationPriority", "AuthorisationStatus", "LDTaskFlag",
                     "AuthorisationDesiredStatus", "AuthorisationFlag", "Type", "RequestSubtype", "LDDeliveryProfile", "LDHandoverFormat",
                     "DocumentType", "NotificationType", "Specification", "DeliveryStatus", "NatureOfDeadline"), "Entry"),
    "Timestamp": MICROSECOND, "CountryCode": COUNTRY, "ETSIVersion": r"V\d+\.\d+\.\d+", "LDID": LDID, "Contents": BASE64,
    "PhoneNumber": E164, "AssociatedObjects": "Associated", "AuthorisationCSPID": "CSPIDs", "RequestDetails": "Details",
    "AuthorisationApprovalDetails": "Approval", "ApproverDetails": "Approver", "ApproverContactDetails": "Contact",
    "DeliveryDetails": "Destinations", "LDDeliveryDestination": "Destination", "DeliveryAddress": "Address", "XMLData": ANY,
}  # fmt: skip
"""By element its type or the pattern of its text; any other is a ``LongString``."""
TASK_VALUES = {"AwaitingApproval", "Rejected", "Cancelled", "Error", "Invalid"}
DICTIONARIES = {
    "AuthorisationStatus": {"AwaitingApproval", "EmergencyApproval", "Approved", "Rejected", "Suspended", "Cancelled", "Expired",
                            "Invalid", "CreatingForCSP", "SubmittedToCSP", "AwaitingUpdateApproval"},
    "LDTaskStatus": {*TASK_VALUES, "AwaitingDisclosure", "Disclosed", "DisclosureNotAvailable"},
    "LPTaskStatus": {*TASK_VALUES, "AwaitingPreservation", "Preserved", "PreservationNotAvailable", "Expired"} - {"AwaitingApproval"},
    "ManifestSpecification": {"TS102657-ASN.1", "TS102657-XML", "TS103705", "TS103707", "TS103976"},
    "DeliveryStatus": {"Available", "Acknowledged", "Expired", "Error", "Received"},
    "NotificationType": {"General"},
}  # fmt: skip
"""Values of ETSI's dictionaries that are written; those of the profile of the Union are in no file of ETSI's."""


def verify(raw):
    """Raise ``AssertionError`` with its path for the first thing that is not as the schema has it."""
    root = etree.fromstring(raw)
    assert root.tag == f"{{{hi1.CORE}}}HI1Message"
    _verify(root, "HI1Message", hi1.CORE, "")


def _verify(element, kind, namespace, path):
    path = f"{path}/{etree.QName(element).localname}"
    if kind is ANY:
        spaces = {etree.QName(one).namespace for one in element}
        assert spaces, path
        assert not spaces & {None, namespace}, path
        return
    if kind == "HI1Object":
        prefix, _, kind = element.get(XSI).rpartition(":")
        assert element.nsmap[prefix or None] == NAMESPACES[kind], path
    else:
        assert not element.attrib, path
    if kind not in TYPES:
        assert not len(element), path
        assert re.fullmatch(kind, element.text or ""), f"{path}: {element.text}"
        return
    assert not (element.text or "").strip(), path
    names = [etree.QName(one).localname for one in element]
    pattern = "".join(_pattern(part) for part in TYPES[kind].split())
    assert re.fullmatch(pattern, "".join(f"{name} " for name in names)), f"{path}: {names}"
    for one, name in zip(element, names, strict=True):
        inner = ELEMENTS.get(name, LONG) if name != "HI1Object" else name
        inner = {("LDTaskObject", "Reference"): LDID, ("AssociatedObjectStatus", "Details"): LONG,
                 ("RequestValue", "Value"): LONG, ("Entry", "Value"): SHORT, ("Contact", "Name"): LONG,
                 ("Delivery", "URL"): ANY}.get((kind, name), inner)  # fmt: skip
        expected = _namespace(kind, name, namespace)
        assert etree.QName(one).namespace == expected, f"{path}/{name}"
        _verify(one, inner, expected, path)
    if kind == "Entry":
        owner, name, value = (one.text for one in element)
        assert owner != "ETSI" or value in DICTIONARIES.get(name, {value}), f"{path}: {name} {value}"


def _namespace(kind, name, namespace):
    """Of an element within one of a type and of a namespace."""
    if kind in NAMESPACES and f"{name}?" not in BASE and name != "ObjectIdentifier":
        return NAMESPACES[kind]
    return hi1.CORE if kind == "Associated" or kind in NAMESPACES else OWN.get(kind, namespace)


def _pattern(part):
    if "|" in part:
        return f"(?:{'|'.join(f'{name} ' for name in part.split('|'))})"
    name, times = (part[:-1], part[-1]) if part[-1] in "?*+" else (part, "")
    return f"(?:{name} ){times}"
