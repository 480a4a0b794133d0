"""A store that fails: what is tried again, what a lost answer does, and what a message may say."""

import os

import pytest

from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.objects.address import StoreAddress, parse_address
from coffer.objects.puts import Noted, Puts, parse_puts
from coffer.objects.retries import TRIES, pauses
from storing import Bucket, Fault


@pytest.fixture(scope="module")
def server():
    with Bucket.serve() as bucket:
        yield bucket


@pytest.fixture
def bucket(server):
    yield server
    server.forget()


def test_a_call_that_fails_is_made_again(bucket):
    waited = []
    store = bucket.objects(None, pauses=waited)
    bucket.fail("PUT", "again", Fault.ERROR, times=2)
    bucket.fail("GET", "again", Fault.ERROR)
    store.put("again", b"bytes")
    assert store.read("again") == b"bytes"
    assert len(waited) == 3
    assert [wait for wait in waited if not 0 <= wait <= 0.4] == []
    assert bucket.asked["PUT", "again"] == 3


def test_an_answer_that_was_lost_after_the_put_is_known_by_its_bytes(bucket):
    store = bucket.objects(None)
    bucket.fail("PUT", "lost", Fault.LOST)
    store.put("lost", b"bytes")
    assert store.read("lost") == b"bytes"
    assert bucket.asked["PUT", "lost"] == 2
    with pytest.raises(NotProven, match="lost: the store has other bytes under this name"):
        store.put("lost", b"other")


def test_a_slow_answer_and_half_an_answer_are_read_in_the_end(bucket):
    store = bucket.objects(None)
    store.put("half", b"0123456789abcdef" * 64)
    bucket.fail("GET", "half", Fault.CUT)
    bucket.fail("GET", "half", Fault.SLOW)
    assert store.read("half") == b"0123456789abcdef" * 64
    assert bucket.asked["GET", "half"] == 2


def test_a_store_that_keeps_failing_is_unavailable_and_its_words_hold_nothing_of_the_request(bucket):
    waited = []
    store = bucket.objects(None, pauses=waited)
    bucket.fail("GET", "down", Fault.ERROR, times=99)
    with pytest.raises(Unavailable, match="down") as caught:
        store.read("down")
    assert caught.value.message == "down: the store says: InternalError"
    assert len(waited) == TRIES - 1
    assert caught.value.__cause__ is None


def test_wrong_credentials_and_a_closed_port_say_neither_key_nor_address(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9/?secret=1")
    store = bucket.objects(None)
    with pytest.raises(Unavailable, match="segments/x") as caught:
        store.read("segments/x")
    assert "127.0.0.1" not in f"{caught.value.message}{caught.value.hint}"
    assert "segments/x: the store says: " in caught.value.message


def test_what_is_put_is_noted_before(bucket, tmp_path):
    puts = Puts(tmp_path / "puts", Disk())
    store = bucket.objects(puts)
    bucket.fail("PUT", "b/2", Fault.ERROR, times=99)
    staged = store.stage({"a/1": b"x", "b/2": b"y"})
    with pytest.raises(Unavailable, match="b/2"):
        store.settle(staged)
    assert puts.read() == Noted(keys=("a/1", "b/2"), is_logging=False)
    bucket.forget()
    store.abandon([])  # a sealer that failed told nobody what it staged
    assert not store.is_there("a/1")
    assert puts.read() == Noted(keys=(), is_logging=False)


def test_what_is_read_ahead_is_asked_for_once(bucket):
    store = bucket.objects(None)
    store.put("small", os.urandom(1_000))
    bucket.forget()
    parts = store.parts("small")
    for start in (0, 500, 900):
        parts.read(start, 100)
        parts.close()
    assert bucket.requests() == 1


def test_note_with_a_torn_last_line_leaves_it_out():
    assert parse_puts(b"a/1\nlogging\nb/") == Noted(keys=("a/1",), is_logging=True)


def test_pauses_are_random_below_a_bound_that_doubles():
    assert list(pauses(lambda size: b"\xff" * size)) == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert list(pauses(bytes)) == [0.0] * (TRIES - 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s3://KEY:SECRET@bucket/x", "not an address of a store"),
        ("s3://bucket/x?X-Amz-Signature=1", "not an address of a store"),
        ("s3://bucket/a/../b", "an empty part"),
        ("s3://bucket//b", "an empty part"),
        ("ftp://bucket/b", "not a kind of store"),
        ("bucket/b", "not an address of a store"),
    ],
)
def test_address_with_anything_but_bucket_and_prefix_is_refused(text, why):
    with pytest.raises(MalformedInput, match=why) as caught:
        parse_address(text, "--objects")
    assert "SECRET" not in f"{caught.value.message}{caught.value.hint}"


def test_address_is_written_and_read_back():
    address = parse_address("s3://bucket/vaults/one/", "--objects")
    assert str(address) == "s3://bucket/vaults/one"
    assert StoreAddress.parse(address.format(), "objects.toml") == address
