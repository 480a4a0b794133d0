"""Attacks by strangers on whatever serves: connections, reading slowly, asking much, and making a custodian work or write."""

import asyncio
import contextlib
import datetime as dt
import http.client
import os
import socket
import ssl
import struct
import threading
import time

import httpx
import pytest
from forging import Desk

from coffer import wire
from coffer.custodian.machine.bodies import crowd_of
from coffer.custodian.machine.errands import MAX_HEADERS
from coffer.custodian.machine.server import make_app, make_server
from coffer.custodian.machine.tls import make_certificate, server_context
from coffer.custody import exchange
from coffer.custody.exchange import CONSTANT_REFUSAL, format_frame, request_info
from coffer.errors import MalformedInput, Unavailable
from coffer.notes.keys import seal
from coffer.segments.header import CORE_BYTES
from coffer.serving import http as serving
from coffer.serving.crowd import PLACES_OF_ONE, Crowd
from coffer.serving.lanes import Busy, Lane
from elsewhere import Elsewhere

LARGE = 4 * 2**20


class Served:
    """A custodian without a log, whose answers can be held up."""

    def __init__(self):
        self.may_answer = threading.Event()
        self.may_answer.set()

    def answer(self, sealed):
        self.may_answer.wait(20)
        return b"proven" if sealed == b"desk" else CONSTANT_REFUSAL

    def cosign(self, checkpoint):
        del checkpoint
        return b""

    def waiting(self):
        return b""

    def standing(self, sealed):
        del sealed
        return CONSTANT_REFUSAL

    def take_note(self, sealed):
        del sealed

    def take_order(self, sealed):
        del sealed

    def take_hold(self, sealed):
        del sealed

    def take_explanation(self, sealed):
        del sealed

    def take_headers(self, raw):
        del raw

    def mirror_file(self, name):
        return bytes(LARGE) if name.startswith("tile") else b"checkpoint"

    def gauges(self):
        return {"log_size": 1, "waiting_entries": 0, "is_frozen": 0, "is_behind": 0, "unacknowledged_changes": 0}


@contextlib.contextmanager
def serving_tls(folder, served, *, places=256):
    """In a thread, over TLS, so that no address counts as a proxy; its port and its crowd."""
    certificate, key = make_certificate("judge", dt.datetime.now(dt.UTC))
    (folder / "c").write_bytes(certificate)
    (folder / "k").write_bytes(key)
    context, app = server_context(folder / "c", folder / "k"), make_app(served, served)
    crowd_of(app).limit_places(places)
    server = make_server(app, host="127.0.0.1", port=0, tls=lambda: context)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1], crowd_of(app)
    finally:
        server.should_exit = True
        thread.join(20)


def connected(port, address="127.0.0.1", *, receive=0):
    raw = socket.socket()
    if receive:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    raw.settimeout(10)
    raw.bind((address, 0))
    raw.connect(("127.0.0.1", port))
    return raw


def tls(port, address="127.0.0.1", **how):
    return ssl._create_unverified_context().wrap_socket(connected(port, address, **how))


def is_healthy(port, address):
    with tls(port, address) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return connection.recv(100).startswith(b"HTTP/1.1 200")


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# Connections.


def test_handshakes_that_never_begin_are_counted_and_cut_and_others_get_in(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "HANDSHAKE_S", 2.0)
    with serving_tls(tmp_path, Served()) as (port, crowd):
        held = [connected(port, "127.0.0.9") for _ in range(PLACES_OF_ONE + 20)]
        until(lambda: crowd.turned_away["connections: too many of one address"] == 20)
        assert len(crowd) == PLACES_OF_ONE
        assert is_healthy(port, "127.0.0.8")
        until(lambda: len(crowd) == 0)
        assert crowd.turned_away["connections: no handshake"] == PLACES_OF_ONE
        for connection in held:
            connection.close()


def test_many_addresses_that_hold_every_place_keep_no_newcomer_out(tmp_path):
    with serving_tls(tmp_path, Served(), places=32) as (port, crowd):
        held = [connected(port, f"127.0.1.{n + 1}") for n in range(32)]
        until(lambda: len(crowd) == 32)
        time.sleep(1.1)
        assert is_healthy(port, "127.0.0.8")
        assert crowd.turned_away["connections: cut for a newcomer"] >= 1
        for connection in held:
            connection.close()


