"""Two emergencies at three in the morning: one is ratified the next day, the other is not, and shuts out the next."""

import datetime as dt
import json
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer.ledger.roster import Emergency
from coffer.web.window.openings import openings
from coffer.web.window.reading import Reading
from coffer_audit.cli import main as audit
from world import World

NIGHT = dt.datetime(2016, 9, 6, 3, 7, tzinfo=dt.UTC)
NAMES = ("judge", "dpo", "regulator", "deputy")
ON_CALL = Emergency(expression="2 of deputy,dpo,judge", ratify_hours=48)
"""By turns one deputy is awake, and one more of the rule's own."""
RECORDS = (
    "+33612345678,+33698765432,2016-09-05 23:50:00,60\n"
    "+33612345678,+33698765432,2016-09-05 23:58:00,5\n"
    "+33698765432,+33612345678,2016-09-05 22:00:00,9\n"
)
LIST = """format = "coffer.authorities/v1"
[[authority]]
name = "Rescue centre"
kind = "police"
country = "FR"
channel = "telephone, 3 in the morning"
call_back = "tel:+33123456789"
verified_by = "C. Lerk"
verified_on = 2016-08-01
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = World.make(tmp_path, custodians=NAMES, emergency=ON_CALL, now=NIGHT)
    made.epoch("2016-09-05", "2016-09-06")
    made.ingest(RECORDS)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("coffer.cli.console.system_clock", made.clock)
    Path("known.toml").write_text(LIST)
    for name in NAMES:
        assert run(["authorities", "vault", "--as", name, "--take", "known.toml"]) == 0
    return made


def said(capfd, *words, code=0, by=run):
    capfd.readouterr()
    assert by(list(words)) == code
    shown = capfd.readouterr()
    return shown.out + shown.err


def open_at_night(capfd, name, *, code=0):
    """The desk's clerk and two custodians, the deputy among them; everybody else sleeps."""
    period = ("--days", "2016-09-05", "2016-09-05", "--time-zone", "UTC", "--kinds", "call", "--max-records", "9")
    order = ("--authority", "Rescue centre", "--basis", "Art. 18", "--purpose", "A child is missing")
    person = ("--subject", "tel:+33612345678", "--person", "A. Example")
    note = f"{name}.note"
    said(capfd, "request", "vault", "--urgency", "emergency", *person, *period, *order, "-o", note)
    for custodian in ("deputy", "dpo"):
        said(capfd, "countersign", "vault", note, "--as", custodian, "--yes")
    return note, said(capfd, "open", "vault", note, "-o", name, code=code)


def on_the_window(world):
    reading = Reading(world.vault)
    assert reading.follow()
    shown = reading.look(lambda known, _: openings(known, world.now))
    return [(str(line.status), line.is_red) for line in shown.emergencies]


def transparency(capfd):
    days = ("--from", "2016-09-01", "--to", "2016-09-30", "--json")
    ours = json.loads(said(capfd, "transparency", "vault", *days))["log"]
    theirs = json.loads(said(capfd, "transparency", "vault", *days, by=audit))["log"]
    assert ours == theirs
    return {status: count for status, count in ours["emergencies"].items() if count}


def test_emergency_at_night_is_ratified_next_morning_and_the_next_is_open(world, capfd):
    note, text = open_at_night(capfd, "first")
    assert "3 records opened; judge: has not approved it, dpo: answered" in text
    assert "custodians of the rules must agree to it within 48 hours" in text
    assert transparency(capfd) == {"to_be_ratified": 1}
    world.now += dt.timedelta(hours=6)
    for custodian in ("judge", "regulator"):
        said(capfd, "ratify", "vault", note, "--as", custodian, "--yes")
    assert "ratified; ratified by judge, regulator" in said(capfd, "ratify", "vault")
    assert on_the_window(world) == [("ratified", False)]
    assert transparency(capfd) == {"ratified": 1}
    assert "emergencies: 1 ratified" in said(capfd, "vault", "vault", by=audit)
    world.now += dt.timedelta(days=3)
    assert "3 records opened" in open_at_night(capfd, "second")[1]


def test_emergency_that_nobody_ratifies_stands_red_and_shuts_out_the_next(world, capfd):
    note, _ = open_at_night(capfd, "first")
    world.now += dt.timedelta(hours=47)
    assert on_the_window(world) == [("to be ratified", False)]
    world.now += dt.timedelta(hours=2)
    world.epoch("2016-09-07", "2016-09-07")  # the log goes on
    assert on_the_window(world) == [("overdue", True)]
    assert transparency(capfd) == {"overdue": 1}
    red = said(capfd, "vault", "vault", by=audit, code=3)
    assert "violation: DEBT entry" in red
    second, refused = open_at_night(capfd, "second", code=4)
    assert "an emergency of this requester is overdue to be ratified" in refused
    said(capfd, "countersign", "vault", second, "--as", "judge", "--yes")  # in the morning, by the ordinary rule
    assert "3 records opened" in said(capfd, "open", "vault", second, "-o", "second")
    for custodian in ("judge", "dpo"):
        said(capfd, "ratify", "vault", note, "--as", custodian, "--yes")
    assert on_the_window(world) == [("ratified late", False)]
    assert "3 records opened" in open_at_night(capfd, "third")[1]
    assert transparency(capfd) == {"to_be_ratified": 1, "ratified_late": 1}
