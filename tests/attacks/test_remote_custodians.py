"""Attacks on custodians on machines of their own: from the network, by the operator that shows them the log, and by whoever puts back an old disk."""

import datetime as dt
import http.client
import os
import re
import shutil
import socket
import ssl
import time
from contextlib import ExitStack

import httpx
import pytest
from fastapi import FastAPI, Response
from forging import Desk, Other, SecondHistory, forge, log_entries, lying, rows_of

from coffer.authority.authorization import parse_authorization
from coffer.custodian.machine.server import MAX_EXPLANATION_FRAME_BYTES, MAX_HEADERS_FRAME_BYTES, MAX_NOTE_FRAME_BYTES
from coffer.custody.addresses import parse_addresses
from coffer.custody.client import HttpCustodian
from coffer.custody.exchange import CONSTANT_REFUSAL, FRAME_BYTES, MAX_FRAME_BYTES, format_frame, note_info
from coffer.errors import MalformedInput, Refused, Unavailable
from coffer.ledger.entries import FaultEntry, RevokeEntry
from coffer.notes.keys import seal
from coffer.procedures.opening.run import run_opening
from coffer.segments.prf import DATA_LANE
from coffer.serving import http as serving_http
from coffer.serving.http import IDLE_TIMEOUT_S
from elsewhere import Elsewhere, Process, served_here
from world import destroy_entry


@pytest.fixture
def world(tmp_path):
    return Elsewhere.make_elsewhere(tmp_path).with_records()


@pytest.fixture
def desk(world):
    return Desk(world, world.note_of_today())


def opened(world, note, custodians, patience_s=20.0):
    return run_opening(
        world.vault,
        note,
        custodians,
        deliver=lambda _answer: None,
        patience_s=patience_s,
    )


class Dying:
    """A remote custodian whose process is killed while its n-th request is under way."""

    def __init__(self, process: Process, at: int) -> None:
        self.name, self._process, self._at, self._count = process.name, process, at, 0
        self._client = process.client(deadline_s=8)

    def answer(self, sealed: bytes) -> bytes:
        self._count += 1
        if self._count == self._at:
            self._process.kill()
        return self._client.answer(sealed)

    def cosign(self, checkpoint: bytes) -> bytes:
        return self._client.cosign(checkpoint)


def test_two_of_five_killed_in_the_second_round_open_nothing_less(tmp_path):
    names = ("a", "b", "c", "d", "e", "fr")
    rules = [("base", "3 of a,b,c,d,e"), ("FR", "3 of a,b,c,d,e and fr")]
    world = Elsewhere.make_elsewhere(tmp_path, names=names, rules=rules).with_records()
    note = world.note_of_today()
    with ExitStack() as stack:
        served = {name: stack.enter_context(world.serving(name)) for name in names}
        clients = {name: process.client() for name, process in served.items()}
        clients |= {name: Dying(served[name], 2) for name in ("b", "d")}
        answer = opened(world, note, list(clients.values()))
        for name in set(names) - {"b", "d"}:
            clients[name].close()
    assert len(rows_of(answer)) == 2
    assert answer.custodians["b"] == answer.custodians["d"] == "no answer"
    assert {answer.custodians[name] for name in ("a", "c", "e", "fr")} == {"answered"}
    assert {cell.status for cell in answer.cells} == {"complete"}


def test_without_its_sovereign_custodian_the_others_open_nothing(tmp_path):
    names = ("a", "b", "c", "fr")
    world = Elsewhere.make_elsewhere(tmp_path, names=names, rules=[("base", "2 of a,b,c"), ("FR", "2 of a,b,c and fr")])
    note = world.with_records().note_of_today()

    def leave(_asked):
        raise Unavailable("gone")

    for gone, said in (
        (Other("fr", leave, leave), "too few vouch for the log: rule FR lacks fr; fr: no answer"),
        (Other("fr", leave, world.custodian("fr").cosign), "too few answered"),
    ):
        with pytest.raises(Unavailable, match=said):
            opened(world, note, [*world.custodians("a", "b", "c"), gone])
    assert len(rows_of(opened(world, note, world.custodians()))) == 2


