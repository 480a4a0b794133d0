"""Two readings of one log, compared entry by entry and, at its end, in everything that State holds."""

import datetime as dt
import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import groupby

import coffer_audit.validity.facts
import coffer_audit.validity.state
from coffer.ledger.consent import needed_consents
from coffer.ledger.entries import IngestEntry, ObjectionEntry
from coffer.ledger.facts import Absence, Invalid, Valid
from coffer.ledger.roster import Roster
from coffer.ledger.rules import mask_of
from coffer.ledger.state import State
from coffer_audit.entries.codes import OF_INTENT
from differential.grammar import COUNTS
from differential.known import ORIGIN, Ring
from differential.signing import CheapSigner, Signer, cheap_signatures
from differential.world import World, sequence

LENGTH = 60
"""Entries of one log, most of the time."""


@dataclass
class Report:
    """What was compared.

    ``reached``: what only several entries come to. ``differences``: what the two readings say of the same bytes, with the log up to there.
    """

    entries: int = 0
    logs: int = 0
    seconds: float = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    differences: list[tuple[str, list[bytes]]] = field(default_factory=list)


def custodians_view(state: State) -> dict[str, object]:
    """Everything in ``State`` that the auditor has too, in plain values."""
    return {
        "newest": state.newest,
        "rosters": [
            (
                r.hash.hex(),
                r.names,
                r.time,
                {
                    n: (rule.expression, rule.members, rule.indispensable, tuple(map(int, rule.clauses)))
                    for n, rule in r.rules.items()
                },
                r.quorum,
                r.retention_days,
                r.waiting_days,
                r.cell_cap,
                r.numbering,
                r.statistics,
                r.ratify_hours,
                {n: (tuple(map(int, r.locks[n].clauses)), r.emergency_rules.get(n) is not None) for n in r.rules},
                {n: tuple(map(int, rule.clauses)) for n, rule in r.emergency_rules.items()},
                [(key.name, key.public) for key in r.signing_keys],
                [c.req for c in r.custodians],
                [(w.name, w.kind, w.key_id, w.public) for w in r.witnesses],
                list(r.requesters),
            )
            for r in state.rosters.values()
        ],
        "keys": {(name, str(day)): hashlib.sha256(key).digest() for (name, day), key in state.epoch_keys.items()},
        "destroyed": {(name, str(day)) for name, day in state.destroyed},
        "batches": {
            b.batch.hex(): (
                b.feed,
                b.tally.hex() if b.tally else "",
                {key: getattr(b.counts, key) for key in COUNTS},
                [s.hex() for s in b.segments],
            )
            for b in state.batches.values()
        },
        "pending": {
            batch.hex(): (
                len(p.parts),
                p.first.total,
                p.first.feed,
                {key: getattr(p.first.counts, key) for key in COUNTS},
                p.first.tally.hex() if p.first.tally else "",
                {s.hex() for s in p.segments},
                [(index, roster.hash.hex(), len(entry.segments)) for index, roster, entry in p.parts if entry.segments],
            )
            for batch, p in state.pending.items()
        },
        "withdrawn": {batch.hex(): index for batch, index in state.withdrawn.items()},
        "superseded": {name.hex() for name in state.superseded},
        "segments": {
            name.hex(): (
                s.line.header_hash.hex(),
                s.line.day,
                s.line.kind,
                s.line.rule,
                s.line.part,
                s.line.rows,
                s.feed,
                s.entry_index,
                (s.line.supersedes or b"").hex(),
                s.roster.hash.hex(),
                state.is_dead(s),
            )
            for name, s in state.segments.items()
        },
        "openings": {
            i: (
                o.time,
                o.intent.authorization.hex(),
                o.intent.requester,
                o.intent.nonce.hex(),
                o.intent.cells_at_most,
                *o.intent.codes.values().values(),
            )
            + ((o.draw_index, o.draw.table.hex(), o.draw.records) if o.draw else (None,))
            + (
                (
                    o.close_index,
                    o.close.result.hex(),
                    o.close.records,
                    o.close.answers,
                    o.close.unconfirmed_cells,
                    o.close.outcome,
                    o.close.took,
                )
                if o.close
                else (None,)
            )
            for i, o in state.openings.items()
        },
        "offsets": {(topic.hex(), partition): end.hex() for (topic, partition), end in state.offsets.items()},
        "nonces": {(name, nonce.hex()) for name, nonce in state.nonces},
        "revoked": {c.hex() for c in state.revoked},
        "refused": [(i, body.authorization.hex()) for i, body in state.refusals],
        "receipts": {
            (name, s.hex()): "".join(f"{mask:04x}{value.hex()}" for mask, value in body.canaries)
            for (name, s), body in state.receipts.items()
        },
        "faults": [i for i, _ in state.faults],
        "accused": {
            f"intent {about}" if isinstance(about, int) else f"segment {about.hex()}": [
                (body.accuser, body.accused) for body in bodies
            ]
            for about, bodies in state.faults_of.items()
        },
        "absences": custodians_absences(state),
        "holds": {
            index: (
                hold.entry.requester,
                hold.entry.roster.hex(),
                hold.entry.rules,
                [(term.time, term.note.hex(), term.until, dict(term.held)) for term in hold.terms],
                hold.released or 0,
                [str(state.hold_status(hold, moment)) for moment in moments(state.newest)],
            )
            for index, hold in state.holds.items()
        },
        "debts": {
            index: (
                debt.time,
                debt.requester,
                debt.authorization.hex(),
                debt.rules,
                debt.roster.hex(),
                debt.ratified,
                debt.paid,
                [str(debt.status(moment)) for moment in moments(state.newest)],
                sorted(state.disapproved_by(debt)),
            )
            for index, debt in state.debts.items()
        },
        "reveals": [
            (i, body.authorization.hex(), [line.line for line in body.lines if line.line is not None])
            for i, body in state.reveals
        ],
    }


