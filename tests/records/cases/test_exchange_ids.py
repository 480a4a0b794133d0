"""Message tracking: ids that name nothing or that a program uses again, and exports from PowerShell."""

import pytest
from whole_reading import read_whole

ANN, BOB, CID, DAN = "ann@example.org", "bob@example.net", "cid@example.com", "dan@example.edu"
FIELDS = "date-time,event-id,message-id,network-message-id,recipient-address,sender-address,return-path"
ZERO = "00000000-0000-0000-0000-000000000000"


def row(clock, event, mid, to, sender=ANN, nid=""):
    return f"2026-11-20T{clock}.000Z,{event},{mid},{nid},{to},{sender},{sender}\n"


def tracked(*rows):
    return f"#Software: Microsoft Exchange Server\n#Fields: {FIELDS}\n{''.join(rows)}".encode()


def mail(clock, mid, to, sender=ANN, nid="", last="DELIVER"):
    return [row(f"{clock}:00", "RECEIVE", mid, to, sender, nid), row(f"{clock}:02", last, mid, to, sender, nid)]


@pytest.mark.parametrize("nid", ["", ZERO, "{" + ZERO + "}"])
def test_an_id_that_names_nothing_joins_no_strangers(nid):
    rows = [
        *mail("10:00", "<m1@x>", BOB, ANN, nid),
        *mail("10:10", "<m2@x>", CID, DAN, nid),
        *mail("10:20", "<m3@x>", BOB, CID, nid),
    ]
    assert read_whole([tracked(*rows)]).mails == [(ANN, BOB, "", True), (CID, BOB, "", True), (DAN, CID, "", True)]


@pytest.mark.parametrize("mid", ["", "<>"])
def test_without_any_id_each_delivery_stands_alone(mid):
    rows = [*mail("10:00", mid, BOB, ANN), *mail("10:10", mid, CID, DAN)]
    assert read_whole([tracked(*rows)]).mails == [(ANN, BOB, "", True), (DAN, CID, "", True)]


SERVER = "date-time,event-id,internal-message-id,message-id,recipient-address,related-recipient-address,sender-address"


def on_server(*rows):
    """Rows of ``clock, event, internal id, message id, recipient, related, sender``."""
    made = "".join(f"2026-11-20T{clock}.000Z,{','.join(cells)}\n" for clock, *cells in rows)
    return f"#Software: Microsoft Exchange Server\n#Fields: {SERVER}\n{made}".encode()


@pytest.mark.parametrize("mid", ["", "<>"])
def test_without_message_id_the_number_of_the_server_joins_a_mail_of_one_sender_in_one_file(mid):
    rows = [
        ("10:00:00", "RECEIVE", "7", mid, BOB, "", ANN),
        ("10:00:09", "DEFER", "7", mid, BOB, "", ANN),
        ("10:20:00", "DELIVER", "7", mid, BOB, "", ANN),
        ("10:00:00", "RECEIVE", "7", mid, BOB, "", DAN),
        ("10:00:02", "DELIVER", "7", mid, BOB, "", DAN),
    ]
    found = read_whole([on_server(*rows)])
    assert (found.mails, found.merged) == ([(ANN, BOB, "", True), (DAN, BOB, "", True)], {"deferred": 1})
    assert found.starts == ["2026-11-20 10:00:00"] * 2
    again = [("15:00:00", "RECEIVE", "7", mid, BOB, "", ANN), ("15:00:02", "DELIVER", "7", mid, BOB, "", ANN)]
    assert len(read_whole([on_server(*rows, *again)]).mails) == 3
    # Another server has the number for another mail.
    assert len(read_whole([on_server(*rows), on_server(*rows[:3])]).mails) == 3
    for nothing in ("", "0"):
        unnamed = [(row[0], row[1], nothing, *row[3:]) for row in rows]
        assert len(read_whole([on_server(*unnamed)]).mails) == 3


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_redirected_mail_was_written_to_one_and_went_to_the_other_whichever_column_says_so(is_turned):
    pair = (BOB, CID) if is_turned else (CID, BOB)
    rows = [("10:00:00", "RECEIVE", "7", "<m@x>", BOB, "", ANN), ("10:00:01", "REDIRECT", "7", "<m@x>", *pair, ANN)]
    went = ("10:00:02", "DELIVER", "7", "<m@x>", CID, "", ANN)
    assert read_whole([on_server(*rows, went)]).mails == [(ANN, BOB, CID, True)]


def test_a_mail_that_was_delivered_and_redirected_is_two():
    rows = [
        ("10:00:00", "RECEIVE", "7", "<m@x>", BOB, "", ANN),
        ("10:00:01", "REDIRECT", "7", "<m@x>", BOB, BOB, ANN),
        ("10:00:01", "REDIRECT", "7", "<m@x>", CID, BOB, ANN),
        ("10:00:02", "DELIVER", "7", "<m@x>", f"{BOB};{CID}", "", ANN),
    ]
    assert read_whole([on_server(*rows)]).mails == [(ANN, BOB, "", True), (ANN, BOB, CID, True)]


