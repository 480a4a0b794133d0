"""ETSI TS 102 657 response messages, in the form that a client in use imports. Pure.

Every path, name and time format here was seen to be read by the importer of ``fqlite``; ``etsi_uncertain.py`` holds
what was not checked. Source: ETSI TS 102 657 v1.28.1, ASN.1 of annex B; 3GPP TS 29.274 section 8.21 (user location), TS
24.008 section 10.5.1.3 (PLMN). Described in ``docs/formats/etsi.md``.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from coffer import wire
from coffer.authority.authorization import Terms
from coffer.disclosure.answer import count_alone, days_opened
from coffer.disclosure.etsi_request import find_reference
from coffer.disclosure.etsi_uncertain import (
    MAX_FURTHER_INFORMATION,
    STATUS_FAILED,
    STATUS_LAST,
    STATUS_MORE,
    add_message_record,
    add_national_response,
    add_withheld_caller,
)
from coffer.disclosure.order_times import all_periods, days_text
from coffer.disclosure.verified import Disclosure
from coffer.errors import MalformedInput
from coffer.segments.opened import OpenedRow

ROOT: Final = "retainedDataMessage"
RD_HEADER_ID: Final = "0.4.0.2.3.0.28"
"""Mandatory in every version.

{itu-t(0) identified-organization(4) etsi(0) securityDomain(2) retainedData(3) rdHeader(0) version28(28)}
"""
NAMESPACE: Final = "http://uri.etsi.org/02657/v1.28.1#/RetainedData"
MAX_RECORDS: Final = 1_000
"""Records of one file. The client holds a whole file in memory, so a larger answer is split."""
MAX_FIELD: Final = 200
"""Characters of a header field. The longest field that we know is far shorter."""
_COUNTRY: Final = re.compile(r"(?!AA|Q[M-Z]|X[A-Z]|ZZ)[A-Z]{2}")
"""ISO 3166-1, without the codes that it reserves for users, because those name no country."""
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


NOTHING_KEPT: Final = (
    "no records of these days and kinds are kept: their retention is over, or nothing was collected, or not yet"
)
FAILURES: Final = {
    "budget": "more records than the order allows; no data is sent",
    "scope": "refused by custodians whose approval it needs; no data is sent",
    "time": "the order is not in force any more, was revoked, or its days are no longer kept; no data is sent",
}
"""Why a request failed, by the code of the refusal. The number of records would be an answer, so it is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EtsiHeader:
    """Who answers whom.

    ``country``: ISO 3166-1 alpha-2. ``organisation``: the authority that asked. ``request_number``: that authority's
    number of the request. ``csp``: the provider that answers.
    """

    country: str
    organisation: str
    request_number: str
    csp: str

    def __post_init__(self) -> None:
        if not _COUNTRY.fullmatch(self.country):
            raise MalformedInput("ETSI header: country: expected two capital letters of ISO 3166-1, like FR")
        for name in ("organisation", "request_number", "csp"):
            text = getattr(self, name)
            if not wire.is_printable(text) or not 1 <= len(text) <= MAX_FIELD or text != text.strip(" "):
                raise MalformedInput(f"ETSI header: {name}: expected 1 to {MAX_FIELD} printable ASCII characters")


def default_header(terms: Terms, given: Mapping[str, str] | None = None) -> EtsiHeader:
    """The header of an answer, with the desk's own fields in place of the defaults.

    The defaults are those of the ETSI request, if the note was made from one. Otherwise they are the country of the
    first subject that has one, the authority as ordered, and the authorization's id as request number, because it is
    unique. The provider is the origin. ``given``: the desk's fields, by name.

    Raises:
        MalformedInput: the desk gave no country, and neither a request nor a subject has one.
    """
    reference = find_reference(terms.basis)
    countries = [country for subject in terms.subjects if (country := subject.country())]
    fields = {"organisation": terms.authority[:MAX_FIELD].strip(" "), "request_number": terms.id.hex()}
    fields |= {"country": countries[0]} if countries else {}
    if reference is not None:
        fields |= {"country": reference.country, "organisation": reference.organisation}
        fields |= {"request_number": reference.number} if reference.number else {}
    fields |= {"csp": terms.origin} | dict(given or {})
    if "country" not in fields:
        raise MalformedInput(
            "ETSI header: country: no subject has one, and no ETSI request said it",
            hint="say the authority's own, like FR: --etsi-country on the command line, or in its field on the page",
        )
    return EtsiHeader(**fields)


