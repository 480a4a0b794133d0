"""Counts of what a vault collected and opened, from State, for the report. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from coffer_audit.entries.parse import COUNTS
from coffer_audit.validity.facts import Opening
from coffer_audit.validity.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable


def summarise_collected(state: State) -> list[dict[str, object]]:
    """Count for each feed its batches and, by kind, its segments and padded rows.

    The log rounds the counts of a batch down, so the batches had at least these. A superseded batch is counted in
    `superseded_batches`, and its segments in `superseded`; no other number includes it.
    """
    superseded = state.ingests.superseded()
    feeds: dict[str, dict[str, Counter[str]]] = {}
    for batch in state.batches.values():
        kinds = feeds.setdefault(batch.first.feed, {"": Counter()})
        if batch.first.batch in state.withdrawn:
            kinds[""].update(superseded_batches=1)
        else:
            kinds[""].update(batches=1, **batch.first.counts)
    for seg_id, segment in state.segments.items():
        kind = feeds[segment.feed].setdefault(segment.line.kind, Counter())
        is_old = seg_id in superseded
        kind.update(segments=not is_old, superseded=is_old, dead=state.is_dead(segment))
        kind.update(rows=0 if is_old else segment.line.rows)
    files, segments = ("batches", "superseded_batches", *COUNTS), ("segments", "rows", "superseded", "dead")
    return [
        {
            "feed": feed,
            **{key: kinds[""][key] for key in files},
            "kinds": [{"kind": kind, **{key: kinds[kind][key] for key in segments}} for kind in sorted(kinds) if kind],
        }
        for feed, kinds in sorted(feeds.items())
    ]


def count_emergencies(state: State, indexes: Iterable[int]) -> dict[str, int]:
    """Count how the emergencies of these intents stand by the time of the log's newest entry.

    `disapproved` is counted beside the others.
    """
    debts = [state.debts.all[index] for index in indexes if index in state.debts.all]
    counts = Counter(debt.status(state.newest) for debt in debts)
    words = ("to be ratified", "overdue", "ratified", "ratified late")
    disapproved = sum(bool(state.disapproving(debt)) for debt in debts)
    return {word.replace(" ", "_"): counts[word] for word in words} | {"disapproved": disapproved}


def summarise_opened(state: State) -> list[dict[str, object]]:
    """Count for each authorization, by its commitment, what was opened under it."""
    opened: dict[str, Counter[str]] = {}
    for opening in state.openings.values():
        counts = opened.setdefault(opening.intent.text["authorization"], Counter())
        counts.update(_count_opening(opening))
    for mark, key in (("refuse", "refusals"), ("revoke", "revocations")):
        for _, commitment in state.marks[mark]:
            opened.setdefault(commitment, Counter()).update({key: 1})
    for _, reveal in state.reveals:
        opened.setdefault(reveal.authorization, Counter()).update(reveals=1)
    keys = ("intents", "draws", "records", "closes", "unconfirmed_cells", "refusals", "revocations", "reveals")
    return [
        {"authorization": commitment, **{key: counts[key] for key in keys}}
        for commitment, counts in sorted(opened.items())
    ]


def _count_opening(opening: Opening) -> dict[str, int]:
    return {
        "intents": 1,
        "draws": int(bool(opening.draw)),
        "closes": int(bool(opening.close)),
        "records": opening.draw[1].number["records"] if opening.draw else 0,
        "unconfirmed_cells": opening.close[1].number["unconfirmed-cells"] if opening.close else 0,
    }
