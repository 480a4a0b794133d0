"""What the pages of a custodian show of its requests, as values for templates."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from coffer.custodian.held_here import HeldHere
from coffer.custodian.order_files import FileHere
from coffer.custody.earlier import History
from coffer.ledger.holds import HoldStatus
from coffer.web.ground.asked import Asked, Difference
from coffer.web.ground.signers import Part

HoldStage = Literal["open", "agreed", "approved", "refused", "unlogged", "revoked", "expired", "terminal", "kept"]
"""What can still happen to a hold here, as of a request; ``kept``: this custodian keeps for it. ``expired``: it ended."""

Stage = Literal["open", "agreed", "approved", "refused", "unlogged", "revoked", "expired", "terminal"]
"""What can still happen to a request here.

``open``: this person may decide. ``agreed``: this person agreed and somebody else must. ``approved``: this custodian
signed, or signs within a minute. ``unlogged``: refused, and the log does not know yet. ``terminal``: no person is asked
to agree by passkey.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request in the queue.

    ``due``: by when it is to be answered; ``urgency``: empty for an ordinary one.
    """

    digits: str
    asked: Asked
    authority: str
    due: dt.datetime
    seconds_left: int
    is_expired: bool
    urgency: str
    ordinal_of_case: int
    read_by: tuple[str, ...]
    is_read_by_you: bool
    agreed: tuple[str, ...]
    is_agreed_by_you: bool
    needed: tuple[str, ...]
    missing: int
    is_protected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedRow:
    """A request that was decided.

    ``reason``: of a refusal, empty if unknown. ``uses``: what the log shows.
    """

    digits: str
    asked: Asked
    is_refused: bool
    was_approved: bool
    reason: str
    agreed: tuple[str, ...]
    history: History
    is_expired: bool
    time: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The last request of the same case before this one. ``number``: its place in the case, from 1."""

    number: int
    is_refused: bool
    reason: str
    was_approved: bool
    time: dt.datetime | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """How the days of a request stand. ``gone``: their retention is over. ``ahead``: not begun yet.

    ``first_dies``: when the first of the others dies; None if none is left.
    """

    gone: tuple[dt.date, ...]
    ahead: tuple[dt.date, ...]
    first_dies: dt.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One request, whole. ``version`` changes with everything that a person decides on.

    ``protected``: the lines, from 1, of subjects on the custodian's own list; None if the list is damaged.
    ``is_due``: ``due`` is before it expires. ``urgency``: empty for an ordinary one.
    ``files``: of its order, in the order of the note.
    ``case_records``: of earlier openings of the case, and ``subject_records`` of those of the same subjects.
    """

    digits: str
    version: str
    asked: Asked
    text: str
    line_count: int
    stage: Stage
    due: dt.datetime
    is_due: bool
    urgency: str
    received: dt.datetime | None
    share: float
    seconds_left: int
    place: int
    waiting: int
    words: tuple[str, ...]
    requester: str
    files: tuple[FileHere, ...]
    protected: tuple[int, ...] | None
    protected_size: int
    days: Days
    history: History
    case_uses: int
    case_records: int
    subject_uses: int
    earlier: Earlier | None
    changed: frozenset[str]
    parts: tuple[Part, ...]
    agreed: tuple[str, ...]
    is_agreed_by_you: bool
    needed: tuple[str, ...]
    missing: int
    required: int
    completes: bool
    refused_by: str
    reason: str
    read_by: tuple[str, ...]
    is_rule_met_after: bool

    @property
    def unopened(self) -> tuple[int, ...]:
        """Numbers of the files that nobody opened here, whether they came or not."""
        return tuple(one.number for one in self.files if one.opened is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """A hold in the list.

    ``at_most``: cells that the log says this custodian keeps for it, 0 if it keeps none. ``dies``: when what is kept is
    destroyed, as it stands. ``missing``: persons who must still agree.
    """

    digits: str
    asked: Asked
    authority: str
    until: dt.datetime
    stage: HoldStage
    agreed: tuple[str, ...]
    missing: int
    at_most: int
    dies: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReview:
    """One hold, whole. ``version`` as of ``Review``.

    ``status``: how it stands in the log. ``joined_by``: by when enough custodians must keep. ``logged_at``: of its
    entry. ``ends``: of what stands in the log, with what enough custodians joined. ``here``: None if nothing is kept.
    ``signed``: the custodians whose signature on it is here.
    """

    digits: str
    version: str
    asked: Asked
    text: str
    line_count: int
    stage: HoldStage
    status: HoldStatus
    is_extension: bool
    until: dt.datetime
    ends: dt.datetime
    logged_at: dt.datetime
    joined_by: dt.datetime
    share: float
    seconds_left: int
    requester: str
    signed: tuple[str, ...]
    protected: tuple[int, ...] | None
    days: Days
    parts: tuple[Part, ...]
    agreed: tuple[str, ...]
    needed: tuple[str, ...]
    completes: bool
    reason: str
    here: HeldHere | None
    at_most: int


EmergencyStage = Literal["open", "agreed", "ratified", "paid", "terminal"]
"""What can still happen to an emergency here.

``open``: this person may ratify it. ``agreed``: this person agreed and somebody else must. ``ratified``: this custodian
did. ``paid``: enough custodians did. ``terminal``: no person is asked to agree by passkey.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What an emergency opened, as far as the log tells. ``records``: None before anything was drawn."""

    requester: str
    time: dt.datetime
    records: int | None
    is_closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyRow:
    """An emergency that is owed.

    ``asked``: None if its request does not lie here. ``is_amendment``: the log names an amendment, which is ratified by
    nobody. ``seconds_left``: to be ratified.
    """

    index: int
    asked: Asked | None
    is_amendment: bool
    opened: Opened
    deadline: dt.datetime
    seconds_left: int
    is_overdue: bool
    stage: EmergencyStage
    agreed: tuple[str, ...]
    needed: tuple[str, ...]
    is_refused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyReview:
    """One emergency, whole. ``digits`` and ``text``: of its request. ``version`` as of ``Review``.

    ``is_late``: it is overdue, or was paid too late. ``is_refused``: this custodian refused the request; it may ratify
    all the same.
    """

    index: int
    digits: str
    version: str
    asked: Asked
    text: str
    line_count: int
    stage: EmergencyStage
    opened: Opened
    deadline: dt.datetime
    share: float
    seconds_left: int
    is_late: bool
    requester: str
    parts: tuple[Part, ...]
    agreed: tuple[str, ...]
    needed: tuple[str, ...]
    completes: bool
    is_refused: bool
    reason: str
