"""Where a draft differs from what its order asks, in words. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from coffer.authority.typed import parse_zone
from coffer.desk.draft import Draft
from coffer.desk.review_times import ends_of
from coffer.errors import CofferError, MalformedInput
from coffer.identity.typed import parse_typed_subject
from coffer.web.desk.findings import FIELDS
from coffer.web.desk.requesting import text_of
from coffer.web.ground.wording import Wording

MAX_SHOWN: Final = 300
"""Characters of one side. The order has the rest."""


def differs_from(ordered: Draft, draft: Draft, words: Wording) -> list[tuple[str, str, str]]:
    """The fields that the order says and the draft says otherwise: label, the order's text, the draft's.

    The same number, moment or kind in another spelling is no difference.
    """
    _, lines = words.gettext, []
    for name, meant in _MEANT.items():
        if meant(ordered) and meant(ordered) != meant(draft):
            texts = [text_of(one, name)[:MAX_SHOWN].replace("\n", ", ") for one in (ordered, draft)]
            lines.append((_(FIELDS[name]), texts[0], texts[1] or _("empty")))
    return lines


def _subjects(draft: Draft) -> frozenset[str]:
    return frozenset(_subject(one.text.strip(), draft.home) for one in draft.subjects)


def _subject(text: str, home: str) -> str:
    try:
        return parse_typed_subject(text, home or None, "subject").format()
    except CofferError:
        return text


def _spans(draft: Draft) -> frozenset[object]:
    """First moment and end of each, or its text where it is none."""
    try:
        zone = parse_zone(draft.zone, "zone")
    except MalformedInput:
        return frozenset(draft.spans)
    meant: set[object] = set()
    for span in draft.spans:
        try:
            meant.add(ends_of(span, zone))
        except (MalformedInput, OverflowError):
            meant.add(span)
    return frozenset(meant)


_MEANT: Final[Mapping[str, Callable[[Draft], object]]] = {
    "authority": lambda draft: draft.authority.strip(),
    "issued_by": lambda draft: draft.issued_by,
    "issued_in": lambda draft: draft.issued_in,
    "subjects": _subjects,
    "spans": _spans,
    "kinds": lambda draft: frozenset(draft.kinds),
    "max_records": lambda draft: draft.max_records.strip(),
}
"""The fields that an order may say, and what each means."""
