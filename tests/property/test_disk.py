"""What the disk promises: whole or not at all, durable when it returns, and errors of the system as errors of a family."""

import errno
import fcntl

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
