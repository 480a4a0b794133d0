"""What attempts at splits put into a store: each is found by its names or puts nothing, however late it wakes."""

import datetime as dt
import os
from functools import partial

import pytest

from coffer.cli.main import run
from coffer.disk import Disk
from coffer.errors import NotProven, Unavailable
from coffer.notes.keys import seal
from coffer.objects.address import StoreAddress
from coffer.objects.place import Place
from coffer.objects.puts import Noted, Puts, Tasks, parse_puts
from coffer.objects.store import StoreObjects
from coffer.objects.tasks import close_tasks, forget_tasks, open_tasks
from coffer.procedures.ingest.run import run_ingest
from coffer.procedures.ingest.spread.outcome import Outcome, format_outcome
from coffer.procedures.ingest.spread.sealers import SpreadSealers
from coffer.procedures.ingest.spread.task import TaskFailed, outcome_info, seal_split
from coffer.segments.header import CORE_BYTES, SegmentCore
from coffer.segments.store import key_of
from coffer.vault.stored import AGAIN, SWEPT
from storing import Bucket, Fault
from world import World, feed

CSV = "".join(f"+336{i:08},+33698765432,2016-09-0{1 + i % 2} 10:00:00,{i}\n" for i in range(40))
TASKS = Tasks(name="ab" * 16, splits=2)


@pytest.fixture
def store():
    made = StoreObjects(StoreAddress(scheme="memory", root=f"bucket/{os.urandom(4).hex()}"), None, os.urandom)
    open_tasks(made, TASKS)
    return made


def attempt(store, split=0):
    return Place(None, store.address).open_for_task(TASKS, split, Disk(), os.urandom)


def put(objects, name):
    staged = objects.stage({f"segments/{name}": name.encode()}, proof=name.encode())
    objects.settle(staged)


def test_names_of_all_attempts_are_found_without_a_list(store, monkeypatch):
    one, two, other = attempt(store), attempt(store), attempt(store, split=1)
    for objects, name in ((one, "a"), (two, "b"), (one, "c"), (other, "d"), (two, "e")):
        put(objects, name)
    monkeypatch.setattr(StoreObjects, "keys", lambda *_: pytest.fail("a list was asked for"))
    found = close_tasks(store, TASKS)
    assert sorted(found.proofs) == [b"a", b"b", b"c", b"d", b"e"]
    forget_tasks(store, found)
    monkeypatch.undo()
    assert list(store.keys("tasks/")) == []


def test_an_attempt_that_wakes_after_the_end_puts_nothing(store):
    late, later = attempt(store), attempt(store)
    put(late, "a")
    found = close_tasks(store, TASKS)
    for objects in (late, later):
        with pytest.raises(Unavailable, match="this ingest is over"):
            put(objects, "b")
    assert list(store.keys("segments/")) == ["segments/a"]
    forget_tasks(store, found)
    with pytest.raises(Unavailable, match="this ingest is over"):
        put(later, "c")
    assert list(store.keys("segments/")) == ["segments/a"]


def test_an_attempt_that_was_stopped_while_it_put_removes_it_when_it_goes_on(store):
    stopped = attempt(store)
    staged = stopped.stage({"segments/a": b"a"}, proof=b"a")
    assert close_tasks(store, TASKS).proofs == (b"a",)
    with pytest.raises(Unavailable, match="this ingest is over"):
        stopped.settle(staged)
    stopped.abandon([])
    assert list(store.keys("segments/")) == []


def test_notes_are_deleted_from_the_last_so_that_a_cut_short_sweep_finds_the_rest(store, monkeypatch):
    for name in "abc":
        put(attempt(store), name)
    deleted = []
    monkeypatch.setattr(StoreObjects, "delete", lambda _self, keys: deleted.extend(keys))
    forget_tasks(store, close_tasks(store, TASKS))
    assert deleted == [f"tasks/{TASKS.name}/{name}" for name in ("open", "0/2", "0/1", "0/0")]


def test_a_store_that_puts_over_what_is_there_is_no_place_for_tasks(store, monkeypatch):
    monkeypatch.setattr(StoreObjects, "put", lambda self, key, content: self.replace(key, content))
    with pytest.raises(Unavailable, match="puts an object over another one"):
        open_tasks(store, TASKS)


def test_a_note_keeps_its_tasks_until_they_are_swept(tmp_path):
    puts = Puts(tmp_path / "puts", Disk())
    puts.add(["segments/a"])
    puts.add_tasks(TASKS)
    puts.begin_logging(["segments/a", "segments/b"])
    noted = Noted(keys=("segments/a", "segments/b"), is_logging=True, tasks=(TASKS,))
    assert puts.read() == noted == parse_puts(noted.format())
    puts.clear()
    assert puts.read() == Noted(keys=(), is_logging=False, tasks=(TASKS,))
    assert parse_puts(b"tasks ab 2\ntasks " + b"g" * 32 + b" 2\n").tasks == ()


