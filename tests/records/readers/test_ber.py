"""Charging records: hand-worked files, the sample and a compiled ASN.1 module as oracle, and the promises of the port."""

from collections import Counter

import pytest
from fold_reading import WINDOW, make_feed, read
from hypothesis import given, settings
from hypothesis import strategies as st

import cdr_writing as cdr
from cdr_writing import framed, location, number, record, services, stamp, tbcd, tlv, wrapped
from coffer.errors import MalformedInput
from coffer.identity.cells import format_cell
from coffer.identity.habits import Habits
from coffer.identity.numbering import home_plan
from coffer.records.readers.threegpp import ber, cs_calls
from coffer.records.readers.threegpp.ber import BerReader, recognise
from coffer.records.readers.threegpp.tbcd import unpack_letters
from coffer.records.settings import BerSettings

CANARY = b"zebra-crossing-at-noon"
A, B, C = "491701234567", "493055500", "4915112345678"
IMSI_A, IMSI_B, IMSI_C = "262011234567890", "262019876543210", "262015555555555"
MSC = "491770000001"


def reader(home="DE", feed=None, **options):
    made = make_feed(habits=Habits(home=home_plan(home, "test")), settings=BerSettings(**options), **(feed or {}))
    return lambda: BerReader(made, WINDOW)


def found(raw, **options):
    files = raw if isinstance(raw, list) else [raw]
    return read(reader(**options), files, framing="bytes")


def calls(outcome):
    """``(offset, a, b, f, seconds, answered)``, with the numbers as integers, 0 for nobody."""
    return [
        (row["line"], row["a_number"], row["b_number"], row["f_number"], row["duration_s"], row["answered"])
        for _, row in outcome.rows
    ]


def mo(at="261030080000", **changes):
    fields = {
        "imsi": IMSI_A, "msisdn": A, "called": B, "entity": MSC, "seizure": stamp(at), "answer": stamp(at), "duration": 10, "cause": 0,
        "reference": b"\1",
    }  # fmt: skip
    fields |= changes
    return record("mo", **{name: value for name, value in fields.items() if value is not None})


def mt(at="261030080000", **changes):
    fields = {
        "imsi": IMSI_B, "msisdn": B, "calling": A, "entity": MSC, "seizure": stamp(at), "answer": stamp(at), "duration": 9, "cause": 0,
        "reference": b"\2",
    }  # fmt: skip
    fields |= changes
    return record("mt", **{name: value for name, value in fields.items() if value is not None})


def test_numbers_by_their_type_with_and_without_octet_3a():
    """International, national (30 1234567 is +49 30 1234567; with a trunk 0 left on too), dialled with 00 and 0, restricted, missing."""
    written = [
        number(B), number("301234567", 2), number("0301234567", 2), number("00493055500", 0), number("03055500", 0),
        number(B, 1, 0xA1), number("4930555001", 1, 0x81), number("110", 0), None,
    ]  # fmt: skip
    outcome = found(b"".join(mo(called=called, reference=bytes([i])) for i, called in enumerate(written)))
    assert [row["b_number"] for _, row in outcome.rows][:7] == [
        493055500, 49301234567, 49301234567, 493055500, 493055500, 493055500, 4930555001,
    ]  # fmt: skip
    assert outcome.rows[7][1]["b_type"] == 3
    assert [reject[2:] for reject in outcome.rejects] == [("no-b-number", "b")]


def test_times_are_local_less_offset_and_a_call_over_the_fold_of_autumn_is_3600_seconds_later():
    """02:30+02:00 is 00:30 UTC and 02:30+01:00 is 01:30 UTC; 23:00 with -03:30 is 02:30 UTC the next day."""
    stamps = [stamp("261025023000", "+0200"), stamp("261025023000", "+0100"), stamp("261029230000", "-0330")]
    outcome = found(b"".join(mo(seizure=at, reference=bytes([i])) for i, at in enumerate(stamps)))
    assert [f"{row['start']:%d %H:%M}" for _, row in outcome.rows] == ["25 00:30", "25 01:30", "30 02:30"]


