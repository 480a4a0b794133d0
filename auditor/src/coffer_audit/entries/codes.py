"""The public codes of an order (docs/formats/entries.md, "Codes"). Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from coffer_audit.errors import MalformedInput
from coffer_audit.wire import KINDS, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

HIDDEN = "-"
LEVELS = ("none", "coarse", "full")
"""Of a roster's `statistics:`; each shows at least what the one before shows."""
COARSE = ("class", "kinds", "outcome")
SPANS = ("h8", "d1", "d3", "d10", "later")
AGES = {"w4": 28, "w10": 70, "w26": 182, "w52": 366}
WORDS = {
    "class": ("produce", "extend", "access"),
    "urgency": ("ordinary", "urgent", "emergency"),
    "due": (*SPANS, "none"),
    "age": (*AGES, "more"),
    "issued-by": ("court", "prosecutor", "police", "other", "person"),
    "issued-in": ("home", "union", "elsewhere"),
    "outcome": ("full", "part", "none"),
    "took": SPANS,
}
"""The values of each code but `kinds`, which are lists."""


def _is_kinds(text: str) -> bool:
    names = text.split(",")
    return names == [kind for kind in KINDS if kind in names]


def _parse_kinds(text: str, place: str) -> str:
    if text != HIDDEN and not _is_kinds(text):
        raise MalformedInput(f"{place}: found another form, expected kinds in order, or {HIDDEN}")
    return text


def _one_of(*words: str) -> Callable[[str, str], str]:
    def parse(text: str, place: str) -> str:
        if text not in words and text != HIDDEN:
            raise MalformedInput(f"{place}: found another word, expected one of {' '.join(words)}, or {HIDDEN}")
        return text

    return parse


PARSERS = {key: _one_of(*words) for key, words in WORDS.items()} | {"kinds": _parse_kinds}
OF_INTENT = {key: PARSERS[key] for key in ("class", "urgency", "due", "kinds", "age", "issued-by", "issued-in")}
OF_CLOSE = {key: PARSERS[key] for key in ("outcome", "took")}
OF_REFUSE = {"class": _one_of(*WORDS["class"], "preserve"), "urgency": PARSERS["urgency"]}


def parse_level(text: str) -> str:
    """Decode a roster's `statistics:`."""
    if text not in LEVELS:
        raise MalformedInput(f"statistics: found another word, expected one of {' '.join(LEVELS)}")
    return text


def is_shown(level: str, key: str) -> bool:
    """Whether a roster of that level shows a code."""
    return level == "full" or (level == "coarse" and key in COARSE)


def are_as_shown(level: str, keys: Mapping[str, object], values: Mapping[str, str]) -> bool:
    """Whether exactly the codes are hidden that a roster of that level hides."""
    return all((values[key] == HIDDEN) is not is_shown(level, key) for key in keys)


def is_outcome(outcome: str, records: int, unconfirmed: int) -> bool:
    """Whether an outcome agrees with the numbers beside it."""
    return outcome == HIDDEN or ((outcome == "none") == (records == 0) and not (outcome == "full" and unconfirmed))


def span_of(span: timedelta) -> str:
    """Give the code of a time since receipt; whole days are rounded down."""
    if span <= timedelta(hours=8):
        return "h8"
    return next((f"d{most}" for most in (1, 3, 10) if span.days <= most), "later")


def due_of(received: datetime, due: datetime | None) -> str:
    """Give the code of a deadline."""
    return "none" if due is None else span_of(due - received)


def age_of(received: datetime, oldest: datetime) -> str:
    """Give the code of how far back an order asks."""
    return next((code for code, most in AGES.items() if (received - oldest).days <= most), "more")


def codes_of_lines(lines: Mapping[int, str]) -> dict[str, str]:
    """Give the codes that lines of an authorization tell, by their index; all if all lines are there.

    A line that no authorization has tells nothing.
    """
    pairs = [(index, *line.partition(": ")[::2]) for index, line in sorted(lines.items())]
    values = {key: value for _, key, value in pairs}
    codes = {key: value for key, value in values.items() if value in WORDS.get(key, ()) and key in OF_INTENT}
    codes |= {"kinds": values["kinds"]} if _is_kinds(values.get("kinds", "")) else {}
    received = received_of(lines)
    if received is None:
        return codes
    behind = next(index for index, key, _ in pairs if key == "received") + 1
    try:
        due = parse_instant(values["due"]) if "due" in values else None
        periods = [parse_instant(value.split(" ")[0]) for _, key, value in pairs if key == "period"]
    except MalformedInput:
        return codes
    if due is not None or behind in lines:
        codes["due"] = due_of(received, due)
    if periods:
        codes["age"] = age_of(received, min(periods))
    return codes


def received_of(lines: Mapping[int, str]) -> datetime | None:
    """Give when an order came, if its lines tell."""
    values = [line.removeprefix("received: ") for line in lines.values() if line.startswith("received: ")]
    try:
        return parse_instant(values[0]) if values else None
    except MalformedInput:
        return None


def find_false_code(intent: Mapping[str, str], told: Mapping[str, str]) -> str:
    """Give the key of a code that an intent shows otherwise than the lines of its order; "" for none."""
    return next((key for key in OF_INTENT if HIDDEN != intent[key] != told.get(key, intent[key])), "")
