"""The contract of ``coffer.objects.port.Objects``, on a folder, in memory and on an S3 server."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from coffer.disk import Disk
from coffer.errors import NotProven, Unavailable
from coffer.objects.address import StoreAddress
from coffer.objects.folder import FolderObjects
from coffer.objects.puts import Puts
from coffer.objects.store import StoreObjects
from storing import Bucket

BIG = os.urandom(9 * 2**20)


@pytest.fixture(scope="module", params=["folder", "memory", "s3"])
def objects(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    puts = Puts(folder / "puts", Disk())
    if request.param == "folder":
        yield FolderObjects(folder, Disk())
    elif request.param == "memory":
        yield StoreObjects(StoreAddress(scheme="memory", root="bucket/vault"), puts, os.urandom)
    else:
        with Bucket.serve() as bucket:
            yield bucket.objects(puts)


def test_what_was_put_is_read_whole_and_in_parts(objects):
    staged = objects.stage({"segments/a/1.rows": b"0123456789", "segments/a/1.header": memoryview(b"head")})
    objects.settle(staged)
    objects.publish(staged)
    assert [one.key for one in staged] == ["segments/a/1.rows", "segments/a/1.header"]
    assert objects.read("segments/a/1.rows") == b"0123456789"
    assert objects.size("segments/a/1.header") == 4
    assert objects.is_there("segments/a/1.header")
    parts = objects.parts("segments/a/1.rows")
    assert parts.read(0, 2) == b"01"
    assert parts.read(8, 2) == b"89"
    parts.close()
    assert parts.read(3, 4) == b"3456"
    with pytest.raises(Unavailable, match=r"1\.rows: 2 bytes at 8, expected 3"):
        parts.read(8, 3)
    parts.close()


def test_what_is_not_there_is_unavailable_and_has_no_size(objects):
    assert objects.size("segments/none.rows") is None
    assert not objects.is_there("segments/none.rows")
    with pytest.raises(Unavailable, match=r"none\.rows"):
        objects.read("segments/none.rows")
    with pytest.raises(Unavailable, match=r"none\.rows"):
        objects.parts("segments/none.rows").read(0, 1)


def test_the_same_bytes_may_be_put_again_and_other_bytes_never(objects):
    objects.put("log/tile/1", b"same")
    objects.put("log/tile/1", b"same")
    with pytest.raises(NotProven, match="log/tile/1"):
        objects.put("log/tile/1", b"other")
    assert objects.read("log/tile/1") == b"same"


def test_a_checkpoint_is_replaced(objects):
    objects.replace("log/checkpoint", b"one")
    objects.replace("log/checkpoint", b"another")
    assert objects.read("log/checkpoint") == b"another"


def test_a_large_object_comes_back_whole(objects):
    staged = objects.stage({"segments/big.rows": BIG})
    objects.settle(staged)
    objects.publish(staged)
    assert objects.read("segments/big.rows") == BIG
    assert objects.parts("segments/big.rows").read(2**23, 10) == BIG[2**23 : 2**23 + 10]
    objects.delete(["segments/big.rows"])


def test_what_is_deleted_is_gone_and_may_be_deleted_again(objects):
    objects.put("tally/1", b"x")
    objects.delete(["tally/1", "tally/2"])
    objects.delete(["tally/1"])
    assert not objects.is_there("tally/1")


def test_what_is_abandoned_is_gone_published_or_not(objects):
    for is_published in (False, True):
        staged = objects.stage({"segments/b/1.rows": b"rows", "segments/b/1.header": b"header"})
        objects.settle(staged)
        if is_published:
            objects.publish(staged)
        objects.abandon(staged)
        assert [one.key for one in staged if objects.is_there(one.key)] == []
        assert [one for one in staged if one.temporary is not None and one.temporary.exists()] == []


def test_keys_are_listed_below_a_prefix(objects):
    objects.put("listed/b/2", b"x")
    objects.put("listed/a/1", b"x")
    objects.put("listed-not/1", b"x")
    assert sorted(objects.keys("listed/")) == ["listed/a/1", "listed/b/2"], "the port promises no order"
    assert list(objects.keys("nothing/")) == []


def test_many_threads_may_put_and_read(objects):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: objects.put(f"many/{n}", b"%d" % n), range(24)))
        assert list(pool.map(lambda n: objects.read(f"many/{n}"), range(24))) == [b"%d" % n for n in range(24)]
