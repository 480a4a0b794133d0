"""A party's own memory of the log on its disk, and whoever can write to that disk."""

import pytest
from forging import RECORDS, ROWS, Desk, SecondHistory, log_entries, rows_of

from coffer import replica as module
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.errors import CofferError, MalformedInput, NotProven
from coffer.ledger.entries import RevokeEntry
from coffer.ledger.state import State
from coffer.notes.keys import Secret
from coffer.replica import Replica
from coffer.translog.merkle import Frontier, leaf_hash

ALL = ("judge", "dpo", "regulator")


@pytest.fixture
def desk(world, monkeypatch):
    monkeypatch.setattr(module, "SNAPSHOT_EVERY", 1)
    world.ingest(RECORDS)
    return Desk(world, world.authorize(by=ALL))


def snapshot_of(world, name="judge"):
    return world.vault.path / "custodians" / name / "snapshot"


def revoke(desk):
    world = desk.world
    key = world.custodian("dpo").keys.auth
    log_entries(world, RevokeEntry(authorization=desk.authorization.commitment), key=key)


def is_answered(desk, request, service=None):
    return desk.ask(request, service=service or desk.world.custodian("judge")) != CONSTANT_REFUSAL


class CountingLog:
    """A log that notes how many entries were read."""

    def __init__(self, log):
        self._log = log
        self.read = 0

    def checkpoint(self):
        return self._log.checkpoint()

    def entries(self, start, end):
        self.read += end - start
        return self._log.entries(start, end)


def test_a_start_from_a_snapshot_reads_only_what_came_after(desk):
    world, intent = desk.world, desk.intent()
    assert is_answered(desk, desk.labels(intent))
    seen = world.state().size
    revoke(desk)
    service = world.custodian("judge")
    service._following._log = CountingLog(world.vault.log)
    state = service.sync()
    assert (service._following._log.read, state.size) == (1, seen + 1)
    assert state == world.state()


def test_snapshot_of_an_attacker_that_hides_a_revocation_is_not_believed(desk):
    world, intent = desk.world, desk.intent()
    before = desk.labels(intent)
    revoke(desk)
    after = desk.labels(intent)
    assert not is_answered(desk, after)
    forged = world.custodian("judge")._following._replica  # all that a thief of the disk can read, and the code
    forged.state.revoked.clear()
    snapshot_of(world).write_bytes(forged.snapshot(Secret(bytes(32), "a key of the attacker's")))
    assert not is_answered(desk, after)
    assert not is_answered(desk, before)
    assert "snapshot is not its own" in (snapshot_of(world).parent / "audit.log").read_text()


def test_twin_without_the_revocation_the_same_snapshot_changes_nothing(desk):
    world, intent = desk.world, desk.intent()
    assert is_answered(desk, desk.labels(intent))
    forged = world.custodian("judge")._following._replica
    snapshot_of(world).write_bytes(forged.snapshot(Secret(bytes(32), "a key of the attacker's")))
    assert is_answered(desk, desk.labels(intent))


def test_older_snapshot_put_back_hides_no_revocation(desk):
    world, intent = desk.world, desk.intent()
    before = desk.labels(intent)
    assert is_answered(desk, before)
    old = snapshot_of(world).read_bytes()
    revoke(desk)
    assert not is_answered(desk, desk.labels(intent))
    snapshot_of(world).write_bytes(old)
    assert not is_answered(desk, desk.labels(intent))
    assert not is_answered(desk, before), "the old checkpoint is stale, whatever the snapshot says"


def test_the_very_head_of_a_snapshot_that_is_older_than_what_is_remembered_is_stale(desk, monkeypatch):
    world, intent = desk.world, desk.intent()
    before = desk.labels(intent)
    assert is_answered(desk, before)
    assert snapshot_of(world).is_file()
    monkeypatch.setattr(module, "SNAPSHOT_EVERY", 10_000)
    assert is_answered(desk, before), "the twin: nothing newer is remembered"
    revoke(desk)
    world.custodian("judge").sync()
    assert not is_answered(desk, before), "a start from the snapshot must not forget the revocation"
    assert not is_answered(desk, desk.labels(intent))


def test_snapshot_of_another_custodian_is_not_believed(desk):
    world, intent = desk.world, desk.intent()
    for name in ("judge", "dpo"):
        assert is_answered(desk, desk.labels(intent), world.custodian(name)) or name == "dpo"
        world.custodian(name).sync()
    snapshot_of(world).write_bytes(snapshot_of(world, "dpo").read_bytes())
    world.custodian("judge").sync()
    assert "snapshot is not its own" in (snapshot_of(world).parent / "audit.log").read_text()


