"""What commands say is what is enforced and what can be done next."""

import ast
import datetime as dt
import gzip
import json
import re
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import coffer
import coffer_audit
from coffer.cli.commands.report import _print
from coffer.cli.main import run
from coffer.procedures.reports.totals import Tables, make_report, sum_up
from coffer.tally.exact import BUCKETS
from coffer_audit.cli import main as audit
from world import FEED, NOW, World, feed

RECORD = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
SOURCES = Path(coffer.__file__).parent
AUDITOR = Path(coffer_audit.__file__).parent


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = World.make(tmp_path)
    made.epoch("2016-09-01", "2016-09-03")
    made.ingest(RECORD)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("coffer.cli.console.system_clock", made.clock)
    return made


def said(capsys, *words, code=0):
    capsys.readouterr()
    assert run([str(word) for word in words]) == code
    found = capsys.readouterr()
    return found.out + found.err


# coffer show


def show(world, note, capsys, *options):
    Path("request.note").write_bytes(note)
    text = said(capsys, "show", "request.note", "--vault", world.vault.path)
    document = json.loads(said(capsys, "show", "request.note", "--vault", world.vault.path, "--json"))
    return text, document["status"]


def test_show_names_no_status_of_a_request_that_can_be_used(world, capsys):
    text, status = show(world, world.authorize(), capsys)
    assert (status, "status" in text) == ([], False)


def test_show_says_revoked_refused_and_expired(world, capsys):
    note = world.authorize()
    with world.vault.writing() as state:
        world.vault.append([world.custodian("dpo").refusal_entry(note, "scope", "note")], state)
    assert show(world, note, capsys)[1] == ["refused by dpo (scope)"]
    with world.vault.writing() as state:
        world.vault.append([world.custodian("judge").revocation_entry(note, "note")], state)
    world.now += dt.timedelta(days=8)
    text, status = show(world, note, capsys)
    assert status == ["revoked", "refused by dpo (scope)", "expired"]
    assert "revoked; refused by dpo (scope); expired" in text
    assert "expired" in said(capsys, "show", "request.note"), "that much is known without a vault"


def test_show_names_the_rule_of_the_roster_that_the_request_names_and_not_of_the_one_in_force(world, capsys):
    note = world.authorize()
    world.publish(world.propose(rules={"base": "2 of judge,dpo,regulator and judge"}), "judge", "dpo")
    text, _ = show(world, note, capsys)
    assert "(rule base: 2 of judge,dpo,regulator)" in text
    text, _ = show(world, world.request(), capsys)
    assert "(rule base: 2 of judge,dpo,regulator and judge)" in text
    assert "sealed under roster" in text
    assert "base: 2 of judge,dpo,regulator" in text


def test_show_says_that_a_hub_asks_for_everyone(world, capsys):
    assert "all of dpo, judge, regulator, since it is a hub" in show(world, world.request(is_hub=True), capsys)[0]


# coffer ingest


def test_one_empty_file_of_several_is_a_warning_and_all_are_an_error(world, capsys):
    Path("feed.toml").write_text(FEED)
    Path("empty.csv").touch()
    with gzip.open("packed.csv.gz", "wb"):
        pass
    Path("full.csv").write_text(RECORD.replace(" 10:", " 00:"))
    words = ("ingest", world.vault.path, "--feed", "feed.toml")
    assert "empty.csv: is empty" in said(capsys, *words, "empty.csv", code=2)
    text = said(capsys, *words, "empty.csv", "full.csv", "packed.csv.gz")
    assert "empty.csv: is empty: nothing to seal in it" in text
    assert "packed.csv.gz: is empty: nothing to seal in it" in text
    assert "rows sealed" in text


