"""What an audit says of an order that was opened after its end, or beyond its limit, and of the parts before one."""

from types import SimpleNamespace

import pytest
from forging import RECORDS, Desk, log_entries

import coffer.custody.decide
import coffer.procedures.opening.beginning
from coffer.authority.authorization import parse_authorization
from coffer.authority.countersign import verify_countersigned
from coffer.ledger.entries import DrawEntry, RefuseEntry, RevokeEntry
from coffer.ledger.state import State
from coffer.procedures.opening.amend import amend_request
from coffer.procedures.opening.reveal import HIDDEN_BY_DEFAULT, reveal_entry
from coffer_audit.answer import against_log
from coffer_audit.answer.audit import audit_answer
from coffer_audit.answer.evidence import find_parts_before
from coffer_audit.errors import NotProven
from coffer_audit.vault.audit import audit_vault
from public_codes import REFUSED

ALL = ("judge", "dpo", "regulator")


def amendment_of(world, note, limit=3):
    made = amend_request(world.vault, note, max_records=limit, authority="Court", basis="extended", files=())
    return world.countersign(made.note.raw, *ALL)


@pytest.fixture
def amended(world):
    """An order of two records, of which three are there, and an amendment that allows three."""
    world.ingest(RECORDS)
    note = world.authorize(by=ALL, max_records=2)
    return world, note, amendment_of(world, note)


@pytest.fixture
def careless(monkeypatch):
    """Desk and custodians that do not look at revocations and refusals."""
    monkeypatch.setattr(coffer.custody.decide, "_verify_time", lambda *_: None)
    monkeypatch.setattr(
        coffer.procedures.opening.beginning,
        "verify_may_ask",
        lambda order, state, _now: verify_countersigned(order, state.rosters[order.terms.roster]),
    )


def commitment_of(note):
    return parse_authorization(note, "note").commitment


def violations(world, note):
    findings = audit_answer(world.write_answer(world.open(note)), None, None, world.vault.path).findings
    return [one.message for one in findings.violations]


def test_request_after_a_revocation_of_the_amendment_is_found(amended, careless):
    world, note, amendment = amended
    body = RevokeEntry(authorization=commitment_of(amendment))
    (index,) = log_entries(world, body, key=world.keys("judge").auth)
    said = f"request 00: found it after entry {index}, which revokes the authorization or its amendment"
    assert violations(world, note + amendment) == [said]


@pytest.mark.parametrize("which", ["request", "amendment"])
def test_reply_of_a_custodian_that_had_refused_is_found(amended, careless, which):
    world, note, amendment = amended
    named = commitment_of(note if which == "request" else amendment)
    body = RefuseEntry(authorization=named, custodian="dpo", reason="merit", **REFUSED)
    (index,) = log_entries(world, body, key=world.keys("dpo").auth)
    said = f"reply of dpo: found one to a request after entry {index}, in which it refused the authorization or its amendment"
    assert violations(world, note + amendment) == [said]


def test_twin_what_ends_after_the_answer_or_is_about_another_order_is_not_found(amended):
    world, note, amendment = amended
    refusal = RefuseEntry(authorization=commitment_of(note), custodian="dpo", reason="merit", **REFUSED)
    judge, dpo = (world.keys(name).auth for name in ("judge", "dpo"))
    other = commitment_of(world.authorize())
    log_entries(world, RevokeEntry(authorization=other), key=judge)
    answer = world.write_answer(world.open(note + amendment))
    log_entries(world, RevokeEntry(authorization=commitment_of(amendment)), key=judge)
    log_entries(world, RevokeEntry(authorization=commitment_of(note)), key=judge)
    log_entries(world, refusal, key=dpo)
    assert audit_answer(answer, None, None, world.vault.path).findings.violations == []


@pytest.fixture
def ended(monkeypatch):
    """Judges an answer of a and b to two requests, whose checkpoints show so many entries; what its log ends with."""
    monkeypatch.setattr(against_log, "parse_checkpoint", lambda size, _place: SimpleNamespace(size=size))

    def judge(*sizes, revoked=None, refused=None, by="a", note="order"):
        said = SimpleNamespace(text={"custodian": by, "authorization": note})
        whole = SimpleNamespace(
            marks={"revoke": [(revoked, note)] if revoked else []}, refusals=[(refused, said)] * bool(refused)
        )
        order = SimpleNamespace(paper=SimpleNamespace(commitment="order", amendment=None))
        digests = [SimpleNamespace(checkpoint=size) for size in sizes]
        replies = SimpleNamespace(values=dict.fromkeys([(0, "a"), (1, "a"), (0, "b")]))
        try:
            against_log._verify_not_ended(whole, order, digests, replies)
        except NotProven as error:
            return str(error)
        return ""

    return judge


