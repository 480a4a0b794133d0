"""Cisco Unified CM's CDR flat files: calls, each once. Pure.

The records of transfer and conference legs of one call are merged.

Source: Cisco's header and its CDR Administration Guide. Columns are found by name, the row of types behind the header
is skipped. A call is known by cluster, call manager and call id.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.kinds import KINDS
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.calls.headed import HeadedReader
from coffer.records.readers.calls.parties import bare_parties
from coffer.records.readers.port import MAX_OPEN, Found
from coffer.records.readers.text.headed import HeadedRows, header_names
from coffer.records.readers.waiting import Waiting
from coffer.records.rejects import Reason, some_rejects

_NEEDED: Final = (
    "cdrRecordType",
    "globalCallID_callManagerId",
    "globalCallID_callId",
    "dateTimeOrigination",
    "callingPartyNumber",
    "originalCalledPartyNumber",
    "finalCalledPartyNumber",
    "dateTimeConnect",
    "dateTimeDisconnect",
    "duration",
)
_OPTIONAL: Final = ("globalCallId_ClusterID", "huntPilotDN")
_NAMES: Final = (*_NEEDED, *_OPTIONAL)
_CALL_END: Final = "1"
_BRIDGE: Final = "^[bB][0-9]{6,}$"
"""A conference bridge is no party."""
_EPOCH: Final = "^([0-9]{1,11})$"


def recognise(head: bytes, _name: str) -> str | None:
    """Whether the header is that of CDR files; the reason in words.

    CMR files tell of quality and are none.
    """
    names = set(header_names(head))
    return (
        "a header with cdrRecordType, globalCallID_callId and callingPartyNumber" if names.issuperset(_NEEDED) else None
    )


def _bind(names: Sequence[str]) -> Mapping[str, int]:
    missing = [name for name in _NEEDED if names.count(name) != 1]
    if missing:
        raise MalformedInput(
            f"line 1: no column {missing[0]} in the header of {len(names)} columns",
            hint="files named cmr_ tell of quality, not of calls" if "cdrRecordType" in names else None,
        )
    return {name: names.index(name) for name in _NAMES if name in names}


class CucmReader(HeadedReader):
    """One ingest of CDR files."""

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        super().__init__(feed, window, HeadedRows(_bind, _NAMES, is_multiline=False))
        self._waiting = Waiting(self._account, calls_of, max_open)

    def _read(self, frame: pl.DataFrame, file: int) -> None:
        self._waiting.add(_legs(frame, file, self._account))

    def finish(self) -> Sequence[Found]:
        """What is still open is given as it stands."""
        self._waiting.finish()
        return super().finish()


def _legs(frame: pl.DataFrame, file: int, account: Account) -> pl.DataFrame:
    """The rows' own fields as columns, without the row of types and other records."""
    kind = frame["cdrRecordType"]
    is_types = kind.str.to_uppercase() == "INTEGER"
    account.skip(frame.filter(is_types).select("file", what=pl.lit("type-line")))
    account.skip(frame.filter(~is_types & (kind != _CALL_END)).select("file", what=pl.lit("other-record")))
    frame = frame.filter(kind == _CALL_END)
    number = {
        name: frame[name].str.extract(_EPOCH).cast(pl.Int64)
        for name in _NEEDED[3:]
        if name[:8] in ("dateTime", "duration")
    }
    is_bad = number["duration"].is_null()
    account.reject(file, some_rejects(frame["offset"].filter(is_bad).to_numpy(), Reason.BAD_DURATION, "duration_s"))
    original, final, pilot = (
        bare_parties(frame[name]) for name in ("originalCalledPartyNumber", "finalCalledPartyNumber", "huntPilotDN")
    )
    # A hunt pilot names a group. The party is the person who took the call; if nobody did, it stays the group.
    is_hunted = (pilot != "") & (original == pilot) & (final != "")
    b = original.zip_with((original != "") & ~is_hunted, final)
    identity = pl.concat_str(
        "globalCallId_ClusterID", "globalCallID_callManagerId", "globalCallID_callId", separator="\n"
    )
    has_identity = ~pl.any_horizontal(
        pl.col(name).is_in(["", "0"]) for name in ("globalCallID_callManagerId", "globalCallID_callId")
    )
    return frame.select(
        "file",
        "offset",
        key=pl.when(has_identity).then(identity).otherwise(pl.format("x{}:{}", "file", "offset")),
        begun=number["dateTimeOrigination"],
        connected=number["dateTimeConnect"],
        ended=number["dateTimeDisconnect"],
        seconds=number["duration"],
        a=bare_parties(frame["callingPartyNumber"]),
        b=b,
        final=final,
    ).filter(~is_bad)


def calls_of(legs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls (columns of ``EVENTS``) and merged rows.

    The first leg between people is the call; it lasts from the first connection to the last end, and was forwarded to the last other person
    that a leg ended at. A bridge that calls somebody is nobody: the caller is withheld.
    """
    legs = legs.with_row_index("row").with_columns(
        is_a_bridge=pl.col("a").str.contains(_BRIDGE), is_b_bridge=pl.col("b").str.contains(_BRIDGE)
    )
    legs = legs.with_columns(is_bridge=pl.col("is_a_bridge") | pl.col("is_b_bridge"))
    ordered = legs.sort("begun", "row", maintain_order=True)
    calls = ordered.sort("is_bridge", maintain_order=True).unique("key", keep="first", maintain_order=True)
    people = ordered.filter(~pl.col("final").str.contains(_BRIDGE) & (pl.col("final") != ""))
    last = people.unique("key", keep="last", maintain_order=True).select("key", last="final")
    is_talk = pl.col("connected") > 0
    sums = ordered.group_by("key").agg(
        legs=pl.len(),
        is_connected=is_talk.any(),
        first=pl.col("connected").filter(is_talk).min(),
        end=pl.col("ended").filter(is_talk).max(),
        last_s=pl.max_horizontal("ended", "connected", "begun").max(),
    )
    calls = calls.join(last, on="key", how="left").join(sums, on="key", how="left")
    whole = pl.when((pl.col("legs") > 1) & pl.col("is_connected")).then(pl.col("end") - pl.col("first"))
    events = calls.select(
        "file",
        "offset",
        *(pl.when(f"is_{side}_bridge").then(pl.lit("")).otherwise(side).alias(side) for side in ("a", "b")),
        kind=pl.lit(KINDS["call"], pl.UInt8),
        start=pl.when(pl.col("begun") > 0).then(
            pl.from_epoch("begun").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
        ),
        duration_s=pl.coalesce(whole, "seconds"),
        answered="is_connected",
        has_answer="is_connected",
        event_id=pl.col("key").hash(),
        last_stamp=pl.from_epoch("last_s").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
        f=pl.when((pl.col("last") != pl.col("b")) & (pl.col("last") != pl.col("a"))).then("last"),
    )
    what = pl.when("is_bridge").then(pl.lit("conference-leg")).otherwise(pl.lit("transfer-leg"))
    merged = legs.join(calls.select("row"), on="row", how="anti").select("file", what=what)
    return events, merged
