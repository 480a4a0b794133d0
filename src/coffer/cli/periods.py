"""The times of an order as people type them.

``--days``, or ``--from`` and ``--to``, in a time zone, stand after the subjects that they are for. Click hands over each option's
values together, and only the order of the words says which subject a time belongs to. Commands that take times are therefore
of ``InOrder``, which keeps that order.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from coffer import wire
from coffer.authority.period import Period, whole_days
from coffer.authority.typed import parse_typed, parse_zone
from coffer.errors import MalformedInput

_ORDER: Final = "coffer.cli.periods"
_NAMES: Final = ("subjects", "ranges", "begins", "ends", "zones")
_DAY: Final = dt.timedelta(days=1)

_OPTIONS: Final = (
    click.option(
        "--days",
        "ranges",
        nargs=2,
        multiple=True,
        metavar="FIRST LAST",
        help="Whole days, both included, of UTC or of --time-zone. They hold for the subjects before them; repeat for more.",
    ),
    click.option(
        "--from",
        "begins",
        multiple=True,
        metavar="TIME",
        help="Instead of --days: the moment at which the period begins, like 2016-09-01T08:00, in --time-zone or with an offset (...+02:00).",
    ),
    click.option(
        "--to",
        "ends",
        multiple=True,
        metavar="TIME",
        help="The moment at which the period ends; the period does not include it.",
    ),
    click.option(
        "--time-zone",
        "zones",
        multiple=True,
        metavar="ZONE",
        help="Zone of the times and days, for example Europe/Paris. Given once it holds for all; given more often, each holds for the subjects before it.",
    ),
)


def time_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of times; ``typed_times`` reads them. The command must be of ``InOrder``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class InOrder(click.Command):
    """A command that remembers in which order its options came."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, and the names of the options in their order besides."""
        ctx.meta[_ORDER] = [parameter.name for parameter in self.make_parser(ctx).parse_args(args=list(args))[2]]
        return super().parse_args(ctx, args)


@dataclass(slots=True)
class _Group:
    """Subjects named one after the other, and the times typed after them.

    ``subjects``: their places among all, from 0.
    """

    subjects: list[int] = field(default_factory=list)
    ranges: list[tuple[str, str]] = field(default_factory=list)
    begins: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)

    @property
    def has_times(self) -> bool:
        return bool(self.ranges or self.begins or self.ends or self.zones)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedTimes:
    """The times that were typed.

    ``shared``: times typed before any subject, which are for all of them. ``own``: otherwise, those of each subject in order.
    """

    shared: tuple[Period, ...]
    own: tuple[tuple[Period, ...], ...]

    def of(self, count: int) -> list[tuple[Period, ...]]:
        """Of each of ``count`` subjects; empty where none were typed for it."""
        return [self.shared] * count if self.shared else list(self.own) or [()] * count


def typed_times(options: dict[str, Any]) -> TypedTimes:
    """What was typed, by subject: times are for the subjects named directly before them.

    Raises:
        MalformedInput: no time, no zone, or it is not clear whose times they are.
    """
    groups = _groups(options)
    zones = [zone for group in groups for zone in group.zones]
    everyones = parse_zone(zones[0], "--time-zone") if len(zones) == 1 else None
    is_everyones = bool(groups[0].zones) and not groups[0].subjects
    if len(zones) > 1 and (is_everyones or not all(group.zones for group in groups if group.has_times)):
        raise MalformedInput("--time-zone: given for some subjects, expected once for all or once for each")
    shared = tuple(_periods(groups[0], everyones)) if not groups[0].subjects else ()
    named = [group for group in groups if group.subjects]
    if shared and any(group.ranges or group.begins or group.ends for group in named):
        raise MalformedInput(
            "--days, --from: before and after --subject", hint="name each subject first, then its times"
        )
    own: list[tuple[Period, ...]] = []
    for group in named:
        periods = tuple(_periods(group, everyones))
        own += [periods] * len(group.subjects)
    return TypedTimes(shared=shared, own=tuple(own))


def _groups(options: dict[str, Any]) -> list[_Group]:
    """The first may have no subject; every other has at least one."""
    order = click.get_current_context().meta[_ORDER]
    values: dict[str, Iterator[Any]] = {name: iter(options.get(name, ())) for name in _NAMES}
    groups, place = [_Group()], 0
    for name in order:
        if name not in _NAMES or name not in options:
            continue
        value = next(values[name])
        if name != "subjects":
            getattr(groups[-1], name).append(value)
            continue
        if groups[-1].has_times:
            groups.append(_Group())
        groups[-1].subjects.append(place)
        place += 1
    return groups


def _periods(group: _Group, everyones: ZoneInfo | None) -> Iterator[Period]:
    if len(group.zones) > 1:
        raise MalformedInput("--time-zone: twice for the same subject, expected one")
    zone = everyones or (parse_zone(group.zones[0], "--time-zone") if group.zones else None)
    if len(group.begins) != len(group.ends):
        raise MalformedInput(
            f"--from, --to: {len(group.begins)} and {len(group.ends)} for a subject, expected as many",
            hint="each --from needs its --to: --from 2016-09-01T08:00 --to 2016-09-01T20:00",
        )
    for first, last in group.ranges:
        yield whole_days(wire.parse_day(first, "--days"), wire.parse_day(last, "--days"), zone or dt.UTC)
    for begin, end in zip(group.begins, group.ends, strict=True):
        span = parse_typed(begin, zone, "--from"), parse_typed(end, zone, "--to")
        if not span[0] < span[1]:
            raise MalformedInput("--to: not later than its --from")
        yield Period(first=span[0], end=span[1])


def show_period(period: Period) -> str:
    """For people: on the clock they ordered in, and in UTC where that differs."""
    ends = (period.first, period.end)
    if all(not end.utcoffset() for end in ends):
        if period.is_whole_days:
            count = (period.last_day - period.first_day).days + 1
            return f"{period.first_day} to {period.last_day} (whole UTC days: {count})"
        return f"{_shown(period.first)} until {_shown(period.end)} (UTC)"
    local = f"{_shown(period.first)} {_zone(period.first)} until {_shown(period.end)} {_zone(period.end)}"
    first, end = (moment.astimezone(dt.UTC) for moment in ends)
    return f"{local} (UTC: {_shown(first)} until {_shown(end)})"


def show_moment(moment: dt.datetime) -> str:
    """One moment on the clock that it was written by, and in UTC where that differs."""
    if not moment.utcoffset():
        return f"{_shown(moment)} UTC"
    return f"{_shown(moment)} {_zone(moment)} (UTC: {_shown(moment.astimezone(dt.UTC))})"


def show_days(days: Sequence[dt.date]) -> str:
    """``2016-08-31 to 2016-09-02 (3)``, or several such spans."""
    spans: list[list[dt.date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == _DAY:
            spans[-1].append(day)
        else:
            spans.append([day])
    said = ", ".join(str(span[0]) if len(span) == 1 else f"{span[0]} to {span[-1]}" for span in spans)
    return f"{said} ({len(days)})"


def _shown(value: dt.datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M" + (":%S" if value.second else ""))


def _zone(value: dt.datetime) -> str:
    return value.isoformat()[-6:]
