"""The keys by which rows of one event are joined. Pure.

A key joins only what it names beyond doubt: its parts are told apart by their lengths, people by the identities that
are read, and a row whose key says nothing stands alone.

Source: ``docs/formats/feed.md``, "Rows of one call".
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from coffer.records.canonical import read_identities
from coffer.records.draft import UNREADABLE, Bools, Draft
from coffer.records.feed import Feed
from coffer.records.mapping import JoinRule

ODD: Final = "\0"
"""Stands for a list or object where one value is expected: no number, time, name, key or cut takes it."""
_NOTHING: Final = r"^[-0.<>{}]*$"
"""A key that names nothing: empty, only zeros, a dash, ``<>``, 00000000-0000-0000-0000-000000000000."""


def join_keys(columns: Sequence[pl.Series], draft: Draft, feed: Feed, rule: JoinRule) -> pl.Series:
    """A key for each row, as text; empty where a row stands alone.

    ``columns``: those that the feed names as key, at least one. A key that cannot be read in full, or is no single
    value, might be another's too. A row whose party is no identity will be rejected, and joins nothing.
    """
    is_alone = np.ones(len(draft.kinds), np.bool_)
    for part in columns:
        is_alone &= part.str.contains(_NOTHING).to_numpy()
    for part in columns:
        is_alone |= (part.str.contains(UNREADABLE, literal=True) | part.str.contains(ODD, literal=True)).to_numpy()
    parts = list(columns)
    for name in ("b",) * rule.by_recipient + ("a",) * rule.by_sender:
        person, is_wrong = _people(name, draft, feed)
        is_alone |= is_wrong
        parts.append(person)
    nothing = pl.Series([""], dtype=pl.String).new_from_index(0, len(draft.kinds))
    return _one_text(parts).zip_with(pl.Series(~is_alone), nothing)


def _one_text(parts: Sequence[pl.Series]) -> pl.Series:
    """The parts behind one another, each but the last with its length, so that ab and c are not a and bc."""
    *former, text = parts
    for part in reversed(former):
        text = part.str.len_bytes().cast(pl.String) + ":" + part + text
    return text


def _people(name: str, draft: Draft, feed: Feed) -> tuple[pl.Series, Bools]:
    """The identities of a party as text, however they are written, and where they are none.

    Nobody is an identity of a sender only: mail that must not be answered has no sender.
    """
    written = draft.parties[name].written
    people = read_identities(written, draft.kinds, feed)
    is_wrong = people.fault > 0
    is_wrong |= pl.Series(pl.from_arrow(written.cast("string"))).str.contains(UNREADABLE, literal=True).to_numpy()
    if name == "b":
        is_wrong |= people.type == 0
    number = pl.Series(people.number).cast(pl.String)
    text = pl.Series(pl.from_arrow(people.text)).fill_null("")
    return pl.Series(people.type).cast(pl.String) + ":" + number + ":" + text, is_wrong
