"""``State``: which entries of the log count, and what follows from them.

``State(entries)``, as a fold: ``State.empty(...)`` then ``apply`` entry by entry. The rule codes (V1, R1, K1 ...) are those of
``docs/formats/entries.md`` and appear in the verdicts. An invalid entry changes nothing.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self, assert_never

from coffer import wire
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger import batches, debts, holds, succession
from coffer.ledger.codes import is_as_shown, is_outcome
from coffer.ledger.entries import (
    AbsenceEntry,
    Body,
    CloseEntry,
    DestroyEntry,
    DrawEntry,
    Entry,
    EpochKeyEntry,
    ExtendEntry,
    FaultEntry,
    HeldEntry,
    HoldEntry,
    IngestEntry,
    IntentEntry,
    ObjectionEntry,
    RatifyEntry,
    ReceiptEntry,
    RefuseEntry,
    ReleaseEntry,
    RevealEntry,
    RevokeEntry,
    WithdrawEntry,
)
from coffer.ledger.facts import Broken, Invalid, Opening, Valid, Verdict
from coffer.ledger.faults import has_accused, why_not
from coffer.ledger.grammar import parse_entry
from coffer.ledger.known import Known
from coffer.ledger.receipts import Receipts
from coffer.ledger.reveal import commitment_of_lines
from coffer.ledger.roster import Roster
from coffer.notes.keys import VerifyKey
from coffer.notes.note import Note

BACKDATING: Final = dt.timedelta(minutes=15)
"""How far behind the newest entry a writer's clock may be.

