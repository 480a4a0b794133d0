"""How far a request is that is opened part by part, in words. Pure."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from coffer.authority.authorization import MAX_RECORDS, Authorization
from coffer.desk.course import Course, DayState
from coffer.procedures.opening.continuing import Due, End, Nothing, Opened
from coffer.web.ground.asked import records_counted
from coffer.web.ground.wording import N_, Wording

_DAYS: Final = {
    DayState.OPENED: (N_("opened"), "ok"),
    DayState.OWED: (N_("to be opened"), "wait"),
    DayState.MISSING: (N_("nothing came so far"), ""),
    DayState.AHEAD: (N_("still to come"), ""),
    DayState.ENDED: (N_("not opened any more"), "bad"),
}
_NEXT: Final = {
    Nothing.EARLY: N_("It is not in force yet."),
    Nothing.TODAY: N_("A part was opened today (UTC). The next one can be opened tomorrow."),
    Nothing.NOTHING_CAME: N_("Nothing that it asks for came since the last part."),
    Nothing.SHORT: N_("The next part has more records than the limit leaves."),
    Nothing.DRAWN: N_("All records that it allows were opened. A higher limit that is signed opens more."),
    End.EXPIRED: N_("It has expired: nothing more is opened."),
    End.REVOKED: N_("It was revoked: nothing more is opened."),
    End.SPENT: N_("All records that it allows were opened: nothing more is opened."),
    End.ASKED_OUT: N_("Custodians answer to no further opening of it."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysShown:
    """Days in a row. ``kind``: as of ``chip`` in the macros."""

    days: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseShown:
    """A course in words. ``days``: every day. ``parts``: a line for each. ``says``: what comes next."""

    days: tuple[DaysShown, ...]
    parts: tuple[str, ...]
    says: tuple[str, ...]


def course_shown(course: Course, authorization: Authorization, today: dt.date, words: Wording) -> CourseShown | None:
    """How far a request is; None while it is of days that are over and no second part came or is due."""
    is_going_on = authorization.terms.all_days[-1] >= today
    is_whole = all(one.state in {DayState.OPENED, DayState.MISSING} for one in course.days)
    if not is_going_on and len(course.parts) < 2 and (not course.parts or is_whole):
        return None
    return CourseShown(
        days=tuple(
            DaysShown(days=words.days(one.first, one.last), text=words.gettext(text), kind=kind)
            for one in course.days
            for text, kind in [_DAYS[one.state]]
        ),
        parts=tuple(_line(part, words) for part in course.parts),
        says=tuple(_says(course, authorization, words)) if course.parts else (),
    )


def short_words(needed: int, words: Wording) -> str:
    """Which limit an opening needed that was over it; empty for 0."""
    if not needed:
        return ""
    if needed > MAX_RECORDS:
        return words.gettext(
            "No amendment allows that many: make another request, for fewer days, or as one of a number that very many people call."
        )
    return words.gettext("It needs a limit of %(records)s in all.") % {"records": records_counted(needed, words)}


def _says(course: Course, authorization: Authorization, words: Wording) -> Iterator[str]:
    _ = words.gettext
    drawn = sum(one.drawn for one in course.parts)
    pattern = _("%(drawn)s of at most %(records)s so far; until %(time)s.")
    yield pattern % {
        "drawn": words.number(drawn),
        "records": records_counted(authorization.limit, words),
        "time": words.time(authorization.terms.expires),
    }
    if course.unconfirmed:
        yield words.ngettext(
            "%(num)s answer of a day was left unconfirmed.",
            "%(num)s answers of a day were left unconfirmed.",
            course.unconfirmed,
        ) % {"num": words.number(course.unconfirmed)}
        if course.is_lost:
            yield _("The desk has no file that says which: they are not asked again by themselves.")
        else:
            yield _("The next part asks for them again.")
    if isinstance(course.next, Due):
        yield _("Something came that was not opened so far.")
    elif course.next is not None:
        yield _(_NEXT[course.next])
    if course.needed:
        yield short_words(course.needed, words)


def _line(opened: Opened, words: Wording) -> str:
    said = words.ngettext(
        "Part %(number)s: UTC days %(days)s; %(num)s record opened",
        "Part %(number)s: UTC days %(days)s; %(num)s records opened",
        opened.drawn,
    )
    days = ", ".join(words.days(first, last) for first, last in _spans(opened.days))
    return said % {"number": opened.part.number, "days": days or "-", "num": words.number(opened.drawn)}


def _spans(days: Sequence[dt.date]) -> Iterator[tuple[dt.date, dt.date]]:
    """Days as spans without a gap."""
    for _, run in groupby(enumerate(days), lambda item: item[1].toordinal() - item[0]):
        own = [day for _, day in run]
        yield own[0], own[-1]
