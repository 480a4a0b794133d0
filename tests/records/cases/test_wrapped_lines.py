"""Lines in the wrappings of other logging systems give the records of the plain line, and a delivery that cannot be read is never passed over."""

import json

import pytest
from whole_reading import read_whole

from coffer.errors import MalformedInput

ANN, BOB, CID = "ann@example.org", "bob@example.net", "cid@example.com"
PARTS = [
    ("20", "smtpd", "AAA1110001: client=c.example.org[192.0.2.1]"),
    ("20", "cleanup", "AAA1110001: message-id=<m1@example.org>"),
    ("20", "qmgr", "AAA1110001: from=<ann@example.org>, size=900, nrcpt=1 (queue active)"),
    (
        "22",
        "smtp",
        "AAA1110001: to=<bob@example.net>, relay=mx[192.0.2.9]:25, delay=1.2, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
    ),
    ("23", "qmgr", "AAA1110001: removed"),
]
PLAIN = "Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}"
WRAPPED = {
    "rfc 5424": "<22>1 2026-11-20T10:00:{s}.123456+00:00 mx1 postfix/{d} 7 - - {m}",
    "rfc 5424 with data": '<22>1 2026-11-20T10:00:{s}Z mx1 postfix/{d} 7 ID47 [origin ip="192.0.2.1" x="a\\]b"][y@1 z="2"] {m}',
    "rfc 5424 without priority": "2026-11-20T11:00:{s}+01:00 mx1 postfix/{d} 7 - - {m}",
    "rfc 5424 without pid": "<22>1 2026-11-20T10:00:{s}+00:00 mx1 postfix/{d} - - - {m}",
    "priority": "<22>Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "solaris": "Nov 20 10:00:{s} mx1 postfix/{d}[7]: [ID 197553 mail.info] {m}",
    "busybox": "Nov 20 10:00:{s} mx1 mail.info postfix/{d}[7]: {m}",
    "freebsd": "Nov 20 10:00:{s} <mail.info> mx1 postfix/{d}[7]: {m}",
    "docker through syslog": "Nov 20 10:00:59 dock docker[32360]: Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "docker by its name": "Nov 20 10:00:59 dock docker/mail[1]: Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "container id": "Nov 20 10:00:59 dock 0123456789ab[1]: 2026-11-20T10:00:{s}+00:00 mx1 postfix/{d}[7]: {m}",
    "compose": "mail_1  | Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "docker logs -t": "2026-11-20T10:00:59.123456789Z Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "kubernetes": "2026-11-20T10:00:59.123456789Z stdout F Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "year in front": "2026 Nov 20 10:00:{s}.123 mx1 postfix/{d}[7]: {m}",
    "year behind": "Nov 20 2026 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "fraction": "Nov 20 10:00:{s}.123456 mx1 postfix/{d}[7]: {m}",
    "blank for T": "2026-11-20 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "blank for T and a zone": "2026-11-20 11:00:{s}.5 +0100 mx1 postfix/{d}[7]: {m}",
    "journal with weekday and zone": "Fri 2026-11-20 10:00:{s} UTC mx1 postfix/{d}[7]: {m}",
    "journal with seconds since 1970": "17951688{s}.000000 mx1 postfix/{d}[7]: {m}",
    "kubernetes with a pod's name": "[pod/mail-0/mail] Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "tai64n": "@400000006aa8e01a2c3ca000 Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}",
    "rfc 5424 with a byte-order mark": "<22>1 2026-11-20T10:00:{s}Z mx1 postfix/{d} 7 - - \ufeff{m}",
    "octets counted": "117 <22>1 2026-11-20T10:00:{s}Z mx1 postfix/{d} 7 - - {m}",
    "as the C library writes it": "Fri Nov 20 10:00:{s} 2026 mx1 postfix/{d}[7]: {m}",
    "loki": '{{"labels": {{}}, "line": "Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}", "timestamp": "2026-11-20T10:01:00Z"}}',
    "splunk": '{{"preview": false, "result": {{"_raw": "Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}"}}}}',
    "collected": '{{"@timestamp": "2026-11-20T10:01:00Z", "message": "Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}"}}',
    "docker json-file": '{{"log": "Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}\\n", "stream": "stdout"}}',
    "no zone": "2026-11-20T10:00:{s} mx1 postfix/{d}[7]: {m}",
}


def written(form, parts=PARTS):
    return "".join(form.format(s=s, d=d, m=m) + "\n" for s, d, m in parts).encode()


