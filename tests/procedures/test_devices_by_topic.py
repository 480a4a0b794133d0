"""Messages of a topic are found by number, SIM and handset as the lines of a file are, also in an object store.

The brokers are librdkafka's mock cluster, the store is moto's server.
"""

import csv
import json

import pytest

import coffer.procedures.watch.topics.work as working
from brokering import Brokers, topics_of, write_settings
from coffer.procedures.fsck import examine, expected_of
from coffer.procedures.watch.run import Watcher
from coffer_audit.cli import main as audit
from procedures.test_devices import FEED, GERMAN, HANDSET, LINES, SIM, STRICT
from storing import Bucket
from world import World, feed

NAMES = ("a", "b", "start", "duration_s", "forwarded", "a_imei", "a_imsi", "b_imei", "b_imsi")
HEADER = f'header = "{",".join(NAMES)}"\n'
WRONG = "+33612345678,+33698765432,2016-13-01 10:00:00,60,,49015420323751,208011234567890,,\n"
TEXT = LINES + GERMAN + WRONG


def by_name(text):
    """The feed of columns by position as one whose columns have names."""
    for at, name in enumerate(NAMES):
        text = text.replace(f"{name} = {at}\n", f'{name} = "{name}"\n')
    return text


OF_CSV = by_name(FEED.replace("header = false", "header = true"))
OF_JSON = by_name(FEED.replace("csv", "jsonl").replace("header = false\n", ""))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(working, "_WAIT_S", 0.03)


@pytest.fixture(scope="module")
def cluster():
    with Brokers.serve() as brokers:
        yield brokers


@pytest.fixture(scope="module")
def bucket():
    with Bucket.serve() as served, served.one_client():
        yield served


def world_at(folder, place=None):
    folder.mkdir()
    world = World.make(folder, rules=STRICT, objects=place)
    world.epoch("2016-09-01", "2016-09-01")
    return world


def answered(world):
    """The records of a number, a SIM and a handset."""
    asked = {"subjects": ["tel:+33612345678", SIM, HANDSET], "days": [("2016-09-01", "2016-09-01")]}
    note = world.authorize(**asked, kinds="call", persons=["A"] * 3)
    return world.open(note).records_csv.decode().splitlines()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a file of the same lines gives, sealed into a folder."""
    world = world_at(tmp_path_factory.mktemp("file") / "world")
    world.ingest(TEXT, by=feed(FEED))
    return answered(world)


def watched(world, cluster, topic, messages, *, text, table=""):
    """Have a watch take these messages of two partitions; what is found then."""
    cluster.topic(topic, 2)
    for number, message in enumerate(messages):
        cluster.send(topic, number % 2, message.encode())
    write_settings(world.path, cluster.address, topic, table, feed=text)
    watcher = Watcher(world.vault, [], topics=topics_of(world.path), tell=lambda _event: None)
    watcher.run(is_once=True, wait=lambda _s: None)
    assert examine(world.vault.objects, expected_of(world.vault), is_deep=True).faults == ()
    return answered(world)


def test_lines_of_csv_that_are_sealed_into_a_store(cluster, bucket, expected, tmp_path):
    world = world_at(tmp_path / "world", bucket.address)
    theirs = watched(world, cluster, "csv", TEXT.splitlines(), text=OF_CSV, table=HEADER)
    assert len(expected) == 1 + 15
    assert sorted(theirs) == sorted(expected)


def test_json_lines_that_are_sealed_into_a_folder(cluster, expected, tmp_path):
    world = world_at(tmp_path / "world")
    messages = [json.dumps(dict(zip(NAMES, row, strict=True))) for row in csv.reader(TEXT.splitlines())]
    assert sorted(watched(world, cluster, "json", messages, text=OF_JSON)) == sorted(expected)
    assert audit(["vault", str(world.vault.path)]) == 0
