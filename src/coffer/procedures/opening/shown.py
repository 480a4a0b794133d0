"""Opened rows as an answer shows them. Pure; source: ``docs/formats/segment.md``, "Row"."""

import datetime as dt
from dataclasses import dataclass
from typing import Final, Self

from coffer.errors import NotProven
from coffer.identity.cells import format_cell, format_imei, format_imsi
from coffer.identity.identifier import Identifier, unpack_short_code
from coffer.kinds import KIND_NAMES
from coffer.records.layout import Layout
from coffer.segments.header import SegmentCore
from coffer.segments.opened import OpenedRow
from coffer.segments.rows import PEER_E164, PEER_SHORT, PEER_STRING, PEER_WITHHELD, PlainRow, unpack_dialled
from coffer.visible import visible

DIRECTIONS: Final = ("out", "in", "forwarded", "other")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shown:
    """What all rows of a cell share."""

    core: SegmentCore
    place: str
    line: int
    subject: str
    kind: str
    midnight: dt.datetime

    @classmethod
    def of(cls, core: SegmentCore, line: int, subject: Identifier) -> Self:
        """``line``: the number of the subject line, from 1."""
        return cls(
            core=core,
            place=f"segment {core.seg_id.hex()[:16]}",
            line=line,
            subject=subject.format(),
            kind=KIND_NAMES[core.kind],
            midnight=dt.datetime.combine(core.day, dt.time(), dt.UTC),
        )

    def row(self, row: PlainRow) -> OpenedRow:
        """One of its rows."""
        return OpenedRow(
            line=self.line,
            subject=self.subject,
            kind=self.kind,
            direction=DIRECTIONS[row.direction],
            peer=_peer(row, self.kind, self.core),
            start=self.midnight + dt.timedelta(seconds=row.second),
            duration_s=row.duration_s if self.kind == "call" else None,
            is_saturated=row.is_saturated,
            is_answered=row.is_answered,
            cell=format_cell(row.cell),
            imei=format_imei(row.imei, is_marked=bool(self.core.layout & Layout.BY_IMEI)),
            imsi=format_imsi(row.imsi),
            number=_party(row.own_type, row.own, self.core),
        )


def _peer(row: PlainRow, kind: str, core: SegmentCore) -> str:
    if row.peer_type != PEER_STRING:
        return _party(row.peer_type, row.peer, core)
    if not row.is_long:
        return f"sender:{visible(row.peer_text)}"
    # An honest ingester seals only visible characters. Those that a dishonest one sealed are written out, here and by
    # the auditor.
    return f"mailto:{visible(row.peer_text)}" if kind == "email" else f"opaque:{core.feed}/{visible(row.peer_text)}"


def _party(kind: int, number: int, core: SegmentCore) -> str:
    """A party that is no text, as a subject line would write it; empty for nobody."""
    if kind == PEER_WITHHELD:
        return ""
    if kind == PEER_E164:
        return f"tel:+{number}"
    if kind == PEER_SHORT:
        country, digits = unpack_short_code(number)
        return f"short:{country}/{digits}"
    if not core.home:
        raise NotProven("row: dialled digits in a segment whose header names no home country")
    return f"dialled:{core.home}/{unpack_dialled(kind, number, 'row')}"
