"""Putting the custodians' answers together: who agrees, who lies, what is certain. Pure.

Every value comes once per clause and holder. A set of custodians is *coherent* for a cell if it satisfies the cell's
rule and its members' values agree on every clause.
Source: specification, section 7 ("The client checks"); THREATS H1, H9, M5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from coffer.custody.exchange import Cell, Reply
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Rule, mask_of
from coffer.segments.prf import Blocks, combine


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """y for the ranks of one cell, from custodians who agree. ``by``: their names. ``is_certain``.

    Every clause had two agreeing holders, or has one holder.
    """

    y: Blocks
    by: tuple[str, ...]
    is_certain: bool


def held_by(name: str, rule: Rule, roster: Roster) -> tuple[int, ...]:
    """The clauses of a rule that a custodian holds, ascending."""
    custodian = roster.custodian(name)
    return tuple(int(clause) for clause in rule.clauses if custodian is not None and clause & custodian.bit)


def combinations_of(cell: Cell, rule: Rule, roster: Roster, replies: Mapping[str, Reply]) -> list[Combined]:
    """Every coherent way to combine the replies to a cell, the largest sets first.

    One alone if all agree, none if too few answered.
    """
    names = [name for name in roster.names if name in replies and held_by(name, rule, roster)]
    found: list[Combined] = []
    for size in range(len(names), 0, -1):
        for subset in combinations(names, size):
            if any(set(subset) <= set(other.by) for other in found) or not rule.is_satisfied_by(
                mask_of(subset, roster.names)
            ):
                continue
            combined = _combine(cell, rule, roster, {name: replies[name] for name in subset})
            if combined is not None:
                found.append(combined)
    return found


def _combine(cell: Cell, rule: Rule, roster: Roster, replies: Mapping[str, Reply]) -> Combined | None:
    values, is_certain = [], True
    for clause in rule.clauses:
        answers = [replies[name].values[cell, clause] for name in replies if clause in held_by(name, rule, roster)]
        if not answers or any(not np.array_equal(answers[0], other) for other in answers[1:]):
            return None
        is_certain = is_certain and (len(answers) >= 2 or clause.bit_count() == 1)
        values.append(answers[0])
    return Combined(y=combine(values), by=tuple(replies), is_certain=is_certain)


def disagreeing(
    cells: Sequence[tuple[Cell, Rule]], roster: Roster, replies: Mapping[str, Reply]
) -> set[frozenset[str]]:
    """Pairs of custodians whose values of one clause differ.

    One of each pair lies, or the ingester gave them different subkeys.
    """
    pairs: set[frozenset[str]] = set()
    for cell, rule in cells:
        for clause in rule.clauses:
            holders = [name for name in replies if clause in held_by(name, rule, roster)]
            pairs |= {
                frozenset(pair)
                for pair in combinations(holders, 2)
                if not np.array_equal(replies[pair[0]].values[cell, clause], replies[pair[1]].values[cell, clause])
            }
    return pairs
