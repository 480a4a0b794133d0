"""A custodian's holds at work: keeping values, answering from them, and their end.

Steps 1 to 6 of keeping in ``docs/formats/hold.md``; what is decided stands in ``coffer.custody.holding``.

Promises: nothing is kept before its own people approved the note; what is kept names no key and no other subject.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from coffer.authority.countersign import all_signed
from coffer.authority.hold import Hold, parse_hold
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.keyring import KeyRing
from coffer.custody.holding import Coverage, Held, compute_values, is_withdrawn, ranks_of, verify_keepable
from coffer.custody.logged import contradiction, parse_logged_header
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.ledger.entries import Commitment, HeldEntry, SegmentId
from coffer.ledger.facts import Segment
from coffer.ledger.holds import LoggedHold
from coffer.ledger.retention import is_segment_past
from coffer.ledger.state import State
from coffer.segments.bundle import open_effective
from coffer.segments.header import Header, parse_header


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A hold that is kept here, with what it covers."""

    hold: Hold
    coverage: Coverage


class Holding:
    """The holds of one custodian. One thread at a time, because State has one past."""

    def __init__(self, folder: CustodianFolder, ring: KeyRing) -> None:
        self._folder = folder
        self._ring = ring
        self._known: dict[Commitment, _Kept] = {}

    def keep(
        self, raw: bytes, headers: Iterable[bytes], state: State, now: dt.datetime, entropy: Entropy, place: str
    ) -> HeldEntry | None:
        """Keep the values of these segments; what to log of it, None if the log says as much already.

        ``headers``: header files. One that the hold does not cover, or that is not the log's, is passed over. What is
        kept already stays as it is.

        Raises:
            MalformedInput, NotProven: it is no hold of this vault's desk.
            Refused: not approved here, not as the log says, too late, without the signatures that a protected subject
                or a hub needs, or nothing is left to keep.
            Unavailable: this custodian keeps for too many holds.
        """
        hold, name = parse_hold(raw, place), self._folder.name
        if hold.commitment not in self._folder.approvals(self._ring.keys):
            raise Refused(f"{place}: not approved by the people of {name}", code="scope")
        first = None if hold.terms.extends is None else self._folder.holds.note(hold.terms.extends, self._ring.keys)
        auth = self._ring.keys.auth.verify_key
        logged, term = verify_keepable(hold, first, state, name=name, auth=auth, now=now, place=place)
        self._verify_heightened(hold, state, place)
        owner = first or hold
        cells = self._keep_segments(owner, headers, state, now, entropy)
        if not cells:
            raise Refused(
                f"{place}: nothing is left to keep: no segment of these days whose key {name} still has",
                code="time",
                hint="what was destroyed cannot be held",
            )
        if first is not None:
            self._folder.holds.keep_extension(hold, first.commitment, self._ring.keys)
        at_most = 1 << (cells - 1).bit_length()
        if at_most <= dict(term.held).get(name, 0):
            return None
        return HeldEntry(hold=logged.index, note=hold.commitment, custodian=name, cells_at_most=at_most)

    def held(self, segment: Segment, state: State) -> list[Held]:
        """What is kept of a segment, hold by hold; ``custody.decide`` asks whether it may be answered."""
        return [held for kept in self._all() if (held := self._held(kept, segment, state)) is not None]

    def ended(self, state: State, now: dt.datetime, *, known: dt.datetime) -> list[Commitment]:
        """The holds that are kept here and must be destroyed by ``now``: ended, or not joined here.

        A hold that this custodian's log does not know is left alone: it keeps only what it read there. ``known``: up to
        when ``state`` tells what others did.
        """
        return [
            commitment
            for commitment in self._folder.holds.commitments()
            if (logged := state.hold_of(commitment)) is not None and not self._may_keep(logged, state, now, known)
        ]

    def destroy(self, commitment: Commitment) -> None:
        """Destroy the key of a hold and forget its values."""
        self._folder.holds.destroy(commitment)
        self._known.pop(commitment, None)

    def _may_keep(self, logged: LoggedHold, state: State, now: dt.datetime, known: dt.datetime) -> bool:
        """By its own ``held`` entries, or while it may still log one.

        An extension counts only if it was asked to keep for it. Whatever the log hides, its own ends count. Nothing is
        kept for a note that it refused in public, or that was revoked.
        """
        name, first = self._folder.name, logged.terms[0]
        own = [
            one
            for one in logged.terms
            if (one is first or self._folder.holds.has_extension(first.note, one.note))
            and not is_withdrawn(one.note, state, name)
        ]
        if first not in own or now >= max(term.until for term in own):
            return False
        is_asked = logged.terms[-1] in own
        roster = state.rosters[logged.entry.roster]
        return any(term in own for term in logged.terms_kept_by(name, roster, known)) or (
            is_asked and logged.may_be_joined(roster, known)
        )

    def _verify_heightened(self, hold: Hold, state: State, place: str) -> None:
        """Step 4. Every subject is looked up, whatever the outcome."""
        protected = self._folder.protected(self._ring.keys)
        needs = [protected.has(subject.sid) or hold.terms.is_hub for subject in hold.terms.subjects]
        signed = all_signed(hold, state.rosters[hold.terms.roster])
        if any(need and not has for need, has in zip(needs, signed, strict=True)):
            raise Refused(f"{place}: too few signatures", code="scope")

    def _keep_segments(
        self, hold: Hold, headers: Iterable[bytes], state: State, now: dt.datetime, entropy: Entropy
    ) -> int:
        """Steps 5 and 6; the number of cells that are kept now, earlier ones included."""
        kept, ranks = _Kept(hold=hold, coverage=Coverage(hold.terms)), ranks_of(hold, state)
        key = None
        for segment, header in self._keepable(kept, headers, state, now):
            epoch = self._ring.epoch_key(segment.line.day)
            me = segment.roster.custodian(self._folder.name)
            if epoch is None or me is None:
                continue
            try:
                keys = open_effective(header, epoch, index=me.index, clauses=segment.clauses_held(me.name))
            except (MalformedInput, NotProven):
                continue  # its bundle does not open: no receipt was given for it either
            subjects = sorted(_sids(kept, segment).items())
            values = compute_values(keys, subjects, header.core.kind, ranks)
            key = key or self._ring.make_hold_key(hold, entropy)
            self._folder.holds.write_values(hold.commitment, segment.line.seg_id, values, key, entropy)
        here = self._folder.holds.segments(hold.commitment)
        return sum(len(kept.coverage.lines(state.segments[SegmentId(seg_id)])) for seg_id in here)

    def _keepable(
        self, kept: _Kept, headers: Iterable[bytes], state: State, now: dt.datetime
    ) -> Iterator[tuple[Segment, Header]]:
        """The covered segments of which this custodian holds a clause, not kept yet and not over."""
        name, today = self._folder.name, max(now, state.newest).date()
        for raw in headers:
            try:
                segment = state.segments.get(SegmentId(parse_header(raw, "header").core.seg_id))
                if segment is None or not kept.coverage.lines(segment) or not segment.clauses_held(name):
                    continue
                header = parse_logged_header(raw, segment)
            except (MalformedInput, NotProven):
                continue  # a file was changed since it was logged, and everyone who reads it sees that
            is_gone = is_segment_past(segment, today) or (name, segment.line.day) in state.destroyed
            is_kept = self._folder.holds.has_values(kept.hold.commitment, segment.line.seg_id)
            if not is_gone and not is_kept and contradiction(header, segment, state.origin) is None:
                yield segment, header

    def _all(self) -> list[_Kept]:
        """The holds that are kept here, their notes read once."""
        here = self._folder.holds.commitments()
        for commitment in here:
            if commitment not in self._known:
                with suppress(MalformedInput, NotProven):  # a damaged note loses this hold, and no other
                    note = self._folder.holds.note(commitment, self._ring.keys)
                    if note is not None and note.commitment == commitment:
                        self._known[commitment] = _Kept(hold=note, coverage=Coverage(note.terms))
        return [self._known[commitment] for commitment in here if commitment in self._known]

    def _held(self, kept: _Kept, segment: Segment, state: State) -> Held | None:
        sids = _sids(kept, segment)
        if not sids or kept.hold.terms.roster not in state.rosters:
            return None
        clauses, seg_id = segment.clauses_held(self._folder.name), segment.line.seg_id
        if clauses and not self._folder.holds.has_values(kept.hold.commitment, seg_id):
            return None
        return Held(
            note=kept.hold.commitment,
            sids=sids,
            periods={line: kept.hold.terms.periods[line - 1] for line in sids},
            ranks=ranks_of(kept.hold, state),
            clauses=clauses,
            read=partial(self._read, kept.hold.commitment, seg_id),
        )

    def _read(self, commitment: Commitment, seg_id: bytes) -> bytes:
        key = self._ring.hold_key(commitment)
        if key is None:
            raise NotProven(f"custodian {self._folder.name}: the key of a hold is gone")
        return self._folder.holds.read_values(commitment, seg_id, key)


def _sids(kept: _Kept, segment: Segment) -> dict[int, bytes]:
    """The sids that a hold names in a segment, by subject line."""
    subjects = kept.hold.terms.subjects
    return {line: subjects[line - 1].sid for line in kept.coverage.lines(segment)}
