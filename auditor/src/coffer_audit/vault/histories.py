"""The parties that cosigned two histories of one log (docs/procedures/opening.md, "Cosigned")."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from coffer_audit.errors import Findings, Unavailable
from coffer_audit.log.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from coffer_audit.log.cosigners import find_cosigners
from coffer_audit.log.folder import LogCopy
from coffer_audit.trust import Trust
from coffer_audit.vault.opened import open_vault
from coffer_audit.wire import Cursor, list_folder, read_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


MAX_KEPT_BYTES = 1 << 25
KEPT = ("cosigned.old", "cosigned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A checkpoint that somebody kept, with its cosigners.

    `history`: the place of its log in the list; None if it belongs to none of them.
    """

    place: str
    checkpoint: Checkpoint
    history: int | None
    cosigners: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """The copies of one log that several parties hold.

    `liars`: by name, two checkpoints that cannot belong to the same log.
    """

    trust: Trust
    checkpoint: Checkpoint
    findings: Findings
    seen: int
    logs: int
    liars: dict[str, tuple[Seen, Seen]]


def compare_histories(folders: list[Path], log_key: str | None, genesis: str | None) -> Histories:
    """Read the log and the kept checkpoints of each folder, and name those who cosigned two histories.

    A folder is a vault's or a custodian's.
    """
    findings, logs, audits, seen = Findings(), list[LogCopy](), [], list[Seen]()
    for folder in folders:
        at = folder / "mirror" if (folder / "custodian.toml").is_file() else folder
        audited, _ = open_vault(at, log_key, genesis)
        findings.violations += audited.findings.violations
        audits.append(audited)
        logs.append(audited.log)
    rosters = [roster for audited in audits for roster in audited.state.rosters]
    for folder in folders:
        for place, raw in _read_kept(folder):
            checkpoint = parse_checkpoint(raw, place)
            verify_checkpoint(checkpoint, audits[0].trust.key, place)
            names = frozenset(name for roster in rosters for name in find_cosigners(checkpoint, roster))
            seen.append(
                Seen(place=place, checkpoint=checkpoint, history=_find_history(checkpoint, logs), cosigners=names)
            )
    seen = _merge(seen)
    liars: dict[str, tuple[Seen, Seen]] = {}
    for name in sorted({name for item in seen for name in item.cosigners}):
        if pair := _find_pair([item for item in seen if name in item.cosigners], logs):
            liars[name] = pair
    for name, pair in sorted(liars.items()):
        sizes = " and ".join(f"size {item.checkpoint.size}, root {item.checkpoint.root.hex()}" for item in pair)
        findings.violate("FORKED", f"custodian {name}: found its cosignature on two histories: {sizes}")
    for item in seen:
        if item.history is None:
            who = ", ".join(sorted(item.cosigners)) or "nobody"
            findings.warn("FORKED", f"{item.place}: found a checkpoint of no log given here, cosigned by {who}")
    return Histories(
        trust=audits[0].trust,
        checkpoint=logs[0].checkpoint,
        findings=findings,
        seen=len(seen),
        logs=len({log.checkpoint.root for log in logs}),
        liars=liars,
    )


def _read_kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Give every checkpoint under which a custodian of the folder answered."""
    homes = [folder, *(folder / "custodians" / name for name in list_folder(folder / "custodians"))]
    if not any((home / name).is_file() for home in homes for name in KEPT):
        raise Unavailable(f"{str(folder)!a}: found no file cosigned, expected a vault or a custodian's folder")
    for path in (home / name for home in homes for name in KEPT):
        if path.is_file():
            cursor = Cursor(read_file(path, MAX_KEPT_BYTES), f"{path.parent.name}/{path.name}")
            while not cursor.is_at_end():
                yield f"{path.parent.name}/{path.name}", cursor.prefixed()


def _find_history(checkpoint: Checkpoint, logs: list[LogCopy]) -> int | None:
    for number, log in enumerate(logs):
        if checkpoint.size <= len(log.entries) and log.tree.root_at(checkpoint.size) == checkpoint.root:
            return number
    return None


def _merge(seen: list[Seen]) -> list[Seen]:
    """Give each checkpoint once, with everyone who cosigned any copy of it."""
    merged: dict[bytes, Seen] = {}
    for item in seen:
        was = merged.get(item.checkpoint.note.text, item)
        merged[item.checkpoint.note.text] = replace(was, cosigners=was.cosigners | item.cosigners)
    return list(merged.values())


def _find_pair(cosigned: list[Seen], logs: list[LogCopy]) -> tuple[Seen, Seen] | None:
    """Give two checkpoints that are proven not to belong to the same log; None if there are none.

    They have the same size, or lie behind the entry at which two logs diverge.
    """
    sizes: dict[int, Seen] = {}
    for item in cosigned:
        other = sizes.setdefault(item.checkpoint.size, item)
        if other.checkpoint.root != item.checkpoint.root:
            return other, item
    for first, second in combinations(range(len(logs)), 2):
        common = _find_common(logs[first], logs[second])
        pair = [
            next((item for item in cosigned if item.history == number and item.checkpoint.size > common), None)
            for number in (first, second)
        ]
        if pair[0] and pair[1] and common < min(len(logs[first].entries), len(logs[second].entries)):
            return pair[0], pair[1]
    return None


def _find_common(one: LogCopy, other: LogCopy) -> int:
    """Give the number of entries that both begin with."""
    low, high = 0, min(len(one.entries), len(other.entries))
    while low < high:
        middle = (low + high + 1) // 2
        same = one.tree.root_at(middle) == other.tree.root_at(middle)
        low, high = (middle, high) if same else (low, middle - 1)
    return low
