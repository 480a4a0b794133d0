"""The public codes of an order (docs/formats/entries.md, "Codes"). Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from coffer_audit.errors import MalformedInput
from coffer_audit.wire import KINDS, parse_instant, parse_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

HIDDEN = "-"
LEVELS = ("none", "coarse", "full")
"""Of a roster's `statistics:`; each shows at least what the one before shows."""
COARSE = ("class", "kinds", "outcome")
SPANS = ("h8", "d1", "d3", "d10", "later")
BOUNDS = {"h8": (0, 8), "d1": (8, 48), "d3": (48, 96), "d10": (96, 264), "later": (264, None)}
"""The hours of each span, at least and at most."""
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
SAID = ("class", "urgency", "kinds", "issued-by", "issued-in")
"""The codes that stand in an authorization as they are."""
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


def seconds_of(span: str) -> tuple[int, int | None]:
    """Give the least and the most seconds of a span's code; None for no bound.

    What is negative counts as 0.
    """
    least, most = BOUNDS[span]
    return least * 3600, None if most is None else most * 3600


def due_of(received: datetime, due: datetime | None) -> str:
    """Give the code of a deadline."""
    return "none" if due is None else span_of(due - received)


def age_of(received: datetime, oldest: datetime) -> str:
    """Give the code of how far back an order asks."""
    return next((code for code, most in AGES.items() if (received - oldest).days <= most), "more")


def codes_of_lines(lines: Mapping[int, str]) -> dict[str, str]:
    """Give the codes that lines of an authorization tell, by their index; all if all lines are there.

    A key that no authorization has, or that stands there twice, tells nothing; `due` and `age` are told if the lines
    that they rest on are each of its form.
    """
    values: dict[str, list[str]] = {}
    for line in lines.values():
        key, _, value = line.partition(": ")
        values.setdefault(key, []).append(value)
    said = {key: values[key][0] for key in SAID if len(values.get(key, ())) == 1}
    codes = {key: value for key, value in said.items() if value in WORDS.get(key, ()) or _is_named(key, value)}
    received = received_of(lines)
    if received is None:
        return codes
    try:
        dues = [parse_instant(value) for value in values.get("due", ())]
        periods = [parse_period(value) for value in values.get("period", ())]
    except MalformedInput:
        return codes
    if len(dues) > 1 or any(not timedelta(0) < due - received <= timedelta(days=366) for due in dues):
        return codes
    behind = 1 + next(index for index, line in lines.items() if line.startswith("received: "))
    if dues or behind in lines:
        codes["due"] = due_of(received, dues[0] if dues else None)
    if periods:
        codes["age"] = age_of(received, min(first for first, _ in periods))
    return codes


def _is_named(key: str, value: str) -> bool:
    return key == "kinds" and _is_kinds(value)


def parse_period(value: str) -> tuple[datetime, datetime]:
    """Decode a period of an authorization: two instants, the first before the second."""
    first, end = (parse_instant(word) for word in parse_words(value, 2, "period"))
    if first >= end:
        raise MalformedInput("period: found its end not after its begin")
    return first, end


def received_of(lines: Mapping[int, str]) -> datetime | None:
    """Give when an order came, if one line tells."""
    values = [line.removeprefix("received: ") for line in lines.values() if line.startswith("received: ")]
    try:
        return parse_instant(values[0]) if len(values) == 1 else None
    except MalformedInput:
        return None


def find_false_code(shown: Mapping[str, str], told: Mapping[str, str]) -> str:
    """Give the key of a code that an entry shows otherwise than the lines of its order; "" for none."""
    keys = [key for key in OF_INTENT if shown.get(key, HIDDEN) != HIDDEN]
    return next((key for key in keys if shown[key] != told.get(key, shown[key])), "")
