"""Whether and how the desk may come again: what a custodian says beside a refusal's reason. Pure.

It binds nobody. It is about a person, so that it never stands in the log: the custodian and the desk keep it.

Source: ``docs/formats/exchange.md``, "Standing of a request"; ADR 47.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from coffer import wire
from coffer.errors import MalformedInput


class AgainWord(StrEnum):
    """How the desk may ask again."""

    NO = "no"
    """Not about this matter."""
    NARROWER = "narrower"
    """With fewer subjects, days or kinds."""
    LATER = "later"
    """Not before a day."""
    REASONS = "reasons"
    """With better reasons, or the order that was missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What a custodian said. ``later``: the day from which the desk may ask, of ``LATER`` alone."""

    word: AgainWord
    later: dt.date | None = None

    def __post_init__(self) -> None:
        assert (self.later is not None) == (self.word is AgainWord.LATER), "later has a day, and nothing else has"

    def format(self) -> str:
        """Its text, such as ``narrower`` or ``later 2016-10-01``."""
        return self.word.value if self.later is None else f"{self.word.value} {self.later}"

    @classmethod
    def parse(cls, text: str, place: str) -> Self:
        """The strict inverse; raises ``MalformedInput``."""
        word, _, day = text.partition(" ")
        if word == AgainWord.LATER:
            return cls(word=AgainWord.LATER, later=wire.parse_day(day, place))
        if text not in _WITHOUT_DAY:
            raise MalformedInput(f"{place}: again: expected no, narrower, reasons, or later and a day")
        return cls(word=AgainWord(text))


_WITHOUT_DAY: Final = (AgainWord.NO, AgainWord.NARROWER, AgainWord.REASONS)


def parse_typed_again(text: str, place: str) -> Again:
    """What people type: ``no``, ``narrower``, ``reasons``, or the day from which the desk may ask again.

    Raises:
        MalformedInput: it is something else.
    """
    if text in _WITHOUT_DAY:
        return Again(word=AgainWord(text))
    try:
        return Again(word=AgainWord.LATER, later=wire.parse_day(text, place))
    except MalformedInput:
        raise MalformedInput(f"{place}: expected no, narrower, reasons, or a day such as 2016-10-01") from None
