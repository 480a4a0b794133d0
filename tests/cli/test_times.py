"""The times of an order as people type them: whose they are, on whose clock, and what a note then says."""

import datetime as dt
import io
import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.authority.period import Period, format_instant, parse_instant, parse_period, settled, whole_days
from coffer.authority.typed import parse_typed
from coffer.cli.main import run
from coffer.errors import MalformedInput

ONE, TWO = "tel:+33612345678", "tel:+33698765432"
PARIS = ZoneInfo("Europe/Paris")
REST = [
    *("--kinds", "call", "--max-records", "9", "--authority", "Court", "--basis", "case 1"),
    *("--purpose", "p", "--person", "x", "-o", "r.note"),
]


@pytest.fixture
def asking(world, monkeypatch, capfd):
    """Makes a request of these words and gives what each subject may be asked for, or what the command said."""
    monkeypatch.chdir(world.path)

    def ask(*words):
        (world.path / "r.note").unlink(missing_ok=True)
        code = run(["request", "vault", *words, *REST])
        said = capfd.readouterr().err
        if code:
            return said
        assert run(["show", "r.note", "--json"]) == 0
        return {s["subject"]: s["periods"] for s in json.loads(capfd.readouterr().out)["subjects"]}

    return ask


DAY_UTC = [["2016-09-01T00:00:00+00:00", "2016-09-02T00:00:00+00:00"]]
DAY_PARIS = [["2016-09-01T00:00:00+02:00", "2016-09-02T00:00:00+02:00"]]
NEXT_PARIS = [["2016-09-02T00:00:00+02:00", "2016-09-03T00:00:00+02:00"]]
HOURS = [["2016-09-01T08:00:00+02:00", "2016-09-01T20:00:00+02:00"]]
DAYS = ("--days", "2016-09-01", "2016-09-01")
MORE = ("--days", "2016-09-02", "2016-09-02")
FROM = ("--from", "2016-09-01T08:00", "--to", "2016-09-01T20:00")
ZONE = ("--time-zone", "Europe/Paris")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--subject", ONE, *DAYS), {ONE: DAY_UTC}),
        ((*DAYS, "--subject", ONE), {ONE: DAY_UTC}),
        (("--subject", ONE, *DAYS, *ZONE), {ONE: DAY_PARIS}),
        ((*ZONE, "--subject", ONE, *FROM), {ONE: HOURS}),
        (("--subject", ONE, *FROM, *ZONE), {ONE: HOURS}),
        (("--subject", ONE, *MORE, *DAYS, *ZONE), {ONE: [*DAY_PARIS, *NEXT_PARIS]}),
        (("--subject", ONE, *FROM, *MORE, *ZONE), {ONE: [*HOURS, *NEXT_PARIS]}),
        # named one after the other: the times behind them are for both
        (("--subject", ONE, "--subject", TWO, *DAYS), {ONE: DAY_UTC, TWO: DAY_UTC}),
        ((*DAYS, "--subject", ONE, "--subject", TWO), {ONE: DAY_UTC, TWO: DAY_UTC}),
        # each its own
        (("--subject", ONE, *FROM, "--subject", TWO, *MORE, *ZONE), {ONE: HOURS, TWO: NEXT_PARIS}),
        ((*ZONE, "--subject", ONE, *FROM, "--subject", TWO, *MORE), {ONE: HOURS, TWO: NEXT_PARIS}),
        (
            ("--subject", ONE, *DAYS, "--time-zone", "UTC", "--subject", TWO, *DAYS, *ZONE),
            {ONE: DAY_UTC, TWO: DAY_PARIS},
        ),
        (
            ("--subject", ONE, "--from", "2016-09-01T08:00:00+02:00", "--to", "2016-09-01T18:00:01Z"),
            {ONE: [["2016-09-01T08:00:00+02:00", "2016-09-01T18:00:01+00:00"]]},
        ),
    ],
)
def test_times_are_for_the_subjects_named_directly_before_them(asking, words, expected):
    assert asking(*words) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--subject", ONE), "--subject 1: no time follows it"),
        (("--subject", ONE, *DAYS, "--subject", TWO), "--subject 2: no time follows it"),
        ((*DAYS, "--subject", ONE, *MORE), "--days, --from: before and after --subject"),
        (("--subject", ONE, *FROM), "--from: the clock of which zone?"),
        (("--subject", ONE, "--from", "2016-09-01T08:00", *ZONE), "--from, --to: 1 and 0 for a subject"),
        (("--subject", ONE, *FROM, *ZONE, "--time-zone", "UTC"), "--time-zone: twice for the same subject"),
        (
            ("--subject", ONE, *DAYS, *ZONE, "--subject", TWO, *FROM, *ZONE, "--subject", "tel:+33145678901", *DAYS),
            "--time-zone: given for some subjects",
        ),
        (("--time-zone", "UTC", "--subject", ONE, *DAYS, *ZONE), "--time-zone: given for some subjects"),
        (("--time-zone", "UTC", *ZONE, *DAYS, "--subject", ONE), "--time-zone: given for some subjects"),
        (("--subject", ONE, *FROM, "--time-zone", "Paris"), "--time-zone: unknown time zone"),
        (
            ("--subject", ONE, "--from", "2016-09-01T08:00Z", "--to", "2016-09-01T08:00Z"),
            "--to: not later than its --from",
        ),
        (("--subject", ONE, *DAYS, *DAYS), "--subject 1: periods overlap"),
        (("--subject", ONE, *DAYS, *FROM, *ZONE), "--subject 1: periods overlap"),
        (("--subject", ONE, "--days", "2016-06-01", "2016-08-31", *ZONE), "periods touch more than 92 UTC days"),
    ],
)
def test_times_of_which_it_is_not_clear_whose_or_when_they_are_make_no_request(asking, words, said):
    assert said in asking(*words)


