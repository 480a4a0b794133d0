"""Make the table of valid numbers from the patterns of the library phonenumbers.

The library is the Python port of libphonenumber (Apache-2.0). Writes ``src/coffer/identity/data/valid-<version>.csv``:
``start,lengths``. To look up a number, fill its digits up with zeros to 15 and take the last start that is not greater.
The number is valid if it has one of the lengths there. That is so exactly if ``phonenumbers.is_valid_number`` is true
of it; ``scripts/compare_numbering.py`` compares the two.

The patterns use only digits, classes, groups, alternatives and counted repetition, so each becomes a finite automaton.
A prefix ends where only the number of the remaining digits matters. Run: .venv/bin/python scripts/make_validity.py
"""

import csv
from functools import cache
from pathlib import Path
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

import phonenumbers
from phonenumbers import PhoneMetadata
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE

DATA = Path(__file__).parent.parent / "src/coffer/identity/data"
MAX_DIGITS = 15
TYPES = [
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    "mobile",
]
"""The types, in the order in which the library's number_type_helper asks for them."""


class Automaton:
    """A pattern of digits as an NFA.

    ``edges``: by state, (digits, target). ``empty``: by state, the targets without a digit.
    """

    def __init__(self, pattern: str) -> None:
        self.edges: list[list[tuple[frozenset[int], int]]] = []
        self.empty: list[list[int]] = []
        self.start, self.end = self._state(), self._state()
        last = self._sequence(parser.parse(pattern), self.start)
        self.empty[last].append(self.end)
        self.step = cache(self._step)  # few sets of states are reached, by millions of prefixes

    def _state(self) -> int:
        self.edges.append([])
        self.empty.append([])
        return len(self.edges) - 1

    def _sequence(self, items: parser.SubPattern, at: int) -> int:
        for op, argument in items:
            at = self._item(op, argument, at)
        return at

    def _item(self, op: object, argument: object, at: int) -> int:
        if op is ops.LITERAL:
            return self._digits(frozenset({argument - 48}), at)
        if op is ops.IN:
            return self._digits(_class(argument), at)
        if op is ops.SUBPATTERN:
            return self._sequence(argument[3], at)
        if op is ops.BRANCH:
            end = self._state()
            for branch in argument[1]:
                begin = self._state()
                self.empty[at].append(begin)
                self.empty[self._sequence(branch, begin)].append(end)
            return end
        if op is ops.MAX_REPEAT:
            low, high, inner = argument
            for _ in range(low):
                at = self._sequence(inner, at)
            end = self._state()
            self.empty[at].append(end)
            for _ in range(low, min(int(high), MAX_DIGITS)):
                at = self._sequence(inner, at)
                self.empty[at].append(end)
            return end
        raise ValueError(f"a pattern uses {op}, which this script does not know")

    def _digits(self, digits: frozenset[int], at: int) -> int:
        assert all(0 <= digit <= 9 for digit in digits), "a pattern names something else than digits"
        end = self._state()
        self.edges[at].append((digits, end))
        return end

    def closure(self, states: frozenset[int]) -> frozenset[int]:
        """All states that are reached without a digit."""
        reached, waiting = set(states), list(states)
        while waiting:
            for target in self.empty[waiting.pop()]:
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        return frozenset(reached)

    def _step(self, states: frozenset[int], digit: int) -> frozenset[int]:
        """The states after one more digit."""
        return self.closure(frozenset(t for s in states for digits, t in self.edges[s] if digit in digits))


def _class(items: list[tuple[object, object]]) -> frozenset[int]:
    digits: set[int] = set()
    for op, argument in items:
        if op is ops.LITERAL:
            digits.add(argument - 48)
        elif op is ops.RANGE:
            digits |= set(range(argument[0] - 48, argument[1] - 47))
        elif op is ops.CATEGORY and argument is ops.CATEGORY_DIGIT:
            digits |= set(range(10))
        else:
            raise ValueError(f"a class uses {op}, which this script does not know")
    return frozenset(digits)


class Region:
    """A region's valid national numbers, as states.

    They are the states of its general pattern, of its types, and of its leading digits.
    """

    def __init__(self, meta: PhoneMetadata) -> None:
        general = meta.general_desc
        descs = [desc for name in TYPES if (desc := getattr(meta, name)) and desc.national_number_pattern]
        self.patterns = [Automaton(general.national_number_pattern)]
        self.patterns += [Automaton(desc.national_number_pattern) for desc in descs]
        # The library ignores empty lengths of a type, and takes [-1] for a type without numbers.
        self.lengths = [self._allowed(general), *(self._allowed(desc) for desc in descs)]
        self.leading = Automaton(f"(?:{meta.leading_digits})") if meta.leading_digits else None

    @staticmethod
    def _allowed(desc: object) -> frozenset[int]:
        lengths = frozenset(desc.possible_length)
        return lengths or frozenset(range(MAX_DIGITS + 3))

    def start(self) -> tuple[frozenset[int], ...]:
        """The states before the first digit.

        The last ones are those of the leading digits; they become None once the leading digits have been read.
        """
        own = tuple(pattern.closure(frozenset({pattern.start})) for pattern in self.patterns)
        return own if self.leading is None else (*own, self.leading.closure(frozenset({self.leading.start})))

    def step(self, states: tuple[frozenset[int] | None, ...], digit: int) -> tuple[frozenset[int] | None, ...]:
        """The states after one more digit of a national number."""
        own = tuple(p.step(s, digit) for p, s in zip(self.patterns, states, strict=False))
        if self.leading is None:
            return own
        lead = states[-1]
        return (*own, lead if lead is None or self.leading.end in lead else self.leading.step(lead, digit))

    def is_led(self, states: tuple[frozenset[int] | None, ...]) -> bool:
        """Whether the number begins with the region's leading digits."""
        return self.leading is not None and self.leading.end in states[-1]

    def is_valid(self, states: tuple[frozenset[int] | None, ...], length: int) -> bool:
        """Whether a number that ends here has a type that the library knows."""
        fits = [
            length in allowed and pattern.end in state
            for pattern, state, allowed in zip(self.patterns, states, self.lengths, strict=False)
        ]
        return fits[0] and any(fits[1:])