@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapped_maillog_gives_the_records_of_the_plain_one(name):
    plain, wrapped = read_whole([written(PLAIN)]), read_whole([written(WRAPPED[name])])
    assert (
        (wrapped.mails, wrapped.starts)
        == (plain.mails, plain.starts)
        == ([(ANN, BOB, "", True)], ["2026-11-20 10:00:20"])
    )
    assert wrapped.skipped == plain.skipped


def test_a_day_of_one_digit_may_stand_without_the_second_blank():
    found = read_whole([written(PLAIN.replace("Nov 20", "Nov 2"))])
    assert (found.mails, found.starts) == ([(ANN, BOB, "", True)], ["2026-11-02 10:00:20"])


NEW_SYSTEMS = {
    "sendmail": (
        "sm-mta",
        ("20", "7AKA00rB000007: from=<ann@example.org>, size=9, class=0, nrcpts=1, msgid=<m1@x>, proto=SMTP, relay=c [192.0.2.1]"),
        ("22", "7AKA00rB000007: to=<bob@example.net>, delay=00:00:02, mailer=esmtp, relay=mx. [192.0.2.9], dsn=2.0.0, stat=Sent"),
    ),
    "opensmtpd": (
        "smtpd",
        ("20", "5df87c9b982c840c smtp message msgid=3d4c4a42 size=9 nrcpt=1 proto=ESMTP"),
        (
            "22",
            "5df87c9b982c8411 mda delivery evpid=3d4c4a4200000001 from=<ann@example.org> to=<bob@example.net> rcpt=<-> user=bob delay=2s result=Ok stat=x",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("system", NEW_SYSTEMS)
def test_every_wrapping_gives_the_same_of_other_mail_systems(system):
    program, *lines = NEW_SYSTEMS[system]
    for name, form in WRAPPED.items():
        raw = "".join(form.replace("postfix/{d}", program).format(s=s, m=m) + "\n" for s, m in lines).encode()
        found = read_whole([raw])
        assert (found.formats, found.mails) == ([system], [(ANN, BOB, "", True)]), name
        assert found.starts == ["2026-11-20 10:00:20"], name


def journal(message, second="20", daemon="smtp", **more):
    at = 1795168800 + int(second)
    fields = {
        "__REALTIME_TIMESTAMP": f"{at}000000",
        "_HOSTNAME": "mx1",
        "SYSLOG_IDENTIFIER": f"postfix/{daemon}",
        "SYSLOG_PID": "7",
        "MESSAGE": message,
    }
    return json.dumps({**fields, **more}) + "\n"


def test_a_journal_as_json_gives_the_same_and_so_does_one_with_bytes_for_text():
    for convert in (str, lambda text: list(text.encode())):
        raw = "".join(journal(convert(m), s, d) for s, d, m in PARTS).encode()
        found = read_whole([raw])
        assert (found.mails, found.starts) == ([(ANN, BOB, "", True)], ["2026-11-20 10:00:20"])


def test_wrapped_and_plain_lines_of_one_file_are_one_log_in_any_pieces():
    lines = [
        (WRAPPED["solaris"] if i % 2 else WRAPPED["docker through syslog"]).format(s=s, d=d, m=m)
        for i, (s, d, m) in enumerate(PARTS)
    ]
    raw = ("\n".join(lines) + "\n").encode()
    for size in (1, 50, 1000):
        assert read_whole([raw], size=size).mails == [(ANN, BOB, "", True)]


@pytest.mark.parametrize("program", ["sshd", "web-app", "dockerfile-lint"])
def test_what_another_program_quotes_is_no_delivery(program):
    quoted = f"Nov 20 10:00:59 mx1 {program}[9]: {PLAIN.format(s='30', d='smtp', m=PARTS[3][2].replace('bob', 'eve'))}\n".encode()
    found = read_whole([written(PLAIN) + quoted])
    assert (found.mails, found.skipped["other-program"]) == ([(ANN, BOB, "", True)], 1)


@pytest.mark.parametrize(
    "form",
    [
        "Fri Nov 20 10:00:{s} CET 2026 mx1 postfix/{d}[7]: {m}",
        "%% Nov 20 10:00:{s} mx1 postfix/{d}[7]: {m}",
        "Nov 20 10:00:{s} mx1 postfix/{d}[7]: ?{m}",
        "Nov 20 10:00:{s} mx1 postfix/{d}[7]: AAA.111-{m}",
        "{{'host': 'mx1'}} postfix/{d}[7]: {m}",
    ],
)
def test_a_delivery_in_a_form_that_nobody_knows_is_a_counted_reject(form):
    found = read_whole(
        [written(PLAIN) + written(form, [(s, d, m.replace("AAA1110001", "CCC3330003")) for s, d, m in PARTS])]
    )
    assert (found.mails, found.rejects) == ([(ANN, BOB, "", True)], [(0, 9, "bad-record")])


def test_a_delivery_without_brackets_is_a_counted_reject():
    raw = written(PLAIN, [(s, d, m.replace("to=<bob@example.net>", "to=bob@example.net")) for s, d, m in PARTS])
    assert read_whole([raw]).rejects == [(0, 4, "bad-record")]


# Exim

EXIM = [
    ("20", "<= ann@example.org H=c.example.org [192.0.2.1] P=esmtp S=900 id=m1@example.org"),
    ("22", '=> bob@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.9] C="250 Ok"'),
    ("29", "Completed"),
]
EXIM_ID = "1xVYQR-0004xz-2m"
EXIM_FORMS = {
    "plain": "2026-11-23 18:05:{s} {i} {m}",
    "syslog": "Nov 23 18:05:59 mx1 exim[46483]: 2026-11-23 18:05:{s} {i} {m}",
    "syslog with pid": "Nov 23 18:05:59 mx1 exim[46483]: 2026-11-23 18:05:{s} [7] {i} {m}",
    "rfc 5424": "<22>1 2026-11-23T18:05:59Z mx1 exim 46483 - - 2026-11-23 18:05:{s} {i} {m}",
    "first part of a long line": "Nov 23 18:05:59 mx1 exim[46483]: [1/2] 2026-11-23 18:05:{s} {i} {m}",
    "without a stamp of its own": "Nov 23 18:05:59 mx1 exim[46483]: {i} {m}",
}


@pytest.mark.parametrize("name", EXIM_FORMS)
def test_a_mainlog_through_a_syslog_gives_the_same_record(name):
    raw = "".join(EXIM_FORMS[name].format(s=s, i=EXIM_ID, m=m) + "\n" for s, m in EXIM).encode()
    found = read_whole([raw])
    assert (found.mails, found.formats) == ([(ANN, BOB, "", True)], ["exim"])
    # Without a stamp of its own the second is the one that the message id holds.
    assert found.starts == ["2026-11-23 18:05:59" if "without" in name else "2026-11-23 18:05:20"]


@pytest.mark.parametrize(
    "line", ["20.11.2026 10:00:00 {i} => eve@example.net R=x", "2026-11-23 18:05:30 {i}-X => eve@example.net R=x T=y"]
)
def test_a_delivery_of_exim_in_a_form_that_nobody_knows_is_a_counted_reject(line):
    raw = (
        "".join(EXIM_FORMS["plain"].format(s=s, i=EXIM_ID, m=m) + "\n" for s, m in EXIM) + line.format(i=EXIM_ID) + "\n"
    )
    found = read_whole([raw.encode()])
    assert (found.mails, found.rejects) == ([(ANN, BOB, "", True)], [(0, 4, "bad-record")])


# What no reader takes

OTHERS = {
    "qmail": "@400000006aa8e01a2c3ca000 starting delivery 1: msg 100 to remote bob@example.net",
    "MailScanner": "Nov 20 10:00:00 efa MailScanner[18]: Message 4bs from 192.0.2.1 (ann@example.org) to example.net is spam",
    "Cisco": "Fri Nov 20 10:00:00 2026 Info: MID 6 ICID 5 From: <ann@example.org>",
    "Stalwart": '2026-11-20T10:00:00Z INFO Message delivered (delivery.delivered) queueId = 1, from = "ann@example.org"',
    "#Fields": "2026-11-20T10:00:00.000Z,,,,,,,SMTP,RECEIVE,7,<m1@example.org>,n1,bob@example.net,,9,1,,,Hello,ann@example.org",
    "UTF-16": PLAIN,
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_no_reader_takes_is_named(name):
    raw = ("\ufeff" + OTHERS[name] + "\n").encode("utf-16-le") if name == "UTF-16" else (OTHERS[name] + "\n").encode()
    with pytest.raises(MalformedInput, match="of no format that is known") as caught:
        read_whole([raw])
    assert name in (caught.value.hint or "")
    assert "example" not in f"{caught.value.message}{(caught.value.hint or '').replace('for example', '')}"
