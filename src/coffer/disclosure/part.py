"""Which part of a continuing order an answer is. Pure.

Source: ``docs/formats/answer.md``, "Continuing orders".
"""

from dataclasses import dataclass

from coffer.errors import MalformedInput
from coffer.ledger.entries import Commitment
from coffer.ledger.facts import Opening
from coffer.ledger.known import Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One opening of a continuing order.

    ``number``: from 1. ``since``: the log index of the intent of the part before; None of the first.
    """

    number: int
    since: int | None

    def document(self) -> dict[str, int | None]:
        """As ``answer.json`` and the desk's file of an opening in progress have it."""
        return {"number": self.number, "since": self.since}


def parse_part(value: object, place: str) -> Part | None:
    """The inverse of ``document``; None stays None.

    Raises:
        MalformedInput: it is something else.
    """
    if value is None:
        return None
    number = value.get("number") if isinstance(value, dict) else None
    since = value.get("since") if isinstance(value, dict) else None
    is_whole = isinstance(value, dict) and set(value) == {"number", "since"} and type(number) is int
    is_since = since is None or (type(since) is int and since > 0)
    if not isinstance(number, int) or not is_whole or not is_since or (number == 1) != (since is None) or number < 1:
        raise MalformedInput(f"{place}: continues: expected the number of a part and the intent of the one before")
    return Part(number=number, since=since)


def settled(commitment: Commitment, state: Known, *, before: int) -> list[Opening]:
    """The openings of an authorization that an answer closed before entry ``before``, in order.

    One that was closed with nothing opened (over the budget, or too late) says that no custodian answered: it settles
    nothing.
    """
    return [
        opening
        for opening in state.openings.values()
        if opening.intent.authorization == commitment
        and opening.close is not None
        and opening.close.answers > 0
        and opening.close_index is not None
        and opening.close_index < before
    ]


def part_before(commitment: Commitment, state: Known, *, before: int) -> Part:
    """The part that an opening with its intent at ``before`` opens."""
    past = settled(commitment, state, before=before)
    return Part(number=len(past) + 1, since=max((opening.index for opening in past), default=None))
