"""The PDF: what stands on its pages, that nothing of an answer becomes markup, and that equal inputs give equal bytes."""

import datetime as dt
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from coffer.authority.period import parse_period
from coffer.authority.typed import parse_zone
from coffer.disclosure import pdf
from coffer.disclosure.answer import SupersededBatch
from coffer.disclosure.letterhead import Letterhead, Party
from coffer.disclosure.pdf import PdfStyle, format_pdf, pdf_document
from coffer.disclosure.pdf_texts import NARROW, NBSP, TEXTS, format_count, format_duration
from coffer.errors import MalformedInput, Refused

GOLDEN = Path(__file__).parent / "golden"
NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)
PARIS = ZoneInfo("Europe/Paris")
ENGLISH = PdfStyle(language="en", zone=PARIS)
FRENCH = PdfStyle(language="fr", zone=PARIS)
GERMAN = PdfStyle(language="de", zone=PARIS)


def pages(disclosure, style=ENGLISH):
    return [page.extract_text() for page in PdfReader(io.BytesIO(format_pdf(disclosure, style, now=NOW))).pages]


def squeezed(text):
    """Without spaces and line ends, which a reader of glyphs only guesses."""
    return re.sub(r"[\s\u00ad]", "", text)


@pytest.mark.parametrize("style", [ENGLISH, FRENCH, GERMAN], ids=["en", "fr", "de"])
def test_twelve_records_as_they_are_shown(golden, style):
    document = pdf_document(golden, style, now=NOW)
    shown = {key: document[key] for key in ("order", "summary", "remarks", "sections", "log", "columns")}
    stored = GOLDEN / f"shown-{style.language}.json"
    assert shown == json.loads(stored.read_text("utf-8"))


