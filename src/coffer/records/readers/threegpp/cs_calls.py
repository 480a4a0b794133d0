"""Legs to calls and texts.

Parts of one leg are summed, legs of one call become one record, and what was merged is counted. Everything is decided
by the order of records and never by how files were cut into pieces. Source: TS 32.298 section 5.1.5.1 (partial
records), TS 32.250 section 5.4 (network call reference).
"""

import datetime as dt
from typing import Final

import polars as pl

from coffer.records.readers.account import EVENTS, MORE, OWN, Account
from coffer.records.readers.threegpp.cs_records import LEGS, Role

STEP: Final = 1 << 18
"""Legs that are joined at a time, about 80 MB."""
MAX_LEGS: Final = 1 << 19
"""Legs that stay open; beyond it the oldest are given as they stand."""
HORIZON: Final = pl.duration(days=1)
"""Switches count references round; two legs a day apart are two calls."""
PARTIAL: Final = (1, 2)
"""causeForTerm of all parts of a leg but the last."""
_CALLS: Final = (*EVENTS, *MORE)
"""Columns of finished calls and texts."""


class Calls:
    """Legs of calls that are not complete yet."""

    def __init__(self, account: Account, *, keeps_transit: bool, latest: dt.datetime) -> None:
        """``latest``: no call can have begun after it, so no wrong clock drives the others out."""
        self._account = account
        self._latest = latest
        self._keeps_transit = keeps_transit
        self._legs = pl.DataFrame(schema={**LEGS, "seq": pl.Int64})
        self._seen = 0

    def settle(self, legs: pl.DataFrame, *, is_last: bool) -> pl.DataFrame:
        """Add the next legs; gives the calls that are complete, as ``account.EVENTS`` with cells and devices.

        With ``is_last``, all of them.
        """
        legs = legs.with_columns(seq=pl.arange(self._seen, self._seen + len(legs), eager=True, dtype=pl.Int64))
        self._seen += len(legs)
        is_faulty = pl.col("fault") > 0
        alone = legs.filter(is_faulty)
        legs = pl.concat([self._legs, legs.filter(~is_faulty)])
        done = self._done(legs, is_last=is_last)
        self._legs = legs.filter(~done)
        legs = self._without_transit(self._summed(legs.filter(done)))
        return pl.concat([_alone(alone), self._joined(legs)])

    def _done(self, legs: pl.DataFrame, *, is_last: bool) -> pl.Series:
        """Legs whose call can get no more of them, with all legs of that call."""
        if is_last or legs.is_empty():
            return pl.repeat(value=True, n=len(legs), eager=True, dtype=pl.Boolean)
        newest = legs["start"].clip(upper_bound=self._latest).max()
        too_many = pl.col("seq").rank() <= len(legs) - MAX_LEGS
        may_go = (pl.col("start") < pl.lit(newest) - HORIZON) | too_many
        is_lone = (pl.col("own_key") == "") & (pl.col("call_key") == "")
        # a leg goes only with the other parts of itself, and those with the other legs of the call
        own = pl.when(pl.col("own_key") == "").then(pl.col("seq").cast(pl.String)).otherwise("own_key")
        call = pl.when(pl.col("call_key") == "").then(own).otherwise("call_key")
        return legs.select(is_lone | (may_go.all().over(own) & may_go.all().over(call)) | too_many).to_series()

    def _summed(self, legs: pl.DataFrame) -> pl.DataFrame:
        """Parts of one leg as its first, with the sum of their durations; copies of a record are merged too."""
        keyed = legs.filter(pl.col("own_key") != "").sort("own_key", "start", "sequence", "seq")
        if keyed.is_empty():
            return legs
        is_same = pl.col("own_key") == pl.col("own_key").shift()
        same = ("start", "sequence", "duration_s", "cause", "b")
        is_copy = is_same & pl.all_horizontal(*(pl.col(name).eq_missing(pl.col(name).shift()) for name in same))
        keyed = keyed.with_columns(is_copy=is_copy.fill_null(value=False))
        self._account.merge(keyed.filter("is_copy").select("file", what=pl.lit("duplicate")))
        keyed = keyed.filter(~pl.col("is_copy"))
        goes_on = (
            is_same
            & (pl.col("start") - pl.col("start").shift() < HORIZON)
            & pl.col("cause").shift().is_in(PARTIAL)
            & (pl.col("sequence") > pl.col("sequence").shift()).fill_null(value=True)
        )
        step = (pl.col("sequence") - pl.col("sequence").shift() - 1).fill_null(0)
        keyed = keyed.with_columns(goes_on=goes_on.fill_null(value=False)).with_columns(
            leg=(~pl.col("goes_on")).cum_sum(),
            missing=pl.when("goes_on").then(step).otherwise((pl.col("sequence") - 1).fill_null(0)),
        )
        missing = keyed.filter(pl.col("missing") > 0)
        for file, count in missing.group_by("file").agg(pl.col("missing").sum()).iter_rows():
            self._account.skip_counts(file, {"missing-partial": count})
        self._account.merge(keyed.filter("goes_on").select("file", what=pl.lit("partial")))
        totals = keyed.group_by("leg").agg(
            total=pl.when(pl.col("duration_s").is_not_null().any()).then(pl.col("duration_s").sum()),
            any_answered=pl.col("answered").any(),
        )
        firsts = keyed.filter(~pl.col("goes_on")).join(totals, on="leg", how="left", maintain_order="left")
        firsts = firsts.with_columns(duration_s=pl.col("total"), answered=pl.col("any_answered")).select(legs.columns)
        return pl.concat([legs.filter(pl.col("own_key") == ""), firsts])

    def _without_transit(self, legs: pl.DataFrame) -> pl.DataFrame:
        is_transit = pl.col("role") == Role.TRANSIT
        if self._keeps_transit:
            return legs
        self._account.merge(legs.filter(is_transit).select("file", what=pl.lit("transit")))
        return legs.filter(~is_transit)

    def _joined(self, legs: pl.DataFrame) -> pl.DataFrame:
        """One record a call.

        The originating leg stands for the others, else the forwarding one, else the terminating one.
        """
        keyed = legs.filter(pl.col("call_key") != "").sort("call_key", "start", "seq")
        loose = legs.filter(pl.col("call_key") == "")
        if keyed.is_empty():
            return _alone(loose)
        is_new = (pl.col("call_key") != pl.col("call_key").shift()) | (
            pl.col("start") - pl.col("start").shift() >= HORIZON
        )
        keyed = keyed.with_columns(call=is_new.fill_null(value=True).cum_sum())
        of_forwarded = (
            keyed.filter(pl.col("role") == Role.FORWARDED)
            .group_by("call")
            .agg(forwarder=pl.col("imsi_key").first(), hops=pl.len())
        )
        keyed = keyed.join(of_forwarded, on="call", how="left", maintain_order="left")
        is_third = (
            (pl.col("role") == Role.TERMINATED)
            & pl.col("hops").is_not_null()
            & (pl.col("imsi_key") != pl.col("forwarder"))
        )
        keyed = keyed.with_columns(seat=pl.when(is_third).then(pl.lit(_THIRD)).otherwise("role").cast(pl.UInt8))
        place = pl.int_range(pl.len()).over("call", "seat")
        is_first = (place == 0) & ((pl.col("seat") != _THIRD) | (pl.col("hops") == 1))
        keyed = keyed.with_columns(is_first=is_first)
        seats = {seat: keyed.filter(pl.col("is_first") & (pl.col("seat") == seat)) for seat in (*Role, _THIRD)}
        others = keyed.filter(~pl.col("is_first"))
        return pl.concat([_alone(loose), _alone(others), self._seated(seats)])

    def _seated(self, seats: dict[int, pl.DataFrame]) -> pl.DataFrame:
        """The legs of each call beside each other; each party keeps its own cell and device."""
        frames, taken = [], pl.DataFrame(schema={"call": pl.UInt32})
        for seat in (Role.ORIGINATED, Role.FORWARDED, Role.TERMINATED, Role.ROAMING, Role.TRANSIT, _THIRD):
            legs = seats[seat].with_columns(pl.col("call").cast(pl.UInt32))
            frames.append(legs.join(taken, on="call", how="anti", maintain_order="left"))
            told = legs.join(taken, on="call", how="semi")
            self._account.merge(told.select("file", what=pl.lit("roaming" if seat == Role.ROAMING else "leg")))
            taken = pl.concat([taken, legs.select("call")]).unique()
        base = pl.concat(frames)
        records = _alone(base).with_columns(call=base["call"], role=base["role"])
        for seat, party in ((Role.FORWARDED, "b"), (Role.TERMINATED, "b"), (_THIRD, "f")):
            legs = seats[seat].select(
                pl.col("call").cast(pl.UInt32),
                seat_role="role",
                other_b="b",
                other_f="f",
                other_answered="answered",
                other_duration="duration_s",
                **{f"other_{what}": what for what in OWN},
            )
            records = _with_leg(
                records.join(legs, on="call", how="left", maintain_order="left"),
                party,
                is_forward=seat == Role.FORWARDED,
            )
        return records.select(*_CALLS)


