"""Compare, plan by plan, how Coffer reads numbers with how the library phonenumbers reads them.

A plan is a region, or a calling code of no country. Numbers are drawn from the plan's own patterns: valid ones, and
ones with a digit more, less or other. A third each is written in international, national and international-prefix
spelling. The numbers are read with the plan as home. The differences are listed with their reasons. Run:

    nice .venv/bin/python scripts/compare_numbering.py [--numbers 100000] [--plans FR,DE] [--seed 1]

A reading is *the same* if both give the same number, or if the library finds none and Coffer keeps the digits as
dialled. The exit code is 1 if a difference has no reason in ``REASONS``.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import phonenumbers
import pyarrow as pa
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE

sys.path.insert(0, str(Path(__file__).parent))

from make_validity import Code

from coffer.identity.columns import IdentityRules, parse_identities
from coffer.identity.habits import Habits
from coffer.identity.identifier import IdentityType
from coffer.identity.numbering import MAX_DIGITS, home_plan
from coffer.identity.readings import read_digits
from coffer.identity.scanning import scan

REASONS = {
    "short": "few digits without a plus are a short code of the home country, as its networks dial",
    "several": "more than one reading can exist, of which the library takes one: kept as dialled",
    "trunk": "the digit behind the calling code is a trunk prefix that the library does not take off",
    "unmarked": "the only number that can exist is international without a mark, which the library does not try",
    "kept": "the number can exist as written with its plus; the library takes off a digit first, and finds none",
    "zeros": "00 is read as an international prefix in every country",
    "national": "the only number that can exist is national without the trunk prefix, or with a digit that the library takes off first",
    "rewritten": "the library takes off or adds more than a trunk digit behind the calling code: kept as dialled",
    "long": "more than 15 digits are no E.164 number",
}
SPELLINGS = ("international", "national", "prefix")
Plan = tuple[str, int]


def plans() -> list[Plan]:
    """Every region of the library, and every calling code without a region."""
    return [
        (region if region != "001" else f"+{code}", code)
        for code, regions in sorted(_COUNTRY_CODE_TO_REGION_CODE.items())
        for region in regions
    ]


class Drawing:
    """Numbers of one plan, valid and at the edges of validity."""

    def __init__(self, plan: Plan, rng: random.Random) -> None:
        name, code = plan
        self._code = Code(code, ("001" if name.startswith("+") else name,))
        self._start = self._code.build()
        self._rng = rng
        self._alive = {
            number: tuple(d for d, child in enumerate(node[1]) if any(self._code.nodes[child]))
            for number, node in enumerate(self._code.nodes)
        }

    def national(self) -> str:
        """One national significant number."""
        digits = self._valid()
        edge = self._rng.randrange(8)
        if edge == 0:
            return digits[:-1]
        if edge == 1:
            return digits + str(self._rng.randrange(10))
        if edge in (2, 3) and digits:
            at = self._rng.randrange(len(digits))
            return digits[:at] + str(self._rng.randrange(10)) + digits[at + 1 :]
        return digits

    def _valid(self) -> str:
        node, digits = self._start, []
        while True:
            is_end, children = self._code.nodes[node]
            alive = self._alive[node]
            if not alive or (is_end and self._rng.random() < 0.5):
                return "".join(digits)
            digit = self._rng.choice(alive)
            digits.append(str(digit))
            node = children[digit]


def spelled(national: str, code: int, spelling: str, home: object) -> str:
    """The number as somebody writes it."""
    if spelling == "international":
        return f"+{code}{national}"
    if spelling == "national":
        return f"{home.trunk}{national}"
    return f"{home.idd or '00'}{code}{national}"


def of_library(text: str, region: str | None) -> int:
    """The number that the library reads; 0 if it finds no valid one."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return 0
    if not phonenumbers.is_valid_number(number):
        return 0
    return int(f"{number.country_code}{phonenumbers.national_significant_number(number)}")


