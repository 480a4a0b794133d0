"""A certificate's files: the entries that a day's death rests on, with their proofs."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from coffer_audit.answer.package import format_zip
from coffer_audit.day.derive import derive_dead
from coffer_audit.entries.parse import Act, Ingest, parse_entry
from coffer_audit.entries.roster import Roster
from coffer_audit.errors import AuditError

if TYPE_CHECKING:
    from datetime import date

    from coffer_audit.vault.opened import Audited

FORMAT = "coffer.certificate/v1"
WHOLE = ("roster", "absence", "objection", "hold", "held", "extend", "release")
"""Types of entries that are all taken: which rosters are valid, and which holds remain, rests on them."""
OF_A_DAY = ("epoch-key", "destroy")


def make_certificate(audited: Audited, day: date) -> bytes:
    """Give the zip of a day's certificate.

    Raises: NotProven if something of the day can still be opened, or nothing of it was sealed.
    """
    derive_dead(audited.state, day)
    tree, size = audited.log.tree, audited.log.checkpoint.size
    wanted = _find_entries(audited, day)
    proofs = {
        str(i): [base64.b64encode(node).decode() for node in tree.prove_included(i, size)] for i in sorted(wanted)
    }
    trust = {"origin": audited.trust.key.name, "log": audited.trust.key.text, "genesis": audited.trust.genesis}
    files = {
        "certificate.json": _json({"format": FORMAT, "day": day.isoformat(), "trust": trust}),
        "checkpoint": audited.log.checkpoint.note.raw,
        "proofs.json": _json(proofs),
        **{f"entries/{i}.note": audited.log.entries[i] for i in wanted},
    }
    return format_zip(sorted(files.items()))


def _find_entries(audited: Audited, day: date) -> list[int]:
    state = audited.state
    batches = {
        batch_id for batch_id, batch in state.batches.items() if any(item.line.day == day for item in batch.segments)
    }
    broken = {index for index, _, _ in state.invalid}
    return [i for i, raw in enumerate(audited.log.entries) if i not in broken and _is_wanted(raw, day, batches)]


def _is_wanted(raw: bytes, day: date, batches: set[str]) -> bool:
    try:
        body = parse_entry(raw).body
    except AuditError:
        return False
    if isinstance(body, Roster):
        return True
    if isinstance(body, Ingest):
        return body.batch in batches
    if not isinstance(body, Act):
        return False
    return body.type in WHOLE or (body.type in OF_A_DAY and body.text["day"] == day.isoformat())


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode("ascii")
