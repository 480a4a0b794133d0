"""Opening, the shell: logs, asks the custodians, reads segments, delivers.

The steps are numbered in ``docs/procedures/opening.md``; what decides is in ``opening.py``.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import Countersigned, subject_rule
from coffer.custody.decide import WINDOW
from coffer.custody.exchange import NO_DRAW, NO_SALT, Cell, Reply, draw_commitment, format_cells, parse_cells
from coffer.custody.port import Custodian
from coffer.custody.receipts import verify_header
from coffer.disclosure.answer import Answer, AnsweredCell, Evidence, result_commitment
from coffer.disclosure.records_csv import device_columns, format_records
from coffer.disclosure.repeats import BatchRow, mark_repeats
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.cosigning import describe_lack, is_cosigned
from coffer.ledger.entries import CloseEntry, DrawEntry, FaultEntry, IntentEntry, SegmentId
from coffer.ledger.facts import Opening, Segment
from coffer.ledger.rules import mask_of
from coffer.ledger.state import State
from coffer.notes.cosign import verify_quorum
from coffer.notes.note import parse_note
from coffer.procedures.opening.ask import ANSWERED, CONSTANT, FAULT, Asking
from coffer.procedures.opening.decide import (
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
    verify_may_ask,
    verify_signed_for_segments,
)
from coffer.segments.locate import Finder
from coffer.segments.opened import OpenedRow
from coffer.segments.prf import DATA_LANE, LABEL_LANE
from coffer.vault.folder import DESK, Vault

Key = tuple[bytes, int]
"""A target: segment and subject line."""


@dataclass(slots=True)
class _Journal:
    """What must survive a crash, until the answer is delivered, so that going on costs no budget.

    The intent, the draw's salt and cells once chosen, the result's salt. No identifier is in it.
    """

    intent: int
    result_salt: bytes
    salt: bytes = NO_SALT
    cells: tuple[Cell, ...] = ()

    def format(self) -> bytes:
        fields = {"salt": self.salt, "cells": format_cells(self.cells), "result_salt": self.result_salt}
        return json.dumps({"intent": self.intent} | {name: raw.hex() for name, raw in fields.items()}).encode("ascii")

    @classmethod
    def parse(cls, raw: bytes) -> "_Journal":
        try:
            document = json.loads(raw)
            intent = int(document["intent"])
            salt, cells, result_salt = (bytes.fromhex(document[name]) for name in ("salt", "cells", "result_salt"))
        except (ValueError, KeyError, TypeError):
            raise MalformedInput(
                "opening: the file of the opening in progress is damaged",
                hint="remove it from the vault's desk folder: the opening then begins anew, and draws anew",
            ) from None
        return cls(intent, result_salt, salt, parse_cells(cells, "opening") if cells else ())


class _Run:
    """One opening under way."""

    def __init__(
        self,
        vault: Vault,
        state: State,
        authorization: Authorization,
        clock: Callable[[], dt.datetime],
        entropy: Entropy,
    ) -> None:
        self.vault = vault
        self.state = state
        self.authorization = authorization
        self.clock = clock
        self.entropy = entropy
        self.key = vault.operator_key(DESK)
        self.roster = state.rosters[authorization.terms.roster]
        self.finders: dict[bytes, Finder] = {}
        self.journal = self._intent()

    @property
    def opening(self) -> Opening:
        """The intent in the log, with what followed."""
        return self.state.openings[self.journal.intent]

    def _intent(self) -> _Journal:
        """R1: log what is about to be asked, or take up an opening whose answer was not delivered."""
        commitment = self.authorization.commitment
        raw = self.vault.desk.read_opening(commitment)
        if raw is not None:
            journal = _Journal.parse(raw)
            if journal.intent in self.state.openings:
                self.vault.gather_cosignatures(self.state)  # those of its last entry may be missing, or too old by now
                return journal
        count = len(self._segments(before=self.state.size))
        body = IntentEntry(
            authorization=commitment, requester=DESK, nonce=self.entropy(16), cells_at_most=cells_at_most(count)
        )
        journal = _Journal(self._log(body), self.entropy(32))
        if journal.intent not in self.state.openings:
            raise AssertionError("our own intent does not count in State")
        self._keep(journal)
        return journal

    def targets(self) -> dict[Key, Target]:
        """Every cell to ask for, with its header proven against the log."""
        targets: dict[Key, Target] = {}
        for segment, line in self._segments(before=self.journal.intent):
            seg_id = segment.line.seg_id
            if seg_id not in self.finders:
                header = verify_header(self.vault.segments.read_header(segment.line.day, seg_id), segment)
                self.finders[seg_id] = self.vault.segments.finder(header)
            subject = self.authorization.terms.subjects[line - 1]
            header = self.finders[seg_id].header
            targets[seg_id, line] = Target(segment=segment, header=header, line=line, subject=subject)
        return targets

    def labels(self, asking: Asking, targets: Sequence[Target]) -> dict[Key, Found]:
        """R2: labels of ranks 0 to 63 of every cell, and further windows while the last rank of one hits."""
        found: dict[Key, Found] = {}
        for group in request_groups(targets):
            windows: dict[Key, list[Mapping[str, Reply]]] = {_key(target): [] for target in group}
            pending, number = group, 0
            while pending:
                cells = {target.window(number): target for target in pending}
                replies = self._ask(asking, LABEL_LANE, cells, draw=NO_DRAW, salt=NO_SALT)
                for target in pending:
                    key = _key(target)
                    windows[key].append(replies)
                    found[key] = find_rows(target, windows[key], self.finders[key[0]])
                number += 1
                may_go_on = number * WINDOW <= self.roster.cell_cap or self.authorization.terms.is_hub
                pending = [t for t in pending if may_go_on and needs_another_window(found[_key(t)], number)]
        return found

    def draw(self, found: Sequence[Found]) -> int | None:
        """R3: commit to the cells and their number of records. None if there is nothing to draw.

        Raises:
            Refused: over the budget; the opening is closed with nothing opened.
        """
        if self.opening.draw is not None:
            if draw_commitment(self.journal.salt, self.journal.cells) != self.opening.draw.table:
                raise NotProven("opening: the draw in the log is not the one that was prepared here")
            return self.opening.draw_index
        if self.opening.close is not None:
            return None
        drawn = self.state.drawn(self.authorization.commitment, up_to=self.state.size)
        try:
            total = verify_budget(found, self.authorization, self.roster, drawn)
        except Refused:
            self._abandon()
            raise
        if total == 0:
            return None
        self.journal.salt = self.entropy(32)
        self.journal.cells = tuple(sorted(item.cell for item in found if item.rows))
        self._keep(self.journal)
        table = draw_commitment(self.journal.salt, self.journal.cells)
        return self._log(DrawEntry(intent=self.journal.intent, table=table, records=total))

    def data(self, asking: Asking, targets: Mapping[Key, Target], draw: int) -> dict[str, Reply]:
        """R4: the data lane for exactly the drawn cells.

        Raises:
            Refused: a drawn day went past its retention meanwhile.
        """
        drawn = {cell: targets.get((cell.seg_id, cell.line)) for cell in self.journal.cells}
        cells = {cell: target for cell, target in drawn.items() if target is not None}
        if len(cells) < len(drawn):
            self._abandon()
            raise Refused(
                "opening: the keys of a drawn day are no longer kept: its retention is over",
                code="time",
                hint="ask again for the days that are left",
            )
        return self._ask(asking, DATA_LANE, cells, draw=draw, salt=self.journal.salt)

    def close(self, asking: Asking, results: Sequence[CellResult]) -> Answer:
        """R5, the end: log the result, unless that was done before a crash, and put the answer together."""
        faulty = frozenset[str]().union(*(result.faulty for result in results))
        statuses = asking.statuses(faulty)
        superseded = self._superseded()
        rows = self._marked([result for result in results if result.target.segment.line.seg_id not in superseded])
        apart = [row for result in results if result.target.segment.line.seg_id in superseded for row in result.rows]
        devices = device_columns(result.target.header.core.layout for result in results)
        records_csv, superseded_csv = format_records(rows, devices), format_records(apart, devices) if apart else None
        body = CloseEntry(
            intent=self.journal.intent,
            result=result_commitment(self.journal.result_salt, records_csv, superseded_csv),
            records=len(rows) + len(apart),
            answers=sum(status == ANSWERED for status in statuses.values()),
            unconfirmed_cells=sum(result.status == "unconfirmed" for result in results),
        )
        if self.opening.close is None:
            self._log_faults(asking, [name for name, status in statuses.items() if status == FAULT])
            self._log(body)
        elif self.opening.close != body:
            raise Unavailable(
                "opening: it was closed, and its answer comes out differently now",
                hint="run the same command again when the same custodians answer",
            )
        close = self.opening.close_index
        assert close is not None, "it was logged just now, or before"
        return Answer(
            authorization=self.authorization.commitment.hex(),
            intent=self.journal.intent,
            draw=self.opening.draw_index,
            close=close,
            answers=body.answers,
            custodians=statuses,
            cells=[_answered_cell(result, superseded) for result in results],
            records=len(rows),
            repeated_records=sum(bool(row.repeat) for row in rows),
            superseded_records=len(apart),
            outside_period=sum(result.outside for result in results),
            records_csv=records_csv,
            superseded_csv=superseded_csv,
            evidence=self._evidence(asking, results),
        )

    def _log_faults(self, asking: Asking, names: Sequence[str]) -> None:
        """One for each custodian that the answer calls a fault: the log bears out what the answer says. Those logged before a crash stand already."""
        intent = self.journal.intent
        known = {body.accused for body in self.state.faults_of.get(intent, ()) if body.accuser == DESK}
        for name in sorted(set(names) - known):
            self._log(FaultEntry(accuser=DESK, accused=name, object=intent, evidence=asking.evidence_against(name)))

    def _superseded(self) -> set[SegmentId]:
        """The segments that count as superseded: where the close is logged already, those that did then."""
        end, state = self.opening.close_index, self.state
        later = [] if end is None else [batch for batch, index in state.withdrawn.items() if index > end]
        return state.superseded.difference(*(state.batches[batch].segments for batch in later))

    def _marked(self, results: Sequence[CellResult]) -> list[OpenedRow]:
        """The rows of some cells; those that another batch tells too are marked."""
        firsts: dict[SegmentId, int] = {}
        for batch in self.state.batches.values():
            entries = [self.state.segments[seg_id].entry_index for seg_id in batch.segments]
            firsts |= dict.fromkeys(batch.segments, min(entries, default=0))
        return mark_repeats(
            BatchRow(batch=firsts[segment.line.seg_id], feed=segment.feed, row=row)
            for result in results
            for segment in [result.target.segment]
            for row in result.rows
        )

    def _segments(self, *, before: int) -> list[tuple[Segment, int]]:
        subjects = self.authorization.terms.subjects
        return segments_of(subjects, self.authorization, self.state, before=before, now=self.clock())

    def _ask(
        self, asking: Asking, lane: int, cells: Mapping[Cell, Target], *, draw: int, salt: bytes
    ) -> dict[str, Reply]:
        checkpoint = self.vault.log.checkpoint()
        _verify_cosigned(checkpoint, self.state, self.clock())
        checkpoint = asking.cosigned(checkpoint, self.authorization.terms.rules, self.clock)
        return asking.ask(lane, cells, intent=self.journal.intent, draw=draw, salt=salt, checkpoint=checkpoint)

    def _abandon(self) -> None:
        """Close the opening with nothing opened."""
        if self.opening.close is None:
            result = result_commitment(self.journal.result_salt, format_records([]), None)
            self._log(CloseEntry(intent=self.journal.intent, result=result, records=0, answers=0, unconfirmed_cells=0))
        self.vault.desk.remove_opening(self.authorization.commitment)

    def _keep(self, journal: _Journal) -> None:
        self.vault.desk.write_opening(self.authorization.commitment, journal.format())

    def _log(self, body: IntentEntry | DrawEntry | CloseEntry | FaultEntry) -> int:
        return self.vault.append([self.vault.entry(body, self.key, self.state, self.clock)], self.state)[0]

    def _evidence(self, asking: Asking, results: Sequence[CellResult]) -> Evidence:
        opening = self.opening
        wanted = set(self.state.trust_indexes)
        wanted |= {index for index in (opening.index, opening.draw_index, opening.close_index) if index is not None}
        wanted |= {index for index, body in self.state.faults if body.object == opening.index}
        segments = {result.target.segment.line.seg_id for result in results}
        for batch in self.state.batches.values():
            if not segments.isdisjoint(batch.segments):
                wanted |= set(batch.entry_indexes)
                withdrawn = self.state.withdrawn.get(batch.batch)
                if withdrawn is not None and withdrawn < (opening.close_index or self.state.size):
                    wanted.add(withdrawn)
        checkpoint = self.vault.log.checkpoint()
        logged = {index: self.vault.logged(index, checkpoint) for index in sorted(wanted)}
        finders = {seg_id.hex(): self.finders[seg_id] for seg_id in sorted(segments)}
        return Evidence(
            origin=self.vault.pins.origin,
            log_key=self.vault.pins.log_key.format(),
            genesis=self.vault.pins.genesis.hex(),
            note=self.authorization.note.raw,
            checkpoint=checkpoint,
            entries={index: entry for index, (entry, _) in logged.items()},
            proofs={index: proof for index, (_, proof) in logged.items()},
            result_salt=self.journal.result_salt,
            requests=asking.requests,
            replies=asking.replies,
            segments={name: (f.header.stripped, f.manifest, f.touched) for name, f in finders.items()},
        )


def run_opening(
    vault: Vault,
    raw_note: bytes,
    custodians: Sequence[Custodian],
    *,
    clock: Callable[[], dt.datetime],
    entropy: Entropy,
    deliver: Callable[[Answer], None],
    patience_s: float | None = None,
) -> Answer:
    """Open what an authorization allows, and hand the answer to ``deliver``.

    ``patience_s`` bounds the waiting for custodians, in all.
    Until ``deliver`` has returned, the same command takes the opening up again without cost to the budget.

    Raises:
        MalformedInput: the note is none.
        NotProven: a signature, the log or a segment is not what it should be.
        Refused: too few countersignatures, out of time, revoked, or over the budget. Over the budget the opening is
            logged and closed with nothing opened.
        Unavailable: too few custodians answered, or the vault is in use. The opening stays.
    """
    authorization = parse_authorization(raw_note, "request")
    with vault.writing() as state:
        vault.desk.remove_ended_seal_keys(state, clock())
        countersigned = verify_may_ask(authorization, state, clock())
        _verify_answerable(countersigned, custodians)
        raw = vault.desk.read_opening(authorization.commitment)  # one that is taken up reaches what it reached
        if raw is None:
            _verify_unspent(state, authorization)
        before = state.size if raw is None else _Journal.parse(raw).intent
        reached = segments_of(authorization.terms.subjects, authorization, state, before=before, now=clock())
        verify_signed_for_segments(authorization, reached)
        seal_key = vault.desk.read_seal_key(authorization.commitment)
        vault.desk.keep_note(authorization.commitment, authorization.note.raw)
        run = _Run(vault, state, authorization, clock, entropy)
        asking = Asking(
            roster=run.roster,
            custodians=custodians,
            note=authorization.note.raw,
            seal_key=seal_key,
            key=run.key,
            patience_s=patience_s,
        )
        targets = run.targets()
        found = run.labels(asking, list(targets.values()))
        for key, target in targets.items():
            if not found[key].is_answered:
                _raise_unanswered(asking.statuses(), target, authorization)
        draw = run.draw([found[key] for key in targets])
        replies = run.data(asking, targets, draw) if draw is not None else {}
        cells = {(cell.seg_id, cell.line): cell for cell in run.journal.cells}
        _verify_enough([targets[key] for key in cells], replies, asking, authorization)
        results = [open_target(found[key], replies, cells.get(key), authorization) for key in targets]
        answer = run.close(asking, results)
        deliver(answer)
        vault.desk.remove_opening(authorization.commitment)
        if _is_spent(state, authorization):
            vault.desk.remove_seal_key(authorization.commitment)
        return answer


def _is_spent(state: State, authorization: Authorization) -> bool:
    """Whether as many records were drawn under it as it allows: nothing more is opened, so its seal key has no use but a thief's."""
    return state.drawn(authorization.commitment, up_to=state.size) >= authorization.terms.max_records


