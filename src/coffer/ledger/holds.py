"""Holds: what State knows of them, and the rules H1 to H4 by which their entries count. Pure.

No clock stands in State: whether a hold is in force is asked with a time. Source: ``docs/formats/entries.md``, "Holds".
"""

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile
from typing import Final

from coffer.ledger.entries import Commitment, ExtendEntry, HeldEntry, HoldEntry, ReleaseEntry
from coffer.ledger.facts import Broken
from coffer.ledger.roster import Roster
from coffer.ledger.rules import mask_of

TO_SATISFY: Final = dt.timedelta(hours=72)
"""How long custodians have to say that they keep. One may begin at once; what the rule does not join dies again."""
MOST_LIFE: Final = dt.timedelta(days=90)
"""From an entry to its ``until:``. An order that lasts longer is looked at anew."""
MOST_EXTENSIONS: Final = 8
"""Of one hold: two years at most."""
MOST_A_DAY: Final = 32
"""Holds of one requester in 24 hours, of 20 subjects each. Holding everybody needs more than anyone can approve."""
RULES: Final = {HeldEntry: "H2", ExtendEntry: "H3", ReleaseEntry: "H4"}
"""The rule of each entry about a hold that stands already."""
_DAY: Final = dt.timedelta(days=1)
_BACKDATING: Final = dt.timedelta(minutes=15)