@pytest.mark.parametrize(
    "bad",
    [
        stamp("261030250000"),
        stamp("260230080000"),
        stamp("2610300800")[:5],
        stamp("26103008000a"),
        stamp("261030080000")[:6],
        b"",
    ],
)
def test_a_time_that_is_none_rejects_its_record(bad):
    outcome = found(mo(seizure=bad, answer=None))
    assert outcome.rejects == [(0, 0, "bad-time", "start")]


def test_wrong_offsets_give_way_to_the_zone_of_the_feed():
    raw = mo(seizure=stamp("261030080000", "+0000")) + mo(
        seizure=bytes.fromhex("26 10 30 08 00 00 00 00 00"), reference=b"\7"
    )
    raw += mo(seizure=stamp("261025023000", "+0000"), reference=b"\x08")
    outcome = found(raw, has_offsets=False, feed={"time_zone": "Europe/Berlin"})
    assert [f"{row['start']:%H:%M}" for _, row in outcome.rows] == ["07:00", "07:00"]
    assert [reject[2] for reject in outcome.rejects] == ["ambiguous-time"]
    second = found(raw, has_offsets=False, feed={"time_zone": "Europe/Berlin", "fold": "second"})
    assert ([f"{row['start']:%H:%M}" for _, row in second.rows][2], second.ambiguous) == ("01:30", 1)


def test_parts_of_a_call_are_summed_and_gaps_counted():
    """Parts 1, 2 and 4 of one call: 3600 + 600 + 60 s from the start of the first, one part missing; the next call uses the reference again."""
    parts = [
        mo("261030080000", sequence=1, cause=1, duration=3600),
        mo("261030090000", sequence=2, cause=1, duration=600),
        mo("261030100000", sequence=4, cause=0, duration=60),
        mo("261101080000", duration=5),
    ]
    outcome = found([parts[0] + parts[1], parts[2] + parts[3]])
    assert [(file, *call) for (file, _), call in zip(outcome.rows, calls(outcome), strict=True)] == [
        (0, 0, int(A), int(B), 0, 4260, True),
        (1, len(parts[2]), int(A), int(B), 0, 5, True),
    ]
    assert outcome.merged == {0: Counter({"partial": 1}), 1: Counter({"partial": 1})}
    assert outcome.skipped == {1: Counter({"missing-partial": 1})}
    shuffled = found(parts[2] + parts[0] + parts[1])
    assert [call[4] for call in calls(shuffled)] == [4260]


def test_parts_of_other_subscribers_or_switches_or_a_day_later_are_other_calls():
    others = [
        mo(sequence=1, cause=1),
        mo("261030090000", sequence=2, imsi=IMSI_B),
        mo("261030090000", sequence=2, entity="491770000002"),
        mo("261031090000", sequence=2),
    ]
    outcome = found(b"".join(others))
    assert (len(outcome.rows), outcome.merged) == (4, {})


def test_a_copy_of_a_record_is_merged():
    outcome = found([mo() + mo("261030080001"), mo()])
    assert (len(outcome.rows), outcome.merged) == (2, {1: Counter({"duplicate": 1})})


def test_both_legs_of_a_call_are_one_record_and_each_party_has_its_own_cell_and_device():
    net = {"network": b"\x11\x22", "msc": MSC}
    legs = [
        mo(location=location(1, 2), imei="35693803564380", **net),
        mt(location=location(3, 4, bytes.fromhex("13 00 62")), entity="491770000002", **net),
    ]
    for files in (legs, legs[::-1], [b"".join(legs)], [b"".join(legs[::-1])]):
        outcome = found(files, plmn="262-01")
        assert [call[1:] for call in calls(outcome)] == [(int(A), int(B), 0, 10, True)]
        row = outcome.rows[0][1]
        assert (format_cell(row["a_cell"]), row["a_imei"], row["a_imsi"]) == (
            "262-01-1-2",
            1_35693803564380,
            int(IMSI_A),
        )
        assert (format_cell(row["b_cell"]), row["b_imei"], row["b_imsi"]) == ("310-260-3-4", 0, int(IMSI_B))
        assert sum(outcome.merged.values(), Counter()) == Counter({"leg": 1})
    apart = found([legs[0], mt("261031090000", **net)])
    assert (len(apart.rows), apart.merged) == (2, {})


