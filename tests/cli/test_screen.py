"""Tables and lines that are written here are those that the library would draw."""

import io
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from coffer.cli.console import PIPE_WIDTH, console, error_console
from coffer.cli.tables import Table

CELLS = st.text(st.characters(codec="ascii", min_codepoint=0x20, max_codepoint=0x7E), max_size=12)


def drawn(item: Table | str, **how: object) -> str:
    """As the library draws it, a table without the blanks at the ends of its lines."""
    out = io.StringIO()
    Console(file=out, highlight=False, markup=False, emoji=False, width=PIPE_WIDTH, **how).print(item)
    lines = out.getvalue().split("\n")
    return "\n".join(line.rstrip(" ") if isinstance(item, Table) else line for line in lines)


def shown(item: Table | str) -> str:
    """As a command shows it where the output is no terminal."""
    out = io.StringIO()
    with patch("sys.stdout", out):
        console().print(item)
    return out.getvalue()


@given(st.data(), st.integers(1, 6), st.booleans())
def test_table_that_fits_is_the_one_that_the_library_draws(data, columns, has_heads):
    heads = data.draw(st.lists(CELLS, min_size=columns, max_size=columns)) if has_heads else []
    table = Table(*heads, numbers=heads[:1], whole=heads[1:2])
    for row in data.draw(st.lists(st.lists(CELLS, min_size=columns, max_size=columns), max_size=5)):
        table.add_row(*row)
    assert shown(table) == drawn(table)


@pytest.mark.parametrize("cell", ["é" * 3, "x" * PIPE_WIDTH, "\u754c"])
def test_table_that_does_not_fit_or_is_no_ascii_is_the_library_s(cell):
    table = Table("a", "b")
    table.add_row(cell, "2")
    assert table.lines(PIPE_WIDTH, has_bold=False) is None
    assert shown(table) == drawn(table)


@pytest.mark.parametrize("text", ["", "a line", "two  spaces ", "x" * 250, "words " * 60, "é and more"])
def test_line_is_the_one_that_the_library_draws(text):
    assert shown(text) == drawn(text)


@pytest.mark.parametrize("cell", ["a", "é", "x" * (PIPE_WIDTH + 9)])
@pytest.mark.parametrize("is_stderr", [False, True])
def test_no_line_of_a_table_in_a_file_ends_in_blanks(cell, is_stderr):
    table = Table("name", "what is said of it")
    table.add_row(cell, "of it")
    table.add_row("b", "")
    out = io.StringIO()
    with patch("sys.stderr" if is_stderr else "sys.stdout", out):
        (error_console() if is_stderr else console()).print(table)
    lines = out.getvalue().split("\n")
    assert [line for line in lines if line.endswith(" ")] == []
    assert lines[-2:] == ["b", ""]


def test_heading_is_bold_on_a_terminal():
    table = Table("name", "count", numbers=["count"])
    table.add_row("a", "12")
    named = Table()
    named.add_row("a", "12")
    assert table.lines(80, has_bold=True) == ["\x1b[1mname\x1b[0m  \x1b[1mcount\x1b[0m", "a        12"]
    assert named.lines(80, has_bold=True) == ["\x1b[1ma\x1b[0m  12"]
