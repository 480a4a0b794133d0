"""One mail is one record: through filters, pipes, requeueing and lists; and two mails stay two, whatever ids they share."""

import itertools

import pytest
from whole_reading import read_whole

from coffer.records.readers.mail import log as mail_log
from coffer.records.readers.mail import queue as mail_queue

ANN, BOB, CID, DAN = "ann@example.org", "bob@example.net", "cid@example.com", "dan@example.edu"
SALES = "sales@example.net"


def postfix(*lines, day="Nov 20"):
    """``HH:MM:SS daemon[/more]: message``; a daemon without a slash is one of ``postfix``."""
    made = []
    for line in lines:
        clock, daemon, message = line.split(" ", 2)
        name = daemon.removesuffix(":")
        made.append(f"{day} {clock} mx1 {name if '/' in name else f'postfix/{name}'}[7]: {message}\n")
    return "".join(made).encode()


def arrived(qid, sender, *, at="10:00:00", mid="m1", client="client=c.example.org[192.0.2.1]", program="postfix"):
    return [
        f"{at} {program}/smtpd: {qid}: {client}",
        f"{at} {program}/cleanup: {qid}: message-id=<{mid}@example.org>",
        f"{at} {program}/qmgr: {qid}: from=<{sender}>, size=900, nrcpt=1 (queue active)",
    ]


def went(
    qid, to, reply, *, at="10:00:05", relay="mx.example.net[192.0.2.9]:25", orig="", status="sent", program="postfix"
):
    written = f"orig_to=<{orig}>, " if orig else ""
    return f"{at} {program}/smtp: {qid}: to=<{to}>, {written}relay={relay}, delay=1.2, delays=0.1/0.1/0.5/0.5, dsn=2.0.0, status={status} ({reply})"


def removed(qid, *, at="10:00:06", program="postfix"):
    return f"{at} {program}/qmgr: {qid}: removed"


LOCAL = "client=localhost[127.0.0.1]"
QUEUED = "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as BBB2220002"


def filtered(
    reply=QUEUED, relay="127.0.0.1[127.0.0.1]:10024", client=LOCAL, orig=SALES, second_sender=ANN, second_at="10:00:03"
):
    return [
        *arrived("AAA1110001", ANN),
        went("AAA1110001", BOB, reply, relay=relay, orig=orig),
        removed("AAA1110001"),
        *arrived("BBB2220002", second_sender, client=client, at=second_at),
        went("BBB2220002", BOB, "delivered to maildir", relay="virtual", at=f"{second_at[:6]}06"),
        removed("BBB2220002"),
    ]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"relay": "127.0.0.1[127.0.0.1]:10032"},
        {"relay": "filter[::1]:10024"},
        {"reply": "250 2.0.0 Ok", "relay": "127.0.0.1[127.0.0.1]:8025"},
        {"reply": "delivered via spamfilter service", "relay": "spamfilter", "client": "uid=99 from=<ann@example.org>"},
        {
            "reply": "delivered via spamfilter service",
            "relay": "spamfilter",
            "client": "uid=99 from=<ann@example.org>",
            "second_at": "10:00:05",
        },
    ],
)
def test_a_filter_that_gives_a_mail_back_leaves_one_record_with_the_alias(options):
    found = read_whole([postfix(*filtered(**options))])
    assert (found.mails, found.merged) == ([(ANN, SALES, BOB, True)], {"handed-over": 1})
    assert read_whole([postfix(*filtered(**options, orig=""))]).mails == [(ANN, BOB, "", True)]


def test_the_alias_is_carried_whichever_message_is_logged_first():
    lines = filtered()
    turned = postfix(*lines[:3], *lines[5:8], lines[3], *lines[8:], lines[4])
    assert read_whole([turned]).mails == [(ANN, SALES, BOB, True)]


@pytest.mark.parametrize(
    "options",
    [
        {"reply": "250 2.0.0 Ok", "second_sender": CID},
        {"reply": "250 2.0.0 Ok", "client": "client=c.example.org[192.0.2.1]"},
        {"reply": "250 2.0.0 Ok", "second_at": "10:20:00"},
        {"reply": "250 2.0.0 Ok", "relay": "mx.example.net[192.0.2.9]:25"},
    ],
)
def test_without_a_trace_of_the_filter_two_mails_are_two(options):
    assert len(read_whole([postfix(*filtered(orig="", **options))]).mails) == 2


