"""An operator that shows two histories or an old one, to custodians that ask for cosignatures and to the witnesses themselves."""

import contextlib
import datetime as dt
import shutil
import socket
import threading
import time
from dataclasses import replace

import pytest
from forging import RECORDS, ROWS, Desk, SecondHistory, log_entries, rows_of

from coffer.custody.addresses import Address
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import RevokeEntry
from coffer.notes.cosign import Cosigner, parse_cosign_vkey, verify_quorum
from coffer.notes.note import parse_note
from coffer.translog.checkpoint import TreeHead, sign_checkpoint, verify_checkpoint
from coffer.translog.store import gather as gathering
from coffer.translog.store.http import HttpLog
from coffer.translog.store.witness import WitnessFolder, make_witness
from coffer.translog.witness import LONGER, Ask, Gathered, parse_ask
from coffer.wire import lp
from coffer_audit.vault.audit import audit_vault
from world import World, nobody

ALL = ("judge", "dpo", "regulator")


class Witnessed:
    """A vault whose roster asks for two of three witnesses, which ``ask`` reaches without a network."""

    def __init__(self, folder):
        names = ["w.example/a", "w.example/b", "w.example/c"]
        keys = [Cosigner.generate(name) for name in names]
        self.world = World.make(folder, witnesses=[key.public.format() for key in keys], quorum=2)
        log_key = self.world.vault.pins.log_key
        self.services = {}
        for key in keys:
            path = folder / key.public.name.replace("/", "-")
            make_witness(path, Disk(), key.public.name, [log_key.format()])
            (path / "key").write_text(key.seed.unsafe_bytes().hex() + "\n")
            self.services[key.public.name] = WitnessFolder(path, Disk(), self.world.clock)
        self.asked = list(names)
        self.world.outside.gather = lambda *_: Gathered(lines=tuple(self.lines()), failed={})

    def gather(self):
        lines = self.lines()
        self.world.vault.log.cosign(lines)
        return len(lines)

    def lines(self):
        log, pins = self.world.vault.log, self.world.vault.pins
        lines = []
        for name in self.asked:
            status, body = self.post(name, 0)
            if status == 409:
                status, body = self.post(name, int(body))
            if status == 200:
                note = verify_checkpoint(log.checkpoint(), pins.log_key, "c").note
                lines.append(parse_note(note.text + b"\n" + body, "reply", may_be_cosigned=True).signatures[0])
        return lines

    def post(self, name, old):
        log = self.world.vault.log
        head = verify_checkpoint(log.checkpoint(), self.world.vault.pins.log_key, "c").head
        proof = tuple(log.consistency_proof(old, head.size)) if 0 < old < head.size else ()
        return self.services[name].add_checkpoint(Ask(old_size=old, proof=proof, checkpoint=log.checkpoint()).format())


@pytest.fixture
def witnessed(tmp_path):
    made = Witnessed(tmp_path)
    made.gather()
    made.world.epoch("2016-09-01", "2016-09-03")
    made.world.ingest(RECORDS)
    return made


@pytest.fixture
def desk(witnessed):
    return Desk(witnessed.world, witnessed.world.authorize(by=ALL))


def test_opening_with_two_of_three_witnesses_succeeds(witnessed):
    witnessed.asked.pop()
    assert rows_of(witnessed.world.open(witnessed.world.authorize())) == ROWS
    audited = audit_vault(witnessed.world.vault.path, None, None, quick=True)
    assert [item.message for item in audited.findings.violations] == []


def test_custodian_answers_nothing_while_one_witness_of_two_is_missing(witnessed, desk):
    del witnessed.asked[1:]
    intent = desk.intent()
    witnessed.gather()
    request = desk.labels(intent)
    service = witnessed.world.custodian("judge")
    assert desk.ask(request, service=service) == CONSTANT_REFUSAL
    assert not service._folder.memory.is_frozen()
    with pytest.raises(NotProven, match="1 witness of the roster cosigned, expected 2"):
        service.sync()
    witnessed.asked.append("w.example/b")  # the twin
    witnessed.gather()
    assert desk.ask(desk.labels(intent), service=service).startswith(b"COFRSP01")


def test_opening_that_lacked_a_witness_goes_on_when_it_is_back(witnessed):
    world = witnessed.world
    note = world.authorize()
    del witnessed.asked[1:]
    with pytest.raises(Unavailable, match="1 witness of the roster cosigned, expected 2"):
        world.open(note)
    world.now += dt.timedelta(minutes=20)
    witnessed.asked.append("w.example/b")
    assert rows_of(world.open(note)) == ROWS
    assert len(world.state().openings) == 1


