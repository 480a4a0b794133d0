"""Message tracking logs of Exchange: hand-worked logs in the columns of 2010 and 2016, and the promises of the port.

No genuine log is at hand; the columns and events are those of Microsoft's documentation.
"""

import csv
import io
from collections import Counter

import pytest
from fold_reading import WINDOW, mail, make_feed, read
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.records.readers.mail import exchange
from coffer.records.readers.mail.exchange import ExchangeReader, recognise

CANARY = "zebra-crossing-at-noon"
OLD_TEXT = (
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,"
    "internal-message-id,message-id,recipient-address,recipient-status,total-bytes,recipient-count,"
    "related-recipient-address,reference,message-subject,sender-address,return-path,message-info"
)
OLD = OLD_TEXT.split(",")
NEW = [*OLD[:11], "network-message-id", *OLD[11:], "directionality", "tenant-id", "original-client-ip", "custom-data"]
SUBJECT = f'{CANARY}, "urgent"; to,<x@y.example>'


def reader(**feed):
    return lambda: ExchangeReader(make_feed(**feed), WINDOW)


def header(columns=NEW, bom=b"\xef\xbb\xbf"):
    return bom + f"#Software: Microsoft Exchange Server\r\n#Version: 15.01\r\n#Fields: {','.join(columns)}\r\n".encode()


