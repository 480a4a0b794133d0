"""Lines and records that readers take apart in steps, against one pattern or one strict parser."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.records.readers.calls import freeswitch
from coffer.records.readers.calls.freeswitch_plain import Plain
from coffer.records.readers.mail import exim, postfix, sendmail, syslogged
from coffer.records.readers.mail.addresses import ANGLED
from coffer.records.readers.text import prefixes
from coffer.records.rejects import Reason
from source_files import CASES, LEGS, WINDOW, feed_of, read, table

FEED = feed_of("freeswitch-json")

POSTFIX = (
    r" ([^ ]+) ([^ \[\]:/]+)((?:/[^ \[\]:/]+)*)(?:\[[0-9]+\])?: (?:([0-9A-Za-z]{5,20}): )?(.*)$",
    ["stamp", "host", "program", "path", "qid", "message"],
)
DELIVERY = (
    rf"^to={ANGLED}, (?:orig_to={ANGLED}, )?relay=([^,]*), (?:conn_use=[0-9]+, )?delay=([0-9.]+), (?:delays=[^ ]*, )?(?:dsn=[0-9.]+, )?"
    r"status=([A-Za-z-]+)(?: \((?:.* (?:queued|forwarded) as ([0-9A-Za-z]{5,20})\)*$)?|$)"
)
EXIM = rf"^({exim._STAMP}) (?:\[[0-9]+\] )?(?:({exim._ID}) (?:({exim._FLAG}) |(Completed)))?(.*)$"
MESSAGE_ID = r'^((?:"(?:[^"\\]|\\.)*"|[^" ])+)(?: [^"]*?)? id=([^ "]+)'


def lines_of(*parts: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    """Lines of one choice from each part, with something between some of them."""
    noise = st.sampled_from(("", "", "", "", "", " ", ": ", "é", '"', ",", "\r", "<>"))
    line = st.tuples(*(st.tuples(st.sampled_from(part), noise) for part in parts))
    return st.lists(line.map(lambda chosen: "".join(a + b for a, b in chosen)), max_size=8)


STAMPS = (
    "Nov 23 10:00:00 ",
    "Nov  3 10:00:00 ",
    "2026-11-23T10:00:00+01:00 ",
    "2026 Nov 23 10:00:00 ",
    "2026-11-23Té ",
    "",
)
HEADS = ("mx1 ", " ", "mx1", "")
PROGRAMS = ("postfix/smtp[7]: ", "postfix/a/b: ", "postfix: ", "dovecot[7]:", "postfix/: ", "x[a]: ", "post fix: ", "")
REST = ("4jYDB64xy6zCHdY: ", "NOQUEUE: ", "abc: ", "a-bcdef: ", "ABCDE:", "")


@settings(max_examples=50, deadline=None)
@given(lines_of(STAMPS, HEADS, PROGRAMS, REST, ("to=<a@b.example>", "removed", "")))
def test_a_line_of_postfix_is_cut_as_its_pattern_says(lines):
    text = pl.Series(lines, dtype=pl.String)
    rest, names = POSTFIX
    for stamp, widths in (
        (syslogged.STAMP, syslogged.stamp_widths(text)),
        (prefixes.STAMP, syslogged.widths_of(prefixes.STAMP, text)),
    ):
        expected = text.str.extract_groups(f"^({stamp}){rest}").struct.rename_fields(names).struct.unnest()
        assert syslogged.fields_of(text, widths).rows() == expected.rows()


@settings(max_examples=50, deadline=None)
@given(
    lines_of(
        ("to=<a@b.example>, ", 'to=<"a, >b"@c.example>, ', "to=<a, "),
        ("orig_to=<c>, ", ""),
        ("relay=none, ", "relay=x[192.0.2.1]:25, "),
        ("conn_use=2, ", ""),
        ("delay=1.5, ", "delay=, "),
        ("delays=1/2/3/4, ", "delays=a,,b,, ", "delays=, ", ""),
        ("dsn=2.0.0, ", "delays=1, ", ""),
        ("status=sent", "status=soft-bounce", "status="),
        (" (250 Ok: queued as 1A2B3C4D5E)", " (x queued as ABCDE forwarded as FGHIJ))", " (queued as ABCDEF)", " ()", " x", ""),
    )
)  # fmt: skip
def test_a_delivery_of_postfix_is_matched_in_one_pass_as_before(lines):
    text = pl.Series(lines, dtype=pl.String)
    names = ["text", "orig", "relay", "delay", "status", "child"]
    expected = text.str.extract_groups(DELIVERY).struct.rename_fields(names).struct.unnest()
    names[-1] = "reply"
    found = text.str.extract_groups(postfix._DELIVERY).struct.rename_fields(names).struct.unnest()
    found = found.with_columns(child=found["reply"].str.extract(postfix._CHILD)).drop("reply")
    assert found.rows() == expected.rows()


@settings(max_examples=50, deadline=None)
@given(
    lines_of(
        ("2026-11-23 10:00:00", "2026-11-23 10:00:00.123", "2026-11-23", ""),
        (" ", " +0100 ", " +0100", ""),
        ("[77] ", "[x] ", ""),
        ("1xULPU-000001-01 ", "1xULPU-00000000001-0123 ", "1xULPU-000001-01", "1xULPU-0001 ", ""),
        ("<= ", "=> ", "*> ", "Completed", "Completed QT=1s", "=>", ""),
        ("a@b.example H=x", "a  id=b", ""),
    )
)
def test_a_line_of_exim_is_cut_as_its_pattern_says(lines):
    text = pl.Series(lines, dtype=pl.String)
    names = ["stamp", "qid", "flag", "completed", "message"]
    expected = text.str.extract_groups(EXIM).struct.rename_fields(names).struct.unnest()
    # Nobody looks at what stands behind Completed.
    expected = expected.with_columns(message=pl.when(pl.col("completed").is_null()).then("message"))
    assert exim._fields(text).rows() == expected.rows()


@settings(max_examples=50, deadline=None)
@given(
    lines_of(
        ("a@b.example", '"a b"@c.example', '"a', ""),
        (" H=x", " X=", ""),
        (" id=", "id=", ""),
        ("m@x", ' "', ""),
        (" id=n", ""),
    )
)
def test_a_message_id_of_exim_is_the_one_that_its_pattern_finds(lines):
    text = pl.Series(lines, dtype=pl.String)
    assert exim._message_ids(text).to_list() == text.str.extract(MESSAGE_ID, 2).to_list()


RECIPIENTS = (
    "<a@b.example>", "bob", '"Smith, Bob" <c@d.example>', "carol (at home, mostly)", '<"x, delay=00:00:00, stat=Sent"@e.example>',
    '"|/bin/prog -x, y"', "/var/box", '<"a>b"@c.example>', "", "<open", '"open', "a(b", " <f@g.example>",
)  # fmt: skip


def recipients_of(text):
    """A list cut at commas outside quotes, brackets and comments; None if one stays open, is empty or begins with a blank."""
    found, one, closing, at = [], "", "", 0
    while at < len(text):
        char = text[at]
        if closing:
            if closing == '"' and char == "\\":
                one, at = one + char, at + 1
                char = text[at : at + 1]
            elif char == closing[-1]:
                closing = closing[:-1]
            elif char == '"' and closing == ">":
                closing = '>"'
        elif char in '"<(':
            closing = {'"': '"', "<": ">", "(": ")"}[char]
        elif char in ">)":
            return None
        elif char == ",":
            found, one, at = [*found, one], "", at + 1
            continue
        one, at = one + char, at + 1
    found.append(one)
    return None if closing or any(not one or one[0] in " (" for one in found) else found


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(RECIPIENTS), min_size=1, max_size=4), st.booleans())
def test_a_list_of_recipients_of_sendmail_is_cut_as_a_plain_loop_cuts_it(recipients, has_more):
    listed = ",".join(recipients)
    line = f"to={listed}{', [more]' * has_more}, delay=00:00:01, mailer=esmtp, dsn=5.0.0, reply=x, stat=Sent, stat=no"
    found = pl.Series([line]).str.extract_groups(sendmail._DELIVERY).struct.field("1")
    expected = recipients_of(listed)
    assert found.to_list() == [listed if expected else None]
    if expected:
        each = found.str.extract_all(rf"{sendmail._ONE}(?:,|$)").explode().str.strip_suffix(",")
        assert each.to_list() == expected


PIECES = (
    b"\n", b"\r\n", b",", b" ", b"[", b"]", b"{", b"}", b'"', b"\\", b"\\u0041", b"\\u00c3\\u00a9", b"\\ud800", b"\xff", b"\xc3\xa9", b"\x01", b"%2B", b"%2b",
    b"%C3%A9", b"NaN", b"01", b"1.5e3", b"null", b'"uuid": "q"', b'"variables": {}', b'"callflow": {}', b'"callflow": [null]', b"\n{}\n", b"{}{}",
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(LEGS), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 6), st.sampled_from(PIECES)), max_size=3),
    st.sampled_from((None, None, 1)),
)
def test_plain_records_are_those_that_the_strict_decoder_reads(legs, changes, indent):
    data = b"".join(json.dumps(one, indent=indent).encode() + b"\n" for one in legs)
    for place, gone, piece in changes:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + gone :]
    found = records_of(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freeswitch, "plain_records", lambda _, at, __: Plain(places=[], values=[], end=at))
        assert records_of(data) == found


def records_of(data):
    """Place of each record with its values, or with the reason why it has none."""
    reader = freeswitch.FreeswitchJsonReader(FEED, WINDOW)
    return [
        pair
        for records in reader._records(data, 0, is_end=True)
        for pair in zip(records.places, records.values or [records.reason] * len(records.places), strict=True)
    ]


def test_half_of_a_pair_is_no_character_and_rejects_its_record_alone():
    """JSON may write it as an escape. Its twin with a whole character is rejected for the same reason: it is no number."""
    for written in (b"\\ud800", b"\\u00e9"):
        data = CASES["freeswitch-json"].data
        record = data.split(b"\n", 1)[0].replace(b"a-1", b"z-1").replace(b"%2B4930111111", written)
        found = read(CASES["freeswitch-json"], [data + record + b"\n"])
        rows, rejects, *_ = table(found)[0]
        assert len(rows) == CASES["freeswitch-json"].events
        assert [(line, Reason(reason)) for line, reason, _ in rejects] == [(len(data), Reason.NOT_A_NUMBER)]
