"""Lines read by the compiled kernel and without it: the same rows, rejects, counts and tally, whatever the lines."""

# ruff: noqa: DTZ001

import datetime as dt
import json
import os
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_consent import roster

from coffer import kernels
from coffer.identity.identifier import pack_short_code
from coffer.identity.numbering import plans
from coffer.ledger.roster import parse_roster
from coffer.procedures.ingest import fused
from coffer.procedures.ingest.fused import FusedReader, is_fused, why_slow
from coffer.procedures.ingest.split import split_records
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.no_index import NoIndex
from coffer.records.readers.mapped.csv import bind_feed, read_lines
from coffer.records.readers.mapped.instructions import instructions
from coffer.tally.exact import count

pytestmark = pytest.mark.skipif(kernels.lines is None, reason="no kernels here: no compiler, or COFFER_PURE is 1")

WINDOW = Window(earliest=dt.datetime(2016, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2017, 1, 1, tzinfo=dt.UTC))
ROSTER = parse_roster(roster(numbering="9.0.43"), "roster")
NO_INDEX = NoIndex(
    numbers=np.array([33800000116, 33612345679], np.uint64),
    short_codes=np.array([pack_short_code("FR", "114")], np.uint64),
    addresses=("help@example.org",),
    hash=bytes(32),
    lines=4,
)
FEED = """
[feed]
name = "calls"
format = "csv"
home_country = {home}
number_style = {style}
{outside}
time_zone = {zone}
fold = {fold}
local_identities = {local}
keep = {keep}
index = {index}
imei_without_check = {check}
kind = {{ column = 0, values = {{ call = "call", sms = "text", mail = "email" }} }}
[csv]
header = false
delimiter = {delimiter}
date_format = {formats}
[columns]
a = 1
b = 2
start = {start}
duration_s = 5
forwarded = 6
a_cell = 7
a_imei = 8
f_imsi = 9
answered = 10
"""
BASE = {
    "home": "FR", "style": "any", "outside": [], "zone": "UTC", "fold": "reject", "local": "false",
    "keep": ["cell"], "index": ["number"], "check": False, "delimiter": ",", "formats": ["%Y-%m-%d %H:%M:%S"], "start": 3,
}  # fmt: skip
FORMATS = [
    ["%Y-%m-%d %H:%M:%S"], ["%d/%m/%Y %H:%M"], ["%Y%m%d%H%M%S"], ["%d-%b-%Y %I:%M:%S %p"], ["%Y-%m-%dT%H:%M:%S.%f%z"],
    ["%Y-%m-%dT%H:%M:%S%z"], ["epoch"], ["epoch-ms"], ["%y.%m.%d %T"], ["%F %R", "%d/%m/%Y %T"],
    ["%Y-%m-%d %H:%M:%S", "epoch"], ["%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S%z"], ["%m/%d/%y %T", "%d/%m/%y %T"],
]  # fmt: skip
ZONES = ["UTC", "Europe/Paris", "Asia/Kolkata", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca"]
HOMES = ["FR", "DE", "IN", "IT", "US", "BR", "GB", "HU", "RU", "AU"]
STYLES = ["any", "national", "international", "e164-no-plus"]
PARTIES = [
    "+33612345678", "0612345678", "0033612345678", "33612345678", "+33800000116", "+49301234567", "004930123456",
    "+4915112345678", "9812345678", "919812345678", "09812345678", "+390612345678", "0612345678", "15551234567",
    "2125551234", "112", "114", "36500", "0", "12", "-1", "anonymous", "", "", "+33 6 12 34 56 78", "+33 (0)612345678",
    "06-12-34-56-78", "CORP", "Bank 24", "a@b.example", "help@example.org", "Dan <dan@Example.org>", "<>", "+0", "+",
    "sip:+33612345678@x.example", "tel:0612345678", "1234567890123456789", "12345678901234567890", "9" * 33, "x" * 70,
    "0005512345678", "00", "000", "00000", "+33612345678.0", "33612345678.00", "33612345678.5", "06.12345678", "é", " 0612345678", "0612345678 ", "1" * 15,
    "8" * 11, "810" + "49301234567", "8" + "4951234567", "06" + "209012345", "011" + "33612345678", "a" * 41, "b" * 40,
]  # fmt: skip
TIMES = [
    dt.datetime(2016, 9, 1, 10, 0, 0), dt.datetime(2016, 10, 30, 2, 30), dt.datetime(2016, 3, 27, 2, 30),
    dt.datetime(2016, 12, 31, 23, 59, 59), dt.datetime(2016, 1, 1), dt.datetime(2015, 12, 31, 23, 59, 59),
    dt.datetime(2017, 1, 1, 0, 0, 1), dt.datetime(2016, 2, 29, 0, 0, 1), dt.datetime(2016, 4, 3, 1, 45),
]  # fmt: skip
ODD_TIMES = [
    "",
    "x",
    "2016-02-30 10:00:00",
    "2016-09-01 24:00:00",
    " 2016-09-01 10:00:00",
    "2016-9-1 10:00:00",
    "2016-09-01 10:00:60",
]
DURATIONS = [
    "60",
    "0",
    "",
    "1",
    "59",
    "299",
    "300",
    "1800",
    "007",
    "1048575",
    "1048576",
    "999999999",
    "1:02:03",
    "0:00:59",
    "123:59:59",
    "1:2:3",
    "1:60:00",
    "02:03",
    "-1",
    "1.5",
    "1e3",
    "nan",
    " 60",
    "9" * 25,
    "+5",
    "0x10",
    "1_000",
]
CELLS = [
    "",
    "",
    "208-01-7-99",
    "208-1-65535-268435455",
    "208-01-65536-1",
    "000-01-7-99",
    "208-01-7",
    "208--7-9",
    "208-01-7-99-1",
    "2080-1-7-9",
    " 208-01-7-99",
    "208-0001-7-9",
    "208-01-7-1234567890",
]
IMEIS = [
    "", "49015420323751", "490154203237518", "4901542032375177", "011234567890126", "490154203237510", "490154203237517",
    "35000000000000", "350000000000000", "35000000000000000", "3500000000000", "3500000000000a", "00000000000000",
    "000000000000000", "11111111111111", "00123456789012", "02123456789012", "12345678123456", "111111111111119",
    "133270032123498", "13327003212349", "012345671234560", "999999991234564", "356938030000005", "3569380300000077",
    "49-015420-323751-8", "49015420 323751 8", "49-015420 323751-8", "49-015420-323751", "49015420-323751-77",
]  # fmt: skip
IMSIS = [
    "", "208010000000001", "65501000000001", "208010000000000", "20801", "208011", "2080100000000000", "001010000000001",
    "901280000000001", "2080100000001", "208-01-1234567890", "208 001 123456789", "208-01 1234567890", "999990000000001", "80001000000001",
]  # fmt: skip
ANSWERED = ["yes", "no", "", "1", "true", "perhaps", "Yes", " yes"]
KINDS = ["call", "call", "sms", "mail", "fax", "", " call ", "callx"]


def text_of(feed):
    """The feed file."""
    told = {key: json.dumps(value) for key, value in feed.items() if key != "local"} | {"local": feed["local"]}
    return FEED.format(**told | {"outside": f"outside_line = {told['outside']}" if feed["outside"] else ""})


def written(time, form, random):
    if form == "epoch":
        return str(int(time.replace(tzinfo=dt.UTC).timestamp()))
    if form == "epoch-ms":
        return str(int(time.replace(tzinfo=dt.UTC).timestamp() * 1000))
    zone = random.choice([dt.UTC, dt.timezone(dt.timedelta(hours=2)), dt.timezone(dt.timedelta(hours=-3, minutes=-30))])
    text = time.replace(tzinfo=zone, microsecond=random.choice([0, 5, 500_000])).strftime(form)
    if form.endswith("%z") and random.random() < 0.5:
        text = text[:-5] + "Z" if text.endswith("+0000") else f"{text[:-2]}:{text[-2:]}"
    return text


def a_line(feed, random):
    """One line: mostly good, each field sometimes odd; then sometimes mutated."""
    formats = feed["formats"]
    time = (
        random.choice(ODD_TIMES)
        if random.random() < 0.05
        else written(random.choice(TIMES[:4] if random.random() < 0.8 else TIMES), random.choice(formats), random)
    )
    odd = random.random() < 0.25
    parties = PARTIES if odd else PARTIES[:26]
    fields = [
        random.choice(KINDS if odd else KINDS[:3]), random.choice(parties), random.choice(parties),
        *(time.split(" ", 1) if feed["start"] == [3, 4] and " " in time else [time, ""]),
        random.choice(DURATIONS if odd else DURATIONS[:14]), random.choice(parties) if random.random() < 0.2 else "",
        random.choice(CELLS if odd else CELLS[:4]), random.choice(IMEIS if odd else IMEIS[:5]), random.choice(IMSIS if odd else IMSIS[:3]),
        random.choice(ANSWERED if odd else ANSWERED[:4]),
    ]  # fmt: skip
    if feed["start"] == 3:
        fields[4] = random.choice(
            ["", "x", '"a b"', "ü", '"a""b"', '"a\nb"', '"\r\n,;\n"', 'a"b'] if odd else ["", "free text"]
        )
    if random.random() < 0.1:
        fields = [f'"{field}"' for field in fields]
    line = feed["delimiter"].join(fields).encode()
    if random.random() < 0.05 and line:
        raw, at = bytearray(line), random.randrange(len(line))
        match random.randrange(3):
            case 0:
                raw[at] = random.choice(b'"\r,;:- +0aZ\xc3\xff\t')
            case 1:
                raw.insert(at, random.choice(b'",\r ;\xe9'))
            case _:
                del raw[at]
        line = bytes(raw).replace(b"\n", b"")
    return line + random.choice([b"", b"", b"", b"\r"])


def a_file(feed, random, lines):
    some = [random.choice([b"", b"\r"]) if random.random() < 0.05 else a_line(feed, random) for _ in range(lines)]
    return b"\n".join(some) + random.choice([b"\n", b""])


def rows_of(groups):
    return {key: sorted(map(bytes, np.concatenate([rows.words for rows in parts]))) for key, parts in groups.items()}


def tables(counts):
    return None if counts is None else (counts.hours.rows(), counts.countries.rows())


def rejects_of(rejects):
    return sorted(zip(rejects.lines.tolist(), rejects.reasons.tolist(), rejects.fields, strict=True))


def outcome(parsed, bound, no_index, groups, kept=0, unindexed=0, dialled=0, counts=None):
    if parsed.batch.num_rows:
        split = split_records(parsed.batch, feed=bound.feed, roster=ROSTER, no_index=no_index)
        for key, rows in split.groups.items():
            groups.setdefault(key, []).append(rows)
        own = count(split.counted, home=plans(ROSTER.numbering).country_names.index(bound.feed.home.country))
        counts = own if counts is None else counts.merge(own)
        unindexed, dialled = unindexed + split.unindexed, dialled + split.dialled
    return {
        "rows": rows_of(groups), "kept": kept + parsed.batch.num_rows, "unindexed": unindexed, "dialled": dialled,
        "rejects": rejects_of(parsed.rejects), "flaws": rejects_of(parsed.flaws), "ambiguous": parsed.ambiguous,
        "skipped": Counter(parsed.skipped), "tally": tables(counts),
    }  # fmt: skip


def renumbered(rejects, numbers):
    return replace(rejects, lines=numbers[rejects.lines])


def by_kernel(reader, raw, bound, no_index, first_line, window=WINDOW):
    groups = {}
    counts, odd = reader.read(
        raw, first_line=first_line, keep=lambda key, rows: groups.setdefault(key, []).append(rows)
    )
    parsed = read_lines(odd.data, bound, first_line=0, window=window)
    parsed = replace(
        parsed, rejects=renumbered(parsed.rejects, odd.numbers), flaws=renumbered(parsed.flaws, odd.numbers)
    )
    tally = reader.finish()
    found = outcome(parsed, bound, no_index, groups, counts.kept, counts.unindexed, counts.dialled, tally)
    return found, counts.kept


def compared(feed, seed, lines, no_index=None, chunks=2, window=WINDOW):
    """How many records the kernel kept of some chunks; all else must be the same on both ways."""
    rng = random.Random(seed)
    text = text_of(feed)
    parsed_feed = parse_feed(text, "feed.toml")
    bound = bind_feed(parsed_feed, feed["delimiter"].join(["x"] * 11).encode(), "file")
    assert is_fused(bound)
    groups = []
    taken = 0
    for _ in range(chunks):
        reader = FusedReader(
            bound, roster=ROSTER, window=window, no_index=no_index, entropy=os.urandom, on_group=groups.append
        )
        raw, first = a_file(feed, rng, lines), rng.randrange(1, 1000)
        got, own = by_kernel(reader, raw, bound, no_index, first, window)
        expected = outcome(read_lines(raw, bound, first_line=first, window=window), bound, no_index, {})
        assert got == expected, text
        taken += own
    return taken


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "home": st.sampled_from(HOMES), "style": st.sampled_from(STYLES),
            "outside": st.sampled_from([[], [], ["9"], ["0", "00"]]), "zone": st.sampled_from(ZONES),
            "fold": st.sampled_from(["reject", "first", "second"]), "local": st.sampled_from(["false", "true"]),
            "keep": st.sampled_from([[], ["cell"], ["cell", "imei", "imsi"], ["imsi"]]),
            "check": st.booleans(),
            "delimiter": st.sampled_from([",", ";", "\t", "|"]), "formats": st.sampled_from(FORMATS),
            "start": st.sampled_from([3, [3, 4]]),
        }
    ),
    st.integers(0, 1 << 30),
    st.sampled_from([None, NO_INDEX]),
    st.sampled_from([[], ["imei", "imsi"], ["imei"]]),
)  # fmt: skip
def test_both_ways_read_the_same(feed, seed, no_index, index):
    feed["index"] = ["number", *(name for name in index if name in feed["keep"] and feed["local"] == "false")]
    feed["start"] = 3 if all(" " not in form for form in feed["formats"]) else feed["start"]
    compared(feed, seed, 120, no_index)


