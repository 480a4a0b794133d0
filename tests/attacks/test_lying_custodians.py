"""Custodians that lie about values: the client names them, or says that it cannot be certain; it never shows a row that was not sealed."""

import os

import numpy as np
import pytest
from forging import DAYS, RECORDS, ROWS, Other, among, forge, liar, rows_of, statuses_of

from coffer.disclosure.answer import count_alone
from coffer.errors import NotProven, Unavailable
from coffer.segments import prf
from coffer.segments.rows import parse_row
from world import World

SHARED_WITH_DPO, SHARED_WITH_REGULATOR = 0, 1
"""The two clauses that judge holds, by position: {judge, dpo} and {judge, regulator}."""


@pytest.fixture
def world(world):
    world.ingest(RECORDS)
    return world


def accused_in(world):
    return {entry.accused for _, entry in world.state().faults}


def test_twin_all_honest_opens_every_row_and_accuses_nobody(world):
    answer = world.open(world.authorize())
    assert rows_of(answer) == ROWS
    assert statuses_of(answer) == {"complete"}
    assert set(answer.custodians.values()) == {"answered"}
    assert accused_in(world) == set()


@pytest.mark.parametrize("lane", [1, 2])
def test_one_forges_every_value_of_a_lane_and_is_outvoted_named_and_logged(world, lane):
    answer = world.open(world.authorize(), among(world, liar(world, "judge", forge(lane))))
    assert rows_of(answer) == ROWS
    assert statuses_of(answer) == {"complete"}
    assert dict(answer.custodians) == {"judge": "fault", "dpo": "answered", "regulator": "answered"}
    assert accused_in(world) == {"judge"}


@pytest.mark.parametrize("lane", [1, 2])
@pytest.mark.parametrize("clause", [SHARED_WITH_DPO, SHARED_WITH_REGULATOR])
def test_one_forges_one_clause_only_and_is_outvoted_named_and_logged(world, lane, clause):
    answer = world.open(world.authorize(), among(world, liar(world, "judge", forge(lane, clause=clause))))
    assert rows_of(answer) == ROWS
    assert answer.custodians["judge"] == "fault"
    assert accused_in(world) == {"judge"}


def test_forged_labels_with_the_minimal_set_are_noticed_on_the_shared_clause(world):
    with pytest.raises(Unavailable, match=r"too few answered for rule base.*regulator: no answer"):
        world.open(world.authorize(), [liar(world, "judge", forge(1)), world.custodian("dpo")])


def test_forged_labels_with_the_minimal_set_hide_rows_only_as_unconfirmed(world):
    lie = forge(1, clause=SHARED_WITH_REGULATOR)
    answer = world.open(world.authorize(), [liar(world, "judge", lie), world.custodian("dpo")])
    assert rows_of(answer) == []
    assert statuses_of(answer) == {"unconfirmed"}


@pytest.mark.parametrize("clause", [None, SHARED_WITH_DPO, SHARED_WITH_REGULATOR])
def test_forged_row_secrets_with_the_minimal_set_open_no_row_at_all(world, clause):
    answer = world.open(world.authorize(), [liar(world, "judge", forge(2, clause=clause)), world.custodian("dpo")])
    assert rows_of(answer) == []
    assert statuses_of(answer) == {"unconfirmed"}
    assert answer.custodians["regulator"] == "no answer"


def test_twin_minimal_set_that_is_honest_opens_every_row(world):
    answer = world.open(world.authorize(), world.custodians("judge", "dpo"))
    assert rows_of(answer) == ROWS
    assert answer.custodians["regulator"] == "no answer"


def test_chosen_bits_of_an_opened_row_cannot_be_flipped(world):
    note = world.authorize()
    for position in (0, 4, 8, 11, 15):
        delta = bytes(1 if at == position else 0 for at in range(16))
        lie = forge(2, clause=SHARED_WITH_REGULATOR, delta=delta)
        answer = world.open(note, [liar(world, "judge", lie), world.custodian("dpo")])
        assert rows_of(answer) == []
        assert statuses_of(answer) == {"unconfirmed"}


def test_no_single_bit_of_a_row_secret_can_be_changed_so_that_the_row_still_reads():
    pi, y = prf.public_permutation_key(os.urandom(32)), np.frombuffer(os.urandom(16), "<u8").reshape(1, 2)
    core = (1 << 124 | 33698765432 << 74 | 36000 << 57 | 60 << 37 | 5 << 32).to_bytes(16, "big")
    row = bytes(a ^ b for a, b in zip(core, prf.pads(pi, y, 1).tobytes(), strict=True))

    def opened(delta):
        changed = np.frombuffer(bytes(a ^ b for a, b in zip(y.tobytes(), delta, strict=True)), "<u8").reshape(1, 2)
        plain = bytes(a ^ b for a, b in zip(row, prf.pads(pi, changed, 1).tobytes(), strict=True))
        return parse_row(plain, b"", 0, "segment")

    assert opened(bytes(16)).peer == 33698765432
    for bit in range(128):
        with pytest.raises(NotProven, match="does not decrypt"):
            opened((1 << bit).to_bytes(16, "big"))


@pytest.mark.parametrize("clause", [None, SHARED_WITH_DPO, SHARED_WITH_REGULATOR])
def test_one_truncates_a_run_and_the_longer_run_of_the_others_wins(world, clause):
    lie = forge(1, clause=clause, from_rank=1)
    answer = world.open(world.authorize(), among(world, liar(world, "judge", lie)))
    assert rows_of(answer) == ROWS
    assert statuses_of(answer) == {"complete"}
    assert accused_in(world) == {"judge"}


