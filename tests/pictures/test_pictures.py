"""Pictures and page: every number of the report is there, nothing is loaded, and the same report gives the same bytes."""

import datetime as dt
import hashlib
import os
import re
import string
import struct
import subprocess
import sys
from dataclasses import fields, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import coffer
from coffer.errors import MalformedInput
from coffer.identity.numbering import plans
from coffer.pictures import countries, draw
from coffer.pictures.letters import break_lines, text_width
from coffer.pictures.story import LANGUAGES, MOST_TITLE_LETTERS, Provenance, parse_title, tell
from coffer.pictures.words import ENGLISH, FRENCH, WORDS
from coffer.procedures.reports.totals import make_chart, make_report
from coffer.tally.chart import Chart, DayCount, Partner, scale_bounds

DATA = Path(coffer.__file__).parent / "pictures/data"
PERIOD = {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 3)}
PROVENANCE = Provenance(origin="test.example/v", log_size=92, log_root=bytes(range(32)))
RECORDS = """+33612345678,+33698765432,2016-09-01 10:00:00,60
+33612345678,+33698765432,2016-09-01 11:00:00,60
+33612345678,+32470123456,2016-09-01 12:00:00,60
+33612345678,+6591234567,2016-09-02 12:00:00,60
+919845394494,+33612345678,2016-09-03 12:00:00,60
"""


