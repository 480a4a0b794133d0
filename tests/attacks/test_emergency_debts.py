"""An emergency rule opens at once and leaves a debt; what an attacker would do with it (docs/formats/entries.md, "Emergencies")."""

import datetime as dt
import shutil
from dataclasses import replace

import pytest
from forging import ROWS, Desk, log_entries, rows_of

from coffer.authority import countersign
from coffer.authority.authorization import parse_authorization
from coffer.authority.countersign import verify_countersigned
from coffer.authority.ordered import Urgency
from coffer.custody import decide
from coffer.custody.decide import Decline, Grant, Reject
from coffer.custody.exchange import Code
from coffer.errors import Refused, Unavailable
from coffer.ledger.codes import OrderCodes
from coffer.ledger.debts import MOST_A_DAY, MOST_UNPAID, DebtStatus
from coffer.ledger.entries import IntentEntry, RatifyEntry, RefuseEntry
from coffer.ledger.facts import Invalid
from coffer.ledger.roster import Emergency
from coffer.procedures.opening import beginning, run
from coffer.procedures.opening.amend import amend_request
from coffer_audit.answer.audit import audit_answer
from public_codes import COARSE
from world import PASSPHRASE, World, ordered

RECORDS = (
    "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
    "+33698765432,+33612345678,2016-09-02 11:00:00,5\n"
    "anonymous,+33612345678,2016-09-02 12:00:00,0\n"
)
LIST = """format = "coffer.authorities/v1"
[[authority]]
name = "Court"
kind = "court"
country = "FR"
channel = "registered letter"
call_back = "tel:+33123456789"
verified_by = "C. Lerk"
verified_on = 2016-08-01
"""
NAMES = ("judge", "dpo", "regulator", "deputy", "cnctr")
EMERGENCY = Emergency(expression="2 of deputy,dpo,judge", ratify_hours=48)
RULES = (("base", "2 of judge,dpo,regulator"), ("DE", "2 of judge,dpo,regulator and cnctr"))
AT_NIGHT = ("deputy", "dpo")
HOUR = dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    return found_world(tmp_path_factory.mktemp("emergency"))


def found_world(folder):
    """A vault with an emergency rule, in which every custodian knows the court."""
    made = World.make(folder, custodians=NAMES, rules=RULES, emergency=EMERGENCY)
    made.epoch("2016-09-01", "2016-09-02")
    made.ingest(RECORDS + "+4915112345678,+33698765432,2016-09-02 10:00:00,60\n")
    for name in NAMES:
        folder = made.vault.custodian(name)
        folder.write_authorities(LIST.encode(), folder.unlock(PASSPHRASE))
    return made


@pytest.fixture
def world(founded, tmp_path):
    """A copy of the same vault for each test."""
    shutil.copytree(founded.path, tmp_path / "copy")
    return founded.reopen_at(tmp_path / "copy")


def ask(world, *by, urgency=Urgency.EMERGENCY, **changes):
    fields = {"days": [("2016-09-01", "2016-09-02")]} | changes
    return world.authorize(by=by, ordered=ordered(world.now, urgency=urgency), **fields)


def ratify(world, note, *names):
    for name in names:
        entries = world.custodian(name).ratify_entries(note, "note")
        with world.vault.writing() as state:
            world.vault.append(entries, state)


def amend(world, note, *by):
    """The note and behind it one that raises its limit, countersigned by these."""
    made = amend_request(world.vault, note, max_records=100, authority="Court", basis="another order", files=())
    return note + world.countersign(made.note.raw, *by)


def debt_of(world, note):
    commitment = parse_authorization(note, "note").commitment
    return next(debt for debt in world.state().debts.values() if debt.authorization == commitment)


def request_of(world, note, rules=("base",), *, days=(1,)):
    """The first labels of an opening whose intent says this."""
    desk = Desk(world, note)
    return desk.labels(begun(desk, rules), *(desk.cell(day) for day in days))


def begun(desk, rules=("base",)):
    """The index of an intent that says this."""
    state = desk.world.state()
    body = intent(state.size, rules, desk.authorization.commitment)
    codes = desk.authorization.terms.codes.at(state.roster.statistics)
    return desk.log(replace(body, cells_at_most=16, codes=codes))[0]


class Elsewhere:
    """A custodian whose list cannot be looked at from here."""

    def __init__(self, service):
        self.name, self.answer, self.cosign = service.name, service.answer, service.cosign


