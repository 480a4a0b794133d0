"""Libraries of an extra are imported in few places, and a missing one is told with what to install."""

import ast
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from bare import ROOT
from packaging.requirements import Requirement

import coffer
from coffer.errors import Unavailable
from coffer.extras import Extra, extra

SOURCES = Path(coffer.__file__).parent
PLACES = {
    "altair": {"pictures/draw.py"},
    "vl_convert": {"pictures/draw.py"},
    "typst": {"disclosure/typesetting.py"},
    "opendp": {"tally/noise.py"},
    "pkcs11": {"custodian/token.py"},
    "fsspec": {"objects/store.py"},
    "s3fs": {"objects/store.py"},
    "confluent_kafka": {"procedures/watch/topics/consumer.py"},
    "pyhanko": {"signatures/look.py"},
    "pyhanko_certvalidator": {"signatures/look.py"},
    "signxml": {"signatures/look.py"},
    "pyrage": {"disclosure/age.py"},
}
"""Those of ``web`` have a contract of their own in .importlinter."""


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_each_library_of_an_extra_is_imported_where_the_map_says():
    found = {library: set() for library in PLACES}
    for path in sorted(SOURCES.rglob("*.py")):
        text = path.read_text()
        if not any(library in text for library in PLACES):
            continue  # most files name none, and parsing them all takes seconds
        for library in set(imported(path)) & PLACES.keys():
            found[library].add(str(path.relative_to(SOURCES)))
    assert found == PLACES


def test_extras_of_the_program_are_those_of_the_metadata():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(get_args(Extra)) == extras.keys() - {"all", "build", "test", "lint"}
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == set(get_args(Extra)) - {"spark"}  # 400 MB, and Java


@pytest.mark.parametrize("name", get_args(Extra))
def test_missing_library_is_told_with_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(Unavailable, match="library altair: not installed") as found, extra(name):
        import altair as alt  # noqa: F401
    assert found.value.hint == f'pip install "surecoffer[{name}]"'


def test_twin_library_that_is_there_is_imported():
    with extra("pictures"):
        import altair as alt
    assert alt.__version__


def test_module_of_ours_that_is_missing_is_no_matter_of_installing():
    with pytest.raises(ModuleNotFoundError, match=r"coffer\.nowhere"), extra("pictures"):
        import coffer.nowhere  # noqa: F401
