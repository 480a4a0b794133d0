"""An update of the numbering tables moves a prefix to another country: what was sealed before stays where its roster's tables put it."""

import csv
import datetime as dt
import re
import shutil
from importlib import resources
from pathlib import Path

import pytest
from forging import rows_of

from coffer.disclosure.answer import answer_files
from coffer.disclosure.verified import verify_complete, verify_disclosure
from coffer.errors import NotProven, Refused, Unavailable
from coffer.identity import mobile, numbering
from coffer.identity.identifier import parse_subject
from coffer.ledger.state import replay
from coffer.procedures.opening import beginning
from coffer_audit.cli import main as coffer_audit
from world import World

NEW = "9.0.99"
SUBJECT = "+33612345678"
OLD_RECORD = f"{SUBJECT},+33698765432,2016-09-01 10:00:00,60\n"
NEW_RECORD = f"{SUBJECT},+33698765432,2016-09-03 10:00:00,7\n"
RULES = (
    ("base", "2 of judge,dpo,regulator"),
    ("FR", "2 of judge,dpo,regulator and judge"),
    ("BE", "2 of judge,dpo,regulator and regulator"),
)


@pytest.fixture
def two_versions(tmp_path, monkeypatch):
    """The shipped tables, and a newer version in which +336 belongs to Belgium."""
    shipped = Path(str(resources.files("coffer.identity").joinpath("data")))
    folder = tmp_path / "data"
    shutil.copytree(shipped, folder)
    rows = list(csv.reader((folder / f"numbering-{numbering.VERSION}.csv").read_text().splitlines()))
    (whole,) = [row for row in rows if row[0] == "33"]
    rows.remove(whole)
    rows += [[f"33{digit}", "BE" if digit == 6 else "FR", whole[2]] for digit in range(10)]
    with (folder / f"numbering-{NEW}.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    shutil.copy(folder / f"mcc-{numbering.VERSION}.csv", folder / f"mcc-{NEW}.csv")
    monkeypatch.setattr(numbering, "_FOLDER", folder)
    monkeypatch.setattr(mobile, "_FOLDER", folder)
    numbering.plans.cache_clear()
    numbering._table.cache_clear()
    yield folder
    numbering.plans.cache_clear()
    numbering._table.cache_clear()


@pytest.fixture
def world(tmp_path, two_versions):
    found = World.make(tmp_path / "w", rules=RULES)
    found.epoch("2016-09-01", "2016-09-03")
    found.ingest(OLD_RECORD)
    return found


def update(world):
    world.now += dt.timedelta(minutes=1)
    world.publish(world.propose(numbering=NEW), "judge", "dpo", "regulator")
    world.epoch("2016-09-01", "2016-09-03")


def audit(world, answer):
    """The exit code of the independent auditor, given the vault too."""
    return coffer_audit(["answer", str(world.write_answer(answer)), "--vault", str(world.vault.path)])


def rules_sealed(world):
    return {(str(one.line.day), one.line.rule) for one in world.state().segments.values()}


def test_records_sealed_under_the_old_tables_stay_reachable_after_an_update(world):
    update(world)
    world.ingest(NEW_RECORD)
    assert rules_sealed(world) == {("2016-09-01", "FR"), ("2016-09-03", "BE")}
    answer = world.open(world.authorize(by=("judge", "regulator")))
    starts = [row.split(",")[4] for row in rows_of(answer)]
    assert starts == ["2016-09-01T10:00:00Z", "2016-09-03T10:00:00Z"]
    assert audit(world, answer) == 0


def test_records_sealed_without_an_update_go_by_the_same_tables(world):
    """The twin: the roster names the same version, and both days fall under one rule."""
    world.ingest(NEW_RECORD)
    assert rules_sealed(world) == {("2016-09-01", "FR"), ("2016-09-03", "FR")}
    answer = world.open(world.authorize(by=("judge", "dpo")))
    assert len(rows_of(answer)) == 2
    assert audit(world, answer) == 0


def test_a_day_before_the_update_needs_the_rule_it_was_sealed_under(world):
    """Custodians and desk go by the segment's roster: those who may open the new country's records do not open the old ones."""
    update(world)
    note = world.authorize(by=("dpo", "regulator"), days=[("2016-09-01", "2016-09-01")])
    with pytest.raises(Refused, match="rule FR"):
        world.open(note)


def test_tables_that_are_not_here_say_which_release_is_needed(world):
    update(world)
    (numbering._FOLDER / f"numbering-{NEW}.csv").unlink()
    numbering.plans.cache_clear()
    numbering._table.cache_clear()
    for action in (lambda: world.ingest(NEW_RECORD), world.authorize):
        with pytest.raises(Unavailable, match=rf"version {re.escape(NEW)} is not here, found 9\.0\.43") as raised:
            action()
        assert f"numbering-{NEW}.csv, which is newer than this one" in raised.value.hint
    assert rules_sealed(world) == {("2016-09-01", "FR")}, "nothing was sealed by other tables"


def test_a_subjects_country_is_that_of_the_version(two_versions):
    subject = parse_subject(f"tel:{SUBJECT}", "subject")
    assert [subject.country(version) for version in numbering.versions()] == ["FR", "BE"]
    assert numbering.versions() == ("9.0.43", NEW)


# --- coffer-audit, which has no numbering tables -----------------------------------------------------------------------------------------------

BELGIAN = "+32470123456"
BELGIAN_RECORD = f"{BELGIAN},{BELGIAN[:-1]}7,2016-09-01 11:00:00,60\n"
"""So that a segment of the other country's rule stands beside the old one of the number that moves."""
BOTH_DAYS = [("2016-09-01", "2016-09-03")]


def audited(world, answer, capsys):
    """Exit code and what it said."""
    capsys.readouterr()
    return audit(world, answer), capsys.readouterr().out


def hide(monkeypatch, is_hidden):
    """A desk that leaves segments out: it finds none of them, before the intent and after."""
    honest = beginning.segments_due
    monkeypatch.setattr(
        beginning, "segments_due", lambda *a, **k: [item for item in honest(*a, **k) if not is_hidden(item[0].line)]
    )


@pytest.fixture
def moved(world):
    """Records of the number on both sides of the update, and of a Belgian one before it: each rule has segments under the old tables."""
    world.ingest(BELGIAN_RECORD)
    update(world)
    world.ingest(NEW_RECORD)
    return world


@pytest.mark.parametrize(
    "days",
    [BOTH_DAYS, [("2016-09-01", "2016-09-01")], [("2016-09-03", "2016-09-03")]],
    ids=["both", "before the update", "after it"],
)
def test_an_honest_answer_over_the_update_is_complete(moved, capsys, days):
    answer = moved.open(moved.authorize(days=days))
    assert len(rows_of(answer)) == (2 if days == BOTH_DAYS else 1)
    code, said = audited(moved, answer, capsys)
    assert code == 0
    is_condition = f"tables 9.0.43 put the number of subject line 1 into another country than the tables {NEW}" in (
        " ".join(said.split())
    )
    assert is_condition == (days != [("2016-09-03", "2016-09-03")]), "the auditor says what it cannot look up"


def test_an_honest_answer_without_an_update_is_complete_without_a_condition(world, capsys):
    """The twin: one version of the tables, so that the old cells tell the number's country for the new ones."""
    world.ingest(BELGIAN_RECORD)
    world.ingest(NEW_RECORD)
    code, said = audited(world, world.open(world.authorize(days=BOTH_DAYS)), capsys)
    assert (code, "into another country" in said) == (0, False)


SECOND_RECORD = f"{SUBJECT},+33698765432,2016-09-01 12:00:00,60\n"
GERMAN_RECORD = "+4930123456,+4930123457,2016-09-01 11:00:00,60\n"


def is_old_french(line):
    return (str(line.day), line.rule) == ("2016-09-01", "FR")


def test_an_answer_without_a_segment_under_the_new_tables_is_found(moved, monkeypatch, capsys):
    hide(monkeypatch, lambda line: line.rule == "BE" and str(line.day) == "2016-09-03")
    code, said = audited(moved, moved.open(moved.authorize(days=BOTH_DAYS)), capsys)
    assert (code, "INCOMPLETE" in said) == (3, True)


def test_an_answer_with_one_of_two_segments_under_the_old_tables_is_found(world, monkeypatch, capsys):
    world.ingest(SECOND_RECORD)
    update(world)
    (first, _) = world.state().segments
    hide(monkeypatch, lambda line: line.seg_id == first)
    code, said = audited(world, world.open(world.authorize(days=BOTH_DAYS)), capsys)
    assert (code, "INCOMPLETE" in said, first.hex() in said) == (3, True, True)


@pytest.mark.parametrize("is_told_apart", [True, False], ids=["every rule has segments", "a rule has none"])
def test_an_answer_with_no_segment_under_the_old_tables_is_found_or_says_what_it_rests_on(
    world, monkeypatch, capsys, is_told_apart
):
    """It claims that the old tables put the number into a country without records: only who has them sees that they do not."""
    for text in [BELGIAN_RECORD, *[GERMAN_RECORD] * is_told_apart]:
        world.ingest(text)
    update(world)
    world.ingest(NEW_RECORD)
    hide(monkeypatch, is_old_french)
    answer = world.open(world.authorize(days=BOTH_DAYS))
    code, said = audited(world, answer, capsys)
    assert (code, "INCOMPLETE" in said) == ((3, True) if is_told_apart else (0, False))
    assert is_told_apart or f"another country than the tables {NEW} do" in " ".join(said.split())
    pins = world.vault.pins
    before = replay(world.vault.log.entries(0, answer.intent), origin=pins.origin, genesis=pins.genesis)
    with pytest.raises(NotProven, match=r"D6: segment [0-9a-f]+ of 2016-09-01 was not asked"):
        verify_complete(verify_disclosure(answer_files(answer)), before, world.state())


@pytest.mark.parametrize("is_all", [True, False])
def test_two_subjects_over_the_update_have_a_rule_each(moved, monkeypatch, capsys, is_all):
    """Each rule of the note has a line of its own; without the German line's segments none has them all."""
    moved.ingest(GERMAN_RECORD.replace("09-01", "09-03"))
    note = moved.authorize(subjects=[f"tel:{SUBJECT}", "tel:+4930123456"], days=BOTH_DAYS)
    if not is_all:
        hide(monkeypatch, lambda line: line.rule == "base")
    assert audited(moved, moved.open(note), capsys)[0] == (0 if is_all else 3)
