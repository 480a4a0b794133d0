"""The custodians to whose keys a segment is sealed, and the segment's line in the log. Pure.

Step 5 of ``docs/procedures/ingest.md``.
"""

import datetime as dt
from collections.abc import Mapping

from coffer.errors import Unavailable
from coffer.ledger.entries import SegmentId, SegmentLine
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.procedures.ingest.split import GroupKey
from coffer.segments.header import Header
from coffer.segments.seal import Holder

EpochKeys = Mapping[tuple[str, dt.date], bytes]
"""Public epoch keys by custodian and day."""


def living_epoch_keys(state: State) -> EpochKeys:
    """The epoch keys that were logged and not destroyed."""
    return {key: public for key, public in state.epoch_keys.items() if key not in state.destroyed}


def holders_for(key: GroupKey, roster: Roster, epoch_keys: EpochKeys) -> tuple[Holder, ...]:
    """Step 5: every custodian, with its epoch key of the day if it holds a clause of the lock.

    Raises:
        Unavailable: a key is missing, or was destroyed.
    """
    lock = roster.locks[key.rule]
    needed = [custodian for custodian in roster.custodians if lock.holders & custodian.bit]
    missing = [custodian.name for custodian in needed if (custodian.name, key.day) not in epoch_keys]
    if missing:
        raise Unavailable(
            f"epoch keys: {'custodian' if len(missing) == 1 else 'custodians'} {', '.join(missing)} {'has' if len(missing) == 1 else 'have'} "
            f"none for {key.day}",
            hint=f"one in this folder: coffer epoch VAULT --days {key.day} {key.day}; one on a machine of its own: coffer custodian epoch there, "
            "then coffer sync VAULT",
        )
    holders = [
        Holder(index=one.index, epoch_key=epoch_keys[one.name, key.day] if one in needed else None)
        for one in roster.custodians
    ]
    return tuple(holders)


def segment_line(header: Header, kind: str) -> SegmentLine:
    """The line by which the log names a segment."""
    core = header.core
    return SegmentLine(
        seg_id=SegmentId(core.seg_id),
        header_hash=header.hash,
        day=core.day,
        kind=kind,
        rule=core.rule,
        part=core.part,
        rows=header.rows,
        supersedes=None,
    )
