"""The requests on a custodian's first page: what waits, by the time left, and what was decided."""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Final

from coffer.authority.authorization import Authorization
from coffer.authority.due import deadline_of
from coffer.custody.earlier import history_of
from coffer.web.custodian.earlier import number_in_case
from coffer.web.custodian.office import Office, names_of, steadily
from coffer.web.custodian.standing import (
    decided_at,
    digits_of,
    marks_of,
    others,
    protected_lines,
    readers_of,
    reason_words,
    refusal_by,
    who_could,
)
from coffer.web.custodian.views import DecidedRow, Row
from coffer.web.ground.asked import read_terms
from coffer.web.ground.ordered import urgency_words
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import Wording

DECIDED_WITHIN: Final = dt.timedelta(days=30)
PAGE: Final = 100
"""Requests on one page of the list: as many as a desk sends in a day. Thousands on one page would hold the machine."""


def queue(office: Office, waiting: Sequence[Authorization], page: int, you: int, words: Wording) -> list[Row]:
    """What waits, by deadline: a page of ``waiting``, from 1."""
    keys, now = office.service.keys, office.clock()
    notes = page_of(waiting, page)
    kept = [*waiting, *office.machine.requests.decided(keys)]
    approvals, people = office.machine.folder.decided(keys), office.clerks.people()
    known, rows = office.machine.folder.authorities(keys), []
    for note in notes:
        marks = marks_of(office, note.commitment)
        agreed = approvals.agreed_by(note.commitment)
        due = deadline_of(note.terms)
        rows.append(
            Row(
                digits=digits_of(note.commitment),
                asked=read_terms(note.terms, words, marked=mark_authority(note.terms, known, words)),
                authority=note.terms.authority,
                due=due,
                seconds_left=int((due - now).total_seconds()),
                is_expired=now >= note.terms.expires,
                urgency=urgency_words(note.terms, words),
                ordinal_of_case=number_in_case(note, kept),
                read_by=names_of(people, others(readers_of(marks), you)),
                is_read_by_you=you in readers_of(marks),
                agreed=names_of(people, others(agreed, you)),
                is_agreed_by_you=you in agreed,
                needed=who_could(people, agreed, you, now),
                missing=max(0, people.required - len(agreed)),
                is_protected=bool(protected_lines(office, note)),
            )
        )
    return rows


def page_of(waiting: Sequence[Authorization], page: int) -> Sequence[Authorization]:
    """The requests that one page of the list shows."""
    return waiting[(page - 1) * PAGE : page * PAGE]


def pages_of(waiting: Sequence[Authorization]) -> int:
    """How many pages the list has; 1 where nothing waits."""
    return max(1, -(-len(waiting) // PAGE))


def mark_seen(office: Office, shown: Sequence[Authorization]) -> None:
    """Note of every request on a page of the list that somebody of the custodian saw it."""
    keys, now = office.service.keys, office.clock()
    for note in shown:
        office.machine.requests.mark_seen(note.commitment, now, keys)


def decided(office: Office, words: Wording) -> list[DecidedRow]:
    """What was decided in the last 30 days, the newest first."""
    keys, now, state = office.service.keys, office.clock(), office.service.state
    approvals, people = office.machine.folder.decided(keys), office.clerks.people()
    rows = []
    for note in office.machine.requests.decided(keys):
        marks = marks_of(office, note.commitment)
        time = decided_at(note, marks, approvals)
        if (time or note.terms.expires) < now - DECIDED_WITHIN:
            continue
        history = steadily(partial(history_of, note, state))
        is_refused, reason = refusal_by(office, note, marks, approvals)
        rows.append(
            DecidedRow(
                digits=digits_of(note.commitment),
                asked=read_terms(note.terms, words),
                is_refused=is_refused,
                was_approved=note.commitment in approvals.approved,
                reason=reason_words(reason, words),
                agreed=names_of(people, approvals.agreed_by(note.commitment)),
                history=history,
                is_expired=now >= note.terms.expires,
                time=time,
            )
        )
    return sorted(rows, key=lambda row: row.time or dt.datetime.min.replace(tzinfo=dt.UTC), reverse=True)
