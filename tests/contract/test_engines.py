"""The contract of engines: whoever reads and seals, counts, rejects, tally and answers are the same.

It holds for vaults and files in folders and in a store. ``COFFER_SPARK_MASTER`` makes a Spark cluster the engine, which
finds its store by ``AWS_ENDPOINT_URL_S3``; ``tests/spark`` runs this file so.
"""

import gzip
import os
import pickle
from dataclasses import dataclass, replace
from functools import partial

import pytest

from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.notes.keys import SealKey, seal
from coffer.objects.address import StoreAddress
from coffer.procedures.fsck import examine, expected_of
from coffer.procedures.ingest.run import run_ingest
from coffer.procedures.ingest.sealers import OneSealer
from coffer.procedures.ingest.spread import work as work_module
from coffer.procedures.ingest.spread.outcome import Outcome, format_outcome, parse_outcome
from coffer.procedures.ingest.spread.sealers import SpreadSealers
from coffer.procedures.ingest.spread.task import TaskFailed, outcome_info, seal_split
from coffer_audit.cli import main as audit
from procedures.test_devices import FEED as DEVICES
from procedures.test_devices import GERMAN, HANDSET, LINES, SIM, STRICT
from storing import Bucket
from world import FEED, World, feed

CSV = "".join(f"+336{i:08},+33698765432,2016-09-0{1 + i % 3} {i % 24:02}:00:00,{i % 400}\n" for i in range(900))
FAULTY = CSV + "abc,+33698765432,2016-09-01 10:00:00,1\n+33611111111,+33698765432,2016-13-01 10:00:00,1\nshort\n"
MAIL_FEED = """
[feed]
name = "mail"
format = "postfix"
home_country = "FR"
time_zone = "UTC"
"""
MAIL = """\
Sep  1 10:00:00 mx postfix/smtpd[1]: 4A1B2C3D4E: client=unknown[192.0.2.1]
Sep  1 10:00:01 mx postfix/qmgr[2]: 4A1B2C3D4E: from=<a@sender.example>, size=10, nrcpt=1 (queue active)
Sep  1 10:00:02 mx postfix/qmgr[2]: 4A1B2C3D4F: from=<c@sender.example>, size=10, nrcpt=1 (queue active)
"""
MORE_MAIL = """\
Sep  1 10:00:03 mx postfix/smtp[3]: 4A1B2C3D4E: to=<b@receiver.example>, relay=mx[192.0.2.2]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
Sep  1 10:00:04 mx postfix/qmgr[2]: 4A1B2C3D4E: removed
"""


class TasksHere:
    """A cluster of one: what tasks are given and give back goes through bytes, the last split first."""

    def run(self, work):
        given = pickle.dumps(work)
        return [(number, seal_split(pickle.loads(given), number)) for number in reversed(range(len(work.splits)))]


def engines():
    if "COFFER_SPARK_MASTER" in os.environ:
        from coffer.procedures.ingest.spread.spark import SparkCluster

        name, cluster, made = "spark", SparkCluster(os.environ["COFFER_SPARK_MASTER"]), {}
    else:
        name, cluster, made = "tasks", TasksHere(), {"one": OneSealer}
    made[name] = partial(SpreadSealers, cluster=cluster, split_bytes=8_192)
    made[f"{name}-store"] = partial(SpreadSealers, cluster=cluster, split_bytes=24_576)  # fewer objects to ask for
    return made


ENGINES = engines()


@pytest.fixture(scope="module", autouse=True)
def one_application():
    """Spark keeps its executors from one ingest to the next, because starting them takes longer than any of these tests."""
    if "COFFER_SPARK_MASTER" not in os.environ:
        yield
        return
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SparkSession, "stop", lambda _session: None)
        yield
    if session := SparkSession.getActiveSession():
        session.stop()


@pytest.fixture(params=list(ENGINES))
def engine(request):
    return ENGINES[request.param]


@pytest.fixture(scope="module")
def bucket():
    if "AWS_ENDPOINT_URL_S3" in os.environ:
        yield Bucket.make(os.environ["AWS_ENDPOINT_URL_S3"])
    else:
        with Bucket.serve() as served, served.one_client():
            yield served


@pytest.fixture
def worlds(tmp_path, request):
    """Makes worlds by name. Those of an engine with a store keep segments, and are given files, in a store."""
    callspec = getattr(request.node, "callspec", None)
    is_stored = "-store" in str(callspec.params.get("engine", "")) if callspec else False
    bucket = request.getfixturevalue("bucket") if is_stored else None

    def make(name, *, in_folder=False, **changes):
        (tmp_path / name).mkdir()
        place = (
            None
            if in_folder or bucket is None
            else StoreAddress(scheme="s3", root=f"{bucket.name}/{os.urandom(4).hex()}-{name}")
        )
        own = World.make(tmp_path / name, objects=place, **changes)
        own.epoch("2016-09-01", "2016-09-03")
        return own

    return make


