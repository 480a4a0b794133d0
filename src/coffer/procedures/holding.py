"""Holds, the shell: a desk makes one and logs it, custodians at hand keep for it, and it ends.

The note, what is kept and when it is answered are in ``docs/formats/hold.md``.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from coffer.authority.authorization import commit, verify_secrecy
from coffer.authority.hold import Hold, HoldTerms, format_hold_terms, parse_hold
from coffer.custody.holding import Coverage
from coffer.custody.parcel import hold_info, parcels
from coffer.custody.review import release_of
from coffer.custody.waiting import own_entries, waiting_body
from coffer.entropy import Entropy
from coffer.errors import CofferError, Refused, Unavailable
from coffer.ledger.entries import Commitment, ExtendEntry, HeldEntry, HoldEntry, ReleaseEntry
from coffer.ledger.facts import Invalid
from coffer.ledger.holds import HoldStatus, LoggedHold
from coffer.ledger.retention import is_segment_past
from coffer.ledger.state import State, verify_clock
from coffer.notes.keys import Secret, seal
from coffer.notes.note import sign_note
from coffer.procedures.opening.found_by import verify_found
from coffer.procedures.opening.request import Sought, asked_of
from coffer.procedures.opening.standings import ask_standings, roster_of, with_countersignatures
from coffer.vault.folder import Vault
from coffer.vault.held import Covered, covered_as
from coffer.vault.operator import DESK

_PLACE = "hold"


@runtime_checkable
class HoldKeeper(Protocol):
    """A custodian that keeps for holds that its people approved. Idempotent."""

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def held_entries(self, raw: bytes, headers: Iterator[bytes], entropy: Entropy, place: str) -> list[bytes]:
        """The signed ``held`` entry of what it keeps; none if the log says as much already."""
        ...


@runtime_checkable
class Distant(Protocol):
    """A custodian on another machine, as far as it takes holds."""

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def send_hold(self, sealed: bytes) -> None:
        """Hand over a sealed parcel; raises ``Unavailable``."""
        ...

    def entries(self) -> bytes:
        """The signed entries that wait there, as a bundle; raises ``Unavailable``."""
        ...

    def standing(self, sealed: bytes) -> bytes:
        """A sealed report of how a hold stands there, or the constant refusal; raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class DistantKeeper:
    """A ``HoldKeeper`` on another machine.

    It is sent the note with the headers, and asked for what it signed.
    """

    distant: Distant
    state: State

    @property
    def name(self) -> str:
        """Its name in the roster."""
        return self.distant.name

    def standing(self, sealed: bytes) -> bytes:
        """How the hold stands there."""
        return self.distant.standing(sealed)

    def held_entries(self, raw: bytes, headers: Iterator[bytes], entropy: Entropy, place: str) -> list[bytes]:
        """The signed ``held`` entry of what it keeps; none if the log says as much already.

        Raises:
            Refused: it is not in the hold's roster, or keeps nothing, perhaps because its people did not approve yet.
            Unavailable: it cannot be reached.
        """
        del entropy
        hold = parse_hold(raw, place)
        roster = self.state.rosters.get(hold.terms.roster)
        member = None if roster is None else roster.custodian(self.name)
        if roster is None or member is None:
            raise Refused(f"{place}: of a roster without {self.name}", code="scope")
        for parcel in parcels(raw, headers):
            self.distant.send_hold(seal(parcel, member.req, info=hold_info(roster.hash, member.index)))
        entries = [raw for raw in own_entries(self.distant.entries(), self.name) if _is_held(raw, hold)]
        logged = self.state.hold_of(hold.commitment)
        term = None if logged is None else logged.term(hold.commitment)
        if not entries and (term is None or self.name not in term.holders):
            raise Refused(f"{place}: {self.name} was sent it, and keeps nothing so far", code="scope")
        return entries


def _is_held(raw: bytes, hold: Hold) -> bool:
    body = waiting_body(raw, _PLACE)
    return isinstance(body, HeldEntry) and body.note == hold.commitment


