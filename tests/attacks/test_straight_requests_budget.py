"""Requests sent straight to a custodian, steps 11, 12 and 14: ranks, draws, budgets and rates; the log is the only counter.

The numbers are those of ``docs/procedures/opening.md`` and of ``custody/decide.py``.
"""

import pytest
from forging import OTHER, RECORDS, ROWS, SUBJECT, Desk, ingester_key, rows_of

from coffer.custody import decide as decide_module
from coffer.custody.decide import Decline, Grant
from coffer.custody.exchange import Code
from coffer.errors import Refused
from coffer.ledger.entries import CloseEntry
from coffer.segments import prf
from coffer.segments.bundle import bundle_info, parse_bundle
from public_codes import NOTHING
from world import World

ALL = ("judge", "dpo", "regulator")
BUDGET, LOG = Decline(step=11, code=Code.BUDGET), Decline(step=11, code=Code.LOG)


@pytest.fixture
def desk(world):
    world.ingest(RECORDS)
    return Desk(world, world.authorize(by=ALL, max_records=3))


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A desk with an intent, in a world that no test changes."""
    world = World.make(tmp_path_factory.mktemp("still"))
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    desk = Desk(world, world.authorize(by=ALL))
    return desk, desk.intent()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The same for a note that says hub: yes."""
    world = World.make(tmp_path_factory.mktemp("hub"))
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    desk = Desk(world, world.authorize(by=ALL, is_hub=True, max_records=1000))
    return desk, desk.intent()


@pytest.mark.parametrize(
    ("first", "count"), [(0, 65), (1, 64), (63, 1), (64, 65), (256, 64), (256, 1), (2**24, 64), (2**32 - 64, 64)]
)
def test_step_11_label_window_out_of_bounds_is_refused(still, first, count):
    desk, intent = still
    assert desk.decide(desk.labels(intent, desk.cell(1, first=first, count=count))) == BUDGET


@pytest.mark.parametrize(("first", "count"), [(0, 1), (0, 64), (64, 64), (192, 64)])
def test_step_11_twin_label_window_within_bounds_is_answered(still, first, count):
    desk, intent = still
    assert isinstance(desk.decide(desk.labels(intent, desk.cell(1, first=first, count=count))), Grant)


def test_step_11_labels_beyond_the_cap_need_hub(hub, still):
    desk, intent = hub
    assert isinstance(desk.decide(desk.labels(intent, desk.cell(1, first=256))), Grant)
    assert desk.decide(desk.labels(intent, desk.cell(1, first=2**24))) == BUDGET
    plain, other = still
    assert plain.decide(plain.labels(other, plain.cell(1, first=256))) == BUDGET


def test_step_11_several_windows_of_one_subject_at_once_are_refused(still):
    desk, intent = still
    windows = [desk.cell(1), desk.cell(1, first=64)]
    assert desk.decide(desk.labels(intent, *windows)) == BUDGET
    assert isinstance(desk.decide(desk.labels(intent, desk.cell(1), desk.cell(2, first=64))), Grant)


def test_step_11_data_without_a_draw_are_refused(desk):
    intent, cell = desk.intent(), desk.cell(1, count=1)
    assert desk.decide(desk.data(intent, 0, cell)) == LOG
    draw = desk.draw(intent, [cell])
    assert desk.decide(desk.data(intent, draw - 1, cell)) == LOG
    assert isinstance(desk.decide(desk.data(intent, draw, cell)), Grant)


def test_step_11_draw_of_another_intent_is_refused(desk):
    first, second, cell = desk.intent(), desk.intent(), desk.cell(1, count=1)
    draw = desk.draw(first, [cell])
    assert desk.decide(desk.data(second, draw, cell)) == LOG
    assert isinstance(desk.decide(desk.data(first, draw, cell)), Grant)


def test_step_11_cells_other_than_those_drawn_are_refused(desk):
    intent, drawn = desk.intent(), desk.cell(1, count=1)
    draw = desk.draw(intent, [drawn])
    for cells in ([desk.cell(2, count=1)], [desk.cell(1, count=2)], [drawn, desk.cell(2, count=1)]):
        assert desk.decide(desk.data(intent, draw, *cells)) == LOG
    assert desk.decide(desk.data(intent, draw, drawn, draw_salt=bytes(32))) == LOG
    assert isinstance(desk.decide(desk.data(intent, draw, drawn)), Grant)


