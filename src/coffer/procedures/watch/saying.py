"""What is told of a batch: what it gave, and what somebody should look at. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from coffer.procedures.ingest.decide import FileCount
from coffer.procedures.ingest.run import IngestSummary
from coffer.procedures.watch.decide import Piece, Wait
from coffer.procedures.watch.figures import Event, coarse, shown
from coffer.procedures.watch.topics.holding import Range
from coffer.vault.watched import Sums
from coffer.visible import counted

SHORTEST_NAME: Final = 4
"""Characters. Shorter names are part of ordinary words, and of no number or address that says who somebody is."""


def of_batch(files: Sequence[FileCount], batch: Sequence[Piece]) -> list[FileCount]:
    """The counts of a batch's own files, without those that were only read before them."""
    names = {piece.seen.name for piece in batch}
    return [file for file in files if file.name in names]


def without_names(message: str, names: Sequence[str]) -> str:
    """A message without names of files, which may hold a number or an address.

    Very short ones can hold neither.
    """
    for name in sorted(names, key=len, reverse=True):  # a name may be part of another
        if len(name) >= SHORTEST_NAME:
            message = message.replace(name, "a file")
    return message.removeprefix("a file: ")


def events_of_batch(
    folder: str, count: int, files: Sequence[FileCount], sums: Sums, changed: Sums, summary: IngestSummary
) -> list[Event]:
    """What a batch of ``count`` files gave.

    ``changed``: what became of growing files since the last batch.
    """
    if summary.batch is None:
        message = f"{counted(count, 'file')} known already: nothing was added"
        first = Event(kind="known", folder=folder, message=message, values={"files": count})
    else:
        counts = ", ".join(f"{shown(getattr(sums, what))} {what}" for what in ("read", "kept", "duplicate"))
        message = f"{counted(count, 'file')}: {counts}, {sums.rejected:,} rejected: entry {summary.entries[-1]}"
        values = {what: coarse(getattr(sums, what)) for what in ("read", "kept", "duplicate")}
        values |= {"files": count, "rejected": sums.rejected, "entry": summary.entries[-1]}
        first = Event(kind="batch", folder=folder, message=message, values=values)
    warnings = _warnings(files, changed, summary)
    return [first, *(Event(kind="warning", folder=folder, message=line, is_trouble=True) for line in warnings)]


def event_of_gap(topic: str, gap: Range) -> Event:
    """What Kafka deleted before it was taken."""
    message = f"partition {gap.partition}: offsets {gap.after} to {gap.start - 1} were deleted before they were taken"
    return Event(kind="warning", folder=topic, message=message, values={"missed": gap.missed}, is_trouble=True)


def events_of_messages(topic: str, sums: Sums, summary: IngestSummary) -> list[Event]:
    """What a batch of a topic's messages gave. Its gaps were told when they were seen."""
    counts = ", ".join(f"{shown(getattr(sums, what))} {what}" for what in ("read", "kept", "duplicate"))
    message = f"{counts}, {sums.rejected:,} rejected: entry {summary.entries[-1]}"
    values = {what: coarse(getattr(sums, what)) for what in ("read", "kept", "duplicate")}
    values |= {"rejected": sums.rejected, "missed": sums.missed, "entry": summary.entries[-1]}
    lines = _warnings(summary.files, Sums(), summary, "batch")
    warnings = [Event(kind="warning", folder=topic, message=line, is_trouble=True) for line in lines]
    return [Event(kind="batch", folder=topic, message=message, values=values), *warnings]


def unreadable_in(waiting: Mapping[str, int]) -> int:
    """How many of the waiting files this user may not read."""
    return waiting.get(Wait.UNREADABLE.name.lower(), 0)


def events_of_waiting(folder: str, before: Mapping[str, int], now: Mapping[str, int]) -> list[Event]:
    """What to tell of files that wait: only what somebody must mend, and once, when their number changes."""
    count = unreadable_in(now)
    if count in (0, unreadable_in(before)):
        return []
    message = f"{counted(count, 'file')} waiting that this user may not read: --report names them"
    return [Event(kind="warning", folder=folder, message=message, values={"files": count}, is_trouble=True)]


def _warnings(files: Sequence[FileCount], changed: Sums, summary: IngestSummary, of: str = "file") -> list[str]:
    lines = sorted({f"a file {file.remark}" for file in files if file.is_warned})
    if changed.lost_sight:
        lines.append(
            f"{counted(changed.lost_sight, 'file')} rotated out of sight: lines written after the last look are not here; let glob fit rotated names too"
        )
    bad = [file for file in files if file.rejected.total() > file.kept]
    if bad:
        lines.append(
            f"{counted(len(bad), of)} with more lines rejected than kept: coffer feed check shows how lines are read"
        )
    lines += [
        f"{one.day}: {one.kind}s grew by as many rows as were there: were some of them ingested before?"
        for one in summary.overlaps
    ]
    if summary.late:
        names = ", ".join(sorted({item.custodian for item in summary.late}))
        lines.append(f"receipts of {names} are missing for over 24 hours: coffer receipts")
    return lines
