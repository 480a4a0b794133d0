"""``coffer watch``."""

import datetime as dt
import json
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

from coffer import wire
from coffer.cli.console import clock, console, print_json, print_line, read_file, say, speaks_json
from coffer.cli.sealing_options import hold_rows_option, workers_option
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput
from coffer.extras import require
from coffer.procedures.watch.account import account
from coffer.procedures.watch.decide import Wait
from coffer.procedures.watch.figures import Event
from coffer.procedures.watch.look import verify_folders, watching
from coffer.procedures.watch.reconcile import FolderReport
from coffer.procedures.watch.run import LOOK_S, Watcher
from coffer.procedures.watch.settings import SETTINGS, WatchedFolder, parse_settings
from coffer.procedures.watch.topics.settings import WatchedTopic
from coffer.procedures.watch.topics.watching import watching_topic
from coffer.vault.watched import Sums
from coffer.visible import counted, visible, visible_cell

TODAY, YESTERDAY = "today", "yesterday"
_ALSO = ("empty", "batches", "rotated", "truncated", "lost_sight", "missed")
_SHOWN = ("files", "grown", "known", "read", "kept", "rejected", "duplicate", "skipped")


@click.command(
    epilog="""\b
Examples:
coffer watch vault --metrics 127.0.0.1:9460
coffer watch vault --once
coffer watch vault --report yesterday

\b
watch.toml has a table for each folder and topic, for example:
format = "coffer.watch/v1"
[calls]
feed = "calls.toml"
path = "/srv/records/calls"
glob = "*.csv"
settle_seconds = 30   # longer than its writer pauses; or: marker = ".done"
after = "move"                   # or keep, or delete
to = "/srv/records/done"
[pbx]
feed = "pbx.toml"
path = "/var/log/asterisk/cdr-csv"
glob = "Master.csv*"
grows = true                     # lines are read as they are written
[switch]                         # a topic of Kafka, with the extra kafka
feed = "switch.toml"
topic = "cdr"
kafka = "kafka.properties"       # bootstrap.servers=..., sasl. and ssl."""
)
@click.argument("vault")
@click.option("--settings", metavar="FILE", help="What to watch; else watch.toml of the vault.")
@click.option("--once", is_flag=True, help="Take what is due and end, for cron.")
@click.option(
    "--report",
    "day",
    metavar="[DAY]",
    is_flag=False,
    flag_value=TODAY,
    help="Show the account of a day (UTC) and end: YYYY-MM-DD, today or yesterday. Nothing is ingested.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON document a line; the account as one document.")
@click.option("--metrics", metavar="ADDRESS", help="Serve figures for Prometheus, such as on 127.0.0.1:9460.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0.1, 3_600),
    default=LOOK_S,
    show_default=True,
    help="Seconds between two looks.",
)
@workers_option
@hold_rows_option
def watch(
    vault: str,
    settings: str | None,
    day: str | None,
    metrics: str | None,
    every_s: float,
    workers: int,
    held_rows: int,
    *,
    once: bool,
    as_json: bool,
) -> None:
    """Ingest what is delivered into folders and topics, batch by batch, until it is told to stop.

    A file is moved or deleted, as the settings say, only once the log has its records. A file that is still
    being written to is read line by line as it grows. Nothing is sealed twice, wherever this is killed.
    SIGTERM or Ctrl-C stops it after the batch under way; Ctrl-C again at once. With --once and --report the
    exit code is 2 if a file was refused or may not be read, or Kafka deleted messages before they were
    taken; with --report also if anything is missing.
    """
    opened = vault_at(vault)
    path = Path(settings) if settings is not None else Path(vault) / SETTINGS
    if not path.exists():
        raise MalformedInput(f"{path.name}: no such file", hint=f"write {path}; coffer watch --help shows one")
    parsed = parse_settings(read_file(str(path)), path.name)
    base = path.absolute().parent
    folders = [watching(one, base) for one in parsed if isinstance(one, WatchedFolder)]
    topics = [watching_topic(one, base) for one in parsed if isinstance(one, WatchedTopic)]
    if day is not None:
        if once or metrics is not None:
            raise MalformedInput("--report: shows the account and ends: leave --once and --metrics out")
        _show_account(account(opened, [*folders, *topics], _day(day)), _day(day), as_json=as_json)
        return
    for one in folders:
        verify_folders(one)
    tell = _tell_json if as_json or speaks_json() else _tell
    if topics:
        require("kafka", "confluent_kafka")
    watcher = Watcher(opened, folders, topics=topics, tell=tell, workers=workers, held_rows=held_rows)
    with ExitStack() as held:
        stopping = held.enter_context(_stopped_by_signals(watcher))
        if metrics is not None:
            from coffer.cli.watching import serve_figures  # noqa: PLC0415 - needs the extra web

            say(f"figures at {held.enter_context(serve_figures(metrics, watcher.figures))}/metrics")
        watcher.run(is_once=once, wait=stopping.wait, every_s=every_s)
    if stopping.is_set():
        say("stopped")
    if once:
        _verify_all_taken(watcher, vault)


