"""One call is one record, as long as it was: rings side by side, Local channels, bridges, clicks to call, other writers' formats."""

import json

import pytest
from whole_reading import read_whole

from coffer.errors import MalformedInput
from source_files import leg

A, B, C, D = "+4930111111", "+4930222222", "+4930333333", "+4930444444"
T0 = 1772445600
"""2026-03-02 10:00:00 UTC."""


def clock(second):
    return f"2026-03-02 10:{second // 60:02d}:{second % 60:02d}" if second is not None else ""


def master(src, dst, channel, to, start, answer, end, disposition, *, linked="1772445600.1", unique="1772445600.1"):
    """A row of 21 columns; seconds from 10:00."""
    talk = end - answer if answer is not None else 0
    answered = f'"{clock(answer)}"' if answer is not None else ""
    return (
        f'"","{src}","{dst}","from-trunk","""x"" <{src}>","{channel}","{to}","Dial","x","{clock(start)}",{answered},"{clock(end)}",'
        f'{end - start},{talk},"{disposition}","DOCUMENTATION","{unique}","","","{linked}",1\n'
    )


def asterisk(*rows):
    return "".join(rows).encode()


@pytest.mark.parametrize(
    ("rings", "seconds"),
    [
        ([(0, 60), (0, 30)], 60),
        ([(0, 60), (0, 60), (0, 60)], 60),
        ([(0, 20), (10, 40), (35, 50)], 50),
        ([(0, 20), (30, 50)], 40),
        ([(0, 60), (10, 20), (15, 65)], 65),
    ],
)
def test_legs_that_ran_side_by_side_count_once(rings, seconds):
    rows = [
        master(A, B, "PJSIP/t-1", f"PJSIP/20{i}", begin, begin, end, "ANSWERED") for i, (begin, end) in enumerate(rings)
    ]
    for order in (rows, rows[::-1]):
        assert read_whole([asterisk(*order)]).calls == [(A, B, "", True, seconds)]


def test_nobody_picked_up_after_the_switch_itself_had_answered():
    rows = [
        master(A, B, "PJSIP/t-1", "PJSIP/201", 0, 0, 60, "NO ANSWER"),
        master(A, B, "PJSIP/t-1", "PJSIP/202", 0, 0, 30, "NO ANSWER"),
        master(A, B, "PJSIP/t-1", "", 60, 60, 60, "ANSWERED"),
    ]
    assert read_whole([asterisk(*rows)]).calls == [(A, B, "", True, 60)]


@pytest.mark.parametrize(("name", "f"), [("ch1", ""), ("FMPR-301", ""), ("RG-600-301", ""), (C, C)])
@pytest.mark.parametrize("answered", [True, False])
def test_only_digits_behind_a_local_channel_are_a_number_that_was_called(name, f, answered):
    local = master(
        A,
        name,
        f"Local/{name}@x-1;2",
        "SIP/301",
        0,
        4 if answered else None,
        4,
        "ANSWERED" if answered else "NO ANSWER",
    )
    rows = [
        local,
        master(A, B, "SIP/in-1", f"Local/{name}@x-1;1", 0, 4, 4, "ANSWERED"),
        master(A, B, "SIP/in-1", "SIP/301", 4, 4, 83, "ANSWERED"),
    ]
    for order in (rows, rows[::-1]):
        for more in ("", "local_identities = true"):
            assert read_whole([asterisk(*order)], top=more).calls == [(A, B, f, True, 79)]


def test_local_channels_within_local_channels_lead_to_the_last_number():
    rows = [
        master(A, B, "SIP/in-1", "Local/ch1@x-1;1", 0, 2, 20, "ANSWERED"),
        master(A, "ch1", "Local/ch1@x-1;2", f"Local/{C}@y-2;1", 0, 2, 20, "ANSWERED"),
        master(A, C, f"Local/{C}@y-2;2", "SIP/out", 1, 2, 20, "ANSWERED"),
    ]
    assert read_whole([asterisk(*rows)]).calls == [(A, B, C, True, 18)]


