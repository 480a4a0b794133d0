"""The figures of a transparency report, recomputed from the log alone (docs/formats/transparency.md)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from coffer_audit.entries.parse import COUNTS, Ingest, parse_entry
from coffer_audit.errors import AuditError
from coffer_audit.validity.state import State
from coffer_audit.vault.summaries import count_emergencies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from coffer_audit.entries.parse import Entry

NOT_REVEALED = "not revealed yet"


def recompute_transparency(state: State, raw: Sequence[bytes], first: date, last: date) -> dict[str, object]:
    """Give the figures of the entries dated from one day to another, both included."""
    invalid = {index for index, _, _ in state.invalid}
    entries: dict[int, Entry] = {}
    for index, item in enumerate(raw):
        if index not in invalid:
            try:
                entries[index] = parse_entry(item)
            except AuditError:  # State accepted it, so this is a bug of ours: leave its figure out, and a test fails
                continue
    times: dict[int, datetime] = {index: entry.time for index, entry in entries.items()}
    within = [entry.body for entry in entries.values() if first <= entry.time.date() <= last]
    acts = {
        kind: [b for b in within if getattr(b, "type", "") == kind]
        for kind in ("refuse", "revoke", "fault", "destroy", "intent", "withdraw", "hold", "extend", "release")
    }
    openings = [o for o in state.openings.values() if first <= o.time.date() <= last]
    closes = [o.close[1].number for o in openings if o.close]
    seconds = sorted(int((times[o.close[0]] - o.time).total_seconds()) for o in openings if o.close)
    shown: dict[str, dict[str, str]] = {}
    for _, reveal in state.reveals:
        for line in reveal.shown:
            key, _, value = line.partition(": ")
            shown.setdefault(reveal.authorization, {})[key] = value
    groups: dict[str, list[dict[str, object]]] = {}
    for key, name in (("authority", "authority"), ("kinds", "kind"), ("rules", "rule")):
        counts, records = Counter[str](), Counter[str]()
        for opening in openings:
            said = shown.get(opening.intent.text["authorization"], {}).get(key)
            for one in [NOT_REVEALED] if said is None else [said] if key == "authority" else said.split(","):
                counts[one] += 1
                records[one] += opening.close[1].number["records"] if opening.close else 0
        order = sorted(counts, key=lambda n: (n == NOT_REVEALED, n))
        groups[name] = [{name: one, "openings": counts[one], "records": records[one]} for one in order]
    commitments = {body.text["authorization"] for kind in ("refuse", "intent") for body in acts[kind]}  # type: ignore[union-attr]
    return {
        "authorizations": len(commitments),
        "openings": len(openings),
        "closed": len(closes),
        "records_drawn": sum(o.draw[1].number["records"] for o in openings if o.draw),
        "records_opened": sum(number["records"] for number in closes),
        "unconfirmed_cells": sum(number["unconfirmed-cells"] for number in closes),
        "seconds_to_answer": {"median": seconds[(len(seconds) - 1) // 2], "longest": seconds[-1]} if seconds else None,
        "by_authority": groups["authority"],
        "by_kind": groups["kind"],
        "by_rule": groups["rule"],
        "refusals": dict(sorted(Counter(body.text["reason"] for body in acts["refuse"]).items())),  # type: ignore[union-attr]
        "revocations": len(acts["revoke"]),
        "reveals": sum(first <= times[index].date() <= last for index, _ in state.reveals),
        "faults": dict(sorted(Counter(body.text["accused"] for body in acts["fault"]).items())),  # type: ignore[union-attr]
        "destroyed_keys": len(acts["destroy"]),
        "superseded_batches": len(acts["withdraw"]),
        "holds": len(acts["hold"]),
        "extended_holds": len(acts["extend"]),
        "released_holds": len(acts["release"]),
        "emergencies": count_emergencies(
            state, (index for index, o in state.openings.items() if first <= o.time.date() <= last)
        ),
        **_collected([body for body in within if isinstance(body, Ingest) and _counts(state, body.batch)]),
    }


def _counts(state: State, batch: str) -> bool:
    return batch in state.batches and batch not in state.withdrawn


def _collected(parts: Sequence[Ingest]) -> dict[str, object]:
    first = [part.counts for part in parts if part.part == 1]
    lines = [line for part in parts for line in part.segments]
    keys = sorted({(line.kind, line.rule) for line in lines})
    mine = {key: [line.rows for line in lines if (line.kind, line.rule) == key] for key in keys}
    return {
        "collected": {
            "batches": len(first),
            **{key: sum(counts[key] for counts in first) for key in COUNTS},
        },
        "segments": [
            {"kind": kind, "rule": rule, "segments": len(mine[kind, rule]), "padded_rows": sum(mine[kind, rule])}
            for kind, rule in keys
        ],
    }
