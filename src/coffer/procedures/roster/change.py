"""Changing the roster: the proposed text, what it changes, whose signatures it lacks. Pure.

The steps are numbered in ``docs/procedures/roster.md``.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from coffer.custody.public import PublicKeys
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.ledger.changes import describe, tally_of
from coffer.ledger.consent import needed_consents
from coffer.ledger.entries import AbsenceEntry, EpochKeyEntry
from coffer.ledger.grammar import format_entry, parse_entry
from coffer.ledger.roster import DEFAULT_RATIFY_HOURS, Emergency, Roster, format_roster, parse_roster
from coffer.ledger.rules import BASE, mask_of
from coffer.ledger.state import State
from coffer.ledger.succession import dispensable
from coffer.notes.note import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to change in a roster. A field that is None or empty changes nothing.

    ``replaced``: old name to the public keys of the newcomer, who takes its place in every rule. ``rules``: name to
    expression; None drops a country's rule. ``emergency``: an expression; the empty one drops it.
    """

    added: tuple[PublicKeys, ...] = ()
    replaced: Mapping[str, PublicKeys] | None = None
    removed: tuple[str, ...] = ()
    rules: Mapping[str, str | None] | None = None
    witnesses: tuple[str, ...] | None = None
    quorum: int | None = None
    retention_days: int | None = None
    late_days: int | None = None
    waiting_days: int | None = None
    cell_cap: int | None = None
    tally: str | None = None
    numbering: str | None = None
    emergency: str | None = None
    ratify_hours: int | None = None
    statistics: str | None = None


def propose(old: Roster, change: Change, now: dt.datetime) -> Roster:
    """Step 1: the roster in force with the change made, dated now.

    Raises:
        MalformedInput: an unknown custodian, a rule that still needs a custodian who leaves, or nothing changed.
    """
    replaced = dict(change.replaced or {})
    for name in (*replaced, *change.removed):
        if old.custodian(name) is None:
            raise MalformedInput(
                f"custodian {name}: not in the roster in force", hint=f"it has: {', '.join(old.names)}"
            )
    custodians = []
    for member in old.custodians:
        if member.name in change.removed:
            continue
        keys = replaced.get(member.name)
        custodians.append(
            (keys.name, keys.auth, keys.resp, keys.req) if keys else (member.name, member.auth, member.resp, member.req)
        )
    custodians += [(keys.name, keys.auth, keys.resp, keys.req) for keys in change.added]
    new_names = {name: keys.name for name, keys in replaced.items()}
    rules: dict[str, str] = {name: _renamed(rule.expression, new_names) for name, rule in old.rules.items()}
    for name, expression in (change.rules or {}).items():
        if expression is None:
            rules.pop(name, None)
        else:
            rules[name] = expression
    emergency = _emergency(old, change, new_names)
    _verify_nobody_needs(change.removed, rules.values(), "a rule still needs it", "--rule 'base=2 of a,b,c'")
    urgent = [emergency.expression] if emergency else []
    _verify_nobody_needs(change.removed, urgent, "the emergency rule still needs it", "--emergency '2 of a,b,c'")
    text = format_roster(
        origin=old.origin,
        time=now,
        custodians=custodians,
        rules=sorted(rules.items(), key=lambda rule: (rule[0] != BASE, rule[0])),
        ingesters=old.ingesters,
        requesters=old.requesters.values(),
        witnesses=[key.format() for key in old.witnesses] if change.witnesses is None else change.witnesses,
        quorum=old.quorum if change.quorum is None else change.quorum,
        retention_days=old.retention_days if change.retention_days is None else change.retention_days,
        late_days=old.late_days if change.late_days is None else change.late_days,
        waiting_days=old.waiting_days if change.waiting_days is None else change.waiting_days,
        cell_cap=old.cell_cap if change.cell_cap is None else change.cell_cap,
        tally=tally_of(old) if change.tally is None else change.tally,
        numbering=change.numbering or old.numbering,
        emergency=emergency,
        statistics=change.statistics or old.statistics,
    )
    new = parse_roster(text, "roster")
    if not describe(old, new):
        raise MalformedInput("roster: nothing is changed", hint="say what to change: coffer roster propose --help")
    return new


def _verify_nobody_needs(removed: Iterable[str], expressions: Iterable[str], what: str, how: str) -> None:
    leaving = {name for name in removed if any(name in re.split("[ ,]", text) for text in expressions)}
    if leaving:
        raise MalformedInput(f"custodian {min(leaving)}: {what}", hint=f"give that rule anew: {how}")


def _emergency(old: Roster, change: Change, new_names: Mapping[str, str]) -> Emergency | None:
    """The emergency rule that is to be."""
    before = "" if old.emergency is None else _renamed(old.emergency.expression, new_names)
    expression = before if change.emergency is None else change.emergency
    hours = change.ratify_hours or old.ratify_hours or DEFAULT_RATIFY_HOURS
    if not expression and change.ratify_hours is not None:
        raise MalformedInput("ratify-hours: without an emergency rule", hint="give it: --emergency '2 of a,b,c'")
    return Emergency(expression=expression, ratify_hours=hours) if expression else None


