"""``coffer hold make``."""

import datetime as dt

import click

from coffer import wire
from coffer.authority.ordered import OrderClass
from coffer.cli.authorities import marks_of
from coffer.cli.console import clock, say, verify_absent
from coffer.cli.from_etsi import periods_of
from coffer.cli.ordering import order_options, typed_end, typed_order
from coffer.cli.periods import InOrder, time_options, typed_times
from coffer.cli.subjects import canonical_subjects, home_option
from coffer.cli.terms import letters_remarks, say_signers
from coffer.cli.vaults import vault_at
from coffer.disk import Disk
from coffer.procedures.holding import make_hold
from coffer.procedures.opening.request import Sought
from coffer.vault.known import desk_authorities

DEFAULT_LIFE_DAYS = 60
"""What a European Preservation Order asks for."""
DEFAULT_SECRECY_DAYS = 365


@click.command(
    cls=InOrder,
    epilog="""\b
Example:
coffer hold make vault --subject tel:+33612345678 \\
    --days 2012-12-10 2013-01-08 --time-zone Europe/Paris \\
    --kinds call,text --until 2013-03-01 \\
    --authority 'Court of Appeal' --basis 'Art. 77-1, case 12/345' \\
    --purpose 'Theft' --person 'A. Example' -o hold.note""",
)
@click.argument("vault")
@click.option("--subject", "subjects", multiple=True, required=True, help="As for coffer request; up to 20.")
@time_options
@home_option
@click.option("--kinds", required=True, help="Some of call,text,email, joined by commas.")
@click.option("--authority", required=True, help="Who ordered it.")
@click.option("--basis", required=True, help="Legal basis and case.")
@click.option("--purpose", required=True, help="What for.")
@click.option(
    "--person",
    "persons",
    multiple=True,
    required=True,
    help="Who used the number in that time; once for all subjects, or once for each in their order.",
)
@order_options
@click.option("--hub", is_flag=True, help="A number that very many call; then every custodian of its rule must sign.")
@click.option(
    "--until", help="Until when it is kept, a day or YYYY-MM-DDThh:mm:ssZ; 60 days if not given, 90 are the most."
)
@click.option("--secret-until", help="Day after which it may be revealed (YYYY-MM-DD); a year if not given.")
@click.option("-o", "--output", required=True, help="Where to write the note.")
def make(
    vault: str,
    subjects: tuple[str, ...],
    home: str | None,
    kinds: str,
    authority: str,
    basis: str,
    purpose: str,
    persons: tuple[str, ...],
    until: str | None,
    secret_until: str | None,
    output: str,
    *,
    hub: bool,
    **typed: object,
) -> None:
    """Turn an order to preserve into a hold, and log it: custodians may keep from then on.

    The log shows a commitment, the rules and until when. Enough custodians must keep within 72 hours, or it lapses.
    """
    now = clock().replace(microsecond=0)
    subjects = canonical_subjects(subjects, home)
    times = typed_times({"subjects": subjects} | typed)
    sought = Sought(
        ordered=typed_order(typed, now, order_class=OrderClass.PRESERVE),
        subjects=subjects,
        persons=persons,
        periods=periods_of(times, len(subjects)),
        kinds=kinds,
        authority=authority,
        basis=basis,
        purpose=purpose,
        is_hub=hub,
        secret_until=wire.parse_day(secret_until, "--secret-until")
        if secret_until
        else (now + dt.timedelta(days=DEFAULT_SECRECY_DAYS)).date(),
    )
    ends = typed_end(until, "--until") if until else now + dt.timedelta(days=DEFAULT_LIFE_DAYS)
    path, opened = verify_absent(output), vault_at(vault)
    made = make_hold(opened, sought, until=ends)
    Disk().write(path, made.note.raw, private=True)
    say(f"written to {path.name}, and logged; it names a person: keep it as you would keep the order")
    for remark in (*letters_remarks(made.terms), *marks_of(made.terms, desk_authorities(opened))):
        say(remark)
    say_signers(opened, made)
    say(f"kept until {wire.format_time(ends)}, if enough custodians keep within 72 hours: coffer countersign, for each")
