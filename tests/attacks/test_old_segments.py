"""Segments of version 1 beside those of version 2: opened, audited and shown alike, and never taken for each other."""

from functools import partial

import pytest
from forging import RECORDS, ROWS, SUBJECT, rows_of

from coffer.disclosure.joined import join_parts
from coffer.errors import MalformedInput
from coffer.procedures.ingest import sealer
from coffer.segments.header import SegmentCore, parse_header
from coffer_audit.cli import main as audit

ALL = ("judge", "dpo", "regulator")
LATER = "+33612345678,+33698765432,2016-09-01 13:00:00,7\n"
LATER_ROW = f"{SUBJECT},call,out,tel:+33698765432,2016-09-01T13:00:00Z,7,true,,"


@pytest.fixture
def old(world, monkeypatch):
    """A vault whose segments are of version 1."""
    with monkeypatch.context() as patch:
        patch.setattr(sealer, "SegmentCore", partial(SegmentCore, version=1))
        world.ingest(RECORDS)
    return world


def headers(world):
    return [
        world.vault.segments.read_header(segment.line.day, seg_id) for seg_id, segment in world.state().segments.items()
    ]


def test_old_vault_is_opened_and_audited_as_before(old, capsys):
    assert [header.core.raw[:8] for header in headers(old)] == [b"COFSEG01"] * len(headers(old))
    answer = old.open(old.authorize(by=ALL))
    assert rows_of(answer) == ROWS
    assert {segment.pages for segment in answer.evidence.segments.values()} == {None}
    assert {len(batch) for segment in answer.evidence.segments.values() for batch in segment.batches.values()} == {
        1024 * 32
    }
    folder = old.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(old.vault.path)]) == 0
    assert audit(["vault", str(old.vault.path)]) == 0
    assert "\nclean, if " in capsys.readouterr().out


def test_vault_with_segments_of_both_versions_gives_one_answer(old, capsys):
    old.ingest(LATER, name="later.csv")
    assert {header.core.version for header in headers(old)} == {1, 2}
    answer = old.open(old.authorize(by=ALL))
    assert rows_of(answer) == [ROWS[0], LATER_ROW, *ROWS[1:]]
    assert audit(["answer", str(old.write_answer(answer)), "--vault", str(old.vault.path)]) == 0
    assert "\nclean, if " in capsys.readouterr().out


def test_flipped_byte_in_an_old_segment_is_found_by_the_auditor(old):
    path = next(old.vault.path.rglob("*.rows"))
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    assert audit(["vault", str(old.vault.path)]) == 3


@pytest.mark.parametrize(("version", "other"), [(1, b"COFSEG02"), (2, b"COFSEG01")])
def test_header_that_claims_the_other_version_is_refused(world, monkeypatch, version, other):
    with monkeypatch.context() as patch:
        patch.setattr(sealer, "SegmentCore", partial(SegmentCore, version=version))
        world.ingest(RECORDS)
    raw = headers(world)[0].raw
    with pytest.raises(MalformedInput, match=r"header: byte [0-9]+: found other bytes"):
        parse_header(other + raw[8:], "header")
    assert parse_header(raw, "header").core.version == version


def test_evidence_without_a_page_that_tells_of_a_label_is_no_evidence(world, capsys):
    world.ingest(RECORDS)
    answer = world.open(world.authorize(by=ALL))
    seg_id, segment = next((name, one) for name, one in answer.evidence.segments.items() if one.batches)
    pages = (0).to_bytes(4, "big") + segment.pages[0]
    whole, listed = segment.raw, len(pages).to_bytes(4, "big") + pages
    assert whole.count(listed) == 1
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder)]) == 0
    parts = {name: one.raw for name, one in answer.evidence.segments.items()}
    parts[seg_id] = whole.replace(listed, bytes(4))
    joined = join_parts({bytes.fromhex(name): raw for name, raw in parts.items()})
    (folder / "evidence" / "segments").write_bytes(joined)
    assert audit(["answer", str(folder)]) == 3
    assert "no page that names it" in capsys.readouterr().out
