"""Whose consent a new roster needs beside the base rule's. Pure.

The members that a rule makes indispensable guard that rule.

Rule R1 of ``docs/formats/entries.md``. ADR 10 says for each change why it needs their consent or does not.
"""

from coffer.ledger.codes import LEVELS
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Rule


def needed_consents(old: Roster, new: Roster) -> dict[str, tuple[str, ...]]:
    """The indispensable members of old rules whose lock the new roster touches, each with reasons."""
    everyones = _loosened_limits(old, new)
    needed: dict[str, tuple[str, ...]] = {}
    for rule in old.rules.values():
        reasons = everyones if _is_kept(rule, old, new) else (f"rule {rule.name} changes", *everyones)
        for name in rule.indispensable if reasons else ():
            needed[name] = tuple(dict.fromkeys((*needed.get(name, ()), *reasons)))
    return needed


def _is_kept(rule: Rule, old: Roster, new: Roster) -> bool:
    """Whether the rule keeps its wording, and every custodian that it names keeps its keys."""
    after = new.rules.get(rule.name)
    if after is None or after.expression != rule.expression:
        return False
    for name in {*rule.members, *rule.indispensable}:
        was, will = old.custodian(name), new.custodian(name)
        if was is None or will is None or (was.auth, was.resp, was.req) != (will.auth, will.resp, will.req):
            return False
    return True


def _loosened_limits(old: Roster, new: Roster) -> tuple[str, ...]:
    """What loosens every rule at once."""
    reasons = []
    if new.numbering != old.numbering:
        reasons.append("another numbering table may move numbers to another rule")
    if new.waiting_days < old.waiting_days:
        reasons.append("the time to object becomes shorter")
    if new.cell_cap > old.cell_cap:
        reasons.append("more of one person is opened without everyone's signature")
    if new.retention_days > old.retention_days:
        reasons.append("keys are kept longer")
    if new.emergency is not None and (old.emergency is None or old.emergency.expression != new.emergency.expression):
        reasons.append("others may open in an emergency")
    if new.ratify_hours > old.ratify_hours:
        reasons.append("an emergency may wait longer for its ratification")
    if LEVELS.index(new.statistics) > LEVELS.index(old.statistics):
        reasons.append("more of each order becomes public at once")
    return tuple(reasons)