def test_custodian_that_never_answers_holds_an_opening_no_longer_than_its_deadline(world):
    note = world.note_of_today()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        address = parse_addresses(f'[judge]\nurl = "http://127.0.0.1:{silent.getsockname()[1]}"\n'.encode(), "x")[0]
        client = HttpCustodian(address, deadline_s=8)
        started = time.monotonic()
        answer = opened(world, note, [client, *world.custodians("dpo", "regulator")], patience_s=8)
        took = time.monotonic() - started
        client.close()
    assert took < 8
    assert answer.custodians == {"judge": "no answer", "dpo": "answered", "regulator": "answered"}
    assert len(rows_of(answer)) == 2


def test_lying_remote_is_outvoted_named_and_logged(world):
    note = world.note_of_today()
    liar = lying(world.custodian("judge"), forge(DATA_LANE))
    with world.serving_here("judge", liar) as judge:
        answer = opened(world, note, [judge, *world.custodians("dpo", "regulator")])
    assert answer.custodians["judge"] == "fault"
    assert len(rows_of(answer)) == 2
    faults = [body for _, body in world.state().faults]
    assert [type(body) for body in faults] == [FaultEntry]
    assert faults[0].accused == "judge"


def test_twin_honest_remote_answers_and_no_fault_is_logged(world):
    with world.serving_here("judge") as judge:
        answer = opened(world, world.note_of_today(), [judge, *world.custodians("dpo", "regulator")])
    assert set(answer.custodians.values()) == {"answered"}
    assert world.state().faults == []


@pytest.mark.parametrize("garbage", [b"", b"no frame", format_frame(b"garbage"), b"\0" * 4096])
def test_remote_that_answers_garbage_is_a_fault_and_the_others_suffice(world, garbage):
    app = FastAPI()
    app.add_api_route("/v1/answer", lambda: Response(garbage), methods=["POST"])
    with served_here(app) as url:
        address = parse_addresses(f'[judge]\nurl = "{url}"\n'.encode(), "x")[0]
        client = HttpCustodian(address, deadline_s=10)
        answer = opened(world, world.note_of_today(), [client, *world.custodians("dpo", "regulator")])
        client.close()
    assert answer.custodians["judge"] == "fault"
    assert len(rows_of(answer)) == 2


def test_another_certificate_gets_no_request(world):
    note = world.note_of_today()
    with world.serving("judge") as judge:
        wrong = judge.client(deadline_s=2, fingerprint="00" * 32)
        answer = opened(world, note, [wrong, *world.custodians("dpo", "regulator")], patience_s=8)
        assert answer.custodians["judge"] == "no answer"
        assert "another certificate" in wrong.trouble.message
        assert not (world.machines["judge"] / "audit.log").exists()
        right = judge.client()
        assert right.answer(b"") == CONSTANT_REFUSAL
        right.close()
        wrong.close()


def test_certificate_names_the_custodian_and_nothing_else(world):
    with world.serving("judge") as judge:
        context = ssl.create_default_context(cafile=judge.folder / "tls.crt")
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", judge.port)) as raw, context.wrap_socket(raw) as tls:
            certificate = tls.getpeercert()
    assert certificate["subject"] == ((("commonName", "judge"),),)
    assert certificate["subjectAltName"] == (("DNS", "judge"),)


def test_plain_http_to_another_machine_is_refused():
    with pytest.raises(MalformedInput, match="this machine only"):
        parse_addresses(b'[judge]\nurl = "http://192.0.2.1:80"\n', "custodians.toml")
    assert parse_addresses(b'[judge]\nurl = "http://127.0.0.1:80"\n', "custodians.toml")[0].is_plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'[judge]\nurl = "https://a:99999"\nfingerprint = "%b"\n' % (b"00" * 32), "port over 65535"),
        (b"[judge]\nurl = +33612345678\n\xff", "not TOML"),
        (b'[judge]\nurl = "https://a:1\n', r"not TOML at line 2, column [0-9]+$"),
    ],
)
def test_addresses_with_a_mistake_say_where(text, said):
    with pytest.raises(MalformedInput, match=said) as found:
        parse_addresses(text, "custodians.toml")
    assert "33612345678" not in found.value.message


