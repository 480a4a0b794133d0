"""The account of what was delivered: sums of days, gaps in numbers, missing dates. Pure.

Source of numbers: 3GPP TS 32.297, 6.1.1 (file sequence number of the header) and 6.2 (running count of the name).
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from coffer.procedures.ingest.decide import FileCount
from coffer.procedures.watch.decide import Piece, Seen, Wait
from coffer.records.rejects import Reason
from coffer.vault.watched import EXACT_FOR, KEPT_FOR, Chain, Delivery, Folder, Journal, Sums, Taken

MAX_GAP: Final = 10_000
"""Missing numbers between two files. More means that the counter began anew, which is no gap."""
MAX_CHAINS: Final = 1_000
"""Sources of one folder. Beyond it new sources are not followed."""
MAX_RANGES: Final = 1_000
"""Ranges of one source. Beyond it the lowest are forgotten, with the gaps between them."""
MAX_DATES: Final = 400
_NAME: Final = re.compile(r"(.{1,120})_-_(\d{1,10})\.(\d{8})_-_\d{4}[+-]\d{4}(?:_-_.*)?(?:\..*)?")
_DATE: Final = re.compile(r"(?<!\d)(20\d\d)([-_]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?=(?:\d{4}|\d{6})?(?!\d))")


def parse_running_count(name: str) -> tuple[str, int] | None:
    """Node and running count of a name like ``NODE1_-_17.20261129_-_2315+0100``; None of any other."""
    match = _NAME.fullmatch(name)
    return None if match is None else (match[1], int(match[2]))


def date_of(name: str, changed_ns: int) -> dt.date:
    """The day for which a file is: the one date in its name, else the day of its last change (UTC)."""
    dates = set()
    for year, _, month, day in _DATE.findall(name):
        try:
            dates.add(dt.date(int(year), int(month), int(day)))
        except ValueError:  # 31 February: not a date
            continue
    if len(dates) == 1:
        return dates.pop()
    return dt.datetime.fromtimestamp(changed_ns // 1_000_000_000, dt.UTC).date()


def dates_of(files: Sequence[Seen]) -> list[dt.date]:
    """The days for which these files are."""
    return sorted({date_of(file.name, file.now.changed_ns) for file in files})


def sums_of(files: Sequence[FileCount], *, has_batch: bool) -> Sums:
    """What the files of one ingest add to a day. Records that were sealed before are left out."""
    new = [file for file in files if not file.is_known]
    rejected, skipped = Counter[str](), Counter[str]()
    for file in new:
        rejected.update(file.rejected)
        skipped.update(file.skipped)
    return Sums(
        files=sum(not file.known for file in new),
        grown=sum(file.known > 0 for file in new),
        known=len(files) - len(new),
        batches=int(has_batch),
        read=sum(file.read - file.known for file in files),
        kept=sum(file.kept for file in files),
        rejected=rejected.total(),
        duplicate=sum(file.duplicate - file.known for file in files),
        skipped=skipped.total(),
        reasons=dict(rejected),
        skips=dict(skipped),
    )


def add(journal: Journal, delivery: Delivery) -> Journal:
    """The journal with one more delivery, which counts."""
    folder = journal.folders.get(delivery.folder, Folder())
    chains, repeated = _with_numbers(folder.chains, delivery.numbers)
    day = delivery.day
    sums = folder.days.get(day, Sums()) + delivery.sums + Sums(repeated=repeated)
    grown = replace(
        folder,
        taken=folder.taken | delivery.taken,
        days=folder.days | {day: sums},
        chains=chains,
        dates=sorted({*folder.dates, *delivery.dates})[-MAX_DATES:],
    )
    return aged(replace(journal, folders=journal.folders | {delivery.folder: grown}), day)


def aged(journal: Journal, today: dt.date) -> Journal:
    """The journal with the sums of older days rounded, and those of old days gone.

    It is the same object if nothing is to be done.
    """
    folders = {name: replace(folder, days=_aged(folder.days, today)) for name, folder in journal.folders.items()}
    return journal if folders == journal.folders else replace(journal, folders=folders)


def _aged(days: Mapping[dt.date, Sums], today: dt.date) -> dict[dt.date, Sums]:
    kept = ((day, sums) for day, sums in days.items() if day + KEPT_FOR >= today)
    return {day: sums if day + EXACT_FOR >= today or not sums.is_exact else sums.rounded() for day, sums in kept}


def refuse(journal: Journal, name: str, feed: bytes, key: bytes, was: Taken, why: str) -> Journal:
    """The journal with a file of which nothing could be read by this feed, and what is said of it."""
    folder = journal.folders.get(name, Folder())
    refused, reasons = (folder.refused, folder.why) if folder.feed == feed else ({}, {})
    changed = replace(folder, refused=refused | {key: was}, why=reasons | {key: why}, feed=feed)
    return replace(journal, folders=journal.folders | {name: changed})


def forgive(journal: Journal) -> Journal:
    """The journal without refusals: every file is tried again."""
    folders = {name: replace(folder, refused={}, why={}) for name, folder in journal.folders.items()}
    return replace(journal, folders=folders)


def settle(journal: Journal, *, is_logged: bool) -> Journal:
    """The journal with nothing pending: what was counts if the log has its batch."""
    settled = replace(journal, pending=None, pending_batch=b"")
    return add(settled, journal.pending) if journal.pending is not None and is_logged else settled


def forget(journal: Journal, name: str, there: Iterable[bytes], is_counting: Callable[[bytes], bool]) -> Journal:
    """The journal without files that are gone, or whose batch does not count.

    ``is_counting``: whether the log has a batch and it was not superseded. An older copy of the log may lack it.
    """
    folder = journal.folders.get(name)
    if folder is None:
        return journal
    keys = set(there)
    batches = {batch for batch in {one.batch for one in folder.taken.values()} if not batch or is_counting(batch)}
    taken = {key: one for key, one in folder.taken.items() if key in keys and one.batch in batches}
    refused = {key: one for key, one in folder.refused.items() if key in keys}
    why = {key: text for key, text in folder.why.items() if key in refused}
    changed = replace(folder, taken=taken, refused=refused, why=why)
    return replace(journal, folders=journal.folders | {name: changed})


def _with_numbers(chains: Sequence[Chain], numbers: Sequence[tuple[bytes, int]]) -> tuple[list[Chain], int]:
    """The chains with these numbers, and how many of them had come before."""
    by_node: dict[bytes, list[tuple[int, int]]] = {chain.node: chain.ranges for chain in chains}
    repeated = 0
    for node, number in numbers:
        if node not in by_node and len(by_node) == MAX_CHAINS:
            continue
        ranges = by_node.get(node, [])
        repeated += any(low <= number <= high for low, high in ranges)
        by_node[node] = joined([*ranges, (number, number)])[-MAX_RANGES:]
    return [Chain(node=node, ranges=ranges) for node, ranges in by_node.items()], repeated


def joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges ascending, those that touch or overlap as one."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return result


def gaps(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The missing numbers between ranges, as ranges."""
    holes = [(low[1] + 1, high[0] - 1) for low, high in pairwise(ranges)]
    return [(first, last) for first, last in holes if last - first < MAX_GAP]


