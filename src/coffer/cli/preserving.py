"""What ``coffer hold make`` and ``extend`` take from the forms of a European Preservation Order.

Form 2 asks to keep for 60 days, Form 6 for 30 days more, counted from the end that the order had, and Form 5 until what
is kept was produced. A hold never lasts longer than its form says.
"""

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coffer import wire
from coffer.authority.hold import Hold, parse_hold
from coffer.authority.ordered import Ordered
from coffer.cli.console import clock, say
from coffer.cli.from_epoc import (
    authority_of,
    kinds_of,
    nothing_asked,
    persons_by_id,
    say_lacking,
    verify_not_said,
)
from coffer.cli.from_etsi import Given
from coffer.cli.order_files import OrderFile, read_order_file
from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import IdentityType
from coffer.ledger.holds import MOST_LIFE, HoldStatus
from coffer.procedures.opening.request import Sought
from coffer.vault.folder import Vault

if TYPE_CHECKING:
    from coffer.disclosure.epoc.form import Form

SIXTY_DAYS: Final = dt.timedelta(days=60)
THIRTY_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Preservation:
    """A Form 2, and the holds that say exactly what can be kept of it.

    ``until``: the last moment that it orders. ``ids``: of each hold, the identifiers that it is about.
    """

    form: "Form"
    until: dt.datetime
    soughts: tuple[Sought, ...]
    ids: tuple[tuple[str, ...], ...]


def read_preservation(
    file: str,
    ordered: Ordered,
    given: Given,
    *,
    persons: Sequence[str],
    purpose: str,
    is_hub: bool,
    secret_until: dt.date,
    found_by: Callable[[], Collection[IdentityType]],
) -> Preservation:
    """The form, judged, and one hold for each note that it needs; says what cannot be kept.

    ``ordered``: what was typed about the order, with the form among its files. ``found_by``: as in ``judge``.

    Raises:
        MalformedInput: it is no such form, or an option is missing or contradicts it.
        Refused: it is another form, or nothing of it can be kept.
    """
    from coffer.disclosure.epoc.judged import judge, plan_notes  # noqa: PLC0415 - only such a form needs the library of XML
    from coffer.disclosure.epoc.names import FormKind  # noqa: PLC0415 - as above
    from coffer.disclosure.epoc.noted import basis_of  # noqa: PLC0415 - as above

    order = read_order_file(file)
    form, place = order.form, order.place
    if form.kind is not FormKind.PRESERVATION:
        is_production = form.kind is FormKind.PRODUCTION
        command = "coffer request --from-order opens" if is_production else "coffer hold extend --from-order prolongs"
        raise Refused(f"{place}: {order.title}: no order to preserve", code="form", hint=command)
    order.verify_not_said(has_due=False)
    judgement = judge(form, found_by=found_by())
    say_lacking(judgement.lacking)
    if not judgement.asked:
        raise nothing_asked(place)
    authority, ordered = authority_of(form, given, place), order.ordered(ordered)
    by_id = persons_by_id([one.id for one in judgement.asked], persons)
    notes = plan_notes(judgement.asked)
    soughts = [
        Sought(
            ordered=ordered,
            subjects=note.subjects,
            persons=[by_id[id_] for id_ in note.ids],
            periods=note.periods,
            kinds=kinds_of(note, given.kinds),
            authority=authority,
            basis=basis_of(form, note.ids, given.basis),
            purpose=purpose,
            is_hub=is_hub,
            secret_until=secret_until,
        )
        for note in notes
    ]
    until = _last_moment(order, ordered.received)
    return Preservation(form=form, until=until, soughts=tuple(soughts), ids=tuple(note.ids for note in notes))


def _last_moment(order: OrderFile, received: dt.datetime) -> dt.datetime:
    """Until when it orders to keep: sixty days from its receipt, or less if it says so itself."""
    until = received.astimezone(dt.UTC) + SIXTY_DAYS
    if order.tasks is not None and order.tasks.expiration is not None:
        until = min(until, order.tasks.expiration.astimezone(dt.UTC))
        if until <= clock():
            raise Refused(
                f"{order.place}: DesiredPreservationExpiration: over already, since {wire.format_time(until)}",
                code="time",
                hint=f"coffer reply {order.place} with --reason says why it is not kept",
            )
    return until


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Following:
    """A Form 5 or 6 to a hold. ``until``: the last moment for which the hold can be extended by it."""

    form: "Form"
    until: dt.datetime
    basis: str


