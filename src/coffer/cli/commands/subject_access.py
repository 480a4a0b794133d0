"""``coffer subject-access``."""

import datetime as dt

import click

from coffer.authority.ordered import IssuedIn, Issuer, OrderClass, Ordered, Urgency
from coffer.cli.console import clock, say, verify_absent
from coffer.cli.from_etsi import periods_of
from coffer.cli.periods import InOrder, time_options, typed_times
from coffer.cli.vaults import vault_at
from coffer.disk import Disk
from coffer.procedures.opening.request import Order, make_request

ACCESS_LIFE_DAYS = 30
"""The law gives a month to answer (GDPR, article 12(3))."""

DEFAULT_ACCESS_RECORDS = 10_000


@click.command(
    "subject-access",
    cls=InOrder,
    epilog="Example: coffer subject-access vault --subject tel:+33612345678 --days 2012-12-10 2013-01-08 --person 'A. Example' "
    "--verified-by 'desk officer, passport seen' -o access.note",
)
@click.argument("vault")
@click.option("--subject", "subjects", multiple=True, required=True, help="The person's own identity; repeat for more.")
@time_options
@click.option("--kinds", default="call,text,email", show_default=True, help="Which kinds of record.")
@click.option("--max-records", type=int, default=DEFAULT_ACCESS_RECORDS, show_default=True, help="How many at most.")
@click.option("--person", required=True, help="Who asks.")
@click.option("--verified-by", required=True, help="Who verified, and how, that the identities are that person's.")
@click.option("--hub", is_flag=True, help="More than the cell cap in one day; every custodian must then sign.")
@click.option("-o", "--output", required=True, help="Where to write the note.")
def subject_access(
    vault: str,
    subjects: tuple[str, ...],
    kinds: str,
    max_records: int,
    person: str,
    verified_by: str,
    output: str,
    *,
    hub: bool,
    **typed: object,
) -> None:
    """Turn a person's request for their own data into one that custodians countersign.

    The answer holds the person's records, and the openings that concerned that person and are no longer secret.
    """
    now = clock().replace(microsecond=0)
    periods = periods_of(typed_times({"subjects": subjects} | typed), len(subjects))
    path = verify_absent(output)
    opened = vault_at(vault)
    ordered = Ordered(
        order_class=OrderClass.ACCESS,
        urgency=Urgency.ORDINARY,
        issuer=Issuer.PERSON,
        issued_in=IssuedIn.HOME,
        received=now,
        due=now + dt.timedelta(days=ACCESS_LIFE_DAYS),
        files=(),
    )
    order = Order(
        ordered=ordered,
        subjects=subjects,
        periods=periods,
        kinds=kinds,
        max_records=max_records,
        authority="the person concerned",
        basis="subject access",
        purpose=f"subject access; verified by: {verified_by}",
        persons=(person,),
        is_hub=hub,
        not_before=now,
        expires=now + dt.timedelta(days=ACCESS_LIFE_DAYS),
        secret_until=now.date(),
    )
    authorization = make_request(opened, order)
    Disk().write(path, authorization.note.raw, private=True)
    say(f"written to {path.name}; it names a person: keep it as you would keep an order")
    if opened.custodian_names():
        say(f"next: coffer countersign {vault} {output} --as CUSTODIAN, for custodians in this folder")
    if opened.addresses():
        say(
            f"next: coffer send {vault} {output}, for custodians on machines of their own; each gives back the note that it signed"
        )
    say(f"then, with all the notes that were signed: coffer open {vault} NOTE... -o ANSWER")
