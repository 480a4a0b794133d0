"""What the log tells of each order (docs/formats/transparency.md, "Tables"). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.entries.codes import HIDDEN, codes_of_lines, received_of, seconds_of, span_of
from coffer_audit.entries.parse import AMENDMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from coffer_audit.entries.parse import Act, Entry
    from coffer_audit.validity.facts import Opening
    from coffer_audit.validity.state import State


LIMIT = re.compile("[1-9][0-9]{0,6}", re.ASCII)
"""A number of records, as notes write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All openings and refusals of one authorization. `codes`: what the log tells, and how it ended.

    `seconds`: the least and the most from its receipt to its answer (None for no bound); None if the log does not tell.
    """

    codes: dict[str, str]
    records: int
    reasons: frozenset[str]
    seconds: tuple[int, int | None] | None


def revealed_lines(state: State) -> dict[str, dict[int, str]]:
    """Give by commitment the lines that some reveal shows, by index."""
    lines: dict[str, dict[int, str]] = {}
    for _, reveal in state.reveals:
        lines.setdefault(reveal.authorization, {}).update(zip(reveal.numbers, reveal.shown, strict=True))
    return lines


def amended_limits(lines: Mapping[str, Mapping[int, str]]) -> dict[str, int]:
    """Give by commitment the highest limit of its amendments, of notes of which lines were revealed.

    Whoever reveals may have made up a note: that custodians signed it is shown by an answer alone.
    """
    limits: dict[str, int] = {}
    for shown in lines.values():
        named = [line.removeprefix("amends: ") for line in shown.values() if line.startswith("amends: ")]
        told = [line.removeprefix("max-records: ") for line in shown.values() if line.startswith("max-records: ")]
        if shown.get(0) == AMENDMENT and len(named) == len(told) == 1 and LIMIT.fullmatch(told[0]):
            limits[named[0]] = max(limits.get(named[0], 0), int(told[0]))
    return limits


def is_took_false(opening: Opening, received: datetime | None) -> bool:
    """Whether a close shows another time since receipt than the order's."""
    if opening.close is None or opening.closed is None or received is None:
        return False
    return opening.close[1].text["took"] not in (HIDDEN, span_of(opening.closed - received))


def find_orders(state: State, entries: Iterable[Entry], first: date, last: date) -> list[Order]:
    """Give the orders of which the first intent or refusal is dated within the days."""
    refusals: dict[str, list[Act]] = {}
    days: dict[str, date] = {}
    for entry in entries:
        kind = getattr(entry.body, "type", "")
        if kind not in ("intent", "refuse"):
            continue
        name = entry.body.text["authorization"]  # type: ignore[union-attr]
        days.setdefault(name, entry.time.date())
        if kind == "refuse":
            refusals.setdefault(name, []).append(entry.body)  # type: ignore[arg-type]
    openings: dict[str, list[Opening]] = {}
    for _, opening in sorted(state.openings.items()):
        openings.setdefault(opening.intent.text["authorization"], []).append(opening)
    lines = revealed_lines(state)
    return [
        _order(openings.get(name, []), refusals.get(name, []), lines.get(name, {}))
        for name, day in days.items()
        if first <= day <= last
    ]


def _order(openings: list[Opening], refusals: list[Act], lines: dict[int, str]) -> Order:
    closed = [opening for opening in openings if opening.close]
    answered = [opening for opening in closed if opening.close and opening.close[1].number["answers"]]
    shown = [{key: refusal.text[key] for key in ("class", "urgency")} for refusal in refusals]
    if openings:
        intent = (answered or openings)[-1].intent  # custodians agree to the codes of what they answer
        shown.append(intent.text)
    codes: dict[str, str] = {}
    for told in shown:
        codes |= {key: told[key] for key in KEYS if told.get(key, HIDDEN) != HIDDEN}
    codes |= codes_of_lines(lines)
    ended = answered or closed
    codes |= _ending(ended, received_of(lines)) if ended else {"outcome": "open" if openings else "refused"}
    exact = _find_exact(ended, received_of(lines)) if ended else None
    took = codes.get("took")
    return Order(
        codes=codes,
        records=sum(opening.close[1].number["records"] for opening in closed if opening.close),
        reasons=frozenset(refusal.text["reason"] for refusal in refusals),
        seconds=(exact, exact) if exact is not None else seconds_of(took) if took else None,
    )


KEYS = ("class", "urgency", "due", "kinds", "age", "issued-by", "issued-in")


def _ending(ended: list[Opening], received: datetime | None) -> dict[str, str]:
    closes = [opening.close[1] for opening in ended if opening.close]
    outcomes = {close.text["outcome"] if close.number["records"] else "none" for close in closes}
    told = {} if HIDDEN in outcomes else {"outcome": "part" if len(outcomes) > 1 else outcomes.pop()}
    decisive = _find_decisive(ended)
    took = decisive.close[1].text["took"] if decisive.close else HIDDEN
    if received is not None and decisive.closed is not None:
        took = span_of(decisive.closed - received)
    return told if took == HIDDEN else told | {"took": took}


def _find_decisive(ended: list[Opening]) -> Opening:
    """Give the opening whose close ended the order: the first with records, else the first."""
    with_records = [opening for opening in ended if opening.close and opening.close[1].number["records"]]
    return (with_records or ended)[0]


def _find_exact(ended: list[Opening], received: datetime | None) -> int | None:
    """Give the seconds from receipt to answer, if the receipt was revealed; 0 for an answer before it."""
    closed = _find_decisive(ended).closed
    return None if received is None or closed is None else max(0, int((closed - received).total_seconds()))
