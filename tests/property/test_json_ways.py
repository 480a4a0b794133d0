"""JSON lines are read all at once, or one by one if a line among them holds a list where a value is expected: both ways give the same."""

import datetime as dt
import json

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.readers.mapped import jsonl
from coffer.records.rejects import Reason

WINDOW = Window(earliest=dt.datetime(2000, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
FEED = (
    '[feed]\nname = "x"\nhome_country = "DE"\ntime_zone = "UTC"\nkind = "call"\nlocal_identities = true\n[jsonl]\n'
    'date_format = ["epoch", "%Y-%m-%d %H:%M:%S"]\n[columns]\na = "a"\nb = "b"\nstart = "t"\nduration_s = "d"\nanswered = "s"\n'
)
BOUND = jsonl.bind_names(parse_feed(FEED, "feed"), "file")
USUAL = {"a": '"+4930111111"', "b": '"+4930222222"', "t": '"2026-11-20 10:00:00"', "d": "5", "s": "true"}
ODD = '{"a":{"x":1},"b":[2],"t":[1],"d":{},"s":[true]}\n'

digits = st.text("0123456789", min_size=1, max_size=20)
numbers = st.builds(
    lambda sign, whole, fraction, exponent: f"{sign}{whole.lstrip('0') or '0'}{fraction}{exponent}",
    st.sampled_from(["", "-"]),
    digits,
    st.just("") | digits.map(".{}".format),
    st.just("")
    | st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 25)),
)
texts = st.text(max_size=6).map(json.dumps) | st.text(max_size=6).map(lambda text: json.dumps(text, ensure_ascii=False))
values = numbers | texts | st.sampled_from(["true", "false", "null", "[]", "{}", '"1.0"', "1e308", "5e-324", "9" * 60])


def told(data):
    parsed = BOUND.read(data.encode(), first_line=1, window=WINDOW)
    rows = [row for row in parsed.batch.to_pylist() if row["line"] == 1]
    rejects = [
        Reason(reason) for line, reason in zip(parsed.rejects.lines, parsed.rejects.reasons, strict=True) if line == 1
    ]
    return rows, rejects, parsed.skipped


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("abtds"), values, min_size=1))
@example({"a": "4.930111111e9"})
@example({"s": "1.0"})
@example({"s": "-0"})
@example({"d": "5e0", "t": "1.79e9"})
@example({"a": "49301111111111111111", "b": "9007199254740993.0"})
@example({"a": "340282366920938463463374607431768211456"})
@example({"a": "1e400"})
def test_line_is_read_alike_whatever_stands_beside_it(own):
    line = "{" + ",".join(f'"{key}":{value}' for key, value in (USUAL | own).items()) + "}\n"
    assert told(line) == told(line + ODD)


@settings(max_examples=200, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=4))
@example(["1000000000000000.2", "123456789012345678901", "0.1", "1e-7", "1772445600.123456", "-0.0", "1E+2"])
def test_numbers_are_written_alike_one_by_one_and_all_at_once(found):
    lines = pl.Series([f'{{"a":{number},"l":[{number}]}}' for number in found])
    wanted = [("a",), ("l", -1)]
    one_by_one = [jsonl._object(line) for line in lines.to_list()]
    for steps, got in jsonl._decode(lines, wanted).items():
        assert got.to_list() == [jsonl._value(one, steps) for one in one_by_one]


@pytest.mark.parametrize(
    ("written", "number"), [("4.930111111e9", 4930111111), ("4930111111.0", 4930111111), ("4930111111", 4930111111)]
)
@pytest.mark.parametrize("beside", ["", ODD])
def test_number_counts_by_its_value(written, number, beside):
    feed = FEED.replace('time_zone = "UTC"', 'time_zone = "UTC"\nnumber_style = "e164-no-plus"')
    line = "{" + ",".join(f'"{key}":{value}' for key, value in (USUAL | {"a": written, "s": "1.0"}).items()) + "}\n"
    parsed = jsonl.bind_names(parse_feed(feed, "feed"), "file").read(
        (line + beside).encode(), first_line=1, window=WINDOW
    )
    (row,) = parsed.batch.to_pylist()
    assert (row["a_type"], row["a_number"], row["answered"]) == (1, number, True)
