"""What the disk promises: whole or not at all, durable when it returns, and errors of the system as errors of a family."""

import errno
import fcntl
import io
import mmap
import os

import pytest

from coffer.disk import Disk
from coffer.errors import Unavailable


class Syncing(Disk):
    """Notes which folders' names were made durable."""

    def __init__(self):
        self.synced = []

    def sync_folder(self, folder):
        self.synced.append(folder)
        super().sync_folder(folder)


def test_the_names_of_new_folders_are_durable_too(tmp_path):
    disk, path = Syncing(), tmp_path / "tile" / "entries" / "x001" / "000"
    disk.write(path, b"bundle")
    assert set(disk.synced) == {tmp_path, tmp_path / "tile", tmp_path / "tile" / "entries", path.parent}
    disk.synced.clear()
    disk.write(path.with_name("001"), b"bundle")
    assert disk.synced == [path.parent]


def test_every_file_of_a_folder_is_durable_before_the_folder_has_its_name(tmp_path, monkeypatch):
    synced, before = set(), []
    honest, folder = os.fsync, tmp_path / "answer"

    def note(descriptor):
        synced.add(os.fstat(descriptor).st_ino)
        honest(descriptor)

    class Publishing(Disk):
        def publish(self, renames):
            before.append(set(synced))
            super().publish(renames)

    monkeypatch.setattr(os, "fsync", note)
    files = {f"evidence/{number}": bytes([number]) * 3 for number in range(20)} | {"records.csv": b""}
    Publishing().write_folder(folder, files)
    assert {name: (folder / name).read_bytes() for name in files} == files
    inodes = {(folder / name).stat().st_ino for name in files} | {(folder / "evidence").stat().st_ino}
    assert len(inodes) == 22
    assert [inodes <= durable for durable in before] == [True]


def test_only_the_last_of_new_folders_is_private(tmp_path):
    Disk().make_folder(tmp_path / "a" / "b", private=True)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a" / "b")] == [0o755, 0o700]


def test_errors_of_the_system_are_unavailable(tmp_path, monkeypatch):
    disk, long = Disk(), tmp_path / ("x" * 300)
    for act in (disk.is_file, disk.read, disk.make_folder, disk.remove):
        with pytest.raises(Unavailable, match="File name too long"):
            act(long)

    def full(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", full)
    with pytest.raises(Unavailable, match="No locks available"), disk.locked(tmp_path / "lock"):
        pass


def test_a_folder_below_a_file_is_unavailable_and_no_endless_search(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(Unavailable, match="file: File exists"):
        Disk().make_folder(tmp_path / "file" / "below")


def aligned(size):
    memory = mmap.mmap(-1, size)
    memory.write(os.urandom(size))
    return memoryview(memory)


@pytest.mark.parametrize("size", [2**20, 2**21 + 512, 2**21 + 4095, 3 * 2**20 + 7])
@pytest.mark.parametrize("shift", [0, 1, 512])
def test_what_is_written_around_the_page_cache_is_whole_in_any_length_and_at_any_place(tmp_path, size, shift):
    body = aligned(size + shift)[shift:]
    path = tmp_path / "rows"
    Disk().write(path, b"head", body, b"tail")
    assert path.read_bytes() == b"head" + bytes(body) + b"tail"
    Disk().write(path, body, body)
    assert path.read_bytes() == 2 * bytes(body)


def test_a_file_system_that_knows_no_way_around_its_cache_gets_the_bytes_as_ever(tmp_path, monkeypatch):
    honest, asked = fcntl.fcntl, []

    def refuse(descriptor, command, *flags):
        if command == fcntl.F_SETFL and flags[0] & os.O_DIRECT:
            asked.append(flags)
            raise OSError(errno.EINVAL, "Invalid argument")
        return honest(descriptor, command, *flags)

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    body = aligned(2**20)
    Disk().write(tmp_path / "rows", body)
    assert asked
    assert (tmp_path / "rows").read_bytes() == bytes(body)


def test_a_disk_that_is_full_in_the_middle_of_a_direct_write_says_so(tmp_path, monkeypatch):
    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full(io.BufferedWriter):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(os, "fdopen", lambda descriptor, mode: Full(io.FileIO(descriptor, "wb")))
    with pytest.raises(Unavailable, match="No space left") as found:
        Disk().stage(tmp_path / "rows", aligned(2**20))
    assert "the disk is full" in found.value.hint
