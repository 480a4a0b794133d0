"""From drafts to canonical records: identities are proven, times must lie in the window, what fails is rejected. Pure; every reader ends here."""

import datetime as dt
from typing import Final

import numpy as np
import pyarrow as pa

from coffer.identity.columns import Fault, Identities, IdentityRules, parse_identities
from coffer.records.draft import Draft, Parsed, PartyDraft, Window
from coffer.records.feed import Feed
from coffer.records.rejects import Reason
from coffer.records.schema import PARTIES, SCHEMA

_FAULTS: Final = {
    Fault.NOT_A_NUMBER: Reason.NOT_A_NUMBER,
    Fault.IMPOSSIBLE_LENGTH: Reason.IMPOSSIBLE_LENGTH,
    Fault.NOT_AN_ADDRESS: Reason.NOT_AN_ADDRESS,
}
_FIELDS: Final = {"a": "a", "b": "b", "f": "forwarded"}
"""A party's name in feed files and rejects."""
_NO_TIME: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def complete(draft: Draft, *, feed: Feed, window: Window) -> Parsed:
    """Canonical records of a draft, and its rejects. Marks what it finds wrong in ``draft.marks``."""
    marks, start = draft.marks, draft.start
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
    return Parsed(batch=batch, rejects=marks.rejects(draft.offsets))


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
        columns[f"{name}_{what}"] = pa.array(zeros if values is None else values)
    return columns


def _identities(name: str, party: PartyDraft, draft: Draft, feed: Feed) -> Identities:
    rules = IdentityRules(habits=feed.habits, local_identities=feed.local_identities)
    found = parse_identities(party.written, draft.kinds, rules)
    for fault, reason in _FAULTS.items():
        draft.marks.mark(found.fault == fault, reason, _FIELDS[name])
    if name == "b":
        draft.marks.mark((found.type == 0) & (found.fault == 0), Reason.NO_B_NUMBER, "b")
    return found


def _nobody(rows: int) -> Identities:
    zeros = np.zeros(rows, np.uint8)
    return Identities(type=zeros, number=np.zeros(rows, np.uint64), text=pa.nulls(rows, pa.string()), fault=zeros)
