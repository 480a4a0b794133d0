"""The year of a log without one: what it rests on is said, and a file whose date denies it is named."""

import datetime as dt
import os
from collections import Counter
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer.errors import MalformedInput
from coffer.procedures.ingest.decide import year_remarks
from coffer.records.feed import parse_feed

LOG = Path(__file__).parents[1] / "records/cases/inputs/mail/pf-old-log/mail.log"
FEED = '[feed]\nname = "mail"\nformat = "postfix"\nhome_country = "DE"\ntime_zone = "UTC"\n'


def test_what_a_year_rests_on():
    (said,) = year_remarks("mail.log", Counter({"year 2026": 4}), 2026, "postfix")
    assert said.startswith("mail.log: its lines have no year, each got the newest that is not after the clock: 2026; ")
    (said,) = year_remarks("mail.log", Counter({"year 2025": 1, "year 2026": 4}), 0, "postfix")
    assert "2025 and 2026" in said
    assert year_remarks("mail.log", Counter({"zone": 1}), 2020, "postfix") == []


@pytest.mark.parametrize("form", ["opensmtpd", "postfix", "sendmail"])
def test_the_year_is_set_in_the_table_of_the_file_s_own_format(form):
    (said,) = year_remarks("mail.log", Counter({"year 2026": 4}), 2026, form)
    assert f"another year needs year = 2025 under [{form}] in the feed" in said
    text = FEED.replace("postfix", form) + f"[{form}]\nyear = 2025\n"
    assert parse_feed(text, "feed").settings.year == 2025


@pytest.mark.parametrize("form", ["sendmail", "kamailio", ""])
def test_the_error_of_another_table_names_the_one_that_is_known(form):
    text = FEED.replace('format = "postfix"\n', f'format = "{form}"\n' if form else "") + "[odd]\nyear = 2025\n"
    with pytest.raises(MalformedInput, match=r"feed: odd: unknown key") as caught:
        parse_feed(text, "feed")
    assert {"feed", form or "sendmail"} <= set(caught.value.hint.removeprefix("known here: ").split(", "))


def test_a_file_that_was_last_changed_before_that_year_is_named_with_the_setting(tmp_path, capfd):
    path = tmp_path / "mail.log"
    path.write_bytes(LOG.read_bytes())
    when = dt.datetime(2023, 11, 21, tzinfo=dt.UTC).timestamp()
    os.utime(path, (when, when))
    (tmp_path / "f.toml").write_text(FEED)
    assert run(["feed", "check", str(path), "--feed", str(tmp_path / "f.toml")]) == 0
    assert "was last changed in 2023, before the year" in (said := capfd.readouterr().err)
    assert "year = 2023 under [postfix]" in said
    (tmp_path / "f.toml").write_text(FEED + "[postfix]\nyear = 2023\n")
    assert run(["feed", "check", str(path), "--feed", str(tmp_path / "f.toml")]) == 0
    assert "year" not in capfd.readouterr().err
