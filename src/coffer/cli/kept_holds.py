"""The holds behind a reply to a European Preservation Order: proven, and how each stands by the log."""

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from coffer.authority.hold import Hold, parse_hold
from coffer.cli.console import say
from coffer.cli.notes import read_note
from coffer.cli.preserving import is_of_order
from coffer.custody.review import parse_requested
from coffer.disclosure.epoc.form import Form
from coffer.disclosure.epoc.replies import Held
from coffer.errors import NotProven, Refused
from coffer.ledger.holds import HoldStatus
from coffer.ledger.state import State

_IDS: Final = re.compile(r"(?:EPOC|HI1) \S+ identifier ([0-9]{1,9}(?:,[0-9]{1,9})*)")


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
        if logged is None or not is_of_order(hold, form.parent_reference):
            raise Refused(f"{place}: not in the log, or of another order", code="scope")
        until = logged.until(state.rosters[logged.entry.roster])
        status = state.hold_status(logged, now)
        if hold.terms.until > until:
            say(f"{place}: too few custodians joined it so far: it lasts until {until:%Y-%m-%d %H:%M} UTC")
        holds.append((hold, _held(hold, until, status)))
    return holds


def _held(hold: Hold, until: dt.datetime, status: HoldStatus) -> Held:
    terms = hold.terms
    subjects = tuple(subject.format() for subject in terms.subjects)
    return Held(subjects=subjects, periods=terms.periods, kinds=terms.kinds, status=status, until=until)


def ids_of(hold: Hold) -> tuple[str, ...]:
    """The identifiers that a hold is about, as its ``basis:`` names them."""
    match = _IDS.search(hold.terms.basis)
    assert match is not None, "is_of_order looked at it"
    return tuple(match[1].split(","))
