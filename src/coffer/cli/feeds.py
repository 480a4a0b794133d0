"""``coffer feed check``."""

from collections import Counter
from pathlib import Path

import click

from coffer.cli.console import Table, clock, console, print_json, read_file, say, verify_absent
from coffer.errors import MalformedInput
from coffer.procedures.checking import FileReport, check_files, propose_feed
from coffer.records.feed import parse_feed
from coffer.records.readers.formats import NAMED

_SHAPES_SHOWN = 4


@click.group(epilog="Example: coffer feed check Master.csv --country DE --zone Europe/Berlin -o feed.toml")
def feed() -> None:
    """Find out how files of records would be read, before anything is sealed."""


@feed.command(epilog="Example: coffer feed check acc.log --country DE")
@click.argument("files", nargs=-1, required=True)
@click.option("--feed", "feed_file", metavar="FEED.toml", help="Read by this feed; without it one is proposed.")
@click.option("--country", metavar="CC", help="Home country of the proposed feed, for example FR.")
@click.option("--zone", metavar="ZONE", help="Time zone of the proposed feed, for example Europe/Paris.")
@click.option("-o", "output", metavar="FEED.toml", help="Write the proposed feed.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def check(
    files: tuple[str, ...],
    feed_file: str | None,
    country: str | None,
    zone: str | None,
    output: str | None,
    *,
    as_json: bool,
) -> None:
    """Show how FILES would be read: counts, kinds, times, rejects, and what numbers look like. Nothing goes into a vault.

    No number or address is shown: each digit is a 9, each letter an a.
    """
    if feed_file is not None and (output or country or zone):
        raise MalformedInput("--feed: with it nothing is proposed", hint="leave out --country, --zone and -o")
    path = verify_absent(output) if output else None
    notes: tuple[str, ...] = ()
    reason = NAMED
    if feed_file is not None:
        text = _text(feed_file)
    else:
        proposal = propose_feed(files, country=country, zone=zone)
        text, notes, reason = proposal.text, proposal.notes, proposal.reason
    parsed = parse_feed(text, Path(feed_file).name if feed_file else "proposed feed")
    reports = check_files(files, parsed, clock(), reason=reason)
    if path is not None:
        path.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"files": [_document(report) for report in reports], "feed": text, "notes": list(notes)})
        return
    for report in reports:
        _print(report)
    for note in notes:
        say(f"hint: {note}")
    if path is not None:
        say(f"{path.name}: the proposed feed, to be read before it is used")
    elif feed_file is None:
        say("hint: -o FEED.toml writes the feed by which this was read")


def _text(name: str) -> str:
    try:
        return read_file(name).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedInput(f"{Path(name).name}: not a feed file: not UTF-8") from None


def _document(report: FileReport) -> dict[str, object]:
    return {
        "file": report.name,
        "format": report.format,
        "reason": report.reason,
        "read": report.read,
        "kept": report.kept,
        "rejected": dict(sorted(report.rejected.items())),
        "merged": dict(sorted(report.merged.items())),
        "skipped": dict(sorted(report.skipped.items())),
        "emptied": dict(sorted(report.emptied.items())),
        "assumed": dict(sorted(report.assumed.items())),
        "broken": dict(sorted(report.broken.items())),
        "ambiguous": report.ambiguous,
        "kinds": dict(sorted(report.kinds.items())),
        "first": report.first.isoformat() if report.first else None,
        "last": report.last.isoformat() if report.last else None,
        "shapes": {party: dict(shapes.most_common(_SHAPES_SHOWN)) for party, shapes in report.shapes.items()},
    }


def _print(report: FileReport) -> None:
    out = console()
    out.print(f"{report.name}: {report.title} ({report.reason})")
    table = Table(box=None, pad_edge=False, show_header=False)
    rows = [
        ("read", f"{report.read:,}"),
        ("kept", f"{report.kept:,} ({_counts(report.kinds) or 'nothing'})"),
        ("merged", _counts(report.merged)),
        ("rejected", _counts(report.rejected)),
        ("skipped", _counts(report.skipped)),
        ("kept without", _counts(report.emptied)),
        ("assumed, for lines", _counts(report.assumed)),
        ("cannot be true", _counts(report.broken)),
        ("kept by the fold rule", f"{report.ambiguous:,}" if report.ambiguous else ""),
        ("from", report.first.strftime("%Y-%m-%d %H:%M:%S UTC") if report.first else ""),
        ("to", report.last.strftime("%Y-%m-%d %H:%M:%S UTC") if report.last else ""),
    ]
    names = {"a": "a looks like", "b": "b looks like", "f": "forwarded to"}
    rows += [(names[party], _counts(shapes, _SHAPES_SHOWN)) for party, shapes in report.shapes.items()]
    for name, value in rows:
        if value:
            table.add_row(f"  {name}", value)
    out.print(table)


def _counts(counter: Counter[str], limit: int | None = None) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common(limit))
