"""Which rosters and absences count: how one roster follows another. Pure.

Rules R1, R2, A1 and A2 of ``docs/formats/entries.md``. Each function raises ``Broken`` if the entry has no effect; ``State`` takes what it returns.
"""

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from coffer.ledger.consent import needed_consents
from coffer.ledger.entries import AbsenceEntry, Entry, ObjectionEntry
from coffer.ledger.facts import Absence, Broken
from coffer.ledger.roster import Custodian, Roster, parse_roster
from coffer.ledger.rules import mask_of
from coffer.notes.note import Note

if TYPE_CHECKING:
    from coffer.ledger.state import State

ROSTER_LIFE: Final = dt.timedelta(days=7)
"""How long the signatures of a new roster may be gathered. After it, nobody can bring up a proposal that was dropped."""


def verify_roster(state: "State", index: int, entry: Entry) -> Roster:
    """The roster that this entry puts in force (R1, R2)."""
    if entry.body is not None:
        raise Broken("R1", "entry 0 is not a roster")
    roster = parse_roster(entry.note.text, f"entry {index}")
    entry.note.verify_lines_of(roster.signing_keys)
    if roster.hash in state.rosters:
        raise Broken("R1", "this roster was in force before")
    if state.in_force is None:
        if index != 0 or roster.hash != state.genesis:
            raise Broken("R1", "not the pinned genesis roster")
        newcomers = roster.custodians
    else:
        newcomers = _verify_follows(state, state.in_force, roster, entry)
    if not all(entry.note.is_signed_by(custodian.auth) for custodian in newcomers):
        raise Broken("R1", "a new custodian has not signed it")
    _verify_names_keep_keys(state, roster)
    return roster


def _verify_follows(state: "State", old: Roster, roster: Roster, entry: Entry) -> tuple[Custodian, ...]:
    """Prove that the custodians in force agree to the new roster; the custodians that join by it."""
    if not max(old.time, state.newest - ROSTER_LIFE) <= entry.time:
        raise Broken("R1", "dated before the roster in force, or over 7 days before an earlier entry")
    known = {custodian.auth.public for custodian in old.custodians}
    newcomers = tuple(c for c in roster.custodians if c.auth.public not in known)
    signed = {c.name for c in old.custodians if entry.note.is_signed_by(c.auth)}
    signed |= dispensable(state, old, signed, entry.time)
    if not old.rules["base"].is_satisfied_by(mask_of(signed, old.names)):
        raise Broken("R1", "its signatures do not satisfy the base rule in force")
    if not needed_consents(old, roster).keys() <= signed:
        raise Broken("R1", "an indispensable member of a rule that it loosens has not signed it")
    return newcomers


def dispensable(state: "State", old: Roster, signed: Collection[str], time: dt.datetime) -> frozenset[str]:
    """The custodians that need not sign a roster of that time.

    Each was said to be gone, did not object in time, and all the others signed.
    """
    return frozenset(
        name
        for name, absence in state.absences.items()
        if set(old.names) - {name} <= set(signed) and absence.is_over(time)
    )


def _verify_names_keep_keys(state: "State", roster: Roster) -> None:
    """A name keeps its keys, and keys keep their name (R2).

    Epoch keys and receipts are filed by name: a name that changed hands would get its predecessor's.
    """
    for old in state.rosters.values():
        for was in old.custodians:
            for new in roster.custodians:
                same = {was.auth.public, was.resp.public} & {new.auth.public, new.resp.public} or was.req == new.req
                keys = (was.auth, was.resp, was.req) == (new.auth, new.resp, new.req)
                if (was.name == new.name or same) and not keys:
                    reason = "a custodian's name with other keys than before, or its keys under another name"
                    raise Broken("R2", reason)


def verify_absence(state: "State", index: int, entry: Entry, roster: Roster, body: AbsenceEntry) -> Absence:
    """The absence that this entry begins (A1)."""
    if not max(roster.time, state.newest - ROSTER_LIFE) <= entry.time:
        raise Broken("A1", "dated before the roster in force, or over 7 days before an earlier entry")
    if roster.custodian(body.custodian) is None or body.custodian in state.absences:
        raise Broken("A1", "names no custodian in force, or one that was said to be gone already")
    others = [custodian for custodian in roster.custodians if custodian.name != body.custodian]
    if not all(entry.note.is_signed_by(custodian.auth) for custodian in others):
        raise Broken("A1", "not signed by all the other custodians in force")
    since = max(state.newest, entry.time)
    return Absence(index=index, custodian=body.custodian, since=since, waiting_days=roster.waiting_days)


def verify_objection(state: "State", note: Note, roster: Roster, body: ObjectionEntry) -> Absence:
    """The absence that this entry ends (A2)."""
    absence = next((standing for standing in state.absences.values() if standing.index == body.absence), None)
    if absence is None:
        raise Broken("A2", "objects to no absence that stands")
    custodian = roster.custodian(absence.custodian)
    if custodian is None or not note.is_signed_by(custodian.auth):
        raise Broken("A2", "not signed by the auth key of a custodian")
    return absence
