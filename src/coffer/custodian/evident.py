"""How late it evidently is, which bounds the days whose keys a clock may destroy. Pure.

Source: ``docs/procedures/retention.md``, step 1.

A clock alone proves nothing: if it is set ahead again and again, it would destroy every key. So an instant has evidently come only if this machine ran
long enough since an instant that had come before, or if the log or a witness shows that time too. An attacker who hides the log delays destruction by the
time that the machine was off, and the machine makes up for it at twice the pace. An attacker who dates entries needs the clock as well, and then a budget
of a month ends it.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final, Self

from coffer import wire
from coffer.errors import MalformedInput

FORMAT: Final = "coffer.evident/v1"
BUDGET: Final = dt.timedelta(days=31)
"""Time that log or witnesses may confirm beyond the time that this machine ran: enough for a month off. It grows by a day each day the machine runs."""
QUIET: Final = dt.timedelta(days=1)
"""If the log shows nothing newer for so long while this machine runs, nobody tells the time. Then this machine catches up by two days a day."""
KEPT_EVERY: Final = dt.timedelta(hours=1)
"""How often the memory of the time is written down. A crash loses so much of it at most."""
UNKNOWN: Final = "-"
_MAX_SECONDS: Final = 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptime:
    """How long a machine has been running, sleep included.

    ``boot`` names its last start; it is empty where the start cannot be known.
    """

    boot: str = ""
    seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evident:
    """What is known of the time.

    ``reached``: the latest instant that has evidently come. ``outside``: the newest time of the log or a witness.

    ``quiet_s``: seconds of running since ``outside`` moved. ``budget_s``: seconds that outside time may still confirm.
    """

    reached: dt.datetime
    uptime: Uptime
    outside: dt.datetime
    quiet_s: int
    budget_s: int

    def format(self) -> bytes:
        """Its text, without the MAC."""
        lines = (
            FORMAT,
            f"reached: {wire.format_time(self.reached)}",
            f"boot: {self.uptime.boot or UNKNOWN}",
            f"uptime: {self.uptime.seconds}",
            f"outside: {wire.format_time(self.outside)}",
            f"quiet: {self.quiet_s}",
            f"budget: {self.budget_s}",
        )
        return ("\n".join(lines) + "\n").encode("ascii")

    @classmethod
    def parse(cls, raw: bytes, place: str) -> Self:
        """The strict inverse; raises ``MalformedInput``."""
        fields = wire.Fields(wire.parse_lines(raw, place), place)
        fields.literal(FORMAT)
        reached = wire.parse_time(fields.one("reached"), place)
        boot = fields.one("boot")
        uptime = Uptime(boot="" if boot == UNKNOWN else boot, seconds=_number(fields.one("uptime"), place))
        outside = wire.parse_time(fields.one("outside"), place)
        quiet, budget = _number(fields.one("quiet"), place), _number(fields.one("budget"), place)
        evident = cls(reached=reached, uptime=uptime, outside=outside, quiet_s=quiet, budget_s=budget)
        if evident.format() != raw:
            raise MalformedInput(f"{place}: not in canonical form")
        return evident


def _number(text: str, place: str) -> int:
    return wire.parse_decimal(text, place, low=0, high=_MAX_SECONDS)


def advance(before: Evident | None, *, now: dt.datetime, uptime: Uptime, outside: dt.datetime) -> Evident:
    """What is known now. ``now``: this machine's clock.

    ``outside``: the newest time that the log or a witness shows.

    Without a memory, only the time on which clock and log agree has come.
    """
    full, now = int(BUDGET.total_seconds()), now.replace(microsecond=0)
    if before is None:
        return Evident(reached=min(now, outside), uptime=uptime, outside=outside, quiet_s=0, budget_s=full)
    ran = _ran_s(before.uptime, uptime)
    reached, budget = before.reached + dt.timedelta(seconds=ran), min(full, before.budget_s + ran)
    newest = max(outside, before.outside)
    quiet = 0 if outside > before.outside else min(_MAX_SECONDS, before.quiet_s + ran)
    gained = min(budget, int((min(now, newest) - reached).total_seconds()))
    if gained > 0:
        reached, budget = reached + dt.timedelta(seconds=gained), budget - gained
    if quiet >= QUIET.total_seconds() and reached < now:
        reached = min(now, reached + dt.timedelta(seconds=ran))
    return Evident(reached=reached, uptime=uptime, outside=newest, quiet_s=quiet, budget_s=budget)


def _ran_s(before: Uptime, now: Uptime) -> int:
    """The seconds that have passed at least. After another start: those since that start."""
    if now.boot and now.boot == before.boot:
        return max(0, now.seconds - before.seconds)
    return now.seconds if now.boot else 0


def confirmed(evident: Evident, now: dt.datetime) -> Evident:
    """A person said that the clock is right."""
    return replace(evident, reached=max(evident.reached, now.replace(microsecond=0)))


def is_worth_keeping(before: Evident | None, after: Evident) -> bool:
    """Whether to write it down. Not every look is worth it, because there is one every minute."""
    if before is None or before.uptime.boot != after.uptime.boot:
        return True
    return after.reached - before.reached >= KEPT_EVERY or after.budget_s < before.budget_s