def test_every_record_stands_on_the_pages_in_local_and_universal_time(golden):
    text = squeezed("".join(pages(golden)))
    for row in golden.rows:
        assert squeezed(row.start.strftime("%Y-%m-%d %H:%M:%S")) in text
        assert squeezed(row.start.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S +02:00")) in text
        assert row.peer.partition(":")[2].removeprefix("FR/").removeprefix("pbx/") in text
    for value in (
        "Court",
        "case1",
        "A.Example",
        "judge,regulator",
        "2ofjudge,dpo,regulator:satisfied",
        "ab" * 32,
        "12intent",
        "14close",
    ):
        assert value in text, value


@pytest.mark.parametrize(
    "text",
    [
        "#panic()",
        "*bold* _it_",
        "$x$ <a> @b",
        "\\",
        '#import "x"',
        "= Title",
        "[/] ~ -- ---",
        "https://a.example/",
        "`raw`",
        "// no",
    ],
)
def test_markup_in_an_order_is_printed_as_it_stands(golden, text):
    terms = replace(
        golden.authorization.terms,
        authority=text,
        basis=text,
        purpose=text,
        persons=(text,) * len(golden.authorization.terms.subjects),
    )
    hostile = replace(golden.rows[6], peer=f"sender:{text}")
    changed = replace(golden, authorization=replace(golden.authorization, terms=terms), rows=(hostile,))
    assert squeezed("".join(pages(changed))).count(squeezed(text)) >= 5


def test_equal_inputs_give_equal_bytes(golden):
    assert format_pdf(golden, FRENCH, now=NOW) == format_pdf(golden, FRENCH, now=NOW)
    assert format_pdf(golden, FRENCH, now=NOW) != format_pdf(golden, FRENCH, now=NOW + dt.timedelta(seconds=1))


def test_heading_of_the_table_and_page_numbers_stand_on_every_page(golden):
    many = replace(golden, rows=golden.rows[:1] * 300)
    found = pages(many)
    assert len(found) == 17
    for number, page in enumerate(found, 1):
        assert squeezed(f"Page {number} of {len(found)}") in squeezed(page)
    tables = [page for page in found if "698765432" in page]
    assert len(tables) == 15
    assert {"Localtime(Europe/Paris)" in squeezed(page) for page in tables} == {True}
    assert "Page17sur17" in squeezed(pages(many, FRENCH)[-1])


def longest_run(page, letter):
    """How many of a letter stand on the fullest line."""
    return max(len(run) for run in re.findall(f"{letter}+", page.extract_text()))


def test_long_texts_stay_on_the_page(golden):
    terms = replace(golden.authorization.terms, purpose="W" * 500, persons=(" ".join(["word"] * 100),))
    long = replace(golden.rows[9], peer="mailto:" + "w" * 64 + "@" + "w" * 180 + ".example")
    changed = replace(golden, authorization=replace(golden.authorization, terms=terms), rows=(long,))
    reader = PdfReader(io.BytesIO(format_pdf(changed, ENGLISH, now=NOW)))
    assert "W" * 500 in squeezed(reader.pages[0].extract_text())
    assert longest_run(reader.pages[0], "W") <= 35, "a line of 320 pt holds no more W of 9.6 pt"
    assert longest_run(reader.pages[1], "w") <= 60, "the column of the other party holds no more letters of 4.2 pt"


def test_subjects_without_records_and_superseded_records_are_told(golden):
    batches = (
        SupersededBatch(batch="ab" * 16, feed="calls", entries=(7,), records=2, repeated_records=1),
        SupersededBatch(batch="cd" * 16, feed="calls", entries=(8,), records=0, repeated_records=0),
    )
    old = tuple(replace(row, superseded="ab" * 16) for row in golden.rows[:2])
    old = (old[0], replace(old[1], repeat="repeated"))
    empty = replace(golden, rows=(), superseded=old, batches=batches, draw=None)
    text = squeezed("".join(pages(empty)))
    assert squeezed(TEXTS["en"]["none"]) in text
    assert squeezed(TEXTS["en"]["superseded_text"].format(feed="calls", entries="7")) in text
    assert squeezed(f"{TEXTS['en']['superseded_of']} {'ab' * 16}: +33612345678 (2)") in text
    assert squeezed(TEXTS["en"]["superseded_count"].format(count=2, alone=1)) in text
    assert "cd" * 16 in text, "a superseded batch without records is named in the remarks"
    found = pdf_document(replace(empty, rows=golden.rows), ENGLISH, now=NOW)["superseded"]
    assert [(row[0], row[3]) for section in found for row in section["rows"]] == [
        ("13", "call"),
        ("14", "call (repeated)"),
    ]
    assert squeezed(TEXTS["en"]["no_draw"]) in text


def test_parts_that_are_not_confirmed_are_told(golden):
    cells = (replace(golden.cells[0], status="unconfirmed", by=()), *golden.cells[1:])
    remarks = pdf_document(replace(golden, cells=cells), ENGLISH, now=NOW)["remarks"]
    assert remarks[0].startswith(f"1 of the {len(cells)} parts that were asked are unconfirmed")
    alone = (replace(golden.cells[0], status="unconfirmed", by=("judge", "dpo")), *golden.cells[1:])
    custodians = {"judge": "answered", "dpo": "answered", "regulator": "no answer"}
    remarks = pdf_document(replace(golden, cells=alone, custodians=custodians), ENGLISH, now=NOW)["remarks"]
    assert remarks[0].startswith(f"In 1 of the {len(cells)} parts that were asked, those who answered found nothing")
    assert pdf_document(golden, ENGLISH, now=NOW)["remarks"][0] == TEXTS["en"]["certain"]


def test_more_records_than_a_document_holds_are_refused(golden, monkeypatch):
    monkeypatch.setattr(pdf, "MAX_RECORDS", 11)
    with pytest.raises(Refused, match="12 records, expected at most 11"):
        format_pdf(golden, ENGLISH, now=NOW)
    format_pdf(replace(golden, rows=golden.rows[:11]), ENGLISH, now=NOW)


@pytest.mark.parametrize("language", ["fr", "de"])
def test_every_language_says_everything(language):
    assert TEXTS["en"].keys() == TEXTS[language].keys()
    for key, text in TEXTS[language].items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", TEXTS["en"][key])), key


def test_french_spaces_stand_before_high_marks():
    for key, text in TEXTS["fr"].items():
        assert not re.search(rf"[^{NBSP}{NARROW}][:;!?\u00bb]", " " + text if text[0] == NBSP else text), key
        assert "'" not in text, key
    assert format_count(1_234_567, "fr") == f"1{NARROW}234{NARROW}567"
    assert format_count(1_234_567, "en") == "1,234,567"
    assert format_count(1_234_567, "de") == "1.234.567"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00:00"), (59, "0:00:59"), (3600, "1:00:00"), (1_048_575, "291:16:15")]
)
def test_durations(seconds, shown):
    assert format_duration(seconds) == shown


@pytest.mark.parametrize("name", ["Paris", "", "../etc/passwd", "/etc/passwd", "Europe/Paris\n", "x" * 100, "Europe"])
def test_unknown_time_zones_are_malformed(name):
    with pytest.raises(MalformedInput, match="--time-zone: unknown time zone"):
        parse_zone(name, "--time-zone")
    assert parse_zone("Europe/Paris", "--time-zone").key == "Europe/Paris"


