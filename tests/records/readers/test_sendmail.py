"""Sendmail's maillog: hand-worked logs, and genuine ones counted a second way by plain loops."""

import re
from collections import Counter

import pytest
from fold_reading import WINDOW, mail, make_feed, read

from coffer.errors import MalformedInput
from coffer.records.readers.mail import clones
from coffer.records.readers.mail.sendmail import SendmailReader
from coffer.records.settings import SendmailSettings

SUBJECT = "zebra-crossing-at-noon"
ANN, BOB, CID = "ann@x.example", "bob@y.example", "cid@y.example"


def reader(**settings):
    made = make_feed(settings=SendmailSettings(**{"year": 2026, **settings}))
    return lambda: SendmailReader(made, WINDOW)


def log(*lines):
    """Lines of ``seconds queue-id message``."""
    made = (line.split(" ", 2) for line in lines)
    return "".join(f"Nov 23 10:00:{s} mx1 sendmail[7]: {qid}: {text}\n" for s, qid, text in made).encode()


def arrival(qid, sender=f"<{ANN}>", second="01", message_id="m1@x"):
    return f"{second} {qid} from={sender}, size=9, class=0, nrcpts=1, msgid=<{message_id}>, proto=ESMTP, relay=c [192.0.2.1]"


def delivery(qid, to, end="dsn=2.0.0, stat=Sent (ok)", second="02", delay="00:00:01"):
    return f"{second} {qid} to={to}, delay={delay}, xdelay=00:00:00, mailer=esmtp, pri=3, relay=y. [192.0.2.8], {end}"


def test_each_recipient_of_a_line_is_a_record_of_that_line():
    outcome = read(reader(), [log(arrival("AAAAAAA1"), delivery("AAAAAAA1", f"<{BOB}>,<{CID}>"))])
    assert mail(outcome) == [
        (2, "2026-11-23 10:00:01", ANN, BOB, None, True),
        (2, "2026-11-23 10:00:01", ANN, CID, None, True),
    ]
    assert outcome.skipped == {0: Counter({"accepted": 1})}


def test_without_its_beginning_a_mail_began_when_its_delay_says():
    outcome = read(reader(), [log(delivery("AAAAAAA1", f"<{BOB}>", delay="1+00:00:02"))])
    assert mail(outcome) == [(1, "2026-11-22 10:00:00", None, BOB, None, True)]


@pytest.mark.parametrize(
    ("end", "answered"),
    [
        ("dsn=2.0.0, stat=Sent", True),
        ("stat=Sent (ok id=1)", True),
        ("dsn=4.4.3, stat=queued", False),
        ("dsn=2.7.0, stat=Sent (2.7.0 Ok, discarded, id=7-01 - spam)", False),
        ("dsn=2.0.0, stat=Sent (2.0.0 Ok: we never discard)", True),
        ("ntries=2, quarantine=why, dsn=2.0.0, stat=Sent", True),
        ("stat=Deferred: Connection refused by y.", False),
        ("dsn=5.1.1, stat=User unknown", False),
        ("stat=Host unknown (Name server: y: host not found)", False),
        ("dsn=5.1.1, reply=550 5.1.1 no, stat=Sent (ok), stat=User unknown", False),
        ("dsn=4.0.0, reply=450 no, stat=Sent, stat=Deferred: 450 no", False),
    ],
)
def test_the_class_of_the_status_counts_and_not_what_a_server_replied(end, answered):
    outcome = read(reader(), [log(arrival("AAAAAAA1"), delivery("AAAAAAA1", f"<{BOB}>", end))])
    assert [row[-1] for row in mail(outcome)] == [answered]


@pytest.mark.parametrize(
    "line",
    [
        delivery("AAAAAAA1", f"<{BOB}>", "dsn=2.0.0, stat=discarded"),
        delivery("AAAAAAA1", f"<{BOB}"),
        delivery("AAAAAAA1", ""),
        delivery("AAAAAAA1", f"<{BOB}>,, <{CID}>"),
        f"02 AAAAAAA1 to=<{BOB}>, stat=Sent",
        delivery("A-A", f"<{BOB}>"),
    ],
)
def test_a_delivery_that_cannot_be_read_is_one_reject(line):
    outcome = read(reader(), [log(arrival("AAAAAAA1"), line)])
    assert (outcome.rows, outcome.rejects) == ([], [(0, 2, "bad-record", "")])


def test_a_recipient_cannot_pose_as_fields_of_its_line():
    forged = '<"x, delay=00:00:00, xdelay=00:00:00, mailer=esmtp, dsn=2.0.0, stat=Sent (ok)"@y.example>'
    outcome = read(
        reader(), [log(arrival("AAAAAAA1"), delivery("AAAAAAA1", f"<{BOB}>,{forged}", "dsn=5.0.0, stat=no"))]
    )
    assert [row[3:] for row in mail(outcome)] == [(BOB, None, False)]
    assert [reason for _, _, reason, _ in outcome.rejects] == ["not-an-address"]