def _verify_unspent(state: State, authorization: Authorization) -> None:
    """Step R0 still, where no opening is to be taken up: its seal key went with the last record."""
    if _is_spent(state, authorization):
        raise Refused(
            f"records: all {authorization.terms.max_records} that it allows were drawn before (max-records)",
            code="budget",
            hint="ask for a new authorization",
        )


def _verify_cosigned(checkpoint: bytes, state: State, now: dt.datetime) -> None:
    """Custodians would refuse, and could not say why."""
    note, roster = parse_note(checkpoint, "checkpoint", may_be_cosigned=True), state.roster
    try:
        verify_quorum(note, roster.witnesses, roster.quorum, newest=state.newest, now=now)
    except NotProven as error:
        raise Unavailable(
            error.message,
            hint="the opening is kept: run the same command again when enough witnesses answer (coffer witness gather VAULT)",
        ) from None


def _verify_answerable(countersigned: Countersigned, custodians: Sequence[Custodian]) -> None:
    """Step R0 still: do not log an intent where it is plain that nobody could answer it."""
    roster = countersigned.roster
    mask = mask_of([custodian.name for custodian in custodians], roster.names)
    at_hand = [custodian.name for custodian in custodians]
    for subject in countersigned.authorization.terms.subjects:
        rule = subject_rule(subject, roster)
        if not rule.is_satisfied_by(mask):
            names = ", ".join(custodian.name for custodian in custodians) or "none"
            raise Unavailable(
                f"custodians: {names} can be asked, expected {rule.expression} (rule {rule.name})",
                hint="give the passphrases of more custodians",
            )
    if not is_cosigned(countersigned.authorization.terms.rules, roster, at_hand):
        lack = describe_lack(countersigned.authorization.terms.rules, roster, at_hand)
        raise Unavailable(
            f"custodians: {', '.join(at_hand)} can be asked, and more must vouch for the log: {lack}",
            hint="give the passphrases of more custodians",
        )


