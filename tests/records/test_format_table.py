"""Which format a file is taken for, what the feed may say, and what is proposed."""

import re
import tomllib
from pathlib import Path

import pytest

from coffer.errors import MalformedInput
from coffer.records.feed import parse_feed
from coffer.records.guessing import mask
from coffer.records.proposing import propose_mapped
from coffer.records.readers.formats import FORMATS, HEAD_BYTES, NAMED, detect
from coffer.records.rejects import Reason
from coffer.records.settings import KNOWN, MAPPED, SETTINGS
from source_files import ALL_CASES, CANARY, CASES

BASE = '[feed]\nname = "x"\nhome_country = "FR"\ntime_zone = "UTC"\n'
PAGE = Path(__file__).parent.parent.parent / "docs/formats/feed.md"


def test_the_tables_of_formats_and_of_settings_name_the_same():
    assert {form.name for form in FORMATS} == {*MAPPED, *KNOWN}
    assert set(KNOWN.values()) - {""} == set(SETTINGS)
    assert {(form.open is None) != (form.bind is None) for form in FORMATS} == {True}


def test_every_format_and_setting_is_on_the_page():
    text = PAGE.read_text()
    assert [form.name for form in FORMATS if f"`{form.name}`" not in text] == []
    assert [name for name in SETTINGS if f"[{name}]" not in text] == []


def test_the_page_names_every_reject_reason_and_no_other():
    text = PAGE.read_text()
    begin = text.index("**Reject reasons**")
    section = text[begin : text.index("A row with several faults", begin)]
    named = re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", section)
    assert sorted(named) == sorted(reason.label for reason in Reason if reason is not Reason.KEPT)


@pytest.mark.parametrize("name", sorted(set(ALL_CASES) - {"csv", "fixed", "jsonl"}))
def test_a_file_is_recognised_by_its_content_as_exactly_one_format(name):
    head = ALL_CASES[name].data[:HEAD_BYTES]
    found = {form.name: reason for form in FORMATS if (reason := form.recognise(head, "x"))}
    assert set(found) == {name}
    assert CANARY not in found[name]
    assert detect(head, "x", parse_feed(BASE, "feed")).reason == found[name]


def test_what_the_feed_names_is_believed():
    feed = parse_feed(BASE.replace("[feed]\n", '[feed]\nformat = "kannel"\n'), "feed")
    found = detect(b"anything", "x", feed)
    assert (found.format.name, found.reason) == ("kannel", NAMED)


def test_a_file_of_no_format_or_of_two_is_refused_with_a_hint_that_names_the_setting():
    with pytest.raises(MalformedInput, match="of no format that is known") as caught:
        detect(b"1,2,3\n", "x", None)
    assert 'format = "csv"' in caught.value.hint
    both = CASES["kannel"].data + CASES["kamailio"].data
    with pytest.raises(MalformedInput, match="could be kamailio or kannel") as caught:
        detect(both, "x", None)
    assert 'format = "kamailio"' in caught.value.hint
    settings = parse_feed(BASE + "[kannel]\n", "feed")
    assert detect(both, "x", settings).format.name == "kannel"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[kamailio]\nsrc = 'x'\n", r"\[kamailio\]: src: unknown key"),
        ("[kamailio]\na = []\n", "expected a name or a list"),
        ("[kamailio]\na = 'x;y'\n", "letters, digits"),
        ("[kannel]\n[kamailio]\n", "settings of one format"),
        ('[ber]\nplmn = "26201"\n', "plmn: expected MCC-MNC, like 262-01"),
        ("[postfix]\nyear = 26\n", "year: 26, expected a year from 1990 to 2200"),
        ("[exim]\nqualify = 1\n", "qualify: unknown key"),
        ("[twilio]\n", "unknown key"),
        ("[columns]\na = 0\n", "columns: unknown key"),
    ],
)
def test_settings_are_strict(more, message):
    with pytest.raises(MalformedInput, match=message):
        parse_feed(BASE + more, "feed.toml")


def test_a_format_nobody_knows_and_settings_of_another_one_are_refused():
    with pytest.raises(MalformedInput, match="format: unknown"):
        parse_feed(BASE + 'format = "tap"\n', "feed.toml")
    with pytest.raises(MalformedInput, match="kannel: unknown key"):
        parse_feed(BASE + 'format = "kamailio"\n[kannel]\n', "feed.toml")


def propose(text):
    return propose_mapped(text.encode(), "file", country="FR", zone="UTC")


def test_columns_are_proposed_by_name_and_by_shape():
    text = (
        "Start;Caller;Called Number;Secs;Disposition\n"
        + "2026-11-23 10:00:00;+33612345678;0698765432;12;ANSWERED\n" * 3
    )
    feed = tomllib.loads(propose(text).text)
    assert feed["csv"] == {"header": True, "delimiter": ";", "date_format": "%Y-%m-%d %H:%M:%S"}
    assert feed["columns"]["a"], feed["columns"]["b"] == ("Caller", "Called Number")
    assert feed["columns"]["answered"]["values"] == {"ANSWERED": True}
    feed = tomllib.loads(propose("0612345678,0698765432,1795456810\n" * 3).text)
    assert feed["columns"] == {"a": 0, "b": 1, "start": 2}
    assert (feed["csv"]["date_format"], feed["feed"]["kind"]) == ("epoch", "text")


@pytest.mark.parametrize(
    ("date", "form", "is_doubtful"),
    [("13/01/2026", "%d/%m/%Y", False), ("01/13/2026", "%m/%d/%Y", False), ("01/02/2026", "%d/%m/%Y", True)],
)
def test_day_and_month_are_told_apart_or_said_to_be_doubtful(date, form, is_doubtful):
    found = propose(f"0612345678,0698765432,{date} 10:00:00,5\n" * 3)
    assert f'date_format = "{form} %H:%M:%S"' in found.text
    assert any("other way round" in note for note in found.notes) == is_doubtful


def test_json_lines_are_proposed():
    line = '{"from": "+33612345678", "to": "0698765432", "timestamp": 1795456810123, "body": "x"}\n'
    feed = tomllib.loads(propose(line * 3).text)
    assert (feed["feed"]["format"], feed["jsonl"]) == ("jsonl", {"date_format": "epoch-ms"})
    assert feed["columns"] == {"a": "from", "b": "to", "start": "timestamp"}


def test_a_proposal_repeats_no_value_of_the_file():
    rows = "0612345678,0698765432,2026-11-23 10:00:00,12,ANSWERED\n" * 3
    text = propose(rows).text
    assert not re.search(r"[0-9]{5}|ANSWERED", text)


@pytest.mark.parametrize("text", ["", "a,b\n", "hello\n" * 5, "1,2,3\n" * 5, '{"a": 1}\n', "\x00"])
def test_what_cannot_be_proposed_is_refused(text):
    with pytest.raises(MalformedInput, match=r"^file: "):
        propose(text)


def test_shapes_show_no_digit_and_no_letter():
    assert mask("Jörg.Müller+1@corp-7.example ٣Ж世") == "aaaa.aaaaaa+9@aaaa-9.aaaaaaa 9aa"
    assert len(mask("9" * 100)) == 40
