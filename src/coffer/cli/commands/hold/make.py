"""``coffer hold make``."""

import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any

import click

from coffer import wire
from coffer.authority.hold import Hold
from coffer.authority.ordered import OrderClass
from coffer.cli.authorities import marks_of
from coffer.cli.console import clock, say, verify_absent
from coffer.cli.from_epoc import print_shown
from coffer.cli.from_etsi import Given, periods_of, verify_given
from coffer.cli.notes import write_notes
from coffer.cli.ordering import order_options, typed_end, typed_order, verify_until
from coffer.cli.periods import InOrder, time_options, typed_times
from coffer.cli.preserving import Preservation, read_preservation, verify_within, without_held
from coffer.cli.subjects import canonical_subjects, home_option
from coffer.cli.terms import letters_remarks, say_signers
from coffer.cli.vaults import found_types_in, vault_at
from coffer.custody.holding import Coverage
from coffer.ledger.retention import is_segment_past
from coffer.ledger.state import State
from coffer.procedures.holding import make_holds
from coffer.procedures.opening.request import Sought
from coffer.vault.known import desk_authorities
from coffer.visible import counted

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
    --purpose 'Theft' --person 'A. Example' -o hold.note
With --from-order form2.xml, subjects, times, authority and the end are there:
coffer hold make vault --from-order form2.xml --purpose 'Theft' \\
    --person 'A. Example' -o holds""",
)
@click.argument("vault")
@click.option(
    "--subject", "subjects", multiple=True, help="As for coffer request; up to 20. Needed without --from-order."
)
@time_options
@home_option
@click.option("--kinds", help="Some of call,text,email, joined by commas; needed without --from-order.")
@click.option(
    "--from-order",
    metavar="FILE",
    help="A European Preservation Order (Form 2): it says whom, when, on whose authority and for 60 days; "
    "a hold is made for each of its parts that needs one, and what cannot be kept is listed.",
)
@click.option("--authority", help="Who ordered it; needed without --from-order.")
@click.option("--basis", help="Legal basis and case; needed without --from-order, which adds the form's reference.")
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
@click.option("-o", "--output", required=True, help="Where to write the note; a folder, where a form needs several.")
def make(
    vault: str,
    from_order: str | None,
    until: str | None,
    secret_until: str | None,
    output: str,
    **typed: object,
) -> None:
    """Turn an order to preserve into a hold, and log it: custodians may keep from then on.

    The log shows a commitment, the rules and until when. Enough custodians must keep within 72 hours, or it lapses.
    """
    now, asked = clock().replace(microsecond=0), dict[str, Any](typed)
    secrecy = (
        wire.parse_day(secret_until, "--secret-until")
        if secret_until
        else (now + dt.timedelta(days=DEFAULT_SECRECY_DAYS)).date()
    )
    ends = typed_end(until, "--until") if until else None
    epoc = None
    if from_order:
        epoc = _of_form(from_order, asked | {"vault": vault}, now, secrecy)
        ends, soughts = verify_within(ends, epoc.until, Path(from_order).name), epoc.soughts
    else:
        ends, soughts = ends or now + dt.timedelta(days=DEFAULT_LIFE_DAYS), (_of_options(asked, now, secrecy),)
    if until:
        verify_until(ends, now)
    path, opened = verify_absent(output), vault_at(vault)
    if epoc is not None:
        epoc = without_held(epoc, opened, Path(from_order or "").name)
        soughts = epoc.soughts
    made = make_holds(opened, soughts, until=ends)
    for number, (name, hold) in enumerate(zip(write_notes(path, made, "hold"), made, strict=True)):
        about = f", identifier {','.join(epoc.ids[number])}" if epoc else ""
        say(f"written to {name}, and logged{about}; it names a person: keep it as you would keep the order")
        for remark in (*letters_remarks(hold.terms), *marks_of(hold.terms, desk_authorities(opened))):
            say(remark)
        say_signers(opened, hold)
        _say_days(hold, opened.replay(), now, f"coffer hold keep {vault} {name}")
    say(f"kept until {wire.format_time(ends)}, if enough custodians keep within 72 hours: coffer countersign, for each")
    if epoc is not None:
        say("the codes of traffic data are not interpreted: what is kept is all of these kinds")
        print_shown(epoc.form)


def _say_days(hold: Hold, state: State, now: dt.datetime, keep: str) -> None:
    """Say of how many of its days there are records now: what is sealed later must be kept later."""
    coverage, today = Coverage(hold.terms), now.date()
    days = {one.line.day for one in state.segments.values() if coverage.lines(one) and not is_segment_past(one, today)}
    asked = len(hold.terms.all_days)
    say(f"with records now: {len(days)} of {counted(asked, 'UTC day')}; what is sealed later: {keep}")


def _of_options(asked: dict[str, Any], now: dt.datetime, secret_until: dt.date) -> Sought:
    verify_given({f"--{name}": asked[name] for name in ("kinds", "authority", "basis")})
    asked = asked | {"subjects": canonical_subjects(asked["subjects"], asked["home"])}
    verify_given({"--subject": asked["subjects"]})
    return Sought(
        ordered=typed_order(asked, now, order_class=OrderClass.PRESERVE),
        subjects=asked["subjects"],
        persons=asked["persons"],
        periods=periods_of(typed_times(asked), len(asked["subjects"])),
        kinds=asked["kinds"],
        authority=asked["authority"],
        basis=asked["basis"],
        purpose=asked["purpose"],
        is_hub=asked["hub"],
        secret_until=secret_until,
    )


def _of_form(file: str, asked: dict[str, Any], now: dt.datetime, secret_until: dt.date) -> Preservation:
    return read_preservation(
        file,
        typed_order(asked, now, message=file, order_class=OrderClass.PRESERVE),
        Given(authority=asked["authority"], basis=asked["basis"], kinds=asked["kinds"], max_records=None),
        persons=asked["persons"],
        purpose=asked["purpose"],
        is_hub=asked["hub"],
        secret_until=secret_until,
        found_by=partial(found_types_in, asked["vault"]),
    )
