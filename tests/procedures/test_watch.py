"""A watch at work: files are taken once, moved once their records are in the log, and the account is exact."""

import datetime as dt
import gzip
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

import coffer.procedures.watch.run as running
from cdr_writing import framed, number, record, stamp
from coffer.cli.commands.watch import _lines
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.procedures.reports.totals import make_report
from coffer.procedures.supersede import supersede
from coffer.procedures.watch.account import account
from coffer.procedures.watch.look import verify_folders, watching
from coffer.procedures.watch.run import Watcher
from coffer.procedures.watch.settings import parse_settings
from coffer.serving.figures import format_figures
from world import FEED, NOW

DAY = NOW.date()
POSTFIX = '[feed]\nname = "mail"\nformat = "postfix"\nhome_country = "FR"\ntime_zone = "UTC"\n[postfix]\nyear = 2016\n'
BER = '[feed]\nname = "cs"\nformat = "ber"\nhome_country = "DE"\ntime_zone = "UTC"\n'


def line(n):
    return f"+3361234{n:04d},+33698765432,2016-09-01 10:{n // 60:02d}:{n % 60:02d},{n + 1}\n"


def lines(*numbers):
    return "".join(map(line, numbers))


class Watch:
    """A vault whose folder ``in`` is watched. ``told``: kinds and messages of events."""

    def __init__(self, world, text="", feed=FEED):
        self.world, self.told = world, []
        for name in ("in", "done"):
            (world.path / name).mkdir(exist_ok=True)
        (world.path / "feed.toml").write_text(feed)
        table = '[calls]\nfeed = "feed.toml"\npath = "in"\nsettle_seconds = 0\n'
        self.settings = f'format = "coffer.watch/v1"\n{table}{text}\n'.encode()

    @property
    def path(self):
        return self.world.path / "in"

    def folders(self):
        return [watching(one, self.world.path) for one in parse_settings(self.settings, "watch.toml")]

    def write(self, name, text, mode="w"):
        raw = text.encode() if isinstance(text, str) else text
        with (self.path / name).open(mode + "b") as file:
            file.write(raw)
        long_ago = (NOW - dt.timedelta(minutes=5)).timestamp()
        os.utime(self.path / name, (long_ago, long_ago))

    def watcher(self, world=None, **options):
        return Watcher(
            (world or self.world).vault,
            self.folders(),
            tell=lambda event: self.told.append((event.kind, event.message)),
            **options,
        )

    def once(self, world=None):
        self.watcher(world).run(is_once=True, wait=lambda _s: None)

    def account(self, day=DAY):
        (one,) = account(self.world.reopen().vault, self.folders(), day)
        return one

    def sums(self, *names):
        sums = self.account().sums
        return tuple(getattr(sums, name) for name in names)

    def names(self, folder="in"):
        return sorted(path.name for path in (self.world.path / folder).iterdir())

    def kinds(self):
        kinds = [kind for kind, _ in self.told]
        self.told.clear()
        return kinds


def total_of(world):
    """Records by the tally, which is exact here."""
    days = {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 3)}
    return make_report(world.vault, world.state(), **days, by=["day"], country=None).total


@pytest.fixture
def world(world):
    """Its clock is of 2016, and the times at which files change are of today: every file has settled long ago."""
    world.now = NOW
    return world


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """What changed in the real now is no later than the world's."""
    monkeypatch.setattr("coffer.procedures.watch.decide.is_settled", lambda *_: True)


def test_files_are_sealed_in_one_batch_moved_and_counted(world):
    watch = Watch(world, 'after = "move"\nto = "done"\n')
    watch.write("a.csv", lines(1, 2))
    watch.write("b.csv.gz", gzip.compress(lines(3).encode()))
    watch.write("empty.csv", "")
    (watch.path / "link.csv").symlink_to(world.path / "feed.toml")
    os.mkfifo(watch.path / "pipe.csv")
    watch.once()
    assert watch.kinds() == ["batch", "moved"]
    assert watch.names("done") == ["a.csv", "b.csv.gz", "empty.csv"]
    assert watch.names() == ["link.csv", "pipe.csv"]
    assert watch.sums("files", "empty", "batches", "read", "kept") == (2, 1, 1, 3, 3)
    assert len(world.state().batches) == 1
    watch.once()
    assert watch.kinds() == []


def test_a_moved_file_takes_no_other_ones_name(world):
    watch = Watch(world, 'after = "move"\nto = "done"\n')
    for n in (1, 2, 3):
        watch.write("a.csv", lines(n))
        watch.once()
    assert watch.names("done") == ["a.csv", "a.csv.2", "a.csv.3"]
    assert total_of(world) == 3