@pytest.mark.parametrize("formats", FORMATS, ids=lambda forms: forms[0])
def test_kernel_keeps_most_lines_of_each_format(formats):
    assert compared(BASE | {"formats": formats}, 7, 400) > 150


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("style", STYLES)
def test_digits_are_read_alike_in_each_country(home, style):
    rng = random.Random(f"{home}{style}")
    prefixes = ["", "0", "00", "+", "8", "810", "06", "011", "1", "33", "49", "91", "39", "44", "0033", "+330", "+490"]
    calls = [
        f"call,{rng.choice(prefixes)}{rng.randrange(10 ** rng.randrange(2, 14))},+33612345678,2016-09-01 10:00:00,,,,,,,"
        for _ in range(1_500)
    ]
    bound = bind_feed(
        parse_feed(text_of(BASE | {"home": home, "style": style}), "feed.toml"), b"x,x,x,x,x,x,x,x,x,x,x", "file"
    )
    raw = "\n".join(calls).encode()
    reader = FusedReader(
        bound, roster=ROSTER, window=WINDOW, no_index=None, entropy=os.urandom, on_group=lambda _: None
    )
    got, _ = by_kernel(reader, raw, bound, None, 1)
    assert got == outcome(read_lines(raw, bound, first_line=1, window=WINDOW), bound, None, {})


