"""How the holds of a case stand, in words. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coffer.authority.hold import Hold
from coffer.custody.holding import Coverage
from coffer.desk.case import Document
from coffer.ledger.holds import MOST_LIFE, HoldStatus, LoggedHold, Term
from coffer.ledger.retention import is_segment_past
from coffer.ledger.state import State
from coffer.web.desk.saying import time_to_keep
from coffer.web.ground.asked import Asked
from coffer.web.ground.preserved import read_hold
from coffer.web.ground.signers import Member, Part, read_rule
from coffer.web.ground.wording import N_, Wording

_STATES: Final = {
    HoldStatus.BEGUN: (N_("begun"), "wait"),
    HoldStatus.IN_FORCE: (N_("in force"), "ok"),
    HoldStatus.LAPSED: (N_("lapsed"), "bad"),
    HoldStatus.RELEASED: (N_("released"), ""),
    HoldStatus.OVER: (N_("over"), ""),
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HoldShown:
    """One hold of a case with what extends it.

    ``document``: its first note. ``lines``: how it stands, a sentence each. ``newest``: the document that is sent, of
    the last note. ``may_extend``, ``may_send``, ``may_release``, ``may_open``: by the log alone. ``until_typed``: the
    end that the form of an extension proposes, a day. ``most``: the last day that it may name.
    """

    document: str
    newest: str
    asked: Asked
    exact: str
    state: str
    kind: str
    lines: tuple[str, ...]
    parts: tuple[Part, ...]
    may_extend: bool
    may_send: bool
    may_release: bool
    may_open: bool
    until_typed: str
    most: str


def holds_shown(
    documents: Sequence[Document], holds: Sequence[Hold], state: State, now: dt.datetime, words: Wording
) -> list[HoldShown]:
    """The holds of a case, the newest first. ``documents``: their notes, in the order of ``holds``."""
    pairs = list(zip(documents, holds, strict=True))
    return [
        _shown(
            first,
            [(about, one) for about, one in pairs if first[1].commitment in (one.commitment, one.terms.extends)],
            state,
            now,
            words,
        )
        for first in reversed(pairs)
        if first[1].terms.extends is None
    ]


def late_segments(hold: Hold, logged: LoggedHold, state: State, now: dt.datetime) -> int:
    """How many of its segments were sealed after it was logged and can still be kept."""
    coverage, today = Coverage(hold.terms), now.date()
    return sum(
        segment.entry_index > logged.index and not is_segment_past(segment, today) and bool(coverage.lines(segment))
        for segment in state.segments.values()
    )


def _shown(
    first: tuple[Document, Hold],
    notes: Sequence[tuple[Document, Hold]],
    state: State,
    now: dt.datetime,
    words: Wording,
) -> HoldShown:
    _ = words.gettext
    about, hold = first
    logged = state.hold_of(hold.commitment)
    text = hold.note.text.decode("utf-8")
    if logged is None:
        return HoldShown(
            document=about.id, newest=about.id, asked=read_hold(hold.terms, words), exact=text,
            state=_("not in the log"), kind="bad", lines=(_("The log did not take it: nobody keeps for it."),), parts=(),
            may_extend=False, may_send=False, may_release=False, may_open=False, until_typed="", most="",
        )  # fmt: skip
    roster, status = state.rosters[logged.entry.roster], state.hold_status(logged, now)
    term, (state_word, kind) = logged.terms[-1], _STATES[status]
    is_open = status in (HoldStatus.BEGUN, HoldStatus.IN_FORCE)
    newest = next((document for document, one in notes if one.commitment == term.note), about)
    members = _members(hold, term, state, words) if is_open else {}
    return HoldShown(
        document=about.id,
        newest=newest.id,
        asked=read_hold(hold.terms, words),
        exact=text,
        state=_(state_word),
        kind=kind,
        lines=tuple(_lines(hold, logged, state, now, words)),
        parts=read_rule(hold.terms, roster, term.holders, words, members=members),
        may_extend=status is HoldStatus.IN_FORCE,
        may_send=is_open,
        may_release=logged.released is None and is_open,
        may_open=status is HoldStatus.IN_FORCE,
        until_typed=str(min(logged.until(roster) + dt.timedelta(days=30), now + MOST_LIFE).date()),
        most=str((now + MOST_LIFE).date()),
    )


def _lines(hold: Hold, logged: LoggedHold, state: State, now: dt.datetime, words: Wording) -> list[str]:
    _, term, status = words.gettext, logged.terms[-1], state.hold_status(logged, now)
    until = logged.until(state.rosters[logged.entry.roster])
    left = {"time": words.time(until), "num": words.number(max(0, (until - now).days))}
    match status:
        case HoldStatus.BEGUN:
            lines = [
                time_to_keep(term.to_be_joined_by, now, words),
                _("Else it lapses, and what is kept is destroyed."),
            ]
        case HoldStatus.IN_FORCE:
            pattern = words.ngettext(
                "Kept until %(time)s: %(num)s day more.", "Kept until %(time)s: %(num)s days more.", (until - now).days
            )
            lines = [pattern % left]
            if term is not logged.terms[0]:
                lines.append(
                    _("The hold itself is kept by %(names)s.") % {"names": words.names(logged.terms[0].holders)}
                )
            if term.until > until and term.may_be_joined(now):
                lines.append(_("Asked to last until %(time)s.") % {"time": words.time(term.until)})
                lines.append(time_to_keep(term.to_be_joined_by, now, words))
            elif term.until > until:
                lines.append(_("Too few custodians joined what would have extended it."))
        case HoldStatus.LAPSED:
            lines = [_("Too few custodians kept within 72 hours. Nothing is kept.")]
        case HoldStatus.RELEASED:
            lines = [_("It was ended. What was kept is destroyed.")]
        case _:
            lines = [_("It ended %(time)s. What was kept is destroyed.") % left]
    late = late_segments(hold, logged, state, now) if status in (HoldStatus.BEGUN, HoldStatus.IN_FORCE) else 0
    if late:
        pattern = words.ngettext(
            "%(num)s segment was sealed since it was logged: send it again before its key dies, so that it is kept too.",
            "%(num)s segments were sealed since it was logged: send it again before their keys die, so that they are kept too.",
            late,
        )
        lines.append(pattern % {"num": words.number(late)})
    return lines


def _members(hold: Hold, term: Term, state: State, words: Wording) -> dict[str, Member]:
    _ = words.gettext
    members = {}
    for name in state.rosters[hold.terms.roster].names:
        if name in term.holders:
            members[name] = Member(name=name, text=_("keeps"), kind="ok")
        elif state.is_refused(term.note, name):
            members[name] = Member(name=name, text=_("refused"), kind="bad", note=_("It stands in the log."))
        else:
            members[name] = Member(name=name, text=_("does not keep so far"), kind="wait")
    return members