def test_two_filters_behind_one_another():
    lines = [
        *arrived("AAA1110001", ANN),
        went("AAA1110001", BOB, QUEUED, relay="127.0.0.1[127.0.0.1]:10024", orig=SALES),
        *arrived("BBB2220002", ANN, client=LOCAL, at="10:00:02"),
        went("BBB2220002", BOB, "250 Ok: queued as CCC3330003", relay="127.0.0.1[127.0.0.1]:10030"),
        *arrived("CCC3330003", ANN, client=LOCAL, at="10:00:03"),
        went("CCC3330003", BOB, "delivered", relay="virtual"),
        *(removed(qid) for qid in ("AAA1110001", "BBB2220002", "CCC3330003")),
    ]
    found = read_whole([postfix(*lines)])
    assert (found.mails, found.merged) == ([(ANN, SALES, BOB, True)], {"handed-over": 2})


def test_several_recipients_of_a_filtered_mail_have_outcomes_of_their_own():
    lines = [
        *arrived("AAA1110001", ANN),
        went("AAA1110001", BOB, QUEUED, relay="127.0.0.1[127.0.0.1]:10024", orig=SALES),
        went("AAA1110001", CID, QUEUED, relay="127.0.0.1[127.0.0.1]:10024"),
        went("AAA1110001", DAN, "250 2.7.0 Ok, discarded, id=7-01 - spam", relay="127.0.0.1[127.0.0.1]:10024"),
        *arrived("BBB2220002", ANN, client=LOCAL, at="10:00:02"),
        went("BBB2220002", BOB, "delivered", relay="virtual"),
        went("BBB2220002", CID, "550 no such user", status="bounced"),
    ]
    found = read_whole([postfix(*lines)])
    assert found.mails == [(ANN, CID, "", False), (ANN, DAN, "", False), (ANN, SALES, BOB, True)]


def test_a_filter_that_writes_another_recipient_leaves_the_one_written_to():
    lines = [
        *arrived("AAA1110001", ANN),
        went("AAA1110001", BOB, QUEUED, relay="127.0.0.1[127.0.0.1]:10024"),
        *arrived("BBB2220002", ANN, client=LOCAL, at="10:00:02"),
        went("BBB2220002", "spam@example.net", "delivered", relay="virtual"),
    ]
    assert read_whole([postfix(*lines)]).mails == [(ANN, BOB, "spam@example.net", True)]


@pytest.mark.parametrize(
    ("reply", "relay", "answered"),
    [
        ("250 2.7.0 Ok, discarded, id=15303-02 - spam", "127.0.0.1[127.0.0.1]:10032", False),
        ("250 2.7.1 Ok, DISCARD(bounce.suppressed)", "127.0.0.1[127.0.0.1]:10024", False),
        ("250 2.5.0 Ok, id=15303-02, BOUNCE", "127.0.0.1[127.0.0.1]:10024", False),
        ("silently", "none", False),
        ("250 2.0.0 Ok, id=15303-02, from MTA([127.0.0.1]:10025): 250 Ok", "127.0.0.1[127.0.0.1]:10024", True),
        ("250 2.0.0 Ok: we never discard", "mx.example.net[192.0.2.9]:25", True),
    ],
)
def test_what_a_filter_threw_away_was_not_delivered(reply, relay, answered):
    lines = [*arrived("AAA1110001", ANN), went("AAA1110001", BOB, reply, relay=relay), removed("AAA1110001")]
    assert read_whole([postfix(*lines)]).mails == [(ANN, BOB, "", answered)]


def requeued(old, new, *, at, sender=ANN):
    return [
        f"{at}:00 postsuper: {old}: requeued",
        f"{at}:01 pickup: {new}: uid=89 from=<{sender}> orig_id={old}",
        f"{at}:01 cleanup: {new}: message-id=<m1@example.org>",
        f"{at}:01 qmgr: {new}: from=<{sender}>, size=900, nrcpt=1 (queue active)",
    ]


def later(qid, to=BOB, at="10:00:02"):
    return went(qid, to, "connect: timed out", status="deferred", relay="none", at=at)


def test_a_mail_that_was_put_into_the_queue_anew_is_one_and_began_when_it_came():
    lines = [
        *arrived("AAA1110001", ANN),
        later("AAA1110001"),
        *requeued("AAA1110001", "BBB2220002", at="10:30"),
        went("BBB2220002", BOB, "250 Ok", at="10:30:03"),
        removed("BBB2220002", at="10:30:04"),
    ]
    found = read_whole([postfix(*lines)])
    assert (found.mails, found.starts, found.merged) == (
        [(ANN, BOB, "", True)],
        ["2026-11-20 10:00:00"],
        {"deferred": 1},
    )