def format_etsi(
    disclosure: Disclosure, header: EtsiHeader, *, now: dt.datetime, max_records: int = MAX_RECORDS
) -> dict[str, bytes]:
    """The response as files by path, from ``etsi/response-0001.xml`` on; there is at least one.

    Superseded records follow the others and are marked with their batch. Those that another batch also has are left
    out. If the vault kept nothing that could be asked for, the response is the message of a failed request.
    """
    if not disclosure.cells:
        return {"etsi/response-0001.xml": format_failure(header, NOTHING_KEPT, now=now)}
    rows = [
        (number, row)
        for number, row in enumerate((*disclosure.rows, *disclosure.superseded), 1)
        if not (row.superseded and row.repeat)
    ]
    parts = [rows[i : i + max_records] for i in range(0, max(len(rows), 1), max_records)]
    # One authorization may be opened several times, so the session names the intent too.
    session = f"{disclosure.authorization.commitment.hex()[:16]}-{disclosure.intent.index}"
    remarks = _remarks(disclosure)
    files = {}
    for n, part in enumerate(parts):
        # Of a continuing order more may come: only deliveries.csv knows which part was the last.
        is_last = n == len(parts) - 1 and disclosure.part is None
        root, message = _begin(header, STATUS_LAST if is_last else STATUS_MORE, now=now)
        payload = _add(message, "responsePayload")
        for number, row in part:
            _add_record(payload, row, number, f"{session}-{number}", header.csp, remarks.unconfirmed)
        add_national_response(message, NAMESPACE, country=header.country, text=_joined(remarks.pairs))
        files[f"etsi/response-{n + 1:04d}.xml"] = _written(root)
    return files


def format_failure(header: EtsiHeader, reason: str, *, now: dt.datetime) -> bytes:
    """The message of a failed request: no data, and one sentence that says why and names nobody."""
    root, message = _begin(header, STATUS_FAILED, now=now)
    message[0][0].text = reason[:MAX_FURTHER_INFORMATION]
    return _written(root)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remarks:
    """Remarks on the whole answer.

    ``unconfirmed``: a few words that each record repeats; empty if every cell is certain. ``pairs``: stated once.
    """

    unconfirmed: str
    pairs: list[tuple[str, str]]


def _remarks(disclosure: Disclosure) -> _Remarks:
    cells, terms = disclosure.cells, disclosure.authorization.terms
    uncertain, days = sum(cell.status == "unconfirmed" for cell in cells), days_opened(cells)
    alone = count_alone(cells, disclosure.custodians)
    why = f", {alone} of them: nothing found and nobody else could confirm it" if alone else ""
    unconfirmed = f"{uncertain} of {len(cells)} parts that were asked{why}" if uncertain else ""
    sent = sum(not row.repeat for row in disclosure.superseded)
    told, batches = len(disclosure.superseded) - sent, ", ".join(batch.batch for batch in disclosure.batches)
    part = disclosure.part
    since = "" if part is None or part.since is None else f", since entry {part.since} of the log"
    pairs = [
        ("Part of a continuing order", "" if part is None else f"{part.number}{since}"),
        ("Unconfirmed", unconfirmed),
        ("Periods", ", ".join(period.format().replace(" ", "/") for period in all_periods(terms))),
        ("UTC days opened", days_text([dt.date.fromisoformat(day) for day in days], "en")),
        ("UTC days without records", str(len(terms.all_days) - len(days)) if part is None else ""),
        ("Outside the periods, dropped", str(sum(cell.outside_period for cell in cells))),
        ("Superseded batches", batches),
        ("Superseded, sent last", str(sent) if batches else ""),
        ("Superseded, told elsewhere, not sent", str(told) if batches else ""),
    ]
    return _Remarks(unconfirmed=unconfirmed, pairs=pairs)


