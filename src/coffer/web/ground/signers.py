"""Who must sign a request, by the parts of the rules of its subjects, in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coffer.authority.authorization import Named
from coffer.authority.countersign import may_open_at_once, subject_rule
from coffer.authority.lacking import rule_to_meet
from coffer.errors import Unavailable
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Rule
from coffer.web.ground.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """How one custodian stands to a request.

    ``kind``: as of ``chip`` in the macros. ``note``: a sentence, or empty.
    """

    name: str
    text: str
    kind: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a rule with its members. ``text`` and ``kind``: whether it is met."""

    title: str
    text: str
    kind: str
    members: tuple[Member, ...]
    is_met: bool


def read_rule(
    terms: Named,
    roster: Roster,
    signed: Sequence[str],
    words: Wording,
    *,
    members: Mapping[str, Member] | None = None,
    is_ratifying: bool = False,
) -> tuple[Part, ...]:
    """Who must sign, by the parts of the rules of the request's subjects.

    ``signed``: the custodians that did. ``members``: what else the page knows of each; the others are signed or missing.
    ``is_ratifying``: an emergency is ratified, for which the emergency rule never counts.
    """
    known = members or {}
    rules = {rule.name: rule for rule in _rules(terms, roster)}
    parts = []
    for own in rules.values():
        is_at_once = may_open_at_once(terms) and not is_ratifying
        rule = rule_to_meet(own, roster, signed, is_urgent=is_at_once, is_hub=terms.is_hub)
        label = rule.name if len(rules) > 1 else ""
        parts += rule_parts(rule, set(signed), known, words, label=label, is_hub=terms.is_hub, at_once=rule is not own)
    return tuple(parts)


def _rules(terms: Named, roster: Roster) -> list[Rule]:
    try:
        return [subject_rule(subject, roster) for subject in terms.subjects]
    except Unavailable:  # numbering tables that this release does not have: the rules as the request names them
        return [roster.rules[name] for name in terms.rules if name in roster.rules]


def rule_parts(
    rule: Rule,
    signed: set[str],
    known: Mapping[str, Member],
    words: Wording,
    *,
    label: str,
    is_hub: bool,
    at_once: bool,
) -> list[Part]:
    """The parts of one rule. ``known``: what is said of a custodian in the place of signed or missing."""
    _ = words.gettext
    groups: list[tuple[str, tuple[str, ...], int]] = []
    if is_hub:
        everyone = tuple(dict.fromkeys((*rule.members, *rule.indispensable)))
        title = _("All of %(names)s, because very many people call this number")
        groups.append((title % {"names": words.names(everyone)}, everyone, len(everyone)))
    else:
        title = _("In an emergency %(count)s of %(names)s") if at_once else _("%(count)s of %(names)s")
        chosen = title % {"count": rule.threshold, "names": words.names(rule.members)}
        groups.append((chosen, rule.members, rule.threshold))
        if rule.indispensable:
            always = _("And %(names)s, always") % {"names": words.names(rule.indispensable)}
            groups.append((always, rule.indispensable, len(rule.indispensable)))
    parts = []
    for title, names, needed in groups:
        have = len(signed & set(names))
        is_met = have >= needed
        shown = _("Rule %(rule)s: %(part)s") % {"rule": label, "part": title} if label else title
        parts.append(
            Part(
                title=shown,
                text=_("complete") if is_met else _("%(have)s of %(needed)s") % {"have": have, "needed": needed},
                kind="ok" if is_met else "wait",
                members=tuple(known.get(name) or _plain_member(name, signed, words) for name in names),
                is_met=is_met,
            )
        )
    return parts


def _plain_member(name: str, signed: set[str], words: Wording) -> Member:
    _ = words.gettext
    if name in signed:
        return Member(name=name, text=_("signed"), kind="ok")
    return Member(name=name, text=_("missing"), kind="wait")
