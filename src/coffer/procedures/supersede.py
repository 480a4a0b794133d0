"""Superseding a batch: what the batch holds, and the entry that ends it.

Nothing sealed is destroyed. Implements ``docs/procedures/ingest.md``, "Superseding a batch".
"""

import datetime as dt
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput, NotProven, Refused
from coffer.ledger.entries import BatchId, CoarseCounts, WithdrawEntry
from coffer.ledger.facts import Batch
from coffer.ledger.state import State
from coffer.vault.folder import Vault
from coffer.vault.operator import INGESTER

_NAME: Final = re.compile(r"[0-9a-f]{8,32}")
"""A batch's name or its beginning.

Among 2^16 batches two share their first 8 digits in about every second vault. Then the command asks for more digits.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContent:
    """A batch as the log knows it.

    ``rows``: segments and padded rows by day and kind. ``superseded``: the index of the entry that superseded it; None
    if it counts.
    """

    batch: BatchId
    feed: str
    time: dt.datetime
    entries: tuple[int, ...]
    counts: CoarseCounts
    rows: dict[tuple[dt.date, str], tuple[int, int]]
    superseded: int | None


def find_batch(state: State, name: str) -> Batch:
    """The batch with this name, or whose name begins so.

    Raises:
        MalformedInput: it is not a batch's name, or the name of no complete batch, or of several.
    """
    hint = "coffer log lists the batches, and coffer ingest says the name of each"
    if not _NAME.fullmatch(name):
        raise MalformedInput("batch: not a batch's name, expected 8 to 32 digits 0-9 a-f", hint=hint)
    matches = [batch for batch in state.batches.values() if batch.batch.hex().startswith(name)]
    if not matches:
        raise MalformedInput("batch: the log has no complete batch of that name", hint=hint)
    if len(matches) > 1:
        raise MalformedInput(f"batch: {len(matches)} begin like that", hint="give all 32 digits")
    return matches[0]


def content_of(batch: Batch, state: State) -> BatchContent:
    """The batch as the log knows it."""
    segments, rows = Counter[tuple[dt.date, str]](), Counter[tuple[dt.date, str]]()
    for seg_id in batch.segments:
        line = state.segments[seg_id].line
        segments[line.day, line.kind] += 1
        rows[line.day, line.kind] += line.rows
    return BatchContent(
        batch=batch.batch,
        feed=batch.feed,
        time=batch.time,
        entries=batch.entry_indexes,
        counts=batch.counts,
        rows={key: (segments[key], rows[key]) for key in sorted(rows)},
        superseded=state.withdrawn.get(batch.batch),
    )


def supersede(vault: Vault, batch: BatchId) -> int:
    """Log that a batch is superseded; returns the entry's index.

    The tables of its tally are removed. Its files are forgotten, so that they can be ingested again.

    Raises:
        Refused: it was superseded before.
        Unavailable: an ingest is under way, or another command is writing.
    """
    with vault.sealing(), vault.writing() as state:
        if batch in state.withdrawn:
            raise Refused(f"batch: superseded before, by entry {state.withdrawn[batch]}", code="log")
        entry = vault.entry(WithdrawEntry(batch=batch), vault.operator_key(INGESTER), state)
        (index,) = vault.append([entry], state)
        # From here on it is superseded, whatever fails: the next command that writes removes the tables, and the next
        # ingest forgets its files.
        vault.leftovers.remove_superseded(state)
        with suppress(NotProven, MalformedInput):  # the next ingest reports a memory that cannot be read
            vault.ingested.forget(state)
    return index
