"""Raising the limit of a request, without starting anew: the note that amends it, signed by the desk.

Custodians approve it as they approve a request, and judge all draws of the request against it. Implements
``docs/formats/authorization.md``, "Amendments".
"""

from collections.abc import Sequence
from dataclasses import replace

from coffer import letters
from coffer.authority.amended import verify_amends
from coffer.authority.authorization import (
    MAX_RECORDS,
    Authorization,
    format_terms,
    parse_authorization,
    parse_free_text,
)
from coffer.authority.ordered import OrderFile
from coffer.errors import MalformedInput, Refused, Unavailable
from coffer.ledger.state import verify_clock
from coffer.notes.keys import Secret
from coffer.notes.note import sign_note
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK


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
    authorization, now = parse_authorization(raw_note, place), vault.outside.clock().replace(microsecond=0)
    terms = authorization.terms
    if terms.amends is not None:
        raise MalformedInput(f"{place}: an amendment, expected the request itself")
    if not terms.max_records < max_records <= MAX_RECORDS:
        raise MalformedInput(
            f"--max-records: found {max_records}, expected more than {terms.max_records} and at most {MAX_RECORDS:,}"
        )
    authority = parse_free_text(letters.composed(authority), "--authority")
    basis = parse_free_text(letters.composed(basis), "--basis")
    with vault.writing() as state:
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
        due = terms.ordered.due
        ordered = replace(
            terms.ordered, received=now, due=due if due is not None and due > now else None, files=tuple(files)
        )
        entropy = vault.outside.entropy
        changed = replace(
            terms,
            id=entropy(16),
            salt=Secret(entropy(32), "salt"),
            ordered=ordered,
            authority=authority,
            basis=basis,
            max_records=max_records,
            amends=authorization.commitment,
        )
        verify_amends(authorization, changed, place)
        note = sign_note(format_terms(changed), vault.operator_key(DESK))
        amendment = parse_authorization(note.raw, "amendment")
        vault.desk.keep_request(amendment.commitment, note.raw, changed.expires)
    return amendment
