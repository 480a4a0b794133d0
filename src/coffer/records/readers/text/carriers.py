"""Which logger or container carried a file, and the file's lines without it. Pure.

It is for readers whose lines are no syslog's: they are given the lines as the source wrote them. Lines that another
carrier brought stay as they are, so that the reader counts them.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import numpy as np
import polars as pl

from coffer.records.readers.text import prefixes
from coffer.records.readers.text.lines import readable, slices

MAX_CARRIERS: Final = 3
"""Around each other: a container's log in a syslog that a collector sent on."""
_Found = TypeVar("_Found")


def without_carriers(data: bytes, carriers: Sequence[str]) -> bytes:
    """The same lines, each without what these carriers put in front; the first is the outermost."""
    for carrier in carriers:
        text = _lines(data)
        bare = prefixes.plainly_carried(text, carrier)
        odd = bare.is_null().arg_true()
        if len(odd):
            by, line = prefixes.carried(text.gather(odd))
            is_carried = (by == carrier).fill_null(value=False)
            bare = bare.scatter(odd, text.gather(odd).zip_with(~is_carried, line))
        data = str(bare.str.join("\n")[0]).encode()
    return data


def behind_carriers(
    head: bytes,
    recognise: Callable[[bytes], Sequence[_Found]],
    *,
    is_whole: Callable[[Sequence[_Found]], bool] = lambda _: False,
) -> tuple[Sequence[_Found], tuple[str, ...]]:
    """What is recognised behind the carriers of a file that begins with ``head``, and the carriers.

    The carrier of a file brought at least half of its lines. What is recognised behind more carriers counts more, for a
    row may look like one of its format with a prefix in front. ``is_whole``: nothing more is to be taken off, since the
    lines of the format begin as a syslog's do.
    """
    found: Sequence[_Found] = ()
    tried: tuple[str, ...] = ()
    carriers = tried
    while len(tried) < MAX_CARRIERS and (carrier := _carrier_of(head)):
        tried += (carrier,)
        head = without_carriers(head, (carrier,))
        if now := recognise(head):
            found, carriers = now, tried
            if is_whole(now):
                break
    return found, carriers


def _carrier_of(head: bytes) -> str:
    """Who brought most of the lines, and at least half of them; empty for nobody."""
    text = _lines(head[: head.rfind(b"\n") + 1] or head)
    text = text.filter(text.str.contains(r"\S"))
    by, _ = prefixes.carried(text)
    most = by.drop_nulls().value_counts(sort=True).head(1)
    if most.is_empty() or int(most["count"][0]) * 2 < len(text):
        return ""
    return str(most.to_series(0)[0])


def _lines(data: bytes) -> pl.Series:
    """All lines without their line ends; what stands behind the last line end is one more."""
    data = readable(data)
    ends = np.append(np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")), len(data))
    return slices(data, np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1)), ends)
