"""Raising the limit of a request, without starting anew: the note that amends it, signed by the desk.

Custodians approve it as they approve a request, and judge all draws of the request against it. Implements
``docs/formats/authorization.md``, "Amendments".
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from coffer import letters
from coffer.authority.amended import verify_amends
from coffer.authority.authorization import (
    MAX_RECORDS,
    Authorization,
    Terms,
    commit,
    format_terms,
    parse_authorization,
    parse_free_text,
)
from coffer.authority.ordered import OrderFile
from coffer.errors import MalformedInput, Refused, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State, verify_clock
from coffer.notes.keys import Secret
from coffer.notes.note import sign_note
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class More:
    """What an order says that asks for more.

    ``max_records``: in all. ``files``: of that order. ``place``: what errors call the note that is amended.
    """

    max_records: int
    authority: str
    basis: str
    files: Sequence[OrderFile]
    place: str = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedAmendment:
    """An amendment that nobody has signed. Nothing is stored yet."""

    authorization: Authorization
    terms: Terms

    def __repr__(self) -> str:
        return "<prepared amendment>"

    @property
    def commitment(self) -> Commitment:
        """What a revocation or refusal in the log would show of it."""
        return commit(format_terms(self.terms), self.terms.roster, self.terms.salt)


def amend_request(
    vault: Vault,
    raw_note: bytes,
    *,
    max_records: int,
    authority: str,
    basis: str,
    files: Sequence[OrderFile],
    place: str = "request",
) -> Authorization:
    """The amendment of a request of this vault, signed by its desk and kept there.

    ``authority``, ``basis``, ``files``: of the order that asks for more. ``place``: what errors call the note.

    Raises:
        MalformedInput: it is no request, or a field is wrong.
        Refused: it has expired or was revoked.
        Unavailable: it was not requested here, or nothing can be opened under it any more.
    """
    authorization = parse_authorization(raw_note, place)
    more = More(max_records=max_records, authority=authority, basis=basis, files=files, place=place)
    with vault.writing() as state:
        return _signed(vault, prepare_amendment(vault, authorization, more, state))


def prepare_amendment(vault: Vault, authorization: Authorization, more: More, state: State) -> PreparedAmendment:
    """The amendment as it would be signed, so that people can agree to it before it is.

    Raises as ``amend_request``.
    """
    now, entropy = vault.outside.clock().replace(microsecond=0), vault.outside.entropy
    terms = amendment_terms(authorization, more, now, id=entropy(16), salt=Secret(entropy(32), "salt"))
    _verify_alive(vault, authorization, state, now, more.place)
    return PreparedAmendment(authorization=authorization, terms=terms)


def sign_amendment(vault: Vault, prepared: PreparedAmendment) -> Authorization:
    """The signed note, which the vault keeps a copy of. Raises as ``amend_request``."""
    with vault.writing() as state:
        now = vault.outside.clock().replace(microsecond=0)
        _verify_alive(vault, prepared.authorization, state, now, "request")
        return _signed(vault, prepared)


def _signed(vault: Vault, prepared: PreparedAmendment) -> Authorization:
    note = sign_note(format_terms(prepared.terms), vault.operator_key(DESK))
    amendment = parse_authorization(note.raw, "amendment")
    vault.desk.keep_request(amendment.commitment, note.raw, prepared.terms.expires)
    return amendment


def amendment_terms(
    authorization: Authorization,
    more: More,
    now: dt.datetime,
    *,
    id: bytes,  # noqa: A002 - the field's name
    salt: Secret,
) -> Terms:
    """What the amendment says. Pure.

    Raises:
        MalformedInput: it is of an amendment, or a field is wrong.
    """
    terms = authorization.terms
    if terms.amends is not None:
        raise MalformedInput(f"{more.place}: an amendment, expected the request itself")
    if not terms.max_records < more.max_records <= MAX_RECORDS:
        raise MalformedInput(
            f"--max-records: found {more.max_records}, expected more than {terms.max_records} and at most {MAX_RECORDS:,}"
        )
    due = terms.ordered.due
    ordered = replace(
        terms.ordered, received=now, due=due if due is not None and due > now else None, files=tuple(more.files)
    )
    changed = replace(
        terms,
        id=id,
        salt=salt,
        ordered=ordered,
        authority=parse_free_text(letters.composed(more.authority), "--authority"),
        basis=parse_free_text(letters.composed(more.basis), "--basis"),
        max_records=more.max_records,
        amends=authorization.commitment,
    )
    verify_amends(authorization, changed, more.place)
    return changed


def _verify_alive(vault: Vault, authorization: Authorization, state: State, now: dt.datetime, place: str) -> None:
    """Refuse to amend what nothing can be opened under.

    The client's check: the custodians decide for themselves.
    """
    terms = authorization.terms
    verify_clock(state, now)
    if terms.origin != state.origin or terms.roster not in state.rosters:
        raise Refused(f"{place}: written for another vault", code="scope", hint=f"this vault is {state.origin}")
    if authorization.commitment in state.revoked or max(now, state.newest) >= terms.expires:
        raise Refused(f"{place}: it has expired or was revoked", code="time", hint="make a new request")
    if not vault.desk.has_seal_key(authorization.commitment):
        raise Unavailable(
            f"{place}: its seal key is not here",
            hint="it was requested elsewhere, or all its records were drawn: make a new request",
        )
