"""Requests sent straight to a custodian, steps 8 to 10 and 13: what a proven requester may not ask for.

The numbers are those of ``docs/procedures/opening.md`` and of ``custody/decide.py``.
"""

import datetime as dt
from dataclasses import replace

import pytest
from forging import OTHER, RECORDS, SALT, Desk, ingester_key, log_entries

from coffer.custody.decide import Decline, Grant
from coffer.custody.exchange import Cell, Code
from coffer.ledger.entries import BatchId, CloseEntry, CoarseCounts, DrawEntry, IngestEntry, IntentEntry
from coffer.notes.keys import SealKey, Secret, seal
from coffer.procedures.ingest.holders import segment_line
from coffer.segments import prf
from coffer.segments.bundle import bundle_info, format_bundle
from coffer.segments.header import PADDED_ROWS, Header, SegmentCore, origin_hash
from public_codes import NOTHING
from world import World, destroy_entry

ALL = ("judge", "dpo", "regulator")


@pytest.fixture
def desk(world):
    world.ingest(RECORDS)
    return Desk(world, world.authorize(by=ALL))


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A desk with an intent, in a world that no test changes."""
    world = World.make(tmp_path_factory.mktemp("still"))
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS + "+33612345678,+33698765432,2016-09-03 10:00:00,60\n")
    desk = Desk(world, world.authorize(by=ALL, days=[("2016-09-01", "2016-09-02")]))
    return desk, desk.intent(cells_at_most=2)


def refusal(step, code):
    return Decline(step=step, code=code)


def test_after_step_07_a_refusal_is_a_code_that_only_the_requester_can_read(still):
    desk, intent = still
    request = desk.labels(intent + 1000)
    reply = desk.ask(request)
    assert reply[:-64] == b"COFERR01\x01" + request.hash + bytes([Code.LOG])
    assert desk.ask(desk.labels(intent)).startswith(b"COFRSP01")


@pytest.mark.parametrize("intent", [0, 1, 2**63, 2**64 - 1])
def test_step_08_unknown_intent_is_refused(still, intent):
    desk, _ = still
    assert desk.decide(desk.labels(intent)) == refusal(8, Code.LOG)


def test_step_08_closed_intent_gives_the_same_again_and_can_draw_no_more(desk):
    # An answer that a crash kept from being delivered is asked for again after its close: same cells, same values, no further budget.
    intent = desk.intent()
    first = desk.decide(desk.labels(intent))
    assert isinstance(first, Grant)
    desk.log(CloseEntry(intent=intent, result=bytes(32), records=0, answers=0, unconfirmed_cells=0, **NOTHING))
    again = desk.decide(desk.labels(intent))
    assert isinstance(again, Grant)
    values = 8 + 1 + 1 + 32  # behind the request hash, which holds the newer checkpoint
    assert again.payload[values:] == first.payload[values:]
    desk.log(DrawEntry(intent=intent, table=bytes(32), records=1))
    assert desk.world.state().openings[intent].draw is None


def test_step_08_intent_of_another_authorization_is_refused(desk):
    other = Desk(desk.world, desk.world.authorize(by=ALL))
    assert desk.decide(desk.labels(other.intent(nonce=b"n" * 16))) == refusal(8, Code.LOG)
    assert isinstance(desk.decide(desk.labels(desk.intent())), Grant)


@pytest.mark.parametrize("nicer", [{"order_class": "access"}, {"kinds": "email"}])
def test_step_08_intent_with_nicer_codes_than_the_note_has_is_refused(desk, nicer):
    codes = desk.authorization.terms.codes.at("coarse")
    assert desk.decide(desk.labels(desk.intent(codes=replace(codes, **nicer)))) == refusal(8, Code.LOG)


def test_twin_step_08_intent_with_the_codes_of_the_note_is_answered(desk):
    codes = desk.authorization.terms.codes.at("coarse")
    assert isinstance(desk.decide(desk.labels(desk.intent(codes=codes))), Grant)


def test_step_08_more_cells_than_the_intent_said_are_refused(desk):
    cells = [desk.cell(1), desk.cell(2)]
    assert desk.decide(desk.labels(desk.intent(cells_at_most=1), *cells)) == refusal(8, Code.BUDGET)
    assert isinstance(desk.decide(desk.labels(desk.intent(cells_at_most=2), *cells)), Grant)


def test_step_08_intent_with_a_nonce_used_before_does_not_exist(desk):
    first = desk.intent(nonce=b"n" * 16)
    again = desk.intent(nonce=b"n" * 16)
    assert isinstance(desk.decide(desk.labels(first)), Grant)
    assert desk.decide(desk.labels(again)) == refusal(8, Code.LOG)


def test_step_08_intent_signed_by_another_key_does_not_exist(desk):
    body = IntentEntry(
        authorization=desk.authorization.commitment,
        requester="desk",
        nonce=bytes(16),
        cells_at_most=16,
        codes=desk.authorization.terms.codes.at("coarse"),
    )
    forged = desk.log(body, key=ingester_key(desk.world))[0]
    assert desk.decide(desk.labels(forged)) == refusal(8, Code.LOG)
    assert isinstance(desk.decide(desk.labels(desk.log(body)[0])), Grant)


def test_step_09_day_that_is_not_authorised_is_refused(still):
    desk, intent = still
    assert desk.decide(desk.labels(intent, desk.cell(3))) == refusal(9, Code.SCOPE)
    assert isinstance(desk.decide(desk.labels(intent, desk.cell(2))), Grant)


def test_step_09_one_day_too_many_refuses_the_authorised_one_too(still):
    desk, intent = still
    assert desk.decide(desk.labels(intent, desk.cell(2), desk.cell(3))) == refusal(9, Code.SCOPE)


def test_step_09_kind_that_is_not_authorised_is_refused(desk):
    texts = Desk(desk.world, desk.world.authorize(by=ALL, kinds="text"))
    assert texts.decide(texts.labels(texts.intent())) == refusal(9, Code.SCOPE)
    both = Desk(desk.world, desk.world.authorize(by=ALL, kinds="call,text"))
    assert isinstance(both.decide(both.labels(both.intent(nonce=b"k" * 16))), Grant)


def changed(header, **fields):
    """The header with a changed core; bundles and commitments stay, as a thief of the bundle would want."""
    return replace(header, core=replace(header.core, **fields))


@pytest.mark.parametrize(
    "fields",
    [{"day": dt.date(2016, 9, 1)}, {"kind": 2}, {"rule": "FR"}, {"feed": "other"}, {"part": 1}, {"nonce": bytes(32)}],
)
def test_step_09_relabelled_day_kind_rule_or_feed_is_refused(still, fields):
    desk, intent = still
    header = changed(desk.headers()[dt.date(2016, 9, 3)], **fields)
    cell = Cell(seg_id=header.core.seg_id, line=1, rank_from=0, rank_count=64)
    assert desk.decide(desk.labels(intent, cell, headers=[header])) == refusal(9, Code.LOG)


def test_step_09_old_bundle_under_a_new_header_is_refused(still):
    desk, intent = still
    headers = desk.headers()
    first, second = headers[dt.date(2016, 9, 1)], headers[dt.date(2016, 9, 3)]
    mixed = replace(first, bundles=second.bundles)
    assert desk.decide(desk.labels(intent, desk.cell(1), headers=[mixed])) == refusal(9, Code.LOG)
    assert isinstance(desk.decide(desk.labels(intent, desk.cell(1), headers=[first])), Grant)


def test_step_09_header_that_is_not_in_the_log_is_refused(still, tmp_path):
    desk, intent = still
    elsewhere = World.make(tmp_path)
    elsewhere.epoch("2016-09-01", "2016-09-03")
    elsewhere.ingest(RECORDS)
    header = Desk(elsewhere, elsewhere.authorize()).headers()[dt.date(2016, 9, 1)]
    cell = Cell(seg_id=header.core.seg_id, line=1, rank_from=0, rank_count=64)
    assert desk.decide(desk.labels(intent, cell, headers=[header])) == refusal(9, Code.LOG)


def test_step_09_retention_over_by_the_clock_is_refused_though_the_key_is_there(tmp_path):
    world = World.make(tmp_path, retention_days=5)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)
    desk = Desk(world, world.authorize(by=ALL))
    request = desk.labels(desk.intent(), desk.cell(1))
    midnight = dt.datetime(2016, 9, 6, tzinfo=dt.UTC)
    assert desk.decide(request, now=midnight) == refusal(9, Code.TIME)
    assert isinstance(desk.decide(request, now=midnight - dt.timedelta(seconds=1)), Grant)


def test_step_09_retention_over_by_the_logs_newest_time_is_refused_though_the_clock_was_set_back(tmp_path):
    world = World.make(tmp_path, retention_days=5)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)
    desk = Desk(world, world.authorize(by=ALL))
    intent = desk.intent()
    before, world.now = world.now, dt.datetime(2016, 9, 6, tzinfo=dt.UTC)
    desk.intent()
    world.now = before
    assert desk.decide(desk.labels(intent, desk.cell(1))) == refusal(9, Code.TIME)


def test_step_09_destroyed_epoch_key_is_refused(desk):
    request = desk.labels(desk.intent())
    assert isinstance(desk.decide(request), Grant)
    assert desk.decide(request, epoch_key=lambda _day: None) == refusal(9, Code.TIME)
    day = dt.date(2016, 9, 1)
    with desk.world.vault.writing() as state:
        desk.world.vault.append([destroy_entry(desk.world.custodian("judge"), day)], state)
    assert desk.decide(request, epoch_key=lambda _day: SealKey.generate()) == refusal(9, Code.TIME)


def test_step_09_epoch_key_file_that_was_changed_is_declined_and_breaks_nothing(desk):
    request = desk.labels(desk.intent())
    path = desk.world.vault.path / "custodians" / "judge" / "epoch" / "2016-09-01"
    path.write_bytes(bytes(path.stat().st_size))
    assert desk.decide(request) == refusal(13, Code.INTERNAL)
    assert isinstance(desk.decide(request, "dpo"), Grant)


@pytest.mark.parametrize("line", [0, 2, 255])
def test_step_10_subject_line_that_is_not_there_is_refused(still, line):
    desk, intent = still
    assert desk.decide(desk.labels(intent, desk.cell(1, line=line))) == refusal(10, Code.SCOPE)
    assert isinstance(desk.decide(desk.labels(intent, desk.cell(1, line=1))), Grant)


@pytest.fixture
def sovereign(tmp_path):
    """French numbers need the regulator; all others two of three."""
    rules = [("base", "2 of judge,dpo,regulator"), ("FR", "2 of judge,dpo,cnctr and regulator")]
    world = World.make(tmp_path, custodians=(*ALL, "cnctr"), rules=rules)
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest("+33612345678,+12025550199,2016-09-01 10:00:00,60\n")
    return world


def segment_of(world, rule):
    state, store = world.state(), world.vault.segments
    return next(store.read_header(s.line.day, seg_id) for seg_id, s in state.segments.items() if s.line.rule == rule)


@pytest.mark.parametrize(("rule", "wrong"), [("FR", "base"), ("base", "FR")])
def test_step_10_subject_under_another_rule_is_refused(sovereign, rule, wrong):
    subject = {"FR": "tel:+33612345678", "base": "tel:+12025550199"}[rule]
    desk = Desk(sovereign, sovereign.authorize(by=(*ALL, "cnctr"), subjects=[subject]))
    intent = desk.intent()

    def asked(name):
        header = segment_of(sovereign, name)
        cell = Cell(seg_id=header.core.seg_id, line=1, rank_from=0, rank_count=64)
        return desk.labels(intent, cell, headers=[header])

    assert desk.decide(asked(wrong)) == refusal(10, Code.SCOPE)
    assert isinstance(desk.decide(asked(rule)), Grant)


def test_step_09_custodian_that_holds_nothing_of_the_segment_refuses(sovereign):
    desk = Desk(sovereign, sovereign.authorize(by=(*ALL, "cnctr"), subjects=["tel:+12025550199"]))
    header = segment_of(sovereign, "base")
    cell = Cell(seg_id=header.core.seg_id, line=1, rank_from=0, rank_count=64)
    request = desk.labels(desk.intent(), cell, headers=[header])
    assert desk.decide(request, "cnctr") == refusal(9, Code.SCOPE)
    assert isinstance(desk.decide(request, "judge"), Grant)


def test_step_05_country_rule_without_its_indispensable_custodian_opens_nothing(sovereign):
    desk = Desk(sovereign, sovereign.authorize(by=("judge", "dpo", "cnctr"), subjects=["tel:+33612345678"]))
    assert desk.ask(desk.labels(desk.intent(), headers=[segment_of(sovereign, "base")])) == b"COFREF01"


def test_step_10_protected_subject_needs_every_signature_and_looks_like_any_scope_refusal(desk):
    note = desk.world.authorize(by=("judge", "dpo"))
    partly = Desk(desk.world, note)
    request = partly.labels(partly.intent(nonce=b"p" * 16))
    sid = partly.authorization.terms.subjects[0].sid
    assert partly.decide(request, is_protected=lambda other: other == sid) == refusal(10, Code.SCOPE)
    assert isinstance(partly.decide(request), Grant)
    assert isinstance(desk.decide(desk.labels(desk.intent()), is_protected=lambda other: other == sid), Grant)


def test_step_10_subjects_of_the_peer_column_are_not_openable(still):
    desk, intent = still
    assert OTHER not in [subject.format() for subject in desk.authorization.terms.subjects]
    payloads = {desk.decide(desk.labels(intent, desk.cell(1))).payload for _ in range(2)}
    assert len(payloads) == 1  # the block is built from line 1 and nothing that the request could name


def forged_segment(desk, header):
    """Log a header with the ingester's own key, as malicious ingest code would."""
    body = IngestEntry(
        batch=BatchId(header.core.nonce[:16]),
        number=1,
        total=1,
        feed=header.core.feed,
        counts=CoarseCounts(files=0, read=0, kept=0, rejected=0, duplicate=0),
        segments=(segment_line(header, "call"),),
        tally=None,
    )
    log_entries(desk.world, body, key=ingester_key(desk.world))
    return Cell(seg_id=header.core.seg_id, line=1, rank_from=0, rank_count=64)


