"""The roster: who the custodians, ingesters and requesters are, under which rules.

Source: ``docs/formats/entries.md``, "Rosters, rules, clauses".
"""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput
from coffer.ledger.codes import DEFAULT_LEVEL, LEVELS
from coffer.ledger.rules import BASE, Lock, Rule, emergency_rule, implies, lock_of, parse_custodian_name, parse_rule
from coffer.notes.cosign import CosignKey, parse_cosign_vkey
from coffer.notes.keys import HPKE_PUBLIC_BYTES, VerifyKey, parse_key_name, parse_vkey

MAX_CUSTODIANS: Final = 9
"""Clauses are u16 masks and their number grows as a binomial: 5 of 9 makes 126 subkeys a segment."""
FORMAT: Final = "coffer.roster/v3"
DEFAULT_RATIFY_HOURS: Final = 48
MAX_RATIFY_HOURS: Final = 168
"""A week. Whoever has not agreed by then was not asked."""
MAX_WAITING_DAYS: Final = 3_650
"""Ten years. A longer wait for a member that is gone would outlive the records that its rule locks."""
_NUMBERING: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}")
_EPSILON: Final = re.compile(r"epsilon ((?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,6})?)")
MAX_EPSILON: Final = Decimal(10)
"""Above this the noise hides nothing, and 'exact' is the honest word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodian:
    """One custodian's public keys. ``index`` is 1 for the first of the roster."""

    index: int
    name: str
    auth: VerifyKey
    resp: VerifyKey
    req: bytes

    @property
    def cosigning(self) -> CosignKey:
        """Its ``resp`` key as a witness's, for the checkpoints that it follows (``ledger.cosigning``)."""
        return CosignKey(name=self.resp.name, public=self.resp.public)

    @property
    def bit(self) -> int:
        """This custodian in a clause mask."""
        return 1 << (self.index - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """Who may open at once, and how long custodians of the ordinary rule have to agree afterwards.

    ``expression``: of every emergency rule, without the indispensable members that each rule adds.
    """

    expression: str
    ratify_hours: int


@dataclass(frozen=True, kw_only=True)
class Roster:
    """A parsed roster; only ``parse_roster`` builds one.

    It has no slots, because derived values are computed once and kept: they are asked for at each segment of an opening.

    ``epsilon`` is None for an exact tally. ``waiting_days``: how long an indispensable member may object before the others replace it.
    ``numbering``: version of the tables that say to which country a number belongs. ``statistics``: how much of an
    order is public at once (``ledger.codes``). ``text`` is what was signed. ``rules`` say who must sign,
    ``emergency_rules`` who may in an emergency (empty without ``emergency``), ``locks`` which clauses seal; each by the
    rule's name.
    """

    text: bytes
    origin: str
    time: dt.datetime
    custodians: tuple[Custodian, ...]
    rules: dict[str, Rule]
    emergency: Emergency | None
    emergency_rules: dict[str, Rule]
    locks: dict[str, Lock]
    ingesters: tuple[VerifyKey, ...]
    requesters: dict[str, VerifyKey]
    witnesses: tuple[CosignKey, ...]
    quorum: int
    retention_days: int
    late_days: int
    waiting_days: int
    cell_cap: int
    epsilon: Decimal | None
    numbering: str
    statistics: str

    @cached_property
    def name_set(self) -> frozenset[str]:
        """The names of its custodians."""
        return frozenset(self.names)

    @cached_property
    def hash(self) -> wire.Hash:
        """H(T("roster") || text)."""
        return wire.digest(wire.tag("roster"), self.text)

    @property
    def ratify_hours(self) -> int:
        """Hours in which an emergency must be ratified; 0 where there is no emergency rule."""
        return 0 if self.emergency is None else self.emergency.ratify_hours

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The custodians' names, in order."""
        return tuple(custodian.name for custodian in self.custodians)

    @cached_property
    def witness_names(self) -> tuple[str, ...]:
        """The witnesses' names, in order; a witness with a key of each type stands once."""
        return tuple(dict.fromkeys(key.name for key in self.witnesses))

    @cached_property
    def _by_name(self) -> dict[str, Custodian]:
        return {custodian.name: custodian for custodian in self.custodians}

    @property
    def signing_keys(self) -> tuple[VerifyKey, ...]:
        """Every key that may sign an entry."""
        custodians = [key for c in self.custodians for key in (c.auth, c.resp)]
        return (*custodians, *self.ingesters, *self.requesters.values())

    def custodian(self, name: str) -> Custodian | None:
        """The custodian of that name, if there is one."""
        return self._by_name.get(name)

    def clauses_held(self, name: str, lock: Lock) -> tuple[int, ...]:
        """The clauses of a lock that a custodian holds, ascending; none if it is not in the roster."""
        me = self.custodian(name)
        return () if me is None else _clauses_of(lock.clauses, me.bit)

    def rule_for_country(self, country: str | None) -> Rule:
        """The country's own rule if the roster has one, else ``base``."""
        return self.rules.get(country or BASE, self.rules[BASE])

    def is_as_strict(self, rule: str, other: str) -> bool:
        """Whether whoever may open under a rule, in an emergency or not, may open under the other too."""
        return implies(self.rules[rule].clauses, self.rules[other].clauses) and implies(
            self.locks[rule].clauses, self.locks[other].clauses
        )

    @cached_property
    def handset_rule(self) -> Rule:
        """The rule of handsets, which any number may use: the first that is as strict as every other.

        ``base`` comes first, then countries in their order; it is ``base`` too if there is none.
        """
        strictest = (rule for name, rule in self.rules.items() if all(self.is_as_strict(name, o) for o in self.rules))
        return next(strictest, self.rules[BASE])


@lru_cache(maxsize=1024)
def _clauses_of(clauses: tuple[int, ...], bit: int) -> tuple[int, ...]:
    """Those with a custodian's bit; remembered, because an opening asks for each cell and each custodian."""
    return tuple(int(clause) for clause in clauses if clause & bit)


def format_roster(
    *,
    origin: str,
    time: dt.datetime,
    custodians: Iterable[tuple[str, VerifyKey, VerifyKey, bytes]],
    rules: Iterable[tuple[str, str]],
    ingesters: Iterable[VerifyKey],
    requesters: Iterable[VerifyKey],
    retention_days: int,
    late_days: int,
    waiting_days: int,
    cell_cap: int,
    tally: str,
    numbering: str,
    statistics: str = DEFAULT_LEVEL,
    witnesses: Iterable[str] = (),
    quorum: int = 0,
    emergency: Emergency | None = None,
) -> bytes:
    """The text of a roster (``witnesses``: vkeys); parse it to learn whether it is a valid one."""
    lines = [FORMAT, f"origin: {origin}", f"time: {wire.format_time(time)}"]
    lines += [f"custodian: {n} {a.format()} {r.format()} {wire.format_base64(q)}" for n, a, r, q in custodians]
    lines += [f"rule: {name} {expression}" for name, expression in rules]
    if emergency is not None:
        lines += [f"emergency: {emergency.expression}", f"ratify-hours: {emergency.ratify_hours}"]
    lines += [f"ingester: {key.format()}" for key in ingesters]
    lines += [f"requester: {key.name} {key.format()}" for key in requesters]
    lines += [f"witness: {vkey}" for vkey in witnesses]
    lines += [f"quorum: {quorum}", f"retention-days: {retention_days}", f"late-days: {late_days}"]
    lines += [f"waiting-days: {waiting_days}", f"cell-cap: {cell_cap}", f"tally: {tally}", f"numbering: {numbering}"]
    lines += [f"statistics: {statistics}"]
    return ("\n".join(lines) + "\n").encode("ascii")


def parse_roster(text: bytes, place: str) -> Roster:
    """Read and validate a roster's text; raises ``MalformedInput``."""
    fields = wire.Fields(wire.parse_lines(text, place), place)
    fields.literal(FORMAT)
    origin = parse_key_name(fields.one("origin"), fields.place("origin"))
    time = wire.parse_time(fields.one("time"), fields.place("time"))
    custodians = tuple(
        _parse_custodian(value, index, f"{place}: custodian {index}")
        for index, value in enumerate(fields.many("custodian"), 1)
    )
    if not 1 <= len(custodians) <= MAX_CUSTODIANS:
        raise MalformedInput(f"{place}: {len(custodians)} custodians, expected 1 to {MAX_CUSTODIANS}")
    names = tuple(c.name for c in custodians)
    rules = _parse_rules(fields.many("rule"), names, place)
    emergency = _parse_emergency(fields)
    emergency_rules = _emergency_rules(rules, emergency, names, f"{place}: emergency")
    ingesters = tuple(parse_vkey(value, f"{place}: ingester") for value in fields.many("ingester"))
    requesters = _parse_requesters(fields.many("requester"), place)
    witnesses = tuple(parse_cosign_vkey(value, f"{place}: witness") for value in fields.many("witness"))
    if not ingesters or not requesters:
        raise MalformedInput(f"{place}: expected at least one ingester and one requester")
    most = len({witness.name for witness in witnesses})
    quorum = wire.parse_decimal(fields.one("quorum"), fields.place("quorum"), high=most)
    retention_days = wire.parse_decimal(
        fields.one("retention-days"), fields.place("retention-days"), low=1, high=36_500
    )
    late_days = wire.parse_decimal(fields.one("late-days"), fields.place("late-days"), high=36_500)
    waiting_days = wire.parse_decimal(
        fields.one("waiting-days"), fields.place("waiting-days"), low=1, high=MAX_WAITING_DAYS
    )
    cell_cap = wire.parse_decimal(fields.one("cell-cap"), fields.place("cell-cap"), low=1, high=65_535)
    epsilon = parse_tally(fields.one("tally"), fields.place("tally"))
    numbering = parse_numbering(fields.one("numbering"), fields.place("numbering"))
    statistics = parse_statistics(fields.one("statistics"), fields.place("statistics"))
    fields.end()
    roster = Roster(
        text=text,
        origin=origin,
        time=time,
        custodians=custodians,
        rules=rules,
        emergency=emergency,
        emergency_rules=emergency_rules,
        locks={name: lock_of(rule, emergency_rules.get(name)) for name, rule in rules.items()},
        ingesters=ingesters,
        requesters=requesters,
        witnesses=witnesses,
        quorum=quorum,
        retention_days=retention_days,
        late_days=late_days,
        waiting_days=waiting_days,
        cell_cap=cell_cap,
        epsilon=epsilon,
        numbering=numbering,
        statistics=statistics,
    )
    _verify_distinct(roster, place)
    return roster


def parse_tally(text: str, place: str) -> Decimal | None:
    """``exact`` gives None, ``epsilon E`` gives E."""
    if text == "exact":
        return None
    match = _EPSILON.fullmatch(text)
    if match is None or not 0 < Decimal(match[1]) <= MAX_EPSILON:
        raise MalformedInput(f"{place}: expected 'exact' or 'epsilon E' with E above 0 and at most {MAX_EPSILON}")
    return Decimal(match[1])


def parse_numbering(text: str, place: str) -> str:
    """A version of the numbering tables, for example 9.0.43: two to four numbers of at most four digits."""
    if not _NUMBERING.fullmatch(text):
        raise MalformedInput(f"{place}: not a version, expected two to four numbers with dots, for example 9.0.43")
    return text


def parse_statistics(text: str, place: str) -> str:
    """How much of an order is public at once: none, coarse or full."""
    if text not in LEVELS:
        raise MalformedInput(f"{place}: expected one of {', '.join(LEVELS)}")
    return text


def _parse_custodian(value: str, index: int, place: str) -> Custodian:
    """One ``custodian:`` line; raises ``MalformedInput``."""
    parts = value.split(" ")
    if len(parts) != 4:
        raise MalformedInput(f"{place}: {len(parts)} parts, expected name, auth key, resp key and req key")
    name = parse_custodian_name(parts[0], place)
    auth, resp = parse_vkey(parts[1], place), parse_vkey(parts[2], place)
    if (auth.name, resp.name) != (f"{name}/auth", f"{name}/resp"):
        raise MalformedInput(f"{place}: key names must be {name}/auth and {name}/resp")
    req = wire.parse_base64(parts[3], place, size=HPKE_PUBLIC_BYTES)
    return Custodian(index=index, name=name, auth=auth, resp=resp, req=req)


def _parse_rules(values: list[str], names: tuple[str, ...], place: str) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for value in values:
        name, _, expression = value.partition(" ")
        rules[name] = parse_rule(name, expression, names, f"{place}: rule {name[:4]}")
    order = list(rules)
    if len(rules) != len(values) or order[:1] != [BASE] or order[1:] != sorted(order[1:]):
        raise MalformedInput(f"{place}: rules must be 'base', then countries in ascending order, each once")
    return rules


def _parse_emergency(fields: wire.Fields) -> Emergency | None:
    expression = fields.optional("emergency")
    if expression is None:
        return None
    hours = wire.parse_decimal(fields.one("ratify-hours"), fields.place("ratify-hours"), low=1, high=MAX_RATIFY_HOURS)
    return Emergency(expression=expression, ratify_hours=hours)


def _emergency_rules(
    rules: dict[str, Rule], emergency: Emergency | None, names: tuple[str, ...], place: str
) -> dict[str, Rule]:
    if emergency is None:
        return {}
    return {name: emergency_rule(rule, emergency.expression, names, place) for name, rule in rules.items()}


def _parse_requesters(values: list[str], place: str) -> dict[str, VerifyKey]:
    requesters: dict[str, VerifyKey] = {}
    for value in values:
        name, _, vkey = value.partition(" ")
        key = parse_vkey(vkey, f"{place}: requester")
        if key.name != name or name in requesters:
            raise MalformedInput(f"{place}: requester: expected each name once, and equal to its key's name")
        requesters[name] = key
    return requesters


def _verify_distinct(roster: Roster, place: str) -> None:
    """One key has one role: a key listed twice would let one hand count as two (``docs/attacks.md``, M9)."""
    keys: list[VerifyKey | CosignKey] = [key for c in roster.custodians for key in (c.auth, c.resp)]
    keys += [*roster.ingesters, *roster.requesters.values(), *roster.witnesses]
    if len({key.public for key in keys}) != len(keys) or len({c.req for c in roster.custodians}) != len(
        roster.custodians
    ):
        raise MalformedInput(f"{place}: the same key stands in two places, expected one key for one role")
    names = [key.name for key in keys if not isinstance(key, CosignKey)]
    # A witness may have one key of each type; it still counts as one.
    types = {(witness.name, witness.kind) for witness in roster.witnesses}
    names += {name for name, _ in types}
    if (
        len(types) != len(roster.witnesses)
        or len(set(names)) != len(names)
        or len(set(roster.names)) != len(roster.names)
    ):
        raise MalformedInput(f"{place}: the same name stands in two places")
    if set(roster.names) & set(roster.requesters):
        raise MalformedInput(f"{place}: a custodian and a requester have the same name")