def given(world, name, text):
    """A file of records where the vault's segments are: its name for an ingest."""
    raw = text if isinstance(text, bytes) else text.encode()
    if world.vault.stored is None:
        (world.path / name).write_bytes(raw)
        return str(world.path / name)
    world.vault.objects.replace(f"given/{name}", raw)
    return f"{world.vault.place.store}/given/{name}"


def left(world):
    """All that is there of segments, and of tasks."""
    objects = world.vault.objects
    return [key for prefix in ("segments/", "tasks/") for key in objects.keys(prefix)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr("coffer.procedures.ingest.sources.CHUNK_BYTES", 4_096)


@dataclass
class Result:
    counts: list
    rejects: list
    tally: dict
    records: bytes


def ingest(world, paths, engine=None, by=None):
    rejects = []
    summary = run_ingest(
        world.vault,
        by or feed(),
        [str(path) for path in paths],
        on_progress=lambda **_: None,
        on_rejects=lambda name, part: rejects.extend(
            zip([name] * len(part.lines), part.lines.tolist(), part.reasons.tolist(), part.fields, strict=True)
        ),
        engine=engine,
    )
    return summary, sorted(rejects)


def outcome_of(world, summary, rejects, subject, kinds="call"):
    objects = world.vault.objects
    tally = {key.split(".", 1)[1]: objects.read(key) for key in objects.keys("tally/")}
    note = world.authorize(subjects=[subject], max_records=10_000, is_hub=True, kinds=kinds)
    lines = world.open(note).records_csv.splitlines()
    counts = [replace(one, changed_year=0) for one in summary.files]  # which a store does not tell
    return Result(counts, rejects, tally, sorted(b",".join(line.split(b",")[:9]) for line in lines))


def compared(world, make, engine, **changes):
    """What an engine made of the files that ``make`` writes, and what a sealer in this process makes of them."""
    outcomes = []
    for one, own in ((engine, world("a", **changes)), (None, world("b", in_folder=True, **changes))):
        outcomes.append(make(own, one))
        assert examine(own.vault.objects, expected_of(own.vault), is_deep=True).faults == ()
        if own.vault.stored is None:
            assert audit(["vault", str(own.vault.path)]) == 0
        assert not list(own.vault.path.rglob("*.tmp-*"))
    return outcomes


def test_rows_rejects_and_tally_are_the_same(worlds, engine):
    def make(world, one):
        files = {
            "a.csv": FAULTY,
            "b.csv": CSV.replace("+3360", "+3370"),
            "c.csv.gz": gzip.compress(CSV.replace("+3360", "+3340").encode()),
        }
        summary, rejects = ingest(world, [given(world, name, text) for name, text in files.items()], one)
        return outcome_of(world, summary, rejects, "tel:+33698765432")

    theirs, ours = compared(worlds, make, engine)
    assert (len(ours.rejects), len(ours.records)) == (3, 2_701)
    assert theirs == ours


JOINED = f"{FEED}[join]\nkey = 3\n"


@pytest.mark.parametrize("by", [FEED, JOINED], ids=["each row", "joined rows"])
def test_rows_with_line_ends_in_quotes_are_cut_alike(worlds, engine, by):
    """Rows of the table that stand in a text are nobody's records, wherever a task begins to read."""
    text = "".join(line.replace("\n", f',"{CSV[:160]}""x"""\n') for line in CSV.splitlines(keepends=True)[:300])

    def make(world, one):
        summary, rejects = ingest(world, [given(world, "a.csv", text)], one, feed(by))
        return outcome_of(world, summary, rejects, "tel:+33698765432")

    theirs, ours = compared(worlds, make, engine)
    assert (ours.counts[0].kept, ours.rejects, len(ours.records)) == (300, [], 301)
    assert theirs == ours


def test_an_event_in_two_files_is_one_record(worlds, engine):
    def make(world, one):
        files = [given(world, "mail", MORE_MAIL), given(world, "mail.1", MAIL)]
        summary, rejects = ingest(world, files, one, feed(MAIL_FEED))
        return outcome_of(world, summary, rejects, "mailto:b@receiver.example", "email")

    theirs, ours = compared(worlds, make, engine)
    assert len(ours.records) == 2
    assert theirs == ours


def test_records_are_found_by_number_sim_and_handset_alike(worlds, engine):
    """Under a rule that is stricter for some, with values that name no handset, in plain files and a packed one."""
    calls = "".join((LINES + GERMAN).replace(":00:00", f":{n:02}:00") for n in range(50))

    def make(world, one):
        files = {"a.csv": calls, "b.csv.gz": gzip.compress(calls.replace("+33611111111", "+33622222222").encode())}
        summary, _ = ingest(world, [given(world, name, text) for name, text in files.items()], one, feed(DEVICES))
        subjects = ["tel:+33612345678", SIM, HANDSET]
        note = world.authorize(subjects=subjects, persons=["A"] * 3, kinds="call", max_records=10_000, is_hub=True)
        counts = [replace(file, changed_year=0) for file in summary.files]
        return summary.rows, counts, sorted(world.open(note).records_csv.splitlines())

    theirs, ours = compared(worlds, make, engine, rules=STRICT)
    assert (ours[0], len(ours[2])) == (100 * 30, 1 + 100 * 15)
    assert theirs == ours


def test_of_a_file_that_grew_only_what_is_new_is_sealed(worlds, engine):
    def make(world, one):
        ingest(world, [given(world, "a.csv", CSV)], one)
        summary, rejects = ingest(world, [given(world, "a.csv", CSV + CSV.replace("+3360", "+3370"))], one)
        assert summary.files[0].known == 900
        return outcome_of(world, summary, rejects, "tel:+33698765432").records

    theirs, ours = compared(worlds, make, engine)
    assert theirs == ours


def test_a_day_without_keys_stops_it_and_nothing_stays(worlds, engine):
    world = worlds("a")
    file = given(world, "a.csv", CSV.replace("2016-09-01", "2016-09-04"))
    before = world.state().size
    with pytest.raises(Unavailable, match="epoch keys"):
        ingest(world, [file], engine)
    assert world.state().size == before
    assert left(world) == []


def test_input_that_cannot_be_read_is_said_and_nothing_stays(worlds, engine):
    world = worlds("a")
    file = given(world, "a.csv", "not,a,record,x\n" * 40)
    with pytest.raises(MalformedInput, match=r"a\.csv"):
        ingest(world, [file], engine)
    assert left(world) == []


class Lying(TasksHere):
    """A cluster that changes what tasks give back."""

    def __init__(self, change):
        self.change = change

    def run(self, work):
        return self.change(work, super().run(work))


def forged(work, given, **changes):
    """Outcomes of which the first holds other values."""
    number, _ = given[0]
    outcome = Outcome(**({"staged": ("segments/2016-09-01/../../../lock.rows.tmp-0123456789abcdef",)} | changes))
    return [(number, seal(format_outcome(outcome), work.public, info=outcome_info(number))), *given[1:]]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda _work, given: given[1:], Unavailable, "outcomes of"),
        (lambda _work, given: [*given, given[0]], NotProven, "two outcomes"),
        (lambda _work, given: [(given[0][0], given[1][1]), *given[1:]], NotProven, "does not unseal"),
        (lambda _work, given: [(n, seal(b"x", SealKey.generate().public, info=b"")) for n, _ in given], NotProven, "unseal"),
        (forged, MalformedInput, "none of a segment"),
        (lambda work, given: forged(work, given, staged=(f"segments/2016-09-01/{'0' * 64}.rows.tmp-{'0' * 16}",)), NotProven, "not whole"),
    ],
)  # fmt: skip
def test_what_a_cluster_tells_is_proven(worlds, change, error, words):
    world = worlds("a")
    (world.path / "a.csv").write_text(CSV)
    engine = partial(SpreadSealers, cluster=Lying(change), split_bytes=8_192)
    with pytest.raises(error, match=words):
        ingest(world, [world.path / "a.csv"], engine)
    assert left(world) == [], "nothing that a task staged stays"
    ingest(world, [world.path / "a.csv"], partial(SpreadSealers, cluster=TasksHere()))