@pytest.mark.parametrize("mark", [{"services": services(0x11, 0x2A)}, {"camel": 1}], ids=["service", "camel"])
def test_a_call_that_is_forwarded_has_three_parties_from_three_legs(mark):
    """A calls B (originated), B's switch rings B in vain (terminated), goes on to C (the forwarded leg), C answers (terminated)."""
    net = {"network": b"\x11\x22", "msc": MSC}
    raw = [
        mo(location=location(1, 1), **net),
        mt(location=location(2, 2), answer=None, duration=20, cause=3, **net),
        mo(imsi=IMSI_B, msisdn=B, calling=A, called=C, reference=b"\3", **mark, **net),
        mt(imsi=IMSI_C, msisdn=C, location=location(3, 3), reference=b"\4", **net),
    ]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        outcome = found(b"".join(raw[i] for i in order), plmn="262-01")
        assert [call[1:] for call in calls(outcome)] == [(int(A), int(B), int(C), 10, True)]
        row = outcome.rows[0][1]
        assert [format_cell(row[f"{party}_cell"]) for party in "abf"] == ["262-01-1-1", "262-01-2-2", "262-01-3-3"]
        assert [row[f"{party}_imsi"] for party in "abf"] == [int(IMSI_A), int(IMSI_B), int(IMSI_C)]
        assert outcome.merged == {0: Counter({"leg": 3})}


def test_a_forwarded_leg_alone_and_huaweis_record_have_three_parties():
    fields = {"imsi": IMSI_B, "msisdn": B, "calling": A, "called": C, "seizure": stamp("261030080000"), "duration": 0}
    for raw in (
        record("mo", services=services(0x21), **fields),
        record("forward", **fields, extra=tlv(142, number(B))),
    ):
        assert [call[1:] for call in calls(found(raw))] == [(int(A), int(B), int(C), 0, False)]
    without_a = found(record("mo", services=services(0x21), **{**fields, "calling": b""}))
    assert [call[1:4] for call in calls(without_a)] == [(0, int(B), int(C))]


def test_roaming_is_kept_where_nothing_else_tells_of_the_call_and_transit_only_if_asked():
    net = {"network": b"\x11\x22", "msc": MSC}
    roaming = record(
        "roaming",
        imsi=IMSI_B,
        msisdn=B,
        calling=A,
        entity=MSC,
        seizure=stamp("261030080000"),
        duration=1,
        reference=b"\5",
        **net,
    )
    alone = found(roaming)
    assert [call[1:] for call in calls(alone)] == [(int(A), int(B), 0, 0, False)]
    both = found(roaming + mo(**net))
    assert ([call[1:] for call in calls(both)], both.merged) == (
        [(int(A), int(B), 0, 10, True)],
        {0: Counter({"roaming": 1})},
    )
    through = b"".join(
        record(kind, calling=A, called=B, entity=MSC, seizure=stamp("261030080000"), reference=b"\6")
        for kind in ("gateway", "transit")
    )
    assert (found(through).rows, found(through).merged) == ([], {0: Counter({"transit": 2})})
    assert [call[1:4] for call in calls(found(through, keeps_transit=True))] == [(int(A), int(B), 0)] * 2


def text(called=None, **changes):
    fields = {
        "imsi": IMSI_A,
        "msisdn": A,
        "centre": number("491710760000"),
        "reference": b"\x2a",
        "seizure": stamp("261030080000"),
    }
    return record("mo_text", **fields | changes, **({"called": called} if called is not None else {}))


