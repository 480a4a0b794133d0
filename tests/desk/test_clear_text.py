"""Nothing that names anybody is in the bytes of a database: files, write-ahead logs, dumps, and a server's whole data folder.

The twin turns sealing off and shows that the same search finds each marker in every place.
"""

import base64
import itertools
import os
from dataclasses import replace

import pytest
from making import NOW, document, new_case, passkey, person

from coffer.desk import edits
from coffer.desk.case import DocumentKind, Told
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.people import Role
from coffer.desk.port import Post
from coffer.desk.sealing import Cell
from coffer.desk.store.connected import connected
from coffer.desk.store.engine import database_url
from coffer.notify.message import News
from conftest import ROOT_KEY

NUMBER, PERSON, PURPOSE = "+33698024545", "Quetzalcoatl Example", "Zeppelin smuggling"
MARKERS = {
    "number": NUMBER,
    "person": PERSON,
    "purpose": PURPOSE,
    "basis": "Art. 60-1 CPP xylophone",
    "case number": "12/0417-marmoset",
    "authority": "Court of Appeal Pamplemousse",
    "order text": "THE ORDER SAYS WOMBAT",
    "file name": "order-jacaranda.pdf",
    "note": "call back Ms Rhododendron",
    "clerk": "Clerk Bumblebee",
    "mailbox": "bumblebee@desk.example",
    "hook": "https://hook.example/kaleidoscope",
    "passkey label": "phone of Bumblebee",
    "invited": "Deputy Tamarillo",
}
_NAMES = itertools.count()


class Unsealed:
    """What the store would write if nothing were sealed."""

    def seal(self, key, content, context):
        return content

    def unseal(self, key, sealed, context):
        return sealed


