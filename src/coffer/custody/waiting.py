"""Entries that a custodian signed and that the log does not show yet: the outbox. Pure.

Implements ``docs/formats/custodian.md``, "Outbox".
"""

from typing import Final

from coffer.errors import MalformedInput, NotProven
from coffer.ledger.entries import (
    Body,
    DestroyEntry,
    EpochKeyEntry,
    FaultEntry,
    HeldEntry,
    ObjectionEntry,
    RatifyEntry,
    ReceiptEntry,
    RefuseEntry,
    ReleaseEntry,
    RevokeEntry,
)
from coffer.ledger.faults import has_accused
from coffer.ledger.grammar import parse_entry
from coffer.ledger.state import AHEAD_DAYS, State
from coffer.notes.keys import VerifyKey
from coffer.translog.tiling import parse_open_bundle

MAX_HANDED_OUT: Final = 2_000
"""Entries handed out at once: five years of epoch keys. The rest is handed out once these are in the log."""

MAX_AHEAD_DAYS: Final = AHEAD_DAYS
"""State takes no epoch key of a later day. It counts from the entry's time, and a vault that logs an entry counts from its own clock."""


_SIGNED: Final = (
    EpochKeyEntry,
    DestroyEntry,
    RefuseEntry,
    RevokeEntry,
    RatifyEntry,
    ReceiptEntry,
    FaultEntry,
    ObjectionEntry,
    HeldEntry,
    ReleaseEntry,
)


def waiting_body(raw: bytes, place: str) -> Body:
    """The body of an entry of a type that custodians sign; raises ``MalformedInput`` for any other."""
    body = parse_entry(raw, place).body
    if not isinstance(body, _SIGNED):
        raise MalformedInput(f"{place}: not an entry that a custodian signs")
    return body


def receipt_name(seg_id: bytes) -> str:
    """The name of the receipt for a segment."""
    return f"receipt-{seg_id.hex()}"


_ORDER: Final = ("objection", "refuse", "revoke", "ratify", "release", "held", "destroy", "fault", "epoch", "receipt")
"""People's decisions are handed out before what machines made, so that a full bundle never hides a refusal."""


def handing_order(name: str) -> tuple[int, str]:
    """The key by which waiting entries are handed out."""
    kind = name.partition("-")[0]
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), name)


def waiting_name(body: Body) -> str:
    """The file's name in the outbox. Two entries that say the same have the same name."""
    match body:
        case EpochKeyEntry():
            return f"epoch-key-{body.day}"
        case DestroyEntry():
            return f"destroy-{body.day}"
        case RefuseEntry():
            return f"refuse-{body.authorization.hex()}"
        case RatifyEntry():
            return f"ratify-{body.intent}"
        case RevokeEntry():
            return f"revoke-{body.authorization.hex()}"
        case ReceiptEntry():
            return receipt_name(body.segment)
        case FaultEntry():
            return f"fault-{body.object if isinstance(body.object, int) else body.object.hex()}"
        case ObjectionEntry():
            return f"objection-{body.absence}"
        case HeldEntry():
            return f"held-{body.note.hex()}"
        case ReleaseEntry():
            return f"release-{body.hold}"
        case _:
            raise AssertionError("an entry that no custodian signs was put into the outbox")


def has_arrived(body: Body, custodian: str, state: State) -> bool:
    """Whether the log says by now what this entry says, by this very entry or by another one."""
    match body:
        case EpochKeyEntry():
            return (custodian, body.day) in state.epoch_keys
        case DestroyEntry():
            return (custodian, body.day) in state.destroyed
        case RefuseEntry():
            return state.is_refused(body.authorization, custodian)
        case RatifyEntry():
            return body.intent in state.debts and custodian in state.debts[body.intent].ratified
        case RevokeEntry():
            return body.authorization in state.revoked
        case ReceiptEntry():
            return (custodian, body.segment) in state.receipts
        case FaultEntry():
            return not isinstance(body.object, int) and has_accused(state, custodian, body.object)
        case ObjectionEntry():
            return all(absence.index != body.absence for absence in state.absences.values())
        case HeldEntry():
            hold = state.hold_of(body.note)
            term = None if hold is None else hold.term(body.note)
            return term is not None and dict(term.held).get(custodian, 0) >= body.cells_at_most
        case ReleaseEntry():
            return body.hold in state.holds and state.holds[body.hold].released is not None
        case _:
            return False


def is_by(body: Body, custodian: str) -> bool:
    """Whether an entry says that it is this custodian's.

    A revocation, an objection and a release name nobody. Only their signature tells whose they are.
    """
    if isinstance(body, EpochKeyEntry | DestroyEntry | RefuseEntry | RatifyEntry | ReceiptEntry | HeldEntry):
        return body.custodian == custodian
    if isinstance(body, FaultEntry):
        return body.accuser == custodian
    return isinstance(body, RevokeEntry | ObjectionEntry | ReleaseEntry)


def verify_own_entry(raw: bytes, custodian: str, *, auth: VerifyKey, resp: VerifyKey) -> Body:
    """What an entry from the custodian's own outbox says, proven to be signed by the custodian.

    Raises:
        MalformedInput: no entry.
        NotProven: this custodian did not write it. A party that can write to its disk must not get its signature.
    """
    entry = parse_entry(raw, "waiting entry")
    entry.note.verify_signed_by(auth if needs_auth(entry.body) else resp)
    if entry.body is None or not is_by(entry.body, custodian):
        raise NotProven("waiting entry: of another custodian")
    return entry.body


def needs_auth(body: Body | None) -> bool:
    """Whether the ``auth`` key signs entries of this type, rather than ``resp``."""
    return isinstance(body, EpochKeyEntry | RefuseEntry | RatifyEntry | RevokeEntry | ObjectionEntry | ReleaseEntry)


def own_entries(bundle: bytes, custodian: str) -> list[bytes]:
    """What a custodian hands out.

    Raises:
        MalformedInput: not an entry bundle, or it holds an entry that is another custodian's to sign.
    """
    place = f"custodian {custodian}"
    entries = list(parse_open_bundle(bundle, MAX_HANDED_OUT, place))
    if not all(is_by(waiting_body(raw, place), custodian) for raw in entries):
        raise MalformedInput(f"{place}: hands out entries of another custodian")
    return entries
