"""What machines tell each other of the files that they sealed, and somebody who may put objects but not delete them."""

import shutil

import pytest

from coffer.cli.main import run
from coffer.errors import NotProven, Unavailable
from coffer.procedures.fsck import examine, expected_of
from coffer.procedures.ingest.run import run_ingest
from sequencer.test_several_machines import FIRST, SECOND, joined, objects, one, tmp_path  # noqa: F401 - fixtures
from world import feed


def ingest(world, text, name, *, as_new=False):
    path = world.path / name
    path.write_text(text)
    return run_ingest(
        world.reopen().vault,
        feed(),
        [str(path)],
        on_progress=lambda **_: None,
        on_rejects=lambda _name, _rejects: None,
        as_new=as_new,
    )


def memories(world):
    return {key: world.vault.objects.read(key) for key in world.vault.objects.keys("memory/")}


def faults(world):
    return {
        fault.key for fault in examine(world.vault.objects, expected_of(world.reopen().vault), is_deep=False).faults
    }


def test_memories_that_are_copied_over_each_other_have_no_file_sealed_twice(one):  # noqa: F811 - a fixture
    two = joined(one, "two")
    ingest(one, FIRST, "first.csv")
    ingest(one, SECOND, "second.csv")
    (a, first), (b, second) = memories(one).items()
    one.vault.objects.replace(a, second)
    one.vault.objects.replace(b, first)
    for text, name in ((FIRST, "first.csv"), (SECOND, "second.csv")):
        with pytest.raises(Unavailable, match="gone or damaged, so that nobody knows here which files batch"):
            ingest(two, text, name)
    assert faults(one) == {a, b}
    one.vault.objects.replace(a, first)
    one.vault.objects.replace(b, second)
    for text, name in ((FIRST, "first.csv"), (SECOND, "second.csv")):
        assert ingest(two, text, name).files[0].is_known
    assert faults(two) == set()


def test_memory_of_a_batch_opens_for_no_other_batch_and_not_as_the_file(one):  # noqa: F811 - a fixture
    batch = ingest(one, FIRST, "first.csv").batch
    key, (raw,) = one.vault.ingested.key(), memories(one).values()
    (line,) = key.unseal_batch(raw, batch, "memory")
    assert line.batch == batch
    for wrong in (lambda: key.unseal_batch(raw, type(batch)(bytes(16)), "memory"), lambda: key.unseal(raw, "ingested")):
        with pytest.raises(NotProven, match="was changed, or is another vault's"):
            wrong()
    with pytest.raises(NotProven, match="was changed"):
        key.unseal_batch(one.vault.ingested.path.read_bytes(), batch, "memory")


@pytest.mark.parametrize("junk", [b"junk", b"", None])
def test_a_memory_that_is_junk_or_gone_is_put_back_by_a_machine_that_knows_it(one, junk, capsys):  # noqa: F811
    two = joined(one, "two")
    ingest(one, FIRST, "first.csv")
    (key,) = memories(one)
    for again in (lambda: ingest(one, FIRST, "first.csv"), lambda: run(["tidy", str(one.vault.path)])):
        if junk is None:
            one.vault.objects.delete([key])
        else:
            one.vault.objects.replace(key, junk)
        with pytest.raises(Unavailable, match="nothing was logged") as told:
            ingest(two, FIRST, "first.csv")
        assert "coffer tidy on a machine that knows it" in told.value.hint
        assert run(["fsck", str(two.vault.path)]) == 3
        assert key in capsys.readouterr().out
        again()
        assert faults(one) == set()
    assert ingest(two, FIRST, "first.csv").files[0].is_known


