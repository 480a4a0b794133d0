"""The contract of ``coffer.custody.port.Custodian``, on a custodian in this process and on one that a real process serves over TLS."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from forging import Desk

from coffer.custody.exchange import CONSTANT_REFUSAL, MAX_REQUEST_BYTES, reply_info
from coffer.errors import CofferError
from coffer.ledger.entries import ReceiptEntry
from coffer.ledger.grammar import parse_entry
from coffer.procedures.opening.standings import ask_standings
from elsewhere import Elsewhere


@pytest.fixture(scope="module", params=["local", "served"])
def both(request, tmp_path_factory):
    """A desk with an intent, and a custodian."""
    world = Elsewhere.make_elsewhere(tmp_path_factory.mktemp(request.param)).with_records()
    desk = Desk(world, world.note_of_today())
    intent = desk.intent()
    cell = desk.cell_of_first()
    with world.serving("judge") if request.param == "served" else nullcontext() as process:
        custodian = world.custodian("judge") if process is None else process.client(deadline_s=300)
        yield desk, intent, cell, custodian
        if process is not None:
            custodian.close()


def unsealed(desk, request, reply):
    index = desk.world.state().roster.custodian("judge").index
    return desk.seal_key.unseal(reply, info=reply_info(request.hash, index), place="reply")


def test_its_name_is_that_of_the_roster(both):
    assert both[3].name == "judge"


def test_it_answers_what_it_approved(both):
    desk, intent, cell, custodian = both
    request = desk.labels(intent, cell)
    assert unsealed(desk, request, custodian.answer(desk.sealed(request))).startswith(b"COFRSP01")


def test_the_same_request_gives_the_same_payload(both):
    desk, intent, cell, custodian = both
    request = desk.labels(intent, cell)
    sealed = desk.sealed(request)
    first, second, other = custodian.answer(sealed), custodian.answer(sealed), custodian.answer(desk.sealed(request))
    assert unsealed(desk, request, first) == unsealed(desk, request, second) == unsealed(desk, request, other)


def test_it_may_be_called_from_several_threads(both):
    desk, intent, cell, custodian = both
    request = desk.labels(intent, cell)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(custodian.answer, [desk.sealed(request) for _ in range(24)]))
    assert len({unsealed(desk, request, reply) for reply in replies}) == 1


def test_a_refusal_after_step_7_is_sealed(both):
    desk, _, cell, custodian = both
    request = desk.labels(10_000, cell)
    assert unsealed(desk, request, custodian.answer(desk.sealed(request)))[:8] == b"COFERR01"


def test_it_tells_its_desk_how_a_request_stands_and_the_same_again(both):
    desk, _, _, custodian = both
    asked = [ask_standings(desk.world.vault, desk.authorization, [custodian])["judge"] for _ in range(2)]
    assert asked[0] == asked[1]
    assert (asked[0].custodian, asked[0].authorization) == ("judge", desk.authorization.commitment)


@pytest.mark.parametrize("size", [0, 1, 7, 1136, 2048, 2960])
def test_what_is_no_query_gets_the_constant_refusal(both, size):
    assert both[3].standing(bytes(size)) == CONSTANT_REFUSAL


@pytest.mark.parametrize("size", [0, 1, 7, 1136, 4096, MAX_REQUEST_BYTES + 1137])
def test_what_is_no_request_gets_the_constant_refusal(both, size):
    assert both[3].answer(bytes(size)) == CONSTANT_REFUSAL


def test_a_request_by_another_key_gets_the_constant_refusal(both):
    desk, intent, cell, custodian = both
    forged = desk.labels(intent, cell, key=desk.world.vault.operator_key("ingester"))
    assert custodian.answer(desk.sealed(forged)) == CONSTANT_REFUSAL


def test_no_bytes_make_it_raise_anything_but_unavailable(both):
    desk, intent, cell, custodian = both
    sealed = desk.sealed(desk.labels(intent, cell))
    for at in range(0, len(sealed), 97):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        try:
            assert custodian.answer(changed) == CONSTANT_REFUSAL
        except CofferError as error:
            pytest.fail(f"raised {type(error).__name__}")


def bodies_of(entries):
    return [parse_entry(raw, "entry").body for raw in entries]


def test_it_gives_a_receipt_for_each_of_the_logs_headers_and_the_same_one_again(both):
    desk, _, _, custodian = both
    vault = desk.world.vault
    segments = list(desk.world.state().segments.values())
    headers = [vault.segments.read_raw_header(one.line.day, one.line.seg_id) for one in segments]
    changed = headers[0][:-1] + bytes([headers[0][-1] ^ 1])
    assert custodian.receipt_entries([]) == custodian.receipt_entries([b"", b"junk" * 100, changed]) == []
    given = bodies_of(custodian.receipt_entries([*headers, changed]))
    assert [(type(body), body.custodian) for body in given] == [(ReceiptEntry, "judge")] * len(segments)
    assert {body.segment for body in given} == {one.line.seg_id for one in segments}
    again = bodies_of(custodian.receipt_entries(headers))
    assert sorted(body.canaries for body in again) == sorted(body.canaries for body in given)
