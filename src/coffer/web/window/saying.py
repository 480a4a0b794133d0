"""How the window writes days, countries and sizes in each language.

Pure; sentences stand in the templates.
"""

import datetime as dt
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_decimal

from coffer.pictures.countries import country_name
from coffer.pictures.words import WORDS
from coffer.web.ground.languages import locale_of


@dataclass(frozen=True, slots=True)
class Saying:
    """What templates need of one language beside its sentences."""

    language: str

    def short_day(self, day: dt.date) -> str:
        """Day and abbreviated month: 9 Jan."""
        return format_date(day, "d MMM", locale=locale_of(self.language))

    def day_and_month(self, day: dt.date) -> str:
        """Day and month: 9 January."""
        return format_date(day, "d MMMM", locale=locale_of(self.language))

    def month(self, day: dt.date) -> str:
        """Month and year: January 2013."""
        return format_date(day, "LLLL y", locale=locale_of(self.language))

    def short_month(self, day: dt.date) -> str:
        """Abbreviated month, and the year in January: Mar, Jan 2013."""
        return format_date(day, "LLL y" if day.month == 1 else "LLL", locale=locale_of(self.language))

    def month_of(self, text: str) -> str:
        """The month of a period such as 2013-01."""
        return self.month(dt.date.fromisoformat(f"{text}-01"))

    def country(self, code: str) -> str:
        """The name of a country; the code itself if it has none."""
        if self.language in WORDS:
            return country_name(code, self.language)
        return str(Locale.parse(locale_of(self.language)).territories.get(code, code))

    def by_name(self, codes: Sequence[str]) -> list[tuple[str, str]]:
        """Codes and names of countries, in the order of the names without their accents."""
        named = [(code, self.country(code)) for code in codes]
        return sorted(named, key=lambda item: _plain(item[1]))

    def about(self, number: float) -> str:
        """A size to two significant digits."""
        if number <= 0:
            return "0"
        return format_decimal(round(number, 1 - math.floor(math.log10(number))), locale=locale_of(self.language))

    def listed(self, items: Sequence[str]) -> str:
        """The items joined as in a sentence."""
        return format_list(list(items), style="standard", locale=locale_of(self.language)) if items else ""


def _plain(text: str) -> str:
    """Letters without accents, so that É stands beside E."""
    return "".join(c for c in unicodedata.normalize("NFD", text).casefold() if not unicodedata.combining(c))
