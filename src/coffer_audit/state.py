"""State: what a log's entries amount to (docs/formats/entries.md, rules V1 to L1). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from coffer_audit.entries import Act, Entry, Ingest, Reveal, Roster, SegmentLine, parse_entry
from coffer_audit.errors import AuditError, MalformedInput, NotProven
from coffer_audit.notes import Note, VerifyKey, verify_signers
from coffer_audit.wire import hash_of

if TYPE_CHECKING:
    from collections.abc import Iterable

BACK_DATING = timedelta(minutes=15)
ROSTER_LIFE = timedelta(days=7)


class RuleBroken(AuditError):  # noqa: N818 - as the families
    """An entry without effect; `code` is the rule it breaks."""

    exit_code = 3

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment of State, with the entry that named it and the roster in force there."""

    line: SegmentLine
    feed: str
    entry: int
    roster: Roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """An ingest batch; complete once entry `parts` is valid."""

    first: Ingest
    next_part: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An intent with its draw and close (index and entry), as far as they came; `roster` was in force at the intent."""

    intent: Act
    time: datetime
    roster: Roster
    draw: tuple[int, Act] | None = None
    close: tuple[int, Act] | None = None


def _demand(holds: object, code: str, message: str) -> None:
    if not holds:
        raise RuleBroken(code, message)


class State:
    """Replays entries; an entry that breaks a rule changes nothing and goes to `invalid` as (index, code, message).

    `sparse` is for an answer's evidence, where entries are missing in between: a superseded segment may be unknown.
    """

    def __init__(self, origin: str, genesis: str, *, sparse: bool = False) -> None:
        self.origin, self.genesis, self.sparse = origin, genesis, sparse
        self.invalid: list[tuple[int, str, str]] = []
        self.newest = datetime.min.replace(tzinfo=UTC)
        self.rosters: list[Roster] = []
        self.times: list[datetime] = []
        self.keys: dict[tuple[str, str], bytes] = {}
        self.destroyed: set[tuple[str, str]] = set()
        self.batches: dict[str, Batch] = {}
        self.pending: dict[str, Batch] = {}
        self.withdrawn: dict[str, int] = {}
        self.segments: dict[str, Segment] = {}
        self.openings: dict[int, Opening] = {}
        self.nonces: set[tuple[str, str]] = set()
        self.receipts: set[tuple[str, str]] = set()
        self.marks: dict[str, list[tuple[int, str]]] = {"refuse": [], "revoke": [], "fault": []}
        self.reveals: list[tuple[int, Reveal]] = []

    def apply(self, index: int, raw: bytes) -> None:
        """Take the next entry."""
        try:
            entry = parse_entry(raw)
            _demand(entry.origin == self.origin, "V1", "origin: found another log's, expected ours")
            _demand(
                isinstance(entry.body, Roster) or self.newest - entry.time <= BACK_DATING,
                "V1",
                "time: found over 15 minutes before the newest entry's",
            )
            self._apply_body(index, entry)
            self.newest = max(self.newest, entry.time)
        except RuleBroken as error:
            self.invalid.append((index, error.code, str(error)))
        except (MalformedInput, NotProven) as error:
            self.invalid.append((index, "V1", str(error)))

    def _apply_body(self, index: int, entry: Entry) -> None:
        body = entry.body
        if isinstance(body, Roster):
            self._apply_roster(index, entry, body)
            return
        _demand(self.rosters, "R1", "roster: found none in force, expected a valid genesis first")
        if isinstance(body, Reveal):  # its signature is not looked at
            commitments = {hash_of("auth", bytes.fromhex(roster.hash), body.hashes).hex() for roster in self.rosters}
            _demand(body.authorization in commitments, "L1", "reveal: found another commitment than its lines give")
            self.reveals.append((index, body))
            return
        signers = verify_signers(entry.note, self.rosters[-1].signing_keys(), "signature")
        if isinstance(body, Ingest):
            self._apply_ingest(index, body, signers)
        elif body.type == "withdraw":
            self._apply_withdraw(index, body, signers)
        elif body.type == "epoch-key":
            self._apply_key(body, signers)
        elif body.type in ("intent", "draw", "close"):
            self._apply_opening(index, entry, body, signers)
        else:
            self._apply_mark(index, body, signers, entry.note)

    def _apply_roster(self, index: int, entry: Entry, roster: Roster) -> None:
        old = self.rosters[-1] if self.rosters else None
        known = {(key.name, key.key_id): key for some in (old, roster) if some for key in some.signing_keys()}
        signers = verify_signers(entry.note, known.values(), "roster")
        if old is None:
            _demand(
                index == 0 and roster.hash == self.genesis, "R1", "roster: found another, expected the pinned genesis"
            )
            _demand(
                all(item.auth.public in signers for item in roster.custodians),
                "R1",
                "roster: found a custodian missing",
            )
        else:
            _demand(
                entry.time >= self.times[-1] and self.newest - entry.time <= ROSTER_LIFE,
                "R1",
                "roster: found it older than the one in force, or over 7 days old",
            )
            present = {item.auth.public for item in old.custodians}
            _demand(
                all(item.hash != roster.hash for item in self.rosters), "R1", "roster: found again, expected a new one"
            )
            _demand(
                old.rules["base"].is_satisfied(old.mask_of(signers)), "R1", "roster: found too few of those in force"
            )
            _demand(
                all(item.auth.public in signers | present for item in roster.custodians),
                "R1",
                "roster: found no signature of a new custodian",
            )
        self._verify_names(roster)
        self.rosters.append(roster)
        self.times.append(entry.time)

    def _verify_names(self, roster: Roster) -> None:
        """A name keeps its keys, and keys their name."""
        for was in (item for old in self.rosters for item in old.custodians):
            for new in roster.custodians:
                before, after = ([item.auth.public, item.resp.public, item.req] for item in (was, new))
                touches = was.name == new.name or set(before) & set(after)
                _demand(
                    not touches or (was.name, before) == (new.name, after), "R2", "roster: found a name with other keys"
                )

    def _key_of(self, name: str, role: str, code: str) -> VerifyKey:
        rosters = self.rosters if role == "resp" else self.rosters[-1:]
        roster = next((item for item in reversed(rosters) if item.find(name)), None)
        if roster is None:
            raise RuleBroken(code, "custodian: found none of that name")
        custodian = roster.custodians[roster.find(name) - 1]
        return custodian.auth if role == "auth" else custodian.resp

    def _apply_key(self, body: Act, signers: frozenset[bytes]) -> None:
        name, slot = body.text["custodian"], (body.text["custodian"], body.text["day"])
        _demand(body.text["roster"] == self.rosters[-1].hash, "K1", "roster: found another, expected the one in force")
        _demand(
            self._key_of(name, "auth", "K1").public in signers, "K1", "signature: found none of the custodian's auth"
        )
        _demand(slot not in self.keys, "K1", "key: found a second one of this custodian and day")
        self.keys[slot] = bytes.fromhex(body.text["key"])

    def _apply_ingest(self, index: int, body: Ingest, signers: frozenset[bytes]) -> None:
        roster = self.rosters[-1]
        _demand(any(key.public in signers for key in roster.ingesters), "I1", "signature: found no ingester's")
        batch = self.pending.get(body.batch)
        if batch is None:
            _demand(
                body.batch not in self.batches and body.part == 1,
                "I1",
                "batch: found an old one or not its first entry",
            )
            batch = Batch(first=body, next_part=1, segments=())
        now, then = ((item.parts, item.feed, item.counts, item.tally) for item in (body, batch.first))
        _demand(
            now == then and body.part == batch.next_part, "I1", "batch: found another N, feed, count, tally or order"
        )
        self._verify_still_new(batch)
        known = {item.line.seg_id for item in batch.segments}
        for line in body.segments:
            self._verify_segment(line, body.feed, known)
            known.add(line.seg_id)
        named = tuple(Segment(line=line, feed=body.feed, entry=index, roster=roster) for line in body.segments)
        batch = replace(
            batch,
            next_part=body.part + 1,
            segments=batch.segments + named,
        )
        if body.part < body.parts:
            self.pending[body.batch] = batch
            return
        self.pending.pop(body.batch, None)
        self.batches[body.batch] = batch
        self.segments |= {segment.line.seg_id: segment for segment in batch.segments}

    def _verify_still_new(self, batch: Batch) -> None:
        """Of two batches pending with one segment, the first complete one has it: the other never completes."""
        for segment in batch.segments:
            _demand(segment.line.seg_id not in self.segments, "I3", "segment: found one that another batch completed")

    def _apply_withdraw(self, index: int, body: Act, signers: frozenset[bytes]) -> None:
        ingesters = {key.public for key in self.rosters[-1].ingesters}
        _demand(ingesters & signers, "W1", "signature: found no ingester's")
        batch = body.text["batch"]
        _demand(batch in self.batches, "W1", "batch: found none that is complete")
        _demand(batch not in self.withdrawn, "W1", "batch: found it withdrawn before")
        self.withdrawn[batch] = index

    def batch_of(self, seg_id: str) -> int:
        """Give what orders batches: the index of the first entry that names a segment of the batch of this one."""
        for batch in self.batches.values():
            if any(segment.line.seg_id == seg_id for segment in batch.segments):
                return min(segment.entry for segment in batch.segments)
        raise NotProven("segment: found it in no batch")

    def superseded(self) -> set[str]:
        """Give the segments that others replaced, and those of withdrawn batches."""
        replaced = {segment.line.supersedes for segment in self.segments.values() if segment.line.supersedes}
        return replaced | {item.line.seg_id for batch in self.withdrawn for item in self.batches[batch].segments}

    def _verify_segment(self, line: SegmentLine, feed: str, known: set[str]) -> None:
        is_new = line.seg_id not in known and line.seg_id not in self.segments
        _demand(is_new, "I3", "segment: found a known seg_id, expected a new one")
        _demand(line.rule in self.rosters[-1].rules, "I3", "segment: found a rule that is not in force")
        _demand(line.rows % 1_024 == 0 and 1_024 <= line.rows <= 1 << 28, "I3", f"segment: found {line.rows} rows")
        _demand(line.part < 1 << 32, "I3", "segment: found a part of 2^32 or more")
        if line.supersedes:
            old = self.segments.get(line.supersedes)
            _demand(old or self.sparse, "I3", "segment: found it superseding one that is not in State")
            same = old is None or (old.line.day, old.line.kind, old.feed, old.line.rule) == (
                line.day,
                line.kind,
                feed,
                line.rule,
            )
            _demand(same, "I3", "segment: found it superseding one of another day, kind, feed or rule")

    def _apply_opening(self, index: int, entry: Entry, body: Act, signers: frozenset[bytes]) -> None:
        roster = self.rosters[-1]
        if body.type == "intent":
            key, nonce = roster.requesters.get(body.text["requester"]), (body.text["requester"], body.text["nonce"])
            _demand(key and key.public in signers, "N1", "signature: found none of a requester in force")
            _demand(nonce not in self.nonces, "N1", "nonce: found it again, expected a new one")
            revoked = any(item == body.text["authorization"] for _, item in self.marks["revoke"])
            _demand(not revoked, "N1", "authorization: found it revoked")
            self.nonces.add(nonce)
            self.openings[index] = Opening(intent=body, time=entry.time, roster=roster)
            return
        code = "D1" if body.type == "draw" else "C1"
        opening = self.openings.get(body.number["intent"])
        if opening is None or opening.close:
            raise RuleBroken(code, "intent: found none, or a closed one, at this index")
        key = roster.requesters.get(opening.intent.text["requester"])
        _demand(key and key.public in signers, code, "signature: found none of the intent's requester")
        if body.type == "draw":
            _demand(opening.draw is None, code, "intent: found a second draw")
            self.openings[body.number["intent"]] = replace(opening, draw=(index, body))
            return
        drawn = opening.draw[1].number["records"] if opening.draw else 0
        _demand(body.number["records"] <= drawn, code, f"records: found more than the {drawn} that were drawn")
        self.openings[body.number["intent"]] = replace(opening, close=(index, body))

    def _apply_mark(self, index: int, body: Act, signers: frozenset[bytes], note: Note) -> None:
        roster, name = self.rosters[-1], body.text.get("custodian", "")
        if body.type == "fault":
            parties = {item.name: item.resp.public for item in roster.custodians}
            parties |= {item: key.public for item, key in roster.requesters.items()}
            known = parties.keys() | {key.name for key in roster.ingesters}
            _demand(body.text["accused"] in known, "F2", "accused: found no party in force")
            _demand(parties.get(body.text["accuser"]) in signers, "F2", "signature: found none of an accuser in force")
        elif body.type == "revoke":
            _demand(roster.mask_of(signers), "F1", "signature: found no custodian's auth")
        else:
            key = self._key_of(name, "auth" if body.type == "refuse" else "resp", "F1")
            signers |= verify_signers(note, [key], "signature")  # of one that has left
            _demand(key.public in signers, "F1", "signature: found none of the custodian's")
        if body.type == "destroy":
            slot = (name, body.text["day"])
            _demand(
                slot in self.keys and slot not in self.destroyed, "F1", "destroy: found no key, or one destroyed before"
            )
            self.destroyed.add(slot)
        elif body.type == "receipt":
            slot = (name, body.text["segment"])
            _demand(
                slot[1] in self.segments and slot not in self.receipts,
                "F1",
                "receipt: found no segment, or a second one",
            )
            self.receipts.add(slot)
        else:
            self.marks[body.type].append((index, body.text.get("authorization", "")))

    def is_dead(self, segment: Segment) -> bool:
        """Whether the custodians that did not destroy the key of its day no longer satisfy its rule."""
        day = segment.line.day.isoformat()
        left = sum(1 << i for i, item in enumerate(segment.roster.custodians) if (item.name, day) not in self.destroyed)
        return not segment.roster.rules[segment.line.rule].is_satisfied(left)


def replay(origin: str, genesis: str, entries: Iterable[tuple[int, bytes]], *, sparse: bool = False) -> State:
    """Give the State of (index, raw entry) pairs in ascending order."""
    state = State(origin, genesis, sparse=sparse)
    for index, raw in entries:
        state.apply(index, raw)
    return state
