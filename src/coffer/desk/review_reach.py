"""Which days of a draft have records that can be opened, and why the others have none. Pure."""

import datetime as dt
from collections.abc import Sequence

from coffer.authority.countersign import subject_rule
from coffer.desk.found import Code, Weight
from coffer.desk.looking import Look
from coffer.identity.identifier import Identifier
from coffer.ledger.facts import Segment
from coffer.ledger.retention import retention_of
from coffer.ledger.roster import Roster
from coffer.procedures.opening.decide import segments_for


def reached_by(
    look: Look,
    subjects: Sequence[Identifier],
    days: Sequence[Sequence[dt.date]],
    kinds: Sequence[str],
    expires: dt.datetime,
    roster: Roster,
) -> tuple[dt.date, ...]:
    """The days with records; says of the others why they cannot be reached."""
    state, today = look.state, look.now.date()
    segments = segments_for(subjects, days, kinds, state, before=state.size, now=look.now)
    reached = {segment.line.day for segment, _ in segments}
    retention = retention_of(state)
    dead_days = {segment.line.day for segment in state.segments.values() if state.is_dead(segment)}
    others = sorted({day for own in days for day in own} - reached)
    ahead = [day for day in others if day > today]
    dead = [day for day in others if day <= today and (retention.is_over(day, today) or day in dead_days)]
    held = _held(look, subjects, dead)
    look.days("spans", Code.DAYS_HELD, Weight.TELLS, held)
    look.days("spans", Code.DAYS_DEAD, Weight.WARNS, [day for day in dead if day not in held])
    look.days("spans", Code.DAYS_AHEAD, Weight.WARNS, ahead)
    look.days("spans", Code.DAYS_EMPTY, Weight.WARNS, [day for day in others if day not in {*ahead, *dead}])
    dying = sorted(day for day in reached if retention.is_over(day, expires.date()))
    look.days("spans", Code.DAYS_DIE, Weight.WARNS, dying)
    if not reached and not held:
        look.add("spans", Code.NOTHING_REACHED, Weight.WARNS)
    _older_rosters(look, segments, subjects, roster)
    return tuple(sorted(reached))


def _held(look: Look, subjects: Sequence[Identifier], days: Sequence[dt.date]) -> list[dt.date]:
    """The days that a hold in force keeps for every one of these subjects, or a part of each."""
    sids = {subject.sid for subject in subjects}
    in_force = {term.note for hold in look.state.holds_in_force(look.now) for term in hold.terms}
    kept = {
        day
        for hold in look.holds
        if hold.commitment in in_force and sids <= {subject.sid for subject in hold.terms.subjects}
        for day in hold.terms.all_days
    }
    return [day for day in days if day in kept]


def _older_rosters(
    look: Look, segments: Sequence[tuple[Segment, int]], subjects: Sequence[Identifier], roster: Roster
) -> None:
    older = {(s.roster.hash, n): s.roster for s, n in segments if s.roster.hash != roster.hash}
    needed = {
        (other.hash.hex()[:16], rule.name, rule.expression)
        for (_, number), other in older.items()
        for rule in [subject_rule(subjects[number - 1], other)]
    }
    for digest, name, expression in sorted(needed):
        look.add("roster", Code.OLDER_ROSTER, Weight.TELLS, roster=digest, rule=name, expression=expression)
