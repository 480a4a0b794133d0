"""How a source writes its numbers, guessed from some of them. Pure; only a proposal is made of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from coffer.identity.habits import Habits
from coffer.identity.numbering import HomePlan
from coffer.identity.readings import Readings, read_digits
from coffer.identity.scanning import scan

_BARE: Final = re.compile(r"[1-9][0-9 .()/-]{5,18}")
_ENOUGH: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """``style``: for ``number_style``. ``reason``: the figures it rests on."""

    style: str
    reason: str


def guess_style(values: Sequence[str], home: HomePlan) -> Style | None:
    """The style of numbers without a plus, 00 or trunk prefix; None if no guess is needed or possible.

    A guess is needed only if some of them could be two numbers.
    """
    bare = [value.strip() for value in values if _BARE.fullmatch(value.strip())]
    if len(bare) * 2 < sum(bool(value.strip()) for value in values) or not bare:
        return None
    column = pa.array(bare).cast(pa.binary())
    readings = {style: _read(column, home, style) for style in ("any", "national", "e164-no-plus")}
    several = int(readings["any"].is_several.sum())
    if not several:
        return None
    shares = {style: float(np.mean(found.number > 0)) for style, found in readings.items()}
    is_own = [re.sub("[^0-9]", "", value).startswith(str(home.calling_code)) for value in bare]
    reason = f"of {len(bare)} numbers without + or 0, {several} could be two"
    # In a country with the trunk prefix 0, a number without it is international. Elsewhere most international numbers
    # would begin with the home country's own code.
    is_for_the_world = home.trunk == "0" or float(np.mean(is_own)) > 0.3
    if shares["e164-no-plus"] >= _ENOUGH and is_for_the_world:
        return Style(
            style="e164-no-plus", reason=f"{reason}; {shares['e164-no-plus']:.0%} can exist as international ones"
        )
    if shares["national"] >= _ENOUGH:
        return Style(style="national", reason=f"{reason}; {shares['national']:.0%} can exist as national ones")
    return None


def _read(column: pa.BinaryArray, home: HomePlan, style: str) -> Readings:
    return read_digits(column, scan(column), Habits(home=home, style=style))
