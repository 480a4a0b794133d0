"""Machines that write one log: killed, stopped, cut off or shown an old copy at every step, and never a fork."""

import datetime as dt
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from coffer.disk import Disk
from coffer.errors import NotProven, Unavailable
from coffer.notes.cosign import Cosigner
from coffer.notes.note import parse_note
from coffer.objects.folder import FolderObjects
from coffer.sequencer.shared import STAGED, SharedLog
from coffer.sequencer.turns import Lost, Pace
from crash.faulty_disk import FaultyDisk, Killed, Mode
from sequencer.machines import SIGNER, Machines, Memory, Unsynced, head_of, heads_of

PACE = Pace(lease_s=0.005, beat_s=60.0, look_s=0.001, patience_s=0.02)
"""A holder that does not beat: whoever waits replaces it at once."""


@pytest.fixture
def machines(tmp_path):
    return Machines(tmp_path, Memory(), pace=PACE)


def log_by(sequencer, *entries):
    with sequencer.turn(5.0):
        for entry in entries:
            sequencer.append([entry], SIGNER)


class Watched(Unsynced):
    """The shared folder; keeps every checkpoint that was published."""

    def __init__(self):
        self.published = []

    def write(self, path, *parts, private=False):
        if path.name == "checkpoint":
            self.published.append(b"".join(parts))
        super().write(path, *parts, private=private)


def verify_no_fork(machines, published):
    """The shared log is whole, and every checkpoint that was ever published is of its history."""
    log = machines.log()
    log.verify()
    heads = [head_of(raw) for raw in published]
    roots = heads_of(machines.entries(), {head.size for head in heads})
    assert [head.root for head in heads] == [roots[head.size] for head in heads]
    store = machines.store()
    assert head_of(store.read().checkpoint) == log.head(), "what was decided is published"
    store.close()


def test_two_machines_write_by_turns_and_read_what_the_other_wrote(machines):
    one, other = machines.machine("one"), machines.machine("other")
    expected = []
    for n in range(300):
        sequencer = (one, other)[n % 7 > 3]
        if n % 50 == 49:
            batch = [b"%d.%d" % (n, m) for m in range(300)]
            with sequencer.turn(5.0):
                sequencer.append(batch, SIGNER)
            expected += batch
        elif n % 10 == 0:
            log_by(sequencer, b"%d" % n)
            expected.append(b"%d" % n)
    assert machines.entries() == expected
    verify_no_fork(machines, [])
    other.refresh()
    own = machines.folder / "other" / "log"
    assert (own / "checkpoint").read_bytes() == (machines.shared / "log" / "checkpoint").read_bytes()


def test_the_order_is_staged_then_swapped_then_tiles_and_the_checkpoint_last(machines):
    happened = []

    class Telling(Unsynced):
        def write(self, path, *parts, private=False):
            happened.append("staged" if STAGED.split("/")[1] in path.parts else path.name)
            super().write(path, *parts, private=private)

        def remove(self, path):
            happened.append("removed")
            super().remove(path)

    store = machines.store()
    swap = store.swap
    store.swap = lambda before, after: happened.append("swap") or swap(before, after)
    one = machines.machine("one", shared_disk=Telling(), store=store)
    with one.turn(1.0):
        happened.clear()
        one.append([b"a"], SIGNER)
    assert happened == ["staged", "swap", "swap", "1", "1", "checkpoint", "removed", "swap"]


class Ticking:
    """A store whose changes count as operations of a disk: before they are made, and after, where the answer is lost."""

    def __init__(self, store, disk):
        self._store = store
        self._disk = disk

    def read(self):
        self._disk.tick("read")
        return self._store.read()

    def swap(self, before, after):
        self._disk.tick("before a swap")
        is_its = self._store.swap(before, after)
        self._disk.tick("after a swap")
        return is_its


class TickingDisk(FaultyDisk, Unsynced):
    def tick(self, what):
        self._tick(Path(what))


class Stopping(Unsynced):
    """Before operation ``stop_at`` this machine is stopped; ``meanwhile`` happens, then it goes on."""

    def __init__(self, stop_at, meanwhile):
        self.stop_at = stop_at
        self.meanwhile = meanwhile
        self.operations = 0

    def tick(self, _what):
        self.operations += 1
        if self.operations == self.stop_at:
            self.meanwhile()

    def stage(self, path, *parts, **options):
        self.tick(path)
        return super().stage(path, *parts, **options)

    def publish(self, renames):
        for rename in renames:
            self.tick(rename)
            super().publish([rename])

    def remove(self, path):
        self.tick(path)
        super().remove(path)


def faulty(machines, disk, **options):
    return machines.machine("one", disk=disk, store=Ticking(machines.store(), disk), **options)


def operations_of_a_turn(machines, disk):
    log_by(faulty(machines, disk), b"a", b"b")
    return disk.operations


