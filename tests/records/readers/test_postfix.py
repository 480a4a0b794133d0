"""Postfix maillogs: hand-worked logs, the genuine sample counted a second way, and the promises of the port."""

import datetime as dt
import re
from collections import Counter

import pytest
from fold_reading import WINDOW, mail, make_feed, read
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.records.readers.mail import log as mail_log
from coffer.records.readers.mail import queue as mail_queue
from coffer.records.readers.mail.postfix import PostfixReader, recognise
from coffer.records.settings import PostfixSettings

CANARY = "zebra-crossing-at-noon"


def reader(*, year=2026, latest=None, **feed):
    made = make_feed(settings=PostfixSettings(year=0 if latest else year), **feed)
    return lambda: PostfixReader(made, WINDOW, latest=latest)


def log(text, stamp="Nov 23 10:00:"):
    """Lines of ``seconds daemon: message`` as syslog writes them."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return "".join(f"{stamp}{line[:2]} mx1 postfix/{line[3:].replace(':', '[77]:', 1)}\n" for line in lines).encode()


ONE = """
    01 smtpd: connect from ws[192.0.2.1]
    01 smtpd: 3F354: client=ws[192.0.2.1]
    01 cleanup: 3F354: message-id=<1@x>
    02 qmgr: 3F354: from=<a@x.example>, size=4, nrcpt=2 (queue active)
    03 smtp: 3F354: to=<b@y.example>, relay=none, delay=2, delays=1/1/0/0, dsn=4.4.1, status=deferred (refused)
    04 virtual: 3F354: to=<c@x.example>, relay=virtual, delay=3, delays=1/2/0/0, dsn=2.0.0, status=sent (delivered)
    40 qmgr: 3F354: from=<a@x.example>, size=4, nrcpt=2 (queue active)
    41 smtp: 3F354: to=<b@y.example>, relay=y[192.0.2.9]:25, delay=40, delays=1/1/0/0, dsn=2.0.0, status=sent (250 Ok)
    41 qmgr: 3F354: removed