@pytest.mark.parametrize("empty", ["", "0", "0.0"])
def test_an_id_that_names_nothing_joins_no_calls(empty):
    rows = [
        master(A, B, "SIP/in-1", "x", 0, 2, 9, "ANSWERED", linked=empty, unique=empty),
        master(C, D, "SIP/in-1", "x", 1, 2, 9, "ANSWERED", linked=empty, unique=empty),
    ]
    assert read_whole([asterisk(*rows)]).calls == [(A, B, "", True, 7), (C, D, "", True, 7)]


def custom(src, dst, start, answer, end, disposition, unique, *, is_last=True):
    """A row of the mapping that comes with Asterisk: 19 columns, 18 in older ones."""
    talk = end - answer if answer is not None else 0
    cells = [
        f'""x"" <{src}>',
        src,
        dst,
        "default",
        "PJSIP/c1",
        "PJSIP/c2",
        "Dial",
        "x",
        clock(start),
        clock(answer),
        clock(end),
        end - start,
        talk,
        disposition,
        "DOCUMENTATION",
        "",
        unique,
        "",
    ]
    return ",".join(f'"{cell}"' for cell in cells) + (",2\n" if is_last else "\n")


@pytest.mark.parametrize("is_last", [True, False])
def test_rows_of_cdr_custom_as_it_comes(is_last):
    rows = [
        custom(A, B, 0, 5, 60, "ANSWERED", "1772445600.2", is_last=is_last),
        custom(A, C, 120, None, 150, "NO ANSWER", "1772445720.5", is_last=is_last),
    ]
    found = read_whole([asterisk(*rows)])
    assert (found.calls, found.formats) == ([(A, B, "", True, 55), (A, C, "", False, 0)], ["asterisk"])
    assert read_whole([asterisk(*rows, master(A, D, "t", "x", 200, 201, 209, "ANSWERED"))]).calls[2] == (
        A,
        D,
        "",
        True,
        8,
    )


# Cisco Unified CM

CUCM = (
    "cdrRecordType,globalCallID_callManagerId,globalCallID_callId,dateTimeOrigination,callingPartyNumber,originalCalledPartyNumber,"
    "finalCalledPartyNumber,dateTimeConnect,dateTimeDisconnect,duration,huntPilotDN,globalCallId_ClusterID\n"
)


def cucm(*rows):
    return (
        CUCM
        + "".join(
            f"1,2,{call},{T0 + begun},{a},{b},{final},{connect and T0 + connect},{T0 + end},{end - connect if connect else 0},,C\n"
            for call, begun, a, b, final, connect, end in rows
        )
    ).encode()


@pytest.mark.parametrize("bridge", ["b002170000011001", "B00290100199"])
@pytest.mark.parametrize("top", ["", "local_identities = true"])
def test_a_bridge_is_nobody_whoever_it_calls(bridge, top):
    raw = cucm((1, 0, bridge, B, B, 0, 9), (2, 0, A, B, B, 2, 13))
    assert read_whole([raw], top=top).calls == [("", B, "", False, 0), (A, B, "", True, 11)]


@pytest.mark.parametrize("call", ["0", ""])
def test_a_call_id_of_zero_joins_no_calls(call):
    raw = cucm((call, 0, A, B, B, 2, 13), (call, 1, C, D, D, 2, 5))
    assert len(read_whole([raw]).calls) == 2


# FreeSWITCH


def originated(one, two, *, begun=T0, answered=True):
    """A click to call: the switch rings ``B`` as leg ``one``, then ``C`` as leg ``two``."""
    first = leg(one, "outbound", A, B, begun, begun + 5, begun + 65, call_uuid=one, signal_bond=two, bridge_uuid=two)
    second = leg(
        two,
        "outbound",
        A,
        C,
        begun + 5,
        begun + 10 if answered else 0,
        begun + 65,
        call_uuid=one,
        originator=one,
        originating_leg_uuid=one,
        signal_bond=one,
    )
    return [first, second]


