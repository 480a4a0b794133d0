"""What a case's emergencies still owe: until when, and whom each waits for. Pure."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from coffer.ledger.debts import Debt, DebtStatus
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State
from coffer.web.ground.asked import records_counted
from coffer.web.ground.signers import Member, Part, rule_parts
from coffer.web.ground.wording import N_, Wording

_TITLES: Final = {
    DebtStatus.OWED: (N_("Opened in an emergency: to be agreed to until %(time)s"), "wait"),
    DebtStatus.OVERDUE: (N_("Overdue: opened in an emergency, and not agreed to until %(time)s"), "bad"),
    DebtStatus.RATIFIED: (N_("Opened in an emergency, and agreed to in time"), "ok"),
    DebtStatus.RATIFIED_LATE: (N_("Opened in an emergency, and agreed to too late"), "ok"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtShown:
    """One emergency.

    ``kind``: as of ``notice`` in the macros. ``parts``: who must agree; empty once enough did.
    """

    title: str
    kind: str
    lines: tuple[str, ...]
    parts: tuple[Part, ...]


def debts_shown(state: State, own: Collection[Commitment], now: dt.datetime, words: Wording) -> list[DebtShown]:
    """The emergencies of a case's requests (``own``), in the log's order."""
    return [_shown(debt, state, now, words) for debt in state.debts.values() if debt.authorization in own]


def _shown(debt: Debt, state: State, now: dt.datetime, words: Wording) -> DebtShown:
    _ = words.gettext
    status = debt.status(max(now, state.newest))
    title, kind = _TITLES[status]
    lines = [_opened(debt, state, words)]
    if debt.paid is not None:
        said = _("%(names)s agreed to it, the last on %(time)s.")
        lines.append(said % {"names": words.names(debt.ratified), "time": words.time(debt.paid)})
    elif status is DebtStatus.OVERDUE:
        lines.append(_("Until they do, no further emergency is opened."))
    else:
        lines.append(_("The custodians of the ordinary rule must agree to it afterwards."))
    return DebtShown(
        title=_(title) % {"time": _deadline(debt, words)},
        kind=kind,
        lines=tuple(lines),
        parts=() if debt.paid is not None else _lacking(debt, state, words),
    )


def _opened(debt: Debt, state: State, words: Wording) -> str:
    opening = state.openings[debt.index]
    records = opening.draw.records if opening.draw is not None else 0
    said = words.gettext("Entry %(index)s of the log: %(records)s opened.")
    return said % {"index": words.number(debt.index), "records": records_counted(records, words)}


def _deadline(debt: Debt, words: Wording) -> str:
    try:
        return words.time(debt.time + dt.timedelta(hours=debt.hours))
    except OverflowError:  # an entry may be dated at the end of the calendar
        return words.gettext("the end of the calendar")


def _lacking(debt: Debt, state: State, words: Wording) -> tuple[Part, ...]:
    """The parts of each rule that lacks somebody, with who agreed, who disagrees, who is waited for."""
    roster = state.rosters[debt.roster]
    lacking = debt.lacking(roster)
    members = _members(debt, state, words)
    return tuple(
        part
        for name in lacking
        for part in rule_parts(
            roster.rule_for_country(name),
            set(debt.ratified),
            members,
            words,
            label=name if len(lacking) > 1 else "",
            is_hub=False,
            at_once=False,
        )
    )


def _members(debt: Debt, state: State, words: Wording) -> dict[str, Member]:
    _, no = words.gettext, state.disapproved_by(debt)
    members = {}
    for name in state.rosters[debt.roster].names:
        if name in debt.ratified:
            members[name] = Member(name=name, text=_("agreed"), kind="ok")
        elif name in no:
            members[name] = Member(name=name, text=_("disagrees"), kind="bad", note=_("It stands in the log."))
        else:
            members[name] = Member(name=name, text=_("has not agreed yet"), kind="wait")
    return members