@pytest.mark.parametrize(
    "form", ["%Y-%j %H:%M", "%A %Y-%m-%d %H:%M:%S", "%Y-%m-%d %l:%M %P", "%Y-%m-%d %H:%M:%S %H", "%z %F %T"]
)
def test_format_that_has_no_instructions_is_read_the_slow_way_which_is_told(form):
    feed = parse_feed(text_of(BASE | {"formats": [form]}), "feed.toml")
    assert why_slow(feed) == f"date_format {form!r} is none of those that are compiled"
    assert not is_fused(bind_feed(feed, b"x,x,x,x,x,x,x,x,x,x,x", "file"))
    assert why_slow(parse_feed(text_of(BASE), "feed.toml")) == ""


@pytest.mark.parametrize(
    ("formats", "fused"),
    [
        (["%d/%m/%Y %T", "%m/%d/%Y %T"], 1),  # the second may read what the first does not
        (["%F %T", "%d/%m/%Y %T"], 2),
        (["%Y%m%d%H%M%S", "epoch"], 1),
        (["%F %T", "%F %T%z"], 1),
    ],
)
def test_format_that_another_may_read_before_it_is_left_to_the_slow_way(formats, fused):
    assert len(instructions(tuple(formats))) == fused


def test_words_beyond_those_that_are_kept_stay_odd(monkeypatch):
    monkeypatch.setattr(fused, "MAX_WORDS", 4)
    monkeypatch.setattr(fused, "_ROWS", 64)
    monkeypatch.setattr(fused, "_RUNS", 8)
    monkeypatch.setattr(fused, "_CELLS", 64)
    assert 0 < compared(BASE, 3, 500) < compared_freely(3, 500)