def test_put_anew_twice_and_with_a_recipient_who_had_it_already():
    lines = [
        *arrived("AAA1110001", ANN),
        later("AAA1110001"),
        went("AAA1110001", CID, "250 Ok"),
        *requeued("AAA1110001", "BBB2220002", at="10:30"),
        later("BBB2220002", at="10:30:05"),
        *requeued("BBB2220002", "CCC3330003", at="11:30"),
        went("CCC3330003", BOB, "250 Ok", at="11:30:03"),
    ]
    found = read_whole([postfix(*lines)])
    assert found.mails == [(ANN, BOB, "", True), (ANN, CID, "", True)]
    assert found.starts == ["2026-11-20 10:00:00"] * 2


def test_a_mail_handed_in_on_the_host_without_an_earlier_id_is_another():
    lines = [
        *arrived("AAA1110001", ANN),
        later("AAA1110001"),
        *(line.replace(" orig_id=AAA1110001", "") for line in requeued("AAA1110001", "BBB2220002", at="10:30")[1:]),
        went("BBB2220002", BOB, "250 Ok", at="10:30:03"),
    ]
    assert read_whole([postfix(*lines)]).mails == [(ANN, BOB, "", False), (ANN, BOB, "", True)]


@pytest.mark.parametrize("sender", ["", CID])
@pytest.mark.parametrize("has_id", [True, False])
def test_a_queue_id_that_is_used_again_never_joins_strangers(sender, has_id):
    again = ["12:00:00 cleanup: AAA1110001: message-id=<y@mx1>"] if has_id else []
    lines = [
        *arrived("AAA1110001", ANN),
        went("AAA1110001", BOB, "250 Ok"),
        *again,
        f"12:00:00 qmgr: AAA1110001: from=<{sender}>, size=900, nrcpt=1 (queue active)",
        went("AAA1110001", DAN, "250 Ok", at="12:00:01"),
    ]
    found = read_whole([postfix(*lines)])
    assert (ANN, BOB, "", True) in found.mails
    assert {row[0] == ANN and row[1] == DAN for row in found.mails} == {False}
    if sender:
        assert (CID, DAN, "", True) in found.mails


def test_a_retry_names_its_sender_again_and_is_the_same_mail():
    lines = [
        *arrived("AAA1110001", ANN),
        later("AAA1110001"),
        f"11:00:00 qmgr: AAA1110001: from=<{ANN}>, size=900, nrcpt=1 (queue active)",
        went("AAA1110001", BOB, "250 Ok", at="11:00:01"),
    ]
    assert read_whole([postfix(*lines)]).mails == [(ANN, BOB, "", True)]


@pytest.mark.parametrize("names", [("postfix-in", "postfix-out"), ("postfix", "postfix-out"), ("mx-a", "mx-b", "mx-c")])
def test_instances_of_one_host_that_use_one_id_at_once_are_told_apart(names):
    names = [name if "postfix" in name else f"postfix-{name}" for name in names]
    senders, recipients = [ANN, CID, "eve@example.org"], [BOB, DAN, "fay@example.org"]
    parts = [
        [
            *arrived("3B5D0AB123", senders[i], mid=f"m{i}", program=name),
            went("3B5D0AB123", recipients[i], "250 Ok", program=name),
            removed("3B5D0AB123", program=name),
        ]
        for i, name in enumerate(names)
    ]
    mixed = [line for lines in zip(*parts, strict=True) for line in lines]
    assert read_whole([postfix(*mixed)]).mails == sorted(
        (senders[i], recipients[i], "", True) for i in range(len(names))
    )


def test_a_service_that_logs_under_a_name_of_its_own_is_no_instance():
    lines = [*arrived("3B5D0AB123", ANN), went("3B5D0AB123", BOB, "250 Ok")]
    lines[0] = lines[0].replace("postfix/smtpd", "postfix-submission/smtpd")
    found = read_whole([postfix(*lines)])
    assert (found.mails, found.starts) == ([(ANN, BOB, "", True)], ["2026-11-20 10:00:00"])


