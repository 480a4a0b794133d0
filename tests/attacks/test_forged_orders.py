"""Files of orders: what a desk or a stranger hands to a custodian's machine, and what of it is kept."""

import os
import shutil

import pytest

from asking import Client
from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import order_file
from coffer.custodian import order_files
from coffer.custody.exchange import format_frame, format_order, note_info, order_info
from coffer.errors import NotProven, Unavailable
from coffer.notes.keys import seal
from elsewhere import Elsewhere
from world import ordered

PDF = b"%PDF-1.7 an order"
FORGED = b"%PDF-1.7 another!"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("orders"))


@pytest.fixture
def world(made, tmp_path):
    kept = dict(made.machines)
    shutil.copytree(kept["judge"], tmp_path / "judge")
    made.machines["judge"] = tmp_path / "judge"
    yield made
    made.machines = kept


class Desk:
    """Seals to judge's machine whatever it likes, and posts it as ``coffer send`` does."""

    def __init__(self, world):
        self.world = world
        self.service = world.custodian("judge")
        self.service.sync()
        self.client = Client(world.app("judge", self.service), "http://judge.example")
        self.roster = world.state().roster
        self.member = self.roster.custodian("judge")

    def request(self, *files):
        named = tuple(order_file(raw, "order") for raw in files)
        order = ordered(self.world.now, files=named)
        note = self.world.request(days=[(self.world.today, self.world.today)], ordered=order)
        return parse_authorization(note, "request")

    def post(self, path, raw, info):
        sealed = seal(raw, self.member.req, info=info(self.roster.hash, self.member.index))
        answer = self.client.post(path, content=format_frame(sealed))
        return answer.status_code, answer.text

    def send_note(self, authorization):
        return self.post("/v1/notes", authorization.note.raw, note_info)

    def send_file(self, authorization, raw):
        return self.post("/v1/orders", format_order(authorization.commitment, raw), order_info)

    def kept(self):
        return sorted(path.name for path in (self.world.machines["judge"] / "orders").glob("*"))


def test_another_file_under_a_notes_hash_is_not_kept_and_the_answer_is_the_same(world):
    desk = Desk(world)
    authorization = desk.request(PDF)
    desk.send_note(authorization)
    assert len(FORGED) == len(PDF)
    refused = desk.send_file(authorization, FORGED)
    assert desk.kept() == []
    assert desk.send_file(authorization, PDF) == refused == (202, "taken")
    assert desk.kept() == [f"{authorization.commitment.hex()}-1"]


def test_file_for_a_note_that_is_not_held_is_not_kept_and_the_answer_is_the_same(world):
    desk = Desk(world)
    authorization = desk.request(PDF)
    refused = desk.send_file(authorization, PDF)
    assert desk.kept() == []
    desk.send_note(authorization)
    assert desk.send_file(authorization, PDF) == refused == (202, "taken")
    assert len(desk.kept()) == 1


def test_file_of_one_request_is_none_of_another_that_does_not_name_it(world):
    desk = Desk(world)
    first, second = desk.request(PDF), desk.request(FORGED)
    desk.send_note(first)
    desk.send_note(second)
    desk.send_file(second, PDF)
    assert desk.kept() == []
    desk.send_file(second, FORGED)
    assert desk.kept() == [f"{second.commitment.hex()}-1"]


@pytest.mark.parametrize(("name", "most"), [("MAX_KEPT", 1), ("MAX_KEPT_BYTES", 60)])
def test_desk_that_sends_more_files_than_there_is_room_for_does_not_fill_the_disk(world, monkeypatch, name, most):
    monkeypatch.setattr(order_files, name, most)
    desk = Desk(world)
    files = [b"%PDF " + bytes([number]) * 20 for number in range(3)]
    authorization = desk.request(*files)
    desk.send_note(authorization)
    answers = {desk.send_file(authorization, raw) for raw in files}
    assert desk.kept() == [f"{authorization.commitment.hex()}-1"], "one fits, with what sealing adds"
    assert answers == {(202, "taken")}, "whoever fills it is not told when it is full"
    monkeypatch.setattr(order_files, name, 10**6)
    for raw in files:
        desk.send_file(authorization, raw)
    assert len(desk.kept()) == 3, "the same files are taken once there is room"


def test_file_sent_again_and_again_takes_no_more_room(world):
    desk = Desk(world)
    authorization = desk.request(PDF)
    desk.send_note(authorization)
    desk.send_file(authorization, PDF)
    path = world.machines["judge"] / "orders" / desk.kept()[0]
    before = path.stat().st_mtime_ns, path.read_bytes()
    for _ in range(3):
        desk.send_file(authorization, PDF)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
    assert len(desk.kept()) == 1


def test_file_moved_to_another_request_on_the_custodians_disk_is_refused(world):
    desk = Desk(world)
    first, second = desk.request(PDF), desk.request(PDF)
    desk.send_note(first)
    desk.send_note(second)
    desk.send_file(first, PDF)
    folder = world.machines["judge"] / "orders"
    shutil.copy(folder / f"{first.commitment.hex()}-1", folder / f"{second.commitment.hex()}-1")
    requests, keys = world.machine("judge").requests, world.keys("judge")
    with pytest.raises(NotProven, match="a file is not its own"):
        requests.read_order(second, 1, keys)
    assert requests.read_order(first, 1, keys) == PDF


def test_files_that_another_put_into_the_folder_are_removed(world):
    desk = Desk(world)
    authorization = desk.request(PDF)
    desk.send_note(authorization)
    desk.send_file(authorization, PDF)
    folder = world.machines["judge"] / "orders"
    for name in ("x", f"{'0' * 64}-1"):
        (folder / name).write_bytes(os.urandom(100))
    requests, keys = world.machine("judge").requests, world.keys("judge")
    requests.remove_ended(world.state(), world.now, keys)
    assert desk.kept() == [f"{authorization.commitment.hex()}-1"]
    with pytest.raises(Unavailable, match="file 2 of the order was not sent"):
        requests.read_order(authorization, 2, keys)
