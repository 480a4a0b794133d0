"""``coffer report``."""

import csv
import sys

import click

from coffer import wire
from coffer.cli.console import can_show, console, print_json, say
from coffer.cli.drawing import Pictures, draw_files
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
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
    """Count the records by day, place and kind, without reading anybody's.

    The totals come from the tally, which is published with noise unless the roster says otherwise.
    """
    pictures = Pictures(png=png, svg=svg, html=html, language=language, title=title)
    opened = vault_at(vault)
    state, head = opened.replay_to_head()
    days = {"first": wire.parse_day(first, "--from"), "last": wire.parse_day(last, "--to")}
    totals = make_report(opened, state, **days, by=by.split(","), country=country)
    if pictures.paths:
        chart = make_chart(opened, state, **days, country=totals.country)
        provenance = Provenance(origin=opened.pins.origin, log_size=head.size, log_root=head.root)
        draw_files(pictures, chart, provenance)
    if as_json:
        print_json(_document(totals))
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow((*totals.by, "records", *BUCKETS, "noise_sd"))
        writer.writerows((*line.keys, line.records, *line.buckets, round(line.noise_sd, 1)) for line in totals.lines)
        _say_unpublished(totals)
    else:
        _print(totals)


def _document(totals: Report) -> dict[str, object]:
    return {
        "from": str(totals.first),
        "to": str(totals.last),
        "by": totals.by,
        "country": totals.country,
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


def _print(totals: Report) -> None:
    noise_heads = () if totals.epsilon is None else ("±",)
    table = Table(*totals.by, "records", *noise_heads, "", numbers=("records", "±"))
    bar = "█" if can_show("█") else "#"
    most = max((line.records for line in totals.lines), default=0) or 1
    for line in totals.lines:
        noise = () if totals.epsilon is None else (f"{2 * line.noise_sd:,.0f}",)
        table.add_row(*line.keys, f"{line.records:,}", *noise, bar * round(BAR_WIDTH * line.records / most))
    out = console()
    out.print(table)
    where = f" from or to {totals.country}" if totals.country else ""
    out.print(f"{counted(totals.total, 'record')}{where}, {totals.first} to {totals.last}")
    _say_unpublished(totals)
    if totals.epsilon is None:
        say("exact counts: this vault's roster says so in public")
    elif totals.noise_sd is None:
        least = release_threshold(totals.epsilon)
        say(
            f"with noise for privacy (epsilon {totals.epsilon} a batch, one record); cells of a day, kind and pair of countries"
        )
        say(f"under about {counted(least, 'record')}: not shown and not in the total")
    else:
        say(
            f"with noise for privacy (epsilon {totals.epsilon} a batch, one record): the total is right to about {2 * totals.noise_sd:,.0f}"
        )


def _say_unpublished(totals: Report) -> None:
    """If nothing is shown of a country, say that nothing of it was published, and why."""
    if totals.country is not None and not totals.lines:
        why = (
            "nothing was collected from or to it"
            if totals.epsilon is None
            else f"nothing was collected from or to it, or under about {counted(release_threshold(totals.epsilon), 'record')} a day"
        )
        say(f"of {totals.country} no count is published in these days: {why}")
