"""A feed file proposed from the beginning of a file: which column holds what, by its name and by what its values look like. Pure.

A proposal is a guess for people to read; nothing is read by it until they have. It holds names of columns that are plainly names, else positions.
"""

import csv
import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput
from coffer.identity.columns import WITHHELD

MAX_LINES: Final = 500
_ENOUGH: Final = 0.8
"""Of the values of a column that must look like what it is taken for: some are always withheld or malformed."""
_ENOUGH_IF_NAMED: Final = 0.5
_DELIMITERS: Final = ",;\t|"
_DATES: Final = ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d", "%d %b %Y")
_CLOCKS: Final = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%H%M%S")
_STAMPS: Final = (
    *(f"{date} {clock}" for date in _DATES for clock in _CLOCKS),
    *(f"%Y-%m-%d{sep}%H:%M:%S{tail}" for sep in "T " for tail in ("", "%z", ".%f", ".%f%z")),
    "%Y%m%d%H%M%S",
    "%d-%m-%YT%H:%M:%S",
)
_NAMES: Final = {
    "a": ("a", "anumber", "caller", "callingnumber", "callingparty", "callingpartynumber", "from", "src", "source", "sender", "originating", "msisdn",
          "callerid", "fromnumber", "calling", "orig", "anum"),
    "b": ("b", "bnumber", "callee", "called", "callednumber", "calledparty", "calledpartynumber", "to", "dst", "destination", "recipient", "receiver",
          "dialled", "dialed", "tonumber", "terminating", "dest", "bnum"),
    "start": ("start", "starttime", "begin", "datetime", "timestamp", "time", "calldate", "date", "startdate", "starttimestamp", "seizuretime",
              "answertime", "eventtime", "sentat", "createdat"),
    "duration_s": ("duration", "durations", "billsec", "seconds", "secs", "durationseconds", "callduration", "talktime", "length", "dur"),
    "answered": ("answered", "disposition", "status", "result", "outcome"),
    "forwarded": ("forwarded", "forwardedto", "redirectedto", "redirectingnumber", "cnumber"),
}  # fmt: skip
_ANSWERED: Final = {
    "answered": True, "completed": True, "yes": True, "true": True, "1": True, "ok": True, "success": True,
    "no answer": False, "no-answer": False, "noanswer": False, "busy": False, "failed": False, "no": False, "false": False, "0": False,
    "canceled": False, "cancelled": False, "congestion": False, "missed": False, "unanswered": False,
}  # fmt: skip

Column = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """``text``: the feed file. ``reason``: why its format. ``notes``: what of it is a guess that somebody must confirm."""

    text: str
    reason: str
    notes: tuple[str, ...]


def propose_known(form: str, reason: str, *, country: str, zone: str) -> Proposal:
    """The feed of a format that needs no columns."""
    lines = ["[feed]", f'name = "{form[:16]}"', f'format = "{form}"']
    lines += [f'home_country = "{country}"', f'time_zone = "{zone}"', ""]
    return Proposal(text="\n".join(lines), reason=reason, notes=())


def propose_mapped(head: bytes, place: str, *, country: str, zone: str) -> Proposal:
    """The feed of a file of CSV or JSON lines that begins with ``head``.

    Raises:
        MalformedInput: not text, or without two columns of numbers or addresses and one of times.
    """
    lines = _lines(head, place)
    keyed = _json_rows(lines)
    if keyed is not None:
        return _compose("jsonl", ["date_format"], keyed, place, country=country, zone=zone)
    delimiter, rows = _table(lines, place)
    names = _header(rows)
    body = rows[1:] if names else rows
    columns = {(names[i] if names else i): [row[i] for row in body] for i in range(len(rows[0]))}
    own = [f"header = {'true' if names else 'false'}", f"delimiter = {json.dumps(delimiter)}", "date_format"]
    return _compose("csv", own, columns, place, country=country, zone=zone)


def _lines(head: bytes, place: str) -> list[str]:
    if b"\0" in head:
        raise MalformedInput(
            f"{place}: not text, and of no format that is known",
            hint="name its format in a feed file, and check it with: coffer feed check FILE --feed FEED.toml",
        )
    whole = head if head.endswith(b"\n") or len(head) < 60_000 else head[: head.rfind(b"\n") + 1]
    text = whole.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    return [line.rstrip("\r") for line in text.split("\n") if line.strip()][:MAX_LINES]