def replies(world, note, rules=("base",), *, days=(1,)):
    """What a custodian decides on it."""
    return Desk(world, note).decide(request_of(world, note, rules, days=days), "dpo")


def intent(number, rules=("base",), authorization=bytes(32)):
    return IntentEntry(
        authorization=authorization,
        requester="desk",
        nonce=number.to_bytes(16, "big"),
        cells_at_most=1,
        rules=rules,
        codes=COARSE,
    )


def paying(debt, name):
    return RatifyEntry(intent=debt.index, authorization=debt.authorization, custodian=name)


def log(world, *bodies, key=None, time=None):
    """Log entries; of those that have no effect, the rule and the reason."""
    state = world.state()
    indexes = log_entries(world, *bodies, key=key or world.vault.operator_key("desk"), time=time)
    entries = world.vault.log.entries(indexes[0], indexes[-1] + 1)
    verdicts = state.apply_all(entries)
    return [(one.rule, one.reason) for one in verdicts if isinstance(one, Invalid)]


def test_twin_opens_at_night_with_a_deputy_and_owes_a_ratification(world):
    note = ask(world, *AT_NIGHT)
    assert rows_of(world.open(note)) == ROWS
    debt = debt_of(world, note)
    assert (debt.rules, debt.status(world.now)) == (("base",), DebtStatus.OWED)
    world.now += 20 * HOUR
    ratify(world, note, "dpo", "judge")
    assert debt_of(world, note).status(world.now) is DebtStatus.RATIFIED


def test_note_that_is_no_emergency_is_not_opened_under_the_emergency_rule(world):
    for urgency in (Urgency.ORDINARY, Urgency.URGENT):
        note = ask(world, *AT_NIGHT, urgency=urgency)
        with pytest.raises(Refused, match="expected 2 of judge,dpo,regulator"):
            world.open(note)
        assert isinstance(replies(world, note), Reject)
    assert isinstance(replies(world, ask(world, *AT_NIGHT)), Grant)


def test_hub_is_not_opened_under_the_emergency_rule(world):
    note = ask(world, *AT_NIGHT, is_hub=True)
    with pytest.raises(Refused, match="since it says hub: yes"):
        world.open(note)
    assert isinstance(replies(world, note), Reject)


def test_sovereign_member_is_not_left_out_at_night(world):
    subjects = ["tel:+4915112345678"]
    note = ask(world, *AT_NIGHT, subjects=subjects)
    with pytest.raises(Refused, match="in an emergency 2 of deputy,dpo,judge and cnctr"):
        world.open(note)
    assert isinstance(replies(world, note, ("DE",)), Reject)
    answer = world.open(world.countersign(note, "cnctr"))
    assert len(rows_of(answer)) == 1
    assert debt_of(world, note).rules == ("DE",)


def test_lock_does_not_open_without_the_sovereign_member(world):
    state = world.state()
    segment = next(one for one in state.segments.values() if one.line.rule == "DE")
    bit = {name: 1 << i for i, name in enumerate(NAMES)}
    without = sum(bit[name] for name in NAMES if name != "cnctr")
    assert not segment.lock.is_satisfied_by(without)
    assert segment.lock.is_satisfied_by(bit["deputy"] | bit["dpo"] | bit["cnctr"])


@pytest.mark.parametrize("rules", [(), ("DE",), ("DE", "base")])
def test_emergency_that_the_intent_hides_or_names_otherwise_is_not_answered(world, rules):
    note = ask(world, *AT_NIGHT)
    assert replies(world, note, rules) == Decline(step=8, code=Code.LOG)


def test_intent_that_calls_an_ordinary_opening_an_emergency_is_not_answered(world):
    note = ask(world, "dpo", "judge", urgency=Urgency.ORDINARY)
    assert replies(world, note) == Decline(step=8, code=Code.LOG)


def test_twin_that_the_rule_signed_needs_no_debt(world):
    note = ask(world, "dpo", "judge")
    assert rows_of(world.open(note)) == ROWS
    assert world.state().debts == {}


def test_next_emergency_waits_until_the_overdue_one_is_ratified(world):
    first = ask(world, *AT_NIGHT)
    world.open(first)
    world.now += 49 * HOUR
    assert debt_of(world, first).status(world.now) is DebtStatus.OVERDUE
    second = ask(world, *AT_NIGHT)
    with pytest.raises(Refused, match="overdue to be ratified"):
        world.open(second)
    assert log(world, intent(99)) == [("N1", "an emergency of this requester is overdue to be ratified")]
    assert rows_of(world.open(world.countersign(second, "judge"))) == ROWS  # the ordinary rule is never refused
    ratify(world, first, "dpo", "regulator")
    assert debt_of(world, first).status(world.now) is DebtStatus.RATIFIED_LATE
    world.open(ask(world, *AT_NIGHT))
    assert len(world.state().debts) == 2


