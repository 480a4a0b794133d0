"""Whether a place of objects holds what the log names, and nothing else. Nothing is changed.

State names every object. Each is asked for by its name; the place's own list serves only to find what nobody named.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final

from coffer.custody.logged import parse_logged_header
from coffer.disk import TEMPORARY
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import BatchId, SegmentId
from coffer.ledger.facts import Batch, Segment
from coffer.ledger.state import State
from coffer.notes.keys import VerifyKey
from coffer.objects.port import Objects
from coffer.objects.puts import TASKS
from coffer.replica import Replica
from coffer.segments.header import Header
from coffer.segments.manifest import batch_hash, entry_hash, verify_manifest
from coffer.segments.store import SEGMENTS, SUFFIXES, id_of, key_of, sizes_of
from coffer.sequencer.published import CHECKPOINT_KEY, read_published
from coffer.sequencer.shared import SharedLog
from coffer.tally.release import tally_hash
from coffer.translog import tiling
from coffer.translog.checkpoint import EMPTY, verify_checkpoint
from coffer.translog.store.files import FileLog
from coffer.vault.folder import Vault
from coffer.vault.pins import Pins
from coffer.vault.stored import LOG, memory_key, tally_keys

TALLY: Final = "tally/"
IN_ORDER: Final = (".header", ".manifest", ".rows")
"""A segment's objects, each of which proves the next."""
_AT_ONCE: Final = 32
"""Segments looked at together; each waits for the place most of the time."""
_CHUNK_BYTES: Final = 4 * 2**20
"""Rows read and hashed at a time: with all threads, 128 MiB."""


class Fault(StrEnum):
    """What can be wrong with an object."""

    MISSING = "missing"
    WRONG = "not the one in the log"
    CUT = "of another size"
    ORPHAN = "not in the log"
    DEAD = "dead and still there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One fault. ``key``: the object."""

    fault: Fault
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was looked at: how many segments, tallies and tiles, and the faults.

    ``is_deep``: manifests and rows were read.
    """

    segments: int
    tallies: int
    tiles: int
    is_deep: bool
    faults: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class SegmentProof:
    """What the objects of a segment must be, as far as it is known.

    Nothing is known without its header or its manifest.
    """

    segment: Segment
    header: Header | None = None
    entries: bytes | None = None

    def take(self, suffix: str, raw: bytes) -> "SegmentProof | None":
        """With one more object of it, in the order of ``IN_ORDER``; None if it is not the segment's."""
        try:
            if suffix == ".header":
                return SegmentProof(self.segment, parse_logged_header(raw, self.segment))
            if self.header is None:
                return None
            if suffix == ".manifest":
                return SegmentProof(self.segment, self.header, verify_manifest(raw, self.header))
        except (NotProven, MalformedInput):
            return None
        rows = memoryview(raw)
        is_its = (
            self.entries is not None
            and len(rows) == sizes_of(self.header)[suffix]
            and _rows_match(self.header, self.entries, lambda offset, size: rows[offset : offset + size])
        )
        return self if is_its else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a place should hold, by the proven log.

    ``tiles``: names of the log's tiles, and ``tile`` gives the bytes of one. ``key``: the log's. ``under_way``: keys that an
    ingest noted. ``held``: dead segments that may stay for a hold. ``needed``: those of them that must. ``memories``: of a
    vault's own store alone, batches whose memory other machines need, and ``is_remembered`` whether the one that is there
    can be read.
    """

    state: State
    tiles: tuple[str, ...]
    tile: Callable[[str], bytes]
    key: VerifyKey
    under_way: frozenset[str] = frozenset()
    held: frozenset[SegmentId] = frozenset()
    needed: frozenset[SegmentId] = frozenset()
    memories: tuple[BatchId, ...] = ()
    is_remembered: Callable[[BatchId], bool] = lambda _: True

    @property
    def living(self) -> list[Segment]:
        """The segments that must be there, those that stay for a hold included."""
        segments = self.state.segments.items()
        return [one for seg_id, one in segments if seg_id in self.needed or not self.state.is_dead(one)]

    @property
    def tallies(self) -> list[Batch]:
        """The batches whose tallies must be there."""
        batches = self.state.batches.values()
        return [batch for batch in batches if batch.tally is not None and batch.batch not in self.state.withdrawn]


def examine(objects: Objects, expected: Expected, *, is_deep: bool, known: Sequence[Found] | None = None) -> Examined:
    """Compare a place with the log.

    ``is_deep``: read every manifest and every row too. ``known``: what is wrong with segments and tallies, if somebody
    has looked already.

    Raises:
        Unavailable: the place does not answer.
    """
    unnamed = list(_unnamed(objects, expected))
    living, tallies = expected.living, expected.tallies
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        if known is None:
            of_each = [
                *pool.map(partial(faults_of_segment, objects, is_deep=is_deep), living),
                *pool.map(partial(faults_of_tally, objects), tallies),
            ]
            known = [one for its in of_each for one in its]
        faults = [
            *known,
            *(one for one in pool.map(partial(_of_tile, objects, expected), expected.tiles) if one is not None),
            *_of_checkpoint(objects, expected),
            *(one for one in pool.map(partial(_of_memory, objects, expected), expected.memories) if one is not None),
            *unnamed,
        ]
    return Examined(
        segments=len(living), tallies=len(tallies), tiles=len(expected.tiles), is_deep=is_deep, faults=tuple(faults)
    )


def counted_faults(faults: tuple[Found, ...]) -> dict[str, int]:
    """How many faults of each kind."""
    return dict(Counter(str(one.fault) for one in faults))


def faults_of_segment(objects: Objects, segment: Segment, *, is_deep: bool) -> list[Found]:
    """What is wrong with a segment's objects."""
    key = key_of(segment.line.day, segment.line.seg_id)
    sizes = {suffix: objects.size(f"{key}{suffix}") for suffix in SUFFIXES}
    faults = [Found(fault=Fault.MISSING, key=f"{key}{suffix}") for suffix, size in sizes.items() if size is None]
    if sizes[".header"] is None:
        return faults
    try:
        header = parse_logged_header(objects.read(f"{key}.header"), segment)
    except NotProven:
        return [*faults, Found(fault=Fault.WRONG, key=f"{key}.header")]
    for suffix, size in sizes_of(header).items():
        if sizes[suffix] not in {None, size}:
            faults.append(Found(fault=Fault.CUT, key=f"{key}{suffix}"))
    if is_deep and not faults:
        faults += _of_content(objects, key, header)
    return faults


