"""A header against the log: the one place where an ingester's header is compared with what it logged."""

import datetime as dt
from dataclasses import replace

import pytest
from forging import RECORDS

from coffer import wire
from coffer.custody.logged import contradiction, parse_logged_header, verify_logged, wrong_in_header
from coffer.errors import NotProven
from coffer.segments.header import PADDED_ROWS, origin_hash
from world import World


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """State, and header and segment of 1 September."""
    world = World.make(tmp_path_factory.mktemp("world"))
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)
    state = world.state()
    segment = next(item for item in state.segments.values() if item.line.day == dt.date(2016, 9, 1))
    header = world.vault.segments.read_header(segment.line.day, segment.line.seg_id)
    return state, header, segment


def logged_as(segment, header, **line):
    """The segment of a log whose ingester logged this very header, with ``line`` changed."""
    return replace(segment, line=replace(segment.line, header_hash=header.hash, seg_id=header.core.seg_id, **line))


def test_header_that_was_logged_is_taken_and_a_changed_one_is_not(logged):
    _, header, segment = logged
    assert parse_logged_header(header.raw, segment) == verify_logged(header, segment) == header
    for changed in (
        replace(header, manifest_hash=bytes(32)),
        replace(header, core=replace(header.core, nonce=bytes(32))),
        replace(header, bundles=(b"", *header.bundles[1:])),
    ):
        with pytest.raises(NotProven, match="its header is not the one in the log"):
            verify_logged(changed, segment)
        with pytest.raises(NotProven, match="its header is not the one in the log"):
            parse_logged_header(changed.raw, segment)
        assert verify_logged(changed, logged_as(segment, changed)) == changed  # the twin was logged
    with pytest.raises(NotProven, match="of 2016-09-01"):
        parse_logged_header(header.raw[:-1], segment)


@pytest.mark.parametrize(
    ("core", "line"),
    [
        ({"day": dt.date(2016, 9, 2)}, {"day": dt.date(2016, 9, 2)}),
        ({"kind": 2}, {"kind": "text"}),
        ({"part": 7}, {"part": 7}),
    ],
    ids=["day", "kind", "part"],
)
def test_header_that_says_otherwise_than_its_log_line_is_a_contradiction(logged, core, line):
    state, header, segment = logged
    changed = replace(header, core=replace(header.core, **core))
    assert contradiction(header, segment, state.origin) is None
    assert "another day, kind, rule" in contradiction(changed, logged_as(segment, changed), state.origin)
    assert contradiction(changed, logged_as(segment, changed, **line), state.origin) is None  # the twin says the same


@pytest.mark.parametrize("core", [{"rule": "FR"}, {"feed": "other"}, {"roster": bytes(32)}, {"origin": bytes(32)}])
def test_header_of_another_rule_feed_roster_or_origin_is_a_contradiction(logged, core):
    state, header, segment = logged
    changed = replace(header, core=replace(header.core, **core))
    assert "another day, kind, rule" in contradiction(changed, logged_as(segment, changed), state.origin)
    assert contradiction(header, logged_as(segment, header), state.origin) is None


def test_header_of_another_log_is_a_contradiction_there_and_none_at_home(logged):
    _, header, segment = logged
    abroad = replace(header, core=replace(header.core, origin=origin_hash("other.example/vault")))
    assert contradiction(abroad, logged_as(segment, abroad), "other.example/vault") is None
    assert "or origin" in contradiction(header, logged_as(segment, header), "other.example/vault")


def test_header_with_other_rows_or_custodians_is_a_contradiction(logged):
    state, header, segment = logged
    longer = replace(header, rows=header.rows + PADDED_ROWS)
    assert "rows" in contradiction(longer, logged_as(segment, longer), state.origin)
    assert contradiction(longer, logged_as(segment, longer, rows=longer.rows), state.origin) is None
    fewer = replace(header, core=replace(header.core, custodians=2))
    assert "other clauses" in contradiction(fewer, logged_as(segment, fewer), state.origin)


def test_clauses_bundles_and_epoch_keys_are_asked_for_by_receipts_and_not_by_an_opening(logged):
    state, header, segment = logged
    assert wrong_in_header(header, segment, state) is None
    for changed, reason in (
        (replace(header, commitments=header.commitments[1:]), "other clauses"),
        (replace(header, bundles=(b"", *header.bundles[1:])), "bundle of judge is missing"),
        (
            replace(header, epoch_hashes=(bytes(32), *header.epoch_hashes[1:])),
            "another epoch key than the one that judge",
        ),
    ):
        assert reason in wrong_in_header(changed, logged_as(segment, changed), state)
        assert contradiction(changed, logged_as(segment, changed), state.origin) is None
    abroad = replace(header, core=replace(header.core, origin=bytes(32)))
    assert "or origin" in wrong_in_header(abroad, logged_as(segment, abroad), state)


def test_custodian_without_a_clause_of_the_rule_has_no_bundle_and_no_epoch_key_in_the_header(tmp_path):
    world = World.make(
        tmp_path,
        custodians=("judge", "dpo", "regulator", "fr"),
        rules=(("base", "2 of judge,dpo,regulator"), ("FR", "2 of judge,dpo,regulator and fr")),
    )
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest("+4915112345678,+4915112345679,2016-09-01 10:00:00,5\n")
    state = world.state()
    segment = next(item for item in state.segments.values() if item.line.rule == "base")
    header = world.vault.segments.read_header(segment.line.day, segment.line.seg_id)
    assert ("fr", segment.line.day) in state.epoch_keys
    assert header.epoch_hashes[3] == bytes(32)
    assert wrong_in_header(header, segment, state) is None
    key = state.epoch_keys["fr", segment.line.day]
    changed = replace(header, epoch_hashes=(*header.epoch_hashes[:3], wire.digest(key)))
    assert "another epoch key" in wrong_in_header(changed, logged_as(segment, changed), state)
