"""The text form of a hold: to preserve one person's records, unread. Pure.

A hold opens nothing. Custodians that approve one keep the values that they would give, and a later authorization opens
them. Source: ``docs/formats/hold.md``.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.authority.authorization import (
    Authorization,
    Named,
    asked_lines,
    commit,
    identity_lines,
    parse_asked,
    parse_authorization,
    parse_identity,
    parse_yes_or_no,
    verify_secrecy,
)
from coffer.authority.ordered import OrderClass
from coffer.errors import MalformedInput, Refused
from coffer.ledger.entries import Commitment
from coffer.notes.note import Note, parse_note

FORMAT: Final = "coffer.hold/v1"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HoldTerms(Named):
    """What a hold says.

    ``extends``: the commitment of the hold that this one prolongs, whose subjects, periods and kinds it names; None for
    a first one.
    """

    until: dt.datetime
    extends: Commitment | None

    @property
    def ends(self) -> dt.datetime:
        """When nothing is kept for it any more."""
        return self.until

    def is_of_same(self, other: "HoldTerms") -> bool:
        """Whether both name the same subjects, periods and kinds, under the same roster."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("origin", "roster", "requester", "subjects", "periods", "kinds", "rules", "is_hub")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A parsed hold, whose signatures are not verified yet.

    ``commitment``: the hash that the log shows of it.
    """

    terms: HoldTerms
    note: Note
    commitment: Commitment

    def __repr__(self) -> str:
        return f"<hold {self.commitment.hex()[:16]}>"


Requested = Authorization | Hold
"""What a desk asks a custodian's people to approve."""


def format_hold_terms(terms: HoldTerms) -> bytes:
    """The text to sign; ``parse_hold`` is its strict inverse."""
    lines = [
        FORMAT,
        *identity_lines(terms),
        *asked_lines(terms),
        f"hub: {'yes' if terms.is_hub else 'no'}",
        f"until: {wire.format_time(terms.until)}",
        *([] if terms.extends is None else [f"extends: {terms.extends.hex()}"]),
        f"secret-until: {terms.secret_until}",
    ]
    return ("\n".join(lines) + "\n").encode("utf-8")


def parse_hold(raw: bytes, place: str) -> Hold:
    """The hold in a signed note; a text that would not be written back byte for byte is refused.

    Raises:
        MalformedInput: a line is not in its form; the message names the line and never a value of a subject or person.
    """
    note = parse_note(raw, place, has_letters=True)
    if note.text.startswith((b"coffer.authorization/", b"coffer.amend/")):
        raise MalformedInput(f"{place}: a request, expected a hold", hint="coffer hold make turns an order into a hold")
    fields = wire.Fields(wire.parse_lines(note.text, place, has_letters=True), place)
    terms = _parse_terms(fields, place)
    if format_hold_terms(terms) != note.text:
        raise MalformedInput(f"{place}: not in canonical form: written again it would differ")
    return Hold(terms=terms, note=note, commitment=commit(note.text, terms.roster, terms.salt))


def parse_requested_note(raw: bytes, place: str) -> Requested:
    """A hold or an authorization, as its first line says; raises ``MalformedInput``."""
    return parse_hold(raw, place) if is_hold(raw) else parse_authorization(raw, place)


def verify_opens(requested: Requested, place: str) -> Authorization:
    """The request, if it is an authorization.

    Raises:
        Refused: it is a hold, of which nothing can be opened.
    """
    if isinstance(requested, Hold):
        raise Refused(f"{place}: a hold, expected an authorization", code="form", hint="a hold opens nothing")
    return requested


def is_hold(raw: bytes) -> bool:
    """Whether the first line of a note is that of a hold."""
    return raw.startswith(f"{FORMAT}\n".encode("ascii"))


def _parse_terms(fields: wire.Fields, place: str) -> HoldTerms:
    fields.literal(FORMAT)
    identity = parse_identity(fields)
    asked = parse_asked(fields, place, (OrderClass.PRESERVE,))
    is_hub = parse_yes_or_no(fields, "hub")
    until = wire.parse_time(fields.one("until"), fields.place("until"))
    extends = fields.optional("extends")
    earlier = None if extends is None else Commitment(wire.parse_hex(extends, fields.place("extends"), size=32))
    secret_until = wire.parse_day(fields.one("secret-until"), fields.place("secret-until"))
    verify_secrecy(secret_until, until, fields.place("secret-until"))
    fields.end()
    return HoldTerms(**identity, **asked, is_hub=is_hub, until=until, extends=earlier, secret_until=secret_until)