def test_twin_connection_that_is_answered_keeps_its_place(tmp_path):
    served = Served()
    with serving_tls(tmp_path, served, places=32) as (port, crowd):
        served.may_answer.clear()
        asking = tls(port, "127.0.0.7")
        body = format_frame(b"x")
        asking.sendall(b"POST /v1/answer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        until(lambda: any(place.is_busy for place in list(crowd._here.values())))
        time.sleep(1.1)
        held = [connected(port, f"127.0.1.{n + 1}") for n in range(40)]
        time.sleep(0.3)
        served.may_answer.set()
        assert asking.recv(100).startswith(b"HTTP/1.1 200")
        for connection in [asking, *held]:
            connection.close()


def test_service_knows_its_descriptors_and_does_not_start_with_too_few(monkeypatch):
    set_to = []
    monkeypatch.setattr(serving.resource, "setrlimit", lambda _which, limits: set_to.append(limits))
    monkeypatch.setattr(serving.resource, "getrlimit", lambda _which: (1024, 100_000))
    assert serving.places_within_descriptors() == 256
    assert set_to == [(4096, 100_000)]
    monkeypatch.setattr(serving.resource, "getrlimit", lambda _which: (300, 300))
    assert serving.places_within_descriptors() == 300 - 160 - 16
    monkeypatch.setattr(serving.resource, "getrlimit", lambda _which: (200, 200))
    with pytest.raises(Unavailable, match="descriptors: 200 allowed, expected at least 208"):
        serving.places_within_descriptors()


# Requests and replies.

TILE = b"GET /log/tile/entries/000 HTTP/1.1\r\nhost: x\r\n\r\n"


def test_reply_that_nobody_takes_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "TAKE_S", 1.0)
    monkeypatch.setattr(serving, "IDLE_TIMEOUT_S", 2.0)
    with serving_tls(tmp_path, Served()) as (port, crowd):
        slow = tls(port, receive=4096)
        slow.sendall(TILE)
        until(lambda: crowd.turned_away["connections: reply not taken"] == 1)
        until(lambda: len(crowd) == 0)
        slow.close()


def test_twin_reply_that_is_taken_arrives_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "TAKE_S", 20.0)
    with serving_tls(tmp_path, Served()) as (port, _):
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context())
        for _ in range(2):
            connection.request("GET", "/log/tile/entries/000")
            assert connection.getresponse().read() == bytes(LARGE)
        connection.close()


def test_replies_that_wait_to_be_taken_are_bounded_together(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "MAX_BYTES_OUT", LARGE + 1)
    with serving_tls(tmp_path, Served()) as (port, _):
        slow = tls(port, receive=4096)
        slow.sendall(TILE)
        assert slow.recv(10)
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=False) as client:
            assert client.get("/log/tile/entries/000").status_code == 503
            assert client.get("/log/checkpoint").status_code == 200
            slow.close()
            until(lambda: client.get("/log/tile/entries/000").status_code == 200)


def test_two_thousand_requests_in_one_breath_get_one_answer(tmp_path, capfd, caplog):
    upgrade = b"GET /health HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    with serving_tls(tmp_path, Served()) as (port, crowd):
        connection = tls(port)
        connection.sendall(upgrade * 100)
        found = b""
        while part := connection.recv(65_536):
            found += part
        assert found.count(b"HTTP/1.1 ") == 1
        assert crowd.turned_away["connections: asked before the answer had left"] == 1
        connection.close()
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=False) as client:
            assert {client.get("/health").status_code for _ in range(20)} == {200}
    assert "".join(capfd.readouterr()) + caplog.text == "", "nothing is written about an upgrade"


