"""Files of pictures: all or none, and nothing that was there is touched."""

import pytest

from coffer.cli.drawing import Pictures, write_files
from coffer.cli.main import run
from coffer.disk import Disk
from coffer.errors import MalformedInput, Unavailable

PERIOD = ["--from", "2016-09-01", "--to", "2016-09-03"]


def report(world, *options):
    return run(["report", str(world.vault.path), *PERIOD, *options])


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def out(world, tmp_path):
    world.ingest("+33612345678,+32470123456,2016-09-01 10:00:00,60\n")
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_all_pictures_at_once_and_the_report_as_ever(world, out, capfd):
    assert report(world) == 0
    alone = capfd.readouterr().out
    options = [f"--{kind}={out}/report.{kind}" for kind in ("png", "svg", "html")]
    assert report(world, *options, "--language", "fr", "--title", "Septembre") == 0
    said = capfd.readouterr()
    assert said.out == alone
    assert files(out) == ["report.html", "report.png", "report.svg"]
    assert [f"coffer: drawn: {out}/report.{kind}" for kind in ("png", "svg", "html")] == said.err.splitlines()[:3]
    for name in ("report.html", "report.svg"):
        assert ">Septembre<" in (out / name).read_text("utf-8")
    assert '<html lang="fr">' in (out / "report.html").read_text("utf-8")


def test_an_existing_file_is_refused_and_nothing_is_drawn(world, out, capfd):
    (out / "map.svg").write_text("mine")
    assert report(world, f"--png={out}/map.png", f"--svg={out}/map.svg") == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert "map.svg: exists already" in said.err
    assert files(out) == ["map.svg"]
    assert (out / "map.svg").read_text() == "mine"
    assert report(world, f"--png={out}/map.png", f"--svg={out}/map2.svg") == 0


def test_a_missing_folder_is_refused_and_one_that_is_there_is_used(world, out, capfd):
    assert report(world, f"--html={out}/new/page.html") == 2
    assert "page.html: its folder is not there" in capfd.readouterr().err
    assert files(out) == []
    (out / "new").mkdir()
    assert report(world, f"--html={out}/new/page.html") == 0


def test_one_file_for_two_pictures_is_refused(tmp_path):
    here, again = str(tmp_path / "a.svg"), f"{tmp_path}/../{tmp_path.name}/a.svg"
    with pytest.raises(MalformedInput, match=r"a\.svg: named for two pictures"):
        Pictures(png=None, svg=here, html=again, language="en", title=None)
    assert len(Pictures(png=None, svg=here, html=f"{here}x", language="en", title=None).paths) == 2


class FailingDisk(Disk):
    """Fails its n-th stage, publish or sync."""

    def __init__(self, n):
        self.n = n

    def _count(self):
        self.n -= 1
        if self.n == 0:
            raise Unavailable("disk: failed on purpose")

    def stage(self, path, *parts, private=False):
        self._count()
        temporary = super().stage(path, *parts, private=private)
        self._count()
        return temporary

    def publish(self, renames):
        for rename in renames:
            self._count()
            super().publish([rename])


@pytest.mark.parametrize("n", range(1, 7))
def test_a_failing_disk_leaves_none_of_the_files(tmp_path, n):
    wanted = {tmp_path / "a.png": b"a", tmp_path / "b.svg": b"b"}
    with pytest.raises(Unavailable, match="failed on purpose"):
        write_files(FailingDisk(n), wanted)
    assert files(tmp_path) == []
    write_files(FailingDisk(7), wanted)
    assert files(tmp_path) == ["a.png", "b.svg"]


def test_a_file_that_appears_while_drawing_stays_as_it_is(tmp_path):
    (tmp_path / "a.png").write_bytes(b"theirs")
    with pytest.raises(MalformedInput, match="exists already"):
        write_files(Disk(), {tmp_path / "b.svg": b"b", tmp_path / "a.png": b"mine"})
    assert files(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"theirs"
