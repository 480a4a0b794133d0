"""The grammar of rosters and rules (docs/formats/entries.md). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from coffer_audit.entries.codes import parse_level
from coffer_audit.errors import MalformedInput
from coffer_audit.notes import COSIGNATURES, Note, VerifyKey, parse_vkey
from coffer_audit.wire import (
    CUSTODIAN,
    KEY_NAME,
    Lines,
    hash_of,
    parse_base64,
    parse_decimal,
    parse_match,
    parse_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


HPKE_PUBLIC_BYTES = 1_216
EXPRESSION = re.compile(r"([0-9]{1,2}) of ([a-z0-9,-]+)(?: and ([a-z0-9,-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: who must sign. Clauses are ascending masks; bit i-1 stands for custodian i.

    `members`: the names of its set. `needed`: the names behind `and`. `everyone`: the mask of both.
    """

    text: str
    clauses: tuple[int, ...]
    everyone: int
    members: tuple[str, ...]
    needed: tuple[str, ...]

    def is_satisfied(self, mask: int) -> bool:
        """Whether a set of custodians meets every clause."""
        return all(mask & clause for clause in self.clauses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What seals a segment: the clauses of its rule, or of rule or emergency rule."""

    clauses: tuple[int, ...]

    def is_satisfied(self, mask: int) -> bool:
        """Whether a set of custodians meets every clause."""
        return all(mask & clause for clause in self.clauses)

    def is_held_by(self, number: int) -> bool:
        """Whether custodian `number` (1..n; 0 is nobody) holds a clause."""
        return bool(number) and any(clause >> number - 1 & 1 for clause in self.clauses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodian:
    """A custodian of a roster."""

    name: str
    auth: VerifyKey
    resp: VerifyKey
    req: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """A roster; `hash` is in hex.

    By the rule's name `rules` say who must sign, `emergencies` who may in an emergency (none without an emergency
    rule, whose text is then ""), and `locks` what seals.
    """

    hash: str
    custodians: tuple[Custodian, ...]
    rules: dict[str, Rule]
    emergency: str
    ratify_hours: int
    emergencies: dict[str, Rule]
    locks: dict[str, Lock]
    ingesters: tuple[VerifyKey, ...]
    requesters: dict[str, VerifyKey]
    witnesses: tuple[VerifyKey, ...]
    quorum: int
    retention_days: int
    waiting_days: int
    cell_cap: int
    numbering: str
    statistics: str

    def signing_keys(self) -> list[VerifyKey]:
        """Give every signing key that the roster names, except those of witnesses."""
        pairs = [key for custodian in self.custodians for key in (custodian.auth, custodian.resp)]
        return [*pairs, *self.ingesters, *self.requesters.values()]

    def mask_of(self, signers: Iterable[tuple[str, bytes]]) -> int:
        """Give the mask of the custodians whose auth key is among the signers."""
        return sum(1 << i for i, custodian in enumerate(self.custodians) if custodian.auth.identity in set(signers))

    def find(self, name: str) -> int:
        """Give the number (1..n) of a custodian; 0 if it is not in the roster."""
        return next((i for i, custodian in enumerate(self.custodians, 1) if custodian.name == name), 0)


def expand_rule(expression: str, names: tuple[str, ...], place: str) -> Rule:
    """Give the rule that `K of a,b,c and d` expresses, with its clauses."""
    match = EXPRESSION.fullmatch(expression)
    if not match:
        raise MalformedInput(f"{place}: found another form, expected <K> of <names>, with or without and <names>")
    quota = parse_decimal(match[1], place, low=2, high=9)
    members, needed = match[2].split(","), match[3].split(",") if match[3] else []
    for group in (members, needed):
        if len(set(group)) != len(group) or not set(group) <= set(names):
            raise MalformedInput(f"{place}: found an unknown or repeated name, expected custodians of the roster")
    if len(members) < 2 * quota - 1:
        raise MalformedInput(f"{place}: found {len(members)} in the set, expected at least {2 * quota - 1}")
    bits = {name: 1 << i for i, name in enumerate(names)}
    sets = [sum(bits[name] for name in some) for some in combinations(members, len(members) - quota + 1)]
    clauses = sorted({*sets, *(bits[name] for name in needed)})
    return Rule(
        text=expression,
        clauses=tuple(clauses),
        everyone=sum(bits[name] for name in {*members, *needed}),
        members=tuple(members),
        needed=tuple(needed),
    )


def expand_emergency(rule: Rule, expression: str, names: tuple[str, ...]) -> Rule:
    """Give the emergency rule of a rule: what the roster's expression says, and the rule's own `needed`."""
    own = expand_rule(expression, names, "emergency")
    singles = {1 << names.index(name) for name in rule.needed}
    everyone = own.everyone
    for single in singles:
        everyone |= single
    needed = tuple(dict.fromkeys((*own.needed, *rule.needed)))
    return replace(own, clauses=tuple(sorted({*own.clauses, *singles})), everyone=everyone, needed=needed)


def expand_lock(rule: Rule, emergency: Rule | None) -> Lock:
    """Give the lock of a rule: the least unions of one clause of each, or the rule's own clauses."""
    if emergency is None:
        return Lock(clauses=rule.clauses)
    unions = {first | second for first in rule.clauses for second in emergency.clauses}
    least = sorted(union for union in unions if not any(other != union and other | union == union for other in unions))
    return Lock(clauses=tuple(least))