@pytest.fixture
def copies(memory_folder):
    """Gives the same machines each time: their log has 255 entries, so that the next ones fill a tile and begin another."""
    start = Machines(memory_folder / "start", Memory(), pace=PACE)
    one = start.machine("one")
    with one.turn(1.0):
        one.append([b"%d" % n for n in range(255)], SIGNER)
    start.machine("other").refresh()

    def copied(name):
        shutil.copytree(start.folder, memory_folder / f"{name}")
        return Machines(memory_folder / f"{name}", Memory(row=start.address.row), pace=PACE)

    return copied


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.KILL], ids=lambda mode: mode.name)
def test_a_machine_that_fails_anywhere_leaves_a_log_that_others_go_on_with(copies, mode):
    operations = operations_of_a_turn(copies("counted"), TickingDisk(None, Mode.ERROR))
    assert operations > 40
    for n in range(operations):
        machines, claimed, watched = copies(n), [], Watched()
        with suppress(Unavailable, Killed):
            sequencer = faulty(machines, TickingDisk(n, mode))
            with sequencer.turn(5.0):
                for entry in (b"a", b"b"):
                    sequencer.append([entry], SIGNER)
                    claimed.append(entry)
        log_by(machines.machine("other", shared_disk=watched), b"of another")
        log_by(machines.machine("one", shared_disk=watched), b"again")
        logged = machines.entries()[255:-2]
        assert logged in ([b"a", b"b"][: len(claimed)], [b"a", b"b"][: len(claimed) + 1]), f"operation {n}"
        assert machines.entries()[-2:] == [b"of another", b"again"]
        verify_no_fork(machines, watched.published)
        assert mode is Mode.ERROR or list((machines.shared / STAGED).glob("*")) == []
        shutil.rmtree(machines.folder)


def test_a_machine_that_is_stopped_anywhere_is_replaced_and_knows_whether_it_logged(copies):
    operations, losses = operations_of_a_turn(copies("counted"), Stopping(None, None)), 0
    assert operations > 20
    for n in range(1, operations + 1):
        machines, claimed, watched = copies(n), [], Watched()
        other = machines.machine("other", shared_disk=watched)
        sequencer = faulty(machines, Stopping(n, lambda other=other: log_by(other, b"meanwhile", b"more")))
        try:
            with sequencer.turn(5.0):
                for entry in (b"a", b"b"):
                    sequencer.append([entry], SIGNER)
                    claimed.append(entry)
        except Unavailable:  # its turn was lost, or what it was staging was swept
            losses += 1
        log_by(machines.machine("one"), b"again")
        last = machines.entries()[255:]
        assert [entry for entry in last if entry in (b"a", b"b")] == claimed, f"operation {n}"
        assert sorted(last) == sorted([*claimed, b"meanwhile", b"more", b"again"])
        verify_no_fork(machines, watched.published)
        shutil.rmtree(machines.folder)
    assert 5 < losses < operations


def test_an_answer_that_was_lost_before_the_turn_was_is_known_by_the_log(machines):
    """The swap held, its answer was lost, another machine completed it and went on: the entries are logged, once."""
    other = machines.machine("other")
    store = machines.store()

    class LosingOne:
        def __init__(self):
            self.is_losing = False

        def read(self):
            return store.read()

        def swap(self, before, after):
            is_its = store.swap(before, after)
            if self.is_losing and after.checkpoint != before.checkpoint:
                self.is_losing = False
                log_by(other, b"theirs")
                raise Unavailable("checkpoints: OperationalError (57P01)")
            return is_its

    losing = LosingOne()
    one = machines.machine("one", store=losing, pace=Pace(lease_s=0.02, beat_s=60.0, look_s=0.002, patience_s=5.0))
    with one.turn(5.0):
        losing.is_losing = True
        one.append([b"mine"], SIGNER)
        with pytest.raises(Lost, match="another machine took the turn"):
            one.append([b"late"], SIGNER)
    assert machines.entries() == [b"mine", b"theirs"]
    verify_no_fork(machines, [])


def test_cosignatures_are_published_and_stay_until_there_are_newer_ones(machines):
    witness = Cosigner.generate("w.example/one")
    one, other = machines.machine("one"), machines.machine("other")
    published = machines.shared / "log" / "checkpoint"

    def cosign(sequencer, seconds):
        with sequencer.turn(1.0):
            text = parse_note(sequencer._log.checkpoint(), "test", may_be_cosigned=True).text
            sequencer._log.cosign([witness.cosign(text, dt.datetime.fromtimestamp(seconds, dt.UTC))])
            sequencer.publish_cosigned()

    log_by(one, b"a")
    cosign(one, 1_000)
    assert b"w.example/one" in published.read_bytes()
    cosign(other, 2_000)
    newest = published.read_bytes()
    with one.turn(1.0):
        one.publish_cosigned()
    assert published.read_bytes() == newest
    log_by(one, b"b")
    assert b"w.example/one" not in published.read_bytes()
    verify_no_fork(machines, [newest])


