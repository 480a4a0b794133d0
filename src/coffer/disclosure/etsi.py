"""ETSI TS 102 657 response messages, as a client that is in use imports them. Pure.

Every path, name and form of a time here is one that the importer of ``fqlite`` was seen to read; what nobody checked is
in ``etsi_uncertain.py``. Source: ETSI TS 102 657 v1.28.1, ASN.1 of annex B; 3GPP TS 29.274 section 8.21 (user location),
TS 24.008 section 10.5.1.3 (PLMN). Described in ``docs/formats/etsi.md``.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from coffer import wire
from coffer.authority.authorization import Terms
from coffer.disclosure.etsi_request import find_reference
from coffer.disclosure.etsi_uncertain import (
    PARTY_TYPES,
    STATUS_LAST,
    STATUS_MORE,
    add_message_record,
    add_party_type,
)
from coffer.disclosure.records_csv import format_imei, format_imsi
from coffer.disclosure.verified import Disclosure
from coffer.errors import MalformedInput
from coffer.segments.opened import OpenedRow

NAMESPACE: Final = "http://uri.etsi.org/02657/v1.28.1#/RetainedData"
MAX_RECORDS: Final = 1_000
"""Records a file: the client holds a whole file in memory; an answer of more is split."""
MAX_FIELD: Final = 200
"""Characters of a header field; none that we know is near."""
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ROLES: Final = {
    ("call", "out"): ("originating-Party", "terminating-Party"),
    ("call", "in"): ("terminating-Party", "originating-Party"),
    ("call", "forwarded"): ("terminating-Party", "forwarded-to-Party"),
    ("text", "out"): ("smsOriginator", "smsRecipient"),
    ("text", "in"): ("smsRecipient", "smsOriginator"),
}
"""Roles of the subject and of its peer. A forwarded call reached the subject and went on to the peer."""
INDICATORS: Final = {
    ("call", "out"): "MOC",
    ("call", "in"): "MTC",
    ("call", "forwarded"): "MTC",
    ("text", "out"): "MOM",
    ("text", "in"): "MTM",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EtsiHeader:
    """Who answers whom: ``country`` ISO 3166, ``organisation`` that asked, its ``request_number``, and the ``csp``."""

    country: str
    organisation: str
    request_number: str
    csp: str

    def __post_init__(self) -> None:
        if not _COUNTRY.fullmatch(self.country):
            raise MalformedInput("ETSI header: country: expected two capital letters, like FR")
        for name in ("organisation", "request_number", "csp"):
            text = getattr(self, name)
            if not wire.is_printable(text) or not 1 <= len(text) <= MAX_FIELD or text != text.strip(" "):
                raise MalformedInput(f"ETSI header: {name}: expected 1 to {MAX_FIELD} printable ASCII characters")


def default_header(terms: Terms) -> EtsiHeader:
    """The header an answer bears unless the desk says otherwise.

    If the note was made from an ETSI request, that request's; else the country of the first subject (ZZ if it has none),
    the authority as ordered, the authorization's id as request number (so it is unique), and the origin as provider.
    """
    reference = find_reference(terms.basis)
    if reference is not None:
        country, organisation, number = reference.country, reference.organisation, reference.number
    else:
        country = terms.subjects[0].country() or "ZZ"
        organisation, number = terms.authority[:MAX_FIELD].strip(" "), terms.id.hex()
    return EtsiHeader(country=country, organisation=organisation, request_number=number, csp=terms.origin)


def format_etsi(
    disclosure: Disclosure, header: EtsiHeader, *, now: dt.datetime, max_records: int = MAX_RECORDS
) -> dict[str, bytes]:
    """The response as files by name, ``etsi/response-0001.xml`` on; at least one. Superseded records are not in it."""
    rows = disclosure.rows
    parts = [rows[i : i + max_records] for i in range(0, max(len(rows), 1), max_records)]
    session = f"{disclosure.authorization.commitment.hex()[:16]}-{disclosure.intent.index}"  # of this opening alone
    return {
        f"etsi/response-{n + 1:04d}.xml": _format_part(
            part, header, now=now, first=n * max_records + 1, is_last=n == len(parts) - 1, session=session
        )
        for n, part in enumerate(parts)
    }


def _format_part(
    rows: Sequence[OpenedRow], header: EtsiHeader, *, now: dt.datetime, first: int, is_last: bool, session: str
) -> bytes:
    root = etree.Element(_name("RetainedDataMessage"), nsmap={None: NAMESPACE})  # type: ignore[dict-item]  # None is how lxml writes the default namespace
    head = _add(root, "retainedDataHeader")
    request = _add(head, "requestID")
    _add(request, "countryCode", header.country)
    _add(request, "authorisedOrganisationID", header.organisation)
    _add(request, "requestNumber", header.request_number)
    _add(head, "cSPID", header.csp)
    _add(head, "timeStamp", format_etsi_time(now))
    message = _add(_add(root, "retainedDataPayload"), "responseMessage")
    _add(_add(message, "responseStatus"), STATUS_LAST if is_last else STATUS_MORE)
    payload = _add(message, "responsePayload")
    for number, row in enumerate(rows, first):
        _add_record(payload, row, number, f"{session}-{number}", header.csp)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _add_record(parent: etree._Element, row: OpenedRow, number: int, session: str, source: str) -> None:
    record = _add(parent, "ResponseRecord")
    _add(record, "recordNumber", str(number))
    payload = _add(record, "recordPayload")
    if row.kind == "email":
        add_message_record(payload, NAMESPACE)
    else:
        usage = _add(_add(payload, "telephonyRecord"), "telephonyServiceUsage")
        parties = _add(usage, "partyInformation")
        own, peer = ROLES.get((row.kind, row.direction), (None, None))
        legs = [(own, row.subject, True), (peer, row.peer, False)]
        for role, identity, is_subject in legs[::-1] if row.direction == "in" else legs:
            _add_party(parties, row, role, identity, is_subject=is_subject)
    additional = _add(record, "additionalInformation")
    _add(additional, "otherInformation", _other_information(row, session, source))


def _add_party(parent: etree._Element, row: OpenedRow, role: str | None, identity: str, *, is_subject: bool) -> None:
    """One leg. Device and place are the subject's own; a peer's are never known here, so never shown."""
    party = _add(parent, "TelephonyPartyInformation")
    if role is not None:
        _add(_add(party, "partyRole"), role)
    scheme = identity.partition(":")[0] or "withheld"
    if scheme in PARTY_TYPES:
        add_party_type(party, NAMESPACE, PARTY_TYPES[scheme])
    number = party_number(identity)
    if number:
        _add(party, "partyNumber", number)
    seconds = row.duration_s or 0
    time = _add(party, "communicationTime")
    _add(time, "startTime", format_etsi_time(row.start))
    _add(time, "endTime", format_etsi_time(row.start + dt.timedelta(seconds=seconds)))
    _add(time, "durationTime", str(seconds))
    if is_subject:
        if row.imsi:
            _add(party, "iMSI", format_imsi(row.imsi))
        if row.imei:
            _add(party, "iMEI", format_imei(row.imei))
        if row.cell:
            information = _add(_add(party, "detailedLocation"), "cellInformation")
            _add(information, "userLocationInformation", user_location(row.cell).hex().upper())


def party_number(identity: str) -> str:
    """Digits of a number or short code; empty for everything else, which is never disguised as a number."""
    scheme, _, value = identity.partition(":")
    if scheme == "tel":
        return value.removeprefix("+")
    return value.partition("/")[2] if scheme == "short" else ""


def user_location(cell: str) -> bytes:
    """A cell ``MCC-MNC-LAC-CI`` as user location information with its flag octet.

    A cell identity of at most 65,535 is a CGI (01, PLMN, LAC, CI); a longer one an ECGI (10, PLMN, ECI), and its TAC is
    left out: a client was seen to stop at a TAI that stands before an ECGI. GAP: an LTE cell of an eNB below 256 reads as a
    CGI, and an MNC of three digits below 100 as one of two; the record does not tell them apart.
    """
    mcc, mnc, area, identity = cell.split("-")
    third = mnc[2] if len(mnc) == 3 else "F"
    plmn = bytes.fromhex(f"{mcc[1]}{mcc[0]}{third}{mcc[2]}{mnc[1]}{mnc[0]}")
    if int(identity) <= 0xFFFF:
        return b"\x01" + plmn + int(area).to_bytes(2, "big") + int(identity).to_bytes(2, "big")
    return b"\x10" + plmn + int(identity).to_bytes(4, "big")


def format_etsi_time(value: dt.datetime) -> str:
    """``YYYYMMDDhhmmssZ``, the one form that the client was seen to read besides a numeric offset without a colon."""
    return value.astimezone(dt.UTC).strftime("%Y%m%d%H%M%SZ")


def _other_information(row: OpenedRow, session: str, source: str) -> str:
    """``"Key"="Value";...``. The first three keys are read by the client; the others are for people."""
    pairs = [
        ("Call Indikator", INDICATORS.get((row.kind, row.direction), "")),
        ("Session Id", session),
        ("Quelle", source),
    ]
    if row.kind == "email":
        sender, recipient = (row.peer, row.subject) if row.direction == "in" else (row.subject, row.peer)
        pairs += [("From", _address(sender)), ("To", _address(recipient)), ("Zeit", format_etsi_time(row.start))]
    else:
        pairs.append(("Subject", row.subject))
        if not row.peer.startswith("tel:"):
            pairs.append(("Peer", row.peer or "withheld"))
    pairs += [("Direction", row.direction), ("Answered", "yes" if row.is_answered else "no")]
    if row.is_saturated:
        pairs.append(("Duration", "at least as given"))
    if row.cell and int(row.cell.rpartition("-")[2]) > 0xFFFF:
        pairs.append(("TAC", row.cell.split("-")[2]))
    return ";".join(f'"{key}"="{_quoted(value)}"' for key, value in pairs if value)


def _address(identity: str) -> str:
    return identity.removeprefix("mailto:") or "withheld"


def _quoted(value: str) -> str:
    """The client loses a value with a semicolon and cuts one at a quotation mark."""
    return value.replace(";", ",").replace('"', "'")


def _name(tag: str) -> str:
    return f"{{{NAMESPACE}}}{tag}"


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, _name(tag))
    if text is not None:
        element.text = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
    return element