def test_step_13_bundle_of_another_day_under_a_logged_header_is_refused(desk):
    headers = desk.headers()
    header = changed(headers[dt.date(2016, 9, 2)], day=dt.date(2016, 9, 1), nonce=b"\1" * 32)
    cell = forged_segment(desk, header)
    request = desk.labels(desk.intent(), cell, headers=[header])
    assert desk.decide(request) == refusal(13, Code.INTERNAL)


def sealed_header(desk, *, com=None, custodians=3, clauses=(3, 5, 6), subkey=b"k" * 32, origin=None):
    """A header that the ingester made from scratch for 1 September."""
    state, day = desk.world.state(), dt.date(2016, 9, 1)
    core = SegmentCore(
        day=day,
        kind=1,
        layout=1,
        custodians=custodians,
        clauses=len(clauses),
        part=9,
        rule="base",
        feed="calls",
        roster=state.roster.hash,
        origin=origin_hash(origin or state.origin),
        nonce=SALT,
    )
    keys = {clause: Secret(subkey, "subkey") for clause in clauses}
    bundles = []
    for index, name in list(enumerate(ALL, 1))[:custodians]:
        held = {clause: key for clause, key in keys.items() if clause >> (index - 1) & 1}
        bundle = format_bundle(held)
        bundles.append(seal(bundle, state.epoch_keys[name, day], info=bundle_info(core.seg_id, index)))
    coms = [(clause, com or prf.subkey_commitment(core.seg_id, clause, keys[clause])) for clause in clauses]
    return Header(
        core=core,
        commitments=tuple(coms),
        bundles=tuple(bundles),
        rows=PADDED_ROWS,
        manifest_hash=bytes(32),
        supersedes=bytes(32),
        epoch_hashes=tuple(bytes(32) for _ in range(custodians)),
    )


