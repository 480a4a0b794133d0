"""Watch, the shell: looks at the folders, has batches ingested, moves what is in the log, and tells.

The order that makes it safe, for each batch: the journal says what the batch will add and names it (``on_logging``), the
log gets the entry, the journal's part counts because the log has the batch, and only then are files moved or deleted.
Killed between any two of these, the next start asks the log and goes on from there.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer.errors import CofferError, MalformedInput, Refused, Unavailable
from coffer.ledger.entries import BatchId
from coffer.procedures.ingest.decide import FileCount
from coffer.procedures.ingest.read import open_file
from coffer.procedures.ingest.run import IngestSummary, run_ingest
from coffer.procedures.ingest.sealer import HELD_ROWS
from coffer.procedures.ingest.sources import Source
from coffer.procedures.watch.books import Books
from coffer.procedures.watch.decide import (
    Piece,
    Plan,
    Seen,
    decide_changes,
    decide_plan,
    decide_predecessor,
    free_bytes_needed,
    free_names,
    retry_after_s,
)
from coffer.procedures.watch.figures import Event, Figures, figures_of
from coffer.procedures.watch.look import Watching, look, refreshed, status_of, verify_folders
from coffer.procedures.watch.numbers import number_of
from coffer.procedures.watch.reconcile import (
    dates_of,
    decide_sealed_by,
    forget,
    refuse,
    sums_of,
)
from coffer.procedures.watch.saying import (
    events_of_batch,
    events_of_waiting,
    of_batch,
    unreadable_in,
    without_names,
)
from coffer.procedures.watch.topics.watching import WatchingTopic
from coffer.procedures.watch.topics.work import TopicWork
from coffer.serving.figures import Figure
from coffer.vault.folder import Vault
from coffer.vault.watched import WATCH_LOCK, Delivery, Sums, Taken
from coffer.visible import counted

LOOK_S: Final = 5.0
"""Between two looks. Files that settle for half a minute need no more, and a look lists each folder once."""
REST_TIMES: Final = 10
"""So many times as long as a look took, it waits at least: looking at a hundred thousand kept files takes 1.7 s."""
_BUSY: Final = ("another watch runs on this vault", "one coffer watch serves all folders: add a table to its settings")


@dataclass(slots=True)
class _Pace:
    """When a folder's last batch was, how often it failed in a row, and when it is tried again."""

    last_batch: float | None = None
    failures: int = 0
    not_before: float = -math.inf


