"""The form of a request: from what a browser sent to a draft, and what an order fills in. Pure."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from coffer.authority.period import Period, parse_instant, whole_days
from coffer.authority.typed import parse_zone
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.proposal import Line, propose
from coffer.disclosure.strict_xml import begins_as_xml
from coffer.errors import CofferError, MalformedInput
from coffer.identity.identifier import IdentityType
from coffer.web.ground.forms import Form

MAX_SPANS_SHOWN: Final = 20
_TEXTS: Final = ("authority", "basis", "purpose", "person", "home", "zone", "max_records", "issued_by", "issued_in")
_LATER: Final = ("not_before", "expires", "secret_until", "roster", "until")
_SECOND: Final = dt.timedelta(seconds=1)


def read_draft(form: Form) -> Draft:
    """The draft in a form that was sent. Nothing is refused: a draft may be wrong in every field."""
    spans = [
        TypedSpan(first=form.text(f"first_{n}"), last=form.text(f"last_{n}")) for n in range(1, MAX_SPANS_SHOWN + 1)
    ]
    lines = [line.strip() for line in form.text("subjects").splitlines()]
    return Draft(
        subjects=tuple(TypedSubject(text=line) for line in lines if line),
        spans=tuple(span for span in spans if span.first or span.last),
        kinds=form.all("kinds"),
        is_hub=form.is_ticked("is_hub"),
        is_extension=form.is_ticked("is_extension"),
        **dict[str, Any]((name, form.text(name)) for name in (*_TEXTS, *_LATER)),
    )


def subjects_text(draft: Draft) -> str:
    """The numbers and addresses of a draft, a line each, as the form shows them."""
    return "\n".join(subject.text for subject in draft.subjects)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOrder:
    """What an uploaded order says.

    ``is_read``: it filled the draft. ``is_hold``: it asks to keep, and not to open. ``besides``: what it says that is not
    in the draft. ``why_not``: why it could not, where it looked so.
    """

    draft: Draft
    is_read: bool
    is_hold: bool = False
    besides: tuple[Line, ...] = field(default=(), repr=False)
    why_not: CofferError | None = field(default=None, repr=False)


def fill_from_order(
    draft: Draft, raw: bytes, *, found_by: Collection[IdentityType], made: Sequence[str] = ()
) -> ReadOrder:
    """The draft with what an order in XML says; another file leaves it. ``made``: as in ``propose``."""
    if not begins_as_xml(raw):
        return ReadOrder(draft=draft, is_read=False)
    try:
        read = propose(raw, draft, "order", found_by=found_by, made=made)
    except CofferError as error:
        return ReadOrder(draft=draft, is_read=False, why_not=error)
    spans = tuple(_as_days(span, draft.zone) for span in read.draft.spans)
    filled = replace(read.draft, spans=spans)
    return ReadOrder(draft=filled, is_read=True, is_hold=read.is_hold, besides=read.besides)


def is_pdf(raw: bytes) -> bool:
    """Whether a file begins as PDF does."""
    return raw.startswith(b"%PDF-")


def _as_days(span: TypedSpan, zone: str) -> TypedSpan:
    """Two moments with their offsets as days, where they are whole days in that zone."""
    try:
        period = Period(first=parse_instant(span.first, "first"), end=parse_instant(span.last, "last"))
    except MalformedInput:
        return span
    return span_of(period, zone)


def span_of(period: Period, zone: str) -> TypedSpan:
    """A period as people type it.

    It is two days if it is of whole days in that zone, else two moments with their offsets.
    """
    try:
        clock = parse_zone(zone, "zone")
        first, last = period.first.astimezone(clock).date(), (period.end - _SECOND).astimezone(clock).date()
        whole = whole_days(first, last, clock)
        if (whole.first, whole.end) == (period.first, period.end):
            return TypedSpan(first=str(first), last=str(last))
    except (MalformedInput, OverflowError):
        pass  # a zone that is none: the moments say all
    return TypedSpan(first=period.first.isoformat(timespec="seconds"), last=period.end.isoformat(timespec="seconds"))
