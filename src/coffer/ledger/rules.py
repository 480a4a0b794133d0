"""Rules over custodians, locks, and the clauses they expand to.

A **rule** says who must sign. In conjunctive normal form it is a list of clauses; a set satisfies it iff it meets every clause. A **lock** says which
clauses seal: those of the rule, or of the rule or its emergency rule where the roster has one. One subkey per clause, known to all its members,
is replicated secret sharing for that access structure (Ito, Saito, Nishizeki 1987). Source: ``docs/formats/entries.md``.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NewType

from coffer.errors import MalformedInput

Clause = NewType("Clause", int)
"""A set of custodians as a u16 mask: bit i-1 for custodian i of the roster."""

BASE: Final = "base"
_RULE_NAME: Final = re.compile(r"base|[A-Z]{2}")
_CUSTODIAN: Final = re.compile(r"[a-z][a-z0-9-]{0,15}")
_EXPRESSION: Final = re.compile(r"([1-9]) of ([a-z0-9,-]+)(?: and ([a-z0-9,-]+))?")


def parse_custodian_name(text: str, place: str) -> str:
    """A custodian's name: ``[a-z][a-z0-9-]{0,15}``."""
    if not _CUSTODIAN.fullmatch(text):
        raise MalformedInput(
            f"{place}: not a custodian's name, expected a small letter, then up to 15 of a-z, 0-9 and -"
        )
    return text


def variable_name(name: str) -> str:
    """A custodian's name as environment variables write it."""
    return name.upper().replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``K of set and others``: any K of the set, and every one of the others.

    ``clauses`` are masks over the roster's custodians, ascending and unique.
    """

    name: str
    threshold: int
    members: tuple[str, ...]
    indispensable: tuple[str, ...]
    clauses: tuple[Clause, ...]

    @property
    def expression(self) -> str:
        """As the roster writes it."""
        text = f"{self.threshold} of {','.join(self.members)}"
        return f"{text} and {','.join(self.indispensable)}" if self.indispensable else text

    @property
    def majority(self) -> int:
        """More than half of the set: any two so large share a member."""
        return len(self.members) // 2 + 1

    def missing_cosigners(self, names: Collection[str]) -> tuple[tuple[str, ...], int]:
        """Members of the rule who did not cosign, and how many more of its set are needed.

        Beside that number, every indispensable member must be among ``names``.
        """
        absent = tuple(name for name in dict.fromkeys((*self.indispensable, *self.members)) if name not in names)
        return absent, max(0, self.majority - len(set(self.members) & set(names)))

    def is_cosigned_by(self, names: Collection[str]) -> bool:
        """Whether these are more than half of its set, and all its indispensable members."""
        return set(self.indispensable) <= set(names) and self.missing_cosigners(names)[1] == 0

    def is_satisfied_by(self, mask: int) -> bool:
        """Whether the custodians in ``mask`` meet every clause."""
        return all(mask & clause for clause in self.clauses)


def implies(clauses: Collection[Clause], others: Collection[Clause]) -> bool:
    """Whether every set of custodians that meets these clauses meets the others too.

    A set meets a clause by one of its members, so each of the others must hold a whole clause of the first.
    """
    return all(any(clause & other == clause for clause in clauses) for other in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What seals the segments of a rule: a set of custodians opens it if it meets every clause.

    ``clauses`` are masks over the roster's custodians, ascending and unique.
    """

    clauses: tuple[Clause, ...]

    @property
    def holders(self) -> int:
        """Mask of every custodian that holds a subkey, which is everyone its rules name."""
        mask = 0
        for clause in self.clauses:
            mask |= clause
        return mask

    def is_satisfied_by(self, mask: int) -> bool:
        """Whether the custodians in ``mask`` meet every clause."""
        return all(mask & clause for clause in self.clauses)


def lock_of(rule: Rule, emergency: Rule | None) -> Lock:
    """The lock that opens to those who satisfy the rule, or the emergency rule where there is one.

    The clauses of a disjunction are the unions of one clause of each; one that holds another adds nothing. Of nine
    custodians they are at most 126, as many as 5 of 9 has: no more subsets of nine exist of which none holds another
    (Sperner 1928). So no emergency rule makes a segment larger than a rule may make it.
    """
    if emergency is None:
        return Lock(clauses=rule.clauses)
    unions = {Clause(one | other) for one in rule.clauses for other in emergency.clauses}
    return Lock(clauses=tuple(sorted(one for one in unions if not any(o & one == o for o in unions - {one}))))


def is_rule_name(text: str) -> bool:
    """``base``, or two capital letters (ISO 3166)."""
    return _RULE_NAME.fullmatch(text) is not None


def parse_rule(name: str, expression: str, custodians: Sequence[str], place: str) -> Rule:
    """Read one rule over the roster's custodians (in the roster's order)."""
    if not is_rule_name(name):
        raise MalformedInput(f"{place}: rule name must be 'base' or two capital letters (ISO 3166)")
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        raise MalformedInput(
            f"{place}: not a rule",
            hint="write it as: 2 of judge,dpo,regulator   or: 2 of judge,dpo,regulator and cnctr",
        )
    threshold = int(match[1])
    members = _names(match[2], custodians, place)
    indispensable = _names(match[3], custodians, place) if match[3] else ()
    if threshold < 2:
        raise MalformedInput(
            f"{place}: found {threshold} of {len(members)}, expected at least 2: one custodian alone is no lock"
        )
    if len(members) < 2 * threshold - 1:
        raise MalformedInput(
            f"{place}: found {threshold} of {len(members)}, expected a set of at least {2 * threshold - 1}",
            hint="with fewer, a lying custodian could not be told from an honest one",
        )
    return _rule(name, threshold, members, indispensable, custodians)


def emergency_rule(rule: Rule, expression: str, custodians: Sequence[str], place: str) -> Rule:
    """The emergency rule of a rule: the roster's expression, and whom the rule makes indispensable.

    So whom a country made indispensable stays so at night.
    """
    own = parse_rule(rule.name, expression, custodians, place)
    indispensable = tuple(dict.fromkeys((*own.indispensable, *rule.indispensable)))
    return _rule(own.name, own.threshold, own.members, indispensable, custodians)


def _rule(
    name: str, threshold: int, members: tuple[str, ...], indispensable: tuple[str, ...], custodians: Sequence[str]
) -> Rule:
    bit = {custodian: 1 << position for position, custodian in enumerate(custodians)}
    masks = {sum(bit[m] for m in subset) for subset in combinations(members, len(members) - threshold + 1)}
    masks |= {bit[m] for m in indispensable}
    return Rule(
        name=name,
        threshold=threshold,
        members=members,
        indispensable=indispensable,
        clauses=tuple(Clause(mask) for mask in sorted(masks)),
    )


def parse_rule_names(text: str, place: str) -> tuple[str, ...]:
    """Names of rules joined by commas, ascending, each once."""
    rules = tuple(text.split(","))
    if rules != tuple(sorted(set(rules))) or not all(is_rule_name(rule) for rule in rules):
        raise MalformedInput(f"{place}: expected names of rules, base or country codes, ascending, joined by commas")
    return rules


def mask_of(names: Collection[str], custodians: Sequence[str]) -> int:
    """The mask of those of ``names`` that are custodians."""
    return sum(1 << position for position, custodian in enumerate(custodians) if custodian in names)


def _names(text: str, custodians: Sequence[str], place: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in custodians:
            raise MalformedInput(f"{place}: unknown custodian {name!r}, expected one of {', '.join(custodians)}")
    if len(set(names)) != len(names):
        raise MalformedInput(f"{place}: a custodian is named twice")
    return names