def month(**changes):
    """The reported month in numbers of its size: 30 days, noise, a dozen countries of which one is not on the map."""
    usual = (3_010_123, 1_002_345)
    days = [dt.date(2012, 12, 10) + dt.timedelta(days=i) for i in range(30)]
    partners = [("BE", 352_411), ("DE", 347_002), ("GB", 310_555), ("SN", 41_200), ("SG", 12_903), ("US", 130_020)]
    fields_ = {
        "first": days[0],
        "last": days[-1],
        "country": None,
        "epsilon": Decimal("0.1"),
        "kinds": ("call", "text"),
        "total": 70_271_000,
        "total_noise_sd": 4293.3,
        "day_noise_sd": 783.8,
        "days": tuple(DayCount(day=d, records=usual[d.weekday() > 4] + d.day, is_free=d.weekday() > 4) for d in days),
        "peaks": (dt.date(2012, 12, 24),),
        "home": "FR",
        "domestic": 65_600_001,
        "partners": tuple(Partner(code=c, outgoing=n // 2, incoming=n - n // 2, records=n) for c, n in partners),
        "unknown": 1_740_002,
        "elsewhere": 0,
        "unpublished": 1_400_000,
        "threshold": 830,
    }
    return Chart(**(fields_ | changes))


def page_of(chart, language="en", title=None):
    return draw.page(chart, tell(chart, PROVENANCE, language=language, title=title)).decode()


def text_of(html):
    """What a reader sees: no tags, no style; no-break spaces stay."""
    return re.sub(r"<[^>]+>", "\n", re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", html, flags=re.DOTALL))


@pytest.fixture(scope="module")
def pages():
    return {language: page_of(month(), language) for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_loads_nothing_and_runs_nothing(pages, language):
    html = pages[language]
    assert "://" not in html
    assert re.findall(r"<(script|link|img|iframe|object|embed|base|form|image|use)\b", html) == []
    assert re.findall(r"@import|url\((?!#)|\b(?:src|srcset|data|href|action)=|\son\w+=", html) == []
    assert "default-src 'none'" in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_the_number_of_every_day_and_country(pages, language):
    text, words, chart = text_of(pages[language]), WORDS[language], month()
    for day in chart.days:
        assert f"{words.long_day(day.day)}\n\n{words.count(day.records)}\n" in text
    for partner in chart.partners:
        name = countries.country_name(partner.code, language)
        numbers = (words.count(n) for n in (partner.records, partner.outgoing, partner.incoming))
        assert "\n\n".join([name, *numbers]) in text
    for number in (chart.total, chart.domestic, chart.unknown):
        assert words.count(number) in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_how_the_noise_was_added_and_where_all_is_from(pages, language):
    text, words = text_of(pages[language]), WORDS[language]
    known = ("4300", "8600", "780", "1600")
    for number in known:
        assert words.count(int(number)) in text
    assert f"ε\u00a0=\u00a00{words.decimal}1" in text
    for source in (
        "830",
        "test.example/v",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "world-atlas 2.0.2",
        "Natural Earth",
    ):
        assert source in text


def test_an_exact_tally_says_that_nothing_was_added():
    chart = month(epsilon=None, threshold=None, total_noise_sd=0.0, day_noise_sd=0.0, unpublished=0)
    text = text_of(page_of(chart))
    assert "No noise was added" in text
    assert "give or take" not in text
    assert "give or take 8,600" in text_of(page_of(month()))


def test_a_country_that_the_map_cannot_show_is_named_below_it(pages):
    assert "drawn as part of another country: Singapore 12,903." in text_of(pages["en"])
    assert "Singapour 12\u202f903." in text_of(pages["fr"])
    assert "drawn as part" not in text_of(page_of(month(partners=month().partners[:4])))


def test_a_day_without_a_number_is_told_apart_from_a_day_of_none():
    days = month().days
    missing = month(days=(replace(days[0], records=None), replace(days[1], records=0), *days[2:]))
    text = text_of(page_of(missing))
    assert "10\u00a0December\u00a02012\n\n\u2013\n" in text
    assert "11\u00a0December\u00a02012\n\n0\n" in text
    assert ENGLISH.no_number in text
    assert ENGLISH.no_number not in text_of(page_of(month()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_picture_and_page_parse_and_have_their_size(language):
    story = tell(month(), PROVENANCE, language=language)
    svg = draw.picture_svg(month(), story)
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("width") == str(draw.PICTURE_WIDTH)
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert story.headline in texts
    assert WORDS[language].count(352_411) in texts
    png = draw.picture_png(month(), story)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (draw.PICTURE_WIDTH, round(float(root.get("height"))))
    body = re.search(r"<body>.*</body>", page_of(month(), language), re.DOTALL)[0]
    assert len(list(ET.fromstring(body).iter("svg"))) == 3


@pytest.mark.slow
def test_the_same_chart_gives_the_same_bytes_in_any_process():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import hashlib; from test_pictures import *\n"
        "story = tell(month(), PROVENANCE, language='fr')\n"
        "print(*(hashlib.sha256(f(month(), story)).hexdigest() for f in (draw.picture_svg, draw.page)))"
    )
    story = tell(month(), PROVENANCE, language="fr")
    makers = (draw.picture_svg, draw.page)
    here = [[hashlib.sha256(make(month(), story)).hexdigest() for make in makers] for _ in range(2)]
    command = [sys.executable, "-c", code, str(Path(__file__).parent)]
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert here == [there, there]


def test_the_numbers_of_the_picture_are_those_of_the_report(world):
    world.ingest(RECORDS)
    state = world.state()
    chart = make_chart(world.vault, state, **PERIOD, country=None)
    report = make_report(world.vault, state, **PERIOD, by=["day"], country=None)
    assert [(str(day.day), day.records) for day in chart.days] == [
        (line.keys[0], line.records) for line in report.lines
    ]
    assert (chart.total, chart.total_noise_sd) == (report.total, report.noise_sd) == (5, 0)
    assert [(p.code, p.outgoing, p.incoming) for p in chart.partners] == [("BE", 1, 0), ("IN", 0, 1), ("SG", 1, 0)]
    india = make_chart(world.vault, state, **PERIOD, country="IN")
    assert india.total == make_report(world.vault, state, **PERIOD, by=["day"], country="IN").total == 1


def test_a_vault_without_records_still_gives_a_page(world):
    chart = make_chart(world.vault, world.state(), **PERIOD, country=None)
    text = text_of(page_of(chart, "fr"))
    assert "0\u202f" not in text.split("Enregistrements", 1)[0]
    assert draw.picture_png(chart, tell(chart, PROVENANCE, language="fr")).startswith(b"\x89PNG")


def test_three_years_of_days_are_drawn():
    days = [dt.date(2012, 1, 1) + dt.timedelta(days=i) for i in range(1096)]
    chart = month(first=days[0], last=days[-1], days=tuple(DayCount(day=d, records=7, is_free=False) for d in days))
    labels = re.findall(
        r">(Jan|Jul) (20\d\d)<", draw.days_svg(chart, tell(chart, PROVENANCE, language="en"), draw.WIDE)
    )
    assert labels == [(m, str(year)) for year in (2012, 2013, 2014) for m in ("Jan", "Jul")]


def test_numbers_over_bars_do_not_lie_on_each_other():
    days = [replace(day, records=9_000_000 if day.day.day in (17, 21) else 1) for day in month().days]
    days[7] = replace(days[7], records=9_000_001)
    chart = month(days=tuple(days), peaks=(dt.date(2012, 12, 17), dt.date(2012, 12, 21)))
    story = tell(chart, PROVENANCE, language="en")
    numbers = [re.findall(r">(9,000,00\d)<", draw.days_svg(chart, story, frame)) for frame in (draw.WIDE, draw.NARROW)]
    assert numbers == [["9,000,001", "9,000,000"], ["9,000,001"]]


def test_a_name_or_a_title_is_text_and_never_markup():
    html = page_of(month(country="<script>"), title="<b>& more</b>")
    assert "<script" not in html
    assert "<h1>&lt;b&gt;&amp; more&lt;/b&gt;</h1>" in html


def test_a_title_is_one_line_of_sensible_length():
    assert parse_title(" Août : 70 millions de SMS ") == "Août : 70 millions de SMS"
    assert parse_title("x" * MOST_TITLE_LETTERS)
    for title, found in (("", "0 letters"), ("x" * (MOST_TITLE_LETTERS + 1), "121 letters"), ("a\nb", "line break")):
        with pytest.raises(MalformedInput, match=found):
            parse_title(title)


def test_french_is_set_as_french():
    chart = month(first=dt.date(2013, 1, 1), last=dt.date(2013, 1, 1))
    text = text_of(page_of(chart, "fr"))
    assert re.findall(r"[^\n]* [:;»?!]|« [^\n]*", text) == []
    assert "70\u202f271\u202f000 enregistrements, le 1er\u00a0janvier\u00a02013" in text
    assert FRENCH.count(1234567) == "1\u202f234\u202f567"
    assert (FRENCH.about(2.828), FRENCH.about(4293), FRENCH.about(0.4)) == ("2,8", "4\u202f300", "0,4")


def test_both_languages_fill_in_the_same_values():
    for field in fields(ENGLISH):
        texts = [getattr(words, field.name) for words in (ENGLISH, FRENCH)]
        if all(isinstance(text, str) for text in texts):
            names = [{name for _, name, *_ in string.Formatter().parse(text) if name} for text in texts]
            assert names[0] == names[1], field.name
        else:
            assert len(texts[0]) == len(texts[1]) or field.name == "spaced_marks"


def test_the_map_data_are_what_their_page_says():
    rows = re.findall(r"^\| `([^`]+)` .* `([0-9a-f]{64})` \|$", (DATA / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 2
    for name, digest in rows:
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest
    shapes = countries.world({"XK": "a", "SO": "b"}, "none")["objects"]["countries"]["geometries"]
    assert len(shapes) == 176
    classes = [shape["properties"]["class"] for shape in shapes]
    assert (classes.count("a"), classes.count("b")) == (1, 2)
    assert not countries.is_drawn("SG")
    assert countries.is_drawn("FR")


def test_every_country_of_the_tally_has_a_name_in_both_languages():
    codes = {code for code in plans().country_names if code}
    assert [code for code in sorted(codes) for la in LANGUAGES if countries.country_name(code, la) == code] == []


def test_classes_of_the_map_have_colours_that_differ_in_lightness():
    def lightness(colour):
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    shades = [lightness(colour) for colour in draw.VIRIDIS]
    assert {light - dark > 12 for light, dark in pairwise(shades)} == {True}
    keys = [str(i) for i in range(len(scale_bounds([54, 2411])) - 1)]
    assert len({draw.colour_of(key, keys) for key in (*keys, "home", "none")}) == len(keys) + 2


def test_no_line_is_wider_than_its_column():
    story = tell(month(), PROVENANCE, language="fr")
    for paragraph in (*story.noise, *story.sources):
        lines = break_lines(paragraph, 46)
        assert " ".join(lines) == paragraph
        assert max(map(text_width, lines)) <= 46


def test_only_a_picture_loads_the_libraries_that_draw():
    code = "import sys, coffer.cli.main; print([m for m in ('altair', 'vl_convert') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