def line(at, event, to="", *, key="k1", sender="a@x.example", path=None, related="", columns=NEW, **more):
    values = {
        "date-time": f"2026-11-23T10:{at}.123Z",
        "event-id": event,
        "message-id": f"<{key}@x>",
        "network-message-id": f"net-{key}",
        "recipient-address": to,
        "related-recipient-address": related,
        "sender-address": sender,
        "return-path": sender if path is None else path,
        "message-subject": SUBJECT,
        "source-context": "08D0;2026",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([values.get(name, "") for name in columns])
    return out.getvalue().encode()


TWO = (
    line("00:00", "RECEIVE", "b@x.example;c@y.example")
    + line("00:00", "HARECEIVE", "b@x.example;c@y.example")
    + line("00:01", "DEFER", "c@y.example")
    + line("00:02", "DELIVER", "b@x.example")
    + line("00:09", "SEND", "c@y.example")
)


def test_one_record_per_recipient_that_starts_with_the_submission():
    """3 recipients on lines of attempts: 2 records, the deferred attempt merged; RECEIVE and its shadow copy are context."""
    outcome = read(reader(), [header() + TWO])
    assert mail(outcome) == [
        (7, "2026-11-23 10:00:00", "a@x.example", "b@x.example", None, True),
        (8, "2026-11-23 10:00:00", "a@x.example", "c@y.example", None, True),
    ]
    assert outcome.merged == {0: Counter({"deferred": 1})}
    assert outcome.skipped == {0: Counter({"header": 3, "receive": 1, "hareceive": 1})}


@pytest.mark.parametrize(
    "missing", [["network-message-id"], ["related-recipient-address"], ["return-path"], "all three"]
)
def test_a_log_without_columns_that_may_be_missing_gives_the_same_records(missing):
    """An export of some columns: what they would say is known from the others here, so nothing changes."""
    optional = ["network-message-id", "related-recipient-address", "return-path"]
    columns = [name for name in NEW if name not in (optional if missing == "all three" else missing)]
    raw = header(columns) + line("00:00", "RECEIVE", "b@x.example", columns=columns)
    raw += line("00:01", "DEFER", "b@x.example", columns=columns) + line(
        "00:02", "DELIVER", "b@x.example", columns=columns
    )
    outcome = read(reader(), [raw])
    assert [row[1:] for row in mail(outcome)] == [("2026-11-23 10:00:00", "a@x.example", "b@x.example", None, True)]
    assert outcome.merged == {0: Counter({"deferred": 1})}


def test_one_line_with_several_recipients_is_as_many_records():
    raw = header() + line("00:00", "DELIVER", "B@x.example;c@x.example; d@x.example")
    outcome = read(reader(), [raw])
    assert [(row[0], row[3]) for row in mail(outcome)] == [(4, f"{who}@x.example") for who in "bcd"]
    assert outcome.read == 3


def test_hops_over_servers_are_one_record_whichever_file_comes_first():
    """Edge received 10:00:00 and sent at 10:00:01 to the hub, which delivered at 10:00:02; then the same mail failed for c at the hub."""
    edge = header() + line("00:00", "RECEIVE", "b@x.example") + line("00:01", "SEND", "b@x.example;c@x.example")
    hub = (
        header()
        + line("00:01", "RECEIVE", "B@x.example")
        + line("00:02", "DELIVER", "B@x.example")
        + line("00:03", "FAIL", "c@x.example")
    )
    for number, files in enumerate(([edge, hub], [hub, edge])):
        outcome = read(reader(), files)
        assert [row[1:] for row in mail(outcome)] == [
            ("2026-11-23 10:00:00", "a@x.example", "b@x.example", None, True),
            ("2026-11-23 10:00:00", "a@x.example", "c@x.example", None, False),
        ]
        assert outcome.merged == {number: Counter({"repeated": 2})}


def test_without_a_network_message_id_the_message_id_joins_and_internal_ids_do_not():
    raw = header(OLD, b"") + b"".join(
        line(at, event, "b@x.example", key=key, columns=OLD, internal_message_id="7")
        for at, event, key in (("00:00", "RECEIVE", "k1"), ("00:01", "DELIVER", "k1"), ("00:02", "DELIVER", "k2"))
    )
    assert [row[1] for row in mail(read(reader(), [raw]))] == ["2026-11-23 10:00:00", "2026-11-23 10:00:02"]


def test_lists_and_redirections_lead_back_to_what_the_sender_wrote():
    """all@ holds team@, team@ holds b and c; d was redirected to e. Two lists name each other, and that ends."""
    raw = (
        header()
        + line("00:00", "RECEIVE", "all@x.example;d@x.example;f@x.example")
        + line("00:00", "EXPAND", "team@x.example", related="all@x.example")
        + line("00:00", "EXPAND", "b@x.example;c@x.example", related="team@x.example")
        + line("00:00", "REDIRECT", "e@x.example", related="d@x.example")
        + line("00:00", "RESOLVE", "f@x.example", related="F@x.example")
        + line("00:01", "DELIVER", "b@x.example;c@x.example;e@x.example;f@x.example")
        + line("00:00", "EXPAND", "p@x.example", related="q@x.example", key="k2")
        + line("00:00", "EXPAND", "q@x.example", related="p@x.example", key="k2")
        + line("00:01", "DELIVER", "p@x.example", key="k2")
    )
    outcome = read(reader(), [raw])
    assert [row[3:5] for row in mail(outcome)] == [
        ("all@x.example", "b@x.example"),
        ("all@x.example", "c@x.example"),
        ("d@x.example", "e@x.example"),
        ("f@x.example", None),
        ("p@x.example", None),
    ]


def test_a_report_of_failure_is_merged_and_a_null_sender_is_nobody():
    raw = (
        header()
        + line("00:00", "FAIL", "gone@y.example")
        + line("00:00", "DSN", "a@x.example", key="d1", sender="postmaster@x.example", path="<>")
        + line("00:01", "DELIVER", "a@x.example", key="d1", sender="postmaster@x.example", path="<>")
        + line("00:02", "DELIVER", "b@x.example", key="k3", sender="robot@x.example", path="<>")
        + line("00:03", "DELIVER", "b@x.example", key="k4", sender="From@x.example", path="")
    )
    outcome = read(reader(), [raw])
    assert [(row[2], row[3], row[5]) for row in mail(outcome)] == [
        ("a@x.example", "gone@y.example", False),
        (None, "b@x.example", True),
        ("from@x.example", "b@x.example", True),
    ]
    assert outcome.merged == {0: Counter({"bounce": 1})}


def test_duplicates_are_merged_and_lines_without_recipient_shown():
    raw = (
        header()
        + line("00:00", "DELIVER", "b@x.example")
        + line("00:00", "DUPLICATEDELIVER", "b@x.example")
        + line("00:00", "DEFER")
    )
    outcome = read(reader(), [raw])
    assert (len(outcome.rows), outcome.merged) == (1, {0: Counter({"duplicate": 1})})
    assert outcome.skipped[0]["no-recipient"] == 1


def test_the_header_of_each_file_and_in_the_middle_of_one_is_read():
    raw = (
        header(OLD)
        + line("00:00", "DELIVER", "b@x.example", columns=OLD)
        + header(NEW, b"")
        + line("00:01", "DELIVER", "c@x.example")
    )
    outcome = read(reader(), [raw, header() + line("00:02", "DELIVER", "d@x.example")])
    assert [row[3] for row in mail(outcome)] == ["b@x.example", "c@x.example", "d@x.example"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (TWO, "line 1: a record before any #Fields"),
        (header([name for name in NEW if name != "event-id"]) + TWO, "no column event-id in #Fields"),
    ],
)
def test_a_file_that_does_not_name_its_columns_is_of_another_format(raw, message):
    with pytest.raises(MalformedInput, match=message):
        read(reader(), [raw])
    assert recognise(raw, "MSGTRK.LOG") is None
    assert recognise(header(), "x") == "a #Fields line names event-id and recipient-address"


