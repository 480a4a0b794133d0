"""FreeSWITCH's call records, A and B legs, to calls, each once.

Pure; shared by the readers of its JSON and XML.

Source: ``mod_json_cdr`` and ``mod_xml_cdr`` of FreeSWITCH as their documentation describes them. Of a record only what is named here is looked
at: dialled digits (PINs), recordings, application data and SIP headers stay behind.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa

from coffer.kinds import KINDS
from coffer.records.feed import Feed
from coffer.records.readers.calls.parties import bare_parties
from coffer.records.readers.text.times import parse_times

VARIABLES: Final = (
    "uuid", "direction", "call_uuid", "originating_leg_uuid", "originator", "signal_bond", "bridge_uuid", "start_uepoch", "start_epoch", "start_stamp",
    "answer_epoch", "answer_uepoch", "end_uepoch", "billsec", "hangup_cause", "caller_id_number", "sip_from_user", "destination_number", "sip_to_user",
)  # fmt: skip
"""Of ``variables``."""
PROFILE: Final = ("caller_id_number", "destination_number", "rdnis", "uuid")
"""Of a ``caller_profile``."""
_NO_CALLER: Final = "0" * 10
"""What FreeSWITCH writes for a caller without a number (``SWITCH_DEFAULT_CLID_NUMBER``)."""
_FORKS: Final = ("LOSE_RACE", "ORIGINATOR_CANCEL", "PICKED_OFF")
"""Causes of a B leg that rang beside another one; it was no call of its own."""
_PARENTS: Final = ("originating_leg_uuid", "originator", "call_uuid")
_BONDS: Final = ("signal_bond", "bridge_uuid")
LEGS: Final = pl.Schema(
    {
        "file": pl.Int32(),
        "offset": pl.Int64(),
        "key": pl.String(),
        "uuid": pl.String(),
        "bond": pl.String(),
        "is_outbound": pl.Boolean(),
        "is_b": pl.Boolean(),
        "is_fork": pl.Boolean(),
        "micros": pl.String(),
        "stamp": pl.String(),
        "ended": pl.String(),
        "is_answered": pl.Boolean(),
        "seconds": pl.String(),
        "a": pl.String(),
        "b": pl.String(),
        "rdnis": pl.String(),
        "last": pl.String(),
    }
)

Profile = TypeVar("Profile")
Values = tuple[str, ...]
"""What is wanted of one record, as ``values_of`` gives it; empty for what it does not have."""
_FIRST: Final = tuple(f"first_{name}" for name in PROFILE)
_NEWEST: Final = "newest_destination_number"
_NAMES: Final = (*VARIABLES, *_FIRST, _NEWEST)
"""Of ``Values``, in their order."""
_SEPARATOR: Final = "\x1f"
"""No identifier holds it. A text that does is kept as it is."""
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def newest_first(profiles: list[tuple[object, Profile]]) -> Sequence[Profile]:
    """By index, where all have one; else as they stand, which is newest first."""
    if len(profiles) > 1 and all(
        isinstance(index, str) and index.isascii() and index.isdigit() and len(index) < 10 for index, _ in profiles
    ):
        profiles = sorted(profiles, key=lambda item: -int(str(item[0])))
    return [values for _, values in profiles]


def values_of(variables: Mapping[str, str], profiles: Sequence[Mapping[str, str]]) -> Values:
    """The wanted values of one record. ``profiles``: its caller profiles, newest first."""
    first, newest = (profiles[-1], profiles[0]) if profiles else ({}, {})
    of_first = (first.get(name, "") for name in PROFILE)
    return (*(variables.get(name, "") for name in VARIABLES), *of_first, newest.get("destination_number", ""))


def legs_of(file: int, offsets: Sequence[int], values: Sequence[Values]) -> pl.DataFrame:
    """Records of a file as rows of ``LEGS``; ``uuid`` is empty in one that names no call.

    Each value may be URL-encoded.
    """
    text = _unquoted(_texts(list(chain.from_iterable(values))))
    read = pl.DataFrame(
        [text.gather_every(len(_NAMES), at).alias(name) for at, name in enumerate(_NAMES)]
    ).with_columns(
        uuid=_either("uuid", "first_uuid"), file=pl.lit(file, pl.Int32), offset=pl.Series(offsets, dtype=pl.Int64)
    )
    # A B leg names its A leg; an A leg names itself. An outbound leg that names no other was originated by the switch.
    is_outbound = pl.col("direction") == "outbound"
    read = read.with_columns(
        parent=pl.when(is_outbound).then(_other(_PARENTS)).otherwise(pl.lit("")), is_outbound=is_outbound
    )
    has_bond = is_outbound & (pl.col("parent") == "")
    read = read.with_columns(bond=pl.when(has_bond).then(_other(_BONDS)).otherwise(pl.lit("")))
    # Both legs of a bridge name each other as bonds. A leg whose call_uuid is its own uuid is no other's B leg.
    is_bridged = (pl.col("bond") != "") & (pl.col("call_uuid") != pl.col("uuid"))
    read = read.with_columns(parent=pl.when(is_bridged).then("bond").otherwise("parent"))
    is_b = pl.col("parent") != ""
    epoch = pl.col("start_epoch")
    # An id of zeros names nothing.
    own = pl.when(_is_id(pl.col("uuid"))).then("uuid").otherwise(pl.format("x{}:{}", "file", "offset"))
    return read.select(
        "file",
        "offset",
        key=pl.when(is_b).then("parent").otherwise(own),
        uuid="uuid",
        bond="bond",
        is_outbound="is_outbound",
        is_b=is_b,
        is_fork=is_b & pl.col("hangup_cause").is_in(_FORKS),
        micros=pl.when(pl.col("start_uepoch") != "")
        .then("start_uepoch")
        .when(epoch != "")
        .then(epoch + "000000")
        .otherwise(pl.lit("")),
        stamp="start_stamp",
        ended="end_uepoch",
        is_answered=_is_positive("answer_uepoch") | _is_positive("answer_epoch"),
        seconds="billsec",
        a=_either("first_caller_id_number", "caller_id_number", "sip_from_user"),
        b=_either("first_destination_number", "destination_number", "sip_to_user"),
        rdnis="first_rdnis",
        last=_NEWEST,
    )


def _texts(values: list[str]) -> pl.Series:
    """Short texts as a column.

    They are joined and cut again at once, which takes a third of the time of one by one.
    """
    joined = _SEPARATOR.join(values).encode()
    ends = np.flatnonzero(np.frombuffer(joined, np.uint8) == ord(_SEPARATOR))
    if len(ends) + 1 != len(values):
        return pl.Series(values, dtype=pl.String)
    bounds = np.concatenate(([0], ends - np.arange(len(ends)), [len(joined) - len(ends)]))
    data = joined.replace(_SEPARATOR.encode(), b"")
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    return pl.Series(pl.from_arrow(pa.Array.from_buffers(pa.large_string(), len(values), buffers)))


def _either(*names: str) -> pl.Expr:
    """The first of these values that is not empty; empty if all are."""
    found = pl.col(names[-1])
    for name in reversed(names[:-1]):
        found = pl.when(pl.col(name) != "").then(name).otherwise(found)
    return found


def _other(names: Sequence[str]) -> pl.Expr:
    """The first id of another leg that stands under one of these names; empty if there is none."""
    found = pl.lit("")
    for name in reversed(names):
        value = pl.col(name)
        found = pl.when(_is_id(value) & (value != pl.col("uuid"))).then(value).otherwise(found)
    return found


def _is_id(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars("0-") != ""


def _unquoted(text: pl.Series) -> pl.Series:
    """URL-encoding undone, once; what is not encoded stays as it is.

    Most that is encoded is the plus of a number. All else is read one by one, each distinct value once.
    """
    at = text.str.contains("%", literal=True).arg_true()
    if not len(at):
        return text
    encoded = text.gather(at)
    is_odd = ~encoded.str.contains("^(?:[^%]|%2B)*$")
    encoded = encoded.str.replace_all("%2B", "+", literal=True).zip_with(~is_odd, encoded)
    if is_odd.any():
        distinct = encoded.filter(is_odd).unique()
        decoded = [_unquoted_one(value) for value in distinct.to_list()]
        encoded = encoded.zip_with(~is_odd, encoded.replace(distinct, pl.Series(decoded, dtype=pl.String)))
    return text.scatter(at, encoded)


def _unquoted_one(text: str) -> str:
    """A file that decides imports no network package, hence not ``urllib``."""
    raw = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text.encode("utf-8", "replace"))
    return raw.decode("utf-8", "replace")


def _is_positive(name: str) -> pl.Expr:
    text = pl.col(name)
    return text.str.contains("^[0-9]+$") & text.str.head(20).str.contains("[1-9]")


def calls_of(legs: pl.DataFrame, feed: Feed) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls (columns of ``EVENTS``) and merged rows.

    The A leg is the call, else the B leg that was taken. Forks alone are no call. A call that the switch originated
    has an outbound A leg, to the one whom it rang first; it was forwarded to whom its B leg reached.
    """
    legs = _bonded(legs.with_row_index("row"))
    order = ("is_fork", "is_b", ~pl.col("is_answered"), "row")
    calls = legs.filter(~pl.col("is_fork")).sort(*order).unique("key", keep="first", maintain_order=True)
    micros = calls["micros"].str.extract("^([0-9]{13,17})$").cast(pl.Int64)
    # The stamp is local time; it is looked at only where there is no epoch.
    written = (micros / 1e6).cast(pl.String).zip_with(micros.is_not_null(), calls["stamp"])
    times = parse_times(written, ("epoch", "%Y-%m-%d %H:%M:%S"), feed.time_zone, feed.fold)
    a, b, rdnis, last = (bare_parties(calls[name]) for name in ("a", "b", "rdnis", "last"))
    nobody = pl.Series([""], dtype=pl.String).new_from_index(0, len(a))
    a = a.zip_with(a != _NO_CALLER, nobody)
    last = _reached(calls, legs, a, last)
    is_redirected = (rdnis != "") & (rdnis != b)
    end = last.zip_with((last != "") & (last != b), b)
    first = rdnis.zip_with(is_redirected, b)
    events = calls.with_columns(
        *times.columns(),
        kind=pl.lit(KINDS["call"], pl.UInt8),
        duration_s=pl.col("seconds").str.extract("^([0-9]{1,9})$").cast(pl.Int64),
        answered="is_answered",
        has_answer="is_answered",
        event_id=pl.col("key").hash(),
        last_stamp=_micros("ended"),
        a=a,
        b=first,
        f=end.zip_with(end != first, nobody),
    )
    what = pl.when("is_fork").then(pl.lit("fork")).when("is_b").then(pl.lit("b-leg")).otherwise(pl.lit("again"))
    merged = legs.join(calls.select("row"), on="row", how="anti").select("file", what=what)
    return events, merged


