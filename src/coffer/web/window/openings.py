"""What was opened, refused, revoked, revealed, and who accused whom: from entries of the log alone.

Pure.

Nothing here names a person: the log does not know one before a reveal, and the lines of a reveal that do are left out.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from coffer.ledger.debts import DebtStatus
from coffer.ledger.entries import (
    NAME_DIGITS,
    Commitment,
    FaultEntry,
    RefuseEntry,
    RevealedLine,
    RevealEntry,
    RevokeEntry,
)
from coffer.ledger.facts import Opening
from coffer.ledger.holds import HoldStatus
from coffer.ledger.state import State
from coffer.web.window.reading import Known

NAMING: Final = frozenset({"person", "subject"})
"""Lines of an authorization that say whom it concerns. The window shows none, even where the log reveals them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """What the log shows of an authorization.

    Texts are as they were signed; empty where nothing was revealed.

    ``index``: of the newest entry that revealed something; None without one.
    """

    index: int | None = None
    authority: str = ""
    basis: str = ""
    purpose: str = ""
    kinds: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    max_records: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningLine:
    """One opening.

    ``seconds``: from the intent to the close; None while it is open. Indexes are those of the log.

    ``records``: opened, None while it is open. ``drawn``: asked for; None without a draw. ``answers``: how many
    custodians answered.
    """

    index: int
    time: dt.datetime
    requester: str
    authorization: str
    cells_at_most: int
    drawn: int | None
    draw_index: int | None
    close_index: int | None
    closed: dt.datetime | None
    seconds: int | None
    records: int | None
    answers: int
    unconfirmed: int
    is_revoked: bool
    revealed: Revealed

    @property
    def state(self) -> str:
        """``open`` (announced), ``drawn``, ``nothing`` (closed without an answer) or ``closed``."""
        if self.close_index is None:
            return "open" if self.drawn is None else "drawn"
        return "closed" if self.answers else "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyLine:
    """One opening under an emergency rule. ``status``: by the later of clock and log.

    ``ratified`` and ``disapproved``: by which custodians.
    """

    index: int
    time: dt.datetime
    requester: str
    status: DebtStatus
    ratified: tuple[str, ...]
    disapproved: tuple[str, ...]

    @property
    def is_red(self) -> bool:
        """Whether it was not ratified in time, or a custodian said no."""
        return self.status is DebtStatus.OVERDUE or bool(self.disapproved)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLine:
    """One hold: whom and what it is about, the log does not know.

    ``status``: by the later of clock and log. ``kept_by``: custodians that keep, or kept, for its last term.
    """

    index: int
    time: dt.datetime
    until: dt.datetime
    status: HoldStatus
    extensions: int
    kept_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalLine:
    """One refusal. ``reason``: one of ``REFUSE_REASONS``."""

    index: int
    time: dt.datetime
    custodian: str
    reason: str
    authorization: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationLine:
    """One revocation. ``by``: the custodians that signed it."""

    index: int
    time: dt.datetime
    by: tuple[str, ...]
    authorization: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultLine:
    """One accusation. ``intent``: of the opening that it is about; None if it is about a segment."""

    index: int
    time: dt.datetime
    accuser: str
    accused: str
    intent: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealLine:
    """One reveal. ``shown`` and ``hidden``: how many lines."""

    index: int
    time: dt.datetime
    authorization: str
    shown: int
    hidden: int
    revealed: Revealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """Everything about openings, the newest first.

    ``authorizations``: used ones; ``revealed``: of these, shown.
    """

    openings: tuple[OpeningLine, ...]
    emergencies: tuple[EmergencyLine, ...]
    holds: tuple[HoldLine, ...]
    refusals: tuple[RefusalLine, ...]
    revocations: tuple[RevocationLine, ...]
    faults: tuple[FaultLine, ...]
    reveals: tuple[RevealLine, ...]
    authorizations: int
    revealed: int

    @property
    def records(self) -> int:
        """Records opened in all."""
        return sum(opening.records or 0 for opening in self.openings)

    @property
    def holds_by_status(self) -> dict[HoldStatus, int]:
        """How many holds stand how; only what occurs, in the order of the words."""
        counts = Counter(hold.status for hold in self.holds)
        return {status: counts[status] for status in HoldStatus if counts[status]}

    @property
    def reasons(self) -> dict[str, int]:
        """Refusals by reason."""
        counts: dict[str, int] = {}
        for refusal in self.refusals:
            counts[refusal.reason] = counts.get(refusal.reason, 0) + 1
        return dict(sorted(counts.items()))


