"""Attacks on a custodian's own machine over time: its disk, its log, its clock, two of its processes at once. Each has a succeeding twin."""

import contextlib
import datetime as dt
import errno
import os
import shutil
import socket
import threading
import time

import httpx
import pytest
from forging import Desk, log_entries, rows_of

from coffer import replica, wire
from coffer.cli.main import run
from coffer.custodian.approvals import Withdrawn
from coffer.custodian.machine import bodies
from coffer.custodian.machine.errands import MAX_LOOKS
from coffer.custodian.machine.folder import Machine
from coffer.custodian.machine.tls import fingerprint_of
from coffer.custody.exchange import CONSTANT_REFUSAL, MAX_FRAME_BYTES, format_frame
from coffer.custody.waiting import own_entries
from coffer.disk import Disk
from coffer.errors import CofferError, MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import Commitment, EpochKeyEntry, RevokeEntry
from coffer.ledger.facts import Valid
from coffer.ledger.grammar import format_entry
from coffer.notes.keys import SealKey, SigningKey
from coffer.notes.note import parse_note, sign_note
from coffer_audit.cli import main as audit
from elsewhere import Elsewhere, served_here, write_addresses
from world import PASSPHRASE


@pytest.fixture
def world(tmp_path):
    return Elsewhere.make_elsewhere(tmp_path).with_records()


def handed_out(world, name="judge"):
    """What ``coffer sync`` gets of a custodian, logged as it logs it."""
    service = world.custodian(name)
    service.sync()
    bundle = world.errands(name, service).waiting()
    with world.vault.writing() as state:
        return world.vault.append_counting(own_entries(bundle, name), state)


# Whoever writes to the disk, without a passphrase.


@pytest.mark.parametrize("signer", ["a stranger", "another custodian"])
def test_entry_put_into_the_outbox_by_somebody_else_gets_no_signature(world, signer):
    """C3 without any key: an epoch key of the thief's own, published under the custodian's name."""
    thief, day = SealKey.generate(), world.now.date() + dt.timedelta(days=60)
    key = SigningKey.generate("x.example/thief") if signer == "a stranger" else world.custodian("dpo").keys.auth
    body = EpochKeyEntry(roster=bytes(32), custodian="judge", day=day, key=thief.public)
    path = world.machines["judge"] / "outbox" / f"epoch-key-{day}"
    path.write_bytes(sign_note(format_entry(body, origin="test.example/vault", time=world.now), key).raw)
    assert handed_out(world) == []
    assert not path.exists()
    assert "not its own" in (world.machines["judge"] / "audit.log").read_text()
    assert world.machine("judge").make_epoch_keys(world.custodian("judge"), [day], os.urandom) == 1  # the twin
    assert [type(verdict) for verdict in handed_out(world)] == [Valid]
    assert world.state().epoch_keys["judge", day] != thief.public


def test_own_old_entry_of_a_key_that_is_not_there_is_not_handed_out(world):
    """An outbox put back beside a fresh key of the same day would publish a key that nobody has."""
    day, machine = world.now.date() + dt.timedelta(days=60), world.machine("judge")
    machine.make_epoch_keys(world.custodian("judge"), [day], os.urandom)
    path = world.machines["judge"] / "outbox" / f"epoch-key-{day}"
    old = path.read_bytes()
    path.unlink()
    machine.folder.remove_epoch_key(day)
    machine.make_epoch_keys(world.custodian("judge"), [day], os.urandom)
    fresh = path.read_bytes()
    path.write_bytes(old)
    assert handed_out(world) == []
    path.write_bytes(fresh)
    assert [type(verdict) for verdict in handed_out(world)] == [Valid]


# An operator that hides the log, or shows it without its witnesses, to keep keys alive.


