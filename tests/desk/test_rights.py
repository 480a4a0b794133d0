"""The table of rights, written out a second time, and every decision by it."""

import pytest
from making import NOW

from coffer.desk.people import Person, PersonId, Role
from coffer.desk.rights import Action, Allowed, Denied, decide_may

# c: the clerk whose case it is, o: another clerk (the case is not theirs), h: head, p: operator, a: auditor
TABLE = {
    Action.LIST_CASES: "coh",
    Action.READ_CASE: "coh",
    Action.READ_HISTORY: "coha",
    Action.MAKE_CASE: "coh",
    Action.EDIT_CASE: "ch",
    Action.SEND_REQUEST: "ch",
    Action.TAKE_IN: "ch",
    Action.OPEN_RECORDS: "ch",
    Action.WITHDRAW: "ch",
    Action.DOWNLOAD: "ch",
    Action.WRITE_LETTERS: "ch",
    Action.ASSIGN: "h",
    Action.CLOSE: "h",
    Action.SHRED: "h",
    Action.COUNT_CASES: "cohpa",
    Action.SEE_PEOPLE: "cohpa",
    Action.INVITE: "p",
    Action.REVOKE: "p",
    Action.EDIT_OWN: "cohpa",
    Action.OPERATE: "p",
}
ROLES = {"c": Role.CLERK, "o": Role.CLERK, "h": Role.HEAD, "p": Role.OPERATOR, "a": Role.AUDITOR}
CONTENT = [
    Action.LIST_CASES,
    Action.READ_CASE,
    Action.EDIT_CASE,
    Action.DOWNLOAD,
    Action.OPEN_RECORDS,
    Action.READ_HISTORY,
]


def somebody(letter, **changes):
    fields = {"id": PersonId(letter * 32), "name": "N", "role": ROLES[letter], "added": NOW}
    return Person(**(fields | changes))


def test_table_names_every_action():
    assert set(TABLE) == set(Action)
    assert set(ROLES.values()) == set(Role)


@pytest.mark.parametrize("letter", ROLES)
@pytest.mark.parametrize("action", Action)
def test_each_role_may_do_what_the_table_says_and_nothing_else(letter, action):
    may = isinstance(decide_may(somebody(letter), action, assigned=PersonId("c" * 32)), Allowed)
    assert may == (letter in TABLE[action])


@pytest.mark.parametrize("action", Action)
def test_case_of_nobody_is_every_clerks(action):
    assert isinstance(decide_may(somebody("o"), action), Allowed) == ("c" in TABLE[action])


@pytest.mark.parametrize("letter", ROLES)
@pytest.mark.parametrize("action", Action)
def test_revoked_person_may_do_nothing(letter, action):
    assert decide_may(somebody(letter, revoked=NOW), action) == Denied(reason="revoked", ask=())


@pytest.mark.parametrize("action", CONTENT)
def test_operator_sees_no_case_content(action):
    decision = decide_may(somebody("p"), action)
    assert isinstance(decision, Denied)
    assert (decision.reason, Role.OPERATOR in decision.ask) == ("role", False)


def test_refusal_names_whom_to_ask():
    another = PersonId("c" * 32)
    denied = decide_may(somebody("o"), Action.EDIT_CASE, assigned=another)
    assert denied == Denied(reason="assigned", ask=(Role.HEAD,))
    assert decide_may(somebody("h"), Action.INVITE) == Denied(reason="role", ask=(Role.OPERATOR,))
    assert decide_may(somebody("c"), Action.EDIT_CASE, assigned=another) == Allowed()