@pytest.mark.parametrize("longer", [0, 2])
def test_step_02_fork_before_the_snapshot_freezes_the_custodian(desk, longer):
    world, intent = desk.world, desk.intent()
    second = SecondHistory(world)
    revoke(desk)
    service = world.custodian("judge")
    service.sync()
    assert snapshot_of(world).is_file()
    second.show()
    for number in range(longer + 1):
        key = world.custodian("dpo").keys.auth
        log_entries(world, RevokeEntry(authorization=bytes([number]) * 32), key=key)
    assert not is_answered(desk, desk.labels(intent))
    assert world.custodian("judge")._folder.memory.is_frozen()


def test_no_changed_or_missing_byte_of_a_snapshot_is_believed(desk):
    world = desk.world
    world.custodian("judge").sync()
    raw, key = snapshot_of(world).read_bytes(), world.custodian("judge").keys.snapshots
    pins = {"log_key": world.vault.pins.log_key, "genesis": world.vault.pins.genesis}
    for at in [*range(0, len(raw), 97), *range(len(raw) - 40, len(raw))]:
        with pytest.raises(NotProven, match="not made by this party, or changed since"):
            Replica.restore(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], key, **pins)
        with pytest.raises(NotProven, match="not made by this party, or changed since"):
            Replica.restore(raw[:at], key, **pins)
    assert Replica.restore(raw, key, **pins).state == world.state()


def test_snapshot_whose_tree_is_not_its_checkpoints_is_refused_even_with_the_right_key(desk):
    world = desk.world
    key = Secret(bytes(32), "test")
    pins = {"log_key": world.vault.pins.log_key, "genesis": world.vault.pins.genesis}
    good = Replica.empty(**pins)
    good.commit(good.prepare(world.vault.log.checkpoint(), world.vault.log.entries))
    assert Replica.restore(good.snapshot(key), key, **pins).state == good.state
    good.mirror.frontier = Frontier()
    with pytest.raises(NotProven, match="does not give the root of its checkpoint"):
        Replica.restore(good.snapshot(key), key, **pins)
    good.mirror.frontier = Frontier()
    for number in range(good.state.size):
        good.mirror.frontier.append(leaf_hash(bytes([number])))
    with pytest.raises(NotProven, match="does not give the root of its checkpoint"):
        Replica.restore(good.snapshot(key), key, **pins)


def test_snapshot_of_another_genesis_is_refused(desk):
    world = desk.world
    key, pins = Secret(bytes(32), "test"), world.vault.pins
    replica = Replica.empty(log_key=pins.log_key, genesis=pins.genesis)
    replica.commit(replica.prepare(world.vault.log.checkpoint(), world.vault.log.entries))
    raw = replica.snapshot(key)
    with pytest.raises(MalformedInput, match="of another log"):
        Replica.restore(raw, key, log_key=pins.log_key, genesis=bytes(32))
    assert Replica.restore(raw, key, log_key=pins.log_key, genesis=pins.genesis).state.size == replica.state.size


def test_vault_goes_on_from_its_snapshot_and_replays_in_full_where_it_was_changed(desk, monkeypatch):
    world = desk.world
    path = world.vault.path / "snapshot"
    assert path.is_file(), "the desk's request was made under a lock"
    expected, good = world.state(), path.read_bytes()
    applied = []
    monkeypatch.setattr(
        State,
        "apply_all",
        lambda self, entries, plain=State.apply_all: applied.append(len(entries)) or plain(self, entries),
    )
    assert world.reopen().state() == expected
    assert applied.pop() < expected.size
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert world.reopen().state() == expected
    assert applied.pop() == expected.size
    assert rows_of(world.reopen().open(desk.note)) == ROWS


def test_changed_entry_before_the_vaults_snapshot_is_found_before_it_becomes_evidence(desk):
    world = desk.world
    bundles = [path for path in (world.vault.path / "log" / "tile" / "entries").rglob("*") if path.is_file()]
    bundle = max(
        bundles, key=lambda path: path.stat().st_size
    )  # the newest checkpoint's; older partial ones lie beside it
    raw = bundle.read_bytes()
    bundle.write_bytes(raw[:300] + bytes([raw[300] ^ 1]) + raw[301:])
    with pytest.raises(CofferError, match="its last entries are not those of its tree"):
        world.reopen().open(desk.note)
