"""Files as people come with them: checked without a feed, piped in, grown overnight, in an old encoding, empty."""

import csv
import datetime as dt
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from coffer.cli.main import run
from coffer.errors import MalformedInput
from coffer.procedures.ingest.sources import Source
from coffer.records.feed import parse_feed
from world import World

USE = Path(__file__).parent / "inputs/use"
DURATION = "Dur\u00e9e"
NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)


@pytest.fixture
def vault(tmp_path):
    made = World.make(tmp_path, now=NOW)
    made.epoch("2026-11-01", "2026-12-02")
    return made


def seconds(text):
    hours, minutes, rest = map(int, text.split(":"))
    return 3_600 * hours + 60 * minutes + rest


@pytest.mark.parametrize(
    ("name", "encoding", "titles"),
    [("01-duration-guess/calls.csv", "utf-8", 0), ("06-latin1-preamble/releve.csv", "cp1252", 3)],
)
def test_a_list_is_sealed_by_the_feed_that_is_proposed_for_it(vault, tmp_path, capfd, name, encoding, titles):
    """The duration is the column that is called so, never the row number; titles and the encoding are found."""
    made = tmp_path / "f.toml"
    assert run(["feed", "check", str(USE / name), "--zone", "Europe/Paris", "-o", str(made)]) == 0
    assert "+336" not in capfd.readouterr().out
    feed = parse_feed(made.read_text(), "f.toml")
    assert (feed.columns["duration_s"], feed.home.country, feed.mapping.text.encoding) == (
        (DURATION,),
        "FR",
        encoding,
    )
    (file,) = vault.ingest_files([USE / name], by=feed).files
    lines = (USE / name).read_text(encoding).splitlines()[titles:]
    rows = [row for row in csv.DictReader(lines, delimiter=";") if row["Heure"]]
    assert (file.kept, file.rejected.total()) == (len(rows), 0)
    number = rows[0]["Appelant"]
    answer = vault.open(vault.authorize(subjects=[f"tel:{number}"], days=[("2026-11-24", "2026-11-26")], kinds="call"))
    shown = answer.records_csv.decode()
    assert f",{seconds(rows[0][DURATION])}," in shown


def test_a_pipe_is_read_like_the_file(monkeypatch, capfd):
    raw = (USE / "02-stdin/calls.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
    assert run(["feed", "check", "-", "--zone", "Europe/Paris"]) == 0
    piped = capfd.readouterr().out
    assert run(["feed", "check", str(USE / "02-stdin/calls.csv"), "--zone", "Europe/Paris"]) == 0
    assert piped.replace("standard input:", "calls.csv:") == capfd.readouterr().out


def test_a_file_that_grew_overnight_gives_only_what_is_new(vault):
    feed = parse_feed((USE / "03-growing-master/asterisk.toml").read_text(), "feed")
    nights = [(USE / "03-growing-master" / name).read_bytes() for name in ("night1.csv", "night2.csv")]
    assert nights[1].startswith(nights[0])
    first, second = (vault.ingest(raw, by=feed, name="Master.csv") for raw in nights)
    assert (first.files[0].kept, second.files[0].known, second.files[0].kept) == (5, 5, 1)


def test_an_empty_file_among_others_is_no_error_and_alone_it_is_one(vault):
    feed = parse_feed((USE / "08-empty-file/asterisk.toml").read_text(), "feed")
    empty = USE / "08-empty-file/empty.csv"
    assert Source.is_empty(str(empty))
    with pytest.raises(MalformedInput, match=r"empty\.csv: is empty"):
        vault.ingest_files([empty], by=feed)
    assert vault.ingest_files([USE / "08-empty-file/ok.csv"], by=feed).files[0].kept == 3
