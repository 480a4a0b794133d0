"""Ingest, the shell: reads files, seals, writes, logs. The steps are numbered in ``docs/procedures/ingest.md``."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from coffer.errors import Unavailable
from coffer.identity.numbering import plans
from coffer.ledger.entries import KIND_NAMES, BatchId, SegmentLine
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.procedures.ingest import FileCount, accepted_window, holders_for, ingest_entries, segment_line
from coffer.procedures.sources import Source
from coffer.procedures.split import GroupKey, split_records
from coffer.records.feed import Feed
from coffer.records.readers.csv import bind_layout, read_lines
from coffer.records.rejects import Rejects
from coffer.segments.header import SegmentCore, origin_hash
from coffer.segments.rows import PackedRows, concat_rows
from coffer.segments.seal import Entropy, seal_segment
from coffer.tally.exact import ExactCounts, count
from coffer.tally.release import format_table, release, tally_hash
from coffer.vault.folder import INGESTER, Vault

FLUSH_ROWS: Final = 8_000_000
"""Rows held in memory before they are sealed as a part: about 0.6 GiB, since plaintext is never spilled to a disk."""


class Progress(Protocol):
    """Told how far an ingest is."""

    def __call__(self, *, records: int, done_bytes: int) -> None:
        """``records`` read so far, ``done_bytes`` of the files as unpacked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What an ingest did. ``entries``: indexes in the log, empty if all files were known."""

    files: tuple[FileCount, ...]
    segments: int
    rows: int
    entries: tuple[int, ...]


class _Batch:
    """One ingest under way: rows by segment, the exact counts, and what is staged on disk."""

    def __init__(self, vault: Vault, state: State, feed: Feed, entropy: Entropy) -> None:
        self.id = BatchId(entropy(16))
        self.staged: list[tuple[Path, Path]] = []
        self.lines: list[SegmentLine] = []
        self.counts: ExactCounts | None = None
        self.rows = 0
        self.is_logging = False
        self._vault = vault
        self._state = state
        self._feed = feed
        self._entropy = entropy
        self._groups: dict[GroupKey, list[PackedRows]] = {}
        self._held = 0
        self._parts: Counter[GroupKey] = Counter()

    @property
    def _roster(self) -> Roster:
        return self._state.roster

    def add(self, groups: dict[GroupKey, PackedRows], counts: ExactCounts) -> None:
        """Step 4: take rows; seal all that is held once it is too much for memory."""
        for key, rows in groups.items():
            if key not in self._groups:
                holders_for(
                    key, self._roster, self._state
                )  # not the real check: fails early, before an hour of reading
            self._groups.setdefault(key, []).append(rows)
            self._held += len(rows)
        self.counts = counts if self.counts is None else self.counts.merge(counts)
        if self._held >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Steps 5 and 6: seal each group under fresh keys, check it, and stage its files."""
        for key in sorted(self._groups):
            rows = concat_rows(self._groups.pop(key))
            core = self._core(key)
            rule = self._roster.rules[key.rule]
            sealed = seal_segment(
                core,
                rows,
                clauses=tuple(int(clause) for clause in rule.clauses),
                holders=holders_for(key, self._roster, self._state),
                supersedes=bytes(32),
                entropy=self._entropy,
            )
            self.staged += self._vault.segments.stage(sealed)
            self.lines.append(segment_line(sealed.header, KIND_NAMES[key.kind]))
            self.rows += len(rows)
        self._held = 0

    def _core(self, key: GroupKey) -> SegmentCore:
        self._parts[key] += 1
        rule = self._roster.rules[key.rule]
        return SegmentCore(
            day=key.day,
            kind=key.kind,
            layout=int(self._feed.layout(key.kind)),
            custodians=len(self._roster.custodians),
            clauses=len(rule.clauses),
            part=self._parts[key] - 1,
            rule=key.rule,
            feed=self._feed.name,
            roster=self._roster.hash,
            origin=origin_hash(self._vault.pins.origin),
            nonce=self._entropy(32),
        )

    def discard(self) -> None:
        """Remove what is staged, unless logging has begun.

        Then only the log knows whether the batch exists, and the next command asks it.
        """
        if self.is_logging:
            return
        for temporary, path in self.staged:
            self._vault.disk.remove(temporary)
            self._vault.disk.remove(path)

    def stage_tally(self) -> bytes | None:
        """Step 7: the released tally, staged; its hash."""
        if self.counts is None:
            return None
        epsilon = self._roster.epsilon
        released = release(self.counts, feed=self._feed.name, country_names=plans().country_names, epsilon=epsilon)
        tables = [format_table(frame, epsilon) for frame in (released.hours, released.countries)]
        for path, raw in zip(self._vault.tally_paths(self.id), tables, strict=True):
            self.staged.append((self._vault.disk.stage(path, raw), path))
        return tally_hash(*tables)


