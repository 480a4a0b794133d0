"""Twilio's CSV exports: calls, parent and child legs as one; messages as texts.

The body is never read. Pure.

Source: Twilio's documentation of call and message resources. Columns are found by name, whatever the case and the spaces between words, since
the console and the interfaces write them differently.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.kinds import KINDS
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.calls.headed import HeadedReader
from coffer.records.readers.calls.parties import bare_parties
from coffer.records.readers.port import MAX_OPEN, Found
from coffer.records.readers.text.headed import HeadedRows, header_names
from coffer.records.readers.text.times import parse_times
from coffer.records.readers.waiting import Waiting
from coffer.records.rejects import Reason, some_rejects

_CALL_NAMES: Final = {
    "sid": ("sid", "callsid"),
    "parent": ("parentcallsid", "parentsid"),
    "a": ("from", "fromnumber", "caller"),
    "b": ("to", "tonumber", "called"),
    "start": ("starttime", "startdate", "datestarted", "datecreated", "date"),
    "duration": ("duration", "callduration", "durationseconds"),
    "status": ("status", "callstatus"),
    "forwarded": ("forwardedfrom",),
}
_TEXT_NAMES: Final = {
    "a": ("from", "fromnumber"),
    "b": ("to", "tonumber"),
    "start": ("sentdate", "datesent", "datetimesent", "datecreated", "createddate", "date"),
    "created": ("datecreated", "createddate"),
}
_TIMES: Final = ("%Y-%m-%d %H:%M:%S%.f%z", "%d %b %Y %H:%M:%S%z", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_ANSWERED: Final = {"completed": True, "busy": False, "noanswer": False, "failed": False, "canceled": False}
_WITHHELD: Final = ("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253")
"""What Twilio shows of callers that are anonymous, restricted, blocked, unknown or unavailable."""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def recognise_calls(head: bytes, _name: str) -> str | None:
    """Whether the header is that of a call export; the reason in words."""
    names = {_plain(name) for name in header_names(head)}
    is_one = {"from", "to", "status", "direction"} <= names and bool(names & {"duration", "callduration"})
    return "a header with Call Sid, From, To, Direction and Duration" if is_one and names & {"sid", "callsid"} else None


def recognise_messages(head: bytes, _name: str) -> str | None:
    """Whether the header is that of a message export; the reason in words."""
    names = {_plain(name) for name in header_names(head)}
    is_one = {"from", "to", "status"} <= names and bool(names & {"body", "numsegments"})
    return (
        "a header with Sid, From, To, Status and NumSegments or Body"
        if is_one and names & {"sid", "messagesid"}
        else None
    )


def _positions(names: Sequence[str], wanted: Mapping[str, tuple[str, ...]], needed: Sequence[str]) -> Mapping[str, int]:
    plain = [_plain(name) for name in names]
    found = {}
    for own, theirs in wanted.items():
        name = next((name for name in theirs if plain.count(name) == 1), None)
        if name is not None:
            found[own] = plain.index(name)
        elif own in needed:
            raise MalformedInput(f"line 1: no column like {theirs[0]} in the header of {len(names)} columns")
    return found


class TwilioMessagesReader(HeadedReader):
    """One ingest of message exports: each row is a text."""

    def __init__(self, feed: Feed, window: Window) -> None:
        bind = partial(_positions, wanted=_TEXT_NAMES, needed=("a", "b", "start"))
        super().__init__(feed, window, HeadedRows(bind, tuple(_TEXT_NAMES), is_multiline=True))

    def _read(self, frame: pl.DataFrame, file: int) -> None:  # noqa: ARG002 - the frame says the file
        written = frame["start"].zip_with(frame["start"] != "", frame["created"])
        self._account.keep(
            frame.with_columns(
                *_start(written, self._feed),
                _party(frame["a"]),
                _party(frame["b"]),
                kind=pl.lit(KINDS["text"], pl.UInt8),
            )
        )


class TwilioCallsReader(HeadedReader):
    """One ingest of call exports: a call and the legs that it dialled are one."""

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        bind = partial(_positions, wanted=_CALL_NAMES, needed=("a", "b", "start", "duration", "status"))
        super().__init__(feed, window, HeadedRows(bind, tuple(_CALL_NAMES), is_multiline=True))
        self._waiting = Waiting(self._account, calls_of, max_open)

    def _read(self, frame: pl.DataFrame, file: int) -> None:
        self._waiting.add(self._legs(frame, file))

    def finish(self) -> Sequence[Found]:
        """What is still open is given as it stands."""
        self._waiting.finish()
        return super().finish()

    def _legs(self, frame: pl.DataFrame, file: int) -> pl.DataFrame:
        duration = frame["duration"].str.extract(r"^([0-9]{1,9})(?:\.0+)?$").cast(pl.Int64)
        is_bad = duration.is_null() & ~frame["duration"].str.to_lowercase().is_in(["", "null"])
        bad = some_rejects(frame["offset"].filter(is_bad).to_numpy(), Reason.BAD_DURATION, "duration_s")
        self._account.reject(file, bad)
        status = frame["status"].str.to_lowercase().str.replace_all("[^a-z]", "")
        parent = frame["parent"].str.extract("^(CA[0-9a-zA-Z]+)$").fill_null("")
        alone = pl.format("x{}:{}", "file", "offset")
        return frame.with_columns(
            *_start(frame["start"], self._feed),
            _party(frame["a"]),
            _party(frame["b"]),
            _party(frame["forwarded"]),
            duration_s=duration,
            answered=status.replace_strict(_ANSWERED, default=None, return_dtype=pl.Boolean),
            is_child=parent != "",
            parent=parent,
            key=pl.coalesce(
                pl.when(pl.lit(parent) != "").then(pl.lit(parent)), pl.when(pl.col("sid") != "").then("sid"), alone
            ),
        ).filter(~is_bad)


def calls_of(legs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls (columns of ``EVENTS``) and merged rows.

    The parent is the call. It was forwarded to the child that answered, or to the only one there was.
    """
    legs = legs.with_row_index("row")
    is_answered = pl.col("answered").fill_null(value=False)
    calls = legs.sort("is_child", ~is_answered, maintain_order=True).unique("key", keep="first", maintain_order=True)
    children = (
        legs.filter("is_child")
        .group_by("key", maintain_order=True)
        .agg(
            child=pl.coalesce(
                pl.col("b").filter(is_answered).first(), pl.when(pl.col("b").n_unique() == 1).then(pl.col("b").first())
            )
        )
    )
    calls = calls.join(children, on="key", how="left")
    is_dialled = ~pl.col("is_child") & pl.col("child").is_not_null() & (pl.col("child") != pl.col("b"))
    is_diverted = ~is_dialled & (pl.col("forwarded") != "") & (pl.col("forwarded") != pl.col("b"))
    events = calls.with_columns(
        kind=pl.lit(KINDS["call"], pl.UInt8),
        b=pl.when(is_diverted).then("forwarded").otherwise("b"),
        f=pl.when(is_dialled).then("child").when(is_diverted).then("b"),
    )
    merged = legs.join(calls.select("row"), on="row", how="anti").select("file", what=pl.lit("child-leg"))
    return events, merged


def _party(written: pl.Series) -> pl.Series:
    party = bare_parties(written)
    return party.set(party.is_in(list(_WITHHELD)), "")


def _start(written: pl.Series, feed: Feed) -> list[pl.Series]:
    """Times of all the ways Twilio writes them.

    These are RFC 2822, ISO 8601 and the console's own. Without an offset the feed's zone holds.
    """
    text = (
        written.str.replace(r"^[A-Z][a-z]{2}, ", "")
        .str.replace(r"^([0-9:]{8}) UTC ([0-9]{4}-[0-9]{2}-[0-9]{2})$", "$2 $1 UTC")
        .str.replace(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})T", "$1 ")
        .str.replace(r" ?(?:Z|UTC|GMT)$", "+0000")
        .str.replace(r" ([+-][0-9]{2}:?[0-9]{2})$", "$1")
    )
    return parse_times(text, _TIMES, feed.time_zone, feed.fold).columns()
