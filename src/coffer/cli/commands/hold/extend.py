"""``coffer hold extend``."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import click

from coffer import wire
from coffer.authority.hold import parse_hold
from coffer.authority.ordered import OrderClass
from coffer.cli.console import clock, say, verify_absent
from coffer.cli.notes import read_note
from coffer.cli.ordering import order_options, typed_end, typed_order
from coffer.cli.vaults import vault_at
from coffer.disk import Disk
from coffer.procedures.holding import extend_hold, sought_of


@click.command(
    epilog="""\b
Example:
coffer hold extend vault hold.note --until 2013-04-01T00:00:00Z \\
    --authority 'Court of Appeal' --basis 'Form 6 to case 12/345' -o more.note"""
)
@click.argument("vault")
@click.argument("note")
@click.option("--until", help="Until when it is kept, a day or YYYY-MM-DDThh:mm:ssZ; 30 days more if not given.")
@click.option("--authority", help="Who asks for it; as in the hold if not given.")
@click.option("--basis", help="Legal basis and case; as in the hold if not given.")
@order_options
@click.option("--time-zone", "zones", multiple=True, metavar="ZONE", help="Of --received and --due.")
@click.option("-o", "--output", required=True, help="Where to write the note.")
def extend(
    vault: str, note: str, until: str | None, authority: str | None, basis: str | None, output: str, **typed: object
) -> None:
    """Ask that a hold last longer; custodians approve that as they did the hold.

    It names the same subjects, times and kinds as the first note. Until enough custodians approve it within 72 hours,
    the hold ends when it did.
    """
    now, first = clock().replace(microsecond=0), parse_hold(read_note(note), Path(note).name)
    ends = typed_end(until, "--until") if until else first.terms.until + dt.timedelta(days=30)
    path, opened = verify_absent(output), vault_at(vault)
    sought = replace(
        sought_of(first),
        ordered=typed_order(dict(typed), now, order_class=OrderClass.PRESERVE),
        authority=authority or first.terms.authority,
        basis=basis or first.terms.basis,
    )
    made = extend_hold(opened, first, sought, until=ends)
    Disk().write(path, made.note.raw, private=True)
    say(f"written to {path.name}, and logged: until {wire.format_time(ends)}, once enough custodians approve it")
