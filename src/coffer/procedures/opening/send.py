"""Hands a request, sealed, to the custodians on other machines, whose people then review it there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from coffer.authority.authorization import Authorization
from coffer.custody.exchange import note_info
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.state import State
from coffer.notes.keys import seal


@runtime_checkable
class Recipient(Protocol):
    """A custodian on another machine, as far as it takes requests."""

    @property
    def name(self) -> str:
        """Its name in the roster."""

    def send_note(self, sealed: bytes) -> None:
        """Hand over a sealed request. Sending it again is harmless.

        Raises:
            Unavailable: it could not be reached.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """``reached``: the custodians that took it.

    ``failed``: the message of each that could not be reached, by name.
    """

    reached: tuple[str, ...]
    failed: dict[str, str]


def send_request(authorization: Authorization, state: State, recipients: Sequence[Recipient]) -> Sent:
    """Seal the request to each recipient that its roster names, and hand it over.

    A custodian confirms nothing but that it took bytes.

    Raises:
        MalformedInput: the request is another vault's.
    """
    roster = state.rosters.get(authorization.terms.roster)
    if roster is None or authorization.terms.origin != state.origin:
        raise MalformedInput("request: written for another vault")
    reached: list[str] = []
    failed: dict[str, str] = {}
    for recipient in recipients:
        member = roster.custodian(recipient.name)
        if member is None:
            continue
        try:
            recipient.send_note(seal(authorization.note.raw, member.req, info=note_info(roster.hash, member.index)))
            reached.append(recipient.name)
        except Unavailable as error:
            failed[recipient.name] = error.message
    return Sent(reached=tuple(reached), failed=failed)
