"""What is typed about the order behind a request: files, issuer, receipt, deadline."""

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from coffer import wire
from coffer.authority.ordered import IssuedIn, Issuer, OrderClass, Ordered, Urgency, order_file
from coffer.authority.period import settled
from coffer.authority.typed import parse_typed, parse_zone
from coffer.cli.console import read_file
from coffer.errors import MalformedInput
from coffer.ledger.holds import MOST_LIFE

_ISSUERS: Final = tuple(issuer.value for issuer in Issuer if issuer is not Issuer.PERSON)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OPTIONS: Final = (
    click.option(
        "--order",
        "orders",
        multiple=True,
        metavar="FILE",
        help="The order itself, a PDF, XML or picture: its hash is signed. Repeat for more.",
    ),
    click.option(
        "--urgency", type=click.Choice([word.value for word in Urgency]), default="ordinary", show_default=True
    ),
    click.option(
        "--received",
        metavar="TIME",
        help="When the order came, like 2016-09-01T08:00, in --time-zone; now if not given.",
    ),
    click.option(
        "--due", metavar="TIME", help="Until when it is to be answered, if it says so; a day alone is until its end."
    ),
    click.option(
        "--issued-by", type=click.Choice(_ISSUERS), default="other", show_default=True, help="What kind of authority."
    ),
    click.option(
        "--issued-in",
        type=click.Choice([word.value for word in IssuedIn]),
        default="home",
        show_default=True,
        help="This vault's country, elsewhere in the European Union, or another country.",
    ),
    click.option("--extension", is_flag=True, help="It asks again about what an earlier order was about."),
)


def order_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options about the order; ``typed_order`` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def typed_order(
    options: dict[str, Any], now: dt.datetime, *, message: str | None = None, order_class: OrderClass | None = None
) -> Ordered:
    """What was typed. ``message``: the order as an ETSI message, which is one of its files too.

    ``order_class``: where the command says it, and not ``--extension``.

    Raises:
        MalformedInput: a time is none, or a file is empty or too large.
    """
    names = tuple(dict.fromkeys((*([message] if message else []), *options["orders"])))
    zones = options.get("zones", ())
    zone = parse_zone(zones[0], "--time-zone") if len(set(zones)) == 1 else None
    return Ordered(
        order_class=order_class or (OrderClass.EXTEND if options["extension"] else OrderClass.PRODUCE),
        urgency=Urgency(options["urgency"]),
        issuer=Issuer(options["issued_by"]),
        issued_in=IssuedIn(options["issued_in"]),
        received=_moment(options["received"], zone, "--received") or now,
        due=_moment(_until(options["due"]), zone, "--due"),
        files=tuple(order_file(read_file(name), Path(name).name) for name in names),
    )


def _until(typed: str | None) -> str | None:
    """A deadline that is a day is over with that day."""
    return f"{typed}T23:59:59" if typed and _DAY.fullmatch(typed) else typed


def typed_end(typed: str, place: str) -> dt.datetime:
    """An end in UTC, to the second: a moment, or a day, which is over with its last second.

    Raises:
        MalformedInput: it is neither.
    """
    try:
        return wire.parse_time(f"{_until(typed)}Z" if _DAY.fullmatch(typed) else typed, place)
    except MalformedInput as error:
        raise MalformedInput(error.message, hint=error.hint or "a day alone is until its end: 2016-09-30") from None


def verify_until(until: dt.datetime, now: dt.datetime) -> None:
    """Refuse the ``--until`` of a hold that the log would not take.

    Raises:
        MalformedInput: it is over already, or too far ahead.
    """
    if not dt.timedelta(0) < until - now <= MOST_LIFE:
        latest = (now + MOST_LIFE - dt.timedelta(days=1)).date()  # a day is kept to its end
        raise MalformedInput(f"--until: {until:%Y-%m-%d}, expected a later day than now, and {latest} at the latest")


def _moment(typed: str | None, zone: dt.tzinfo | None, place: str) -> dt.datetime | None:
    if typed is None:
        return None
    try:
        return settled(parse_typed(typed, zone, place)).replace(microsecond=0)
    except OverflowError:
        raise MalformedInput(f"{place}: outside the calendar") from None