def test_texts_have_counted_or_bare_destinations_and_the_centre_is_nobody():
    """13 digits counted, not counted, 5 digits of a short code, 12 counted of 14 in the octets."""
    digits = tbcd("4915112345678")
    written = [b"\x0d\x91" + digits, b"\x91" + digits, b"\x05\x81" + tbcd("36500"), b"\x0c\x91" + digits]
    outcome = found(b"".join(text(called, reference=bytes([i])) for i, called in enumerate(written)))
    assert [(row["kind"], row["b_type"]) for _, row in outcome.rows] == [(2, 1), (2, 1), (2, 3), (2, 6)]
    assert [row["b_number"] for _, row in outcome.rows][:2] == [4915112345678] * 2
    assert outcome.rows[3][1]["b_text"] == "491511234567"
    assert {row["duration_s"] for _, row in outcome.rows} == {None}
    failed = found(text(written[0], result=tlv(0, b"\x05")))
    assert [call[5] for call in calls(failed)] == [False]


def test_letters_of_a_sender_are_unpacked_from_seven_bits():
    """``CORP``: C 43, O 4F, R 52, P 50 in 7 bits, lowest first: C3 A7 14 0A; 7 semi-octets are counted."""
    packed = bytes.fromhex("C3A7140A")
    assert (unpack_letters(packed, 4), unpack_letters(packed, 9)) == ("CORP", "CORP")
    outcome = found(text(b"\x07\xd0" + packed) + text(b"\xd0" + packed, reference=b"\1"))
    assert [row["b_text"] for _, row in outcome.rows] == ["CORP", "CORP"]


def test_a_text_received_has_no_originator_and_a_call_with_teleservice_22_is_a_text():
    raw = record("mt_text", centre=number("491710760000"), imsi=IMSI_B, msisdn=B, seizure=stamp("261030080000"))
    outcome = found(raw + mo(service=tlv(3, b"\x22"), answer=None))
    assert [(row["kind"], row["a_type"], row["b_number"]) for _, row in outcome.rows] == [
        (2, 0, int(B)),
        (2, 1, int(B)),
    ]


def test_a_busy_call_was_not_answered_and_its_holding_time_is_no_conversation():
    outcome = found(mo(answer=None, cause=3, duration=7) + mo(answer=None, duration=None, reference=b"\3"))
    assert [call[4:] for call in calls(outcome)] == [(0, False), (None, False)]


def test_a_record_found_by_its_handset_has_one_that_exists():
    """What a network writes: 14 digits, 15 with a spare zero; zeros and a wrong check digit are nobody's handset."""
    imeis = ("49015420323751", "490154203237510", "490154203237519", "000000000000000", None)
    raw = b"".join(mo(imei=imei, reference=bytes([n])) for n, imei in enumerate(imeis, 1))
    outcome = read(reader(feed={"format": "ber", "index": frozenset({"imei", "imsi"})}), [raw], framing="bytes")
    assert [row["a_imei"] for _, row in outcome.rows] == [1_49015420323751, 1_490154203237510, 0, 0, 0]
    assert [row["a_imsi"] for _, row in outcome.rows] == [int(IMSI_A)] * 5
    assert [flaw[2:] for flaw in outcome.flaws] == [("bad-imei", "a_imei")] * 2


def test_own_fields_that_are_none_are_emptied_where_they_are_kept_and_the_call_stays():
    raw = (
        mo(imsi="12345")
        + mo(imei="123", reference=b"\3")
        + mo(location=tlv(0, b"\1") + tlv(1, b"\1\2"), reference=b"\4")
    )
    outcome = found(raw + mt(imsi="2620a"), plmn="262-01")
    assert [flaw[2:] for flaw in outcome.flaws] == [
        ("bad-imsi", "a_imsi"), ("bad-imei", "a_imei"), ("bad-cell", "a_cell"), ("bad-imsi", "b_imsi"),
    ]  # fmt: skip
    assert (len(outcome.rows), outcome.rejects) == (4, [])
    assert [row[f"a_{name}"] for (_, row), name in zip(outcome.rows, ("imsi", "imei", "cell"), strict=False)] == [
        0,
        0,
        0,
    ]
    assert len(found(raw, feed={"keep": frozenset()}).rows) == 3
    assert found(mo(location=location(1, 2))).rows[0][1]["a_cell"] == 0


