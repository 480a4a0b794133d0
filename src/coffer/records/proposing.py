"""A feed file proposed from the beginning of a file. Pure.

A column is assigned to a field by its name and by what its values look like. A proposal is a guess for people to
read; nothing is read by it until they have. It holds names of columns that are plainly names, else positions. It says
of each column what the guess rests on, and shows what the values look like. A duration is never guessed from values:
a row number, a price and the seconds of ringing look like one too. Times are tried with the code that will read them,
so that a proposal reads its own file.
"""

import csv
import datetime as dt
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.identity.columns import WITHHELD
from coffer.identity.numbering import home_plan
from coffer.records.number_style import guess_style
from coffer.records.readers.text.head import verify_lines
from coffer.records.readers.text.times import parse_times

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
          "callerid", "fromnumber", "calling", "orig", "anum", "senderaddress", "appelant", "emetteur", "anrufer", "rufender", "llamante", "origen"),
    "b": ("b", "bnumber", "callee", "called", "callednumber", "calledparty", "calledpartynumber", "to", "dst", "destination", "recipient", "receiver",
          "dialled", "dialed", "tonumber", "terminating", "dest", "bnum", "recipientaddress", "appele", "destinataire", "angerufener", "gerufener", "ziel",
          "llamado", "destino"),
    "start": ("start", "starttime", "begin", "datetime", "timestamp", "time", "calldate", "date", "startdate", "starttimestamp", "seizuretime",
              "eventtime", "sentat", "createdat", "received", "heure", "zeit", "beginn", "hora", "fecha"),
    "duration_s": ("billsec", "billableseconds", "talktime", "talkduration", "conversationtime", "duration", "durations", "seconds", "secs",
                   "durationseconds", "callduration", "length", "dur", "duree", "dauer", "gesprachsdauer", "duracion"),
    "answered": ("answered", "disposition", "status", "result", "outcome", "etat", "ergebnis", "estado"),
    "forwarded": ("forwarded", "forwardedto", "redirectedto", "redirectingnumber", "cnumber"),
}  # fmt: skip
_ANSWERED: Final = {
    "answered": True, "completed": True, "yes": True, "true": True, "1": True, "ok": True, "success": True,
    "no answer": False, "no-answer": False, "noanswer": False, "busy": False, "failed": False, "no": False, "false": False, "0": False,
    "canceled": False, "cancelled": False, "congestion": False, "missed": False, "unanswered": False,
    "delivered": True, "r\u00e9pondu": True, "\u00e9chec": False, "occup\u00e9": False, "manqu\u00e9": False,
}  # fmt: skip

_TALK: Final = ("billsec", "billableseconds", "talktime", "talkduration", "conversationtime")
"""Names of durations that count from the answer on; others may count the ringing."""
_DIRECTIONS: Final = frozenset({
    "in", "out", "incoming", "outgoing", "inbound", "outbound", "a_in", "a_out", "mo", "mt", "received", "dialed", "dialled", "entrant", "sortant",
})  # fmt: skip
_ORIENTED: Final = frozenset(_NAMES["a"]) - {"a", "anumber", "msisdn", "anum"}
"""Names that say who calls, whatever a column of directions says."""

_ADDRESS: Final = re.compile(r"(?:^|<)(?!sips?:)[^@<>]*[A-Za-z][^@<>]*@")
"""An e-mail address; +4930...@host is a number at a host."""

Column = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """One column of a proposal.

    ``reason``: what it rests on. ``samples``: what its values look like, most frequent first; never what they are.
    """

    field: str
    column: str
    reason: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """``text``: the feed file.

    ``reason``: why its format. ``notes``: what of it is a guess that somebody must confirm. ``guesses``: its columns.
    """

    text: str
    reason: str
    notes: tuple[str, ...]
    guesses: tuple[Guess, ...] = ()


def propose_known(form: str, reason: str, *, country: str, zone: str) -> Proposal:
    """The feed of a format that needs no columns."""
    lines = ["[feed]", f'name = "{form[:16]}"', f'format = "{form}"']
    lines += [f'home_country = "{country}"', f'time_zone = "{zone}"', ""]
    return Proposal(text="\n".join(lines), reason=reason, notes=())