def test_a_memory_that_nobody_has_is_given_up_by_a_persons_word_alone(one):  # noqa: F811 - a fixture
    two, three = joined(one, "two"), joined(one, "three")
    ingest(one, FIRST, "first.csv")
    (key,) = memories(one)
    one.vault.objects.replace(key, b"junk")
    with pytest.raises(Unavailable, match="nothing was logged"):
        ingest(two, SECOND, "second.csv")
    assert ingest(two, SECOND, "second.csv", as_new=True).files[0].kept == 6
    assert any(f"{key}: given up: a file of batch" in said for said in two.outside.told)
    assert ingest(two, SECOND, "second.csv").files[0].is_known
    assert ingest(three, SECOND, "second.csv").files[0].is_known
    assert faults(two) == set()
    ingest(one, FIRST, "first.csv")  # the first machine was only away
    assert ingest(three, FIRST, "first.csv").files[0].is_known


def test_a_copy_has_no_memories_and_lacks_none(one, capsys):  # noqa: F811 - a fixture
    ingest(one, FIRST, "first.csv")
    copy = one.path / "copy"
    assert run(["replicate", str(one.vault.path), str(copy)]) == 0
    assert not (copy / "memory").exists()
    assert "0 faults" in capsys.readouterr().out
    shutil.rmtree(copy)


@pytest.mark.parametrize("junk", [b"junk", b"", b"\x00\x01x" * 11, None])
def test_a_tile_that_is_overwritten_after_it_was_published_is_said_and_mended_by_who_has_it(one, junk):  # noqa: F811
    """The third is a bundle of other entries."""
    two = joined(one, "two")
    ingest(two, SECOND, "second.csv")
    ingest(one, FIRST, "first.csv")
    place, size = one.vault.objects, one.vault.log.size()
    keys = [f"log/tile/{level}/000.p/{size}" for level in ("entries", "0")]
    held = {key: place.read(key) for key in keys}
    for key in keys:
        if junk is None:
            place.delete([key])
        else:
            place.replace(key, junk)
    with pytest.raises((Unavailable, NotProven), match="log") as told:
        ingest(two, FIRST, "first.csv")
    assert junk is None or "coffer tidy on a machine that has these entries" in told.value.hint
    assert set(keys) == faults(one)
    assert run(["tidy", str(one.vault.path)]) == 0
    assert {key: place.read(key) for key in keys} == held
    assert ingest(two, FIRST, "first.csv").files[0].is_known


@pytest.mark.parametrize("junk", [b"junk", b""])
def test_junk_for_the_published_checkpoint_is_replaced_and_said_and_stops_no_machine(one, junk, capsys):  # noqa: F811
    two = joined(one, "two")
    ingest(one, FIRST, "first.csv")
    one.vault.objects.replace("log/checkpoint", junk)
    assert run(["fsck", str(one.vault.path)]) == 3
    assert "log/checkpoint: not the one in the log" in capsys.readouterr().out
    assert ingest(two, SECOND, "second.csv").files[0].kept == 6
    assert any("log/checkpoint: other bytes were there" in said for said in two.outside.told)
    assert one.vault.objects.read("log/checkpoint") == two.vault.log.checkpoint()
    assert faults(one) == set()


def test_an_older_row_goes_over_no_shared_log_whose_checkpoint_was_emptied(one, tmp_path):  # noqa: F811
    """The twin: the newest row mends it."""
    row = tmp_path / "checkpoints.sqlite3"
    ingest(one, FIRST, "first.csv")
    shutil.copy(row, tmp_path / "older")
    ingest(one, SECOND, "second.csv")
    shutil.copy(row, tmp_path / "newest")
    one.vault.objects.replace("log/checkpoint", b"")
    shutil.copy(tmp_path / "older", row)
    new = joined(one, "new")
    with pytest.raises(NotProven, match="the shared log holds 12 entries, the vault 11: nothing was copied over it"):
        ingest(new, "+33612345678,+33698765432,2016-09-02 11:00:00,5\n", "third.csv")
    assert one.vault.objects.read("log/checkpoint") == b""
    shutil.copy(tmp_path / "newest", row)
    assert ingest(new, SECOND, "second.csv").files[0].is_known
