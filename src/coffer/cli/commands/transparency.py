"""``coffer transparency``."""

import click

from coffer import wire
from coffer.cli.console import clock, console, print_json, say, verify_absent
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.disclosure.tables_pdf import format_tables_pdf
from coffer.disk import Disk
from coffer.errors import Refused
from coffer.ledger.state import State
from coffer.pictures.transparency_page import format_transparency_page, printed, sections
from coffer.pictures.transparency_words import WORDS
from coffer.procedures.notices import notices_of
from coffer.procedures.reports.totals import make_report
from coffer.procedures.reports.transparency import transparency as make_transparency
from coffer.vault.folder import Vault


@click.command(
    epilog="Example: coffer transparency vault --from 2016-01-01 --to 2016-12-31 --html report.html --language fr"
)
@click.argument("vault")
@click.option("--from", "first", required=True, help="First day (UTC).")
@click.option("--to", "last", required=True, help="Last day (UTC).")
@click.option("--json", "as_json", is_flag=True, help="As JSON; its log part is what coffer-audit gives.")
@click.option("--html", metavar="FILE", help="Also make a page that loads nothing.")
@click.option("--pdf", metavar="FILE", help="Also make a PDF.")
@click.option("--language", default="en", show_default=True, type=click.Choice(tuple(WORDS)), help="Of text and page.")
def transparency(
    vault: str, first: str, last: str, html: str | None, pdf: str | None, language: str, *, as_json: bool
) -> None:
    """Report what was asked, refused, opened and collected in a period.

    No person is in it.
    """
    paths = {kind: verify_absent(name) for kind, name in (("html", html), ("pdf", pdf)) if name}
    opened = vault_at(vault)
    state = opened.replay()
    days = {"first": wire.parse_day(first, "--from"), "last": wire.parse_day(last, "--to")}
    entries = opened.log.entries(0, state.size)
    figures = make_transparency(entries, origin=opened.pins.origin, genesis=opened.pins.genesis, **days)
    counted = make_report(opened, state, first=days["first"], last=days["last"], by=["kind"], country=None)
    document: dict[str, object] = {
        "origin": opened.pins.origin,
        "from": str(figures.first),
        "to": str(figures.last),
        "log": figures.document(),
        "tally": {"records": counted.total, "noise_standard_deviation": counted.noise_sd},
        "overdue": _overdue(opened, state),
    }
    makers = {
        "html": lambda: format_transparency_page(document, language),
        "pdf": lambda: format_tables_pdf(printed(document, language), language=language, now=clock()),
    }
    made = {path: makers[kind]() for kind, path in paths.items()}
    for path, raw in made.items():
        Disk().write(path, raw)
    if as_json:
        print_json(document)
        return
    out = console()
    for section in sections(document, language):
        table = Table(*section.heads, numbers=section.heads[1:])
        for row in section.rows:
            table.add_row(*row)
        out.print(section.caption)
        out.print(table)
        out.print("")
    say(f"recompute it: coffer-audit transparency {vault} --from {first} --to {last} --json")


def _overdue(vault: Vault, state: State) -> int | None:
    """How many authorizations used here are past their secrecy and not revealed.

    None if the desk's notes cannot be read.
    """
    try:
        notices = notices_of(vault, state)
    except Refused:
        return None  # the operator's keys are sealed: the public part of the report needs no key
    return sum(notice.reveal is None and not notice.authorization.is_secret(clock()) for notice in notices)