def missing_dates(dates: Sequence[dt.date], day: dt.date) -> list[dt.date]:
    """The days since the first date, up to ``day``, for which no file came."""
    if not dates:
        return []
    first, there = dates[0], set(dates)
    days = (first + dt.timedelta(days=n) for n in range(min((day - first).days, MAX_DATES) + 1))
    return [one for one in days if one not in there]


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderReport:
    """The account of one folder.

    ``sums``: of the day. ``numbered``: sources whose files have numbers. ``missing_numbers``: source, counted from 1 in
    the order in which they came, and first and last missing number. ``missing_dates``: empty unless it is daily.
    ``waiting``: files that wait now. ``why``: of the refused, by the key of each. ``unfinished``: files in the log that are still to be moved or deleted.
    ``unfit``: files of the folder, if ``glob`` fits none of them.
    ``trouble``: why the folder cannot be looked at; empty if it can.
    """

    name: str
    sums: Sums
    numbered: int
    missing_numbers: tuple[tuple[int, int, int], ...]
    missing_dates: tuple[dt.date, ...]
    waiting: tuple[tuple[Seen, Wait], ...]
    unfinished: int
    unfit: int = 0
    trouble: str = ""
    why: Mapping[bytes, str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, lost, refused, unreadable or in trouble."""
        is_stuck = any(wait in (Wait.REFUSED, Wait.UNREADABLE) for _, wait in self.waiting)
        is_short = self.missing_numbers or self.missing_dates or self.sums.lost_sight or self.sums.missed
        return not (is_short or is_stuck or self.trouble)


def report(
    folder: Folder,
    name: str,
    day: dt.date,
    *,
    today: dt.date,
    is_daily: bool,
    waiting: tuple[tuple[Seen, Wait], ...],
    unfinished: int,
    unfit: int,
    trouble: str,
) -> FolderReport:
    """The account of one folder for one day. A day that is not over misses no file yet."""
    missing = [
        (number, first, last) for number, chain in enumerate(folder.chains, 1) for first, last in gaps(chain.ranges)
    ]
    last_over = min(day, today - dt.timedelta(days=1))
    return FolderReport(
        name=name,
        sums=folder.days.get(day, Sums()),
        numbered=len(folder.chains),
        missing_numbers=tuple(missing),
        missing_dates=tuple(missing_dates(folder.dates, last_over)) if is_daily else (),
        waiting=waiting,
        unfinished=unfinished,
        unfit=unfit,
        trouble=trouble,
        why=folder.why,
    )


def decide_sealed_by(
    files: Mapping[str, FileCount], batch: Sequence[Piece], taken: Mapping[bytes, Taken], name: bytes
) -> dict[bytes, Taken]:
    """The files of a batch as taken, with the batch's ``name`` where all of a file is surely sealed.

    It is not sure where part of a file was known by a fingerprint, which fits one other file in a million, unless this watch
    had sealed that part itself. A file that ended within a row was not read to its end.
    """
    result = {}
    for piece in batch:
        now, before = piece.seen.now, taken.get(piece.seen.key)
        is_own = before is not None and before.inode == now.inode and bool(before.batch)
        is_sure = not files[piece.seen.name].known or is_own
        is_cut = files[piece.seen.name].rejected[Reason.CUT_OFF.label] > 0
        until = min(now.until, now.size - 1) if is_cut else now.until
        result[piece.seen.key] = replace(now, until=until, batch=name if is_sure else b"")
    return result
