"""Words, numbers, days and times for one reader, outside templates. Pure.

Message ids are the English sentences, as in ``languages``. What stands in a placeholder is a whole: a number with its
unit, a day, a name. It is never half a sentence.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date

from coffer.web.ground import times
from coffer.web.ground.languages import locale_of, translations

_WITHOUT_MONTH: Final = {"en": "d", "fr": "d", "de": "d."}
_WITHOUT_YEAR: Final = {"en": "d MMMM", "fr": "d MMMM", "de": "d. MMMM"}


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a sentence that is translated later, where it is shown."""
    return message


class Wording:
    """How a reader reads: in ``language``, with times in ``zone``.

    ``rooms``: those whose sentences are known.
    """

    def __init__(self, language: str, zone: ZoneInfo, rooms: tuple[str, ...] = ("ground",)) -> None:
        self.language = language
        self.zone = zone
        known = translations(language, rooms)
        self.gettext = known.gettext
        self.ngettext = known.ngettext
        self._locale = locale_of(language)

    def number(self, value: float) -> str:
        """A number with the reader's own separators."""
        return times.show_number(value, self.language)

    def day(self, day: dt.date) -> str:
        """A day: 9 January 2013."""
        return times.show_day(day, self.language)

    def days(self, first: dt.date, last: dt.date) -> str:
        """The days from one to another, both included: 22 to 26 December 2012."""
        if first == last:
            return self.day(first)
        _ = self.gettext
        short = _WITHOUT_MONTH if first.month == last.month else _WITHOUT_YEAR
        pattern = short[self.language] if first.year == last.year else "long"
        begins = str(format_date(first, pattern, locale=self._locale))
        # words: days, both included
        return _("%(first)s to %(last)s") % {"first": begins, "last": self.day(last)}

    def time(self, time: dt.datetime) -> str:
        """An instant to the minute, in the reader's zone: 9 January 2013, 15:54."""
        return times.show_time(time, self.language, self.zone)

    def written_time(self, time: dt.datetime) -> str:
        """An instant to the minute, on the clock that it was written with."""
        return times.show_time(time, self.language, time.tzinfo or dt.UTC)

    def country(self, code: str) -> str:
        """A country by its ISO 3166 code, or the code where it has no name."""
        return str(Locale.parse(self._locale).territories.get(code, code))

    def names(self, names: Sequence[str]) -> str:
        """Names one after the other: judge, dpo, regulator."""
        return ", ".join(names)
