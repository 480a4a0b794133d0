import itertools
import os

import pytest
from databases import Cluster, binaries
from flowing import Office

from coffer.desk.store.connected import connected
from coffer.desk.store.engine import database_url
from coffer.notes.keys import Secret

ROOT_KEY = Secret(bytes(range(32)), "desk database key")
_NAMES = itertools.count()


@pytest.fixture(scope="session")
def cluster():
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    started = Cluster.start(folder)
    yield started
    started.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        return database_url(tmp_path, None)
    name = f"desk{next(_NAMES)}"
    cluster = request.getfixturevalue("cluster")
    cluster.execute(f"CREATE DATABASE {name}")
    return database_url(tmp_path, cluster.url(name))


@pytest.fixture
def connect(url):
    """Makes stores on one database, as processes of a desk would, and closes them."""
    stores = []

    def make(**options):
        stores.append(connected(url, options.pop("root", ROOT_KEY), os.urandom, **options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(connect):
    return connect()


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    yield made
    for store in made.stores:
        store.close()


@pytest.fixture
def team(tmp_path, cluster):
    """A desk on PostgreSQL."""
    name = f"team{os.urandom(4).hex()}"
    cluster.execute(f"CREATE DATABASE {name}")
    made = Office(tmp_path, cluster.url(name))
    yield made
    for store in made.stores:
        store.close()