"""


def test_deferred_then_sent_is_one_record_that_starts_when_the_mail_was_accepted():
    """3 delivery lines: 2 recipients are 2 records, the deferred attempt is merged. 6 lines are context."""
    outcome = read(reader(), [log(ONE)])
    assert mail(outcome) == [
        (6, "2026-11-23 10:00:01", "a@x.example", "c@x.example", None, True),
        (8, "2026-11-23 10:00:01", "a@x.example", "b@y.example", None, True),
    ]
    assert outcome.merged == {0: Counter({"deferred": 1})}
    assert outcome.skipped == {0: Counter({"sender": 2, "accepted": 1, "message-id": 1, "removed": 1, "other": 1})}
    assert (outcome.read, outcome.rejects) == (3, [])


def test_a_mail_that_is_still_deferred_at_the_end_was_not_delivered():
    outcome = read(reader(), [b"".join(log(ONE).splitlines(keepends=True)[:6])])
    assert [(row[3], row[5]) for row in mail(outcome)] == [("b@y.example", False), ("c@x.example", True)]


def test_rotation_splits_a_message_over_two_files_and_each_line_counts_in_its_own():
    lines = log(ONE).splitlines(keepends=True)
    outcome = read(reader(), [b"".join(lines[:5]), b"".join(lines[5:])])
    assert [(file, row["line"], row["b_text"]) for file, row in outcome.rows] == [
        (1, 1, "c@x.example"),
        (1, 3, "b@y.example"),
    ]
    assert outcome.merged == {0: Counter({"deferred": 1})}
    assert {f"{row['start']:%S}" for _, row in outcome.rows} == {"01"}


def test_without_the_beginning_the_start_is_reckoned_from_the_delay_and_the_sender_is_missing():
    """41 s less a delay of 40 s is 10:00:01."""
    outcome = read(reader(), [b"".join(log(ONE).splitlines(keepends=True)[7:])])
    assert mail(outcome) == [(1, "2026-11-23 10:00:01", None, "b@y.example", None, True)]


def test_a_short_queue_id_is_used_again_after_removed_and_even_without_it():
    one = """
        01 smtpd: 3F354: client=ws[192.0.2.1]
        01 qmgr: 3F354: from=<a@x.example>, size=4, nrcpt=1 (queue active)
        02 virtual: 3F354: to=<b@x.example>, relay=virtual, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (ok)
    """
    again = one.replace("a@x", "z@x").replace("01 ", "05 ")
    expected = [("a@x.example", "01"), ("z@x.example", "05")]
    for between in ("03 qmgr: 3F354: removed\n", ""):
        outcome = read(reader(), [log(one.rstrip() + "\n" + between + again.strip())])
        assert [(row[2], row[1][-2:]) for row in mail(outcome)] == expected
        assert not outcome.merged


def test_two_hosts_use_the_same_queue_id_at_once():
    first = log(ONE)
    second = first.replace(b" mx1 ", b" mx2 ").replace(b"a@x.example", b"q@x.example")
    mixed = b"".join(
        line
        for pair in zip(first.splitlines(keepends=True), second.splitlines(keepends=True), strict=True)
        for line in pair
    )
    outcome = read(reader(), [mixed])
    assert Counter(row[2] for row in mail(outcome)) == {"a@x.example": 2, "q@x.example": 2}


def test_a_notification_of_failure_belongs_to_its_parent_even_if_removed_comes_first():
    """Parent bounced (1 record), its notification delivered (merged); the null sender from outside is a mail of nobody's."""
    outcome = read(
        reader(),
        [
            log("""
        01 smtpd: AAAAA1: client=ws[192.0.2.1]
        01 qmgr: AAAAA1: from=<a@x.example>, size=4, nrcpt=1 (queue active)
        02 smtp: AAAAA1: to=<b@y.example>, relay=y[192.0.2.9]:25, delay=1, delays=1/0/0/0, dsn=5.3.0, status=bounced (no)
        02 cleanup: BBBBB1: message-id=<2@mx1>
        02 qmgr: BBBBB1: from=<>, size=4, nrcpt=1 (queue active)
        02 virtual: BBBBB1: to=<a@x.example>, relay=virtual, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (ok)
        02 qmgr: BBBBB1: removed
        02 qmgr: AAAAA1: removed
        02 bounce: AAAAA1: sender non-delivery notification: BBBBB1
        03 smtpd: CCCCC1: client=out[192.0.2.7]
        03 cleanup: CCCCC1: message-id=<3@out>
        03 qmgr: CCCCC1: from=<>, size=4, nrcpt=1 (queue active)
        03 virtual: CCCCC1: to=<a@x.example>, relay=virtual, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (ok)
        """)
        ],
    )
    assert [(row[0], row[2], row[3], row[5]) for row in mail(outcome)] == [
        (3, "a@x.example", "b@y.example", False),
        (13, None, "a@x.example", True),
    ]
    assert outcome.merged == {0: Counter({"bounce": 1})}
    assert outcome.skipped[0]["bounce-note"] == 1


FILTERED = """
    01 smtpd: AAAAA1: client=ws[192.0.2.1]
    01 cleanup: AAAAA1: message-id=<1@ws>
    01 qmgr: AAAAA1: from=<a@x.example>, size=4, nrcpt=1 (queue active)
    02 smtpd: BBBBB1: client=localhost[127.0.0.1]
    02 cleanup: BBBBB1: message-id=<1@ws>
    02 qmgr: BBBBB1: from=<a@x.example>, size=4, nrcpt=1 (queue active)
    02 smtp: AAAAA1: to=<b@y.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 MTA: 250 Ok: queued as BBBBB1)
    02 qmgr: AAAAA1: removed
    03 smtp: BBBBB1: to=<b@y.example>, relay=y[192.0.2.9]:25, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 Ok: queued as AAAAA1)
    03 qmgr: BBBBB1: removed
"""


def test_a_content_filter_gives_the_mail_back_under_another_id_and_it_is_one_record():
    """2 delivery lines, 1 record: the hand-over is merged. The last server names a queue id of ours, older than its mail: no matter."""
    outcome = read(reader(), [log(FILTERED)])
    assert [row[0] for row in mail(outcome)] == [9]
    assert outcome.merged == {0: Counter({"handed-over": 1})}
    foreign = read(reader(), [log(FILTERED.replace("BBBBB1: message-id=<1@ws>", "BBBBB1: message-id=<2@ws>"))])
    assert [row[0] for row in mail(foreign)] == [7, 9]