def test_intent_dated_back_gains_no_time(world):
    world.open(ask(world, *AT_NIGHT))
    opened = world.now
    world.now = opened + 48 * HOUR + dt.timedelta(minutes=10)
    world.open(ask(world, "dpo", "judge"))  # an entry of that time
    assert log(world, intent(98), time=opened + 47.95 * HOUR) == [
        ("N1", "an emergency of this requester is overdue to be ratified")
    ]


def test_ratification_dated_back_is_late(world):
    note = ask(world, *AT_NIGHT)
    world.open(note)
    opened = world.now
    world.now = opened + 48 * HOUR + dt.timedelta(minutes=10)
    world.open(ask(world, "dpo", "judge"))
    debt = debt_of(world, note)
    for name in ("judge", "regulator"):
        body, auth = paying(debt, name), world.keys(name).auth
        assert log(world, body, key=auth, time=opened + 47.95 * HOUR) == []
    assert debt_of(world, note).status(world.now) is DebtStatus.RATIFIED_LATE


def test_custodian_whose_clock_knows_better_does_not_go_on_with_an_overdue_emergency(world):
    note = ask(world, *AT_NIGHT)
    desk, request = Desk(world, note), request_of(world, note)
    assert isinstance(desk.decide(request, "dpo", now=world.now + 47 * HOUR), Grant)
    assert desk.decide(request, "dpo", now=world.now + 49 * HOUR) == Decline(step=12, code=Code.BUDGET)


def test_too_few_do_not_pay(world):
    note = ask(world, *AT_NIGHT)
    world.open(note)
    ratify(world, note, "deputy", "cnctr", "dpo")
    assert debt_of(world, note).status(world.now) is DebtStatus.OWED
    with pytest.raises(Refused, match="dpo has ratified it before"):
        ratify(world, note, "dpo")
    ratify(world, note, "regulator")
    assert debt_of(world, note).status(world.now) is DebtStatus.RATIFIED


def test_forged_ratifications_have_no_effect(world):
    note = ask(world, *AT_NIGHT)
    world.open(note)
    debt, keys = debt_of(world, note), {name: world.keys(name) for name in NAMES}
    body = paying(debt, "judge")
    for key in (keys["dpo"].auth, keys["judge"].resp, world.vault.operator_key("desk")):
        assert log(world, body, key=key) == [("E1", "not signed by the auth key of a custodian")]
    no_emergency = [("E1", "no emergency of this authorization has this index")]
    for false in (replace(body, intent=debt.index + 1), replace(body, authorization=bytes(32))):
        assert log(world, false, key=keys["judge"].auth) == no_emergency
    assert log(world, body, key=keys["judge"].auth) == []  # the twin
    assert log(world, body, key=keys["judge"].auth) == [("E1", "this custodian ratified it before")]


def test_disapproved_emergency_stays_so_though_its_custodian_looks_again_and_ratifies(world):
    note = ask(world, *AT_NIGHT)
    world.open(note)
    judge = world.custodian("judge")
    with world.vault.writing() as state:
        world.vault.append([judge.refusal_entry(note, "merit", "note")], state)
    world.now += 49 * HOUR
    with pytest.raises(Refused, match="overdue to be ratified"):
        world.open(ask(world, *AT_NIGHT))
    ratify(world, note, "judge", "dpo")
    debt = debt_of(world, note)
    assert (debt.status(world.now), world.state().disapproved_by(debt)) == (DebtStatus.RATIFIED_LATE, ("judge",))
    assert rows_of(world.open(ask(world, *AT_NIGHT))) == ROWS


def test_burst_ends_at_the_bound_of_what_is_unpaid(world):
    assert log(world, *(intent(number) for number in range(MOST_UNPAID))) == []
    assert log(world, intent(90)) == [("N1", f"{MOST_UNPAID} emergencies of this requester are not ratified yet")]
    for debt in list(world.state().debts.values()):
        for name in ("judge", "dpo"):
            log(world, paying(debt, name), key=world.keys(name).auth)
    assert log(world, *(intent(number) for number in range(20, 20 + MOST_A_DAY - MOST_UNPAID))) == []


