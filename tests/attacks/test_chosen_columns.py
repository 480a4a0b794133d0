"""A caller chooses a name, a Call-ID or digits so that a table seems to say that somebody else called: no such record is kept."""

import datetime as dt

import pytest

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.readers.formats import format_named
from coffer.records.rejects import Reason

WINDOW = Window(earliest=dt.datetime(2020, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
A, B, VICTIM = "+4930111111", "+4930222222", "+4930999999"
HEAD = '[feed]\nname = "x"\nhome_country = "DE"\ntime_zone = "UTC"\nnumber_style = "any"\nlocal_identities = true\n'


def read(text, data):
    """``(a, b)`` of each record, and the reasons of rejects."""
    head = HEAD.replace("local_identities = true\n", "") if "local_identities" in text else HEAD
    feed = parse_feed(head + text, "feed")
    bound = format_named(feed.format).bind(feed, data.encode(), "file")
    body = "".join(data.splitlines(keepends=True)[bound.skip_lines :])
    parsed = bound.read(body.encode(), first_line=bound.skip_lines + 1, window=WINDOW)
    rows = [
        tuple(
            row[f"{name}_text"] or (f"+{row[f'{name}_number']}" if row[f"{name}_type"] == 1 else "short")
            for name in "ab"
        )
        for row in parsed.batch.to_pylist()
    ]
    return rows, [Reason(reason).label for reason in parsed.rejects.reasons.tolist()]


# -- a display name ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"Max ({VICTIM})", f"({VICTIM})", "Ann (HQ)", "Max (", "Max )", f"Max ({VICTIM}) ("])
def test_number_in_the_name_of_a_caller_is_nobodys(name):
    data = (
        f"From,To,Date/Time,Total Duration,Rating Duration,Status\n{name} ({A}),{name} ({B}),1772445600,5,5,Answered\n"
    )
    assert read('preset = "pbxware"\n', data) == ([(A, B)], [])


@pytest.mark.parametrize("name", ["Max", f"Max ({VICTIM})", f"Max ({VICTIM}", f"({VICTIM}) (", "Max ((", f"{VICTIM})"])
@pytest.mark.parametrize("number", ["+49 (30) 111111", "+49 (0)30 111111", "(030) 111111", A])
def test_parentheses_within_a_number_are_part_of_it(name, number):
    row = f"{name} ({number}),{number},1772445600,5,5,Answered\n"
    data = "From,To,Date/Time,Total Duration,Rating Duration,Status\n" + row
    assert read('preset = "pbxware"\n', data) == ([(A, A)], [])


@pytest.mark.parametrize("value", [f"{VICTIM} (Max)", f"Max ({VICTIM}) x", f"Max ({VICTIM}", f"Max (({VICTIM}"])
def test_value_that_does_not_end_with_a_number_in_parentheses_is_no_number(value):
    data = f"From,To,Date/Time,Total Duration,Rating Duration,Status\n{value},{B},1772445600,5,5,Answered\n"
    kept, reasons = read('preset = "pbxware"\nlocal_identities = false\n', data)
    assert (kept, reasons) == ([], ["not-a-number"])


def test_first_parenthesis_would_be_the_callers_choice():
    text = '[csv]\nheader = false\ndate_format = "epoch"\n[columns]\nb = 1\nstart = 2\n'
    row = f"Max ({VICTIM}) ({A}),{B},1772445600\n"
    first, last = (
        read(f'kind = "call"\n{text}a = {{ column = 0, {mark} = "(", before = ")" }}\n', row)[0]
        for mark in ("after", "after_last")
    )
    assert (first, last) == ([(VICTIM, B)], [(A, B)])


# -- the delimiter in a value --------------------------------------------------------------------------------------------

FLAT = "INVITE|f|t|{call}|200|OK|2026-03-02 10:00:00|+4930111111|h|192.0.2.1|+4930222222|+4930222222|h\n"
FORGED = f"c2|200|OK|2026-03-02 11:00:00|{VICTIM}|h|192.0.2.9|+4930888888|+4930888888|h"


@pytest.mark.parametrize("calls", [("c1", FORGED), (FORGED, "c1"), (FORGED.rpartition("|")[0], "c1"), ("c|d", "c1")])
def test_delimiter_in_a_call_id_makes_no_row(calls):
    data = "".join(FLAT.format(call=call) for call in calls)
    assert read('preset = "kamailio-flatstore"\n', data) == ([(A, B)], ["wrong-column-count"])


def test_delimiter_that_is_encoded_harms_nobody():
    data = FLAT.format(call=FORGED.replace("|", "%7C"))
    assert read('preset = "kamailio-flatstore"\n', data) == ([(A, B)], [])


def test_ragged_rows_would_be_read_as_the_caller_wrote_them():
    """So the attack would work; the feed says so itself."""
    text = 'preset = "kamailio-flatstore"\n[csv]\nheader = false\nragged = true\nwidth = 13\n'
    with pytest.raises(MalformedInput, match="width: with header or ragged"):
        read(text, FLAT.format(call="c"))
    text = 'kind = "call"\n[csv]\nheader = false\ndelimiter = "|"\nquote = ""\ndate_format = "%Y-%m-%d %H:%M:%S"\n{own}\n[columns]\na = 7\nb = 10\nstart = 6\n'
    assert read(text.format(own="ragged = true"), FLAT.format(call=FORGED))[0] == [(VICTIM, "+4930888888")]
    assert read(text.format(own=""), FLAT.format(call=FORGED))[0] == [(VICTIM, "+4930888888")]
    assert read(text.format(own="width = 13"), FLAT.format(call=FORGED)) == ([], ["wrong-column-count"])


@pytest.mark.parametrize("width", ["1", "1001", '"x"', "true"])
def test_width_is_a_number_of_columns(width):
    text = f'kind = "call"\n[csv]\nheader = false\nwidth = {width}\ndate_format = "epoch"\n[columns]\na = 0\nb = 1\nstart = 2\n'
    with pytest.raises(MalformedInput, match="width"):
        parse_feed(HEAD + text, "feed")


def test_column_beyond_the_width_is_not_there():
    text = (
        'kind = "call"\n[csv]\nheader = false\nwidth = 2\ndate_format = "epoch"\n[columns]\na = 0\nb = 1\nstart = 2\n'
    )
    with pytest.raises(MalformedInput, match="no column 2 for start, width says 2 columns counted from 0"):
        read(text, f"{A},{B},1772445600\n")


# -- trunks and feature codes --------------------------------------------------------------------------------------------


def placed(width, **fields):
    """A line of this many characters with values at places that are counted from 1."""
    line = [" "] * width
    for place, value in ((int(name[1:]), value) for name, value in fields.items()):
        line[place - 1 : place - 1 + len(value)] = value
    return "".join(line) + "\r\n"


def smdr(calling, called, digits="", ani=""):
    return placed(112, _2="03/02", _8="10:00", _15="00:00:55", _24=calling, _34=digits, _62=called, _92=ani)


def wide(calling, called, digits="", ani=""):
    return placed(207, _2="03/02", _8="10:00:00", _18="0000:00:05", _29=calling, _42=digits, _70=called, _114=ani)


@pytest.mark.parametrize(("name", "line"), [("mitel-smdr", smdr), ("mitel-smdr-wide", wide)])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("T001", "T002", "03055555555", "030333333"), "not-a-number"),
        (("T001", "X2", "", "030333333"), "not-a-number"),
        (("1024", "T001", "*67030333333"), "not-a-number"),
        (("1024", "T001", "030333333#"), "not-a-number"),
        (("T001", "1024", "", "P"), "not-a-number"),
        (("1024", "T001", "030333333"), ("short", "+4930333333")),
        (("T001", "1024", "7777", "030333333"), ("+4930333333", "short")),
        (("T001", "ATT1", "7777", "030333333"), ("+4930333333", "ATT1")),
    ],
)
def test_trunk_or_code_is_no_party_though_local_identities_are_kept(name, line, values, expected):
    kept, reasons = read(f'preset = "{name}"\n', line(*values))
    assert (kept, reasons) == (([expected], []) if isinstance(expected, tuple) else ([], [expected]))


