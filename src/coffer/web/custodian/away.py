"""The form in which a person says when they are away. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Final, Self
from zoneinfo import ZoneInfo

from coffer import wire
from coffer.authority.period import settled
from coffer.custodian.people import Away, People
from coffer.errors import MalformedInput
from coffer.web.custodian.office import here_within
from coffer.web.ground.forms import Form
from coffer.web.ground.wording import N_

LONGEST: Final = dt.timedelta(days=366)
_DAY: Final = dt.timedelta(days=1)
_NOBODY: Final = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwayForm:
    """What was typed. ``is_anyway``: the person saw that too few are left, and goes all the same."""

    since: str = ""
    until: str = ""
    stand_in: str = _NOBODY
    is_anyway: bool = False

    @classmethod
    def of(cls, form: Form) -> Self:
        """The fields of the form."""
        return cls(
            since=form.text("since"),
            until=form.text("until"),
            stand_in=form.text("stand-in") or _NOBODY,
            is_anyway=form.is_ticked("anyway"),
        )


class Wrong(Exception):  # noqa: N818 - a form is wrong, not this program
    """What is wrong with the form. ``field``: where. ``what``: a message id."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(what)
        self.field = field
        self.what = what


def read_away(form: AwayForm, you: int, people: People, zone: ZoneInfo, now: dt.datetime) -> Away:
    """From the first moment of one day to the last of another, both in the person's own zone.

    Raises:
        Wrong: no days, days in the wrong order, over, or more than a year away; the stand-in is none of the others.
    """
    first, last = _day(form.since, "since"), _day(form.until, "until")
    if last < first:
        raise Wrong("until", N_("The last day is before the first."))
    since = settled(dt.datetime.combine(first, dt.time(), zone)).astimezone(dt.UTC)
    until = settled(dt.datetime.combine(last + _DAY, dt.time(), zone)).astimezone(dt.UTC)
    if until <= now:
        raise Wrong("until", N_("These days are over. Choose days that come."))
    if until - now > LONGEST:
        raise Wrong("until", N_("This is more than a year away. Choose an earlier day."))
    others = {str(person.ordinal) for person in people.persons.values() if person.passkeys and person.ordinal != you}
    if form.stand_in not in {_NOBODY, *others}:
        raise Wrong("stand-in", N_("This person cannot stand in. Choose another."))
    return Away(since=since, until=until, stand_in=int(form.stand_in))


def _day(text: str, field: str) -> dt.date:
    try:
        day = wire.parse_day(text, "day")
        dt.datetime.combine(day, dt.time()) + 3 * _DAY  # zones and the next midnight stay within the calendar
        dt.datetime.combine(day, dt.time()) - 3 * _DAY
    except (MalformedInput, OverflowError):
        raise Wrong(field, N_("Choose a day.")) from None
    return day


def too_few(people: People, you: int, away: Away) -> tuple[tuple[str, ...], int]:
    """Who is away and how many are left if somebody goes away and too few stay.

    None where enough stay to agree.

    No names if enough are left.
    """
    left = here_within(people, away.since, away.until, without=[you])
    if len(left) >= people.required:
        return (), len(left)
    here = {person.ordinal for person in left}
    names = tuple(person.name for person in people.persons.values() if person.passkeys and person.ordinal not in here)
    return names, len(left)
