"""Files of records that lie in an object store, into a vault in a folder."""

import gzip

import pytest

from coffer.cli.main import run
from coffer.errors import MalformedInput, Unavailable
from coffer.objects.address import StoreAddress
from coffer.objects.store import StoreObjects
from coffer.procedures.ingest.stored import StoredSource, expand
from storing import Bucket, Fault
from world import FEED

LINES = "".join(f"+33612345678,+3369876543{n},2016-09-01 10:00:0{n},6\n" for n in range(4))


@pytest.fixture(scope="module")
def bucket():
    with Bucket.serve() as served:
        store = served.objects(None)
        for name, raw in {
            "a.csv": LINES.encode(),
            "b.csv": LINES.replace("12345678,", "12345679,").encode(),
            "c.csv.gz": gzip.compress(LINES.replace("12345678,", "12345670,").encode()),
            "deeper/d.csv": b"never read",
            "empty.txt": b"",
        }.items():
            store.replace(f"day/{name}", raw)
        yield served


@pytest.fixture
def day(bucket):
    yield f"s3://{bucket.name}/vault/day"
    bucket.forget()


def ingest(world, *names):
    feed = world.path / "feed.toml"
    feed.write_text(FEED)
    return run(["ingest", str(world.vault.path), "--feed", str(feed), *names])


def test_objects_are_sealed_once_packed_or_not_and_known_the_next_time(world, day, capsys, bucket):
    world.epoch("2016-09-01", "2016-09-03")
    bucket.fail("GET", "a.csv", Fault.CUT)
    bucket.fail("GET", "b.csv", Fault.ERROR)
    names = expand([f"{day}/*.csv", f"{day}/c.csv.gz"])
    assert [file.kept for file in world.ingest_files(names).files] == [4, 4, 4]
    assert [file.is_known for file in world.ingest_files(names).files] == [True, True, True]
    assert ingest(world, f"{day}/*.csv", f"{day}/c.csv.gz") == 0
    assert "every file was ingested before: nothing was added" in capsys.readouterr().err
    assert len(world.state().batches) == 1
    written = [path for path in world.vault.path.rglob("*") if path.is_file()]
    assert [path for path in written if b"2016-09-01 10:00:0" in path.read_bytes()] == []


def test_missing_empty_and_odd_names_are_refused(day):
    for name, why in (
        (f"{day}/none.csv", "none.csv: no such object"),
        (f"{day}/empty.txt", "empty.txt: is empty"),
        (f"{day}/a.csv?versionId=1", "not an address of a store"),
        ("s3://bucket", "without an object's name"),
    ):
        with pytest.raises(MalformedInput, match=why.replace("?", r"\?")):
            StoredSource.of(name)
    with pytest.raises(MalformedInput, match=r"x\*: no such object"):
        expand([f"{day}/x*"])
    assert expand([f"{day}/*.csv", "-", "local*.csv"]) == [f"{day}/a.csv", f"{day}/b.csv", "-", "local*.csv"]


def test_an_object_that_is_replaced_meanwhile_is_not_taken(day, bucket):
    store = StoreObjects(StoreAddress(scheme="s3", root=f"{bucket.name}/vault/day"), None, bytes)
    store.replace("e.csv", LINES.encode())
    source = StoredSource.of(f"{day}/e.csv")
    source.scan()
    store.replace("e.csv", LINES[::-1].encode())
    with pytest.raises(Unavailable, match=r"e\.csv: changed while it was read"):
        source.verify_unchanged()
