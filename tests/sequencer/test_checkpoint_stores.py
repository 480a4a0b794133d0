"""The contract of ``coffer.sequencer.port.CheckpointStore``, on SQLite and on a real PostgreSQL server."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from coffer.errors import MalformedInput, Unavailable
from coffer.sequencer.address import CheckpointAddress, parse_checkpoint_address
from coffer.sequencer.port import Row
from coffer.vault.several import checkpoint_store

FIRST = Row(number=0, holder="", checkpoint=b"")
TAKEN = Row(number=1, holder="aa", checkpoint=b"\x00signed\xff\n")


@pytest.fixture
def opened(address):
    """Makes stores on one database, as machines would, and closes them."""
    stores = []

    def make(origin="test.example/log"):
        stores.append(checkpoint_store(address, origin))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def test_row_is_made_once_and_swapped_for_all_who_read_it(opened):
    store, other = opened(), opened()
    store.begin()
    other.begin()
    assert store.read() == other.read() == FIRST
    assert store.swap(FIRST, TAKEN)
    other.begin()
    assert other.read() == TAKEN


@pytest.mark.parametrize(
    "before", [replace(TAKEN, number=2), replace(TAKEN, holder="ab"), replace(TAKEN, checkpoint=b"\x00signed\xff")]
)
def test_row_that_differs_in_anything_is_not_swapped_and_its_twin_is(opened, before):
    store = opened()
    store.begin()
    store.swap(FIRST, TAKEN)
    after = Row(number=3, holder="", checkpoint=b"next")
    assert not store.swap(before, after)
    assert store.read() == TAKEN
    assert store.swap(TAKEN, after)
    assert store.read() == after


def test_of_many_swaps_at_once_one_holds(opened):
    stores = [opened() for _ in range(6)]
    stores[0].begin()
    together = threading.Barrier(len(stores))

    def race(number):
        store, row, wins = stores[number], FIRST, 0
        for round_ in range(20):
            together.wait()
            wins += store.swap(row, Row(number=round_ + 1, holder=f"{number}", checkpoint=b"%d" % number))
            together.wait()
            row = store.read()
        return wins

    with ThreadPoolExecutor(len(stores)) as pool:
        assert sum(pool.map(race, range(len(stores)))) == 20
    assert stores[0].read().number == 20


def test_logs_of_two_origins_have_a_row_each(opened):
    one, other = opened(), opened("test.example/other")
    one.begin()
    with pytest.raises(Unavailable, match="nothing of this log is there"):
        other.read()
    assert not other.swap(FIRST, TAKEN)
    other.begin()
    assert one.swap(FIRST, TAKEN)
    assert other.read() == FIRST


def test_store_that_was_never_begun_is_unavailable(opened):
    with pytest.raises(Unavailable, match=r"^checkpoints: "):
        opened().read()


def test_closed_store_opens_again(opened):
    store = opened()
    store.begin()
    store.close()
    assert store.read() == FIRST


def test_file_of_sqlite_is_the_owners_alone(tmp_path):
    store = checkpoint_store(parse_checkpoint_address(f"sqlite:{tmp_path}/c.sqlite3", "test"), "test.example/log")
    store.begin()
    assert stat.S_IMODE((tmp_path / "c.sqlite3").stat().st_mode) == 0o600
    store.close()


def test_error_of_the_server_says_its_code_and_no_word_of_an_address(cluster):
    address = f"postgresql://SECRET-USER@/SECRET-NAME?host={cluster.folder}"
    store = checkpoint_store(parse_checkpoint_address(address, "test"), "test.example/log")
    with pytest.raises(Unavailable, match=r"^checkpoints: OperationalError \(") as raised:
        store.read()
    assert "SECRET" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql:///coffer",
        "postgresql://db.example:5432/coffer",
        "postgresql://desk@one.example,two.example/coffer?port=5432,5433&sslmode=verify-full",
        "sqlite:/var/lib/coffer/checkpoints.sqlite3",
    ],
)
def test_address_is_kept_as_it_was_written(text):
    address = parse_checkpoint_address(text, "--checkpoints")
    assert str(address) == text
    assert CheckpointAddress.parse(address.format(), "checkpoints.toml") == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "postgresql://desk:SECRET@/coffer",
        "postgresql:///coffer?password=SECRET",
        "postgresql:///coffer?sslmode=require&password=SECRET",
        "postgresql:///coffer?options=-c%20SECRET",
        "postgresql+psycopg:///SECRET",
        "sqlite:SECRET/relative",
        'sqlite:/SECRET"',
        "mysql://SECRET",
        "postgresql:///SECRET\n",
    ],
)
def test_address_that_may_hold_a_password_is_refused_and_not_repeated(text):
    with pytest.raises(MalformedInput, match="not an address of a checkpoint store") as raised:
        parse_checkpoint_address(text, "--checkpoints")
    assert "SECRET" not in f"{raised.value} {raised.value.hint}"
    assert Path(parse_checkpoint_address("sqlite:/a/b", "test").path) == Path("/a/b")
