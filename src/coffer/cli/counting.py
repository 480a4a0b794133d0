"""``coffer report`` and ``coffer log``."""

import csv
import sys

import click

from coffer import wire
from coffer.cli.console import Table, can_show, console, print_json, say
from coffer.cli.drawing import Wanted, draw_files
from coffer.cli.vaults import vault_at
from coffer.ledger.entries import (
    COARSE,
    NAME_DIGITS,
    AbsenceEntry,
    Body,
    CloseEntry,
    DestroyEntry,
    DrawEntry,
    EpochKeyEntry,
    FaultEntry,
    IngestEntry,
    IntentEntry,
    ObjectionEntry,
    ReceiptEntry,
    RefuseEntry,
    RevealEntry,
    RevokeEntry,
    WithdrawEntry,
)
from coffer.ledger.facts import Invalid, Verdict
from coffer.ledger.roster import parse_roster
from coffer.ledger.state import State
from coffer.pictures.story import LANGUAGES, Provenance
from coffer.procedures.reports.totals import DIMENSIONS, Report, make_chart, make_report
from coffer.tally.exact import BUCKETS
from coffer.tally.release import release_threshold
from coffer.visible import counted

BAR_WIDTH = 30


@click.command(epilog="Example: coffer report vault --from 2012-12-10 --to 2013-01-08 --country FR --by day")
@click.argument("vault")
@click.option("--from", "first", required=True, help="First day (UTC).")
@click.option("--to", "last", required=True, help="Last day (UTC).")
@click.option("--country", help="Only records from or to this country (ISO code, in letters of any size).")
@click.option(
    "--by",
    default="day",
    show_default=True,
    help=f"What to add up by: {', '.join(DIMENSIONS)}, or several joined by commas.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@click.option("--png", metavar="FILE", help="Also draw days and map as a PNG picture.")
@click.option("--svg", metavar="FILE", help="Also draw days and map as an SVG picture.")
@click.option("--html", metavar="FILE", help="Also make a page of days, map and all numbers that loads nothing.")
@click.option("--language", default="en", show_default=True, type=click.Choice(LANGUAGES), help="Of picture and page.")
@click.option("--title", help="Headline of picture and page.")
def report(
    vault: str,
    first: str,
    last: str,
    country: str | None,
    by: str,
    png: str | None,
    svg: str | None,
    html: str | None,
    language: str,
    title: str | None,
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Totals from the tally: how many records, where and when. Nobody's records are read for it."""
    wanted = Wanted(png=png, svg=svg, html=html, language=language, title=title)
    opened = vault_at(vault)
    state, head = opened.replay_to_head()
    days = {"first": wire.parse_day(first, "--from"), "last": wire.parse_day(last, "--to")}
    found = make_report(opened, state, **days, by=by.split(","), country=country)
    if wanted.paths:
        chart = make_chart(opened, state, **days, country=found.country)
        provenance = Provenance(origin=opened.pins.origin, log_size=head.size, log_root=head.root)
        draw_files(wanted, chart, provenance)
    if as_json:
        print_json(_document(found))
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow((*found.by, "records", *BUCKETS, "noise_sd"))
        writer.writerows((*line.keys, line.records, *line.buckets, round(line.noise_sd, 1)) for line in found.lines)
        _say_unpublished(found)
    else:
        _print(found)


def _document(found: Report) -> dict[str, object]:
    return {
        "from": str(found.first),
        "to": str(found.last),
        "by": found.by,
        "country": found.country,
        "tally": "exact" if found.epsilon is None else f"epsilon {found.epsilon}",
        "noise_standard_deviation_of_total": None if found.noise_sd is None else round(found.noise_sd, 1),
        "total": found.total,
        "lines": [
            {
                **dict(zip(found.by, line.keys, strict=True)),
                "records": line.records,
                **dict(zip(BUCKETS, line.buckets, strict=True)),
                "noise_standard_deviation": round(line.noise_sd, 1),
            }
            for line in found.lines
        ],
    }


def _print(found: Report) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in found.by:
        table.add_column(name)
    table.add_column("records", justify="right")
    if found.epsilon is not None:
        table.add_column("±", justify="right")
    table.add_column("")
    bar = "█" if can_show("█") else "#"
    most = max((line.records for line in found.lines), default=0) or 1
    for line in found.lines:
        noise = () if found.epsilon is None else (f"{2 * line.noise_sd:,.0f}",)
        table.add_row(*line.keys, f"{line.records:,}", *noise, bar * round(BAR_WIDTH * line.records / most), style=None)
    out = console()
    out.print(table)
    where = f" from or to {found.country}" if found.country else ""
    out.print(f"{counted(found.total, 'record')}{where}, {found.first} to {found.last}")
    _say_unpublished(found)
    if found.epsilon is None:
        say("exact counts: this vault's roster says so in public")
    elif found.noise_sd is None:
        least = release_threshold(found.epsilon)
        say(
            f"with noise for privacy (epsilon {found.epsilon} a batch, one record); cells of a day, kind and pair of countries"
        )
        say(f"under about {counted(least, 'record')}: not shown and not in the total")
    else:
        say(
            f"with noise for privacy (epsilon {found.epsilon} a batch, one record): the total is right to about {2 * found.noise_sd:,.0f}"
        )


def _say_unpublished(found: Report) -> None:
    """Where nothing is shown of a country: that it is one, and that nothing of it was published."""
    if found.country is not None and not found.lines:
        why = (
            "nothing was collected from or to it"
            if found.epsilon is None
            else f"nothing was collected from or to it, or under about {counted(release_threshold(found.epsilon), 'record')} a day"
        )
        say(f"of {found.country} no count is published in these days: {why}")


@click.command(epilog="Example: coffer log vault")
@click.argument("vault")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def log(vault: str, *, as_json: bool) -> None:
    """List the log's entries: all that anybody may know of what this vault did."""
    opened = vault_at(vault)
    state = opened.replay()
    again = State.empty(origin=opened.pins.origin, genesis=opened.pins.genesis)
    verdicts = again.apply_all(opened.log.entries(0, state.size))
    if as_json:
        print_json([_entry(verdict) for verdict in verdicts])
        return
    table = Table("entry", "time", "type", "what", box=None, pad_edge=False, header_style="bold")
    for verdict in verdicts:
        entry = _entry(verdict)
        table.add_row(
            str(entry["entry"]), str(entry.get("time", "")), str(entry.get("type", "invalid")), str(entry["what"])
        )
    console().print(table)
    listed = opened.no_index()
    if listed is not None:
        say(
            f"no-index list beside the log: {counted(listed.lines, 'line')}, SHA-256 {listed.hash.hex()}; its hash is not in the log"
        )


def _entry(verdict: Verdict) -> dict[str, object]:
    if isinstance(verdict, Invalid):
        return {"entry": verdict.index, "valid": False, "what": f"has no effect ({verdict.rule}): {verdict.reason}"}
    entry = verdict.entry
    kind = entry.note.text.split(b"/", 1)[0].removeprefix(b"coffer.").decode("ascii")
    what = _roster(entry.note.text) if entry.body is None else _what(entry.body)
    if isinstance(entry.body, RevokeEntry):
        what += f", by {', '.join(line.name.removesuffix('/auth') for line in entry.note.signatures)}"
    found = {"entry": verdict.index, "valid": True, "time": wire.format_time(entry.time), "type": kind, "what": what}
    if isinstance(entry.body, IngestEntry | WithdrawEntry):
        found["batch"] = entry.body.batch.hex()
    return found


def _roster(text: bytes) -> str:
    found = parse_roster(text, "roster")
    return f"custodians, rules and limits, hash {found.hash.hex()[:16]}"


def _coarse(number: int) -> str:
    """A number as the log has it: rounded down to whole 1,024s."""
    return f"at least {number:,}" if number else f"under {COARSE:,}"


def _what(body: Body) -> str:  # noqa: C901, PLR0912 - one branch a type of entry
    match body:
        case EpochKeyEntry():
            return f"{body.custodian}: key of {body.day}"
        case IngestEntry():
            kept, rejected = (_coarse(number) for number in (body.counts.kept, body.counts.rejected))
            segments = counted(len(body.segments), "segment")
            return f"{body.feed}: batch {body.batch.hex()}, {kept} kept, {rejected} rejected, {segments} ({body.number}/{body.total})"
        case WithdrawEntry():
            return f"supersedes batch {body.batch.hex()}"
        case ReceiptEntry():
            return f"{body.custodian}: can open its part of segment {body.segment.hex()[:16]}"
        case IntentEntry():
            return f"{body.requester}: is about to ask, authorization {body.authorization.hex()[:NAME_DIGITS]}, at most {counted(body.cells_at_most, 'cell')}"
        case DrawEntry():
            return f"for intent {body.intent}: {counted(body.records, 'record')}"
        case CloseEntry():
            if body.answers == 0:
                return f"of intent {body.intent}: nothing opened"
            records, answers = counted(body.records, "record"), counted(body.answers, "custodian")
            return f"of intent {body.intent}: {records} opened, {answers} answered, {counted(body.unconfirmed_cells, 'cell')} unconfirmed"
        case RefuseEntry():
            return f"{body.custodian}: authorization {body.authorization.hex()[:NAME_DIGITS]}, {body.reason}"
        case AbsenceEntry():
            return f"all the others say that {body.custodian} is gone; it may object"
        case ObjectionEntry():
            return f"it is there, against entry {body.absence}"
        case RevokeEntry():
            return f"authorization {body.authorization.hex()[:NAME_DIGITS]}"
        case DestroyEntry():
            return f"{body.custodian}: key of {body.day}"
        case FaultEntry():
            return f"{body.accuser} accuses {body.accused}"
        case RevealEntry():
            return f"authorization {body.authorization.hex()[:NAME_DIGITS]}, {counted(sum(line.line is not None for line in body.lines), 'line')}"
