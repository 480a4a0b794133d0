"""``coffer ingest``."""

import csv
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import click

from coffer.cli.console import console, print_json, read_file, say, verify_absent
from coffer.cli.sealing_options import hold_rows_option, workers_option
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput
from coffer.procedures.ingest.counting import Progress
from coffer.procedures.ingest.decide import FileCount, quoting_remarks, year_remarks
from coffer.procedures.ingest.indexing import rules_not_found
from coffer.procedures.ingest.run import IngestSummary, run_ingest
from coffer.procedures.ingest.sealers import MakeSealers
from coffer.procedures.ingest.stored import expand, is_empty, is_stored
from coffer.records.feed import parse_feed
from coffer.records.readers.formats import NAMED
from coffer.records.rejects import Reason, Rejects
from coffer.visible import counted, visible_cell


@click.command(
    epilog="Example: coffer ingest vault --feed calls.toml calls-2026-11-01.csv.gz   (- reads standard input)"
)
@click.argument("vault")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--feed", required=True, metavar="FEED.toml", help="How the files are written; coffer feed check proposes one."
)
@click.option(
    "--rejects",
    "rejects_file",
    metavar="OUT.csv",
    help="Write file, line, reason and field of every reject (no content), if there are any.",
)
@workers_option
@hold_rows_option
@click.option(
    "--engine",
    type=click.Choice(["here", "spark"]),
    default="here",
    show_default=True,
    help="Who reads and seals: this machine, or the tasks of a Spark cluster that sees the same folders.",
)
@click.option(
    "--master",
    default="",
    metavar="URL",
    help="With --engine spark: local[N], spark://HOST:PORT or sc://HOST:PORT; else what spark-submit says.",
)
@click.option(
    "--split-mib",
    type=click.IntRange(1, 4096),
    default=256,
    show_default=True,
    help="With --engine spark: how much of the files one task reads, in MiB.",
)
@click.option("--new", "as_new", is_flag=True, help="Take every file as new: what was sealed before is sealed again.")
@click.option("--json", "as_json", is_flag=True, help="The counts as JSON.")
def ingest(
    vault: str,
    files: tuple[str, ...],
    feed: str,
    rejects_file: str | None,
    workers: int,
    held_rows: int,
    engine: str,
    master: str,
    split_mib: int,
    *,
    as_new: bool,
    as_json: bool,
) -> None:
    """Seal the records of files.

    Every line is kept, rejected with a reason, or counted as a duplicate.

    A file may be an object, s3://BUCKET/KEY, with * in its own name for many.

    Of a file that was read before and has grown, only what is new is sealed, also under another name or
    compressed. If most of a file is rejected, the exit code is 2, after what was kept was sealed and
    logged.
    """
    if files.count("-") > 1:
        raise MalformedInput("-: standard input can be read only once")
    if master and engine != "spark":
        raise MalformedInput("--master: without --engine spark this machine would seal", hint="add --engine spark")
    parsed = parse_feed(_text(feed), Path(feed).name)
    opened = vault_at(vault)
    files = _without_empty(tuple(expand(files)))
    rejects = _RejectFile(verify_absent(rejects_file) if rejects_file else None)
    try:
        with _progress(files) as on_progress:
            summary = run_ingest(
                opened,
                parsed,
                files,
                on_progress=on_progress,
                on_rejects=rejects.add,
                workers=workers,
                held_rows=held_rows,
                as_new=as_new,
                engine=_spark(master, split_mib) if engine == "spark" else None,
            )
    except BaseException:
        rejects.remove()
        raise
    finally:
        rejects.close()
    if parsed.index and (rules := rules_not_found(parsed, opened.replay().roster)):
        say(f"rows of numbers under rule {', '.join(rules)} are not found by a handset: its own rule is less strict")
    if summary.late:
        names = ", ".join(sorted({item.custodian for item in summary.late}))
        say(f"receipts of {names} are missing for over 24 hours: coffer receipts {vault}")
    for line in _warnings(summary, vault):
        say(line)
    for one in summary.files:
        years = year_remarks(one.name, one.assumed, one.changed_year, one.format)
        for remark in (*years, *quoting_remarks(one.name, one.assumed)):
            say(f"hint: {remark}")
    if as_json:
        print_json(_document(summary))
    else:
        _print(summary)
    for file in summary.files:
        file.verify_understood()


