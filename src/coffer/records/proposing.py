"""A feed file proposed from the beginning of a file. Pure.

A proposal is a guess for people to read; nothing is read by it until they have. It holds names of columns that are
plainly names, else positions. It says of each column what the guess rests on (``guessing``), and shows what the values
look like.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from coffer.errors import MalformedInput
from coffer.identity.numbering import home_plan
from coffer.records.device_guess import device_lines, set_devices_aside
from coffer.records.fixed_guess import guess_fixed
from coffer.records.guessing import (
    ADDRESS,
    ANSWERED,
    ENOUGH,
    Guess,
    Taken,
    direction_of,
    halves_of,
    is_answered,
    is_duration,
    is_party,
    mask,
    share_of,
    take_duration,
    take_start,
    take_station,
    unclear_duration,
    utc_of,
    with_halves,
)
from coffer.records.mapping import Column
from coffer.records.number_style import guess_style
from coffer.records.presets import Preset
from coffer.records.readers.text.head import verify_lines
from coffer.records.readers.text.quoting import Quoting, rows_of_head
from coffer.records.unmapped import is_name, leaves

MAX_LINES: Final = 500
_TOTAL: Final = re.compile(r"(?i)(?:grand )?totals?:?|sum:?|summe:?|gesamt:?|somme:?|totale:?")
"""What the first column says in a row that adds up the others."""
_ROUNDED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{1,2}")
_DELIMITERS: Final = ",;\t|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """``text``: the feed file.

    ``reason``: why its format. ``notes``: what of it is a guess that somebody must confirm. ``guesses``: its columns.
    ``unclear``: a column that is called a duration and not taken, because it can be read in two ways; a note says so.
    """

    text: str
    reason: str
    notes: tuple[str, ...]
    guesses: tuple[Guess, ...] = ()
    unclear: Column | None = None


def propose_known(form: str, reason: str, *, country: str, zone: str) -> Proposal:
    """The feed of a format that needs no columns."""
    lines = ["[feed]", f'name = "{form[:16]}"', f'format = "{form}"']
    lines += [f'home_country = "{country}"', f'time_zone = "{zone}"', ""]
    return Proposal(text="\n".join(lines), reason=reason, notes=())


def propose_preset(preset: Preset, reason: str, *, country: str, zone: str) -> Proposal:
    """The feed of a file that was found to be of a preset."""
    lines = ["[feed]", f'name = "{preset.name[:16].rstrip("-")}"', f'preset = "{preset.name}"']
    lines += [f'home_country = "{country}"', f'time_zone = "{zone}"', ""]
    notes = (preset.unknown,) if preset.unknown else ()
    return Proposal(text="\n".join(lines), reason=reason, notes=notes)


def propose_mapped(head: bytes, place: str, *, country: str, zone: str, kind: str = "") -> Proposal:
    """The feed of a file of CSV, JSON lines or fixed width that begins with ``head``.

    Raises:
        MalformedInput: not text, or without two columns of numbers or addresses and one of times; the message says what stands in the way.
    """
    verify_lines(head, place)
    encoding = _encoding(head)
    numbered = _lines(head, place, encoding)
    lines = [line for _, line in numbered]
    written = [] if encoding == "utf-8" else [f'encoding = "{encoding}"']
    keyed = _json_rows(lines)
    if keyed is not None:
        return _compose("jsonl", [*written, "date_format"], keyed, place, country=country, zone=zone, kind=kind)
    try:
        form, own, columns = "csv", *_delimited(numbered, place, written)
    except MalformedInput:
        fixed = guess_fixed(numbered)
        if fixed is None:
            raise
        form, columns = "fixed", fixed.columns
        own = [*fixed.settings, *written, "date_format", "[fixed.places]", *fixed.places]
    return _compose(form, own, columns, place, country=country, zone=zone, kind=kind)


def _delimited(
    numbered: Sequence[tuple[int, str]], place: str, written: Sequence[str]
) -> tuple[list[str], dict[Column, list[str]]]:
    """What ``[csv]`` says of a table with a delimiter, and the values of its columns."""
    lines = [line for _, line in numbered]
    quote = "'" if _is_in_apostrophes(lines) else '"'
    delimiter, rows, first = _table(lines, place, quote)
    names, above = _header(rows)
    body = rows[above:]
    total = next((row[0].strip() for row in body if _TOTAL.fullmatch(row[0].strip())), None)
    body = [row for row in body if row[0].strip() != total]
    columns: dict[Column, list[str]] = {
        (names[i] if names else i): [row[i] for row in body] for i in range(len(names) or len(rows[0]))
    }
    own = [f"header = {'true' if names else 'false'}", f"delimiter = {json.dumps(delimiter)}", *written, "date_format"]
    titles = numbered[first][0] - 1
    if titles and not names:
        own.append(f"skip_lines = {titles}")  # a header is found by its names, wherever it stands
    if total is not None:
        own.append(f"comment = {json.dumps(total)}")
    if quote != '"':
        own.append(f"quote = {json.dumps(quote)}")
    return own, columns


def _encoding(head: bytes) -> str:
    """UTF-8, or what text that is no UTF-8 most probably is."""
    for encoding in ("utf-8", "cp1252"):
        try:
            head[: head.rfind(b"\n") + 1].decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _is_in_apostrophes(lines: Sequence[str]) -> bool:
    """Whether a good part of the values stands in apostrophes, as others put them in quotes."""
    values = [value.strip() for line in lines for value in re.split("[,;\t|]", line)]
    filled = [value for value in values if value]
    quoted = [value for value in filled if len(value) > 2 and value.startswith("'") and value.endswith("'")]
    return len(quoted) * 5 > len(filled)


def _lines(head: bytes, place: str, encoding: str) -> list[tuple[int, str]]:
    """Lines that are not empty, each with its number."""
    if b"\0" in head:
        raise MalformedInput(
            f"{place}: not text, and of no format that is known",
            hint="name its format in a feed file, and check it with: coffer feed check FILE --feed FEED.toml",
        )
    whole = head if head.endswith(b"\n") or len(head) < 60_000 else head[: head.rfind(b"\n") + 1]
    text = whole.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace")
    numbered = ((number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    return list(numbered)[:MAX_LINES]


def _json_rows(lines: Sequence[str]) -> dict[Column, list[str]] | None:
    """By key the values of objects, those within others by their path."""
    try:
        objects = [json.loads(line, parse_int=str, parse_float=str) for line in lines]
    except (ValueError, RecursionError):
        return None
    if not objects or not all(isinstance(found, dict) for found in objects):
        return None
    columns: dict[Column, list[str]] = {}
    for one in objects:
        for path, value in leaves(one):
            columns.setdefault(path, []).append(value)
    return columns


def _table(lines: Sequence[str], place: str, quote: str) -> tuple[str, list[list[str]], int]:
    """The delimiter that cuts most rows into the same number of columns.

    Gives with it those rows, and with which of the lines the first of them begins.
    """
    best: tuple[int, str, list[list[str]], int] = (1, ",", [], 0)
    for delimiter, has_end in product(_DELIMITERS, (True, False)):
        # The lines that are looked at may end within a text: then its row tells nothing of the others.
        each = rows_of_head("\n".join(lines).encode(), Quoting(delimiter.encode(), quote.encode()), has_end=has_end)
        rows = [_cells(one.text.decode(), delimiter, quote) for one in each]
        widths = [len(row) for row in rows]
        width = max(set(widths), key=widths.count) if widths else 0
        kept = [row for row in rows if len(row) == width]
        # In a short file, a few title lines and a total are a large share of the lines.
        if width > best[0] and len(kept) * 10 >= min(len(rows) - 8, len(rows) * 9 // 10) * 10 and len(kept) > 1:
            best = (width, delimiter, kept, each[widths.index(width)].first - 1)
    if not best[2]:
        raise MalformedInput(
            f"{place}: of no format that is known, and no CSV either",
            hint="name its format in a feed file, and check it with: coffer feed check FILE --feed FEED.toml",
        )
    return best[1], best[2], best[3]


def _cells(row: str, delimiter: str, quote: str) -> list[str]:
    """The cells of a row; none if by this delimiter a CR stands outside of quotes."""
    try:
        return next(csv.reader([row], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        return []


def _header(rows: list[list[str]]) -> tuple[list[str], int]:
    """The first row, if it names the columns, and how many rows are no records; else nothing and 0.

    Names are words without long numbers, each once. A delimiter behind each row's last value makes no column. Titles
    may stand before the header, which spreadsheets pad to its width: such rows have one or two filled cells.
    """
    is_ended = len(rows[0]) > 2 and not any(row[-1].strip() for row in rows)
    for number, row in enumerate(rows[:-1]):
        names = [name.strip() for name in (row[:-1] if is_ended else row)]
        if len(set(names)) == len(names) and all(map(is_name, names)):
            return names, number + 1
        if sum(map(bool, names)) > min(2, len(names) - 2):
            break
    return [], 0


def _compose(
    form: str, own: list[str], columns: dict[Column, list[str]], place: str, *, country: str, zone: str, kind: str
) -> Proposal:
    """Assign columns, first by name, then by shape, and write the feed file."""
    taken = Taken(columns)
    start, date_format = take_start(taken)
    devices = set_devices_aside(taken)
    a = taken.take("a", is_party)
    b = taken.take("b", is_party)
    station = take_station(taken) if a is not None and b is None else None
    if station is not None:
        a, b = station, a
        taken.notes.append("local_identities: stations of the site are found by this feed's own names for them")
    if start is None or a is None or b is None:
        missing = [name for name, found in (("a", a), ("b", b), ("start", start)) if found is None]
        raise MalformedInput(
            f"{place}: no column for {' and '.join(missing)} found among {len(columns)} columns",
            hint=_obstacle(columns),
        )
    start, date_format = with_halves(taken, start, date_format, place)
    if "%z" not in date_format and not date_format.startswith("epoch") and zone != "UTC" and utc_of(start, taken):
        own = [part for line in own for part in ((line, 'time_zone = "UTC"') if line == "date_format" else (line,))]
    _note_rounded({"a": a, "b": b}, columns, taken)
    direction = direction_of(a, columns)
    if direction is not None and station is None and len(set(columns[a])) > len(set(columns[b])):
        a, b = b, a  # the own number stands in most rows
    forwarded = taken.take("forwarded", is_party, only_named=True)
    duration = take_duration(taken)
    unclear = unclear_duration(taken) if duration is None else None
    answered = taken.take("answered", is_answered, only_named=True)
    taken.notes += halves_of((a, b), taken)
    by_values = [one for one in taken.guesses if one.field in {"a", "b"} and "by its values" in one.reason]
    if by_values:
        taken.notes.append(f"a, b: columns {a} and {b} are told by their values: is {a} who called?")
    kind = kind or _kind([*columns[a], *columns[b]], duration, unclear, taken)
    style = guess_style([*columns[a], *columns[b]], home_plan(country, "home_country")) if kind != "email" else None
    mobile = device_lines(
        devices if kind != "email" else (), taken, a=a, b=b, has_own=direction is not None and station is None
    )
    lines = [
        "[feed]",
        f'name = "{kind}s"',
        f'format = "{form}"',
        f'home_country = "{country}"',
        f'time_zone = "{zone}"',
    ]
    if style is not None:
        lines.append(f'number_style = "{style.style}"')
        taken.notes.append(f"number_style: {style.style} is a guess: {style.reason}")
    lines += [] if station is None else ["local_identities = true"]
    lines += [f"keep = {mobile.keep}", *mobile.feed, f'kind = "{kind}"', f"[{form}]"]
    lines += [f"date_format = {json.dumps(date_format)}" if line == "date_format" else line for line in own]
    split = _split_of(columns[b]) if kind == "email" else None
    party = json.dumps(b) if split is None else f"{{ column = {json.dumps(b)}, split = {json.dumps(split)} }}"
    lines += ["[columns]", f"a = {json.dumps(a)}", f"b = {party}", f"start = {json.dumps(start)}", *mobile.columns]
    if direction is not None:
        lines.append(f"direction = {{ column = {json.dumps(direction.column)}, values = {_inline(direction.words)} }}")
        taken.notes.append(f"direction: by column {direction.column}; is column {a} the own number of each row?")
    lines += [f"duration_s = {json.dumps(duration)}"] if duration is not None else []
    lines += [f"forwarded = {json.dumps(forwarded)}"] if forwarded is not None else []
    if answered is not None:
        lines.append(_answered_line(answered, columns[answered], taken))
    reason = "columns proposed by their names and by what their values look like"
    return Proposal(
        text="\n".join([*lines, ""]),
        reason=reason,
        notes=tuple(taken.notes),
        guesses=tuple(taken.guesses),
        unclear=unclear,
    )


def _answered_line(column: Column, written: Sequence[str], taken: Taken) -> str:
    words = sorted({value.strip() for value in written} - {""})
    values = {word: ANSWERED[word.lower()] for word in words if word.lower() in ANSWERED}
    if len(values) < len(words):
        taken.notes.append(
            f"answered: column {column} holds {len(words) - len(values)} other words; say under values what they mean"
        )
    return f"answered = {{ column = {json.dumps(column)}, values = {_inline(values)} }}"


def _note_rounded(parties: Mapping[str, Column], columns: Mapping[Column, list[str]], taken: Taken) -> None:
    """Numbers that a spreadsheet took for amounts have lost their last digits for good."""
    for name, column in parties.items():
        count = sum(_ROUNDED.fullmatch(value.strip()) is not None for value in columns[column])
        if count:
            taken.notes.append(
                f"{name}: column {column} holds numbers that a spreadsheet rounded, like 9.99E+99: they are rejected; "
                "export the column as text from the source itself"
            )


def _inline(values: Mapping[str, str | bool]) -> str:
    """An inline table of TOML."""
    return "{ " + ", ".join(f"{json.dumps(word)} = {json.dumps(value)}" for word, value in values.items()) + " }"


def _split_of(values: Sequence[str]) -> str | None:
    """The text between addresses, if some cells hold several."""
    several = [value for value in values if value.count("@") > 1]
    return next((mark for mark in ";,|" if any(mark in value for value in several)), None)


def _kind(parties: Sequence[str], duration: Column | None, unclear: Column | None, taken: Taken) -> str:
    """E-mail by its addresses, a call by its duration.

    Whether a call failed, or a column is missing, says nothing.
    """
    filled = [value for value in parties if value.strip(" <>")]
    if sum(bool(ADDRESS.search(value)) for value in filled) * 2 > len(filled):
        return "email"
    if unclear is not None:
        taken.notes.append(
            f"duration_s: column {unclear} is called so, but is written m:s or h:m: say which, as duration_format in the feed"
        )
    if duration is not None or unclear is not None:
        taken.notes.append("kind: call, since there is a duration; if the file holds several kinds, name their column")
        return "call"
    has_counts = any(share_of(values, is_duration) >= ENOUGH for values in taken.left.values())
    kind = "call" if has_counts else "text"
    taken.notes.append(f"kind: {kind} is a guess, for no column is called a duration; set it with --kind")
    if has_counts:
        taken.notes.append(
            "duration_s: no column was taken, for none is called so: row numbers and ringing look like durations; add it by hand"
        )
    return kind


def _obstacle(columns: dict[Column, list[str]]) -> str:
    """What commonly stands in the way."""
    for name, column in columns.items():
        filled = [value for value in column if value]
        if filled and re.search(r"[0-9]:[0-9]{2}", filled[0]):
            return f"column {name} holds times like {mask(filled[0])}: name their format by hand, as date_format in the feed"
    return "write the feed by hand, with the tables [feed] and [columns], and check it with: coffer feed check FILE --feed FEED.toml"
