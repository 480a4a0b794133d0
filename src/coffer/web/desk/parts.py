"""The requests that a case's order needs, made or drafts, in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.authority.authorization import Terms
from coffer.desk.draft import Draft
from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_subject
from coffer.kinds import KINDS
from coffer.web.ground.asked import kinds_named, show_subject, span_of_days
from coffer.web.ground.wording import Wording

MAX_PARTS: Final = 40
"""Shown in one list: all requests of a case, and as many drafts. An order to preserve may need hundreds of holds."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PartShown:
    """One request or draft.

    ``kind``: as of ``chip``. ``path``: where it is looked at. ``is_here``: by this page.
    """

    title: str
    subjects: str
    times: str
    kinds: str
    text: str
    kind: str
    path: str
    is_here: bool


def around_here(parts: Sequence[PartShown]) -> tuple[Sequence[PartShown], int]:
    """Those nearest to the one that the page looks at, and how many are left out."""
    here = next((number for number, one in enumerate(parts) if one.is_here), 0)
    start = max(0, min(here - MAX_PARTS // 2, len(parts) - MAX_PARTS))
    return parts[start : start + MAX_PARTS], max(0, len(parts) - MAX_PARTS)


def shown_request(
    terms: Terms, *, number: int, state: tuple[str, str], path: str, is_here: bool, words: Wording
) -> PartShown:
    """A request that was made. ``state``: its word and kind of chip."""
    return PartShown(
        title=words.gettext("Request %(number)s") % {"number": number},
        subjects=", ".join(show_subject(subject) for subject in terms.subjects),
        times=span_of_days(terms, words),
        kinds=kinds_named(terms.kinds, words),
        text=words.gettext(state[0]),
        kind=state[1],
        path=path,
        is_here=is_here,
    )


def shown_draft(draft: Draft, *, text: str, kind: str = "", path: str, is_here: bool, words: Wording) -> PartShown:
    """A draft, which may be wrong in every field. ``text``: how it stands."""
    return PartShown(
        title=words.gettext("Draft %(number)s") % {"number": draft.part} if draft.part else words.gettext("Draft"),
        subjects=", ".join(_subject(one.text) for one in draft.subjects),
        times="; ".join(_times(one.first, one.last, words) for one in draft.spans),
        kinds=_kinds(draft.kinds, words),
        text=text,
        kind=kind,
        path=path,
        is_here=is_here,
    )


def _subject(text: str) -> str:
    try:
        return show_subject(parse_subject(text, "subject"))
    except MalformedInput:
        return text


def _times(first: str, last: str, words: Wording) -> str:
    try:
        return words.days(wire.parse_day(first, "first"), wire.parse_day(last, "last"))
    except MalformedInput:
        return words.gettext("%(first)s to %(last)s") % {"first": first, "last": last}


def _kinds(kinds: tuple[str, ...], words: Wording) -> str:
    known = tuple(kind for kind in KINDS if kind in kinds)
    return kinds_named(known, words) if known and len(known) == len(kinds) else ", ".join(kinds)