class Watcher:
    """Watches the folders of one vault. One thread calls ``run``; ``figures`` may be read from any."""

    def __init__(
        self,
        vault: Vault,
        folders: Sequence[Watching],
        *,
        tell: Callable[[Event], None],
        topics: Sequence[WatchingTopic] = (),
        workers: int = 1,
        held_rows: int = HELD_ROWS,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vault, self._tell = vault, tell
        self._folders = {one.name: one for one in folders}
        self._workers = workers
        self._held_rows = held_rows
        self._timer = timer
        names = [*self._folders, *(one.name for one in topics)]
        self._paces, self._figures = {name: _Pace() for name in names}, {name: Figures() for name in names}
        self._books = Books(vault)
        self._topics = {
            one.name: TopicWork(
                vault,
                one,
                books=self._books,
                figures=self._figures[one.name],
                tell=tell,
                workers=workers,
                held_rows=held_rows,
                timer=timer,
            )
            for one in topics
        }
        self._is_stopping = False

    def stop(self) -> None:
        """Begin no other batch. The one that is under way is finished."""
        self._is_stopping = True

    @property
    def refused(self) -> int:
        """How many files were refused since the start."""
        return sum(one.refused for one in self._figures.values())

    @property
    def unreadable(self) -> int:
        """How many files this user may not read, as of the last look."""
        return sum(unreadable_in(one.waiting) for one in self._figures.values())

    @property
    def missed(self) -> int:
        """How many offsets of topics were deleted before they were taken, as seen since the start."""
        return sum(one.missed for one in self._figures.values())

    def figures(self) -> Sequence[Figure]:
        """The figures of all folders, and of the disk."""
        try:
            free_bytes = self._vault.disk.room(self._vault.path)[1]
        except Unavailable:
            free_bytes = 0
        return figures_of(self._figures, free_bytes=free_bytes, now=self._vault.outside.clock())

    def run(self, *, is_once: bool, wait: Callable[[float], object], every_s: float = LOOK_S) -> None:
        """Work until ``stop``, or with ``is_once`` until nothing is due.

        ``wait`` waits for so many seconds, or less if it is to stop.

        Raises:
            NotProven: the log or the journal does not hold. Nothing else ends it, unless ``is_once``.
            Unavailable, Refused: with ``is_once``, the first that a folder failed with.
        """
        with ExitStack() as held:
            held.enter_context(self._vault.disk.locked(self._vault.path / WATCH_LOCK, what="watch", busy=_BUSY))
            for topic in self._topics.values():
                held.callback(topic.close)
            self._books.open(is_forgiving=not is_once)
            failed: dict[str, CofferError] = {}
            while not self._is_stopping:
                self._books.age()
                began, is_more = self._timer(), False
                for name in self._paces:
                    if not self._is_stopping and name not in failed:
                        did, error = self._turn(name, is_last=is_once)
                        is_more |= did
                        if error is not None and is_once:
                            failed[name] = error
                if is_more:
                    continue
                if is_once:
                    break
                wait(max(every_s, REST_TIMES * (self._timer() - began)))
        if failed:
            raise next(iter(failed.values()))

    def _turn(self, name: str, *, is_last: bool) -> tuple[bool, CofferError | None]:
        """One look and at most one batch; whether anything was done, and what it failed with."""
        pace, figures = self._paces[name], self._figures[name]
        if self._timer() < pace.not_before:
            return False, None
        try:
            did = self._work(name, pace, is_last=is_last)
        except (MalformedInput, Unavailable, Refused) as error:
            pace.failures += 1
            pace.not_before = self._timer() + (wait_s := retry_after_s(pace.failures))
            figures.failures, figures.is_in_trouble = figures.failures + 1, True
            message = error.message.removeprefix(f"[{name}]: ")
            message += "" if is_last else f": tried again in {wait_s} s"
            self._tell(Event(kind="trouble", folder=name, message=message, is_trouble=True))
            return False, error
        pace.failures = 0
        if figures.is_in_trouble and not (name in self._topics and self._topics[name].is_waiting):
            self._tell(Event(kind="well", folder=name, message="all is well again"))
            figures.is_in_trouble = False
        return did, None

    def _work(self, name: str, pace: _Pace, *, is_last: bool) -> bool:
        self._books.settle()
        if (topic := self._topics.get(name)) is not None:
            return topic.work(is_last=is_last, is_stopping=lambda: self._is_stopping)
        one = self._folders[name] = refreshed(self._folders[name])
        verify_folders(one)
        watched = self._vault.watched
        seen = look(one, watched.key)
        state = self._vault.replay()
        is_counting = lambda batch: batch in state.batches and batch not in state.withdrawn  # noqa: E731 - a question
        self._books.change(lambda journal: forget(journal, one.name, (file.key for file in seen), is_counting))
        kept = self._books.folder(one.name)
        since = None if pace.last_batch is None else self._timer() - pace.last_batch
        is_busy = one.settings.grows and since is not None  # what grows without end is read once by a run that ends
        plan = decide_plan(
            one.settings,
            seen,
            kept.taken,
            one.refused(kept),
            now=self._vault.outside.clock(),
            since_batch_s=since,
            is_last=is_last and not is_busy,
        )
        self._note_waiting(one, plan)
        self._finish(one, plan.finish, kept.taken)
        if plan.empty:
            self._take_unread(one, plan.empty, Sums(empty=len(plan.empty)))
        if plan.batch:
            self._verify_room(one, plan.batch)
            self._ingest(one, plan.batch, seen)
            pace.last_batch = self._timer()
        return bool(plan.batch or plan.empty)

    def _note_waiting(self, one: Watching, plan: Plan) -> None:
        figures = self._figures[one.name]
        before, figures.waiting = figures.waiting, plan.reasons()
        for event in events_of_waiting(one.name, before, figures.waiting):
            self._tell(event)
        figures.oldest_ns = min((file.now.changed_ns for file, _ in plan.waiting), default=None)

    def _verify_room(self, one: Watching, batch: Sequence[Piece]) -> None:
        """Refuse a batch that would fill the disk.

        Raises:
            Unavailable: there is less room than the batch may need.
        """
        free, needed = self._vault.disk.room(self._vault.path)[1], free_bytes_needed(batch)
        if free < needed:
            raise Unavailable(
                f"[{one.name}]: the vault's disk has {free:,} free bytes, {needed:,} needed for the next batch"
            )

    def _ingest(self, one: Watching, batch: Sequence[Piece], seen: Sequence[Seen]) -> None:
        """Ingest a batch. If a file makes it fail, halves are tried, until that file is alone and is refused."""
        try:
            self._ingest_whole(one, batch, seen)
        except MalformedInput as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                for half in (batch[:middle], batch[middle:]):
                    if not self._is_stopping:
                        self._ingest(one, half, seen)
                return
            (piece,) = batch
            if status_of(one.path / piece.seen.name) is None:
                return  # it was moved away since the look
            if Source.is_empty(str(one.path / piece.seen.name)):  # packed, with nothing in it
                self._take_unread(one, [piece.seen], Sums(empty=1))
                return
            why = without_names(error.message, [piece.seen.name])
            seen_now = piece.seen
            self._books.write(refuse(self._books.journal, one.name, one.feed_hash, seen_now.key, seen_now.now, why))
            self._figures[one.name].refused += 1
            message = f"a file was refused: {why}: --report names it"
            self._tell(Event(kind="refused", folder=one.name, message=message, is_trouble=True))

    def _ingest_whole(self, one: Watching, batch: Sequence[Piece], seen: Sequence[Seen]) -> None:
        taken = self._books.folder(one.name).taken
        changes = decide_changes(batch, seen, taken)
        changed = Sums(rotated=changes.rotated, truncated=changes.truncated, lost_sight=changes.lost_sight)

        def on_logging(batch_id: BatchId, files: Sequence[FileCount]) -> None:
            self._books.expect(self._delivery(one, batch, files, changed, batch_id), batch_id)

        try:
            pieces = [*self._predecessors(one, batch, seen, taken), *batch]
            paths = {piece.seen.name: str(one.path / piece.seen.name) for piece in pieces}
            summary = run_ingest(
                self._vault,
                one.feed,
                list(paths.values()),
                on_progress=lambda **_: None,
                on_rejects=lambda _name, _rejects: None,
                workers=self._workers,
                held_rows=self._held_rows,
                until={paths[piece.seen.name]: piece.until for piece in pieces if piece.until is not None},
                on_logging=on_logging,
            )
        except Unavailable as error:
            names = [file.name for file in seen]
            raise Unavailable(without_names(error.message, names), hint=error.hint) from error
        own = of_batch(summary.files, batch)
        if summary.batch is None:
            self._take_unread(one, [piece.seen for piece in batch], sums_of(own, has_batch=False) + changed)
        else:
            self._books.settle()
        self._count(one, batch, own, changed, summary)

    def _delivery(
        self, one: Watching, batch: Sequence[Piece], files: Sequence[FileCount], changed: Sums, batch_id: BatchId
    ) -> Delivery:
        """What the batch adds, which counts only once it is in the log."""
        own = of_batch(files, batch)
        new, key = {file.name: file.format for file in own if not file.known}, self._vault.watched.key
        numbers = [
            number_of(one.path, piece.seen, new[piece.seen.name], key) for piece in batch if piece.seen.name in new
        ]
        before = self._books.folder(one.name).taken
        return Delivery(
            folder=one.name,
            day=self._vault.outside.clock().date(),
            taken=decide_sealed_by({file.name: file for file in own}, batch, before, batch_id),
            sums=sums_of(own, has_batch=True) + changed,
            numbers=[number for number in numbers if number is not None],
            dates=dates_of([piece.seen for piece in batch]),
        )

    def _predecessors(
        self, one: Watching, batch: Sequence[Piece], seen: Sequence[Seen], taken: Mapping[bytes, Taken]
    ) -> list[Piece]:
        """Known files that must be read first, since events of their formats go on from one file to the next."""
        if not one.settings.grows:
            return []
        before = [
            decide_predecessor(piece, seen, taken)
            for piece in batch
            if open_file(str(one.path / piece.seen.name), one.feed).bound is None
        ]
        return list({piece.seen.key: piece for piece in before if piece is not None}.values())

    def _take_unread(self, one: Watching, files: Sequence[Seen], sums: Sums) -> None:
        """Files of which nothing is logged, because they are empty or known."""
        delivery = Delivery(
            folder=one.name,
            day=self._vault.outside.clock().date(),
            taken={file.key: file.now for file in files},
            sums=sums,
            dates=dates_of(files),
        )
        self._books.add(delivery)

    def _finish(self, one: Watching, files: Sequence[Seen], taken: Mapping[bytes, Taken]) -> None:
        """Move or delete files whose records are in the log, if they are still what was read.

        A file that another table wants too stays until that has taken it.
        """
        disk, settings = self._vault.disk, one.settings
        unchanged = [
            file
            for file in files
            if _is_as_taken(one.path / file.name, taken[file.key]) and not self._is_wanted_by_others(one, file)
        ]
        if not unchanged:
            return  # what changed since the look is seen by the next
        paths = [one.path / file.name for file in unchanged]
        try:
            if settings.marker:
                for path in paths:
                    disk.remove(path.with_name(path.name + settings.marker))
            if one.to is None:
                for path in paths:
                    disk.remove(path)
            else:
                names = free_names(disk.names(one.to), [path.name for path in paths])
                disk.publish([(path, one.to / name) for path, name in zip(paths, names, strict=True)])
            disk.sync_folder(one.path)
        except Unavailable as error:
            names = [file.name for file in unchanged]
            raise Unavailable(without_names(error.message, names), hint=error.hint) from error
        self._figures[one.name].finished += len(paths)
        what = "deleted" if one.to is None else "moved"
        message = f"{counted(len(paths), 'file')} {what}"
        self._tell(Event(kind=what, folder=one.name, message=message, values={"files": len(paths)}))

    def _is_wanted_by_others(self, one: Watching, file: Seen) -> bool:
        """Whether another table of the same folder has still to take a file."""
        for other in self._folders.values():
            if other is not one and other.path.resolve() == one.path.resolve() and other.settings.is_wanted(file.name):
                taken = self._books.folder(other.name).taken.get(file.key)
                if taken is None or not taken.is_same(file.now):
                    return True
        return False

    def _count(
        self, one: Watching, batch: Sequence[Piece], files: Sequence[FileCount], changed: Sums, summary: IngestSummary
    ) -> None:
        """Count and tell what a batch gave."""
        figures, sums = self._figures[one.name], sums_of(files, has_batch=summary.batch is not None)
        figures.sums += sums + changed
        figures.size_bytes += sum(piece.size_bytes for piece in batch)
        figures.last_batch = self._vault.outside.clock()
        for event in events_of_batch(one.name, len(batch), files, sums, changed, summary):
            self._tell(event)


def _is_as_taken(path: Path, taken: Taken) -> bool:
    """Whether a file is still what was read."""
    now = status_of(path)
    return now is not None and now.is_same(taken)
