"""Genuine call data of a public exercise: what is opened equals a plain scan of the file."""

import csv
import datetime as dt
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from coffer_audit.cli import main as audit
from world import World, feed

FEED = """
[feed]
name = "india-calls"
format = "csv"
home_country = "IN"
time_zone = "Asia/Kolkata"
keep = []
kind = "call"
[csv]
header = false
date_format = "%d-%m-%Y %H:%M:%S"
[columns]
a = 0
b = 1
start = 2
duration_s = 3
"""
FILES = {"call": "india_calls.csv", "text": "india_texts.csv"}


def national(written):
    digits = re.sub(r"\D", "", written)
    return "tel:+91" + (digits.removeprefix("0"))


def lines_of(shared, name):
    return csv.reader((shared / "data" / name).read_text().splitlines())


def scan(shared):
    """Every row of both files as the two parties would see it: {subject: [row]}, written without any of our code."""
    found = {}
    for kind, name in FILES.items():
        for line in lines_of(shared, name):
            start = dt.datetime.strptime(line[2] + " +0530", "%d-%m-%Y %H:%M:%S %z").astimezone(dt.UTC)
            a, b = national(line[0]), national(line[1])
            tail = (start.strftime("%Y-%m-%dT%H:%M:%SZ"), line[3] if kind == "call" else "")
            found.setdefault(a, []).append((kind, "out", b, *tail))
            found.setdefault(b, []).append((kind, "in", a, *tail))
    return found


@pytest.fixture(scope="module")
def india(tmp_path_factory):
    shared = Path(__file__).parent.parent.parent.parent / "shared"
    if not shared.is_dir():
        pytest.skip("the folder of genuine samples is not beside the project")
    world = World.make(tmp_path_factory.mktemp("india"), retention_days=36500, late_days=36500, tally="epsilon 0.1")
    world.now = dt.datetime(2016, 10, 15, tzinfo=dt.UTC)
    world.epoch("2016-08-31", "2016-09-30")
    calls = world.ingest_files([shared / "data" / FILES["call"]], by=feed(FEED))
    texts = FEED.replace("india-calls", "india-texts").replace('"call"', '"text"').replace("duration_s = 3\n", "")
    return world, scan(shared), [calls, world.ingest_files([shared / "data" / FILES["text"]], by=feed(texts))], shared


def test_every_line_is_kept_since_every_one_has_two_numbers(india):
    _, _, summaries, shared = india
    for summary, name in zip(summaries, FILES.values(), strict=True):
        file = summary.files[0]
        assert file.read == len((shared / "data" / name).read_text().splitlines())
        assert (file.kept, file.rejected) == (file.read, Counter())


def chosen_subjects(rows):
    """With most records, with one, only ever called, a landline, and one that is not there."""
    busiest = max(sorted(rows), key=lambda s: len(rows[s]))
    single = next(s for s in sorted(rows) if len(rows[s]) == 1)
    called = next(s for s in sorted(rows) if len(rows[s]) > 2 and all(row[1] == "in" for row in rows[s]))
    landline = next(s for s in sorted(rows) if s.startswith("tel:+9180") and len(rows[s]) > 5)
    return [busiest, single, called, landline, "tel:+919999999990"]


def test_five_subjects_open_to_what_a_plain_scan_of_the_file_gives(india):
    world, rows, _, _ = india
    subjects = chosen_subjects(rows)
    assert len(rows.get(subjects[-1], [])) == 0
    note = world.authorize(subjects=subjects, days=[("2016-08-31", "2016-09-30")], kinds="call,text", max_records=5000)
    answer = world.open(note)
    opened = {}
    for row in csv.DictReader(answer.records_csv.decode().splitlines()):
        values = tuple(row[name] for name in ("kind", "direction", "peer", "start_utc", "duration_s"))
        opened.setdefault(row["subject"], []).append(values)
    for subject in subjects:
        assert sorted(opened.get(subject, [])) == sorted(rows.get(subject, []))
    assert {cell.status for cell in answer.cells} == {"complete", "no records"}
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0


def write_numbers(world, rows, shared):
    """Every number that went in, as written and in full, for grep."""
    numbers = {subject.removeprefix(prefix) for subject in rows for prefix in ("tel:+91", "tel:+")}
    numbers |= {line[i] for name in FILES.values() for line in lines_of(shared, name) for i in (0, 1)}
    assert len(numbers) > 1000
    patterns = world.path / "patterns"
    patterns.write_text("\n".join(sorted(numbers)) + "\n")
    return numbers, patterns


def test_no_byte_the_vault_leaves_on_disk_holds_a_number_that_went_in(india):
    world, rows, _, shared = india
    numbers, patterns = write_numbers(world, rows, shared)
    found = subprocess.run(
        ["grep", "-rlaF", "-f", str(patterns), str(world.vault.path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1, f"numbers found in {found.stdout}"
    as_binary = {int(n).to_bytes(8, "big") for n in numbers if n.isdigit()}
    for path in world.vault.path.rglob("*"):
        if path.is_file() and path.suffix != ".rows":
            content = path.read_bytes()
            assert {value in content for value in as_binary} == {False}, path.name


def test_the_same_search_finds_a_number_that_is_there(india):
    # The twin of the test above: the search itself works.
    world, rows, _, shared = india
    _, patterns = write_numbers(world, rows, shared)
    planted = world.path / "planted"
    planted.write_text(f"x{min(rows).removeprefix('tel:+')}y\n")
    command = ["grep", "-rlaF", "-f", str(patterns), str(planted)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
