"""Which codes an entry must show (docs/formats/entries.md, "Codes"; rules N1, C1 and F1). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coffer_audit.entries.codes import OF_CLOSE, OF_INTENT, OF_REFUSE, are_as_shown, is_outcome
from coffer_audit.validity.facts import demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coffer_audit.entries.parse import Act
    from coffer_audit.entries.roster import Roster

KEYS = {"intent": OF_INTENT, "close": OF_CLOSE, "refuse": OF_REFUSE}


def verify_codes(rosters: Sequence[Roster], body: Act, rule: str) -> None:
    """The codes are those that the roster in force shows; an outcome agrees with the numbers beside it.

    Who signed before another roster came may have shown those of the former.
    """
    levels = [are_as_shown(roster.statistics, KEYS[body.type], body.text) for roster in rosters]
    demand(levels[-1], rule, "codes: found others than the roster in force has shown", may_happen=any(levels))
    if body.type == "close":
        numbers = body.number["records"], body.number["unconfirmed-cells"]
        demand(is_outcome(body.text["outcome"], *numbers), rule, "outcome: found one that its records contradict")
