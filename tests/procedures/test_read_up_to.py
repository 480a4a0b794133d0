"""A file is read up to a place while its writer adds to it: only what is before the place counts, and it must stay as it is."""

import gzip
import os

import pytest

from coffer.errors import MalformedInput, Unavailable
from coffer.procedures.ingest.run import run_ingest
from coffer.procedures.ingest.sources import Source
from world import feed

LINES = "".join(f"+3361234{n:04d},+33698765432,2016-09-01 10:00:{n:02d},{n + 1}\n" for n in range(6))
PLACE = len(LINES) // 2


def ingest(world, path, until, on_logging=lambda _batch, _files: None):
    return run_ingest(
        world.vault,
        feed(),
        [str(path)],
        on_progress=lambda **_: None,
        on_rejects=lambda _name, _rejects: None,
        until={str(path): until},
        on_logging=on_logging,
    )


def counts(summary):
    return [(file.read, file.kept, file.duplicate) for file in summary.files]


def test_only_lines_before_the_place_are_sealed_and_the_rest_later(world, tmp_path):
    path = tmp_path / "Master.csv"
    path.write_text(LINES)
    assert counts(ingest(world, path, PLACE)) == [(3, 3, 0)]
    assert counts(ingest(world, path, len(LINES))) == [(6, 3, 3)]
    assert counts(world.ingest_files([path])) == [(6, 0, 6)]


def grow(path):
    with path.open("a") as file:
        file.write("+33612349999,+33698765432,2016-09-01 11:00:00,1\n")


def cut(path):
    os.truncate(path, 10)


def replace(path):
    path.rename(path.with_suffix(".1"))
    path.write_text(LINES)


def copytruncate(path):
    os.truncate(path, 0)
    with path.open("a") as file:
        file.write(LINES.replace("10:00", "12:00"))


@pytest.mark.parametrize(("change", "is_same"), [(grow, True), (cut, False), (replace, False), (copytruncate, False)])
def test_a_change_behind_the_place_is_none_and_any_before_it_is(world, tmp_path, change, is_same):
    path = tmp_path / "Master.csv"
    path.write_text(LINES)
    os.utime(path, ns=(0, 0))  # else the change could be within the same tick of the file system's clock
    source = Source.open(str(path), PLACE)
    assert (source.scan().size, source.size_bytes()) == (PLACE, PLACE)
    change(path)
    if is_same:
        source.verify_unchanged()
        assert counts(ingest(world, path, PLACE)) == [(3, 3, 0)]
    else:
        with pytest.raises(Unavailable, match="changed while it was read"):
            source.verify_unchanged()


@pytest.mark.parametrize(
    ("name", "content"),
    [("calls.csv", LINES.encode("utf-16")), ("calls.csv.gz", gzip.compress(LINES.encode()))],
    ids=["utf-16", "gzip"],
)
def test_what_is_no_plain_text_is_read_whole_or_not_at_all(world, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    if name.endswith(".gz"):
        assert Source.open(str(path), 20).scan().size == len(LINES), "packed: the place means nothing in it"
    else:
        with pytest.raises(MalformedInput, match=r"calls\.csv: "):
            ingest(world, path, 20)


def test_whoever_keeps_counts_is_told_the_batch_before_the_log_has_it(world, tmp_path):
    path, told = tmp_path / "Master.csv", []
    path.write_text(LINES)

    def on_logging(batch, files):
        told.append((batch, [(file.kept, file.known) for file in files], batch in world.reopen().state().batches))

    summary = ingest(world, path, PLACE, on_logging)
    assert told == [(summary.batch, [(3, 0)], False)]
    ingest(world, path, PLACE, on_logging)
    assert len(told) == 1, "every line was known: nothing is logged"