@pytest.mark.parametrize("ask", [lambda one: one.cosign(b"x"), lambda one: one.answer(b"x"), HttpCustodian.entries])
def test_custodian_whose_time_ran_out_is_unavailable_however_often_it_is_asked(ask):
    address = parse_addresses(b'[judge]\nurl = "http://127.0.0.1:9"\n', "x")[0]
    client = HttpCustodian(address, deadline_s=10)
    client.close()  # as after a call that took too long
    for _ in range(2):
        with pytest.raises(Unavailable, match="custodian judge"):
            ask(client)


def test_slow_headers_hold_no_connection_and_others_are_answered_meanwhile(world):
    with world.serving("judge") as judge:
        context = ssl._create_unverified_context()
        slow = [context.wrap_socket(socket.create_connection(("127.0.0.1", judge.port))) for _ in range(40)]
        for connection in slow:
            connection.sendall(b"POST /v1/answer HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        client = judge.client()
        started = time.monotonic()
        assert client.answer(b"") == CONSTANT_REFUSAL
        assert time.monotonic() - started < 5
        until, closed = time.monotonic() + 3 * IDLE_TIMEOUT_S, 0
        for connection in slow:
            connection.settimeout(max(0.1, until - time.monotonic()))
            try:
                while connection.recv(100):
                    pass
                closed += 1
            except TimeoutError:
                pass
            except OSError:
                closed += 1
            connection.close()
        assert closed == 40
        client.close()


def test_connection_that_asks_again_and_again_is_kept_and_a_silent_one_is_not(world, monkeypatch):
    monkeypatch.setattr(serving_http, "IDLE_TIMEOUT_S", 0.2)
    with served_here(world.app("judge")) as url:
        address = url.removeprefix("http://")
        asking = http.client.HTTPConnection(address, timeout=5)
        asking.connect()
        asking.auto_open = 0
        until = time.monotonic() + 1
        while time.monotonic() < until:
            asking.request("GET", "/v1/none")
            assert asking.getresponse().read() == b"Not Found"
            time.sleep(0.005)
        asking.close()
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as silent:
            assert silent.recv(1000) == b""


PATHS = ["/v1/answer", "/v1/standing", "/v1/notes", "/v1/orders", "/v1/explanations", "/v1/holds", "/v1/headers"]


@pytest.mark.parametrize("path", PATHS)
def test_oversized_body_is_refused_unread(world, path):
    own = {"/v1/notes": MAX_NOTE_FRAME_BYTES, "/v1/standing": FRAME_BYTES}
    own["/v1/explanations"] = MAX_EXPLANATION_FRAME_BYTES
    own |= dict.fromkeys(("/v1/headers", "/v1/holds"), MAX_HEADERS_FRAME_BYTES)
    most = own.get(path, MAX_FRAME_BYTES)
    with served_here(world.app("judge")) as url, httpx.Client(base_url=url, timeout=20) as client:
        assert client.post(path, content=bytes(most + 1)).status_code == 413
        assert client.post(path, content=iter([b"x"])).status_code == 411
        assert client.post(path, content=b"xy").status_code == 400
        assert client.post(path, content=format_frame(b"x")).status_code in (200, 202)


@pytest.mark.parametrize("path", PATHS)
def test_hanging_up_in_the_middle_of_a_body_says_nothing_and_counts_as_malformed(world, path, capfd, caplog):
    with served_here(world.app("judge")) as url, httpx.Client(base_url=url, timeout=20) as client:
        host, port = url.removeprefix("http://").split(":")
        for _ in range(3):
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nabc".encode())
                time.sleep(0.1)
        until = time.monotonic() + 10
        while 'outcome="malformed"} 3' not in client.get("/metrics").text:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert 'outcome="answered"} 0' in client.get("/metrics").text
        assert client.post(path, content=format_frame(b"x")).status_code in (200, 202)
    assert "".join(capfd.readouterr()) + caplog.text == ""


def test_replies_of_every_refusal_look_alike_in_length_and_time(desk):
    world, intent, cell = desk.world, desk.intent(), desk.cell_of_first(count=1)
    later = desk.cell_of_first(count=64)
    forged = desk.labels(intent, later, key=world.vault.operator_key("ingester"))
    asked = {
        "step 1": format_frame(bytes(8000)),
        "step 7": format_frame(desk.sealed(forged)),
        "step 8": format_frame(desk.sealed(desk.labels(9_999, later))),
        "answer": format_frame(desk.sealed(desk.labels(intent, later))),
    }
    assert cell.seg_id == later.seg_id
    seen = {}
    with served_here(world.app("judge")) as url, httpx.Client(base_url=url, timeout=20) as client:
        for name, frame in asked.items():
            client.post("/v1/answer", content=frame)
            times = []
            for _ in range(7):
                started = time.perf_counter()
                reply = client.post("/v1/answer", content=frame)
                times.append(time.perf_counter() - started)
            headers = sorted(reply.headers.items())
            seen[name] = (reply.status_code, len(reply.content), headers, round(sorted(times)[3] / 0.025))
    assert len({found[:3] == (200, FRAME_BYTES, seen["answer"][2]) for found in seen.values()}) == 1
    assert max(found[3] for found in seen.values()) - min(found[3] for found in seen.values()) <= 1


def test_metrics_health_and_records_hold_no_identifier(desk, capfd):
    world, intent = desk.world, desk.intent()
    attendant = world.attendant("judge")
    roster = world.state().roster
    member = roster.custodian("judge")
    note = world.request(days=[(world.today, world.today)])
    sealed_note = seal(note, member.req, info=note_info(roster.hash, member.index))
    errands = world.errands("judge", attendant=attendant)
    with served_here(world.app("judge", errands=errands)) as url, httpx.Client(base_url=url, timeout=20) as client:
        attendant.look()
        client.post("/v1/answer", content=format_frame(desk.sealed(desk.labels(intent, desk.cell_of_first()))))
        client.post("/v1/answer", content=format_frame(b"+33612345678"))
        assert client.post("/v1/notes", content=format_frame(sealed_note)).text == "taken"
        assert client.post("/v1/notes", content=format_frame(b"junk")).text == "taken"
        said = client.get("/metrics").text + client.get("/health").text + client.get("/v1/entries").text
        said += client.get("/log/tile/../../keys").text + client.get("/log/tile/0/000.p/999").text
    said += "".join(capfd.readouterr())
    disk = b"".join(
        p.read_bytes() for p in world.machines["judge"].rglob("*") if p.is_file() and "mirror" not in p.parts
    )
    said += disk.decode("latin-1")
    assert [
        found for found in ("33612345678", "A. Example", "case 1", desk.authorization.terms.id.hex()) if found in said
    ] == []
    assert re.search(r'coffer_requests_total\{outcome="answered"\} 4', said)
    kinds = {kind: set(re.findall(rf"^# {kind} (\w+) \S", said, re.MULTILINE)) for kind in ("HELP", "TYPE")}
    assert kinds["HELP"] == kinds["TYPE"] == set(re.findall(r"^(coffer_\w+)", said, re.MULTILINE))
    assert [item.note.raw for item in world.machine("judge").notes(world.keys("judge"))] == [note]


def test_withdrawn_approval_is_answered_no_more_before_the_log_shows_it(desk):
    world, intent = desk.world, desk.intent()
    judge, request = world.custodian("judge"), desk.labels(intent, desk.cell_of_first())
    assert desk.ask(request, "judge", judge) != CONSTANT_REFUSAL
    other_process = world.custodian("judge")
    entry = other_process.refusal_entry(desk.note, "scope", "note")
    world.machine("judge").put([entry])
    assert not world.state().is_refused(desk.authorization.commitment, "judge")
    assert desk.ask(request, "judge", judge) == CONSTANT_REFUSAL
    assert desk.ask(request, "dpo") != CONSTANT_REFUSAL
    with pytest.raises(Refused, match="has refused it"):
        other_process.countersign(desk.note, "note")


def test_refusal_by_another_process_is_handed_out_at_once(desk):
    world = desk.world
    world.attendant("judge").look()
    errands = world.errands("judge")
    before = errands.waiting()
    assert errands.waiting() == before, "strangers do not make it sign again"
    world.machine("judge").put([world.custodian("judge").refusal_entry(desk.note, "merit", "note")])
    handed_out = errands.waiting()
    assert b"coffer.refuse/v2" not in before
    assert b"coffer.refuse/v2" in handed_out


def test_stale_checkpoint_from_the_operator_is_refused(desk):
    world, intent = desk.world, desk.intent()
    old = world.vault.log.checkpoint()
    request = desk.labels(intent, desk.cell_of_first(), checkpoint=old)
    judge = world.custodian("judge")
    assert desk.ask(request, "judge", judge) != CONSTANT_REFUSAL
    log_entries(world, RevokeEntry(authorization=desk.authorization.commitment), key=world.keys("dpo").auth)
    judge.sync()
    assert desk.ask(request, "judge", judge) == CONSTANT_REFUSAL
    assert desk.ask(request, "judge", world.custodian("judge")) == CONSTANT_REFUSAL, "also after a restart"


def test_stale_checkpoint_is_refused_by_one_process_when_another_saw_more(desk):
    world, intent = desk.world, desk.intent()
    request = desk.labels(intent, desk.cell_of_first())
    judge = world.custodian("judge")
    assert desk.ask(request, "judge", judge) != CONSTANT_REFUSAL
    log_entries(world, RevokeEntry(authorization=desk.authorization.commitment), key=world.keys("dpo").auth)
    world.custodian("judge").sync()
    assert desk.ask(request, "judge", judge) == CONSTANT_REFUSAL


def test_forked_log_freezes_the_served_custodian_and_its_mirror_keeps_what_it_saw(desk):
    world = desk.world
    hidden = SecondHistory(world)
    intent = desk.intent()
    judge = world.custodian("judge")
    assert desk.ask(desk.labels(intent, desk.cell_of_first()), "judge", judge) != CONSTANT_REFUSAL
    seen = world.machine("judge").mirror().checkpoint()
    hidden.show()
    other = desk.intent(nonce=b"another intent!!")
    assert desk.ask(desk.labels(other, desk.cell_of_first()), "judge", judge) == CONSTANT_REFUSAL
    assert world.errands("judge", judge).gauges()["is_frozen"] == 1
    assert world.machine("judge").mirror().checkpoint() == seen
    assert desk.ask(desk.labels(other, desk.cell_of_first()), "regulator") != CONSTANT_REFUSAL, (
        "one that saw only this one"
    )


def test_mirror_is_the_whole_log_and_durable_before_an_answer(desk):
    world, intent = desk.world, desk.intent()
    assert desk.ask(desk.labels(intent, desk.cell_of_first()), "judge") != CONSTANT_REFUSAL
    mirror, size = world.machine("judge").mirror(), world.state().size
    assert mirror.checkpoint() == world.vault.log.checkpoint()
    assert mirror.entries(0, size) == world.vault.log.entries(0, size)


@pytest.mark.parametrize("lost", ["mirror", "snapshot", "remembered"])
def test_part_of_the_memory_lost_is_fetched_again(desk, lost):
    world, intent = desk.world, desk.intent()
    request = desk.labels(intent, desk.cell_of_first())
    assert desk.ask(request, "judge") != CONSTANT_REFUSAL
    path = world.machines["judge"] / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert desk.ask(request, "judge") != CONSTANT_REFUSAL
    assert world.machine("judge").mirror().size() == world.state().size


def test_old_mirror_put_back_beside_newer_memory_is_brought_up_to_date(desk):
    world = desk.world
    world.custodian("judge").sync()
    aside = world.path / "aside"
    shutil.copytree(world.machines["judge"] / "mirror", aside)
    intent = desk.intent()
    request = desk.labels(intent, desk.cell_of_first())
    assert desk.ask(request, "judge") != CONSTANT_REFUSAL
    shutil.rmtree(world.machines["judge"] / "mirror")
    aside.rename(world.machines["judge"] / "mirror")
    assert desk.ask(request, "judge") != CONSTANT_REFUSAL
    assert world.machine("judge").mirror().size() == world.state().size


def test_custodian_restored_from_an_old_snapshot_of_its_machine_fails_closed(world):
    machine, aside = world.machines["judge"], world.path / "aside"
    world.custodian("judge").sync()
    shutil.copytree(machine, aside)
    desk = Desk(world, world.note_of_today(max_records=2))
    intent = desk.intent()
    cell = desk.cell_of_first(count=2)
    draw = desk.draw(intent, [cell])
    request = desk.data(intent, draw, cell)
    assert desk.ask(request, "judge") != CONSTANT_REFUSAL
    shutil.rmtree(machine)
    aside.rename(machine)
    restored = world.custodian("judge")
    assert desk.ask(request, "judge", restored) == CONSTANT_REFUSAL, "it does not know that it approved"
    restored.countersign(desk.note, "note")
    again = desk.intent()
    over = desk.data(again, desk.draw(again, [cell]), cell)
    assert b"COFERR01" in desk.ask(over, "judge", restored), "the log counts what it answered before"
    assert b"COFRSP01" in desk.ask(desk.data(intent, draw, cell), "judge", restored), (
        "the first draw is within the budget"
    )


def test_restored_epoch_key_of_a_day_that_the_log_says_is_destroyed_answers_nothing(desk):
    world, intent = desk.world, desk.intent()
    request = desk.labels(intent, desk.cell_of_first())
    judge = world.custodian("judge")
    assert b"COFRSP01" in desk.ask(request, "judge", judge)
    key = world.machines["judge"] / "epoch" / world.today
    kept = key.read_bytes()
    entry = destroy_entry(world.custodian("judge"), world.now.date())
    assert b"COFERR01" in desk.ask(request, "judge", judge), (
        "another process destroyed it: the running one forgets it too"
    )
    with world.vault.writing() as state:
        world.vault.append([entry], state)
    key.write_bytes(kept)
    assert b"COFERR01" in desk.ask(desk.labels(intent, desk.cell_of_first()), "judge", judge)


def test_changed_note_in_the_inbox_is_named_and_the_others_are_listed(world):
    machine, keys = world.machine("judge"), world.keys("judge")
    note = parse_authorization(world.request(days=[(world.today, world.today)]), "note")
    machine.requests.take(note.note, keys, world.now, os.urandom)
    path = next((world.machines["judge"] / "inbox").iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    other = parse_authorization(world.request(days=[(world.today, world.today)], purpose="arson"), "note")
    machine.requests.take(other.note, keys, world.now, os.urandom)
    (path.parent / "junk").write_bytes(b"")
    assert [found.commitment for found in machine.notes(keys)] == [other.commitment]
    assert sorted(machine.unreadable_notes(keys)) == sorted([path.name, "junk"])


def test_what_waits_survives_a_stop_and_goes_when_the_log_shows_it(world):
    day = dt.date.fromordinal(world.now.date().toordinal() + 1)
    judge = world.custodian("judge")
    assert world.machine("judge").make_epoch_keys(judge, [day], bytes) == 1
    assert world.machine("judge").make_epoch_keys(world.custodian("judge"), [day], bytes) == 0
    with world.serving("judge") as process:
        client = process.client()
        raw = client.entries()
        client.close()
        assert process.stop() == 0
        assert "stopped" in process.process.stderr.read()
    assert len(world.machine("judge").waiting()) == 1
    with world.vault.writing() as state:
        world.vault.append([raw[2:]], state)
    world.custodian("judge").sync()
    assert world.machine("judge").waiting() == []
    assert ("judge", day) in world.state().epoch_keys
