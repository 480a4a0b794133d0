"""In which segments the records of named subjects may lie, to open or to keep them. Pure."""

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Final

from coffer.authority.countersign import subject_rule
from coffer.identity.identifier import Identifier, IdentityType
from coffer.ledger.facts import Segment

Touches = Callable[[int, dt.date], bool]
"""Whether what is asked of a subject, by number from 1, touches a UTC day."""


class Reach:
    """The subject lines that concern a segment; each rule is looked up once a roster."""

    def __init__(self, subjects: Sequence[Identifier], kinds: Collection[str], touches: Touches) -> None:
        self._subjects: Final = subjects
        self._kinds: Final = frozenset(kinds)
        self._touches: Final = touches
        self._rules: dict[tuple[int, bytes], str] = {}

    def lines(self, segment: Segment) -> tuple[int, ...]:
        """The subject lines, from 1, whose records may lie in a segment."""
        line = segment.line
        if line.kind not in self._kinds:
            return ()
        return tuple(
            number
            for number, subject in enumerate(self._subjects, 1)
            if self._touches(number, line.day)
            and (subject.type is not IdentityType.OPAQUE or subject.scope == segment.feed)
            and self._rule(number, subject, segment) == line.rule
        )

    def _rule(self, number: int, subject: Identifier, segment: Segment) -> str:
        key = number, segment.roster.hash
        if key not in self._rules:
            self._rules[key] = subject_rule(subject, segment.roster).name
        return self._rules[key]
