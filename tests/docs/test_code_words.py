"""What the code promises its readers: first lines that fit, and variables that say what was found."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for name in ("src", "auditor/src", "scripts", "bench") for path in (ROOT / name).rglob("*.py"))
MOST = 99
NAMED_LATER = ROOT / "src" / "coffer" / "records"
"""Here ``found`` still stands in some fifty places."""


def long_first_lines(tree):
    """The first lines of docstrings that are too long."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
    return [text.splitlines()[0] for text in texts if text and len(text.splitlines()[0]) > MOST]


def named_found(tree):
    """The lines where a variable or a parameter is called found."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == "found" and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.arg) and node.arg == "found")
    ]


def test_first_lines_of_docstrings_stay_under_100_characters():
    assert len(FILES) > 500
    assert {path.name: lines for path in FILES if (lines := long_first_lines(ast.parse(path.read_text("utf-8"))))} == {}


def test_no_variable_is_called_found():
    looked = [path for path in FILES if "src" in path.parts and NAMED_LATER not in path.parents]
    assert len(looked) > 400
    assert {path.name: lines for path in looked if (lines := named_found(ast.parse(path.read_text("utf-8"))))} == {}


@pytest.mark.parametrize(
    ("look", "text"),
    [
        (long_first_lines, f'"""{"a" * 100}"""'),
        (long_first_lines, f'def f():\n    """{"a" * 100}\n\n    more\n    """'),
        (named_found, "found = 1"),
        (named_found, "def f(found): pass"),
        (named_found, "for found in []: pass"),
    ],
)
def test_the_looks_see_what_they_look_for(look, text):
    assert len(look(ast.parse(text))) == 1
    assert look(ast.parse('"""Short."""\nfounded = 1')) == []
