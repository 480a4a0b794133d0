"""The times of an order: a key opens a whole UTC day, and nothing but the ordered moments of each subject leaves the vault."""

import csv
import datetime as dt
import json

import pytest
from forging import OTHER, SUBJECT, Desk, rows_of

from coffer.authority.authorization import Terms, parse_authorization
from coffer.authority.period import parse_period
from coffer.custody.decide import Decline, Grant
from coffer.custody.exchange import Code
from coffer.disclosure.answer import answer_files
from coffer.disclosure.verified import verify_disclosure
from coffer.errors import MalformedInput, NotProven
from coffer_audit.cli import main as audit
from world import World

ALL = ("judge", "dpo", "regulator")
THIRD = "+33145678901"
# Of the number, in UTC: one call an edge of 08:00 to 20:00 in Paris (06:00 to 18:00 UTC), and one on each side of it.
EDGES = "".join(
    f"+33612345678,+33698765432,2016-09-01 {clock},{seconds}\n"
    for clock, seconds in (("05:59:59", 7200), ("06:00:00", 1), ("17:59:59", 3600), ("18:00:00", 1), ("23:00:00", 1))
)
PARIS_DAY = "2016-09-01T08:00:00+02:00 2016-09-01T20:00:00+02:00"
TWO = EDGES + f"+33698765432,{THIRD},2016-09-01 09:00:00,5\n+33698765432,{THIRD},2016-09-02 09:00:00,6\n"


def periods(*each):
    """For each subject its periods, each as the note spells them."""
    return [[parse_period(text, "period") for text in own] for own in each]


def starts_of(answer):
    return [row[4] for row in csv.reader(rows_of(answer))]


def audited(world, answer, capsys, name="answer"):
    """The auditor's exit code and what it says."""
    folder = world.write_answer(answer, name)
    code = audit(["answer", str(folder), "--vault", str(world.vault.path)])
    return code, capsys.readouterr().out


def test_records_before_and_after_the_ordered_hours_are_dropped_and_counted(world, capsys):
    world.ingest(EDGES)
    answer = world.open(world.authorize(by=ALL, periods=periods([PARIS_DAY])))
    assert starts_of(answer) == ["2016-09-01T06:00:00Z", "2016-09-01T17:59:59Z"]
    assert (answer.records, answer.outside_period, [cell.outside_period for cell in answer.cells]) == (2, 3, [3])
    state = world.state()
    opening = state.openings[answer.intent]
    assert (opening.draw.records, opening.close.records) == (
        5,
        2,
    )  # custodians count what was opened, the close what is handed over
    document = json.loads(answer_files(answer)["answer.json"])
    assert (document["outside_period"], document["days_opened"]) == (3, ["2016-09-01"])
    code, said = audited(world, answer, capsys)
    assert code == 0, said
    assert len(verify_disclosure(answer_files(answer)).rows) == 2


def test_twin_whole_days_drop_nothing(world, capsys):
    world.ingest(EDGES)
    answer = world.open(world.authorize(by=ALL))
    assert (answer.records, answer.outside_period) == (5, 0)
    assert audited(world, answer, capsys)[0] == 0


def test_call_that_began_before_a_period_and_lasts_into_it_is_outside(world):
    world.ingest("+33612345678,+33698765432,2016-09-01 05:59:59,7200\n")
    answer = world.open(world.authorize(by=ALL, periods=periods([PARIS_DAY])))
    assert (answer.records, answer.outside_period) == (0, 1)
    earlier = "2016-09-01T07:59:59+02:00 2016-09-01T08:00:00+02:00"
    assert world.open(world.authorize(by=ALL, periods=periods([earlier]))).records == 1


def test_local_days_open_the_utc_days_they_touch_and_give_no_more_than_themselves(world, capsys):
    world.ingest("+33612345678,+33698765432,2016-09-01 21:59:59,1\n+33612345678,+33698765432,2016-09-01 22:00:00,1\n")
    note = world.authorize(by=ALL, periods=periods(["2016-09-02T00:00:00+02:00 2016-09-03T00:00:00+02:00"]))
    assert [str(day) for day in parse_authorization(note, "note").days_of(1)] == ["2016-09-01", "2016-09-02"]
    answer = world.open(note)
    assert (starts_of(answer), answer.outside_period) == (["2016-09-01T22:00:00Z"], 1)
    assert audited(world, answer, capsys)[0] == 0


def test_periods_of_one_subject_give_nothing_of_another(world, capsys):
    world.ingest(TWO)
    own = periods(
        ["2016-09-01T06:00:00+00:00 2016-09-01T06:00:01+00:00"], ["2016-09-02T00:00:00+00:00 2016-09-03T00:00:00+00:00"]
    )
    answer = world.open(world.authorize(by=ALL, subjects=[SUBJECT, OTHER], periods=own))
    assert [(row[0], row[4]) for row in csv.reader(rows_of(answer))] == [
        (SUBJECT, "2016-09-01T06:00:00Z"),
        (OTHER, "2016-09-02T09:00:00Z"),
    ]
    assert {(cell.subject, cell.day) for cell in answer.cells} == {(1, "2016-09-01"), (2, "2016-09-02")}
    assert audited(world, answer, capsys)[0] == 0


