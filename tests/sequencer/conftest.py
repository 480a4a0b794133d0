from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from databases import Cluster, binaries

from coffer.sequencer.address import parse_checkpoint_address
from sequencer.machines import of_cluster


@pytest.fixture(scope="session")
def cluster():
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    started = Cluster.start(folder)
    yield started
    started.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """An empty checkpoint store of each kind."""
    if request.param == "sqlite":
        return parse_checkpoint_address(f"sqlite:{tmp_path}/checkpoints.sqlite3", "test")
    return of_cluster(request.getfixturevalue("cluster"))


@pytest.fixture
def memory_folder():
    """A folder in memory where there is one: thousands of small files are made."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder)