def openings(known: Known, now: dt.datetime) -> Openings:
    """What the log says of openings. ``now``: of this clock, for what is overdue."""
    state = known.state
    revealed = revealed_by_authorization(known)
    used = {opening.intent.authorization for opening in state.openings.values()}
    lines = [_opening(opening, known, revealed) for opening in state.openings.values()]
    refusals, revocations, faults, reveals = [], [], [], []
    for dated in known.dated:
        match dated.body:
            case RefuseEntry() as body:
                refusals.append(
                    RefusalLine(
                        index=dated.index,
                        time=dated.time,
                        custodian=body.custodian,
                        reason=body.reason,
                        authorization=name_of(body.authorization),
                    )
                )
            case RevokeEntry() as body:
                by = known.revokers[dated.index]
                name = name_of(body.authorization)
                revocations.append(RevocationLine(index=dated.index, time=dated.time, by=by, authorization=name))
            case FaultEntry() as body:
                intent = body.object if isinstance(body.object, int) else None
                faults.append(
                    FaultLine(
                        index=dated.index, time=dated.time, accuser=body.accuser, accused=body.accused, intent=intent
                    )
                )
            case RevealEntry() as body:
                shown = sum(line.line is not None for line in body.lines)
                reveals.append(
                    RevealLine(
                        index=dated.index,
                        time=dated.time,
                        authorization=name_of(body.authorization),
                        shown=shown,
                        hidden=len(body.lines) - shown,
                        revealed=_revealed({line.index: line for line in body.lines}, dated.index),
                    )
                )
            case _:
                pass
    return Openings(
        openings=tuple(reversed(lines)),
        emergencies=_emergencies(state, max(now, state.newest)),
        holds=_holds(state, max(now, state.newest)),
        refusals=tuple(reversed(refusals)),
        revocations=tuple(reversed(revocations)),
        faults=tuple(reversed(faults)),
        reveals=tuple(reversed(reveals)),
        authorizations=len(used),
        revealed=len(used & revealed.keys()),
    )


def _emergencies(state: State, now: dt.datetime) -> tuple[EmergencyLine, ...]:
    return tuple(
        EmergencyLine(
            index=debt.index,
            time=debt.time,
            requester=debt.requester,
            status=debt.status(now),
            ratified=debt.ratified,
            disapproved=state.disapproved_by(debt),
        )
        for debt in reversed(state.debts.values())
    )


def _holds(state: State, now: dt.datetime) -> tuple[HoldLine, ...]:
    return tuple(
        HoldLine(
            index=hold.index,
            time=hold.time,
            until=hold.until(state.rosters[hold.entry.roster]),
            status=state.hold_status(hold, now),
            extensions=len(hold.terms) - 1,
            kept_by=hold.terms[-1].holders,
        )
        for hold in reversed(state.holds.values())
    )


def name_of(authorization: Commitment) -> str:
    """By which an authorization is called: the beginning of its commitment, which tells nothing about it."""
    return authorization.hex()[:NAME_DIGITS]


def revealed_by_authorization(known: Known) -> dict[Commitment, Revealed]:
    """What the log shows of each authorization, from all of its reveals together."""
    lines: dict[Commitment, dict[int, RevealedLine]] = {}
    newest: dict[Commitment, int] = {}
    for index, body in known.state.reveals:
        shown = lines.setdefault(body.authorization, {})
        shown.update({line.index: line for line in body.lines if line.line is not None})
        newest[body.authorization] = index
    return {name: _revealed(shown, newest[name]) for name, shown in lines.items()}


def _revealed(lines: Mapping[int, RevealedLine], index: int) -> Revealed:
    texts = [line.line for line in lines.values() if line.line is not None]
    values = dict(text.split(": ", 1) for text in texts if ": " in text and text.split(": ", 1)[0] not in NAMING)
    return Revealed(
        index=index,
        authority=values.get("authority", ""),
        basis=values.get("basis", ""),
        purpose=values.get("purpose", ""),
        kinds=_listed(values.get("kinds", "")),
        rules=_listed(values.get("rules", "")),
        max_records=values.get("max-records", ""),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _opening(opening: Opening, known: Known, revealed: Mapping[Commitment, Revealed]) -> OpeningLine:
    close, draw = opening.close, opening.draw
    closed = None if opening.close_index is None else known.times[opening.close_index]
    return OpeningLine(
        index=opening.index,
        time=opening.time,
        requester=opening.intent.requester,
        authorization=name_of(opening.intent.authorization),
        cells_at_most=opening.intent.cells_at_most,
        drawn=None if draw is None else draw.records,
        draw_index=opening.draw_index,
        close_index=opening.close_index,
        closed=closed,
        seconds=None if closed is None else max(0, int((closed - opening.time).total_seconds())),
        records=None if close is None else close.records,
        answers=0 if close is None else close.answers,
        unconfirmed=0 if close is None else close.unconfirmed_cells,
        is_revoked=opening.intent.authorization in known.state.revoked,
        revealed=revealed.get(opening.intent.authorization, Revealed()),
    )