def test_a_file_that_is_kept_is_taken_once_and_again_after_its_batch_was_superseded(world):
    watch = Watch(world)
    watch.write("a.csv", lines(1, 2))
    watch.once()
    watch.once()
    assert watch.kinds() == ["batch"]
    supersede(world.vault, next(iter(world.state().batches)))
    watch.once()
    assert watch.kinds() == ["batch"]
    assert total_of(world) == 2


def test_after_an_old_log_was_put_back_what_it_lacks_is_taken_again(world):
    watch = Watch(world)
    shutil.copytree(world.vault.path / "log", world.path / "old")
    watch.write("a.csv", lines(1, 2))
    watch.once()
    shutil.rmtree(world.vault.path / "log")
    (world.path / "old").rename(world.vault.path / "log")
    watch.once(world.reopen())
    assert watch.kinds() == ["batch", "batch"]
    assert total_of(world.reopen()) == 2


def test_what_was_sealed_by_hand_is_known_moved_and_never_deleted(world):
    world.ingest_files([path for path in [world.path / "a.csv"] if path.write_text(lines(1, 2))])
    watch = Watch(world, 'after = "delete"\n')
    watch.write("a.csv", lines(1, 2))
    watch.write("b.csv", lines(3))
    watch.write("c.csv", lines(3))
    watch.once()
    assert watch.names() == ["a.csv", "c.csv"], "only b.csv is surely in the vault as a whole"
    assert {(seen.name, wait.name) for seen, wait in watch.account().waiting} == {
        ("a.csv", "KNOWN"),
        ("c.csv", "KNOWN"),
    }
    assert watch.sums("files", "known", "kept") == (1, 2, 1)
    Watch(world, 'after = "move"\nto = "done"\n').once()
    assert watch.names("done") == ["a.csv", "c.csv"]
    assert total_of(world) == 3


def test_a_file_that_changed_after_its_batch_stays_and_only_what_is_new_is_sealed(world, monkeypatch):
    watch = Watch(world, 'after = "delete"\n')
    watch.write("a.csv", lines(1))
    real = running.status_of

    def late(path):
        if path.read_text() == lines(1):
            watch.write("a.csv", lines(2), "a")
        return real(path)

    monkeypatch.setattr(running, "status_of", late)
    watch.once()
    assert watch.kinds() == ["batch"]
    watch.once()
    assert watch.kinds() == ["batch", "deleted"]
    assert watch.sums("files", "grown", "read", "kept", "duplicate") == (1, 1, 2, 2, 0)
    assert (watch.names(), total_of(world)) == ([], 2)


def test_one_bad_file_holds_nothing_up_and_is_named_only_by_the_account(world):
    watch = Watch(world, 'after = "move"\nto = "done"\n')
    for n in range(1, 6):
        watch.write(f"{n}.csv", lines(n))
    watch.write("33612345678.csv", "nothing\nof this\n")
    watch.once()
    assert total_of(world) == 5
    assert watch.names() == ["33612345678.csv"]
    assert "33612345678" not in str(watch.told)
    assert "refused" in watch.kinds()
    assert [(seen.name, wait.name) for seen, wait in watch.account().waiting] == [("33612345678.csv", "REFUSED")]
    assert not watch.account().is_whole
    (said,) = _lines(watch.account())
    assert said.startswith("33612345678.csv waits: it was refused and neither it nor the feed file changed since: ")
    assert "1 column, expected" in said
    watch.once()
    assert watch.kinds() == [], "it did not change"
    watch.write("33612345678.csv", lines(7))
    watch.once()
    assert watch.kinds() == ["batch", "moved"]
    assert watch.account().is_whole


def test_a_file_that_this_user_may_not_read_is_told_once_and_is_missing_in_the_account(world, monkeypatch):
    watch = Watch(world)
    watch.write("a.csv", lines(1))
    watch.write("33612345678.csv", lines(2))
    monkeypatch.setattr("coffer.procedures.watch.look.os.access", lambda path, _mode: "336" not in Path(path).name)
    watcher = watch.watcher()
    watcher.run(is_once=True, wait=lambda _s: None)
    assert [message for kind, message in watch.told if kind == "warning"] == [
        "1 file waiting that this user may not read: --report names them"
    ]
    assert (watcher.unreadable, watch.account().is_whole, total_of(world)) == (1, False, 1)
    monkeypatch.undo()
    watch.told.clear()
    assert (watch.account().is_whole, watch.kinds()) == (True, [])


