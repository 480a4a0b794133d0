"""The holds behind a reply to a European Preservation Order: proven, and how each stands by the log."""

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from coffer.authority.hold import Hold, parse_hold
from coffer.cli.console import say
from coffer.cli.notes import read_note
from coffer.cli.preserving import holds_of_order, is_of_order
from coffer.custody.holding import Coverage
from coffer.custody.review import parse_requested
from coffer.disclosure.epoc.form import Form
from coffer.disclosure.epoc.replies import Held
from coffer.errors import NotProven, Refused
from coffer.ledger.holds import HoldStatus, LoggedHold, Term
from coffer.ledger.retention import is_segment_past
from coffer.ledger.state import State
from coffer.vault.folder import Vault

_IDS: Final = re.compile(r"[0-9]{1,9}(?:,[0-9]{1,9})*")


def read_holds(names: Sequence[str], raw: bytes, form: Form, state: State, now: dt.datetime) -> list[tuple[Hold, Held]]:
    """Each note, made from this very form and in the log, with how its hold stands.

    Raises:
        MalformedInput, NotProven, Refused: a note is none, not of this vault's desk, or of another form.
    """
    holds = []
    for name in names:
        place = Path(name).name
        hold = parse_hold(read_note(name), place)
        parse_requested(hold.note.raw, state, place)
        if not any(file.is_of(raw) for file in hold.terms.ordered.files):
            raise NotProven(
                f"{place}: a hold that does not name this form as its order",
                hint="a hold has the SHA-256 of its order: coffer hold make, or extend, --from-order writes it",
            )
        logged = state.hold_of(hold.commitment)
        term = None if logged is None else logged.term(hold.commitment)
        if logged is None or term is None or not is_of_order(hold, form.parent_reference):
            raise Refused(f"{place}: not in the log, or of another order", code="scope")
        until = logged.until(state.rosters[logged.entry.roster])
        if hold.terms.until > until:
            say(f"{place}: too few custodians joined it so far: it lasts until {until:%Y-%m-%d %H:%M} UTC")
        held = _held(hold, logged, term, state, now)
        if held.status is HoldStatus.BEGUN and not held.is_kept and not held.is_there:
            say(f"{place}: nothing of it is in the log, so that nobody can keep it: --reason DATA_NOT_HELD says so now")
        holds.append((hold, held))
    return holds


def unnamed_holds(named: Sequence[Hold], form: Form, vault: Vault, now: dt.datetime) -> list[tuple[Hold, Held]]:
    """The other holds that this vault's desk made of the order that a form follows, as they stand.

    ``named``: the notes that extend holds by the form. A hold that lapsed and was made again is left out.

    Raises:
        Refused: one is in force, and no note extends it by the form.
    """
    state, extended = vault.replay(), {hold.terms.extends for hold in named}
    others = []
    for hold in holds_of_order(vault, form.parent_reference):
        logged = state.hold_of(hold.commitment)
        if logged is None or hold.commitment in extended:
            continue
        held = _held(hold, logged, logged.terms[0], state, now)
        if held.status is HoldStatus.IN_FORCE:
            ids = ",".join(ids_of(hold, form.parent_reference))
            raise Refused(
                f"identifier {ids}: a hold of it is in force, and no note that extends it by this form is named",
                code="scope",
                hint="coffer hold extend --from-order makes one of each hold of the order: add --hold NOTE for each",
            )
        if not any(_is_same(one, hold) for one in named):
            others.append((hold, held))
    return others


def _is_same(one: Hold, other: Hold) -> bool:
    return all(getattr(one.terms, name) == getattr(other.terms, name) for name in ("subjects", "periods", "kinds"))


def _held(hold: Hold, logged: LoggedHold, term: Term, state: State, now: dt.datetime) -> Held:
    terms = hold.terms
    return Held(
        subjects=tuple(subject.format() for subject in terms.subjects),
        periods=terms.periods,
        kinds=terms.kinds,
        status=_status(logged, term, state, now),
        until=logged.until(state.rosters[logged.entry.roster]),
        is_kept=state.hold_status(logged, now) is HoldStatus.IN_FORCE,
        is_there=_is_there(hold, logged, state),
    )


def _is_there(hold: Hold, logged: LoggedHold, state: State) -> bool:
    """Whether the log has a segment that it covers, whose retention was not over when it was logged."""
    coverage, day = Coverage(hold.terms), logged.time.date()
    return any(coverage.lines(segment) and not is_segment_past(segment, day) for segment in state.segments.values())


def _status(hold: LoggedHold, term: Term, state: State, now: dt.datetime) -> HoldStatus:
    """How the term of a note stands: an extension that lapsed leaves its hold in force, and is not."""
    roster = state.rosters[hold.entry.roster]
    if hold.released is not None or hold.is_satisfied(term, roster):
        return hold.status(roster, now)
    return HoldStatus.BEGUN if hold.is_open(roster, now) and term.may_be_joined(now) else HoldStatus.LAPSED


def ids_of(hold: Hold, reference: str) -> tuple[str, ...]:
    """The identifiers that a hold is about, as its ``basis:`` names them after this reference.

    Raises:
        NotProven: the reference stands there not once, or with something else after it.
    """
    start = f"{reference} identifier "
    told = [text.removeprefix(start) for text in hold.terms.basis.split("; ") if text.startswith(start)]
    if len(told) != 1 or not _IDS.fullmatch(told[0]):
        raise NotProven(f"basis: expected {reference} once, and its identifiers")
    return tuple(told[0].split(","))
