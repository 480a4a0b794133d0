"""How a source of records writes numbers: what its feed says, apart from the reading of them.

Source: ``docs/formats/identity.md``.
"""

from dataclasses import dataclass
from typing import Final

from coffer.identity.numbering import HomePlan

STYLES: Final = ("any", "national", "international", "e164-no-plus")
"""How a source writes its numbers.

``any``: it is not known. ``national``: none is written internationally without a mark. ``international``: every number
has a plus or 00. ``e164-no-plus``: international numbers without a mark.
"""
MAX_OUTSIDE_DIGITS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a source writes numbers.

    ``home``: the plan that completes national numbers. ``style``: one of ``STYLES``. ``outside``: prefixes for an
    outside line.
    """

    home: HomePlan
    style: str = "any"
    outside: tuple[str, ...] = ()