@pytest.mark.parametrize(
    ("status", "mails", "rejects"),
    [("SOFTBOUNCE", [(ANN, BOB, "", False)], 0), ("Sent", [(ANN, BOB, "", True)], 0), ("vanished", [], 1)],
)
def test_a_status_is_known_or_its_line_is_rejected(status, mails, rejects):
    found = read_whole([postfix(*arrived("AAA1110001", ANN), went("AAA1110001", BOB, "x", status=status))])
    assert (found.mails, len(found.rejects)) == (mails, rejects)


def test_a_year_that_no_line_tells_is_said_and_one_that_the_feed_tells_is_not():
    raw = postfix(*arrived("AAA1110001", ANN), went("AAA1110001", BOB, "250 Ok"))
    assert read_whole([raw]).assumed == {"year 2026": 4}
    found = read_whole([raw], more="[postfix]\nyear = 2023")
    assert (found.assumed, found.starts) == ({}, ["2023-11-20 10:00:00"])


# Exim


def exim(*lines):
    return "".join(f"2026-11-20 {line}\n" for line in lines).encode()


X, Y, Z = "1xULPU-000001-01", "1xULPU-000002-02", "1xULPU-000003-03"
FROM_NET = "H=c.example.org [192.0.2.1] P=esmtp"


def came(qid, how, *, at="10:00:00", sender=ANN, mid="m1@example.org"):
    return f"{at} {qid} <= {sender} {how} S=900 id={mid}"


@pytest.mark.parametrize(
    ("how", "route"),
    [
        ("U=mail P=spam-scanned", "R=spamcheck_router T=spamcheck"),
        ("U=nobody P=local", "R=scan T=pipe_scan"),
        ("H=localhost [127.0.0.1] P=esmtp", "R=clam T=remote_clam H=127.0.0.1 [127.0.0.1]"),
    ],
)
def test_a_mail_that_a_program_of_the_host_hands_in_again_is_one(how, route):
    first = [came(X, FROM_NET), f"10:00:02 {X} => {BOB} {route}", f"10:00:09 {X} Completed"]
    second = [came(Y, how, at="10:00:01"), f"10:00:03 {Y} => bob <{BOB}> R=localuser T=local_delivery"]
    mixed = [first[0], second[0], *first[1:], second[1]]
    for lines in ([*first, *second], mixed):
        found = read_whole([exim(*lines)])
        assert (found.mails, found.merged) == ([(ANN, BOB, "", True)], {"handed-over": 1})


def test_two_programs_behind_one_another_and_an_outcome_each():
    lines = [
        came(X, FROM_NET),
        f"10:00:04 {X} => {BOB} R=spam T=spam",
        f"10:00:04 {X} -> {CID} R=spam T=spam",
        came(Y, "U=mail P=spam-scanned", at="10:00:01"),
        f"10:00:04 {Y} => {BOB} R=virus T=virus",
        f"10:00:04 {Y} -> {CID} R=virus T=virus",
        came(Z, "U=mail P=scanned", at="10:00:02"),
        f"10:00:05 {Z} => bob <{BOB}> R=localuser T=local_delivery",
        f"10:00:05 {Z} ** {CID} R=localuser T=local_delivery: no such user",
    ]
    assert read_whole([exim(*lines)]).mails == [(ANN, BOB, "", True), (ANN, CID, "", False)]


@pytest.mark.parametrize(
    "second",
    [
        [came(Y, FROM_NET, at="10:00:01")],
        [came(Y, "U=mail P=local", at="10:00:01", sender=CID)],
        [came(Y, "U=mail P=local", at="15:00:00")],
        [came(Y, "U=mail P=local", at="10:00:01", mid="m2@example.org")],
    ],
)
def test_another_mail_with_the_same_message_id_stays_another(second):
    lines = [came(X, FROM_NET), f"10:00:02 {X} => bob <{BOB}> R=localuser T=local_delivery"]
    assert (
        len(read_whole([exim(*lines, *second, f"15:00:03 {Y} => bob <{BOB}> R=localuser T=local_delivery")]).mails) == 2
    )


