"""Retirement, the shell: due keys are destroyed, logged, dead files removed, wrapping keys changed.

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

    ``days``: destroyed days by custodian. ``entries``: indexes in the log. ``segments``: how many died of it. ``files``:
    how many files were removed.
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
    """Destroy what is due at these custodians. Run again after any failure, it does what was left undone.

    Raises:
        Refused: more days are due at once than a daily run leaves, or a passphrase is wrong.
        Unavailable: the disk fails, or another command is writing.
    """
    with vault.writing() as state:
        vault.look_outside(state)  # nothing is destroyed or removed under a log of which others know more
        before = _dead(state)
        destroyed: dict[str, tuple[dt.date, ...]] = {}
        indexes: list[int] = []
        now = vault.outside.clock()
        for service in services:
            # A destroy entry says that steps 1 to 3 are done, so that a run cut short anywhere is taken up by the next.
            known = set(state.destroyed)
            service.destroy_due(
                now, partial(passphrase, service.name), vault.outside.entropy, may_catch_up=may_catch_up
            )
            entries = service.destroy_entries(now)
            if entries:
                indexes += vault.append(entries, state)  # step 4
            destroyed[service.name] = tuple(sorted(day for _, day in state.destroyed - known))
        files = vault.remove_dead_segments(state)  # step 5
        return Retired(days=destroyed, entries=tuple(indexes), segments=len(_dead(state) - before), files=files)


def _dead(state: State) -> set[bytes]:
    return {seg_id for seg_id, segment in state.segments.items() if state.is_dead(segment)}
