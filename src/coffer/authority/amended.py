"""An authorization whose limit was raised: its note, then the note that amends it. Pure.

Source: ``docs/formats/authorization.md``, "Amendments".
"""

from dataclasses import replace
from typing import Final

from coffer.authority.authorization import AMENDMENT, Authorization, Terms, format_terms, parse_authorization
from coffer.errors import MalformedInput
from coffer.notes.note import Note, join_notes, parse_note

_ORDER: Final = ("issued-by", "issued-in", "received", "due", "order", "authority", "basis")
_OWN: Final = tuple(f"{key}: " for key in ("id", "salt", *_ORDER, "amends", "max-records"))
"""What an amendment says of itself: the order behind it and the limit. All other lines are the authorization's."""
_MARK: Final = f"\n{AMENDMENT}\n".encode("ascii")
"""No line of a note but the first of an amendment is this."""


def parse_amended(raw: bytes, place: str) -> Authorization:
    """An authorization, with the amendment behind it if there is one.

    Raises:
        MalformedInput: it is none, an amendment alone, or the amendment is not of this authorization.
    """
    first, mark, rest = raw.partition(_MARK)
    if not mark:
        authorization = parse_authorization(raw, place)
        if authorization.terms.amends is not None:
            raise MalformedInput(
                f"{place}: an amendment alone", hint="give the request that it amends too: it opens nothing by itself"
            )
        return authorization
    authorization = parse_authorization(first + b"\n", place)
    amendment = parse_authorization(mark[1:] + rest, f"{place}: amendment")
    verify_amends(authorization, amendment.terms, place)
    return replace(authorization, amendment=amendment)


def verify_amends(authorization: Authorization, amendment: Terms, place: str) -> None:
    """An amendment names this authorization, says the same and raises its limit.

    Raises:
        MalformedInput: it does not.
    """
    terms = authorization.terms
    if terms.amends is not None or amendment.amends != authorization.commitment:
        raise MalformedInput(f"{place}: the amendment is of another request")
    if _shared_lines(terms) != _shared_lines(amendment):
        raise MalformedInput(f"{place}: the amendment changes more than the limit and the order behind it")
    if amendment.max_records <= terms.max_records:
        raise MalformedInput(
            f"{place}: the amendment allows {amendment.max_records} records, expected more than {terms.max_records}"
        )


def _shared_lines(terms: Terms) -> list[str]:
    """The lines that an amendment repeats to the byte."""
    return [line for line in format_terms(terms).decode("utf-8").splitlines()[1:] if not line.startswith(_OWN)]


def amended_bytes(notes: list[tuple[bytes, str]]) -> bytes:
    """One text of copies of a request and of its amendments.

    Of several amendments the one with the highest limit is taken. ``notes``: the bytes of each with what to call it.

    Raises:
        MalformedInput: one is no note, or two are copies of different requests.
    """
    parsed = [parse_note(raw, place, has_letters=True) for raw, place in notes]
    first = f"{AMENDMENT}\n".encode("ascii")
    amendments = [note for note in parsed if note.text.startswith(first)]
    copies = [note for note in parsed if not note.text.startswith(first)]
    place = notes[0][1]
    base = join_notes(copies or amendments, place).raw  # an amendment alone is refused where it is parsed
    if not amendments or not copies:
        return base
    by_text: dict[bytes, list[Note]] = {}
    for note in amendments:
        by_text.setdefault(note.text, []).append(note)
    joined = [parse_authorization(join_notes(same, place).raw, place) for same in by_text.values()]
    return base + max(joined, key=lambda one: one.terms.max_records).note.raw
