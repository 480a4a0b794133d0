"""Debts: openings under an emergency rule, and who agreed to them afterwards. Pure.

The rules N1, as far as it is about emergencies, and E1. No clock stands in State: whether a debt is overdue is asked
with a time. Source: ``docs/formats/entries.md``, "Emergencies".
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from coffer.ledger.codes import HIDDEN
from coffer.ledger.entries import Commitment, IntentEntry
from coffer.ledger.facts import Broken
from coffer.ledger.roster import Roster
from coffer.ledger.rules import mask_of

MOST_UNPAID: Final = 8
"""Debts of one requester at once. A burst in the hours that ratification may take ends here."""
MOST_A_DAY: Final = 16
"""Emergencies of one requester in 24 hours, ratified at once or not. A night has a few; more is another way to work."""
KEPT_FOR: Final = dt.timedelta(days=7)
"""How long after it is overdue custodians keep the request of an emergency: people may be late, and must read it to ratify."""
_DAY: Final = dt.timedelta(days=1)
_LAST: Final = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
"""A day before the end of the calendar, so that it can be shown in any time zone."""


class DebtStatus(StrEnum):
    """How a debt stands at a time."""

    OWED = "to be ratified"
    OVERDUE = "overdue"
    """Not ratified in time; the requester gets no further emergency."""
    RATIFIED = "ratified"
    RATIFIED_LATE = "ratified late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """What an emergency owes: that custodians who satisfy each of its ordinary rules agree to it.

    ``index`` is that of its intent, ``time`` the later of the intent's and the newest before it, ``roster`` the hash of
    the one then in force. ``ratified``: the custodians that agreed, in the log's order. ``paid``: when they were
    enough, with ``paid_index``; None if never.
    """

    index: int
    time: dt.datetime
    requester: str
    authorization: Commitment
    rules: tuple[str, ...]
    roster: bytes
    hours: int
    ratified: tuple[str, ...] = ()
    paid: dt.datetime | None = None
    paid_index: int | None = None

    @property
    def deadline(self) -> dt.datetime:
        """When its time to be ratified is over.

        Of one that is dated at the end of the calendar, about that end.
        """
        return self.time + min(dt.timedelta(hours=self.hours), max(dt.timedelta(), _LAST - self.time))

    def is_late(self, time: dt.datetime) -> bool:
        """Whether its time to be ratified is over.

        Instants are subtracted, never added to: an entry may be dated at the end of the calendar.
        """
        return time - self.time > dt.timedelta(hours=self.hours)

    def is_awaited(self, now: dt.datetime) -> bool:
        """Whether custodians still keep its request, to be read and ratified."""
        return self.paid is None and now - self.time <= dt.timedelta(hours=self.hours) + KEPT_FOR

    def status(self, now: dt.datetime) -> DebtStatus:
        """How it stands at ``now``."""
        if self.paid is not None:
            return DebtStatus.RATIFIED_LATE if self.is_late(self.paid) else DebtStatus.RATIFIED
        return DebtStatus.OVERDUE if self.is_late(now) else DebtStatus.OWED

    def lacking(self, roster: Roster) -> tuple[str, ...]:
        """The rules that those who agreed do not satisfy yet, as a roster has them.

        A rule that it dropped is ``base``.
        """
        mask = mask_of(self.ratified, roster.names)
        return tuple(name for name in self.rules if not roster.rule_for_country(name).is_satisfied_by(mask))

    def is_for(self, name: str, rosters: Iterable[Roster]) -> bool:
        """Whether a rule to be satisfied names this custodian, as one of these rosters has it.

        The agreement of any other counts for nothing.
        """
        rules = (roster.rule_for_country(rule) for roster in rosters for rule in self.rules)
        return any(name in {*rule.members, *rule.indispensable} for rule in rules)


def why_no_emergency(debts: Iterable[Debt], requester: str, now: dt.datetime) -> str | None:
    """Why this requester may not open in an emergency; None if it may.

    ``now``: the later of clock and log.
    """
    own = [debt for debt in debts if debt.requester == requester]
    if any(debt.status(now) is DebtStatus.OVERDUE for debt in own):
        return "an emergency of this requester is overdue to be ratified"
    if sum(debt.paid is None for debt in own) >= MOST_UNPAID:
        return f"{MOST_UNPAID} emergencies of this requester are not ratified yet"
    if sum(now - debt.time < _DAY for debt in own) >= MOST_A_DAY:
        return f"{MOST_A_DAY} emergencies of this requester in 24 hours"
    return None


def verify_emergency(
    debts: Iterable[Debt], index: int, time: dt.datetime, newest: dt.datetime, roster: Roster, entry: IntentEntry
) -> Debt:
    """Rule N1 for an intent that names rules: the debt that it makes. ``roster``: the one in force.

    The later of the entry's time and the log's counts, so that dating it back brings no time.
    """
    if roster.emergency is None or not set(entry.rules) <= set(roster.rules):
        raise Broken("N1", "names rules, and the roster in force has no emergency rule of them")
    if entry.codes.urgency not in (HIDDEN, "emergency"):
        raise Broken("N1", "names rules, and shows that it is no emergency")
    now = max(time, newest)
    why = why_no_emergency(debts, entry.requester, now)
    if why is not None:
        raise Broken("N1", why)
    return Debt(
        index=index,
        time=now,
        requester=entry.requester,
        authorization=entry.authorization,
        rules=entry.rules,
        roster=roster.hash,
        hours=roster.emergency.ratify_hours,
    )


def with_ratification(debt: Debt, name: str, index: int, now: dt.datetime, rosters: Iterable[Roster]) -> Debt:
    """Rule E1, but for authorization and signature: the debt once this custodian agreed.

    ``rosters``: the one then in force and the one in force now. Either may be satisfied: custodians that left may
    still speak for what was opened in their time, and those that took their place may too.
    """
    if name in debt.ratified:
        raise Broken("E1", "this custodian ratified it before")
    debt = replace(debt, ratified=(*debt.ratified, name))
    is_paid = any(not debt.lacking(roster) for roster in rosters)
    return replace(debt, paid=now, paid_index=index) if is_paid and debt.paid is None else debt
