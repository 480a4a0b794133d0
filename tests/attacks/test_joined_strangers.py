"""A stranger chooses the key by which rows of a table are joined, or sees to it that there is none: no record of another person goes.

The twin in each test differs in one thing, and there the rows are joined: so the attack would work.
"""

import datetime as dt
import json

import pytest

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.mapping import DEFAULT_DAYS
from coffer.records.readers.mapped import csv, jsonl
from coffer.records.readers.mapped.joining import JoinedReader
from coffer.records.rejects import Reason
from source_files import pieces

WINDOW = Window(earliest=dt.datetime(2020, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
ANN, BOB, CID, DAN = "ann@example.org", "bob@example.net", "cid@example.com", "dan@example.edu"
HEAD = '[feed]\nname = "x"\nhome_country = "DE"\ntime_zone = "UTC"\n'
OWN = HEAD + 'kind = "email"\n[jsonl]\ndate_format = "epoch"\n[columns]\na = "a"\nb = "b"\nstart = "t"\n[join]\n'
NOON, DAY = 1772452800, 86_400


def read(text, data):
    """``(a, b)`` of each record, reasons of rejects, and how many rows were merged."""
    feed = parse_feed(text, "feed")
    reader = JoinedReader(feed, WINDOW, csv.bind_head if feed.format == "csv" else jsonl.bind_feed)
    results = [one for piece in pieces(0, data.encode(), 1 << 20, is_lines=True) for one in reader.take(piece)]
    results += [*reader.end_file(0), *reader.finish()]
    rows = [row for one in results for row in one.parsed.batch.to_pylist()]
    reasons = [Reason(reason).label for one in results for reason in one.parsed.rejects.reasons.tolist()]
    mails = [(row["a_text"] or "", row["b_text"]) for row in sorted(rows, key=lambda row: row["line"])]
    return mails, reasons, sum(one.parsed.merged.total() for one in results)


def lines(*objects):
    return "".join(json.dumps(one) + "\n" for one in objects)


def siem(key, sender, at):
    return {"acc": "C0", "aCode": key, "datetime": f"2026-03-02T{at}:00:00+0000", "Sender": sender, "Rcpt": BOB,
            "Dir": "Inbound"}  # fmt: skip


def event(key, sender, at):
    return {"type": "receipt", "aggregateId": key, "processingId": "p", "messageId": key, "senderEnvelope": sender,
            "recipients": BOB, "timestamp": 1_000 * (NOON + at), "direction": "Inbound"}  # fmt: skip


def mailgun(key, sender, at):
    headers = {} if key is None else {"message-id": key}
    return {"event": "accepted", "timestamp": NOON + at, "recipient": BOB, "envelope": {"sender": sender},
            "message": {"headers": headers}}  # fmt: skip


def sendgrid(key, _sender, at):
    return {"email": BOB, "timestamp": NOON + at, "event": "delivered", "sg_event_id": str(at), "sg_message_id": key}


def google(key, sender, at):
    when = f"{dt.datetime.fromtimestamp(NOON + at, dt.UTC):%Y/%m/%d %H:%M:%S} UTC"
    return f"{key or ''},{when},{sender},{BOB},Inserted,{when}\n"


GOOGLE_NAMES = "Message ID,Start date,Sender,Recipient address,Event status,Event date\n"
JSON_PRESETS = {
    "mimecast-siem": siem, "mimecast-events": event, "mailgun-events": mailgun, "sendgrid-events": sendgrid,
}  # fmt: skip


def of_preset(name, *mails):
    """Read mails ``(key, sender, when)``, each a row of the preset's table."""
    rows = "".join(google(*mail) if name not in JSON_PRESETS else lines(JSON_PRESETS[name](*mail)) for mail in mails)
    return read(f'{HEAD}preset = "{name}"\n', rows if name in JSON_PRESETS else GOOGLE_NAMES + rows)


# -- no key --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["", None, "0", "<>", "-", "00000000-0000-0000-0000-000000000000", "null", "[]", "\t", "\xa0", "< >", "\\N", "N/A"]
)  # fmt: skip
@pytest.mark.parametrize("name", [*JSON_PRESETS, "google-log-search"])
def test_mails_to_one_recipient_whose_key_names_nothing_stay_as_many_as_they_are(name, key):
    found, reasons, merged = of_preset(name, (key, ANN, 10), (key, CID, 11), (key, DAN, 12))
    senders = [""] * 3 if name == "sendgrid-events" else [ANN, CID, DAN]
    assert (found, reasons, merged) == ([(sender, BOB) for sender in senders], [], 0)


@pytest.mark.parametrize("name", [*JSON_PRESETS, "google-log-search"])
def test_rows_with_a_key_are_one_mail(name):
    _, reasons, merged = of_preset(name, ("k1", ANN, 10), ("k1", ANN, 11), ("k2", ANN, 11))
    assert (reasons, merged) == ([], 1)


# -- a key that is none --------------------------------------------------------------------------------------------------


def own(*keys, rule='key = "k"', people=(ANN, CID, DAN)):
    mails = [
        {"a": sender, "b": f"to-{sender}", "t": NOON, **(key if isinstance(key, dict) and "l" in key else {"k": key})}
        for key, sender in zip(keys, people, strict=False)
    ]
    return read(OWN + rule, lines(*mails))


@pytest.mark.parametrize(
    "keys",
    [({"x": 1}, {"x": 2}, [1]), ([1], [1], [1]), ("\0", {"x": 1}, "\0"), ("k\0", "k\0", "k\0"), ({}, [], None)],
)
def test_key_that_is_no_single_value_joins_nobody(keys):
    found, reasons, merged = own(*keys)
    assert ([sender for sender, _ in found], reasons, merged) == ([ANN, CID, DAN], [], 0)


@pytest.mark.parametrize("key", ["k", "0a", "x0", "nanny", "1", "n", "null-1", "ü", "(1)", "0x01"])
def test_single_values_are_keys(key):
    assert own(key, key, "l")[2] == 1


@pytest.mark.parametrize(
    "key", ["{}", "()", "''", "\u2013", "\u200b", "0x0", "0/0", "None", "(null)", "NaN", "false", "#N/A", "0.0"]
)
def test_what_programs_write_for_no_key_joins_nobody(key):
    assert own(key, key, "l")[2] == 0


def test_recipient_that_is_a_list_is_a_reject_of_its_own_for_each_row():
    """Its twin names one recipient twice."""
    rows = [event("k", ANN, 0) | {"recipients": recipients} for recipients in ([BOB, CID], [BOB])]
    text = f'{HEAD}preset = "mimecast-events"\n'
    _, reasons, merged = read(text, lines(*rows, event("k", ANN, 0)))
    assert (reasons, merged) == (["not-an-address"] * 2, 0)
    assert read(text, lines(event("k", ANN, 0), event("k", ANN, 1)))[1:] == ([], 1)


@pytest.mark.parametrize(
    ("one", "other"), [(("x\x1fy", "z"), ("x", "y\x1fz")), (("1:x", "y"), ("1", "x:y")), (("ab", "c"), ("a", "bc")), (("", "k"), ("k", ""))]
)  # fmt: skip
def test_parts_of_a_key_are_told_apart_whatever_stands_in_them(one, other):
    rule = 'key = ["k", "l"]'
    assert own(dict(zip("kl", one, strict=True)), dict(zip("kl", other, strict=True)), rule=rule)[2] == 0
    assert own(dict(zip("kl", one, strict=True)), dict(zip("kl", one, strict=True)), rule=rule)[2] == 1


# -- a leg that is no call by itself -------------------------------------------------------------------------------------

CALLS = HEAD + 'kind = "call"\n[csv]\nheader = true\ndate_format = "epoch"\n[columns]\na = "a"\nb = "b"\nstart = "t"\n'
LEGS = CALLS + 'duration_s = "d"\nanswered = { column = "s", values = { A = true, N = false } }\n[join]\nkey = "k"\n'
ONE, TWO, TRI, ODD = "+4930111111", "+4930222222", "+4930333333", "*97x"


def legs(*rows, called="answered"):
    """``(a, b, answered, duration)`` of each call, and rejects and merged rows; ``rows`` are ``(a, b, answered, duration)``."""
    data = "a,b,s,d,t,k\n" + "".join(f"{a},{b},{s},{d},{NOON + n},k\n" for n, (a, b, s, d) in enumerate(rows))
    feed = parse_feed(f'{LEGS}called = "{called}"\n', "feed")
    reader = JoinedReader(feed, WINDOW, csv.bind_head)
    results = [one for piece in pieces(0, data.encode(), 1 << 20, is_lines=True) for one in reader.take(piece)]
    results += [*reader.end_file(0), *reader.finish()]
    calls = [
        (row["a_number"], row["b_number"], row["answered"], row["duration_s"])
        for one in results
        for row in one.parsed.batch.to_pylist()
    ]
    rejects = [field for one in results for field in one.parsed.rejects.fields]
    return calls, rejects, sum(one.parsed.merged.total() for one in results)


@pytest.mark.parametrize(
    ("rows", "called", "call", "rejects", "merged"),
    [
        ([(ONE, TWO, "N", 0), (ONE, ODD, "A", 30)], "answered", (ONE, TWO, False, 0), ["b"], 0),
        ([(ONE, ODD, "N", 0), (ONE, TRI, "A", 30)], "answered", (ONE, TRI, True, 30), ["b"], 0),
        ([(ODD, TWO, "N", 0), (ONE, TRI, "A", 30)], "answered", (ONE, TRI, True, 30), ["a"], 0),
        ([(ODD, TWO, "N", 0), (ODD, ODD, "N", 0), (ONE, TRI, "A", 30)], "first", (ONE, TRI, True, 30), ["a", "a"], 0),
        ([(ONE, ODD, "N", 0), (ONE, TRI, "A", 30)], "first", (ONE, TRI, True, 30), ["b"], 0),
        ([(ONE, "anonymous", "N", 0), (ONE, TRI, "A", 30)], "first", (ONE, TRI, True, 30), [], 1),
        ([(ONE, TWO, "N", 0), (ONE, ODD, "A", 30)], "first", (ONE, TWO, True, 30), [], 1),
        ([(ONE, TWO, "A", 30), (ODD, TRI, "N", 0)], "answered", (ONE, TWO, True, 30), [], 1),
        ([(ONE, TWO, "N", 0), (ONE, TRI, "A", 30)], "answered", (ONE, TRI, True, 30), [], 1),
    ],
)
def test_leg_with_a_party_that_is_none_takes_no_other_leg_with_it(rows, called, call, rejects, merged):
    a, b, answered, duration = call
    assert legs(*rows, called=called) == ([(int(a), int(b), answered, duration)], rejects, merged)


def test_legs_of_which_none_is_a_call_are_a_reject_each():
    assert legs((ODD, TWO, "N", 0), (ODD, TRI, "A", 5)) == ([], ["a", "a"], 0)


# -- a key that a stranger writes ----------------------------------------------------------------------------------------

WRITTEN = ["mimecast-events", "mailgun-events", "google-log-search"]
"""Presets of which the sender's Message-ID is the key, or part of it."""


@pytest.mark.parametrize("name", WRITTEN)
def test_nobody_hides_a_mail_behind_the_message_id_of_another_sender(name):
    found, _, merged = of_preset(name, ("<m1@x>", ANN, 0), ("<m1@x>", CID, 60))
    assert (found, merged) == ([(ANN, BOB), (CID, BOB)], 0)
    assert of_preset(name, ("<m1@x>", ANN, 0), ("<m1@x>", f"Ann <{ANN}>", 60))[2] == 1


@pytest.mark.parametrize("name", [*WRITTEN, "sendgrid-events"])
def test_message_id_that_is_used_again_later_is_another_mail_and_a_retry_is_not(name):
    last = DEFAULT_DAYS * DAY
    assert of_preset(name, ("m1@x", ANN, 0), ("m1@x", ANN, last))[2] == 1
    found, _, merged = of_preset(name, ("m1@x", ANN, 0), ("m1@x", ANN, last + 1))
    assert (len(found), merged) == (2, 0)


def test_mails_that_follow_one_another_do_not_stretch_the_time_in_which_they_are_one():
    """Each is within five days of the one before, and a year of them is no single mail."""
    rows = [{"a": ANN, "b": BOB, "t": NOON - n * 4 * DAY, "k": "m1"} for n in range(90)]
    found, _, merged = read(OWN + 'key = "k"\nby_sender = true', lines(*rows))
    assert (len(found), merged) == (45, 45)
    found, _, merged = read(OWN + 'key = "k"\nwithin_days = 366', lines(*rows))
    assert (len(found), merged) == (1, 89)


@pytest.mark.parametrize("days", [0, 367, -1])
def test_bound_in_time_is_some_days(days):
    with pytest.raises(MalformedInput, match="within_days: expected 1 to 366"):
        parse_feed(f'{OWN}key = "k"\nwithin_days = {days}\n', "feed")


def test_feed_without_a_sender_tells_no_senders_apart():
    with pytest.raises(MalformedInput, match="a: missing, expected the sender"):
        parse_feed(OWN.replace('a = "a"\n', "") + 'key = "k"\nby_sender = true\n', "feed")


# -- one person written in several ways ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"Bob <{BOB}>", BOB),
        (f"<{BOB}>", BOB),
        (f" {BOB}", BOB),
        (BOB.upper(), BOB),
        ("bob@exämple.net", "bob@xn--exmple-cua.net"),
    ],
)
def test_recipient_is_the_person_however_the_address_is_written(one, other):
    rows = [siem("k1", ANN, 10) | {"Rcpt": recipient} for recipient in (one, other, CID)]
    found, reasons, merged = read(f'{HEAD}preset = "mimecast-siem"\n', lines(*rows))
    assert (len(found), reasons, merged) == (2, [], 1)


def test_send_and_delivery_of_one_mail_are_one_where_only_one_has_the_name():
    mail = {"timestamp": "2026-03-02T10:00:00.000Z", "source": ANN, "messageId": "m", "destination": [f"Bob <{BOB}>"]}
    rows = [
        {"eventType": "Send", "mail": mail},
        {"eventType": "Delivery", "mail": mail, "delivery": {"recipients": [BOB]}},
    ]
    assert read(f'{HEAD}preset = "amazon-ses"\n', lines(*rows)) == ([(ANN, BOB)], [], 1)


def test_calls_to_one_number_are_one_however_it_is_written():
    text = (
        HEAD + 'kind = "call"\n[csv]\nheader = true\ndate_format = "epoch"\n[columns]\na = "a"\nb = "b"\nstart = "t"\n'
    )
    rows = "".join(f"+4930111111,{b},{NOON},k\n" for b in ("030222222", "+49 30 222222", "004930222222", "030333333"))
    assert len(read(f'{text}[join]\nkey = "k"\nby_recipient = true\n', "a,b,t,k\n" + rows)[0]) == 2
