"""From drafts to canonical records: the last step of every reader. Pure.

Identities are parsed, start times must lie in the window, and what fails is rejected with its reason.
"""

import datetime as dt
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from coffer.identity.columns import Fault, Identities, IdentityRules, parse_identities
from coffer.identity.mobile import HANDSET_DIGITS
from coffer.identity.mobile_columns import handsets, is_without_check, subscriptions
from coffer.kinds import KINDS
from coffer.records.draft import OPTIONAL, U64, UNREADABLE, Bools, Draft, Parsed, PartyDraft, Window
from coffer.records.feed import Feed
from coffer.records.parties import PARTIES
from coffer.records.rejects import Reason
from coffer.records.schema import SCHEMA

_FAULTS: Final = {
    Fault.NOT_A_NUMBER: Reason.NOT_A_NUMBER,
    Fault.IMPOSSIBLE_LENGTH: Reason.IMPOSSIBLE_LENGTH,
    Fault.NOT_AN_ADDRESS: Reason.NOT_AN_ADDRESS,
    Fault.ADDRESS_CONTROLS: Reason.ADDRESS_CONTROLS,
}
_DEVICE_FAULTS: Final = {"imei": Reason.BAD_IMEI, "imsi": Reason.BAD_IMSI}
_FIELDS: Final = {"a": "a", "b": "b", "f": "forwarded"}
"""A party's name in feed files and rejects."""
_BRACKETED: Final = r"^[^<>]*<([^<>]*)>$"
_UNREADABLE: Final = UNREADABLE.encode()
_NO_TIME: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def complete(draft: Draft, *, feed: Feed, window: Window) -> Parsed:
    """Canonical records of a draft, and its rejects. Marks what it finds wrong in ``draft.marks``."""
    marks, start = draft.marks, draft.start
    draft = _without_unreadable(draft)
    marks.mark((start < window.earliest).fill_null(value=False).to_numpy(), Reason.TOO_LATE, "start")
    marks.mark((start > window.latest).fill_null(value=False).to_numpy(), Reason.IN_FUTURE, "start")
    columns: dict[str, pa.Array] = {
        "kind": pa.array(draft.kinds),
        "start": start.fill_null(_NO_TIME).to_arrow().cast(pa.timestamp("us", tz="UTC")),
        "duration_s": draft.duration_s,
        "answered": draft.answered,
        "line": pa.array(draft.offsets),
    }
    for name in PARTIES:
        columns |= _party(name, draft, feed)
    batch = pa.RecordBatch.from_arrays([columns[field.name] for field in SCHEMA], schema=SCHEMA)
    if marks.reason.any():
        batch = batch.filter(pa.array(marks.reason == 0))
    return Parsed(batch=batch, rejects=marks.rejects(draft.offsets), flaws=marks.flaws(draft.offsets))


def _without_unreadable(draft: Draft) -> Draft:
    """Mark parties that hold bytes that are no UTF-8; where one is optional, it becomes nobody."""
    parties = dict(draft.parties)
    for name, party in draft.parties.items():
        unreadable = _unreadable(party.written)
        if unreadable is None:
            continue
        draft.marks.mark(unreadable, Reason.NOT_UTF8, _FIELDS[name])
        written = pc.if_else(pa.array(unreadable), pa.scalar(b"", pa.binary()), party.written)
        parties[name] = replace(party, written=written)
    return replace(draft, parties=parties)


def _unreadable(written: pa.BinaryArray) -> Bools | None:
    """Which values hold ``UNREADABLE``; None if none does.

    Most columns do not even hold the first of its three bytes, which is a cheap look.
    """
    data = written.buffers()[2]
    if data is None or not (np.frombuffer(data, np.uint8) == _UNREADABLE[0]).any():
        return None
    found: Bools = pc.match_substring(written, _UNREADABLE).to_numpy(zero_copy_only=False)
    return found if found.any() else None


def _party(name: str, draft: Draft, feed: Feed) -> dict[str, pa.Array]:
    rows = len(draft.kinds)
    party = draft.parties.get(name)
    found = _nobody(rows) if party is None else _identities(name, party, draft, feed)
    zeros = np.zeros(rows, np.uint64)
    own = {} if party is None else {"cell": party.cell, "imei": party.imei, "imsi": party.imsi}
    columns = {
        f"{name}_type": pa.array(found.type),
        f"{name}_number": pa.array(found.number),
        f"{name}_text": found.text,
    }
    for what in ("cell", "imei", "imsi"):
        values = own.get(what) if what in feed.keep else None
        if values is not None and what in feed.index:
            values = _found_by(values, what, f"{name}_{what}", draft, feed)
        columns[f"{name}_{what}"] = pa.array(zeros if values is None else values)
    return columns


def _found_by(values: U64, what: str, name: str, draft: Draft, feed: Feed) -> U64:
    """The devices by which rows are found; none where a value names none, which is marked."""
    is_bad = (values > 0) & ((handsets if what == "imei" else subscriptions)(values) == 0)
    if what == "imei" and feed.fewest_imei_digits > HANDSET_DIGITS:
        is_bad |= is_without_check(values)
    draft.marks.mark(is_bad, _DEVICE_FAULTS[what], name)
    return np.where(is_bad, np.uint64(0), values)


def _identities(name: str, party: PartyDraft, draft: Draft, feed: Feed) -> Identities:
    found = read_identities(party.written, draft.kinds, feed)
    for fault, reason in _FAULTS.items():
        draft.marks.mark(found.fault == fault, reason, _FIELDS[name])
    if _FIELDS[name] in OPTIONAL and found.fault.any():
        found = _without_faulty(found)
    if name == "b":
        draft.marks.mark((found.type == 0) & (found.fault == 0), Reason.NO_B_NUMBER, "b")
    return found


def read_identities(written: pa.BinaryArray, kinds: npt.NDArray[np.uint8], feed: Feed) -> Identities:
    """The identities that a feed's source writes so, each by the kind of its record; shape (n,)."""
    rules = IdentityRules(habits=feed.habits, local_identities=feed.local_identities)
    return parse_identities(_without_brackets(written, kinds), kinds, rules)


def _without_brackets(written: pa.BinaryArray, kinds: npt.NDArray[np.uint8]) -> pa.BinaryArray:
    """``Dan <dan@example.org>`` becomes the address alone.

    ``<>``, the sender of mail that must not be answered, becomes nobody.
    """
    is_mail = kinds == KINDS["email"]
    if not is_mail.any():
        return written
    is_bracketed = pc.ends_with(written, pattern=">").to_numpy(zero_copy_only=False) & is_mail
    if not is_bracketed.any():
        return written
    bare = pc.replace_substring_regex(written, pattern=_BRACKETED, replacement=r"\1")
    return pc.if_else(pa.array(is_bracketed), bare, written)


def _without_faulty(found: Identities) -> Identities:
    """Nobody, where the value is no identity."""
    is_good = found.fault == 0
    return Identities(
        type=np.where(is_good, found.type, 0).astype(np.uint8),
        number=np.where(is_good, found.number, 0).astype(np.uint64),
        text=pc.if_else(pa.array(is_good), found.text, pa.scalar(None, pa.string())),
        fault=np.zeros(len(is_good), np.uint8),
    )


def _nobody(rows: int) -> Identities:
    zeros = np.zeros(rows, np.uint8)
    return Identities(type=zeros, number=np.zeros(rows, np.uint64), text=pa.nulls(rows, pa.string()), fault=zeros)