@pytest.mark.parametrize("how", ["gone", "frozen", "dated ahead by another custodian"])
def test_hidden_log_keeps_no_key_alive(world, how):
    day = world.now.date()
    service = world.custodian("judge")
    attendant = world.attendant("judge", service)
    attendant.look()
    wrapping = service.keys.wrapping.unsafe_bytes()
    if how == "gone":
        (world.vault.path / "log").rename(world.vault.path / "hidden")
    elif how == "frozen":
        world.machine("judge").folder.freeze(b"one", b"other")
    world.now += dt.timedelta(days=366)
    if how.startswith("dated"):
        later, now = world.now + dt.timedelta(days=40), world.now
        world.now = later
        log_entries(world, RevokeEntry(authorization=Commitment(bytes(32))), key=world.custodian("dpo").keys.auth)
        world.now = now
    attendant.look()
    assert not world.machine("judge").folder.has_epoch_key(day)
    assert service.keys.wrapping.unsafe_bytes() != wrapping
    if how == "gone":  # the entry follows when the log is back
        assert world.machine("judge").waiting() == []
        (world.vault.path / "hidden").rename(world.vault.path / "log")
        attendant.look()
        assert f"destroy-{day}" in world.machine("judge").waiting_names()
        assert {type(verdict) for verdict in handed_out(world)} == {Valid}
        assert ("judge", day) in world.state().destroyed


def test_key_whose_retention_is_not_over_stays_though_the_log_is_hidden(world):
    attendant = world.attendant("judge")
    attendant.look()
    (world.vault.path / "log").rename(world.vault.path / "hidden")
    day, world.now = world.now.date(), world.now + dt.timedelta(days=364)
    attendant.look()
    assert world.machine("judge").folder.has_epoch_key(day)


# Clocks.


def test_entry_dated_ahead_by_a_custodian_is_not_logged_and_the_vault_goes_on(world):
    key = world.custodian("dpo").keys.auth
    ahead = world.now + dt.timedelta(days=400)
    text = format_entry(RevokeEntry(authorization=Commitment(bytes(32))), origin="test.example/vault", time=ahead)
    raw = sign_note(text, key).raw
    with world.vault.writing() as state:
        (verdict,) = world.vault.append_counting([raw], state)
    assert "ahead" in verdict.reason
    with world.vault.writing() as state, pytest.raises(Refused, match="dated ahead"):
        world.vault.append([raw], state)
    assert len(rows_of(world.open(world.note_of_today()))) == 2


def test_roster_dated_ahead_is_signed_by_nobody(world):
    now, world.now = world.now, world.now + dt.timedelta(days=3000)
    note = world.propose(retention_days=400)
    world.now = now
    with pytest.raises(Refused, match="dated ahead"):
        world.custodian("judge").sign_roster(note, "roster")
    assert world.custodian("judge").sign_roster(world.propose(retention_days=400), "roster").raw


# Two processes of one custodian at once.


