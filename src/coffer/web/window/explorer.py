"""The log, entry by entry: a page of the list, and one entry with what belongs to it. Pure."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput
from coffer.ledger.entries import (
    AbsenceEntry,
    Body,
    CloseEntry,
    Commitment,
    DrawEntry,
    ExtendEntry,
    FaultEntry,
    HeldEntry,
    HoldEntry,
    IngestEntry,
    IntentEntry,
    ObjectionEntry,
    RatifyEntry,
    RefuseEntry,
    ReleaseEntry,
    RevealEntry,
    RevokeEntry,
    WithdrawEntry,
)
from coffer.ledger.roster import Roster
from coffer.web.window.openings import NAMING, name_of
from coffer.web.window.reading import Known, ProvenEntry

PER_PAGE: Final = 50
TYPES: Final = (
    "roster", "epoch-key", "ingest", "withdraw", "receipt", "intent", "ratify", "draw", "close", "refuse", "revoke", "destroy",
    "fault", "absence", "objection", "hold", "held", "extend", "release", "reveal",
)  # fmt: skip
"""In the order of ``docs/formats/entries.md``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the list.

    ``time`` is None for an entry that has no effect. ``type``: as in ``TYPES``, or no-effect. ``body``: what it says;
    None for a roster and without effect. ``roster``: of a roster entry. ``by``: who signed a revocation. ``rule`` and
    ``reason``: why it has no effect; empty if it has one.
    """

    index: int
    time: dt.datetime | None
    type: str
    body: Body | None
    roster: Roster | None
    by: tuple[str, ...]
    rule: str
    reason: str


def log_line(known: Known, index: int) -> LogLine:
    """An entry as the list shows it."""
    rule, reason = known.broken.get(index, ("", ""))
    rosters = known.state.roster_indexes.items() if known.types[index] == "roster" else ()
    return LogLine(
        index=index,
        time=known.times[index],
        type=known.types[index],
        body=known.bodies[index],
        roster=next((known.state.rosters[name] for name, at in rosters if at == index), None),
        by=known.revokers.get(index, ()),
        rule=rule,
        reason=reason,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """One page of the list, the newest entry first.

    ``page`` counts from 1. ``type``: the only one shown; empty for all.

    ``counts``: how many entries of each type the log has, for those that it has.
    """

    size: int
    type: str
    page: int
    pages: int
    lines: tuple[LogLine, ...]
    counts: tuple[tuple[str, int], ...]


def log_page(known: Known, query: Mapping[str, str]) -> LogPage:
    """The page that a query asks for: ``page``, and ``type`` for entries of one type alone.

    Raises:
        MalformedInput: there is no such page or type.
    """
    wanted, text = query.get("type", ""), query.get("page", "1")
    counts: dict[str, int] = {}
    for name in known.types:
        counts[name] = counts.get(name, 0) + 1
    if wanted and wanted not in counts:
        raise MalformedInput("type: the log has no entry of this type")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise MalformedInput("page: expected a number")
    page, total = int(text), counts[wanted] if wanted else len(known.types)
    pages = max(1, -(-total // PER_PAGE))
    if not 1 <= page <= pages:
        raise MalformedInput(f"page: expected 1 to {pages}")
    if wanted:
        places = [i for i in range(len(known.types) - 1, -1, -1) if known.types[i] == wanted]
        places = places[(page - 1) * PER_PAGE : page * PER_PAGE]
    else:
        newest = total - 1 - (page - 1) * PER_PAGE
        places = list(range(newest, max(-1, newest - PER_PAGE), -1))
    order = {name: place for place, name in enumerate(TYPES)}
    return LogPage(
        size=len(known.types),
        type=wanted,
        page=page,
        pages=pages,
        lines=tuple(log_line(known, i) for i in places),
        counts=tuple(sorted(counts.items(), key=lambda item: order.get(item[0], len(order)))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another entry that belongs to this one."""

    index: int
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLine:
    """One line of an entry's text.

    ``is_hidden``: it names somebody, and the page shows only its beginning.
    """

    text: str
    is_hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One entry with its proof.

    ``related``: the entries of the same opening, authorization, batch or absence, ascending. ``hidden``: how many lines
    of its text name somebody.
    """

    line: LogLine
    proven: ProvenEntry
    related: tuple[Related, ...]
    text: tuple[TextLine, ...]

    @property
    def hidden(self) -> int:
        """Lines that name somebody."""
        return sum(line.is_hidden for line in self.text)

    @property
    def authorization(self) -> str:
        """By which the authorization of this entry is called; empty if it has none."""
        commitment = authorization_of(self.proven)
        return "" if commitment is None else name_of(commitment)


def authorization_of(proven: ProvenEntry) -> Commitment | None:
    """The authorization that an entry is about, where its own text says so."""
    match proven.body:
        case IntentEntry(authorization=name) | RefuseEntry(authorization=name):
            return name
        case RevokeEntry(authorization=name) | RevealEntry(authorization=name):
            return name
        case _:
            return None


def entry_view(known: Known, proven: ProvenEntry) -> EntryView:
    """What the page of one entry shows."""
    index = proven.index
    return EntryView(
        line=log_line(known, index),
        proven=proven,
        related=tuple(
            Related(index=other, type=known.types[other]) for other in sorted(_related(known, proven) - {index})
        ),
        text=tuple(_shown(line, known.types[index]) for line in proven.text.removesuffix("\n").split("\n")),
    )


def _related(known: Known, proven: ProvenEntry) -> set[int]:
    match proven.body:
        case IntentEntry(authorization=name) | RefuseEntry(authorization=name):
            return _of_authorization(known, name)
        case RevokeEntry(authorization=name) | RevealEntry(authorization=name):
            return _of_authorization(known, name)
        case DrawEntry(intent=intent) | CloseEntry(intent=intent) | RatifyEntry(intent=intent):
            return _of_opening(known, intent)
        case FaultEntry(object=int() as intent):
            return _of_opening(known, intent)
        case FaultEntry(object=segment) if segment in known.state.segments and isinstance(segment, bytes):
            return {known.state.segments[segment].entry_index}
        case IngestEntry(batch=batch) | WithdrawEntry(batch=batch):
            parts = known.state.batches.get(batch)
            withdrawn = {known.state.withdrawn[batch]} if batch in known.state.withdrawn else set()
            return withdrawn | set(parts.entry_indexes if parts else ())
        case AbsenceEntry() | ObjectionEntry():
            return set(known.state.absence_indexes)
        case HoldEntry():
            return _of_hold(known, proven.index)
        case HeldEntry(hold=hold) | ExtendEntry(hold=hold) | ReleaseEntry(hold=hold):
            return _of_hold(known, hold)
        case _:
            return set()


def _of_hold(known: Known, index: int) -> set[int]:
    hold = known.state.holds.get(index)
    if hold is None:
        return set()
    indexes = {term.index for term in hold.terms} | ({hold.released} if hold.released is not None else set())
    return indexes | {
        dated.index for dated in known.dated if isinstance(dated.body, HeldEntry) and dated.body.hold == index
    }


def _of_opening(known: Known, intent: int) -> set[int]:
    opening = known.state.openings.get(intent)
    if opening is None:
        return set()
    return _of_authorization(known, opening.intent.authorization)


def _of_authorization(known: Known, name: Commitment) -> set[int]:
    indexes: set[int] = set()
    for opening in known.state.openings.values():
        if opening.intent.authorization == name:
            indexes |= {i for i in (opening.index, opening.draw_index, opening.close_index) if i is not None}
    for dated in known.dated:
        body = dated.body
        if isinstance(body, RefuseEntry | RevokeEntry | RevealEntry) and body.authorization == name:
            indexes.add(dated.index)
        if isinstance(body, FaultEntry) and body.object in indexes:
            indexes.add(dated.index)
        if isinstance(body, RatifyEntry) and body.intent in indexes:
            indexes.add(dated.index)
    return indexes


def _shown(line: str, entry_type: str) -> TextLine:
    """A line of the text.

    A line of a reveal that names somebody is cut after its key: the log itself holds it.
    """
    if entry_type == "reveal" and line.startswith("line: "):
        before, key, _ = line.partition(line.split(" ", 3)[3]) if line.count(" ") >= 3 else (line, "", "")
        name = key.partition(":")[0]
        if name in NAMING:
            return TextLine(text=f"{before}{name}:", is_hidden=True)
    return TextLine(text=line, is_hidden=False)
