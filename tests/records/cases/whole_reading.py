"""Files to records as an ingest reads them: found by content, in the order of time, with every line accounted for.

found = read_whole([newer, older])
found.mails, found.calls, found.rejects, found.merged, found.skipped, found.emptied
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field, replace

from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.readers.formats import HEAD_BYTES, detect
from coffer.records.readers.port import Framing
from coffer.records.readers.text.carriers import without_carriers
from coffer.records.readers.text.order import in_time_order
from coffer.records.rejects import Reason
from source_files import pieces

WINDOW = Window(earliest=dt.datetime(2000, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2026, 11, 29, tzinfo=dt.UTC))
LINES = {"postfix", "opensmtpd", "exim", "kamailio", "kamailio-table", "kannel", "asterisk"}
"""Formats in which each line is one thing: kept, merged, skipped or rejected."""


@dataclass
class Whole:
    rows: list = field(default_factory=list)
    rejects: list = field(default_factory=list)
    merged: Counter = field(default_factory=Counter)
    skipped: Counter = field(default_factory=Counter)
    emptied: Counter = field(default_factory=Counter)
    assumed: Counter = field(default_factory=Counter)
    broken: Counter = field(default_factory=Counter)
    formats: list = field(default_factory=list)

    @property
    def mails(self):
        """``(a, b, forwarded to, answered)`` of each record, sorted."""
        return sorted((party(row, "a"), party(row, "b"), party(row, "f"), row["answered"]) for _, row in self.rows)

    @property
    def calls(self):
        """``(a, b, forwarded to, answered, seconds)`` of each record, by start."""
        rows = sorted((row for _, row in self.rows), key=lambda row: row["start"])
        return [(party(row, "a"), party(row, "b"), party(row, "f"), row["answered"], row["duration_s"]) for row in rows]

    @property
    def starts(self):
        return sorted(f"{row['start']:%Y-%m-%d %H:%M:%S}" for _, row in self.rows)


def party(row, name):
    kind, number, text = (row[f"{name}_{what}"] for what in ("type", "number", "text"))
    return "" if not kind else text or (f"+{number}" if kind == 1 else "short")


def feed_text(*, country="DE", zone="UTC", top="", more=""):
    return f'[feed]\nname = "x"\nhome_country = "{country}"\ntime_zone = "{zone}"\n{top}\n{more}\n'


def read_whole(files, *, names=None, size=1 << 24, may_break=False, **feed):
    """Raises ``MalformedInput`` where no format or several take a file."""
    parsed = parse_feed(feed_text(**feed), "feed")
    heads = [data[:HEAD_BYTES] for data in files]
    detected = [detect(head, name, parsed) for head, name in zip(heads, names or ["file"] * len(files), strict=True)]
    formats = [one.format for one in detected]
    heads = [without_carriers(head, one.carriers) for head, one in zip(heads, detected, strict=True)]
    found, readers = [], {}
    for number in in_time_order(heads, parsed, WINDOW.latest):
        form = formats[number]
        reader = readers.setdefault(form.name, form.open(parsed, WINDOW))
        for piece in pieces(number, files[number], size, is_lines=form.framing is Framing.LINES):
            found += reader.take(replace(piece, data=without_carriers(piece.data, detected[number].carriers)))
        found += reader.end_file(number)
    for reader in readers.values():
        found += reader.finish()
    whole = gathered(found)
    whole.formats = [form.name for form in formats]
    if set(whole.formats) <= LINES:
        told = len(whole.rows) + len(whole.rejects) + whole.merged.total() + whole.skipped.total()
        assert told == sum(data.count(b"\n") + (not data.endswith(b"\n")) for data in files), "a line was lost"
    assert may_break or not whole.broken
    return whole


def gathered(found):
    whole = Whole()
    for one in found:
        parsed = one.parsed
        whole.rows += [(one.file, row) for row in parsed.batch.to_pylist()]
        lines, reasons = parsed.rejects.lines.tolist(), parsed.rejects.reasons.tolist()
        whole.rejects += [(one.file, line, Reason(reason).label) for line, reason in zip(lines, reasons, strict=True)]
        whole.merged += parsed.merged
        whole.skipped += parsed.skipped
        whole.emptied += parsed.flaws.field_counts()
        whole.assumed += parsed.assumed
        whole.broken += parsed.broken
    whole.rejects.sort()
    return whole
