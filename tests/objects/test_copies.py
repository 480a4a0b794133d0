"""A copy of a log is continued and never replaced: by an older log, by another history, or by what is damaged."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer.disk import Disk
from coffer.errors import NotProven, Unavailable
from coffer.objects.address import StoreAddress
from coffer.procedures.backup import back_up
from coffer.vault.folder import open_vault
from world import World

LINES = "".join(f"+33612345678,+33698765432,2016-09-0{day} 10:00:00,60\n" for day in (1, 2))


def more(number):
    return LINES.replace(",60", f",{number}")


def made(path, **options):
    world = World.make(path, **options)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(LINES)
    return world


def put_back(world, folder):
    """The vault as it is now, for another day."""
    shutil.copytree(world.vault.path, folder)
    return World(path=folder, vault=open_vault(folder, Disk(), replace(world.outside, told=[])), outside=world.outside)


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A vault with a store in memory."""
    monkeypatch.setattr("coffer.objects.address.SCHEMES", ("s3", "memory"))
    return made(tmp_path / "vault", objects=StoreAddress(scheme="memory", root=f"bucket-{os.urandom(6).hex()}/vault"))


@pytest.mark.parametrize("later", [1, 2, 3])
def test_a_fork_of_any_length_replaces_no_copy_and_the_true_log_goes_on(tmp_path, capsys, later):
    world, copy, own = made(tmp_path / "true"), str(tmp_path / "copy"), str(tmp_path / "own")
    forked = put_back(world, tmp_path / "fork")
    for number in (1, 2):
        world.ingest(more(number), name=f"{number}.csv")
    assert run(["replicate", str(world.vault.path), copy]) == 0
    held = files_below(copy)
    for number in range(later):
        forked.ingest(more(number + 5), name=f"{number}.csv")
    pins = str(world.vault.path / "vault.toml")
    assert run(["replicate", str(forked.vault.path), own]) == 0
    capsys.readouterr()
    for source in ([str(forked.vault.path), copy], [own, copy, "--pins", pins]):
        assert run(["replicate", *source]) == 3
        said = capsys.readouterr().err
        assert ("another history of 13 entries" in said) == (later >= 2)
        assert "nothing was copied over it" in said
    assert files_below(copy) == held
    world.ingest(more(3), name="3.csv")
    assert run(["replicate", str(world.vault.path), copy]) == 0


def test_a_backup_is_not_replaced_by_another_history(tmp_path):
    world = made(tmp_path / "true")
    forked = put_back(world, tmp_path / "fork")
    world.ingest(more(1), name="b.csv")
    back_up(world.vault, tmp_path / "backup")
    for number in (2, 3):
        forked.ingest(more(number), name=f"{number}.csv")
    with pytest.raises(NotProven, match="the backup holds another history of 12 entries"):
        back_up(forked.vault, tmp_path / "backup")
    world.ingest(more(4), name="c.csv")
    assert back_up(world.vault, tmp_path / "backup").replicated.examined.faults == ()


@pytest.mark.parametrize("emptied", [None, b"", b"junk"])
def test_a_restored_vault_that_the_store_knows_to_be_older_logs_and_deletes_nothing(stored, tmp_path, capsys, emptied):
    """A backup has no memory of what was copied: what the store has is asked, if need be its bundles."""
    first = next(iter(stored.state().batches))
    restored = put_back(stored, tmp_path / "restored")
    (restored.vault.path / "copied").unlink()
    stored.ingest(more(1), name="b.csv")
    if emptied is not None:
        stored.vault.objects.replace("log/checkpoint", emptied)
    held = everything(stored)
    with pytest.raises(Unavailable, match=r"store holds 12 entries, the vault 11: .*nothing logged or deleted") as told:
        restored.ingest(more(2), name="c.csv")
    assert "longest" in told.value.hint
    with pytest.raises(Unavailable, match="12 entries, the vault 11"):
        restored.vault.stored.verify_newest()
    capsys.readouterr()
    for words in (["supersede", first.hex(), "--yes"], ["tidy"]):
        assert run([words[0], str(restored.vault.path), *words[1:]]) != 0
        assert "12 entries, the vault 11" in capsys.readouterr().err
    assert everything(stored) == held
    assert restored.vault.log.size() == 11
    shutil.rmtree(restored.vault.path / "log")
    shutil.copytree(stored.vault.path / "log", restored.vault.path / "log")
    restored.ingest(more(2), name="c.csv")
    assert run(["fsck", str(restored.vault.path), "--deep"]) == 0


