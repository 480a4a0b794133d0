"""Which column of a table holds what, guessed from its name and from what its values look like. Pure.

Times are tried with the code that will read them, so that a guess reads its own file. A duration is never guessed from
values: a row number, a price and the seconds of ringing look like one too.
"""

import datetime as dt
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.identity.columns import WITHHELD
from coffer.records.mapping import Column, is_zone
from coffer.records.readers.text.times import parse_times

ENOUGH: Final = 0.8
"""The share of a column's values that must fit its field; some are always withheld or malformed."""
_ENOUGH_IF_NAMED: Final = 0.5
_DATES: Final = ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d", "%d %b %Y")
_YEARLESS: Final = ("%d/%m", "%m/%d", "%d.%m.", "%d.%m", "%d-%m", "%m-%d", "%d %b", "%b %d")
"""Only where a clock stands in another column: a price looks like a date, too."""
_CLOCKS: Final = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H%M%S")
_STAMPS: Final = (
    *(f"{date} {clock}" for date in _DATES for clock in _CLOCKS),
    *(f"%Y-%m-%d{sep}%H:%M:%S{tail}" for sep in "T " for tail in ("", "%z", ".%f", ".%f%z")),
    "%Y%m%d%H%M%S",
    "%d-%m-%YT%H:%M:%S",
)
_TALK: Final = (
    "billsec",
    "billseconds",
    "billableseconds",
    "talkseconds",
    "talksecs",
    "talktime",
    "talktimes",
    "talktimeseconds",
    "talkduration",
    "conversationtime",
)
"""Names of durations that count from the answer on; others may count the ringing."""
_NAMES: Final = {
    "a": ("a", "anumber", "caller", "callingnumber", "callingparty", "callingpartynumber", "from", "src", "source", "sender", "originating", "msisdn",
          "callerid", "fromnumber", "originator", "extfrom", "callingno",
          "calling", "orig", "anum", "senderaddress", "appelant", "emetteur", "anrufer", "rufender", "llamante", "origen"),
    "b": ("b", "bnumber", "callee", "called", "callednumber", "calledparty", "calledpartynumber", "to", "dst", "destination", "recipient", "receiver",
          "dialled", "dialed", "tonumber", "terminating", "dest", "bnum", "recipientaddress", "appele", "destinataire", "angerufener", "gerufener", "ziel",
          "llamado", "destino", "dialledno", "dialedno", "dialednumber", "diallednumber", "calledno"),
    "start": ("start", "starttime", "begin", "datetime", "timestamp", "time", "calldate", "date", "startdate", "starttimestamp", "seizuretime",
              "eventtime", "sentat", "createdat", "received", "heure", "zeit", "beginn", "hora", "fecha"),
    "duration_s": (*_TALK, "duration", "durations", "seconds", "secs",
                   "durationseconds", "callduration", "length", "dur", "duree", "dauer", "gesprachsdauer", "duracion"),
    "answered": ("answered", "disposition", "status", "result", "outcome", "etat", "ergebnis", "estado"),
    "forwarded": ("forwarded", "forwardedto", "redirectedto", "redirectingnumber", "cnumber"),
}  # fmt: skip
ANSWERED: Final = {
    "answered": True, "completed": True, "yes": True, "true": True, "1": True, "ok": True, "success": True,
    "no answer": False, "no-answer": False, "noanswer": False, "busy": False, "failed": False, "no": False, "false": False, "0": False,
    "canceled": False, "cancelled": False, "congestion": False, "missed": False, "unanswered": False,
    "delivered": True, "r\u00e9pondu": True, "\u00e9chec": False, "occup\u00e9": False, "manqu\u00e9": False,
}  # fmt: skip

