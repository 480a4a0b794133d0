"""The mutation tester, on sources of a few lines."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import mutate

HERE = Path("x.py")


def changed(source):
    return [mutant.applied(source.encode()).decode() for mutant in mutate.mutants_of(source.encode(), HERE)]


@pytest.mark.parametrize(
    ("source", "mutants"),
    [
        ("a < b", ["(a <= b)"]),
        ("a <= b", ["(a < b)"]),
        ("a < b < c", ["(a <= b < c)", "(a < b <= c)"]),
        ("é = a == b", ["é = (a != b)"]),
        ("a in b", ["(a not in b)"]),
        ("a is not b", ["(a is b)"]),
        ("a and b", ["(a or b)"]),
        ("not (a or b)", ["(a or b)", "not ((a and b))"]),
        ("a = True", ["a = False"]),
        ("a = 255", ["a = 256"]),
        ("def f():\n    return a\n", ["def f():\n    return None\n"]),
        ("def f():\n    return\n", []),
        ("raise a", ["pass"]),
        ("f()", ["pass"]),
        ("a += b", ["pass"]),
        ('"""A docstring, 1."""', []),
        ("@f(1)\ndef g(a: 1) -> 2:\n    ...\n", []),
        ('f"{a == 1}"', []),
    ],
)
def test_changes_of_a_source(source, mutants):
    assert sorted(changed(source)) == sorted(mutants)


def test_mutant_tells_its_line_and_its_change():
    (mutant,) = mutate.mutants_of(b"a = (\n    b\n    == c\n)\n", HERE)
    assert mutant.format() == "x.py:2: comparison: b == c -> (b != c)"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A room of one function whose lower bound alone is tested."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the small project needs none, and they take seconds
    files = {
        "src/thing/__init__.py": "",
        "src/thing/room.py": "def is_small(n):\n    return 0 <= n < 10\n",
        "tests/test_room.py": "from thing.room import is_small\n\n\ndef test_bound():\n    assert is_small(0)\n"
        "    assert not is_small(-1)\n    assert is_small(5)\n",
        "tests/test_other.py": "def test_nothing():\n    raise AssertionError\n",
        "pyproject.toml": '[tool.pytest.ini_options]\nmarkers = ["slow: slow"]\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def state_of(project):
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_survivors_are_named_and_the_work_tree_is_not_touched(project, capsys):
    before = state_of(project)
    assert mutate.main(["src/thing", "--mutants", "99"], project) == 0
    assert state_of(project) == before
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("src/thing: 5 of 5 possible changes, 1 test files, ")
    assert lines[1:] == [
        "survives: src/thing/room.py:2: comparison: 0 <= n < 10 -> (0 <= n <= 10)",
        "survives: src/thing/room.py:2: constant: 10 -> 11",
        "killed 3, timed out 0, survive 2",
    ]


def test_mutant_that_never_ends_is_ended_by_the_clock(project, capsys):
    """The one possible change of this source leaves nothing but the clock to end it."""
    (project / "src/thing/room.py").write_text("def count(n):\n    while n:\n        n -= n\n")
    (project / "tests/test_room.py").write_text("from thing.room import count\n\n\ndef test_it():\n    count(2)\n")
    assert mutate.main(["src/thing", "--timeout", "0.5"], project) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["killed 0, timed out 1, survive 0"]


def test_tests_that_fail_unchanged_prove_nothing(project, capsys):
    (project / "tests/test_room.py").write_text(
        "from thing.room import is_small\n\n\ndef test_bound():\n    assert is_small(99)\n"
    )
    assert mutate.main(["src/thing"], project) == 2
    assert "the tests do not pass unchanged: failed" in capsys.readouterr().out


def test_room_without_tests_is_refused(project, capsys):
    (project / "tests/test_room.py").unlink()
    with pytest.raises(SystemExit, match="2"):
        mutate.main(["src/thing"], project)
    assert "0 test files" in capsys.readouterr().err
