"""What a new roster changes, in plain sentences. Pure.

Read by those who sign it and, once it is in force, by every custodian's people.
"""

from collections.abc import Iterable

from coffer.ledger.roster import Roster
from coffer.notes.cosign import CosignKey
from coffer.notes.keys import VerifyKey
from coffer.visible import counted


def tally_of(roster: Roster) -> str:
    """The value of its ``tally:`` line."""
    return "exact" if roster.epsilon is None else f"epsilon {roster.epsilon}"


def describe(old: Roster, new: Roster) -> list[str]:
    """Exactly what changes, a line each; empty if nothing does."""
    lines = [f"custodian {name} leaves" for name in old.names if name not in new.names]
    for member in new.custodians:
        before = old.custodian(member.name)
        if before is None:
            lines.append(f"custodian {member.name} joins ({member.auth.format()})")
        elif (before.auth, before.resp, before.req) != (member.auth, member.resp, member.req):
            lines.append(f"custodian {member.name} has other keys")
    for name in dict.fromkeys([*old.rules, *new.rules]):
        was, will = (r.rules[name].expression if name in r.rules else "none" for r in (old, new))
        if was != will:
            lines.append(f"rule {name}: {was} -> {will}")
    stays = [name for name in new.names if name in old.names]
    if [name for name in old.names if name in new.names] != stays:
        lines.append(f"order of custodians: {', '.join(old.names)} -> {', '.join(new.names)}")
    limits = zip(_limits(old), _limits(new), strict=True)
    return lines + [f"{what}: {was} -> {will}" for (what, was), (_, will) in limits if was != will]


def describe_emergency(roster: Roster) -> list[str]:
    """What an emergency rule costs, in plain sentences; empty without one."""
    if roster.emergency is None:
        return []
    lines = []
    for name, rule in roster.rules.items():
        own, lock = roster.emergency_rules[name], roster.locks[name]
        if lock.clauses == rule.clauses:
            lines.append(f"rule {name}: the emergency rule adds nothing: whoever satisfies it satisfies the rule")
            continue
        lines.append(
            f"rule {name}: the lock is weaker than the rule: the machines of {own.expression} can open alone, and only "
            f"custodians' own checks and the log hold them to emergencies, which {rule.expression} must ratify within "
            f"{counted(roster.ratify_hours, 'hour')}"
        )
        clauses, before = len(roster.locks[name].clauses), len(rule.clauses)
        if clauses != before:
            lines.append(
                f"rule {name}: each segment has {clauses} clauses, {before} without the emergency rule: "
                "sealing and opening grow with them"
            )
    return lines


def _limits(roster: Roster) -> list[tuple[str, str]]:
    def listed(keys: Iterable[VerifyKey | CosignKey]) -> str:
        return ", ".join(key.format() for key in keys) or "none"

    return [
        ("ingesters", listed(roster.ingesters)),
        ("requesters", listed(roster.requesters.values())),
        ("witnesses", listed(roster.witnesses)),
        ("emergency", "none" if roster.emergency is None else roster.emergency.expression),
        ("ratify-hours", str(roster.ratify_hours or "none")),
        ("quorum", str(roster.quorum)),
        ("retention-days", str(roster.retention_days)),
        ("late-days", str(roster.late_days)),
        ("waiting-days", str(roster.waiting_days)),
        ("cell-cap", str(roster.cell_cap)),
        ("tally", tally_of(roster)),
        ("numbering", roster.numbering),
        ("statistics", roster.statistics),
    ]
