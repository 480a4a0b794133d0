"""A changed disk: what is opened is proven against the log, and the independent auditor finds what nobody opened."""

import datetime as dt
import os

import pytest
from forging import RECORDS, ROWS, ingester_key, log_entries, rows_of

from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import BatchId, CoarseCounts, IngestEntry
from coffer_audit.cli import main as audit

ALL = ("judge", "dpo", "regulator")
NO_COUNTS = CoarseCounts(files=0, read=0, kept=0, rejected=0, duplicate=0)


@pytest.fixture
def world(world):
    world.ingest(RECORDS)
    return world


def file_of(world, day, suffix):
    return next((world.vault.path / "segments" / day).glob(f"*{suffix}"))


def flip(path, at):
    raw = path.read_bytes()
    at %= len(raw)
    path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


def test_twin_the_files_as_they_are_open_and_pass_the_audit(world, capsys):
    assert rows_of(world.open(world.authorize(by=ALL))) == ROWS
    assert audit(["vault", str(world.vault.path)]) == 0
    assert "violation" not in capsys.readouterr().out.lower().replace("0 violations", "").replace("violations: 0", "")


def assert_noticed(world, suffix, offsets, said, codes, families=(NotProven,)):
    note, path = world.authorize(by=ALL), file_of(world, "2016-09-01", suffix)
    for at in offsets:
        flip(path, at)
        with pytest.raises(families, match=said):
            world.open(note)
        assert audit(["vault", str(world.vault.path)]) in codes, at
        flip(path, at)
    assert rows_of(world.open(note)) == ROWS


def read_batches(world):
    """The batches of the segment of 2016-09-01 that an opening reads, and their size in bytes."""
    seg_id = file_of(world, "2016-09-01", ".rows").stem
    batches = world.open(world.authorize(by=ALL)).evidence.segments[seg_id].batches
    return sorted(batches), len(next(iter(batches.values())))