# In a vault.


@pytest.fixture(scope="module")
def server():
    with Bucket.serve() as bucket, bucket.one_client():
        yield bucket


@pytest.fixture
def world(server, tmp_path, monkeypatch):
    monkeypatch.setattr("coffer.objects.retries.TRIES", 2)
    place = StoreAddress(scheme="s3", root=f"{server.name}/{os.urandom(4).hex()}/vault")
    made = World.make(tmp_path, objects=place)
    made.epoch("2016-09-01", "2016-09-03")
    yield made
    server.forget()


def core_of(day, tasks):
    """A segment's core, as a task of this ingest makes it."""
    nonce = bytes.fromhex(tasks.name) + os.urandom(16)
    on = dt.date(2016, 9, day)
    sizes = {"kind": 1, "layout": 0, "custodians": 3, "clauses": 3, "part": 0}
    return SegmentCore(
        day=on, **sizes, rule="base", feed="x", roster=bytes(32), origin=bytes(32), nonce=nonce, home="FR"
    )


class TasksHere:
    """Runs each split once, with something before and after."""

    def __init__(self, before=lambda _work: None, after=lambda _work: None):
        self.before, self.after, self.work = before, after, None

    def run(self, work):
        self.work = work
        self.before(work)
        outcomes = [(number, seal_split(work, number)) for number in range(len(work.splits))]
        self.after(work)
        return outcomes


def ingest(world, cluster, text=CSV):
    (world.path / "a.csv").write_text(text)
    names = [str(world.path / "a.csv")]
    return run_ingest(
        world.vault,
        feed(),
        names,
        on_progress=lambda **_: None,
        on_rejects=lambda *_: None,
        engine=partial(SpreadSealers, cluster=cluster),
    )


def there(world):
    return [key for prefix in ("segments/", "tasks/") for key in world.vault.objects.keys(prefix)]


def verify_sound(world, segments):
    assert run(["fsck", str(world.vault.path), "--deep"]) == 0
    assert len(there(world)) == 3 * segments


def write(world):
    with world.vault.writing():
        pass


def fail(work, number):
    with pytest.raises(TaskFailed, match="the store says: InternalError"):
        seal_split(work, number)


def test_attempts_that_fail_or_come_second_leave_no_object(world, server):
    def before(work):
        server.fail("PUT", ".header", Fault.ERROR, times=99)
        server.fail("DELETE", "", Fault.ERROR, times=99)  # as without the right to
        fail(work, 0)  # as a task that is tried again
        server.forget()
        seal_split(work, 0)  # as a speculative one that comes second
        server.fail("PUT", ".rows", Fault.ERROR)
        server.fail("PUT", "/0", Fault.LOST)
        server.fail("HEAD", "open", Fault.ERROR)

    summary = ingest(world, TasksHere(before))
    assert (summary.files[0].kept, summary.segments) == (40, 2)
    verify_sound(world, 2)


def test_an_ingest_that_fails_after_its_tasks_leaves_no_object(world):
    def after(_work):
        raise Unavailable("cluster: gone")

    with pytest.raises(Unavailable, match="gone"):
        ingest(world, TasksHere(after=after))
    assert there(world) == []
    assert not (world.vault.path / "puts").exists()
    assert ingest(world, TasksHere()).segments == 2


