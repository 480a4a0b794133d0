"""The files of an order at a custodian: sent beside the note, kept while it is held, opened, and gone with it."""

import datetime as dt
import os
import shutil

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.authority.file_kind import file_name, kind_of
from coffer.authority.ordered import MAX_FILE_BYTES, order_file
from coffer.cli.main import run
from coffer.custodian.requests import KEPT_AFTER
from coffer.custody.exchange import MAX_FRAME_BYTES, format_frame, format_order, note_info, order_info
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.notes.keys import seal
from coffer.procedures.opening.send import send_request
from elsewhere import Elsewhere
from signing import Identity, blank_pdf, sign_pdf
from world import ordered

PDF = b"%PDF-1.7 an order"
SCAN = b"\x89PNG\r\n\x1a\n a page"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("orders"))


@pytest.fixture
def world(made, tmp_path):
    """The same world with a fresh copy of judge's machine, and its clock as it was."""
    kept, now = dict(made.machines), made.now
    shutil.copytree(kept["judge"], tmp_path / "judge")
    made.machines["judge"] = tmp_path / "judge"
    yield made
    made.machines, made.now = kept, now


def request(world, *files, **changes):
    named = tuple(order_file(raw, "order") for raw in files)
    return parse_authorization(
        world.request(days=[(world.today, world.today)], ordered=ordered(world.now, files=named), **changes), "request"
    )


class Postbox:
    """Hands everything to the errands of one machine, as its server does."""

    def __init__(self, world, name="judge"):
        self.name, self.errands = name, world.errands(name)
        self.errands._service.sync()

    def send_note(self, sealed):
        self.errands.take_note(sealed)

    def send_order(self, sealed):
        self.errands.take_order(sealed)


def requests_of(world):
    return world.machine("judge").requests, world.keys("judge")


def test_largest_file_fits_a_frame_once_it_is_sealed(world):
    member = world.state().roster.custodian("judge")
    sealed = seal(format_order(bytes(32), bytes(MAX_FILE_BYTES)), member.req, info=order_info(bytes(32), 0))
    assert len(format_frame(sealed)) <= MAX_FRAME_BYTES


def test_files_come_with_the_note_and_are_noted_as_opened_once(world):
    authorization = request(world, PDF, SCAN)
    postbox = Postbox(world)
    for _ in range(2):
        sent = send_request(authorization, world.state(), [postbox], [SCAN, PDF])
        assert (sent.reached, sent.failed) == (("judge",), {})
    requests, keys = requests_of(world)
    assert [(one.number, one.is_here, one.opened) for one in requests.order_files(authorization, keys)] == [
        (1, True, None),
        (2, True, None),
    ]
    folder = world.machines["judge"] / "orders"
    assert len(list(folder.iterdir())) == 2
    assert b"an order" not in b"".join(path.read_bytes() for path in folder.iterdir())
    assert requests.read_order(authorization, 2, keys) == SCAN
    for hours in (0, 1):
        requests.mark_opened(authorization.commitment, 2, world.now + dt.timedelta(hours=hours), keys)
    assert [one.opened for one in requests.order_files(authorization, keys)] == [None, world.now]


def test_file_that_was_not_sent_is_not_here(world):
    authorization = request(world, PDF, SCAN)
    send_request(authorization, world.state(), [Postbox(world)], [PDF])
    requests, keys = requests_of(world)
    assert [one.is_here for one in requests.order_files(authorization, keys)] == [True, False]
    with pytest.raises(Unavailable, match="file 2 of the order was not sent"):
        requests.read_order(authorization, 2, keys)


def test_desk_sends_no_file_that_the_note_does_not_name(world):
    authorization = request(world, PDF)
    with pytest.raises(MalformedInput, match="order 2: not a file of this request's order"):
        send_request(authorization, world.state(), [Postbox(world)], [PDF, SCAN])


def test_files_go_when_the_note_is_forgotten(world):
    authorization = request(world, PDF)
    send_request(authorization, world.state(), [Postbox(world)], [PDF])
    requests, keys = requests_of(world)
    signed = world.custodian("judge").countersign(authorization.note.raw, "request")
    requests.keep_signed(signed, keys, world.now, os.urandom)
    state, expires = world.state(), authorization.terms.expires
    requests.remove_ended(state, expires + KEPT_AFTER - dt.timedelta(days=1), keys)
    assert requests.order_files(authorization, keys)[0].is_here, "the decided note is still kept"
    requests.remove_ended(state, expires + KEPT_AFTER + dt.timedelta(days=1), keys)
    requests.remove_ended(state, expires + KEPT_AFTER + dt.timedelta(days=1), keys)
    assert list((world.machines["judge"] / "orders").iterdir()) == []


