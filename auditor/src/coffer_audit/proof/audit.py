"""The audit of a proof under a policy, offline."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from coffer_audit.entries.parse import Entry, parse_entry
from coffer_audit.errors import Findings, MalformedInput, NotProven, verify_that
from coffer_audit.log.checkpoint import verify_checkpoint
from coffer_audit.log.tree import hash_leaf, is_included
from coffer_audit.notes import MAX_NOTE_BYTES, cosigned_times
from coffer_audit.proof.form import MAX_PROOF_BYTES, parse_proof
from coffer_audit.proof.policy import MAX_POLICY_BYTES, parse_policy
from coffer_audit.wire import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from coffer_audit.log.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenEntry:
    """An entry whose proof holds.

    `entry` is None for bytes that are no entry of Coffer's. `cosigned`: the newest time of each witness, by key name.
    """

    index: int
    raw: bytes
    entry: Entry | None
    checkpoint: Checkpoint
    cosigned: dict[str, datetime]
    findings: Findings

    @property
    def hash(self) -> str:
        """The SHA-256 of the entry, in hex."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def type(self) -> str:
        """The entry's first line, as `coffer.intent/v2`."""
        return self.entry.note.lines[0] if self.entry else "not an entry of Coffer"


def audit_proof(path: Path, policy_path: Path, entry_path: Path | None) -> ProvenEntry:
    """Verify the proof in a file.

    Raises: MalformedInput, NotProven or Unavailable at the first step that fails.
    """
    findings = Findings()
    policy = parse_policy(read_file(policy_path, MAX_POLICY_BYTES), "policy")
    proof = parse_proof(read_file(path, MAX_PROOF_BYTES), "proof")
    checkpoint = proof.checkpoint
    given = None if entry_path is None else read_file(entry_path, MAX_NOTE_BYTES)
    raw = proof.extra if given is None else given
    if raw is None:
        raise MalformedInput("proof: found no entry in it, expected --entry FILE")
    key = policy.logs.get(checkpoint.origin)
    if key is None:
        raise NotProven(f"proof checkpoint: found the log {checkpoint.origin}, expected one of the policy")
    verify_checkpoint(checkpoint, key, "proof checkpoint")
    findings.steps.append("checkpoint: signed by a log of the policy")
    verify_that(
        is_included(hash_leaf(raw), proof.index, checkpoint.size, proof.path, checkpoint.root),
        f"entry {proof.index}: found no inclusion in the checkpoint",
    )
    findings.steps.append("entry: included in the checkpoint")
    times = {
        name: cosigned_times(checkpoint.note, [witness], "proof checkpoint").get(witness.name)
        for name, witness in policy.witnesses.items()
    }
    cosigned = {name for name, time in times.items() if time is not None}
    verify_that(
        policy.is_satisfied(cosigned),
        f"proof checkpoint: found cosignatures of {len(cosigned)} witnesses of the policy, expected its quorum",
    )
    findings.steps.append("quorum: that of the policy cosigned")
    findings.conditions += [
        "the policy is the right one",
        "the entry is signed and has effect, which only the whole log shows",
    ]
    newest = {policy.witnesses[name].name: time for name, time in sorted(times.items(), key=lambda item: item[1] or 0)}
    return ProvenEntry(
        index=proof.index,
        raw=raw,
        entry=_parse(raw),
        checkpoint=checkpoint,
        cosigned={name: datetime.fromtimestamp(time, UTC) for name, time in newest.items() if time is not None},
        findings=findings,
    )


def _parse(raw: bytes) -> Entry | None:
    try:
        return parse_entry(raw)
    except (MalformedInput, NotProven):
        return None