def _verify_enough(
    targets: Sequence[Target], replies: Mapping[str, Reply], asking: Asking, authorization: Authorization
) -> None:
    """Refuse to close while too few custodians answered in the data lane: the opening can be taken up again."""
    for target in targets:
        mask = sum(1 << i for i, name in enumerate(target.roster.names) if name in replies)
        if not target.rule.is_satisfied_by(mask):
            _raise_unanswered(asking.statuses(), target, authorization)


def _raise_unanswered(statuses: Mapping[str, str], target: Target, authorization: Authorization) -> None:
    signed = {line.name for line in authorization.note.signatures}
    said = ", ".join(
        f"{name}: {'has not approved it' if status == CONSTANT and f'{name}/auth' not in signed else status}"
        for name, status in statuses.items()
    )
    refused = [status for status in statuses.values() if status.startswith("refused")]
    message = f"custodians: too few answered for rule {target.rule.name} ({target.rule.expression}): {said}"
    if refused:
        code = refused[0].removeprefix("refused: ")
        raise Refused(
            message,
            code=code if code != "constant" else "scope",
            hint="a custodian answers only for what it approved itself, while it is in force: coffer show NOTE --vault VAULT",
        )
    raise Unavailable(message, hint="the opening is kept: run the same command again when more custodians can answer")


def _key(target: Target) -> Key:
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
        outside_period=result.outside,
        superseded=line.seg_id in superseded,
        by=result.by,
    )