def test_a_pattern_that_fits_nothing_is_said_by_the_account(world):
    watch = Watch(world, 'glob = "Master.csv*"\n')
    for name in ("a.csv", "b.csv", ".hidden"):
        watch.write(name, lines(1))
    assert "no file of 2 fits glob" in list(_lines(watch.account()))
    watch.write("Master.csv", lines(1))
    assert watch.account().unfit == 0


def test_another_feed_file_or_a_new_start_tries_again(world):
    watch = Watch(world)
    watch.write("a.csv", "a;b\n")
    watch.once()
    assert watch.kinds() == ["refused"]
    (world.path / "feed.toml").write_text(FEED.replace('kind = "call"', 'kind = "text"'))
    watch.once()
    assert watch.kinds() == ["refused"]
    watcher = watch.watcher()
    watcher.run(is_once=False, wait=lambda _s: watcher.stop())
    assert watch.kinds() == ["refused"]


def test_a_running_watch_reads_a_feed_file_that_changed(world):
    """A feed file that cannot be read is trouble until it is mended."""
    watch = Watch(world)
    watch.write("a.csv", lines(1).replace(",", ";"))
    edits = iter(["x = 1\n", FEED.replace("header = false", 'header = false\ndelimiter = ";"'), None])

    def edit(_s):
        text = next(edits)
        if text is None:
            return watcher.stop()
        return (world.path / "feed.toml").write_text(text)

    clock = iter(range(0, 90_000, 900))
    watcher = watch.watcher(timer=lambda: next(clock))
    watcher.run(is_once=False, wait=edit)
    assert watch.kinds() == ["refused", "trouble", "batch", "well"]


def test_a_file_that_two_tables_want_stays_until_both_have_it(world):
    second = '[texts]\nfeed = "texts.toml"\npath = "./in"\nsettle_seconds = 0\nglob = "*.csv"\n'
    (world.path / "texts.toml").write_text(FEED.replace('"calls"', '"texts"').replace('"call"', '"text"'))
    watch = Watch(world, f'after = "delete"\n{second}')
    watch.write("a.csv", "no;feed;fits\n")
    watch.write("b.txt", lines(1))
    watch.once()
    assert watch.names() == ["a.csv"], "b.txt is of one table alone"
    watch.write("a.csv", lines(2))
    watch.once()
    assert watch.names() == []
    assert total_of(world) == 3


def test_a_marker_is_waited_for_and_goes_with_its_file(world):
    watch = Watch(world, 'marker = ".done"\nafter = "delete"\n')
    watch.write("a.csv", lines(1))
    watch.once()
    assert [wait.name for _, wait in watch.account().waiting] == ["MARKER"]
    watch.write("a.csv.done", "")
    watch.once()
    assert (watch.names(), total_of(world)) == ([], 1)


def test_a_growing_file_is_read_line_by_line_through_rotation_and_truncation(world):
    watch = Watch(world, 'grows = true\nglob = "Master.csv*"\n')
    watch.write("Master.csv", lines(1, 2) + line(3)[:9])
    watch.once()
    assert [wait.name for _, wait in watch.account().waiting] == ["TORN"]
    watch.write("Master.csv", line(3)[9:] + lines(4) + line(5)[:30], "a")
    watch.once()
    (watch.path / "Master.csv").rename(watch.path / "Master.csv.1")
    watch.write("Master.csv.1", line(5)[30:], "a")
    watch.write("Master.csv", lines(6))
    watch.once()
    shutil.copy2(watch.path / "Master.csv", watch.path / "Master.csv.2")
    watch.write("Master.csv.2", lines(7), "a")
    os.truncate(watch.path / "Master.csv", 0)
    watch.once()
    watch.write("Master.csv", lines(8), "a")
    os.utime(watch.path / "Master.csv")  # as long as before it was truncated, and later
    (watch.path / "Master.csv.1.gz").write_bytes(gzip.compress((watch.path / "Master.csv.1").read_bytes()))
    (watch.path / "Master.csv.1").unlink()
    watch.once()
    assert watch.sums("read", "kept", "rejected", "duplicate", "rotated", "lost_sight") == (8, 8, 0, 0, 1, 0)
    assert total_of(world) == 8
    assert watch.account().is_whole


