"""Putting the custodians' answers together: who agrees, who lies, what is certain. Pure.

Every value comes once per clause and holder. A set of custodians is *coherent* at a rank if it satisfies the lock and its members' values agree on every
clause. Source: ``docs/procedures/opening.md``, "The client"; ``docs/attacks.md``, H1, H9, M5.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from coffer.custody.exchange import Cell, Reply
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Lock, mask_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One coherent way to read a rank.

    ``y``: 8 B in lane 1, 16 B in lane 2. ``by``: the largest set of custodians that says so.
    """

    y: bytes
    by: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """The replies of some custodians to one cell, read under the segment's lock and roster."""

    cell: Cell
    lock: Lock
    roster: Roster
    replies: Mapping[str, Reply]

    @cached_property
    def _clauses(self) -> Mapping[str, tuple[int, ...]]:
        """The clauses that each custodian holds who answered."""
        return {name: self.roster.clauses_held(name, self.lock) for name in self.roster.names if name in self.replies}

    @cached_property
    def holders(self) -> tuple[str, ...]:
        """Those who answered and hold a clause, in the roster's order."""
        return tuple(name for name, clauses in self._clauses.items() if clauses)

    def is_enough(self, names: Collection[str]) -> bool:
        """Whether these custodians satisfy the lock."""
        return self.lock.is_satisfied_by(mask_of(names, self.roster.names))

    def is_certain(self, names: Collection[str]) -> bool:
        """Whether two of these custodians answered each clause, or its only holder did."""
        mask = mask_of(names, self.roster.names)
        return all((clause & mask).bit_count() >= 2 or clause & mask == clause for clause in self.lock.clauses)

    @cached_property
    def unanimous(self) -> tuple[bytes, frozenset[str]] | None:
        """Y of every rank, one after the other, and who says so; None without agreement.

        All holders must agree on all ranks, and be enough. This is the honest case, and it needs no loop over ranks.
        """
        if not self.is_enough(self.holders):
            return None
        agreed = []
        for clause in self.lock.clauses:
            first, *others = self._answers(clause, self.holders)
            if any(other != first for other in others):
                return None
            agreed.append(first)
        return _xor(agreed), frozenset(self.holders)

    def choices(self, rank: int) -> list[Choice]:
        """Every coherent way to read ``rank`` (from 0 within the cell), the largest sets first.

        None if too few custodians answered.
        """
        if not self.holders:
            return []
        width = self.replies[self.holders[0]].width
        at = slice(rank * width, (rank + 1) * width)
        if self.unanimous is not None:
            y, by = self.unanimous
            return [Choice(y=y[at], by=by)]
        choices: list[Choice] = []
        for size in range(len(self.holders), 0, -1):
            for names in combinations(self.holders, size):
                if any(set(names) <= choice.by for choice in choices) or not self.is_enough(names):
                    continue
                values = [[answer[at] for answer in self._answers(clause, names)] for clause in self.lock.clauses]
                if all(first == other for first, *others in values for other in others):
                    choices.append(Choice(y=_xor([first for first, *_ in values]), by=frozenset(names)))
        return choices

    def _answers(self, clause: int, names: Collection[str]) -> list[bytes]:
        return [self.replies[name].values[self.cell, clause] for name in names if clause in self._clauses[name]]


def _xor(values: list[bytes]) -> bytes:
    total = 0
    for value in values:
        total ^= int.from_bytes(value, "big")
    return total.to_bytes(len(values[0]), "big")