_ZONES: Final = ("tz", "timezone", "zone", "utcoffset", "zeitzone", "fuseau")
_STATIONS: Final = (  # of the telephones of one site
    "ext",
    "extn",
    "extension",
    "station",
    "poste",
    "nebenstelle",
    "nst",
    "interno",
    "anexo",
)
_DIRECTIONS: Final = {
    "i": "in", "mtc": "in", "o": "out", "moc": "out",
    "in": "in", "incoming": "in", "inbound": "in", "a_in": "in", "mt": "in", "received": "in", "entrant": "in",
    "out": "out", "outgoing": "out", "outbound": "out", "a_out": "out", "mo": "out", "dialed": "out", "dialled": "out", "sortant": "out",
}  # fmt: skip
CALLER_NAMES: Final = frozenset(_NAMES["a"])
CALLED_NAMES: Final = frozenset(_NAMES["b"])
_ORIENTED: Final = CALLER_NAMES - {"a", "anumber", "msisdn", "anum"}
"""Names that say who calls, whatever a column of directions says."""

ADDRESS: Final = re.compile(r"(?:^|<)(?!sips?:)[^@<>]*[A-Za-z][^@<>]*@")
"""An e-mail address; +4930...@host is a number at a host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """One column of a proposal.

    ``reason``: what it rests on. ``samples``: what its values look like, most frequent first; never what they are.
    """

    field: str
    column: str
    reason: str
    samples: tuple[str, ...]


class Taken:
    """Columns that are left, those that were taken and why, and notes for people."""

    def __init__(self, columns: dict[Column, list[str]]) -> None:
        self.left = dict(columns)
        self.guesses: list[Guess] = []
        self.notes: list[str] = []

    def take(self, field: str, fits: Callable[[str], bool], *, only_named: bool = False) -> Column | None:
        """The column for a field: one of the field's names whose values fit, else the first whose values do."""
        shares = {name: share_of(values, fits) for name, values in self.left.items()}
        fitting = [name for name in self.left if shares[name] >= ENOUGH]
        # A column with the field's name may hold more odd values, like short codes and names of senders.
        candidates = [name for name in self.left if isinstance(name, str) and shares[name] >= _ENOUGH_IF_NAMED]
        named = [name for wanted in _NAMES[field] for name in candidates if plain(name) == wanted]
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


def with_halves(taken: Taken, start: Column | list[Column], form: str, place: str) -> tuple[Column | list[Column], str]:
    """The columns of times and their format, with the columns beside them that say noon or an offset.

    Without them a time would be read twelve hours or a zone off.

    Raises:
        MalformedInput: a column says noon in a way that no date format reads.
    """
    columns = start if isinstance(start, list) else [start]
    halves = next(
        (name for name, v in taken.left.items() if share_of(v, lambda one: one.lower() in {"a", "p"}) == 1.0), None
    )
    if halves is not None and "%H" in form:
        raise MalformedInput(
            f"{place}: column {halves} holds A and P beside the clock: no date format reads them",
            hint="have the source write AM and PM, or a clock of 24 hours",
        )
    for code, pattern in (("%p", r"(?i)[ap]\.?m\.?"), ("%z", r"[+-][0-9]{2}:?[0-9]{2}|Z")):
        for name, values in list(taken.left.items()):
            if code not in form and share_of(values, lambda v, p=pattern: re.fullmatch(p, v) is not None) == 1.0:  # type: ignore[misc]
                taken.give("start", name, f"by its values: {code} of the time beside it")
                columns, form = [*columns, name], f"{form} {code}".replace("%H", "%I" if code == "%p" else "%H")
                break
    return (columns if len(columns) > 1 else columns[0]), form


def utc_of(start: Column | list[Column], taken: Taken) -> bool:
    """Whether the title of the times, or a column of zones beside them, says that they are UTC.

    A column of other zones is noted.
    """
    titles = " ".join(map(str, start if isinstance(start, list) else [start]))
    for name, values in list(taken.left.items()):
        if plain(name) in _ZONES and share_of(values, is_zone) == 1.0:
            if {value.strip() for value in values} <= {"UTC", "GMT", "Z", "+00:00", ""}:
                taken.give("time_zone", name, "by its values: each says UTC")
                return True
            taken.notes.append(
                f"time_zone: column {name} holds the zone of each row: name it as time_zone under [columns]"
            )
    return re.search(r"(?i)(?<![a-z])(?:utc|gmt)(?![a-z])", titles) is not None