def test_step_11_overlapping_ranges_of_one_subject_are_refused(desk):
    intent, cells = desk.intent(), [desk.cell(2, count=1), desk.cell(2, count=2)]
    draw = desk.draw(intent, cells)
    assert desk.decide(desk.data(intent, draw, *cells)) == BUDGET


def test_step_11_ranges_that_begin_later_than_rank_0_are_refused(desk):
    intent, cell = desk.intent(), desk.cell(2, first=1, count=1)
    draw = desk.draw(intent, [cell])
    assert desk.decide(desk.data(intent, draw, cell)) == BUDGET


@pytest.mark.parametrize("said", [1, 3])
def test_step_11_sum_that_is_not_the_draws_records_is_refused(desk, said):
    intent, cell = desk.intent(), desk.cell(2, count=2)
    draw = desk.draw(intent, [cell], records=said)
    assert desk.decide(desk.data(intent, draw, cell)) == BUDGET


def test_step_11_twin_sum_that_is_the_draws_records_is_answered(desk):
    intent, cell = desk.intent(), desk.cell(2, count=2)
    assert isinstance(desk.decide(desk.data(intent, desk.draw(intent, [cell]), cell)), Grant)


def test_step_11_more_of_one_subject_than_the_cap_needs_hub(hub, world):
    world.ingest(RECORDS)
    plain = Desk(world, world.authorize(by=ALL, max_records=1000))
    over, cell = plain.intent(), plain.cell(1, count=201)
    assert plain.decide(plain.data(over, plain.draw(over, [cell]), cell)) == BUDGET
    within, cell = plain.intent(), plain.cell(1, count=200)
    assert isinstance(plain.decide(plain.data(within, plain.draw(within, [cell]), cell)), Grant)
    desk, _ = hub
    intent, cell = desk.intent(), desk.cell(1, count=201)
    assert isinstance(desk.decide(desk.data(intent, desk.draw(intent, [cell]), cell)), Grant)


def test_step_11_more_records_than_authorised_in_one_draw_are_refused(desk):
    intent, cell = desk.intent(), desk.cell(1, count=4)
    assert desk.decide(desk.data(intent, desk.draw(intent, [cell]), cell)) == BUDGET


def test_step_11_more_records_than_authorised_over_several_draws_are_refused(desk):
    first, second = desk.intent(), desk.intent()
    one, two = desk.cell(1, count=1), desk.cell(2, count=3)
    early, late = desk.draw(first, [one]), desk.draw(second, [two])
    for name in ALL:
        assert desk.decide(desk.data(second, late, two), name) == BUDGET
        assert isinstance(desk.decide(desk.data(first, early, one), name), Grant)  # within, when it was drawn


def test_step_11_draws_of_closed_openings_count(desk):
    first, cell = desk.intent(), desk.cell(2, count=2)
    desk.draw(first, [cell])
    desk.log(CloseEntry(intent=first, result=bytes(32), records=0, answers=0, unconfirmed_cells=0, **NOTHING))
    second = desk.intent()
    assert desk.decide(desk.data(second, desk.draw(second, [cell]), cell)) == BUDGET


def test_step_11_rotating_quorums_share_one_budget(desk):
    world = desk.world
    assert rows_of(world.open(desk.note, world.custodians("judge", "dpo"))) == ROWS
    with pytest.raises(Refused, match="all 3 that it allows were drawn before") as refusal:
        world.open(desk.note, world.custodians("dpo", "regulator"))
    assert refusal.value.code == "budget"
    # and past the client's early check: the custodian that was not asked the first time refuses as well
    intent, cell = desk.intent(), desk.cell(1, count=1)
    assert desk.decide(desk.data(intent, desk.draw(intent, [cell]), cell), "regulator") == BUDGET


def test_step_11_what_is_left_of_a_budget_is_not_exceeded_either(world):
    world.ingest(RECORDS)
    note = world.authorize(by=ALL, max_records=5)
    assert rows_of(world.open(note, world.custodians("judge", "dpo"))) == ROWS
    with pytest.raises(Refused, match="3 found, after 3 drawn before, expected at most 5") as refusal:
        world.open(note, world.custodians("dpo", "regulator"))
    assert refusal.value.code == "budget"


def test_twin_two_openings_within_the_budget_both_open(world):
    world.ingest(RECORDS)
    note = world.authorize(by=ALL, max_records=6)
    assert rows_of(world.open(note, world.custodians("judge", "dpo"))) == ROWS
    assert rows_of(world.open(note, world.custodians("dpo", "regulator"))) == ROWS


