"""Public codes of an order: the little that intents, closes and refusals tell for statistics. Pure.

Source: ``docs/formats/entries.md``, "Codes".
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Final, Self

from coffer.kinds import KINDS

HIDDEN: Final = "-"
"""Stands for a code that the roster keeps from the log. A reveal of the note's lines gives it later."""
LEVELS: Final = ("none", "coarse", "full")
"""What a roster's ``statistics:`` may be, from the least that is public at once to the most."""
DEFAULT_LEVEL: Final = "coarse"
LEVEL_WORDS: Final = {
    "none": "the log tells no code of an order",
    "coarse": "the log tells class, kinds and outcome of an order at once, the rest when it is revealed",
    "full": "the log tells every code of an order at once",
}
_SHOWN: Final = {
    "none": frozenset[str](),
    "coarse": frozenset({"class", "kinds", "outcome"}),
}
"""The codes that each level shows; ``full`` shows all. What tells an emergency, an issuer or a case's age waits for the reveal."""
SPANS: Final = ("h8", "d1", "d3", "d10", "later")
"""Until a deadline or an answer. Eight hours and ten days are those of the European Production Order."""
CODES: Final[Mapping[str, tuple[str, ...]]] = {
    "class": ("produce", "extend", "access"),
    "urgency": ("ordinary", "urgent", "emergency"),
    "due": (*SPANS, "none"),
    "kinds": tuple(",".join(some) for n in range(1, len(KINDS) + 1) for some in combinations(KINDS, n)),
    "age": ("w4", "w10", "w26", "w52", "more"),
    "issued-by": ("court", "prosecutor", "police", "other", "person"),
    "issued-in": ("home", "union", "elsewhere"),
    "outcome": ("full", "part", "none"),
    "took": SPANS,
}
"""The values of each code, besides ``HIDDEN``."""
REFUSED_CLASSES: Final = (*CODES["class"], "preserve")
"""The classes of a note that can be refused: a hold's is ``preserve``."""
_HOURS: Final = dt.timedelta(hours=8)
_DAYS: Final = (("d1", 1), ("d3", 3), ("d10", 10))
_BOUNDS: Final = {"h8": (0, 8), "d1": (8, 48), "d3": (48, 96), "d10": (96, 264), "later": (264, None)}
"""The hours of each span: at least, and at most."""
_AGES: Final = (("w4", 28), ("w10", 70), ("w26", 182), ("w52", 366))
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCodes:
    """The codes of an intent, each one of ``CODES`` or ``HIDDEN``, in the order of their lines."""

    order_class: str = HIDDEN
    urgency: str = HIDDEN
    due: str = HIDDEN
    kinds: str = HIDDEN
    age: str = HIDDEN
    issued_by: str = HIDDEN
    issued_in: str = HIDDEN

    def values(self) -> dict[str, str]:
        """The codes by the key of their line."""
        return {key: getattr(self, name) for name, key in _KEYS.items()}

    @classmethod
    def of_values(cls, values: Mapping[str, str]) -> Self:
        """The inverse of ``values``."""
        return cls(**{name: values[key] for name, key in _KEYS.items()})

    def agrees_with(self, whole: Self) -> bool:
        """Whether none of them is another one than among ``whole``, of which none is hidden."""
        own, other = self.values(), whole.values()
        return all(own[key] in (HIDDEN, other[key]) for key in ORDER_KEYS)

    def contradicts(self, other: Self) -> bool:
        """Whether a code that both show is another one in each."""
        return any(HIDDEN != value != other_value != HIDDEN for value, other_value in self._beside(other))

    def filled_by(self, other: Self) -> Self:
        """These codes, and in the place of those that are hidden here, the other's."""
        values = [mine if mine != HIDDEN else others for mine, others in self._beside(other)]
        return self.of_values(dict(zip(ORDER_KEYS, values, strict=True)))

    def _beside(self, other: Self) -> list[tuple[str, str]]:
        return list(zip(self.values().values(), other.values().values(), strict=True))

    def at(self, level: str) -> Self:
        """What a roster of that level shows of them."""
        return replace(self, **{name: shown(level, key, getattr(self, name)) for name, key in _KEYS.items()})


_KEYS: Final = {
    field.name: "class" if field.name == "order_class" else field.name.replace("_", "-") for field in fields(OrderCodes)
}
ORDER_KEYS: Final = tuple(_KEYS.values())
"""The keys of an intent's codes, in the order of their lines."""


def shown(level: str, key: str, value: str) -> str:
    """A code as a roster of that level shows it."""
    return value if level == "full" or key in _SHOWN[level] else HIDDEN


def is_as_shown(level: str, values: Mapping[str, str]) -> bool:
    """Whether the hidden codes are those that a roster of that level hides, and no others."""
    return all((value == HIDDEN) == (shown(level, key, key) == HIDDEN) for key, value in values.items())


def span_code(span: dt.timedelta) -> str:
    """The code of a time since receipt: at most 8 hours, or so many whole days.

    Whole days are rounded down, since the law counts from the day after receipt to the end of the last day.
    """
    if span <= _HOURS:
        return "h8"
    return next((code for code, days in _DAYS if span // _DAY <= days), "later")


def span_bounds_s(code: str) -> tuple[int, int | None]:
    """The least and the most seconds that a span of this code has; None for no bound.

    What is negative counts as 0.
    """
    least, most = _BOUNDS[code]
    return least * 3600, None if most is None else most * 3600


def due_code(received: dt.datetime, due: dt.datetime | None) -> str:
    """How soon an order was to be answered."""
    return "none" if due is None else span_code(due - received)


def age_code(received: dt.datetime, oldest: dt.datetime) -> str:
    """How far back the order asks. ``oldest``: the earliest instant that it asks for."""
    days = (received - oldest) // _DAY
    return next((code for code, most in _AGES if days <= most), "more")


def outcome_code(*, records: int, unconfirmed_cells: int, is_each_answered: bool) -> str:
    """How an opening ended. ``is_each_answered``: whether every subject line has a record."""
    if not records:
        return "none"
    return "full" if is_each_answered and not unconfirmed_cells else "part"


def is_outcome(outcome: str, records: int, unconfirmed_cells: int) -> bool:
    """Whether an outcome does not contradict the numbers that are logged with it."""
    return outcome == HIDDEN or (
        (outcome == "none") == (records == 0) and not (outcome == "full" and unconfirmed_cells)
    )