def freeswitch(*legs):
    return "".join(json.dumps(one) + "\n" for one in legs).encode()


@pytest.mark.parametrize(("one", "two"), [("aaaa", "bbbb"), ("bbbb", "aaaa"), ("ffff-1", "0000-2")])
def test_a_click_to_call_is_one_call_in_any_order_of_its_legs(one, two):
    legs = originated(one, two)
    for order in (legs, legs[::-1]):
        found = read_whole([freeswitch(*order)])
        assert (found.calls, found.merged) == ([(A, B, C, True, 60)], {"b-leg": 1})
        files = read_whole([freeswitch(one) for one in order])
        assert files.calls == found.calls


def test_a_click_to_call_whose_second_leg_nobody_took_went_on_to_nobody():
    assert read_whole([freeswitch(*originated("aaaa", "bbbb", answered=False))]).calls == [(A, B, "", True, 60)]


@pytest.mark.parametrize(("one", "two"), [("aaaa", "bbbb"), ("bbbb", "aaaa")])
def test_two_originated_legs_that_were_bridged_are_one_call_from_the_earlier(one, two):
    legs = [
        leg(one, "outbound", A, B, T0, T0 + 5, T0 + 65, call_uuid=one, signal_bond=two),
        leg(two, "outbound", A, C, T0 + 5, T0 + 10, T0 + 65, call_uuid=two, signal_bond=one),
    ]
    for order in (legs, legs[::-1]):
        assert read_whole([freeswitch(*order)]).calls == [(A, B, C, True, 60)]


def test_two_clicks_to_call_at_once_are_two_calls():
    found = read_whole([freeswitch(*originated("aaaa", "bbbb"), *originated("cccc", "dddd"))])
    assert found.calls == [(A, B, C, True, 60)] * 2


def test_a_uuid_of_zeros_joins_no_calls():
    zero = "00000000-0000-0000-0000-000000000000"
    legs = [leg(zero, "inbound", A, B, T0, T0 + 2, T0 + 9), leg(zero, "inbound", C, D, T0, T0 + 2, T0 + 9)]
    assert len(read_whole([freeswitch(*legs)]).calls) == 2


def test_parameters_behind_a_bare_number_are_no_part_of_it():
    raw = freeswitch(
        leg("u1", "inbound", f"{A};verstat=TN-Validation-Passed", f"{B};npdi=yes;rn=+4930999999", T0, T0 + 1, T0 + 9)
    )
    assert read_whole([raw]).calls == [(A, B, "", True, 8)]


def test_a_fault_in_the_number_forwarded_to_empties_it_and_keeps_the_call():
    raw = freeswitch(leg("u1", "inbound", A, B, T0, T0 + 1, T0 + 9, then="voicemail_box"))
    found = read_whole([raw])
    assert (found.calls, found.rejects) == ([(A, B, "", True, 8)], [])
    assert found.emptied == {"forwarded: not-a-number": 1}
    assert read_whole([freeswitch(leg("u1", "inbound", A, B, T0, T0 + 1, T0 + 9, then=C))]).calls == [
        (A, B, C, True, 8)
    ]
    # A fault in who was called still loses the record.
    assert read_whole(
        [
            freeswitch(
                leg("u1", "inbound", A, "voicemail_box", T0, T0 + 1, T0 + 9),
                leg("u2", "inbound", A, B, T0, T0 + 1, T0 + 9),
            )
        ]
    ).rejects


# OpenSIPS and Kannel through a syslog, charging records of another domain


def opensips(*lines):
    return "".join(f"Mar  2 10:0{i}:00 px opensips[11]: ACC: {line}\n" for i, line in enumerate(lines)).encode()