def test_step_11_second_draw_for_one_intent_does_not_exist(desk):
    intent, one, two = desk.intent(), desk.cell(1, count=1), desk.cell(2, count=2)
    first, second = desk.draw(intent, [one]), desk.draw(intent, [two])
    assert desk.decide(desk.data(intent, second, two)) == LOG
    assert isinstance(desk.decide(desk.data(intent, first, one)), Grant)


def test_step_11_draw_signed_by_another_key_does_not_exist(desk):
    intent, cell = desk.intent(), desk.cell(1, count=1)
    forged = desk.draw(intent, [cell], key=ingester_key(desk.world))
    assert desk.decide(desk.data(intent, forged, cell)) == LOG
    assert isinstance(desk.decide(desk.data(intent, desk.draw(intent, [cell]), cell)), Grant)


def test_client_over_budget_opens_nothing_and_closes(world):
    world.ingest(RECORDS)
    note = world.authorize(by=ALL, max_records=2)
    with pytest.raises(Refused, match=r"records: 3 found, expected at most 2") as refusal:
        world.open(note)
    assert refusal.value.code == "budget"
    opening = next(iter(world.state().openings.values()))
    assert opening.draw is None
    assert opening.close is not None
    assert opening.close.records == 0


def test_client_refuses_a_hub_that_is_not_said_to_be_one(world):
    lines = "".join(f"+33612345678,+33698765432,2016-09-01 10:{n // 60:02}:{n % 60:02},5\n" for n in range(201))
    world.ingest(lines)
    with pytest.raises(Refused, match="more than 200 found") as refusal:
        world.open(world.authorize(by=ALL, max_records=1000))
    assert refusal.value.code == "budget"
    assert len(rows_of(world.open(world.authorize(by=ALL, max_records=1000, is_hub=True)))) == 201


def test_step_12_too_many_intents_of_one_authorization_are_refused(desk, monkeypatch):
    monkeypatch.setattr(decide_module, "MAX_INTENTS_PER_AUTHORIZATION", 3)
    intents = [desk.intent() for _ in range(3)]
    assert isinstance(desk.decide(desk.labels(intents[-1])), Grant)
    desk.intent()
    assert desk.decide(desk.labels(intents[0])) == Decline(step=12, code=Code.BUDGET)


def test_step_12_too_many_intents_of_one_requester_in_a_day_are_refused(desk, monkeypatch):
    monkeypatch.setattr(decide_module, "MAX_INTENTS_PER_REQUESTER", 2)
    intent = desk.intent()
    desk.intent(authorization=bytes(32))
    assert isinstance(desk.decide(desk.labels(intent)), Grant)
    desk.intent(authorization=b"\1" * 32)
    assert desk.decide(desk.labels(intent)) == Decline(step=12, code=Code.BUDGET)


def test_step_12_the_limits_are_those_of_the_format_page():
    assert decide_module.MAX_INTENTS_PER_AUTHORIZATION == 32
    assert decide_module.MAX_INTENTS_PER_REQUESTER == 2000


def test_step_14_values_are_of_the_approved_line_day_lane_and_kind_and_of_nothing_else(still):
    desk, intent = still
    request = desk.labels(intent, desk.cell(1))
    header = request.headers[0]
    decider = desk.decider()
    key = decider.epoch_key(header.core.day)
    bundle = key.unseal(header.bundles[0], info=bundle_info(header.core.seg_id, 1), place="bundle")
    subkeys = parse_bundle(bundle, (3, 5), "bundle")
    sid = desk.authorization.terms.subjects[0].sid
    assert desk.authorization.terms.subjects[0].format() == SUBJECT != OTHER
    payload = desk.decide(request).payload
    assert payload[:42] == b"COFRSP01\x01\x01" + request.hash
    expected = b"".join(
        prf.reference_partial(
            prf.effective_key(header.core.seg_id, clause, subkeys[clause]), sid, lane=1, kind=1, rank=rank
        )[:8]
        for clause in (3, 5)
        for rank in range(64)
    )
    assert payload[42:] == expected


def test_step_14_labels_do_not_give_away_row_secrets(desk):
    intent, cell = desk.intent(), desk.cell(1, count=1)
    labels = desk.decide(desk.labels(intent, cell)).payload[42:]
    data = desk.decide(desk.data(intent, desk.draw(intent, [cell]), cell)).payload[42:]
    assert (len(labels), len(data)) == (2 * 8, 2 * 16)
    assert labels[:8] not in data
