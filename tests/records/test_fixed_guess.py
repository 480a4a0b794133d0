"""A table of fixed width that no feed describes: its columns are found, and what a sample cannot show costs a row."""

import datetime as dt
import random

import pytest

from coffer.errors import MalformedInput
from coffer.procedures.ingest.feed_check import check_files
from coffer.records.feed import parse_feed
from coffer.records.fixed_guess import guess_fixed
from coffer.records.proposing import propose_mapped

NOW = dt.datetime(2026, 12, 5, tzinfo=dt.UTC)
TITLES = "DAY   CLOCK  EXT  WAY NUMBER         DURATION CO"


def lines(count=40, seed=3):
    dice = random.Random(seed)
    for _ in range(count):
        way, number = dice.choice(["IN ", "OUT"]), dice.choice(["0612345678", "00491711234567"])
        day, clock = f"{dice.randint(13, 28):02}/11", f"{dice.randint(0, 23):02}:{dice.randint(0, 59):02}"
        talk = f"{dice.randint(0, 9)}:{dice.randint(0, 59):02}:{dice.randint(0, 59):02}"
        yield f"{day} {clock}  {dice.randint(100, 199)}  {way} {number:<15}{talk}  {dice.randint(1, 12):>2}"


def proposed(text):
    return propose_mapped(text.encode(), "list.txt", country="FR", zone="Europe/Paris")


def read(tmp_path, text, feed):
    (tmp_path / "list.txt").write_text(text)
    (report,) = check_files([str(tmp_path / "list.txt")], parse_feed(feed, "feed"), NOW)
    return report


def test_columns_are_found_and_named_by_the_line_above(tmp_path):
    text = "\n".join([TITLES, *lines(), ""])
    proposal = proposed(text)
    assert {(one.field, one.column) for one in proposal.guesses} == {
        ("start", "DAY"), ("start", "CLOCK"), ("a", "EXT"), ("b", "NUMBER"), ("duration_s", "DURATION"),
    }  # fmt: skip
    assert 'date_format = "%d/%m %H:%M"' in proposal.text
    assert 'direction = { column = "WAY", values = { "IN" = "in", "OUT" = "out" } }' in proposal.text
    report = read(tmp_path, text, proposal.text)
    assert (report.kept, dict(report.rejected), list(report.unmapped)) == (40, {}, ["CO"])


def test_longer_value_than_the_sample_had_costs_its_row_and_is_not_cut(tmp_path):
    text = "\n".join([TITLES, *lines(), ""])
    feed = proposed(text).text
    (line,) = lines(1)
    longer = line.replace(line[23:38], "+99" + "8" * 12, 1)
    assert len(longer) == len(line)
    report = read(tmp_path, text + longer + "\n", feed)
    assert (report.kept, dict(report.rejected)) == (40, {"wrong-column-count": 1})


def test_columns_without_titles_are_named_by_their_places():
    guess = guess_fixed(list(enumerate(lines(), 1)))
    assert list(guess.columns)[:3] == ["at 1-5", "at 7-11", "at 14-16"]


@pytest.mark.parametrize(
    "text",
    [
        "one line\n",
        "a b c 1\na b c 2\n",
        "".join(f"{'x' * n} 1 2 3\n" for n in range(40)),
        "".join(f"{n:02}\t1\t2 3\n" for n in range(40)),
        "".join(f"{n:09}\n" for n in range(40)),
    ],
)
def test_other_texts_have_no_layout(text):
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line]
    assert guess_fixed(numbered) is None


def test_table_without_parties_names_what_was_found():
    text = "".join(f"{n % 28 + 1:02}/11 10:{n:02} word {n:04}\n" for n in range(40))
    with pytest.raises(MalformedInput, match="no column for a and b found among 4 columns"):
        proposed(text)


HALVES = """DAY   CLOCK    EXT  NUMBER        SECONDS
02/11 01:00 PM 117  030 1226355   0:01:02
13/11 02:00 AM 104  030 1226356   0:00:10
14/11 11:00 PM 117  030 1226357   0:05:15
"""


