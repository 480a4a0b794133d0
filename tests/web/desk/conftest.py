import pytest

from desking import DeskWorld


@pytest.fixture
def desk(tmp_path):
    made = DeskWorld.make(tmp_path)
    yield made
    made.close()