def halves_of(parties: Sequence[Column], taken: Taken) -> list[str]:
    """Remarks on columns that are not read and may hold a part of a number."""
    notes = []
    for name, values in taken.left.items():
        if (
            share_of(values, lambda value: re.fullmatch(r"(?:\+|00)[0-9]{1,4}|0[0-9]{1,5}", value) is not None)
            >= ENOUGH
        ):
            notes.append(
                f"column {name} is not read, and looks like the first part of a number: without it the rest in "
                f"{' or '.join(map(str, parties))} is another number"
            )
    return notes


def take_station(taken: Taken) -> Column | None:
    """A column that is called a station and holds numbers of the site; None if there is none.

    Then the column that was taken for ``a`` is the other party.
    """
    for name, values in taken.left.items():
        share = share_of(values, lambda value: re.fullmatch("[0-9]{2,5}", value) is not None)
        if plain(name) in _STATIONS and share >= ENOUGH:
            taken.guesses = [replace(one, field="b") if one.field == "a" else one for one in taken.guesses]
            taken.give("a", name, f"by its name: {share:.0%} are stations of the site")
            return name
    return None


def take_duration(taken: Taken) -> Column | None:
    """The column that is called a duration; none is taken for its values alone.

    A name that counts from the answer on comes before one that may count the ringing.
    """
    found = taken.take("duration_s", is_duration, only_named=True)
    if isinstance(found, str) and plain(found) not in _TALK:
        taken.notes.append(
            f"duration_s: column {found} may count the ringing; if another counts the talk alone, name that"
        )
    return found


def unclear_duration(taken: Taken) -> Column | None:
    """A column that is called a duration and holds values of two parts, which nobody else can tell apart."""
    called = (name for name in taken.left if isinstance(name, str) and plain(name) in _NAMES["duration_s"])
    return next((name for name in called if share_of(taken.left[name], _has_two_parts) >= ENOUGH), None)


def _has_two_parts(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,3}:[0-5][0-9]", text) is not None


def plain(name: Column) -> str:
    """A name without case, accents, digits and marks."""
    bare = unicodedata.normalize("NFKD", str(name)).encode("ascii", "ignore").decode("ascii")
    return re.sub("[^a-z]", "", bare.lower())


def take_start(taken: Taken) -> tuple[Column | list[Column] | None, str]:
    """The column of times and how they are written.

    Most of its values fit the format. A column with a name for it comes before others.
    """
    best: tuple[float, int, Column, str] | None = None
    fitting: set[Column] = set()
    for name, values in taken.left.items():
        rank = _NAMES["start"].index(plain(name)) if plain(name) in _NAMES["start"] else len(_NAMES["start"])
        for form in (*_STAMPS, "epoch", "epoch-ms"):
            share = _share_of_times(values, form)
            if share >= ENOUGH:
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
                f"start: {len(fitting)} columns hold times, of which column {name} is the first; is it when the call began?"
            )
        return name, form
    return _take_date_and_clock(taken)


def _take_date_and_clock(taken: Taken) -> tuple[Column | list[Column] | None, str]:
    """Two columns, one of dates and one of times of day."""
    found: list[tuple[Column, str]] = []
    for forms in ((*_DATES, *_YEARLESS), _CLOCKS):
        shares = [
            (share_of(values, lambda value, f=form: _is_time(value, f)), name, form)  # type: ignore[misc]
            for name, values in taken.left.items()
            if plain(name) not in _NAMES["duration_s"]
            for form in forms
        ]
        good = [one for one in shares if one[0] >= ENOUGH]
        if not good:
            return None, ""
        # Of several the first that is not called an end, a talk or an answer: the start comes first in most tables.
        _, name, form = max(good, key=lambda item: (not _is_another_time(item[1]), item[0]))
        several = dict.fromkeys(str(one[1]) for one in good)
        if len(several) > 1:
            taken.notes.append(
                f"start: columns {', '.join(several)} hold such values; {name} was taken: is it when the call began?"
            )
        found.append((name, form))
    (date, date_form), (clock, clock_form) = found
    if date == clock:
        return None, ""
    _note_order(taken.left[date], date_form, taken.notes)
    taken.give("start", date, f"by its values: dates like {date_form}")
    taken.give("start", clock, f"by its values: times of day like {clock_form}")
    return [date, clock], f"{date_form} {clock_form}"


