"""What the code promises its readers: sizes, first lines that fit, and variables that say what was found."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for name in ("src", "auditor/src", "scripts", "bench") for path in (ROOT / name).rglob("*.py"))
MOST = 99
FILE_LINES, FUNCTION_LINES = 400, 60
SHORT_ROOMS = [ROOT / "scripts", *(ROOT / "src" / "coffer" / name for name in ("vault", "procedures", "cli"))]
"""Where every file and function is short."""
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


def long_functions(tree):
    """The names of functions that are too long. Of a command only its body counts, after the docstring."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node.name for node in functions if node.end_lineno - _first_counted(node) >= FUNCTION_LINES]


def _first_counted(node):
    is_command = any("command" in ast.unparse(decorator) for decorator in node.decorator_list)
    return node.body[bool(ast.get_docstring(node))].lineno if is_command else node.lineno


def test_files_and_functions_stay_short():
    looked = [path for path in FILES if any(room in path.parents for room in SHORT_ROOMS)]
    assert len(looked) > 250
    assert [path.name for path in looked if len(path.read_text("utf-8").splitlines()) > FILE_LINES] == []
    assert {path.name: names for path in looked if (names := long_functions(ast.parse(path.read_text("utf-8"))))} == {}


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
        (long_functions, "def f():\n" + "    pass\n" * 60),
        (long_functions, "@click.command()\ndef f(a):\n    'Words.'\n" + "    pass\n" * 61),
        (named_found, "found = 1"),
        (named_found, "def f(found): pass"),
        (named_found, "for found in []: pass"),
    ],
)
def test_the_looks_see_what_they_look_for(look, text):
    assert len(look(ast.parse(text))) == 1
    assert look(ast.parse('"""Short."""\nfounded = 1')) == []
