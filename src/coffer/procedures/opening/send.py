"""Hands a request with the files of its order, sealed, to custodians elsewhere, for their people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from coffer.authority.authorization import Authorization
from coffer.authority.ordered import OrderFile, order_file
from coffer.custody.exchange import format_order, note_info, order_info
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

    def send_order(self, sealed: bytes) -> None:
        """Hand over a sealed file of the order, after its request. Sending it again is harmless.

        Raises:
            Unavailable: it could not be reached.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """``reached``: the custodians that took it, with every file that was given.

    ``failed``: the message of each that could not be reached, by name. It may have taken a part.
    """

    reached: tuple[str, ...]
    failed: dict[str, str]


def files_of(authorization: Authorization, given: Sequence[tuple[str, bytes]]) -> tuple[OrderFile, ...]:
    """The files of the order among those that are given, by name and content.

    Raises:
        MalformedInput: one of them is no file of this order.
    """
    files = authorization.terms.ordered.files
    for name, raw in given:
        if order_file(raw, name) not in files:
            raise MalformedInput(
                f"{name}: not a file of this request's order: its hash is another",
                hint="coffer show NOTE lists the hashes; a file that was saved again or signed since is another file",
            )
    return tuple(dict.fromkeys(order_file(raw, name) for name, raw in given))


def send_request(
    authorization: Authorization, state: State, recipients: Sequence[Recipient], orders: Sequence[bytes] = ()
) -> Sent:
    """Seal the request, with the files of its order, to each recipient that its roster names.

    Each is handed over. A custodian confirms nothing but that it took bytes. The request goes first: a file is kept only beside it.

    Raises:
        MalformedInput: the request is another vault's, or a file is none of its order.
    """
    files_of(authorization, [(f"order {number}", raw) for number, raw in enumerate(orders, 1)])
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
            for raw in orders:
                sealed = format_order(authorization.commitment, raw)
                recipient.send_order(seal(sealed, member.req, info=order_info(roster.hash, member.index)))
            reached.append(recipient.name)
        except Unavailable as error:
            failed[recipient.name] = error.message
    return Sent(reached=tuple(reached), failed=failed)