def propose_mapped(head: bytes, place: str, *, country: str, zone: str, kind: str = "") -> Proposal:
    """The feed of a file of CSV or JSON lines that begins with ``head``.

    Raises:
        MalformedInput: not text, or without two columns of numbers or addresses and one of times; the message says what stands in the way.
    """
    verify_lines(head, place)
    numbered = _lines(head, place)
    lines = [line for _, line in numbered]
    keyed = _json_rows(lines, place)
    if keyed is not None:
        return _compose("jsonl", ["date_format"], keyed, place, country=country, zone=zone, kind=kind)
    delimiter, rows, first = _table(lines, place)
    names = _header(rows)
    if numbered[first][0] > 1:
        line = numbered[first][0]
        raise MalformedInput(
            f"{place}: line {line}: the first with {len(rows[0])} columns, expected them from line 1 on",
            hint=f"lines before it are titles and no records: take them off, for example tail -n +{line} FILE",
        )
    body = rows[1:] if names else rows
    columns = {(names[i] if names else i): [row[i] for row in body] for i in range(len(names) or len(rows[0]))}
    own = [f"header = {'true' if names else 'false'}", f"delimiter = {json.dumps(delimiter)}", "date_format"]
    return _compose("csv", own, columns, place, country=country, zone=zone, kind=kind)


