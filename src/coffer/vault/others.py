"""Others who see a vault's log: who cosigns its newest checkpoint, and who knows a longer one."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.custody.addresses import Address
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.state import BACKDATING, State
from coffer.notes.cosign import verified_time
from coffer.notes.keys import VerifyKey
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.store.files import FileLog
from coffer.translog.witness import LONGER, Gathered
from coffer.vault.outside import Outside
from coffer.vault.policy import Policy

_OLD_COPY: Final = "was it restored from a backup? nothing was logged: fetch the longest log (coffer-audit fetch) and put it in place of the folder log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """Whom a vault asks about its log, and through which port.

    ``addresses``: of custodians on machines of their own.
    """

    log: FileLog
    log_key: VerifyKey
    policy: Policy
    addresses: Sequence[Address]
    outside: Outside

    def gather(self, state: State) -> Mapping[str, str]:
        """Store the witnesses' cosignatures with the checkpoint.

        Returns what went wrong, by witness of the roster in force.
        """
        names = {key.name for key in state.roster.witnesses}
        return {name: what for name, what in self._gather(state).failed.items() if name in names}

    def verify_newest(self, state: State) -> bool:
        """Prove, as far as others answer, that this log is the longest and this clock is right.

        False if there is somebody to ask and nobody answered. An entry that is logged on an old copy of the log makes a
        second history, which freezes custodians and witnesses for good. An entry that is dated ahead stops the vault
        until that time. Custodians on other machines are asked if no quorum of witnesses answers.

        Raises:
            Unavailable: the log is an old copy, or this clock is far ahead of the witnesses'. Nothing was logged.
        """
        if not state.roster.witnesses and not self.addresses:
            return True
        gathered = self._gather(state) if state.roster.witnesses else Gathered(lines=(), failed={})
        in_force = {(key.name, key.key_id) for key in state.roster.witnesses}
        cosigned = {line.name for line in gathered.lines if (line.name, line.key_id) in in_force}
        has_quorum = 0 < state.roster.quorum <= len(cosigned)
        for name, what in gathered.failed.items():
            if what == LONGER and not has_quorum:  # a quorum outweighs a single witness
                raise Unavailable(f"log: witness {name} has seen a longer one than this vault has", hint=_OLD_COPY)
        checkpoint = verify_checkpoint(self.log.checkpoint(), self.log_key, "checkpoint")
        times = [time for key in state.roster.witnesses if (time := verified_time(key, checkpoint.note)) is not None]
        newest, now = dt.datetime.fromtimestamp(max(times, default=0), dt.UTC), self.outside.clock()
        if cosigned and now > newest + BACKDATING:
            raise Unavailable(
                f"clock: the witnesses say {wire.format_time(newest)}, this clock says {wire.format_time(now)}",
                hint="set this machine's clock: an entry dated ahead would stop the vault until then; nothing was logged",
            )
        if has_quorum:
            return True
        heard = [self._verify_no_longer(name, raw, checkpoint.head.size) for name, raw in self._elsewhere().items()]
        return bool(gathered.lines) or any(heard)

    def _elsewhere(self) -> Mapping[str, bytes]:
        return self.outside.checkpoints(self.addresses) if self.addresses else {}

    def _verify_no_longer(self, name: str, raw: bytes, size: int) -> bool:
        """Whether a custodian holds this log. Raises ``Unavailable`` if it holds more of it."""
        try:
            held = verify_checkpoint(raw, self.log_key, name).head.size
        except (MalformedInput, NotProven):
            return False  # a checkpoint of another log says nothing about this one
        if held > size:
            raise Unavailable(f"log: custodian {name} holds a longer one than this vault has", hint=_OLD_COPY)
        return True

    def _gather(self, state: State) -> Gathered:
        """Ask the witnesses of the roster in force and of the one before.

        Custodians that missed the change of roster want cosignatures of the older witnesses.
        """
        checkpoint = verify_checkpoint(self.log.checkpoint(), self.log_key, "checkpoint")
        size = checkpoint.head.size
        rosters = list(state.rosters.values())[-2:]
        witnesses = {(key.name, key.key_id): key for roster in rosters for key in roster.witnesses}
        gathered = self.outside.gather(
            checkpoint.note,
            size,
            lambda old: self.log.consistency_proof(old, size),
            list(witnesses.values()),
            self.policy.witnesses,
        )
        if gathered.lines:
            self.log.cosign(gathered.lines)
        return gathered
