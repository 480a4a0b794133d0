"""Every known-answer vector, against the vectorised code, the independent auditor where it implements the same thing, and the scalar reference that made them.

The form of a vector is told in ``known_answers``, which holds a maker and a reader for each kind.
"""

import importlib
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import reference as ref
from coffer.identity.columns import sids
from coffer.identity.identifier import pack_short_code
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.note import sign_note
from known_answers.folder import VECTORS
from known_answers.kinds import COUNTS, differences, made, write
from known_answers.vector import RUNNERS, Vector, load, verify_keys

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
import make_vectors

for kind in COUNTS:
    importlib.import_module(f"known_answers.{kind}.read")


def paths():
    return sorted(VECTORS.glob("*/*"))


@pytest.mark.parametrize("path", paths(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_vector(path, tmp_path):
    vector = load(path)
    RUNNERS[vector.test][0](vector, tmp_path)


def test_no_vector_was_lost():
    assert dict(Counter(path.parent.name for path in paths())) == COUNTS
    assert {path.suffix for path in paths()} == {".txt"}


def test_every_reader_reads_a_vector():
    assert set(RUNNERS) == {load(path).test for path in paths()}


def test_reader_finds_a_refusal_that_is_missing():
    vector = Vector(b'expect: parse\ntest: decimal\ntext: "1"\nhigh: 3\n')
    with pytest.raises(AssertionError, match="expected a refusal by the layer parse, found none"):
        RUNNERS["decimal"][0](vector, None)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"expect: maybe\ntest: decimal\n", "unknown layer"),
        (b"expect: ok\ntest: nothing\n", "unknown test"),
        (b"test: decimal\nexpect: ok\n", "line 1 is expect"),
        (b"expect: ok\ntest: decimal\ntext\n", "without a key"),
        (b'expect: ok\ntest: decimal\ntext: "1"\nhigh: 3\nvalue: 1\nsize: 1\n', "unknown keys"),
        (b'expect: ok\ntest: decimal\ntext: "1"\nhigh: 3\n', "missing keys"),
        (b'expect: parse\ntest: decimal\ntext: "1"\nhigh: 3\n\nbody', "a body"),
    ],
)
def test_loader_refuses(raw, message):
    with pytest.raises(AssertionError, match=message):
        verify_keys(Vector(raw))


@pytest.fixture(scope="module")
def made_once():
    return made()


def test_made_again_the_vectors_are_the_same_bytes(made_once):
    files, made_anew = made_once
    assert made_anew == [], "an HPKE vector no longer opens"
    assert differences(files, VECTORS) == []


@pytest.fixture(scope="module")
def copied(tmp_path_factory, made_once):
    folder = tmp_path_factory.mktemp("vectors")
    write(made_once[0], folder)
    return folder


@pytest.mark.parametrize(
    ("path", "change", "told"),
    [
        ("wire/day-leap.txt", lambda path: path.write_bytes(path.read_bytes() + b"\n"), "other bytes"),
        ("wire/day-leap.txt", lambda path: path.unlink(), "missing"),
        ("wire/day-none.txt", lambda path: path.write_bytes(b""), "no maker makes it"),
    ],
)
def test_check_tells_what_differs_and_writes_nothing(made_once, copied, capsys, monkeypatch, path, change, told):
    monkeypatch.setattr(make_vectors, "made", lambda: made_once)  # a making takes seconds
    assert make_vectors.main(["--check", str(copied)]) == 0
    kept = (copied / path).read_bytes() if (copied / path).exists() else None
    change(copied / path)
    changed = (copied / path).read_bytes() if (copied / path).exists() else None
    try:
        assert make_vectors.main(["--check", str(copied)]) == 1
        assert f"{path}: {told}" in capsys.readouterr().out
        assert ((copied / path).read_bytes() if (copied / path).exists() else None) == changed
        assert make_vectors.main([str(copied)]) == 0
        assert ((copied / path).read_bytes() if (copied / path).exists() else None) == kept
    finally:
        write(made_once[0], copied)


def test_the_columns_of_sids_equal_the_reference():
    texts = [None, None, "a@b.example", None, "Corp", "CORP", "201", None, "é@b.example", "201", "201"]
    types = np.array([0, 1, 2, 3, 4, 4, 5, 3, 2, 5, 6], np.uint8)
    short = pack_short_code("FR", "00036")
    numbers = np.array([0, 33612345678, 0, short, 0, 0, 0, pack_short_code("IN", "00036"), 0, 0, 0], np.uint64)
    expected = [
        bytes(16),
        ref.sid_tel(33612345678),
        ref.sid_email("a@b.example"),
        ref.sid_short("FR", "00036"),
        ref.sid_sender("corp"),
        ref.sid_sender("corp"),
    ]
    expected += [
        ref.sid_opaque("pbx", "201"),
        ref.sid_short("IN", "00036"),
        ref.sid_email("é@b.example"),
        ref.sid_opaque("pbx", "201"),
        ref.sid_of_subject("dialled:DE/201"),
    ]
    high, low = sids(types, numbers, pa.array(texts, pa.string()), feed="pbx", home="DE")
    assert [int(a).to_bytes(8, "big") + int(b).to_bytes(8, "big") for a, b in zip(high, low, strict=True)] == expected


def test_notes_of_the_reference_are_those_of_the_code():
    text = b"coffer.x/v1\nkey: value\n"
    keys = [ref.Key("judge/auth", bytes(32)), ref.Key("desk", bytes([1]) * 32)]
    ours = [SigningKey(key.name, Secret(key.seed, "seed")) for key in keys]
    assert sign_note(text, *ours).raw == ref.note(text, *keys)