def test_torn_lines_are_rejected_and_their_neighbours_kept():
    good = line("00:01", "DELIVER", "b@x.example")
    raw = (
        header()
        + good
        + b'x,"y\r\n'
        + good
        + b"\r\n"
        + b"a,b\r\n"
        + good.replace(b"DELIVER", b"DEL\rIVER")
        + b"x" * 70_000
        + b"\n"
        + good
    )
    outcome = read(reader(), [raw])
    assert [reject[1:] for reject in outcome.rejects] == [
        (5, "wrong-column-count", ""),
        (8, "wrong-column-count", ""),
        (9, "wrong-column-count", ""),
        (10, "row-too-long", ""),
    ]
    assert outcome.skipped[0]["empty-line"] == 1
    assert ([row[0] for row in mail(outcome)], outcome.merged) == ([11], {0: Counter({"repeated": 2})})


def test_bad_times_addresses_and_bytes_are_rejected_by_name():
    raw = (
        header()
        + line("99:00", "DELIVER", "b@x.example", key="1")
        + line("00:00", "DELIVER", "IMCEAEX-_O=CORP", key="2")
        + line("00:00", "DELIVER", "b@x.example", key="3").replace(b"b@x", b"\xff@x")
    )
    assert read(reader(), [raw]).rejects == [
        (0, 4, "bad-time", "start"),
        (0, 5, "not-an-address", "b"),
        (0, 6, "not-utf8", "b"),
    ]


def test_the_subject_goes_nowhere():
    raw = header() + TWO + line("00:03", CANARY, CANARY) + f'{CANARY},"{CANARY}\r\n{CANARY}\r\n'.encode()
    outcome = read(reader(), [raw])
    assert CANARY not in outcome.shown
    assert outcome.skipped[0]["other"] == 1
    with pytest.raises(MalformedInput, match="in #Fields") as error:
        read(reader(), [f"#Fields: {CANARY}\r\n".encode()])
    assert CANARY not in str(error.value) + repr(error.value.hint)


def test_any_cut_into_pieces_gives_the_same(monkeypatch):
    raw = header() + TWO + b'x,"y\r\n' + line("00:05", "DELIVER", "d@x.example")
    whole = read(reader(), [raw])
    for cut in (1, 300, 701):
        assert read(reader(), [raw], cut=cut) == whole
    for cut in (7, 64, 500):
        assert read(reader(), [raw], cut=cut, framing="anywhere") == whole
    monkeypatch.setattr(exchange, "STEP", 3)
    assert read(reader(), [raw], cut=50).read == whole.read
    assert read(reader(), [raw], cut=50) == read(reader(), [raw])


def test_a_file_cut_at_any_byte_keeps_what_was_before_and_reports_the_rest():
    raw = header() + line("00:01", "DELIVER", "b@x.example")
    for cut in range(1, len(raw)):
        outcome = read(reader(), [raw[:cut]])
        is_torn = raw[cut - 1 : cut] != b"\n"
        assert (outcome.read, len(outcome.rows)) == (int(is_torn), 0)
        assert outcome.rejects == [(0, raw[:cut].count(b"\n") + 1, "cut-off", "")] * is_torn


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(TWO.splitlines()) | st.binary(max_size=60), max_size=12), st.integers(30, 900))
def test_arbitrary_bytes_are_refused_as_a_whole_or_accounted_for(lines, cut):
    raw = header() + b"\r\n".join(lines)
    try:
        outcome = read(reader(), [raw, header() + TWO], cut=cut, framing="anywhere")
    except MalformedInput:
        return
    assert outcome == read(reader(), [raw, header() + TWO])
