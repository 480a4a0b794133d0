"""``coffer fsck`` finds each of ten planted faults, in the folder and in a store, and nothing where there is none."""

import datetime as dt
import json
import os
import shutil

import pytest

from coffer.cli.main import run
from coffer.objects.address import StoreAddress
from coffer.procedures.supersede import supersede
from coffer.vault.stored import tally_keys
from storing import Bucket
from world import World, destroy_entry

LINES = "".join(f"+33612345678,+33698765432,2016-09-0{day} 10:00:00,60\n" for day in (1, 2, 3))
OTHER = "ab" * 32


@pytest.fixture
def folder(tmp_path):
    return with_batches(World.make(tmp_path))


@pytest.fixture(scope="module")
def server():
    with Bucket.serve() as bucket, bucket.one_client():
        yield bucket


@pytest.fixture(params=["folder", "s3"])
def world(request, tmp_path):
    if request.param == "folder":
        return with_batches(World.make(tmp_path))
    server = request.getfixturevalue("server")
    place = StoreAddress(scheme="s3", root=f"{server.name}/{os.urandom(4).hex()}/vault")
    return with_batches(World.make(tmp_path, objects=place))


def with_batches(world):
    """Three batches of three segments each."""
    world.epoch("2016-09-01", "2016-09-03")
    for number in range(3):
        world.ingest(LINES.replace(",60", f",{number}"), name=f"{number}.csv")
    return world


def fsck(world, capsys, *options):
    code = run(["fsck", str(world.vault.path), "--json", *options])
    printed = json.loads(capsys.readouterr().out)
    return code, {(one["key"], one["fault"]) for one in printed["faults"]}


def test_a_sound_vault_has_no_fault(world, capsys):
    assert fsck(world, capsys) == fsck(world, capsys, "--deep") == (0, set())
    assert run(["fsck", str(world.vault.path)]) == 0
    assert "9 segments, 3 tallies, 2 log tiles, rows not read: 0 faults" in capsys.readouterr().out


def test_each_of_ten_planted_faults_is_found(world, capsys):
    objects = world.vault.objects
    first, second, third = world.state().batches
    keys = sorted({key.rsplit(".", 1)[0] for key in objects.keys("segments/")})
    dead = [key for key in keys if "2016-09-03" in key]
    a, b, c, d, *_ = (key for key in keys if key not in dead)
    saved = {f"{key}.rows": objects.read(f"{key}.rows") for key in (b, c, dead[0])}
    header, table = objects.read(f"{d}.header"), objects.read(tally_keys(third)[0])
    supersede(world.vault, third)
    with world.vault.writing() as state:
        world.vault.append([destroy_entry(one, dt.date(2016, 9, 3)) for one in world.custodians()], state)
        assert world.vault.remove_dead_segments(state) == 9
    assert [key for key in objects.keys("segments/") if "2016-09-03" in key] == []
    assert fsck(world, capsys, "--deep") == (0, set())

    objects.delete([f"{a}.rows"])  # 1
    objects.delete([f"{b}.manifest"])  # 2
    objects.replace(f"{b}.rows", saved[f"{b}.rows"][:-1])  # 3
    objects.replace(f"{c}.rows", flipped(saved[f"{c}.rows"]))  # 4
    objects.replace(f"{d}.header", flipped(header))  # 5
    objects.put(f"segments/2016-09-01/{OTHER}.rows", b"x")  # 6
    objects.put(f"tally/{OTHER[:32]}.hours.parquet", b"x")  # 7
    objects.delete([tally_keys(first)[1]])  # 8
    objects.put(f"{dead[0]}.rows", saved[f"{dead[0]}.rows"])  # 9
    objects.put(tally_keys(third)[0], table)  # superseded and back
    objects.replace(tally_keys(second)[0], flipped(table))  # 10
    found = {
        (f"{a}.rows", "missing"),
        (f"{b}.manifest", "missing"),
        (f"{b}.rows", "of another size"),
        (f"{d}.header", "not the one in the log"),
        (f"segments/2016-09-01/{OTHER}.rows", "not in the log"),
        (f"tally/{OTHER[:32]}.hours.parquet", "not in the log"),
        (tally_keys(first)[1], "missing"),
        (f"{dead[0]}.rows", "dead and still there"),
        (tally_keys(third)[0], "dead and still there"),
        (tally_keys(second)[0], "not the one in the log"),
    }
    assert fsck(world, capsys) == (3, found)
    assert fsck(world, capsys, "--deep") == (3, found | {(f"{c}.rows", "not the one in the log")})


def test_a_missing_header_and_a_changed_manifest_are_found(folder, capsys):
    world = folder
    objects = world.vault.objects
    a, b, *_ = sorted({key.rsplit(".", 1)[0] for key in objects.keys("segments/")})
    objects.delete([f"{a}.header"])
    objects.replace(f"{b}.manifest", flipped(objects.read(f"{b}.manifest")))
    assert fsck(world, capsys, "--deep") == (
        3,
        {(f"{a}.header", "missing"), (f"{b}.manifest", "not the one in the log")},
    )


def test_a_missing_and_a_changed_tile_of_the_log_are_found(world, capsys):
    objects, size = world.vault.objects, world.state().size
    one, other = f"log/tile/0/000.p/{size}", f"log/tile/entries/000.p/{size}"
    changed = flipped(objects.read(other))
    if objects.is_folder:  # then it is the log itself
        (world.vault.path / one).unlink()
        assert run(["fsck", str(world.vault.path)]) == 5
        assert f"{one}: missing" in capsys.readouterr().err
        return
    objects.delete([one])
    objects.replace(other, changed)
    assert fsck(world, capsys) == (3, {(one, "missing"), (other, "not the one in the log")})


def test_replicate_copies_what_is_missing_and_proves_all_of_the_copy(folder, capsys, tmp_path):
    world = folder
    copy = tmp_path / "copy"
    assert run(["replicate", str(world.vault.path), str(copy)]) == 0
    assert "33 objects copied" in capsys.readouterr().out
    rows = next(iter(copy.glob("segments/*/*.rows")))
    rows.unlink()
    assert run(["replicate", str(world.vault.path), str(copy), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["copied"] == 1
    supersede(world.vault, list(world.state().batches)[2])
    assert run(["replicate", str(world.vault.path), str(copy)]) == 0
    assert "0 objects copied (0 bytes), 31 there already, 2 deleted that died" in capsys.readouterr().out
    rows = next(iter(copy.glob("segments/*/*.rows")))
    rows.write_bytes(flipped(rows.read_bytes()))
    assert run(["replicate", str(world.vault.path), str(copy)]) == 0, "what is damaged in the copy is mended"
    assert "1 object copied" in capsys.readouterr().out
    assert run(["replicate", str(world.vault.path), str(world.vault.path)]) == 2
    shutil.rmtree(copy)


def flipped(raw):
    return raw[:-1] + bytes([raw[-1] ^ 1])
