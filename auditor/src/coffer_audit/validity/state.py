"""State: what follows from a log's entries (docs/formats/entries.md, rules V1 to L1). Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from coffer_audit.entries.codes import HIDDEN, OF_INTENT, find_false_code
from coffer_audit.entries.parse import Act, Entry, Ingest, Reveal, parse_entry
from coffer_audit.entries.roster import Roster
from coffer_audit.errors import MalformedInput, NotProven
from coffer_audit.notes import Note, VerifyKey, verify_signers
from coffer_audit.validity.codes import verify_codes
from coffer_audit.validity.debts import Debt, Debts
from coffer_audit.validity.facts import BACK_DATING, Absence, Batch, Opening, RuleBroken, Segment, demand
from coffer_audit.validity.faults import verify_fault
from coffer_audit.validity.holds import CODES, Holds
from coffer_audit.validity.ingests import Ingests
from coffer_audit.validity.rosters import tell_replaced, verify_genesis, verify_names, verify_successor
from coffer_audit.wire import hash_of

if TYPE_CHECKING:
    from collections.abc import Iterable

ROSTER_LIFE = timedelta(days=7)
MAX_INVALID = 10_000
"""Entries without effect that are listed. An honest log has fewer than a hundred."""
AHEAD_DAYS, BEHIND_DAYS = 3_700, 36_500
"""How far the day of an epoch key may be from the day of its entry."""


class State:
    """Replays entries; an entry that breaks a rule changes nothing.

    `invalid`: the entries that break a rule, as (index, code, message).
    `told`: by authorization the codes that its intents show.
    `accidents`: indexes of those of them that a party of a roster signed and that a crash or a slow clock explains
    (docs/procedures/auditing.md lists the cases). Nobody makes the others by mistake.
    `told_gone`: index and text for each absence, and for each roster that counts without the custodian who is gone.
    `sparse`: for an answer's evidence, which lacks the entries in between, so a superseded segment may be unknown.
    """

    def __init__(self, origin: str, genesis: str, *, sparse: bool = False) -> None:
        self.origin, self.genesis = origin, genesis
        self.invalid: list[tuple[int, str, str]] = []
        self.accidents: set[int] = set()
        self.unlisted = 0
        self.newest = datetime(1970, 1, 1, tzinfo=UTC)
        self.rosters: list[Roster] = []
        self.times: list[datetime] = []
        self.keys: dict[tuple[str, str], bytes] = {}
        self.destroyed: dict[tuple[str, str], int] = {}
        self.ingests = Ingests(sparse=sparse)
        self.openings: dict[int, Opening] = {}
        self.nonces: set[tuple[str, str]] = set()
        self.told: dict[str, dict[str, str]] = {}
        self.receipts: dict[tuple[str, str], str] = {}
        self.accused: dict[str, list[tuple[str, str]]] = {}
        self.marks: dict[str, list[tuple[int, str]]] = {"refuse": [], "revoke": [], "fault": []}
        self.refused: set[tuple[str, str]] = set()
        self.refusals: list[tuple[int, Act]] = []
        self.reveals: list[tuple[int, Reveal]] = []
        self.absences: dict[str, Absence] = {}
        self.told_gone: list[tuple[int, str]] = []
        self.holds = Holds()
        self.debts = Debts()

    @property
    def batches(self) -> dict[str, Batch]:
        """The complete batches, by name."""
        return self.ingests.batches

    @property
    def withdrawn(self) -> dict[str, int]:
        """By superseded batch the entry that superseded it."""
        return self.ingests.withdrawn

    @property
    def segments(self) -> dict[str, Segment]:
        """The segments of complete batches, by seg_id."""
        return self.ingests.segments

    def apply(self, index: int, raw: bytes) -> None:
        """Take the next entry. After 10,000 entries without effect, further ones are only counted."""
        entry = None
        try:
            entry = parse_entry(raw)
            demand(entry.origin == self.origin, "V1", "origin: found another log's, expected ours")
            waits = isinstance(entry.body, Roster) or (isinstance(entry.body, Act) and entry.body.type == "absence")
            demand(
                index == 0 or waits or self.newest - entry.time <= BACK_DATING,
                "V1",
                "time: found over 15 minutes before the newest entry's",
                may_happen=True,
            )
            self._apply_body(index, entry)
            self.newest = max(self.newest, entry.time)
        except RuleBroken as error:
            self._list(index, error.code, str(error))
            if error.may_happen and entry is not None and self._is_of_somebody(entry.note):
                self.accidents.add(index)
        except (MalformedInput, NotProven) as error:
            self._list(index, "V1", str(error))

    def _list(self, index: int, code: str, message: str) -> None:
        if len(self.invalid) < MAX_INVALID:
            self.invalid.append((index, code, message))
        else:
            self.unlisted += 1

    def _is_of_somebody(self, note: Note) -> bool:
        """Whether a party of any roster signed the note and no line is false."""
        try:
            return bool(verify_signers(note, [key for r in self.rosters for key in r.signing_keys()], "signature"))
        except NotProven:
            return False

    def _apply_body(self, index: int, entry: Entry) -> None:
        body = entry.body
        if isinstance(body, Roster):
            self._apply_roster(index, entry, body)
            return
        demand(self.rosters, "R1", "roster: found none in force, expected a valid genesis first")
        if isinstance(body, Reveal):  # anyone may reveal, so its signature does not matter
            commitments = {hash_of("auth", bytes.fromhex(roster.hash), body.hashes).hex() for roster in self.rosters}
            demand(body.authorization in commitments, "L1", "reveal: found another commitment than its lines give")
            self.reveals.append((index, body))
            return
        signers = verify_signers(entry.note, self.rosters[-1].signing_keys(), "signature")
        if isinstance(body, Ingest):
            self.ingests.take(index, body, signers, self.rosters)
        elif body.type == "withdraw":
            self.ingests.withdraw(index, body, signers, self.rosters[-1])
        elif body.type == "epoch-key":
            self._apply_key(entry, body, signers)
        elif body.type in ("intent", "draw", "close"):
            self._apply_opening(index, entry, body, signers)
        elif body.type in ("absence", "objection"):
            self._apply_absence(index, entry, body, signers)
        elif body.type in CODES:
            self._apply_hold(index, entry, body, signers)
        elif body.type == "ratify":
            self._apply_ratify(entry, body)
        else:
            self._apply_mark(index, body, signers, entry.note)

    def _apply_hold(self, index: int, entry: Entry, body: Act, signers: frozenset[tuple[str, bytes]]) -> None:
        roster, code, is_first = self.rosters[-1], CODES[body.type], body.type == "hold"
        requester = body.text["requester"] if is_first else self.holds.standing(body.number["hold"], code).requester
        desk = roster.requesters.get(requester)
        is_signed = desk is not None and desk.identity in signers
        if body.type == "held":
            key = self.key_of(body.text["custodian"], "resp", code)
            is_signed = key.identity in signers | verify_signers(entry.note, [key], "signature")
        demand(is_signed or (body.type == "release" and roster.mask_of(signers)), code, "signature: found another's")
        self.holds.take(index, entry.time, roster, body)

    def _apply_ratify(self, entry: Entry, body: Act) -> None:
        name, roster = body.text["custodian"], self.rosters[-1]
        debt = self.debts.standing(body.number["intent"], body.text["authorization"])
        keys = [some.custodians[some.find(name) - 1].auth for some in (debt.roster, roster) if some.find(name)]
        demand(keys and verify_signers(entry.note, keys, "signature"), "E1", "signature: found none of a custodian")
        self.debts.ratify(body.number["intent"], name, max(entry.time, self.newest), roster)

    def _apply_roster(self, index: int, entry: Entry, roster: Roster) -> None:
        old = self.rosters[-1] if self.rosters else None
        known = [key for some in (old, roster) if some for key in some.signing_keys()]
        signers = verify_signers(entry.note, known, "roster")
        gone: set[str] = set()
        if old is None:
            verify_genesis(index, roster, self.genesis, signers)
        else:
            demand(
                entry.time >= self.times[-1] and self.newest - entry.time <= ROSTER_LIFE,
                "R1",
                "roster: found it older than the one in force, or over 7 days old",
                may_happen=True,
            )
            demand(
                all(item.hash != roster.hash for item in self.rosters),
                "R1",
                "roster: found again, expected a new one",
                may_happen=True,
            )
            gone = verify_successor(old, roster, signers, self.absences, entry.time)
        verify_names(self.rosters, roster)
        for name in sorted(gone):
            self.told_gone.append((index, tell_replaced(name, self.absences[name], entry.time, self.newest)))
        self.rosters.append(roster)
        self.times.append(entry.time)
        self.absences = {name: absence for name, absence in self.absences.items() if roster.find(name)}

    def _apply_absence(self, index: int, entry: Entry, body: Act, signers: frozenset[tuple[str, bytes]]) -> None:
        roster = self.rosters[-1]
        if body.type == "absence":
            name = body.text["custodian"]
            late = entry.time < self.times[-1] or self.newest - entry.time > ROSTER_LIFE
            demand(not late, "A1", "absence: found it older than the roster in force, or over 7 days old")
            demand(roster.find(name), "A1", "absence: found no custodian in force of that name")
            demand(name not in self.absences, "A1", "absence: found one that stands already")
            others = {item.auth.identity for item in roster.custodians if item.name != name}
            demand(others <= signers, "A1", "absence: found no signature of another custodian in force")
            self.absences[name] = Absence(
                entry=index, since=max(self.newest, entry.time), waiting_days=roster.waiting_days
            )
            self.told_gone.append((index, f"all other custodians say that {name} is gone"))
            return
        standing = [name for name, absence in self.absences.items() if absence.entry == body.number["absence"]]
        demand(standing, "A2", "objection: found no absence that stands at this index")
        demand(self.key_of(standing[0], "auth", "A2").identity in signers, "A2", "objection: found another's signature")
        del self.absences[standing[0]]

    def key_of(self, name: str, role: str, code: str) -> VerifyKey:
        """Give a custodian's auth key in force, or its newest resp key.

        Raises: RuleBroken with this code if no roster has it.
        """
        rosters = self.rosters if role == "resp" else self.rosters[-1:]
        roster = next((item for item in reversed(rosters) if item.find(name)), None)
        if roster is None:
            left = any(item.find(name) for item in self.rosters)
            raise RuleBroken(code, "custodian: found none of that name in force", may_happen=left)
        custodian = roster.custodians[roster.find(name) - 1]
        return custodian.auth if role == "auth" else custodian.resp

    def _apply_key(self, entry: Entry, body: Act, signers: frozenset[tuple[str, bytes]]) -> None:
        name, slot = body.text["custodian"], (body.text["custodian"], body.text["day"])
        demand(
            body.text["roster"] == self.rosters[-1].hash,
            "K1",
            "roster: found another, expected the one in force",
            may_happen=any(roster.hash == body.text["roster"] for roster in self.rosters),
        )
        demand(
            self.key_of(name, "auth", "K1").identity in signers, "K1", "signature: found none of the custodian's auth"
        )
        ahead = (date.fromisoformat(slot[1]) - entry.time.date()).days
        demand(-BEHIND_DAYS <= ahead <= AHEAD_DAYS, "K1", "day: found it over ten years ahead, or a hundred years back")
        demand(slot not in self.keys, "K1", "key: found a second one of this custodian and day", may_happen=True)
        self.keys[slot] = bytes.fromhex(body.text["key"])

    def _apply_opening(self, index: int, entry: Entry, body: Act, signers: frozenset[tuple[str, bytes]]) -> None:
        roster = self.rosters[-1]
        if body.type == "intent":
            key, nonce = roster.requesters.get(body.text["requester"]), (body.text["requester"], body.text["nonce"])
            demand(key and key.identity in signers, "N1", "signature: found none of a requester in force")
            demand(nonce not in self.nonces, "N1", "nonce: found it again, expected a new one", may_happen=True)
            revoked = any(item == body.text["authorization"] for _, item in self.marks["revoke"])
            demand(not revoked, "N1", "authorization: found it revoked", may_happen=True)
            verify_codes(self.rosters, body, "N1")
            told = self.told.get(body.text["authorization"], {})
            demand(not find_false_code(body.text, told), "N1", "codes: found others than in an earlier intent of it")
            if "rules" in body.text:
                self.debts.begin(index, entry.time, self.newest, roster, body)
            shown = {key: body.text[key] for key in OF_INTENT if body.text[key] != HIDDEN}
            self.told[body.text["authorization"]] = told | shown
            self.nonces.add(nonce)
            self.openings[index] = Opening(intent=body, time=entry.time, roster=roster)
            return
        code = "D1" if body.type == "draw" else "C1"
        opening = self.openings.get(body.number["intent"])
        if opening is None or opening.close:
            raise RuleBroken(code, "intent: found none, or a closed one, at this index", may_happen=opening is not None)
        key = roster.requesters.get(opening.intent.text["requester"])
        demand(key and key.identity in signers, code, "signature: found none of the intent's requester")
        if body.type == "draw":
            demand(opening.draw is None, code, "intent: found a second draw", may_happen=True)
            self.openings[body.number["intent"]] = replace(opening, draw=(index, body))
            return
        drawn = opening.draw[1].number["records"] if opening.draw else 0
        demand(body.number["records"] <= drawn, code, f"records: found more than the {drawn} that were drawn")
        verify_codes(self.rosters, body, code)
        self.openings[body.number["intent"]] = replace(opening, close=(index, body), closed=entry.time)

    def _apply_mark(self, index: int, body: Act, signers: frozenset[tuple[str, bytes]], note: Note) -> None:
        roster, name = self.rosters[-1], body.text.get("custodian", "")
        if body.type == "fault":
            verify_fault(self, body, signers, note)
        elif body.type == "revoke":
            demand(roster.mask_of(signers), "F1", "signature: found no custodian's auth")
        else:
            key = self.key_of(name, "auth" if body.type == "refuse" else "resp", "F1")
            signers |= verify_signers(note, [key], "signature")  # a key of a custodian that has left
            demand(key.identity in signers, "F1", "signature: found none of the custodian's")
        if body.type == "refuse":
            verify_codes(self.rosters, body, "F1")
        if body.type == "destroy":
            slot = (name, body.text["day"])
            demand(
                slot in self.keys and slot not in self.destroyed,
                "F1",
                "destroy: found no key, or one destroyed before",
                may_happen=slot in self.destroyed,
            )
            self.destroyed[slot] = index
        elif body.type == "receipt":
            slot = (name, body.text["segment"])
            demand(
                slot[1] in self.segments and slot not in self.receipts,
                "F1",
                "receipt: found no segment, or a second one",
                may_happen=slot in self.receipts,
            )
            spoke = any(accuser == name for accuser, _ in self.accused.get(f"segment {slot[1]}", ()))
            demand(not spoke, "F1", "receipt: found an accusation of this custodian before it", may_happen=True)
            self.receipts[slot] = body.text["canaries"]
        else:
            if body.type == "fault":
                self.accused.setdefault(body.text["object"], []).append((body.text["accuser"], body.text["accused"]))
            self.marks[body.type].append((index, body.text.get("authorization", "")))
            if body.type == "refuse":
                self.refused.add((body.text["authorization"], name))
                self.refusals.append((index, body))

    def disapproving(self, debt: Debt) -> list[str]:
        """Give the custodians that refused in public what an emergency rests on."""
        return sorted(name for authorization, name in self.refused if authorization == debt.authorization)

    def is_withdrawn(self, note: str, name: str) -> bool:
        """Whether a note was revoked, or refused in public by a custodian."""
        return (note, name) in self.refused or any(item == note for _, item in self.marks["revoke"])

    def is_dead(self, segment: Segment) -> bool:
        """Whether the custodians that did not destroy the key of its day no longer satisfy its lock."""
        day = segment.line.day.isoformat()
        left = sum(1 << i for i, item in enumerate(segment.roster.custodians) if (item.name, day) not in self.destroyed)
        return not segment.roster.locks[segment.line.rule].is_satisfied(left)


def replay(origin: str, genesis: str, entries: Iterable[tuple[int, bytes]], *, sparse: bool = False) -> State:
    """Give the State of (index, raw entry) pairs in ascending order."""
    state = State(origin, genesis, sparse=sparse)
    for index, raw in entries:
        state.apply(index, raw)
    return state