@pytest.mark.parametrize(
    "pattern", ["", "[", "a|(?:b)", "a$", "a\\1", "(a+)+", "(a{9}){9}", "a{999}", "x" * 65, "a.b", "(?=a)", "\\d", "é",
     "[[:digit:]]+", "[[a]b]", "[a--b]", "[0-9||5]", "[][a]", "(?i)x", "(?#x)", "(?a)x", "a++", "a{2}+"]
)  # fmt: skip
def test_pattern_that_engines_may_read_otherwise_is_refused(pattern):
    text = 'kind = "call"\n[csv]\nheader = false\ndate_format = "epoch"\n[columns]\na = 0\nstart = 2\n'
    with pytest.raises(MalformedInput, match="matches: not a pattern"):
        parse_feed(f"{HEAD}{text}b = {{ column = 1, matches = '{pattern}' }}\n", "feed")


def test_pattern_is_that_of_the_whole_value():
    text = 'kind = "call"\n[csv]\nheader = false\ndate_format = "epoch"\n[columns]\na = 0\nstart = 2\nb = { column = 1, matches = "x|[+]?[0-9]{4,}" }\n'
    data = "".join(f"{A},{b},1772445600\n" for b in (B, f" {B} ", "x", "xx", f"x{B}", f"{B}x", "x\u2028", "123", ""))
    kept, reasons = read(text, data)
    assert ([b for _, b in kept], reasons) == ([B, B, "x"], ["not-a-number"] * 5 + ["no-b-number"])


@pytest.mark.parametrize("pattern", ["\\\\(?[-0-9]+\\\\++", "[0-9]+?", "[\\\\-+]5", "T[0-9]{3}|X"])
def test_pattern_that_engines_read_alike_is_taken(pattern):
    text = 'kind = "call"\n[csv]\nheader = false\ndate_format = "epoch"\n[columns]\na = 0\nstart = 2\n'
    feed = parse_feed(f'{HEAD}{text}b = {{ column = 1, matches = "{pattern}" }}\n', "feed")
    assert feed.mapping.patterns == {"b": pattern.replace("\\\\", "\\")}


def test_both_marks_at_once_are_refused():
    text = 'kind = "call"\n[csv]\nheader = false\ndate_format = "epoch"\n[columns]\na = 0\nstart = 2\nb = { column = 1, after = "(", after_last = "(" }\n'
    with pytest.raises(MalformedInput, match="after_last: with after too"):
        parse_feed(HEAD + text, "feed")
