"""The earlier requests of one case, and about the same people. Reads; decides nothing."""

from collections.abc import Sequence
from functools import partial

from coffer.authority.authorization import Authorization
from coffer.custodian.approvals import Approvals
from coffer.custody.earlier import earlier_of_case, history_of
from coffer.ledger.state import State
from coffer.web.custodian.office import Office, steadily
from coffer.web.custodian.standing import decided_at, marks_of, reason_words, refusal_by
from coffer.web.custodian.views import Earlier
from coffer.web.ground.asked import differences
from coffer.web.ground.wording import Wording


def number_in_case(note: Authorization, kept: Sequence[Authorization]) -> int:
    """Its place among the requests of its case, from 1."""
    return 1 + len(_before(note, kept))


def earlier_in_case(
    office: Office, note: Authorization, kept: Sequence[Authorization], approvals: Approvals, words: Wording
) -> Earlier | None:
    """The last request of the same case before this one, and what changed since; None if it is the first."""
    before = _before(note, kept)
    if not before:
        return None
    last = before[0]
    marks = marks_of(office, last.commitment)
    is_refused, reason = refusal_by(office, last, marks, approvals)
    return Earlier(
        number=number_in_case(last, kept),
        is_refused=is_refused,
        reason=reason_words(reason, words),
        was_approved=last.commitment in approvals.approved,
        time=decided_at(last, marks, approvals),
        differences=differences(last.terms, note.terms, words),
    )


def earlier_uses(note: Authorization, kept: Sequence[Authorization], state: State) -> tuple[list[int], list[int]]:
    """The records of each opening of the case's other requests.

    With them go requests that asked about the same subjects.
    """
    sids = {subject.sid for subject in note.terms.subjects}
    case = {one.commitment for one in earlier_of_case(note, kept)}
    of_case, of_subjects = [], []
    for other in {one.commitment: one for one in kept if one.commitment != note.commitment}.values():
        is_same = not sids.isdisjoint(subject.sid for subject in other.terms.subjects)
        if other.commitment not in case and not is_same:
            continue
        records = [
            use.drawn if use.records is None else use.records
            for use in steadily(partial(history_of, other, state)).uses
        ]
        of_case += records if other.commitment in case else []
        of_subjects += records if is_same else []
    return of_case, of_subjects


def _before(note: Authorization, kept: Sequence[Authorization]) -> list[Authorization]:
    """The requests of the same case before this one, the newest first.

    ``kept`` holds those that wait before the decided ones.

    Of two that come into force in the same second, one that was decided comes before one that waits.
    """
    places = {one.commitment: -place for place, one in enumerate(kept)}
    mine = (note.terms.not_before, places.get(note.commitment, 1))
    case = {one.commitment: one for one in earlier_of_case(note, kept)}.values()
    before = [(one.terms.not_before, places[one.commitment], one.commitment, one) for one in case]
    earlier = [item for item in before if item[:2] < mine]
    return [one for *_, one in sorted(earlier, key=lambda item: item[:3], reverse=True)]