class HoldStatus(StrEnum):
    """How a hold stands at a time."""

    BEGUN = "begun"
    """Too few custodians keep so far, and there is time."""
    IN_FORCE = "in force"
    LAPSED = "lapsed"
    """Too few custodians kept in time."""
    RELEASED = "released"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A hold, or a note that extends it: until when, and which custodians keep for it.

    ``held``: by custodian, the number in its last ``held`` entry.
    """

    index: int
    time: dt.datetime
    note: Commitment
    until: dt.datetime
    held: tuple[tuple[str, int], ...] = ()

    @property
    def holders(self) -> tuple[str, ...]:
        """The custodians that keep for it."""
        return tuple(name for name, _ in self.held)

    @property
    def to_be_joined_by(self) -> dt.datetime:
        """When it lapses, unless enough custodians joined."""
        return self.until if self.until - self.time < TO_SATISFY else self.time + TO_SATISFY

    def may_be_joined(self, now: dt.datetime) -> bool:
        """Whether there is time to say ``held`` for the first time.

        Instants are subtracted, never added to: an entry may be dated at the end of the calendar.
        """
        return now < self.until and now - self.time < TO_SATISFY


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedHold:
    """A hold of State. ``terms``: the hold itself, then the notes that extend it.

    ``released``: the log index of the entry that ended it; None if there is none.
    """

    entry: HoldEntry
    terms: tuple[Term, ...]
    released: int | None = None

    @property
    def index(self) -> int:
        """The log index of its entry."""
        return self.terms[0].index

    @property
    def time(self) -> dt.datetime:
        """Of its entry."""
        return self.terms[0].time

    def status(self, roster: Roster, now: dt.datetime) -> HoldStatus:
        """How it stands at ``now``. ``roster``: the one that it names."""
        first = self.terms[0]
        if self.released is not None:
            return HoldStatus.RELEASED
        if not self.is_satisfied(first, roster):
            return HoldStatus.BEGUN if first.may_be_joined(now) else HoldStatus.LAPSED
        return HoldStatus.IN_FORCE if now < self.until(roster) else HoldStatus.OVER

    def until(self, roster: Roster) -> dt.datetime:
        """When it ends, by those of its terms that enough custodians joined."""
        return self.term_in_force(roster).until

    def term_in_force(self, roster: Roster) -> Term:
        """The longest of its terms that enough custodians joined; the first while there is none."""
        joined = [term for term in self.terms if self.is_satisfied(term, roster)]
        return max(joined, key=lambda term: term.until, default=self.terms[0])

    def is_open(self, roster: Roster, now: dt.datetime) -> bool:
        """Whether it is begun or in force: nothing that has ended begins again."""
        return self.status(roster, now) in (HoldStatus.BEGUN, HoldStatus.IN_FORCE)

    def may_be_joined(self, roster: Roster, now: dt.datetime) -> bool:
        """Whether custodians may still say that they keep, for the hold or the last note that extends it."""
        return self.is_open(roster, now) and self.terms[-1].may_be_joined(now)

    def terms_kept_by(self, name: str, roster: Roster, now: dt.datetime) -> tuple[Term, ...]:
        """The terms for which this custodian may still have values: it joined them, and they last.

        A custodian that did not join an extension keeps no longer than what it did join.
        """
        if not self.is_open(roster, now):
            return ()
        return tuple(
            term
            for term in self.terms
            if now < term.until
            and name in term.holders
            and (self.is_satisfied(term, roster) or term.may_be_joined(now))
        )

    def kept_until(self, name: str, roster: Roster, now: dt.datetime) -> dt.datetime | None:
        """When what this custodian keeps dies, as it stands; None if it keeps for no term that lasts."""
        ends = [
            term.until if self.is_satisfied(term, roster) else term.to_be_joined_by
            for term in self.terms_kept_by(name, roster, now)
        ]
        return max(ends, default=None)

    def may_be_kept_by(self, name: str, roster: Roster) -> bool:
        """Whether this custodian holds a clause of a lock of the hold, so that its word counts."""
        return any(roster.clauses_held(name, roster.locks[rule]) for rule in self.entry.rules)

    def term(self, note: Commitment) -> Term | None:
        """The term of this note."""
        return next((term for term in self.terms if term.note == note), None)

    def is_satisfied(self, term: Term, roster: Roster) -> bool:
        """Whether custodians that satisfy every rule of the hold keep for this term.

        An emergency rule does not count. Rule H2 lets in none too late.
        """
        mask = mask_of(term.holders, roster.names)
        return all(roster.rules[name].is_satisfied_by(mask) for name in self.entry.rules)


def verify_hold(
    holds: dict[int, LoggedHold], index: int, time: dt.datetime, roster: Roster, entry: HoldEntry
) -> LoggedHold:
    """Rule H1, but for the signature. ``roster``: the one in force."""
    if entry.roster != roster.hash or not set(entry.rules) <= set(roster.rules):
        raise Broken("H1", "names a roster that is not in force, or a rule that it has not")
    _verify_new(holds, entry.note, "H1")
    _verify_until(entry.until, time, "H1")
    # an entry is dated at most 15 minutes before an earlier one (V1): what stands before an older hold is older
    latest = takewhile(lambda one: time - one.time < _DAY + _BACKDATING, reversed(holds.values()))
    recent = [one for one in latest if time - one.time < _DAY]
    if sum(one.entry.requester == entry.requester for one in recent) >= MOST_A_DAY:
        raise Broken("H1", "too many holds of this requester in 24 hours")
    return LoggedHold(entry=entry, terms=(Term(index=index, time=time, note=entry.note, until=entry.until),))


def verify_held(hold: LoggedHold, roster: Roster, time: dt.datetime, entry: HeldEntry) -> LoggedHold:
    """Rule H2, but for the signature; the hold with what this custodian keeps.

    ``roster``: the one that the hold names.
    """
    _verify_standing(hold, "H2")
    term = hold.term(entry.note)
    if term is None or not hold.may_be_kept_by(entry.custodian, roster):
        raise Broken("H2", "another note than the hold's, or a custodian that none of its rules names")
    before = dict(term.held).get(entry.custodian)
    may_join = term.may_be_joined(time) and hold.is_open(roster, time)  # what is over does not begin again
    if time >= term.until or (before is None and not may_join):
        raise Broken("H2", "too late")
    if before is not None and entry.cells_at_most <= before:
        raise Broken("H2", "no more cells than this custodian said before")
    held = tuple((dict(term.held) | {entry.custodian: entry.cells_at_most}).items())
    return _with(hold, replace(term, held=held))


def verify_extend(
    holds: dict[int, LoggedHold], hold: LoggedHold, index: int, roster: Roster, time: dt.datetime, entry: ExtendEntry
) -> LoggedHold:
    """Rule H3, but for the signature. ``roster``: the one that the hold names."""
    _verify_standing(hold, "H3")
    if hold.status(roster, time) is not HoldStatus.IN_FORCE or len(hold.terms) > MOST_EXTENSIONS:
        raise Broken("H3", "the hold is not in force, or was extended too often")
    _verify_new(holds, entry.note, "H3")
    _verify_until(entry.until, time, "H3")
    if entry.until <= hold.until(roster):
        raise Broken("H3", "no longer than the hold lasts already")
    return replace(hold, terms=(*hold.terms, Term(index=index, time=time, note=entry.note, until=entry.until)))


def verify_release(hold: LoggedHold, index: int) -> LoggedHold:
    """Rule H4, but for the signature."""
    _verify_standing(hold, "H4")
    return replace(hold, released=index)


def _verify_standing(hold: LoggedHold, rule: str) -> None:
    if hold.released is not None:
        raise Broken(rule, "the hold was released")


def _verify_new(holds: dict[int, LoggedHold], note: Commitment, rule: str) -> None:
    if any(hold.term(note) for hold in holds.values()):
        raise Broken(rule, "this note was logged before")


def _verify_until(until: dt.datetime, time: dt.datetime, rule: str) -> None:
    if not dt.timedelta(0) < until - time <= MOST_LIFE:
        raise Broken(rule, "ends before it begins, or more than 90 days later")


def _with(hold: LoggedHold, term: Term) -> LoggedHold:
    return replace(hold, terms=tuple(term if one.note == term.note else one for one in hold.terms))
