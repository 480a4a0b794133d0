"""``coffer transparency``."""

from collections.abc import Mapping

import click

from coffer import wire
from coffer.cli.console import clock, console, print_json, say, verify_absent
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.disclosure.tables_pdf import format_tables_pdf
from coffer.disk import Disk
from coffer.errors import MalformedInput, Refused
from coffer.ledger.codes import LEVEL_WORDS, LEVELS
from coffer.ledger.state import State
from coffer.pictures.transparency_page import format_transparency_page, printed, sections
from coffer.pictures.transparency_words import WORDS
from coffer.procedures.notices import notices_of
from coffer.procedures.reports.tables import TABLES, make_table
from coffer.procedures.reports.totals import make_report
from coffer.procedures.reports.transparency import figures, read_entries
from coffer.vault.folder import Vault
from coffer.visible import counted


@click.command(
    epilog="Example: coffer transparency vault --from 2016-01-01 --to 2016-12-31 --html report.html --language fr"
)
@click.argument("vault")
@click.option("--from", "first", required=True, help="First day (UTC).")
@click.option("--to", "last", required=True, help="Last day (UTC).")
@click.option("--table", type=click.Choice(TABLES), help="Instead, the yearly table that a law asks for.")
@click.option("--json", "as_json", is_flag=True, help="As JSON; its log part, or table, is what coffer-audit gives.")
@click.option("--html", metavar="FILE", help="Also make a page that loads nothing.")
@click.option("--pdf", metavar="FILE", help="Also make a PDF.")
@click.option("--language", default="en", show_default=True, type=click.Choice(tuple(WORDS)), help="Of text and page.")
def transparency(
    vault: str,
    first: str,
    last: str,
    table: str | None,
    html: str | None,
    pdf: str | None,
    language: str,
    *,
    as_json: bool,
) -> None:
    """Report what was asked, refused, opened and collected in a period.

    No person is in it.
    """
    paths = {kind: verify_absent(name) for kind, name in (("html", html), ("pdf", pdf)) if name}
    opened = vault_at(vault)
    state = opened.replay()
    days = {"first": wire.parse_day(first, "--from"), "last": wire.parse_day(last, "--to")}
    if days["first"] > days["last"]:
        raise MalformedInput("--from: later than --to")
    document: dict[str, object] = {"origin": opened.pins.origin, "from": str(days["first"]), "to": str(days["last"])}
    entries = opened.log.entries(0, state.size)
    replayed, dated = read_entries(entries, origin=opened.pins.origin, genesis=opened.pins.genesis)
    if table is not None:
        document |= {"table": make_table(table, replayed, dated, **days).document()}
    else:
        totals = make_report(opened, state, first=days["first"], last=days["last"], by=["kind"], country=None)
        document |= {
            "log": figures(replayed, dated, **days).document(),
            "tally": {"records": totals.total, "noise_standard_deviation": totals.noise_sd},
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
        shown = Table(*section.heads, numbers=section.heads[1:])
        for row in section.rows:
            shown.add_row(*row)
        out.print(section.caption)
        out.print(shown)
        out.print("")
    asked = "" if table is None else f" --table {table}"
    if table is not None and state.roster.statistics != LEVELS[-1]:
        _say_untold(state.roster.statistics, figures(replayed, dated, **days).emergencies)
    say(f"recompute it: coffer-audit transparency {vault} --from {first} --to {last}{asked} --json")


def _say_untold(level: str, emergencies: Mapping[str, int]) -> None:
    """Say what a table lacks under the roster's level, and what the log tells all the same."""
    say(f"statistics: {level}: {LEVEL_WORDS[level]}; what waits is not told here")
    opened = sum(count for status, count in emergencies.items() if status != "disapproved")
    if opened:
        say(f"{counted(opened, 'opening')} of these days under the emergency rule, as the report without --table says")


def _overdue(vault: Vault, state: State) -> int | None:
    """How many authorizations used here are past their secrecy and not revealed.

    None if the desk's notes cannot be read.
    """
    try:
        notices = notices_of(vault, state)
    except Refused:
        return None  # the operator's keys are sealed: the public part of the report needs no key
    return sum(notice.reveal is None and not notice.authorization.is_secret(clock()) for notice in notices)
