"""Retirement, the shell: destroys due keys, logs that, changes wrapping keys, removes dead files.

The steps are numbered in ``docs/procedures/retention.md``; what is due is decided in ``coffer.ledger.retention``.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from coffer.custodian.service import CustodianService
from coffer.ledger.state import State
from coffer.notes.keys import Secret
from coffer.vault.folder import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """What a retirement did.

    ``days``: the days whose keys were destroyed, by custodian. ``entries``: indexes in the log. ``segments``: how many
    segments are dead since. ``files``: how many files were removed.
    """

    days: dict[str, tuple[dt.date, ...]]
    entries: tuple[int, ...]
    segments: int
    files: int


def run_retirement(
    vault: Vault,
    services: Sequence[CustodianService],
    *,
    passphrase: Callable[[str], Secret],
    may_catch_up: bool = False,
) -> Retired:
    """Destroy the keys that are due at these custodians.

    After any failure, another run completes what was left undone.

    Raises:
        Refused: more days are due than after a daily run, or a passphrase is wrong.
        Unavailable: the disk fails, or another command is writing.
    """
    with vault.writing() as state:
        vault.writer.look_outside(state)  # if others know a longer log, nothing is destroyed or removed
        before = _dead(state)
        destroyed: dict[str, tuple[dt.date, ...]] = {}
        indexes: list[int] = []
        now = vault.outside.clock()
        for service in services:
            # A destroy entry is logged only after steps 1 to 3, so that the next run completes one that was cut short.
            known = set(state.destroyed)
            service.destroy_due(
                now, partial(passphrase, service.name), vault.outside.entropy, may_catch_up=may_catch_up
            )
            entries = service.destroy_entries(now)
            if entries:
                indexes += vault.append(entries, state)  # step 4
            service.forget_ended(now)
            destroyed[service.name] = tuple(sorted(day for _, day in state.destroyed - known))
        evident = min((service.evident_time(now) for service in services), default=None)
        vault.desk.remove_ended_seal_keys(state, vault.shown(state, evident))  # the log may have been still for long
        files = vault.remove_dead_segments(state, evident=evident)  # step 5
        return Retired(days=destroyed, entries=tuple(indexes), segments=len(_dead(state) - before), files=files)


def _dead(state: State) -> set[bytes]:
    return {seg_id for seg_id, segment in state.segments.items() if state.is_dead(segment)}
