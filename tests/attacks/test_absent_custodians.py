"""Custodians that are down, refuse, or whose replies are not theirs or not to this request."""

import pytest
from forging import RECORDS, ROWS, Desk, Other, among, liar, rows_of, statuses_of

from coffer.custody.exchange import CONSTANT_REFUSAL, response_message
from coffer.errors import Refused, Unavailable
from coffer.notes.keys import SigningKey


@pytest.fixture
def world(world):
    world.ingest(RECORDS)
    return world


def down(name):
    def answer(_sealed):
        raise Unavailable(f"custodian {name}: no connection")

    return Other(name, answer, answer)


def test_one_down_leaves_the_others_to_answer(world):
    answer = world.open(world.authorize(), among(world, down("judge")))
    assert rows_of(answer) == ROWS
    assert answer.custodians["judge"] == "no answer"
    assert answer.answers == 2


def test_nobody_is_said_to_be_silent_where_nothing_was_to_be_asked(world):
    answer = world.open(world.authorize(days=[("2016-09-05", "2016-09-05")]))
    assert (rows_of(answer), answer.answers) == ([], 0)
    assert set(answer.custodians.values()) == {"not asked"}


def test_two_down_open_nothing_and_the_opening_is_kept_without_cost(world):
    note = world.authorize(max_records=3)
    with pytest.raises(
        Unavailable,
        match=r"too few vouch for the log: rule base lacks 1 of judge, dpo; judge: no answer; dpo: no answer",
    ):
        world.open(note, among(world, down("judge"), down("dpo")))
    assert rows_of(world.open(note)) == ROWS
    assert len(world.state().openings) == 1


def test_custodian_that_missed_the_labels_is_not_said_to_have_answered(world):
    class Late:
        name = "judge"
        asked = 0

        def answer(self, sealed):
            self.asked += 1
            if self.asked == 1:
                raise Unavailable("custodian judge: no connection")
            return world.custodian("judge").answer(sealed)

    answer = world.open(world.authorize(), among(world, Late()))
    assert rows_of(answer) == ROWS
    assert answer.custodians["judge"] == "no answer"
    assert answer.answers == 2


@pytest.mark.parametrize("down_in", [1, 2])
def test_minimal_set_of_which_one_drops_out_shows_no_row(world, down_in):
    class Leaving:
        name = "dpo"
        asked = 0

        def answer(self, sealed):
            self.asked += 1
            if self.asked >= down_in:
                raise Unavailable("custodian dpo: no connection")
            return world.custodian("dpo").answer(sealed)

    with pytest.raises(Unavailable, match="too few answered"):
        world.open(world.authorize(), among(world, Leaving())[:2])


def test_reply_signed_by_another_key_is_a_fault(world):
    service = world.custodian("judge")
    stranger = SigningKey.generate("judge/resp")
    service._ring.keys = type(service.keys)(
        auth=service.keys.auth,
        resp=stranger,
        req=service.keys.req,
        approvals=service.keys.approvals,
        wrapping=service.keys.wrapping,
    )
    answer = world.open(world.authorize(), among(world, service))
    assert rows_of(answer) == ROWS
    assert answer.custodians["judge"] == "fault"
    assert statuses_of(answer) == {"complete"}


def test_twin_reply_signed_by_its_own_key_counts(world):
    answer = world.open(world.authorize(), among(world, world.custodian("judge")))
    assert answer.custodians["judge"] == "answered"


def test_reply_to_another_request_replayed_is_a_fault(world):
    recorded, honest = [], world.custodian("judge")

    def answer(sealed):
        recorded.append(honest.answer(sealed))
        return recorded[0]

    opened = world.open(world.authorize(), among(world, Other("judge", answer)))
    assert len(recorded) == 2
    assert rows_of(opened) == ROWS
    assert opened.custodians["judge"] == "fault"


def test_twin_the_same_request_again_gives_the_same_payload(world):
    desk = Desk(world, world.authorize())
    request = desk.labels(desk.intent())
    first, second = desk.ask(request), desk.ask(request)
    assert first == second
    assert first.startswith(b"COFRSP01\x01\x01" + request.hash)


def test_payload_signed_for_another_request_hash_is_a_fault(world):
    def confused(request, payload):
        other = payload[:10] + bytes(32) + payload[42:]
        assert response_message(bytes(32), request.seal_public, other)
        return other

    service = liar(world, "judge", confused)
    answer = world.open(world.authorize(), among(world, service))
    assert rows_of(answer) == ROWS
    assert answer.custodians["judge"] == "fault"


def test_one_refusing_leaves_the_others_to_answer(world):
    note = world.authorize(by=("judge", "dpo"))
    answer = world.open(note)
    assert rows_of(answer) == ROWS
    assert answer.custodians["regulator"] == "refused: constant"


def test_two_refusing_open_nothing(world):
    note = world.authorize()
    refusing = [Other(name, lambda _sealed: CONSTANT_REFUSAL) for name in ("judge", "dpo")]
    with pytest.raises(Refused, match="too few answered") as refusal:
        world.open(note, among(world, *refusing))
    assert refusal.value.code == "scope"


def test_stranger_beside_the_custodians_is_not_asked(world):
    asked = []
    stranger = Other("stranger", lambda sealed: asked.append(sealed) or CONSTANT_REFUSAL)
    answer = world.open(world.authorize(), [*among(world), stranger])
    assert rows_of(answer) == ROWS
    assert asked == []
    assert "stranger" not in answer.custodians
