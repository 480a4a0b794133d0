"""What the window knows of a vault: its public log, replayed and proven, and the tables of its tally.

Reads ``vault.toml``, ``log/`` and ``tally/`` alone. It needs no key of the operator, writes nothing, and takes no lock:
a writer makes files appear whole, and the checkpoint last.
"""

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import polars as pl

from coffer.errors import NotProven
from coffer.ledger.entries import BatchId, Body, EpochKeyEntry, ReceiptEntry, RevokeEntry
from coffer.ledger.facts import Invalid, Verdict
from coffer.ledger.grammar import parse_entry
from coffer.ledger.state import State
from coffer.notes.note import Note
from coffer.procedures.reports.totals import Tables, counting_batches, join_tables, read_batch
from coffer.procedures.reports.transparency import Dated
from coffer.translog.checkpoint import Checkpoint
from coffer.translog.merkle import leaf_hash, verify_inclusion
from coffer.translog.mirror import Mirror
from coffer.vault.folder import Vault
from coffer.visible import visible
from coffer.wire import Hash

T = TypeVar("T")
NO_EFFECT: Final = "no-effect"
"""Stands as the type of an entry that has no effect."""
_AT_ONCE: Final = 256
"""Entries applied before readers get a turn: some ten milliseconds."""


@dataclass(slots=True)
class Known:
    """The log up to ``state.size``, and what the window's pages say of it beside ``State``.

    ``types`` and ``times``: of each entry, ``NO_EFFECT`` and None where it has none. ``broken``: rule and reason of
    these. ``bodies``: what each says; None for a roster and where it has no effect. ``revokers``: who signed a
    revocation, by its index.
    """

    state: State
    types: list[str]
    times: list[dt.datetime | None]
    broken: dict[int, tuple[str, str]]
    bodies: list[Body | None]
    revokers: dict[int, tuple[str, ...]]

    @classmethod
    def empty(cls, *, origin: str, genesis: bytes) -> "Known":
        """Nothing seen yet."""
        return cls(State.empty(origin=origin, genesis=genesis), [], [], {}, [], {})

    @property
    def dated(self) -> Iterator[Dated]:
        """What every valid entry says, but rosters, keys of days and receipts, which are most of a log."""
        for index, (time, body) in enumerate(zip(self.times, self.bodies, strict=True)):
            if time is not None and body is not None and not isinstance(body, EpochKeyEntry | ReceiptEntry):
                yield Dated(index=index, time=time, body=body)

    def take(self, raw: bytes) -> None:
        """The next entry of the log."""
        self._note(self.state.apply(raw))

    def _note(self, verdict: Verdict) -> None:
        if isinstance(verdict, Invalid):
            self.types.append(NO_EFFECT)
            self.times.append(None)
            self.bodies.append(None)
            self.broken[verdict.index] = (verdict.rule, verdict.reason)
            return
        entry = verdict.entry
        self.types.append(type_of(entry.note))
        self.times.append(entry.time)
        self.bodies.append(entry.body)
        if isinstance(entry.body, RevokeEntry):
            self.revokers[verdict.index] = signers(entry.note)


def type_of(note: Note) -> str:
    """The type of an entry, from the first line of its text."""
    return note.text.split(b"/", 1)[0].removeprefix(b"coffer.").decode("ascii", "replace")


def signers(note: Note) -> tuple[str, ...]:
    """Who signed, without the role of the key."""
    names = (line.name.removesuffix("/auth").removesuffix("/resp") for line in note.signatures)
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenEntry:
    """One entry with the proof that it is in the tree (``size``, ``root``). ``text``: as it was signed.

    ``body`` is None for a roster, and for bytes that are no entry.
    """

    index: int
    raw: bytes
    body: Body | None
    signed_by: tuple[str, ...]
    leaf: Hash
    proof: tuple[Hash, ...]
    size: int
    root: Hash

    @property
    def text(self) -> str:
        """The bytes as text of lines; what is no text, or would mislead, is written out."""
        lines = self.raw.decode("utf-8", "backslashreplace").split("\n")
        return "\n".join(visible(line) for line in lines)


class Reading:
    """A vault as the window reads it. ``follow`` is called by one thread; the rest by many."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._mirror = Mirror.empty(vault.pins.log_key)
        self._known = Known.empty(origin=vault.pins.origin, genesis=vault.pins.genesis)
        self._lock = threading.Lock()
        self._checkpoint: Checkpoint | None = None
        self._raw = b""
        self._read: dict[BatchId, Sequence[pl.DataFrame]] = {}
        self._tables: tuple[Hash, Tables] | None = None

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint whose entries are known; None until the log was read for the first time."""
        return self._checkpoint

    def follow(self) -> bool:
        """Read what was logged since; whether anything was.

        Raises:
            NotProven: the log does not continue what was seen, or its entries do not give the root of its checkpoint.
            MalformedInput, Unavailable: a file of it is damaged or missing.
        """
        self.vault.refresh()
        raw = self.vault.log.checkpoint()
        if raw == self._raw:
            return False
        step = self._mirror.prepare(raw, self.vault.log.entries)
        for start in range(0, len(step.entries), _AT_ONCE):
            with self._lock:
                for entry in step.entries[start : start + _AT_ONCE]:
                    self._known.take(entry)
        self._mirror.commit(step)
        with self._lock:
            _ = self._known.state.roster  # raises where entry 0 is not the pinned genesis
            self._checkpoint = step.checkpoint
        self._raw = raw
        return True

    def look(self, act: Callable[[Known, Checkpoint], T]) -> T:
        """``act`` on what is known, while nothing changes. It must be short.

        Raises:
            NotProven: the log was not read yet, or not to its end.
        """
        with self._lock:
            checkpoint = self._checkpoint
            if checkpoint is None or checkpoint.head.size != self._known.state.size:
                raise NotProven("log: not read to its end yet")
            return act(self._known, checkpoint)

    def entry(self, index: int, checkpoint: Checkpoint) -> ProvenEntry:
        """An entry and its proof, as the files have them now.

        Raises:
            NotProven: it is not under the checkpoint: the files were changed.
        """
        head, log = checkpoint.head, self.vault.log
        raw, proof = log.entries(index, index + 1)[0], log.inclusion_proof(index, head.size)
        leaf = leaf_hash(raw)
        verify_inclusion(leaf=leaf, index=index, size=head.size, root=head.root, proof=proof)
        entry = None
        if self._known.types[index] != NO_EFFECT:
            entry = parse_entry(raw, f"entry {index}")
        return ProvenEntry(
            index=index,
            raw=raw,
            body=None if entry is None else entry.body,
            signed_by=() if entry is None else signers(entry.note),
            leaf=leaf,
            proof=tuple(proof),
            size=head.size,
            root=head.root,
        )

    def tables(self) -> Tables:
        """The tables of every batch that counts, each read and proven once. Call it in one thread at a time.

        Raises:
            NotProven: a table is not the one in the log.
            Unavailable: a table is missing.
        """
        root, batches, epsilon = self.look(
            lambda known, at: (at.head.root, counting_batches(known.state), known.state.roster.epsilon)
        )
        if self._tables is not None and self._tables[0] == root:
            return self._tables[1]
        read = {batch.batch: self._read.get(batch.batch) or read_batch(self.vault, batch) for batch in batches}
        tables = join_tables(list(read.values()), batches, epsilon)
        self._read, self._tables = read, (root, tables)
        return tables
