"""Runs a reader over files cut into pieces, and says what became of every source record.

outcome = read(lambda: PostfixReader(feed=..., window=...), [first_file, second_file], cut=100)
outcome.rows, outcome.rejects, outcome.merged, outcome.skipped
"""

import dataclasses
import datetime as dt
from collections import Counter

import world
from coffer.records.draft import Window
from coffer.records.readers.port import Piece
from coffer.records.rejects import Reason
from coffer.records.schema import SCHEMA

WINDOW = Window(earliest=dt.datetime(2015, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2026, 12, 1, tzinfo=dt.UTC))


def make_feed(**changes):
    """A feed of e-mail in UTC that keeps cells and devices, with fields of ``Feed`` changed."""
    base = world.feed(world.FEED.replace('["cell"]', '["cell", "imei", "imsi"]'), kind="email")
    return dataclasses.replace(base, **changes)


@dataclasses.dataclass
class Outcome:
    rows: list
    rejects: list
    merged: dict
    skipped: dict
    ambiguous: int
    shown: str = dataclasses.field(compare=False, repr=False)
    flaws: list = dataclasses.field(default_factory=list)

    @property
    def read(self):
        return len(self.rows) + len(self.rejects) + sum(counts.total() for counts in self.merged.values())


def read(make, files, cut=None, framing="lines"):
    """Everything a reader finds in ``files``, cut into pieces of ``cut`` bytes.

    ``framing``: ``lines`` (a piece ends after the next line end), ``anywhere`` (but begins with a number of lines), ``bytes``.
    """
    reader = make()
    found = []
    for number, data in enumerate(files):
        for first, piece in _pieces(data, cut or max(1, len(data)), framing=framing):
            found += reader.take(Piece(file=number, data=piece, first=first))
        found += reader.end_file(number)
    found += reader.finish()
    outcome = Outcome(rows=[], rejects=[], merged={}, skipped={}, ambiguous=0, shown=repr(found))
    for item in found:
        parsed = item.parsed
        assert parsed.batch.schema == SCHEMA
        assert parsed.read == parsed.batch.num_rows + len(parsed.rejects.lines) + parsed.merged.total()
        outcome.rows += [(item.file, row) for row in parsed.batch.to_pylist()]
        rejects = zip(
            parsed.rejects.lines.tolist(), parsed.rejects.reasons.tolist(), parsed.rejects.fields, strict=True
        )
        outcome.rejects += [(item.file, line, Reason(reason).label, field) for line, reason, field in rejects]
        flaws = zip(parsed.flaws.lines.tolist(), parsed.flaws.reasons.tolist(), parsed.flaws.fields, strict=True)
        outcome.flaws += [(item.file, line, Reason(reason).label, field) for line, reason, field in flaws]
        for into, counts in ((outcome.merged, parsed.merged), (outcome.skipped, parsed.skipped)):
            if counts:
                into[item.file] = into.get(item.file, Counter()) + counts
        outcome.ambiguous += parsed.ambiguous
    outcome.rows.sort(key=lambda row: (row[0], row[1]["line"], row[1]["b_text"] or ""))
    outcome.rejects.sort()
    outcome.flaws.sort()
    outcome.shown += repr((outcome.rows, outcome.rejects, outcome.merged, outcome.skipped))
    return outcome


def _pieces(data, size, *, framing):
    at, line = 0, 1
    while at < len(data):
        end = min(len(data), at + size)
        if framing == "lines":
            end = data.find(b"\n", end - 1) + 1 or len(data)
        yield (at if framing == "bytes" else line), data[at:end]
        line += data.count(b"\n", at, end)
        at = end


def mail(outcome):
    """``(line, start, a, b, f, answered)`` of each record."""
    return [
        (row["line"], f"{row['start']:%Y-%m-%d %H:%M:%S}", row["a_text"], row["b_text"], row["f_text"], row["answered"])
        for _, row in outcome.rows
    ]