def _bonded(legs: pl.DataFrame) -> pl.DataFrame:
    """Joins two originated legs that were bridged: the earlier one is the A leg of both.

    Such legs name each other and no third one. A bond to a leg that names this one as its parent says nothing new.
    One to an A leg makes this leg its B leg.
    """
    bonds = legs.filter((pl.col("bond") != "") & ~pl.col("is_b"))
    if bonds.is_empty():
        return legs
    order = pl.concat_str(pl.col("micros").str.pad_start(20, "0"), pl.col("row").cast(pl.String).str.pad_start(12, "0"))
    named = legs.unique("uuid", keep="first", maintain_order=True).select(
        bond="uuid", other_key="key", other_bond="bond", other_is_b="is_b", other_order=order
    )
    pairs = bonds.join(named, on="bond", how="inner").filter(~pl.col("other_is_b"))
    is_mutual = pl.col("other_bond") == pl.col("uuid")
    later = pairs.filter(pl.when(is_mutual).then(order > pl.col("other_order")).otherwise(pl.col("other_bond") == ""))
    later = later.select("row", new_key="other_key")
    return legs.join(later, on="row", how="left", maintain_order="left").with_columns(
        key=pl.coalesce("new_key", "key"), is_b=pl.col("is_b") | pl.col("new_key").is_not_null()
    )


def _reached(calls: pl.DataFrame, legs: pl.DataFrame, a: pl.Series, last: pl.Series) -> pl.Series:
    """Whom a call went on to: of an originated one whom its B leg reached, else ``last``."""
    is_originated = calls["is_outbound"] & ~calls["is_b"]
    if not is_originated.any():
        return last
    talked = legs.filter(pl.col("is_b") & ~pl.col("is_fork") & pl.col("is_answered"))
    targets = talked.sort("row").unique("key", keep="first", maintain_order=True).select("key", target="b")
    target = bare_parties(calls.select("key").join(targets, on="key", how="left", maintain_order="left")["target"])
    return target.zip_with(is_originated & (target != "") & (target != a), last)


def _micros(name: str) -> pl.Expr:
    """Epoch microseconds as text, to an instant; null where there are none."""
    number = pl.col(name).str.extract("^([1-9][0-9]{12,16})$").cast(pl.Int64)
    return number.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