def test_halves_under_one_title_are_one_column(tmp_path):
    report = read(tmp_path, HALVES, proposed(HALVES).text)
    assert (report.kept, list(report.unmapped)) == (3, [])
    assert report.first.isoformat()[:16] == "2026-11-02T12:00"


def test_offset_and_noon_beside_a_time_are_read_with_it():
    text = "Time,Off,From,To\n2026-11-02 10:00:00,+0200,0357377172,+4930111111\n2026-11-02 11:00:00,+0200,0357377173,+4930111112\n"
    assert 'start = ["Time", "Off"]' in proposed(text).text
    text = "Date,Time,Half,From,To\n" + "".join(
        f"{n}/11/2026,{n - 10:02}:05,PM,0357377172,0357377173\n" for n in (13, 14)
    )
    feed = proposed(text).text
    assert 'start = ["Date", "Time", "Half"]' in feed
    assert 'date_format = "%d/%m/%Y %I:%M %p"' in feed


def test_first_part_of_a_number_that_is_not_read_is_told():
    text = "Time,CC,From,To\n2026-11-02 10:00:00,+33,357377172,+4930111111\n2026-11-02 11:00:00,+33,357377173,+4930111112\n"
    assert any("column CC is not read, and looks like the first part" in note for note in proposed(text).notes)


def notes_of(text):
    return " ".join(proposed(text).notes)


def test_titles_stand_above_a_line_of_dashes():
    text = "STARTED             CALLED       CALLER      \n------------------- ------------ ------------\n" + "".join(
        f"2026-11-{n:02} 10:00:00 +4930222222{n} +4930111111{n}\n" for n in range(13, 20)
    )
    guesses = {one.field: one.column for one in proposed(text).guesses}
    assert (guesses["a"], guesses["b"]) == ("CALLER", "CALLED")


def test_parties_that_are_told_by_their_values_are_asked_about():
    text = "Time,Ours,Theirs\n" + "".join(f"2026-11-{n} 10:00:00,0357377172,03573771{n}\n" for n in range(13, 18))
    assert "is Ours who called?" in notes_of(text)


@pytest.mark.parametrize(("one", "other"), [("A", "P"), ("a", "p")])
def test_clock_with_a_letter_for_its_half_is_not_proposed(one, other):
    text = "Date,Time,Half,From,To\n" + "".join(
        f"{n}/11/2026,{n - 10:02}:05,{h},0357377172,0357377173\n" for n, h in ((13, one), (14, other))
    )
    with pytest.raises(MalformedInput, match="column Half holds A and P beside the clock"):
        proposed(text)


def test_start_is_taken_before_an_end_and_the_talk_and_the_others_are_told():
    text = "From,To,End Date,End Time,Start Date,Start Time,Talk\n" + "".join(
        f"0357377172,0357377173,{n}/11/2026,10:05:00,{n}/11/2026,10:00:00,00:04:00\n" for n in (13, 14)
    )
    assert 'start = ["Start Date", "Start Time"]' in proposed(text).text
    assert "is it when the call began?" in notes_of(text)


@pytest.mark.parametrize(("name", "value"), [("Time (UTC)", ""), ("Time", "UTC")])
def test_title_or_column_that_says_utc_sets_the_zone(name, value):
    text = f"{name},From,To,TZ\n" + "".join(f"2026-11-{n} 10:00:00,0357377172,0357377173,{value}\n" for n in (13, 14))
    assert 'time_zone = "UTC"\n[columns]' in proposed(text).text


def test_directions_of_one_letter_and_of_charging_records_are_known():
    for words in (("I", "O"), ("MTC", "MOC")):
        text = "Time,Ours,Theirs,Way\n" + "".join(
            f"2026-11-{n} 10:00:00,0357377172,03573771{n},{words[n % 2]}\n" for n in range(13, 18)
        )
        assert "direction = {" in proposed(text).text


def test_duration_of_six_digits_with_zeros_before_is_not_taken_for_seconds():
    text = "Time,From,To,Duration\n" + "".join(
        f"2026-11-{n} 10:00:00,0357377172,0357377173,0001{n}\n" for n in (13, 14)
    )
    assert "duration_s" not in proposed(text).text
