"""What a test may not be written as, because it then passes for the wrong reason; read from the sources of the tests.

``raises`` without ``match`` takes any refusal for the one that is meant. ``assert all(...)`` and ``assert not any(...)`` pass where
nothing is left to look at: ``assert {...} == {True}`` does not, and ``assert [...] == []`` says that nothing may be found.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


def faults_of(source):
    """Line and fault of each."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and is_raises(node.func):
            if not [keyword for keyword in node.keywords if keyword.arg == "match"]:
                found.append((node.lineno, "raises without match"))
        elif isinstance(node, ast.Assert) and is_quiet(node.test):
            found.append((node.lineno, "passes over nothing"))
    return found


def is_raises(function):
    return (isinstance(function, ast.Attribute) and function.attr == "raises") or (
        isinstance(function, ast.Name) and function.id == "raises"
    )


def is_quiet(test):
    """Whether it holds where there is nothing: of a sequence that is written out there is something."""
    if isinstance(test, ast.BoolOp):
        return any(map(is_quiet, test.values))
    is_negated = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    call = test.operand if is_negated else test
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return False
    if call.func.id != ("any" if is_negated else "all"):
        return False
    over = call.args[0]
    if not isinstance(over, ast.GeneratorExp):
        return not is_written_out(over)
    return any(part.ifs or not is_written_out(part.iter) for part in over.generators)


def is_written_out(over):
    return isinstance(over, ast.Tuple | ast.List | ast.Set) and bool(over.elts)


def test_every_raises_has_a_match_and_no_assertion_passes_over_nothing():
    paths = sorted(path for path in TESTS.rglob("*.py") if "samples" not in path.parts)
    assert len(paths) > 100
    faults = {str(path.relative_to(TESTS)): faults_of(path.read_text("utf-8")) for path in paths}
    assert {path: lines for path, lines in faults.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("with pytest.raises(Refused):\n    f()", "raises without match"),
        ("with raises((A, B)) as caught:\n    f()", "raises without match"),
        ("assert all(f(x) for x in found)", "passes over nothing"),
        ("assert all(found)", "passes over nothing"),
        ("assert all(f(x) for x in (a, b) if x), 'said'", "passes over nothing"),
        ("assert all(f(x, y) for x in (a, b) for y in x)", "passes over nothing"),
        ("assert not any(f(x) for x in found)", "passes over nothing"),
        ("assert a and all(found)", "passes over nothing"),
        ("assert all(f(x) for x in ())", "passes over nothing"),
    ],
)
def test_fault_is_found(source, fault):
    assert faults_of(source) == [(1, fault)]


@pytest.mark.parametrize(
    "source",
    [
        "with pytest.raises(Refused, match='scope'):\n    f()",
        "assert {f(x) for x in found} == {True}",
        "assert [x for x in found if not f(x)] == []",
        "assert all(f(x) for x in (a, b))",
        "assert not any(f(x) for x in [a, b])",
        "assert any(f(x) for x in found)",
        "assert all(f(x) for x in found) == expected",
    ],
)
def test_twin_that_says_what_it_means_has_none(source):
    assert faults_of(source) == []


def test_no_two_files_of_tests_have_one_name():
    """The tests are no package: of two files with one name pytest collects neither."""
    names = Counter(path.name for path in TESTS.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