def _of_content(objects: Objects, key: str, header: Header) -> Iterator[Found]:
    try:
        entries = verify_manifest(objects.read(f"{key}.manifest"), header)
    except (NotProven, MalformedInput):
        yield Found(fault=Fault.WRONG, key=f"{key}.manifest")
        return
    with closing(objects.parts(f"{key}.rows")) as parts:
        if not _rows_match(header, entries, parts.read):
            yield Found(fault=Fault.WRONG, key=f"{key}.rows")


def _rows_match(header: Header, entries: bytes, read: Callable[[int, int], bytes | memoryview]) -> bool:
    """Whether the rows are those of the manifest's entries."""
    size = header.core.batch_rows * header.core.row_bytes
    together, count = max(1, _CHUNK_BYTES // size), header.rows // header.core.batch_rows
    for first in range(0, count, together):
        chunk = memoryview(read(first * size, min(together, count - first) * size))
        for index in range(first, min(first + together, count)):
            batch = chunk[(index - first) * size : (index - first + 1) * size]
            if batch_hash(batch, seg_id=header.core.seg_id, index=index) != entry_hash(entries, index):
                return False
    return True


def faults_of_tally(objects: Objects, batch: Batch) -> list[Found]:
    """What is wrong with a batch's tally."""
    keys = tally_keys(batch.batch)
    missing = [Found(fault=Fault.MISSING, key=key) for key in keys if not objects.is_there(key)]
    if missing:
        return missing
    is_its = tally_hash(*(objects.read(key) for key in keys)) == batch.tally
    return [] if is_its else [Found(fault=Fault.WRONG, key=keys[0])]  # or its twin: the log has one hash for both


def _of_tile(objects: Objects, expected: Expected, name: str) -> Found | None:
    key = f"{LOG}{name}"
    if not objects.is_there(key):
        return Found(fault=Fault.MISSING, key=key)
    return None if objects.read(key) == expected.tile(name) else Found(fault=Fault.WRONG, key=key)


def _of_checkpoint(objects: Objects, expected: Expected) -> Iterator[Found]:
    """Any checkpoint of this log will do: the newest one is published a moment after it is logged."""
    published = read_published(objects, expected.key)
    if published.is_damaged or published.head == EMPTY:
        yield Found(fault=Fault.WRONG if published.is_damaged else Fault.MISSING, key=CHECKPOINT_KEY)


def _of_memory(objects: Objects, expected: Expected, batch: BatchId) -> Found | None:
    key = memory_key(batch)
    if not objects.is_there(key):
        return Found(fault=Fault.MISSING, key=key)
    return None if expected.is_remembered(batch) else Found(fault=Fault.WRONG, key=key)


def dead_keys(objects: Objects, expected: Expected) -> list[str]:
    """What the log says is dead and a place still has, as far as its list shows."""
    return [one.key for one in _unnamed(objects, expected) if one.fault is Fault.DEAD]


def _unnamed(objects: Objects, expected: Expected) -> Iterator[Found]:
    """What a list shows and the log does not want."""
    listed = [key for prefix in (SEGMENTS, TALLY, TASKS) for key in objects.keys(prefix) if TEMPORARY not in key]
    segments = {segment.line.seg_id.hex() for segment in expected.living} | {one.hex() for one in expected.held}
    dead = {seg_id.hex() for seg_id in expected.state.segments} - segments
    tallies = {key for batch in expected.tallies for key in tally_keys(batch.batch)}
    withdrawn = {key for batch in expected.state.withdrawn for key in tally_keys(batch)}
    for key in listed:
        if key in expected.under_way or key in tallies or (key.startswith(SEGMENTS) and id_of(key) in segments):
            continue
        is_dead = key in withdrawn or (key.startswith(SEGMENTS) and id_of(key) in dead)
        yield Found(fault=Fault.DEAD if is_dead else Fault.ORPHAN, key=key)


def expected_of(vault: Vault) -> Expected:
    """What a vault's objects should be: its whole log is proven first, tile by tile.

    Raises:
        NotProven, MalformedInput, Unavailable: the log in the vault's folder is damaged.
    """
    vault.log.verify()
    state, head = vault.replay_to_head()
    noted = frozenset() if vault.stored is None else vault.stored.noted()

    def tile(name: str) -> bytes:
        return vault.disk.read(vault.path / LOG / name)

    dead = {seg_id for seg_id, segment in state.segments.items() if state.is_dead(segment)}
    tiles, held = tuple(tiling.tiles_between(0, head.size)), frozenset(dead - vault.removable(state))
    expected = Expected(
        state=state,
        tiles=tiles,
        tile=tile,
        key=vault.pins.log_key,
        under_way=noted,
        held=held,
        needed=frozenset(vault.held.needed(state, vault.shown(state))),
    )
    if vault.machines is None:
        return expected
    expected = replace(expected, memories=tuple(state.batches.keys() - state.withdrawn.keys()))
    with suppress(Refused, Unavailable):  # without the operator's keys only what is missing is named
        return replace(expected, is_remembered=partial(vault.machines.is_remembered, vault.ingested.key()))
    return expected


def expected_by(objects: Objects, pins: Pins, log: FileLog) -> Expected:
    """What a place should be by the log that lies in it, proven by the pins.

    ``log``: an empty one, which keeps what was proven. Nothing of the vault's folder is needed, so that a copy can be
    proven and copied by whoever has its pins.

    Raises:
        NotProven, MalformedInput, Unavailable: the log is not the pinned one, is damaged, or is not there.
    """
    shared = SharedLog(objects)
    checkpoint = shared.checkpoint()
    if not checkpoint:
        raise Unavailable(
            f"{LOG}{tiling.CHECKPOINT}: not there, or empty",
            hint="is the address right? Nothing is known of a place without it: restore it from the vault or a copy",
        )
    head = verify_checkpoint(checkpoint, pins.log_key, f"{LOG}{tiling.CHECKPOINT}").head
    log.follow(shared.entries(0, head, lambda entries: log.grown(entries) == head), checkpoint)
    replica = Replica.empty(log_key=pins.log_key, genesis=pins.genesis)
    state = replica.after(replica.prepare(checkpoint, log.entries)).state
    _ = state.roster  # there is none if genesis is another one
    # which of its dead segments a hold needs only the vault's folder tells
    held = frozenset(state.segments) if state.holds_open(state.newest) else frozenset[SegmentId]()
    tiles = tuple(tiling.tiles_between(0, head.size))
    return Expected(state=state, tiles=tiles, tile=log.tile, key=pins.log_key, held=held)