def spelled(marker):
    """A marker as it could stand somewhere, by the name of the spelling. Base64 is looked for at each of its three places."""
    raw = marker.encode()
    found = {
        "utf-8": raw,
        "utf-16-le": marker.encode("utf-16-le"),
        "utf-16-be": marker.encode("utf-16-be"),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "reversed": raw[::-1],
    }
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + raw)
        # the first characters depend on what stands before, the last on what stands behind
        found[f"base64+{shift}"] = whole[4 if shift else 0 :][: (len(raw) - 3) // 3 * 4]
    return found


def hits(raw):
    return sorted(
        {
            (name, spelling)
            for name, marker in MARKERS.items()
            for spelling, bytes_ in spelled(marker).items()
            if bytes_ in raw
        }
    )


def mixed(marker):
    """A document of over 1 MiB that holds the marker often and cannot be compressed: PostgreSQL would hide the marker."""
    return b"".join(marker.encode() + os.urandom(100) for _ in range(10_000))


def fill(store, notes=()):
    """A day at the desk, with each marker where it belongs."""
    key = replace(passkey(), label=MARKERS["passkey label"])
    clerk = person(store, MARKERS["clerk"], Role.HEAD, key)
    clerk = replace(
        clerk, mailbox=MARKERS["mailbox"], hook_url=MARKERS["hook"], hook_secret=os.urandom(32), zone="Europe/Paris"
    )
    store.update(clerk, NOW)
    store.invite(MARKERS["invited"], Role.CLERK, by=clerk.id, now=NOW)
    store.begin(clerk.id, NOW)
    store.record_use(key.id, 3, NOW)
    closed = new_case(store, clerk, number=MARKERS["case number"], authority=MARKERS["authority"])
    closed = store.write(edits.close(closed, NOW), by=clerk.id, now=NOW).case
    store.shred(closed.id, now=NOW)
    post = Post(person=clerk.id, key="form")
    made = new_case(store, clerk, number=MARKERS["case number"], authority=MARKERS["authority"], post=post)
    draft = Draft(
        subjects=(TypedSubject(text=NUMBER, spans=(TypedSpan(first="2016-09-01", last="2016-09-02"),)),),
        person=PERSON,
        purpose=PURPOSE,
        basis=MARKERS["basis"],
    )
    made = store.write(edits.save_draft(made, draft), by=clerk.id, now=NOW).case
    order = document(mixed(MARKERS["order text"]), MARKERS["file name"], DocumentKind.ORDER, clerk.id)
    made = store.write(edits.add_documents(made, [order]), by=clerk.id, now=NOW).case
    made = store.write(edits.add_note(made, MARKERS["note"]), by=clerk.id, now=NOW).case
    store.write(edits.assign(made, clerk.id), by=clerk.id, now=NOW)
    store.tell([Told(person=clerk.id, news=News.LATE)], NOW, NOW)
    lease = store.acquire(f"opening-{made.id}", "process", NOW, for_s=60)
    store.release(lease)
    return clerk, made


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def sqlite_places(folder, cipher=None):
    store = connected(database_url(folder, None), ROOT_KEY, os.urandom, cipher=cipher)
    fill(store)
    places = files_of(folder)  # while it is open: the log has not been written back yet
    store.close()
    return places | {f"closed {name}": raw for name, raw in files_of(folder).items()}


def postgresql_places(cluster, cipher=None):
    name = f"clear{next(_NAMES)}"
    cluster.execute(f"CREATE DATABASE {name}")
    store = connected(cluster.url(name), ROOT_KEY, os.urandom, cipher=cipher)
    fill(store)
    store.close()
    cluster.execute("CHECKPOINT")
    folder = cluster.folder / "data"
    dump = cluster.run("pg_dump", "-h", cluster.folder, "-U", "desk", name)
    return {"dump": dump, "dump, bytes": undumped(dump)} | files_of(folder)


def undumped(dump):
    r"""A dump with its ``\x...`` values as bytes, so that base64 and UTF-16 within them are found too."""
    parts = []
    for word in dump.split():
        digits = word.removeprefix(b"\\\\x")
        if digits != word:
            parts.append(bytes.fromhex(digits.decode()))
    return b"\n".join(parts)


def test_no_file_of_sqlite_holds_a_marker_in_any_spelling(tmp_path):
    places = sqlite_places(tmp_path)
    assert {"desk.sqlite3", "desk.sqlite3-wal", "desk.sqlite3-shm"} <= set(places)
    assert sum(map(len, places.values())) > 1_000_000
    assert {name: hits(raw) for name, raw in places.items() if hits(raw)} == {}


def test_without_sealing_every_marker_is_found_in_sqlite(tmp_path):
    places = sqlite_places(tmp_path, Unsealed())
    found = {name for raw in places.values() for name, _ in hits(raw)}
    assert found == set(MARKERS)
    assert {name for name, _ in hits(places["desk.sqlite3-wal"])} >= {"number", "order text"}


def test_no_file_or_dump_of_postgresql_holds_a_marker_in_any_spelling(cluster):
    places = postgresql_places(cluster)
    assert [name for name in places if name.startswith("pg_wal/")] != []
    assert len(places["dump"]) > 1_000_000
    assert {name: hits(raw) for name, raw in places.items() if hits(raw)} == {}


def test_without_sealing_every_marker_is_found_in_postgresql(request):
    # A server of its own: the shared one's folder must stay free of markers for the test above.
    from databases import Cluster, binaries

    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    own = Cluster.start(folder)
    request.addfinalizer(own.stop)
    places = postgresql_places(own, Unsealed())
    assert {name for raw in places.values() for name, _ in hits(raw)} == set(MARKERS)
    assert {name for name, _ in hits(places["dump, bytes"])} == set(MARKERS)
    assert {spelling for _, spelling in hits(places["dump"])} >= {"hex"}
    assert {name for path, raw in places.items() if path.startswith("pg_wal/") for name, _ in hits(raw)} == set(MARKERS)


@pytest.mark.parametrize("marker", MARKERS.values())
@pytest.mark.parametrize("shift", range(3))
def test_search_finds_base64_wherever_it_begins(marker, shift):
    around = base64.b64encode(b"abc"[:shift] + b"def" + marker.encode() + b"zz")
    assert [spelling for spelling, raw in spelled(marker).items() if raw in around] != []


def test_lengths_are_told_in_steps(store_of_sealer):
    sealer, key = store_of_sealer
    sizes = {len(sealer.seal(key, Cell(table="cases", row=b"x"), bytes(n))) for n in range(253)}
    assert sizes == {256 + 28}
    assert len(sealer.seal(key, Cell(table="cases", row=b"x"), bytes(253))) == 512 + 28


@pytest.fixture
def store_of_sealer():
    from coffer.desk.sealing import AesGcm, Sealer

    return Sealer(cipher=AesGcm(entropy=os.urandom)), ROOT_KEY