def test_unknown_tags_other_classes_and_padding_are_skipped():
    extra = (
        tlv(99, b"x" * 300)
        + tlv(140, b"y")
        + tlv(16_383, b"z")
        + tlv(6, tlv(1, b"q"), constructed=True)
        + b"\x04\x01x"
        + b"\x30\0"
    )
    one, two = mo(extra=extra), mo(reference=b"\3")
    for padding in (b"", b"\0" * 700, b"\xff" * 5, b"\xff\xff\0\0\0\xff"):
        outcome = found(
            padding + one + padding + record("update", imsi=IMSI_A) + tlv(98, b"", constructed=True) + two + padding
        )
        assert [call[0] for call in calls(outcome)] == [len(padding), len(outcome_prefix(padding, one))]
        assert outcome.skipped == {0: Counter({"location-update": 1, "unknown-record": 1})}
        assert not outcome.rejects


def outcome_prefix(padding, one):
    return padding + one + padding + record("update", imsi=IMSI_A) + tlv(98, b"", constructed=True)


def test_indefinite_lengths_are_read_like_definite_ones():
    fields = {"location": location(1, 2), "services": services(0x21), "service": tlv(3, b"\x11"), "calling": A}
    plain, opened = mo(**fields), record("mo", indefinite=True, imsi=IMSI_A, msisdn=A, called=B, entity=MSC, seizure=stamp("261030080000"),
                                         answer=stamp("261030080000"), duration=10, cause=0, reference=b"\1", **fields)  # fmt: skip
    assert found(plain, plmn="262-01").rows == found(opened, plmn="262-01").rows
    inside = cdr.tlv(0, tlv(0, b"\0") + tlv(3, number(A)) + tlv(5, number(B)) + tlv(22, stamp("261030080000"))
                     + tlv(12, location(1, 2), constructed=True, indefinite=True), constructed=True)  # fmt: skip
    assert format_cell(found(inside, plmn="262-01").rows[0][1]["a_cell"]) == "262-01-1-2"


def test_a_bomb_of_nested_lengths_and_a_huge_one_end_the_file_in_one_reject():
    bomb = b"\xa0\x80" * 40_000
    for raw, reason in (
        (bomb, "bad-record"),
        (b"\xa0\x84\x7f\xff\xff\xff" + b"x" * 100, "bad-record"),
        (b"\xa0\x89" + b"x" * 100, "bad-record"),
        (b"\xbf\xff\xff\xff\xff\x01" + b"x" * 100, "bad-record"),
        (b"\xa0\x7f" + b"x" * 100, "cut-off"),
        (b"\xa0\x80\x80\x01", "cut-off"),
    ):
        outcome = found(mo() + raw)
        assert len(outcome.rows) == 1
        assert outcome.rejects == [(0, len(mo()), reason, "")]


def test_a_length_that_leads_out_of_its_record_rejects_that_record_alone():
    broken = bytearray(mo())
    broken[broken.index(b"\x81\x08") + 1] = 0x7F
    deep = cdr.tlv(0, tlv(0, b"\0") + b"\xac\x80" * 20 + b"\0\0" * 20, constructed=True)
    raw = mo() + bytes(broken) + deep + mo(reference=b"\3")
    outcome = found(raw)
    assert [reject[1:] for reject in outcome.rejects] == [
        (len(mo()), "bad-record", ""),
        (len(mo()) + len(broken), "bad-record", ""),
    ]
    assert len(outcome.rows) == 2


