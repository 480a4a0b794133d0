"""Guesses about single records, by whoever reads the public log or holds the vault's folder with the operator's keys in the clear."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import shutil
from dataclasses import replace

import pytest

from coffer.disk import Disk
from coffer.errors import MalformedInput, Refused
from coffer.ledger.entries import COARSE, IngestEntry
from coffer.ledger.grammar import parse_entry
from coffer.notes.keys import Secret
from coffer.procedures.reports.totals import make_report
from coffer.procedures.supersede import supersede
from coffer.vault.folder import open_vault
from coffer.vault.memory import LEAST_KIB, PRINT_BITS, Cost, MemoryKey
from coffer.vault.outside import Costs
from coffer.vault.stored import tally_keys
from world import Someone

RECORD = "+33612345678,+33698765432,2016-09-01 22:13:47,431\n"


def batch_entries(world):
    entries = (parse_entry(raw, "entry") for raw in world.vault.log.entries(0, world.state().size))
    return [entry.body for entry in entries if isinstance(entry.body, IngestEntry)]


def stolen_key(world):
    """What a thief of the folder finds in it, without any passphrase."""
    keys = json.loads((world.vault.path / "operator" / "keys").read_text())["plain"]
    return base64.b64decode(keys["file"])


@pytest.mark.parametrize(("records", "shown"), [(1, 0), (COARSE - 1, 0), (COARSE, COARSE), (COARSE + 1, COARSE)])
def test_public_counts_of_a_batch_do_not_tell_of_one_record(world, records, shown):
    """The same entry for 1 and for 1,023 records; its twin is that it does tell of 1,024."""
    text = "".join(f"+3361234{n:04d},+33698765432,2016-09-01 10:00:00,1\n" for n in range(records))
    world.ingest(text + "no number\n")
    (body,) = batch_entries(world)
    counts = body.counts
    read = (records + 1) // COARSE * COARSE
    assert (counts.files, counts.read, counts.kept, counts.rejected, counts.duplicate) == (0, read, shown, 0, 0)


def test_number_of_files_does_not_tell_the_number_of_calls_where_each_has_a_file(world):
    for n in range(3):
        (world.path / f"{n}.csv").write_text(f"+3361234000{n},+33698765432,2016-09-01 10:00:00,1\n")
    world.ingest_files([world.path / f"{n}.csv" for n in range(3)])
    assert batch_entries(world)[0].counts.files == 0


def test_file_id_that_a_thief_of_the_folder_recomputes_is_nowhere(world):
    """The old file id: HMAC(file key, H(content)). Neither it nor the hash of the content is in any byte of the folder."""
    world.ingest(RECORD)
    inner = hashlib.sha256(RECORD.encode()).digest()
    old = hmac.digest(stolen_key(world), inner, "sha256")[:16]
    held = b"".join(path.read_bytes() for path in sorted(world.vault.path.rglob("*")) if path.is_file())
    for needle in (old, old.hex().encode(), inner, inner.hex().encode(), b"file: "):
        assert needle not in held
    assert world.ingest(RECORD, name="again.csv").entries == (), "and yet the file is known"


def test_guess_at_a_whole_file_costs_a_slow_hash_and_says_little(world):
    """A thief with the operator's file key unseals the memory: what it has of the content is 20 bits, at 64 MiB a guess, under a salt of its own."""
    world.outside.costs = Costs()
    world.ingest(RECORD, name="a.csv")
    world.ingest("+33612345678,+33611111111,2016-09-01 10:00:00,1\n", name="b.csv")
    key = MemoryKey(Secret(stolen_key(world), "file"), world.vault.pins.origin)
    lines = key.unseal(world.vault.ingested.path.read_bytes(), "ingested")
    assert [line.memory_kib for line in lines] == [65_536] * 2
    assert {line.print < 2**PRINT_BITS for line in lines} == {True}
    assert len({line.salt for line in lines}) == 2
    digest = hashlib.sha256(RECORD.encode()).digest()
    assert key.print(digest, lines[0].salt, 65_536) == lines[0].print, (
        "the right guess fits, as one in a million wrong ones does"
    )
    assert [Cost.of(n).memory_kib for n in (1, 16, 17, 256, 257)] == [65_536, 65_536, 8_192, 8_192, LEAST_KIB]


