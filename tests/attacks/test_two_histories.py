"""The log's operator shows different histories, old ones or damaged ones: custodians freeze or refuse, and nobody acts on what is not proven."""

import datetime as dt
import threading

import pytest
from forging import RECORDS, ROWS, Desk, SecondHistory, log_entries, rows_of

from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.errors import NotProven
from coffer.ledger.entries import RevokeEntry
from coffer.ledger.grammar import parse_entry
from coffer.notes.note import sign_note
from coffer.wire import lp

ALL = ("judge", "dpo", "regulator")


@pytest.fixture
def desk(world):
    world.ingest(RECORDS)
    return Desk(world, world.authorize(by=ALL))


def junk_entry(world, number):
    key = world.custodian("dpo").keys.auth
    return log_entries(world, RevokeEntry(authorization=bytes([number]) * 32), key=key)


def outcome(world, name="judge"):
    return (world.vault.path / "custodians" / name / "audit.log").read_text().splitlines()[-1]


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("longer", [0, 2])
def test_step_02_forked_log_freezes_the_custodian_with_both_checkpoints(desk, longer, is_restarted):
    world, intent = desk.world, desk.intent()
    second = SecondHistory(world)
    junk_entry(world, 1)
    service = world.custodian("judge")
    first_checkpoint = world.vault.log.checkpoint()
    assert desk.ask(desk.labels(intent), service=service).startswith(b"COFRSP01")

    second.show()
    for number in range(longer + 1):
        junk_entry(world, 100 + number)
    forked = desk.labels(intent)
    seen = world.custodian("judge") if is_restarted else service
    assert desk.ask(forked, service=seen) == CONSTANT_REFUSAL
    assert outcome(world).endswith("step 2 Forked") or outcome(world).endswith("step 1 Forked")
    folder = world.vault.path / "custodians" / "judge"
    assert (folder / "frozen").read_bytes() == lp(first_checkpoint) + lp(
        forked.checkpoint if not is_restarted else world.vault.log.checkpoint()
    )

    second.show()  # the first history again, which was never wrong: still no answer, also after a restart
    for again in (seen, service, world.custodian("judge")):
        assert desk.ask(desk.labels(intent), service=again) == CONSTANT_REFUSAL
    with pytest.raises(NotProven, match="frozen since it saw two histories"):
        world.custodian("judge").countersign(desk.note, "request")
    assert desk.ask(desk.labels(intent), "dpo").startswith(b"COFRSP01")


def test_step_02_twin_longer_history_that_extends_is_accepted(desk):
    world, intent = desk.world, desk.intent()
    service = world.custodian("judge")
    assert desk.ask(desk.labels(intent), service=service).startswith(b"COFRSP01")
    junk_entry(world, 1)
    assert desk.ask(desk.labels(intent), service=service).startswith(b"COFRSP01")
    assert service._folder.memory.remembered() == world.vault.log.checkpoint()


@pytest.mark.parametrize("is_restarted", [False, True])
def test_step_02_stale_checkpoint_is_refused_and_does_not_freeze(desk, is_restarted):
    world, intent = desk.world, desk.intent()
    old = SecondHistory(world)
    stale = desk.labels(intent)
    junk_entry(world, 1)
    service = world.custodian("judge")
    assert desk.ask(desk.labels(intent), service=service).startswith(b"COFRSP01")
    old.show()
    seen = world.custodian("judge") if is_restarted else service
    assert desk.ask(stale, service=seen) == CONSTANT_REFUSAL
    assert outcome(world).endswith("Stale")
    assert not seen._folder.memory.is_frozen()
    old.show()
    assert desk.ask(desk.labels(intent), service=seen).startswith(b"COFRSP01")


def test_step_02_hidden_revocation_is_a_stale_checkpoint(desk):
    world, intent = desk.world, desk.intent()
    before = desk.labels(intent)
    service = world.custodian("judge")
    log_entries(
        world,
        RevokeEntry(authorization=desk.authorization.commitment),
        key=world.custodian("dpo").keys.auth,
    )
    service.sync()
    assert desk.ask(before, service=service) == CONSTANT_REFUSAL
    assert outcome(world).endswith("step 2 Stale")


def bundle_of(world):
    """The bundle of the newest checkpoint; older partial ones lie beside it."""
    bundles = [path for path in (world.vault.path / "log" / "tile" / "entries").rglob("*") if path.is_file()]
    return max(bundles, key=lambda path: path.stat().st_size)


def rewritten(entries, how):
    match how:
        case "removed":
            return entries[:-2] + entries[-1:]
        case "reordered":
            return [*entries[:-2], entries[-1], entries[-2]]
        case "changed":
            return [*entries[:-1], entries[-1].replace(b"time: 2016", b"time: 2015")]
        case "added":
            return [*entries, entries[-1]]
        case _:
            return entries


@pytest.mark.parametrize("how", ["removed", "reordered", "changed", "added"])
def test_entry_removed_reordered_changed_or_added_without_the_logs_key_is_noticed_by_everyone(desk, how):
    world = desk.world
    state = world.state()
    entries = list(world.vault.log.entries(0, state.size))
    entries = rewritten(entries, how)
    bundle_of(world).write_bytes(b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries))
    with pytest.raises(Exception, match=r"do not give the root|bytes too many|ends at byte") as noticed:
        world.state()
    assert type(noticed.value).__name__ in {"NotProven", "MalformedInput"}


