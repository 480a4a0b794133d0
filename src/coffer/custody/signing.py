"""Which rosters and absences a custodian signs: of its vault, its own to sign, and dated near. Pure.

Implements ``docs/procedures/roster.md``.
"""

import datetime as dt

from coffer.errors import NotProven, Refused
from coffer.ledger.entries import AbsenceEntry
from coffer.ledger.grammar import parse_entry
from coffer.ledger.roster import parse_roster
from coffer.ledger.state import BACKDATING, State
from coffer.ledger.succession import ROSTER_LIFE
from coffer.notes.keys import SigningKey
from coffer.notes.note import Note, parse_note


def sign_roster(raw: bytes, state: State, *, name: str, auth: SigningKey, now: dt.datetime, place: str) -> Note:
    """A proposed roster with this custodian's signature.

    Raises:
        MalformedInput, NotProven: it is no roster of this vault.
        Refused: this custodian is neither in force nor in it with these keys, or its time is not near.
    """
    note = parse_note(raw, place)
    new = parse_roster(note.text, place)
    if new.origin != state.origin:
        raise NotProven(f"{place}: a roster of another vault")
    note.verify_lines_of([*state.roster.signing_keys, *new.signing_keys])
    if new.time < state.roster.time or new.time < state.newest - ROSTER_LIFE:
        raise Refused(f"{place}: older than the roster in force, or than 7 days", code="time", hint="propose it anew")
    if new.time > now + BACKDATING:
        raise Refused(f"{place}: dated ahead of this clock", code="time", hint="is one of the clocks wrong?")
    members = [member for roster in (state.roster, new) if (member := roster.custodian(name))]
    if not members or any(member.auth != auth.verify_key for member in members):
        raise Refused(f"{place}: custodian {name} is not in it, or with other keys", code="scope")
    return _signed(note, auth)


def sign_absence(raw: bytes, state: State, *, name: str, auth: SigningKey, now: dt.datetime, place: str) -> Note:
    """The note with this custodian's signature.

    Raises:
        MalformedInput, NotProven: it is no absence of this vault.
        Refused: it is about this custodian itself or nobody in force, this one is not in force, or its time is not near.
    """
    note, entry = parse_note(raw, place), parse_entry(raw, place)
    if entry.origin != state.origin or not isinstance(entry.body, AbsenceEntry):
        raise NotProven(f"{place}: no absence of this vault")
    note.verify_lines_of(state.roster.signing_keys)
    me = state.roster.custodian(name)
    if me is None or me.auth != auth.verify_key or entry.body.custodian == name:
        raise Refused(f"{place}: not {name}'s to sign", code="scope", hint="all the other custodians in force sign it")
    if state.roster.custodian(entry.body.custodian) is None:
        raise Refused(f"{place}: {entry.body.custodian} is not in the roster in force", code="scope")
    if not max(state.roster.time, state.newest - ROSTER_LIFE) <= entry.time <= now + BACKDATING:
        raise Refused(f"{place}: too old, or dated ahead of this clock", code="time", hint="write it anew")
    return _signed(note, auth)


def _signed(note: Note, auth: SigningKey) -> Note:
    return note if note.is_signed_by(auth.verify_key) else note.with_signature(auth)
