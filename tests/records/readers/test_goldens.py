"""What a few lines of each format tell of, worked out by hand beside them. Times are seconds after 2026-11-23 18:00:00 UTC."""

import datetime as dt
import json

import pytest

from coffer.errors import MalformedInput
from coffer.records.rejects import Reason
from source_files import (
    CASES,
    CUCM_NAMES,
    T0,
    A,
    B,
    C,
    Case,
    D,
    acc_line,
    cdr_line,
    counts,
    cucm_row,
    kannel_line,
    leg,
    master_row,
    read,
    table,
)


def told(case, *files):
    """(seconds after 18:00, kind, a, b, f, duration, answered) of every event, in the order of the files."""
    rows = [row for rows, *_ in table(read(case, files or [case.data])).values() for row in rows]
    return [
        (
            (row["start"] - dt.datetime(2026, 11, 23, 18, tzinfo=dt.UTC)).total_seconds(),
            row["kind"],
            *(number(row, party) for party in "abf"),
            row["duration_s"],
            row["answered"],
        )
        for row in rows
    ]


def number(row, party):
    return f"+{row[f'{party}_number']}" if row[f"{party}_type"] == 1 else row[f"{party}_text"]


def test_asterisk():
    assert told(CASES["asterisk"]) == [
        (0, 1, A, B, None, 7, True),
        # No answer at 201, then forwarded by a Local channel to C: answered for 5 s. The Local row itself is a leg.
        (0, 1, A, B, C, 5, True),
        (1, 1, D, A, None, 0, False),
    ]


def test_an_asterisk_queue_that_asks_two_agents_is_one_call():
    start, unique = "2026-11-23 18:00:00", "1795456810.1"
    rows = [
        master_row(A, B, "PJSIP/t-1", "PJSIP/201", start, "", start, 0, "NO ANSWER", unique, unique),
        master_row(A, B, "PJSIP/t-1", "PJSIP/202", start, "", start, 0, "BUSY", unique, unique),
        master_row(A, B, "PJSIP/t-1", "PJSIP/203", start, start, "2026-11-23 18:00:13", 13, "ANSWERED", unique, unique),
    ]
    found = read(CASES["asterisk"], ["".join(rows).encode()])
    assert told(CASES["asterisk"], "".join(rows).encode()) == [(0, 1, A, B, None, 13, True)]
    assert table(found)[0][2] == {"attempt": 1, "leg": 1}


@pytest.mark.parametrize("width", range(16, 22))
def test_asterisk_rows_of_every_width_are_read(width):
    """Columns 17 to 21 by configuration: uniqueid, userfield, then peeraccount, linkedid, sequence."""
    base = master_row(
        A,
        B,
        "SIP/t-1",
        "",
        "2026-11-23 18:00:00",
        "",
        "2026-11-23 18:00:05",
        0,
        "NO ANSWER",
        "1795456810.1",
        "1795456810.1",
    )
    fields = base.rstrip("\n").split(",")
    head, tail = fields[:-5], fields[-5:]
    more = {16: [], 17: tail[:1], 18: tail[:2], 19: tail[2:], 20: tail[:1] + tail[2:], 21: tail}[width]
    assert told(CASES["asterisk"], (",".join(head + more) + "\n").encode()) == [(0, 1, A, B, None, 0, False)]


def test_an_asterisk_extension_s_is_nobody_unless_the_feed_gives_its_number():
    row = master_row(
        A,
        "s",
        "DAHDI/1",
        "",
        "2026-11-23 18:00:00",
        "",
        "2026-11-23 18:00:05",
        0,
        "NO ANSWER",
        "1795456810.1",
        "1795456810.1",
    ).encode()
    case = CASES["asterisk"]
    assert [Reason(r).label for one in read(case, [row]) for r in one.parsed.rejects.reasons] == ["no-b-number"]
    own = Case(name="asterisk", data=row, records=1, events=1, more=f'[asterisk]\nown_number = "{B}"')
    assert told(own) == [(0, 1, A, B, None, 0, False)]


