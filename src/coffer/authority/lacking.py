"""Which part of which rule lacks whom, before an authorization can be used. Pure.

The rule itself decides (``ledger.rules``, ``countersign``). This says the same by parts, so that people see whom to ask.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from coffer.authority.countersign import subject_rule
from coffer.identity.identifier import Identifier
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Rule, mask_of


class Share(StrEnum):
    """Which part of a rule."""

    SET = "set"
    """So many of its set."""
    ALWAYS = "always"
    """Every one of those without whom the rule never holds."""
    HUB = "hub"
    """Everybody whom the rule names, because the request says that its subject is a hub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a rule. ``needed`` of ``members`` must sign; ``signed`` are those of them who did.

    ``roster``: the first 16 hex digits of the roster whose rule it is.
    """

    roster: str
    rule: str
    share: Share
    needed: int
    members: tuple[str, ...]
    signed: tuple[str, ...]

    @property
    def is_met(self) -> bool:
        """Whether enough of them signed."""
        return len(self.signed) >= self.needed

    @property
    def lacks(self) -> tuple[str, ...]:
        """Those who could still sign; empty if it is met."""
        return () if self.is_met else tuple(name for name in self.members if name not in self.signed)

    def missing(self, *, without: Collection[str] = ()) -> str:
        """Whom it still needs, in words. ``without``: who said no."""
        names = [name for name in self.lacks if name not in without]
        needed = self.needed - len(self.signed)
        return ", ".join(names) if needed >= len(names) else f"{needed} of {', '.join(names)}"


def parts_of(rule: Rule, roster: Roster, signers: Collection[str], *, is_hub: bool) -> tuple[Part, ...]:
    """The parts of one rule, with who signed for each."""
    shares: list[tuple[Share, int, tuple[str, ...]]]
    if is_hub:
        everyone = tuple(name for name in roster.names if name in {*rule.members, *rule.indispensable})
        shares = [(Share.HUB, len(everyone), everyone)]
    else:
        shares = [(Share.SET, rule.threshold, rule.members)]
        if rule.indispensable:
            shares.append((Share.ALWAYS, len(rule.indispensable), rule.indispensable))
    return tuple(
        Part(
            roster=roster.hash.hex()[:16],
            rule=rule.name,
            share=share,
            needed=needed,
            members=members,
            signed=tuple(name for name in members if name in signers),
        )
        for share, needed, members in shares
    )


def rule_to_meet(rule: Rule, roster: Roster, signers: Collection[str], *, is_urgent: bool, is_hub: bool) -> Rule:
    """The rule that is waited for: in an emergency the emergency rule, unless the rule is met."""
    emergency = roster.emergency_rules.get(rule.name)
    is_met = rule.is_satisfied_by(mask_of(signers, roster.names))
    return rule if emergency is None or is_met or is_hub or not is_urgent else emergency


def parts_for(
    subjects: Sequence[Identifier], roster: Roster, signers: Collection[str], *, is_hub: bool, is_urgent: bool = False
) -> tuple[Part, ...]:
    """The parts of every rule of these subjects, each rule once; in an emergency of its emergency rule."""
    own = {rule.name: rule for subject in subjects for rule in [subject_rule(subject, roster)]}
    rules = {
        name: rule_to_meet(rule, roster, signers, is_urgent=is_urgent, is_hub=is_hub) for name, rule in own.items()
    }
    return tuple(part for name in sorted(rules) for part in parts_of(rules[name], roster, signers, is_hub=is_hub))
