from pathlib import Path

import pytest
from hypothesis import settings

from world import World

pytest.register_assert_rewrite("known_answers")

# make test tries the same examples each time, so that what fails fails again; make explore tries others. None is timed:
# how long an example takes says more of who else uses the machine.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items):
    """Files with slow tests begin first, or one of them would run alone at the end while other cores are idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("real")}
    items.sort(key=lambda item: item.path not in slow)


SAMPLES = Path(__file__).parent / "samples"
SHARED = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture
def world(tmp_path):
    """A vault with epoch keys for the first three days of September 2016."""
    made = World.make(tmp_path)
    made.epoch("2016-09-01", "2016-09-03")
    return made


@pytest.fixture
def samples():
    """Files that real programs wrote for these tests; tests/samples/README.md says how."""
    return SAMPLES


@pytest.fixture
def shared():
    """The folder of other people's data beside the project, which may not be passed on; tests skip loudly without it."""
    if not SHARED.is_dir():
        pytest.skip(f"the folder of other people's data is not there: {SHARED.name} beside the project")
    return SHARED