def test_asterisk_time_that_autumn_repeats_is_rejected_or_kept_by_the_fold_rule():
    row = master_row(
        A,
        B,
        "SIP/t-1",
        "",
        "2026-10-25 02:30:00",
        "",
        "2026-10-25 02:30:05",
        0,
        "NO ANSWER",
        "1795456810.1",
        "1795456810.1",
    ).encode()
    case = Case(name="asterisk", data=row, records=1, events=1, zone="Europe/Berlin")
    assert [Reason(r).label for one in read(case, [row]) for r in one.parsed.rejects.reasons] == ["ambiguous-time"]
    first = Case(name="asterisk", data=row, records=1, events=1, zone="Europe/Berlin", top='fold = "first"')
    (found,) = [one for one in read(first, [row]) if one.parsed.batch.num_rows]
    assert (found.parsed.ambiguous, found.parsed.batch.column("start")[0].as_py().hour) == (1, 0)  # 02:30 +02:00


def test_cucm():
    assert told(CASES["cucm"]) == [
        (10, 1, A, B, None, 8, True),
        (10, 1, A, B, C, 0, False),  # forwarded, and nobody answered
        (10, 1, A, B, C, 38, True),  # transferred: connected at +2, ended at +40
        (10, 1, A, B, None, 58, True),  # a conference: connected at +2, last end at +60; the bridge is no party
        (10, 1, A, B, None, 8, True),  # a hunt pilot is no party
    ]


def test_cucm_needs_its_header_and_takes_columns_in_any_order():
    names = list(reversed(CUCM_NAMES))
    row = dict(zip(CUCM_NAMES, cucm_row(10, T0, A, B, B, T0 + 2, T0 + 10, 8).rstrip().split(","), strict=True))
    data = ",".join(names) + "\r\n" + ",".join(row[name] for name in names) + "\r\n"
    assert told(CASES["cucm"], data.encode()) == [(10, 1, A, B, None, 8, True)]
    cmr = b'"cdrRecordType","globalCallID_callManagerId","globalCallID_callId"\n'
    with pytest.raises(MalformedInput, match="no column dateTimeOrigination") as caught:
        read(CASES["cucm"], [cmr])
    assert "cmr_" in caught.value.hint


@pytest.mark.parametrize("name", ["freeswitch-json", "freeswitch-xml"])
def test_freeswitch(name):
    assert told(CASES[name]) == [
        (10.123456, 1, A, B, None, 8, True),  # its B legs are merged: one taken, one fork
        (10.123456, 1, A, B, C, 8, True),  # transferred: the newest profile leads to C
        (10.123456, 1, A, D, B, 0, False),  # redirected by D
    ]


def test_freeswitch_legs_in_files_of_their_own_and_without_the_a_leg():
    taken = leg("b-1", "outbound", A, C, T0, T0 + 1, T0 + 5, originating_leg_uuid="a-1")
    fork = leg("b-2", "outbound", A, D, T0, 0, T0 + 5, "LOSE_RACE", originating_leg_uuid="a-1")
    files = [json.dumps(one).encode() for one in (fork, taken)]
    assert told(CASES["freeswitch-json"], *files) == [(10.123456, 1, A, C, None, 4, True)]
    found = table(read(CASES["freeswitch-json"], files))
    assert (found[0][2], found[1][2]) == ({"fork": 1}, {})


def test_freeswitch_in_an_array_and_by_local_stamp():
    one = leg("a-1", "inbound", A, B, T0, 0, T0, start_stamp="2026-11-23%2019:00:30")
    del one["variables"]["start_epoch"], one["variables"]["start_uepoch"]
    one["variables"]["start_stamp"] = "2026-11-23%2019%3A00%3A30"
    case = Case(
        name="freeswitch-json", data=json.dumps([one], indent=2).encode(), records=1, events=1, zone="Europe/Berlin"
    )
    assert told(case) == [(30, 1, A, B, None, 0, False)]


@pytest.mark.parametrize("bomb", ["<!DOCTYPE cdr [<!ENTITY a 'b'>]>", "<!DOCTYPE cdr SYSTEM 'file:///etc/passwd'>"])
def test_freeswitch_xml_with_a_document_type_is_rejected(bomb):
    data = CASES["freeswitch-xml"].data
    found = table(read(CASES["freeswitch-xml"], [bomb.encode() + data]))
    assert [Reason(reason) for _, reason, _ in found[0][1]] == [Reason.BAD_RECORD]


