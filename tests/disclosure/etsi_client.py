"""A reader of response messages that does what the real client was seen to do (docs/formats/etsi.md), no more.

It matches local names only, takes the first partyInformation, drops every time that is not in the one form, decodes a
location by its flag octet, and splits otherInformation at semicolons. Its columns are those of the client's own table.
"""

import datetime as dt
import re

from lxml import etree

TIME = re.compile(r"(\d{14})(Z|[+-]\d{4})")
PAIR = re.compile(r'"([^"]*)"="([^"]*)"')
HEADER = ("countryCode", "authorisedOrganisationID", "requestNumber", "cSPID", "timeStamp")


def local(element):
    return etree.QName(element).localname


def find(element, path):
    """The first element at a path of local names below this one, or None."""
    for name in path.split("/"):
        element = next((child for child in element if isinstance(child.tag, str) and local(child) == name), None)
        if element is None:
            return None
    return element


def text(element, path):
    found = find(element, path)
    return (found.text or "").strip() if found is not None else ""


def everywhere(root, name):
    return [element for element in root.iter() if isinstance(element.tag, str) and local(element) == name]


def import_header(raw):
    """The five fields of the request row; None if one is missing, as the client then has no request."""
    root = etree.fromstring(raw)
    values = {name: [(e.text or "").strip() for e in everywhere(root, name)] for name in HEADER}
    return {name: found[0] for name, found in values.items()} if all(values.values()) else None


def import_rows(raw):
    """One row a party; one near-empty row for what is no telephony record."""
    rows = []
    for record in everywhere(etree.fromstring(raw), "ResponseRecord"):
        base = {"record_number": text(record, "recordNumber")}
        base |= other_information(text(record, "additionalInformation/otherInformation"))
        usage = find(record, "recordPayload/telephonyRecord/telephonyServiceUsage")
        if usage is None:
            rows.append(base)
            continue
        assert not everywhere(usage, "nationalTelephonyServiceUsage"), "switches the client to data sessions"
        parties = everywhere(usage, "partyInformation")
        assert len(parties) == 1, "a second one is ignored"
        rows += [base | import_party(party) for party in parties[0] if local(party) == "TelephonyPartyInformation"]
    return rows


def import_party(party):
    roles = find(party, "partyRole")
    role = local(roles[0]) if roles is not None and len(roles) else ""
    kinds = {"originating-Party": "voiceCall", "terminating-Party": "voiceCall"}
    row = {
        "party_role": role,
        "nw_access_type": "sms" if role.startswith("sms") else kinds.get(role, role),
        "start_time": time(text(party, "communicationTime/startTime")),
        "end_time": time(text(party, "communicationTime/endTime")),
        "duration_seconds": text(party, "communicationTime/durationTime"),
        "msisdn": text(party, "partyNumber"),
        "imsi": text(party, "iMSI"),
        "na_device_id": re.sub(r"\D", "", text(party, "iMEI")),
        "user_location_info": text(party, "detailedLocation/cellInformation/userLocationInformation"),
    }
    return row | decode_location(row["user_location_info"])


def time(value):
    match = TIME.fullmatch(value)
    if match is None:
        return ""
    parsed = dt.datetime.strptime(match[1] + match[2].replace("Z", "+0000"), "%Y%m%d%H%M%S%z")
    return parsed.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def decode_location(value):
    if not value:
        return {}
    raw = bytes.fromhex(value)
    digits = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in raw[1:4])
    mcc, mnc = digits[:3], digits[4:6] + digits[3].replace("f", "")
    row = {"cell_mcc": str(int(mcc)), "cell_mnc": str(int(mnc))}
    if raw[0] == 0x01 and len(raw) == 8:
        return row | {"cell_lac_tac": str(int.from_bytes(raw[4:6])), "cell_ci": str(int.from_bytes(raw[6:8]))}
    if raw[0] == 0x10 and len(raw) == 8:
        identity = int.from_bytes(raw[4:8])
        return row | {"cell_lac_tac": str(identity >> 8), "cell_ci": str(identity & 255)}
    return row


def other_information(value):
    found = {}
    for part in value.split(";"):
        match = PAIR.match(part)
        if match and match[2] != "<leer>":
            found[match[1]] = match[2]
    names = {"call_indicator": "Call Indikator", "session_id": "Session Id", "quelle": "Quelle"}
    return {column: found.get(key, "") for column, key in names.items()} | {"other_information": value}