def _parse_custodians(lines: Lines) -> tuple[tuple[Custodian, ...], set[bytes]]:
    custodians, sealing = [], set()
    for _, value in lines.take_all("custodian", at_least=1, at_most=9):
        words = parse_words(value, 4, "custodian")
        name = parse_match(CUSTODIAN, words[0], "custodian", "a custodian's name")
        auth, resp = parse_vkey(words[1], "custodian auth"), parse_vkey(words[2], "custodian resp")
        if (auth.name, resp.name) != (f"{name}/auth", f"{name}/resp"):
            raise MalformedInput(f"custodian {name}: found keys of another name, expected {name}/auth and {name}/resp")
        req = parse_base64(words[3], HPKE_PUBLIC_BYTES, "custodian req")
        sealing.add(req)
        custodians.append(Custodian(name=name, auth=auth, resp=resp, req=req))
    return tuple(custodians), sealing


def _parse_rules(lines: Lines, names: tuple[str, ...]) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    order = []
    for _, value in lines.take_all("rule", at_least=1):
        name, expression = parse_words(value, 2, "rule")
        parse_match(r"base|[A-Z]{2}", name, "rule", "base or a country")
        rules[name] = expand_rule(expression, names, f"rule {name}")
        order.append(name)
    if order[0] != "base" or order[1:] != sorted(set(order[1:]) - {"base"}):
        raise MalformedInput("rule: found another order, expected base, then countries ascending")
    return rules


def parse_roster(lines: Lines, note: Note) -> Roster:
    """Decode the lines of a roster that follow its origin and time."""
    custodians, sealing = _parse_custodians(lines)
    called = tuple(custodian.name for custodian in custodians)
    rules = _parse_rules(lines, called)
    emergency, hours = _parse_emergency(lines) if lines.is_next("emergency") else ("", 0)
    emergencies = {name: expand_emergency(rule, emergency, called) for name, rule in rules.items() if emergency}
    ingesters = tuple(parse_vkey(value, "ingester") for _, value in lines.take_all("ingester", at_least=1))
    requesters: list[tuple[str, VerifyKey]] = []
    for _, value in lines.take_all("requester", at_least=1):
        name, vkey = parse_words(value, 2, "requester")
        if not vkey.startswith(f"{name}+"):
            raise MalformedInput("requester: found a key of another name")
        requesters.append((parse_match(KEY_NAME, name, "requester", "a name"), parse_vkey(vkey, "requester")))
    witnesses = tuple(parse_vkey(value, "witness", kinds=COSIGNATURES) for _, value in lines.take_all("witness"))
    roster = Roster(
        hash=hash_of("roster", note.text).hex(),
        custodians=custodians,
        rules=rules,
        emergency=emergency,
        ratify_hours=hours,
        emergencies=emergencies,
        locks={name: expand_lock(rule, emergencies.get(name)) for name, rule in rules.items()},
        ingesters=ingesters,
        requesters=dict(requesters),
        witnesses=witnesses,
        quorum=parse_decimal(lines.take("quorum"), "quorum", high=len({key.name for key in witnesses})),
        retention_days=parse_decimal(lines.take("retention-days"), "retention-days", low=1, high=36_500),
        waiting_days=_parse_late_and_waiting(lines),
        cell_cap=parse_decimal(lines.take("cell-cap"), "cell-cap", low=1, high=65_535),
        numbering=_parse_tally_and_numbering(lines),
        statistics=parse_level(lines.take("statistics")),
    )
    names = [*(custodian.name for custodian in custodians), *(name for name, _ in requesters)]
    keys = [pair for c in custodians for pair in (c.auth, c.resp)] + [
        *ingesters,
        *(k for _, k in requesters),
        *witnesses,
    ]
    # A witness may have a key of each type and still counts as one.
    named = [key.name for key in keys if key.kind not in COSIGNATURES] + list({key.name for key in witnesses})
    types = [(key.name, key.kind) for key in witnesses]
    doubled = [len(set(group)) != len(group) for group in (names, named, types, [k.public for k in keys])]
    if any(doubled) or len(sealing) != len(custodians):
        raise MalformedInput("roster: found a name or a key twice, expected all distinct")
    return roster


def _parse_emergency(lines: Lines) -> tuple[str, int]:
    emergency = lines.take("emergency")
    return emergency, parse_decimal(lines.take("ratify-hours"), "ratify-hours", low=1, high=168)


def _parse_late_and_waiting(lines: Lines) -> int:
    parse_decimal(lines.take("late-days"), "late-days", high=36_500)
    return parse_decimal(lines.take("waiting-days"), "waiting-days", low=1, high=3_650)


def _parse_tally_and_numbering(lines: Lines) -> str:
    if (tally := lines.take("tally")) != "exact":
        value = parse_match(r"epsilon (0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?", tally, "tally", "exact or epsilon <decimal>")
        if not 0 < float(value.removeprefix("epsilon ")) <= 10:
            raise MalformedInput("tally: found an epsilon out of range, expected above 0 and at most 10")
    return parse_match(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", lines.take("numbering"), "numbering", "a version")
