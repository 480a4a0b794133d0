"""The unconfirmed cells of an opening, which the next part of a continuing order asks again. Pure.

Implements ``docs/procedures/opening.md``, "Continuing orders". It holds no identifier.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from coffer.custody.asked import WINDOW
from coffer.custody.exchange import Cell, format_cells, parse_cells
from coffer.disclosure.answer import AnsweredCell
from coffer.disclosure.part import Part
from coffer.errors import MalformedInput
from coffer.ledger.entries import SegmentId
from coffer.ledger.state import State
from coffer.procedures.opening.ask import ANSWERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What one opening left unconfirmed.

    ``intent``: the index of its intent. ``cells``: ascending, each with its first window. ``answered``: the custodians that answered it all.
    """

    intent: int
    cells: tuple[Cell, ...]
    answered: frozenset[str]

    @classmethod
    def of(cls, intent: int, cells: Sequence[AnsweredCell], custodians: Mapping[str, str]) -> Self:
        """What the cells of an answer and the conduct of its custodians leave."""
        left = [cell for cell in cells if cell.status == "unconfirmed"]
        return cls(
            intent=intent,
            cells=tuple(sorted(_first_window(cell) for cell in left)),
            answered=frozenset(name for name, conduct in custodians.items() if conduct == ANSWERED),
        )

    def format(self) -> bytes:
        """The file ``COMMITMENT.owed`` of the desk."""
        document = {"intent": self.intent, "answered": sorted(self.answered), "cells": format_cells(self.cells).hex()}
        return json.dumps(document).encode("ascii")

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """The inverse of ``format``; raises ``MalformedInput``."""
        try:
            document = json.loads(raw)
            intent, answered = document["intent"], frozenset(document["answered"])
            cells = bytes.fromhex(document["cells"])
            owed = cls(intent=intent, cells=parse_cells(cells, "owed") if cells else (), answered=answered)
            is_same = type(intent) is int and owed.format() == raw
        except (ValueError, KeyError, TypeError, RecursionError, MalformedInput):
            is_same = False
        if not is_same:
            raise MalformedInput(
                "owed: the file of the cells that are asked again is damaged",
                hint="remove it from the vault's desk folder, and open all days: coffer open without --since-last",
            )
        return owed


def _first_window(cell: AnsweredCell) -> Cell:
    seg_id = SegmentId(bytes.fromhex(cell.segment))
    return Cell(seg_id=seg_id, line=cell.subject, rank_from=0, rank_count=WINDOW)


def owed_after(raw: bytes | None, part: Part) -> Owed | None:
    """What the part before this one left, from the desk's file; None if that is unknown or nothing."""
    owed = None if raw is None else Owed.parse(raw)
    return owed if owed is not None and owed.intent == part.since and owed.cells else None


def owed_days(owed: Owed, state: State) -> tuple[dt.date, ...]:
    """The UTC days of the cells that are owed and can still be asked for."""
    names = {SegmentId(cell.seg_id) for cell in owed.cells}
    segments = [state.segments[name] for name in names if name in state.segments]
    return tuple(sorted({segment.line.day for segment in segments if not state.is_dead(segment)}))
