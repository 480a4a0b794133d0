"""Names and codes of the messages that are read; ``coffer.disclosure.epoc.hi1`` has more. Pure."""

from enum import IntEnum, StrEnum
from typing import Final

from coffer.disclosure.epoc.hi1 import AUTHORISATION, COMMON, CORE, TASK
from coffer.disclosure.epoc.names import DataCategory, Deadline, IdentifierType, IssuerType, Recipient
from coffer.disclosure.epoc.nodes import Vocabulary
from coffer.errors import MalformedInput

SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
ETSI: Final = "ETSI"
MESSAGE: Final = "HI1Message"
"""The root of a message."""
WORDS: Final = Vocabulary(
    name="the namespaces of ETSI TS 103 120", namespaces=frozenset({CORE, COMMON, AUTHORISATION, TASK, SIGNATURE})
)


class ErrorCode(IntEnum):
    """Why an action or a message is not carried out: codes of TS 103 120, annex D."""

    NOT_SUPPORTED = 3001
    DUPLICATE_ACTION = 3002
    REQUIRED_MISSING = 3005
    IMPROPER_VALUE = 3007
    EXISTS = 3010
    LINK_MISSING = 3016
    INVALID = 3020
    VERSION = 3021


class Fault(MalformedInput):
    """Something in a message that is not as it must be. ``code``: how the answer says it."""

    def __init__(self, code: ErrorCode, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Verb(StrEnum):
    """What an action asks to be done with an object."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    GET = "GET"
    LIST = "LIST"
    DELIVER = "DELIVER"
    CONFIGURATION = "GETCSPCONFIG"


class Kind(StrEnum):
    """The objects that are known, by their ``xsi:type`` without its prefix."""

    AUTHORISATION = "AuthorisationObject"
    DISCLOSURE = "LDTaskObject"
    PRESERVATION = "LPTaskObject"
    DOCUMENT = "DocumentObject"
    NOTIFICATION = "NotificationObject"
    ADDITIONAL = "EPOCAdditionalInfoObject"


TASKS: Final = (Kind.DISCLOSURE, Kind.PRESERVATION)
READ: Final = {Kind.AUTHORISATION: AUTHORISATION, Kind.DISCLOSURE: TASK, Kind.PRESERVATION: TASK}
"""The objects that are read, with the namespace of their own elements; the others are shown."""


class Flag(StrEnum):
    """What a flag of an Authorisation or a task says; any other is refused."""

    EMERGENCY = "IsEmergency"
    CONSENSUAL = "IsConsensual"
    LOCAL = "IsLocal"
    DELAY = "DelayInformingUser"
    NOTIFIED = "EnforcingAuthorityNotified"


UNSUPPORTED_FLAGS: Final = {
    "IsTest": "it is for test purposes, and no records are opened for a test",
    "IsDataAvailable": "it asks only whether there are records, which is not told without opening them",
    "IsNonLocal": "it names somebody who is not a user of this service",
}
AUTHORISATION_FLAGS: Final = {
    "AuthorisationFlag": (Flag.EMERGENCY, Flag.CONSENSUAL),
    "EPOCAuthorisationFlag": (Flag.DELAY, Flag.NOTIFIED),
}
TASK_FLAGS: Final = {"LDTaskFlag": (Flag.EMERGENCY, Flag.LOCAL)}

LEGAL_TYPES: Final = {"EPOC": Kind.DISCLOSURE, "EPOCPR": Kind.PRESERVATION}
"""The orders of the Union, by the value of EPOCLegalType, and the tasks that each has."""
SHORT: Final = "EightHours"
"""The EPOCPriority of an emergency."""
DEADLINES: Final = {"TenDaysASAP": Deadline.SOON, "TenDaysSubjectToEA": Deadline.AT_THE_END}
PRIORITIES: Final = ("High", "Routine")
"""The values of AuthorisationPriority."""
ROLES: Final = {
    "PublicProsecutor": IssuerType.PROSECUTOR,
    "JudgeCourtOrInvestigatingJudge": IssuerType.COURT,
    "OtherCompetentAuthority": IssuerType.OTHER,
}
RECIPIENTS: Final = {
    "IssuingAuthority": Recipient.ISSUING,
    "ValidatingAuthority": Recipient.VALIDATING,
    "OtherCompetentAuthority": Recipient.OTHER,
}
CATEGORIES: Final = {
    "SubscriberData": (DataCategory.SUBSCRIBER,),
    "UserIdentifyingData": (DataCategory.USER_IDENTIFICATION,),
    "TrafficData": (DataCategory.TRAFFIC,),
    "StoredContentData": (DataCategory.CONTENT,),
    "SubscriberDataAndUserIdentifyingData": (DataCategory.SUBSCRIBER, DataCategory.USER_IDENTIFICATION),
    "TrafficDataAndStoredContentData": (DataCategory.TRAFFIC, DataCategory.CONTENT),
    "Other": (),
}
"""The values of RequestType."""
FORMATS: Final = {
    "InternationalE164": IdentifierType.PHONE_NUMBER,
    "GPSIMSISDN": IdentifierType.PHONE_NUMBER,
    "EmailAddress": IdentifierType.EMAIL,
    "InternationalizedEmailAddress": IdentifierType.EMAIL,
    "IPv4Address": IdentifierType.IPV_4,
    "IPV4Address": IdentifierType.IPV_4,
    "IPv6Address": IdentifierType.IPV_6,
    "IPV6Address": IdentifierType.IPV_6,
    "IPv4CIDR": IdentifierType.IP_BLOCKS,
    "IPv6CIDR": IdentifierType.IP_BLOCKS,
    "IPAddressPort": IdentifierType.IP_ADDRESS_RANGE,
    "IPAddressPortRange": IdentifierType.IP_ADDRESS_RANGE,
    "MACAddress": IdentifierType.MAC_ADDRESS,
    "IMEI": IdentifierType.IMEI_NUMBER,
    "IMEICheckDigit": IdentifierType.IMEI_NUMBER,
    "IMEISV": IdentifierType.IMEI_NUMBER,
    "PEIIMEI": IdentifierType.IMEI_NUMBER,
    "PEIIMEICheckDigit": IdentifierType.IMEI_NUMBER,
    "PEIIMEISV": IdentifierType.IMEI_NUMBER,
    "IMSI": IdentifierType.IMSI,
    "SUPIIMSI": IdentifierType.IMSI,
}
"""Formats of a value, by the names that TS 103 280 gives them; any other is told as not answered."""
IMEI_DIGITS: Final = {
    "IMEI": 14,
    "IMEICheckDigit": 15,
    "IMEISV": 16,
    "PEIIMEI": 14,
    "PEIIMEICheckDigit": 15,
    "PEIIMEISV": 16,
}
"""How many digits a format of an IMEI has (TS 103 280; of a PEI as TS 33.128 has them)."""
AWAITING: Final = {Kind.DISCLOSURE: "AwaitingDisclosure", Kind.PRESERVATION: "AwaitingPreservation"}
READY: Final = ("SubmittedToCSP", "Approved", "EmergencyApproval")
"""The statuses of an Authorisation that may be carried out."""
