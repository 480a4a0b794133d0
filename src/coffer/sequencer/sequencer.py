"""Appends to a log that several machines write.

Implements ``docs/procedures/sequencing.md``; the numbers of its steps stand here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.notes.keys import SigningKey, VerifyKey
from coffer.sequencer.port import CheckpointStore, Row
from coffer.sequencer.published import CHECKPOINT_KEY, parse_published, verify_continued
from coffer.sequencer.shared import REPLACED, SharedLog
from coffer.sequencer.turns import Lost, Pace, Turn, taking
from coffer.translog import tiling
from coffer.translog.checkpoint import EMPTY, Checkpoint, TreeHead, sign_checkpoint, verify_checkpoint
from coffer.translog.store.files import FileLog

PLACE: Final = "checkpoints"
_TRIES: Final = 8
"""Rounds of publishing. Each further one means that another machine went on meanwhile."""
_OLDER: Final = (
    "was an older copy of it put back? nothing was logged: put the newest published checkpoint into the store"
)

_MENDED: Final = (
    "coffer tidy on a machine that has these entries mends the shared log, and so may its next entry; then run this "
    "again. If every machine says so, keep everything as it is, and compare with a custodian's copy"
)


class Sequencer:
    """The order of a log among its machines.

    ``log``: this machine's own copy. The caller is the only one on this machine that writes it, for each method.
    ``say``: tells what is left undone for the next turn.
    """

    def __init__(
        self,
        *,
        log: FileLog,
        shared: SharedLog,
        store: CheckpointStore,
        key: VerifyKey,
        entropy: Entropy,
        say: Callable[[str], None],
        pace: Pace | None = None,
    ) -> None:
        self._log = log
        self._shared = shared
        self._store = store
        self._key = key
        self._entropy = entropy
        self._say = say
        self._pace = pace or Pace()
        self._turn: Turn | None = None
        self._published = b""

    def begin(self) -> bool:
        """Make a place for this log in the store; whether nothing was logged under its origin yet."""
        self._store.begin()
        return not self._read().checkpoint

    @contextmanager
    def turn(self, wait_s: float) -> Iterator[None]:
        """Steps 1 to 3: hold the turn, with this copy of the log current and all that was decided published.

        Raises:
            Unavailable: another machine holds it, or one of the stores does not answer.
            NotProven: the store has another or an older log than this copy.
        """
        with taking(self._store, self._entropy, wait_s=wait_s, pace=self._pace) as turn:
            self.publish()
            if turn.replaced:
                self._shared.sweep()
            self._turn = turn
            try:
                yield
            finally:
                self._turn = None

    def refresh(self) -> None:
        """Bring this copy of the log up to the newest checkpoint, without a turn. Raises as ``turn``."""
        self._follow(self._read())

    def append(self, entries: Sequence[bytes], signer: SigningKey) -> Checkpoint:
        """Steps 4 to 6: add entries under one new checkpoint. Only within ``turn``.

        When this returns, or later fails at writing them, the entries are logged.

        Raises:
            Lost: another machine has the turn. Nothing was logged.
            Unavailable: a store does not answer. The entries may be logged: the next command that looks will know.
        """
        turn = self._turn
        assert turn is not None, "only whoever has the turn appends"
        if self._log.head() != self._head(turn.checkpoint):
            raise Lost(is_in_doubt=False)  # another machine's entries came in between
        if self._published != self._own():
            self.publish()  # what comes next is staged behind it
        head = self._log.grown(entries)
        self._shared.stage(head, entries)
        try:
            turn.confirm()  # else whoever was stopped while it staged would sign a tree that will never be
            checkpoint = sign_checkpoint(head, signer)  # it leaves this process by the swap alone
            self._swap(turn, checkpoint, entries)
        except Lost:
            self._forget(head)
            raise
        try:
            self.publish()
        except Unavailable as error:
            self._say(f"the shared log: left for the next command that writes: {error.message}")
        return checkpoint

    def _swap(self, turn: Turn, checkpoint: Checkpoint, entries: Sequence[bytes]) -> None:
        """Decide for a checkpoint, and bring this copy of the log there."""
        try:
            turn.swap(checkpoint.note.raw)
        except Lost as lost:
            if not (lost.is_in_doubt and self._is_logged(checkpoint.head, entries)):
                raise
        else:
            self._log.follow(entries, checkpoint.note.raw)

    def publish(self, *, is_cosigned: bool = False) -> None:
        """Step 6: make the shared log the newest that was decided, whoever decided it; the checkpoint last.

        ``is_cosigned``: this machine has newer cosignatures of a checkpoint that may be published already.

        Whoever is stopped within this and goes on later may put an older checkpoint there. So the store is asked again
        after each writing, until both are the same.

        Raises:
            Unavailable: one of the stores does not answer.
            NotProven: the shared log is another or a newer one than that of the store.
        """
        for _ in range(_TRIES):
            shared = self._shared.checkpoint()  # before the row, which is at least as new
            published = parse_published(shared, self._key)
            before, newest = published.head, self._follow(self._read(self._pace.patience_s))
            if before.size > newest.size or (before.size == newest.size and before.root != newest.root):
                raise NotProven(f"log: {before.size} entries are published, {PLACE} have {newest.size}", hint=_OLDER)
            if newest == EMPTY:
                return
            raw = self._log.checkpoint()
            if shared is not None and before == newest and (shared == raw or not is_cosigned):
                self._published = raw
                return
            # So that no tile of it is replaced. A damaged checkpoint is: the row and this copy are proven.
            verify_continued(self._shared.objects, published, self._log, newest.size, "the shared log")
            junk = self._shared.write(tiling.tiles_between(before.size, newest.size), self._log.tile)
            for key in [*junk, CHECKPOINT_KEY] if published.is_damaged else junk:
                self._say(REPLACED.format(key=key))
            self._shared.publish(raw)
            self._shared.unstage(newest)
            if self._head(self._read(self._pace.patience_s).checkpoint) == newest:
                self._published = raw
                return
        raise Unavailable("log: its checkpoint changes all the time")

    def publish_cosigned(self) -> None:
        """Publish what witnesses added to the checkpoint in this turn, if they did."""
        if self._published != self._own():
            self.publish(is_cosigned=True)

    def _own(self) -> bytes:
        return self._log.checkpoint() if self._log.size() else b""

    def _follow(self, row: Row) -> TreeHead:
        """Bring this copy of the log up to a row's checkpoint, proven; returns its head."""
        newest, own = self._head(row.checkpoint), self._log.head()
        if newest.size < own.size or (newest.size == own.size and newest.root != own.root):
            raise NotProven(f"log: {own.size} entries are here, {PLACE} have {newest.size}", hint=_OLDER)
        if newest.size > own.size:
            self._log.remove_orphans()  # of a step that was cut short; it is made again
            self._log.follow(self._entries(own.size, newest), row.checkpoint)
        return newest

    def _entries(self, start: int, newest: TreeHead) -> Sequence[bytes]:
        """The shared entries from the end of this copy. Raises as ``turn``."""
        what = f"log: entries {start + 1} to {newest.size} of the shared log"
        try:
            entries = self._shared.entries(start, newest, lambda new: self._log.grown(new) == newest)
        except MalformedInput as error:
            raise Unavailable(f"{what} are damaged ({error.message})", hint=_MENDED) from error
        if self._log.grown(entries) != newest:
            raise NotProven(f"{what} do not give the root that {PLACE} have", hint=_MENDED)
        return entries

    def _read(self, patience_s: float = 0.0) -> Row:
        """The row, asked for at least twice: a connection may have gone since the last time."""
        until = self._pace.running() + patience_s
        while True:
            with suppress(Unavailable):
                return self._store.read()
            if self._pace.running() >= until:
                return self._store.read()
            self._pace.pause(self._pace.look_s)

    def _head(self, raw: bytes) -> TreeHead:
        return verify_checkpoint(raw, self._key, PLACE).head if raw else EMPTY

    def _is_logged(self, head: TreeHead, entries: Sequence[bytes]) -> bool:
        """Whether these entries are logged where they should be, though the answer to it was lost."""
        self.refresh()
        first = head.size - len(entries)
        return self._log.size() >= head.size and list(self._log.entries(first, head.size)) == list(entries)

    def _forget(self, head: TreeHead) -> None:
        """Remove what was staged for a tree that will never be."""
        with suppress(Unavailable, NotProven):  # whoever replaces a silent machine sweeps
            if self._head(self._read().checkpoint) != head:
                self._shared.unstage(head)