def test_a_published_checkpoint_that_a_stopped_machine_put_back_is_replaced_by_itself(machines):
    """It was stopped between the last look and the writing: an older checkpoint is there for a moment, and then not."""
    other, watched = machines.machine("other"), Watched()

    class Stopped(Watched):
        def write(self, path, *parts, private=False):
            if path.name == "checkpoint" and not self.published:
                log_by(other, b"theirs")
            super().write(path, *parts, private=private)

    stopped = Stopped()
    one = machines.machine("one", shared_disk=stopped)
    with one.turn(1.0):
        one.append([b"mine"], SIGNER)
    assert [head_of(raw).size for raw in stopped.published] == [1, 2]
    verify_no_fork(machines, [*stopped.published, *watched.published])


def test_an_older_copy_of_the_store_is_noticed_by_whoever_saw_more(machines):
    one = machines.machine("one")
    log_by(one, b"a")
    old = machines.address.row
    log_by(one, b"b")
    machines.address.row = old
    for name in ("one", "new"):  # one has the entries itself, the other sees them published
        with pytest.raises(NotProven, match=r"2 entries are (here|published), checkpoints have 1"):
            log_by(machines.machine(name), b"c")
    assert machines.entries() == [b"a", b"b"]


def test_another_log_in_the_store_is_not_taken(machines, tmp_path):
    log_by(machines.machine("one"), b"a")
    forged = Machines(tmp_path / "forged", Memory(), PACE)
    log_by(forged.machine("one"), b"x", b"y")
    machines.address.row = forged.address.row
    with pytest.raises(Unavailable, match="No such file"):
        machines.machine("one").refresh()
    SharedLog(FolderObjects(machines.shared, Disk())).stage(forged.log().head(), [b"x", b"y"])
    with pytest.raises(NotProven, match="do not give the root"):
        machines.machine("one").refresh()
    with pytest.raises(NotProven, match="do not give the root"):
        log_by(machines.machine("one"), b"b")
    assert machines.entries() == [b"a"]


def test_without_the_shared_place_nothing_is_logged_and_afterwards_everything_goes_on(machines):
    log_by(machines.machine("one"), b"a")

    class Away(Unsynced):
        def write(self, path, *parts, private=False):
            raise Unavailable(f"{path.name}: away")

        stage = write

    away = machines.machine("one", shared_disk=Away())
    with pytest.raises(Unavailable, match="away"):
        log_by(away, b"b")
    log_by(machines.machine("one"), b"c")
    assert machines.entries() == [b"a", b"c"]


JUNK = (b"", b"junk", b"\x00\x01x" * 2)
"""The last is a bundle of two other entries."""


@pytest.mark.parametrize("junk", JUNK)
def test_junk_under_the_names_of_the_next_tiles_is_replaced_and_stops_nobody(machines, junk):
    log_by(machines.machine("one"), b"a")
    log_by(machines.machine("two"))
    keys = ("log/tile/entries/000.p/2", "log/tile/0/000.p/2")
    place, told = FolderObjects(machines.shared, Disk()), []
    for key in keys:
        place.put(key, junk)
    log_by(machines.machine("one", say=told.append), b"b")
    words = "other bytes were there, which no log has: replaced; who else may write to the store?"
    assert told == [f"{key}: {words}" for key in keys]
    log_by(machines.machine("two", say=told.append), b"c")
    assert machines.entries() == [b"a", b"b", b"c"]
    assert len(told) == 2


@pytest.mark.parametrize("junk", JUNK)
def test_entries_that_are_staged_are_read_though_junk_has_their_tile(machines, junk):
    """The machine that decided them was stopped before it wrote them, and another one goes on."""
    log_by(machines.machine("one"), b"a")

    class Stopping(Unsynced):
        def write(self, path, *parts, private=False):
            if path.name == "checkpoint" or "tile" in path.parts:
                raise Unavailable(f"{path.name}: stopped")
            super().write(path, *parts, private=private)

    log_by(machines.machine("one", shared_disk=Stopping()), b"b")
    FolderObjects(machines.shared, Disk()).put("log/tile/entries/000.p/2", junk)
    reader = machines.machine("reader")
    reader.refresh()
    assert reader._log.size() == 2
    log_by(machines.machine("two"), b"c")
    assert machines.entries() == [b"a", b"b", b"c"]


def test_a_published_history_that_the_store_does_not_continue_is_written_over_by_nobody(machines, tmp_path):
    log_by(machines.machine("one"), b"a")
    other = Machines(tmp_path / "other", Memory(), PACE)
    log_by(other.machine("one"), b"x")
    log_by(other.machine("one"), b"y")
    machines.address.row = other.address.row
    shutil.rmtree(machines.folder / "one")
    held = {path: path.read_bytes() for path in machines.shared.rglob("*") if path.is_file()}
    with pytest.raises(NotProven, match="the shared log holds another history of 1 entries"):
        log_by(moved(machines, other), b"z")
    assert {path: path.read_bytes() for path in machines.shared.rglob("*") if path.is_file()} == held


def moved(machines, other):
    """A machine with the other history, before the shared log of the first."""
    shutil.copytree(other.folder / "one", machines.folder / "moved")
    return machines.machine("moved")
