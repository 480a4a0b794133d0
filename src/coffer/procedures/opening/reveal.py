"""Revealing an authorization: the lines that the public log shows once secrecy is over. Pure."""

import datetime as dt
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.errors import MalformedInput, Refused
from coffer.ledger.entries import SALT_LINE, Commitment, RevealedLine, RevealEntry
from coffer.ledger.reveal import line_hash, line_key
from coffer.ledger.state import State

HIDDEN_BY_DEFAULT: Final = ("person", "subject")
"""The public learns who ordered what, why and how much. Only the person concerned learns whom (``coffer notices``)."""
_KEYS: Final = (
    "origin", "roster", "id", "requester", "seal", "class", "urgency", "issued-by", "issued-in", "received", "due", "order",
    "authority", "basis", "purpose", "subject", "person", "period", "rules", "kinds", "max-records", "hub", "not-before",
    "expires", "secret-until",
)  # fmt: skip


def parse_hidden(text: str, place: str) -> tuple[str, ...]:
    """The keys of the lines to keep hidden, from keys joined by commas; ``nothing`` hides none."""
    if text == "nothing":
        return ()
    keys = tuple(text.split(","))
    if len(set(keys)) != len(keys) or not set(keys) <= set(_KEYS):
        raise MalformedInput(
            f"{place}: expected keys of an authorization's lines, joined by commas, or nothing",
            hint=f"some of: {', '.join(_KEYS)}",
        )
    return keys


def reveal_entry(authorization: Authorization, hidden: tuple[str, ...]) -> RevealEntry:
    """The body of a ``reveal`` entry, without the salt.

    Each line that is shown opens alone and tells nothing of the others.
    """
    salt = authorization.terms.salt.unsafe_bytes()
    lines = []
    for index, line in enumerate(authorization.note.text.decode("utf-8")[:-1].split("\n")):
        if index == SALT_LINE:
            continue
        key = line_key(salt, index)
        if line.partition(": ")[0] in hidden:
            lines.append(RevealedLine(index=index, proof=line_hash(key, line), line=None))
        else:
            lines.append(RevealedLine(index=index, proof=key, line=line))
    return RevealEntry(authorization=authorization.commitment, lines=tuple(lines))


def verify_may_reveal(authorization: Authorization, hidden: tuple[str, ...], state: State, now: dt.datetime) -> None:
    """Refuse a reveal before secrecy is over, and one that shows nothing new.

    Raises:
        Refused: another vault's, still secret (code ``time``), or every line was revealed before (code ``form``).
    """
    terms = authorization.terms
    if terms.origin != state.origin or terms.roster not in state.rosters:
        raise Refused("authorization: written for another vault", code="scope", hint=f"this vault is {state.origin}")
    if authorization.is_secret(now):
        raise Refused(
            f"authorization: secret until {terms.secret_until}, and it is {wire.format_time(now)}",
            code="time",
            hint="it can be revealed from the day after",
        )
    body = reveal_entry(authorization, hidden)
    shown = {line.index for line in body.lines if line.line is not None}
    if shown <= revealed_lines(authorization.commitment, state):
        raise Refused("authorization: these lines were revealed before", code="form")


def revealed_lines(commitment: Commitment, state: State) -> set[int]:
    """The indexes of the lines that the log shows already."""
    reveals = [body for _, body in state.reveals if body.authorization == commitment]
    return {line.index for body in reveals for line in body.lines if line.line is not None}