def test_a_growing_table_is_read_by_whole_rows_though_a_line_ends_within_one(world):
    """The row of a quoted text is sealed once its writer is done with it, and the rows that stand in the text never."""
    watch, quoted = Watch(world, 'grows = true\nglob = "texts.csv"\n'), line(2).replace("\n", ',"a\n')
    for more, kept in ((line(1).replace("\n", ",x\n") + quoted, 1), (lines(3), 1), (lines(4) + 'b"\n', 2)):
        watch.write("texts.csv", more, "a")
        watch.once()
        assert watch.sums("read", "kept", "rejected") == (kept, kept, 0)
    assert total_of(world) == 2
    assert watch.account().is_whole


@pytest.mark.parametrize("after", ['after = "delete"\n', 'after = "move"\nto = "done"\n'])
def test_a_file_that_ended_within_a_row_stays_until_the_row_is_whole(world, after):
    """Its writer was slower than the settle time: deleted, what it writes next would be lost."""
    watch = Watch(world, after)
    watch.write("texts.csv", line(1).replace("\n", ",x\n") + line(2).replace("\n", ',"a\n'))
    watch.once()
    assert (watch.kinds(), watch.names()) == (["batch"], ["texts.csv"])
    assert [wait.name for _, wait in watch.account().waiting] == ["TORN"]
    watch.once()
    assert watch.kinds() == [], "it is not read again while it is the same"
    watch.write("texts.csv", 'b"\n' + line(3).replace("\n", ",x\n"), "a")
    watch.once()
    assert watch.names() == []
    assert total_of(world) == 3


def test_a_file_rotated_out_of_the_pattern_is_told(world):
    watch = Watch(world, 'grows = true\nglob = "Master.csv"\n')
    watch.write("Master.csv", lines(1))
    watch.once()
    watch.write("Master.csv", lines(2), "a")
    (watch.path / "Master.csv").rename(watch.path / "Master.csv.1")
    watch.write("Master.csv", lines(3))
    watch.once()
    assert ("warning", True) in [(kind, "out of sight" in message) for kind, message in watch.told]
    assert watch.sums("rotated", "lost_sight", "kept") == (1, 1, 2)
    assert not watch.account().is_whole


def test_events_that_go_on_after_a_rotation_are_one_record(world):
    watch = Watch(world, 'grows = true\nglob = "mail.log*"\n', POSTFIX)
    begin = "".join(
        f"Sep  1 10:00:00 mx postfix/{what}\n"
        for what in (
            "smtpd[1]: 4F5C1A2B3C: client=c[192.0.2.1]",
            "qmgr[1]: 4F5C1A2B3C: from=<a@x.fr>, size=9, nrcpt=1 (queue active)",
        )
    )
    sent = "to=<b@y.fr>, relay=r[192.0.2.2]:25, delay=1, dsn=2.0.0, status=sent (250 ok)"
    end = "".join(
        f"Sep  1 10:00:01 mx postfix/{what}\n"
        for what in (f"smtp[1]: 4F5C1A2B3C: {sent}", "qmgr[1]: 4F5C1A2B3C: removed")
    )
    watch.write("mail.log", begin)
    watch.once()
    (watch.path / "mail.log").rename(watch.path / "mail.log.1")
    watch.once()
    watch.write("mail.log", end)
    os.utime(watch.path / "mail.log")
    watch.once()
    assert watch.sums("kept", "rejected") == (1, 0)


def numbered(n):
    one = record("mo", msisdn="4915112345678", called=number("493012345678"), seizure=stamp("160901080000"), duration=n)
    raw = framed([one])
    return raw[:22] + n.to_bytes(4, "big") + raw[26:]


def test_missing_numbers_and_dates_are_in_the_account(world):
    watch = Watch(world, "daily = true\n", BER)
    for n in (4, 5, 8):
        watch.write(f"cs-2016090{n - 3}.ber", numbered(n))
    watch.once()
    one = watch.account()
    assert (one.numbered, one.missing_numbers) == (1, ((1, 6, 7),))
    assert one.missing_dates == (dt.date(2016, 9, 3), dt.date(2016, 9, 4))
    watch.write("cs-20160903.ber", numbered(6))
    watch.write("cs-20160904.ber", numbered(7))
    watch.once()
    assert watch.account().is_whole
    assert watch.sums("files", "repeated") == (5, 0)


@contextmanager
def failing(monkeypatch, error, times):
    """The first runs of ingest fail."""
    real, left = running.run_ingest, [error] * times

    def run(*args, **options):
        if left:
            raise left.pop()
        return real(*args, **options)

    monkeypatch.setattr(running, "run_ingest", run)
    yield left