def test_kamailio():
    assert told(CASES["kamailio"]) == [
        # INVITE at 10.945788; its CDR says 8.8 s, which is 8 whole ones; the BYE of the callee (tags swapped) and the ACK are merged.
        (10.945788, 1, A, B, None, 8, True),
        (11, 1, B, C, None, 0, False),  # two rows and a CDR of 0 s; that nobody answered the missed row says
        (12, 2, A, C, None, None, None),
    ]


def test_a_kamailio_call_without_cdr_lasts_from_invite_to_bye_and_without_bye_nobody_knows():
    lines = [
        acc_line("transaction answered", 0, "INVITE", ("f1", "t1"), "c1", 200, A, B, 900000),
        acc_line("transaction answered", 0, "INVITE", ("f2", "t2"), "c2", 200, A, C),
        acc_line("transaction answered", 9, "BYE", ("t1", "f1"), "c1", 200, B, "", 100000),  # 8.2 s: 8 whole ones
        acc_line(
            "transaction answered", 7, "BYE", ("x", "y"), "c2", 200, A, ""
        ),  # of another dialogue: no end of this call
        acc_line("transaction answered", 7, "BYE", ("x", "y"), "c3", 200, A, ""),  # its INVITE is in an earlier file
    ]
    assert told(CASES["kamailio"], "".join(lines).encode()) == [
        (10.9, 1, A, B, None, 8, True),
        (10, 1, A, C, None, None, True),
    ]


def test_a_kamailio_call_that_failed_before_it_was_answered_is_answered():
    lines = [
        acc_line("call missed", 0, "INVITE", ("f1", "t1"), "c1", 408, A, B),
        acc_line("transaction answered", 5, "INVITE", ("f1", "t2"), "c1", 200, A, C),
    ]
    assert told(CASES["kamailio"], "".join(lines).encode()) == [(15, 1, A, C, None, None, True)]


def test_a_kamailio_cdr_alone_is_a_call_whose_outcome_is_known_only_if_it_lasted():
    data = (cdr_line(T0, 8, A, B, "c1") + cdr_line(T0, 0, A, C, "c2")).replace("duration=0.800", "duration=0").encode()
    assert told(CASES["kamailio"], data) == [(10.1, 1, A, B, None, 8, True), (10.1, 1, A, C, None, 0, None)]


def test_kamailio_cdr_lines_without_a_call_id_are_skipped_unless_the_feed_says_that_they_stand_alone():
    data = cdr_line(T0, 8, A, B, "c1").replace("callid=", "other=").encode()
    assert counts(read(CASES["kamailio"], [data]))[0] == 0
    alone = Case(name="kamailio", data=data, records=1, events=1, more="[kamailio]\ncdr_alone = true")
    assert told(alone) == [(10.1, 1, A, B, None, 8, True)]


def test_a_kamailio_line_that_names_a_field_twice_is_rejected_as_it_may_be_forged():
    user = f"{A};dst_user={D}"
    data = acc_line("transaction answered", 0, "INVITE", ("f1", "t1"), "c1", 200, user, B).encode()
    found = table(read(CASES["kamailio"], [data]))
    assert [Reason(reason) for _, reason, _ in found[0][1]] == [Reason.BAD_RECORD]


def test_a_kamailio_cdr_that_names_its_call_twice_is_rejected_as_it_may_be_forged():
    data = cdr_line(T0, 8, f"{A}; callid=c9", B, "c1").encode()
    assert [Reason(reason) for _, reason, _ in table(read(CASES["kamailio"], [data]))[0][1]] == [Reason.BAD_RECORD]


def test_a_kamailio_line_quoted_by_another_program_is_not_accounting():
    line = acc_line("transaction answered", 0, "INVITE", ("f1", "t1"), "c1", 200, A, B)
    data = f"Nov 23 18:00:09 vm other[1]: INFO: got '{line.strip()}'\n".encode()
    assert counts(read(CASES["kamailio"], [data]))[1] == 0


def test_kamailio_names_of_the_site_and_a_diversion():
    line = acc_line("transaction answered", 0, "INVITE", ("f1", "t1"), "c1", 200, "anonymous", C).strip()
    data = f"{line};pai=<sip:{A}@corp.example;user=phone>;div=sip:{B}@corp.example\n".encode()
    more = '[kamailio]\na = ["pai", "src_user"]\nb = "dst_user"\ndiversion = "div"'
    # The value of pai ends at its semicolon, behind which only URI parameters stand.
    assert told(Case(name="kamailio", data=data, records=1, events=1, more=more)) == [(10, 1, A, B, C, None, True)]