def moments(newest: dt.datetime) -> list[dt.datetime]:
    """When both are asked how a hold stands: now, after it lapsed, after it ended."""
    first = min(newest, dt.datetime(9999, 1, 1, tzinfo=dt.UTC))
    return [first + dt.timedelta(days=days) for days in (0, 4, 100)]


def custodians_absences(state: State) -> dict[str, tuple[int, dt.datetime, int]]:
    """Those that stand: index, since when, days to wait. They go with the next roster, so that a log's end alone shows few."""
    return {name: (found.index, found.since, found.waiting_days) for name, found in state.absences.items()}


def auditors_absences(state: coffer_audit.validity.state.State) -> dict[str, tuple[int, dt.datetime, int]]:
    """The same of the auditor's State."""
    return {name: (said.entry, said.since, said.waiting_days) for name, said in state.absences.items()}


def auditors_view(state: coffer_audit.validity.state.State) -> dict[str, object]:
    """The same of the auditor's State."""
    return {
        "newest": state.newest,
        "rosters": [
            (
                r.hash,
                tuple(c.name for c in r.custodians),
                time,
                {n: (rule.text, rule.members, rule.needed, rule.clauses) for n, rule in r.rules.items()},
                r.quorum,
                r.retention_days,
                r.waiting_days,
                r.cell_cap,
                r.numbering,
                r.statistics,
                r.ratify_hours,
                {n: (r.locks[n].clauses, n in r.emergencies) for n in r.rules},
                {n: rule.clauses for n, rule in r.emergencies.items()},
                [(key.name, key.public) for key in r.signing_keys()],
                [c.req for c in r.custodians],
                [(w.name, w.kind, w.key_id, w.public) for w in r.witnesses],
                list(r.requesters),
            )
            for r, time in zip(state.rosters, state.times, strict=True)
        ],
        "keys": dict(state.keys),
        "destroyed": set(state.destroyed),
        "batches": {
            name: (b.first.feed, b.first.tally, b.first.counts, [s.line.seg_id for s in b.segments])
            for name, b in state.batches.items()
        },
        "pending": {
            name: (
                b.next_part - 1,
                b.first.parts,
                b.first.feed,
                b.first.counts,
                b.first.tally,
                {s.line.seg_id for s in b.segments},
                [(*key, len(list(some))) for key, some in groupby(b.segments, key=lambda s: (s.entry, s.roster.hash))],
            )
            for name, b in state.ingests.pending.items()
        },
        "withdrawn": dict(state.withdrawn),
        "superseded": state.ingests.superseded(),
        "segments": {
            name: (
                s.line.header_hash,
                s.line.day,
                s.line.kind,
                s.line.rule,
                s.line.part,
                s.line.rows,
                s.feed,
                s.entry,
                s.line.supersedes,
                s.roster.hash,
                state.is_dead(s),
            )
            for name, s in state.segments.items()
        },
        "openings": {i: _opening(o) for i, o in state.openings.items()},
        "offsets": dict(state.ingests.offsets),
        "nonces": set(state.nonces),
        "revoked": {c for _, c in state.marks["revoke"]},
        "refused": list(state.marks["refuse"]),
        "receipts": dict(state.receipts),
        "faults": [i for i, _ in state.marks["fault"]],
        "accused": dict(state.accused),
        "absences": auditors_absences(state),
        "holds": {
            index: (
                hold.requester,
                hold.roster.hash,
                hold.rules,
                [(term.time, term.note, term.until, term.held) for term in hold.terms],
                hold.released,
                [hold.status(moment) for moment in moments(state.newest)],
            )
            for index, hold in state.holds.all.items()
        },
        "debts": {
            index: (
                debt.time,
                debt.requester,
                debt.authorization,
                debt.rules,
                debt.roster.hash,
                debt.ratified,
                debt.paid,
                [debt.status(moment) for moment in moments(state.newest)],
                state.disapproving(debt),
            )
            for index, debt in state.debts.all.items()
        },
        "reveals": [(i, body.authorization, list(body.shown)) for i, body in state.reveals],
    }