def run_ingest(
    vault: Vault,
    feed: Feed,
    names: Sequence[str],
    *,
    clock: Callable[[], dt.datetime],
    entropy: Entropy,
    on_progress: Progress,
    on_rejects: Callable[[str, Rejects], None],
) -> IngestSummary:
    """Read files by a feed, seal what they hold, log it. Either all of it exists afterwards, or nothing.

    Raises:
        MalformedInput: a file is missing, empty, no text, or written in another way than the feed says.
        Unavailable: epoch keys are missing, the disk fails or is full, another command is writing.
    """
    sources = [Source.open(name) for name in names]
    with vault.writing() as state:
        batch = _Batch(vault, state, feed, entropy)
        try:
            files = [
                _read_file(
                    found,
                    vault=vault,
                    state=state,
                    feed=feed,
                    batch=batch,
                    now=clock(),
                    on_progress=on_progress,
                    on_rejects=on_rejects,
                )
                for found in _distinct(sources)
            ]
            if all(file.duplicate == file.read for file in files):
                return IngestSummary(files=tuple(files), segments=0, rows=0, entries=())
            batch.flush()
            tally = batch.stage_tally()
            vault.disk.publish(batch.staged)
            entries = _log(vault, state=state, feed=feed, batch=batch, files=files, tally=tally, clock=clock)
        except (
            BaseException
        ):  # also Ctrl-C: what was staged must not stay; what a kill leaves is removed by the next command
            batch.discard()
            raise
    return IngestSummary(files=tuple(files), segments=len(batch.lines), rows=batch.rows, entries=tuple(entries))


def _distinct(sources: Sequence[Source]) -> Iterator[tuple[Source, bytes, bool]]:
    """Step 1: each file with its content hash, and whether the same content came earlier in this very ingest."""
    seen: set[bytes] = set()
    for source in sources:
        content = source.content_hash()
        yield source, content, content in seen
        seen.add(content)


def _read_file(
    found: tuple[Source, bytes, bool],
    *,
    vault: Vault,
    state: State,
    feed: Feed,
    batch: _Batch,
    now: dt.datetime,
    on_progress: Progress,
    on_rejects: Callable[[str, Rejects], None],
) -> FileCount:
    """Steps 2 to 4 for one file."""
    source, content, is_repeated = found
    file = FileCount(name=source.name, file_id=vault.file_id(content))
    is_known = is_repeated or file.file_id in state.files
    layout = None if is_known else bind_layout(feed, source.first_line(), source.name)
    window = accepted_window(state.roster, now)
    for chunk in source.chunks(skip_lines=1 if feed.has_header else 0):
        if layout is None:
            lines = chunk.data.count(b"\n") + (not chunk.data.endswith(b"\n"))
            file.read += lines
            file.duplicate += lines
            on_progress(records=lines, done_bytes=len(chunk.data))
            continue
        parsed = read_lines(chunk.data, layout, first_line=chunk.first_line, window=window)
        file.read += parsed.lines
        file.kept += parsed.batch.num_rows
        file.rejected.update(parsed.rejects.counts())
        file.ambiguous += parsed.ambiguous
        on_rejects(source.name, parsed.rejects)
        split = split_records(parsed.batch, feed=feed, roster=state.roster)
        if parsed.batch.num_rows:
            home = plans().country_names.index(feed.home.country)
            batch.add(split.groups, count(split.counted, home=home))
        on_progress(records=parsed.lines, done_bytes=len(chunk.data))
    if not is_known and source.content_hash() != content:
        raise Unavailable(
            f"{source.name}: changed while it was read", hint="ingest a file only when its writer is done with it"
        )
    file.verify_plausible()
    return file


def _log(
    vault: Vault,
    *,
    state: State,
    feed: Feed,
    batch: _Batch,
    files: Sequence[FileCount],
    tally: bytes | None,
    clock: Callable[[], dt.datetime],
) -> list[int]:
    """Step 8: the moment at which the batch exists."""
    batch.is_logging = True
    key = vault.operator_key(INGESTER)
    bodies = ingest_entries(
        batch=batch.id, feed=feed.name, files=[file.line for file in files], segments=batch.lines, tally=tally
    )
    indexes = vault.append([vault.entry(body, key, state, clock) for body in bodies], state)
    if batch.id not in state.batches:
        raise AssertionError("our own ingest entry does not count in State")
    return indexes
