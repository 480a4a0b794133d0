"""``coffer feed check``."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import click

from coffer.cli.console import clock, console, error_console, print_json, print_text, read_file, say, verify_absent
from coffer.cli.screen import Screen
from coffer.cli.tables import Table
from coffer.errors import MalformedInput
from coffer.procedures.ingest.decide import quoting_remarks, year_remarks
from coffer.procedures.ingest.feed_check import FileReport, check_files, propose_feed
from coffer.procedures.ingest.fused import why_slow
from coffer.procedures.ingest.stored import source_of
from coffer.records.feed import parse_feed
from coffer.records.proposing import Proposal
from coffer.records.readers.formats import NAMED
from coffer.visible import counted

_SHAPES_SHOWN = 4


@click.command(epilog="Example: coffer feed check acc.log --country DE")
@click.argument("files", nargs=-1, required=True)
@click.option("--feed", "feed_file", metavar="FEED.toml", help="Read by this feed; without it one is proposed.")
@click.option("--country", metavar="CC", help="Home country of the proposed feed, for example FR.")
@click.option("--zone", metavar="ZONE", help="Time zone of the proposed feed, for example Europe/Paris.")
@click.option("--kind", type=click.Choice(["call", "text", "email"]), help="Kind of the proposed feed.")
@click.option("-o", "output", metavar="FEED.toml", help="Write the proposed feed; - writes it to standard output.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def check(
    files: tuple[str, ...],
    feed_file: str | None,
    country: str | None,
    zone: str | None,
    kind: str | None,
    output: str | None,
    *,
    as_json: bool,
) -> None:
    """Show how files would be read: counts, kinds, times, rejects, and what numbers look like.

    Nothing goes into a vault. A file called - is standard input.

    No number or address is shown: each digit is a 9, each letter an a. If most of a file is rejected, the exit
    code is 2 and nothing is written.
    """
    if feed_file is not None and (output or country or zone or kind):
        raise MalformedInput("--feed: with it nothing is proposed", hint="leave out --country, --zone, --kind and -o")
    if output == "-" and as_json:
        raise MalformedInput("-o -: not with --json, which writes to standard output too")
    path = verify_absent(output) if output and output != "-" else None
    proposal, first = None, None
    if feed_file is not None:
        text = _text(feed_file)
    else:
        first = source_of(files[0])
        proposal = propose_feed(first, country=country, zone=zone, kind=kind or "")
        text = proposal.text
    parsed = parse_feed(text, Path(feed_file).name if feed_file else "proposed feed")
    reports = check_files(files, parsed, clock(), reason=proposal.reason if proposal else NAMED, first=first)
    if as_json:
        print_json(_whole(reports, proposal, text))
    else:
        _show(reports, proposal, error_console() if output == "-" else console())
    for hint in _hints(reports, proposal, slow=why_slow(parsed)):
        say(f"hint: {hint}")
    _verify_plausible(reports, parsed.max_rejects_percent, is_written=output is not None)
    if output == "-":
        print_text(text)
    elif path is not None:
        path.write_text(text, encoding="utf-8")
        say(f"{path.name}: the proposed feed, to be read before it is used")
    elif proposal is not None and not as_json:
        say("hint: -o FEED.toml writes the feed by which this was read")


def _verify_plausible(reports: list[FileReport], most_percent: Decimal, *, is_written: bool) -> None:
    """Refuse files that were not understood. ``is_written``: the proposed feed was to be."""
    try:
        for report in reports:
            report.verify_plausible(most_percent)
    except MalformedInput:
        if is_written:
            say("the proposed feed is not written")
        raise


def _hints(reports: list[FileReport], proposal: Proposal | None, *, slow: str) -> Iterator[str]:
    """What a person should settle, beside the notes of a proposal.

    ``slow``: why kernels do not read the feed's lines; empty if they do.
    """
    if slow:
        yield f"these lines are read without compiled kernels, several times slower: {slow}"
    for report in reports:
        yield from year_remarks(report.name, report.assumed, report.changed_year, report.format)
        yield from quoting_remarks(report.name, report.assumed)
        yield from (f"{report.name}: {remark}" for remark in report.remarks)
        unnamed = report.rejected["bad-answered"]
        if proposal is None and 0 < unnamed <= report.kept:
            yield (
                f"{report.name}: answered: {counted(unnamed, 'record')} with other words than the feed has; "
                "say under values what they mean"
            )
        column = report.forgotten_duration
        if column is not None and (proposal is None or column != proposal.unclear):
            yield (
                f"{report.name}: calls have no duration, but {column} looks like one: name it as duration_s, "
                'with duration_format = "m:s" or "h:m"'
            )


def _whole(reports: list[FileReport], proposal: Proposal | None, text: str) -> dict[str, object]:
    guesses = proposal.guesses if proposal else ()
    return {
        "files": [_document(report) for report in reports],
        "feed": text,
        "notes": list(proposal.notes) if proposal else [],
        "guesses": [
            {"field": one.field, "column": one.column, "reason": one.reason, "samples": list(one.samples)}
            for one in guesses
        ],
    }


def _show(reports: list[FileReport], proposal: Proposal | None, out: Screen) -> None:
    for report in reports:
        _print(report, out)
    if proposal is None:
        return
    if proposal.guesses:
        table = Table()
        for guess in proposal.guesses:
            table.add_row(
                f"  {guess.field}", f"column {guess.column}", guess.reason, "like " + " or ".join(guess.samples)
            )
        out.print("proposed columns:")
        out.print(table)
    for note in proposal.notes:
        say(f"hint: {note}")


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
        "dialled": report.dialled,
        "several_readings": report.several,
        "durations": dict(report.durations.most_common(_SHAPES_SHOWN)),
        "remarks": list(report.remarks),
        "unmapped": {name: list(shapes) for name, shapes in report.unmapped.items()},
        "shapes": {party: dict(shapes.most_common(_SHAPES_SHOWN)) for party, shapes in report.shapes.items()},
    }


def _print(report: FileReport, out: Screen) -> None:
    out.print(f"{report.name}: {report.title} ({report.reason})")
    table = Table()
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
    rows.append(("duration_s", _counts(report.durations, _SHAPES_SHOWN)))
    rows.append(
        (
            "kept as dialled",
            f"{report.dialled:,}, {report.several:,} of them could be several numbers" if report.dialled else "",
        )
    )
    for name, value in rows:
        if value:
            table.add_row(f"  {name}", value)
    out.print(table)
    if report.unmapped:
        unread = Table()
        for name, shapes in report.unmapped.items():
            unread.add_row(f"  {name}", "like " + " or ".join(shapes) if shapes else "empty")
        out.print("columns that are not read:")
        out.print(unread)


def _counts(counter: Counter[str], limit: int | None = None) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common(limit))