def test_a_driver_that_was_killed_is_swept_by_the_next_command(world, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr("coffer.procedures.ingest.batch.Batch.discard", lambda _self: None)
        with pytest.raises(KeyboardInterrupt, match="killed"):
            ingest(world, TasksHere(after=lambda _work: exec("raise KeyboardInterrupt('killed')")))
    assert run(["fsck", str(world.vault.path)]) == 0, "what is under way is no orphan"
    capsys.readouterr()
    assert len(there(world)) == 9
    write(world)
    assert there(world) == []


def test_a_driver_that_was_killed_after_logging_keeps_what_the_log_names(world, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("coffer.procedures.ingest.batch.Batch.sweep_tasks", lambda _self: None)
        ingest(world, TasksHere(lambda work: seal_split(work, 0)))
    assert len(there(world)) == 17
    write(world)
    verify_sound(world, 2)


def test_what_arrives_after_the_sweep_is_named_by_fsck_and_deleted_an_hour_later(world, capsys):
    cluster = TasksHere(lambda work: seal_split(work, 0))
    put = {}

    def after(_work):
        put.update({key: world.vault.objects.read(key) for key in there(world) if key.endswith(".rows")})

    cluster.after = after
    ingest(world, cluster)
    late = next(key for key in put if key not in there(world))
    world.vault.objects.put(late, put[late])  # as a request that was on its way when its task was killed
    world.vault.objects.put(f"tasks/{cluster.work.tasks.name}/0/0", b"x\n")  # and as a note of one that woke
    write(world)
    assert run(["fsck", str(world.vault.path)]) == 3
    assert capsys.readouterr().out.count("not in the log") >= 2
    world.now += AGAIN
    write(world)
    verify_sound(world, 2)
    assert list((world.vault.path / SWEPT).iterdir()) == []


def test_a_task_cannot_have_what_the_log_names_removed(world, server):
    first = ingest(world, TasksHere())
    assert first.segments == 2
    before = there(world)
    proofs = [world.vault.objects.read(key)[:CORE_BYTES] for key in before if key.endswith(".header")]

    def before_tasks(work):
        objects = work.config.place.open_for_task(work.tasks, 0, Disk(), os.urandom)
        for proof in (*proofs, b"", b"x" * 160, "\n".join([*before, "log/checkpoint", "tally/../x"]).encode()):
            objects.puts.add([], proof)

    ingest(world, TasksHere(before_tasks), CSV.replace("+3360", "+3370"))
    assert set(before) <= set(there(world))
    assert world.vault.objects.is_there("log/checkpoint")


def test_a_task_that_gives_a_segment_of_the_log_as_its_own_stops_the_ingest(world):
    ingest(world, TasksHere())
    before = there(world)

    class Lying(TasksHere):
        def run(self, work):
            outcome = format_outcome(Outcome(staged=tuple(before)))
            return [(0, seal(outcome, work.public, info=outcome_info(0)))]

    with pytest.raises(NotProven, match="a segment of another ingest"):
        ingest(world, Lying(), CSV.replace("+3360", "+3370"))
    assert there(world) == before


def test_times_of_what_was_swept_are_those_of_the_vaults_clock(world):
    ingest(world, TasksHere())
    (kept,) = (world.vault.path / SWEPT).iterdir()
    assert kept.name.startswith(world.now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H%M%SZ-"))


def test_a_sweep_that_is_cut_short_anywhere_is_ended_by_the_next(world, monkeypatch):
    objects, delete, left = world.vault.objects, StoreObjects.delete, 0

    def cut_short(self, keys):
        nonlocal left
        left -= 1
        if left == 0:
            raise Unavailable("store: down")
        delete(self, keys)

    for step in range(1, 8):
        tasks = Tasks(name=f"{step:032x}", splits=2)
        objects.puts.add_tasks(tasks)
        open_tasks(objects, tasks)
        for split, day in ((0, 1), (0, 2), (1, 1)):
            own = Place(world.vault.path, objects.address).open_for_task(tasks, split, Disk(), os.urandom)
            core = core_of(day, tasks)
            own.settle(own.stage({f"{key_of(core.day, core.seg_id)}.rows": b"x"}, proof=core.raw))
        left = step
        with monkeypatch.context() as patch:
            patch.setattr(StoreObjects, "delete", cut_short)
            write(world)
        assert (left > 0) == (there(world) == []) == (not world.vault.stored.has_tasks())
        write(world)
        assert there(world) == []
    assert left > 0, "every step was cut short once"


def test_junk_among_the_notes_of_tasks_stops_no_ingest_and_is_removed(world, monkeypatch):
    """Empty ones, long ones, ones below the name of another, and more than attempts write."""
    monkeypatch.setattr("coffer.objects.tasks._MOST_NOTES", 6)

    def before(work):
        name, junk = f"tasks/{work.tasks.name}", world.vault.objects.replace
        for number, raw in enumerate((b"", b"x" * 160, b"y" * 2**17)):
            junk(f"{name}/0/{number}", raw)
        junk(f"{name}/open/x", b"z")

    def after(work):
        for number in range(3, 9):
            world.vault.objects.replace(f"tasks/{work.tasks.name}/0/{number}", b"put later")

    late = TasksHere(before, after)
    assert ingest(world, late).segments == 2
    left = [key for key in there(world) if key.startswith("tasks/")]
    assert left == [f"tasks/{late.work.tasks.name}/{key}" for key in ("0/6", "0/7", "0/8", "open/x")], "of nobody"
    segments = list(world.vault.objects.keys("segments/"))
    seal_split(late.work, 0)  # one that wakes puts nothing: what is below the name of ``open`` is not ``open``
    assert list(world.vault.objects.keys("segments/")) == segments
    world.vault.objects.delete([*left, f"tasks/{late.work.tasks.name}/0/0"])
    verify_sound(world, 2)
    assert ingest(world, TasksHere(), CSV.replace("+3360", "+3370")).segments == 2


def test_an_object_below_the_name_of_another_is_not_that_one(world):
    world.vault.objects.replace("tasks/a/open/x", b"y")
    assert not world.vault.objects.is_there("tasks/a/open")
    world.vault.objects.replace("tasks/a/open", b"")
    assert world.vault.objects.is_there("tasks/a/open")
    assert world.vault.objects.read("tasks/a/open") == world.vault.objects.look("tasks/a/open", 9) == b""
