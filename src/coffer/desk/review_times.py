"""What is found about a draft's times: periods, life, secrecy, and until when a hold keeps. Pure."""

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from coffer import wire
from coffer.authority.authorization import MAX_LIFE, MAX_SECRECY, MAX_SUBJECTS
from coffer.authority.period import MAX_DAYS, MAX_PERIODS, Period, whole_days
from coffer.authority.typed import parse_typed, parse_zone
from coffer.desk.draft import TypedSpan
from coffer.desk.found import Code, Weight
from coffer.desk.looking import Look
from coffer.errors import MalformedInput
from coffer.ledger.holds import MOST_LIFE

DEFAULT_LIFE: Final = dt.timedelta(days=30)
DEFAULT_SECRECY: Final = dt.timedelta(days=365)
DEFAULT_HOLD: Final = dt.timedelta(days=60)
"""What a European Preservation Order asks for, from its receipt."""
_DAY: Final = dt.timedelta(days=1)
_SECOND: Final = dt.timedelta(seconds=1)


def zone_of(look: Look) -> ZoneInfo | None:
    """The zone of the draft; None where it is none."""
    try:
        return parse_zone(look.draft.zone, "zone")
    except MalformedInput:
        look.add("zone", Code.ZONE_UNKNOWN)
        return None


def periods_of(look: Look, zone: ZoneInfo | None) -> list[tuple[Period, ...]]:
    """The periods of each subject that are in their form."""
    draft = look.draft
    shared = _spans(look, draft.spans, zone, 0)
    is_needed = not draft.subjects or any(not subject.spans for subject in draft.subjects)
    if is_needed and not draft.spans:
        look.add("spans", Code.MISSING)
    periods = [
        _spans(look, subject.spans, zone, number) if subject.spans else shared
        for number, subject in enumerate(draft.subjects[:MAX_SUBJECTS], 1)
    ]
    days = {day for own in periods or [shared] for day in days_of(own)}
    if len(days) > MAX_DAYS:
        look.add("spans", Code.TOO_MANY_DAYS, count=len(days), most=MAX_DAYS)
    parts = {
        day for own in periods or [shared] for period in own if not period.is_whole_days for day in days_of([period])
    }
    if parts:
        look.days("spans", Code.WHOLE_DAYS_OPENED, Weight.TELLS, sorted(parts))
    return periods


def _spans(look: Look, typed: Sequence[TypedSpan], zone: ZoneInfo | None, number: int) -> tuple[Period, ...]:
    """The periods of these spans, in order. ``number``: of the subject, 0 for those shared."""
    if len(typed) > MAX_PERIODS:
        look.add("spans", Code.TOO_MANY_SPANS, number=number, most=MAX_PERIODS)
    periods: list[Period] = []
    for place, span in enumerate(typed[:MAX_PERIODS], 1):
        try:
            first, end = ends_of(span, zone)
        except MalformedInput:
            if zone is not None:  # else the zone is what is wrong, and was named
                look.add("spans", Code.SPAN_FORM, number=number, span=place)
            continue
        if not first < end:
            look.add("spans", Code.SPAN_ORDER, number=number, span=place)
            continue
        periods.append(Period(first=first, end=end))
    ordered = sorted(periods, key=lambda period: (period.first, period.end))
    if any(later.first < earlier.end for earlier, later in itertools.pairwise(ordered)):
        look.add("spans", Code.SPANS_OVERLAP, number=number)
    return tuple(ordered)


def _moment(look: Look, name: str, zone: ZoneInfo | None, otherwise: dt.datetime) -> dt.datetime | None:
    text = getattr(look.draft, name).strip()
    if not text:
        return otherwise
    try:
        return parse_typed(text, zone, name).astimezone(dt.UTC).replace(microsecond=0)
    except (MalformedInput, OverflowError):
        if zone is not None:  # else the zone is what is wrong, and was named
            look.add(name, Code.MOMENT_FORM)
        return None


def life_of(look: Look, zone: ZoneInfo | None) -> tuple[dt.datetime, dt.datetime]:
    """From when and until when it is in force."""
    start = _moment(look, "not_before", zone, look.now) or look.now
    end = _moment(look, "expires", zone, start + DEFAULT_LIFE) or start + DEFAULT_LIFE
    if end <= start:
        look.add("expires", Code.EXPIRES_EARLY)
    elif end - start > MAX_LIFE:
        look.add("expires", Code.EXPIRES_LATE, most=MAX_LIFE.days)
    elif end <= look.now:
        look.add("expires", Code.EXPIRES_PAST)
    return start, end


def until_of(look: Look) -> dt.datetime:
    """Until when a hold is to keep: what is typed, or 60 days after the order came."""
    otherwise = look.came.received.replace(microsecond=0) + DEFAULT_HOLD
    typed, zone = look.draft.until.strip(), _zone_of(look.draft.zone)
    try:
        day = wire.parse_day(typed, "until")
        until = whole_days(day, day, zone or dt.UTC).end.astimezone(dt.UTC) - _SECOND
    except MalformedInput:
        until = _moment(look, "until", zone, otherwise) or otherwise
    if until <= look.now:
        look.add("until", Code.EXPIRES_PAST)
    elif until - look.now > MOST_LIFE:
        look.add("until", Code.UNTIL_LATE, most=MOST_LIFE.days)
    else:
        look.add("until", Code.UNTIL_LEFT, Weight.TELLS, count=(until - look.now).days)
    return until


def _zone_of(name: str) -> ZoneInfo | None:
    try:
        return parse_zone(name, "zone")
    except MalformedInput:
        return None  # it is named where the days are read


def secrecy_of(look: Look, start: dt.datetime, end: dt.datetime) -> dt.date:
    """Until which day it is secret."""
    text = look.draft.secret_until.strip()
    default = (start + DEFAULT_SECRECY).date()
    if not text:
        return default
    try:
        day = wire.parse_day(text, "secret_until")
    except MalformedInput:
        look.add("secret_until", Code.MOMENT_FORM)
        return default
    if day - end.date() > MAX_SECRECY:
        look.add("secret_until", Code.SECRECY_LONG, most=MAX_SECRECY.days)
    elif day < look.now.date():
        look.add("secret_until", Code.SECRECY_OVER, Weight.WARNS)
    return day


def ends_of(span: TypedSpan, zone: ZoneInfo | None) -> tuple[dt.datetime, dt.datetime]:
    """First moment and end of a span; raises ``MalformedInput`` where a part is not in its form."""
    first, last = span.first.strip(), span.last.strip()
    if "T" in first or "T" in last:
        return parse_typed(first, zone, "span"), parse_typed(last, zone, "span")
    begins, ends = wire.parse_day(first, "span"), wire.parse_day(last, "span")
    if begins > ends:  # the caller finds that they are out of order
        moment = dt.datetime.combine(begins, dt.time(), dt.UTC)
        return moment, moment
    whole = whole_days(begins, ends, zone or dt.UTC)
    return whole.first, whole.end


def days_of(periods: Sequence[Period]) -> list[dt.date]:
    """The UTC days that periods touch, ascending, each once; of a longer time one more than ``MAX_DAYS``."""
    days: set[dt.date] = set()
    for period in periods:
        count = min((period.last_day - period.first_day).days + 1, MAX_DAYS + 1)
        days |= {period.first_day + n * _DAY for n in range(count)}
    return sorted(days)