def _begin(header: EtsiHeader, status: str, *, now: dt.datetime) -> tuple[etree._Element, etree._Element]:
    """A message with its header, and its responseMessage, which holds only the status so far."""
    # lxml names the default namespace None, which its types do not allow.
    root = etree.Element(_name(ROOT), nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    _add(root, "rdHeaderId", RD_HEADER_ID)
    head = _add(root, "retainedDataHeader")
    request = _add(head, "requestID")
    _add(request, "countryCode", header.country)
    _add(request, "authorisedOrganisationID", header.organisation)
    _add(request, "requestNumber", header.request_number)
    _add(head, "cSPID", header.csp)
    _add(head, "timeStamp", format_etsi_time(now))
    message = _add(_add(root, "retainedDataPayload"), "responseMessage")
    _add(_add(message, "responseStatus"), status)
    return root, message


def _written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _add_record(
    parent: etree._Element, row: OpenedRow, number: int, session: str, source: str, unconfirmed: str
) -> None:
    record = _add(parent, "ResponseRecord")
    _add(record, "recordNumber", str(number))
    payload = _add(record, "recordPayload")
    if row.kind == "email":
        sender, recipient = (_clean(address) for address in _mail_parties(row))
        add_message_record(payload, NAMESPACE, time=format_etsi_time(row.start), sender=sender, recipient=recipient)
    else:
        usage = _add(_add(payload, "telephonyRecord"), "telephonyServiceUsage")
        parties = _add(usage, "partyInformation")
        own, peer = ROLES.get((row.kind, row.direction), (None, None))
        legs = [(own, row.number or row.subject, True), (peer, row.peer, False)]
        for role, identity, is_subject in legs[::-1] if row.direction == "in" else legs:
            _add_party(parties, row, role, identity, is_subject=is_subject)
        if (row.kind, row.direction, row.peer) == ("call", "in", ""):
            add_withheld_caller(usage, NAMESPACE)
    additional = _add(record, "additionalInformation")
    pairs = [*_other_information(row, session, source), ("Unconfirmed", unconfirmed)]
    _add(additional, "otherInformation", _joined(pairs))


def _add_party(parent: etree._Element, row: OpenedRow, role: str | None, identity: str, *, is_subject: bool) -> None:
    """Add one leg; device and place are shown for the subject only.

    A record never holds those of a peer.
    """
    party = _add(parent, "TelephonyPartyInformation")
    if role is not None:
        _add(_add(party, "partyRole"), role)
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
            _add(party, "iMSI", row.imsi)
        if row.imei:
            _add(party, "iMEI", row.imei)
        if row.cell:
            information = _add(_add(party, "detailedLocation"), "cellInformation")
            _add(information, "userLocationInformation", user_location(row.cell).hex().upper())
    indicator = INDICATORS.get((row.kind, row.direction))
    if indicator is not None:
        _add(_add(party, "partyType"), "other", indicator)


def party_number(identity: str) -> str:
    """The digits of a number or short code; empty for every other identity.

    Otherwise a reader would take it for a number.
    """
    scheme, _, value = identity.partition(":")
    if scheme == "tel":
        return value.removeprefix("+")
    return value.partition("/")[2] if scheme == "short" else ""


def user_location(cell: str) -> bytes:
    """A cell ``MCC-MNC-LAC-CI`` as user location information with its flag octet.

    A cell identity of at most 65,535 is written as a CGI (01, PLMN, LAC, CI), and a larger one as an ECGI (10, PLMN,
    ECI). The TAC of an ECGI is left out, because a client was seen to stop at a TAI before an ECGI. GAP: an LTE cell of
    an eNB below 256 is written as a CGI, and an MNC of three digits below 100 as one of two, since the record does not
    tell them apart.
    """
    mcc, mnc, area, identity = cell.split("-")
    third = mnc[2] if len(mnc) == 3 else "F"
    plmn = bytes.fromhex(f"{mcc[1]}{mcc[0]}{third}{mcc[2]}{mnc[1]}{mnc[0]}")
    if int(identity) <= 0xFFFF:
        return b"\x01" + plmn + int(area).to_bytes(2, "big") + int(identity).to_bytes(2, "big")
    return b"\x10" + plmn + int(identity).to_bytes(4, "big")


def format_etsi_time(value: dt.datetime) -> str:
    """``YYYYMMDDhhmmssZ``. The client was seen to read this form, and a numeric offset without a colon."""
    return value.astimezone(dt.UTC).strftime("%Y%m%d%H%M%SZ")


def _other_information(row: OpenedRow, session: str, source: str) -> list[tuple[str, str]]:
    """Keys and values. The client reads the first three keys; the others are for people."""
    pairs = [
        ("Call Indikator", INDICATORS.get((row.kind, row.direction), "")),
        ("Session Id", session),
        ("Quelle", source),
    ]
    if row.kind == "email":
        sender, recipient = (address or "withheld" for address in _mail_parties(row))
        pairs += [("From", sender), ("To", recipient), ("Zeit", format_etsi_time(row.start))]
    else:
        pairs += [("Subject", row.subject), ("Number", row.number if row.number != row.subject else "")]
        if not row.peer.startswith("tel:"):
            pairs.append(("Peer", row.peer or "withheld"))
    pairs += [("Direction", row.direction), ("Answered", "yes" if row.is_answered else "no")]
    if row.is_saturated:
        pairs.append(("Duration", "at least as given"))
    if row.cell and int(row.cell.rpartition("-")[2]) > 0xFFFF:
        pairs.append(("TAC", row.cell.split("-")[2]))
    pairs += [("Repeat", row.repeat), ("Superseded", f"batch {row.superseded}" if row.superseded else "")]
    return pairs


def _joined(pairs: Sequence[tuple[str, str]]) -> str:
    """``"Key"="Value";...``, without the keys that have no value."""
    return ";".join(f'"{key}"="{_quoted(value)}"' for key, value in pairs if value)


def _mail_parties(row: OpenedRow) -> tuple[str, str]:
    """The addresses of sender and recipient of an e-mail; empty where unknown."""
    parties = (row.peer, row.subject) if row.direction == "in" else (row.subject, row.peer)
    return parties[0].removeprefix("mailto:"), parties[1].removeprefix("mailto:")


def _clean(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _quoted(value: str) -> str:
    """The value for a quoted pair, without semicolons and double quotation marks.

    The client drops a value with a semicolon and cuts one at a quotation mark.
    """
    return value.replace(";", ",").replace('"', "'")


def _name(tag: str) -> str:
    return f"{{{NAMESPACE}}}{tag}"


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, _name(tag))
    if text is not None:
        element.text = _clean(text)
    return element
