"""What is found about a draft while it is typed. Pure.

``review_draft`` goes through every field and never stops at the first fault. What it finds are codes with values, which
a page puts into words. The request itself is made by ``procedures.opening.request``, which decides anew. The fields are
looked at in ``review_fields``, times in ``review_times``, and what can be reached in ``review_reach``.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import subject_rule
from coffer.authority.hold import Hold
from coffer.desk.draft import Draft
from coffer.desk.found import Code, HoldReview, Review
from coffer.desk.looking import Look
from coffer.desk.orders import Came
from coffer.desk.review_fields import (
    FREE_TEXTS,
    kinds_of,
    limit_of,
    look_at_text,
    ordered_of,
    persons_of,
    roster_of,
    subjects_of,
)
from coffer.desk.review_reach import reached_by
from coffer.desk.review_times import days_of, life_of, periods_of, secrecy_of, until_of, zone_of
from coffer.ledger.state import State
from coffer.procedures.opening.request import Order

_OF_REQUESTS: Final = frozenset({Code.DAYS_DIE})
"""A hold is what keeps days whose keys die."""
_OF_AMENDMENTS: Final = ("authority", "basis")


def review_draft(draft: Draft, came: Came, state: State, now: dt.datetime, *, holds: Sequence[Hold] = ()) -> Review:
    """Everything that there is to say about a draft now, and by what the log says now.

    ``holds``: those of its case.
    """
    return _review(Look(draft=draft, came=came, state=state, now=now.replace(microsecond=0), holds=holds))


def review_hold(draft: Draft, came: Came, state: State, now: dt.datetime) -> HoldReview:
    """The same of a draft from which a hold is to be made: what only a request needs is not asked for."""
    plain = replace(draft, max_records="1", not_before="", expires="", is_extension=False, roster="")
    look = Look(draft=plain, came=came, state=state, now=now.replace(microsecond=0))
    until = until_of(look)
    review = _review(look)
    findings = tuple(one for one in review.findings if one.code not in _OF_REQUESTS)
    return HoldReview(review=replace(review, findings=findings), until=until)


def review_amendment(
    draft: Draft, authorization: Authorization, came: Came, state: State, now: dt.datetime
) -> tuple[Review, int | None]:
    """The same of an amendment, and the limit that it would give; None if it cannot be made.

    Of the draft only authority, legal basis and limit are read: all else is the request's.
    """
    look = Look(draft=draft, came=came, state=state, now=now.replace(microsecond=0))
    for name in _OF_AMENDMENTS:
        look_at_text(look, name, getattr(draft, name))
    limit = limit_of(look)
    if 0 < limit <= authorization.limit:
        look.add("max_records", Code.LIMIT_NOT_MORE, least=authorization.limit)
    terms = authorization.terms
    roster = state.rosters.get(terms.roster, state.roster)
    rules = {rule.name: rule for subject in terms.subjects for rule in [subject_rule(subject, roster)]}
    review = Review(
        findings=tuple(look.findings),
        order=None,
        subjects=tuple(subject.format() for subject in terms.subjects),
        rules=tuple(rules[name] for name in sorted(rules)),
        asked=(),
        reached=(),
    )
    return review, None if look.is_stopped else limit


def _review(look: Look) -> Review:
    """All fields in the order of the form."""
    draft = look.draft
    roster = roster_of(look)
    subjects = subjects_of(look, roster)
    zone = zone_of(look)
    periods = periods_of(look, zone)
    kinds = kinds_of(look)
    most = limit_of(look)
    for name in FREE_TEXTS:
        look_at_text(look, name, getattr(draft, name))
    persons = persons_of(look)
    ordered = ordered_of(look, zone)
    start, end = life_of(look, zone)
    secret_until = secrecy_of(look, start, end)
    identities = [subject for subject in subjects if subject is not None]
    days = [days_of(own) for own in periods]
    asked = tuple(sorted({day for own in days for day in own}))
    reached: tuple[dt.date, ...] = ()
    if identities and len(identities) == len(subjects) == len(periods) and kinds and asked:
        reached = reached_by(look, identities, days, kinds, end, roster)
    order = None
    if not look.is_stopped and ordered is not None:
        order = Order(
            ordered=ordered,
            persons=persons,
            subjects=[subject.format() for subject in identities],
            periods=periods,
            kinds=",".join(kinds),
            max_records=most,
            is_hub=draft.is_hub,
            not_before=start,
            expires=end,
            secret_until=secret_until,
            **{name: getattr(draft, name) for name in FREE_TEXTS},
        )
    rules = {rule.name: rule for subject in identities for rule in [subject_rule(subject, roster)]}
    return Review(
        findings=tuple(look.findings),
        order=order,
        subjects=tuple(subject.format() for subject in identities),
        rules=tuple(rules[name] for name in sorted(rules)),
        asked=asked,
        reached=reached,
    )
