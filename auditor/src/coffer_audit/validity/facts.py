"""The segments, batches and openings of State, and the error of an entry without effect. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from coffer_audit.entries.parse import Act, Ingest, SegmentLine
from coffer_audit.entries.roster import Roster
from coffer_audit.errors import AuditError

BACK_DATING = timedelta(minutes=15)


class RuleBroken(AuditError):  # noqa: N818 - as the families
    """An entry without effect; `code` is the rule that it breaks.

    `may_happen`: an honest party can break it by accident.
    """

    exit_code = 3

    def __init__(self, code: str, message: str, *, may_happen: bool = False) -> None:
        super().__init__(message)
        self.code, self.may_happen = code, may_happen


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment of State, with the entry that named it and the roster then in force."""

    line: SegmentLine
    feed: str
    entry: int
    roster: Roster

    def is_past(self, today: date) -> bool:
        """Whether its retention is over on a UTC day."""
        return (today - self.line.day).days >= self.roster.retention_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """An ingest batch; it is complete once entry number `parts` is valid."""

    first: Ingest
    next_part: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An intent, with its draw and close (index and entry) if they have come.

    `roster`: the one in force at the intent.
    """

    intent: Act
    time: datetime
    roster: Roster
    draw: tuple[int, Act] | None = None
    close: tuple[int, Act] | None = None
    closed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """The statement, by the entry of that index, that a custodian is gone.

    The custodian may object until the others have waited for it.
    """

    entry: int
    since: datetime
    waiting_days: int


def demand(holds: object, code: str, message: str, *, may_happen: object = False) -> None:
    """Raise RuleBroken with the code of a rule unless it holds."""
    if not holds:
        raise RuleBroken(code, message, may_happen=bool(may_happen))