def _is_another_time(name: Column) -> bool:
    return re.search("end|fin|stop|talk|dur|ring|answer|hang|wait|conn|ende|dauer", plain(name)) is not None


def _note_order(values: Sequence[str], form: str, notes: list[str]) -> None:
    swapped = form.translate(str.maketrans("dm", "md"))
    if (
        swapped != form
        and not form.startswith("%Y")
        and share_of(values, lambda value: _is_time(value, swapped)) >= ENOUGH
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
        return share_of(values, lambda value: _is_time(value, form))
    return 1.0 - parse_times(pl.Series(filled), (form,), "UTC", "first").start.null_count() / len(filled)


def share_of(values: Sequence[str], fits: Callable[[str], bool]) -> float:
    """Which part of the values that are not empty fits; 0 where there are none."""
    filled = [value.strip() for value in values if value.strip()]
    return sum(map(fits, filled)) / len(filled) if filled else 0.0


def _is_time(text: str, form: str) -> bool:
    if form in ("epoch", "epoch-ms"):
        digits = 10 if form == "epoch" else 13
        return re.fullmatch(rf"[12][0-9]{{{digits - 1}}}(?:\.[0-9]+)?", text) is not None
    if form.startswith("%Y%m%d") and not text.isdigit():
        return False
    if form == "%H%M%S" and re.fullmatch("[0-9]{6}", text) is None:
        return False  # a station of three digits is no clock
    if "%f" in form:
        text = re.sub(r"(\.[0-9]{6})[0-9]{1,3}", r"\1", text)  # seven digits, as Exchange writes
    if form in _YEARLESS:
        text, form = f"2000 {text}", f"%Y {form}"  # a year that has 29 February
    try:
        found = dt.datetime.strptime(text, form)  # noqa: DTZ007 - only whether it fits
    except ValueError:
        return False
    return not form.startswith("%Y") or 1970 <= found.year < 2100


def is_party(text: str) -> bool:
    """Whether this looks like a number, an address or a withheld caller."""
    if "@" in text or text.lower() in WITHHELD:
        return True
    digits = re.sub(r"[ ()./+-]", "", text)
    return digits.isdigit() and 6 <= len(digits) <= 17


def is_duration(text: str) -> bool:
    """Whether this looks like seconds, or h:mm:ss; six digits with zeros before them may be hhmmss."""
    if re.fullmatch(r"0[0-9]{5}", text):
        return False
    return re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]+)?|[0-9]{1,3}:[0-5][0-9]:[0-5][0-9]", text) is not None


def is_answered(text: str) -> bool:
    """Whether this word says how a call ended."""
    return text.lower() in ANSWERED


def mask(text: str) -> str:
    """Every digit as a 9 and every letter as an a, 40 characters at most.

    ASCII punctuation stays; anything else is a question mark.
    """
    return "".join(
        "9" if c.isnumeric() else "a" if c.isalpha() else c if c.isascii() and c.isprintable() else "?"
        for c in text[:40]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """A column of directions. ``words``: its words as they stand, each with ``in`` or ``out``."""

    column: Column
    words: dict[str, str]


def direction_of(a: Column, columns: dict[Column, list[str]]) -> Direction | None:
    """The column that says who called, in a list of one person's calls.

    None if a column's name says that it holds the callers.
    """
    if isinstance(a, str) and plain(a) in _ORIENTED:
        return None
    for name, values in columns.items():
        words = {value.strip() for value in values} - {""}
        if len(words) > 1 and {word.lower() for word in words} <= _DIRECTIONS.keys():
            return Direction(column=name, words={word: _DIRECTIONS[word.lower()] for word in sorted(words)})
    return None
