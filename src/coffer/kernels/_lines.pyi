from typing import Final

import numpy as np
import numpy.typing as npt

DONE: Final[int]
NEEDS_GROUP: Final[int]
NEEDS_DAY: Final[int]
FULL_ROWS: Final[int]
FULL_ODD: Final[int]
FULL_TALLY: Final[int]

class Scanner:
    columns: int
    delimiter: int
    kind: int
    zone_is_utc: int
    national: int
    coded: int
    is_plain: int
    may_be_zero: int
    home_short: int
    code: int
    code_digits: int
    trunk: int
    trunk_digits: int
    idd: int
    idd_digits: int
    earliest: int
    latest: int
    first_day: int
    classes: npt.NDArray[np.uint8]
    instructions: npt.NDArray[np.uint8]
    formats: npt.NDArray[np.int32]
    months: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]
    values: npt.NDArray[np.uint8]
    kind_words: int
    most_digits: npt.NDArray[np.int32]
    cell_bits: npt.NDArray[np.int32]
    outside: npt.NDArray[np.uint64]
    owns: npt.NDArray[np.int32]
    finds: npt.NDArray[np.int32]
    own_at: npt.NDArray[np.int32]
    short_at: npt.NDArray[np.int32]
    long_at: npt.NDArray[np.int32]
    widths: npt.NDArray[np.int32]
    powers: npt.NDArray[np.uint64]
    valid_starts: npt.NDArray[np.uint64]
    plan_starts: npt.NDArray[np.uint64]
    plan_ends: npt.NDArray[np.uint64]
    listed: npt.NDArray[np.uint64]
    valid_lengths: npt.NDArray[np.uint16]
    plan_countries: npt.NDArray[np.uint16]
    rules: npt.NDArray[np.uint16]
    leading: npt.NDArray[np.uint32]
    multipliers: npt.NDArray[np.uint64]
    words: npt.NDArray[np.uint64]
    strings: npt.NDArray[np.uint64]
    offsets: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    rows: npt.NDArray[np.uint64]
    row_groups: npt.NDArray[np.int32]
    odd: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.int64]
    tally_keys: npt.NDArray[np.uint64]
    tally_counts: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    text: npt.NDArray[np.uint8]
    position: int
    line: int
    kept: int
    made: int
    odd_runs: int
    unknown_words: int
    unindexed: int
    dialled: int
    tallied: int
    needed_day: int
    needed_kind: int
    needed_rule: int
    def run(self, data: npt.NDArray[np.uint8], is_plain: bool) -> int: ...
    def read_time(self, text: npt.NDArray[np.uint8]) -> int | None: ...
    def learn(self, words: npt.NDArray[np.uint64]) -> None: ...

def distribute(
    rows: npt.NDArray[np.uint64],
    groups: npt.NDArray[np.int32],
    places: npt.NDArray[np.int64],
    widths: npt.NDArray[np.int32],
    out: npt.NDArray[np.uint64],
) -> None: ...
