"""Which rosters count (docs/formats/entries.md, rules R1 and R2). Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from coffer_audit.entries.codes import LEVELS
from coffer_audit.validity.facts import Absence, demand

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from coffer_audit.entries.roster import Roster

Signers = frozenset[tuple[str, bytes]]


def verify_genesis(index: int, roster: Roster, genesis: str, signers: Signers) -> None:
    """Rule R1 for the first roster: it is the pinned one, at entry 0, and every custodian signed it."""
    demand(index == 0 and roster.hash == genesis, "R1", "roster: found another, expected the pinned genesis")
    demand(all(item.auth.identity in signers for item in roster.custodians), "R1", "roster: found a custodian missing")


def verify_successor(
    old: Roster, new: Roster, signers: Signers, absences: Mapping[str, Absence], time: datetime
) -> set[str]:
    """Rule R1 for a later roster: enough custodians in force signed it, and all new ones did.

    Gives the names that need not sign, because the others waited for them until `time`.
    """
    names = {item.name for item in old.custodians if item.auth.identity in signers}
    gone = find_replaceable(old, names, absences, time) - names
    present = {item.auth.public for item in old.custodians}
    mask = sum(1 << i for i, item in enumerate(old.custodians) if item.name in names | gone)
    demand(old.rules["base"].is_satisfied(mask), "R1", "roster: found too few of those in force")
    demand(find_guards(old, new) <= names | gone, "R1", "roster: found no consent of an indispensable member")
    demand(
        all(item.auth.identity in signers or item.auth.public in present for item in new.custodians),
        "R1",
        "roster: found no signature of a new custodian",
    )
    return gone


def find_replaceable(old: Roster, names: set[str], absences: Mapping[str, Absence], time: datetime) -> set[str]:
    """Give the custodians that need not sign: all others did, and their time to object is over."""
    others = {item.name for item in old.custodians}
    return {
        name
        for name, absence in absences.items()
        if others - {name} <= names and time - absence.since >= timedelta(days=absence.waiting_days)
    }


def tell_replaced(name: str, absence: Absence, time: datetime, newest: datetime) -> str:
    """Say that a roster counts without a custodian, with the dates that outsiders cannot verify."""
    return (
        f"roster: dated {time:%Y-%m-%d} without {name}, said to be gone by entry {absence.entry} of"
        f" {absence.since:%Y-%m-%d}, to be waited for {absence.waiting_days} days; what was logged before it is of"
        f" {newest:%Y-%m-%d} or older: ask {name} whether it could object"
    )


def verify_names(rosters: Iterable[Roster], roster: Roster) -> None:
    """Rule R2: a name keeps its keys, and keys keep their name."""
    for was in (item for old in rosters for item in old.custodians):
        for new in roster.custodians:
            before, after = ([item.auth.public, item.resp.public, item.req] for item in (was, new))
            touches = was.name == new.name or set(before) & set(after)
            demand(not touches or (was.name, before) == (new.name, after), "R2", "roster: found a name with other keys")


def find_guards(old: Roster, new: Roster) -> set[str]:
    """Give the indispensable members of the old roster's rules that the new one changes or loosens."""
    keys = [{c.name: (c.auth.public, c.resp.public, c.req) for c in roster.custodians} for roster in (old, new)]
    looser = (
        new.numbering != old.numbering
        or new.waiting_days < old.waiting_days
        or new.cell_cap > old.cell_cap
        or new.retention_days > old.retention_days
        or new.emergency not in ("", old.emergency)
        or new.ratify_hours > old.ratify_hours
        or LEVELS.index(new.statistics) > LEVELS.index(old.statistics)
    )
    guards: set[str] = set()
    for name, rule in old.rules.items():
        same = name in new.rules and new.rules[name].text == rule.text
        same = same and all(keys[0][who] == keys[1].get(who) for who in (*rule.members, *rule.needed))
        guards |= set(rule.needed) if looser or not same else set()
    return guards
