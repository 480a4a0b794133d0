"""What the log tells of each order: its codes, how it ended, how long that took. Pure.

Several openings of one authorization are one order. A code that the roster hid is told by the lines that were revealed
since. Implements ``docs/formats/transparency.md``, "Tables".
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coffer.authority.ordered import MAX_TIME
from coffer.authority.period import parse_instant, parse_period
from coffer.errors import MalformedInput
from coffer.ledger.codes import CODES, HIDDEN, age_code, due_code, span_bounds_s, span_code
from coffer.ledger.entries import Commitment, IntentEntry, RefuseEntry
from coffer.ledger.facts import Opening
from coffer.ledger.state import State
from coffer.procedures.reports.transparency import Dated

_SAID: Final = ("class", "urgency", "kinds", "issued-by", "issued-in")
"""The codes that stand in the note as they are."""
Bounds = tuple[int, int | None]
"""The least and the most seconds of a span; None for no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldOrder:
    """One order. ``codes``: by key, those that the log tells, ``outcome`` and ``took`` among them.

    ``outcome`` is full, part or none, or else ``open`` (announced and not ended) or ``refused`` (never opened).
    ``records``: handed over in all its openings. ``reasons``: for which custodians refused it. ``took_s``: the time
    from its receipt to its answer, both bounds the same once its receipt was revealed; None if untold.
    """

    codes: Mapping[str, str]
    records: int
    reasons: frozenset[str]
    took_s: Bounds | None


def orders_of(state: State, dated: Iterable[Dated], *, first: dt.date, last: dt.date) -> list[ToldOrder]:
    """The orders whose first intent or refusal is dated within a period, in the log's order."""
    entries = list(dated)
    times = {entry.index: entry.time for entry in entries}
    begun: dict[Commitment, dt.date] = {}
    refusals: dict[Commitment, list[RefuseEntry]] = {}
    for entry in entries:
        if isinstance(entry.body, IntentEntry | RefuseEntry):
            begun.setdefault(entry.body.authorization, entry.time.date())
        if isinstance(entry.body, RefuseEntry):
            refusals.setdefault(entry.body.authorization, []).append(entry.body)
    openings: dict[Commitment, list[Opening]] = {}
    for opening in state.openings.values():
        openings.setdefault(opening.intent.authorization, []).append(opening)
    revealed = _revealed_lines(state)
    return [
        _told(openings.get(name, []), refusals.get(name, []), revealed.get(name, {}), times)
        for name, day in begun.items()
        if first <= day <= last
    ]


def _revealed_lines(state: State) -> dict[Commitment, dict[int, str]]:
    """By commitment, the lines that any reveal shows, by their index."""
    shown: dict[Commitment, dict[int, str]] = {}
    for _, body in state.reveals:
        shown.setdefault(body.authorization, {}).update({one.index: one.line for one in body.lines if one.line})
    return shown


def _told(
    openings: Sequence[Opening],
    refusals: Sequence[RefuseEntry],
    lines: Mapping[int, str],
    times: Mapping[int, dt.datetime],
) -> ToldOrder:
    """One order, of its openings, its refusals and its revealed lines."""
    answered = [opening for opening in openings if opening.close is not None and opening.close.answers]
    ended = answered or [opening for opening in openings if opening.close is not None]
    codes: dict[str, str] = {}
    for refusal in refusals:
        codes |= _shown({"class": refusal.order_class, "urgency": refusal.urgency})
    for opening in [*openings, *answered][-1:]:  # to an intent that was answered custodians agreed
        codes |= _shown(opening.intent.codes.values())
    codes |= codes_of_lines(lines)  # an intent that nobody answered is its requester's word; the lines are the order's
    outcome, took = "open" if openings else "refused", HIDDEN
    took_s: Bounds | None = None
    if ended:
        outcome, (took, took_s) = _outcome_of(ended), _took(ended, lines, times)
    codes |= _shown({"outcome": outcome, "took": took})
    return ToldOrder(
        codes=codes,
        records=sum(opening.close.records for opening in openings if opening.close is not None),
        reasons=frozenset(refusal.reason for refusal in refusals),
        took_s=took_s,
    )


def _shown(values: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value != HIDDEN}


def codes_of_lines(lines: Mapping[int, str]) -> dict[str, str]:
    """The codes that revealed lines give.

    Whoever reveals may have made up any lines, so they are read strictly. A key that no authorization has tells nothing,
    one that stands there twice neither. ``due`` and ``age`` are told if all of the lines that they rest on are of their
    form.
    """
    codes = {key: value for key in _SAID if (value := _one_of(lines, key)) in CODES[key]}
    received, dues = received_of(lines), _values_of(lines, "due")
    if received is None:
        return codes
    try:
        due = parse_instant(dues[0], "due") if len(dues) == 1 else None
        periods = [parse_period(value, "period") for value in _values_of(lines, "period")]
    except MalformedInput:
        return codes
    if len(dues) > 1 or (due is not None and not dt.timedelta(0) < due - received <= MAX_TIME):
        return codes
    place = next(index for index, line in lines.items() if line.startswith("received: "))
    if due is not None or place + 1 in lines:  # the next line is another one
        codes["due"] = due_code(received, due)
    if periods:
        codes["age"] = age_code(received, min(period.first for period in periods))
    return codes


def received_of(lines: Mapping[int, str]) -> dt.datetime | None:
    """When the order came, if its one ``received:`` line was revealed."""
    try:
        return parse_instant(_one_of(lines, "received"), "received")
    except MalformedInput:
        return None


def _values_of(lines: Mapping[int, str], key: str) -> list[str]:
    return [line.removeprefix(f"{key}: ") for line in lines.values() if line.startswith(f"{key}: ")]


def _one_of(lines: Mapping[int, str], key: str) -> str:
    """The value of a key that stands there once; empty otherwise, which no code and no instant is."""
    values = _values_of(lines, key)
    return values[0] if len(values) == 1 else ""


def _outcome_of(ended: Sequence[Opening]) -> str:
    """The outcome that all closes of an order have, else part; ``HIDDEN`` if one does not tell."""
    closes = [opening.close for opening in ended if opening.close is not None]
    outcomes = {close.outcome if close.records else "none" for close in closes}
    if HIDDEN in outcomes:
        return HIDDEN
    return outcomes.pop() if len(outcomes) == 1 else "part"


def _took(
    ended: Sequence[Opening], lines: Mapping[int, str], times: Mapping[int, dt.datetime]
) -> tuple[str, Bounds | None]:
    """``took`` of an order, and its bounds: of the first close with records, else of the first."""
    decisive = next((opening for opening in ended if opening.close and opening.close.records), ended[0])
    received = received_of(lines)
    assert decisive.close is not None, "it has ended"
    if received is not None and decisive.close_index is not None:
        span = times[decisive.close_index] - received
        seconds = max(0, span // dt.timedelta(seconds=1))
        return span_code(span), (seconds, seconds)
    took = decisive.close.took
    return took, None if took == HIDDEN else span_bounds_s(took)
