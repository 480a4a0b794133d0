"""Writing the log: entries are signed, dated and logged only if they count.

Before the first entry of a command, others are asked whether they know a longer log: an entry that is logged on an old
copy makes a second history, which freezes custodians and witnesses for good.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from coffer.custody.addresses import Address
from coffer.errors import Refused
from coffer.ledger.entries import Body
from coffer.ledger.facts import Invalid, Valid, Verdict
from coffer.ledger.grammar import format_entry, parse_entry
from coffer.ledger.state import BACKDATING, State, verify_clock
from coffer.notes.keys import SigningKey
from coffer.notes.note import sign_note
from coffer.translog.store.files import FileLog
from coffer.vault.operator import OperatorKeys
from coffer.vault.others import Others
from coffer.vault.outside import Outside
from coffer.vault.pins import Pins
from coffer.vault.policy import Policy
from coffer.vault.several import Machines

_AHEAD: Final = (
    "is the clock of whoever signed it wrong, or this one? one entry dated ahead would stop the vault until then"
)


class LogWriter:
    """Writes one vault's log. Whoever calls it holds the vault alone (``Vault.writing``).

    ``policy`` and ``addresses`` are read each time that others are asked.
    """

    def __init__(
        self,
        log: FileLog,
        pins: Pins,
        *,
        machines: Machines | None,
        operator: OperatorKeys,
        outside: Outside,
        policy: Callable[[], Policy],
        addresses: Callable[[], Sequence[Address]],
    ) -> None:
        self._log = log
        self._pins = pins
        self._machines = machines
        self._operator = operator
        self._outside = outside
        self._policy = policy
        self._addresses = addresses
        self._has_looked_outside = False

    def append(self, entries: Sequence[bytes], state: State) -> list[int]:
        """Log entries under one checkpoint and apply them to ``state``; returns their indexes.

        After an error ``state`` must not be used any more.

        Raises:
            Refused: an entry would have no effect in State, or is dated ahead. Then nothing is logged.
        """
        for number, raw in enumerate(entries, 1):
            if self._is_ahead(raw):
                raise Refused(
                    f"log: entry {number} of {len(entries)} is dated ahead of this clock", code="log", hint=_AHEAD
                )
        self.look_outside(state)
        first = state.size
        for verdict in state.apply_all(entries):
            if isinstance(verdict, Invalid):
                raise Refused(f"log: an entry would have no effect ({verdict.rule}): {verdict.reason}", code="log")
        self._write(entries)
        self.gather_cosignatures(state)
        return list(range(first, first + len(entries)))

    def append_counting(self, entries: Sequence[bytes], state: State) -> list[Verdict]:
        """Log the entries that count, under one checkpoint; returns the verdict on each entry.

        After an error ``state`` must not be used any more.
        """
        if entries:
            self.look_outside(state)
        verdicts = [self._ahead(state) if self._is_ahead(entry) else state.offer(entry) for entry in entries]
        counting = [entry for entry, verdict in zip(entries, verdicts, strict=True) if isinstance(verdict, Valid)]
        if counting:
            self._write(counting)
            self.gather_cosignatures(state)
        return verdicts

    def begin(self, genesis: bytes) -> None:
        """Log the first entry, unless an earlier try did that was cut short afterwards."""
        if self._log.size() == 0:
            self._write([genesis])

    def _write(self, entries: Sequence[bytes]) -> None:
        log = self._log if self._machines is None else self._machines.sequencer
        log.append(entries, self._operator.signing(self._pins.origin))

    def entry_time(self, state: State) -> dt.datetime:
        """The time of the next entry: now, or the log's newest time if the clock is a little behind it.

        Raises ``Unavailable`` if it is far behind.
        """
        now = self._outside.clock().replace(microsecond=0)
        verify_clock(state, now)
        return max(now, state.newest)

    def entry(self, body: Body, key: SigningKey, state: State, *, time: dt.datetime | None = None) -> bytes:
        """A signed entry, dated ``entry_time`` if no time is given."""
        time = self.entry_time(state) if time is None else time
        return sign_note(format_entry(body, origin=self._pins.origin, time=time), key).raw

    def look_outside(self, state: State) -> None:
        """Ask others, once for each command, whether they know a longer log.

        Call it before anything is logged, destroyed or removed.

        Raises:
            Unavailable: somebody knows a longer log, or this clock is far ahead of the witnesses'.
        """
        if not self._has_looked_outside and state.size > 0:
            self._has_looked_outside = True
            self.is_confirmed_outside(state)

    def look_again(self) -> None:
        """Have others asked once more: a process that stays acts many times."""
        self._has_looked_outside = False

    def is_confirmed_outside(self, state: State) -> bool:
        """Whether others confirmed that this log is the longest; also True if there is nobody to ask.

        Raises as ``look_outside``.
        """
        return self.others().verify_newest(state)

    def gather_cosignatures(self, state: State) -> None:
        """Ask the roster's witnesses for cosignatures.

        Too few are not an error here: the entries are logged already, and custodians refuse until there are enough.
        """
        if state.roster.witnesses:
            for name, what in self.others().gather(state).items():
                self._outside.say(f"witness {name} did not cosign: {what}")

    def others(self) -> Others:
        """Whom the vault asks about its log, as policy and addresses name them now."""
        return Others(
            log=self._log,
            log_key=self._pins.log_key,
            policy=self._policy(),
            addresses=self._addresses(),
            outside=self._outside,
        )

    def _is_ahead(self, raw: bytes) -> bool:
        """Whether an entry is dated so far ahead that nothing could be logged after it until then."""
        return parse_entry(raw, "entry").time > self._outside.clock() + BACKDATING

    @staticmethod
    def _ahead(state: State) -> Invalid:
        return Invalid(index=state.size, rule="clock", reason="dated ahead of this vault's clock")
