"""Files of every format through ingest, opening and audit: counts agree, one person's records come out, and no content goes in."""

import csv
import datetime as dt
import io
import json

import pytest

from cdr_writing import framed, tlv
from coffer.cli.commands.ingest import _warnings
from coffer.cli.main import run
from coffer_audit.cli import main as audit
from source_files import CANARY, CASES, A, B, feed_of
from world import World

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


@pytest.fixture
def november(tmp_path):
    world = World.make(tmp_path, now=NOW)
    world.epoch("2026-11-23", "2026-11-24")
    return world


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_file_is_sealed_counted_and_audited_and_its_content_is_nowhere(name, november, capfd, monkeypatch):
    case = CASES[name]
    path = november.path / "records"
    path.write_bytes(case.data)
    summary = november.ingest_files([path], by=case.feed)
    (file,) = summary.files
    assert (file.read, file.kept, file.format) == (case.records, case.events, name)
    assert file.duplicate == file.merged.total()
    assert file.read == file.kept + file.rejected.total() + file.duplicate
    again = november.ingest_files([path], by=case.feed)
    assert (again.files[0].is_known, again.rows) == (True, 0)
    assert audit(["vault", str(november.vault.path)]) == 0
    held = [p for p in november.vault.path.rglob("*") if p.is_file() and CANARY.encode() in p.read_bytes()]
    assert held == []
    out, err = capfd.readouterr()
    assert CANARY not in out + err


def test_a_persons_records_of_a_switch_are_opened(november):
    case = CASES["kamailio"]
    november.ingest(case.data, by=case.feed, name="acc.log")
    note = november.authorize(subjects=[f"tel:{A}"], days=[("2026-11-23", "2026-11-23")], kinds="call,text")
    rows = list(csv.DictReader(io.StringIO(november.open(note).records_csv.decode())))
    assert sorted((row["kind"], row["direction"], row["peer"]) for row in rows) == [
        ("call", "out", f"tel:{B}"),
        ("text", "out", "tel:+4930333333"),
    ]


def test_legs_in_two_files_are_counted_each_in_its_own(november):
    case = CASES["kamailio"]
    lines = case.data.splitlines(keepends=True)
    paths = []
    for number, part in enumerate((lines[:5], lines[5:])):
        path = november.path / f"acc.log.{number}"
        path.write_bytes(b"".join(part))
        paths.append(path)
    summary = november.ingest_files(paths, by=case.feed)
    assert sum(file.kept for file in summary.files) == case.events
    assert [dict(file.merged) for file in summary.files] == [{"invite": 1, "ack": 1}, {"bye": 1, "cdr": 2}]


def test_the_command_finds_the_format_and_says_why(november, capfd, monkeypatch):
    monkeypatch.setattr("coffer.cli.console.system_clock", lambda: NOW)
    case = CASES["kannel"]
    odd = b"2026-11-23 18:58:07 Sent SMS [SMSC:FAKE] [from:SECRET SECRET] [to:odd SECRET] [msg:6:SECRET]\n"
    (november.path / "access.log").write_bytes(case.data + odd)
    (november.path / "feed.toml").write_text('[feed]\nname = "sms"\nhome_country = "DE"\ntime_zone = "UTC"\n')
    folder = november.path
    common = ["ingest", str(november.vault.path), "--feed", str(folder / "feed.toml"), str(folder / "access.log")]
    assert run([*common, "--rejects", str(folder / "rejects.csv")]) == 0
    out, err = capfd.readouterr()
    assert "access.log: read as kannel (lines like: Sent SMS [SMSC:...] [SVC:...])" in out
    assert "1 merged: delivery-report" in out
    assert "2 skipped: log-mark" in out
    rejects = (folder / "rejects.csv").read_text()
    assert rejects.startswith("file,line,reason,field\naccess.log,7,")
    assert CANARY not in out + err + rejects


def test_feed_check_shows_shapes_only_and_writes_nothing_to_a_vault(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("coffer.cli.console.system_clock", lambda: NOW)
    monkeypatch.chdir(tmp_path)
    for name, case in CASES.items():
        if name == "parquet":
            continue
        (tmp_path / name).write_bytes(case.data)
        assert run(["feed", "check", name, "--country", "DE", "--json"]) == 0
        out, err = capfd.readouterr()
        document = json.loads(out)
        (report,) = document["files"]
        assert (report["read"], report["kept"]) == (case.records, case.events)
        assert CANARY not in out + err
        assert [number for number in (A, B, "30111111", "36500") if number in out + err] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(set(CASES) - {"parquet"})


def test_a_proposed_feed_ingests_all_lines_of_the_public_exercise(shared, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = World.make(tmp_path, now=dt.datetime(2016, 10, 2, tzinfo=dt.UTC), late_days=60)
    world.epoch("2016-08-31", "2016-10-01")
    for name, lines in (("india_calls", 5213), ("india_texts", 9072)):
        path = shared / "data" / f"{name}.csv"
        assert run(["feed", "check", str(path), "--country", "IN", "--zone", "Asia/Kolkata", "-o", f"{name}.toml"]) == 0
        from coffer.records.feed import parse_feed

        (file,) = world.ingest_files([path], by=parse_feed((tmp_path / f"{name}.toml").read_text(), "x")).files
        assert (file.read, file.kept) == (lines, lines)


def test_a_file_of_another_domain_is_said_to_hold_no_record(world):
    record = tlv(79, tlv(0, b"\x4f"), constructed=True)
    summary = world.ingest(framed([record] * 3, ts=7), by=feed_of("ber"), name="pgw.dat")
    (line,) = _warnings(summary, "vault")
    assert line == "pgw.dat: holds no record of a call, text or mail, only packet-switched"