def test_two_approvals_at_once_both_count_and_break_nothing(world):
    notes = [world.request(days=[(world.today, world.today)], basis=f"case {n}") for n in range(8)]
    services = [world.custodian("judge") for _ in notes]
    threads = [
        threading.Thread(target=service.countersign, args=(note, "n"))
        for service, note in zip(services, notes, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.machine("judge").folder.approvals(world.keys("judge"))) == len(notes)


def test_keys_made_beside_a_rotation_can_be_read(world):
    """The service is unlocked before a rotation by another process, and makes a key after it."""
    machine, day = world.machine("judge"), world.now.date() + dt.timedelta(days=60)
    held = machine.folder.unlock(PASSPHRASE)
    unlock = Machine.open(world.machines["judge"], Disk()).folder.unlock
    machine.folder.unlock = lambda _passphrase: held  # read before the rotation, used after it
    machine_b = world.machine("judge")
    machine_b.folder.rotate_wrapping(PASSPHRASE, os.urandom)
    service = machine.service(PASSPHRASE, log=world.vault.log, clock=world.clock, uptime=world.uptime)
    machine.folder.unlock = unlock
    assert machine.make_epoch_keys(service, [day], os.urandom) == 1
    assert machine_b.folder.read_epoch_key(day, world.keys("judge")) is not None


def test_revocation_seen_by_one_process_is_not_forgotten_by_another(world):
    """The operator puts the old log back between two processes of the same custodian."""
    desk = Desk(world, world.note_of_today())
    request = desk.labels(desk.intent(), desk.cell_of_first())
    first, second = world.custodian("judge"), world.custodian("judge")
    first.sync()
    backup = {path: path.read_bytes() for path in (world.vault.path / "log").rglob("*") if path.is_file()}
    assert first.answer(desk.sealed(request)) != CONSTANT_REFUSAL
    log_entries(world, RevokeEntry(authorization=desk.authorization.commitment), key=world.custodian("dpo").keys.auth)
    second.sync()
    for path in [path for path in (world.vault.path / "log").rglob("*") if path.is_file()]:
        path.unlink()
    for path, raw in backup.items():
        path.write_bytes(raw)
    assert first.answer(desk.sealed(request)) == CONSTANT_REFUSAL


# What clerks decide.


def test_refusal_counts_though_the_operator_hides_the_log(world):
    note = world.note_of_today()
    (world.vault.path / "log").rename(world.vault.path / "hidden")
    with pytest.raises(CofferError, match="checkpoint: No such file"):
        world.custodian("judge").refusal_entry(note, "scope", "note")
    (world.vault.path / "hidden").rename(world.vault.path / "log")
    answer = world.open(note, world.custodians())
    assert answer.custodians["judge"].startswith("refused")
    assert len(rows_of(answer)) == 2, "the other two suffice"


def test_damaged_key_of_one_day_holds_up_no_other_receipt(world):
    yesterday = world.now - dt.timedelta(days=1)
    day = yesterday.date().isoformat()
    world.epoch(day, day)
    world.ingest(f"+33612345678,+33698765432,{day} 00:00:00,60\n", name="y.csv")
    path = world.machines["judge"] / "epoch" / day
    path.write_bytes(bytes(len(path.read_bytes())))
    from coffer.procedures.receipts.run import run_receipts

    report = run_receipts(world.vault, world.custodians())
    assert report.given == 2 * 3 - 1
    assert {item.custodian for item in report.missing} == {"judge"}


# Strangers.


def test_checkpoint_without_its_cosignatures_costs_a_custodian_nothing_it_knows(world):
    judge = world.custodian("judge")
    judge.sync()
    stored = (world.machines["judge"] / "mirror" / "checkpoint").read_bytes()
    noisy = parse_note(world.vault.log.checkpoint(), "c").with_signature(SigningKey.generate("x.example/spam")).raw
    judge._following.accept(noisy)
    assert judge.state.size == world.state().size
    assert (world.machines["judge"] / "mirror" / "checkpoint").read_bytes() == stored
    assert b"x.example/spam" not in (world.machines["judge"] / "remembered").read_bytes()
    with pytest.raises((MalformedInput, NotProven), match="line 1: another origin"):
        judge._following.accept(noisy.replace(b"test.example/vault\n", b"test.example/vaulx\n", 1))


def test_second_service_of_one_folder_does_not_start(world):
    with world.machine("judge").serving(), pytest.raises(Unavailable, match="is served already"):
        world.machine("judge").serving().__enter__()
    with world.machine("judge").serving():
        pass


def test_silent_connections_that_announce_much_take_nothing_from_others(world):
    with served_here(world.app("judge")) as url:
        port, held = int(url.rpartition(":")[2]), []
        for size in [MAX_FRAME_BYTES] * 6 + [4096] * 80:
            held.append(socket.create_connection(("127.0.0.1", port)))
            head = b"POST /v1/answer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size
            held[-1].sendall(head + b"x")
        codes = [httpx.post(f"{url}/v1/answer", content=format_frame(b"x" * 2000)).status_code for _ in range(6)]
        large = httpx.post(f"{url}/v1/answer", content=format_frame(b"x" * 500_000)).status_code
        for connection in held:
            connection.close()
    assert {*codes, large} == {200}


def test_bodies_that_arrive_in_full_are_bounded_together(world, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_BYTES_IN_FLIGHT", 3_000_000)
    with served_here(world.app("judge")) as url:
        port, held = int(url.rpartition(":")[2]), []
        for _ in range(3):  # all but the last byte
            held.append(socket.create_connection(("127.0.0.1", port)))
            head = b"POST /v1/answer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % 1_000_001
            held[-1].sendall(head + bytes(1_000_000))
        time.sleep(0.3)
        assert httpx.post(f"{url}/v1/answer", content=format_frame(bytes(600_000))).status_code == 503
        assert httpx.post(f"{url}/v1/answer", content=format_frame(b"x" * 2000)).status_code == 200
        for connection in held:
            connection.close()


def test_headers_by_strangers_make_no_custodian_ask_its_log_again_and_again(world):
    class Counting:
        asked = 0

        def checkpoint(self):
            self.asked += 1
            return world.vault.log.checkpoint()

        def entries(self, start, end):
            return world.vault.log.entries(start, end)

    log = Counting()
    service = world.machine("judge").service(PASSPHRASE, log=log, clock=world.clock, uptime=world.uptime)
    service.sync()
    errands, before = world.errands("judge", service), log.asked
    for n in range(40):
        errands.take_headers(wire.lp(bytes([n]) * 200))
        errands.take_headers(b"")
    assert log.asked - before <= MAX_LOOKS


def test_error_that_nobody_expected_ends_no_attending_and_shows_in_health(world):
    attendant = world.attendant("judge")
    attendant.look()
    assert not attendant.is_behind
    attendant._service.sync = lambda: 1 / 0
    attendant.look()
    assert attendant.is_behind
    del attendant._service.sync
    attendant.look()
    assert not attendant.is_behind


def test_revocation_of_what_nobody_asked_for_is_not_logged_by_sync(world, capsys):

    machine, dpo = world.machine("dpo"), world.custodian("dpo")
    note = world.note_of_today()
    dpo.sync()
    machine.put([dpo._entry(RevokeEntry(authorization=Commitment(os.urandom(32))), dpo.keys.auth) for _ in range(5)])
    machine.put([dpo.revocation_entry(note, "note")])
    with world.serving("dpo") as served:
        write_addresses(world, {"dpo": served})
        run(["sync", str(world.vault.path)])
    assert "about what was never here" in capsys.readouterr().err
    assert len(world.state().revoked) == 1


# Rosters.


def test_people_are_shown_what_a_roster_changes_from_the_log_as_it_is_now(world, capsys, tmp_path):
    """Not from what this machine saw last: a change between the two would be signed unseen."""
    world.custodian("judge").sync()
    world.publish(world.propose(cell_cap=50), "dpo", "regulator")
    (tmp_path / "r.note").write_bytes(world.propose(cell_cap=200, retention_days=400))
    words = ["custodian", "sign-roster", str(world.machines["judge"]), str(tmp_path / "r.note"), "--yes"]
    capsys.readouterr()
    assert run([*words, "--passphrase-file", str(world.path / "passphrase")]) == 0
    assert "cell-cap: 50 -> 200" in capsys.readouterr().out


def test_frozen_custodian_signs_no_roster(world):
    judge = world.custodian("judge")
    note = world.propose(retention_days=400)
    assert judge.sign_roster(note, "roster").raw != note
    world.machine("judge").folder.freeze(b"one", b"other")
    with pytest.raises(NotProven, match="frozen"):
        judge.sign_roster(note, "roster")


# Steps that fail.


def test_step_that_fails_takes_nothing_from_what_was_known_or_waits(world, monkeypatch):
    machine, judge = world.machine("judge"), world.custodian("judge")
    day = world.now.date() + dt.timedelta(days=60)
    machine.make_epoch_keys(judge, [day], os.urandom)
    size, names = judge.state.size, machine.waiting_names()
    world.publish(world.propose(retention_days=400), "dpo", "regulator")

    def not_cosigned(_before, _checkpoint, advance):
        if advance.checkpoint.head.size > size:
            raise NotProven("not cosigned")

    monkeypatch.setattr(judge._following, "_verify_seen_by", not_cosigned)
    for _ in range(2):
        with pytest.raises(NotProven, match="not cosigned"):
            judge.sync()
        assert judge.state.size == size
    assert machine.waiting_names() == names
    assert len(own_entries(machine.waiting_bundle(judge), "judge")) == len(names)
    monkeypatch.undo()
    judge.sync()
    assert judge.state.size == world.state().size


def test_outbox_asked_for_before_the_first_look_is_kept(world):
    machine = world.machine("judge")
    machine.make_epoch_keys(world.custodian("judge"), [world.now.date() + dt.timedelta(days=60)], os.urandom)
    names = machine.waiting_names()
    (world.machines["judge"] / "snapshot").unlink(missing_ok=True)
    (world.vault.path / "log").rename(world.vault.path / "hidden")
    with pytest.raises(CofferError, match="the log was not read yet"):
        world.errands("judge").waiting()
    assert machine.waiting_names() == names


def test_more_due_days_than_a_month_has_stop_no_other_duty(world):
    for n in range(1, 36):
        day = (world.now.date() + dt.timedelta(days=n)).isoformat()
        world.epoch(day, day)
    world.now += dt.timedelta(days=500)
    attendant = world.attendant("judge")
    attendant.look()
    assert len(world.machine("judge").folder.epoch_days()) == 36 + 1
    assert f"epoch-key-{world.now.date()}" in world.machine("judge").waiting_names()
    assert attendant.is_behind


def test_slow_log_delays_neither_a_refusal_nor_a_destruction(world):
    note, day = world.note_of_today(), world.now.date()
    world.custodian("judge").sync()
    entered, leave = threading.Event(), threading.Event()

    class Slow:
        def checkpoint(self):
            return world.vault.log.checkpoint()

        def entries(self, start, end):
            entered.set()
            leave.wait(20)
            return world.vault.log.entries(start, end)

    slow = world.machine("judge").service(PASSPHRASE, log=Slow(), clock=world.clock, uptime=world.uptime)
    thread = threading.Thread(target=lambda: contextlib.suppress(CofferError).__enter__() or slow.sync(), daemon=True)
    log_entries(world, RevokeEntry(authorization=Commitment(bytes(32))), key=world.custodian("dpo").keys.auth)
    thread.start()
    assert entered.wait(10), "it holds the folder's lock while it reads"
    started = time.monotonic()
    with world.machine("judge").folder.deciding():
        withdrawn = Withdrawn(commitment=Desk(world, note).authorization.commitment)
        world.machine("judge").folder.append_decision(withdrawn, world.now, world.keys("judge"))
    assert time.monotonic() - started < 5
    leave.set()
    thread.join(20)
    world.now += dt.timedelta(days=366)
    world.attendant("judge").look()
    assert not world.machine("judge").folder.has_epoch_key(day)


def test_vault_restored_from_an_old_copy_logs_nothing_and_freezes_nobody(world, tmp_path, capsys):
    note = world.propose(retention_days=400)
    for name in ("judge", "dpo"):
        note = world.custodian(name).sign_roster(note, "roster").raw
    (tmp_path / "roster.note").write_bytes(note)
    vault, old, new = world.vault.path, tmp_path / "old", tmp_path / "new"
    with world.serving("judge") as judge:
        write_addresses(world, {"judge": judge})
        shutil.copytree(vault, old)
        with contextlib.closing(judge.client()) as client:
            asked = [client, *world.custodians("dpo", "regulator")]
            assert len(rows_of(world.open(world.note_of_today(), asked))) == 2
        shutil.move(vault, new)
        shutil.copytree(old, vault)
        before = (vault / "log" / "checkpoint").read_bytes()
        capsys.readouterr()
        assert run(["roster", "publish", str(vault), str(tmp_path / "roster.note")]) == 5
        said = capsys.readouterr().err
        assert "custodian judge holds a longer one" in said
        assert "restored from a backup" in said
        assert (vault / "log" / "checkpoint").read_bytes() == before
        assert not world.machine("judge").folder.is_frozen()
        # What docs/operating.md says to do: the log as a custodian has it.
        fetched = tmp_path / "fetched"
        pinned = ["--log-key", world.vault.pins.log_key.format(), "--fingerprint", fingerprint(world, "judge")]
        assert audit(["fetch", f"{judge.url}/log", str(fetched), *pinned]) == 0
        shutil.rmtree(vault / "log")
        shutil.copytree(fetched, vault / "log")
        assert run(["roster", "publish", str(vault), str(tmp_path / "roster.note")]) == 0
        assert run(["roster", "publish", str(vault), str(tmp_path / "roster.note")]) == 0
        assert "in force already, logged as entry" in capsys.readouterr().err


def fingerprint(world, name):
    return fingerprint_of((world.machines[name] / "tls.crt").read_bytes(), name)


def test_roster_text_that_the_desk_did_not_sign_is_signed_by_no_custodian(world):
    note = world.propose(late_days=29)
    assert world.custodian("judge").sign_roster(note, "roster").raw != note
    changed = note.replace(b"late-days: 29\n", b"late-days: 3000\n")
    assert changed != note
    with pytest.raises(NotProven, match="desk"):
        world.custodian("judge").sign_roster(changed, "roster")


@pytest.mark.parametrize("name", ["approvals", "protected", "epoch"])
def test_custodian_that_would_refuse_everything_tells_its_own_people(world, name):
    attendant, folder = world.attendant("judge"), world.machines["judge"]
    world.custodian("judge").countersign(world.request(days=[(world.today, world.today)]), "note")
    attendant.look()
    assert not attendant.is_behind
    path = folder / "epoch" / world.today if name == "epoch" else folder / name
    raw = path.read_bytes()
    path.write_bytes(raw[:20] + bytes([raw[20] ^ 1]) + raw[21:])
    world.attendant("judge").look()
    fresh = world.attendant("judge")
    fresh.look()
    assert fresh.is_behind
    assert fresh.trouble
    path.write_bytes(raw)
    fresh.look()
    assert not fresh.is_behind


@pytest.mark.parametrize("has_snapshot", [False, True])
@pytest.mark.parametrize("damage", ["entries", "hashes", "checkpoint", "missing"])
def test_damaged_mirror_is_put_aside_and_fetched_again(world, damage, has_snapshot, monkeypatch):
    machine = world.machine("judge")
    if has_snapshot:
        monkeypatch.setattr(replica, "SNAPSHOT_EVERY", 1)
    world.custodian("judge").sync()
    assert (machine.path / "snapshot").is_file() == has_snapshot
    mirror = machine.path / "mirror"
    whole = files_of(mirror)
    where = {"entries": "tile/entries", "hashes": "tile/0", "checkpoint": "checkpoint", "missing": "tile/entries"}[
        damage
    ]
    files = [path for path in [mirror / where, *(mirror / where).rglob("*")] if path.is_file()]
    path = max(files, key=lambda path: path.stat().st_size) if damage == "missing" else files[0]
    raw = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(raw[:30] + bytes([raw[30] ^ 1]) + raw[31:])
    told = machine.remove_leftovers()
    assert len(told) == 1
    assert told[0].startswith("mirror: damaged, put aside")
    world.custodian("judge").sync()
    again = files_of(mirror)  # without the partial tiles of sizes that it follows no more
    size = str(world.state().size)
    newest = {name for name in whole if name.name in ("checkpoint", size)}
    assert set(again) == newest
    assert {again[name] == whole[name] for name in newest} == {True}
    assert machine.remove_leftovers() == []


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_service_on_a_disk_that_cannot_be_written_says_so_and_a_second_one_says_that(world, monkeypatch):
    machine = world.machine("judge")
    with machine.serving(), pytest.raises(Unavailable, match="is served already"), world.machine("judge").serving():
        pass

    def read_only(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(Unavailable, match="Read-only file system"), machine.serving():
        pass