def ended(begun, setup, seconds, call, a=A, b=B):
    return (
        f"call ended: created={begun};call_start_time={begun + setup};duration={seconds};ms_duration={seconds * 1000 - 250};setuptime={setup};method=INVITE;"
        f"from_tag=f{call};to_tag=t;call_id=c{call};code=200;reason=OK;src_user={a};dst_user={b}"
    )


def missed(begun, call):
    return (
        f"call missed: timestamp={begun + 4};created={begun};setuptime=4;method=INVITE;from_tag=f{call};to_tag=;call_id=c{call};code=408;reason=Timeout;"
        f"src_user={A};dst_user={C}"
    )


def test_calls_that_opensips_writes_when_they_end():
    found = read_whole([opensips(missed(T0, 0), ended(T0 + 60, 16, 5, 1), ended(T0 + 90, 4, 0, 2, a=D))])
    assert found.calls == [(A, C, "", False, None), (A, B, "", True, 5), (D, B, "", True, 0)]
    assert found.starts == ["2026-03-02 10:00:00", "2026-03-02 10:01:00", "2026-03-02 10:01:30"]


def test_a_call_that_opensips_tells_of_twice_is_one():
    answered = f"transaction answered: timestamp={T0 + 16};method=INVITE;from_tag=f1;to_tag=t;call_id=c1;code=200;reason=OK;src_user={A};dst_user={B}"
    for order in ((answered, ended(T0, 16, 5, 1)), (ended(T0, 16, 5, 1), answered)):
        assert read_whole([opensips(*order)]).calls == [(A, B, "", True, 5)]


def test_a_line_of_accounting_that_has_another_shape_is_a_counted_reject():
    found = read_whole([opensips(ended(T0, 16, 5, 1), "call ended: created=;method=INVITE")])
    assert (len(found.calls), found.rejects) == (1, [(0, 2, "bad-record")])


KANNEL = (
    "2026-03-02 10:00:0{i} Sent SMS [SMSC:op1] [SVC:t] [ACT:] [BINF:] [FID:8f] [META:?smpp?] "
    "[from:{a}] [to:{b}] [flags:-1:0:-1:-1:31] [msg:2:hi] [udh:0:]\n"
)


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "Mar  2 10:00:00 ip-10 mdr: ",
        "Mar  2 10:00:00 ip-10 mdr[7]: ",
        "<134>1 2026-03-02T10:00:00Z ip-10 mdr 7 - - ",
        "2026-03-02T10:00:00+00:00 ip-10 mdr: ",
    ],
)
def test_texts_of_kannel_through_a_syslog(prefix):
    raw = "".join(prefix + KANNEL.format(i=i, a=A, b=b) for i, b in enumerate((B, C)))
    found = read_whole([raw.encode()])
    assert [call[:2] for call in found.calls] == [(A, B), (A, C)]
    assert found.starts == ["2026-03-02 10:00:00", "2026-03-02 10:00:01"]


@pytest.mark.parametrize(("tag", "what"), [(79, "packet gateway"), (78, "serving gateway"), (70, "GGSN")])
def test_packet_switched_charging_records_are_named(tag, what):
    value = bytes.fromhex("800155830832490000 7180f1a4".replace(" ", ""))
    with pytest.raises(MalformedInput, match="of no format that is known") as caught:
        read_whole([bytes([0xBF, tag, len(value)]) + value])
    assert "packet-switched" in caught.value.hint
    assert what in caught.value.hint


# Files in any order


def test_asterisk_and_accounting_files_in_shell_order():
    older = asterisk(master(A, B, "SIP/in-1", "x", 0, None, 20, "NO ANSWER"))
    newer = asterisk(master(A, C, "SIP/in-1", "x", 60, 61, 90, "ANSWERED"))
    for order in ([older, newer], [newer, older]):
        assert read_whole(order).calls == [(A, B, C, True, 29)]
