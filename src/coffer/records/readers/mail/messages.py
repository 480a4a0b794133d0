"""What the rows of a mail queue say of each message. Pure.

When it came, from whom, and whether it is gone.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from coffer.records.readers.account import UTC_MICROS
from coffer.records.readers.mail.runs import first_places, gathered, last_places

Places = npt.NDArray[np.int64]
_NEVER = np.iinfo(np.int64).max


def messages_of(
    rows: pl.DataFrame,
    forwards: pl.DataFrame,
    *,
    opened: Places,
    made: Places,
    attempts: Places,
    removed: Places,
    notices: Places,
) -> pl.DataFrame:
    """One row a message, in the order of their numbers, which are those of ``epoch`` from 0 on.

    ``forwards``: ids under which mail went on. The others are the places of rows by what they tell: that a message was
    accepted, its message id, a delivery, that it was removed, and of those accepted which the system made itself.
    """
    epoch = rows["epoch"].to_numpy()
    count = int(epoch.max()) + 1 if len(epoch) else 0
    at = np.sort(np.concatenate((opened, made)))
    first = np.full(count, _NEVER)
    np.minimum.at(first, epoch, rows["seq"].to_numpy())
    began = first_places(epoch, at, count)
    has_begun = began >= 0
    start, fault = _starts(rows, epoch, at, count)
    # A message whose arrival is not in the log came some time before its first delivery.
    place = np.where(has_begun, began, first_places(epoch, attempts, count))
    missing = pl.Series(~has_begun).arg_true()
    if len(missing):
        told = place[missing.to_numpy()]
        delay = (gathered(rows["delay_s"], told) * 1e6).clip(0, 1e15).cast(pl.Int64)
        reckoned = gathered(rows["time"], told) - delay.cast(pl.Duration("us"))
        start = start.scatter(missing, reckoned.dt.truncate("1s"))
        fault = fault.scatter(missing, gathered(rows["fault"], told))
    sender = first_places(epoch, rows["sender"].is_not_null().arg_true().to_numpy().astype(np.int64), count)
    written_by = gathered(rows["sender"], sender)
    head = rows.select("host", "qid")[first_places(epoch, np.arange(len(epoch)), count)]
    is_notice = pl.Series(_marked(epoch, notices, count))
    from_system = ((written_by == "") | written_by.str.starts_with("double-bounce@")).fill_null(value=False)
    from_system &= pl.Series(_marked(epoch, made, count) & ~_marked(epoch, opened, count))
    if len(forwards) and from_system.any():
        is_forward = head.join(
            forwards.with_columns(is_forward=True), on=["host", "qid"], how="left", maintain_order="left"
        )
        from_system &= is_forward["is_forward"].is_null()
    return head.with_columns(
        epoch=pl.Series(np.arange(count)),
        first=pl.Series(first),
        removed=gathered(rows["seq"], last_places(epoch, removed, count)),
        written_by=written_by,
        message_id=_message_ids(rows, epoch, at, count),
        start=start,
        start_fault=fault,
        start_is_ambiguous=gathered(rows["is_ambiguous"], place),
        is_notice=is_notice | from_system,
    )


def _starts(rows: pl.DataFrame, epoch: Places, at: Places, count: int) -> tuple[pl.Series, pl.Series]:
    """The first stamp of each message among the rows ``at``, and the worst fault of one."""
    first = np.full(count, _NEVER)
    micros = rows["time"].gather(at).to_physical().fill_null(_NEVER).to_numpy()
    np.minimum.at(first, epoch[at], micros)
    start = pl.Series(first)
    if (first == _NEVER).any():
        start = start.set(pl.Series(first == _NEVER), None)
    fault = np.zeros(count, np.uint8)
    np.maximum.at(fault, epoch[at], rows["fault"].gather(at).to_numpy())
    return start.cast(UTC_MICROS), pl.Series(fault)


def _message_ids(rows: pl.DataFrame, epoch: Places, at: Places, count: int) -> pl.Series:
    """The last one that the rows ``at`` tell of each message."""
    told = rows.select(pl.coalesce("text", "orig").alias("id"))["id"].gather(at) if len(at) else rows["text"].head(0)
    is_told = told.is_not_null().to_numpy()
    return gathered(told, last_places(epoch[at], np.flatnonzero(is_told), count))


def _marked(epoch: Places, at: Places, count: int) -> npt.NDArray[np.bool_]:
    marks = np.zeros(count, np.bool_)
    marks[epoch[at]] = True
    return marks
