"""An update of the numbering tables moves a prefix to another country: what was sealed before stays where its roster's tables put it."""

import csv
import datetime as dt
import re
import shutil
from importlib import resources
from pathlib import Path

import pytest
from forging import rows_of

from coffer.errors import Refused, Unavailable
from coffer.identity import numbering
from coffer.identity.identifier import parse_subject
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
    monkeypatch.setattr(numbering, "_FOLDER", folder)
    numbering.plans.cache_clear()
    yield folder
    numbering.plans.cache_clear()


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
    for action in (lambda: world.ingest(NEW_RECORD), world.authorize):
        with pytest.raises(Unavailable, match=rf"version {re.escape(NEW)} is not here, found 9\.0\.43") as raised:
            action()
        assert f"numbering-{NEW}.csv, which is newer than this one" in raised.value.hint
    assert rules_sealed(world) == {("2016-09-01", "FR")}, "nothing was sealed by other tables"


def test_a_subjects_country_is_that_of_the_version(two_versions):
    subject = parse_subject(f"tel:{SUBJECT}", "subject")
    assert [subject.country(version) for version in numbering.versions()] == ["FR", "BE"]
    assert numbering.versions() == ("9.0.43", NEW)