@pytest.mark.parametrize(("clause", "name"), [(0, "regulator"), (1, "regulator"), (0, "dpo"), (1, "dpo")])
def test_truncation_by_any_custodian_is_outvoted(world, clause, name):
    answer = world.open(world.authorize(), among(world, liar(world, name, forge(1, clause=clause, from_rank=1))))
    assert rows_of(answer) == ROWS
    assert accused_in(world) == {name}


def test_truncation_with_the_minimal_set_shows_in_the_missing_last_flag(world):
    lie = forge(1, clause=SHARED_WITH_REGULATOR, from_rank=1)
    answer = world.open(world.authorize(), [liar(world, "judge", lie), world.custodian("dpo")])
    assert rows_of(answer) == ROWS[:1]  # the day with one record is whole; of the day with two, nothing is shown
    assert sorted(cell.status for cell in answer.cells) == ["complete", "unconfirmed"]


@pytest.mark.parametrize("clause", [None, SHARED_WITH_DPO])
def test_truncation_in_the_second_window_is_outvoted(world, clause):
    lines = "".join(f"+33612345678,+33698765432,2016-09-03 10:{n // 60:02}:{n % 60:02},5\n" for n in range(70))
    world.ingest(lines)
    note = world.authorize(days=[("2016-09-03", "2016-09-03")])
    answer = world.open(note, among(world, liar(world, "judge", forge(1, clause=clause, from_rank=66))))
    assert len(rows_of(answer)) == 70
    assert statuses_of(answer) == {"complete"}


def test_liar_about_one_day_only_is_named(world):
    answer = world.open(world.authorize(), among(world, liar(world, "judge", forge(2, day=DAYS[0]))))
    assert rows_of(answer) == ROWS
    assert answer.custodians["judge"] == "fault"
    assert accused_in(world) == {"judge"}


@pytest.mark.parametrize("clause", [SHARED_WITH_DPO, SHARED_WITH_REGULATOR])
def test_liar_about_a_rank_that_holds_nothing_frames_no_honest_custodian(world, clause):
    answer = world.open(world.authorize(), among(world, liar(world, "judge", forge(1, clause=clause, rank=40))))
    assert rows_of(answer) == ROWS
    honest = {"dpo", "regulator"}
    assert {name for name in honest if answer.custodians[name] == "fault"} == set()


def test_hiding_custodian_makes_an_empty_day_unconfirmed_and_not_no_records(world):
    note = world.authorize(subjects=["tel:+33600000000"])
    answer = world.open(note, among(world, liar(world, "judge", forge(1))))
    assert statuses_of(answer) == {"unconfirmed"}
    assert count_alone(answer.cells, answer.custodians) == 0


def test_twin_empty_day_is_no_records_when_all_holders_agree(world):
    answer = world.open(world.authorize(subjects=["tel:+33600000000"]))
    assert statuses_of(answer) == {"no records"}


def test_empty_day_is_unconfirmed_when_a_clause_has_one_answer(world):
    note = world.authorize(subjects=["tel:+33600000000"])
    answer = world.open(note, world.custodians("judge", "dpo"))
    assert statuses_of(answer) == {"unconfirmed"}
    assert count_alone(answer.cells, answer.custodians) == len(answer.cells) > 0


@pytest.mark.parametrize(("liars", "status"), [(0, "no records"), (1, "no records"), (2, "unconfirmed")])
def test_three_of_five_stays_certain_beside_one_liar_and_not_beside_two(tmp_path, liars, status):
    names = ("a", "b", "c", "d", "e")
    world = World.make(tmp_path, custodians=names, rules=[("base", "3 of a,b,c,d,e")])
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest(RECORDS.splitlines(keepends=True)[0])
    note = world.authorize(by=names, subjects=["tel:+33600000000"])
    lies = [liar(world, name, forge(1, held=6, delta=os.urandom(16))) for name in names[:liars]]
    assert statuses_of(world.open(note, among(world, *lies))) == {status}


def test_two_colluding_liars_of_three_cannot_make_the_client_show_a_wrong_row(world):
    lies = [liar(world, name, forge(2, clause=0)) for name in ("judge", "dpo")]  # the clause they share, alike
    answer = world.open(world.authorize(), among(world, *lies))
    assert set(rows_of(answer)) <= set(ROWS)


def test_reply_in_clear_garbage_or_nothing_is_a_fault_and_the_others_suffice(world):
    note = world.authorize()
    for junk in (b"", b"COFRSP01", b"\x00" * 5000, os.urandom(1400)):
        answer = world.open(note, among(world, Other("judge", lambda _sealed, junk=junk: junk)))
        assert rows_of(answer) == ROWS
        assert answer.custodians["judge"] == "fault"


def test_payload_too_short_too_long_or_of_another_lane_is_a_fault(world):
    note = world.authorize()
    for lie in (
        lambda _request, payload: payload[:-1],
        lambda _request, payload: payload + b"\0",
        lambda _request, payload: payload[:9] + bytes([payload[9] ^ 3]) + payload[10:],
        lambda request, _payload: b"COFERR01\x01" + request.hash + b"\x63",
        lambda request, _payload: b"COFERR01\x02" + request.hash + b"\x01",
    ):
        answer = world.open(note, among(world, liar(world, "judge", lie)))
        assert rows_of(answer) == ROWS
        assert answer.custodians["judge"] == "fault"
