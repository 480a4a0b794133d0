"""Holds: records kept unread beyond their retention (docs/formats/entries.md, rules H1 to H4). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from coffer_audit.entries.roster import Roster
from coffer_audit.validity.facts import RuleBroken, demand
from coffer_audit.wire import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from coffer_audit.entries.parse import Act

DAY, TO_SATISFY, MOST_LIFE = timedelta(days=1), timedelta(hours=72), timedelta(days=90)
MOST_EXTENSIONS, MOST_A_DAY = 8, 32
CODES = {"hold": "H1", "held": "H2", "extend": "H3", "release": "H4"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A hold, or a note that extends it; `held`: the cells that custodians keep for it, by name.

    `joined`: by name, the entry in which a custodian first said so.
    """

    time: datetime
    note: str
    until: datetime
    held: dict[str, int] = field(default_factory=dict)
    joined: dict[str, int] = field(default_factory=dict)

    def may_be_joined(self, now: datetime) -> bool:
        """Whether a custodian may still say `held` for the first time; makes no instant that may not exist."""
        return now < self.until and now - self.time < TO_SATISFY


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold of State: its own term first, then those of its extensions.

    `roster`: the one that it names. `released`: the entry that ended it; 0 for none. `ended`: the time of that entry.
    """

    requester: str
    roster: Roster
    rules: tuple[str, ...]
    terms: tuple[Term, ...]
    released: int = 0
    ended: datetime | None = None

    def is_joined(self, term: Term) -> bool:
        """Whether custodians that satisfy every rule (no emergency rule) of the hold keep for a term."""
        mask = sum(1 << i for i, custodian in enumerate(self.roster.custodians) if custodian.name in term.held)
        return all(self.roster.rules[name].is_satisfied(mask) for name in self.rules)

    @property
    def until(self) -> datetime:
        """When it ends, by the terms that enough custodians joined."""
        return max((term.until for term in self.terms if self.is_joined(term)), default=self.terms[0].until)

    def status(self, now: datetime) -> str:
        """How it stands at a time: released, begun, lapsed, in force or over."""
        first = self.terms[0]
        if self.released:
            return "released"
        if not self.is_joined(first):
            return "begun" if first.may_be_joined(now) else "lapsed"
        return "in force" if now < self.until else "over"

    def is_open(self, now: datetime) -> bool:
        """Whether it is begun or in force at a time."""
        return self.status(now) in ("begun", "in force")

    def was_open_within(self, span: timedelta, now: datetime) -> bool:
        """Whether it was begun or in force at any time of the span before."""
        if self.ended is not None and now - self.ended >= span:
            return False
        return replace(self, released=0).is_open(now - span)

    def may_answer(
        self, name: str, now: datetime, destroyed: int | None, is_withdrawn: Callable[[str, str], bool]
    ) -> bool:
        """Whether a custodian can answer from the hold at a time, in place of its key.

        It joined the hold before the entry of index `destroyed`, in which it destroyed the key (None if it did not), and a
        term that has not ended. `is_withdrawn`: whether a note was revoked, or refused by this custodian; neither the
        hold's own nor the term's was.
        """
        own = [term for term in self.terms if name in term.held]
        lasting = [term for term in own if now < term.until and (self.is_joined(term) or term.may_be_joined(now))]
        if is_withdrawn(self.terms[0].note, name) or all(is_withdrawn(term.note, name) for term in lasting):
            return False
        is_early = destroyed is None or min(term.joined[name] for term in own) < destroyed
        return is_early and self.status(now) == "in force"

    def count_cells(self, name: str) -> int:
        """The most cells that a custodian keeps for it, by its own word."""
        return max((term.held.get(name, 0) for term in self.terms), default=0)


class Holds:
    """The holds of a log, by the index of their entry."""

    def __init__(self) -> None:
        self.all: dict[int, Hold] = {}

    def _verify_new(self, note: str, code: str) -> None:
        known = {term.note for hold in self.all.values() for term in hold.terms}
        demand(note not in known, code, "note: found it again, expected a new one", may_happen=True)

    def standing(self, index: int, code: str) -> Hold:
        """Give a hold that was not released; raises RuleBroken."""
        hold = self.all.get(index)
        if hold is None or hold.released:
            raise RuleBroken(code, "hold: found none at this index, or a released one", may_happen=hold is not None)
        return hold

    def take(self, index: int, time: datetime, roster: Roster, body: Act) -> None:
        """Take the next entry about a hold, whose signer is proven. `roster`: the one in force."""
        match body.type:
            case "hold":
                self._begin(index, time, roster, body)
            case "held":
                self._keep(index, time, body)
            case "extend":
                self._extend(time, body)
            case _:
                self._release(index, time, body)

    def _begin(self, index: int, time: datetime, roster: Roster, body: Act) -> None:
        rules = tuple(body.text["rules"].split(","))
        known = body.text["roster"] == roster.hash and set(rules) <= set(roster.rules)
        demand(known, "H1", "roster: found another, or a rule that it has not", may_happen=True)
        self._verify_new(body.text["note"], "H1")
        until = _end_of(body, time, "H1")
        own = [hold for hold in self.all.values() if hold.requester == body.text["requester"]]
        recent = sum(time - hold.terms[0].time < DAY for hold in own)
        demand(recent < MOST_A_DAY, "H1", f"requester: found {recent} holds in 24 hours", may_happen=True)
        term = Term(time=time, note=body.text["note"], until=until)
        self.all[index] = Hold(requester=body.text["requester"], roster=roster, rules=rules, terms=(term,))

    def _keep(self, index: int, time: datetime, body: Act) -> None:
        hold, name = self.standing(body.number["hold"], "H2"), body.text["custodian"]
        number = hold.roster.find(name)
        is_holder = any(hold.roster.locks[rule].is_held_by(number) for rule in hold.rules)
        demand(is_holder, "H2", "custodian: found it without a clause of the hold")
        terms = {term.note: term for term in hold.terms}
        term = terms.get(body.text["note"])
        if term is None:
            raise RuleBroken("H2", "note: found none of this hold")
        before, cells = term.held.get(name, 0), body.number["cells-at-most"]
        may_join = term.may_be_joined(time) and hold.status(time) in ("begun", "in force")
        in_time = time < term.until if before else may_join
        demand(in_time, "H2", "held: found it too late", may_happen=True)
        demand(cells > before, "H2", "held: found no more cells than before", may_happen=True)
        joined = {name: index} | term.joined
        terms[term.note] = replace(term, held=term.held | {name: cells}, joined=joined)
        self.all[body.number["hold"]] = replace(hold, terms=tuple(terms.values()))

    def _extend(self, time: datetime, body: Act) -> None:
        hold = self.standing(body.number["hold"], "H3")
        is_open = hold.status(time) == "in force" and len(hold.terms) <= MOST_EXTENSIONS
        demand(is_open, "H3", "hold: found it not in force, or extended too often", may_happen=True)
        self._verify_new(body.text["note"], "H3")
        until = _end_of(body, time, "H3")
        demand(until > hold.until, "H3", "until: found no later one", may_happen=True)
        term = Term(time=time, note=body.text["note"], until=until)
        self.all[body.number["hold"]] = replace(hold, terms=(*hold.terms, term))

    def _release(self, index: int, time: datetime, body: Act) -> None:
        hold = self.standing(body.number["hold"], "H4")
        self.all[body.number["hold"]] = replace(hold, released=index, ended=time)


def _end_of(body: Act, time: datetime, code: str) -> datetime:
    until = parse_time(body.text["until"], "until")
    demand(timedelta(0) < until - time <= MOST_LIFE, code, "until: found it before the entry, or over 90 days later")
    return until