class Code:
    """All national numbers of one calling code."""

    def __init__(self, code: int, regions: tuple[str, ...]) -> None:
        metas = [
            PhoneMetadata.metadata_for_nongeo_region(code, None)
            if region == "001"
            else PhoneMetadata.metadata_for_region(region, None)
            for region in regions
        ]
        self.regions = [Region(meta) for meta in metas]
        self.known: dict[tuple, int] = {}
        self.nodes: list[tuple[bool, tuple[int, ...]]] = []
        self.free = cache(self._free)
        self.max = MAX_DIGITS - len(str(code))

    def build(self) -> int:
        """The node of the empty prefix; equal nodes are merged."""
        unique: dict[tuple[bool, tuple[int, ...]], int] = {}

        def visit(states: tuple, length: int) -> int:
            if (states, length) in self.known:
                return self.known[states, length]
            is_dead = not any(s for region in states for s in region)
            children: tuple[int, ...] = ()
            if length < self.max and not is_dead:
                after = [
                    tuple(r.step(s, digit) for r, s in zip(self.regions, states, strict=True)) for digit in range(10)
                ]
                children = tuple(visit(one, length + 1) for one in after)
                if all(not self.nodes[c][0] and not self.nodes[c][1] for c in children):
                    children = ()
            node = (self._is_valid(states, length), children)
            if node not in unique:
                unique[node] = len(self.nodes)
                self.nodes.append(node)
            self.known[states, length] = unique[node]
            return unique[node]

        return visit(tuple(region.start() for region in self.regions), 0)

    def _is_valid(self, states: tuple, length: int) -> bool:
        """Whether a number that ends here is valid.

        As in region_code_for_number and is_valid_number_for_region, the first region that claims the number decides.
        """
        if len(self.regions) == 1:
            return self.regions[0].is_valid(states[0], length)
        for region, own in zip(self.regions, states, strict=True):
            claims = region.is_led(own) if region.leading is not None else region.is_valid(own, length)
            if claims:
                return region.is_valid(own, length)
        return False

    def _free(self, node: int) -> frozenset[int] | None:
        """The numbers of digits that may follow, if it does not matter which digits; else None."""
        is_end, children = self.nodes[node]
        own = frozenset({0}) if is_end else frozenset()
        if not children:
            return own
        if len(set(children)) > 1 or (rest := self.free(children[0])) is None:
            return None
        return own | {n + 1 for n in rest}

    def rows(self, node: int, prefix: str) -> list[tuple[str, frozenset[int]]]:
        """Prefixes behind which only lengths matter, with the possible lengths of the national number."""
        rest = self.free(node)
        if rest is not None:
            return [(prefix, frozenset(len(prefix) + n for n in rest))] if rest else []
        is_end, children = self.nodes[node]
        if is_end:
            # No plan has such a prefix today. The table cannot tell ranges apart by length, as it would need.
            raise ValueError(f"{prefix} is a number of its own while longer ones differ by what follows")
        return [row for digit, child in enumerate(children) for row in self.rows(child, prefix + str(digit))]


def steps(rows: list[tuple[str, frozenset[int]]]) -> list[tuple[str, str]]:
    """The starts at which the lengths change, ascending, each with the lengths up to the next start.

    Numbers in a range without lengths do not exist.
    """
    changes: list[tuple[int, str]] = [(0, "")]
    for prefix, lengths in sorted(rows, key=lambda row: row[0].ljust(MAX_DIGITS, "0")):
        free = 10 ** (MAX_DIGITS - len(prefix))
        first, text = int(prefix) * free, " ".join(map(str, sorted(lengths)))
        if changes[-1][0] == first:
            changes.pop()
        if not changes or changes[-1][1] != text:
            changes.append((first, text))
        changes.append((first + free, ""))
    return [(str(start).zfill(MAX_DIGITS).rstrip("0") or "0", text) for start, text in changes]


def main() -> None:
    version = phonenumbers.__version__
    rows: list[tuple[str, frozenset[int]]] = []
    for code, regions in sorted(_COUNTRY_CODE_TO_REGION_CODE.items()):
        plan = Code(code, regions)
        size = len(str(code))
        rows += [
            (f"{code}{prefix}", frozenset(size + n for n in lengths)) for prefix, lengths in plan.rows(plan.build(), "")
        ]
    changes = steps(rows)
    with (DATA / f"valid-{version}.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("start", "lengths"), *changes])
    print(f"{len(rows)} prefixes, {len(changes)} steps, phonenumbers {version}")


if __name__ == "__main__":
    main()
