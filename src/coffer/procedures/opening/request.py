"""From an order to an authorization note: the text, its seal key, the requester's signature."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coffer import letters, wire
from coffer.authority.authorization import (
    AskedFor,
    Authorization,
    Terms,
    commit,
    format_terms,
    parse_authorization,
    parse_free_text,
    verify_secrecy,
)
from coffer.authority.countersign import rules_of
from coffer.authority.ordered import Ordered, verify_ordered
from coffer.authority.period import Period, parse_periods
from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_subject
from coffer.ledger.entries import Commitment
from coffer.ledger.roster import Roster
from coffer.ledger.state import State, verify_clock
from coffer.notes.keys import SealKey, Secret, VerifyKey
from coffer.notes.note import sign_note
from coffer.procedures.opening.found_by import verify_found
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK

ROSTER_DIGITS: Final = 16
"""Digits of a roster's hash that name an older roster.

64 bits suffice: custodians signed each roster of a log, and nobody else can add one.
"""

RECEIVED_AHEAD: Final = dt.timedelta(minutes=5)
"""How far the desk's clock may lie behind the one that stamped the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Whom and what an order is about, as typed. Every field is checked when a note is made of it.

    ``persons``: who used each subject, in the order of ``subjects``, or one for all. ``periods``: the periods of each
    subject, in the same order. Those of one subject may be in any order.
    """

    ordered: Ordered
    subjects: Sequence[str]
    persons: Sequence[str]
    periods: Sequence[Sequence[Period]]
    kinds: str
    authority: str
    basis: str
    purpose: str
    is_hub: bool
    secret_until: dt.date

    def __repr__(self) -> str:
        return "<order>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Order(Sought):
    """What the desk was ordered to open."""

    max_records: int
    not_before: dt.datetime
    expires: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request that nobody has signed: its terms, and the seal key that they name.

    Nothing is stored yet.
    """

    terms: Terms
    seal_key: SealKey

    def __repr__(self) -> str:
        return "<prepared request>"

    @property
    def text(self) -> bytes:
        """The exact text that is signed."""
        return format_terms(self.terms)

    @property
    def commitment(self) -> Commitment:
        """What the log will show of it."""
        return commit(self.text, self.terms.roster, self.terms.salt)


def prepare_request(vault: Vault, order: Order, state: State, *, roster: str = "") -> Prepared:
    """The request as it would be signed, so that people can look at it, and agree to it, before it is.

    ``roster``: the hash of an older roster, or its beginning; empty for the roster in force.

    Raises:
        MalformedInput: a field is wrong; the message names the first.
        Refused: no record of its days is found by a subject's IMEI or IMSI.
    """
    rosters = [known for known in state.rosters if roster and known.hex().startswith(roster)]
    if roster and (len(rosters) != 1 or len(roster) < ROSTER_DIGITS):
        raise MalformedInput(
            f"--roster: {len(rosters)} rosters of this vault begin so, expected {ROSTER_DIGITS} digits or more of one"
        )
    entropy, key, seal_key = vault.outside.entropy, vault.operator_key(DESK), SealKey.generate()
    drawn = Drawn(id=entropy(16), salt=Secret(entropy(32), "salt"), seal=wire.digest(seal_key.public))
    under = state.rosters[rosters[0]] if rosters else state.roster
    terms = terms_of(order, under, key.verify_key, drawn, vault.outside.clock())
    verify_found(vault, state, terms)
    return Prepared(terms=terms, seal_key=seal_key)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Drawn:
    """The lines of a request that are drawn for it.

    ``id``: 16 B. ``seal``: the hash of its seal key.
    """

    id: bytes
    salt: Secret
    seal: bytes


def terms_of(order: Order, roster: Roster, requester: VerifyKey, drawn: Drawn, now: dt.datetime) -> Terms:
    """What the request says, with its free texts in their one spelling. Pure.

    Raises:
        MalformedInput: a field is wrong; the message names the first.
    """
    terms = Terms(
        origin=roster.origin,
        roster=roster.hash,
        id=drawn.id,
        salt=drawn.salt,
        requester=requester,
        **asked_of(order, roster, now),
        seal=drawn.seal,
        max_records=order.max_records,
        is_hub=order.is_hub,
        not_before=order.not_before,
        expires=order.expires,
        secret_until=order.secret_until,
    )
    verify_secrecy(order.secret_until, order.expires, "--secret-until")
    return terms


def asked_of(order: Sought, roster: Roster, now: dt.datetime) -> AskedFor:
    """The lines about the order and about whom it names, with free texts in their one spelling. Pure.

    Raises:
        MalformedInput: a field is wrong; the message names the first.
    """
    subjects = tuple(parse_subject(text, f"--subject {n}") for n, text in enumerate(order.subjects, 1))
    persons = tuple(order.persons) * (len(subjects) if len(order.persons) == 1 else 1)
    if len(persons) != len(subjects):
        raise MalformedInput(
            f"--person: {len(persons)} persons for {len(subjects)} subjects, expected one for all or one for each"
        )
    asked = AskedFor(
        ordered=order.ordered,
        authority=letters.composed(order.authority),
        basis=letters.composed(order.basis),
        purpose=letters.composed(order.purpose),
        subjects=subjects,
        persons=tuple(letters.composed(person) for person in persons),
        rules=rules_of(subjects, roster),
        periods=tuple(_sorted(own, n) for n, own in enumerate(order.periods, 1)),
        kinds=tuple(order.kinds.split(",")),
    )
    free = [(name, asked[name]) for name in ("authority", "basis", "purpose")]
    for name, text in (*free, *(("person", person) for person in asked["persons"])):
        parse_free_text(text, f"--{name}")
    verify_ordered(order.ordered, "--{}".format)
    if order.ordered.received > now + RECEIVED_AHEAD:
        raise MalformedInput("--received: later than now", hint="name the moment at which the order came in")
    return asked


def sign_request(vault: Vault, prepared: Prepared) -> Authorization:
    """The signed note. The vault stores its seal key until the authorization ends.

    Raises:
        MalformedInput: a field is wrong; the message names the first.
    """
    now = vault.outside.clock()
    with vault.writing() as state:
        return _signed(vault, prepared, state, now)


def make_request(vault: Vault, order: Order, *, roster: str = "") -> Authorization:
    """``prepare_request`` and ``sign_request`` at once."""
    now = vault.outside.clock()
    with vault.writing() as state:
        return _signed(vault, prepare_request(vault, order, state, roster=roster), state, now)


def _signed(vault: Vault, prepared: Prepared, state: State, now: dt.datetime) -> Authorization:
    verify_clock(state, now)
    vault.desk.remove_ended_seal_keys(state, vault.shown(state))
    note = sign_note(prepared.text, vault.operator_key(DESK))
    authorization = parse_authorization(note.raw, "request")
    vault.desk.write_seal_key(authorization.commitment, prepared.seal_key, prepared.terms.expires)
    vault.desk.keep_request(authorization.commitment, note.raw, prepared.terms.expires)
    return authorization


def _sorted(periods: Sequence[Period], number: int) -> tuple[Period, ...]:
    """The periods in the order of the note. People typed them, so an error names the subject's number."""
    own = sorted(periods, key=lambda period: (period.first, period.end))
    return parse_periods([period.format() for period in own], f"--subject {number}")