def _opening(opening: coffer_audit.validity.facts.Opening) -> tuple[object, ...]:
    text, number = opening.intent.text, opening.intent.number
    found: tuple[object, ...] = (
        opening.time,
        text["authorization"],
        text["requester"],
        text["nonce"],
        number["cells-at-most"],
        *(text[key] for key in OF_INTENT),
    )
    if opening.draw:
        index, body = opening.draw
        found += (index, body.text["table"], body.number["records"])
    else:
        found += (None,)
    if opening.close:
        index, body = opening.close
        return (
            *found,
            index,
            body.text["result"],
            body.number["records"],
            body.number["answers"],
            body.number["unconfirmed-cells"],
            body.text["outcome"],
            body.text["took"],
        )
    return (*found, None)


@dataclass(frozen=True)
class Before:
    """What State was before an entry, as far as it says what the entry came to."""

    in_force: Roster | None
    absences: dict[str, Absence]

    @classmethod
    def of(cls, state: State) -> "Before":
        return cls(state.in_force, dict(state.absences))

    def reached(self, state: State, verdict: Valid | Invalid) -> Iterator[str]:
        """Names for what this entry came to, none for what each entry alone comes to."""
        if isinstance(verdict, Invalid):
            if "indispensable" in verdict.reason:
                yield "a roster without the consent it needs"
            return
        entry, body = verdict.entry, verdict.entry.body
        if isinstance(body, IngestEntry) and body.batch in state.batches:
            rosters = {state.segments[name].roster.hash for name in state.batches[body.batch].segments}
            yield from ["a batch over two rosters"] * (len(rosters) > 1)
        if isinstance(body, ObjectionEntry):
            yield "an objection"
        if body is not None or self.in_force is None:
            return
        old, new = self.in_force, state.roster
        signed = {c.name for c in old.custodians if entry.note.is_signed_by(c.auth)}
        needed = needed_consents(old, new).keys()
        if needed and needed <= signed:
            yield "a roster with the consent it needs"
        if needed - signed:
            yield "a roster with the consent of one that is gone"
        if not old.rules["base"].is_satisfied_by(mask_of(signed, old.names)):
            yield "a roster with the base rule's signature of one that is gone"
        if self.absences and not needed and set(state.absences) < set(self.absences):
            yield "an absence that ends as its custodian leaves"
        if set(self.absences) & set(state.absences):
            yield "an absence that outlasts a roster"


