"""Opened rows: what an answer shows. Values only."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRow:
    """One row of a subject, decrypted and proven.

    ``line``: the note's subject line from 1; ``subject`` as written there. ``kind``: call, text or email.
    ``direction``: out, in, forwarded or other. ``peer``: as a subject
    line would write it, empty if withheld. ``start``: UTC. ``duration_s``: None but for calls. ``cell``:
    ``MCC-MNC-LAC-CI`` or empty. ``imei``, ``imsi``: their digits as files have
    them, empty for none. ``number``: which number of its own party the row was under, as a subject line would write it; empty
    where the segment does not say it. ``repeat``: how it relates to rows of other batches (answer.md), empty if it stands for itself.
    ``superseded``: the name of its batch if that is superseded (32 hex digits), else empty.
    """

    line: int
    subject: str
    kind: str
    direction: str
    peer: str
    start: dt.datetime
    duration_s: int | None
    is_saturated: bool
    is_answered: bool
    cell: str
    imei: str
    imsi: str
    number: str = ""
    repeat: str = ""
    superseded: str = ""

    def __repr__(self) -> str:
        return "<opened row>"