def read_following(file: str, first: Hold, now: dt.datetime, basis: str | None) -> Following:
    """The form that follows the order behind a hold. ``basis``: as typed.

    Raises:
        MalformedInput: it is no such form, or the typed basis reads like the reference of another order.
        Refused: it is another form, or follows another order than that of the hold.
    """
    from coffer.disclosure.epoc.names import TITLES, FormKind  # noqa: PLC0415 - only such a form needs the library of XML
    from coffer.disclosure.epoc.noted import extended_basis  # noqa: PLC0415 - as above

    place = Path(file).name
    verify_not_said(("urgency", "issued_by"))
    form = read_order_file(file).form
    if form.kind not in {FormKind.SUBSEQUENT, FormKind.EXTENSION}:
        raise Refused(f"{place}: {TITLES[form.kind]}: it extends nothing", code="form")
    if first.terms.extends is not None:
        raise Refused("note: extends another hold itself", code="form", hint="name the first note")
    if not is_of_order(first, form.parent_reference):
        raise Refused(
            f"{place}: follows another order than the hold's",
            code="scope",
            hint=f"the hold's basis: would say {form.parent_reference}",
        )
    if form.kind is FormKind.SUBSEQUENT:
        say("it is kept until it was produced: a hold lasts 90 days at most, so extend it again before they are over")
        say("once it was produced: coffer hold release")
        until = now + MOST_LIFE
    else:
        days = THIRTY_DAYS if form.extended_days is None else min(THIRTY_DAYS, form.extended_days)
        until = first.terms.until + dt.timedelta(days=days)
        if (form.extended_days or 0) > THIRTY_DAYS:
            say(f"the form says {form.extended_days} days: {THIRTY_DAYS} are the most")
    return Following(form=form, until=until, basis=extended_basis(form, first.terms.basis, basis))


def is_of_order(hold: Hold, reference: str) -> bool:
    """Whether a hold was made of the order that ``reference`` names."""
    return any(text.startswith(f"{reference} identifier ") for text in hold.terms.basis.split("; "))


def holds_of_order(vault: Vault, reference: str) -> list[Hold]:
    """The first notes that this vault's desk made of the order that ``reference`` names."""
    holds = [parse_hold(raw, "desk") for raw in vault.desk.kept_holds()]
    return [hold for hold in holds if is_of_order(hold, reference)]


def without_held(preservation: Preservation, vault: Vault, place: str) -> Preservation:
    """What of an order has no hold yet, but for those that lapsed; says what has one.

    Raises:
        Refused: each part of it has one.
    """
    state, now = vault.replay(), clock()
    made = [
        hold
        for hold in holds_of_order(vault, preservation.form.reference)
        for logged in [state.hold_of(hold.commitment)]
        if logged is not None and state.hold_status(logged, now) is not HoldStatus.LAPSED
    ]
    left = []
    for sought, ids in zip(preservation.soughts, preservation.ids, strict=True):
        if any(_is_about(hold, sought) for hold in made):
            say(f"identifier {','.join(ids)}: a hold was made of it before: none is made again")
        else:
            left.append((sought, ids))
    if not left:
        hint = "coffer hold list shows how each stands; a hold that lapsed may be made again"
        raise Refused(f"{place}: a hold was made of each part of it", code="scope", hint=hint)
    return replace(preservation, soughts=tuple(one for one, _ in left), ids=tuple(ids for _, ids in left))


def _is_about(hold: Hold, sought: Sought) -> bool:
    terms = hold.terms
    return (
        {subject.format() for subject in terms.subjects} == {*sought.subjects}
        and {*terms.periods} == {tuple(periods) for periods in sought.periods}
        and {*sought.kinds.split(",")} <= {*terms.kinds}
    )


def verify_within(typed: dt.datetime | None, most: dt.datetime, place: str) -> dt.datetime:
    """Until when it is kept: as typed, and never longer than the form orders."""
    if typed is not None and typed > most:
        raise MalformedInput(f"--until: later than {place} orders, expected at most {wire.format_time(most)}")
    return typed or most