def test_a_hand_over_is_kept_while_nothing_else_stands_for_it():
    outcome = read(reader(), [log("\n".join(FILTERED.strip().splitlines()[:8]))])
    assert [row[0] for row in mail(outcome)] == [7]


def test_an_alias_is_the_b_side_and_the_mailbox_what_it_was_forwarded_to():
    def delivered(to):
        return f"02 virtual: AAAAA1: to={to}, relay=virtual, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (ok)\n"

    outcome = read(
        reader(),
        [
            log(
                delivered("<b@x.example>, orig_to=<sales@x.example>")
                + delivered("<c@x.example>, orig_to=<C@X.example>")
                + delivered("<root@x.example>, orig_to=<root>")
            )
        ],
    )
    assert [row[3:5] for row in mail(outcome)] == [
        ("sales@x.example", "b@x.example"),
        ("c@x.example", None),
        ("root@x.example", None),
    ]


def test_addresses_with_anything_in_a_quoted_local_part_are_read_whole():
    """``parse_email`` has the last word: blanks are no address there, comma and bracket are."""
    line = "02 smtp: AAAAA1: to={}, relay=none, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (ok)\n"
    texts = [
        '<"a,b>,relay=x"@y.example>',
        '<"a b"@y.example>',
        "<ü@bücher.example>",
        r'<"a\"b"@y.example>',
        "<x y@z.example>",
    ]
    outcome = read(reader(), [log("".join(line.format(text) for text in texts))])
    assert [(row[0], row[3]) for row in mail(outcome)] == [
        (1, '"a,b>,relay=x"@y.example'),
        (3, "ü@xn--bcher-kva.example"),
        (4, r'"a\"b"@y.example'),
    ]
    assert outcome.rejects == [(0, 2, "not-an-address", "b"), (0, 5, "not-an-address", "b")]


def test_bytes_that_are_no_utf8_spoil_an_address_but_not_free_text():
    good = log("02 smtp: AAAAA1: to=<b@y.example>, relay=none, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (ok)")
    outcome = read(reader(), [good.replace(b"b@", b"\xff@") + good.replace(b"ok", b"\xff\xfe")])
    assert outcome.rejects == [(0, 1, "not-utf8", "b")]
    assert [row[0] for row in mail(outcome)] == [2]


def test_instances_services_long_ids_and_rfc_3339_stamps():
    outcome = read(
        reader(time_zone="Europe/Berlin"),
        [
            (
                b"2026-11-23T10:00:00.123456+01:00 mx1 postfix/submission/smtpd[7]: 4jYDB64xy6zCHdY: client=a[192.0.2.1]\n"
                b"2026-11-23T09:00:01Z mx1 postfix-out/qmgr[7]: 4jYDB64xy6zCHdY: from=<a@x.example>, size=1, nrcpt=1 (queue active)\n"
                b"2026-11-23T10:00:02+01:00 mx1 postfix-out/smtp[7]: 4jYDB64xy6zCHdY: to=<b@y.example>, relay=none, conn_use=2, delay=1.5, "
                b"delays=1/0/0/0, dsn=4.0.0, status=expired (x)\n"
            )
        ],
    )
    assert mail(outcome) == [(3, "2026-11-23 09:00:00", "a@x.example", "b@y.example", None, False)]


def new_year(options):
    line = "smtp: AAAAA{}: to=<b@y.example>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (ok)"
    stamps = ["Dec 31 23:59:", "Jan  1 00:00:", "Dec 31 23:59:", "Feb 28 10:00:"]
    files = [log(f"5{i} " + line.format(i), stamp) for i, stamp in enumerate(stamps)]
    outcome = read(reader(**options), files)
    return [f"{row['start']:%Y-%m-%d}" for _, row in outcome.rows]


