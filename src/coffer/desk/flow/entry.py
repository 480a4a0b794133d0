"""How every part of the flow reads the vault and writes into a case."""

import datetime as dt
from collections.abc import Callable
from typing import Final

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.hold import Hold, parse_hold
from coffer.desk import edits
from coffer.desk.case import (
    Case,
    CaseId,
    DocumentId,
    DocumentKind,
    Edit,
    NewDocument,
    Request,
)
from coffer.desk.people import PersonId
from coffer.desk.port import Conflict, Lease, Post, Store
from coffer.desk.signed import amended_of
from coffer.entropy import Entropy
from coffer.errors import Refused, Unavailable
from coffer.ledger.entries import Commitment
from coffer.procedures.opening.journal import Journal
from coffer.vault.folder import Vault

AGAIN: Final = 20
"""How often the desk's own entry into a case is tried anew when people change the case at the same moment."""


class Entry:
    """One process of the desk at work on a vault and its store.

    ``process``: its own random name, for leases.
    """

    def __init__(self, vault: Vault, store: Store, *, process: str) -> None:
        self.vault = vault
        self.store = store
        self.process = process

    @property
    def _entropy(self) -> Entropy:
        return self.vault.outside.entropy

    def is_undelivered(self, request: Request, commitment: Commitment) -> bool:
        """Whether an opening was begun whose answer is not in the case."""
        raw = self.vault.desk.read_opening(commitment)
        return raw is not None and Journal.parse(raw).intent not in {item.intent for item in request.delivered}

    def holds_of(self, case: Case) -> list[Hold]:
        """The holds of a case and what extends them, as they were signed, the oldest first."""
        return [parse_hold(self.store.document(case.id, one.id), "hold") for one in case.holds]

    def amended(self, request: Request, now: dt.datetime) -> Authorization:
        """The authorization of a request, with the amendment that counts and allows most, if one does."""
        return amended_of(request, self.vault.replay(), now)

    def new_document(
        self,
        content: bytes,
        *,
        kind: DocumentKind,
        name: str,
        by: PersonId | None,
        now: dt.datetime,
        request: int | None,
    ) -> NewDocument:
        """A document under a fresh id."""
        fresh = DocumentId(self._entropy(16).hex())
        return edits.new_document(content, id=fresh, kind=kind, name=name, by=by, now=now, request=request)

    def apply(
        self,
        case: CaseId,
        edit: Callable[[Case], Edit],
        *,
        by: PersonId | None,
        now: dt.datetime,
        lease: Lease | None = None,
        post: Post | None = None,
    ) -> Case:
        """Make an edit that goes with any other: when somebody was faster, it is made anew on what they left.

        ``post``: the form that it came with, which is written once.
        """
        for _ in range(AGAIN):
            try:
                return self.store.write(edit(self.store.case(case)), by=by, now=now, lease=lease, post=post).case
            except Conflict:
                continue
        raise Unavailable("case: it is changed all the time", hint="try again in a moment")


def authorization_of(request: Request) -> Authorization:
    """The authorization of a request, with every signature that came in."""
    return parse_authorization(request.note, "request")


def verify_alive(request: Request) -> None:
    """Refuse what cannot be done with a request that was withdrawn."""
    if request.withdrawn is not None:
        raise Refused("request: it was withdrawn", code="form", hint="make another request")
