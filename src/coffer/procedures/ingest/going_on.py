"""A reader that continues files that were read before, and gives only what is new. Pure.

A reader of events needs what earlier lines said. So it reads the known lines again, and their records are left out.
Left out are the records that the reader gives while it reads known lines, and those that it would give if the file
ended there, as the file did when it was read before. Both follow from the lines alone, so they equal what was sealed
then. An event that was given then and has changed since is given again as it is now, and counted as overtaken
(``docs/procedures/ingest.md``).
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer.errors import MalformedInput
from coffer.records.draft import Parsed
from coffer.records.readers.port import Found, Piece, Reader
from coffer.records.rejects import Rejects


class GoingOn:
    """A ``Reader`` that is told by ``turn`` whether the next lines are known or new.

    ``overtaken``, after ``finish``: how many events that were given before came out differently.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._is_known = False
        self._given: dict[int, Parsed] = {}
        self.overtaken = 0

    def turn(self, file: int, *, is_known: bool, torn: Piece | None = None) -> Sequence[Found]:
        """Begin a run of known or of new lines of file number ``file``.

        If known lines follow new ones, returns the records of events that the new lines left open. ``torn``: the
        beginning of the first new line, behind which the file ended when it was read before.
        """
        if is_known == self._is_known:
            return []
        ended = self._as_if_ended(file, torn)
        given = self._new(ended)
        self._given = {} if is_known else _summed(ended)
        self._is_known = is_known
        return given

    def take(self, piece: Piece) -> Sequence[Found]:
        """As the reader's ``take``, without records of known lines."""
        return self._new(self._reader.take(piece))

    def end_file(self, file: int) -> Sequence[Found]:
        """As the reader's ``end_file``, without what was given before."""
        return self._new(self._reader.end_file(file))

    def finish(self) -> Sequence[Found]:
        """As the reader's ``finish``, without what was given before."""
        results = self._new(self._reader.finish())
        self.overtaken = sum(parsed.batch.num_rows for parsed in self._given.values())
        return results

    def _as_if_ended(self, file: int, torn: Piece | None) -> list[Found]:
        """The records that the reader would give if the file ended here. The reader itself does not change."""
        reader = copy.deepcopy(self._reader)
        try:
            if torn is None:
                return [*reader.end_file(file), *reader.finish()]
            ended = [*reader.take(torn), *reader.end_file(file), *reader.finish()]
            # That the line was cut off is no longer true of it: it is counted as what it is now.
            return [replace(one, parsed=_without_line(one.parsed, torn.first)) for one in ended]
        except MalformedInput:  # there was nothing of that format so far, so nothing was given
            return []

    def _new(self, results: Sequence[Found]) -> list[Found]:
        if self._is_known:
            return []
        if not self._given:
            return list(results)
        return [replace(one, parsed=self._less(one.file, one.parsed)) for one in results]

    def _less(self, file: int, parsed: Parsed) -> Parsed:
        """``parsed`` without what was given before. What was left out once is not left out again."""
        given = self._given.get(file)
        if given is None:
            return parsed
        is_new, is_left = _compared(parsed, given)
        batch = parsed.batch.filter(is_new)
        new_rejects, left_rejects = _unshared(parsed.rejects, given.rejects)
        self._given[file] = Parsed(
            batch=given.batch.filter(is_left),
            rejects=left_rejects,
            assumed=given.assumed - parsed.assumed,
            ambiguous=max(given.ambiguous - parsed.ambiguous, 0),
            merged=given.merged - parsed.merged,
            skipped=given.skipped - parsed.skipped,
        )
        return Parsed(
            batch=batch,
            rejects=new_rejects,
            flaws=_rejects(parsed.flaws, np.isin(parsed.flaws.lines, batch.column("line").to_numpy())),
            assumed=parsed.assumed - given.assumed,
            ambiguous=max(parsed.ambiguous - given.ambiguous, 0),
            merged=parsed.merged - given.merged,
            skipped=parsed.skipped - given.skipped,
        )


def _without_line(parsed: Parsed, line: int) -> Parsed:
    return replace(parsed, rejects=_rejects(parsed.rejects, parsed.rejects.lines != line))


def _summed(results: Iterable[Found]) -> dict[int, Parsed]:
    """The results of each file, joined into one."""
    sums: dict[int, Parsed] = {}
    for one in results:
        had, more = sums.get(one.file), one.parsed
        sums[one.file] = (
            more
            if had is None
            else Parsed(
                batch=_joined(had.batch, more.batch),
                rejects=Rejects.concat([had.rejects, more.rejects]),
                assumed=had.assumed + more.assumed,
                ambiguous=had.ambiguous + more.ambiguous,
                merged=had.merged + more.merged,
                skipped=had.skipped + more.skipped,
            )
        )
    return sums


def _joined(one: pa.RecordBatch, other: pa.RecordBatch) -> pa.RecordBatch:
    (joined,) = pa.Table.from_batches([one, other.cast(one.schema)]).combine_chunks().to_batches() or [one]
    return joined


def _compared(parsed: Parsed, given: Parsed) -> tuple[pa.BooleanArray, pa.BooleanArray]:
    """Which records of ``parsed`` are not in ``given``, and which of ``given`` are not in ``parsed``.

    Equal records count as often as they occur.
    """
    ours, theirs = (_numbered(one.batch) for one in (parsed, given))
    shared = ours.join(theirs, on=[name for name in ours.columns if name != "row"], how="inner", nulls_equal=True)
    masks = []
    for frame, column in ((ours, "row"), (theirs, "row_right")):
        mask = np.ones(frame.height, bool)
        mask[shared[column].to_numpy()] = False
        masks.append(pa.array(mask))
    return masks[0], masks[1]


def _numbered(batch: pa.RecordBatch) -> pl.DataFrame:
    """The records with their row numbers. Equal records are numbered among themselves."""
    frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
    return frame.with_columns(copy=pl.int_range(pl.len()).over(frame.columns), row=pl.int_range(pl.len()))


def _unshared(ours: Rejects, theirs: Rejects) -> tuple[Rejects, Rejects]:
    """The rejects of each that the other does not have. A line is rejected once."""
    return _rejects(ours, ~np.isin(ours.lines, theirs.lines)), _rejects(theirs, ~np.isin(theirs.lines, ours.lines))


def _rejects(rejects: Rejects, chosen: npt.NDArray[np.bool_]) -> Rejects:
    fields = tuple(rejects.fields[i] for i in np.flatnonzero(chosen).tolist())
    return Rejects(lines=rejects.lines[chosen], reasons=rejects.reasons[chosen], fields=fields)
