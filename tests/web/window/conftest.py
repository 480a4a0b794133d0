"""The vaults of these tests, and the window on one."""

import shutil

import pytest

from month import make_month
from windows import client_of, enrich, window_on
from world import World


@pytest.fixture(scope="session")
def enriched(tmp_path_factory):
    """The vault of which each test gets a copy."""
    made = World.make(tmp_path_factory.mktemp("enriched"))
    made.epoch("2016-09-01", "2016-09-03")
    return enrich(made)


@pytest.fixture
def rich(enriched, tmp_path):
    shutil.copytree(enriched.path, tmp_path, dirs_exist_ok=True)
    return enriched.reopen_at(tmp_path)


@pytest.fixture
def window(rich):
    return window_on(rich)


@pytest.fixture
def client(window):
    return client_of(window)


@pytest.fixture(scope="session")
def month(tmp_path_factory):
    """The month of the story. Nobody writes to it."""
    return make_month(tmp_path_factory.mktemp("month"))


@pytest.fixture
def read_only(rich):
    """The vault's folder as another user would see it: nothing can be written, and the operator's keys are gone."""
    (rich.vault.path / "operator").rename(rich.path / "operator-elsewhere")
    for path in [rich.vault.path, *rich.vault.path.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield rich
    for path in [rich.vault.path, *rich.vault.path.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