def test_burst_ends_at_the_bound_of_a_day_though_all_is_ratified(world):
    for number in range(MOST_A_DAY):
        assert log(world, intent(number)) == []
        debt = list(world.state().debts.values())[-1]
        for name in ("judge", "dpo"):
            log(world, paying(debt, name), key=world.keys(name).auth)
    assert log(world, intent(90)) == [("N1", f"{MOST_A_DAY} emergencies of this requester in 24 hours")]
    assert log(world, intent(91), time=world.now + 24 * HOUR) == []


def test_emergency_of_an_authority_that_nobody_verified_needs_every_signature(world):
    note, size = ask(world, *AT_NIGHT, authority="Another court"), world.state().size
    with pytest.raises(Refused, match=r"authority: nobody called it back, by the own list of .*dpo"):
        world.open(note)
    assert world.state().size == size, "no intent, and no debt"
    elsewhere = [Elsewhere(one) for one in world.custodians()]
    with pytest.raises(Refused, match="refused: scope") as refused:
        world.open(note, custodians=elsewhere)
    assert "have not called the authority back" in refused.value.hint


def test_records_sealed_before_the_emergency_rule_are_not_opened_under_it(tmp_path):
    world = World.make(tmp_path, custodians=NAMES, rules=RULES)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    world.publish(world.propose(emergency=EMERGENCY.expression), "judge", "dpo", "cnctr")
    for name in NAMES:
        folder = world.vault.custodian(name)
        folder.write_authorities(LIST.encode(), folder.unlock(PASSPHRASE))
    note = ask(world, *AT_NIGHT)
    with pytest.raises(Refused, match=r"sealed under another roster, .* expected 2 of judge,dpo,regulator"):
        world.open(note)
    assert isinstance(replies(world, note), Reject)
    assert rows_of(world.open(world.countersign(note, "judge"))) == ROWS


def test_emergency_rule_needs_the_consent_of_indispensable_members(tmp_path):
    world = World.make(tmp_path, custodians=NAMES, rules=RULES)
    note = world.propose(emergency=EMERGENCY.expression)
    with pytest.raises(Refused, match="cnctr must sign too: others may open in an emergency"):
        world.publish(note, "judge", "dpo")
    world.publish(world.custodian("cnctr").sign_roster(note, "roster").raw, "judge", "dpo")
    assert world.state().roster.emergency == EMERGENCY
    world.now += HOUR
    with pytest.raises(Refused, match="cnctr must sign too: an emergency may wait longer"):
        world.publish(world.propose(ratify_hours=49), "judge", "dpo")
    world.publish(world.propose(emergency=""), "judge", "dpo")  # taking it away guards more, and needs nobody else
    assert world.state().roster.emergency is None


def test_answer_of_an_emergency_is_audited(world):
    answer = world.write_answer(world.open(ask(world, *AT_NIGHT)))
    assert audit_answer(answer, None, None, world.vault.path).findings.violations == []


def test_answer_of_an_emergency_that_all_custodians_help_to_hide_is_shown(world, monkeypatch):
    def hide(countersigned, *_):
        return replace(countersigned, is_emergency=False)

    monkeypatch.setattr(beginning, "verify_signed_for_segments", hide)
    monkeypatch.setattr(decide, "verify_countersigned", lambda *given: hide(verify_countersigned(*given)))
    answer = world.write_answer(world.open(ask(world, *AT_NIGHT)))
    violations = audit_answer(answer, None, None, world.vault.path).findings.violations
    assert [one.code for one in violations] == ["STEP7"]


def begun_and_ratified(world):
    """An emergency of one record whose debt is paid, as its desk and as the index of its intent."""
    note = ask(world, *AT_NIGHT, max_records=1)
    desk = Desk(world, note)
    index = begun(desk)
    ratify(world, note, "judge", "regulator")
    return note, desk, index


def test_limit_of_a_ratified_emergency_is_not_raised_under_the_emergency_rule(world):
    note, desk, index = begun_and_ratified(world)
    raised = amend(world, note, *AT_NIGHT)
    cells = [desk.cell(1, count=2)]
    request = desk.data(index, desk.draw(index, cells), *cells, note=raised)
    assert desk.decide(request, "dpo") == Reject(step=5)
    with pytest.raises(Refused, match=r"signed by dpo,deputy, expected 2 of judge,dpo,regulator$"):
        world.open(raised)


def test_twin_limit_of_an_emergency_is_raised_by_the_rule(world):
    note, desk, index = begun_and_ratified(world)
    raised = amend(world, note, *AT_NIGHT, "judge")
    cells = [desk.cell(1, count=2)]
    request = desk.data(index, desk.draw(index, cells), *cells, note=raised)
    assert isinstance(desk.decide(request, "dpo"), Grant)


