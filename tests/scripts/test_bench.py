"""The measuring programs say what they take."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted(path for path in (Path(__file__).parents[2] / "bench").glob("*.py") if "__main__" in path.read_text())


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_arguments_are_parsed_so_that_help_is_no_traceback(path):
    assert ".parse_args(" in path.read_text()


def test_help_of_one_that_measured_at_once():
    path = next(path for path in PROGRAMS if path.stem == "attackers")
    done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=True)
    assert "PLAN.json" in done.stdout
