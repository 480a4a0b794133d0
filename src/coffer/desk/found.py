"""What can be found about a draft: codes with values, which a page puts into words. Pure."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from coffer.authority.ordered import OrderClass
from coffer.ledger.rules import Rule
from coffer.procedures.opening.request import Order, Sought


class Weight(StrEnum):
    """What a finding means for sending."""

    STOPS = "stops"
    WARNS = "warns"
    TELLS = "tells"


class Code(StrEnum):
    """What was found. The comments say which values come with it."""

    MISSING = "missing"
    SUBJECT_FORM = "subject-form"  # number
    SUBJECT_SPELLED = "subject-spelled"  # number, text: as it will be signed
    SUBJECT_TWICE = "subject-twice"  # number, other
    TOO_MANY_SUBJECTS = "too-many-subjects"  # count, most
    COUNTRY_UNKNOWN = "country-unknown"
    RULE = "rule"  # number, rule, expression, is_hub
    ZONE_UNKNOWN = "zone-unknown"
    SPAN_FORM = "span-form"  # number (0: shared), span
    SPAN_ORDER = "span-order"  # number, span
    SPANS_OVERLAP = "spans-overlap"  # number
    TOO_MANY_SPANS = "too-many-spans"  # number, most
    TOO_MANY_DAYS = "too-many-days"  # count, most
    WHOLE_DAYS_OPENED = "whole-days-opened"  # count, first, last: UTC days of which only a part was ordered
    DAYS_DEAD = "days-dead"  # count, first, last: the retention is over, or the keys are destroyed
    DAYS_HELD = "days-held"  # count, first, last: kept for a hold in force of the case, though their keys died
    DAYS_EMPTY = "days-empty"  # count, first, last: nothing of these subjects and kinds is kept of them, or not yet
    DAYS_AHEAD = "days-ahead"  # count, first, last
    DAYS_DIE = "days-die"  # count, first: the day after which they cannot be opened, if that is before it expires
    NOTHING_REACHED = "nothing-reached"
    KIND_UNKNOWN = "kind-unknown"
    KIND_NOT_KEPT = "kind-not-kept"  # kind
    LIMIT_FORM = "limit-form"  # most
    LIMIT_NOT_MORE = "limit-not-more"  # least: what the request allows already
    TEXT_FORM = "text-form"  # most
    TEXT_MIXED = "text-mixed"  # word, alphabets
    PERSONS_COUNT = "persons-count"  # count, subjects
    ORDER_FORM = "order-form"  # a deadline out of its bounds, or too many files
    MOMENT_FORM = "moment-form"
    EXPIRES_EARLY = "expires-early"
    EXPIRES_LATE = "expires-late"  # most, in days
    EXPIRES_PAST = "expires-past"
    UNTIL_LATE = "until-late"  # most, in days
    UNTIL_LEFT = "until-left"  # count: days from now
    SECRECY_LONG = "secrecy-long"  # most, in days
    SECRECY_OVER = "secrecy-over"
    OLDER_ROSTER = "older-roster"  # roster, rule, expression: its custodians must sign too
    ROSTER_UNKNOWN = "roster-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about one field. ``field``: as in ``Draft``."""

    values: Mapping[str, int | str] = field(default_factory=dict, repr=False)
    field: str
    code: Code
    weight: Weight


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Review:
    """What was found, and the order if nothing stops it.

    ``reached``, ``asked``: UTC days with records that can be opened, and all that were asked for. ``rules``: those that
    must sign, each once, by the roster in force.
    """

    findings: tuple[Finding, ...]
    order: Order | None
    subjects: tuple[str, ...]
    rules: tuple[Rule, ...]
    asked: tuple[dt.date, ...]
    reached: tuple[dt.date, ...]

    @property
    def may_be_sent(self) -> bool:
        """Whether nothing stops it. The request is proven anew when it is made."""
        return self.order is not None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HoldReview:
    """What was found about a draft from which a hold is to be made. ``until``: until when it would keep."""

    review: Review
    until: dt.datetime

    @property
    def sought(self) -> Sought | None:
        """What the hold would ask for; None while something stops it."""
        order = self.review.order
        if order is None or order.ordered.is_access:
            return None
        fields = {name: getattr(order, name) for name in Sought.__dataclass_fields__}
        ordered = replace(order.ordered, order_class=OrderClass.PRESERVE)
        return Sought(**fields | {"ordered": ordered})