@pytest.mark.parametrize(
    "deliveries",
    [
        [f"=> |/usr/bin/vacation bob <{BOB}> R=userforward T=address_pipe", f"=> bob <{BOB}> R=localuser T=local"],
        [f"=> bob <{BOB}> R=localuser T=local", f"-> /var/copies/bob <{BOB}> R=copy T=address_file"],
        [f"=> |/a <{BOB}> R=f T=p", f"-> |/b <{BOB}> R=f T=p", f"-> /var/c <{BOB}> R=f T=p"],
        [f"** |/usr/bin/vacation bob <{BOB}> R=f T=p: failed", f"=> bob <{BOB}> R=localuser T=local"],
        [f"=> bob+tag |/usr/local/bin/autorespond {BOB} /home/x ({BOB}) <{BOB}> R=virtual T=pipe"],
    ],
)
def test_copies_to_programs_and_files_are_no_mails_of_their_own(deliveries):
    lines = [came(X, FROM_NET), *(f"10:00:02 {X} {delivery}" for delivery in deliveries)]
    assert read_whole([exim(*lines)]).mails == [(ANN, BOB, "", True)]


def test_a_filter_of_exim_that_discards():
    line = (
        f'10:00:02 {X} => {BOB} R=amavis T=amavis H=127.0.0.1 [127.0.0.1] C="250 2.7.0 Ok, discarded, id=1-01 - spam"'
    )
    assert read_whole([exim(came(X, FROM_NET), line)]).mails == [(ANN, BOB, "", False)]
    assert read_whole([exim(came(X, FROM_NET), line.replace("discarded, ", ""))]).mails == [(ANN, BOB, "", True)]


# Files in any order


def test_three_days_of_logs_give_the_same_in_every_order_of_files():
    days = {
        "18": [*arrived("AAA1110001", ANN), later("AAA1110001")],
        "19": [later("AAA1110001", at="09:00:00"), *arrived("BBB2220002", CID, mid="m2"), later("BBB2220002")],
        "20": [
            went("AAA1110001", BOB, "250 Ok"),
            removed("AAA1110001"),
            went("BBB2220002", BOB, "no", status="bounced"),
        ],
    }
    logs = [postfix(*lines, day=f"Nov {day}") for day, lines in days.items()]
    expected = [(ANN, BOB, "", True), (CID, BOB, "", False)]
    for order in itertools.permutations(logs):
        assert read_whole(order).mails == expected


def test_logs_over_new_year_are_ordered_by_the_year_that_the_feed_gives():
    old = postfix(*arrived("AAA1110001", ANN), later("AAA1110001"), day="Dec 30")
    new = postfix(went("AAA1110001", BOB, "250 Ok"), removed("AAA1110001"), day="Jan  2")
    for order in ([old, new], [new, old]):
        found = read_whole(order, more="[postfix]\nyear = 2021")
        assert (found.mails, found.starts) == ([(ANN, BOB, "", True)], ["2021-12-30 10:00:00"])


def test_exim_and_accounting_logs_in_shell_order():
    older = exim(came(X, FROM_NET), f"10:00:02 {X} == {BOB} R=dnslookup T=remote_smtp defer (-44): later")
    newer = exim(
        f"23:00:02 {X} => {BOB} R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.9]", f"23:00:02 {X} Completed"
    )
    for order in ([older, newer], [newer, older]):
        assert read_whole(order).mails == [(ANN, BOB, "", True)]


@pytest.mark.parametrize("step", [1 << 18, 2, 3, 5], ids=lambda step: f"settled every {step} rows")
def test_mail_that_waited_for_a_filter_began_when_it_first_came(monkeypatch, step):
    monkeypatch.setattr(mail_log, "STEP", step)
    monkeypatch.setattr(mail_queue, "GRACE", 4)
    back = "client=localhost[127.0.0.1]"
    filters = "127.0.0.1[127.0.0.1]:10024"
    raw = postfix(
        *arrived("AAA1110001", ANN),
        went("AAA1110001", BOB, "refused", at="10:00:01", relay="none", status="deferred"),
        *arrived("BBB2220002", ANN, at="14:00:00", client=back),
        went("AAA1110001", BOB, "250 2.0.0 Ok: queued as BBB2220002", at="14:00:01", relay=filters),
        removed("AAA1110001", at="14:00:01"),
        *arrived("CCC3330003", ANN, at="15:00:00", client=back),
        went("BBB2220002", BOB, "250 2.0.0 Ok: queued as CCC3330003", at="15:00:01", relay=filters),
        removed("BBB2220002", at="15:00:01"),
        went("CCC3330003", BOB, "250 ok", at="16:00:00"),
        removed("CCC3330003", at="16:00:00"),
    )
    found = read_whole([raw])
    assert (found.mails, found.starts) == ([(ANN, BOB, "", True)], ["2026-11-20 10:00:00"])
    assert found.merged == {"handed-over": 2, "deferred": 1}