def test_wrong_guesses_fit_too(world):
    """With 8 bits of the 20 looked at, as many of 4,000 wrong guesses fit as chance gives: none stands out."""
    key, salt = world.vault.ingested.key(), bytes(16)
    right = key.print(hashlib.sha256(RECORD.encode()).digest(), salt, LEAST_KIB)
    guesses = (RECORD.replace("431", str(n)) for n in range(1000, 3000))
    fits = sum(key.print(hashlib.sha256(g.encode()).digest(), salt, LEAST_KIB) >> 12 == right >> 12 for g in guesses)
    assert 0 < fits < 30, "2,000 / 256 is 8"


def test_memory_of_an_operator_with_a_passphrase_is_of_no_use_without_it(tmp_path):
    from coffer.procedures.roster.found import RosterTerms, found_vault

    vault = found_vault(
        tmp_path / "vault",
        Disk(),
        origin="test.example/vault",
        custodians=("judge", "dpo", "regulator"),
        terms=RosterTerms(
            rules=(("base", "2 of judge,dpo,regulator"),), retention_days=365, late_days=30, tally="exact"
        ),
        passphrase=lambda _name: Secret(b"x", "passphrase"),
        operator_passphrase=Secret(b"operator", "passphrase"),
        outside=Someone(),
    )
    assert vault.ingested.key()
    with pytest.raises(Refused, match="operator's keys: sealed"):
        open_vault(vault.path, Disk(), Someone()).ingested.key()


def test_noise_released_twice_for_the_same_records_is_not_kept_to_be_averaged(world):
    """A batch that is superseded and ingested again: the folder has one release of its records, and the report adds one."""
    first = world.ingest(RECORD).batch
    old = [world.vault.objects.read(key) for key in tally_keys(first)]
    supersede(world.vault, first)
    world.ingest(RECORD)
    held = [path.read_bytes() for path in (world.vault.path / "tally").iterdir()]
    assert len(held) == 2
    assert len(old) == 2
    days = {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 1)}
    assert make_report(world.vault, world.state(), **days, by=["day"], country=None).total == 1


@pytest.mark.parametrize("is_superseded", [True, False])
def test_noise_that_was_put_aside_is_removed_with_its_batch(world, is_superseded):
    """An old log lies there for a while, so that tables are put aside; the twin's batch is not superseded, and its tables come back."""
    log, old, new = world.vault.path / "log", world.path / "old", world.path / "new"
    shutil.copytree(log, old)
    batch = world.ingest(RECORD).batch
    shutil.copytree(log, new)
    for source in (old, new):
        shutil.rmtree(log)
        shutil.copytree(source, log)
        world = world.reopen()
        if source == old:
            with world.vault.writing():
                assert not list((world.vault.path / "tally").iterdir())
    if is_superseded:
        supersede(world.vault, batch)
    with world.vault.writing():
        pass
    held = {path for path in world.vault.path.rglob("*.parquet") if path.name.startswith(batch.hex())}
    assert held == (set() if is_superseded else {world.vault.path / key for key in tally_keys(batch)})


@pytest.mark.parametrize("change", [{}, {"salt": b""}, {"start": -1}, {"end": 0}, {"memory_kib": 0}], ids=str)
def test_memory_that_a_thief_of_the_key_wrote_is_refused_in_words(world, change):
    """Whoever has the operator's key can seal a memory. The twin changes nothing."""
    world.ingest(RECORD)
    key, place = world.vault.ingested.key(), world.vault.ingested.path
    lines = [replace(line, **change) for line in key.unseal(place.read_bytes(), "ingested")]
    place.write_bytes(key.seal(lines, bytes))
    if not change:
        assert world.ingest(RECORD).batch is None
        return
    with pytest.raises(MalformedInput, match="not of this version") as refused:
        world.ingest(RECORD)
    assert refused.value.hint.startswith("remove ingested")
