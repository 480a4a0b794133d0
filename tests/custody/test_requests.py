"""The requests at a custodian: what is noted of each, what is kept once it is decided, and when it goes."""

import datetime as dt
import os
import shutil
import subprocess
import sys

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.authority.countersign import signers_of
from coffer.custodian import requests as requesting
from coffer.custodian.machine.folder import Machine
from coffer.custodian.requests import KEPT_AFTER
from coffer.custody.earlier import earlier_of_case, history_of
from coffer.custody.exchange import note_info
from coffer.disk import Disk
from coffer.errors import NotProven, Unavailable
from coffer.notes.keys import seal
from coffer.notes.note import Note, SignatureLine
from elsewhere import Elsewhere


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("requests")).with_records()


@pytest.fixture
def world(made, tmp_path):
    """The same world with a fresh copy of judge's machine, and its clock as it was."""
    kept, now = dict(made.machines), made.now
    shutil.copytree(kept["judge"], tmp_path / "judge")
    made.machines["judge"] = tmp_path / "judge"
    yield made
    made.machines, made.now = kept, now


def request(world, **changes):
    return parse_authorization(world.request(days=[(world.today, world.today)], **changes), "request")


def take(world, authorization):
    world.machine("judge").requests.take(authorization.note, world.keys("judge"), world.now, os.urandom)
    return world.machine("judge").requests, world.keys("judge")


def test_note_that_comes_again_with_more_signatures_shows_them_while_it_waits(world):
    authorization = request(world)
    requests, keys = take(world, authorization)
    signed = world.custodian("dpo").countersign(authorization.note.raw, "request")
    requests.take(signed, keys, world.now, os.urandom)
    waiting = requests.note(authorization.commitment, keys)
    roster = world.state().roster
    assert signers_of(waiting, roster) == ("dpo",)
    take(world, authorization)
    assert signers_of(requests.note(authorization.commitment, keys), roster) == ("dpo",), "and an older copy takes none"


def test_false_signature_of_a_custodian_is_not_taken_and_a_strangers_is_left_out(world):
    authorization, service = request(world), world.custodian("judge")
    service.sync()
    member = world.state().roster.custodian("judge")
    info = note_info(authorization.terms.roster, member.index)
    dpo = world.state().roster.custodian("dpo").auth
    false = SignatureLine(name=dpo.name, key_id=dpo.key_id, signature=bytes(64))
    strange = SignatureLine(name="nobody", key_id=bytes(4), signature=bytes(64))
    own = authorization.note.signatures

    def sent(*lines):
        note = Note(text=authorization.note.text, signatures=(*own, *lines))
        return service.unseal_note(seal(note.raw, member.req, info=info))

    with pytest.raises(NotProven, match="the signature of dpo/auth does not verify"):
        sent(false)
    assert sent(strange).signatures == own
    signed = world.custodian("dpo").countersign(authorization.note.raw, "request")
    assert sent(signed.signatures[-1]) == signed


def sign(world, authorization):
    signed = world.custodian("judge").countersign(authorization.note.raw, "request")
    world.machine("judge").requests.keep_signed(signed, world.keys("judge"), world.now, os.urandom)
    return signed


def test_note_sent_again_keeps_its_nonce_waiting_and_decided(world):
    authorization = request(world)
    requests, keys = take(world, authorization)
    first = requests.marks(authorization.commitment, keys)
    world.now += dt.timedelta(minutes=1)
    take(world, authorization)
    assert requests.marks(authorization.commitment, keys) == first
    sign(world, authorization)
    take(world, authorization)
    assert requests.waiting() == 0, "it was decided: it does not wait again"
    assert requests.marks(authorization.commitment, keys).nonce == first.nonce


def test_first_look_and_first_reader_are_kept(world):
    authorization, start = request(world), world.now
    requests, keys = take(world, authorization)
    at = authorization.commitment
    requests.mark_read(at, 2, start, keys)
    later = start + dt.timedelta(hours=1)
    requests.mark_seen(at, later, keys)
    requests.mark_read(at, 2, later, keys)
    requests.mark_read(at, 1, later, keys)
    marks = requests.marks(at, keys)
    assert (marks.seen, marks.readers) == (start, ((1, later), (2, start)))
    requests.mark_seen(bytes(32), later, keys)
    assert requests.marks(bytes(32), keys) is None, "of what is not held nothing is noted"


def test_decided_note_is_there_until_a_quarter_after_it_expired_and_marks_until_it_expires(world):
    authorization = request(world)
    requests, keys = take(world, authorization)
    signed = sign(world, authorization)
    at, state = authorization.commitment, world.state()
    assert requests.decided_note(at, keys).note.raw == signed.raw
    just_before = authorization.terms.expires - dt.timedelta(seconds=1)
    requests.remove_ended(state, just_before, keys)
    assert requests.marks(at, keys).signed is not None
    requests.remove_ended(state, authorization.terms.expires, keys)
    assert requests.marks(at, keys) is None
    world.machine("judge").requests.remove_ended(state, just_before + KEPT_AFTER, keys)
    assert [one.commitment for one in requests.decided(keys)] == [at]
    world.machine("judge").requests.remove_ended(state, authorization.terms.expires + KEPT_AFTER, keys)
    assert requests.decided(keys) == []


