"""Having the newest checkpoint cosigned by the roster's witnesses, at the addresses that the vault's policy gives."""

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.state import BACKDATING, State
from coffer.notes.cosign import verified_time
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.witness import LONGER, Gather, Gathered
from coffer.vault.folder import Vault

_OLD_COPY: Final = "was it restored from a backup? nothing was logged: fetch the longest log (coffer-audit fetch) and put it in place of the folder log"


def ask_witnesses(vault: Vault, state: State, gather: Gather) -> Mapping[str, str]:
    """What went wrong, by witness in force; the cosignatures of the others are stored with the checkpoint."""
    found = _gather(vault, state, gather)
    names = {key.name for key in state.roster.witnesses}
    return {name: what for name, what in found.failed.items() if name in names}


def verify_newest(
    vault: Vault, state: State, *, gather: Gather, elsewhere: Callable[[], Mapping[str, bytes]], now: dt.datetime
) -> bool:
    """Prove, as far as others answer, that nobody knows a longer log than this vault, and that this clock is not far ahead of the witnesses'.

    False where nobody answered.

    An entry logged on an old copy of the log makes a second history, which freezes custodians and witnesses for good; one that is dated ahead
    stops the vault until then. ``elsewhere``: the newest checkpoints that custodians on other machines hold, by name; asked where no quorum of
    witnesses answers.

    Raises:
        Unavailable: it is an old copy, or this clock is wrong. Nothing was logged.
    """
    found = _gather(vault, state, gather) if state.roster.witnesses else Gathered(lines=(), failed={})
    cosigned = {line.name for line in found.lines} & {key.name for key in state.roster.witnesses}
    has_quorum = 0 < state.roster.quorum <= len(cosigned)
    for name, what in found.failed.items():
        if what == LONGER and not has_quorum:  # what one alone says, a quorum outweighs
            raise Unavailable(f"log: witness {name} has seen a longer one than this vault has", hint=_OLD_COPY)
    checkpoint = verify_checkpoint(vault.log.checkpoint(), vault.pins.log_key, "checkpoint")
    times = [time for key in state.roster.witnesses if (time := verified_time(key, checkpoint.note)) is not None]
    newest = dt.datetime.fromtimestamp(max(times, default=0), dt.UTC)
    if found.lines and now > newest + BACKDATING:
        raise Unavailable(
            f"clock: the witnesses say {wire.format_time(newest)}, this clock says {wire.format_time(now)}",
            hint="set this machine's clock: an entry dated ahead would stop the vault until then; nothing was logged",
        )
    if has_quorum:
        return True
    is_heard = bool(found.lines)
    for name, raw in elsewhere().items():
        with suppress(MalformedInput, NotProven):  # not this log's: it says nothing
            size = verify_checkpoint(raw, vault.pins.log_key, name).head.size
            is_heard = True
            if size > checkpoint.head.size:
                raise Unavailable(f"log: custodian {name} holds a longer one than this vault has", hint=_OLD_COPY)
    return is_heard


def _gather(vault: Vault, state: State, gather: Gather) -> Gathered:
    """The witnesses of the roster before are asked too: custodians that missed the change want their cosignatures."""
    checkpoint = verify_checkpoint(vault.log.checkpoint(), vault.pins.log_key, "checkpoint")
    size = checkpoint.head.size
    found = gather(
        checkpoint.note,
        size,
        lambda old: vault.log.consistency_proof(old, size),
        list({key.name: key for roster in list(state.rosters.values())[-2:] for key in roster.witnesses}.values()),
        vault.policy().witnesses,
    )
    if found.lines:
        vault.log.cosign(found.lines)
    return found
