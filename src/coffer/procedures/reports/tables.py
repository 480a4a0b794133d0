"""The yearly tables that laws ask for, of the orders that the log tells. Pure.

``coffer-audit transparency --table`` recomputes each. Implements ``docs/formats/transparency.md``, "Tables".
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coffer.kinds import KINDS
from coffer.ledger.codes import CODES
from coffer.ledger.entries import REFUSE_REASONS, ExtendEntry, HoldEntry, ReleaseEntry
from coffer.ledger.state import State
from coffer.procedures.reports.orders import ToldOrder, orders_of
from coffer.procedures.reports.transparency import Dated, emergencies

UNTOLD: Final = "untold"
"""The row of the orders of which the log does not tell a code."""
FEW: Final = "1 to 4"
OF_FEW: Final = "of 1 to 4"
"""Records or time of so few orders that the number would be one order's."""
SMALL: Final = 5
Cell = int | str | None
"""A number, ``FEW`` or ``OF_FEW``; None is what the log cannot tell."""
_Test = Callable[[ToldOrder], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A table: its orders, its columns, the codes of its rows, and what the log cannot tell.

    ``where``: for each code the values an order must have. ``columns``: by name, a code and its values, or None for all;
    ``records`` sums the records of the orders.
    """

    where: Mapping[str, Sequence[str]]
    columns: Mapping[str, tuple[str, Sequence[str]] | None]
    groups: Sequence[str]
    cannot: Sequence[str]


_ORDERS: Final = ("produce", "extend")
_ALL: Final = {"orders": None, "records": None}
PLANS: Final[Mapping[str, _Plan]] = {
    "eu28": _Plan(
        where={"class": _ORDERS, "issued-in": ("union",)},
        columns={
            "orders": None,
            "ordinary": ("urgency", ("ordinary", "urgent")),
            "emergency": ("urgency", ("emergency",)),
            "urgency-untold": ("urgency", (UNTOLD,)),
        },
        groups=("kinds", "due", "outcome", "reason", "took", "average", "preservation"),
        cannot=("issue", "preserved", "derogations", "notifications", "enforcement", "remedies", "validation", "costs"),
    ),
    "de101b": _Plan(
        where={"class": _ORDERS, "issued-in": ("home",)},
        columns={"orders": None, "first": ("class", ("produce",)), "extension": ("class", ("extend",))},
        groups=("kinds", "age", "outcome"),
        cannot=("procedures", "networks"),
    ),
    "uk": _Plan(
        where={"class": _ORDERS},
        columns=_ALL,
        groups=("urgency", "issued-by", "kinds", "age", "outcome", "reason"),
        cannot=("returned", "professions", "sources", "purposes", "crimes"),
    ),
    "ch": _Plan(
        where={"class": _ORDERS},
        columns=_ALL,
        groups=("issued-by", "kinds", "age", "urgency"),
        cannot=("realtime", "information", "searches", "offences", "authorities", "duration", "fees"),
    ),
    "in": _Plan(
        where={"class": _ORDERS},
        columns={"orders": None},
        groups=("urgency", "due", "took", "outcome", "ratification"),
        cannot=("references", "copies", "months"),
    ),
}
TABLES: Final = tuple(PLANS)
_ENDS: Final = (*CODES["outcome"], "open", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row: its group and name, and a cell for each column."""

    group: str
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as it is printed: small numbers are ``FEW``."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    def document(self) -> dict[str, object]:
        """The table as JSON. ``coffer-audit`` gives the same, cell for cell."""
        rows = [{"row": f"{row.group}.{row.name}", "cells": list(row.cells)} for row in self.rows]
        return {"name": self.name, "columns": list(self.columns), "rows": rows}


def make_table(name: str, state: State, dated: Iterable[Dated], *, first: dt.date, last: dt.date) -> Table:
    """A table of the orders that began within a period."""
    entries, plan = list(dated), PLANS[name]
    orders = orders_of(state, entries, first=first, last=last)
    known = [order for order in orders if all(_value_in(order, key, plan.where[key]) for key in plan.where)]
    maybe = [order for order in orders if all(_value_in(order, key, (*plan.where[key], UNTOLD)) for key in plan.where)]
    doubtful = [order for order in maybe if any(key not in order.codes for key in plan.where)]
    counted = _Counter(plan.columns)
    rows = [
        counted.row("received", "all", known),
        counted.row("received", "doubtful", doubtful),
    ]
    for group in plan.groups:
        if group == "average":
            rows += counted.averages(known)
        elif group == "preservation":
            rows += _preservation(entries, first, last, len(plan.columns))
        elif group == "ratification":
            within = [opening for opening in state.openings.values() if first <= opening.time.date() <= last]
            rows += [_single(group, status, count, 1) for status, count in emergencies(within, state).items()]
        else:
            rows += [counted.row(group, value, [o for o in known if _has(o, group, value)]) for value in _values(group)]
    nothing = tuple(None for _ in plan.columns)
    rows += [TableRow(group="cannot", name=what, cells=nothing) for what in plan.cannot]
    return Table(name=name, columns=tuple(plan.columns), rows=tuple(rows))


def _values(group: str) -> tuple[str, ...]:
    """The rows of a group; ``untold`` is the last, but for grounds, which the log always tells."""
    if group == "reason":
        return REFUSE_REASONS
    values = {"kinds": KINDS, "outcome": _ENDS}.get(group) or CODES[group]
    return (*values, UNTOLD)


def _has(order: ToldOrder, group: str, value: str) -> bool:
    if group == "reason":
        return value in order.reasons
    if group == "kinds" and group in order.codes:
        return value in order.codes[group].split(",")  # one of several kinds is in each
    return order.codes.get(group, UNTOLD) == value


def _value_in(order: ToldOrder, key: str, values: Sequence[str]) -> bool:
    return order.codes.get(key, UNTOLD) in values


class _Counter:
    """Counts orders and records of each column, and averages their times."""

    def __init__(self, columns: Mapping[str, tuple[str, Sequence[str]] | None]) -> None:
        self._columns = columns

    def row(self, group: str, name: str, orders: Sequence[ToldOrder]) -> TableRow:
        return TableRow(group=group, name=name, cells=tuple(self._cell(column, orders) for column in self._columns))

    def averages(self, orders: Sequence[ToldOrder]) -> list[TableRow]:
        """The bounds of the average hours from receipt to answer, of orders that handed over records."""
        answered = [order for order in orders if order.records]
        told = [order for order in answered if order.took_s is not None]
        spans = [
            [order.took_s for order in self._of(column, told) if order.took_s is not None] for column in self._columns
        ]
        least = tuple(average_h([span[0] for span in some]) for some in spans)
        most = tuple(average_h([span[1] for span in some], is_most=True) for some in spans)
        return [
            self.row("average", "orders", told),
            self.row("average", "missing", [order for order in answered if order.took_s is None]),
            TableRow(group="average", name="least-hours", cells=least),
            TableRow(group="average", name="most-hours", cells=most),
        ]

    def _of(self, column: str, orders: Sequence[ToldOrder]) -> Sequence[ToldOrder]:
        wanted = self._columns[column]
        return orders if wanted is None else [order for order in orders if _value_in(order, *wanted)]

    def _cell(self, column: str, orders: Sequence[ToldOrder]) -> Cell:
        own = self._of(column, orders)
        if column != "records":
            return printable(len(own))
        return OF_FEW if 0 < len(own) < SMALL else printable(sum(order.records for order in own))


def printable(number: int) -> Cell:
    """A number as a table prints it: a small one could be of one person."""
    return FEW if 0 < number < SMALL else number


def average_h(spans_s: Sequence[int | None], *, is_most: bool = False) -> Cell:
    """The average of spans in whole hours, rounded down, or up if they are bounds from above.

    None without any, and where one has no bound.
    """
    if not spans_s or None in spans_s:
        return None
    if len(spans_s) < SMALL:
        return OF_FEW
    total, hours = sum(span for span in spans_s if span is not None), 3600 * len(spans_s)
    return -(-total // hours) if is_most else total // hours


def _single(group: str, name: str, number: int, columns: int) -> TableRow:
    return TableRow(group=group, name=name, cells=(printable(number), *[None] * (columns - 1)))


def _preservation(entries: Sequence[Dated], first: dt.date, last: dt.date, columns: int) -> list[TableRow]:
    """The holds of the period, extended and released ones too. The log does not tell who issued them."""
    within = [entry.body for entry in entries if first <= entry.time.date() <= last]
    named = {"holds": HoldEntry, "extended": ExtendEntry, "released": ReleaseEntry}
    return [
        _single("preservation", name, sum(isinstance(body, kind) for body in within), columns)
        for name, kind in named.items()
    ]