def _json_rows(lines: Sequence[str]) -> dict[Column, list[str]] | None:
    try:
        objects = [json.loads(line, parse_int=str, parse_float=str) for line in lines]
    except (ValueError, RecursionError):
        return None
    if not objects or not all(isinstance(found, dict) for found in objects):
        return None
    names = [name for name in objects[0] if isinstance(name, str) and _is_name(name)]
    return {name: [value if isinstance(value := one.get(name), str) else "" for one in objects] for name in names}


def _table(lines: Sequence[str], place: str) -> tuple[str, list[list[str]]]:
    """The delimiter that cuts most lines into the same number of columns, and those lines."""
    best: tuple[int, str, list[list[str]]] = (1, ",", [])
    for delimiter in _DELIMITERS:
        rows = [row for line in lines for row in csv.reader([line], delimiter=delimiter)]
        widths = [len(row) for row in rows]
        width = max(set(widths), key=widths.count) if widths else 0
        kept = [row for row in rows if len(row) == width]
        if width > best[0] and len(kept) * 10 >= len(rows) * 9:
            best = (width, delimiter, kept)
    if not best[2]:
        raise MalformedInput(
            f"{place}: of no format that is known, and no CSV either",
            hint="name its format in a feed file, and check it with: coffer feed check FILE --feed FEED.toml",
        )
    return best[1], best[2]


def _header(rows: list[list[str]]) -> list[str]:
    """The first row, if it names the columns: words without long numbers, each once; else empty."""
    first = [name.strip() for name in rows[0]]
    return first if len(set(first)) == len(first) and all(_is_name(name) for name in first) and len(rows) > 1 else []


def _is_name(text: str) -> bool:
    return (
        len(text) < 65
        and bool(re.search("[A-Za-z]", text))
        and not re.search(r"[0-9]{5}|@|\"", text)
        and text.isprintable()
    )


def _compose(
    form: str, own: list[str], columns: dict[Column, list[str]], place: str, *, country: str, zone: str
) -> Proposal:
    """Assign columns, first by name, then by shape, and write the feed file."""
    notes: list[str] = []
    left = dict(columns)
    start, date_format = _take_start(left, notes)
    a = _take(left, "a", _is_party)
    b = _take(left, "b", _is_party)
    if start is None or a is None or b is None:
        missing = [name for name, found in (("a", a), ("b", b), ("start", start)) if found is None]
        raise MalformedInput(
            f"{place}: no column for {' and '.join(missing)} found among {len(columns)} columns",
            hint="write the feed by hand, with the tables [feed] and [columns], and check it with: coffer feed check FILE --feed FEED.toml",
        )
    forwarded = _take(left, "forwarded", _is_party, only_named=True)
    duration = _take(left, "duration_s", _is_duration)
    answered = _take(left, "answered", _is_answered, only_named=True)
    is_email = sum("@" in value for value in columns[a]) * 2 > len(columns[a])
    kind = "email" if is_email else "call" if duration is not None else "text"
    notes.append(f"kind: {kind} is a guess; if the file holds several kinds, name their column")
    lines = [
        "[feed]",
        f'name = "{kind}s"',
        f'format = "{form}"',
        f'home_country = "{country}"',
        f'time_zone = "{zone}"',
    ]
    lines += ["keep = []", f'kind = "{kind}"', f"[{form}]"]
    lines += [f"date_format = {json.dumps(date_format)}" if line == "date_format" else line for line in own]
    lines += ["[columns]", f"a = {json.dumps(a)}", f"b = {json.dumps(b)}", f"start = {json.dumps(start)}"]
    lines += [f"duration_s = {json.dumps(duration)}"] if duration is not None else []
    lines += [f"forwarded = {json.dumps(forwarded)}"] if forwarded is not None else []
    if answered is not None:
        words = sorted({value.strip() for value in columns[answered]} - {""})
        table = ", ".join(f"{json.dumps(word)} = {'true' if _ANSWERED[word.lower()] else 'false'}" for word in words)
        lines.append(f"answered = {{ column = {json.dumps(answered)}, values = {{ {table} }} }}")
    reason = "columns proposed by their names and by what their values look like"
    return Proposal(text="\n".join([*lines, ""]), reason=reason, notes=tuple(notes))