def _spark(master: str, split_mib: int) -> MakeSealers:
    """The sealers of a Spark cluster."""
    from coffer.procedures.ingest.spread.sealers import SpreadSealers  # noqa: PLC0415 - for this engine alone
    from coffer.procedures.ingest.spread.spark import SparkCluster  # noqa: PLC0415 - likewise

    return partial(SpreadSealers, cluster=SparkCluster(master), split_bytes=split_mib * 2**20)


def _warnings(summary: IngestSummary, vault: str) -> list[str]:
    """Lines about files without a record, and about records that may have been sealed twice."""
    lines = [
        f"{file.name}: holds no record of a call, text or mail, only {', '.join(sorted(file.skipped))}"
        for file in summary.files
        if not file.read and file.skipped
    ]
    lines += [f"{file.name}: {file.remark}" for file in summary.files if file.is_warned]
    assert not summary.overlaps or summary.batch is not None, "what overlaps was sealed"
    lines += [
        f"{one.day}: {one.kind}s of this feed grew from up to {one.had:,} rows by up to {one.added:,}: were some of them ingested before?"
        for one in summary.overlaps
    ]
    if summary.batch is not None and (summary.overlaps or any(file.is_warned for file in summary.files)):
        lines.append(f"hint: if anything is in it twice, supersede it: coffer supersede {vault} {summary.batch.hex()}")
    return lines


def _without_empty(files: tuple[str, ...]) -> tuple[str, ...]:
    """Name the empty files and leave them out, unless all are empty.

    A switch that saw no call in an hour delivers an empty file: that is no reason to leave the others.
    If every file is empty, ingest says so as an error.
    """
    empty = [name for name in files if is_empty(name)]
    if len(empty) == len(files):
        return files
    for name in empty:
        say(f"{Path(name).name}: is empty: nothing to seal in it")
    return tuple(name for name in files if name not in empty)


def _size(files: tuple[str, ...]) -> int | None:
    """Bytes to read, if known: compressed files and standard input tell only at their end."""
    if any(name == "-" or is_stored(name) or name.endswith((".gz", ".zst")) for name in files):
        return None
    return sum(Path(name).stat().st_size for name in files if Path(name).is_file())


def _text(feed: str) -> str:
    try:
        return read_file(feed).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedInput(f"{Path(feed).name}: not a feed file: not UTF-8") from None