@pytest.mark.parametrize("emptied", [None, b"", b"junk"])
def test_a_fork_logs_nothing_more_once_the_store_has_the_true_log(stored, tmp_path, emptied):
    forked = put_back(stored, tmp_path / "fork")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coffer.vault.stored.Stored._verify_continued", lambda *_: None)  # as of a store that was down
        patch.setattr("coffer.vault.folder.Vault.copy_log", lambda _: None)
        for number in (2, 3):
            forked.ingest(more(number), name=f"{number}.csv")
    stored.ingest(more(1), name="b.csv")
    if emptied is not None:
        stored.vault.objects.replace("log/checkpoint", emptied)
    held = everything(stored)
    with pytest.raises(Unavailable, match=r"holds (another history of 12 entries|other entries) than the vault"):
        forked.ingest(more(4), name="4.csv")
    assert everything(stored) == held
    stored.ingest(more(9), name="d.csv")
    assert stored.vault.objects.read("log/checkpoint") == stored.vault.log.checkpoint()


@pytest.mark.parametrize("emptied", [b"", b"junk"])
def test_a_copy_whose_checkpoint_is_emptied_is_not_rolled_back_and_its_true_log_mends_it(tmp_path, capsys, emptied):
    world = made(tmp_path / "true")
    older, forked = put_back(world, tmp_path / "older"), put_back(world, tmp_path / "fork")
    world.ingest(more(1), name="b.csv")
    forked.ingest(more(2), name="c.csv")
    copy, backup = tmp_path / "copy", tmp_path / "backup"
    assert run(["replicate", str(world.vault.path), str(copy)]) == 0
    back_up(world.vault, backup)
    for place in (copy, backup):
        (place / "log/checkpoint").write_bytes(emptied)
        held = files_below(place)
        capsys.readouterr()
        for source in (older, forked):
            words = ["replicate" if place == copy else "backup", str(source.vault.path), str(place)]
            assert run(words) == 3
            said = capsys.readouterr().err
            assert ("holds 12 entries, the vault 11" if source is older else "holds other entries") in said
        assert files_below(place).items() >= held.items()
        assert (place / "log/checkpoint").read_bytes() == emptied
        assert run([words[0], str(world.vault.path), str(place)]) == 0
        assert (place / "log/checkpoint").read_bytes() == world.vault.log.checkpoint()


def test_junk_under_the_next_tile_and_for_a_checkpoint_is_replaced_and_said(stored, capsys):
    objects = stored.vault.objects
    for junk in (b"", b"junk"):
        size = stored.vault.log.size()
        objects.replace("log/checkpoint", junk)
        objects.replace(f"log/tile/entries/000.p/{size + 1}", junk)
        capsys.readouterr()
        assert run(["fsck", str(stored.vault.path)]) == 3
        assert "log/checkpoint" in capsys.readouterr().out
        stored.ingest(more(size), name=f"{size}.csv")
        assert objects.read("log/checkpoint") == stored.vault.log.checkpoint()
        for key in ("log/checkpoint", f"log/tile/entries/000.p/{size + 1}"):
            assert f"{key}: other bytes were there, which no log has: replaced" in told(stored)
    assert run(["fsck", str(stored.vault.path)]) == 0


def test_tidy_mends_the_stores_log_and_an_older_vaults_does_not(stored, tmp_path):
    restored = put_back(stored, tmp_path / "restored")
    stored.ingest(more(1), name="b.csv")
    objects, good = stored.vault.objects, everything(stored)
    keys = [f"log/tile/{level}/000.p/12" for level in ("entries", "0")]
    for key in keys:
        objects.replace(key, b"junk")
    assert run(["tidy", str(restored.vault.path)]) == 5
    assert objects.read(keys[0]) == b"junk"
    assert run(["fsck", str(stored.vault.path)]) == 3
    assert run(["tidy", str(stored.vault.path)]) == 0
    assert everything(stored) == good
    assert run(["fsck", str(stored.vault.path)]) == 0