def test_of_too_many_decided_notes_those_that_expired_first_go(world, monkeypatch):
    monkeypatch.setattr(requesting, "MAX_DECIDED", 2)
    lives = [request(world, purpose=f"test {n}", expires=world.now + dt.timedelta(days=n)) for n in (3, 1, 2)]
    for authorization in lives:
        take(world, authorization)
        sign(world, authorization)
    requests, keys = world.machine("judge").requests, world.keys("judge")
    requests.remove_ended(world.state(), world.now, keys)
    assert [one.terms.purpose for one in requests.decided(keys)] == ["test 2", "test 3"]


def test_too_many_notes_are_not_taken_and_a_known_one_is(world, monkeypatch):
    monkeypatch.setattr(requesting, "MAX_NOTES", 1)
    first = request(world)
    requests, _ = take(world, first)
    with pytest.raises(Unavailable, match="1 notes wait to be reviewed"):
        take(world, request(world))
    take(world, first)
    assert requests.waiting() == 1


@pytest.mark.parametrize("folder", ["marks", "decided"])
def test_file_that_another_wrote_is_refused_and_the_desk_can_send_the_note_again(world, folder):
    authorization, other = request(world), request(world)
    requests, keys = take(world, authorization)
    take(world, other)
    nonce = requests.marks(authorization.commitment, keys).nonce
    sign(world, authorization)
    sign(world, other)
    path = world.machine("judge").path / folder
    read = requests.marks if folder == "marks" else requests.decided_note
    original = (path / authorization.commitment.hex()).read_bytes()
    swapped = (path / other.commitment.hex()).read_bytes()
    for raw in (b"", b"x" * 40, original[:-1], swapped):
        (path / authorization.commitment.hex()).write_bytes(raw)
        with pytest.raises(NotProven, match="a file is not its own"):
            read(authorization.commitment, keys)
    (path / authorization.commitment.hex()).write_bytes(original)
    assert read(authorization.commitment, keys) is not None, "the twin"
    (path / authorization.commitment.hex()).write_bytes(swapped)
    take(world, authorization)
    if folder == "marks":
        assert requests.marks(authorization.commitment, keys).nonce != nonce, "the desk says that the words changed"


def test_no_file_of_a_request_shows_whom_it_names(world):
    authorization = request(world)
    requests, keys = take(world, authorization)
    requests.mark_read(authorization.commitment, 1, world.now, keys)
    sign(world, authorization)
    machine = world.machine("judge").path
    raw = b"".join(path.read_bytes() for path in machine.rglob("*") if path.is_file() and "mirror" not in path.parts)
    assert [word for word in (b"33612345678", b"A. Example", b"case 1", b"coffer.marks") if word in raw] == []


def test_two_processes_mark_one_request_and_lose_nothing(world):
    """Each opens the folder by itself, as the service and a clerk's command do."""
    authorization = request(world)
    requests, keys = take(world, authorization)
    code = (
        "import sys, datetime as dt; sys.path.insert(0, 'tests'); from pathlib import Path;"
        "from coffer.custodian.machine.folder import Machine; from coffer.disk import Disk;"
        "from world import PASSPHRASE; m = Machine.open(Path(sys.argv[1]), Disk()); k = m.folder.unlock(PASSPHRASE);"
        "now = dt.datetime.fromisoformat(sys.argv[4]);"
        "[m.requests.mark_read(bytes.fromhex(sys.argv[2]), n, now, k) for n in range(int(sys.argv[3]), 60, 2)]"
    )
    words = [str(world.machines["judge"]), authorization.commitment.hex()]
    processes = [
        subprocess.Popen([sys.executable, "-c", code, *words, first, world.now.isoformat()]) for first in ("1", "2")
    ]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert [number for number, _ in requests.marks(authorization.commitment, keys).readers] == list(range(1, 60))


def test_what_a_crash_left_half_written_is_no_request(world):
    machine = world.machine("judge")
    for name in ("inbox", "marks", "decided"):
        Disk().stage(machine.path / name / ("0" * 64), b"half")
    assert (machine.waiting_notes(), machine.requests.decided(world.keys("judge"))) == (0, [])
    Machine.open(machine.path, Disk()).remove_leftovers()
    assert [path for name in ("inbox", "marks", "decided") for path in (machine.path / name).iterdir()] == []


# What its people see beside a request.


def test_case_is_known_by_its_basis_and_history_by_the_log(world):
    first = request(world, basis="case 7")
    second = request(world, basis="case 7", not_before=world.now + dt.timedelta(hours=1))
    other = request(world, basis="case 8")
    assert earlier_of_case(second, [other, first, second]) == (first,)
    assert earlier_of_case(request(world, basis="case 7"), [first, other, second]) == (second, first)
    note = world.note_of_today(basis="case 9")
    used = parse_authorization(note, "used")
    assert history_of(used, world.state()).uses == ()
    answer = world.open(note)
    history = history_of(used, world.state())
    assert [(use.drawn, use.records, use.intent) for use in history.uses] == [
        (answer.records, answer.records, answer.intent)
    ]
    assert (history.drawn, history.refusals, history.is_revoked) == (answer.records, (), False)
    assert history_of(other, world.state()).uses == ()
