"""Openings under an emergency rule, to be ratified (docs/formats/entries.md, rules N1 and E1). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from coffer_audit.entries.codes import HIDDEN
from coffer_audit.entries.roster import Roster
from coffer_audit.validity.facts import RuleBroken, demand

if TYPE_CHECKING:
    from coffer_audit.entries.parse import Act

DAY = timedelta(days=1)
MOST_UNPAID, MOST_A_DAY = 8, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """An emergency that custodians must ratify; `roster`: the one in force at its intent.

    `time`: the later of its intent's and the newest before that. `ratified`: the names of those who did. `paid`: when they were enough, None if never.
    """

    time: datetime
    requester: str
    authorization: str
    rules: tuple[str, ...]
    roster: Roster
    ratified: tuple[str, ...] = ()
    paid: datetime | None = None

    def is_late(self, now: datetime) -> bool:
        """Whether the time to ratify it is over."""
        return now - self.time > timedelta(hours=self.roster.ratify_hours)

    def status(self, now: datetime) -> str:
        """How it stands at a time: to be ratified, overdue, ratified or ratified late."""
        if self.paid is None:
            return "overdue" if self.is_late(now) else "to be ratified"
        return "ratified late" if self.is_late(self.paid) else "ratified"

    def is_enough(self, roster: Roster) -> bool:
        """Whether those who ratified satisfy each of its rules, as a roster has them."""
        mask = sum(1 << i for i, custodian in enumerate(roster.custodians) if custodian.name in self.ratified)
        rules = [roster.rules.get(name, roster.rules["base"]) for name in self.rules]
        return all(rule.is_satisfied(mask) for rule in rules)


class Debts:
    """The debts of a log, by the index of their intent."""

    def __init__(self) -> None:
        self.all: dict[int, Debt] = {}

    def begin(self, index: int, time: datetime, newest: datetime, roster: Roster, body: Act) -> None:
        """Rule N1 for an intent that names rules: take the debt that it makes."""
        rules = tuple(body.text["rules"].split(","))
        is_known = set(rules) <= set(roster.emergencies)
        demand(is_known, "N1", "rules: found some without an emergency rule in force", may_happen=True)
        is_urgent = body.text["urgency"] in (HIDDEN, "emergency")
        demand(is_urgent, "N1", "urgency: found another, expected emergency beside rules")
        now, requester = max(time, newest), body.text["requester"]
        own = [debt for debt in self.all.values() if debt.requester == requester]
        overdue = any(debt.status(now) == "overdue" for debt in own)
        demand(not overdue, "N1", "requester: found an emergency that is overdue to be ratified", may_happen=True)
        unpaid = sum(debt.paid is None for debt in own)
        demand(unpaid < MOST_UNPAID, "N1", f"requester: found {unpaid} emergencies unratified", may_happen=True)
        recent = sum(now - debt.time < DAY for debt in own)
        demand(recent < MOST_A_DAY, "N1", f"requester: found {recent} emergencies in 24 hours", may_happen=True)
        authorization = body.text["authorization"]
        self.all[index] = Debt(time=now, requester=requester, authorization=authorization, rules=rules, roster=roster)

    def standing(self, index: int, authorization: str) -> Debt:
        """Give the debt of an intent of this authorization; raises RuleBroken."""
        debt = self.all.get(index)
        if debt is None or debt.authorization != authorization:
            raise RuleBroken("E1", "intent: found no emergency of this authorization at this index")
        return debt

    def ratify(self, index: int, name: str, now: datetime, roster: Roster) -> None:
        """Rule E1 for an entry whose signer is proven. `roster`: the one in force."""
        debt = self.all[index]
        demand(name not in debt.ratified, "E1", "custodian: found that it ratified before", may_happen=True)
        debt = replace(debt, ratified=(*debt.ratified, name))
        if debt.paid is None and any(debt.is_enough(one) for one in (debt.roster, roster)):
            debt = replace(debt, paid=now)
        self.all[index] = debt
