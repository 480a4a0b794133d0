"""The last row of an export that ended within it, or without its line end, is sealed once when the file has grown."""

import pytest

from coffer.records.feed import parse_feed

BASE = '[feed]\nname = "x"\nformat = "{}"\nhome_country = "FR"\ntime_zone = "UTC"\n'
CUCM = (
    "cdrRecordType,globalCallID_callManagerId,globalCallID_callId,dateTimeOrigination,callingPartyNumber,"
    "originalCalledPartyNumber,finalCalledPartyNumber,dateTimeConnect,dateTimeDisconnect,duration,huntPilotDN,pkid\n"
)


def texts(count):
    rows = [f"SM{n},+3361234{n:04d},+33698765432,delivered,2016-09-01 10:00:0{n},12\n" for n in range(count)]
    return "Sid,From,To,Status,DateSent,NumSegments\n" + "".join(rows)


def dialled(count):
    at = 1472724000
    rows = [
        f"1,1,{n + 1},{at + n},+3361234{n:04d},+33698765432,+33698765432,{at + 3},{at + 63},60,,abc-{n}\n"
        for n in range(count)
    ]
    return CUCM + "".join(rows)


def calls(count):
    rows = [
        f"CA{n},,+3361234{n:04d},+33698765432,completed,outbound-api,2016-09-01 10:00:0{n},60,USD\n"
        for n in range(count)
    ]
    return "Sid,ParentCallSid,From,To,Status,Direction,StartTime,Duration,PriceUnit\n" + "".join(rows)


FORMATS = {"twilio-messages": texts, "twilio-calls": calls, "cucm": dialled}


@pytest.mark.parametrize(
    ("name", "cut", "kept", "rejected"),
    [("cucm", 1, 2, 0), ("cucm", 25, 1, 1), ("twilio-calls", 2, 2, 0), ("twilio-messages", 1, 2, 0)],
)
def test_a_torn_row_is_sealed_once(world, name, cut, kept, rejected):
    """Cut before the line end, within the last column (which is not read), or within the row."""
    by, whole = parse_feed(BASE.format(name), "feed"), FORMATS[name]
    (first,) = world.ingest(whole(2)[:-cut], by=by, name="export.csv").files
    assert (first.kept, first.rejected.total()) == (kept, rejected)
    for total in (2, 3):
        (later,) = world.ingest(whole(total), by=by, name="export.csv").files
        assert (later.kept, later.rejected.total()) == (2 - kept if total == 2 else 1, 0)
    answer = world.open(world.authorize(subjects=["tel:+33698765432"], kinds="text" if "messages" in name else "call"))
    assert (answer.records, answer.repeated_records) == (3, 0)
