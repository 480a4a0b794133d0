"""Whether enough witnesses cosigned a checkpoint (docs/formats/log.md). Pure."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from coffer_audit.errors import NotProven, verify_that
from coffer_audit.log.checkpoint import Checkpoint
from coffer_audit.notes import cosigned_times
from coffer_audit.validity.facts import BACK_DATING
from coffer_audit.validity.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """How many witnesses the roster in force names, how many of them cosigned, and how many must."""

    named: int
    cosigned: int
    needed: int


def count_witnesses(checkpoint: Checkpoint, state: State) -> Witnesses | None:
    """Count the witnesses whose cosignatures verify; `verify_quorum` decides whether they suffice."""
    roster = state.rosters[-1] if state.rosters else None
    if roster is None or not roster.witnesses:
        return None
    cosigned: set[str] = set()
    for witness in roster.witnesses:
        with suppress(NotProven):  # verify_quorum reports it as a violation
            cosigned |= cosigned_times(checkpoint.note, [witness], "checkpoint").keys()
    named = {witness.name for witness in roster.witnesses}
    return Witnesses(named=len(named), cosigned=len(cosigned), needed=roster.quorum)


def verify_quorum(checkpoint: Checkpoint, state: State) -> None:
    """Raise NotProven if fewer witnesses cosigned than the roster in force demands."""
    if state.rosters and state.rosters[-1].quorum:
        roster = state.rosters[-1]
        times = cosigned_times(checkpoint.note, roster.witnesses, "checkpoint")
        if len(times) < roster.quorum:
            raise NotProven(
                f"checkpoint: found {len(times)} of {len({key.name for key in roster.witnesses})} cosignatures, "
                f"expected {roster.quorum}",
                hint="the log may lack cosignatures since its witnesses were down; "
                "ask the operator to run: coffer witness gather",
            )
        oldest = sorted(times.values())[-roster.quorum]
        verify_that(
            state.newest.timestamp() - oldest <= BACK_DATING.total_seconds(),
            "checkpoint: found it cosigned over 15 minutes before its newest entry: a clock is wrong",
        )