def test_a_bare_name_is_of_the_domain_that_the_feed_says_and_else_rejected():
    lines = [log(arrival("AAAAAAA1", "alice"), delivery("AAAAAAA1", "bob"))]
    assert [row[2:4] for row in mail(read(reader(qualify_domain="x.example"), lines))] == [
        ("alice@x.example", "bob@x.example")
    ]
    assert read(reader(), lines).rows == []
    nobody = [log(arrival("AAAAAAA1", "<>"), delivery("AAAAAAA1", f"<{BOB}>"))]
    assert [row[2:4] for row in mail(read(reader(qualify_domain="x.example"), nobody))] == [(None, BOB)]


def test_a_clone_in_a_later_file_still_has_the_sender_and_start_of_its_parent(monkeypatch):
    first = log(arrival("AAAAAAA1"), "01 AAAAAAA1 BBBBBBB1: clone: owner=owner-list")
    second = log(delivery("BBBBBBB1", "bob@y.example", second="09"))
    expected = [(1, "2026-11-23 10:00:01", ANN, BOB, None, True)]
    assert mail(read(reader(), [first, second])) == mail(read(reader(), [first, second], cut=1)) == expected
    monkeypatch.setattr(clones, "MAX_CLONES", 1)
    more = log("03 CCCCCCC1 DDDDDDD1: clone: owner=owner-list")
    assert [row[2] for row in mail(read(reader(), [first, more, second]))] == [None]


@pytest.mark.parametrize(
    "reply",
    [
        "BBBBBBB1 Message accepted for delivery",
        "from MTA([127.0.0.1]:10025): 250 2.0.0 BBBBBBB1 Message accepted for delivery",
    ],
)
def test_a_filter_that_names_the_next_queue_leaves_one_mail_and_a_stranger_leaves_two(reply):
    def mails(message_id):
        second = arrival("BBBBBBB1", second="02", message_id=message_id)
        handed = delivery("AAAAAAA1", f"<{BOB}>", f"dsn=2.0.0, stat=Sent ({reply})", second="03")
        lines = (arrival("AAAAAAA1"), second, handed, delivery("BBBBBBB1", f"<{BOB}>", second="04"))
        return [row[2:4] for row in mail(read(reader(), [log(*lines)]))]

    assert mails("m1@x") == [(ANN, BOB)]
    assert mails("m2@x") == [(ANN, BOB)] * 2


def test_what_is_no_log_of_sendmail_is_refused():
    with pytest.raises(MalformedInput, match="none of 2 lines"):
        read(reader(), [b"a,b\nc,d\n"])


def by_hand(path):
    """Recipients by status, mails that tell of failures, and how often each queue id and recipient was tried."""
    tried, notices = Counter(), set()
    for line in path.read_text().splitlines():
        text = line.split(": ", 1)[1]
        if match := re.match(r"\w+: (\w+): (?:DSN|return to sender)", text):
            notices.add(match[1])
        elif match := re.match(r"(\w+): to=(.*?), (?:\[more\], )?(?:ctladdr|delay)=.*, stat=(\w+)", text):
            quoted = re.sub(r'"[^"]*"', lambda found: found[0].replace(",", ";"), match[2])
            tried.update((match[1], who) for who in quoted.split(",") if who)
    return tried, notices


@pytest.mark.parametrize("level", [9, 11])
def test_a_genuine_log_has_a_record_for_each_recipient(samples, level):
    path = samples / f"sendmail/maillog.level-{level}.log"
    tried, notices = by_hand(path)
    mails = {pair for pair in tried if pair[0] not in notices}
    outcome = read(reader(qualify_domain="corp.example"), [path.read_bytes()])
    assert read(reader(qualify_domain="corp.example"), [path.read_bytes()], cut=200) == outcome
    assert (tried.total(), len(notices)) == (81, 6)
    assert outcome.merged == {0: Counter({"bounce": 6, "deferred": 2, "handed-over": 1})}
    # The one reject is of a sender whose quoted name holds a blank.
    assert [reject[2:] for reject in outcome.rejects] == [("not-an-address", "a")]
    assert len(outcome.rows) == len(mails) - len(outcome.rejects) - 1
    assert SUBJECT not in outcome.shown
    answered = Counter(row["answered"] for _, row in outcome.rows)
    assert answered == {True: 59, False: 12}


def test_at_log_level_11_the_address_that_was_written_to_is_known(samples):
    raw = (samples / "sendmail/maillog.level-11.log").read_bytes()
    found = {row[3:5] for row in mail(read(reader(qualify_domain="corp.example"), [raw]))}
    assert {
        ("sales@corp.example", "bob@corp.example"),
        ("list@corp.example", "gone@bounce.example"),
        ("dave@corp.example", "ext@partner.example"),
        ("pipe@corp.example", None),
    } <= found