def test_step_09_logged_header_of_another_vault_is_refused(desk):
    header = sealed_header(desk, origin="other.example/vault")
    segment = forged_segment(desk, header)
    assert desk.decide(desk.labels(desk.intent(), segment, headers=[header])) == refusal(9, Code.LOG)


def test_step_13_subkey_that_is_not_the_committed_one_is_refused(desk):
    header = sealed_header(desk, com=b"c" * 32)
    segment = forged_segment(desk, header)
    request = desk.labels(desk.intent(), segment, headers=[header])
    assert desk.decide(request) == refusal(13, Code.INTERNAL)


def test_step_13_twin_subkeys_that_are_the_committed_ones_of_this_vault_are_used(desk):
    header = sealed_header(desk)
    segment = forged_segment(desk, header)
    request = desk.labels(desk.intent(), segment, headers=[header])
    assert isinstance(desk.decide(request), Grant)


def test_step_13_header_without_the_rules_clauses_is_refused(desk):
    header = sealed_header(desk, clauses=(3, 5))
    segment = forged_segment(desk, header)
    request = desk.labels(desk.intent(), segment, headers=[header])
    assert desk.decide(request, "dpo") == refusal(13, Code.INTERNAL)


def test_step_13_header_for_fewer_custodians_than_the_roster_breaks_no_custodian(desk):
    header = sealed_header(desk, custodians=2, clauses=(1, 2, 3))
    segment = forged_segment(desk, header)
    request = desk.labels(desk.intent(), segment, headers=[header])
    for name in ALL:
        decision = desk.decide(request, name)
        assert isinstance(decision, Decline), name
