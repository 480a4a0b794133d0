"""What an audit says of emergencies: of a vault how each debt stands, of an answer whether it is the order's."""

import datetime as dt
from types import SimpleNamespace

import pytest
from forging import log_entries

from coffer.ledger.entries import IntentEntry, RatifyEntry, RefuseEntry
from coffer.ledger.roster import Emergency
from coffer_audit.answer.replies import _is_emergency
from coffer_audit.errors import NotProven
from coffer_audit.vault.audit import audit_vault
from public_codes import COARSE, REFUSED
from world import World

EMERGENCY = Emergency(expression="2 of deputy,dpo,judge", ratify_hours=48)
HOUR = dt.timedelta(hours=1)
ORDER = bytes(32)


@pytest.fixture
def world(tmp_path):
    """An emergency that two custodians of the emergency rule opened just now."""
    names = ("judge", "dpo", "regulator", "deputy")
    world = World.make(tmp_path, custodians=names, rules=(("base", "2 of judge,dpo,regulator"),), emergency=EMERGENCY)
    log(world, intent(1, ("base",)))
    return world


def intent(number, rules):
    return IntentEntry(
        authorization=ORDER,
        requester="desk",
        nonce=number.to_bytes(16, "big"),
        cells_at_most=1,
        rules=rules,
        codes=COARSE,
    )


def log(world, body, name=None):
    key = world.vault.operator_key("desk") if name is None else world.keys(name).auth
    return log_entries(world, body, key=key)


def ratify(world, *names):
    for name in names:
        log(world, RatifyEntry(intent=1, authorization=ORDER, custodian=name), name)


def pass_time(world, hours):
    """So many hours, after which the log has an entry of that time."""
    world.now += hours * HOUR
    log(world, intent(int(world.now.timestamp()), ()))


def told(world):
    """The violations and the warnings about emergencies, which are those of entry 1."""
    findings = audit_vault(world.vault.path, None, None, quick=True).findings
    both = [[one for one in some if one.code == "DEBT"] for some in (findings.violations, findings.warnings)]
    assert {one.entry for some in both for one in some} <= {1}
    return [[one.message.removeprefix("emergency: found it ") for one in some] for some in both]


def test_emergency_is_to_be_ratified_until_its_hours_are_over_and_overdue_from_then_on(world):
    pass_time(world, 48)
    assert told(world) == [[], ["to be ratified within 48 hours"]]
    pass_time(world, 1)
    assert told(world) == [["unratified after 48 hours"], []]
    ratify(world, "judge", "deputy")
    assert told(world) == [["unratified after 48 hours"], []], "the deputy is of the emergency rule alone"
    ratify(world, "regulator")
    assert told(world) == [[], ["ratified, and later than 48 hours"]]


def test_twin_emergency_that_was_ratified_in_time_is_not_told(world):
    ratify(world, "judge", "dpo")
    pass_time(world, 49)
    assert told(world) == [[], []]


def test_disapproved_emergency_is_a_violation_beside_whatever_else_it_is(world):
    log(world, RefuseEntry(authorization=ORDER, custodian="judge", reason="merit", **REFUSED), "judge")
    assert told(world) == [["disapproved by judge"], ["to be ratified within 48 hours"]]
    ratify(world, "judge", "dpo")
    assert told(world) == [["disapproved by judge"], []]


def called(*, rules="DE,base", is_urgent=True, roster="r"):
    """Whether an answer's opening is an emergency: its note is one of DE and base, under the roster r."""
    opening = SimpleNamespace(intent=SimpleNamespace(text={"rules": rules}), roster=SimpleNamespace(hash=roster))
    paper = SimpleNamespace(is_urgent=is_urgent, rules=frozenset({"base", "DE"}), roster="r")
    return _is_emergency(opening, SimpleNamespace(paper=paper))


def test_intent_of_an_answer_calls_an_emergency_only_what_its_note_makes_one():
    assert called()
    assert not called(rules="")
    for changes, said in (
        ({"is_urgent": False}, "the authorization says none"),
        ({"rules": "base"}, "other rules"),
        ({"roster": "another"}, "another roster"),
    ):
        with pytest.raises(NotProven, match=said):
            called(**changes)
