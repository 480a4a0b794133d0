"""What the operator's page shows, as values: what was seen, the lines of each table, and alerts."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from coffer.custody.gauges import Health
from coffer.ledger.entries import COARSE
from coffer.ledger.retention import Timeline
from coffer.ledger.state import State
from coffer.vault.policy import Policy
from coffer.vault.runs import Run


class Urgency(IntEnum):
    """How long something can wait."""

    NOW = 0
    TODAY = 1
    LATER = 2


class Code(StrEnum):
    """What may be wrong, as far as a page can know.

    ``web.operator.troubles`` says each in words, and what to do.
    """

    LOG = "log"
    LONGER_LOG = "longer-log"
    FROZEN = "frozen"
    INGESTER_ACCUSED = "ingester-accused"
    CUSTODIAN_ACCUSED = "custodian-accused"
    CERTIFICATE = "certificate"
    RULE_LACKS = "rule-lacks"
    EMERGENCY = "emergency"
    NO_QUORUM = "no-quorum"
    DISK = "disk"
    KEYS_END = "keys-end"
    SILENT = "silent"
    BEHIND = "behind"
    CLOCK = "clock"
    RECEIPTS = "receipts"
    OVERDUE = "overdue"
    REJECTS = "rejects"
    CUT_SHORT = "cut-short"
    ASIDE = "aside"
    NO_ADDRESS = "no-address"
    UNACKNOWLEDGED = "unacknowledged"
    WAITING = "waiting"
    WITNESS = "witness"
    FEED = "feed"
    GIVEN_UP = "given-up"


Fact = str | int | float | dt.date | dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something to do. ``facts``: what its sentence names: parties, feeds, days and counts."""

    code: Code
    urgency: Urgency
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk under a vault. ``segments_bytes``: of it, the sealed records. ``log_bytes``: the log."""

    total_bytes: int
    free_bytes: int
    segments_bytes: int
    log_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen at ``now``.

    ``state``: None where the log does not hold. ``local``: custodians in the vault's folder. ``healths``: of those on
    machines of their own. ``cosigned``: when each witness of the roster cosigned last; None if it did not. ``aside``:
    folders that lie aside. ``log_size``: of the vault's log once custodians had said the size of theirs. ``log_trouble``:
    why the log does not hold. ``given_up``: notifications of the desk that were never sent.
    """

    now: dt.datetime
    state: State | None
    policy: Policy
    runs: Sequence[Run]
    local: Sequence[str]
    healths: Sequence[Health]
    cosigned: Mapping[str, dt.datetime | None]
    aside: int
    disk: Disk
    log_size: int
    given_up: int = 0
    log_trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLine:
    """One feed in the last 24 hours.

    ``read``, ``kept``, ``duplicate``: as the log counts, each batch rounded down to whole 1,024s. ``rejected``: exact
    where the runs are there, else as the log counts. ``batches``: how many. ``last``: when the last one was logged.
    ``reasons``: its rejects, the most frequent first.
    """

    name: str
    read: int
    kept: int
    duplicate: int
    rejected: int
    batches: int
    last: dt.datetime
    is_silent: bool
    reasons: tuple["RejectLine", ...] = ()

    @property
    def share(self) -> float:
        """The share of its new lines that were rejected, 0 to 1; at least, since ``kept`` is rounded down."""
        return self.rejected / (self.rejected + self.kept_at_most) if self.rejected else 0.0

    @property
    def kept_at_most(self) -> int:
        """What was kept, rounded up."""
        return self.kept + self.batches * (COARSE - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectLine:
    """Lines of a feed rejected for one reason; the first of them by the run's time, file and line."""

    reason: str
    lines: int
    began: dt.datetime
    file: int
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run of ingest.

    ``share``: of its bytes that are sealed, 0 to 1; None if unknown. ``left_s``: seconds to go.
    """

    run: Run
    state: str
    share: float | None
    a_second: float
    left_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyLine:
    """A custodian.

    ``health``: None for one in the vault's folder, or without an address. ``oldest``: age of a receipt.
    """

    name: str
    is_here: bool
    health: Health | None
    receipts: int
    oldest: dt.timedelta | None
    accuses: int
    keys_until: dt.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessLine:
    """A witness of the roster and when it cosigned last."""

    name: str
    cosigned: dt.datetime | None
    is_recent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLine:
    """``a_day_bytes``: by how much it fills, after what dies. ``days_left``: None if it does not fill."""

    disk: Disk
    a_day_bytes: int
    days_left: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The operator's page as values. ``alerts``: the most urgent first."""

    now: dt.datetime
    alerts: tuple[Alert, ...]
    feeds: tuple[FeedLine, ...]
    runs: tuple[RunLine, ...]
    parties: tuple[PartyLine, ...]
    witnesses: tuple[WitnessLine, ...]
    quorum: int
    disk: DiskLine
    timeline: Timeline | None
    oldest_day: dt.date | None
    entries: int

    def count(self, urgency: Urgency) -> int:
        """How many alerts are so urgent."""
        return sum(alert.urgency is urgency for alert in self.alerts)