def test_twin_the_same_periods_for_both_give_both(world):
    world.ingest(TWO)
    both = [
        "2016-09-01T06:00:00+00:00 2016-09-01T06:00:01+00:00",
        "2016-09-02T00:00:00+00:00 2016-09-03T00:00:00+00:00",
    ]
    answer = world.open(world.authorize(by=ALL, subjects=[SUBJECT, OTHER], periods=periods(both, both)))
    assert {(cell.subject, cell.day) for cell in answer.cells} == {
        (line, day) for line in (1, 2) for day in ("2016-09-01", "2016-09-02")
    }


def test_several_periods_of_one_subject_open_nothing_between_them(world):
    world.ingest(EDGES)
    parts = [
        "2016-09-01T06:00:00+00:00 2016-09-01T06:00:01+00:00",
        "2016-09-01T23:00:00+00:00 2016-09-01T23:00:01+00:00",
    ]
    answer = world.open(world.authorize(by=ALL, periods=periods(parts)))
    assert starts_of(answer) == ["2016-09-01T06:00:00Z", "2016-09-01T23:00:00Z"]
    assert answer.outside_period == 3


@pytest.fixture
def two(world):
    """A desk with a note for one subject on the first day and another on the second."""
    world.ingest(TWO)
    own = periods(
        ["2016-09-01T06:00:00+00:00 2016-09-01T06:00:01+00:00"], ["2016-09-02T00:00:00+00:00 2016-09-03T00:00:00+00:00"]
    )
    return Desk(world, world.authorize(by=ALL, subjects=[SUBJECT, OTHER], periods=own))


@pytest.mark.parametrize(("line", "day"), [(1, 2), (2, 1)])
def test_step_09_day_of_one_subject_asked_for_another_is_refused(two, line, day):
    request = two.labels(two.intent(), two.cell(day, line=line))
    assert two.decide(request) == Decline(step=9, code=Code.SCOPE)


@pytest.mark.parametrize(("line", "day"), [(1, 1), (2, 2)])
def test_twin_step_09_each_subject_on_its_own_day_is_answered(two, line, day):
    assert isinstance(two.decide(two.labels(two.intent(), two.cell(day, line=line))), Grant)


def test_step_09_one_cell_of_another_subjects_day_refuses_the_whole_request(two):
    cells = [two.cell(1, line=1), two.cell(2, line=2), two.cell(2, line=1)]
    assert two.decide(two.labels(two.intent(), *cells)) == Decline(step=9, code=Code.SCOPE)
    assert isinstance(two.decide(two.labels(two.intent(), *cells[:2])), Grant)


def test_desk_that_keeps_records_outside_the_periods_is_found(world, monkeypatch, capsys):
    world.ingest(EDGES)
    note = world.authorize(by=ALL, periods=periods([PARIS_DAY]))
    with monkeypatch.context() as lying:
        lying.setattr(Terms, "holds", lambda *_: True)
        answer = world.open(note)
    assert answer.records == 5
    code, said = audited(world, answer, capsys)
    assert code != 0
    assert "found 5 records, expected 2" in said
    with pytest.raises(NotProven, match="D4: a record starts outside the periods"):
        verify_disclosure(answer_files(answer))


def test_desk_that_drops_records_within_the_periods_is_found(world, monkeypatch, capsys):
    world.ingest(EDGES)
    note = world.authorize(by=ALL, periods=periods([PARIS_DAY]))
    with monkeypatch.context() as lying:
        lying.setattr(Terms, "holds", lambda *_: False)
        answer = world.open(note)
    assert (answer.records, answer.outside_period) == (0, 5)
    code, said = audited(world, answer, capsys)
    assert code != 0
    assert "found 0 records, expected 2" in said


def test_note_that_stays_secret_for_ever_is_made_and_signed_by_nobody(world):
    far = (world.now + dt.timedelta(days=7 + 3_654)).date()
    with pytest.raises(MalformedInput, match="--secret-until: more than 3653 days after the day it expires"):
        world.request(secret_until=far)
    note = world.request()
    forged = note.replace(b"secret-until: 2017-09-05", f"secret-until: {far}".encode())
    with pytest.raises(MalformedInput, match="secret-until: more than 3653 days"):
        world.custodian("judge").countersign(forged, "request")


def test_twin_secret_to_the_last_day_allowed_is_countersigned(world):
    far = (world.now + dt.timedelta(days=7 + 3_653)).date()
    assert parse_authorization(world.authorize(by=ALL, secret_until=far), "note").terms.secret_until == far


def test_seal_key_forgotten_with_the_last_record_that_is_allowed(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(EDGES)
    spent, kept = world.authorize(by=ALL, max_records=5), world.authorize(by=ALL, max_records=6)
    for note in (spent, kept):
        world.open(note)
    names = {path.name for path in (world.vault.path / "desk").iterdir()}
    assert f"{parse_authorization(spent, 'n').commitment.hex()}.seal" not in names
    assert f"{parse_authorization(kept, 'n').commitment.hex()}.seal" in names