def compare_log(rng: random.Random, keys: Ring, length: int, report: Report) -> None:
    """One generated log. After the first difference its readings go apart for good: the log ends there."""
    raws: list[bytes] = []
    auditor: coffer_audit.validity.state.State | None = None

    def begin(genesis: bytes) -> State:
        nonlocal auditor
        text = genesis.partition(b"\n\n")[0] + b"\n"
        pinned = hashlib.sha256(b"coffer/v1/roster\n" + text).digest()
        if rng.random() < 0.02:
            pinned = bytes(32)
        auditor = coffer_audit.validity.state.State(ORIGIN, pinned.hex())
        return State.empty(origin=ORIGIN, genesis=pinned)

    for world, raw in sequence(rng, keys, length, begin):
        assert world.state is not None
        assert auditor is not None
        index = len(raws)
        raws.append(raw)
        if not _compare_entry(world, auditor, raw, index, report, raws):
            return
    assert world.state is not None
    ours, theirs = custodians_view(world.state), auditors_view(auditor)
    for key, value in ours.items():
        if value != theirs[key]:
            report.differences.append((f"state: {key}: custodians {value!r:.300}, auditor {theirs[key]!r:.300}", raws))


def _compare_entry(
    world: World, auditor: coffer_audit.validity.state.State, raw: bytes, index: int, report: Report, raws: list[bytes]
) -> bool:
    assert world.state is not None
    before, was = len(auditor.invalid), Before.of(world.state)
    verdict = world.state.apply(raw)
    auditor.apply(index, raw)
    code = verdict.rule if isinstance(verdict, Invalid) else "ok"
    said = auditor.invalid[-1][1] if len(auditor.invalid) > before else "ok"
    report.entries += 1
    first = raw.partition(b"\n")[0].decode("ascii", "replace").removeprefix("coffer.")
    report.verdicts[f"{first if len(first) < 14 and '/' in first else 'other'} {code}"] += 1
    if code != said:
        reason = verdict.reason if isinstance(verdict, Invalid) else ""
        other = auditor.invalid[-1][2] if said != "ok" else ""
        report.differences.append((f"entry {index}: custodians {code} ({reason}), auditor {said} ({other})", raws))
        return False
    if custodians_absences(world.state) != auditors_absences(auditor):
        report.differences.append(
            (f"entry {index}: absences: custodians {world.state.absences}, auditor {auditor.absences}", raws)
        )
        return False
    report.reached.update(was.reached(world.state, verdict))
    if code in ("ok", "W1") and "withdraw" in world.scratch:
        report.reached[f"a withdraw of one that is {world.scratch['withdraw']}: {code}"] += 1
    if isinstance(verdict, Valid):
        world.learn(raw, verdict.entry.body, index)
    return True


def compare(
    entries: int,
    seed: int,
    *,
    is_cheap: bool = True,
    on_progress: Callable[[Report], None] | None = None,
    stop_after: int = 20,
) -> Report:
    """Compare at least so many entries; the same seed gives the same entries. Stops after some differences."""
    report, started = Report(), time.monotonic()
    rng = random.Random(seed)
    with cheap_signatures() if is_cheap else nullcontext():
        keys = Ring.make(rng, CheapSigner if is_cheap else Signer)
        for numbered in _seeds(seed):
            compare_log(numbered, keys, numbered.choice([LENGTH, LENGTH, 20, 150]), report)
            report.logs += 1
            if on_progress is not None and report.logs % 500 == 0:
                report.seconds = time.monotonic() - started
                on_progress(report)
            if report.entries >= entries or len(report.differences) >= stop_after:
                break
    report.seconds = time.monotonic() - started
    return report


def _seeds(seed: int) -> Iterator[random.Random]:
    number = 0
    while True:
        yield random.Random(f"{seed}/{number}")
        number += 1
