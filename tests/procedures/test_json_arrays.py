"""A file that is one array of JSON objects is read like JSON lines, whatever lies between the objects."""

import gzip
import json
import random

import pytest

from coffer.cli.main import run
from coffer.errors import MalformedInput
from coffer.records.readers.text.arrays import ArrayLines, is_array, lines_of_head
from world import feed

FEED = """
[feed]
name = "calls"
home_country = "FR"
time_zone = "UTC"
kind = "call"
[jsonl]
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = "from"
b = "to"
start = "at"
duration_s = "secs"
"""


def call(number=0, **more):
    return {
        "from": f"+3361234{number:04d}",
        "to": "+33698765432",
        "at": f"2016-09-01 10:00:{number % 60:02d}",
        "secs": 9,
        **more,
    }


TRICKY = [call(0, note='a "quoted", {odd} [text]\\'), call(1, note="two\nlines"), call(2, deep={"x": [1, {"y": "]}"}]})]
WRITTEN = {
    "in one line": json.dumps,
    "with Windows line ends": lambda calls: json.dumps(calls, indent=1).replace("\n", "\r\n") + "\r\n",
    "an object a line": lambda calls: "\ufeff[\n" + ",\n".join(map(json.dumps, calls)) + "\n]\n",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_object_is_a_record_in_its_place(world, name):
    summary = world.ingest(WRITTEN[name]([*TRICKY, call(3, at="never"), call(4)]), by=feed(FEED), name="calls.json")
    (file,) = summary.files
    assert (file.read, file.kept, dict(file.rejected)) == (5, 4, {"bad-time": 1})


def test_packed_and_in_utf_16_they_are_the_same(world):
    raw = json.dumps([call(i) for i in range(300)], indent=1)
    for data in (gzip.compress(raw.encode()), raw.encode("utf-16")):
        summary = world.ingest(data, by=feed(FEED), name="calls.json")
        assert summary.files[0].read == 300
    assert summary.files[0].duplicate == 300, "the same content in another wrapping is known"


def test_an_array_that_has_grown_gives_only_what_is_new(world):
    calls = [call(i) for i in range(5)]
    world.ingest(json.dumps(calls[:3]), by=feed(FEED), name="calls.json")
    later = world.ingest(json.dumps(calls), by=feed(FEED), name="calls.json")
    assert (later.files[0].known, later.files[0].kept) == (3, 2)


def test_a_cut_off_array_keeps_what_was_before_the_cut(world):
    raw = json.dumps([call(i) for i in range(5)])
    summary = world.ingest(raw[:-40], by=feed(FEED), name="calls.json")
    assert (summary.files[0].kept, summary.files[0].rejected.total()) == (4, 1)


def test_an_array_without_the_keys_is_refused(world):
    with pytest.raises(MalformedInput, match=r"calls\.json: line 1: none of the keys"):
        world.ingest('[{"x": 1}]', by=feed(FEED), name="calls.json")
    assert world.state().batches == {}


@pytest.mark.parametrize("raw", ["[]", "[ ]\n", "\ufeff[\r\n]"])
def test_an_empty_array_is_a_file_without_records(world, raw):
    """An export of an hour without a call is one; it must not stop the files beside it."""
    summary = world.ingest(raw, by=feed(FEED), name="calls.json")
    assert (summary.files[0].read, summary.files[0].rejected.total()) == (0, 0)


@pytest.mark.parametrize("odd", [[5], {"s": 5}, [[]]])
@pytest.mark.parametrize(("key", "reason"), [("secs", "bad-duration"), ("from", "not-a-number"), ("at", "bad-time")])
def test_a_list_or_object_where_a_value_is_expected_is_a_counted_reject(world, key, reason, odd):
    """Its twin is an empty one, which says that there is no value."""
    calls = [call(0), call(1, **{key: odd}), call(2, secs={})]
    (file,) = world.ingest(json.dumps(calls), by=feed(FEED), name="calls.json").files
    assert (file.kept, dict(file.rejected)) == (2, {reason: 1})


@pytest.mark.parametrize("odd", [["+33698765432"], {"n": 1}, ["x,+33611111111,y"], ["Dan <+33611111111>"]])
@pytest.mark.parametrize("more", ["", "split"])
def test_no_local_identity_cut_or_split_takes_a_list_for_a_value(world, odd, more):
    columns = {"": 'b = { column = "to", after = "<", before = ">" }', "split": 'b = { column = "to", split = "," }'}[
        more
    ]
    text = FEED.replace('b = "to"', columns).replace('kind = "call"', 'kind = "call"\nlocal_identities = true')
    (file,) = world.ingest(json.dumps([call(0), call(1, to=odd)]), by=feed(text), name="calls.json").files
    assert (file.kept, file.rejected.total()) == (1, 1)


def test_a_feed_is_proposed_for_an_array(tmp_path, capfd):
    (tmp_path / "calls.json").write_text(json.dumps([call(i) for i in range(9)], indent=2))
    assert run(["feed", "check", str(tmp_path / "calls.json"), "--country", "FR", "-o", str(tmp_path / "f.toml")]) == 0
    assert "read          9" in capfd.readouterr().out
    assert 'format = "jsonl"' in (tmp_path / "f.toml").read_text()


def test_an_array_of_a_preset_is_found_by_its_keys():
    text = '{"eventType": "Delivery", "mail": {"timestamp": "2016-09-01T10:00:00Z"}}'
    assert lines_of_head(f" [ {text} ]".encode()).strip() == text.encode()


def test_any_pieces_give_the_same_lines():
    choose = random.Random(7)
    for _ in range(60):
        objects = [
            {"k\\": "".join(choose.choice('ab\\"[]{},\n\u00e9') for _ in range(5)), "x": [[], {}]}
            for _ in range(choose.randint(0, 4))
        ]
        raw = json.dumps(objects, indent=choose.choice([None, 1]), ensure_ascii=False).encode()
        size, lines = choose.choice([1, 2, 3, 50]), ArrayLines()
        made = b"".join(lines.take(raw[at : at + size]) for at in range(0, len(raw), size))
        assert is_array(raw)
        assert len(made) == len(raw)
        assert [json.loads(line) for line in made.split(b"\n") if line.strip()] == objects


@pytest.mark.parametrize("head", [b"[2026-11-20 10:00:00] x", b"[pod/x] y", b"[1, 2]", b"{}", b"", b'["a"]'])
def test_what_begins_with_a_bracket_is_not_always_an_array(head):
    assert not is_array(head)
    assert lines_of_head(head) == head