def test_answer_whose_limit_the_emergency_rule_raised_is_shown(world, monkeypatch):
    raised = amend(world, ask(world, *AT_NIGHT, max_records=1), *AT_NIGHT)
    with monkeypatch.context() as helping:  # by custodians that all count the emergency rule
        helping.setattr(countersign, "may_open_at_once", lambda _terms: True)
        answer = world.open(raised)
    said = audit_answer(world.write_answer(answer), None, None, world.vault.path).findings.violations
    assert [one.message for one in said] == ["subject line 1: found too few countersignatures for base"]
    both = amend(world, ask(world, *AT_NIGHT, max_records=1), *AT_NIGHT, "judge")
    answer = world.open(both)
    assert rows_of(answer) == ROWS
    shutil.rmtree(world.path / "answer")
    assert not audit_answer(world.write_answer(answer), None, None, world.vault.path).findings.violations


def test_emergencies_dated_back_count_from_when_they_came(world):
    early = world.now
    world.now += dt.timedelta(minutes=14)
    assert log(world, intent(1, ()), time=world.now) == []
    for number in range(MOST_UNPAID):
        assert log(world, intent(10 + number), time=early) == []
    state = world.state()
    assert {debt.time for debt in state.debts.values()} == {world.now}
    assert {state.openings[index].time for index in state.debts} == {early}


def test_intent_that_names_rules_and_shows_that_it_is_no_emergency_has_no_effect(tmp_path):
    world = World.make(tmp_path, custodians=NAMES, rules=RULES, emergency=EMERGENCY, statistics="full")
    shown = {"order_class": "produce", "kinds": "call", "due": "none", "age": "w4", "issued_by": "court"}
    codes = OrderCodes(**shown, issued_in="home", urgency="urgent")
    said = [("N1", "names rules, and shows that it is no emergency")]
    assert log(world, replace(intent(1), codes=codes)) == said
    assert log(world, replace(intent(2), codes=replace(codes, urgency="emergency"))) == []  # the twin


class Down:
    """A custodian that vouches for the log and answers to no request."""

    def __init__(self, custodian):
        self.name, self.cosign = custodian.name, custodian.cosign

    def answer(self, _request):
        raise Unavailable("it is down")


def begin_in_vain(world, note):
    with pytest.raises(Unavailable, match="too few answered"):
        world.open(note, [Down(one) for one in world.custodians()])


def test_emergency_that_nobody_answered_is_begun_anew_once_the_rule_has_signed(world):
    note = ask(world, *AT_NIGHT)
    begin_in_vain(world, note)
    world.now += 49 * HOUR
    with pytest.raises(Refused, match="refused: budget"):
        world.open(note)  # it is overdue
    assert rows_of(world.open(world.countersign(note, "judge", "regulator"))) == ROWS
    first, second = world.state().openings.values()
    assert (first.close.records, first.close.answers, first.draw) == (0, 0, None)
    assert (first.intent.rules, second.intent.rules) == (("base",), ())
    assert debt_of(world, note).status(world.now) is DebtStatus.OVERDUE


def test_twin_emergency_that_nobody_answered_is_resumed_while_only_its_own_rule_has_signed(world):
    note = ask(world, *AT_NIGHT)
    begin_in_vain(world, note)
    assert rows_of(world.open(note)) == ROWS
    assert len(world.state().openings) == 1


def test_drawn_emergency_is_resumed_though_the_rule_has_signed(world, monkeypatch):
    note = ask(world, *AT_NIGHT)
    real = Down.answer
    with monkeypatch.context() as crash:
        crash.setattr(run._UnderWay, "_data", lambda *_: real(None, None))
        with pytest.raises(Unavailable, match="it is down"):
            world.open(note)
    assert rows_of(world.open(world.countersign(note, "judge", "regulator"))) == ROWS
    assert len(world.state().openings) == 1


def test_custodian_that_refused_three_times_disapproves_once(world):
    note = ask(world, *AT_NIGHT)
    world.open(note)
    codes = COARSE.at("coarse")
    body = RefuseEntry(
        authorization=debt_of(world, note).authorization,
        custodian="judge",
        reason="law",
        order_class=codes.order_class,
        urgency=codes.urgency,
    )
    assert log(world, *[body] * 3, key=world.keys("judge").auth) == []
    assert world.state().disapproved_by(debt_of(world, note)) == ("judge",)