@pytest.mark.parametrize("last", ["DELIVER", "SEND", "SENDEXTERNAL"])
def test_a_program_that_sends_each_mail_with_one_message_id_sends_as_many_mails(last):
    rows = [line for clock in ("15:00", "10:00", "12:30") for line in mail(clock, "<same@x>", BOB, last=last)]
    found = read_whole([tracked(*rows)])
    assert (found.mails, found.starts) == (
        [(ANN, BOB, "", True)] * 3,
        [f"2026-11-20 {clock}:00" for clock in ("10:00", "12:30", "15:00")],
    )


def test_a_mail_that_hops_or_waits_stays_one():
    hops = [
        row("10:00:00", "RECEIVE", "<m@x>", BOB),
        row("10:00:02", "SEND", "<m@x>", BOB),
        *mail("10:00", "<m@x>", BOB),
    ]
    waits = [
        row("11:00:00", "RECEIVE", "<n@x>", CID),
        row("11:00:01", "DEFER", "<n@x>", CID),
        row("14:00:00", "SEND", "<n@x>", CID),
    ]
    assert read_whole([tracked(*hops, *waits)]).mails == [(ANN, BOB, "", True), (ANN, CID, "", True)]


def test_one_network_message_id_is_one_mail_however_long_it_takes():
    rows = [*mail("10:00", "<m@x>", BOB, nid="n-1"), *mail("15:00", "<m@x>", BOB, nid="n-1")]
    assert read_whole([tracked(*rows)]).mails == [(ANN, BOB, "", True)]


NAMES = '"Timestamp","Source","EventId","MessageId","Recipients","RecipientStatus","TotalBytes","MessageSubject","Sender","ReturnPath"\n'


def export(*stamps, to=BOB, first=""):
    events = ("RECEIVE", "DELIVER")
    rows = [
        f'"{stamp}","SMTP","{events[i % 2]}","<m{i // 2}@x>","{to}","","9","Hello, all","{ANN}","{ANN}"\n'
        for i, stamp in enumerate(stamps)
    ]
    return (first + NAMES + "".join(rows)).encode()


@pytest.mark.parametrize("first", ["", "#TYPE Microsoft.Exchange.Management.MessageTrackingEvent\n"])
@pytest.mark.parametrize(
    ("one", "two", "start"),
    [
        ("11/20/2026 10:00:00 AM", "11/20/2026 10:00:02 AM", "2026-11-20 10:00:00"),
        ("11/20/2026 1:05:09\u202fPM", "11/20/2026 1:05:10\u202fPM", "2026-11-20 13:05:09"),
        ("20/11/2026 10:00:00", "20/11/2026 10:00:02", "2026-11-20 10:00:00"),
        ("20.11.2026 10:00:00", "20.11.2026 10:00:02", "2026-11-20 10:00:00"),
        ("2026-11-20 10:00:00", "2026-11-20 10:00:02", "2026-11-20 10:00:00"),
    ],
)
def test_an_export_from_powershell_is_one_mail(first, one, two, start):
    found = read_whole([export(one, two, first=first)])
    assert (found.mails, found.starts, found.formats) == ([(ANN, BOB, "", True)], [start], ["exchange"])


def test_a_later_row_tells_which_number_is_the_month():
    raw = export("11/5/2026 10:00:00 AM", "11/5/2026 10:00:02 AM", "11/20/2026 10:00:00 AM", "11/20/2026 10:00:02 AM")
    assert read_whole(
        [raw],
    ).starts == ["2026-11-05 10:00:00", "2026-11-20 10:00:00"]
    assert read_whole([raw], size=100).starts == ["2026-11-05 10:00:00", "2026-11-20 10:00:00"]


def test_dates_that_can_be_read_two_ways_are_rejected_unless_the_feed_says_which():
    raw = export("11/5/2026 10:00:00", "11/5/2026 10:00:02")
    assert [reject[2] for reject in read_whole([raw]).rejects] == ["ambiguous-time"]
    assert read_whole([raw], more='[exchange]\ndate_order = "month-first"').starts == ["2026-11-05 10:00:00"]
    assert read_whole([raw], more='[exchange]\ndate_order = "day-first"').starts == ["2026-05-11 10:00:00"]


def test_recipients_as_powershell_writes_a_list():
    raw = export("11/20/2026 10:00:00 AM", "11/20/2026 10:00:02 AM", to=f"{{{BOB}, {CID}}}")
    assert read_whole([raw]).mails == [(ANN, BOB, "", True), (ANN, CID, "", True)]
