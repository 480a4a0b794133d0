"""``coffer hold extend``."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import click

from coffer import wire
from coffer.authority.ordered import OrderClass
from coffer.cli.console import clock, say, verify_absent
from coffer.cli.from_epoc import print_shown
from coffer.cli.notes import hold_of, read_note
from coffer.cli.ordering import order_options, typed_end, typed_order, verify_until
from coffer.cli.preserving import read_following, verify_within
from coffer.cli.vaults import vault_at
from coffer.disk import Disk
from coffer.procedures.holding import extend_hold, sought_of


@click.command(
    epilog="""\b
Examples:
coffer hold extend vault hold.note --until 2013-04-01T00:00:00Z \\
    --authority 'Court of Appeal' --basis 'case 12/345, extended' -o more.note
coffer hold extend vault hold.note --from-order form6.xml -o more.note"""
)
@click.argument("vault")
@click.argument("note")
@click.option("--until", help="Until when it is kept, a day or YYYY-MM-DDThh:mm:ssZ; 30 days more if not given.")
@click.option(
    "--from-order",
    metavar="FILE",
    help="Form 6, which extends a European Preservation Order by 30 days, or Form 5: kept until it was produced.",
)
@click.option("--authority", help="Who asks for it; as in the hold if not given.")
@click.option("--basis", help="Legal basis and case; as in the hold if not given.")
@order_options
@click.option("--time-zone", "zones", multiple=True, metavar="ZONE", help="Of --received and --due.")
@click.option("-o", "--output", required=True, help="Where to write the note.")
def extend(
    vault: str,
    note: str,
    until: str | None,
    from_order: str | None,
    authority: str | None,
    basis: str | None,
    output: str,
    **typed: object,
) -> None:
    """Ask that a hold last longer; custodians approve that as they did the hold.

    It names the same subjects, times and kinds as the first note. Until enough custodians approve it within 72 hours,
    the hold ends when it did.
    """
    now, opened = clock().replace(microsecond=0), vault_at(vault)
    first = hold_of(opened, read_note(note), Path(note).name)
    ends = typed_end(until, "--until") if until else None
    ordered = typed_order(dict(typed), now, message=from_order, order_class=OrderClass.PRESERVE)
    epoc = read_following(from_order, first, now, basis) if from_order else None
    if epoc is None:
        ends = ends or first.terms.until + dt.timedelta(days=30)
    else:
        ends = verify_within(ends, epoc.until, Path(from_order or "").name)
        ordered = replace(ordered, issuer=first.terms.ordered.issuer, issued_in=first.terms.ordered.issued_in)
    if until:
        verify_until(ends, now)
    path = verify_absent(output)
    sought = replace(
        sought_of(first),
        ordered=ordered,
        authority=authority or first.terms.authority,
        basis=(basis or first.terms.basis) if epoc is None else epoc.basis,
    )
    made = extend_hold(opened, first, sought, until=ends)
    Disk().write(path, made.note.raw, private=True)
    say(f"written to {path.name}, and logged: until {wire.format_time(ends)}, once enough custodians approve it")
    if epoc is not None:
        print_shown(epoc.form)