def test_the_hour_that_autumn_repeats_is_told_apart(golden):
    first = replace(golden.rows[0], start=dt.datetime(2016, 10, 30, 0, 30, tzinfo=dt.UTC))
    second = replace(golden.rows[0], start=dt.datetime(2016, 10, 30, 1, 30, tzinfo=dt.UTC))
    section = pdf_document(replace(golden, rows=(first, second)), ENGLISH, now=NOW)["sections"][0]
    assert [cells[1] for cells in section["rows"]] == ["2016-10-30 02:30:00 +02:00", "2016-10-30 02:30:00 +01:00"]


def in_summer(golden, *periods):
    """The same records under an order of these periods."""
    terms = replace(golden.authorization.terms, periods=(tuple(parse_period(text, "period") for text in periods),))
    return replace(golden, authorization=replace(golden.authorization, terms=terms))


def test_times_stand_on_the_orders_own_clock_and_in_utc(golden):
    ordered = in_summer(golden, "2016-09-01T00:00:00+02:00 2016-09-04T02:00:00+02:00")
    document = pdf_document(ordered, PdfStyle(language="en"), now=NOW)
    assert document["zone"] == "UTC+02:00"
    assert document["made"] == "2016-09-05 14:00 (UTC+02:00)  = 2016-09-05 12:00 (UTC)"
    lines = dict(map(tuple, document["order"]))
    assert lines[TEXTS["en"]["period"]] == (
        "2016-09-01 00:00 (UTC+02:00) until 2016-09-04 02:00 (UTC+02:00)\n"
        "= 2016-08-31 22:00 (UTC) until 2016-09-04 00:00 (UTC)"
    )
    assert document["sections"][0]["rows"][0][1:3] == ["2016-09-02 00:59:58 +02:00", "2016-09-01 22:59:58"]
    assert document["reading"][0] == TEXTS["en"]["reading_order"].format(zone="UTC+02:00")


def test_each_record_is_on_the_clock_on_which_its_period_begins(golden):
    ordered = in_summer(
        golden,
        "2016-09-01T00:00:00+02:00 2016-09-02T09:00:00+02:00",
        "2016-09-02T08:00:00+01:00 2016-09-04T01:00:00+01:00",
    )
    document = pdf_document(ordered, PdfStyle(language="en"), now=NOW)
    assert document["zone"] == "UTC+02:00, UTC+01:00"
    rows = document["sections"][0]["rows"]
    assert [row[1] for row in rows[:2]] == ["2016-09-02 00:59:58 +02:00", "2016-09-02 09:00:00 +01:00"]


def test_order_in_utc_has_its_times_once(golden):
    document = pdf_document(golden, PdfStyle(language="en"), now=NOW)
    assert (document["zone"], document["columns"][:3]) == ("UTC", ["no", "utc", "kind"])
    assert document["sections"][0]["rows"][0][:3] == ["1", "2016-09-01 22:59:58", "call"]
    assert "2016-09-0200:59:58" not in squeezed("".join(pages(golden, PdfStyle(language="en"))))


def test_no_hash_stands_in_base64(golden):
    text = squeezed("".join(pages(golden)))
    assert "15" + "00" * 32 in text, "the root of the checkpoint"
    assert "AAAA" not in text


@pytest.mark.parametrize("language", list(TEXTS))
def test_provider_stands_at_the_head_of_the_first_page_alone(golden, language):
    provider = Party(name="Télécom Example", address=("1 Example Street",), contact=("#desk@telco.example",))
    style = PdfStyle(language=language, letterhead=Letterhead(provider=provider))
    first, *others = (squeezed(page) for page in pages(golden, style))
    assert first.startswith("TélécomExample1ExampleStreet#desk@telco.example")
    assert [page for page in others if "Télécom" in page] == []
    assert "Télécom" not in "".join(pages(golden))


def test_zone_that_is_asked_for_in_place_of_the_orders_is_not_said_to_be_the_orders(golden):
    ordered = in_summer(golden, "2016-09-01T00:00:00+02:00 2016-09-04T02:00:00+02:00")
    for zone in (ZoneInfo("UTC"), dt.UTC):
        document = pdf_document(ordered, PdfStyle(language="en", zone=zone), now=NOW)
        assert (document["zone"], document["reading"][0]) == ("UTC", "Times are in UTC.")
    paris = pdf_document(ordered, ENGLISH, now=NOW)
    assert paris["reading"][0] == TEXTS["en"]["reading_time"].format(zone="Europe/Paris")
