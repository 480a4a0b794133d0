"""The columns that a feed does not read are named, and what stands in them is not told."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coffer.cli.main import run
from coffer.errors import MalformedInput
from coffer.records.feed import parse_feed
from coffer.records.readers.mapped.jsonl import bind_feed
from coffer.records.unmapped import is_name, layout_remarks, unmapped_columns

HEAD = '[feed]\nname = "x"\nhome_country = "DE"\ntime_zone = "UTC"\nkind = "call"\n'
CSV = HEAD + '[csv]\nheader = {header}\ndate_format = "epoch"\n[columns]\na = {a}\nb = {b}\nstart = {t}\n'
NAMED = CSV.format(header="true", a='"a"', b='"b"', t='"t"')
A, B = "+4930123456", "+4930123457"


def shown(text, data):
    return unmapped_columns(data if isinstance(data, bytes) else data.encode(), parse_feed(text, "feed"))


def test_columns_of_a_table_by_their_names_with_masked_values():
    row = f"{A},{B},1772445600,SIP/ann-01,,3 words and more\n"
    found = shown(NAMED, "Report\na,b,t,channel,empty,note\n" + row + row.replace("ann-01", "bo-2") + "broken\n")
    assert found == {"channel": ("aaa/aaa-99", "aaa/aa-9"), "empty": (), "note": ("text",)}


def test_a_cell_with_line_ends_is_one_value():
    row = f'{A},{B},1772445600,"9\n{A},{B},1772445600,x y z t",ann\n'
    assert shown(NAMED, "a,b,t,n,m\n" + row * 2) == {"n": ("text",), "m": ("aaa",)}


def test_a_header_that_holds_values_is_not_repeated():
    """A feed that wrongly expects a header must not show people's numbers as names; nor must one without a header."""
    positions = CSV.format(header="true", a=0, b=1, t=2)
    assert shown(positions, f"x,y,z,{A},w\n{A},{B},1,5,6\n") == {"column 3": ("9",), "w": ("9",)}
    assert shown(CSV.format(header="false", a=0, b=1, t=2), f"{A},{B},1,5\n") == {"column 3": ("9",)}


def test_keys_of_objects_by_their_paths():
    text = HEAD + '[jsonl]\ndate_format = "epoch"\n[columns]\na = "$.m.a"\nb = "$.to[0].e"\nstart = "t"\n'
    line = {
        "m": {"a": A, "s": "SECRET in four words"},
        "to": [{"e": B, "n": "Ann"}],
        "t": 1,
        "ok": True,
        "none": None,
        "12345": 1,
    }
    assert shown(text, json.dumps(line) + "\nnot json\n") == {
        "$.m.s": ("text",),
        "$.to[*].n": ("aaa",),
        "ok": ("aaaa",),
    }


def test_columns_of_parquet():
    table = pa.Table.from_pylist(
        [{"a": A, "b": B, "t": 1, "n": 7.0, "s": "ann-1", "long": "x" * 5_000, "more": {"x": "u-1"}}]
    )
    data = io.BytesIO()
    pq.write_table(table, data)
    text = HEAD + '[parquet]\n[columns]\na = "a"\nb = "b"\nstart = "t"\n'
    assert shown(text, data.getvalue()) == {"n": ("9",), "s": ("aaa-9",), "long": ("text",), "$.more.x": ()}
    assert shown(text, data.getvalue()[:-9]) == {}


