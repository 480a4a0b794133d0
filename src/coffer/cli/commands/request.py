"""``coffer request``."""

import datetime as dt

import click

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.cli.console import clock, say, verify_absent
from coffer.cli.from_etsi import asked_by
from coffer.cli.ordering import order_options, typed_order
from coffer.cli.periods import InOrder, show_days, show_period, time_options, typed_times
from coffer.cli.terms import letters_remarks, say_older_rosters, say_signers
from coffer.cli.vaults import vault_at
from coffer.disclosure.order_times import has_own_periods, opens_part_of_a_day
from coffer.disk import Disk
from coffer.procedures.opening.decide import segments_of
from coffer.procedures.opening.request import Order, make_request
from coffer.vault.folder import Vault
from coffer.visible import counted

DEFAULT_LIFE_DAYS = 30

DEFAULT_SECRECY_DAYS = 365


@click.command(
    cls=InOrder,
    epilog="""\b
Examples:
coffer request vault --subject tel:+33612345678 --days 2012-12-10 2013-01-08 \\
    --time-zone Europe/Paris --kinds call,text --max-records 500 \\
    --authority 'Court of Appeal' --basis 'Art. 60-1 CPP, case 12/345' \\
    --purpose 'Theft' --person 'A. Example' -o request.note
Times are for the subjects named directly before them. Here each has its own:
coffer request vault --time-zone Europe/Paris \\
    --subject tel:+33612345678 --from 2012-12-10T08:00 --to 2012-12-10T20:00 \\
    --subject tel:+33698765432 --days 2012-12-11 2012-12-11 ...
With --from-etsi request.xml, subjects, times and kinds are taken from there.""",
)
@click.argument("vault")
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    help="tel:+33612345678, mailto:a@example.org, short:FR/36500, sender:CORP, opaque:feed/201 or dialled:FR/0612; repeat for up to 20; "
    "needed without --from-etsi.",
)
@time_options
@click.option("--kinds", help="Some of call,text,email, joined by commas; needed without --from-etsi.")
@click.option(
    "--max-records",
    type=int,
    help="How many records may be opened under it, in all; needed unless an ETSI message says so.",
)
@click.option(
    "--from-etsi",
    metavar="FILE",
    help="An ETSI TS 102 657 request message: it says whom, from when to when, which kinds, perhaps how many; "
    "times, --kinds and --max-records can then only narrow it.",
)
@click.option("--authority", required=True, help="Who ordered it.")
@click.option("--basis", required=True, help="Legal basis and case.")
@click.option("--purpose", required=True, help="What for.")
@click.option(
    "--person",
    "persons",
    multiple=True,
    required=True,
    help="Who used the number in that time, as the order names them; once for all subjects, or once for each in their order.",
)
@order_options
@click.option(
    "--hub", is_flag=True, help="The subject is one that very many call; then every custodian of its rule must sign."
)
@click.option("--not-before", help="From when it may be used (YYYY-MM-DDThh:mm:ssZ); now if not given.")
@click.option("--expires", help="Until when; 30 days after not-before if not given, which is the most.")
@click.option(
    "--secret-until",
    help="Day after which it may be revealed (YYYY-MM-DD); a year if not given, and at most ten after it expires.",
)
@click.option(
    "--roster", default="", metavar="HASH", help="Ask the custodians of an older roster, for what was sealed under it."
)
@click.option("-o", "--output", required=True, help="Where to write the note.")
def request(
    vault: str,
    subjects: tuple[str, ...],
    kinds: str | None,
    max_records: int | None,
    from_etsi: str | None,
    authority: str,
    basis: str,
    purpose: str,
    persons: tuple[str, ...],
    not_before: str | None,
    expires: str | None,
    secret_until: str | None,
    roster: str,
    output: str,
    *,
    hub: bool,
    **typed: object,
) -> None:
    """Turn an order into a request that custodians can read and countersign.

    Exactly these terms are enforced: whom, when, which kinds, how many and until when.
    """
    now = clock().replace(microsecond=0)
    start = wire.parse_time(not_before, "--not-before") if not_before else now
    times = typed_times({"subjects": subjects} | typed)
    asked = asked_by(from_etsi, subjects=subjects, times=times, kinds=kinds, max_records=max_records, basis=basis)
    ordered = typed_order(typed, now, message=from_etsi)
    path = verify_absent(output)
    opened = vault_at(vault)
    order = Order(
        ordered=ordered,
        persons=persons,
        subjects=asked.subjects,
        periods=asked.periods,
        kinds=asked.kinds,
        max_records=asked.max_records,
        authority=authority,
        basis=asked.basis,
        purpose=purpose,
        is_hub=hub,
        not_before=start,
        expires=wire.parse_time(expires, "--expires") if expires else start + dt.timedelta(days=DEFAULT_LIFE_DAYS),
        secret_until=wire.parse_day(secret_until, "--secret-until")
        if secret_until
        else (start + dt.timedelta(days=DEFAULT_SECRECY_DAYS)).date(),
    )
    authorization = make_request(opened, order, roster=roster)
    Disk().write(path, authorization.note.raw, private=True)
    say(f"written to {path.name}; it names a person: keep it as you would keep the order")
    for remark in letters_remarks(authorization.terms):
        say(remark)
    say_signers(opened, authorization)
    _say_days(opened, authorization, now)


def _say_days(vault: Vault, authorization: Authorization, now: dt.datetime) -> None:
    """Say what the request cannot reach, while the desk can still ask for something else."""
    terms, state = authorization.terms, vault.replay()
    reached = segments_of(authorization, state, before=state.size, now=now)
    if opens_part_of_a_day(terms) or has_own_periods(terms):
        for number, periods in enumerate(terms.periods, 1):
            say(f"subject {number}: {'; '.join(show_period(period) for period in periods)}")
        say(f"opens whole UTC days, {show_days(terms.all_days)}; records outside these times are dropped")
    asked, held = len(terms.all_days), len({s.line.day for s, _ in reached})
    if held < asked:
        say(f"with records now: {held} of {counted(asked, 'UTC day')}. Of the others nothing is kept, or not yet")
    say_older_rosters(authorization, state, now)
    if authorization.is_secret(now) is False:
        say(f"secret until {terms.secret_until}: its secrecy is over already")
