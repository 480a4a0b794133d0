"""The keys by which rows of one event are joined. Pure.

A key joins only what it names beyond doubt: its parts are told apart by their lengths, people by the identities that
are read, and a row whose key says nothing stands alone.

Source: ``docs/formats/feed.md``, "Rows of one call".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from coffer.records.canonical import read_identities
from coffer.records.draft import UNREADABLE, Bools, Draft
from coffer.records.feed import Feed
from coffer.records.mapping import JoinRule

ODD: Final = "\0"
"""Stands for a list or object where one value is expected: no number, time, name, key or cut takes it."""
_NO_SIGN: Final = r"[^\p{L}\p{N}]"
_NOTHING: Final = (
    rf"(?i)^(?:(?:{_NO_SIGN}|0)*|0x0+|\\N|{_NO_SIGN}*(?:null|nil|none|nan|n/?a|undefined|unknown|false){_NO_SIGN}*)$"
)
"""A key that names nothing: no letter and no digit but zeros (``<>``, ``[]``, 00000000-0000-0000-0000-000000000000), or a word by which
programs write that there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class People:
    """Whom a party's column names; shape (n,) each.

    ``key``: the identities as text, however they are written. ``is_nobody``: it names nobody, which of mail that must
    not be answered is a sender like another. ``is_wrong``: what is written there is no identity.
    """

    key: pl.Series
    is_nobody: Bools
    is_wrong: Bools


def people_of(name: str, draft: Draft, feed: Feed) -> People:
    """Whom the party ``name`` of a draft names."""
    party = draft.parties.get(name)
    if party is None:
        none = np.zeros(len(draft.kinds), np.bool_)
        return People(key=_nothing(len(none)), is_nobody=~none, is_wrong=none)
    found = read_identities(party.written, draft.kinds, feed)
    text = pl.Series(pl.from_arrow(party.written.cast("string")))
    number = pl.Series(found.number).cast(pl.String)
    key = (
        pl.Series(found.type).cast(pl.String) + ":" + number + ":" + pl.Series(pl.from_arrow(found.text)).fill_null("")
    )
    is_wrong = (found.fault > 0) | text.str.contains(UNREADABLE, literal=True).to_numpy()
    return People(key=key, is_nobody=(found.type == 0) & ~is_wrong, is_wrong=is_wrong)


def join_keys(columns: Sequence[pl.Series], people: Mapping[str, People], rule: JoinRule) -> pl.Series:
    """A key for each row, as text; empty where a row stands alone.

    ``columns``: those that the feed names as key, at least one. ``people``: of ``a`` and ``b``. A key that cannot be
    read in full, or is no single value, might be another's too.
    """
    is_alone = np.ones(len(columns[0]), np.bool_)
    for part in columns:
        is_alone &= part.str.contains(_NOTHING).to_numpy()
    for part in columns:
        is_alone |= (part.str.contains(UNREADABLE, literal=True) | part.str.contains(ODD, literal=True)).to_numpy()
    parts = list(columns)
    if rule.by_recipient:
        is_alone |= people["b"].is_wrong | people["b"].is_nobody
        parts.append(people["b"].key)
    if rule.by_sender:
        is_alone |= people["a"].is_wrong
        parts.append(people["a"].key)
    return _one_text(parts).zip_with(pl.Series(~is_alone), _nothing(len(is_alone)))


def _one_text(parts: Sequence[pl.Series]) -> pl.Series:
    """The parts behind one another, each but the last with its length, so that ab and c are not a and bc."""
    *former, text = parts
    for part in reversed(former):
        text = part.str.len_bytes().cast(pl.String) + ":" + part + text
    return text


def _nothing(rows: int) -> pl.Series:
    return pl.Series([""], dtype=pl.String).new_from_index(0, rows)