Clocks differ by seconds, so more is back-dating (``docs/formats/entries.md``, V1).
"""


AHEAD_DAYS: Final = 3_700
"""Ten years of epoch keys. A key further ahead comes from a wrong clock, or from somebody who fills the log."""

BEHIND_DAYS: Final = 36_500
"""No roster keeps records for longer, so a key of an older day is of no use."""


@dataclass(slots=True, kw_only=True)
class State(Known):
    """What is known of the log, entry by entry: ``apply`` takes the next one."""

    @classmethod
    def empty(cls, *, origin: str, genesis: bytes) -> Self:
        """The state before any entry. ``genesis`` is the pinned hash of the first roster."""
        return cls(origin=origin, genesis=genesis)

    def copy(self) -> Self:
        """An independent copy: what is applied to one does not change the other.

        Values that never change are shared, so that a copy of a long log takes milliseconds.
        """
        fresh: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            fresh[item.name] = value.copy() if isinstance(value, dict | set | list | Receipts) else value
        fresh["openings"] = {
            index: opening if opening.close is not None else replace(opening)  # a closed one changes no more
            for index, opening in self.openings.items()
        }
        fresh["faults_of"] = {thing: list(faults) for thing, faults in self.faults_of.items()}
        fresh["pending"] = {
            batch: replace(pending, parts=list(pending.parts), segments=set(pending.segments))
            for batch, pending in self.pending.items()
        }
        return type(self)(**fresh)

    def apply(self, raw: bytes) -> Verdict:
        """Take the next entry of the log; whether it counts. If it does not, only ``size`` changes."""
        index = self.size
        verdict: Verdict
        try:
            entry = parse_entry(raw, f"entry {index}")
            self._apply(index, entry)
            verdict = Valid(index=index, entry=entry)
        except MalformedInput as error:
            verdict = Invalid(index=index, rule="V1", reason=error.message)
        except NotProven as error:
            verdict = Invalid(index=index, rule="V1", reason=error.message)
        except Broken as broken:
            verdict = Invalid(index=index, rule=broken.rule, reason=broken.reason)
        self.size = index + 1
        return verdict

    def offer(self, raw: bytes) -> Verdict:
        """As ``apply``, for an entry that is yet to be logged: if it does not count, nothing changes."""
        verdict = self.apply(raw)
        if isinstance(verdict, Invalid):
            self.size = verdict.index
        return verdict

    def apply_all(self, entries: Iterable[bytes]) -> list[Verdict]:
        """``apply`` each; the verdicts in order."""
        return [self.apply(raw) for raw in entries]

    def _apply(self, index: int, entry: Entry) -> None:
        if entry.origin != self.origin:
            raise Broken("V1", "another origin")
        # Rosters and absences wait for signatures, so R1 and A1 say how old these may be.
        waits = entry.body is None or isinstance(entry.body, AbsenceEntry)
        if index > 0 and not waits and entry.time < self.newest - BACKDATING:
            raise Broken("V1", "dated more than 15 minutes before an earlier entry")
        if self.in_force is not None and not isinstance(
            entry.body, RevealEntry
        ):  # a reveal needs no signature, so its signature lines are not verified
            entry.note.verify_lines_of(self.in_force.signing_keys)
        if index == 0 or entry.body is None:
            self._apply_roster(index, entry)
        else:
            self._apply_body(index, entry, entry.body)
        self.newest = max(self.newest, entry.time)

    def _apply_body(self, index: int, entry: Entry, body: Body) -> None:  # noqa: C901, PLR0912 - one branch a type of entry
        if self.in_force is None:
            raise Broken("R1", "no roster is in force")
        note, roster = entry.note, self.in_force
        match body:
            case EpochKeyEntry():
                self._apply_epoch_key(entry.time, note, roster, body)
            case IngestEntry():
                self._apply_ingest(index, entry.time, note, roster, body)
            case WithdrawEntry():
                self._apply_withdraw(index, note, roster, body)
            case ReceiptEntry():
                self._apply_receipt(note, roster, body)
            case IntentEntry():
                self._apply_intent(index, entry.time, note, roster, body)
            case DrawEntry():
                self._apply_draw(index, note, roster, body)
            case CloseEntry():
                self._apply_close(index, note, roster, body)
            case RefuseEntry():
                self._require(note, roster, body.custodian, "auth", "F1")
                _require_codes(roster, {"class": body.order_class, "urgency": body.urgency}, "F1")
                self.refusals.append((index, body))
                self.refused.add((body.authorization, body.custodian))
            case RevokeEntry():
                if not any(note.is_signed_by(custodian.auth) for custodian in roster.custodians):
                    raise Broken("F1", "not signed by a custodian")
                self.revoked.add(body.authorization)
            case DestroyEntry():
                self._apply_destroy(note, roster, body)
            case FaultEntry():
                self._apply_fault(index, note, body)
            case RevealEntry():
                self._apply_reveal(index, body)
            case AbsenceEntry():
                self._apply_absence(index, entry, roster, body)
            case ObjectionEntry():
                self._apply_objection(index, note, roster, body)
            case HoldEntry() | HeldEntry() | ExtendEntry() | ReleaseEntry():
                self._apply_hold(index, entry.time, note, roster, body)
            case RatifyEntry():
                self._apply_ratify(index, entry.time, note, roster, body)
            case _:
                assert_never(body)

    def _apply_roster(self, index: int, entry: Entry) -> None:
        roster = succession.verify_roster(self, index, entry)
        self.rosters[roster.hash] = roster
        self.roster_indexes[roster.hash] = index
        self.in_force = roster
        self.absences = {name: absence for name, absence in self.absences.items() if roster.custodian(name)}

    def _apply_absence(self, index: int, entry: Entry, roster: Roster, body: AbsenceEntry) -> None:
        absence = succession.verify_absence(self, index, entry, roster, body)
        self.absences[absence.custodian] = absence
        self.absence_indexes.append(index)

    def _apply_objection(self, index: int, note: Note, roster: Roster, body: ObjectionEntry) -> None:
        absence = succession.verify_objection(self, note, roster, body)
        del self.absences[absence.custodian]
        self.absence_indexes.append(index)

    def _apply_epoch_key(self, time: dt.datetime, note: Note, roster: Roster, body: EpochKeyEntry) -> None:
        if body.roster != roster.hash:
            raise Broken("K1", "names a roster that is not in force")
        self._require(note, roster, body.custodian, "auth", "K1")
        ahead = (body.day - time.date()).days
        if not -BEHIND_DAYS <= ahead <= AHEAD_DAYS:
            raise Broken("K1", "of a day over ten years ahead, or a hundred years back")
        if (body.custodian, body.day) in self.epoch_keys:
            raise Broken("K1", "this custodian has a key for this day already")
        self.epoch_keys[body.custodian, body.day] = body.key

    def _apply_ingest(self, index: int, time: dt.datetime, note: Note, roster: Roster, body: IngestEntry) -> None:
        pending = batches.verify_part(self, note, roster, body)
        pending.add(index, roster, body)
        if body.number < body.total:
            self.pending[body.batch] = pending
            return
        self.pending.pop(body.batch, None)
        batch, segments = batches.completed(pending, time)
        self.segments |= {segment.line.seg_id: segment for segment in segments}
        self.superseded |= {segment.line.supersedes for segment in segments if segment.line.supersedes is not None}
        self.batches[batch.batch] = batch
        if body.offsets is not None:
            self.offsets |= {(body.offsets.topic, one.partition): one.end for one in body.offsets.partitions}

    def _apply_withdraw(self, index: int, note: Note, roster: Roster, body: WithdrawEntry) -> None:
        batches.verify_withdrawal(self, note, roster, body)
        self.withdrawn[body.batch] = index
        self.superseded |= set(self.batches[body.batch].segments)

    def _apply_receipt(self, note: Note, roster: Roster, body: ReceiptEntry) -> None:
        self._require(note, roster, body.custodian, "resp", "F1")
        if body.segment not in self.segments or (body.custodian, body.segment) in self.receipts:
            raise Broken("F1", "an unknown segment, or a second receipt")
        if has_accused(self, body.custodian, body.segment):
            raise Broken("F1", "an accusation was logged instead of a receipt")
        self.receipts.add(body, self.segments[body.segment].line.seg_id)

    def _apply_intent(self, index: int, time: dt.datetime, note: Note, roster: Roster, body: IntentEntry) -> None:
        self._require_requester(note, roster, body.requester, "N1")
        if (body.requester, body.nonce) in self.nonces:
            raise Broken("N1", "this nonce was used before")
        if body.authorization in self.revoked:
            raise Broken("N1", "the authorization is revoked")
        _require_codes(roster, body.codes.values(), "N1")
        told = self.told.get(body.authorization, body.codes)
        if told.contradicts(body.codes):
            raise Broken("N1", "its codes are others than an earlier intent of this authorization shows")
        if body.rules:
            owed = self.debts.values()
            self.debts[index] = debts.verify_emergency(owed, index, time, self.newest, roster, body)
        self.told[body.authorization] = told.filled_by(body.codes)
        self.nonces.add((body.requester, body.nonce))
        self.openings[index] = Opening(index=index, time=time, intent=body)

    def _apply_ratify(self, index: int, time: dt.datetime, note: Note, roster: Roster, body: RatifyEntry) -> None:
        debt = self.debts.get(body.intent)
        if debt is None or debt.authorization != body.authorization:
            raise Broken("E1", "no emergency of this authorization has this index")
        rosters = (self.rosters[debt.roster], roster)
        members = [member for one in rosters if (member := one.custodian(body.custodian)) is not None]
        if not any(note.is_signed_by(member.auth) for member in members):
            raise Broken("E1", "not signed by the auth key of a custodian")
        now = max(time, self.newest)
        self.debts[body.intent] = debts.with_ratification(debt, body.custodian, index, now, rosters)

    def _apply_draw(self, index: int, note: Note, roster: Roster, body: DrawEntry) -> None:
        opening = self._open(body.intent, "D1")
        self._require_requester(note, roster, opening.intent.requester, "D1")
        if opening.draw is not None:
            raise Broken("D1", "its intent has a draw already")
        opening.take_draw(index, body)

    def _apply_close(self, index: int, note: Note, roster: Roster, body: CloseEntry) -> None:
        opening = self._open(body.intent, "C1")
        self._require_requester(note, roster, opening.intent.requester, "C1")
        if body.records > (opening.draw.records if opening.draw else 0):
            raise Broken("C1", "more records than were drawn")
        _require_codes(roster, {"outcome": body.outcome, "took": body.took}, "C1")
        if not is_outcome(body.outcome, body.records, body.unconfirmed_cells):
            raise Broken("C1", "an outcome that its records contradict")
        opening.take_close(index, body)

    def _open(self, intent: int, rule: str) -> Opening:
        opening = self.openings.get(intent)
        if opening is None or opening.close is not None:
            raise Broken(rule, "no such open intent")
        return opening

    def _apply_destroy(self, note: Note, roster: Roster, body: DestroyEntry) -> None:
        self._require(note, roster, body.custodian, "resp", "F1")
        key = (body.custodian, body.day)
        if key not in self.epoch_keys or key in self.destroyed:
            raise Broken("F1", "no key of that day, or destroyed before")
        self.destroyed.add(key)

    def _apply_fault(self, index: int, note: Note, body: FaultEntry) -> None:
        reason = why_not(self, note, body)
        if reason is not None:
            raise Broken("F2", reason)
        self.faults.append((index, body))
        self.faults_of.setdefault(body.object, []).append(body)

    def _apply_reveal(self, index: int, body: RevealEntry) -> None:
        lines = [(line.index, line.proof, line.line) for line in body.lines]
        if not any(commitment_of_lines(roster, lines) == body.authorization for roster in self.rosters):
            raise Broken("L1", "the lines do not give the commitment")
        self.reveals.append((index, body))

    def _apply_hold(
        self,
        index: int,
        time: dt.datetime,
        note: Note,
        roster: Roster,
        body: HoldEntry | HeldEntry | ExtendEntry | ReleaseEntry,
    ) -> None:
        if isinstance(body, HoldEntry):
            self._require_requester(note, roster, body.requester, "H1")
            self.holds[index] = holds.verify_hold(self.holds, index, time, roster, body)
            return
        hold = self.holds.get(body.hold)
        if hold is None:
            raise Broken(holds.RULES[type(body)], "no such hold")
        own = self.rosters[hold.entry.roster]
        if isinstance(body, HeldEntry):
            self._require(note, roster, body.custodian, "resp", "H2")
            hold = holds.verify_held(hold, own, time, body)
        elif isinstance(body, ExtendEntry):
            self._require_requester(note, roster, hold.entry.requester, "H3")
            hold = holds.verify_extend(self.holds, hold, index, own, time, body)
        else:
            if not any(note.is_signed_by(custodian.auth) for custodian in roster.custodians):
                self._require_requester(note, roster, hold.entry.requester, "H4")
            hold = holds.verify_release(hold, index)
        self.holds[body.hold] = hold

    def _require(self, note: Note, roster: Roster, name: str, role: str, rule: str) -> None:
        custodian = roster.custodian(name)
        if custodian is None and role == "resp":  # a custodian that left may still speak of its days
            custodian = next((c for r in reversed(self.rosters.values()) if (c := r.custodian(name))), None)
        if custodian is None or not note.is_signed_by(custodian.auth if role == "auth" else custodian.resp):
            raise Broken(rule, f"not signed by the {role} key of a custodian")

    @staticmethod
    def _require_requester(note: Note, roster: Roster, name: str, rule: str) -> None:
        key: VerifyKey | None = roster.requesters.get(name)
        if key is None or not note.is_signed_by(key):
            raise Broken(rule, "not signed by that requester, or it is not in force")


def _require_codes(roster: Roster, values: Mapping[str, str], rule: str) -> None:
    if not is_as_shown(roster.statistics, values):
        raise Broken(rule, "its codes are not those that the roster in force shows")


def verify_clock(state: State, now: dt.datetime) -> None:
    """Refuse to act while this clock is far behind the log: entries that it dates would not count.

    Raises:
        Unavailable: the clock is over 15 minutes behind the newest entry, or a clock was far ahead when that was logged.
    """
    if now < state.newest - BACKDATING:
        raise Unavailable(
            f"clock: the log's newest entry is dated {wire.format_time(state.newest)}, this clock says {wire.format_time(now)}",
            hint="set this machine's clock; if the entry was dated by a clock far ahead, the vault must wait or be founded anew",
        )


def replay(entries: Iterable[bytes], *, origin: str, genesis: bytes) -> State:
    """``State(entries)``; the genesis roster must be there.

    Raises:
        NotProven: entry 0 is not the pinned genesis roster.
    """
    state = State.empty(origin=origin, genesis=wire.Hash(genesis))
    state.apply_all(entries)
    _ = state.roster
    return state
