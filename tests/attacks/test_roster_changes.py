"""Custodians join, leave and are replaced, and rules change, from a day on: what is sealed keeps its roster, nothing is re-encrypted."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import pytest
from forging import OTHER, RECORDS, ROWS, rows_of

from coffer.custodian.service import CustodianService
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.custody.public import PublicKeys
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.state import State
from coffer.notes.note import parse_note
from coffer.procedures.opening import beginning
from coffer.procedures.receipts.run import run_receipts
from coffer.procedures.roster.change import losing_segments
from coffer_audit.vault.audit import audit_vault
from world import destroy_entry

LATER = "+33612345678,+33698765432,2016-09-03 10:00:00,7\n"
LATER_ROW = f"tel:+33612345678,call,out,{OTHER},2016-09-03T10:00:00Z,7,true,,"


@pytest.fixture
def sealed(world):
    """Two days sealed under the first roster."""
    world.ingest(RECORDS)
    return world


def test_replaced_custodian_old_and_new_days_open_with_one_authorization(sealed):
    new = sealed.joins("cnctr")
    before = {path: path.read_bytes() for path in sealed.vault.objects.folder.joinpath("segments").rglob("*.*")}
    sealed.publish(sealed.propose(replaced={"regulator": new}), "judge", "dpo", "cnctr")
    with pytest.raises(Unavailable, match="custodian cnctr has none for 2016-09-03"):
        sealed.ingest(LATER)
    sealed.epoch("2016-09-01", "2016-09-03")
    sealed.ingest(LATER)
    assert (
        before.items()
        <= {path: path.read_bytes() for path in sealed.vault.objects.folder.joinpath("segments").rglob("*.*")}.items()
    )
    note = sealed.authorize(by=("judge", "dpo"))
    answer = sealed.open(note)
    assert rows_of(answer) == [*ROWS, LATER_ROW]
    assert losing_segments(sealed.state().roster, sealed.state()) == 0


@dataclass
class Down:
    """A custodian that is gone when it is asked, and the request that it should have answered."""

    service: CustodianService
    sealed: bytes = b""

    def __getattr__(self, name):
        return getattr(self.service, name)

    def answer(self, sealed):
        self.sealed = sealed
        raise Unavailable("judge: down")


def test_custodian_that_just_started_answers_once_it_has_replayed_the_new_roster(sealed, monkeypatch):
    sealed.publish(sealed.propose(replaced={"regulator": sealed.joins("cnctr")}), "judge", "dpo", "cnctr")
    judge, *others = sealed.custodians("judge", "dpo", "cnctr")
    down = Down(judge)
    with pytest.raises(Unavailable, match="judge: no answer"):
        sealed.open(sealed.authorize(by=("judge", "dpo")), [down, *others])
    has_begun, may_go_on, apply_all = threading.Event(), threading.Event(), State.apply_all

    def halting(state, entries):
        verdicts = apply_all(state, entries[:1])  # the first roster
        has_begun.set()
        assert may_go_on.wait(10)
        return [*verdicts, *apply_all(state, entries[1:])]

    monkeypatch.setattr(State, "apply_all", halting)
    fresh = sealed.custodian("judge")
    with ThreadPoolExecutor(2) as pool:
        cosigning = pool.submit(fresh.cosign, sealed.vault.log.checkpoint())
        assert has_begun.wait(10)
        answering = pool.submit(fresh.answer, down.sealed)
        wait([answering], timeout=0.1)
        may_go_on.set()
        assert cosigning.result() != b""
        assert answering.result() != CONSTANT_REFUSAL


def test_custodian_whose_place_in_the_roster_changes_answers_for_old_and_new(sealed):
    """Masks are of the segment's roster, the number on the wire is of the note's: judge leaves, so all others move up."""
    new = sealed.joins("cnctr")
    changes = {"removed": ("judge",), "added": (new,), "rules": {"base": "2 of dpo,regulator,cnctr"}}
    sealed.publish(sealed.propose(**changes), "dpo", "regulator", "cnctr")
    assert [c.index for c in sealed.state().roster.custodians if c.name == "dpo"] == [1]
    sealed.epoch("2016-09-01", "2016-09-03")
    sealed.ingest(LATER)
    assert rows_of(sealed.open(sealed.authorize(by=("dpo", "regulator")))) == [*ROWS, LATER_ROW]


def custodians_decide(monkeypatch):
    """A desk that does not look first: what it would be told by the custodians themselves."""
    monkeypatch.setattr(beginning, "verify_signed_for_segments", lambda countersigned, _: countersigned)


def test_segments_of_custodians_that_left_open_under_their_own_roster(sealed, monkeypatch):
    old = sealed.state().roster.hash.hex()
    a, b = sealed.joins("cnctr"), sealed.joins("court")
    sealed.publish(sealed.propose(replaced={"regulator": a, "dpo": b}), "judge", "dpo", "cnctr", "court")
    assert losing_segments(sealed.state().roster, sealed.state()) == 2
    note = sealed.authorize(by=("judge", "court", "cnctr"))
    with pytest.raises(
        Refused, match="sealed under another roster, for subject 1 with rule base: signed by judge, expected 2"
    ):
        sealed.open(note)
    assert sealed.state().openings == {}
    custodians_decide(monkeypatch)
    with pytest.raises(Refused, match="too few answered"):
        sealed.open(note)
    note = sealed.countersign(sealed.request(roster=old[:16]), "judge", "dpo")
    assert rows_of(sealed.open(note)) == ROWS


def test_old_roster_of_those_that_left_does_not_open_what_was_sealed_after(sealed, monkeypatch):
    old = sealed.state().roster.hash.hex()
    a, b = sealed.joins("cnctr"), sealed.joins("court")
    sealed.publish(sealed.propose(replaced={"regulator": a, "dpo": b}), "judge", "dpo", "cnctr", "court")
    sealed.epoch("2016-09-01", "2016-09-03")
    sealed.ingest(LATER)
    days = [("2016-09-03", "2016-09-03")]
    note = sealed.countersign(sealed.request(roster=old, days=days), "dpo", "regulator")
    with pytest.raises(Refused, match="signed by no custodian of it, expected 2 of judge,court,cnctr"):
        sealed.open(note)
    custodians_decide(monkeypatch)
    with pytest.raises(Refused, match="too few answered"):
        sealed.open(note)
    twin = sealed.authorize(by=("judge", "court"), days=days)
    assert rows_of(sealed.open(twin)) == [LATER_ROW]


def test_custodian_that_left_can_still_destroy_and_give_receipts(sealed):
    new = sealed.joins("cnctr")
    sealed.publish(sealed.propose(replaced={"regulator": new}), "judge", "dpo", "cnctr")
    report = run_receipts(sealed.vault, sealed.custodians())
    assert (report.given, report.findings, report.missing) == (6, (), ())
    with sealed.vault.writing() as state:
        sealed.vault.append([destroy_entry(sealed.custodian("regulator"), dt.date(2016, 9, 1))], state)
    assert ("regulator", dt.date(2016, 9, 1)) in sealed.state().destroyed
    audited = audit_vault(sealed.vault.path, None, None, quick=False)
    assert audited.state.invalid == []
    assert ("regulator", "2016-09-01") in audited.state.destroyed


def test_name_of_one_that_left_is_given_to_nobody_else(sealed):
    """Epoch keys are kept by name: the successor's days would be sealed to its predecessor's keys."""
    keys = sealed.joins("cnctr")
    folder = sealed.vault.path / "custodians"
    (folder / "regulator").rename(folder / "x")
    forged = sealed.joins("regulator")
    note = sealed.propose(replaced={"regulator": forged})
    with pytest.raises(Refused, match="not in it"):
        sealed.publish(note, "judge", "dpo", "regulator")
    signed = parse_note(note, "r")
    for name in ("judge", "dpo", "regulator"):
        signed = signed.with_signature(sealed.custodian(name).keys.auth)
    with sealed.vault.writing() as state, pytest.raises(Refused, match=r"\(R2\)"):
        sealed.vault.append([signed.raw], state)
    sealed.publish(sealed.propose(replaced={"regulator": keys}), "judge", "dpo", "cnctr")  # the twin


def test_roster_signed_by_too_few_or_without_the_newcomer_says_who_is_missing(sealed):
    note = sealed.propose(replaced={"regulator": sealed.joins("cnctr")})
    with pytest.raises(Refused, match=r"signed by judge, expected 2 of judge,dpo,regulator") as error:
        sealed.publish(note, "judge")
    assert "dpo, regulator; and every newcomer: cnctr" in error.value.hint
    with pytest.raises(Refused, match="not signed by cnctr"):
        sealed.publish(note, "judge", "dpo")
    sealed.publish(note, "judge", "dpo", "cnctr")


@pytest.mark.parametrize(("days", "is_taken"), [(7, True), (7.001, False)])
def test_old_proposal_brought_up_later_has_no_effect(sealed, days, is_taken):
    note = sealed.propose(retention_days=99)
    for name in ("judge", "dpo"):
        note = sealed.custodian(name).sign_roster(note, "roster").raw
    sealed.now += dt.timedelta(days=days)
    sealed.epoch("2016-09-08", "2016-09-08")
    if is_taken:
        sealed.publish(note)
        assert sealed.state().roster.retention_days == 99
    else:
        with pytest.raises(Refused, match=r"\(R1\)"):
            sealed.publish(note)


def test_proposal_overtaken_by_another_has_no_effect(sealed):
    first = sealed.propose(retention_days=99)
    for name in ("judge", "dpo"):
        first = sealed.custodian(name).sign_roster(first, "roster").raw
    sealed.now += dt.timedelta(minutes=1)
    sealed.publish(sealed.propose(retention_days=50), "judge", "dpo")
    with pytest.raises(Refused, match=r"\(R1\)"):
        sealed.publish(first)
    with pytest.raises(Refused, match="older than the roster in force"):
        sealed.custodian("regulator").sign_roster(first, "roster")


def test_rule_changes_from_now_on_and_old_segments_keep_theirs(sealed):
    sealed.publish(sealed.propose(rules={"FR": "2 of judge,dpo,regulator and regulator"}), "judge", "dpo")
    sealed.ingest(LATER)
    with pytest.raises(Refused, match="rule FR"):
        sealed.open(sealed.authorize(by=("judge", "dpo")))
    note = sealed.authorize(by=("judge", "regulator"), days=[("2016-09-03", "2016-09-03")])
    assert rows_of(sealed.open(note)) == [LATER_ROW]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "nothing is changed"),
        ({"removed": ("nobody",)}, "not in the roster in force"),
        ({"removed": ("dpo",)}, "a rule still needs it"),
        ({"rules": {"base": "1 of judge,dpo"}}, "expected at least 2"),
    ],
)
def test_proposal_that_is_none_is_malformed(sealed, changes, message):
    with pytest.raises(MalformedInput, match=message):
        sealed.propose(**changes)


def test_public_keys_format_and_parse_and_no_changed_byte_is_taken_for_the_same(world):
    keys = world.joins("cnctr")
    raw = keys.format()
    assert PublicKeys.parse(raw, "f") == keys
    for at in range(0, len(raw), 37):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            found = PublicKeys.parse(changed, "f")
        except MalformedInput:
            continue
        assert found != keys
        assert found.format() == changed


def test_roster_of_another_vault_is_not_signed(sealed):
    text = sealed.propose(retention_days=9).replace(b"test.example/vault", b"test.example/other")
    with pytest.raises(NotProven, match="another vault"):
        sealed.custodian("judge").sign_roster(text, "roster")