def test_whatever_fails_is_tried_again_after_growing_waits(world, monkeypatch):
    watch, time = Watch(world), [0.0]
    watch.write("a.csv", lines(1))
    watcher = watch.watcher(timer=lambda: time[0])
    waited = []

    def wait(_seconds):
        waited.append(time[0])
        time[0] += 1
        if any(kind == "well" for kind, _ in watch.told):
            watcher.stop()

    with failing(monkeypatch, Unavailable("a.csv: witness: nobody answers"), 3) as left:
        watcher.run(is_once=False, wait=wait)
    assert left == []
    assert [message for kind, message in watch.told if kind == "trouble"] == [
        f"witness: nobody answers: tried again in {seconds} s" for seconds in (1, 5, 15)
    ]
    assert watch.kinds()[3:] == ["batch", "well"]
    assert max(waited) >= 21, "no busy loop"
    assert 'coffer_watch_failures_total{folder="calls"} 3' in format_figures(watcher.figures())


@pytest.mark.parametrize("error", [NotProven("log: changed"), KeyboardInterrupt()], ids=["not proven", "Ctrl-C"])
def test_a_log_that_does_not_hold_and_ctrl_c_end_it(world, monkeypatch, error):
    watch = Watch(world)
    watch.write("a.csv", lines(1))
    with failing(monkeypatch, error, 1), pytest.raises(type(error), match=r"^(log: changed)?$"):
        watch.watcher().run(is_once=False, wait=lambda _s: None)


def test_what_cannot_be_moved_is_told_without_its_name_and_moved_later(world, monkeypatch):
    watch = Watch(world, 'after = "move"\nto = "done"\n')
    watch.write("33612345678.csv", lines(1))
    real = type(world.disk).publish

    def publish(disk, renames):
        if renames[0][1].parent.name == "done":
            raise Unavailable(f"{renames[0][1].name}: Permission denied")
        real(disk, renames)

    monkeypatch.setattr(type(world.disk), "publish", publish)
    with pytest.raises(Unavailable, match=r"^Permission denied$"):
        watch.once()
    monkeypatch.setattr(type(world.disk), "publish", real)
    assert watch.told[1] == ("trouble", "Permission denied")
    watch.once()
    assert watch.kinds() == ["batch", "trouble", "moved"]
    assert watch.sums("files", "kept", "known") == (1, 1, 0)


def test_a_file_that_vanishes_is_no_trouble(world, monkeypatch):
    watch = Watch(world)
    watch.write("a.csv", lines(1))
    watch.write("b.csv", lines(2))
    real = running.run_ingest

    def run(vault, feed, names, **options):
        (watch.path / "a.csv").unlink(missing_ok=True)
        return real(vault, feed, names, **options)

    monkeypatch.setattr(running, "run_ingest", run)
    watch.once()
    assert watch.kinds() == ["batch"]
    assert watch.account().is_whole


def test_a_full_disk_is_waited_for_and_said(world, monkeypatch):
    watch = Watch(world, 'after = "move"\nto = "done"\n')
    watch.write("a.csv", lines(1))
    monkeypatch.setattr(type(world.disk), "room", lambda *_: (10**12, 10**6))
    with pytest.raises(Unavailable, match="has 1,000,000 free bytes"):
        watch.once()
    assert (watch.kinds(), watch.names("done")) == (["trouble"], [])


def test_two_watches_do_not_run_on_one_vault(world):
    watch = Watch(world)
    watch.write("a.csv", lines(1))
    with world.vault.disk.locked(world.vault.path / "watch.lock"), pytest.raises(Unavailable, match="another watch"):
        watch.once()


def test_folders_that_cannot_be_watched_are_named(world):
    for text, error, message in (
        ('after = "move"\nto = "in"\n', MalformedInput, "the watched folder itself"),
        ('after = "move"\nto = "/proc"\n', MalformedInput, "another file system"),
        ('after = "move"\nto = "nowhere"\n', Unavailable, re.escape(f"{world.path}/nowhere: no such folder")),
    ):
        with pytest.raises(error, match=message):
            verify_folders(Watch(world, text).folders()[0])
    for feed, message in (("[feed]\n", r"feed\.toml"), (None, "no such file")):
        watch = Watch(world)
        (world.path / "feed.toml").unlink() if feed is None else (world.path / "feed.toml").write_text(feed)
        with pytest.raises(MalformedInput, match=message):
            watch.folders()


def test_a_journal_that_was_changed_is_not_proven(world):
    watch = Watch(world)
    watch.write("a.csv", lines(1))
    watch.once()
    path = world.vault.path / "watched"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(NotProven, match="watched: was changed"):
        watch.once()
    path.unlink()
    watch.once()
    assert (watch.kinds(), total_of(world)) == (["batch", "known"], 1)