def _verify_all_taken(watcher: Watcher, vault: str) -> None:
    """Report a failure if a file was not taken, or messages were deleted before they were taken.

    Raises:
        MalformedInput: nothing of such files and messages is sealed.
    """
    if watcher.refused:
        raise MalformedInput(
            f"{counted(watcher.refused, 'file')} refused: nothing of them is sealed",
            hint=f"coffer watch {vault} --report names them; coffer feed check shows how a file is read",
        )
    if watcher.unreadable:
        raise MalformedInput(
            f"{counted(watcher.unreadable, 'file')} unreadable: nothing of them is sealed",
            hint=f"coffer watch {vault} --report names them; this user needs the right to read them",
        )
    if watcher.missed:
        raise MalformedInput(
            f"{counted(watcher.missed, 'offset')} deleted by Kafka before they were taken",
            hint="does the topic's retention leave time for a watch that was down? The next batch's entry says so too",
        )


@contextmanager
def _stopped_by_signals(watcher: Watcher) -> Iterator[threading.Event]:
    """Is set once a signal told to stop. A second one ends the command at once, as without this."""
    stopping = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(_number: int, _frame: FrameType | None) -> None:
        watcher.stop()
        stopping.set()
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(event: Event) -> None:
    """Batches on stdout, trouble on stderr. A terminal that was closed must not end the work."""
    if event.is_trouble:
        say(f"{event.folder}: {event.message}")
        return
    with suppress(OSError):
        print_line(f"{event.folder}: {event.message}")


def _tell_json(event: Event) -> None:
    document = {"time": wire.format_time(clock()), "event": event.kind, "folder": event.folder}
    with suppress(OSError):
        print_line(json.dumps(document | {"message": event.message} | dict(event.values)))


def _day(text: str) -> dt.date:
    today = clock().date()
    if text in (TODAY, YESTERDAY):
        return today if text == TODAY else today - dt.timedelta(days=1)
    return wire.parse_day(text, "--report")


def _show_account(reports: Sequence[FolderReport], day: dt.date, *, as_json: bool) -> None:
    if as_json:
        print_json({"format": "coffer.watched/v1", "day": str(day), "folders": [_document(one) for one in reports]})
    else:
        _print_account(reports, day)
    bad = [one.name for one in reports if not one.is_whole]
    if bad:
        raise MalformedInput(f"{day}: not everything is there: {', '.join(bad)}")


def _document(one: FolderReport) -> dict[str, object]:
    sums = one.sums
    return {
        "folder": one.name,
        "is_exact": sums.is_exact,
        **{name: getattr(sums, name) for name in (*_SHOWN, *_ALSO)},
        "reasons": dict(sorted(sums.reasons.items())),
        "skips": dict(sorted(sums.skips.items())),
        "numbered_sources": one.numbered,
        "repeated_numbers": sums.repeated,
        "missing_numbers": [
            {"source": source, "first": first, "last": last} for source, first, last in one.missing_numbers
        ],
        "missing_dates": [str(date) for date in one.missing_dates],
        "waiting": [
            {"file": seen.name, "why": wait.name.lower(), "reason": one.why.get(seen.key, "")}
            for seen, wait in one.waiting
        ],
        "unfinished": one.unfinished,
        "unfit": one.unfit,
        "trouble": one.trouble,
    }


def _print_account(reports: Sequence[FolderReport], day: dt.date) -> None:
    out = console()
    table = Table("folder", *_SHOWN, "waiting", numbers=(*_SHOWN, "waiting"))
    for one in reports:
        table.add_row(one.name, *(f"{getattr(one.sums, name):,}" for name in _SHOWN), f"{len(one.waiting):,}")
    out.print(f"taken on {day} (UTC)")
    out.print(table)
    if not all(one.sums.is_exact for one in reports):
        out.print("  read, kept and duplicate are at least so many: of older days they are rounded down")
    for one in reports:
        for line in _lines(one):
            out.print(f"  {one.name}: {line}")


def _lines_of_sums(sums: Sums) -> Iterator[str]:
    """Of the day's sums."""
    for reason, count in sorted(sums.reasons.items(), key=lambda item: (-item[1], item[0])):
        yield f"{count:,} rejected as {reason}"
    for word, count in sorted(sums.skips.items(), key=lambda item: (-item[1], item[0])):
        yield f"{count:,} skipped as {word}"
    for name in ("empty", "rotated", "truncated"):
        if getattr(sums, name):
            yield f"{counted(getattr(sums, name), 'file')} {name}"
    if sums.lost_sight:
        yield f"{counted(sums.lost_sight, 'file')} rotated out of sight: their last lines may be missing"
    if sums.missed:
        yield f"missing: {counted(sums.missed, 'offset')} that Kafka deleted before they were taken"
    if sums.repeated:
        yield f"{counted(sums.repeated, 'number')} of files came again"


def _lines(one: FolderReport) -> Iterator[str]:
    """What the table does not say of a folder."""
    yield from _lines_of_sums(one.sums)
    for source, first, last in one.missing_numbers:
        numbers = f"number {first}" if first == last else f"numbers {first} to {last}"
        yield f"missing: {numbers} of source {source}"
    for date in one.missing_dates:
        yield f"missing: a file for {date}"
    if one.unfinished:
        yield f"{counted(one.unfinished, 'file')} in the log, still to be moved or deleted"
    if one.unfit:
        yield f"no file of {one.unfit:,} fits glob"
    for seen, wait in one.waiting:
        why = one.why.get(seen.key) if wait is Wait.REFUSED else None
        yield f"{visible_cell(seen.name)} waits: {wait.value}{f': {visible(why)}' if why else ''}"
    if one.trouble:
        yield one.trouble
