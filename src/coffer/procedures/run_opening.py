"""Opening, the shell: logs, asks the custodians, reads segments.

The steps are numbered in ``docs/procedures/opening.md``; what decides is in ``opening.py``.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.custody.exchange import (
    CONSTANT_REFUSAL,
    MAX_REQUEST_BYTES,
    NO_DRAW,
    NO_SALT,
    Cell,
    Reply,
    Request,
    draw_commitment,
    format_cells,
    parse_cells,
    reply_info,
    request_info,
    sign_request,
    verify_reply,
)
from coffer.custody.oracle import disagreeing, held_by
from coffer.custody.port import Custodian
from coffer.disclosure.answer import Answer, AnsweredCell, Evidence, result_commitment
from coffer.disclosure.records_csv import format_records
from coffer.errors import NotProven, Refused, Unavailable
from coffer.ledger.entries import CloseEntry, DrawEntry, FaultEntry, IntentEntry, SegmentId
from coffer.ledger.roster import Roster
from coffer.ledger.state import Opening, State
from coffer.notes.keys import SealKey, seal
from coffer.procedures.opening import (
    CellResult,
    Found,
    Target,
    cells_at_most,
    find_rows,
    needs_another_window,
    open_target,
    request_groups,
    segments_of,
    verify_budget,
    verify_header,
    verify_may_ask,
)
from coffer.segments.locate import Finder
from coffer.segments.prf import DATA_LANE, LABEL_LANE
from coffer.segments.seal import Entropy
from coffer.translog.merkle import inclusion_proof, leaf_hash
from coffer.vault.folder import DESK, Vault

NO_ANSWER: Final = "no answer"
FAULT: Final = "fault"
ANSWERED: Final = "answered"


@dataclass(slots=True)
class _Journal:
    """What must survive a crash so that going on costs no budget.

    The intent and, once chosen, the draw's salt and cells. No identifier is in it.
    """

    intent: int
    salt: bytes = NO_SALT
    cells: tuple[Cell, ...] = ()

    def format(self) -> bytes:
        return json.dumps(
            {"intent": self.intent, "salt": self.salt.hex(), "cells": format_cells(self.cells).hex()}
        ).encode("ascii")

    @classmethod
    def parse(cls, raw: bytes) -> "_Journal":
        document = json.loads(raw)
        cells = bytes.fromhex(document["cells"])
        return cls(document["intent"], bytes.fromhex(document["salt"]), parse_cells(cells, "opening") if cells else ())


@dataclass(slots=True)
class _Asking:
    """The requests of one opening and what came back."""

    statuses: dict[str, str]
    requests: list[bytes] = field(default_factory=list)
    replies: dict[tuple[int, int], bytes] = field(default_factory=dict)
    faulty: list[tuple[str, bytes, bytes]] = field(default_factory=list)


class _Run:
    def __init__(
        self,
        vault: Vault,
        state: State,
        authorization: Authorization,
        custodians: Sequence[Custodian],
        clock: Callable[[], dt.datetime],
        entropy: Entropy,
    ) -> None:
        self.vault = vault
        self.state = state
        self.authorization = authorization
        self.custodians = custodians
        self.clock = clock
        self.entropy = entropy
        self.key = vault.operator_key(DESK)
        self.seal_key: SealKey = vault.read_seal_key(authorization.commitment)
        self.roster: Roster = state.rosters[authorization.terms.roster]
        self.asking = _Asking(dict.fromkeys(self.roster.names, NO_ANSWER))
        self.finders: dict[bytes, Finder] = {}

    def intent(self) -> _Journal:
        """R1: log what is about to be asked, or take up an opening that a crash interrupted."""
        raw = self.vault.read_opening(self.authorization.commitment)
        if raw is not None:
            journal = _Journal.parse(raw)
            opening = self.state.openings.get(journal.intent)
            if opening is not None and opening.close is None:
                return journal
        count = len(
            segments_of(
                self.authorization.terms.subjects,
                self.authorization,
                self.state,
                before=self.state.size,
                now=self.clock(),
            )
        )
        body = IntentEntry(
            authorization=self.authorization.commitment,
            requester=DESK,
            nonce=self.entropy(16),
            cells_at_most=cells_at_most(count),
        )
        journal = _Journal(self._log(body))
        self.vault.write_opening(self.authorization.commitment, journal.format())
        return journal

    def targets(self, journal: _Journal) -> list[Target]:
        """Every cell to ask for, with its header proven against the log."""
        found = segments_of(
            self.authorization.terms.subjects, self.authorization, self.state, before=journal.intent, now=self.clock()
        )
        targets = []
        for segment, line in found:
            seg_id = segment.line.seg_id
            if seg_id not in self.finders:
                header = verify_header(self.vault.segments.read_header(segment.line.day, seg_id), segment)
                self.finders[seg_id] = self.vault.segments.finder(header)
            subject = self.authorization.terms.subjects[line - 1]
            targets.append(Target(segment=segment, header=self.finders[seg_id].header, line=line, subject=subject))
        return targets

    def labels(self, journal: _Journal, targets: Sequence[Target]) -> dict[tuple[bytes, int], list[Found]]:
        """R2: labels of ranks 0 to 63 of every cell, and further windows while the last rank of one hits."""
        found: dict[tuple[bytes, int], list[Found]] = {}
        for group in request_groups(targets):
            windows: dict[tuple[bytes, int], list[Mapping[str, Reply]]] = {_key(target): [] for target in group}
            pending, number = group, 0
            while pending:
                replies = self._ask(
                    LABEL_LANE, [target.window(number) for target in pending], pending, journal, NO_DRAW
                )
                for target in pending:
                    windows[_key(target)].append(replies)
                    found[_key(target)] = find_rows(target, windows[_key(target)], self.finders[_key(target)[0]])
                number += 1
                limit = number * 64 <= self.roster.cell_cap or self.authorization.terms.is_hub
                pending = [target for target in pending if limit and needs_another_window(found[_key(target)], number)]
        return found

    def draw(self, journal: _Journal, firsts: Sequence[Found]) -> int | None:
        """R3: commit to the cells and their number of records. None if there is nothing to draw."""
        opening = self.state.openings[journal.intent]
        if opening.draw_index is not None:
            if draw_commitment(journal.salt, journal.cells) != (opening.draw.table if opening.draw else b""):
                raise NotProven("opening: the draw in the log is not the one that was prepared here")
            return opening.draw_index
        drawn = self.state.drawn(self.authorization.commitment, up_to=self.state.size)
        total = verify_budget(firsts, self.authorization, self.roster, drawn)
        if total == 0:
            return None
        journal.salt = self.entropy(32)
        journal.cells = tuple(sorted(item.cell for item in firsts if item.rows))
        self.vault.write_opening(self.authorization.commitment, journal.format())
        table = draw_commitment(journal.salt, journal.cells)
        return self._log(DrawEntry(intent=journal.intent, table=table, records=total))

    def data(self, journal: _Journal, targets: Sequence[Target], draw: int) -> Mapping[str, Reply]:
        """R4: the data lane for exactly the drawn cells."""
        drawn = {(cell.seg_id, cell.line) for cell in journal.cells}
        asked = [target for target in targets if _key(target) in drawn]
        return self._ask(DATA_LANE, list(journal.cells), asked, journal, draw, salt=journal.salt)

    def close(self, journal: _Journal, results: Sequence[CellResult]) -> Answer:
        """R5, the end: log the result and put the answer together."""
        self._report_faults()
        superseded = self.state.superseded
        rows = [row for result in results if result.target.segment.line.seg_id not in superseded for row in result.rows]
        apart = [row for result in results if result.target.segment.line.seg_id in superseded for row in result.rows]
        records_csv, superseded_csv = format_records(rows), format_records(apart) if apart else None
        salt = self.entropy(32)
        answers = sum(status == ANSWERED for status in self.asking.statuses.values())
        body = CloseEntry(
            intent=journal.intent,
            result=result_commitment(salt, records_csv, superseded_csv),
            records=len(rows) + len(apart),
            answers=answers,
            unconfirmed_cells=sum(result.status == "unconfirmed" for result in results),
        )
        close = self._log(body)
        self.vault.remove_opening(self.authorization.commitment)
        return Answer(
            authorization=self.authorization.commitment.hex(),
            intent=journal.intent,
            draw=self.state.openings[journal.intent].draw_index,
            close=close,
            answers=answers,
            custodians=self.asking.statuses,
            cells=[_answered_cell(result, superseded) for result in results],
            records=len(rows),
            superseded_records=len(apart),
            records_csv=records_csv,
            superseded_csv=superseded_csv,
            evidence=self._evidence(self.state.openings[journal.intent], results, salt),
        )

    def abandon(self, journal: _Journal) -> None:
        """Close an opening that the budget forbids: nothing was opened."""
        empty = format_records([])
        result = result_commitment(self.entropy(32), empty, None)
        answers = sum(status == ANSWERED for status in self.asking.statuses.values())
        self._log(CloseEntry(intent=journal.intent, result=result, records=0, answers=answers, unconfirmed_cells=0))
        self.vault.remove_opening(self.authorization.commitment)

    def _ask(
        self,
        lane: int,
        cells: Sequence[Cell],
        targets: Sequence[Target],
        journal: _Journal,
        draw: int,
        *,
        salt: bytes = NO_SALT,
    ) -> Mapping[str, Reply]:
        """One request to every custodian at once; the replies that proved themselves."""
        headers = {target.header.core.seg_id: target.header for target in targets}
        request = sign_request(
            Request(
                note=self.authorization.note.raw,
                seal_public=self.seal_key.public,
                intent=journal.intent,
                draw=draw,
                lane=lane,
                draw_salt=salt,
                cells=tuple(sorted(cells)),
                checkpoint=self.vault.log.checkpoint(),
                headers=tuple(headers[seg_id] for seg_id in sorted(headers)),
                signature=bytes(64),
            ),
            self.key,
        )
        if len(request.raw) > MAX_REQUEST_BYTES:
            raise Refused("request: too many segments at once", code="budget", hint="ask for fewer days")
        rules = {_key(target): target for target in targets}
        number = len(self.asking.requests)
        self.asking.requests.append(request.digest_form)
        with ThreadPoolExecutor(max_workers=9) as pool:
            replies = dict(
                pool.map(
                    lambda custodian: (custodian.name, self._ask_one(custodian, request, rules, number)),
                    self.custodians,
                )
            )
        good = {name: replies[name] for name in self.roster.names if isinstance(replies.get(name), Reply)}
        proven = {name: reply for name, reply in good.items() if reply is not None}
        asked = [(cell, rules[cell.seg_id, cell.line]) for cell in request.cells]
        for roster in {target.roster.hash: target.roster for _, target in asked}.values():
            pairs = disagreeing([(c, t.rule) for c, t in asked if t.roster.hash == roster.hash], roster, proven)
            for pair in sorted(sorted(pair) for pair in pairs):
                evidence = wire.digest(*(proven[name].raw for name in pair))
                self.asking.faulty.append(("/".join(pair), request.hash, evidence))
        return proven

    def _ask_one(
        self, custodian: Custodian, request: Request, rules: Mapping[tuple[bytes, int], Target], number: int
    ) -> Reply | None:
        member = self.roster.custodian(custodian.name)
        if member is None:
            return None
        sealed = seal(request.raw, member.req, info=request_info(self.roster.hash, member.index))
        try:
            answer = custodian.answer(sealed)
            if answer == CONSTANT_REFUSAL:
                self._status(custodian.name, "refused: constant")
                return None
            raw = self.seal_key.unseal(
                answer, info=reply_info(request.hash, member.index), place=f"reply of {custodian.name}"
            )
            held = [
                (
                    cell,
                    held_by(custodian.name, rules[cell.seg_id, cell.line].rule, rules[cell.seg_id, cell.line].roster),
                )
                for cell in request.cells
            ]
            reply = verify_reply(
                raw, custodian=custodian.name, index=member.index, key=member.resp, request=request, held=held
            )
        except Unavailable:
            self._status(custodian.name, NO_ANSWER)
            return None
        except NotProven:
            self._status(custodian.name, FAULT)
            return None
        self.asking.replies[number, member.index] = raw
        if reply.code is not None:
            self._status(custodian.name, f"refused: {reply.code.name.lower()}")
            return None
        self._status(custodian.name, ANSWERED)
        return reply

    def _status(self, name: str, status: str) -> None:
        """Keep the worst: a custodian that failed once did not answer all."""
        if self.asking.statuses[name] in (NO_ANSWER, ANSWERED):
            self.asking.statuses[name] = status

    def name_liars(self, results: Sequence[CellResult]) -> None:
        """A custodian that answered but agrees with no proven row is at fault.

        Where nothing was proven, both of a disagreeing pair stay suspects.
        """
        for pair, _, _ in self.asking.faulty:
            for name in pair.split("/"):
                trusted = [result for result in results if result.status == "complete" and result.by]
                if trusted and all(
                    name not in result.by
                    for result in trusted
                    if held_by(name, result.target.rule, result.target.roster)
                ):
                    self.asking.statuses[name] = FAULT

    def _report_faults(self) -> None:
        accused = {name for name, status in self.asking.statuses.items() if status == FAULT}
        for pair, request_hash, evidence in self.asking.faulty:
            names = [name for name in pair.split("/") if name in accused] or pair.split("/")
            for name in names:
                self._log(FaultEntry(accuser=DESK, accused=name, object=request_hash, evidence=evidence))

    def _log(self, body: IntentEntry | DrawEntry | CloseEntry | FaultEntry) -> int:
        index = self.vault.append([self.vault.entry(body, self.key, self.state, self.clock)], self.state)[0]
        if isinstance(body, IntentEntry) and index not in self.state.openings:
            raise AssertionError("our own intent does not count in State")
        return index

    def _evidence(self, opening: Opening, results: Sequence[CellResult], salt: bytes) -> Evidence:
        checkpoint = self.vault.log.checkpoint()
        entries = self.vault.log.entries(0, self.state.size)
        wanted = set(self.state.roster_indexes.values())
        wanted |= {index for index in (opening.index, opening.draw_index, opening.close_index) if index is not None}
        segments = {result.target.segment.line.seg_id for result in results}
        for batch in self.state.batches.values():
            if segments & set(batch.segments):
                wanted |= set(batch.entry_indexes)
        leaves = [leaf_hash(entry) for entry in entries]
        return Evidence(
            origin=self.vault.pins.origin,
            log_key=self.vault.pins.log_key.format(),
            genesis=self.vault.pins.genesis.hex(),
            note=self.authorization.note.raw,
            checkpoint=checkpoint,
            entries={index: entries[index] for index in sorted(wanted)},
            proofs={index: inclusion_proof(leaves, index) for index in sorted(wanted)},
            result_salt=salt,
            requests=self.asking.requests,
            replies=self.asking.replies,
            segments={
                seg_id.hex(): (
                    self.finders[seg_id].header.stripped,
                    self.finders[seg_id].manifest,
                    self.finders[seg_id].touched,
                )
                for seg_id in sorted(segments)
            },
        )


def run_opening(
    vault: Vault,
    raw_note: bytes,
    custodians: Sequence[Custodian],
    *,
    clock: Callable[[], dt.datetime],
    entropy: Entropy,
) -> Answer:
    """Open what an authorization allows.

    Raises:
        MalformedInput: the note is none.
        NotProven: a signature, the log or a segment is not what it should be.
        Refused: too few countersignatures, out of time, revoked, or over the budget. Over the budget the opening is
        logged and closed with nothing opened.
        Unavailable: too few custodians answered, or the vault is in use. The opening stays; the same command takes it
        up again without cost.
    """
    authorization = parse_authorization(raw_note, "request")
    with vault.writing() as state:
        vault.remove_ended_seal_keys(state, clock())
        verify_may_ask(authorization, state, clock())
        run = _Run(vault, state, authorization, custodians, clock, entropy)
        journal = run.intent()
        targets = run.targets(journal)
        found = run.labels(journal, targets)
        unanswered = [target for target in targets if not found[_key(target)]]
        if unanswered:
            _raise_unanswered(run.asking.statuses, unanswered[0])
        firsts = [found[_key(target)][0] for target in targets]
        try:
            draw = run.draw(journal, firsts)
        except Refused:
            run.abandon(journal)
            raise
        replies = run.data(journal, targets, draw) if draw is not None else {}
        cells = {(cell.seg_id, cell.line): cell for cell in journal.cells}
        results = [open_target(found[_key(target)], replies, cells.get(_key(target))) for target in targets]
        if any(result.status == "unconfirmed" and _key(result.target) in cells for result in results) and not _enough(
            targets, replies
        ):
            _raise_unanswered(run.asking.statuses, targets[0])
        run.name_liars(results)
        return run.close(journal, results)


def _enough(targets: Sequence[Target], replies: Mapping[str, Reply]) -> bool:
    """Whether the custodians that answered satisfy every target's rule."""
    names = set(replies)
    return all(
        target.rule.is_satisfied_by(sum(1 << i for i, name in enumerate(target.roster.names) if name in names))
        for target in targets
    )


def _raise_unanswered(statuses: Mapping[str, str], target: Target) -> None:
    said = ", ".join(f"{name}: {status}" for name, status in statuses.items())
    refused = [status for status in statuses.values() if status.startswith("refused")]
    message = f"custodians: too few answered for rule {target.rule.name} ({target.rule.expression}): {said}"
    if refused:
        code = refused[0].removeprefix("refused: ")
        raise Refused(
            message,
            code=code if code != "constant" else "scope",
            hint="a custodian answers only for what it approved itself, while it is in force: see coffer show",
        )
    raise Unavailable(message, hint="the opening is kept: run the same command again when more custodians can answer")


def _key(target: Target) -> tuple[bytes, int]:
    return (target.segment.line.seg_id, target.line)


def _answered_cell(result: CellResult, superseded: set[SegmentId]) -> AnsweredCell:
    line = result.target.segment.line
    return AnsweredCell(
        segment=line.seg_id.hex(),
        day=line.day.isoformat(),
        kind=line.kind,
        feed=result.target.segment.feed,
        rule=line.rule,
        part=line.part,
        subject=result.target.line,
        status=result.status,
        records=len(result.rows),
        superseded=line.seg_id in superseded,
        by=result.by,
    )
