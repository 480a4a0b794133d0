"""A country's custodian is indispensable for its people's records, whoever else agrees; and only for those."""

import pytest
from forging import Other, rows_of

from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.errors import NotProven, Refused, Unavailable
from coffer.notes.note import parse_note, sign_note
from world import World

FR, DE, IN = "tel:+33612345678", "tel:+4915112345678", "tel:+919845394494"
RECORDS = "+33612345678,+4915112345678,2016-09-01 10:00:00,60\n+919845394494,+33612345678,2016-09-01 11:00:00,5\n"
BASE, NAMES = "2 of judge,dpo,regulator", ("judge", "dpo", "regulator", "cnctr", "bfdi")


@pytest.fixture
def several(tmp_path):
    """Base, France and Germany, each of the two with a custodian of its own."""
    rules = [("base", BASE), ("DE", f"{BASE} and bfdi"), ("FR", f"{BASE} and cnctr")]
    world = World.make(tmp_path, custodians=NAMES, rules=rules)
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest(RECORDS)
    return world


def ask(world, by, *subjects):
    return world.authorize(by=by, subjects=list(subjects), days=[("2016-09-01", "2016-09-01")])


def test_french_number_is_not_opened_without_the_french_custodian_though_all_others_agree(several):
    note = ask(several, ("judge", "dpo", "regulator", "bfdi"), FR)
    with pytest.raises(Refused, match=r"rule FR: signed by judge,dpo,regulator,bfdi, expected .* and cnctr") as error:
        several.open(note)
    assert error.value.hint == "not yet signed by: cnctr"
    assert several.state().openings == {}
    assert len(rows_of(several.open(ask(several, ("judge", "dpo", "cnctr"), FR)))) == 2  # the twin


def test_french_number_is_not_opened_while_the_french_custodian_does_not_answer_though_it_signed(several):
    note = ask(several, NAMES, FR)
    with pytest.raises(Unavailable, match="rule FR"):
        several.open(note, several.custodians("judge", "dpo", "regulator", "bfdi"))
    silent = Other("cnctr", lambda _sealed: CONSTANT_REFUSAL, several.custodian("cnctr").cosign)
    with pytest.raises(Refused, match=r"too few answered for rule FR \(.* and cnctr\): .*cnctr: refused"):
        several.open(note, [*several.custodians("judge", "dpo", "regulator", "bfdi"), silent])
    assert len(rows_of(several.open(note))) == 2


def test_custodians_that_ignore_the_missing_signature_still_hold_no_french_subkey(several):
    """All others collude: no clause of theirs is the one that the French custodian holds alone."""
    segments = {segment.line.rule: segment for segment in several.state().segments.values()}
    rule = segments["FR"].roster.rules["FR"]
    others = sum(c.bit for c in segments["FR"].roster.custodians if c.name != "cnctr")
    assert not rule.is_satisfied_by(others)
    assert segments["DE"].roster.rules["DE"].is_satisfied_by(others)


@pytest.mark.parametrize(
    ("by", "missing"),
    [(("judge", "dpo", "cnctr"), "DE"), (("judge", "dpo", "bfdi"), "FR"), (("judge", "cnctr", "bfdi"), "FR")],
)
def test_mixed_subjects_need_each_rule(several, by, missing):
    with pytest.raises(Refused, match=f"falls under rule {missing}"):
        several.open(ask(several, by, FR, DE, IN))
    answer = several.open(ask(several, ("judge", "dpo", "cnctr", "bfdi"), FR, DE, IN))
    assert len(rows_of(answer)) == 4
    assert {cell.rule for cell in answer.cells} == {"base", "DE", "FR"}


def test_base_number_needs_no_countrys_custodian(several):
    assert len(rows_of(several.open(ask(several, ("judge", "regulator"), IN)))) == 1


def test_each_country_keeps_its_lock_when_a_third_one_joins(several):
    new = several.joins("ripd")
    several.publish(several.propose(added=(new,), rules={"IN": f"{BASE} and ripd"}), "judge", "dpo", "ripd")
    several.epoch("2016-09-02", "2016-09-02")
    several.ingest("+919845394494,+33612345678,2016-09-02 11:00:00,5\n", name="more.csv")
    days = [("2016-09-01", "2016-09-02")]
    with pytest.raises(Refused, match="rule IN"):
        several.open(several.authorize(by=("judge", "dpo", "cnctr"), subjects=[IN], days=days))
    late = [("2016-09-02", "2016-09-02")]
    note = several.authorize(by=("judge", "dpo", "ripd"), subjects=[IN], days=late)
    assert len(rows_of(several.open(note))) == 1


@pytest.mark.parametrize("said", ["base", "DE,FR", "FR,base", "DE"])
def test_text_that_names_other_rules_than_its_subjects_have_is_approved_by_nobody(several, said):
    """The line is what the public later counts by: a desk must not hide a country behind ``base``."""
    note = several.request(subjects=[FR], days=[("2016-09-01", "2016-09-01")])
    text = parse_note(note, "note").text.replace(b"rules: FR\n", f"rules: {said}\n".encode())
    forged = sign_note(text, several.vault.operator_key("desk")).raw
    with pytest.raises(NotProven, match="rules are not those of its subjects"):
        several.countersign(forged, "judge")
    signed = several.countersign(note, "judge", "dpo", "cnctr")
    assert b"rules: FR\n" in signed
    assert len(rows_of(several.open(signed))) == 2
