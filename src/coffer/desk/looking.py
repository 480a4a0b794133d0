"""One pass over a draft while it is reviewed: what is known, and what is said so far. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from coffer.authority.hold import Hold
from coffer.desk.draft import Draft
from coffer.desk.found import Code, Finding, Weight
from coffer.desk.orders import Came
from coffer.ledger.state import State


@dataclass(slots=True, kw_only=True, repr=False)
class Look:
    """A pass.

    ``holds``: those of the draft's case. ``now``: a whole second. ``findings``: grow as fields are looked at.
    """

    draft: Draft
    came: Came
    state: State
    now: dt.datetime
    holds: Sequence[Hold] = ()
    findings: list[Finding] = field(default_factory=list)

    def add(self, name: str, code: Code, weight: Weight = Weight.STOPS, **values: int | str) -> None:
        """Say something about a field."""
        self.findings.append(Finding(field=name, code=code, weight=weight, values=values))

    def days(self, name: str, code: Code, weight: Weight, days: Sequence[dt.date]) -> None:
        """Say something about days, if there are any."""
        if days:
            self.add(name, code, weight, count=len(days), first=str(days[0]), last=str(days[-1]))

    @property
    def is_stopped(self) -> bool:
        """Whether something that was found stops the draft."""
        return any(finding.weight is Weight.STOPS for finding in self.findings)