@contextmanager
def _progress(files: tuple[str, ...]) -> Iterator[Progress]:
    """A bar on the terminal, if stderr is one."""
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich import progress as bars  # noqa: PLC0415 - what nobody sees is not read
    from rich.console import Console  # noqa: PLC0415 - likewise

    columns = (
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TextColumn("{task.fields[records]:,} records, {task.fields[rate]:,.0f}/s"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("sealing", total=_size(files), records=0, rate=0)
        total, started = 0, time.monotonic()

        def on_progress(*, records: int, done_bytes: int) -> None:
            nonlocal total
            total += records
            bar.update(task, advance=done_bytes, records=total, rate=total / (time.monotonic() - started))

        yield on_progress


def _unseen(*, records: int, done_bytes: int) -> None:
    """Progress that nobody sees."""


class _RejectFile:
    """Places and reasons of rejects, for whoever mends the source; no content of the lines.

    Without a reject no file stays, so that a later run can take the same name.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._is_needed = False
        self._file: IO[str] | None = path.open("x", encoding="utf-8", newline="") if path else None
        self._writer = csv.writer(self._file, lineterminator="\n") if self._file else None
        if self._writer:
            self._writer.writerow(("file", "line", "reason", "field"))

    def add(self, name: str, rejects: Rejects) -> None:
        if self._writer:
            rows = zip(rejects.lines.tolist(), rejects.reasons.tolist(), map(visible_cell, rejects.fields), strict=True)
            shown = visible_cell(name)
            self._is_needed |= len(rejects.lines) > 0
            self._writer.writerows((shown, line, Reason(reason).label, field) for line, reason, field in rows)

    def remove(self) -> None:
        """Nothing is written on failure."""
        if self._path:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file:
            self._file.close()
        if not self._is_needed:
            self.remove()


def _document(summary: IngestSummary) -> dict[str, object]:
    return {
        "files": [
            {
                "file": file.name,
                "read": file.read,
                "kept": file.kept,
                "rejected": dict(sorted(file.rejected.items())),
                "duplicate": file.duplicate,
                "ambiguous": file.ambiguous,
                "format": file.format,
                "reason": file.reason,
                "merged": dict(sorted(file.merged.items())),
                "skipped": dict(sorted(file.skipped.items())),
                "unindexed": file.unindexed,
                "emptied": dict(sorted(file.emptied.items())),
                "assumed": dict(sorted(file.assumed.items())),
                "known": file.known,
                "remark": file.remark,
                "warning": file.is_warned,
                "dialled": file.dialled,
            }
            for file in summary.files
        ],
        "batch": summary.batch.hex() if summary.batch else None,
        "overtaken": summary.overtaken,
        "may_overlap": [
            {"day": str(one.day), "kind": one.kind, "padded_rows_before": one.had, "padded_rows_added": one.added}
            for one in summary.overlaps
        ],
        "segments": summary.segments,
        "rows": summary.rows,
        "entry": summary.entries[-1] if summary.entries else None,
        "no_index_sha256": summary.no_index.hash.hex() if summary.no_index else None,
    }


def _print(summary: IngestSummary) -> None:
    counts = ("read", "kept", "rejected", "duplicate")
    table = Table("file", *counts, numbers=counts)
    for file in summary.files:
        table.add_row(file.name, *(f"{n:,}" for n in (file.read, file.kept, file.rejected.total(), file.duplicate)))
    out = console()
    out.print(table)
    for file in summary.files:
        _print_reasons(file)
    if summary.no_index:
        say(f"no-index list of {counted(summary.no_index.lines, 'line')}, SHA-256 {summary.no_index.hash.hex()}")
    if summary.entries:
        where = (
            f"entry {summary.entries[0]}"
            if len(summary.entries) == 1
            else f"entries {summary.entries[0]} to {summary.entries[-1]}"
        )
        out.print(f"{counted(summary.rows, 'row')} sealed in {counted(summary.segments, 'segment')}, logged as {where}")
        assert summary.batch is not None, "what was logged is a batch"
        out.print(f"batch {summary.batch.hex()}")
        if summary.overtaken:
            say(
                f"{counted(summary.overtaken, 'record')} of before went on: sealed anew as it ended, and answers mark the earlier one"
            )
    else:
        say("every file was ingested before: nothing was added")


def _print_reasons(file: FileCount) -> None:
    if file.remark and not file.is_warned:
        console().print(f"  {file.name}: {file.remark}")
    if file.reason != NAMED:
        console().print(f"  {file.name}: read as {file.format} ({file.reason})")
    for what, count in sorted(file.merged.items()):
        console().print(f"  {file.name}: {count:,} merged: {what}")
    for what, count in sorted(file.skipped.items()):
        console().print(f"  {file.name}: {count:,} skipped: {what}")
    for reason, count in sorted(file.rejected.items(), key=lambda item: (-item[1], item[0])):
        console().print(f"  {file.name}: {count:,} rejected as {reason}")
    for what, count in sorted(file.assumed.items()):
        console().print(f"  {file.name}: {what} assumed for {counted(count, 'line')}")
    for what, count in sorted(file.emptied.items(), key=lambda item: (-item[1], item[0])):
        console().print(f"  {file.name}: {count:,} kept without {what}")
    if file.ambiguous:
        console().print(
            f"  {file.name}: {file.ambiguous:,} kept from the hour that autumn repeats, as the feed's fold says"
        )
    if file.unindexed:
        console().print(f"  {file.name}: {file.unindexed:,} with a party on the no-index list, of which no row is kept")
    if file.dialled:
        console().print(
            f"  {file.name}: {file.dialled:,} with a party kept as the digits dialled: no number that can exist, or several"
        )
    if file.dialled * 10 > file.kept:
        say("hint: coffer feed check FILE --feed FEED.toml says whether number_style in the feed would settle them")
    if file.rejected["ambiguous-time"]:
        say(
            'hint: times of the hour that autumn repeats are not guessed; set fold = "first" or "second" in the feed, or use UTC'
        )
