"""The audit of a notice's proof (docs/formats/notice.md).

The order that the proof shows must be the one for which the log says that records were opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coffer_audit.answer.package import FolderFiles
from coffer_audit.entries.parse import SALT_LINE
from coffer_audit.errors import Findings, MalformedInput, verify_that
from coffer_audit.log.checkpoint import parse_checkpoint, verify_checkpoint
from coffer_audit.log.tree import hash_leaf, is_included
from coffer_audit.trust import Trust, decide_trust
from coffer_audit.validity.state import replay
from coffer_audit.wire import hash_of, parse_base64, parse_decimal, parse_hex, parse_json

if TYPE_CHECKING:
    from pathlib import Path

    from coffer_audit.log.checkpoint import Checkpoint
    from coffer_audit.validity.state import State

MAX_FILE_BYTES = 1 << 25
MAX_NOTE_BYTES, MAX_CHECKPOINT_BYTES = 65_535, 131_072


def read_lines(document: dict[str, object]) -> tuple[str, list[str]]:
    """Give the commitment that the shown lines have, in hex, and the lines."""
    lines = document.get("lines")
    if document.get("format") != "coffer.notice/v1" or not isinstance(lines, list):
        raise MalformedInput("lines.json: found another form, expected format coffer.notice/v1 and lines")
    hashes, texts = b"", []
    for number, item in enumerate(lines):
        if not isinstance(item, list) or len(item) != 3 or not all(isinstance(part, str) for part in item[1:]):
            raise MalformedInput(f"lines.json {number}: found another form, expected index, hash and line")
        if item[0] != number + (number >= SALT_LINE):
            raise MalformedInput(f"lines.json {number}: found another index, expected every line but the salt")
        key = bytes.fromhex(parse_hex(item[1], 32, "lines.json"))
        hashes += hash_of("line", key, item[2].encode("ascii", "replace"))
        texts.append(item[2])
    roster = bytes.fromhex(parse_hex(str(document.get("roster")), 32, "lines.json roster"))
    return hash_of("auth", roster, hashes).hex(), texts


class NoticeAudit:
    """Reads and verifies a proof; `run` raises at the first step that fails."""

    def __init__(self, folder: Path, log_key: str | None, genesis: str | None) -> None:
        self.findings = Findings()
        self.files = FolderFiles(folder)
        found = parse_json(self.files.read("trust.json", MAX_FILE_BYTES), "trust.json")
        texts = {key: str(found.get(key, "")) for key in ("origin", "log", "genesis")}
        self.trust: Trust = decide_trust(texts, log_key, genesis, self.findings)
        self.checkpoint: Checkpoint = parse_checkpoint(
            self.files.read("checkpoint", MAX_CHECKPOINT_BYTES), "checkpoint"
        )
        self.totals: dict[str, object] = {}

    def run(self) -> None:
        """Verify everything there is to verify."""
        verify_checkpoint(self.checkpoint, self.trust.key, "checkpoint")
        self.findings.steps.append("checkpoint: signed by the log's key")
        state = self._replay()
        self.findings.steps.append(f"entries: all under the checkpoint of size {self.checkpoint.size}")
        commitment, lines = read_lines(parse_json(self.files.read("lines.json", MAX_FILE_BYTES), "lines.json"))
        openings = [o for o in state.openings.values() if o.intent.text["authorization"] == commitment]
        verify_that(openings, "lines.json: found lines of no authorization that the entries open records for")
        self.findings.steps.append("lines: those of the authorization that the log announced")
        for reveal in (reveal for _, reveal in state.reveals if reveal.authorization == commitment):
            verify_that(set(reveal.shown) <= set(lines), "reveal: found a line that lines.json has not")
        self.totals = {
            "authorization": commitment,
            "openings": len(openings),
            "records_drawn": sum(o.draw[1].number["records"] for o in openings if o.draw),
            "opened": [o.time.strftime("%Y-%m-%dT%H:%M:%SZ") for o in openings],
        }

    def _replay(self) -> State:
        proofs, entries = parse_json(self.files.read("proofs.json", MAX_FILE_BYTES), "proofs.json"), []
        names = [name for name in self.files.names("entries") if name.endswith(".note")]
        for index in sorted(parse_decimal(name.removesuffix(".note"), "entries: name") for name in names):
            raw, proof = self.files.read(f"entries/{index}.note", MAX_NOTE_BYTES), proofs.get(str(index))
            if not isinstance(proof, list) or len(proof) > 64 or not all(isinstance(item, str) for item in proof):
                raise MalformedInput(f"proofs.json {index}: found no list of base64, expected one")
            path = [parse_base64(item, 32, "proofs.json") for item in proof]
            is_in = is_included(hash_leaf(raw), index, self.checkpoint.size, path, self.checkpoint.root)
            verify_that(is_in, f"entry {index}: found no inclusion in the checkpoint")
            entries.append((index, raw))
        state = replay(self.trust.key.name, self.trust.genesis, entries, sparse=True)
        for index, code, message in state.invalid:
            self.findings.violate(code, message, entry=index)
        verify_that(state.rosters, "entries: found no valid genesis at entry 0")
        return state