@pytest.mark.parametrize("release", [0, 6, 7])
def test_frames_of_every_release_with_their_counts(release):
    raw = framed([mo(), mt()], release=release, lost=0x82, private=b"abc")
    outcome = found(raw)
    assert (len(outcome.rows), outcome.skipped, outcome.rejects) == (2, {0: Counter({"lost-by-source": 2})}, [])
    assert recognise(raw[:80], "x") == "a TS 32.297 file header whose lengths agree"


@pytest.mark.parametrize(("mark", "lost"), [(0, 0), (1, 1), (127, 127), (128, 1), (129, 1), (254, 126), (255, 127)])
def test_the_lost_field_is_shown(mark, lost):
    assert found(framed([mo()], lost=mark)).skipped.get(0, Counter())["lost-by-source"] == lost


def test_counts_that_do_not_agree_are_shown_and_other_services_too():
    raw = framed([mo()], count=3)
    assert found(raw).skipped == {0: Counter({"missing-by-count": 2})}
    assert found(framed([mo(), mt()], count=1)).skipped == {0: Counter({"more-than-count": 1})}
    named = {
        7: "packet-switched",
        9: "ims",
        14: "ims",
        10: "mms",
        11: "location-service",
        15: "sms-service",
        31: "other-service",
    }
    for ts, word in named.items():
        assert found(framed([mo()], ts=ts)).skipped == {0: Counter({word: 1})}
    bare = mo() + tlv(79, tlv(0, b"\x4f"), constructed=True) + tlv(63, tlv(0, b"\x3f"), constructed=True)
    assert found(bare).skipped == {0: Counter({"packet-switched": 1, "ims": 1})}
    assert found(framed([mo()], form=3)).rejects == [(0, 52, "bad-record", "")]
    assert found(framed([mo()]) + framed([mo()])[52:]).skipped == {
        0: Counter({"length-mismatch": 1, "more-than-count": 1})
    }
    padded = found(framed([mo(), mt()], padding=b"\0" * 100))
    assert (len(padded.rows), padded.skipped, padded.rejects) == (2, {}, [])
    not_one = found(framed([mo() + mt()]))
    assert (not_one.rows, not_one.rejects) == ([], [(0, 52, "bad-record", "")])


@pytest.mark.parametrize("indefinite", [False, True])
def test_the_wrapper_of_huawei_is_opened_and_its_trailer_compared(indefinite):
    raw = wrapped([mo(), mt()], indefinite=indefinite)
    assert (len(found(raw).rows), found(raw).skipped, found(raw).rejects) == (2, {}, [])
    assert found(wrapped([mo()], count=3, indefinite=indefinite)).skipped == {0: Counter({"missing-by-count": 2})}
    assert recognise(raw[:80], "x") == "a SEQUENCE of a header and a list, as Huawei wraps charging records"
    for cut in range(1, len(raw), 13):
        assert read(reader(), [raw], cut=cut, framing="bytes") == found(raw)


FILES = {"bare": mo() + b"\0\0" + mt(), "framed": framed([mo(), mt()]), "wrapped": wrapped([mo(), mt()])}


@pytest.mark.parametrize("name", FILES)
def test_any_cut_into_pieces_gives_the_same(name):
    raw = FILES[name]
    for cut in (1, 2, 3, 7, 50, 100):
        assert read(reader(), [raw], cut=cut, framing="bytes") == found(raw)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_at_any_byte_keeps_what_was_before_and_reports_the_rest(name):
    raw = FILES[name]
    first, second = raw.index(mo()) + len(mo()), raw.index(mt()) + len(mt())
    blank = len(raw) - len(raw.lstrip(b"\0"))
    for cut in range(1 + blank, len(raw)):
        try:
            outcome = found(raw[:cut])
        except MalformedInput:
            assert cut < first  # nothing of the file's own beginning is complete
            continue
        assert len(outcome.rows) == (cut >= first) + (cut >= second)
        is_between = name == "bare" and first <= cut <= first + 2
        assert [reject[2] for reject in outcome.rejects] == ["cut-off"] * (not is_between), cut
        assert [reject for reject in outcome.rejects if not (first <= reject[1] <= cut or cut < first)] == []


