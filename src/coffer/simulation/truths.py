"""The records of the planted subjects as an opening must show them. Pure.

They are read from the columns and do not depend on the code that reads the files.
"""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from coffer.simulation.planted import PlantedSubject
from coffer.simulation.population import I64, Party, Population
from coffer.simulation.traffic import Columns

_BLOCK_SIZE: Final = 1_000_000
"""Tails are smaller than this, so block * 10^6 + tail is a different integer for each number."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TrueRecord:
    """One record as its subject's side sees it.

    ``start_utc``: ``YYYY-MM-DDThh:mm:ssZ``. ``kind``: ``call`` or ``text``. ``direction``: ``out``, ``in`` or
    ``forwarded``. ``peer``: as ``docs/formats/identity.md`` writes it, empty if withheld. ``duration_s``: None for a
    text. ``cell``: the subject's own, empty if none.
    """

    start_utc: str
    kind: str
    direction: str
    peer: str
    duration_s: int | None
    answered: bool
    cell: str


Finding = tuple[int, TrueRecord]
"""The place of a subject in the list of subjects, and a record of it."""


def find_records(
    columns: Columns, subjects: tuple[PlantedSubject, ...], population: Population, day: dt.date
) -> list[Finding]:
    """All records of the subjects in one chunk; a forwarded call gives B two records and C one."""
    wanted = np.array([_key(subject.block, subject.tail) for subject in subjects])
    place = {int(key): at for at, key in enumerate(wanted)}
    forwarded_to = {int(row): at for at, row in enumerate(columns.forwarded_row)}
    findings: list[Finding] = []

    def add(row: int, key: int, direction: str, peer: str, cell: int) -> None:
        start = dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=int(columns.second[row]))
        record = TrueRecord(
            start_utc=f"{start:%Y-%m-%dT%H:%M:%SZ}",
            kind="text" if columns.is_text[row] else "call",
            direction=direction,
            peer=peer,
            duration_s=None if columns.is_text[row] else int(columns.duration_s[row]),
            answered=bool(columns.answered[row]),
            cell=population.cells[cell].decode("ascii") if cell >= 0 else "",
        )
        findings.append((place[key], record))

    a_keys, b_keys, c_keys = _keys(columns.a), _keys(columns.b), _keys(columns.forwarded)
    for row in np.flatnonzero(np.isin(a_keys, wanted)).tolist():
        add(row, int(a_keys[row]), "out", _name(population, columns.b, row), int(columns.a_cell[row]))
    for row in np.flatnonzero(np.isin(b_keys, wanted)).tolist():
        cell = int(columns.b_cell[row])
        add(row, int(b_keys[row]), "in", _name(population, columns.a, row), cell)
        if row in forwarded_to:
            add(row, int(b_keys[row]), "forwarded", _name(population, columns.forwarded, forwarded_to[row]), cell)
    for at in np.flatnonzero(np.isin(c_keys, wanted)).tolist():
        row = int(columns.forwarded_row[at])
        add(row, int(c_keys[at]), "in", _name(population, columns.a, row), -1)
    return findings


def format_truths(subjects: tuple[PlantedSubject, ...], findings: Iterable[Finding]) -> bytes:
    """The bytes of ``truths.json``: each subject with its records in the order of an answer.

    That order is start, kind, direction, peer.
    """
    by_subject: list[list[TrueRecord]] = [[] for _ in subjects]
    for at, record in findings:
        by_subject[at].append(record)
    lists = [
        {
            "subject": subject.subject,
            "why": subject.why,
            "records": [asdict(record) for record in sorted(records, key=_order)],
        }
        for subject, records in zip(subjects, by_subject, strict=True)
    ]
    return (json.dumps({"subjects": lists}, indent=1) + "\n").encode("ascii")


def _order(record: TrueRecord) -> tuple[str, str, str, str, int, bool, str]:
    duration_s = -1 if record.duration_s is None else record.duration_s
    return record.start_utc, record.kind, record.direction, record.peer, duration_s, record.answered, record.cell


def _key(block: int, tail: int) -> int:
    return block * _BLOCK_SIZE + tail


def _keys(party: Party) -> I64:
    return party.block.astype(np.int64) * _BLOCK_SIZE + party.tail


def _name(population: Population, party: Party, row: int) -> str:
    return population.blocks[int(party.block[row])].subject_with(int(party.tail[row]))