def test_kamailio_sqlite():
    assert told(CASES["kamailio-sqlite"]) == [
        (10, 1, A, B, None, 9, True),
        (12, 2, A, C, None, None, None),
        (11, 1, B, C, None, None, False),
        (30, 1, B, D, None, 3, True),  # only its CDR row is there; its Julian day is half a second early
    ]


def test_kamailio_sqlite_by_its_julian_days():
    case = CASES["kamailio-sqlite"]
    by_day = Case(name=case.name, data=case.data, records=6, events=4, more='[kamailio]\nepoch = "none"')
    assert told(by_day) == [(10, 1, A, B, None, 9, True), *told(case)[1:]]


def test_kannel():
    assert told(CASES["kannel"]) == [
        (3486, 2, A, B, None, None, None),  # its text imitates a receiver behind the real one
        (3486, 2, B, None, None, None, None),  # to a short code
        (3486, 2, "CORP", C, None, None, None),
    ]


@pytest.mark.parametrize(
    ("log_format", "line"),
    [
        ("%t %l [SMSC:%i] [from:%p] [to:%P] [len:%L]", f"2026-11-23 18:00:10 Sent SMS [SMSC:x] [from:{A}] [to:{B}] [len:2]"),
        # The log's own stamp (local time) in front of %t (UTC).
        ("%t %l from %p to %P", f"2026-11-23 19:00:11 2026-11-23 18:00:10 Sent SMS from {A} to {B}"),
        ("%T|%l|%p|%P|%b", f"{T0}|Receive SMS|{A}|{B}|SECRET | {C}"),
        ("%l %p>%P 100%% %a", f"2026-11-23 19:00:10 FAILED Send SMS {A}>{B} 100% SECRET"),
    ],
)  # fmt: skip
def test_kannel_with_a_format_of_the_site(log_format, line):
    case = Case(
        name="kannel",
        data=f"{line}\n".encode(),
        records=1,
        events=1,
        zone="Europe/Berlin",
        more=f'[kannel]\nlog_format = "{log_format}"',
    )
    assert told(case) == [(10, 2, A, B, None, None, None)]


@pytest.mark.parametrize("log_format", ["%p %P", "%l %p", "%l %b %p %P", "%l %p %k %P"])
def test_a_kannel_format_without_type_or_numbers_before_the_text_is_refused(log_format):
    with pytest.raises(MalformedInput, match="log_format"):
        _ = Case(name="kannel", data=b"", records=0, events=0, more=f'[kannel]\nlog_format = "{log_format}"').feed


def test_a_kannel_log_without_times_is_refused_with_a_hint():
    data = kannel_line("Sent SMS", A, B, "x").split(" ", 2)[2].encode()
    with pytest.raises(MalformedInput, match="without a time") as caught:
        read(CASES["kannel"], [data])
    assert "access-log-clean" in caught.value.hint


def test_kannel_lines_of_older_versions_and_badly_coded_texts():
    old = kannel_line("Sent SMS", A, B, "x").replace(" [FID:] [META:]", "").encode()
    latin = kannel_line("Sent SMS", A, B, "x").encode().replace(b"[msg:1:x]", b"[msg:1:\xe9]")
    assert told(CASES["kannel"], old + latin) == [(3486, 2, A, B, None, None, None)] * 2


def test_twilio():
    assert told(CASES["twilio-calls"]) == [
        (10, 1, A, B, C, 30, True),  # the leg that it dialled is merged
        (10, 1, None, B, None, None, False),  # the digits that stand for an anonymous caller are nobody's
        (10, 1, A, D, B, 5, False),  # forwarded by D
    ]
    assert told(CASES["twilio-messages"]) == [
        (10, 2, A, B, None, None, None),
        (10, 2, "CORP", B, None, None, None),
        (10, 2, B, A, None, None, None),
    ]


def test_parquet():
    assert told(CASES["parquet"]) == [(10, 1, A, B, None, 1, True), (10, 1, B, C, None, 2, False)]
