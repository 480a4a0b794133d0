"""``coffer report``."""

import click

from coffer import wire
from coffer.cli.console import can_show, console, print_json, say
from coffer.cli.drawing import Pictures, draw_files
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.kinds import KINDS
from coffer.pictures.story import LANGUAGES, Provenance
from coffer.procedures.reports.totals import DIMENSIONS, Report, make_chart, make_report
from coffer.procedures.reports.written import format_report_csv, report_document
from coffer.tally.release import release_threshold
from coffer.visible import counted

BAR_WIDTH = 30


@click.command(epilog="Example: coffer report vault --from 2012-12-10 --to 2013-01-08 --country FR --by day")
@click.argument("vault")
@click.option("--from", "first", required=True, help="First day (UTC).")
@click.option("--to", "last", required=True, help="Last day (UTC).")
@click.option("--country", help="Only records from or to this country (ISO code, in letters of any size).")
@click.option("--kind", type=click.Choice(tuple(KINDS)), help="Only records of this kind.")
@click.option("--feed", help="Only records of this feed.")
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
    kind: str | None,
    feed: str | None,
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
    totals = make_report(opened, state, **days, by=by.split(","), country=country, kind=kind, feed=feed)
    if pictures.paths:
        chart = make_chart(opened, state, **days, country=totals.country, kind=kind, feed=feed)
        provenance = Provenance(origin=opened.pins.origin, log_size=head.size, log_root=head.root)
        draw_files(pictures, chart, provenance)
    if as_json:
        print_json(report_document(totals))
    elif as_csv:
        print(format_report_csv(totals), end="")
        _say_unpublished(totals)
        _say_clipped(totals)
    else:
        _print(totals)


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
    _say_clipped(totals)


def _say_clipped(totals: Report) -> None:
    if totals.has_clipped_lines:
        say("hint: the lines do not add up to the total: noise put some below nothing, and they are shown as 0")


def _say_unpublished(totals: Report) -> None:
    """If nothing is shown of a country, say that nothing of it was published, and why."""
    if totals.country is not None and not totals.lines:
        why = (
            "nothing was collected from or to it"
            if totals.epsilon is None
            else f"nothing was collected from or to it, or under about {counted(release_threshold(totals.epsilon), 'record')} a day"
        )
        say(f"of {totals.country} no count is published in these days: {why}")
