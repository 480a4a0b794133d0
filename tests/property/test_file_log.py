"""A log in a folder, whatever the sizes in which it grows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference as ref
from coffer.disk import Disk
from coffer.errors import NotProven
from coffer.notes.keys import Secret, SigningKey
from coffer.translog import tiling
from coffer.translog.merkle import Frontier, leaf_hash, root_hash, verify_inclusion
from coffer.translog.store.files import FileLog, read_served

KEY = SigningKey("log.example/test", Secret(bytes(32), "seed"))


def entry(number):
    return b"entry %d" % number


def grown(folder, steps):
    log, size = FileLog(folder, Disk(), key=KEY.verify_key), 0
    for step in steps:
        checkpoint = log.append([entry(n) for n in range(size, size + step)], KEY)
        size += step
        assert checkpoint.head.size == size
    return log, size, checkpoint


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def tiles_of(size):
    bundles = [(None, i, min(256, size - 256 * i)) for i in range(-(-size // 256))]
    return {*ref.tiles(size), *bundles}


def expected_names(sizes):
    """The tiles of the last size, and the partial ones of every earlier size of which the full tile does not stand yet."""
    last = tiles_of(sizes[-1])
    full = {(level, index) for level, index, width in last if width == 256}
    earlier = {tile for size in sizes for tile in tiles_of(size) if tile[:2] not in full}
    return {tiling.tile_path(*tile) for tile in last | earlier} | {"checkpoint"}


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.sampled_from([1, 2, 3, 100, 255, 256, 257, 300]), min_size=1, max_size=7))
def test_a_log_is_the_same_in_whatever_steps_it_grows(steps, tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    log, size, checkpoint = grown(folder, steps)
    leaves = [leaf_hash(entry(n)) for n in range(size)]
    assert checkpoint.head.root == root_hash(leaves)
    sizes = [sum(steps[: n + 1]) for n in range(len(steps))]
    assert names(folder) == expected_names(sizes), (
        "every tile of every size that had a checkpoint, until the full one stands"
    )
    for name in set().union(*(tiles_of(size) for size in sizes)):
        level, index, width = name
        raw = read_served(folder, Disk(), tiling.tile_path(level, index, width))
        if width == 256 or tiling.tile_path(level, index, 256) not in names(folder):
            assert raw is not None, "served until the full tile stands"
        if level is None and raw is not None:
            assert tiling.parse_bundle(raw, width, "b") == [entry(256 * index + n) for n in range(width)]
    mirror = tmp_path_factory.mktemp("mirror")
    FileLog(mirror, Disk(), key=KEY.verify_key).follow([entry(n) for n in range(size)], checkpoint.note.raw)
    for level, index, width in set().union(*(tiles_of(size) for size in sizes)):
        cut = read_served(mirror, Disk(), tiling.tile_path(level, index, width))
        kept = read_served(folder, Disk(), tiling.tile_path(level, index, width))
        assert cut is not None, "a mirror that skipped a size cuts its tiles from larger ones"
        assert cut == kept
    assert list(log.entries(0, size)) == [entry(n) for n in range(size)]
    for index in {0, size // 3, size // 2, size - 1}:
        proof = log.inclusion_proof(index, size)
        assert proof == ref.inclusion(leaves, index)
        verify_inclusion(leaf=leaves[index], index=index, size=size, root=checkpoint.head.root, proof=proof)


@pytest.mark.slow
def test_a_log_that_grows_past_65536_entries_has_tiles_of_three_levels(tmp_path):
    log, size, checkpoint = grown(tmp_path, [65_535, 1, 1, 300])
    assert names(tmp_path) == expected_names([65_535, 65_536, 65_537, size])
    tree = Frontier()
    for number in range(size):
        tree.append(leaf_hash(entry(number)))
    assert checkpoint.head.root == tree.root()
    for index in (0, 65_535, 65_536, size - 1):
        proof = log.inclusion_proof(index, size)
        verify_inclusion(leaf=leaf_hash(entry(index)), index=index, size=size, root=tree.root(), proof=proof)


def test_a_changed_edge_tile_stops_the_log_from_growing(tmp_path):
    log, size, _ = grown(tmp_path, [300])
    path = tmp_path / tiling.tile_path(0, 1, 44)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(NotProven, match="do not give the checkpoint's root"):
        log.append([entry(size)], KEY)


@given(size=st.integers(min_value=0, max_value=2000))
def test_a_frontier_is_read_as_it_is_written(size):
    tree = Frontier()
    for number in range(size):
        tree.append(leaf_hash(entry(number)))
    again = Frontier.parse(tree.format(), "tree")
    assert (again.size, again.root(), again.format()) == (size, tree.root(), tree.format())
    again.append(leaf_hash(b"next"))
    tree.append(leaf_hash(b"next"))
    assert again.root() == tree.root()
