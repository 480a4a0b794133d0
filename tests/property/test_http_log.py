"""A log read over HTTP is the log in the folder; a mirror of it is too; and nothing but tiles is served."""

import shutil

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from coffer.custodian.machine.log_paths import add_log_paths
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.notes.keys import SigningKey
from coffer.translog import tiling
from coffer.translog.store import http as http_store
from coffer.translog.store.files import FileLog
from coffer.translog.store.http import HttpLog
from elsewhere import served_here

KEY = SigningKey.generate("test.example/log")


def entry(number):
    return f"entry {number}".encode()


@pytest.fixture
def served(tmp_path):
    """A log in a folder, and the same over HTTP."""
    disk, folder = Disk(), tmp_path / "log"

    def read(name):
        return disk.read(folder / name) if disk.is_file(folder / name) else None

    app = FastAPI()
    add_log_paths(app, read, prefix="")
    (tmp_path / "secret").write_bytes(b"secret")
    with served_here(app) as url:
        log = HttpLog(url, key=KEY.verify_key, timeout_s=5)
        yield FileLog(folder, disk, key=KEY.verify_key), log, url
        log.close()


def test_entries_are_those_of_the_folder_at_every_boundary(served):
    files, http, _ = served
    size = 0
    for more in (1, 254, 1, 1, 255, 88):
        files.append([entry(n) for n in range(size, size + more)], KEY)
        size += more
        assert http.checkpoint() == files.checkpoint()
        for start, end in ((0, size), (size - 1, size), (size // 2, size), (0, 1)):
            assert http.entries(start, end) == [entry(n) for n in range(start, end)]


def test_partial_bundle_that_was_replaced_meanwhile_is_read_from_the_larger_one(served):
    files, http, _ = served
    files.append([entry(n) for n in range(3)], KEY)
    files.append([entry(n) for n in range(3, 7)], KEY)
    assert http.entries(0, 3) == [entry(n) for n in range(3)]


def test_missing_bundle_is_unavailable(served):
    files, http, _ = served
    files.append([entry(0)], KEY)
    with pytest.raises(Unavailable, match="missing"):
        http.entries(0, 300)


def test_entries_without_end_are_not_held_in_memory(served, monkeypatch):
    files, http, _ = served
    files.append([entry(number) for number in range(600)], KEY)
    size = sum(map(len, files.entries(0, 600)))
    monkeypatch.setattr(http_store, "MAX_READING_BYTES", size)
    assert len(http.entries(0, 600)) == 600
    monkeypatch.setattr(http_store, "MAX_READING_BYTES", size - 1)
    with pytest.raises(Unavailable, match="bytes of entries in one step"):
        http.entries(0, 600)


def test_server_that_is_not_there_is_unavailable():
    log = HttpLog("http://127.0.0.1:9", key=KEY.verify_key, timeout_s=2)
    with pytest.raises(Unavailable, match=r"^log/checkpoint: ConnectError"):
        log.checkpoint()
    log.close()


def test_checkpoint_without_end_is_cut_off(tmp_path):
    app = FastAPI()
    app.add_api_route("/checkpoint", lambda: "x" * 100_000)
    with served_here(app) as url:
        log = HttpLog(url, key=KEY.verify_key)
        with pytest.raises(MalformedInput, match="over"):
            log.checkpoint()
        log.close()


@pytest.mark.parametrize(
    "path",
    ["tile/../../secret", "tile/%2e%2e/%2e%2e/secret", "tile/0/1", "tile/0/000.p/256", "tile//secret", "tile/0%0A"],
)
def test_nothing_but_tiles_is_served(served, path):
    files, _, url = served
    files.append([entry(0)], KEY)
    reply = httpx.get(f"{url}/{path}")
    assert (reply.status_code, reply.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert httpx.get(f"{url}/tile/entries/000.p/1").content == tiling.format_bundle([entry(0)])


def test_mirror_follows_in_steps_and_is_byte_for_byte_the_log(served, tmp_path):
    files, http, _ = served
    mirror, size = FileLog(tmp_path / "mirror", Disk(), key=KEY.verify_key), 0
    for more in (1, 300, 1, 700):
        files.append([entry(n) for n in range(size, size + more)], KEY)
        size += more
        mirror.follow(http.entries(mirror.size(), size), http.checkpoint())
        assert mirror.size() == size
    own, other = (
        {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        for folder in (tmp_path / "log", tmp_path / "mirror")
    )
    assert own == other


def test_mirror_refuses_other_entries_and_stays_as_it_was(served, tmp_path):
    files, http, _ = served
    mirror = FileLog(tmp_path / "mirror", Disk(), key=KEY.verify_key)
    files.append([entry(0), entry(1)], KEY)
    mirror.follow(http.entries(0, 2), http.checkpoint())
    before = mirror.checkpoint()
    files.append([entry(2)], KEY)
    for wrong in ([entry(3)], [], [entry(2), entry(3)]):
        with pytest.raises(NotProven, match="do not give the root of the checkpoint"):
            mirror.follow(wrong, http.checkpoint())
    assert (mirror.checkpoint(), mirror.entries(0, 2)) == (before, [entry(0), entry(1)])
    shutil.rmtree(tmp_path / "mirror")


@given(st.one_of(st.none(), st.integers(0, 7)), st.integers(0, 10**9), st.integers(1, 256))
def test_every_path_of_a_tile_is_one(level, index, width):
    assert tiling.is_tile_path(tiling.tile_path(level, index, width))


@given(st.text(alphabet="tile/ntrsx0123456789.p-", max_size=40))
def test_other_paths_are_none(text):
    found = tiling.is_tile_path(text)
    assert not found or (text.startswith("tile/") and ".." not in text and not text.startswith("/"))
