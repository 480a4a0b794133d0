"""The vaults of these tests, and the window on one."""

import pytest

from month import make_month
from windows import client_of, enrich, window_on


@pytest.fixture
def rich(world):
    return enrich(world)


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