def _lines(head: bytes, place: str) -> list[tuple[int, str]]:
    """Lines that are not empty, each with its number."""
    if b"\0" in head:
        raise MalformedInput(
            f"{place}: not text, and of no format that is known",
            hint="name its format in a feed file, and check it with: coffer feed check FILE --feed FEED.toml",
        )
    whole = head if head.endswith(b"\n") or len(head) < 60_000 else head[: head.rfind(b"\n") + 1]
    text = whole.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    numbered = ((number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    return list(numbered)[:MAX_LINES]


def _json_rows(lines: Sequence[str], place: str) -> dict[Column, list[str]] | None:
    try:
        objects = [json.loads(line, parse_int=str, parse_float=str) for line in lines]
    except (ValueError, RecursionError):
        return None
    if not objects or not all(isinstance(found, dict) for found in objects):
        return None
    names = [name for name in objects[0] if isinstance(name, str) and _is_name(name)]
    nested = [name for name in names if isinstance(objects[0][name], (dict, list))]
    if nested and len(names) - len(nested) < 3:
        raise MalformedInput(
            f"{place}: line 1: the keys {', '.join(nested[:5])} hold nested values, expected numbers and times as keys of the line itself",
            hint="write the wanted values to the top, for example with jq: {a: .mail.source, b: .mail.destination[0], start: .mail.timestamp}",
        )
    return {name: [value if isinstance(value := one.get(name), str) else "" for one in objects] for name in names}


def _table(lines: Sequence[str], place: str) -> tuple[str, list[list[str]], int]:
    """The delimiter that cuts most lines into the same number of columns.

    Gives with it those lines, and which is the first of them.
    """
    best: tuple[int, str, list[list[str]], int] = (1, ",", [], 0)
    for delimiter in _DELIMITERS:
        rows = [row for line in lines for row in csv.reader([line], delimiter=delimiter)]
        widths = [len(row) for row in rows]
        width = max(set(widths), key=widths.count) if widths else 0
        kept = [row for row in rows if len(row) == width]
        # Of a short file a few title lines and a total are many of its lines.
        if width > best[0] and len(kept) * 10 >= min(len(rows) - 8, len(rows) * 9 // 10) * 10 and len(kept) > 1:
            best = (width, delimiter, kept, widths.index(width))
    if not best[2]:
        raise MalformedInput(
            f"{place}: of no format that is known, and no CSV either",
            hint="name its format in a feed file, and check it with: coffer feed check FILE --feed FEED.toml",
        )
    return best[1], best[2], best[3]


def _header(rows: list[list[str]]) -> list[str]:
    """The first row, if it names the columns: words without long numbers, each once; else empty.

    A delimiter behind each row's last value makes no column.
    """
    first = [name.strip() for name in rows[0]]
    if len(first) > 2 and not any(row[-1].strip() for row in rows):
        first = first[:-1]
    return first if len(set(first)) == len(first) and all(_is_name(name) for name in first) and len(rows) > 1 else []


def _is_name(text: str) -> bool:
    return (
        len(text) < 65
        and bool(re.search("[A-Za-z]", text))
        and not re.search(r"[0-9]{5}|@|\"", text)
        and text.isprintable()
    )


def _compose(
    form: str, own: list[str], columns: dict[Column, list[str]], place: str, *, country: str, zone: str, kind: str
) -> Proposal:
    """Assign columns, first by name, then by shape, and write the feed file."""
    taken = _Taken(columns)
    start, date_format = _take_start(taken)
    a = taken.take("a", _is_party)
    b = taken.take("b", _is_party)
    if start is None or a is None or b is None:
        missing = [name for name, found in (("a", a), ("b", b), ("start", start)) if found is None]
        raise MalformedInput(
            f"{place}: no column for {' and '.join(missing)} found among {len(columns)} columns",
            hint=_obstacle(columns),
        )
    _verify_orientation(a, columns, place)
    forwarded = taken.take("forwarded", _is_party, only_named=True)
    duration = _take_duration(taken)
    answered = taken.take("answered", _is_answered, only_named=True)
    kind = kind or _kind([*columns[a], *columns[b]], duration, taken)
    style = guess_style([*columns[a], *columns[b]], home_plan(country, "home_country")) if kind != "email" else None
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
    return Proposal(text="\n".join([*lines, ""]), reason=reason, notes=tuple(taken.notes), guesses=tuple(taken.guesses))


def _kind(parties: Sequence[str], duration: Column | None, taken: "_Taken") -> str:
    """E-mail by its addresses, a call by its duration.

    Whether a call failed, or a column is missing, says nothing.
    """
    filled = [value for value in parties if value.strip(" <>")]
    if sum(bool(_ADDRESS.search(value)) for value in filled) * 2 > len(filled):
        return "email"
    if duration is not None:
        taken.notes.append("kind: call, since there is a duration; if the file holds several kinds, name their column")
        return "call"
    has_counts = any(_share(values, _is_duration) >= _ENOUGH for values in taken.left.values())
    kind = "call" if has_counts else "text"
    taken.notes.append(f"kind: {kind} is a guess, for no column is called a duration; set it with --kind")
    if has_counts:
        taken.notes.append(
            "duration_s: no column was taken, for none is called so: row numbers and ringing look like durations; add it by hand"
        )
    return kind


def _verify_orientation(a: Column, columns: dict[Column, list[str]], place: str) -> None:
    """Refuse a list of one person's calls, in which one column holds both callers and called."""
    if isinstance(a, str) and _plain(a) in _ORIENTED:
        return
    for name, values in columns.items():
        words = {value.strip().lower() for value in values} - {""}
        if len(words) > 1 and words <= _DIRECTIONS:
            raise MalformedInput(
                f"{place}: column {name}: holds directions, so that column {a} is the caller of some records and the called of others",
                hint="a feed cannot turn rows round: write a file with caller and called in columns of their own",
            )


def _obstacle(columns: dict[Column, list[str]]) -> str:
    """What commonly stands in the way."""
    values = [value for column in columns.values() for value in column if value]
    if values and sum(value[:1] == value[-1:] == "'" and len(value) > 2 for value in values) * 5 > len(values):
        return 'values stand in apostrophes, which belong to them: take them off, for example tr -d "\'"'
    for name, column in columns.items():
        filled = [value for value in column if value]
        if filled and re.search(r"[0-9]:[0-9]{2}", filled[0]):
            return f"column {name} holds times like {mask(filled[0])}: name their format by hand, as date_format in the feed"
    return "write the feed by hand, with the tables [feed] and [columns], and check it with: coffer feed check FILE --feed FEED.toml"


class _Taken:
    """Columns that are left, those that were taken and why, and notes for people."""

    def __init__(self, columns: dict[Column, list[str]]) -> None:
        self.left = dict(columns)
        self.guesses: list[Guess] = []
        self.notes: list[str] = []

    def take(self, field: str, fits: Callable[[str], bool], *, only_named: bool = False) -> Column | None:
        """The column for a field: one of the field's names whose values fit, else the first whose values do."""
        shares = {name: _share(values, fits) for name, values in self.left.items()}
        fitting = [name for name in self.left if shares[name] >= _ENOUGH]
        # A column that is called by the field's name may hold more that looks odd: short codes, names of senders.
        candidates = [name for name in self.left if isinstance(name, str) and shares[name] >= _ENOUGH_IF_NAMED]
        named = [name for wanted in _NAMES[field] for name in candidates if _plain(name) == wanted]
        found = next(iter(named), None if only_named or not fitting else fitting[0])
        if found is not None:
            others = "" if len(fitting) < 2 or named else f", the first of {len(fitting)} such columns"
            self.give(field, found, f"by {'its name' if named else 'its values'}: {shares[found]:.0%} fit{others}")
        return found

    def give(self, field: str, column: Column, reason: str) -> None:
        """Take a column out for a field."""
        shapes = Counter(mask(value.strip()) for value in self.left.pop(column) if value.strip())
        samples = tuple(shape for shape, _ in shapes.most_common(3))
        self.guesses.append(Guess(field=field, column=str(column), reason=reason, samples=samples))


def _take_duration(taken: _Taken) -> Column | None:
    """The column that is called a duration; none is taken for its values alone.

    A name that counts from the answer on comes before one that may count the ringing.
    """
    found = taken.take("duration_s", _is_duration, only_named=True)
    if isinstance(found, str) and _plain(found) not in _TALK:
        taken.notes.append(
            f"duration_s: column {found} may count the ringing; if another counts the talk alone, name that"
        )
    return found


def _plain(name: Column) -> str:
    bare = unicodedata.normalize("NFKD", str(name)).encode("ascii", "ignore").decode("ascii")
    return re.sub("[^a-z]", "", bare.lower())


def _take_start(taken: _Taken) -> tuple[Column | list[Column] | None, str]:
    """The column of times and how they are written.

    Most of its values fit the format. A column with a name for it comes before others.
    """
    best: tuple[float, int, Column, str] | None = None
    fitting: set[Column] = set()
    for name, values in taken.left.items():
        rank = _NAMES["start"].index(_plain(name)) if _plain(name) in _NAMES["start"] else len(_NAMES["start"])
        for form in (*_STAMPS, "epoch", "epoch-ms"):
            share = _share_of_times(values, form)
            if share >= _ENOUGH:
                fitting.add(name)
                if best is None or (-share, rank) < best[:2]:
                    best = (-share, rank, name, form)
    if best is not None:
        share, rank, name, form = best
        _note_order(taken.left[name], form, taken.notes)
        is_named = rank < len(_NAMES["start"])
        taken.give("start", name, f"by {'its name' if is_named else 'its values'}: {-share:.0%} are {form}")
        if len(fitting) > 1 and not is_named:
            taken.notes.append(
                f"start: {len(fitting)} columns hold times, of which {name} is the first; is it when the call began?"
            )
        return name, form
    return _take_date_and_clock(taken)


def _take_date_and_clock(taken: _Taken) -> tuple[Column | list[Column] | None, str]:
    """Two columns, one of dates and one of times of day."""
    found: list[tuple[Column, str]] = []
    for forms in (_DATES, _CLOCKS):
        shares = [
            (_share(values, lambda value, f=form: _is_time(value, f)), name, form)  # type: ignore[misc]
            for name, values in taken.left.items()
            if _plain(name) not in _NAMES["duration_s"]
            for form in forms
        ]
        share, name, form = max(shares, key=lambda item: item[0], default=(0.0, 0, ""))
        if share < _ENOUGH:
            return None, ""
        found.append((name, form))
    (date, date_form), (clock, clock_form) = found
    if date == clock:
        return None, ""
    _note_order(taken.left[date], date_form, taken.notes)
    taken.give("start", date, f"by its values: dates like {date_form}")
    taken.give("start", clock, f"by its values: times of day like {clock_form}")
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


def _share_of_times(values: Sequence[str], form: str) -> float:
    """Which part of the values that are not empty the readers take for a time written like this."""
    filled = [value.strip() for value in values if value.strip()]
    if not any(_is_time(value, form) for value in filled[:3]):  # a quick look; the readers' own code decides
        return 0.0
    if form.startswith("epoch"):
        return _share(values, lambda value: _is_time(value, form))
    return 1.0 - parse_times(pl.Series(filled), (form,), "UTC", "first").start.null_count() / len(filled)


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
    if "%f" in form:
        text = re.sub(r"(\.[0-9]{6})[0-9]{1,3}", r"\1", text)  # seven digits, as Exchange writes
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
    return re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]+)?|[0-9]{1,3}:[0-5][0-9]:[0-5][0-9]", text) is not None


def _is_answered(text: str) -> bool:
    return text.lower() in _ANSWERED


def mask(text: str) -> str:
    """Every digit as a 9 and every letter as an a, 40 characters at most.

    ASCII punctuation stays; anything else is a question mark.
    """
    return "".join(
        "9" if c.isnumeric() else "a" if c.isalpha() else c if c.isascii() and c.isprintable() else "?"
        for c in text[:40]
    )
