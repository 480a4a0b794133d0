"""Names and codes of the forms as XML, and of the messages that answer them. Pure.

The forms' own schemas were not to be had. These names are what a converter of the same forms reads and writes;
``docs/formats/epoc.md`` says of each how certain it is, and nothing else in the room depends on their spelling.
"""

from enum import StrEnum
from typing import Final

EPOC: Final = "http://data.europa.eu/edm/1/ns/epoc"
EIO: Final = "http://data.europa.eu/edm/1/ns/eio"


class FormKind(StrEnum):
    """The forms, by the name of their element."""

    PRODUCTION = "epocForm1"
    PRESERVATION = "epocPrForm2"
    IMPOSSIBLE = "epocForm3"
    SUBSEQUENT = "epocPrForm5"
    EXTENSION = "epocPrForm6"


NAMESPACES: Final = {
    FormKind.PRODUCTION: "http://data.europa.eu/edm/1/ns/forms/EPOC-FORM_1#",
    FormKind.PRESERVATION: "http://data.europa.eu/edm/1/ns/forms/EPOC-PR-FORM-2#",
    FormKind.IMPOSSIBLE: "http://data.europa.eu/edm/1/ns/forms/EPOC-FORM-3#",
    FormKind.SUBSEQUENT: "http://data.europa.eu/edm/1/ns/forms/EPOC-PR-FORM-5#",
    FormKind.EXTENSION: "http://data.europa.eu/edm/1/ns/forms/EPOC-PR-FORM-6#",
}
TITLES: Final = {
    FormKind.PRODUCTION: "Form 1, a European Production Order",
    FormKind.PRESERVATION: "Form 2, a European Preservation Order",
    FormKind.IMPOSSIBLE: "Form 3, a provider's own reply",
    FormKind.SUBSEQUENT: "Form 5, which says that a preserved person's data will be asked for",
    FormKind.EXTENSION: "Form 6, which extends a preservation",
}
INSTRUMENTS: Final = {
    FormKind.PRODUCTION: "EPOC",
    FormKind.PRESERVATION: "EPOCPR",
    FormKind.SUBSEQUENT: "EPOCPR",
    FormKind.EXTENSION: "EPOCPR",
}
"""The first part of a globalCaseId, by form."""


class IdentifierType(StrEnum):
    """What an order may name a user by."""

    PHONE_NUMBER = "PHONE_NUMBER"
    EMAIL = "EMAIL"
    IPV_4 = "IPV_4"
    IPV_6 = "IPV_6"
    IP_ADDRESS_RANGE = "IP_ADDRESS_RANGE"
    IP_BLOCKS = "IP_BLOCKS"
    IMEI_NUMBER = "IMEI_NUMBER"
    MAC_ADDRESS = "MAC_ADDRESS"
    USER_ID = "USER_ID"
    IMSI = "IMSI"
    """Of a message alone: no form has it."""


class DataCategory(StrEnum):
    """The four categories of data."""

    SUBSCRIBER = "Subscriber"
    USER_IDENTIFICATION = "UserIdentification"
    TRAFFIC = "Traffic"
    CONTENT = "Content"


class Deadline(StrEnum):
    """How soon the order is to be answered."""

    SOON = "AS_SOON_AS_POSSIBLE"
    AT_THE_END = "AT_THE_END_OF_TEN_DAYS"
    THREAT_TO_LIFE = "IMMINENT_THREAT_TO_LIFE"
    THREAT_TO_INFRASTRUCTURE = "IMMINENT_THREAT_TO_CRITICAL_INFRASTRUCTURE"

    @property
    def is_emergency(self) -> bool:
        """Whether eight hours are left, and not ten days."""
        return self in {Deadline.THREAT_TO_LIFE, Deadline.THREAT_TO_INFRASTRUCTURE}


class IssuerType(StrEnum):
    """What kind of authority issued the order."""

    PROSECUTOR = "PUBLIC_PROSECUTOR"
    COURT = "JUDGE_COURT_OR_INVESTIGATING_JUDGE"
    JUDGE = "JUDGE"
    OTHER = "OTHER_COMPETENT_AUTHORITY"


class Recipient(StrEnum):
    """Who is to get the data."""

    ISSUING = "ISSUING_AUTHORITY"
    VALIDATING = "VALIDATING_AUTHORITY"
    OTHER = "OTHER_COMPETENT_AUTHORITY"


class Reason(StrEnum):
    """Why something is not executed: the reasons of annex III, as codes."""

    INCOMPLETE = "INCOMPLETE"
    MANIFEST_ERRORS = "MANIFEST_ERRORS"
    INSUFFICIENT_INFORMATION = "INSUFFICIENT_INFORMATION"
    DATA_NOT_HELD = "DATA_NOT_HELD"
    DE_FACTO_IMPOSSIBILITY = "DE_FACTO_IMPOSSIBILITY"
    INVALID_ISSUING_AUTHORITY = "INVALID_ISSUING_AUTHORITY"
    OFFENCE_NOT_COVERED = "OFFENCE_NOT_COVERED"
    SERVICE_NOT_COVERED = "SERVICE_NOT_COVERED"
    IMMUNITIES_OR_PRIVILEGES = "IMMUNITIES_OR_PRIVILEGES"
    CONFLICT_OF_LAW = "CONFLICT_OF_LAW"