def _renamed(expression: str, new_names: Mapping[str, str]) -> str:
    return re.sub(r"[a-z][a-z0-9-]*", lambda word: new_names.get(word[0], word[0]), expression)


def verify_signed(note: Note, state: State, place: str) -> Roster:
    """Step 4: the new roster, signed by everyone whom R1 demands. Not the real check, which State makes.

    Raises:
        MalformedInput, NotProven: it is not a roster of this vault, or a signature is wrong.
        Refused: signatures are missing; the message names whose.
    """
    new, old = parse_roster(note.text, place), state.roster
    if new.origin != state.origin:
        raise NotProven(f"{place}: a roster of another vault")
    signed = {c.name for r in (old, new) for c in r.custodians if note.is_signed_by(c.auth)}
    signed |= dispensable(state, old, signed & set(old.names), new.time)
    newcomers = [c.name for c in new.custodians if old.custodian(c.name) is None and c.name not in signed]
    if not old.rules[BASE].is_satisfied_by(mask_of(signed, old.names)):
        base = old.rules[BASE]
        others = [name for name in (*base.members, *base.indispensable) if name not in signed]
        raise Refused(
            f"{place}: signed by {', '.join(sorted(signed)) or 'no custodian'}, expected {old.rules[BASE].expression} of the roster in force",
            code="form",
            hint=f"of these more must sign: {', '.join(others)}"
            + (f"; and every newcomer: {', '.join(newcomers)}" if newcomers else ""),
        )
    if newcomers:
        raise Refused(
            f"{place}: not signed by {', '.join(newcomers)}, who would join",
            code="form",
            hint="every newcomer signs: coffer roster sign",
        )
    lacking = {name: why for name, why in needed_consents(old, new).items() if name not in signed}
    if lacking:
        said = "; ".join(f"{name} must sign too: {', '.join(why)}" for name, why in lacking.items())
        raise Refused(
            f"{place}: {said}",
            code="form",
            hint="one that is gone for good is replaced by all the others after a wait: coffer roster absence VAULT NAME",
        )
    return new


def needed_signers(state: State, new: Roster) -> list[str]:
    """Who must sign beside those that satisfy the base rule and the newcomers, in words."""
    lines = []
    for name, why in needed_consents(state.roster, new).items():
        absence = state.absences.get(name)
        is_gone = absence is not None and absence.is_over(new.time)
        others = "; or all the others, as it is said to be gone and did not object" if is_gone else ""
        lines.append(f"{name}, since {', and '.join(why)}{others}")
    return lines


def propose_absence(state: State, name: str, now: dt.datetime) -> bytes:
    """The text in which all other custodians say that one is gone for good, to be signed by them.

    Raises:
        MalformedInput: no custodian in force has that name, or this was said already.
    """
    if state.roster.custodian(name) is None:
        raise MalformedInput(
            f"custodian {name}: not in the roster in force", hint=f"it has: {', '.join(state.roster.names)}"
        )
    if name in state.absences:
        raise MalformedInput(f"custodian {name}: said to be gone already, in entry {state.absences[name].index}")
    return format_entry(AbsenceEntry(custodian=name), origin=state.origin, time=max(now, state.newest))


def verify_absence_signed(note: Note, state: State, place: str) -> AbsenceEntry:
    """An absence that all other custodians in force signed. Not the real check, which State makes.

    Raises:
        MalformedInput, NotProven: it is not an absence.
        Refused: signatures are missing; the message names whose.
    """
    body = parse_entry(note.raw, place).body
    if not isinstance(body, AbsenceEntry):
        raise MalformedInput(f"{place}: says of nobody that it is gone")
    others = [c for c in state.roster.custodians if c.name != body.custodian]
    missing = [custodian.name for custodian in others if not note.is_signed_by(custodian.auth)]
    if missing:
        raise Refused(
            f"{place}: not signed by {', '.join(missing)}", code="form", hint="all the other custodians in force sign"
        )
    return body


def days_to_cover(state: State, first: dt.date) -> list[dt.date]:
    """The days from ``first`` on for which custodians in force have keys.

    A newcomer without a key for one of these days would stop the ingest of its records.
    """
    living = {
        day for name, day in state.epoch_keys if (name, day) not in state.destroyed and state.roster.custodian(name)
    }
    return sorted(day for day in living if day >= first)


def uncovered(
    new: Roster, old: Roster, days: Iterable[dt.date], keys: Iterable[EpochKeyEntry]
) -> dict[str, list[dt.date]]:
    """The days for which a newcomer that a rule needs brings no key along with the roster, by newcomer.

    Nothing can be sealed for those days.
    """
    given = {(key.custodian, key.day) for key in keys if key.roster == new.hash}
    needed = [m.name for m in new.custodians if any(lock.holders & m.bit for lock in new.locks.values())]
    wanted = list(days)
    missing_days = {
        name: [day for day in wanted if (name, day) not in given] for name in needed if old.custodian(name) is None
    }
    return {name: missing for name, missing in missing_days.items() if missing}


def losing_segments(new: Roster, state: State) -> int:
    """How many living segments the new roster's custodians could not open alone.

    They need a request under an older roster.
    """
    return sum(
        not state.is_dead(segment) and not segment.lock.is_satisfied_by(mask_of(new.names, segment.roster.names))
        for segment in state.segments.values()
    )
