"""What an order says that is in none of its drafts, in words. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coffer.desk.proposal import UNANSWERED, Besides, Line
from coffer.disclosure.epoc.names import Reason
from coffer.visible import visible
from coffer.web.desk.typed import ReadOrder, TextsRead
from coffer.web.ground.times import show_time
from coffer.web.ground.wording import N_, Wording

_WORDS: Final[Mapping[Besides, str]] = {
    Besides.LACKING: N_("Identifier %(id)s: it cannot be answered here: %(why)s (%(reason)s)"),
    Besides.ELSEWHERE: N_("Identifier %(id)s: ask the customer systems for %(what)s"),
    Besides.UNSUPPORTED: N_("Action %(id)s of the message (%(what)s) is not done here"),
    Besides.EMERGENCY: N_("It is an emergency: eight hours from its receipt"),
    Besides.TEN_DAYS: N_("It is due ten days after its receipt"),
    Besides.DUE: N_("It is due on %(moment)s"),
    Besides.UNTIL: N_("It is to be kept until %(moment)s, and no longer"),
    Besides.NOTIFIED: N_(
        "An enforcing authority may refuse: hand nothing over before the deadline, unless it says that it will not"
    ),
    Besides.DELAY: N_("The person must not be told yet"),
}
_PART: Final = N_("Identifier %(id)s: %(what)s cannot be answered here: %(why)s (%(reason)s)")
_WHY: Final[Mapping[str, str]] = {
    Reason.DATA_NOT_HELD: N_("no record holds it"),
    Reason.INSUFFICIENT_INFORMATION: N_("the order says too little, or not in its form"),
    Reason.MANIFEST_ERRORS: N_("the order contradicts itself"),
    Reason.DE_FACTO_IMPOSSIBILITY: N_("no record is found by it"),
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OrderSaid:
    """What an order says besides.

    ``unanswered``: what cannot be answered, by identifier. ``heed``: what a person must heed. ``texts``: what no
    machine reads, as it stands in the order: where, and its lines. ``over``: that it needs more than one case can send.
    """

    over: str = ""
    unanswered: tuple[str, ...] = ()
    heed: tuple[str, ...] = ()
    texts: tuple[tuple[str, tuple[str, ...]], ...] = ()


def order_said(
    read: Sequence[ReadOrder], texts: Sequence[TextsRead], words: Wording, *, unread: int = 0, most: int
) -> OrderSaid:
    """What the files of an order say besides its drafts.

    ``unread``: how many older files were not read. ``most``: requests that a case can send.
    """
    lines = [(line.says in UNANSWERED, besides_words(line, words)) for one in read for line in one.besides]
    unsaid, left = sum(one.unsaid for one in read), sum(one.left for one in texts)
    more = _counted(N_("Others that cannot be answered and are not shown: %(count)s"), unsaid, words)
    rest = _counted(N_("Texts of the order that are not shown: %(count)s"), left, words)
    rest += _counted(N_("Older files of the order that no machine read: %(count)s"), unread, words)
    return OrderSaid(
        over=_over(max((len(one.parts) for one in read if not one.is_hold), default=0), most, words),
        unanswered=(*(text for is_lacking, text in lines if is_lacking), *more),
        heed=(*(text for is_lacking, text in lines if not is_lacking), *rest),
        texts=tuple(
            (visible(one.path), tuple(map(visible, one.text.splitlines()))) for many in texts for one in many.shown
        ),
    )


def _counted(text: str, count: int, words: Wording) -> list[str]:
    return [words.gettext(text) % {"count": words.number(count)}] if count else []


def _over(count: int, most: int, words: Wording) -> str:
    if count <= most:
        return ""
    text = words.gettext(
        N_("It needs %(count)s requests. The first %(most)s are drafts; write the other %(rest)s in further cases.")
    )
    values = {"count": count, "most": most, "rest": count - most}
    return text % {name: words.number(value) for name, value in values.items()}


def besides_words(line: Line, words: Wording) -> str:
    """One line. Codes of the order's own form stay as they are."""
    values = {
        name: show_time(value, words.language, words.zone) if isinstance(value, dt.datetime) else value
        for name, value in line.values.items()
    }
    if line.says is Besides.LACKING:
        reason = str(values["reason"])
        values["why"] = words.gettext(_WHY[reason]) if reason in _WHY else reason
    text = _PART if line.says is Besides.LACKING and "what" in values else _WORDS[line.says]
    return words.gettext(text) % values