@pytest.mark.parametrize(
    "options",
    [{"year": 2025}, {"latest": dt.datetime(2026, 3, 1, tzinfo=dt.UTC)}, {"year": 0}],
    ids=["year of the first line", "newest not after a day", "newest not after the window"],
)
def test_the_year_turns_over_at_new_year_and_back_for_a_late_line(options):
    assert new_year(options) == ["2025-12-31", "2026-01-01", "2025-12-31", "2026-02-28"]


def test_a_29_february_is_of_the_last_leap_year():
    line = log(
        "01 smtp: AAAAA1: to=<b@y.example>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (ok)",
        "Feb 29 10:00:",
    )
    outcome = read(reader(latest=dt.datetime(2026, 6, 1, tzinfo=dt.UTC)), [line])
    assert mail(outcome)[0][1] == "2024-02-29 10:00:01"


@pytest.mark.parametrize(("fold", "starts"), [("reject", []), ("first", ["00:30"]), ("second", ["01:30"])])
def test_the_hour_that_autumn_repeats_follows_the_feed(fold, starts):
    """02:30 in Berlin on 2026-10-25 is 00:30 or 01:30 UTC; the hour that spring skips is no time."""
    line = "00 smtp: AAAAA1: to=<b@y.example>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (ok)"
    feed = {"time_zone": "Europe/Berlin", "fold": fold}
    outcome = read(reader(**feed), [log(line, "Oct 25 02:30:")])
    assert [row[1][11:16] for row in mail(outcome)] == starts
    assert outcome.ambiguous == len(starts)
    assert [reject[2] for reject in outcome.rejects] == ["ambiguous-time"] * (not starts)
    skipped = read(reader(**feed), [log(line, "Mar 29 02:30:")])
    assert [reject[2] for reject in skipped.rejects] == ["impossible-time"]


def test_content_and_free_text_go_nowhere():
    """Subjects of header_checks, replies of servers, refusals, names of clients: dropped, and no way to pose as a line."""
    raw = log(ONE) + log(f"""
        50 cleanup: 3F354: warning: header Subject: to=<{CANARY}@x.example>, relay=none, delay=0, dsn=2.0.0, status=sent (x)
        50 cleanup: 3F354: info: body {CANARY} from ws[192.0.2.1]; from=<{CANARY}@x.example> to=<b@y.example> proto=ESMTP
        50 smtpd: NOQUEUE: reject: RCPT from {CANARY}[192.0.2.1]: 554 <b@x>: {CANARY}; from=<a@x> to=<{CANARY}@x> proto=ESMTP
        51 smtpd: {CANARY}
        51 smtpd: AAAAA1: client={CANARY}[192.0.2.1], sasl_username={CANARY}
        52 smtp: AAAAA1: to=<b@y.example>, relay={CANARY}[192.0.2.9]:25, delay=2, delays=1/1/0/0, dsn=2.0.0, status=sent ({CANARY})
        53 smtp: AAAAA1: to=<d@y.example>, {CANARY}
    """)
    outcome = read(reader(), [raw])
    assert CANARY not in outcome.shown
    assert (len(outcome.rows), outcome.rejects) == (3, [(0, 16, "bad-record", "")])
    assert outcome.skipped[0]["refused"] == 1


def test_any_cut_into_pieces_gives_the_same():
    raw = log(FILTERED) + log(ONE)
    whole = read(reader(), [raw])
    for cut in (1, 40, 171, 300, 999):
        assert read(reader(), [raw], cut=cut) == whole
    for cut in (7, 64, 500):
        assert read(reader(), [raw], cut=cut, framing="anywhere") == whole


def test_a_file_cut_at_any_byte_keeps_what_was_before_and_reports_the_rest():
    raw = b"".join(log(ONE).splitlines(keepends=True)[3:6:2])
    for cut in range(1, len(raw)):
        outcome = read(reader(), [raw[:cut]])
        lines = raw[:cut].splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        assert outcome.read == sum(b"to=<" in line for line in whole) + (len(whole) < len(lines))
        assert outcome.rejects == [(0, len(lines), "cut-off", "")] * (len(whole) < len(lines))