_THIRD: Final = 9
"""The seat of a terminating leg at the one whom the call was forwarded to."""


def _with_leg(records: pl.DataFrame, party: str, *, is_forward: bool) -> pl.DataFrame:
    """What another leg says better: the served party itself, its cell and devices."""
    is_there = pl.col("other_b").is_not_null()
    is_named = is_there & (pl.col("other_b") != "")
    columns = {party: pl.when(is_named).then("other_b").otherwise(party)}
    if is_forward:
        columns["f"] = pl.when(is_there & (pl.col("other_f") != "")).then("other_f").otherwise("f")
    for what in OWN:
        own = pl.col(f"{party}_{what}")
        columns[f"{party}_{what}"] = (
            pl.when(is_there & (pl.col(f"other_{what}") > 0)).then(f"other_{what}").otherwise(own)
        )
    columns["answered"] = pl.col("answered") | pl.col("other_answered").fill_null(value=False)
    columns["duration_s"] = (
        pl.when(pl.col("answered")).then("duration_s").otherwise(pl.max_horizontal("duration_s", "other_duration"))
    )
    return records.with_columns(**columns).select(c for c in records.columns if not c.startswith(("other_", "seat_")))


def _alone(legs: pl.DataFrame) -> pl.DataFrame:
    """Legs as records of their own.

    What the served party has belongs to a of an originated leg, and to b of any other.
    """
    is_a = pl.col("role") == Role.ORIGINATED
    nothing = pl.lit(0, pl.UInt64)
    own = {f"a_{what}": pl.when(is_a).then(what).otherwise(nothing) for what in OWN}
    own |= {f"b_{what}": pl.when(is_a).then(nothing).otherwise(what) for what in OWN}
    own |= {f"f_{what}": nothing for what in OWN}
    return legs.with_columns(**own).select(*_CALLS)
