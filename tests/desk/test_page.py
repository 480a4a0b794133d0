"""The tables of docs/formats/desk.md are the tables of the program: what the page calls clear is clear, and nothing else."""

import re
from pathlib import Path

from sqlalchemy import LargeBinary

from coffer.desk.people import Role
from coffer.desk.store import outbox, tables
from coffer.notify.message import News
from coffer.notify.retries import AFTER
from coffer.passkeys import sessions

PAGE = (Path(__file__).parents[2] / "docs/formats/desk.md").read_text("utf-8")
WORDS = " ".join(PAGE.split())


def test_clear_columns_are_those_of_the_page():
    listed = {
        name: set(re.findall(r"`(\w+)`", clear))
        for name, clear in re.findall(r"^\| `(\w+)` \| (`.*?) \| .* \|$", PAGE.split("## Sealing")[0], re.MULTILINE)
    }
    there = {
        table.name: {column.name for column in table.columns} - {"sealed"} for table in tables.METADATA.tables.values()
    }
    assert listed == there


def test_every_table_but_leases_has_one_sealed_column_and_clear_ones_hold_no_text():
    for table in tables.METADATA.tables.values():
        sealed = [column.name for column in table.columns if column.name == "sealed"]
        assert sealed == ([] if table.name == "leases" else ["sealed"]), table.name
        for column in table.columns:
            length = getattr(column.type, "length", None)
            is_short = not hasattr(column.type, "length") or (length is not None and length <= 32)
            assert is_short or (column.name == "sealed" and isinstance(column.type, LargeBinary)), column


def test_closed_lists_and_bounds_of_the_page_are_the_programs():
    listed = re.search(r"## Notifications One of (.*?), a number of hours", WORDS)[1]
    assert sorted(re.findall(r"`([a-z-]+)`", listed)) == sorted(news.value for news in News)
    assert "Roles are clerk, head, operator and auditor" in WORDS
    assert {role.value for role in Role} == {"clerk", "head", "operator", "auditor"}
    assert [int(span.total_seconds() // 60) for span in AFTER] == [1, 5, 15, 60, 180, 360, 720]
    assert "after 1, 5, 15 minutes and 1, 3, 6 and 12 hours" in WORDS
    assert (sessions.IDLE.seconds // 60, sessions.LONGEST.seconds // 3600, outbox.MAX_WAITING) == (30, 12, 10_000)
