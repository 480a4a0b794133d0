"""``coffer retire``."""

import datetime as dt

import click

from coffer.cli.console import clock, console, print_json, say, verify_absent
from coffer.cli.custodians import unlock
from coffer.cli.passphrases import Passphrases, passphrases_option
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.ledger.retention import Timeline, due_days, retention_timeline
from coffer.ledger.state import verify_clock
from coffer.procedures.reports.calendar import format_calendar
from coffer.procedures.retire import Retired, run_retirement
from coffer.vault.folder import Vault
from coffer.visible import counted


@click.command(
    epilog="""\b
Examples, the first for every night:
coffer retire vault --passphrase-file pass.txt
coffer retire vault --calendar --ahead 90 -o days.ics"""
)
@click.argument("vault")
@click.option("--dry-run", is_flag=True, help="Say what is due, destroy nothing; needs no passphrase.")
@click.option("--calendar", is_flag=True, help="List what dies on which day; needs no passphrase.")
@click.option("--ahead", type=click.IntRange(1, 36_600), default=30, show_default=True, help="How many days.")
@click.option("-o", "--output", metavar="FILE", help="Also write the calendar as iCalendar (.ics).")
@click.option("--catch-up", is_flag=True, help="Destroy all that this clock says is due; it must be right.")
@passphrases_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def retire(
    vault: str,
    passphrase_file: str | None,
    ahead: int,
    output: str | None,
    *,
    dry_run: bool,
    calendar: bool,
    catch_up: bool,
    as_json: bool,
) -> None:
    """Destroy the keys of days whose retention is over, and say so in the log.

    It also removes the files of segments that died. Run it daily: it does nothing where nothing is due.
    """
    if dry_run and calendar:
        raise MalformedInput("--calendar: not together with --dry-run")
    if output is not None and not calendar:
        raise MalformedInput("--output: only with --calendar")
    path = None if output is None else verify_absent(output)
    opened = vault_at(vault)
    if calendar:
        now = clock()
        state = opened.replay()
        timeline = retention_timeline(state, now.date(), ahead_days=ahead)
        _show_timeline(timeline, as_json=as_json)
        if held := len(state.holds_in_force(now)):
            say(f"{counted(held, 'hold')} in force: of whom they name, what would be answered outlasts these days")
        if path is not None and not timeline.days:
            say(f"{path.name} was not written: nothing dies in {counted(ahead, 'day')}; --ahead looks further")
        elif path is not None:
            Disk().write(path, format_calendar(timeline, opened.pins.origin, now))
            say(f"written to {path.name}: a calendar takes it in, and takes it in again later")
        return
    if dry_run:
        _show_due(_due(opened), as_json=as_json)
        return
    passphrases = Passphrases(passphrase_file)
    services = unlock(opened, passphrases, opened.custodian_names(), may_skip=True)
    retired = run_retirement(opened, services, passphrase=passphrases.get, may_catch_up=catch_up)
    _show(retired, as_json=as_json)
    for service in services:
        if service.held_back:
            say(
                f"custodian {service.name}: {counted(service.held_back, 'day')} due by this clock, and nothing else shows that it is so late: "
                "they wait (--catch-up if the clock is right)"
            )
    overdue = retention_timeline(opened.replay(), clock().date()).overdue
    for name, count in overdue.items():
        say(f"custodian {name}: {counted(count, 'day')} overdue; its own machine must destroy the keys")


def _due(vault: Vault) -> dict[str, tuple[dt.date, ...]]:
    state, now = vault.replay(), clock()
    verify_clock(state, now)
    local = vault.custodian_names()
    due = {name: due_days(state, name, now.date()) for name in dict.fromkeys((*local, *state.roster.names))}
    return {name if name in local else f"{name}, on its own machine": days for name, days in due.items()}


def _show_due(due: dict[str, tuple[dt.date, ...]], *, as_json: bool) -> None:
    if as_json:
        print_json({"due": {name: [str(day) for day in days] for name, days in due.items()}})
        return
    for name, days in due.items():
        console().print(f"{name}: {counted(len(days), 'day')} due{_span(days)}")


def _show(retired: Retired, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "destroyed": {name: [str(day) for day in days] for name, days in retired.days.items()},
                "entries": list(retired.entries),
                "segments": retired.segments,
                "files": retired.files,
            }
        )
        return
    out = console()
    for name, days in retired.days.items():
        out.print(f"{name}: keys of {counted(len(days), 'day')} destroyed{_span(days)}")
    out.print(f"{counted(retired.segments, 'segment')} died, {counted(retired.files, 'file')} removed")
    if retired.entries:
        out.print(f"logged as entries {retired.entries[0]} to {retired.entries[-1]}")


def _show_timeline(timeline: Timeline, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "days": [
                    {
                        "dies": str(line.dies),
                        "day": str(line.day),
                        "segments": line.segments,
                        "rows": line.rows,
                        "keys": list(line.keys),
                        "due": line.is_due,
                    }
                    for line in timeline.days
                ],
                "later": timeline.later,
                "dead_days": timeline.dead_days,
                "overdue": timeline.overdue,
            }
        )
        return
    heads = ("dies on", "records of", "segments", "padded rows", "keys of", "")
    table = Table(*heads, numbers=("segments", "padded rows"))
    for line in timeline.days:
        what = (str(line.dies), str(line.day), str(line.segments), f"{line.rows:,}", ", ".join(line.keys))
        table.add_row(*what, "due" if line.is_due else "")
    out = console()
    if timeline.days:
        out.print(table)
    out.print(f"later: {counted(timeline.later, 'day')}; dead already: {counted(timeline.dead_days, 'day')}")


def _span(days: tuple[dt.date, ...]) -> str:
    if not days:
        return ""
    return f": {days[0]}" if len(days) == 1 else f": {days[0]} to {days[-1]}"
