"""Kamailio's accounting lines in a syslog: calls and texts, each once. Pure.

Source: the ``acc`` module of Kamailio 5.6, its documentation and genuine logs. Lines of other programs in the same file are skipped. Values are
read between ``name=`` and the next ``;``; a line in which a wanted name stands twice may hold a forged one and is rejected.
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.calls.kamailio_calls import CALL_METHODS, ROWS, events_of, key_of
from coffer.records.readers.calls.parties import bare_parties, first_filled
from coffer.records.readers.port import MAX_OPEN, Found, Piece
from coffer.records.readers.text import prefixes
from coffer.records.readers.text.lines import EMPTY, LineCutter, Lines
from coffer.records.readers.waiting import Waiting
from coffer.records.rejects import Reason, some_rejects
from coffer.records.settings import KamailioSettings

_PREFIX: Final = r"""^[^"'=;]*?(?:\]|[A-Z]+): (?:\{[^}]*\} )?(?:acc \[acc[a-z_]*\.c:[0-9]+\]: )?(?:[a-z_]+\(\): )?"""
"""Stamp, host, program, level and module.

No quote or equals sign may stand there, so that text quoted by another line is not taken for accounting.
"""
_ACC: Final = (
    _PREFIX + r"ACC: (?:transaction answered|call missed|request acknowledged|transaction failed|call ended): "
    r"(?:timestamp|created)=[0-9]{1,11}(?:;[^;=]*=[^;]*){0,4};method=[^;]*;from_tag=[^;]*;to_tag=[^;]*;call_id=[^;]*;code=[0-9]{3};reason="
)
_ENDED: Final = "call ended"
"""What OpenSIPS writes of an answered call, once, when it is over: its transaction and its CDR in one line."""
_ACC_FIELDS: Final = {
    "prefix": "ACC: ([a-z ]+): (?:timestamp|created)=",
    "epoch": ": (?:timestamp|created)=([0-9]+)",
    "fraction": ": timestamp=[0-9]+;[^;=]*=([0-9]{1,6});method=",
    "method": ";method=([^;]*)",
    "from_tag": ";from_tag=([^;]*)",
    "to_tag": ";to_tag=([^;]*)",
    "call_id": ";call_id=([^;]*)",
    "code": ";code=([0-9]{3})",
}
"""Where the fields of a line of the shape ``_ACC`` stand.

The first match is the field itself, because no value before it holds a semicolon. One by one these patterns take half
the time of one large pattern.
"""
_OPENSIPS_FIELDS: Final = {
    "created": ": timestamp=[0-9]+;created=([0-9]{1,11});",
    "seconds": ";duration=([0-9]{1,9});(?:[^;=]*=[^;]*;){0,2}method=",
}
_CDR: Final = (
    _PREFIX
    + r"start_time=(?P<begun>[0-9]{1,11}(?:\.[0-9]{1,6})?); end_time=[0-9.]+; duration=(?P<seconds>[0-9]+(?:\.[0-9]+)?)(?P<rest>(?:;.*)?)$"
)


def recognise(head: bytes, _name: str) -> str | None:
    """Whether Kamailio's accounting stands in a syslog that begins like this; the reason in words."""
    text = rb"(?m)\bACC: (?:transaction answered|call missed|request acknowledged|transaction failed): timestamp=[0-9]+;|\bACC: call ended: created=[0-9]+;"
    if re.search(text, head):
        return "syslog lines like: ACC: transaction answered: timestamp=..."
    text = rb"(?m): start_time=[0-9.]+; end_time=[0-9.]+; duration=[0-9.]+"
    return "syslog lines like: log_write_cdr(): start_time=...; end_time=..." if re.search(text, head) else None


class KamailioReader:
    """One ingest of syslog files."""

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        self._account = Account(feed, window)
        self._settings = feed.settings if isinstance(feed.settings, KamailioSettings) else KamailioSettings()
        self._cutter = LineCutter()
        self._waiting = Waiting(self._account, events_of, max_open)

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read whole lines."""
        lines = self._cutter.take(piece)
        self._account.reject(piece.file, lines.rejects)
        self._account.skip_counts(piece.file, {EMPTY: lines.empty})
        self._waiting.add(self._rows(piece.file, lines))
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """A last line without an end was cut off."""
        self._account.reject(file, self._cutter.end_file())
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """What is still open is given as it stands."""
        self._waiting.finish()
        return self._account.told()

    def _rows(self, file: int, lines: Lines) -> pl.DataFrame:
        """Accounting rows of some lines; the others are skipped or rejected."""
        text = lines.text
        is_wrapped = text.str.contains(prefixes.IN_JSON) | text.str.starts_with("<")
        if is_wrapped.any():
            at = is_wrapped.arg_true()
            text = text.clone().scatter(at, prefixes.unwrapped(text.gather(at)))
        frame = pl.DataFrame({"line": text, "offset": lines.numbers}).with_columns(file=pl.lit(file, pl.Int32))
        is_acc = frame["line"].str.contains(" ACC: ", literal=True)
        is_cdr = ~is_acc & frame["line"].str.contains(": start_time=", literal=True)
        other = frame.filter(~(is_acc | is_cdr))
        self._account.skip(other.select("file", what=pl.lit("other-line")))
        parts = [self._transactions(frame.filter(is_acc)), self._cdrs(frame.filter(is_cdr))]
        return pl.concat(parts).sort("offset")

    def _transactions(self, frame: pl.DataFrame) -> pl.DataFrame:
        found = frame.select(pl.col("line").str.extract(pattern).alias(name) for name, pattern in _ACC_FIELDS.items())
        # Only OpenSIPS writes these.
        has_more = frame["line"].str.contains("created=", literal=True).any()
        found = found.with_columns(
            (frame["line"].str.extract(pattern) if has_more else pl.lit(None, pl.String)).alias(name)
            for name, pattern in _OPENSIPS_FIELDS.items()
        )
        rows, rest = self._match(frame, found, frame["line"], frame["line"].str.contains(_ACC))
        fraction = pl.col("fraction").str.extract(r"^([0-9]{1,6})$").cast(pl.Int64).fill_null(0)
        rows = rows.with_columns(
            what=pl.col("method").replace_strict(CALL_METHODS, default=None),
            at=pl.coalesce("created", "epoch").cast(pl.Int64) * 1_000_000 + fraction,
            is_failed=pl.col("code") >= "300",
            is_missed=pl.col("prefix") == "call missed",
            seconds=pl.when(pl.col("prefix") == _ENDED).then(pl.col("seconds").cast(pl.Float64)),
        )
        rows = self._with_parties(rows, rest)
        self._account.skip(rows.filter(pl.col("what").is_null()).select("file", what=pl.lit("other-method")))
        return _as_rows(rows.filter(pl.col("what").is_not_null()))

    def _cdrs(self, frame: pl.DataFrame) -> pl.DataFrame:
        found = frame["line"].str.extract_groups(_CDR).struct.unnest()
        rest = found["rest"].fill_null("")
        rows, rest = self._match(frame, found.drop("rest"), rest, found["begun"].is_not_null())
        rows = rows.with_columns(
            what=pl.lit("cdr"),
            at=(pl.col("begun").cast(pl.Float64) * 1e6).round().cast(pl.Int64),
            seconds=pl.col("seconds").cast(pl.Float64),
            call_id=first_filled([_value(rest, name) for name in self._settings.call_id]),
            from_tag=pl.lit(None, pl.String),
            to_tag=pl.lit(None, pl.String),
            is_failed=pl.lit(value=False),
            is_missed=pl.lit(value=False),
        )
        rows = self._with_parties(rows, rest)
        if not self._settings.cdr_alone:
            is_alone = rows["call_id"] == ""
            self._account.skip(rows.filter(is_alone).select("file", what=pl.lit("cdr-without-call-id")))
            rows = rows.filter(~is_alone)
        return _as_rows(rows)

    def _match(
        self, frame: pl.DataFrame, found: pl.DataFrame, rest: pl.Series, is_good: pl.Series
    ) -> tuple[pl.DataFrame, pl.Series]:
        """The fields of well-formed lines, and ``rest``, where the site's own fields stand.

        The other lines are rejected.
        """
        own = self._settings
        keys = own.call_id if "call_id" not in found.columns else ()
        for name in {*own.a, *own.b, *keys, own.diversion} - {""}:
            is_good &= rest.str.count_matches(f"; ?{re.escape(name)}=") < 2
        if not is_good.all():
            numbers = frame["offset"].filter(~is_good).to_numpy()
            self._account.reject(frame["file"][0], some_rejects(np.asarray(numbers), Reason.BAD_RECORD))
        rows = pl.concat([frame.drop("line"), found], how="horizontal").filter(is_good)
        return rows, rest.filter(is_good)

    def _with_parties(self, rows: pl.DataFrame, rest: pl.Series) -> pl.DataFrame:
        a, b = (first_filled([_value(rest, name) for name in names]) for names in (self._settings.a, self._settings.b))
        diversion = _value(rest, self._settings.diversion) if self._settings.diversion else None
        return rows.with_columns(*parties(a, b, diversion))


def parties(a: pl.Series, b: pl.Series, diversion: pl.Series | None) -> list[pl.Series]:
    """Columns ``a``, ``b`` and ``f``.

    A diverted call was made to the number in the Diversion header, and forwarded to ``b``.
    """
    a, b = bare_parties(a), bare_parties(b)
    nobody = pl.Series("f", [""], dtype=pl.String).new_from_index(0, len(a))
    if diversion is None:
        return [a.alias("a"), b.alias("b"), nobody]
    by = bare_parties(diversion)
    is_diverted = by != ""
    return [a.alias("a"), by.zip_with(is_diverted, b).alias("b"), b.zip_with(is_diverted, nobody).alias("f")]


def _value(rest: pl.Series, name: str) -> pl.Series:
    return rest.str.extract(f"; ?{re.escape(name)}=([^;]*)").fill_null("")


def _as_rows(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(key_of(), fault=pl.lit(0, pl.UInt8), is_ambiguous=pl.lit(value=False))
    return rows.select(pl.col(name).cast(kind) for name, kind in ROWS.items())
