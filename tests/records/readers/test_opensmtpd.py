"""OpenSMTPD's maillog: hand-worked logs, and a genuine one counted a second way by plain loops."""

import re
from collections import Counter

import pytest
from fold_reading import WINDOW, mail, make_feed, read

from coffer.errors import MalformedInput
from coffer.records.readers.mail import sessions
from coffer.records.readers.mail.opensmtpd import OpenSmtpdReader
from coffer.records.settings import OpenSmtpdSettings

ANN, BOB = "ann@x.example", "bob@y.example"
SESSION, MESSAGE = "5df87c9b982c840c", "3d4c4a42"


def reader():
    made = make_feed(settings=OpenSmtpdSettings(year=2026))
    return lambda: OpenSmtpdReader(made, WINDOW)


def log(*lines):
    """Lines of ``seconds message``."""
    made = (line.split(" ", 1) for line in lines)
    return "".join(f"Nov 23 10:00:{second} mx1 smtpd[7]: {text}\n" for second, text in made).encode()


def arrival(sender=ANN, address="192.0.2.1"):
    return [
        f"01 {SESSION} smtp connected address={address} host=c",
        f"02 {SESSION} smtp message msgid={MESSAGE} size=9 nrcpt=1 proto=ESMTP",
        f"02 {SESSION} smtp envelope evpid={MESSAGE}00000001 from=<{sender}> to=<{BOB}>",
    ]


def delivery(sender=ANN, to=BOB, result="Ok", stat="250 ok", delay="1s", second="09"):
    return (
        f"{second} 5df87c9b982c8411 mta delivery evpid={MESSAGE}00000001 from=<{sender}> to=<{to}> rcpt=<-> "
        f'source="192.0.2.1" relay="192.0.2.8 (y)" delay={delay} result="{result}" stat="{stat}"'
    )


def test_a_mail_begins_with_its_message_and_has_its_last_result():
    first = delivery(result="TempFail", second="03")
    outcome = read(reader(), [log(*arrival(), first, delivery())])
    assert mail(outcome) == [(5, "2026-11-23 10:00:02", ANN, BOB, None, True)]
    assert outcome.merged == {0: Counter({"deferred": 1})}
    assert outcome.skipped == {0: Counter({"session": 1, "accepted": 1, "sender": 1})}


@pytest.mark.parametrize(
    ("delay", "start"),
    [("9s", "23 10:00:00"), ("1m9s", "23 09:59:00"), ("2h9s", "23 08:00:00"), ("1d1h9s", "22 09:00:00")],
)
def test_without_its_beginning_a_mail_began_when_its_delay_says(delay, start):
    outcome = read(reader(), [log(delivery(delay=delay))])
    assert mail(outcome) == [(1, f"2026-11-{start}", ANN, BOB, None, True)]


@pytest.mark.parametrize("result", ["TempFail", "PermFail", "Loop"])
def test_what_a_server_replied_does_not_count(result):
    forged = 'no" result="Ok" stat="250 ok'
    outcome = read(reader(), [log(*arrival(), delivery(result=result, stat=forged))])
    assert [row[-1] for row in mail(outcome)] == [False]


@pytest.mark.parametrize(
    "line",
    [
        delivery(result="Perhaps"),
        delivery(to="a> rcpt=<b"),
        delivery().replace("evpid=", "evpid=x"),
        f"09 relay: Ok for {MESSAGE}00000001: session=5df87c9b982c8411, from=<{ANN}>, to=<{BOB}>, delay=1s, stat=250 ok",
        delivery().replace("mta delivery evpid", "mta  delivery evpid"),
    ],
)
def test_a_delivery_that_cannot_be_read_is_one_reject(line):
    outcome = read(reader(), [log(*arrival(), line)])
    assert (outcome.rows, outcome.rejects) == ([], [(0, 4, "bad-record", "")])


def test_a_session_that_began_in_another_file_is_still_of_this_host(monkeypatch):
    lines = [*arrival(sender="", address="local"), delivery(sender="")]
    files = [log(lines[0]), log(*lines[1:])]
    for cut in (None, 1):
        assert read(reader(), files, cut=cut).merged == {1: Counter({"bounce": 1})}
    ended = log(f"01 {SESSION} smtp disconnected reason=quit")
    assert len(read(reader(), [files[0] + ended, files[1]]).rows) == 1
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 0)
    assert len(read(reader(), files).rows) == 1


def test_what_is_no_log_of_opensmtpd_is_refused():
    with pytest.raises(MalformedInput, match="none of 2 lines"):
        read(reader(), [b"a,b\nc,d\n"])


def test_a_genuine_log_has_a_record_for_each_envelope(samples):
    """Reports: 10 mails of nobody from a local session; the signing proxy gave 3 mails back."""
    raw = (samples / "opensmtpd/maillog").read_bytes()
    text = raw.decode()
    tried = Counter(re.findall(r"(?:delivery evpid=|Expire for )([0-9a-f]{16})", text))
    local = set(re.findall(r"([0-9a-f]{16}) smtp connected address=local", text))
    reports = {
        message
        for session, message in re.findall(r"([0-9a-f]{16}) smtp message msgid=([0-9a-f]{8})", text)
        if session in local
    }
    mails = [envelope for envelope in tried if envelope[:8] not in reports]
    outcome = read(reader(), [raw])
    assert read(reader(), [raw], cut=200) == outcome
    assert (tried.total(), len(mails), len(reports)) == (50, 38, 10)
    assert outcome.merged == {0: Counter({"bounce": 10, "handed-over": 3, "deferred": 2})}
    assert (len(outcome.rows), outcome.rejects) == (len(mails) - 3, [])
    assert Counter(row["answered"] for _, row in outcome.rows) == {True: 27, False: 8}
    assert {("dave@corp.example", "bob@corp.example"), ("fwds@corp.example", "two@signed.example")} <= {
        row[3:5] for row in mail(outcome)
    }