def test_end_counts_from_the_entry_on_that_a_request_shows(ended):
    assert ended(9, 10, revoked=10) == ""
    assert ended(9, 11, revoked=10).startswith("request 01: found it after entry 10")
    assert ended(9, 10, refused=10) == ""
    assert ended(9, 11, refused=10).startswith("reply of a: found one to a request after entry 10")
    assert ended(9, 11, refused=10, by="b") == "", "b replied to the first request alone"
    assert ended(11, 11, refused=10, by="b") != ""
    assert ended(11, 11, revoked=10, note="another") == ended(11, 11, refused=10, note="another") == ""


def test_requester_that_did_not_sign_the_amendment_is_found(amended):
    world, note, amendment = amended
    folder = world.write_answer(world.open(note + amendment))
    lines = amendment.decode().split("\n")
    unsigned = "\n".join(line for line in lines if not line.startswith("\N{EM DASH} desk ")).encode()
    (folder / "evidence" / "authorization.note").write_bytes(note + unsigned)
    findings = audit_answer(folder, None, None, world.vault.path).findings
    assert [one.message for one in findings.violations] == ["amendment: found no signature of the requester"]


def reveal(world, note):
    with world.vault.writing() as state:
        body = reveal_entry(parse_authorization(note, "note"), HIDDEN_BY_DEFAULT)
        world.vault.append([world.vault.entry(body, world.vault.operator_key("desk"), state)], state)


def budget(world):
    """The violations and the warnings about the budget of a vault's draws."""
    findings = audit_vault(world.vault.path, None, None, quick=True).findings
    return [[one.message for one in some if one.code == "BUDGET"] for some in (findings.violations, findings.warnings)]


def test_draw_above_a_revealed_limit_is_lawful_if_an_amendment_that_allows_it_is_revealed_too(amended):
    world, note, amendment = amended
    world.open(note + amendment)
    reveal(world, note)
    in_all = "draw: found 3 records in all, "
    assert budget(world) == [[f"{in_all}expected at most the revealed 2"], []]
    reveal(world, amendment)
    says = "more than the revealed 2: a revealed amendment allows 3, and only an answer shows who signed it"
    assert budget(world) == [[], [in_all + says]]


def test_draw_above_the_limit_of_the_revealed_amendment_is_found(world):
    world.ingest(RECORDS)
    note = world.authorize(by=ALL, max_records=1)
    low, high = amendment_of(world, note, 2), amendment_of(world, note, 3)
    other = world.authorize(by=ALL, max_records=1)
    world.open(note + high)
    for one in (note, low, other, amendment_of(world, other, 9)):
        reveal(world, one)
    assert budget(world) == [["draw: found 3 records in all, expected at most the revealed 2"], []]
    reveal(world, high)
    assert budget(world)[0] == []


@pytest.mark.parametrize(("limit", "said"), [(3, ["draws: found 4 in all, expected at most max-records"]), (4, [])])
def test_draws_of_all_openings_together_above_the_limit_are_found(world, monkeypatch, limit, said):
    world.ingest(RECORDS)
    world.open(world.authorize(by=ALL))  # another order, whose draw does not count
    note = world.authorize(by=ALL, max_records=2)
    desk = Desk(world, note)
    desk.intent()
    desk.log(DrawEntry(intent=desk.intent(), table=bytes(32), records=1))
    monkeypatch.setattr(State, "drawn", lambda *_, **__: 0)  # desk and custodians do not look at other openings
    answer = world.write_answer(world.open(note + amendment_of(world, note, limit)))
    desk.log(DrawEntry(intent=desk.intent(), table=bytes(32), records=9))  # nor does a later one
    findings = audit_answer(answer, None, None, world.vault.path).findings
    assert [one.message for one in findings.violations] == said


def opening(index, *, authorization="a", answers=2, close=True):
    act = SimpleNamespace(text={"authorization": authorization}, number={"answers": answers})
    return SimpleNamespace(intent=act, close=(index + 1, act) if close else None)


def parts(*openings):
    """Which of openings, at the indexes 10, 20 and so on, are parts before the intent 100 of the order a."""
    state = SimpleNamespace(openings={10 * (i + 1): one for i, one in enumerate(openings)})
    return find_parts_before("a", 100, state)


def test_part_of_an_order_is_an_opening_of_it_that_was_closed_with_an_answer_before():
    assert parts(opening(10), opening(20)) == [10, 20]
    assert parts(opening(10), opening(20, authorization="b")) == [10]
    assert parts(opening(10), opening(20, answers=0)) == [10]
    assert parts(opening(10), opening(20, close=False)) == [10]
    assert parts(opening(10), opening(98)) == [10, 20]  # closed in the entry before the intent
    assert parts(opening(10), opening(100)) == [10]  # and after it
