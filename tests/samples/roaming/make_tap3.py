"""Makes tap3.tap: invented roaming events, encoded by pycrate's compiled ASN.1 of TD.57, which shares no code with the reader.

    python make_tap3.py
"""

from pathlib import Path

from pycrate_asn1dir import TAP3

IMSI, IMEI, MSISDN = "262011234567890", "3569380356438090", "4917012345678"


def packed(digits):
    return bytes.fromhex(digits + "f" * (len(digits) % 2))


def stamp(text, code=1):
    return {"localTimeStamp": text.encode(), "utcTimeOffsetCode": code}


def basic(at, other, *, seconds=None, code=1, msisdn=MSISDN, cause=None, **more):
    subscriber = {"imsi": packed(IMSI)} | ({"msisdn": packed(msisdn)} if msisdn else {})
    found = {"chargeableSubscriber": ("simChargeableSubscriber", subscriber), "callEventStartTimeStamp": stamp(at, code), **other, **more}
    return found | ({} if seconds is None else {"totalCallEventDuration": seconds}) | ({} if cause is None else {"causeForTerm": cause})


def event(basic_information, service=b"11", **more):
    return {
        "basicCallInformation": basic_information,
        "locationInformation": {"networkLocation": {"recEntityCode": 1, "callReference": b"\1", "locationArea": 4660, "cellId": 22136}},
        "equipmentIdentifier": ("imei", packed(IMEI)),
        "basicServiceUsedList": [{"basicService": {"serviceCode": ("teleServiceCode", service)}}],
        **more,
    }


EVENTS = [
    ("mobileOriginatedCall", event(basic("20261120100000", {"destination": {"calledNumber": packed("33612345678")}}, seconds=65))),
    ("mobileTerminatedCall", event(basic("20261120110000", {"callOriginator": {"callingNumber": packed("493055500")}}, seconds=7))),
    ("mobileOriginatedCall", event(basic("20261120120000", {"destination": {"sMSDestinationNumber": b"4915112345678"}}), b"22")),
    ("mobileTerminatedCall", event(basic("20261120120500", {"callOriginator": {"sMSOriginator": b"CORP"}}), b"21")),
    ("mobileTerminatedCall", event(basic("20261120120600", {}), b"21")),
    ("mobileOriginatedCall", event(basic("20261120130000", {"destination": {"dialledDigits": b"0033612345678"}}, seconds=0, cause=3))),
    ("mobileOriginatedCall", event(basic("20261120140000", {"destination": {"dialledDigits": b"0612345678"}}, seconds=5))),
    ("mobileOriginatedCall", event(basic("20261120150000", {"destination": {"calledNumber": packed("493099900")}}, seconds=30), supplServiceCode=b"21")),
    ("mobileOriginatedCall", event(basic("20261120160000", {"destination": {"calledNumber": packed("33612345678")}}, seconds=4, code=2))),
    ("mobileOriginatedCall", event(basic("20261120170000", {"destination": {"calledNumber": packed("33612345678")}}, seconds=4, code=9))),
    ("gprsCall", {}),
    ("mobileSession", {"mobileSessionService": 1}),
    ("supplServiceEvent", {}),
]
BATCH = {
    "batchControlInfo": {"sender": b"FRAF1", "recipient": b"DEUD1", "fileSequenceNumber": b"00001", "specificationVersionNumber": 3, "releaseVersionNumber": 12},
    "networkInfo": {"utcTimeOffsetInfo": [{"utcTimeOffsetCode": 1, "utcTimeOffset": b"+0100"}, {"utcTimeOffsetCode": 2, "utcTimeOffset": b"-0330"}]},
    "callEventDetails": EVENTS,
    "auditControlInfo": {"callEventDetailsCount": len(EVENTS)},
}


def encoded(batch):
    whole = TAP3.TAP_0312.DataInterChange
    whole.set_val(("transferBatch", batch))
    return whole.to_ber()


if __name__ == "__main__":
    Path(__file__).with_name("tap3.tap").write_bytes(encoded(BATCH))