def test_requests_of_one_address_come_to_wait_and_another_one_is_served(tmp_path):
    with serving_tls(tmp_path, Served()) as (port, _):
        flooding, stop = [tls(port, "127.0.0.9") for _ in range(8)], threading.Event()

        def flood(connection):
            with connection:
                try:
                    while not stop.is_set():
                        connection.sendall(b"GET /v1/none HTTP/1.1\r\nhost: x\r\n\r\n")
                        connection.recv(1000)
                except OSError:
                    return

        threads = [threading.Thread(target=flood, args=(connection,)) for connection in flooding]
        for thread in threads:
            thread.start()
        time.sleep(3)
        assert is_healthy(port, "127.0.0.8")
        stop.set()
        for thread in threads:
            thread.join(10)


def test_health_is_answered_while_all_that_answer_are_busy(tmp_path):
    served = Served()
    with serving_tls(tmp_path, served) as (port, _):
        served.may_answer.clear()
        body = format_frame(b"x")
        held = [tls(port, f"127.0.2.{n % 20 + 1}") for n in range(60)]
        for connection in held:
            connection.sendall(b"POST /v1/answer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.5)
        assert is_healthy(port, "127.0.0.8")
        served.may_answer.set()
        for connection in held:
            connection.close()


def test_large_junk_is_refused_unread_after_two_and_what_is_proven_is_not(tmp_path):
    with serving_tls(tmp_path, Served()) as (port, _):
        url, large = f"https://127.0.0.1:{port}/v1/answer", format_frame(bytes(7 * 2**20))
        assert [httpx.post(url, content=large, verify=False).status_code for _ in range(2)] == [200, 200]
        with contextlib.suppress(httpx.WriteError):  # cut while it was still sending
            assert httpx.post(url, content=large, verify=False).status_code == 503
        with httpx.Client(verify=False) as desk:
            assert desk.post(url, content=format_frame(b"desk")).status_code == 200
            assert desk.post(url, content=large).status_code == 200, "this connection proved something"


def test_lane_serves_who_proved_something_first_and_strangers_by_turns():
    order = []

    async def story():
        crowd = Crowd(time.monotonic)
        lane, may_go = Lane("one", 1, crowd), threading.Event()
        crowd.prove(("10.0.0.3", 1), 0)

        async def ask(host, name):
            await lane.run((host, 1), lambda: (may_go.wait(10), order.append(name)))

        tasks = [asyncio.create_task(ask("10.0.0.1", "first"))]
        await asyncio.sleep(0.05)
        tasks += [asyncio.create_task(ask("10.0.0.1", f"flood {n}")) for n in range(3)]
        tasks += [asyncio.create_task(ask("10.0.0.2", "stranger")), asyncio.create_task(ask("10.0.0.3", "desk"))]
        await asyncio.sleep(0.05)
        may_go.set()
        await asyncio.gather(*tasks)

    asyncio.run(story())
    assert order == ["first", "desk", "stranger", "flood 0", "flood 1", "flood 2"]


def test_full_lane_says_busy_to_strangers_and_not_to_who_proved_something():
    async def story():
        crowd = Crowd(time.monotonic)
        lane, may_go = Lane("one", 1, crowd), threading.Event()
        crowd.prove(("10.0.0.3", 1), 0)
        tasks = [asyncio.create_task(lane.run(("10.0.0.1", n), may_go.wait, 10)) for n in range(65)]
        await asyncio.sleep(0.05)
        with pytest.raises(Busy, match=r"^$"):
            await lane.run(("10.0.0.2", 1), may_go.wait, 10)
        desk = asyncio.create_task(lane.run(("10.0.0.3", 1), may_go.wait, 10))
        await asyncio.sleep(0.05)
        for task in tasks[40:]:
            task.cancel()
        may_go.set()
        await asyncio.gather(desk, *tasks[:40])
        assert lane._free == 1

    asyncio.run(story())


# What a custodian does for strangers, and writes about them.


@pytest.fixture
def world(tmp_path):
    return Elsewhere.make_elsewhere(tmp_path).with_records()


def junk(desk, *, cells=1, note=None):
    """Sealed to judge, of the right form, by somebody who knows only the public log."""
    world = desk.world
    good = desk.labels(desk.intent(), desk.cell_of_first())
    roster = world.state().roster
    cell = good.cells[0]
    rows = b"".join(
        cell.seg_id + bytes([1]) + (64 * n).to_bytes(4, "big") + (1).to_bytes(4, "big") for n in range(cells)
    )
    body = wire.lp(note or b"x" * 20) + wire.lp(bytes(1216)) + bytes(8) + b"\xff" * 8 + b"\1" + bytes(32)
    body += wire.lp(rows) + wire.lp(good.checkpoint) + wire.lp(wire.lp(good.headers[0].raw)) + bytes(64)
    member = roster.custodian("judge")
    return seal(body, member.req, info=request_info(roster.hash, member.index))


def test_junk_never_waits_for_the_decision_and_never_holds_it(world):
    desk, service = Desk(world, world.note_of_today()), world.custodian("judge")
    service.sync()
    answered = []
    sealed, good = junk(desk, cells=199_000), desk.sealed(desk.labels(desk.intent(), desk.cell_of_first()))
    with service._lock:  # as if a large request were being decided, by this thread
        threads = [
            threading.Thread(target=lambda raw=raw: answered.append(service.answer(raw)), daemon=True)
            for raw in (sealed, good)
        ]
        for thread in threads:
            thread.start()
        threads[0].join(20)
        assert answered == [CONSTANT_REFUSAL]
    threads[1].join(20)
    assert len(answered) == 2
    assert answered[1] != CONSTANT_REFUSAL


@pytest.mark.parametrize("how", ["no note", "a note that nobody approved", "an approved note without its requester"])
def test_cells_of_a_stranger_are_not_even_read(world, monkeypatch, how):
    desk, service = Desk(world, world.note_of_today()), world.custodian("judge")
    notes = {"no note": b"x", "a note that nobody approved": world.request(days=[(world.today, world.today)])}
    sealed = junk(desk, cells=1000, note=notes.get(how, desk.note))
    good = desk.sealed(desk.labels(desk.intent(), desk.cell_of_first()))
    service.sync()
    read, parse = [], exchange.parse_cells
    monkeypatch.setattr(exchange, "parse_cells", lambda *given: read.append(given) or parse(*given))
    assert service.answer(sealed) == CONSTANT_REFUSAL
    assert read == []
    assert service.answer(good) != CONSTANT_REFUSAL
    assert len(read) == 1, "twin: a requester's are"


def test_what_strangers_cause_takes_one_line_a_minute_of_the_record(world):
    desk, service = Desk(world, world.note_of_today()), world.custodian("judge")
    service.sync()
    record, sealed = world.machines["judge"] / "audit.log", junk(desk)
    good = desk.sealed(desk.labels(desk.intent(), desk.cell_of_first()))
    for _ in range(300):
        service.answer(os.urandom(1500))
        service.answer(sealed)
    assert service.answer(good) != CONSTANT_REFUSAL
    assert len(record.read_bytes()) < 200
    world.now += dt.timedelta(minutes=1)
    service.answer(sealed)
    lines = record.read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("step 1 NotProven")
    assert "answered lane 1" in lines[1]
    assert lines[2].endswith("step 1 NotProven 299 times, step 3 MalformedInput 301 times")


def test_a_million_headers_are_not_looked_at(world):
    errands = world.errands("judge")
    raw = b"".join(struct.pack(">I", 5) + b"\0" + struct.pack(">I", n) for n in range(200_000))
    started = time.process_time()
    with pytest.raises(MalformedInput, match=f"at most {MAX_HEADERS}"):
        errands.take_headers(raw)
    assert time.process_time() - started < 1


def test_headers_that_are_not_owed_hold_nothing(world):
    errands = world.errands("judge")
    errands._service.sync()
    segments = world.state().segments.values()
    found = [world.vault.segments.read_raw_header(item.line.day, item.line.seg_id) for item in segments]
    changed = found[0][:CORE_BYTES] + bytes(len(found[0]) - CORE_BYTES)
    done = []
    with errands._lock, errands._service._lock:
        thread = threading.Thread(
            target=lambda: done.append(errands.take_headers(wire.lp(changed) * 2000)), daemon=True
        )
        thread.start()
        thread.join(20)
        assert done == [None]
    errands.take_headers(wire.lp(found[0]))
    assert len(world.machine("judge").waiting()) == 1, "twin: the log's own is owed a receipt"
