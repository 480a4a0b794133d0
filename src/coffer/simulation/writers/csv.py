"""CSV lines from columns, and the feed file that describes them (``docs/formats/feed.md``).

Every field comes from a table of its possible texts, which zero bytes pad to one width. A chunk is a matrix with a row
for each record, and removing the zero bytes gives the file. No field needs quotes, because none holds a comma, a quote
or a line end.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.bounds import SECONDS_PER_DAY
from coffer.simulation.numbers import STYLES, Block
from coffer.simulation.population import I32, Party
from coffer.simulation.traffic import LONGEST_CALL_S, Columns

Texts = npt.NDArray[np.bytes_]
Indexes = npt.NDArray[np.integer]

COLUMNS: Final = ("kind", "a", "b", "start", "duration_s", "answered", "forwarded", "a_cell", "b_cell")
HEADER: Final = (",".join(COLUMNS) + "\n").encode("ascii")
FILE_SUFFIX: Final = ".csv"
DATE_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_NOTHING: Final = 1_000
"""The index of the empty text in the tables of three digits."""
_TEXT_OUTCOME: Final = 2 * (LONGEST_CALL_S + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTables:
    """The texts of every field, each with the comma or line end that follows it.

    ``head``: by block * 3 + style. ``tail_digits``: by block. ``high``, ``low``: by the upper and lower three digits of
    a tail, 1000 for none. ``time``: by the second of the day. ``outcome``: duration and answered, by 2 * seconds +
    answered for a call; the last one is that of a text. ``a_cell``, ``b_cell``: by cell; the last one is that of no
    cell.
    """

    kind: Texts
    head: Texts
    tail_digits: npt.NDArray[np.uint8]
    high: Texts
    low: Texts
    time: Texts
    outcome: Texts
    a_cell: Texts
    b_cell: Texts
    row: np.dtype[np.void]


def make_csv_tables(blocks: tuple[Block, ...], cells: Texts) -> CsvTables:
    """The tables for all files of a population; about 3 MB."""
    digits = [f"{value:03d}" for value in range(1_000)]
    times = [f"{at // 3600:02d}:{at // 60 % 60:02d}:{at % 60:02d}," for at in range(SECONDS_PER_DAY)]
    calls = [f"{seconds},{answered}," for seconds in range(LONGEST_CALL_S + 1) for answered in (0, 1)]
    names = [cell.decode("ascii") for cell in cells.tolist()]
    texts = {
        "kind": _texts(["call,", "sms,"]),
        "head": _texts([head for block in blocks for head in block.heads]),
        "high": _texts([*digits, ""]),
        "low": _texts([*(f"{text}," for text in digits), ","]),
        "time": _texts(times),
        "outcome": _texts([*calls, ",1,"]),
        "a_cell": _texts([*(f"{name}," for name in names), ","]),
        "b_cell": _texts([*(f"{name}\n" for name in names), "\n"]),
    }
    number = [("_head", texts["head"].dtype), ("_high", texts["high"].dtype), ("_low", texts["low"].dtype)]
    fields = [
        ("kind", texts["kind"].dtype),
        *((f"{party}{part}", dtype) for party in ("a", "b") for part, dtype in number),
        ("date", np.dtype("S11")),
        ("time", texts["time"].dtype),
        ("outcome", texts["outcome"].dtype),
        *((f"forwarded{part}", dtype) for part, dtype in number),
        ("a_cell", texts["a_cell"].dtype),
        ("b_cell", texts["b_cell"].dtype),
    ]
    tail_digits = np.array([block.tail_digits for block in blocks], np.uint8)
    return CsvTables(**texts, tail_digits=tail_digits, row=np.dtype(fields))


def format_rows(columns: Columns, tables: CsvTables, day: dt.date) -> npt.NDArray[np.uint8]:
    """The lines of a chunk of that UTC day, in its order, as one array of bytes."""
    matrix = np.zeros(len(columns.second), tables.row)
    matrix["kind"] = tables.kind[columns.is_text.view(np.uint8)]
    _fill_number(matrix, "a", columns.a, columns.a_style, tables)
    _fill_number(matrix, "b", columns.b, columns.b_style, tables)
    matrix["date"] = f"{day} ".encode("ascii")
    matrix["time"] = tables.time[columns.second]
    matrix["outcome"] = tables.outcome[
        np.where(columns.is_text, _TEXT_OUTCOME, 2 * columns.duration_s + columns.answered)
    ]
    matrix["forwarded_low"] = tables.low[_NOTHING]
    forwarded = np.zeros(len(columns.forwarded_row), tables.row)
    _fill_number(forwarded, "forwarded", columns.forwarded, columns.forwarded_style, tables)
    for part in ("forwarded_head", "forwarded_high", "forwarded_low"):
        matrix[part][columns.forwarded_row] = forwarded[part]
    matrix["a_cell"] = tables.a_cell[columns.a_cell]  # index -1 is the last text, which is that of no cell
    matrix["b_cell"] = tables.b_cell[columns.b_cell]
    padded = matrix.view(np.uint8)
    lines: npt.NDArray[np.uint8] = padded[padded != 0]
    return lines


def format_feed(name: str, country: str) -> bytes:
    """The feed file that reads these files."""
    columns = "".join(f'{column} = "{column}"\n' for column in COLUMNS if column not in {"kind", "answered"})
    text = f"""[feed]
name = "{name}"
format = "csv"
home_country = "{country}"
time_zone = "UTC"
keep = ["cell"]
kind = {{ column = "kind", values = {{ call = "call", sms = "text" }} }}

[csv]
header = true
date_format = "{DATE_FORMAT}"

[columns]
{columns}answered = {{ column = "answered", values = {{ "1" = true, "0" = false }} }}
"""
    return text.encode("ascii")


def _fill_number(matrix: npt.NDArray[np.void], name: str, party: Party, style: Indexes, tables: CsvTables) -> None:
    tail_digits = tables.tail_digits[party.block]
    high: I32 = party.tail // 1_000
    low = party.tail - high * 1_000
    matrix[f"{name}_head"] = tables.head[party.block * STYLES + style]
    matrix[f"{name}_high"] = tables.high[np.where(tail_digits == 6, high, _NOTHING)]
    matrix[f"{name}_low"] = tables.low[np.where(tail_digits > 0, low, _NOTHING)]


def _texts(values: list[str]) -> Texts:
    return np.array(values, np.bytes_)