def test_an_ingest_that_rejects_most_of_a_file_ends_with_2_after_it_logged_what_it_kept(world, capsys):
    """Its twin is a file of which as many lines are kept as rejected."""
    Path("feed.toml").write_text(FEED)
    good = RECORD.replace(" 10:", " 00:")
    Path("most.csv").write_text(good + "\n\n" + "a\n" * 2)
    Path("half.csv").write_text(good.replace("612", "613") + "a\n")
    words = ("ingest", world.vault.path, "--feed", "feed.toml")
    text = said(capsys, *words, "most.csv", code=2)
    assert "2 rows sealed" in text
    assert "most.csv: 2 skipped: empty-line" in text
    assert "most.csv: 2 of 3 new lines rejected, 2 of them as wrong-column-count; the 1 kept are sealed" in text
    assert "hint: is the delimiter in the feed file the file's?" in text
    assert "2 rows sealed" in said(capsys, *words, "half.csv")
    assert "nothing was added" in said(capsys, *words, "most.csv")


def test_a_file_of_rejects_is_written_only_if_there_are_any(world, capsys):
    Path("feed.toml").write_text(FEED)
    Path("one.csv").write_text(RECORD)
    words = ("ingest", world.vault.path, "--feed", "feed.toml", "--rejects", "rejects.csv", "one.csv")
    assert "nothing was added" in said(capsys, *words)
    assert not Path("rejects.csv").exists()
    Path("one.csv").write_text(RECORD + RECORD.replace("612", "613") + "odd\n")
    said(capsys, *words)
    assert "one.csv,3,wrong-column-count," in Path("rejects.csv").read_text()
    assert "rejects.csv: exists already" in said(capsys, *words, code=2)


# coffer report


@pytest.fixture
def noisy(tmp_path, monkeypatch):
    now = dt.datetime(2016, 9, 1, 12, 30, tzinfo=dt.UTC)
    made = World.make(tmp_path / "noisy", tally="epsilon 0.1", now=now)
    made.epoch("2016-09-01", "2016-09-03")
    # So many that their sum stands far out of the noise of all its cells: 400 failed once in some hundred runs.
    lines = "".join(f"+3361234{i:04d},+33698765432,2016-09-01 {i % 12:02d}:00:00,60\n" for i in range(8000))
    made.ingest(lines)
    made.ingest(lines.replace(",60\n", ",0\n"), by=feed(kind="text"), name="texts.csv")
    monkeypatch.chdir(tmp_path)
    return made


def report(world, *words, capsys, code=0):
    return said(capsys, "report", world.vault.path, "--from", "2016-09-01", "--to", "2016-09-03", *words, code=code)


def test_report_tells_an_unknown_country_from_one_of_which_nothing_is_published(world, noisy, capsys):
    assert "--country: not a country" in report(world, "--country", "QQ", capsys=capsys, code=2)
    assert "of IN no count is published in these days: nothing was collected" in report(
        world, "--country", "in", capsys=capsys
    )
    assert "or under about" in report(noisy, "--country", "in", capsys=capsys)
    small, capital = (report(world, "--country", text, capsys=capsys) for text in ("fr", "FR"))
    assert small == capital
    assert "2 records from or to FR" not in small
    assert "no count is published" not in small


def test_report_shows_no_hour_that_lay_ahead_and_no_duration_of_a_text(noisy):
    days = {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 3)}
    hours = make_report(noisy.vault, noisy.state(), **days, by=["hour"], country=None)
    assert [line.keys[0][11:13] for line in hours.lines] == [f"{hour:02d}" for hour in range(13)]
    kinds = make_report(noisy.vault, noisy.state(), **days, by=["kind"], country=None)
    assert {line.keys[0]: any(line.buckets) for line in kinds.lines} == {"call": True, "text": False}


def test_days_that_noise_put_below_nothing_are_told_from_the_total(capsys):
    def told(*counts):
        cells = {"records": counts, **dict.fromkeys(BUCKETS, [0] * len(counts)), "kind": ["call"] * len(counts)}
        cells |= dict.fromkeys(("feed", "origin", "destination"), ["x"] * len(counts))
        days = [dt.date(2016, 9, 1 + n) for n in range(len(counts))]
        hours = pl.DataFrame(cells | {"day": days})
        tables = Tables(hours=hours, countries=hours, batches=(), epsilon=Decimal("0.1"))
        period = {"first": days[0], "last": days[-1]}
        _print(sum_up(tables, **period, by=["day"]))
        return capsys.readouterr()

    clipped, plain = told(-3, 10), told(3, 10)
    assert "hint: the lines do not add up to the total" in clipped.err
    assert "\n7 records, " in clipped.out
    assert "add up" not in plain.err
    assert "\n13 records, " in plain.out


