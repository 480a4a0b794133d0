"""The page of a request while it is written: the review in words, the exact text, who must sign.

Pure.
"""

import datetime as dt
from dataclasses import dataclass, fields, replace
from typing import Final

from coffer.authority.authorization import Named, Terms, format_terms
from coffer.authority.countersign import subject_rule
from coffer.authority.hold import HoldTerms
from coffer.authority.known import Authorities
from coffer.authority.ordered import OrderClass
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.found import Review
from coffer.errors import CofferError
from coffer.identity.identifier import Identifier, parse_subject
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Rule
from coffer.ledger.state import State
from coffer.notes.keys import Secret, VerifyKey
from coffer.procedures.opening.request import Drawn, terms_of
from coffer.web.desk.findings import FIELDS
from coffer.web.desk.typed import span_of, subjects_text
from coffer.web.ground.asked import Asked, read_terms
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import Wording

_HIDDEN: Final = ("id: ", "salt: ", "seal: ")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Preview:
    """A request that could be signed as it is typed.

    ``exact``: its text, but the lines that are drawn at signing.
    """

    exact: str
    asked: Asked


def preview(
    review: Review, requester: VerifyKey, state: State, words: Wording, now: dt.datetime, known: Authorities | None
) -> Preview | None:
    """The request as it would be signed now; None while something stops it. ``known``: the desk's list."""
    order = review.order
    if order is None:
        return None
    try:
        drawn = Drawn(id=bytes(16), salt=Secret(bytes(32), "no salt"), seal=bytes(32))
        terms = terms_of(order, state.roster, requester, drawn, now)
        text = format_terms(terms)
    except CofferError:
        return None  # what the note itself refuses is said when it is made
    return Preview(exact=shown_text(text), asked=read_terms(terms, words, marked=mark_authority(terms, known, words)))


def shown_text(text: bytes) -> str:
    """A note's text without the lines that are drawn at signing."""
    return "\n".join(line for line in text.decode("utf-8").splitlines() if not line.startswith(_HIDDEN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """One part of a rule of a request that is not written yet. ``title``: who, in words."""

    title: str


def needed(review: Review, roster: Roster, words: Wording, *, is_hub: bool) -> tuple[list[Needed], list[str]]:
    """Who will have to sign, by the parts of each rule, and why these rules."""
    _ = words.gettext
    parts, why = [], []
    for rule in review.rules:
        parts += [Needed(title=title) for title in _titles(rule, words, is_hub=is_hub)]
    for text in review.subjects:
        subject = parse_subject(text, "subject")
        why.append(_reason(subject, subject_rule(subject, roster), roster, words))
    return parts, list(dict.fromkeys(why))


def _titles(rule: Rule, words: Wording, *, is_hub: bool) -> list[str]:
    _ = words.gettext
    if is_hub:
        everyone = tuple(dict.fromkeys((*rule.members, *rule.indispensable)))
        return [_("All of %(names)s, because very many people call this number") % {"names": words.names(everyone)}]
    titles = [_("%(count)s of %(names)s") % {"count": rule.threshold, "names": words.names(rule.members)}]
    if rule.indispensable:
        titles.append(_("And %(names)s, always") % {"names": words.names(rule.indispensable)})
    return titles


def _reason(subject: Identifier, rule: Rule, roster: Roster, words: Wording) -> str:
    _ = words.gettext
    country = subject.country(roster.numbering)
    if country is not None and rule.name == country:
        return _("A number of %(country)s: rule %(rule)s applies.") % {
            "country": words.country(country),
            "rule": rule.name,
        }
    if country is not None:
        return _("%(country)s has no rule of its own here: rule %(rule)s applies.") % {
            "country": words.country(country),
            "rule": rule.name,
        }
    return _("It belongs to no country: rule %(rule)s applies.") % {"rule": rule.name}


def differing(theirs: Draft | None, mine: Draft, words: Wording) -> list[tuple[str, str, str]]:
    """Where two drafts differ: the field's label, the text of the other, the own one."""
    _, other = words.gettext, theirs or Draft()
    lines = []
    for item in fields(Draft):
        if item.name not in FIELDS:
            continue
        texts = (text_of(other, item.name), text_of(mine, item.name))
        if texts[0] != texts[1]:
            lines.append((_(FIELDS[item.name]), texts[0] or _("empty"), texts[1] or _("empty")))
    return lines


def text_of(draft: Draft, name: str) -> str:
    """A field of a draft as text."""
    value = getattr(draft, name)
    match name:
        case "subjects":
            return subjects_text(draft)
        case "spans":
            return "; ".join(f"{span.first} {span.last}" for span in draft.spans)
        case "kinds":
            return ", ".join(value)
        case "is_hub" | "is_extension":
            return "yes" if value else ""
    return str(value)


def spans_shown(draft: Draft, *, more: bool = False) -> list[TypedSpan]:
    """The times of a draft with a line for another where there is none yet or somebody asked for one."""
    return [*draft.spans, *([TypedSpan()] if more or not draft.spans else [])]


def draft_of_terms(terms: Terms, zone: str, home: str) -> Draft:
    """The draft for another request in a case, from what the last one asked."""
    return replace(
        _draft_of_named(terms, zone, home),
        max_records=str(terms.max_records),
        is_extension=terms.ordered.order_class is OrderClass.EXTEND,
        secret_until=str(terms.secret_until),
    )


def with_blanks(draft: Draft, asked: Draft) -> Draft:
    """The draft of a part of an order; what that does not say is as in a request of the same order.

    ``asked``: what that request asked. The person is the same only where the subjects are.
    """
    names = ["purpose", "max_records", "issued_by", "secret_until"]
    names += ["person"] if [one.text for one in draft.subjects] == [one.text for one in asked.subjects] else []
    return replace(draft, **{name: getattr(asked, name) for name in names if not getattr(draft, name)})


def draft_of_hold(terms: HoldTerms, zone: str, home: str) -> Draft:
    """The draft for the request that opens what is held: the same persons, times and kinds."""
    return _draft_of_named(terms, zone, home)


def _draft_of_named(terms: Named, zone: str, home: str) -> Draft:
    return Draft(
        authority=terms.authority,
        basis=terms.basis,
        purpose=terms.purpose,
        person="\n".join(dict.fromkeys(terms.persons) if len(set(terms.persons)) == 1 else terms.persons),
        subjects=tuple(TypedSubject(text=subject.format()) for subject in terms.subjects),
        spans=tuple(span_of(period, zone) for period in dict.fromkeys(p for own in terms.periods for p in own)),
        zone=zone,
        home=home,
        kinds=terms.kinds,
        issued_by=terms.ordered.issuer,
        issued_in=terms.ordered.issued_in,
        is_hub=terms.is_hub,
    )


def share_passed(received: dt.datetime, due: dt.datetime, now: dt.datetime) -> float:
    """The share of the time from receipt to deadline that is over, 0 to 1."""
    whole = (due - received).total_seconds()
    return 1.0 if whole <= 0 else min(1.0, max(0.0, (now - received).total_seconds() / whole))