def sought_of(hold: Hold) -> Sought:
    """What a hold asks for, as it would be typed."""
    terms = hold.terms
    return Sought(
        ordered=terms.ordered,
        subjects=[subject.format() for subject in terms.subjects],
        persons=terms.persons,
        periods=terms.periods,
        kinds=",".join(terms.kinds),
        authority=terms.authority,
        basis=terms.basis,
        purpose=terms.purpose,
        is_hub=terms.is_hub,
        secret_until=terms.secret_until,
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PreparedHold:
    """A hold, or an extension, that is neither signed nor logged yet.

    ``commitment``: what the log will show of it.
    """

    terms: HoldTerms
    commitment: Commitment


def make_hold(vault: Vault, sought: Sought, *, until: dt.datetime) -> Hold:
    """A signed hold, logged: from now on custodians may keep for it.

    Raises:
        MalformedInput: a field is wrong; the message names the first.
        Refused: the log would not take it: too long, or too many today.
    """
    return make_holds(vault, [sought], until=until)[0]


def make_holds(vault: Vault, soughts: Sequence[Sought], *, until: dt.datetime) -> list[Hold]:
    """The holds that one order needs, logged together or not at all.

    Raises:
        MalformedInput, Refused: as ``make_hold``.
    """
    state = vault.replay()
    prepared = [prepare_hold(vault, sought, state, until=until) for sought in soughts]
    holds = [sign_hold(vault, one) for one in prepared]
    log_holds(vault, holds)
    return holds


def extend_hold(vault: Vault, first: Hold, sought: Sought, *, until: dt.datetime) -> Hold:
    """A signed note that makes a hold last longer, logged; custodians must approve it too.

    Raises:
        MalformedInput, Refused: as ``prepare_extension``, or the log would not take it.
    """
    hold = sign_hold(vault, prepare_extension(vault, first, sought, vault.replay(), until=until))
    log_holds(vault, [hold])
    return hold


def prepare_hold(vault: Vault, sought: Sought, state: State, *, until: dt.datetime) -> PreparedHold:
    """The hold as it would be signed now.

    Raises:
        MalformedInput: a field is wrong; the message names the first.
        Refused: nothing of its days is found by an IMEI or IMSI that it names.
    """
    roster, entropy = state.roster, vault.outside.entropy
    terms = HoldTerms(
        origin=roster.origin,
        roster=roster.hash,
        id=entropy(16),
        salt=Secret(entropy(32), "salt"),
        requester=vault.operator_key(DESK).verify_key,
        **asked_of(sought, roster, vault.outside.clock()),
        is_hub=sought.is_hub,
        until=until,
        extends=None,
        secret_until=sought.secret_until,
    )
    verify_found(vault, state, terms)
    return _prepared(terms)


def prepare_extension(vault: Vault, first: Hold, sought: Sought, state: State, *, until: dt.datetime) -> PreparedHold:
    """A note that makes a hold last longer, as it would be signed now.

    ``sought``: the order that asks for it. Whom and what it is about is taken from the first note.

    Raises:
        Refused: the hold is not in force.
    """
    now, entropy = vault.outside.clock(), vault.outside.entropy
    logged = _in_force(first, state, now)
    asked = asked_of(sought, state.rosters[first.terms.roster], now)
    terms = replace(
        first.terms,
        id=entropy(16),
        salt=Secret(entropy(32), "salt"),
        ordered=asked["ordered"],
        authority=asked["authority"],
        basis=asked["basis"],
        purpose=asked["purpose"],
        until=until,
        extends=logged.entry.note,
        secret_until=sought.secret_until,
    )
    return _prepared(terms)


def sign_hold(vault: Vault, prepared: PreparedHold) -> Hold:
    """The prepared hold, signed by the desk; nobody keeps for it before it is logged."""
    return parse_hold(sign_note(format_hold_terms(prepared.terms), vault.operator_key(DESK)).raw, _PLACE)


def log_holds(vault: Vault, holds: Sequence[Hold]) -> None:
    """Log what was signed, all or none.

    Raises:
        Refused: the log would not take one: too long, too many today, or what it extends is not in force.
    """
    now = vault.outside.clock()
    with vault.writing() as state:
        verify_clock(state, now)
        bodies: list[HoldEntry | ExtendEntry | ReleaseEntry] = []
        for hold in holds:
            if hold.terms.extends is None:
                vault.held.keep(hold.commitment, _covered(hold, state))  # first, so that no crash lets the files go
                bodies.append(_first_entry(hold))
            else:
                index = _in_force(hold, state, now).index
                bodies.append(ExtendEntry(hold=index, note=hold.commitment, until=hold.terms.until))
        _log(vault, bodies, state)
    for hold in holds:
        if hold.terms.extends is None:
            vault.desk.keep_hold(hold.commitment, hold.note.raw, hold.terms.until)


def _prepared(terms: HoldTerms) -> PreparedHold:
    verify_secrecy(terms.secret_until, terms.until, "--secret-until")
    return PreparedHold(terms=terms, commitment=commit(format_hold_terms(terms), terms.roster, terms.salt))


def _in_force(hold: Hold, state: State, now: dt.datetime) -> LoggedHold:
    """The hold of a first note, or the one that a note extends."""
    logged = state.hold_of(hold.terms.extends or hold.commitment)
    if logged is None or state.hold_status(logged, now) is not HoldStatus.IN_FORCE:
        raise Refused(f"{_PLACE}: not in force", code="time", hint="only a hold in force can last longer")
    return logged


def _first_entry(hold: Hold) -> HoldEntry:
    terms = hold.terms
    return HoldEntry(note=hold.commitment, roster=terms.roster, rules=terms.rules, requester=DESK, until=terms.until)


def keep_hold(vault: Vault, raw: bytes, keepers: Sequence[HoldKeeper]) -> dict[str, str]:
    """Have custodians keep for a hold that their people approved; what each said: "" if it keeps.

    Custodians elsewhere are asked first for their countersignatures, which a hub and protected subjects need: so all
    see what each signed. Given again, it keeps what came since.

    Raises:
        MalformedInput: it is no hold.
        NotProven: of another vault, or a signature on it is false.
        Unavailable: the vault is in use.
    """
    hold, said = parse_hold(raw, _PLACE), dict[str, str]()
    distant = [keeper for keeper in keepers if isinstance(keeper, DistantKeeper)]
    if distant:
        raw = with_countersignatures(hold, roster_of(vault, hold), ask_standings(vault, hold, distant)).raw
    with vault.writing() as state:
        for keeper in keepers:
            try:
                entries = keeper.held_entries(raw, _headers(vault, hold, state), vault.outside.entropy, _PLACE)
            except CofferError as error:
                said[keeper.name] = error.message
                continue
            verdicts = vault.append_counting(entries, state)
            lost = [verdict.reason for verdict in verdicts if isinstance(verdict, Invalid)]
            said[keeper.name] = f"{_PLACE}: what {keeper.name} said has no effect: {lost[0]}" if lost else ""
    return said


def release_hold(vault: Vault, raw: bytes) -> LoggedHold:
    """End a hold: custodians destroy what they kept, and dead segments lose their files.

    Raises:
        MalformedInput: it is no hold.
        Refused: the log has no such hold, or it was released.
    """
    hold = parse_hold(raw, _PLACE)
    with vault.writing() as state:
        body = release_of(hold, state, _PLACE)
        _log(vault, [body], state)
        return state.holds[body.hold]


def _log(vault: Vault, bodies: Sequence[HoldEntry | ExtendEntry | ReleaseEntry], state: State) -> None:
    vault.append([vault.entry(body, vault.operator_key(DESK), state) for body in bodies], state)


def _covered(hold: Hold, state: State) -> Iterator[Covered]:
    """What its segments are, those that are still to come included."""
    terms, coverage = hold.terms, Coverage(hold.terms)
    yield from (covered_as(one) for one in state.segments.values() if coverage.lines(one))
    yield from ((day, kind, rule) for day in terms.all_days for kind in terms.kinds for rule in terms.rules)


def _headers(vault: Vault, hold: Hold, state: State) -> Iterator[bytes]:
    """The header files of the segments that it covers and that are not over, one at a time."""
    coverage, today = Coverage(hold.terms), vault.outside.clock().date()
    for segment in state.segments.values():
        if not is_segment_past(segment, today) and coverage.lines(segment):
            with suppress(Unavailable):  # a file that is not there is told of by fsck
                yield vault.segments.read_raw_header(segment.line.day, segment.line.seg_id)
