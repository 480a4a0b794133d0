"""The form of a request: from what a browser sent to a draft, and what an order fills in. Pure."""

import datetime as dt
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from coffer.authority.period import Period, parse_instant, whole_days
from coffer.authority.typed import parse_zone
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.proposal import UNANSWERED, Line, ProposedPart, propose, texts_of
from coffer.disclosure.epoc.form import Shown
from coffer.disclosure.strict_xml import begins_as_xml
from coffer.errors import CofferError, MalformedInput
from coffer.identity.identifier import IdentityType
from coffer.web.ground.forms import Form

MAX_SPANS_SHOWN: Final = 20
MAX_LINES: Final = 100
"""Lines on what an order asks that is not answered, and its texts that people read. The order itself has the rest."""
MAX_LETTERS: Final = 50_000
"""Of all its texts. A person reads as much in an hour."""
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
        part=parse_number(form.text("part")),
        **dict[str, Any]((name, form.text(name)) for name in (*_TEXTS, *_LATER)),
    )


def parse_number(text: str) -> int:
    """A number from 1 to 999 that a form or an address names; 0 where it names none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def subjects_text(draft: Draft) -> str:
    """The numbers and addresses of a draft, a line each, as the form shows them."""
    return "\n".join(subject.text for subject in draft.subjects)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOrder:
    """What an uploaded order says.

    ``drafts``: one for each note that it needs, which no note was made of; the draft itself where it was not read.
    ``is_read``: it filled them. ``is_hold``: it asks to keep, and not to open. ``parts``: every part of it.
    ``besides``: what it says that is in none of them, of which ``unsaid`` lines were left out. ``why_not``: why it
    could not be read, where it looked so.
    """

    drafts: tuple[Draft, ...]
    is_read: bool
    is_hold: bool = False
    parts: tuple[ProposedPart, ...] = field(default=(), repr=False)
    besides: tuple[Line, ...] = field(default=(), repr=False)
    unsaid: int = 0
    why_not: CofferError | None = field(default=None, repr=False)

    @property
    def draft(self) -> Draft:
        """The first of them."""
        return self.drafts[0]


def fill_from_order(
    draft: Draft, raw: bytes, *, found_by: Collection[IdentityType], made: Sequence[str] = ()
) -> ReadOrder:
    """The drafts with what an order in XML says; another file leaves it. ``made``: as in ``propose``."""
    if not begins_as_xml(raw):
        return ReadOrder(drafts=(draft,), is_read=False)
    try:
        read = propose(raw, draft, "order", found_by=found_by, made=made)
    except CofferError as error:
        why = error.with_traceback(None)  # what is kept of it must not keep the whole order
        why.__cause__ = why.__context__ = None
        return ReadOrder(drafts=(draft,), is_read=False, why_not=why)
    parts = tuple(replace(part, draft=_in_days(part.draft)) for part in read.parts)
    unanswered = [line for line in read.besides if line.says in UNANSWERED]
    heed = [line for line in read.besides if line.says not in UNANSWERED]
    return ReadOrder(
        drafts=tuple(part.draft for part in parts if not part.is_made),
        is_read=True,
        is_hold=read.is_hold,
        parts=parts,
        besides=(*unanswered[:MAX_LINES], *heed),
        unsaid=max(0, len(unanswered) - MAX_LINES),
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TextsRead:
    """The texts of an order that people read. ``left``: how many more it has."""

    shown: tuple[Shown, ...] = ()
    left: int = 0


def texts_for_people(raw: bytes) -> TextsRead:
    """What an order in XML says that no machine reads; nothing where it cannot be read at all."""
    if not begins_as_xml(raw):
        return TextsRead()
    try:
        texts = texts_of(raw, "order")
    except CofferError:
        return TextsRead()
    ends = itertools.accumulate(len(one.path) + len(one.text) for one in texts)
    shown = tuple(one for one, end in zip(texts[:MAX_LINES], ends, strict=False) if end <= MAX_LETTERS)
    return TextsRead(shown=shown, left=len(texts) - len(shown))


def _in_days(draft: Draft) -> Draft:
    return replace(draft, spans=tuple(_as_days(span, draft.zone) for span in draft.spans))


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