def test_file_that_somebody_changed_is_refused_and_the_desk_can_send_it_again(world):
    authorization, postbox = request(world, PDF), Postbox(world)
    send_request(authorization, world.state(), [postbox], [PDF])
    path = next((world.machines["judge"] / "orders").iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    requests, keys = requests_of(world)
    with pytest.raises(NotProven, match="a file is not its own"):
        requests.read_order(authorization, 1, keys)
    assert requests.order_files(authorization, keys)[0].opened is None
    send_request(authorization, world.state(), [postbox], [PDF])
    assert requests.read_order(authorization, 1, keys) == PDF


def test_served_custodian_takes_the_file_over_http(world):
    raw = PDF + bytes(300_000)
    authorization = request(world, raw)
    service = world.custodian("judge")
    service.sync()
    with world.serving_here("judge", service) as client:
        sent = send_request(authorization, world.state(), [client], [raw])
    assert (sent.reached, sent.failed) == (("judge",), {})
    requests, keys = requests_of(world)
    assert requests.read_order(authorization, 1, keys) == raw


@pytest.mark.parametrize(
    ("raw", "said", "name"),
    [
        (PDF, "a PDF", "order-1.pdf"),
        (SCAN, "a PNG picture", "order-1.png"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture", "order-1.jpg"),
        (b"II*\0", "a TIFF picture", "order-1.tif"),
        (b"PK\x03\x04", "a ZIP archive", "order-1.zip"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>', "XML", "order-1.xml"),
        (b"<!DOCTYPE html><script>", "of another kind", "order-1.bin"),
        (b"<svg xmlns=", "of another kind", "order-1.bin"),
        (b" %PDF-", "of another kind", "order-1.bin"),
        (b"x", "of another kind", "order-1.bin"),
    ],
)
def test_kind_of_a_file_by_its_first_bytes(raw, said, name):
    assert (kind_of(raw).said, file_name(1, raw)) == (said, name)


def test_note_and_order_are_sealed_in_contexts_of_their_own():
    assert note_info(bytes(32), 1) != order_info(bytes(32), 1)


@pytest.fixture
def judge(world):
    """Runs a command of judge's, with the passphrase; returns its exit code."""

    def command(*words):
        words = ["custodian", words[0], str(world.machines["judge"]), *words[1:]]
        return run([*map(str, words), "--passphrase-file", str(world.path / "passphrase")])

    return command


def test_custodian_lists_reads_and_approves_and_is_told_what_it_did_not_open(world, judge, tmp_path, capfd):
    authorization = request(world, PDF, SCAN)
    digits = authorization.commitment.hex()[:32]
    send_request(authorization, world.state(), [Postbox(world)], [PDF])
    assert judge("review", digits) == 0
    told = capfd.readouterr().err
    assert "the order's file was not sent: 2 of 2" in told
    assert "the order's file was not opened here: 1 of 2" in told
    assert judge("order", digits) == 0
    shown = capfd.readouterr().out
    assert "a PDF" in shown
    assert "not opened" in shown
    assert "not sent" in shown
    assert judge("order", digits, "-o", tmp_path / "read") == 0
    assert [path.name for path in (tmp_path / "read").iterdir()] == ["order-1.pdf"]
    assert (tmp_path / "read/order-1.pdf").read_bytes() == PDF
    assert judge("order", digits, "-o", tmp_path / "read") == 2, "nothing is overwritten"
    capfd.readouterr()
    assert judge("approve", digits, "--yes") == 0
    told = capfd.readouterr().err
    assert "was not opened here" not in told
    assert "the order's file was not sent: 2 of 2" in told


def test_request_without_files_is_said_to_have_none_and_can_be_approved(world, judge, capfd):
    authorization = request(world)
    send_request(authorization, world.state(), [Postbox(world)])
    assert judge("approve", authorization.commitment.hex(), "--yes") == 0
    assert "no file of the order came with it" in capfd.readouterr().err


def test_show_proves_whether_a_file_is_of_the_order(world, tmp_path, capfd):
    (tmp_path / "r.note").write_bytes(request(world, PDF, SCAN).note.raw)
    (tmp_path / "scan.png").write_bytes(SCAN)
    (tmp_path / "other.png").write_bytes(SCAN + b" ")
    assert run(["show", str(tmp_path / "r.note"), "--order", str(tmp_path / "scan.png")]) == 0
    assert "scan.png is file 2 of 2 of the order" in capfd.readouterr().err
    assert run(["show", str(tmp_path / "r.note"), "--order", str(tmp_path / "other.png")]) == 3
    out, err = capfd.readouterr()
    assert (out, "other.png: not a file of this request's order" in err) == ("", True)


def test_custodian_is_told_of_signatures_and_refused_nothing_for_them(world, judge, tmp_path, capfd):
    root = Identity("Example Root")
    signed, other = sign_pdf(blank_pdf(), Identity("Judge A. Example", root)), b"%PDF-1.7 torn"
    authorization = request(world, signed, other, SCAN)
    send_request(authorization, world.state(), [Postbox(world)], [signed, other, SCAN])
    (tmp_path / "anchors").mkdir()
    (tmp_path / "anchors/root.pem").write_bytes(root.pem)
    assert judge("order", authorization.commitment.hex(), "--anchors", tmp_path / "anchors") == 0
    told = capfd.readouterr().err
    assert "order-1.pdf: signed by Common Name: Judge A. Example; it covers the whole file; an anchor leads" in told
    assert "order-2.pdf: its signatures cannot be read" in told
    assert "order-3.png: no signature was seen in it" in told
    assert "revoked was not looked up" in told
    assert judge("approve", authorization.commitment.hex(), "--yes") == 0
    (tmp_path / "anchors/root.pem").unlink()
    assert judge("order", authorization.commitment.hex(), "--anchors", tmp_path / "anchors") == 2