@pytest.mark.parametrize("way", ["checkpoint", "log"])
def test_a_forged_bundle_beside_a_damaged_checkpoint_stops_until_a_person_follows_the_hint(stored, way):
    """GAP: from the store alone that is no other than a longer log that lost its checkpoint."""
    objects = stored.vault.objects
    objects.replace("log/checkpoint", b"junk")
    objects.replace("log/tile/entries/000.p/12", b"\x00\x01x" * 12)
    with pytest.raises(Unavailable, match="holds 12 entries, the vault 11") as told:
        stored.ingest(more(1), name="b.csv")
    assert "put the newest one that anyone has in its place" in told.value.hint
    assert "remove log/ there instead" in told.value.hint
    if way == "checkpoint":
        objects.replace("log/checkpoint", stored.vault.log.checkpoint())
    else:
        objects.delete(list(objects.keys("log/")))
    stored.ingest(more(1), name="b.csv")
    assert run(["fsck", str(stored.vault.path)]) == 0


def test_what_is_damaged_in_the_source_is_not_kept_and_what_is_damaged_in_the_copy_is_mended(tmp_path, capsys):
    world, copy = made(tmp_path / "vault"), tmp_path / "copy"
    objects = world.vault.objects
    keys = sorted(objects.keys("segments/"))
    rows, header = (next(key for key in keys if key.endswith(end)) for end in (".rows", ".header"))
    tally = next(iter(objects.keys("tally/")))
    good = {key: objects.read(key) for key in (rows, tally)}
    objects.replace(rows, good[rows][:100])
    objects.replace(tally, b"")
    capsys.readouterr()
    assert run(["replicate", str(world.vault.path), str(copy), "--json"]) == 3
    done = json.loads(capsys.readouterr().out)
    assert (done["copied"], rows in done["unproven"], tally in done["unproven"]) == (5, True, True)
    assert not (copy / rows).exists()
    for key, raw in good.items():
        objects.replace(key, raw)
    assert run(["replicate", str(world.vault.path), str(copy)]) == 0
    for key in (rows, header, tally, "log/tile/0/000.p/11"):
        path = copy / key
        path.write_bytes(b"" if key == header else b"x" * path.stat().st_size)
    capsys.readouterr()
    assert run(["replicate", str(world.vault.path), str(copy), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["copied"] == 3
    held = files_below(world.vault.path, ("log", "segments", "tally", "vault.toml"))
    assert files_below(copy).items() <= held.items()


def test_each_empty_object_is_one_fault_and_hides_no_other(stored, capsys):
    objects = stored.vault.objects
    keys = sorted(objects.keys("segments/"))
    headers = [key for key in keys if key.endswith(".header")]
    manifest = next(key for key in keys if key.startswith(headers[1][:-7]) and key.endswith(".manifest"))
    tally = next(iter(objects.keys("tally/")))
    for key in (headers[0], manifest, tally, "log/tile/0/000.p/11"):
        objects.replace(key, b"")
    assert run(["fsck", str(stored.vault.path), "--deep", "--json"]) == 3
    faults = {one["key"] for one in json.loads(capsys.readouterr().out)["faults"]}
    assert {headers[0], manifest, "log/tile/0/000.p/11"} <= faults
    assert len(faults) == 4


def test_a_place_is_not_copied_onto_itself(stored, tmp_path, capsys):
    address, path = str(stored.vault.objects.address), str(stored.vault.path)
    pins = ["--pins", str(stored.vault.path / "vault.toml")]
    for words in ([path, address], [path, f"{address}/"], [address, f"{address}/", *pins]):
        assert run(["replicate", *words]) == 2
        assert "TARGET: the vault itself, expected another place" in capsys.readouterr().err
    assert run(["replicate", address, str(tmp_path / "copy"), *pins]) == 0


def told(world):
    return "\n".join(world.vault.outside.told)


def everything(world):
    """All that is in the store."""
    folders = ("log/", "segments/", "tally/")
    return {key: world.vault.objects.read(key) for name in folders for key in world.vault.objects.keys(name)}


def files_below(folder, names=None):
    held = {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
    return {str(name): raw for name, raw in held.items() if names is None or name.parts[0] in names}
