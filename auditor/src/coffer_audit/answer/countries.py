"""To which country a subject may belong, as far as its cells tell. Pure.

The rule under which cells of a subject lie follows from its country. Numbering tables say it, and the auditor has none.

The tables of one version put a number into one country, and those of another version may put it into another one. A roster names the version of its
tables: what its cells say of a number holds under the rosters of the same version only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coffer_audit.answer.authorization import Subject
    from coffer_audit.entries.roster import Roster

BASE = "base"
"""Also stands for every country that no roster names: each of them has the rule `base` everywhere."""


def rule_under(country: str, roster: Roster) -> str:
    """Give the rule that a country has under a roster."""
    return country if country in roster.rules else BASE


def find_countries(subject: Subject, cells: Iterable[tuple[Roster, str]], rosters: Iterable[Roster]) -> set[str]:
    """Give the countries that a subject may have by the tables of one version.

    `cells`: of this subject, in segments that go by that version, each with its roster and rule. `rosters`: those that are known.
    """
    known = {name for roster in rosters for name in roster.rules} | {BASE}
    countries = known if subject.country is None else {subject.country}
    pairs = {(roster.hash, rule): (roster, rule) for roster, rule in cells}.values()
    return {country for country in countries if all(rule_under(country, roster) == rule for roster, rule in pairs)}
