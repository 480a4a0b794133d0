"""``coffer request``."""

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.cli.authorities import marks_of
from coffer.cli.console import clock, print_json, say, verify_absent
from coffer.cli.course import shown_again
from coffer.cli.from_epoc import EpocOrder, lacking_document, print_shown, say_order, shown_rows
from coffer.cli.from_etsi import Asked, Given, asked_by, verified
from coffer.cli.notes import write_notes
from coffer.cli.order_files import is_etsi_request, read_order
from coffer.cli.ordering import order_options, typed_order
from coffer.cli.own_holds import own_holds
from coffer.cli.periods import InOrder, show_days, show_period, time_options, typed_times
from coffer.cli.subjects import canonical_subjects, home_option
from coffer.cli.terms import letters_remarks, say_older_rosters, say_signers
from coffer.cli.vaults import found_types_in, vault_at
from coffer.disclosure.order_times import has_own_periods, opens_part_of_a_day
from coffer.ledger.entries import NAME_DIGITS
from coffer.procedures.opening.decide import segments_of
from coffer.procedures.opening.found_by import unlikely_numbers, verify_found
from coffer.procedures.opening.kept import refused_before
from coffer.procedures.opening.request import Order, prepare_request, sign_request
from coffer.vault.folder import Vault
from coffer.vault.known import desk_authorities
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
With the order as XML, whom, when and on whose authority is taken from there:
coffer request vault --from-order form.xml --max-records 500 \\
    --purpose 'Theft' --person 'A. Example' -o requests""",
)
@click.argument("vault")
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    help="tel:+33612345678, mailto:a@example.org, short:FR/36500, sender:CORP, opaque:feed/201, dialled:FR/0612, "
    "imsi:208011234567890 or imei:490154203237518; repeat for up to 20; needed without --from-order.",
)
@time_options
@click.option("--kinds", help="Some of call,text,email, joined by commas; needed without --from-order.")
@home_option
@click.option(
    "--max-records",
    type=int,
    help="How many records may be opened under it, in all; needed unless an ETSI message says so.",
)
@click.option(
    "--from-order",
    metavar="FILE",
    help="The order as XML: a European Production Order (Form 1), a message of ETSI TS 103 120, or a request message of "
    "ETSI TS 102 657. It says whom and when, and what it asks; a request is made for each of its parts that needs one, "
    "and what cannot be answered is listed. Options add what it leaves open, and can only narrow the rest.",
)
@click.option("--authority", help="Who ordered it; needed where no file of the order says so.")
@click.option("--basis", help="Legal basis and case; needed without a form or task, whose reference is added.")
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
@click.option("-o", "--output", required=True, help="Where to write the note; a folder, where a form needs several.")
@click.option(
    "--json", "as_json", is_flag=True, help="What was written, and what a form or message asks besides, as JSON."
)
def request(
    vault: str,
    subjects: tuple[str, ...],
    home: str | None,
    kinds: str | None,
    max_records: int | None,
    from_order: str | None,
    authority: str | None,
    basis: str | None,
    purpose: str,
    persons: tuple[str, ...],
    not_before: str | None,
    expires: str | None,
    secret_until: str | None,
    roster: str,
    output: str,
    *,
    hub: bool,
    as_json: bool,
    **typed: object,
) -> None:
    """Turn an order into a request that custodians can read and countersign.

    Exactly these terms are enforced: whom, when, which kinds, how many and until when.
    """
    now = clock().replace(microsecond=0)
    start = wire.parse_time(not_before, "--not-before") if not_before else now
    subjects = canonical_subjects(subjects, home)
    times = typed_times({"subjects": subjects} | typed)
    ordered = typed_order(typed, now, message=from_order)
    given = Given(authority=authority, basis=basis, kinds=kinds, max_records=max_records)
    epoc = None
    if from_order is not None and not is_etsi_request(from_order):
        epoc = read_order(from_order, ordered, given, persons, found_by=partial(found_types_in, vault))
    if epoc is None:
        authority = verified(given)
        parts: Sequence[tuple[Asked, Sequence[str]]]
        parts = [(asked_by(from_order, given, subjects=subjects, times=times), persons)]
    else:
        authority, ordered, parts = epoc.authority, epoc.ordered, epoc.parts
    path = verify_absent(output)
    opened = vault_at(vault)
    make = partial(
        Order,
        ordered=ordered,
        authority=authority,
        purpose=purpose,
        is_hub=hub,
        not_before=start,
        **_ends(start, expires, secret_until),
    )
    authorizations = _signed(opened, [_order(make, asked, who) for asked, who in parts], roster)
    written = write_notes(path, authorizations, "request")
    for number, (name, authorization) in enumerate(zip(written, authorizations, strict=True)):
        about = f", identifier {','.join(epoc.ids[number])}" if epoc else ""
        say(f"written to {name}{about}; it names a person: keep it as you would keep the order")
        _say_request(opened, authorization, now, says_times=from_order is not None)
    if epoc is not None:
        say_order(epoc)
    if as_json:
        print_json(_document(written, epoc))
    elif epoc is not None:
        print_shown(epoc.form)


def _ends(start: dt.datetime, expires: str | None, secret_until: str | None) -> dict[str, Any]:
    """Until when it is in force and secret, as typed or by default."""
    life, secrecy = (start + dt.timedelta(days=days) for days in (DEFAULT_LIFE_DAYS, DEFAULT_SECRECY_DAYS))
    return {
        "expires": wire.parse_time(expires, "--expires") if expires else life,
        "secret_until": wire.parse_day(secret_until, "--secret-until") if secret_until else secrecy.date(),
    }


def _order(make: Callable[..., Order], asked: Asked, persons: Sequence[str]) -> Order:
    return make(
        persons=persons,
        subjects=asked.subjects,
        periods=asked.periods,
        kinds=asked.kinds,
        max_records=asked.max_records,
        basis=asked.basis,
    )


def _signed(vault: Vault, orders: Sequence[Order], roster: str) -> list[Authorization]:
    """All of them, and none is signed before every field of each was checked."""
    state = vault.replay()
    prepared = [prepare_request(vault, order, state, roster=roster) for order in orders]
    return [sign_request(vault, one) for one in prepared]


def _document(written: Sequence[str], epoc: EpocOrder | None) -> dict[str, object]:
    requests: list[dict[str, object]] = [{"path": name} for name in written]
    if epoc is None:
        return {"requests": requests}
    for request, ids in zip(requests, epoc.ids, strict=True):
        request["identifiers"] = list(ids)
    shown = [{"path": path, "text": text} for path, text in shown_rows(epoc.form)]
    return {"requests": requests, "not_answered": lacking_document(epoc.judgement.lacking), "shown": shown}


def _say_request(vault: Vault, authorization: Authorization, now: dt.datetime, *, says_times: bool) -> None:
    for remark in (*letters_remarks(authorization.terms), *marks_of(authorization.terms, desk_authorities(vault))):
        say(remark)
    say_signers(vault, authorization)
    state = vault.replay()
    for remark in (
        *verify_found(vault, state, authorization.terms),
        *unlikely_numbers(vault, state, authorization.terms),
    ):
        say(remark)
    sids = {subject.sid for subject in authorization.terms.subjects}
    for one in refused_before(vault, sids, state):
        again = f", {shown_again(one.again)}" if one.again is not None else ""
        earlier = one.authorization.commitment.hex()[:NAME_DIGITS]
        say(
            f"{one.custodian} refused an earlier request about the same subject ({one.reason or 'no reason told'}{again}): {earlier}"
        )
    _say_days(vault, authorization, now, says_times=says_times)


def _say_days(vault: Vault, authorization: Authorization, now: dt.datetime, *, says_times: bool) -> None:
    """Say what the request cannot reach, while the desk can still ask for something else.

    ``says_times``: whether nobody typed its times, so that also whole days are said.
    """
    terms, state = authorization.terms, vault.replay()
    reached = segments_of(authorization, state, before=state.size, now=now)
    is_cut = opens_part_of_a_day(terms) or has_own_periods(terms) or any(len(periods) > 1 for periods in terms.periods)
    if is_cut or says_times:
        for number, periods in enumerate(terms.periods, 1):
            say(f"subject {number}: {'; '.join(show_period(period) for period in periods)}")
    if is_cut:
        say(f"opens whole UTC days, {show_days(terms.all_days)}; records outside these times are dropped")
    asked, held = len(terms.all_days), len({s.line.day for s, _ in reached})
    kept = own_holds(vault, authorization, state, now)
    if held < asked:
        but = ", but for holds," if kept else ""
        say(f"with records now: {held} of {counted(asked, 'UTC day')}. Of the others{but} nothing is kept, or not yet")
    for one in kept:
        say(f"{one.text()}: open it with --hold and its note")
    say_older_rosters(authorization, state, now)
    if authorization.is_secret(now) is False:
        say(f"secret until {terms.secret_until}: its secrecy is over already")
