"""The yearly tables, recomputed from the log alone (docs/formats/transparency.md, "Tables"). Pure."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from coffer_audit.entries.codes import WORDS
from coffer_audit.entries.parse import REASONS, parse_entry
from coffer_audit.vault.orders import Order, find_orders
from coffer_audit.vault.summaries import count_emergencies
from coffer_audit.wire import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from coffer_audit.validity.state import State

UNTOLD = "untold"
SMALL = 5
ASKED = ("produce", "extend")
# which orders are in a table, its columns, the groups of its rows, and the rows that no log tells
SCOPES: dict[str, dict[str, tuple[str, ...]]] = {
    "eu28": {"class": ASKED, "issued-in": ("union",)},
    "de101b": {"class": ASKED, "issued-in": ("home",)},
    "uk": {"class": ASKED},
    "ch": {"class": ASKED},
    "in": {"class": ASKED},
}
COLUMNS = {
    "eu28": ("orders", "ordinary", "emergency", "urgency-untold"),
    "de101b": ("orders", "first", "extension"),
    "uk": ("orders", "records"),
    "ch": ("orders", "records"),
    "in": ("orders",),
}
GROUPS = {
    "eu28": "kinds due outcome reason took average preservation",
    "de101b": "kinds age outcome",
    "uk": "urgency issued-by kinds age outcome reason",
    "ch": "issued-by kinds age urgency",
    "in": "urgency due took outcome ratification",
}
CANNOT = {
    "eu28": "issue preserved derogations notifications enforcement remedies validation costs",
    "de101b": "procedures networks",
    "uk": "returned professions sources purposes crimes",
    "ch": "realtime information searches offences authorities duration fees",
    "in": "references copies months",
}
ROWS = {key: (*words, UNTOLD) for key, words in WORDS.items()} | {
    "kinds": (*KINDS, UNTOLD),
    "outcome": (*WORDS["outcome"], "open", "refused", UNTOLD),
    "reason": REASONS,
}
TABLES = tuple(SCOPES)


def recompute_table(name: str, state: State, raw: Sequence[bytes], first: date, last: date) -> dict[str, object]:
    """Give a table of the orders that began on one of the days; None is what the log cannot tell."""
    broken = {index for index, _, _ in state.invalid}
    entries = [parse_entry(item) for index, item in enumerate(raw) if index not in broken]
    own, doubtful = [], []
    for order in find_orders(state, entries, first, last):
        told = [order.codes.get(key, UNTOLD) for key in SCOPES[name]]
        if all(value in words for value, words in zip(told, SCOPES[name].values(), strict=True)):
            own.append(order)
        elif all(value in (*words, UNTOLD) for value, words in zip(told, SCOPES[name].values(), strict=True)):
            doubtful.append(order)
    columns = COLUMNS[name]
    rows = [("received.all", _cells(columns, own)), ("received.doubtful", _cells(columns, doubtful))]
    for group in GROUPS[name].split():
        if group == "average":
            rows += _average_times(columns, own)
        elif group in ("preservation", "ratification"):
            counts = _count_acts(entries, first, last) if group == "preservation" else _count_debts(state, first, last)
            rest = [None] * (len(columns) - 1)
            rows += [(f"{group}.{key}", [_print(number), *rest]) for key, number in counts.items()]
        else:
            rows += [
                (f"{group}.{value}", _cells(columns, [order for order in own if _is_in(order, group, value)]))
                for value in ROWS[group]
            ]
    rows += [(f"cannot.{key}", [None] * len(columns)) for key in CANNOT[name].split()]
    return {
        "name": name,
        "columns": list(columns),
        "rows": [{"row": row, "cells": cells} for row, cells in rows],
    }


def _is_in(order: Order, group: str, value: str) -> bool:
    if group == "reason":
        return value in order.reasons
    told = order.codes.get(group, UNTOLD)
    return value in told.split(",") if group == "kinds" else value == told


def _is_counted(order: Order, column: str) -> bool:
    urgency, kind = order.codes.get("urgency", UNTOLD), order.codes.get("class")
    return {
        "ordinary": urgency in ("ordinary", "urgent"),
        "emergency": urgency == "emergency",
        "urgency-untold": urgency == UNTOLD,
        "first": kind == "produce",
        "extension": kind == "extend",
    }.get(column, True)


def _print(number: int) -> int | str:
    return "1 to 4" if 0 < number < SMALL else number


def _cells(columns: Sequence[str], orders: list[Order]) -> list[int | str | None]:
    cells: list[int | str | None] = []
    for column in columns:
        some = [order for order in orders if _is_counted(order, column)]
        if column == "records":
            is_few = 0 < len(some) < SMALL
            cells.append("of 1 to 4" if is_few else _print(sum(order.records for order in some)))
        else:
            cells.append(_print(len(some)))
    return cells


def _average_times(columns: Sequence[str], orders: list[Order]) -> list[tuple[str, list[int | str | None]]]:
    """Give the bounds of the average hours from receipt to answer, of orders that handed over records."""
    answered = [order for order in orders if order.records]
    told = [order for order in answered if order.seconds]
    least, most = list[int | str | None](), list[int | str | None]()
    for column in columns:
        spans = [order.seconds for order in told if order.seconds and _is_counted(order, column)]
        hours, longest = 3600 * len(spans), [span[1] for span in spans if span[1] is not None]
        if 0 < len(spans) < SMALL:
            least.append("of 1 to 4")
            most.append("of 1 to 4" if len(longest) == len(spans) else None)
            continue
        least.append(sum(span[0] for span in spans) // hours if spans else None)
        most.append(ceil(sum(longest) / hours) if spans and len(longest) == len(spans) else None)
    return [
        ("average.orders", _cells(columns, told)),
        ("average.missing", _cells(columns, [order for order in answered if not order.seconds])),
        ("average.least-hours", least),
        ("average.most-hours", most),
    ]


def _count_acts(entries: Sequence[object], first: date, last: date) -> dict[str, int]:
    within = [entry.body for entry in entries if first <= entry.time.date() <= last]  # type: ignore[attr-defined]
    names = {"holds": "hold", "extended": "extend", "released": "release"}
    return {name: sum(getattr(body, "type", "") == kind for body in within) for name, kind in names.items()}


def _count_debts(state: State, first: date, last: date) -> dict[str, int]:
    within = [index for index, opening in state.openings.items() if first <= opening.time.date() <= last]
    return count_emergencies(state, within)
