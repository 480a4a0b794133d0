"""The report of a proof, as lines of text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coffer_audit.report import format_checkpoint, format_findings, format_trust, format_witnesses, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coffer_audit.proof.audit import ProvenEntry
    from coffer_audit.vault.opened import Audited


def format_written(audited: Audited, index: int, file: str) -> Iterator[str]:
    """Say that a proof was written, and what it rests on."""
    yield wrap(f"entry {index}: its proof is in {file}")
    yield from format_checkpoint(audited.log.checkpoint)
    yield from format_trust(audited.trust)
    yield from format_witnesses(audited.witnesses)
    yield from format_findings(audited.findings, audited.trust)
    yield f"verify it offline: coffer-audit proof {file} --policy FILE"


def format_proven(proven: ProvenEntry) -> Iterator[str]:
    """Give the report of a proof, with the text of the entry."""
    yield f"entry: {proven.index}, {proven.type}"
    yield f"sha-256: {proven.hash}"
    for name, time in proven.cosigned.items():
        yield f"cosigned: {name}, {time:%Y-%m-%d %H:%M:%S} UTC"
    if not proven.cosigned:
        yield "cosigned: by no witness of the policy, which asks for none"
    yield from format_checkpoint(proven.checkpoint)
    if proven.entry:
        yield "text:"
        yield from (f"  {line}" for line in proven.entry.note.lines)
    yield "clean, if all of this holds:"
    yield from (wrap(f"- {clause}", 2) for clause in proven.findings.conditions)


def report_proven(proven: ProvenEntry) -> dict[str, object]:
    """Give the report of a proof, for JSON."""
    return {
        **proven.findings.format_json(),
        "steps": proven.findings.steps,
        "origin": proven.checkpoint.origin,
        "size": proven.checkpoint.size,
        "root": proven.checkpoint.root.hex(),
        "entry": proven.index,
        "type": proven.type,
        "sha256": proven.hash,
        "cosigned": {name: f"{time:%Y-%m-%dT%H:%M:%SZ}" for name, time in proven.cosigned.items()},
    }