def test_small_steps_and_a_full_house_lose_nothing(monkeypatch):
    net = {"network": b"\x11\x22", "msc": MSC}
    parts = [
        mo(sequence=1, cause=1),
        mt(**net),
        mo("261030090000", sequence=2),
        mo(reference=b"\5", **net),
        mo("261102080000"),
    ] * 2
    whole = found(b"".join(parts))
    monkeypatch.setattr(ber, "STEP", 2)
    stepped = found(b"".join(parts))
    assert stepped.read == whole.read == len(parts)
    assert read(reader(), [b"".join(parts)], cut=60, framing="bytes") == stepped
    monkeypatch.setattr(cs_calls, "MAX_LEGS", 1)
    full = found(b"".join(parts))
    assert full.read == len(parts)
    assert len(full.rows) > len(whole.rows)
    assert read(reader(), [b"".join(parts)], cut=60, framing="bytes") == full


def test_what_no_field_reads_goes_nowhere():
    hidden = (
        tlv(16, CANARY)
        + tlv(150, CANARY)
        + tlv(63, tlv(1, CANARY), constructed=True)
        + b"\x04"
        + bytes([len(CANARY)])
        + CANARY
    )
    raw = (
        mo(extra=hidden)
        + text(b"\x91" + tbcd(B), extra=hidden)
        + tlv(12, hidden, constructed=True)
        + tlv(90, hidden, constructed=True)
    )
    raw += mo(called=CANARY, reference=b"\3") + b"\xa0\x7f" + CANARY
    outcome = found(raw)
    shown = outcome.shown.encode()
    assert CANARY not in shown
    assert CANARY.hex().encode() not in shown
    with pytest.raises(MalformedInput, match=r"^file 0: ") as error:
        found(CANARY)
    assert CANARY.decode() not in str(error.value) + repr(error.value)


def test_what_is_no_charging_record_is_of_another_format():
    for raw in (b"a,b\n", b"\x01\x02\x03", b"\x1f\x8b\x08\0" * 20):
        with pytest.raises(MalformedInput, match="file 0: neither BER"):
            found(raw)
        assert recognise(raw, "x") is None
    assert (
        recognise(mo(), "x")
        == f"a BER record of the circuit-switched domain of {len(mo()) - (4 if mo()[1] == 0x82 else 2)} bytes"
    )
    assert found(b"").read == 0


def test_a_house_without_trunk_prefix_and_one_with_a_long_one():
    assert calls(found(mo(called=number("612345678", 2)), home="ES"))[0][2] == 34612345678
    assert calls(found(mo(called=number("2125550123", 2)), home="US"))[0][2] == 12125550123
    assert calls(found(mo(called=number("0612345678", 2)), home="IT"))[0][2] == 390612345678


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([mo(), mt(), b"\xa0\x80", b"\0", b"\xff"]), max_size=6),
    st.integers(1, 200),
)
def test_arbitrary_bytes_are_refused_as_a_whole_or_accounted_for(parts, cut):
    raw = b"".join(parts)
    try:
        whole = found(raw)
    except MalformedInput:
        return
    assert read(reader(), [raw], cut=cut, framing="bytes") == whole


@settings(max_examples=150, deadline=None)
@given(st.integers(2, len(mo(location=location(1, 2), services=services(0x21))) - 1), st.integers(0, 255))
def test_one_byte_changed_within_a_record_never_costs_its_neighbours(place, value):
    changed = bytearray(mo(location=location(1, 2), services=services(0x21)))
    changed[place] = value
    outcome = found(mt() + bytes(changed) + mt("261105080000"))
    assert outcome.read + outcome.skipped.get(0, Counter())["unknown-record"] == 3
    assert len(outcome.rows) >= 2
