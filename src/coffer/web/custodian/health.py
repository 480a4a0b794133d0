"""Keys by day and the custodian's own machine, as its page shows them. Reads; decides nothing."""

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from cryptography import x509

from coffer.authority.authorization import Authorization
from coffer.custodian.machine.folder import Machine
from coffer.custodian.machine.tls import fingerprint_of
from coffer.custody.receipts import owes_receipt
from coffer.disk import Disk
from coffer.errors import CofferError, MalformedInput, NotProven, Unavailable
from coffer.ledger.retention import Retention, due_days, retention_of
from coffer.ledger.state import State, verify_clock
from coffer.web.custodian.office import Office, steadily

CERTIFICATE_SOON: Final = dt.timedelta(days=60)
"""A vault that pins the fingerprint needs a new pin, and people need weeks for that."""
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """A custodian's keys by day.

    ``destroyed``: the newest destroyed day, and how many there are. ``next_day`` dies at the begin of ``next_dies`` (UTC).
    ``alive``: days up to today with a key; ``ahead``: days after it. ``needed``: the requests in hand that ask for the next
    day. ``overdue``: days that the log calls due and whose key is still here. ``held_back``: due by the clock alone.
    """

    destroyed: dt.date | None
    destroyed_count: int
    next_day: dt.date | None
    next_dies: dt.date | None
    needed: int
    alive: tuple[dt.date, ...]
    ahead: tuple[dt.date, ...]
    overdue: int
    held_back: int
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The machine.

    ``trouble``: of the last look, in an error's own words. ``clock``: what is wrong with it, or empty.

    ``accusations``: entries in which this custodian names somebody; ``against``: those in which somebody names it.
    """

    log_size: int
    newest: dt.datetime
    is_behind: bool
    trouble: str
    is_frozen: bool
    waiting: int
    news: tuple[str, ...]
    unreadable: int
    fingerprint: str
    certificate_until: dt.datetime | None
    is_certificate_old: bool
    clock: str
    receipts: int
    owed: int
    accusations: tuple[int, ...]
    against: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _OfLog:
    """What is counted over the whole log, as of a size."""

    size: int
    retention: Retention
    destroyed: tuple[dt.date, ...]
    receipts: int
    owed: int


class Counting:
    """Counts over the log once for each of its sizes: a log of years has a hundred thousand segments."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: _OfLog | None = None

    def of(self, state: State, name: str) -> _OfLog:
        """The counts of the log as it is."""
        with self._lock:
            if self._last is None or self._last.size != state.size:
                self._last = steadily(partial(_counted, state, name))
            return self._last


def _counted(state: State, name: str) -> _OfLog:
    return _OfLog(
        size=state.size,
        retention=retention_of(state),
        destroyed=tuple(sorted(day for who, day in state.destroyed if who == name)),
        receipts=sum(who == name for who, _ in state.receipts),
        owed=sum(owes_receipt(state, segment, name) for segment in state.segments.values()),
    )


def keys_by_day(office: Office, counting: Counting, waiting: Sequence[Authorization]) -> Keys:
    """Which keys are destroyed, alive and made ahead, and what dies next.

    ``waiting``: the requests in hand.
    """
    state, now = office.service.state, office.clock()
    days, today = sorted(office.machine.folder.epoch_days()), now.date()
    if not state.rosters:
        return Keys(
            destroyed=None,
            destroyed_count=0,
            next_day=None,
            next_dies=None,
            needed=0,
            alive=tuple(day for day in days if day <= today),
            ahead=tuple(day for day in days if day > today),
            overdue=0,
            held_back=office.service.held_back,
            is_known=False,
        )
    counts = counting.of(state, office.name)
    dies = {day: day + counts.retention.days(day) * _DAY for day in days}
    first = min(days, key=lambda day: (dies[day], day), default=None)
    return Keys(
        destroyed=counts.destroyed[-1] if counts.destroyed else None,
        destroyed_count=len(counts.destroyed),
        next_day=first,
        next_dies=dies[first] if first is not None else None,
        needed=sum(first in note.terms.all_days for note in waiting),
        alive=tuple(day for day in days if day <= today),
        ahead=tuple(day for day in days if day > today),
        overdue=len([day for day in steadily(partial(due_days, state, office.name, today)) if day in dies]),
        held_back=office.service.held_back,
        is_known=True,
    )


def health_of(office: Office, counting: Counting, *, unreadable: int) -> Health:
    """How the machine is. ``unreadable``: files in the inbox that are no request."""
    state, now, machine = office.service.state, office.clock(), office.machine
    fingerprint, until = certificate_of(machine)
    counts = counting.of(state, office.name) if state.rosters else None
    faults = list(state.faults)
    return Health(
        log_size=state.size,
        newest=state.newest,
        is_behind=office.attendant.is_behind,
        trouble=office.attendant.trouble,
        is_frozen=machine.folder.memory.is_frozen(),
        waiting=len(machine.waiting_names()),
        news=tuple(office.attendant.news),
        unreadable=unreadable,
        fingerprint=fingerprint,
        certificate_until=until,
        is_certificate_old=until is not None and until - now < CERTIFICATE_SOON,
        clock=_clock_trouble(state, now),
        receipts=counts.receipts if counts else 0,
        owed=counts.owed if counts else 0,
        accusations=tuple(index for index, fault in faults if fault.accuser == office.name),
        against=tuple(index for index, fault in faults if fault.accused == office.name),
    )


def certificate_of(machine: Machine) -> tuple[str, dt.datetime | None]:
    """Fingerprint and end of the answering service's certificate.

    Empty and None if it cannot be read.
    """
    try:
        pem = Disk().read(machine.path / machine.config.certificate)
        return fingerprint_of(pem, "certificate"), x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except (MalformedInput, NotProven, Unavailable):
        return "", None


def _clock_trouble(state: State, now: dt.datetime) -> str:
    try:
        verify_clock(state, now)
    except CofferError as error:
        return error.message
    return ""
