"""The tables of ``inputs``, read as ``coffer feed check`` finds or proposes them, or by a feed that says what it cannot know."""

import datetime as dt
import json
import tomllib
from pathlib import Path

import pytest
from whole_reading import party

from coffer.errors import MalformedInput
from coffer.procedures.ingest.feed_check import propose_feed
from coffer.procedures.ingest.read import InOrder, open_file
from coffer.procedures.ingest.sources import Source
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.rejects import Reason

CASES = Path(__file__).parent / "inputs"
WINDOW = Window(earliest=dt.datetime(2020, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
A, B = "+4930111111", "+4930222222"
CALLS = {
    "csv_direction": [("+919000000001", "+919000000002", 60), ("+919000000003", "+919000000001", 30)],
    "csv_e164_noplus": [("+4930123456", "+33612345678", 15), ("+375290000001", "+442079460000", 15), ("+14155550101", "+43664123456", 15)],
    "csv_freepbx_billsec": [("+493012345678", "+493087654321", 12), ("+493012345678", "+493087654322", 0)],
    "csv_hms": [(A, B, 315), ("+4930111112", B, 0), ("+4930111113", B, 3723)],
    "csv_jio": [("+919000000001", "+919000000002", 60), ("+919000000003", "+919000000001", 30), ("JX-BANKIN", "+919000000001", None)],
    "csv_latin1": [(A, B, 15), ("+4930111112", B, 20)],
    "csv_preamble": [(A, B, 15), ("+4930111112", B, 20)],
    "csv_sip": [(A, B, 15), ("+4930111112", B, 15), ("", B, 15), ("+499145550101", B, 15)],
    "csv_trailing": [(A, B, 15), ("+4930111112", B, 20)],
    "csv_trunk0": [("+4930123456", "+4930123457", 10), ("+4930123456", "+49301234570", 10)],
    "csv_utf16": [(A, B, 15)],
}  # fmt: skip
"""Caller, called and seconds. What stands in ``csv_sip`` as 9145550101 could be a number of the home country, and is read as one."""
DIALLED = {"csv_e164_noplus": {"375290000001"}}
"""Numbers that no numbering plan confirms are kept as they were dialled, never made into others."""


def read(path, text):
    one = open_file(str(path), parse_feed(text, "feed"))
    one.source.scan(is_text=one.is_text)
    if one.bound is not None:
        chunks = one.source.chunks(skip_lines=one.skip_lines)
        return [one.bound.read(chunk.read(), first_line=chunk.first_line, window=WINDOW) for chunk in chunks]
    readers = InOrder(WINDOW)
    return [found.parsed for step in (*readers.read(0, one), *readers.finish()) for found in step.results]


def rows(found):
    return sorted((row for parsed in found for row in parsed.batch.to_pylist()), key=lambda row: row["start"])


def table(folder):
    (path,) = (path for path in folder.iterdir() if path.name not in ("README", "case.json"))
    return path


def proposed(path, country="DE"):
    return propose_feed(Source.open(str(path)), country=country, zone="UTC").text


@pytest.mark.parametrize("name", sorted(CALLS))
def test_calls(name):
    path = table(CASES / "calls" / name)
    country = "IN" if name in ("csv_direction", "csv_jio") else "DE"
    found = read(path, proposed(path, country))
    told = [(party(row, "a"), party(row, "b"), row["duration_s"]) for row in rows(found)]
    kept = DIALLED.get(name, set())
    assert told == [
        (a.removeprefix("+") if a.removeprefix("+") in kept else a, b, seconds) for a, b, seconds in CALLS[name]
    ]
    assert [Reason(reason).label for parsed in found for reason in parsed.rejects.reasons.tolist()] == []


def test_the_same_number_in_every_way_of_writing_it():
    """``csv_prefixes_de``: rows 1 to 4 call from one number; two others cannot exist as they are, and stay as dialled."""
    path = table(CASES / "calls" / "csv_prefixes_de")
    found = rows(read(path, proposed(path)))
    assert [party(row, "a") for row in found] == ["+4930123456"] * 4 + ["011493012345", "49030123456"]
    assert [party(row, "b") for row in found] == [
        "+491701234567",
        "+4930123456",
        "+491701234567",
        "+4930123456",
        "short",
        "0800123456",
    ]


def test_lines_that_end_with_cr_alone_are_refused_with_what_to_do():
    path = table(CASES / "calls" / "csv_cr")
    with pytest.raises(MalformedInput, match="its lines end with CR alone") as caught:
        propose_feed(Source.open(str(path)), country="DE", zone="UTC")
    assert "tr '" in caught.value.hint


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (CASES / "mail").iterdir() if path.name.startswith("gn-"))
)
def test_mail(name):
    folder = CASES / "mail" / name
    case = json.loads((folder / "case.json").read_text())
    path = table(folder)
    text = proposed(path)
    if name == "gn-null-sender":  # a status of its own, which only a feed can explain
        text += 'answered = { column = "st", values = { ok = true } }\n'
    found = read(path, text)
    told = sorted((party(row, "a"), party(row, "b"), party(row, "f"), row["answered"]) for row in rows(found))
    expected = [tuple(row) for row in case["expect"]]
    if name == "gn-multi-rcpt":  # two records more instead of a reject
        expected += [("ann@example.org", "bob@example.net", "", None), ("ann@example.org", "cid@example.com", "", None)]
    if name == "gn-m365-summary":
        assert tomllib.loads(text)["feed"]["preset"] == "m365-trace-summary"
    assert told == sorted(expected)
    assert sum(len(parsed.rejects.lines) for parsed in found) == 0


def test_an_extended_trace_in_utf_16_is_one_mail_for_its_recipient():
    path = table(CASES / "mail" / "xc-m365-extended")
    found = read(path, proposed(path))
    assert [(party(row, "a"), party(row, "b"), row["answered"]) for row in rows(found)] == [
        ("ann@example.org", "bob@example.net", True)
    ]
    assert sum(parsed.merged.total() for parsed in found) == 1
