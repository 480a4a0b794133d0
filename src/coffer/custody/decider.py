"""What a custodian knows when it decides, and how a check of its decision fails. Pure."""

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from coffer.authority.known import Authorities
from coffer.custody.exchange import Code
from coffer.custody.holding import Held
from coffer.ledger.entries import Commitment
from coffer.ledger.facts import Segment
from coffer.ledger.state import State
from coffer.notes.keys import SealKey
from coffer.segments.bundle import OpenBundle, open_effective


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """What a custodian knows beside the log and the request.

    ``approvals``: commitments in its own approvals file. ``epoch_key``: gives its private key of a day, None if that was destroyed or never made.
    ``is_protected``: whether a sid is on its own protected list. ``authorities``: those that its people know, None without
    a list. ``open_bundle``: opens its bundle of a segment, or takes the keys that it kept of the same opening; it is asked
    only when every other check has passed. ``held``: what it keeps of a segment for holds (``docs/formats/hold.md``).
    """

    name: str
    approvals: Collection[Commitment]
    epoch_key: Callable[[dt.date], SealKey | None]
    is_protected: Callable[[bytes], bool]
    authorities: Authorities | None
    now: dt.datetime
    open_bundle: OpenBundle = open_effective
    held: Callable[[Segment, State], Sequence[Held]] = lambda _segment, _state: ()


class Stop(Exception):  # noqa: N818 - never leaves ``decide``
    """A check failed. ``decide`` knows at which step. Up to step 7 nobody is told the code."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code