def test_what_is_asked_for_is_said_in_its_zone_and_in_utc(world, monkeypatch, capfd):
    monkeypatch.chdir(world.path)
    assert run(["request", "vault", "--subject", ONE, *FROM, "--subject", TWO, *MORE, *ZONE, *REST]) == 0
    said = capfd.readouterr().err
    assert ONE not in said
    assert (
        "subject 1: 2016-09-01 08:00 +02:00 until 2016-09-01 20:00 +02:00 (UTC: 2016-09-01 06:00 until 2016-09-01 18:00)"
        in said
    )
    assert "subject 2: 2016-09-02 00:00 +02:00 until 2016-09-03 00:00 +02:00" in said
    assert "opens whole UTC days, 2016-09-01 to 2016-09-02 (2)" in said
    assert run(["show", "r.note"]) == 0
    lines = capfd.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(lines) if TWO in line)
    assert (
        "2016-09-02 00:00 +02:00 until 2016-09-03 00:00 +02:00 (UTC: 2016-09-01 22:00 until 2016-09-02 22:00)"
        in lines[at + 2]
    )
    assert "UTC days 2016-09-01 to 2016-09-02 (2); records that start outside these times are dropped" in lines[at + 3]


@pytest.mark.parametrize("text", ["2016-03-27T02:30", "2016-10-30T02:30"])
def test_moment_that_clocks_skip_or_show_twice_is_asked_back(text):
    with pytest.raises(MalformedInput, match="skip this moment, or show it twice") as caught:
        parse_typed(text, PARIS, "--from")
    assert f"{text}+01:00" in caught.value.hint
    assert f"{text}+02:00" in caught.value.hint
    assert parse_typed(f"{text}+02:00", PARIS, "--from").isoformat() == f"{text}:00+02:00"


@pytest.mark.parametrize(
    ("zone", "day", "first", "end"),
    [
        # 25 hours, 23 hours, and days that begin at one or twice at midnight
        ("Europe/Paris", "2016-10-30", "2016-10-30T00:00:00+02:00", "2016-10-31T00:00:00+01:00"),
        ("Europe/Paris", "2016-03-27", "2016-03-27T00:00:00+01:00", "2016-03-28T00:00:00+02:00"),
        ("America/Sao_Paulo", "2016-10-16", "2016-10-16T01:00:00-02:00", "2016-10-17T00:00:00-02:00"),
        ("Atlantic/Azores", "2016-10-30", "2016-10-30T00:00:00+00:00", "2016-10-31T00:00:00-01:00"),
        ("Asia/Kathmandu", "2016-09-01", "2016-09-01T00:00:00+05:45", "2016-09-02T00:00:00+05:45"),
        ("Pacific/Kiritimati", "2016-09-01", "2016-09-01T00:00:00+14:00", "2016-09-02T00:00:00+14:00"),
    ],
)
def test_whole_days_begin_and_end_with_the_clocks_of_their_zone(zone, day, first, end):
    value = dt.date.fromisoformat(day)
    assert whole_days(value, value, ZoneInfo(zone)).format() == f"{first} {end}"