def test_each_row_of_a_report_carries_its_own_noise(noisy, capsys):
    days = {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 3)}
    found = make_report(noisy.vault, noisy.state(), **days, by=["kind"], country=None)
    assert [round(line.noise_sd**2) for line in found.lines] == [round(found.noise_sd**2 / 2)] * 2
    assert "±" in report(noisy, "--by", "kind", capsys=capsys)
    document = json.loads(report(noisy, "--by", "kind", "--json", capsys=capsys))
    assert [line["noise_standard_deviation"] for line in document["lines"]] == [
        round(x.noise_sd, 1) for x in found.lines
    ]


# Groups, letters, next steps


@pytest.mark.parametrize("group", ["roster", "custodian", "witness", "feed"])
def test_group_without_its_command_shows_its_help_as_it_is_written(group, capsys):
    text = said(capsys, group, code=2)
    assert text.startswith("Usage: coffer ")
    assert "Commands:" in text
    assert "coffer: usage" not in text


def test_notice_finds_the_proof_beside_the_letter(world, tmp_path, capsys):
    note = world.authorize(secret_until=NOW.date() - dt.timedelta(days=1))
    world.open(note)
    assert run(["notices", str(world.vault.path), "--write", "letters"]) == 0
    letters = tmp_path / "letters"
    one = next(letters.iterdir())
    for place in (letters, one, one / "proof"):
        assert audit(["notice", str(place)]) == 0, place
    assert audit(["notice", str(tmp_path)]) != 0


def test_subject_access_says_a_next_step_that_can_be_done(world, capsys):
    words = (
        "--subject",
        "tel:+33612345678",
        "--days",
        "2016-09-01",
        "2016-09-02",
        "--person",
        "A",
        "--verified-by",
        "B",
    )
    text = said(capsys, "subject-access", world.vault.path, *words, "-o", "access.note")
    step = next(line for line in text.splitlines() if "coffer countersign" in line)
    command = re.search(r"coffer (countersign .*) --as CUSTODIAN", step)[1].split()
    assert run([*command, "--as", "judge", "--yes"]) == 0
    (world.vault.path / "custodians.toml").write_text(
        '[cnil]\nurl = "https://cnil.example:1"\nfingerprint = "' + "00" * 32 + '"\n'
    )
    text = said(capsys, "subject-access", world.vault.path, *words, "-o", "second.note")
    assert f"next: coffer send {world.vault.path} second.note" in text


def test_no_message_cites_a_document_that_users_do_not_have():
    """Whoever installed the program has its help, and neither the documents of the repository nor a specification."""
    cited = re.compile(r"docs/|THREATS|SPEC\b|\bspecification\b|\.md\b")
    found = []
    for path in sorted(SOURCES.rglob("*.py")) + sorted(AUDITOR.rglob("*.py")):
        tree = ast.parse(path.read_text())
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found += [
            f"{path.name}:{node.lineno}: {node.value[:60]}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docs
            and cited.search(node.value)
        ]
    assert found == []


def test_both_programs_say_their_version(capsys):
    with pytest.raises(SystemExit, match=r"^0$") as stop:
        audit(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.split() == ["coffer-audit", coffer.__version__]
    assert said(capsys, "--version").split() == ["coffer,", "version", coffer.__version__]


# coffer request


@pytest.mark.parametrize(("subject", "is_told"), [("tel:+33639980001", True), ("tel:+33612345678", False)])
def test_number_that_cannot_exist_is_asked_for_as_dialled_too(world, capsys, subject, is_told):
    days, order = ("--days", "2016-09-01", "2016-09-01"), ("--kinds", "call", "--max-records", "5")
    why = ("--authority", "Court", "--basis", "case 1", "--purpose", "theft", "--person", "A. Example")
    text = said(capsys, "request", world.vault.path, "--subject", subject, *days, *order, *why, "-o", "r.note")
    assert ("no such number can exist" in text) == is_told
    assert ("ask for dialled:FR/... too" in text) == is_told
