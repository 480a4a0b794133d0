"""A stranger writes a text with a byte that is no text, or a key of the table, in it: it costs at most that record.

Each test has a twin row beside the odd one, which is kept as it stands.
"""

import pytest

from coffer import kernels
from coffer.errors import MalformedInput
from world import feed

A, B = "+33612345678", "+33698765432"
ROW = f"k1,{A},{B},2016-09-01 10:00:00,"
HEAD = """
[feed]
name = "texts"
home_country = "FR"
time_zone = "UTC"
kind = "text"
"""
CSV = (
    HEAD
    + """[csv]
header = false
date_format = "%Y-%m-%d %H:%M:%S"
{own}
[columns]
a = 1
b = 2
start = 3
{more}
"""
)
BY = [feed(CSV.format(own="", more="")), feed(CSV.format(own='quote = ""', more=""))]
JOINED = feed(CSV.format(own="", more="[join]\nkey = 0"))
JSON = feed(HEAD + '[jsonl]\ndate_format = "%Y-%m-%d %H:%M"\n[columns]\na = "$.from.tel"\nb = "to"\nstart = "at"\n')


@pytest.fixture(params=["kernels", "pure"])
def way(request, monkeypatch):
    if request.param == "pure":
        monkeypatch.setattr(kernels, "lines", None)
    elif kernels.lines is None:
        pytest.skip("no kernels here")


def counts(summary):
    (file,) = summary.files
    return file.read, file.kept, dict(file.rejected)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("by", BY, ids=["quotes", "no quotes"])
def test_nul_byte_in_a_text_costs_no_record_and_in_a_number_its_own(world, by):
    rows = (ROW + "hello\n") * 60 + ROW + "a\0b\n" + ROW.replace(A, A[:-1] + "\0") + "c\n"
    assert counts(world.ingest(rows, by=by, name="texts.csv")) == (62, 61, {"not-a-number": 1})


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("by", [BY[0], JOINED], ids=["each row", "joined rows"])
def test_nul_byte_beside_a_quoted_line_end_stays_in_its_row(world, by):
    rows = "".join(ROW.replace("k1", f"k{n}") + "hello\n" for n in range(60)) + ROW + '"a\0\nb"\n'
    kept = 61 if by is BY[0] else 60  # k1 comes twice
    assert counts(world.ingest(rows, by=by, name="texts.csv"))[1] == kept


def test_file_with_as_many_nul_bytes_as_no_text_has_is_refused(world):
    with pytest.raises(MalformedInput, match="not text: it holds a NUL byte"):
        world.ingest((ROW + "x\0\n") * 20, by=BY[0], name="texts.csv")


LINE = f'{{"from":{{"tel":"{A}"}},"to":"{B}","at":"2016-09-01 10:00","text":"hello"}}'


@pytest.mark.parametrize(
    "odd",
    [
        LINE.replace('"to"', '"to":"+33611111111","to"'),
        LINE.replace('"to"', '"\\u0074o":"+33611111111","to"'),
        LINE.replace('"tel"', '"tel":"+33611111111","tel"'),
        LINE.replace('"from"', '"from":{"tel":"+33611111111"},"from"'),
        LINE.replace("hello", "\\u0022\\u0022").replace('"to"', '"to":"+33611111111","to"'),
        LINE.replace("hello", "a\0b"),
    ],
    ids=["key", "escaped key", "inner key", "outer key", "quotes made up for", "nul byte"],
)
@pytest.mark.parametrize("is_slow", [False, True], ids=["all at once", "one by one"])
def test_object_in_which_nobody_knows_which_value_is_meant_is_one_reject(world, odd, is_slow):
    more = LINE.replace(f'"{B}"', f'["{B}", "{A}"]') + "\n" if is_slow else ""  # of another shape: all are read alone
    rows = (LINE + "\n") * 9 + odd + "\n" + more
    read, kept, rejected = counts(world.ingest(rows, by=JSON, name="texts.jsonl"))
    assert (read, kept, rejected.pop("bad-record")) == (10 + is_slow, 9, 1)
    assert rejected == ({"not-a-number": 1} if is_slow else {})


def test_key_that_stands_in_another_object_or_in_a_text_is_none_twice(world):
    rows = [LINE.replace('"text"', '"x":{"to":"y"},"text"'), LINE.replace("hello", '\\u0022to\\u0022: \\"to\\"')]
    assert counts(world.ingest("\n".join(rows) + "\n", by=JSON, name="texts.jsonl")) == (2, 2, {})