@pytest.mark.parametrize(
    "text", ["2016-09-01", "2016-09-01 08:00", "2016-09-01T8:00", "2016-09-01T24:00", "2016-09-01T08:00+2", ""]
)
def test_what_is_no_moment_is_malformed(text):
    with pytest.raises(MalformedInput, match="--from: not a moment"):
        parse_typed(text, PARIS, "--from")


@given(
    value=st.datetimes(
        min_value=dt.datetime.fromisoformat("0002-01-01"), max_value=dt.datetime.fromisoformat("9998-01-01")
    ),
    quarters=st.integers(-56, 56),
)
def test_instants_are_read_back_as_they_are_written(value, quarters):
    moment = value.replace(microsecond=0, tzinfo=dt.timezone(dt.timedelta(minutes=15 * quarters)))
    text = format_instant(moment)
    assert parse_instant(text, "x") == moment
    assert format_instant(parse_instant(text, "x")) == text


@given(text=st.text(alphabet="0123456789-+:TZ ", max_size=60))
def test_any_text_is_malformed_or_read_back_the_same(text):
    try:
        found = parse_period(text, "x")
    except MalformedInput:
        return
    assert found.format() == text


@given(hours=st.integers(-(10**5), 10**5), seconds=st.integers(1, 10**6))
def test_days_of_a_period_are_those_in_which_a_second_of_it_lies(hours, seconds):
    first = dt.datetime(2016, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hours)
    period = Period(first=first, end=first + dt.timedelta(seconds=seconds))
    assert period.first_day == first.date()
    assert period.last_day == (first + dt.timedelta(seconds=seconds - 1)).date()
    assert period.holds(first)
    assert not period.holds(period.end)


def test_settled_keeps_the_moment():
    moment = dt.datetime(2016, 10, 30, 2, 30, tzinfo=PARIS, fold=1)
    assert settled(moment).isoformat() == "2016-10-30T02:30:00+01:00"
    assert settled(moment).timestamp() == moment.timestamp()


def test_deadline_that_is_a_day_is_over_with_that_day_of_the_order_s_zone(asking, world, capfd):
    asking("--subject", ONE, *DAYS, *ZONE, "--received", "2016-09-01T09:00", "--due", "2016-09-10")
    assert run(["show", "r.note", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["due"] == "2016-09-10T23:59:59+02:00"
    assert "--received: not a moment" in asking("--subject", ONE, *DAYS, *ZONE, "--received", "2016-09-01")


def test_request_of_two_periods_says_both(world, monkeypatch, capfd):
    monkeypatch.chdir(world.path)
    assert run(["request", "vault", "--subject", ONE, *DAYS, *MORE, "--time-zone", "UTC", *REST]) == 0
    said = capfd.readouterr().err
    assert "subject 1: 2016-09-01 to 2016-09-01 (whole UTC days: 1); 2016-09-02 to" in said


def test_question_that_nobody_can_answer_names_the_option(asking, world, monkeypatch, capfd):
    asking("--subject", ONE, *DAYS)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    assert run(["countersign", "vault", "r.note", "--as", "judge"]) == 2
    assert "no answer: this is no terminal\ncoffer: hint: --yes " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("typed", "words", "signed"),
    [
        ("06 12 34 56 78", ("--home", "FR"), ONE),
        ("+33 (0)6 12 34 56 78", (), ONE),
        ("+33 6 12 34 56 78", (), ONE),
        ("0612345678", (), "error"),
        ("36 500", ("--home", "FR"), "short:FR/36500"),
        ("Ann@Example.ORG", (), "mailto:ann@example.org"),
        ("06 12 34 56 7", ("--home", "FR"), "error"),
        ("06 12 34 56 78", ("--home", "France"), "error"),
    ],
)
def test_subject_as_people_write_it_is_shown_in_the_spelling_that_is_signed(
    world, monkeypatch, capfd, typed, words, signed
):
    monkeypatch.chdir(world.path)
    code = run(["request", "vault", "--subject", typed, *words, *DAYS, *REST])
    said = capfd.readouterr()
    if signed == "error":
        assert code == 2
        assert "--subject 1: " in said.err
        assert "".join(filter(str.isdigit, typed)) not in said.err
        return
    assert said.out == f"subject 1 is signed as {signed}\n"
    assert run(["show", "r.note", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["subjects"][0]["subject"] == signed
