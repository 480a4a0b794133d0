"""The audit of a notice's proof (docs/formats/notice.md).

The proof must show the order for which, by the log, records were opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.answer.package import FolderFiles
from coffer_audit.entries.parse import SALT_LINE
from coffer_audit.errors import Findings, MalformedInput, verify_that
from coffer_audit.log.checkpoint import parse_checkpoint, verify_checkpoint, verify_included
from coffer_audit.notes import MAX_CHECKPOINT_BYTES, MAX_NOTE_BYTES
from coffer_audit.trust import Trust, decide_trust
from coffer_audit.validity.state import replay
from coffer_audit.wire import hash_of, parse_decimal, parse_hex, parse_json

if TYPE_CHECKING:
    from pathlib import Path

    from coffer_audit.log.checkpoint import Checkpoint
    from coffer_audit.validity.state import State

MAX_FILE_BYTES = 1 << 25


def parse_lines(document: dict[str, object]) -> tuple[str, list[str]]:
    """Give the commitment of the lines, in hex, and those that are shown."""
    lines = document.get("lines")
    if document.get("format") != "coffer.notice/v2" or not isinstance(lines, list):
        raise MalformedInput("lines.json: found another form, expected format coffer.notice/v2 and lines")
    hashes, texts = b"", []
    for number, item in enumerate(lines):
        if not isinstance(item, list) or len(item) != 3 or not isinstance(item[2], str | None):
            raise MalformedInput(f"lines.json {number}: found another form, expected index, hash and line or null")
        if item[0] != number + (number >= SALT_LINE):
            raise MalformedInput(f"lines.json {number}: found another index, expected every line but the salt")
        key = bytes.fromhex(parse_hex(str(item[1]), 32, "lines.json"))
        if item[2] is None:  # it is about somebody else
            hashes += key
            continue
        hashes += hash_of("line", key, item[2].encode("utf-8", "replace"))
        texts.append(item[2])
    roster = bytes.fromhex(parse_hex(str(document.get("roster")), 32, "lines.json roster"))
    return hash_of("auth", roster, hashes).hex(), texts


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedNotice:
    """A proof whose steps all held; `findings` has a violation for each entry without effect."""

    trust: Trust
    checkpoint: Checkpoint
    findings: Findings
    totals: dict[str, object]


def audit_notice(folder: Path, log_key: str | None, genesis: str | None) -> AuditedNotice:
    """Audit a proof.

    Raises: MalformedInput, NotProven or Unavailable at the first step that fails.
    """
    findings, files = Findings(), FolderFiles(folder)
    document = parse_json(files.read("trust.json", MAX_FILE_BYTES), "trust.json")
    texts = {key: str(document.get(key, "")) for key in ("origin", "log", "genesis")}
    trust = decide_trust(texts, log_key, genesis, findings)
    checkpoint = parse_checkpoint(files.read("checkpoint", MAX_CHECKPOINT_BYTES), "checkpoint")
    verify_checkpoint(checkpoint, trust.key, "checkpoint")
    findings.steps.append("checkpoint: signed by the log's key")
    state = _replay(files, trust, checkpoint, findings)
    findings.steps.append(f"entries: all under the checkpoint of size {checkpoint.size}")
    commitment, lines = parse_lines(parse_json(files.read("lines.json", MAX_FILE_BYTES), "lines.json"))
    openings = [o for o in state.openings.values() if o.intent.text["authorization"] == commitment]
    verify_that(openings, "lines.json: found lines of no authorization that the entries open records for")
    findings.steps.append("lines: those of the authorization that the log announced")
    for reveal in (reveal for _, reveal in state.reveals if reveal.authorization == commitment):
        own = {line for line in reveal.shown if line.partition(":")[0] not in ("subject", "person", "period")}
        verify_that(own <= set(lines), "reveal: found a line that lines.json has not")
    totals: dict[str, object] = {
        "authorization": commitment,
        "openings": len(openings),
        "records_drawn": sum(o.draw[1].number["records"] for o in openings if o.draw),
        "opened": [o.time.strftime("%Y-%m-%dT%H:%M:%SZ") for o in openings],
    }
    return AuditedNotice(trust=trust, checkpoint=checkpoint, findings=findings, totals=totals)


def _replay(files: FolderFiles, trust: Trust, checkpoint: Checkpoint, findings: Findings) -> State:
    """Give the State after the proof's entries; each entry must be in the log under the checkpoint."""
    proofs, entries = parse_json(files.read("proofs.json", MAX_FILE_BYTES), "proofs.json"), []
    names = [name for name in files.names("entries") if name.endswith(".note")]
    for index in sorted(parse_decimal(name.removesuffix(".note"), "entries: name") for name in names):
        raw = files.read(f"entries/{index}.note", MAX_NOTE_BYTES)
        verify_included(raw, index, proofs.get(str(index)), checkpoint)
        entries.append((index, raw))
    state = replay(trust.key.name, trust.genesis, entries, sparse=True)
    for index, code, message in state.invalid:
        findings.violate(code, message, entry=index)
    verify_that(state.rosters, "entries: found no valid genesis at entry 0")
    return state
