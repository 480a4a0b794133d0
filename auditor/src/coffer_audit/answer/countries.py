"""The countries to which a subject may belong, as far as its cells show. Pure.

The rule of a subject's cells follows from its country. Only numbering tables give the country, and the auditor has
none.

The tables of one version put a number into one country, and those of another version may put it into another. A roster
names the version of its tables, so the cells of a number say something only about rosters of the same version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coffer_audit.answer.authorization import Subject
    from coffer_audit.entries.roster import Roster

BASE = "base"
"""Also stands for every country that no roster names, because each of these has the rule `base` everywhere."""


def rule_under(country: str, roster: Roster) -> str:
    """Give the rule of a country under a roster."""
    return country if country in roster.rules else BASE


def find_countries(subject: Subject, cells: Iterable[tuple[Roster, str]], rosters: Iterable[Roster]) -> set[str]:
    """Give the countries that a subject may have by the tables of one version.

    `cells`: the roster and rule of each of its cells in segments of that version. `rosters`: all that are known.
    """
    known = {name for roster in rosters for name in roster.rules} | {BASE}
    countries = known if subject.country is None else {subject.country}
    pairs = {(roster.hash, rule): (roster, rule) for roster, rule in cells}.values()
    return {country for country in countries if all(rule_under(country, roster) == rule for roster, rule in pairs)}