def _plain(name: Column) -> str:
    return re.sub("[^a-z]", "", str(name).lower())


def _take(
    left: dict[Column, list[str]], field: str, fits: Callable[[str], bool], *, only_named: bool = False
) -> Column | None:
    """The column for a field: one of the field's names whose values fit, else the first whose values do; it is taken out of ``left``."""
    shares = {name: _share(values, fits) for name, values in left.items()}
    fitting = [name for name in left if shares[name] >= _ENOUGH]
    # A column that is called by the field's name may hold more that looks odd: short codes, names of senders.
    candidates = [name for name in left if isinstance(name, str) and shares[name] >= _ENOUGH_IF_NAMED]
    named = [name for wanted in _NAMES[field] for name in candidates if _plain(name) == wanted]
    found = next(iter(named), None if only_named or not fitting else fitting[0])
    if found is not None:
        del left[found]
    return found


def _take_start(left: dict[Column, list[str]], notes: list[str]) -> tuple[Column | list[Column] | None, str]:
    """The column of times and how they are written: what most values fit; a column with a name for it before others."""
    best: tuple[float, int, Column, str] | None = None
    for name, values in left.items():
        rank = _NAMES["start"].index(_plain(name)) if _plain(name) in _NAMES["start"] else len(_NAMES["start"])
        for form in (*_STAMPS, "epoch", "epoch-ms"):
            share = _share(values, lambda value, f=form: _is_time(value, f))  # type: ignore[misc]
            if share >= _ENOUGH and (best is None or (-share, rank) < best[:2]):
                best = (-share, rank, name, form)
    if best is not None:
        _, _, name, form = best
        _note_order(left.pop(name), form, notes)
        return name, form
    return _take_date_and_clock(left, notes)


def _take_date_and_clock(left: dict[Column, list[str]], notes: list[str]) -> tuple[Column | list[Column] | None, str]:
    """Two columns, one of dates and one of times of day."""
    found: list[tuple[Column, str]] = []
    for forms in (_DATES, _CLOCKS):
        shares = [
            (_share(values, lambda value, f=form: _is_time(value, f)), name, form)  # type: ignore[misc]
            for name, values in left.items()
            for form in forms
        ]
        share, name, form = max(shares, key=lambda item: item[0], default=(0.0, 0, ""))
        if share < _ENOUGH:
            return None, ""
        found.append((name, form))
    (date, date_form), (clock, clock_form) = found
    if date == clock:
        return None, ""
    _note_order(left.pop(date), date_form, notes)
    del left[clock]
    return [date, clock], f"{date_form} {clock_form}"


def _note_order(values: Sequence[str], form: str, notes: list[str]) -> None:
    swapped = form.translate(str.maketrans("dm", "md"))
    if (
        swapped != form
        and not form.startswith("%Y")
        and _share(values, lambda value: _is_time(value, swapped)) >= _ENOUGH
    ):
        notes.append(
            "date_format: day and month could be the other way round: the lines looked at have no day above 12"
        )


def _share(values: Sequence[str], fits: Callable[[str], bool]) -> float:
    """Which part of the values that are not empty fits; 0 where there are none."""
    filled = [value.strip() for value in values if value.strip()]
    return sum(map(fits, filled)) / len(filled) if filled else 0.0


def _is_time(text: str, form: str) -> bool:
    if form in ("epoch", "epoch-ms"):
        digits = 10 if form == "epoch" else 13
        return re.fullmatch(rf"[12][0-9]{{{digits - 1}}}(?:\.[0-9]+)?", text) is not None
    if form.startswith("%Y%m%d") and not text.isdigit():
        return False
    try:
        found = dt.datetime.strptime(text, form)  # noqa: DTZ007 - only whether it fits
    except ValueError:
        return False
    return not form.startswith("%Y") or 1970 <= found.year < 2100


def _is_party(text: str) -> bool:
    if "@" in text or text.lower() in WITHHELD:
        return True
    digits = re.sub(r"[ ()./+-]", "", text)
    return digits.isdigit() and 6 <= len(digits) <= 17


def _is_duration(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]+)?", text) is not None


def _is_answered(text: str) -> bool:
    return text.lower() in _ANSWERED