def test_the_command_lists_them(tmp_path, capfd):
    (tmp_path / "t.csv").write_text(f"a,b,t,n\n{A},{B},1772445600,ann-7\n")
    (tmp_path / "f.toml").write_text(NAMED)
    assert run(["feed", "check", str(tmp_path / "t.csv"), "--feed", str(tmp_path / "f.toml")]) == 0
    out, _ = capfd.readouterr()
    assert out.split("columns that are not read:\n")[1].split() == ["n", "like", "aaa-9"]
    assert run(["feed", "check", str(tmp_path / "t.csv"), "--feed", str(tmp_path / "f.toml"), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["files"][0]["unmapped"] == {"n": ["aaa-9"]}


def test_a_column_of_minutes_and_seconds_that_calls_do_without_is_pointed_at(tmp_path, capfd):
    table, feed = tmp_path / "t.csv", tmp_path / "feed.toml"
    feed.write_text(NAMED)

    def said(*rows):
        table.write_text("a,b,t,Talk\n" + "".join(f"{A},{B},{row}\n" for row in rows))
        assert run(["feed", "check", str(table), "--feed", str(feed)]) == 0
        return capfd.readouterr().err

    hint = 'hint: t.csv: calls have no duration, but Talk looks like one: name it as duration_s, with duration_format = "m:s" or "h:m"'
    assert hint in said("1772445600,2:05", "1772445660,12:40")
    assert "no duration" not in said("1772445600,2:05", "1772445660,line 2"), "the twin: no clock"
    feed.write_text(NAMED.replace("[columns]", 'duration_format = "m:s"\n[columns]\nduration_s = "Talk"'))
    assert "no duration" not in said("1772445600,2:05"), "the twin: it is read"
    feed.write_text(NAMED.replace('"call"', '"text"'))
    assert "no duration" not in said("1772445600,2:05"), "the twin: no call"


JSONL = HEAD + '[jsonl]\ndate_format = "epoch"\n[columns]\na = "{a}"\nb = "b"\nstart = "t"\nduration_s = "{d}"\n'


def json_lines(count):
    return "".join(json.dumps({"from": A, "b": B, "t": 1772445600 + n, "s": 1}) + "\n" for n in range(count)).encode()


def test_key_of_a_party_that_no_line_has_is_refused_where_many_are_looked_at():
    wrong = parse_feed(JSONL.format(a="form", d="s"), "feed")
    with pytest.raises(MalformedInput, match="file: a: none of the first 10 objects has form"):
        bind_feed(wrong, json_lines(10), "file")
    assert bind_feed(wrong, json_lines(9), "file")  # they may all be withheld
    assert bind_feed(parse_feed(JSONL.format(a="from", d="s"), "feed"), json_lines(10), "file")


def test_key_that_no_line_has_is_remarked():
    feed = parse_feed(JSONL.format(a="from", d="secs"), "feed")
    assert layout_remarks(json_lines(3), feed) == ("duration_s: no line has secs: is it spelt as in the file?",)
    assert layout_remarks(json_lines(3), parse_feed(JSONL.format(a="from", d="s"), "feed")) == ()


NESTED = {"p": {"a": A, "t": 1772445600, "leg": {"side": "A"}}, "to": [{"n": B}, {"n": B}], "s": 1}


def nested(a="$.p.a", b="$.to[*].n", more=""):
    return parse_feed(
        f'{HEAD}[jsonl]\ndate_format = "epoch"\n[columns]\na = "{a}"\nb = "{b}"\nstart = "$.p.t"\n{more}', "feed"
    )


@pytest.mark.parametrize(
    ("path", "is_there"),
    [
        ("$.p.a", True), ("$.p.caler", False), ("$.q.a", False), ("$.p.a.b", False), ("$.to[*].n", True), ("$.to[1].n", True),
        ("$.to[0].n", True), ("$.to[7].n", True), ("$.to[*].m", False), ("$.to[1].m", False), ("$.s[0]", True), ("$.s[*].n", False),
        ("$.p.leg.side", True), ("$.p.leg.sid", False),
    ],
)  # fmt: skip
def test_path_is_walked_to_its_end(path, is_there):
    """A list that is shorter, and what is empty, may stand for a value."""
    lines = (json.dumps(NESTED) + "\n").encode() * 10
    assert layout_remarks(lines, nested(more=f'duration_s = "{path}"\n')) == (
        () if is_there else (f"duration_s: no line has {path}: is it spelt as in the file?",)
    )
    if is_there:
        assert bind_feed(nested(a=path), lines, "file")
    else:
        with pytest.raises(MalformedInput, match="file: a: none of the first 10 objects has "):
            bind_feed(nested(a=path), lines, "file")


@pytest.mark.parametrize("empty", [None, {}, []])
def test_party_that_is_empty_in_each_line_may_be_withheld(empty):
    lines = (json.dumps(NESTED | {"q": empty}) + "\n").encode() * 10
    assert bind_feed(nested(a="$.q.a"), lines, "file")
    other = (json.dumps(NESTED | {"q": {"x": 1}}) + "\n").encode()
    assert bind_feed(nested(a="$.q.a"), lines + other * 9, "file")
    with pytest.raises(MalformedInput, match="file: a: none of the first 20 objects has"):
        bind_feed(nested(a="$.q.a"), lines + other * 10, "file")


def test_rule_whose_key_no_line_has_is_remarked_in_the_words_of_the_feed():
    rules = {
        '[rows]\nkeep = [{ column = "legg", values = ["A"] }]\n': "[rows] keep: no line has legg",
        '[rows]\ndrop = [{ column = "$.p.leg.sid", values = ["B"] }]\n': "[rows] drop: no line has $.p.leg.sid",
        '[join]\nkey = ["$.p.idd", "idd"]\n': "[join] key: no line has $.p.idd or idd",
        'answered = { column = "$.p.leg.sidee", values = { A = true } }\n': "answered: no line has $.p.leg.sidee",
    }
    lines = (json.dumps(NESTED) + "\n").encode()
    for more, remark in rules.items():
        assert layout_remarks(lines, nested(more=more)) == (f"{remark}: is it spelt as in the file?",)


def test_places_that_cut_a_value_are_remarked():
    text = HEAD + (
        '[fixed]\nwidth = 37\ndate_format = "%m/%d %H:%M"\n[fixed.places]\nD = "1-5"\nT = "7-{end}"\nA = "13-23"\n'
        'B = "25-35"\n[columns]\na = "A"\nb = "B"\nstart = ["D", "T"]\n'
    )
    line = f"03/02 10:45 {A} {B}  \n".encode()
    assert layout_remarks(line, parse_feed(text.format(end=11), "feed")) == ()
    (said,) = layout_remarks(line, parse_feed(text.format(end=10), "feed"))
    assert said.startswith("T: a character stands right behind its places")


@pytest.mark.parametrize("name", ["tel:212-555-1234", "sip:030.1234.567", "Max 0171/1234/567", "212-555-1234 x"])
def test_header_that_holds_a_number_is_no_name(name):
    assert not is_name(name)
    assert name not in str(shown(NAMED, f"a,b,t,{name}\n{A},{B},1772445600,x\n"))


@pytest.mark.parametrize("name", ["duration_2016_09", "Call ID", "a2", "GT 2016-09"])
def test_twin_of_few_digits_is(name):
    assert is_name(name)