def test_small_steps_and_a_full_queue_lose_nothing(monkeypatch):
    raw = log(FILTERED) + log(ONE)
    whole = read(reader(), [raw])
    monkeypatch.setattr(mail_log, "STEP", 3)
    monkeypatch.setattr(mail_queue, "GRACE", 8)
    stepped = read(reader(), [raw])
    assert (stepped.rows, stepped.merged) == (whole.rows, whole.merged)
    assert read(reader(), [raw], cut=50) == stepped
    full = read(full_reader, [raw])
    assert full.read == whole.read
    assert len(full.rows) > len(whole.rows)
    assert read(full_reader, [raw], cut=50) == full


def full_reader():
    """Mail is given as it stands when a step is over, so that later attempts are records of their own."""
    made = reader()()
    made._queue._rules = mail_queue.QueueRules(are_reused=True, max_open=0)
    return made


junk = st.sampled_from(
    [
        *log(FILTERED).splitlines(),
        *log(ONE).splitlines(),
        b"",
        b"\xff",
        b"Nov 23 10:00:01 mx1 postfix/smtp[1]: AAAAA1: to=<",
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(junk | st.binary(max_size=60), max_size=12), st.integers(30, 300))
def test_arbitrary_bytes_are_refused_as_a_whole_or_accounted_for(lines, cut):
    raw = b"\n".join(lines)
    try:
        outcome = read(reader(), [raw, log(ONE)], cut=cut, framing="anywhere")
    except MalformedInput:
        return
    assert outcome == read(reader(), [raw, log(ONE)])


def test_a_file_without_one_log_line_is_of_another_format():
    with pytest.raises(MalformedInput, match="none of 2 lines is a line of such a log"):
        read(reader(), [b"a,b\nc,d\n"])
    assert recognise(b"a,b\nc,d\n", "maillog") is None
    assert recognise(log(ONE)[:300], "x") == "4 of the first 5 lines are of a Postfix daemon"


def count_by_hand(raw):
    """The sample once more in plain loops: the last status of each (queue id, use of it, recipient)."""
    uses, last, notices, senders = Counter(), {}, set(), {}
    for line in raw.decode().splitlines():
        match = re.match(r".{15} \S+ postfix/(\w+)\[\d+\]: ([0-9A-F]{6,}): (.*)", line)
        if not match:
            continue
        daemon, qid, text = match.groups()
        key = (qid, uses[qid])
        if text == "removed":
            uses[qid] += 1
        elif daemon == "bounce":
            notices.add(text.split(": ")[1])
        elif daemon == "qmgr":
            senders[key] = text[6 : text.index(">")]
        elif text.startswith("to=<"):
            last.setdefault((key, text[: text.index(" relay=")]), []).append(re.search(r"status=(\w+)", text)[1])
    mails = {key: found for key, found in last.items() if not (key[0][0] in notices and senders[key[0]] == "")}
    return mails, last, senders


def test_the_genuine_sample_has_the_counts_of_plain_loops(samples):
    """25 delivery lines: 20 recipients of mail, 2 earlier attempts, 3 notifications. One sender has a blank, which is no address here."""
    raw = (samples / "postfix/maillog.short-ids.log").read_bytes()
    mails, lines, senders = count_by_hand(raw)
    assert (len(mails), sum(map(len, lines.values()))) == (20, 25)
    outcome = read(reader(), [raw])
    assert [reject[2:] for reject in outcome.rejects] == [("not-an-address", "a")]
    blanks = [key for key in mails if " " in senders[key[0]]]
    assert len(outcome.rows) == len(mails) - len(blanks) == 19
    assert outcome.merged == {0: Counter({"bounce": 3, "deferred": 2})}
    assert outcome.read == 25
    assert sum(row["answered"] for _, row in outcome.rows) == sum(found[-1] == "sent" for found in mails.values()) - 1
    assert Counter(row["a_text"] for _, row in outcome.rows) == Counter(
        senders[key[0]].lower() or None for key in mails if key not in blanks
    )
    assert (outcome.skipped[0]["accepted"], outcome.skipped[0]["bounce-note"], outcome.skipped[0]["refused"]) == (
        15,
        3,
        1,
    )
    for cut in (100, 1777, 5000):
        assert read(reader(), [raw], cut=cut) == outcome
