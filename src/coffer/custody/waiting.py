"""What a custodian signed and the log does not show yet: its name in the outbox, and when it has arrived. Pure.

Implements ``docs/formats/custodian.md``, "Outbox".
"""

from coffer.errors import MalformedInput
from coffer.ledger.entries import (
    Body,
    DestroyEntry,
    EpochKeyEntry,
    ReceiptEntry,
    RefuseEntry,
    RevokeEntry,
    parse_entry,
)
from coffer.ledger.state import State


def waiting_body(raw: bytes, place: str) -> Body:
    """The body of an entry of a type that custodians sign; raises ``MalformedInput`` for any other."""
    body = parse_entry(raw, place).body
    if not isinstance(body, EpochKeyEntry | DestroyEntry | RefuseEntry | RevokeEntry | ReceiptEntry):
        raise MalformedInput(f"{place}: not an entry that a custodian signs")
    return body


def waiting_name(body: Body) -> str:
    """The file's name in the outbox: two entries that say the same have one name."""
    match body:
        case EpochKeyEntry():
            return f"epoch-key-{body.day}"
        case DestroyEntry():
            return f"destroy-{body.day}"
        case RefuseEntry():
            return f"refuse-{body.authorization.hex()}"
        case RevokeEntry():
            return f"revoke-{body.authorization.hex()}"
        case ReceiptEntry():
            return f"receipt-{body.segment.hex()}"
        case _:
            raise AssertionError("an entry that no custodian signs was put into the outbox")


def has_arrived(body: Body, custodian: str, state: State) -> bool:
    """Whether the log says by now what this entry says, in these words or in others."""
    match body:
        case EpochKeyEntry():
            return (custodian, body.day) in state.epoch_keys
        case DestroyEntry():
            return (custodian, body.day) in state.destroyed
        case RefuseEntry():
            return state.is_refused(body.authorization, custodian)
        case RevokeEntry():
            return body.authorization in state.revoked
        case ReceiptEntry():
            return (custodian, body.segment) in state.receipts
        case _:
            return False


def is_by(body: Body, custodian: str) -> bool:
    """Whether an entry says that it is this custodian's. A revocation names nobody: its signature tells."""
    if isinstance(body, EpochKeyEntry | DestroyEntry | RefuseEntry | ReceiptEntry):
        return body.custodian == custodian
    return isinstance(body, RevokeEntry)