def test_two_forks_get_at_most_one_quorum_and_the_other_freezes_whoever_meets_it(witnessed):
    world = witnessed.world
    second = SecondHistory(world)
    key = world.custodian("dpo").keys.auth
    log_entries(world, RevokeEntry(authorization=bytes([1]) * 32), key=key)
    witnessed.asked = ["w.example/a", "w.example/b"]
    assert witnessed.gather() == 2
    judge = world.custodian("judge")
    judge.sync()
    seen = world.vault.log.checkpoint()

    second.show()
    log_entries(world, RevokeEntry(authorization=bytes([2]) * 32), key=key)
    witnessed.asked = ["w.example/a", "w.example/b", "w.example/c"]
    assert witnessed.gather() == 1  # only the witness that saw nothing yet of the first fork
    with pytest.raises(NotProven, match="1 witness of"):
        world.custodian("regulator").sync()
    with pytest.raises(NotProven, match="another root"):
        judge.sync()
    assert (judge._folder.path / "frozen").read_bytes() == lp(seen) + lp(world.vault.log.checkpoint())
    evidence = list((world.path / "w.example-a" / "state").glob("*.fork"))
    assert len(evidence) == 1
    second.show()
    # It saw both: nothing of this log is cosigned any more, and C2SP's codes say what is wrong.
    status, known = witnessed.post("w.example/a", 0)
    assert status == 409
    assert witnessed.post("w.example/a", int(known))[0] == 422
    assert len(list((world.path / "w.example-a" / "state").glob("*.fork"))) == 1, "the first evidence is kept"


def test_twin_honest_extension_is_cosigned_by_all(witnessed):
    world = witnessed.world
    log_entries(world, RevokeEntry(authorization=bytes([1]) * 32), key=world.custodian("dpo").keys.auth)
    assert witnessed.gather() == 3
    world.custodian("judge").sync()


def test_stale_view_with_old_cosignatures_is_refused(witnessed, desk):
    world, intent = witnessed.world, desk.intent()
    witnessed.gather()
    request = desk.labels(intent)
    world.now += dt.timedelta(minutes=15, seconds=1)
    assert desk.ask(request) == CONSTANT_REFUSAL
    world.now -= dt.timedelta(seconds=1)  # the twin
    assert desk.ask(request).startswith(b"COFRSP01")


@pytest.mark.parametrize(("minutes", "is_taken"), [(14, True), (16, False)])
def test_clock_that_differs_from_the_witnesses_clocks_is_detected(witnessed, minutes, is_taken):
    world = witnessed.world
    key, later = world.custodian("dpo").keys.auth, world.now + dt.timedelta(minutes=minutes)
    log_entries(world, RevokeEntry(authorization=bytes(32)), key=key, time=later)
    witnessed.gather()
    if is_taken:
        world.custodian("judge").sync()
    else:
        with pytest.raises(NotProven, match="clock: the log's newest entry is dated"):
            world.custodian("judge").sync()


def test_witness_refuses_what_does_not_continue_what_it_cosigned(witnessed):
    world = witnessed.world
    service = witnessed.services["w.example/a"]
    raw = world.vault.log.checkpoint()
    size = world.state().size
    for body, status in [
        (b"", 400),
        (b"old 0\n\n", 404),
        (Ask(old_size=0, proof=(), checkpoint=raw).format(), 409),
        (Ask(old_size=size + 1, proof=(), checkpoint=raw).format(), 400),
        (Ask(old_size=size, proof=(bytes(32),), checkpoint=raw).format(), 422),
        (
            Ask(old_size=size, proof=(), checkpoint=raw.replace(b"test.example/vault", b"test.example/other")).format(),
            404,
        ),
        (
            Ask(
                old_size=size,
                proof=(),
                checkpoint=raw.partition(b"\n\n")[0] + b"\n\n" + raw.splitlines(keepends=True)[-1],
            ).format(),
            403,
        ),
        (Ask(old_size=size, proof=(), checkpoint=raw).format(), 200),
        (b"x" * 20_000, 400),
    ]:
        assert service.add_checkpoint(body)[0] == status
    assert service.add_checkpoint(Ask(old_size=0, proof=(), checkpoint=raw).format())[1] == b"%d\n" % size


def test_one_witness_under_two_keys_or_twice_counts_once(witnessed):
    world = witnessed.world
    roster, raw = world.state().roster, world.vault.log.checkpoint()
    note = parse_note(raw, "c", may_be_cosigned=True)
    same = [roster.witnesses[0]] * 2
    with pytest.raises(MalformedInput, match="two places"):
        world.propose(witnesses=tuple(key.format() for key in same), quorum=1)
    verify_quorum(note, roster.witnesses, 3, newest=world.now, now=world.now)


