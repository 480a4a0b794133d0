"""A report as CSV and as JSON, the same from the command and from the public window. Pure."""

import csv
import io

from coffer.procedures.reports.totals import Report
from coffer.tally.exact import BUCKETS


def format_report_csv(totals: Report) -> str:
    """One line for each line of the report, with a heading, each ended by LF."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow((*totals.by, "records", *BUCKETS, "noise_sd"))
    writer.writerows((*line.keys, line.records, *line.buckets, round(line.noise_sd, 1)) for line in totals.lines)
    return sink.getvalue()


def report_document(totals: Report) -> dict[str, object]:
    """The report as JSON (``docs/formats/report.md``)."""
    narrowed = {"kind": totals.kind, "feed": totals.feed}
    return {
        "from": str(totals.first),
        "to": str(totals.last),
        "by": totals.by,
        "country": totals.country,
        **{name: value for name, value in narrowed.items() if value is not None},
        "tally": "exact" if totals.epsilon is None else f"epsilon {totals.epsilon}",
        "noise_standard_deviation_of_total": None if totals.noise_sd is None else round(totals.noise_sd, 1),
        "total": totals.total,
        "lines": [
            {
                **dict(zip(totals.by, line.keys, strict=True)),
                "records": line.records,
                **dict(zip(BUCKETS, line.buckets, strict=True)),
                "noise_standard_deviation": round(line.noise_sd, 1),
            }
            for line in totals.lines
        ],
    }