def test_an_attempt_that_does_not_count_leaves_no_file_and_no_record_twice(worlds):
    class Twice(TasksHere):
        def run(self, work):
            super().run(work)  # as tasks that were lost after they had staged everything
            return super().run(work)

    world = worlds("a")
    (world.path / "a.csv").write_text(CSV)
    summary, _ = ingest(world, [world.path / "a.csv"], partial(SpreadSealers, cluster=Twice(), split_bytes=8_192))
    files = {path.name.split(".")[0] for path in (world.vault.path / "segments").rglob("*.*")}
    assert len(files) == summary.segments
    assert summary.files[0].kept == 900


def test_a_task_tells_no_content_of_what_stopped_it(worlds, monkeypatch):
    def fail(*_args, **_kwargs):
        raise ValueError("could not parse +33612345678")

    world = worlds("a")
    (world.path / "a.csv").write_text(CSV)
    monkeypatch.setattr("coffer.procedures.ingest.sealer.Sealer.take", fail)
    with pytest.raises(TaskFailed, match=r"^unexpected ValueError$") as raised:
        ingest(world, [world.path / "a.csv"], partial(SpreadSealers, cluster=TasksHere()))
    assert raised.value.__suppress_context__


def test_bytes_that_are_no_outcome_are_refused():
    with pytest.raises(MalformedInput, match="not what a task"):
        parse_outcome(b"\x80\x04.")


def test_splits_are_of_about_the_wanted_size():
    class At:
        def __init__(self, size_bytes):
            self.size_bytes = size_bytes

    lines = [work_module.Lines(file=0, chunk=At(10), bound=0) for _ in range(10)]
    assert [len(part) for part in work_module._parts(lines, 25)] == [3, 3, 3, 1]
    assert [len(part) for part in work_module._parts(lines, 5)] == [1] * 10