def test_no_changed_byte_of_a_cosignature_counts(witnessed):
    world = witnessed.world
    roster, raw = world.state().roster, world.vault.log.checkpoint()
    assert parse_cosign_vkey(roster.witnesses[0].format(), "k") == roster.witnesses[0]
    start = raw.index(b"\n\n") + 2
    for at in range(start, len(raw), 5):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            note = verify_checkpoint(changed, world.vault.pins.log_key, "c").note
        except (MalformedInput, NotProven):
            continue
        with pytest.raises(
            NotProven, match=r"cosignature of w\.example/[abc] does not verify|2 witnesses of the roster cosigned"
        ):
            verify_quorum(note, roster.witnesses, 3, newest=world.now, now=None)


@pytest.mark.parametrize(
    "text",
    ["old 0", "old 0\n", "old -1\n\nx", "old 0\nAAAA\n\nx", "new 0\n\nx", "old 0\n" + "A" * 43 + "=\n" * 1 + "\nx"],
)
def test_ask_parses_or_is_malformed(text):
    with contextlib.suppress(MalformedInput):
        assert parse_ask(text.encode()).format() == text.encode()


def test_http_witness_and_client_over_a_socket(witnessed, tmp_path):
    import threading
    import time

    import uvicorn

    from coffer.cli.servers import make_witness_app
    from coffer.translog.store.gather import gather
    from coffer.vault.policy import POLICY, Policy

    world = witnessed.world
    log_entries(world, RevokeEntry(authorization=bytes(32)), key=world.custodian("dpo").keys.auth)
    server = uvicorn.Server(
        uvicorn.Config(make_witness_app(witnessed.services["w.example/a"]), host="127.0.0.1", port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    addresses = {"w.example/a": f"http://127.0.0.1:{port}", "w.example/b": "http://127.0.0.1:1"}
    (world.vault.path / POLICY).write_bytes(Policy(witnesses=addresses).format())
    world.outside.gather = gather
    world.vault.writer.gather_cosignatures(world.state())
    server.should_exit = True
    thread.join(10)
    assert [line.split(" did not cosign")[0] for line in sorted(world.outside.told)] == [
        "witness w.example/b",
        "witness w.example/c",
    ]
    note = verify_checkpoint(world.vault.log.checkpoint(), world.vault.pins.log_key, "c").note
    assert [key.name for key in world.state().roster.witnesses if key.time_of(note)] == ["w.example/a"]


class Dripping:
    """A server that sends a byte now and then, for ever."""

    def __init__(self, begins: bytes) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self._begins, self._stop = self.socket.getsockname()[1], begins, threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self.socket.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(self._begins)
                while not self._stop.wait(0.2):
                    connection.sendall(b"x")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self.socket.close()


def test_dripping_witness_holds_the_vault_no_longer_than_its_deadline(witnessed, monkeypatch):
    monkeypatch.setattr(gathering, "DEADLINE_S", 0.6)
    dripping = Dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n")
    world = witnessed.world
    note = parse_note(world.vault.log.checkpoint(), "c", may_be_cosigned=True)
    key = world.state().roster.witnesses[0]
    started = time.monotonic()
    found = gathering.gather(note, 1, lambda _: [], [key], {key.name: f"http://127.0.0.1:{dripping.port}"})
    took = time.monotonic() - started
    dripping.stop()
    assert took < 5
    assert found.failed == {key.name: "no answer in 0.6 seconds"}


def test_dripping_log_holds_a_custodian_no_longer_than_its_deadline(witnessed):
    dripping = Dripping(b"HTTP/1.1 200 OK\r\nx: ")
    log = HttpLog(f"http://127.0.0.1:{dripping.port}", key=witnessed.world.vault.pins.log_key, timeout_s=0.6)
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"not here after 0\.6 seconds"):
        log.checkpoint()
    assert time.monotonic() - started < 5
    dripping.stop()


def test_witnesses_that_are_gone_are_replaced_by_a_roster_that_every_custodian_signs(witnessed):
    world = witnessed.world
    fresh = Cosigner.generate("w.example/z")
    del witnessed.asked[1:]  # two of three are gone for good: nothing is answered any more
    log_entries(world, RevokeEntry(authorization=bytes(32)), key=world.custodian("dpo").keys.auth)
    with pytest.raises(NotProven, match="cosigned, expected 2"):
        world.custodian("judge").sync()
    note = world.propose(witnesses=(fresh.public.format(),), quorum=1)
    for name in ("judge", "dpo", "regulator"):
        note = world.custodian(name).sign_roster(note, "roster").raw
    with world.vault.writing() as state:
        world.vault.append([note], state)
    checkpoint = parse_note(world.vault.log.checkpoint(), "c", may_be_cosigned=True)
    world.vault.log.cosign([fresh.cosign(checkpoint.text, world.now)])
    assert world.custodian("judge").sync().roster.quorum == 1


def test_witnesses_are_not_shaken_off_by_a_roster_that_only_some_custodians_signed(witnessed):
    world = witnessed.world
    witnessed.gather()
    judge = world.custodian("judge")
    judge.sync()
    note = world.propose(witnesses=(), quorum=0)
    for name in ("judge", "dpo"):
        note = world.custodian(name).sign_roster(note, "roster").raw
    world.outside.gather = nobody  # no witness is asked
    with world.vault.writing() as state:
        world.vault.append([note], state)
    for service in (judge, judge, world.custodian("judge"), world.custodian("judge")):  # also at the second try
        with pytest.raises(NotProven, match="cosigned, expected 2"):
            service.sync()


def test_two_processes_of_one_witness_cosign_one_history(witnessed, tmp_path):
    world = witnessed.world
    witnessed.gather()
    shutil.copytree(world.path / "vault", tmp_path / "fork" / "vault")
    other = world.reopen_at(tmp_path / "fork")
    world.outside.gather = nobody
    log_entries(world, RevokeEntry(authorization=bytes([1]) * 32), key=world.custodian("dpo").keys.auth)
    log_entries(other, RevokeEntry(authorization=bytes([2]) * 32), key=world.custodian("dpo").keys.auth)
    folder, barrier, statuses = world.path / "w.example-a", threading.Barrier(2), []

    class Slow(Disk):
        def write(self, path, *parts, private=False):
            time.sleep(0.2)
            super().write(path, *parts, private=private)

    def post(one):
        own, log = WitnessFolder(folder, Slow(), world.clock), one.vault.log
        raw = log.checkpoint()
        size = verify_checkpoint(raw, one.vault.pins.log_key, "c").head.size
        ask = Ask(old_size=1, proof=tuple(log.consistency_proof(1, size)), checkpoint=raw)
        barrier.wait(5)
        statuses.append(own.add_checkpoint(ask.format())[0])

    threads = [threading.Thread(target=post, args=(one,)) for one in (world, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) <= 1


def looked(witnessed, *, failed=None, cosigned=3, now=None, elsewhere=None):
    """What a command finds outside before it logs anything: so many witnesses cosigned, some ``failed``."""
    world = witnessed.world
    lines = parse_note(world.vault.log.checkpoint(), "c", may_be_cosigned=True).signatures[1 : cosigned + 1]
    assert len(lines) == cosigned
    answer = Gathered(lines=tuple(lines), failed=failed or {})
    world.outside.gather, world.outside.elsewhere = lambda *_: answer, elsewhere or {}
    world.now = now or world.now
    here = [
        Address(name=name, url="https://127.0.0.1:1", fingerprint=bytes(32), authorities=None)
        for name in world.outside.elsewhere
    ]
    replace(world.vault.writer.others(), addresses=here).verify_newest(world.state())


def test_old_copy_of_a_vault_logs_nothing_that_would_make_a_second_history(witnessed):
    before = witnessed.world.vault.log.checkpoint()
    with pytest.raises(Unavailable, match=r"witness w\.example/a has seen a longer one"):
        looked(witnessed, failed={"w.example/a": LONGER}, cosigned=1)
    longer = sign_checkpoint(
        TreeHead(size=10_000, root=bytes(32)), witnessed.world.vault.operator_key("test.example/vault")
    )
    with pytest.raises(Unavailable, match="custodian judge holds a longer one"):
        looked(witnessed, cosigned=0, elsewhere={"judge": longer.note.raw})
    looked(witnessed, cosigned=0, elsewhere={"judge": before, "dpo": b"junk"})
    looked(witnessed)


@pytest.mark.parametrize(("failed", "code"), [({"w.example/a": LONGER}, 5), ({}, 0)], ids=["old copy", "newest"])
def test_gathering_on_an_old_copy_of_the_log_ends_with_5_and_says_so(witnessed, monkeypatch, capsys, failed, code):
    """Its checkpoint still has a quorum of cosignatures; what witnesses say now counts, and not what they said then."""
    from coffer.cli import main, vaults

    world = witnessed.world
    lines = parse_note(world.vault.log.checkpoint(), "c", may_be_cosigned=True).signatures[1:4]
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    gathered = Gathered(lines=() if failed else tuple(lines), failed=failed)
    monkeypatch.setattr(vaults.Network, "gather", lambda *_: gathered)
    assert main.run(["witness", "gather", str(world.vault.path)]) == code
    said = capsys.readouterr()
    assert ("seen a longer one than this vault has" in said.err) == bool(failed)
    assert ("witnesses cosigned" in said.out) == (code == 0)


def test_one_witness_that_lies_of_a_longer_log_stops_no_vault(witnessed):
    looked(witnessed, failed={"w.example/a": LONGER}, cosigned=2)
    with pytest.raises(Unavailable, match="seen a longer one"):
        looked(witnessed, failed={"w.example/a": LONGER}, cosigned=1)


def test_clock_far_ahead_of_the_witnesses_logs_nothing(witnessed):
    now = witnessed.world.now
    looked(witnessed, now=now + dt.timedelta(minutes=14))
    with pytest.raises(Unavailable, match="clock: the witnesses say"):
        looked(witnessed, now=now + dt.timedelta(minutes=16))


@pytest.mark.parametrize("minutes", [0, 16])
@pytest.mark.parametrize("name", ["w.example/new", "w.example/a"], ids=["another", "the same under a new key"])
def test_witness_of_the_roster_before_tells_no_time(witnessed, name, minutes):
    """The new witness is silent and the old one answers: that says nothing of this clock, and stops no vault."""
    world = witnessed.world
    new = Cosigner.generate(name).public
    world.publish(world.propose(witnesses=(new.format(),), quorum=1), *ALL)
    witnessed.asked = ["w.example/a"]
    answer = Gathered(lines=tuple(witnessed.lines()), failed={new.name: "nobody listens there"})
    assert [line.name for line in answer.lines] == witnessed.asked
    asked = []
    world.outside.gather = lambda _note, _size, _proof, keys, _addresses: asked.append(keys) or answer
    world.now += dt.timedelta(minutes=minutes)
    assert world.vault.writer.is_confirmed_outside(world.state())
    assert new in asked[0]
    assert {"w.example/a", "w.example/b", "w.example/c"} <= {key.name for key in asked[0] if key != new}
    world.ingest(RECORDS.replace("10:00", "09:00"), name="later.csv")
    assert world.state().newest == world.now


def test_twin_witness_of_the_roster_in_force_tells_the_time(witnessed):
    looked(witnessed, cosigned=1)
    with pytest.raises(Unavailable, match="clock: the witnesses say"):
        looked(witnessed, cosigned=1, now=witnessed.world.now + dt.timedelta(minutes=16))


def test_one_witness_with_two_keys_is_no_second_witness_when_a_roster_is_published(witnessed, monkeypatch, capfd):
    """Its address is one: under a quorum of two, custodians would answer nothing."""
    from coffer.cli.main import run
    from coffer.notes.cosign import ML_DSA_44_COSIGNATURE

    world = witnessed.world
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    own = [Cosigner.generate("w.example/a"), Cosigner.generate("w.example/a", ML_DSA_44_COSIGNATURE)]
    keys = [key.public.format() for key in (*own, Cosigner.generate("w.example/b"))]
    note = world.propose(witnesses=tuple(keys), quorum=2)
    for name in ALL:
        note = world.custodian(name).sign_roster(note, "roster").raw
    (world.path / "r.note").write_bytes(note)
    policy = world.vault.path / "policy.toml"
    policy.write_text('format = "coffer.policy/v1"\n[witnesses]\n"w.example/a" = "http://127.0.0.1:1"\n')
    assert run(["roster", "publish", str(world.vault.path), str(world.path / "r.note")]) == 2
    said = capfd.readouterr().err
    assert "witnesses: 1 have an address in policy.toml, and the roster asks for 2" in said
    assert '"w.example/b" = ' in said
    policy.write_text(policy.read_text() + '"w.example/b" = "http://127.0.0.1:1"\n')  # the twin
    assert run(["roster", "publish", str(world.vault.path), str(world.path / "r.note")]) == 0
    note = parse_note(world.vault.log.checkpoint(), "c", may_be_cosigned=True)
    world.vault.log.cosign([own[0].cosign(note.text, world.now)])
    assert run(["witness", "gather", str(world.vault.path)]) == 5
    assert run(["roster", "show", str(world.vault.path)]) == 0
    assert "2 of w.example/a, w.example/b" in " ".join(capfd.readouterr().out.split())
