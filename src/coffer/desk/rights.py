"""Who may do what at the desk: one table of roles and actions. Pure.

The custodians are the four eyes on every opening, so that none of these rights opens a record. The table says who may
ask, look, hand out and end. An action that it does not list for a role is denied.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from coffer.desk.people import Person, PersonId, Role


class Action(StrEnum):
    """What somebody can do."""

    LIST_CASES = "list-cases"
    READ_CASE = "read-case"
    """Everything of a case: its order, requests, answers, history."""
    READ_HISTORY = "read-history"
    """The history of a case without any text that could name the person it concerns."""
    MAKE_CASE = "make-case"
    EDIT_CASE = "edit-case"
    """Draft, deadline, documents, notes."""
    SEND_REQUEST = "send-request"
    TAKE_IN = "take-in"
    """Countersigned copies."""
    OPEN_RECORDS = "open-records"
    WITHDRAW = "withdraw"
    DOWNLOAD = "download"
    WRITE_LETTERS = "write-letters"
    ASSIGN = "assign"
    CLOSE = "close"
    SHRED = "shred"
    COUNT_CASES = "count-cases"
    """How many cases are open or late, without opening one."""
    SEE_PEOPLE = "see-people"
    INVITE = "invite"
    REVOKE = "revoke"
    EDIT_OWN = "edit-own"
    """Own language, zone, addresses and passkeys."""
    OPERATE = "operate"
    """Feeds, ingests, health, retention: the operator's page."""


class Scope(StrEnum):
    """For which cases a right holds."""

    ALL = "all"
    OWN = "own"
    """Cases that are assigned to this person, or to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """It may be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """It may not. ``reason``: ``revoked``, ``role`` or ``assigned``. ``ask``: the roles that may."""

    reason: str
    ask: tuple[Role, ...]


Decision = Allowed | Denied

_CLERK: Final[Mapping[Action, Scope]] = {
    Action.LIST_CASES: Scope.ALL,
    Action.READ_CASE: Scope.ALL,  # clerks stand in for each other; each reading of a document is in the history
    Action.READ_HISTORY: Scope.ALL,
    Action.MAKE_CASE: Scope.ALL,
    Action.EDIT_CASE: Scope.OWN,
    Action.SEND_REQUEST: Scope.OWN,
    Action.TAKE_IN: Scope.OWN,
    Action.OPEN_RECORDS: Scope.OWN,
    Action.WITHDRAW: Scope.OWN,
    Action.DOWNLOAD: Scope.OWN,
    Action.WRITE_LETTERS: Scope.OWN,
    Action.COUNT_CASES: Scope.ALL,
    Action.SEE_PEOPLE: Scope.ALL,
    Action.EDIT_OWN: Scope.ALL,
}
_HEAD: Final[Mapping[Action, Scope]] = dict.fromkeys(_CLERK, Scope.ALL) | dict.fromkeys(
    (Action.ASSIGN, Action.CLOSE, Action.SHRED), Scope.ALL
)
_OPERATOR: Final[Mapping[Action, Scope]] = dict.fromkeys(
    (Action.COUNT_CASES, Action.SEE_PEOPLE, Action.INVITE, Action.REVOKE, Action.EDIT_OWN, Action.OPERATE), Scope.ALL
)
_AUDITOR: Final[Mapping[Action, Scope]] = dict.fromkeys(
    (Action.READ_HISTORY, Action.COUNT_CASES, Action.SEE_PEOPLE, Action.EDIT_OWN), Scope.ALL
)
RIGHTS: Final[Mapping[Role, Mapping[Action, Scope]]] = {
    Role.CLERK: _CLERK,
    Role.HEAD: _HEAD,
    Role.OPERATOR: _OPERATOR,
    Role.AUDITOR: _AUDITOR,
}


def decide_may(person: Person, action: Action, *, assigned: PersonId | None = None) -> Decision:
    """Whether a person may do it.

    ``assigned``: who the case is assigned to, where the action is about one.
    """
    scope = RIGHTS[person.role].get(action)
    ask = tuple(role for role in Role if RIGHTS[role].get(action) is Scope.ALL)
    if not person.is_active:
        return Denied(reason="revoked", ask=())
    if scope is Scope.ALL or (scope is Scope.OWN and assigned in (None, person.id)):
        return Allowed()
    if scope is Scope.OWN:
        return Denied(reason="assigned", ask=ask)
    return Denied(reason="role", ask=tuple(role for role in Role if action in RIGHTS[role]))