def compared_freely(seed, lines):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "MAX_WORDS", 2**18)
        return compared(BASE, seed, lines)


def test_window_of_centuries_is_read_by_both_ways():
    centuries = Window(earliest=dt.datetime(1600, 1, 1, tzinfo=dt.UTC), latest=WINDOW.latest)
    assert compared(BASE, 5, 400, window=centuries) > 150


def test_words_chosen_to_meet_in_one_slot_do_not_meet_under_multipliers_that_nobody_knew():
    chosen = np.zeros((500, 10), np.uint64)
    chosen[:, 0] = np.arange(500, dtype=np.uint64) << np.uint64(32)
    chosen[:, 1] = np.uint64(1 << 62) - chosen[:, 0]
    chosen[:, 5] = 16 << 2 | 1

    def longest_run(multipliers):
        scanner = kernels.lines.Scanner()
        scanner.multipliers, scanner.words = multipliers, np.zeros((2048, 10), np.uint64)
        scanner.learn(chosen)
        filled = np.concatenate([[False], np.asarray(scanner.words)[:, 5] > 0, [False]]).astype(np.int8)
        edges = np.flatnonzero(np.diff(filled))
        return (edges[1::2] - edges[::2]).max()

    assert longest_run(np.ones(6, np.uint64)) == 500  # known multipliers: each word is compared with all before it
    bound = bind_feed(parse_feed(text_of(BASE), "feed.toml"), b"x,x,x,x,x,x,x,x,x,x,x", "file")
    drawn = [
        np.asarray(
            FusedReader(
                bound,
                roster=ROSTER,
                window=WINDOW,
                no_index=None,
                entropy=random.Random(seed).randbytes,
                on_group=print,
            )._scanner.multipliers
        )
        for seed in range(20)
    ]
    assert len({one.tobytes() for one in drawn}) == 20
    assert {int(number) % 2 for one in drawn for number in one} == {1}
    assert max(longest_run(one) for one in drawn) < 125