@pytest.mark.parametrize("how", ["removed", "reordered"])
def test_entry_removed_or_reordered_with_the_logs_key_freezes_the_custodians(desk, how):
    world, intent = desk.world, desk.intent()
    junk_entry(world, 7)
    service = world.custodian("judge")
    assert desk.ask(desk.labels(intent), service=service).startswith(b"COFRSP01")
    entries = rewritten(list(world.vault.log.entries(0, world.state().size)), how)
    forged = SecondHistory(world)
    for path in sorted(forged.copy.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    forged.show()
    world.vault.log.append(entries, world.vault.operator_key(world.vault.pins.origin))
    while world.state().size < len(entries) + 2:
        world.vault.log.append([entries[-1]], world.vault.operator_key(world.vault.pins.origin))
    assert desk.ask(desk.labels(intent), service=service) == CONSTANT_REFUSAL
    assert service._folder.memory.is_frozen()


def test_twin_the_same_entries_logged_afresh_are_the_same_history(desk):
    world, intent = desk.world, desk.intent()
    service = world.custodian("judge")
    assert desk.ask(desk.labels(intent), service=service).startswith(b"COFRSP01")
    entries = list(world.vault.log.entries(0, world.state().size))
    forged = SecondHistory(world)
    for path in sorted(forged.copy.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    forged.show()
    world.vault.log.append(entries, world.vault.operator_key(world.vault.pins.origin))
    junk_entry(world, 1)
    assert desk.ask(desk.labels(intent), service=service).startswith(b"COFRSP01")


def test_damaged_tile_at_a_start_is_no_fork_and_freezes_nobody_for_ever(desk):
    world, intent = desk.world, desk.intent()
    request, path = desk.labels(intent), bundle_of(world)
    sealed, service, good = desk.sealed(request), world.custodian("judge"), path.read_bytes()
    path.write_bytes(good[:300] + bytes([good[300] ^ 1]) + good[301:])
    assert service.answer(sealed) == CONSTANT_REFUSAL
    assert not service._folder.memory.is_frozen()
    path.write_bytes(good)
    assert desk.ask(request, service=world.custodian("judge")).startswith(b"COFRSP01")


def test_missing_tile_is_unavailable_and_freezes_nobody(desk):
    world, intent = desk.world, desk.intent()
    request, path = desk.labels(intent), bundle_of(world)
    sealed, service = desk.sealed(request), world.custodian("judge")
    good = path.read_bytes()
    path.unlink()
    with pytest.raises(Exception, match="missing") as error:
        service.answer(sealed)
    assert type(error.value).__name__ == "Unavailable"
    path.write_bytes(good)
    assert service.answer(sealed) != CONSTANT_REFUSAL


def test_other_vault_toml_with_another_genesis_shows_nothing(desk):
    path = desk.world.vault.path / "vault.toml"
    good = path.read_bytes()
    path.write_bytes(good.replace(desk.world.vault.pins.genesis.hex().encode(), b"00" * 32))
    with pytest.raises(NotProven, match="entry 0 is not the pinned genesis roster"):
        desk.world.reopen().state()
    path.write_bytes(good)
    assert rows_of(desk.world.reopen().open(desk.note)) == ROWS


def test_two_requests_at_once_count_every_entry_once(desk):
    world = desk.world
    service = world.custodian("judge")
    service.sync()
    intent = desk.intent()
    sealed = desk.sealed(desk.labels(intent))
    both = threading.Barrier(2)

    class Slow:
        def checkpoint(self):
            return world.vault.log.checkpoint()

        def entries(self, start, end):
            found = world.vault.log.entries(start, end)
            try:
                both.wait(timeout=0.3)
            except threading.BrokenBarrierError:
                return found  # the custodian lets one in at a time, as it should
            return found

    service._following._log = Slow()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(service.answer(sealed))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 2
    assert CONSTANT_REFUSAL not in answers
    assert service._following._replica.state.size == world.state().size
    assert service._following._replica.mirror.frontier.size == world.state().size


@pytest.mark.parametrize(
    ("behind", "is_valid"), [(dt.timedelta(minutes=15, seconds=1), False), (dt.timedelta(minutes=15), True)]
)
def test_back_dated_entry_has_no_effect(desk, behind, is_valid):
    world = desk.world
    key = world.custodian("dpo").keys.auth
    log_entries(world, RevokeEntry(authorization=bytes(32)), key=key, time=world.state().newest - behind)
    assert (bytes(32) in world.state().revoked) is is_valid


def test_entry_of_another_origin_has_no_effect(desk):
    world, key = desk.world, desk.world.custodian("dpo").keys.auth
    entries = world.vault.log.entries(0, world.state().size)
    text = f"coffer.revoke/v1\norigin: test.example/other\ntime: 2016-09-05T12:00:00Z\nauthorization: {'00' * 32}\n"
    assert parse_entry(entries[-1], "entry").origin == "test.example/vault"
    for origin, is_valid in (("test.example/other", False), ("test.example/vault", True)):
        note = sign_note(text.replace("test.example/other", origin).encode(), key)
        with world.vault.writing():
            world.vault.log.append([note.raw], world.vault.operator_key(world.vault.pins.origin))
        assert (bytes(32) in world.state().revoked) is is_valid
