"""Turning an order into an authorization note: the text, its seal key, the requester's signature."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization, Terms, format_terms, parse_authorization, parse_free_text
from coffer.authority.countersign import rules_of
from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_subject
from coffer.ledger.state import verify_clock
from coffer.notes.keys import SealKey, Secret
from coffer.notes.note import sign_note
from coffer.segments.seal import Entropy
from coffer.vault.folder import DESK, Vault

ROSTER_DIGITS: Final = 16
"""Of a roster's hash, by which an older one is named: 64 bits, since each roster of a log was signed by its custodians and nobody else can add one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the desk was ordered to ask for, as typed; every field is checked when the note is made."""

    subjects: Sequence[str]
    days: Sequence[tuple[str, str]]
    kinds: str
    max_records: int
    authority: str
    basis: str
    purpose: str
    person: str
    is_hub: bool
    not_before: dt.datetime
    expires: dt.datetime
    secret_until: dt.date

    def __repr__(self) -> str:
        return "<order>"


def make_request(vault: Vault, order: Order, *, now: dt.datetime, entropy: Entropy, roster: str = "") -> Authorization:
    """The signed note; its seal key is stored in the vault until it ends. ``roster``: the hash of an older one, or how it begins.

    Raises:
        MalformedInput: the first field that is wrong.
    """
    with vault.writing() as state:
        rosters = [found for found in state.rosters if roster and found.hex().startswith(roster)]
        if roster and (len(rosters) != 1 or len(roster) < ROSTER_DIGITS):
            raise MalformedInput(
                f"--roster: {len(rosters)} rosters of this vault begin so, expected {ROSTER_DIGITS} digits or more of one"
            )
        verify_clock(state, now)
        vault.desk.remove_ended_seal_keys(state, now)
        key = vault.operator_key(DESK)
        seal_key = SealKey.generate()
        days = [(wire.parse_day(a, "--days"), wire.parse_day(b, "--days")) for a, b in order.days]
        under = state.rosters[rosters[0]] if rosters else state.roster
        subjects = tuple(parse_subject(text, f"--subject {n}") for n, text in enumerate(order.subjects, 1))
        terms = Terms(
            origin=vault.pins.origin,
            roster=under.hash,
            id=entropy(16),
            salt=Secret(entropy(32), "salt"),
            requester=key.verify_key,
            seal=wire.digest(seal_key.public),
            authority=order.authority,
            basis=order.basis,
            purpose=order.purpose,
            person=order.person,
            subjects=subjects,
            rules=rules_of(subjects, under),
            days=tuple(sorted(days)),
            kinds=tuple(order.kinds.split(",")),
            max_records=order.max_records,
            is_hub=order.is_hub,
            not_before=order.not_before,
            expires=order.expires,
            secret_until=order.secret_until,
        )
        for name in ("authority", "basis", "purpose", "person"):
            parse_free_text(getattr(order, name), f"--{name}")
        authorization = parse_authorization(sign_note(format_terms(terms), key).raw, "request")
        vault.desk.write_seal_key(authorization.commitment, seal_key, terms.expires)
        return authorization
