"""A log that a container or a syslog carried is ingested like the plain one, also where it has grown."""

import json

import pytest

from coffer.records.feed import parse_feed

FEED = '[feed]\nname = "sms"\nhome_country = "FR"\ntime_zone = "UTC"\n'
LINE = (
    "2016-09-01 10:00:{:02d} Sent SMS [SMSC:op1] [SVC:t] [ACT:] [BINF:] [FID:1] [META:] [from:+3361234{:04d}] "
    "[to:+33698765432] [flags:-1:0:-1:0:-1] [msg:2:SECRET] [udh:0:]"
)
CARRIERS = {
    "syslog": "Sep  1 10:00:59 sms1 bearerbox[14]: {}\n".format,
    "docker": lambda line: (
        json.dumps({"log": line + "\n", "stream": "stdout", "time": "2016-09-01T10:00:59.1Z"}) + "\n"
    ),
}


@pytest.mark.parametrize("name", ["syslog", "docker"])
def test_what_a_carrier_brought_is_sealed_once(world, name):
    by = parse_feed(FEED, "feed.toml")
    lines = [CARRIERS[name](LINE.format(n, n)) for n in range(5)]
    (first,) = world.ingest("".join(lines[:3]), by=by, name="access.log").files
    assert (first.format, first.kept, first.rejected.total()) == ("kannel", 3, 0)
    assert "behind what a logger or container put in front" in first.reason
    (later,) = world.ingest("".join(lines), by=by, name="access.log").files
    assert (later.known, later.kept) == (3, 2)
    answer = world.open(world.authorize(subjects=["tel:+33698765432"], kinds="text"))
    assert (answer.records, answer.repeated_records) == (5, 0)
    assert b"SECRET" not in answer.records_csv
