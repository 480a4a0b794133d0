"""From an order to an authorization note: the text, its seal key, the requester's signature."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.authority.authorization import (
    Authorization,
    Terms,
    format_terms,
    parse_authorization,
    parse_free_text,
    verify_secrecy,
)
from coffer.authority.countersign import rules_of
from coffer.authority.period import Period, parse_periods
from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_subject
from coffer.ledger.state import verify_clock
from coffer.notes.keys import SealKey, Secret
from coffer.notes.note import sign_note
from coffer.vault.folder import DESK, Vault

ROSTER_DIGITS: Final = 16
"""Digits of a roster's hash that name an older roster.

64 bits suffice: custodians signed each roster of a log, and nobody else can add one.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the desk was ordered to ask for, as typed. Every field is checked when the note is made.

    ``periods``: the periods of each subject, in the order of ``subjects``. Those of one subject may be in any order.
    """

    subjects: Sequence[str]
    periods: Sequence[Sequence[Period]]
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


def make_request(vault: Vault, order: Order, *, roster: str = "") -> Authorization:
    """The signed note. The vault stores its seal key until the authorization ends.

    ``roster``: the hash of an older roster, or its beginning; empty for the roster in force.

    Raises:
        MalformedInput: a field is wrong; the message names the first.
    """
    now, entropy = vault.outside.clock(), vault.outside.entropy
    with vault.writing() as state:
        rosters = [known for known in state.rosters if roster and known.hex().startswith(roster)]
        if roster and (len(rosters) != 1 or len(roster) < ROSTER_DIGITS):
            raise MalformedInput(
                f"--roster: {len(rosters)} rosters of this vault begin so, expected {ROSTER_DIGITS} digits or more of one"
            )
        verify_clock(state, now)
        vault.desk.remove_ended_seal_keys(state, now)
        key = vault.operator_key(DESK)
        seal_key = SealKey.generate()
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
            periods=tuple(_sorted(own, n) for n, own in enumerate(order.periods, 1)),
            kinds=tuple(order.kinds.split(",")),
            max_records=order.max_records,
            is_hub=order.is_hub,
            not_before=order.not_before,
            expires=order.expires,
            secret_until=order.secret_until,
        )
        for name in ("authority", "basis", "purpose", "person"):
            parse_free_text(getattr(order, name), f"--{name}")
        verify_secrecy(order.secret_until, order.expires, "--secret-until")
        authorization = parse_authorization(sign_note(format_terms(terms), key).raw, "request")
        vault.desk.write_seal_key(authorization.commitment, seal_key, terms.expires)
        return authorization


def _sorted(periods: Sequence[Period], number: int) -> tuple[Period, ...]:
    """The periods in the order of the note. People typed them, so an error names the subject's number."""
    own = sorted(periods, key=lambda period: (period.first, period.end))
    return parse_periods([period.format() for period in own], f"--subject {number}")
