"""A scanned file's chunks: all of its bytes once, cut at line ends, each with the number of its first line."""

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.procedures.ingest import marking, sources
from coffer.procedures.ingest.sources import Source

CHUNK = 64


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_BYTES", CHUNK)
    monkeypatch.setattr(sources, "CACHED_BYTES", 16)
    monkeypatch.setattr(marking, "CACHED_BYTES", 16)


@given(
    lines=st.lists(st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"n").replace(b"\0", b"z")), max_size=40),
    is_torn=st.booleans(),
    skipped=st.integers(0, 2),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_chunks_hold_every_line_once_with_its_number(tmp_path_factory, lines, is_torn, skipped):
    content = b"\n".join(lines) + (b"" if is_torn else b"\n")
    if not content:
        return
    path = tmp_path_factory.getbasetemp() / "scanned.csv"
    path.write_bytes(content)
    source = Source.open(str(path))
    scanned = source.scan()
    assert (scanned.hash, scanned.size) == (hashlib.sha256(content).digest(), len(content))
    ends = content.count(b"\n")
    assert scanned.lines == ends + (not content.endswith(b"\n"))
    chunks = list(source.chunks(skip_lines=skipped))
    body = content.removeprefix(b"\xef\xbb\xbf")
    for _ in range(skipped):
        body = body.partition(b"\n")[2]
    assert b"".join(chunk.read() for chunk in chunks) == body
    line = 1 + skipped
    longest = max(map(len, lines), default=0) + 1  # a chunk ends with a line, which may begin just before it is full
    for chunk in chunks:
        raw = chunk.read()
        assert chunk.first_line == line
        assert chunk.size_bytes == len(raw) <= CHUNK + longest
        line += raw.count(b"\n")
        assert raw.endswith(b"\n") or chunk is chunks[-1]


def test_a_line_longer_than_a_chunk_is_refused_where_it_begins(tmp_path):
    path = tmp_path / "long.csv"
    path.write_bytes(b"a\nb\n" + b"x" * (CHUNK + 17) + b"\n")
    with pytest.raises(MalformedInput, match="line 3: no line end in 64 bytes"):
        Source.open(str(path)).scan()