def reason_of(text: str, ours: int, theirs: int, kind: int, *, is_several: bool, home: object) -> str:
    """The name of the reason why a reading differs; ``other`` if it is no known one."""
    if kind == IdentityType.SHORT:
        return "short"
    if theirs >= 10**MAX_DIGITS:
        return "long"
    if not ours and is_several:
        return "several"
    if ours and not theirs:
        digits = text.lstrip("+")
        if str(ours) == digits:
            return "unmarked" if text == digits else "kept"
        if digits.startswith("00") and str(ours) == digits[2:]:
            return "zeros"
        if (
            str(ours) == f"{home.calling_code}{digits}"
            or str(ours) == f"{home.calling_code}{digits[len(home.trunk) :]}"
        ):
            return "national"
        return "trunk"
    is_changed = not str(theirs).endswith(text.lstrip("+0"))  # a digit was put in or taken out behind the calling code
    if theirs and not ours and (is_changed or not text.startswith(home.trunk or "-")):
        return "rewritten"
    return "other"


def compare(plan: Plan, numbers: int, rng: random.Random) -> Iterator[tuple[str, str, str, int, int]]:
    """For each number of a plan: reason (``same`` for none), spelling, text, our and their number."""
    name, code = plan
    region = None if name.startswith("+") else name
    home = home_plan(region or "FR", "plan")
    drawing = Drawing(plan, rng)
    spellings = [SPELLINGS[i % (3 if region else 1)] for i in range(numbers)]
    texts = [spelled(drawing.national(), code, spelling, home) for spelling in spellings]
    column = pa.array(texts)
    habits = Habits(home=home)
    identities = parse_identities(
        column, np.ones(numbers, np.uint8), IdentityRules(habits=habits, local_identities=False)
    )
    several = read_digits(column.cast(pa.binary()), scan(column.cast(pa.binary())), habits).is_several
    kinds, ours = (
        identities.type.tolist(),
        np.where(identities.type == IdentityType.E164, identities.number, 0).tolist(),
    )
    for text, spelling, kind, mine, is_several in zip(texts, spellings, kinds, ours, several.tolist(), strict=True):
        theirs = of_library(text, region or "FR")
        if mine == theirs and kind != IdentityType.SHORT:
            yield "same", spelling, text, mine, theirs
        else:
            reason = reason_of(text, mine, theirs, kind, is_several=is_several, home=home)
            yield reason, spelling, text, mine, theirs


def main(arguments: list[str]) -> int:
    """Print a line for each plan with differences, and a table of the reasons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", type=int, default=100_000, help="of each plan")
    parser.add_argument("--plans", default="", help="only these, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    wanted = [plan for plan in plans() if not options.plans or plan[0] in options.plans.split(",")]
    total, numbers_by_reason, examples, began = Counter(), Counter(), {}, time.monotonic()
    for plan in wanted:
        counts = Counter()
        for reason, spelling, text, ours, theirs in compare(
            plan, options.numbers, random.Random(f"{options.seed} {plan}")
        ):
            counts[reason, spelling] += 1
            total[reason] += 1
            numbers_by_reason[reason, spelling] += 1
            if len(examples.setdefault(reason, [])) < 12 and reason != "same" and counts[reason, spelling] == 1:
                examples[reason].append(f"{plan[0]} {text}: here {ours or 'dialled'}, library {theirs or 'none'}")
        differing = ", ".join(f"{r} {s} {n}" for (r, s), n in sorted(counts.items()) if r != "same")
        print(f"{plan[0]:5} {options.numbers:,} {differing or 'all the same'}", flush=True)
    print(
        f"\nphonenumbers {phonenumbers.__version__}, {len(wanted)} plans, {sum(total.values()):,} numbers, {time.monotonic() - began:.0f} s"
    )
    for reason, count in total.most_common():
        by = ", ".join(f"{s} {numbers_by_reason[reason, s]:,}" for s in SPELLINGS if numbers_by_reason[reason, s])
        print(f"{reason:9} {count:>11,}  ({by})  {REASONS.get(reason, '')}")
        for example in examples.get(reason, []):
            print(f"            {example}")
    return 1 if total["other"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
