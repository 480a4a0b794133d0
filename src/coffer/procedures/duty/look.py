"""The look around: reads the vault's folder and asks custodians how they stand.

Changes nothing and takes no lock.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography import x509

from coffer.custody.gauges import Health, Trouble, parse_gauges
from coffer.errors import CofferError, MalformedInput, NotProven, Unavailable
from coffer.ledger.roster import MAX_CUSTODIANS, Custodian, Roster
from coffer.ledger.state import State
from coffer.notes.cosign import verified_time
from coffer.notes.note import Note, parse_signature_line
from coffer.procedures.duty.board import Board, Disk, Sight
from coffer.procedures.duty.decide import decide_board
from coffer.translog.checkpoint import verify_checkpoint
from coffer.vault.folder import Vault
from coffer.vault.runs import Run

SIZES_FOR: Final = dt.timedelta(minutes=10)
"""How long the sizes of all files hold: a large vault has a hundred thousand, and they grow slowly."""
GROWN_FOR: Final = dt.timedelta(seconds=30)
"""The same while the log grows."""
KEPT_LINE: Final = dt.timedelta(seconds=35)
"""A custodian hands out the same cosignature for 30 seconds: a date so far behind says nothing about its clock."""


class Watched(Protocol):
    """A custodian that says how it stands; fits ``HttpCustodian``."""

    trouble_kind: Trouble | None
    certificate: bytes

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def metrics(self) -> bytes:
        """What it says of itself. Raises ``Unavailable``."""
        ...

    def cosign(self, checkpoint: bytes, /) -> bytes:
        """Its dated cosignature, or nothing. Raises ``Unavailable``."""
        ...

    def close(self) -> None:
        """Give up its connections."""
        ...


@dataclass(slots=True)
class Lookout:
    """Looks around one vault.

    ``watched``: the custodians on machines of their own, not spoken to yet. ``timer``: seconds, for how long an answer
    takes. ``replay``: the log, proven; a service gives the State that it holds warm. ``given_up``: notifications of the
    desk that were never sent.
    """

    vault: Vault
    watched: Callable[[], Sequence[Watched]]
    timer: Callable[[], float]
    replay: Callable[[], State]
    given_up: Callable[[], int] = lambda: 0
    _sizes: tuple[dt.datetime, int, int, int] | None = None

    def board(self) -> Board:
        """The operator's page as it is now; waits for custodians as long as ``watched`` lets each take."""
        state, trouble, note = None, "", None
        try:
            state = self.replay()
            note = verify_checkpoint(self.vault.log.checkpoint(), self.vault.pins.log_key, "checkpoint").note
        except (MalformedInput, NotProven, Unavailable) as error:
            state, trouble = None, error.message
        roster = None if state is None else state.roster
        healths = () if note is None or roster is None else self._healths(note, roster)
        now = self.vault.outside.clock()
        return decide_board(
            Sight(
                now=now,
                state=state,
                policy=self.vault.policy(),
                runs=self._runs(),
                local=self.vault.custodian_names(),
                healths=healths,
                cosigned={} if note is None or roster is None else _cosigned(note, roster),
                aside=len(self.vault.aside.folders()),
                disk=self._disk(state, now),
                log_size=0 if note is None else self._log_size(),
                given_up=self.given_up(),
                log_trouble=trouble,
            )
        )

    def _log_size(self) -> int:
        """The size of the log as it is now.

        A custodian may have heard of an entry since the log was replayed; its log is not longer for that.
        """
        checkpoint = self.vault.log.checkpoint()
        return verify_checkpoint(checkpoint, self.vault.pins.log_key, "checkpoint").head.size

    def _runs(self) -> Sequence[Run]:
        try:
            return self.vault.runs.all()
        except CofferError:
            return ()  # the operator's keys are sealed and no passphrase was given: the log's own counts remain

    def _healths(self, note: Note, roster: Roster) -> tuple[Health, ...]:
        watched = self.watched()
        try:
            with ThreadPoolExecutor(max_workers=MAX_CUSTODIANS) as pool:
                return tuple(pool.map(lambda one: self._health(one, note, roster.custodian(one.name)), watched))
        finally:
            for one in watched:
                one.close()

    def _health(self, one: Watched, note: Note, member: Custodian | None) -> Health:
        started = self.timer()
        try:
            gauges = parse_gauges(one.metrics(), f"custodian {one.name}")
            took_s = self.timer() - started
        except (MalformedInput, Unavailable):
            return Health(name=one.name, trouble=one.trouble_kind or Trouble.BUSY)
        return Health(
            name=one.name,
            took_s=took_s,
            log_size=gauges["log_size"],
            waiting=gauges["waiting_entries"],
            is_frozen=gauges["is_frozen"] == 1,
            is_behind=gauges["is_behind"] == 1,
            unacknowledged=gauges["unacknowledged_changes"],
            clock_off_s=None if member is None else self._clock_off(one, note, member),
            certificate_ends=_ends(one.certificate),
        )

    def _clock_off(self, one: Watched, note: Note, member: Custodian) -> int | None:
        """By how many seconds a custodian's clock is ahead, as the date of its cosignature says.

        0 if the clock may be right.
        """
        with suppress(MalformedInput, Unavailable):
            line = parse_signature_line(one.cosign(note.raw), one.name)
            time = verified_time(member.cosigning, Note(text=note.text, signatures=(line,)))
            if time is not None:
                off = dt.datetime.fromtimestamp(time, dt.UTC) - self.vault.outside.clock()
                is_right = -KEPT_LINE <= off <= dt.timedelta(seconds=1)
                return 0 if is_right else round(off.total_seconds())
        return None

    def _disk(self, state: State | None, now: dt.datetime) -> Disk:
        disk, path = self.vault.disk, self.vault.path
        known, size = self._sizes, 0 if state is None else state.size
        holds_for = SIZES_FOR if known is not None and known[3] == size else GROWN_FOR
        if known is None or now - known[0] >= holds_for:
            known = self._sizes = (now, disk.size_below(path / "segments"), disk.size_below(path / "log"), size)
        total, free = disk.room(path)
        return Disk(total_bytes=total, free_bytes=free, segments_bytes=known[1], log_bytes=known[2])


def _cosigned(note: Note, roster: Roster) -> Mapping[str, dt.datetime | None]:
    """When each witness of the roster cosigned the newest checkpoint, by the newer of its keys."""
    times: dict[str, dt.datetime | None] = {key.name: None for key in roster.witnesses}
    for key in roster.witnesses:
        seconds = verified_time(key, note)
        time = None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)
        known = times[key.name]
        times[key.name] = max((one for one in (time, known) if one is not None), default=None)
    return times


def _ends(certificate: bytes) -> dt.datetime | None:
    """When a certificate ends; None if there is none, or none that can be read."""
    with suppress(ValueError):
        return x509.load_der_x509_certificate(certificate).not_valid_after_utc if certificate else None
    return None