def test_flipped_byte_in_the_rows_is_noticed_when_opened_and_by_the_auditor(world):
    batches, size = read_batches(world)
    offsets = [size * batch + at for batch in batches for at in (0, 7, 8, 23, 31, size // 2, size - 1)]
    assert_noticed(
        world, ".rows", offsets, f"batch ({'|'.join(map(str, batches))}) is not the one in its manifest", {3}
    )


def test_flipped_byte_in_rows_that_nobody_opens_is_found_by_the_auditor(world):
    batches, size = read_batches(world)
    unread = next(batch for batch in range(8) if batch not in batches)
    flip(file_of(world, "2016-09-01", ".rows"), size * unread + size // 2)
    assert rows_of(world.open(world.authorize(by=ALL))) == ROWS
    assert audit(["vault", str(world.vault.path)]) == 3


def test_flipped_byte_in_the_manifest_is_noticed_when_opened_and_by_the_auditor(world):
    assert_noticed(world, ".manifest", [0, 7, 8, 39], "the manifest is not the one in its header", {3})
    assert_noticed(world, ".manifest", [40, 47, 48, -1], "page 0 of the manifest is not the one in its directory", {3})


HEADER_FIELDS = {
    "day": 11,
    "part": 19,
    "roster": 50,
    "origin": 85,
    "nonce": 130,
    "commitment": 165,
    "bundle": 300,
    "manifest hash": -190,
    "supersedes": -120,
    "epoch hash": -1,
}


def test_flipped_byte_in_the_header_is_noticed_when_opened_and_by_the_auditor(world):
    assert_noticed(world, ".header", HEADER_FIELDS.values(), "its header is not the one in the log", {2, 3})


def test_flipped_byte_in_the_headers_structure_is_noticed_when_opened_and_by_the_auditor(world):
    structure = [0, 12, 14, 15, 20, 24, 47, 112, 161]
    assert_noticed(world, ".header", structure, "header", {2, 3}, (NotProven, MalformedInput))


@pytest.mark.parametrize("suffixes", [[".rows"], [".rows", ".manifest"], [".rows", ".manifest", ".header"]])
def test_files_of_another_segment_in_a_segments_place_are_noticed(world, suffixes):
    for suffix in suffixes:
        first, second = file_of(world, "2016-09-01", suffix), file_of(world, "2016-09-02", suffix)
        raw = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(raw)
    with pytest.raises(
        NotProven, match=r"segment [0-9a-f]{16}.*: (batch [0-7]|the manifest|its header) is not the one in"
    ):
        world.open(world.authorize(by=ALL))
    assert audit(["vault", str(world.vault.path)]) == 3


def test_rows_cut_off_are_noticed(world):
    batches, size = read_batches(world)
    path = file_of(world, "2016-09-01", ".rows")
    path.write_bytes(path.read_bytes()[: size * (batches[-1] + 1) - 1])
    with pytest.raises(Unavailable, match="expected"):
        world.open(world.authorize(by=ALL))
    assert audit(["vault", str(world.vault.path)]) in {3, 5}


@pytest.mark.parametrize("suffix", [".rows", ".manifest", ".header"])
def test_missing_file_of_a_segment_is_noticed(world, suffix):
    file_of(world, "2016-09-01", suffix).unlink()
    with pytest.raises(Unavailable, match="No such file"):
        world.open(world.authorize(by=ALL))
    assert audit(["vault", str(world.vault.path)]) in {3, 5}


@pytest.mark.parametrize("at", [2, 100, 2000, -2])
def test_flipped_byte_in_the_log_is_found_by_the_auditor(world, at):
    tiles = world.vault.path / "log" / "tile" / "entries"
    flip(next(path for path in tiles.rglob("*") if path.is_file()), at)
    assert audit(["vault", str(world.vault.path)]) in {2, 3}
    with pytest.raises((NotProven, MalformedInput), match="its entries do not give the root"):
        world.state()


def test_changed_tally_is_found_by_the_auditor(world):
    path = next((world.vault.path / "tally").glob("*.hours.parquet"))
    flip(path, 100)
    assert audit(["vault", str(world.vault.path)]) == 3


def test_files_of_a_batch_that_was_never_logged_are_put_aside_and_never_opened(world):
    known = file_of(world, "2016-09-01", ".rows")
    stray = known.with_name("00" * 32 + ".rows")
    temporary = known.with_name(known.name + ".tmp-0011223344556677")
    for path in (stray, temporary):
        path.write_bytes(os.urandom(1024))
    assert rows_of(world.open(world.authorize(by=ALL))) == ROWS
    assert not stray.exists()
    assert not temporary.exists()
    assert known.exists()


def test_one_entry_by_a_thief_of_the_ingest_key_does_not_stop_every_opening(world):
    line = next(iter(world.state().segments.values())).line
    far = type(line)(
        seg_id=type(line.seg_id)(bytes(32)),
        header_hash=bytes(32),
        day=dt.date(9999, 12, 31),
        kind="call",
        rule="base",
        part=0,
        rows=1024,
        supersedes=None,
    )
    body = IngestEntry(
        batch=BatchId(bytes(16)), number=1, total=1, feed="calls", counts=NO_COUNTS, segments=(far,), tally=None
    )
    log_entries(world, body, key=ingester_key(world))
    assert rows_of(world.open(world.authorize(by=ALL))) == ROWS


def test_vault_that_another_command_holds_is_not_written_to(world):
    note = world.authorize(by=ALL)
    other = world.reopen(wait_s=0.05)
    with Disk().locked(world.vault.path / "lock"), pytest.raises(Unavailable, match="another command is writing"):
        other.open(note)
    assert rows_of(world.open(note)) == ROWS


def test_note_with_a_record_never_touches_the_disk_of_the_vault(world):
    world.write_answer(world.open(world.authorize(by=ALL)))
    for path in world.vault.path.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert b"33612345678" not in raw, path.name
            assert b"33698765432" not in raw, path.name
