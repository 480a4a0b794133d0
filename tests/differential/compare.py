"""Two readings of one log, compared entry by entry and, at its end, in everything that State holds."""

import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import coffer_audit.state
from coffer.ledger.facts import Invalid, Valid
from coffer.ledger.state import State
from differential.signing import CheapSigner, Signer, cheap_signatures
from differential.world import ORIGIN, Ring, World, sequence

LENGTH = 60
"""Entries of one log, most of the time."""


@dataclass
class Report:
    """What was compared. ``differences``: what the two readings say of the same bytes, with the log up to there."""

    entries: int = 0
    logs: int = 0
    seconds: float = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    differences: list[tuple[str, list[bytes]]] = field(default_factory=list)


def custodians_view(state: State) -> dict[str, object]:
    """Everything in ``State`` that the auditor has too, in plain values."""
    return {
        "newest": state.newest,
        "rosters": [
            (
                r.hash.hex(),
                r.names,
                {n: tuple(map(int, rule.clauses)) for n, rule in r.rules.items()},
                r.quorum,
                r.retention_days,
                r.cell_cap,
                [key.public for key in r.signing_keys],
                [w.public for w in r.witnesses],
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
                [f.file_id.hex() for f in b.files],
                [s.hex() for s in b.segments],
            )
            for b in state.batches.values()
        },
        "pending": {
            batch.hex(): (len(p.parts), {s.hex() for s in p.segments}, {f.hex() for f in p.files})
            for batch, p in state.pending.items()
        },
        "files": {name.hex() for name in state.files},
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
            i: (o.time, o.intent.authorization.hex(), o.intent.requester, o.intent.nonce.hex(), o.intent.cells_at_most)
            + ((o.draw_index, o.draw.table.hex(), o.draw.records) if o.draw else (None,))
            + (
                (o.close_index, o.close.result.hex(), o.close.records, o.close.answers, o.close.unconfirmed_cells)
                if o.close
                else (None,)
            )
            for i, o in state.openings.items()
        },
        "nonces": {(name, nonce.hex()) for name, nonce in state.nonces},
        "revoked": {c.hex() for c in state.revoked},
        "refused": [(i, body.authorization.hex()) for i, body in state.refusals],
        "receipts": {
            (name, s.hex()): "".join(f"{mask:04x}{value.hex()}" for mask, value in body.canaries)
            for (name, s), body in state.receipts.items()
        },
        "faults": [i for i, _ in state.faults],
        "reveals": [
            (i, body.authorization.hex(), [line.line for line in body.lines if line.line is not None])
            for i, body in state.reveals
        ],
    }


def auditors_view(state: coffer_audit.state.State) -> dict[str, object]:
    """The same of the auditor's State."""
    return {
        "newest": state.newest,
        "rosters": [
            (
                r.hash,
                tuple(c.name for c in r.custodians),
                {n: rule.clauses for n, rule in r.rules.items()},
                r.quorum,
                r.retention_days,
                r.cell_cap,
                [key.public for key in r.signing_keys()],
                [w.public for w in r.witnesses],
                list(r.requesters),
            )
            for r in state.rosters
        ],
        "keys": dict(state.keys),
        "destroyed": set(state.destroyed),
        "batches": {
            name: (b.first.feed, b.first.tally, [f.file_id for f, _ in b.files], [s.line.seg_id for s in b.segments])
            for name, b in state.batches.items()
        },
        "pending": {
            name: (b.next_part - 1, {s.line.seg_id for s in b.segments}, {f.file_id for f, _ in b.files})
            for name, b in state.pending.items()
        },
        "files": set(state.files),
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
        "nonces": set(state.nonces),
        "revoked": {c for _, c in state.marks["revoke"]},
        "refused": list(state.marks["refuse"]),
        "receipts": dict(state.receipts),
        "faults": [i for i, _ in state.marks["fault"]],
        "reveals": [(i, body.authorization, list(body.shown)) for i, body in state.reveals],
    }


def _opening(opening: coffer_audit.state.Opening) -> tuple[object, ...]:
    text, number = opening.intent.text, opening.intent.number
    found: tuple[object, ...] = (
        opening.time,
        text["authorization"],
        text["requester"],
        text["nonce"],
        number["cells-at-most"],
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
        )
    return (*found, None)


def compare_log(rng: random.Random, keys: Ring, length: int, report: Report) -> None:
    """One generated log. After the first difference its readings go apart for good: the log ends there."""
    raws: list[bytes] = []
    auditor: coffer_audit.state.State | None = None

    def begin(genesis: bytes) -> State:
        nonlocal auditor
        text = genesis.partition(b"\n\n")[0] + b"\n"
        pinned = hashlib.sha256(b"coffer/v1/roster\n" + text).digest()
        if rng.random() < 0.02:
            pinned = bytes(32)
        auditor = coffer_audit.state.State(ORIGIN, pinned.hex())
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
    world: World, auditor: coffer_audit.state.State, raw: bytes, index: int, report: Report, raws: list[bytes]
) -> bool:
    assert world.state is not None
    before = len(auditor.invalid)
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
