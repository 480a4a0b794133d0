"""Opening, the shell: logs, asks the custodians, reads segments, delivers.

The steps are numbered in ``docs/procedures/opening.md``. ``beginning`` logs the intent or takes up what waits, after
``early`` has refused what custodians would; ``decide`` finds and opens rows, ``answer`` puts the result together, and
``closing`` logs the close.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from functools import partial

from coffer.authority.amended import parse_amended
from coffer.authority.hold import Hold
from coffer.authority.known import is_urgent
from coffer.custody.asked import WINDOW
from coffer.custody.exchange import NO_DRAW, NO_SALT, Cell, Reply, draw_commitment
from coffer.custody.logged import verify_logged
from coffer.custody.port import Custodian
from coffer.disclosure.answer import Answer, Evidence, SegmentEvidence
from coffer.disclosure.part import part_before
from coffer.errors import NotProven, Refused, Unavailable
from coffer.ledger.entries import DrawEntry, FaultEntry, SegmentId
from coffer.ledger.facts import Opening, Segment
from coffer.ledger.state import State
from coffer.notes.cosign import verify_quorum
from coffer.notes.note import parse_note
from coffer.procedures.opening.answer import Result, evident_entries, is_same_result
from coffer.procedures.opening.ask import CONSTANT, Asking
from coffer.procedures.opening.beginning import Begun, begin_opening
from coffer.procedures.opening.closing import give_up, log_close
from coffer.procedures.opening.decide import (
    Matches,
    Target,
    find_rows,
    needs_another_window,
    open_target,
    records_needed,
    request_groups,
    verify_budget,
)
from coffer.procedures.opening.early import UNKNOWN_AUTHORITY
from coffer.procedures.opening.kept import forget_spent_key
from coffer.procedures.opening.owed import Owed
from coffer.segments.locate import Finder
from coffer.segments.prf import DATA_LANE, LABEL_LANE
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK

Key = tuple[bytes, int]
"""A target: segment and subject line."""
Windows = dict[Key, list[Mapping[str, Reply]]]


class Stage(StrEnum):
    """How far an opening is, as ``on_progress`` is told. A resumed opening tells all stages again."""

    INTENT = "intent"
    """Its intent is in the log. The number is the entry's index."""
    LABELS = "labels"
    """Custodians answered for the labels. The number is that of cells."""
    DRAW = "draw"
    """The draw is in the log. The number is that of records; 0 if nothing was found and nothing is logged."""
    DATA = "data"
    """Custodians answered for the data. The number is that of records."""
    CLOSE = "close"
    """The close is in the log. The number is the entry's index."""


OnProgress = Callable[[Stage, int], None]


def run_opening(
    vault: Vault,
    raw_note: bytes,
    custodians: Sequence[Custodian],
    *,
    deliver: Callable[[Answer], None],
    patience_s: float | None = None,
    on_progress: OnProgress = lambda _stage, _number: None,
    holds: Sequence[Hold] = (),
    is_continuing: bool = False,
) -> Answer:
    """Open what an authorization allows, and hand the answer to ``deliver``.

    ``holds``: notes under which days whose keys died were held. ``is_continuing``: open only what came since the
    opening before. ``patience_s`` bounds the waiting for custodians, in all. Until ``deliver`` has returned, the same
    command resumes the opening without cost to the budget.
    ``on_progress`` is called in this thread; what it raises stops the opening, which can be resumed.

    Raises:
        MalformedInput: it is not an authorization's note.
        NotProven: a signature, the log or a segment is not what it should be.
        Refused: too few countersignatures, out of time, revoked, or over the budget. Over the budget the opening is
            logged and closed with nothing opened.
        Unavailable: too few custodians answered, or the vault is in use. The opening stays.
    """
    authorization = parse_amended(raw_note, "request")
    with vault.writing() as state:
        begun = begin_opening(vault, state, authorization, custodians, holds=holds, is_continuing=is_continuing)
        asking = Asking(
            roster=begun.countersigned.roster,
            custodians=custodians,
            note=authorization.raw,
            seal_key=begun.seal_key,
            key=vault.operator_key(DESK),
            patience_s=patience_s,
        )
        on_progress(Stage.INTENT, begun.journal.intent)
        answer = _UnderWay(vault, state, begun, asking, on_progress).answer(begun.reached)
        left = Owed.of(answer.intent, answer.cells, answer.custodians)
        vault.desk.write_owed(authorization.commitment, left.format())
        deliver(answer)
        vault.desk.remove_opening(authorization.commitment)
        forget_spent_key(vault, authorization, state)
        return answer


class _UnderWay:
    """An opening whose intent is logged. Its journal changes once, when the draw is chosen."""

    def __init__(
        self,
        vault: Vault,
        state: State,
        begun: Begun,
        asking: Asking,
        on_progress: OnProgress,
    ) -> None:
        self._vault = vault
        self._state = state
        self._countersigned = begun.countersigned
        self._journal = begun.journal
        self._asking = asking
        self._on_progress = on_progress
        self._finders: dict[SegmentId, Finder] = {}

    @property
    def _opening(self) -> Opening:
        """The opening in the log: its intent, and the draw and close that followed."""
        return self._state.openings[self._journal.intent]

    def answer(self, reached: Sequence[tuple[Segment, int]]) -> Answer:
        """The answer, by steps R2 to R5: labels, draw, data, close."""
        targets = self._targets(reached)
        matches = self._labels(list(targets.values()))
        for key, target in targets.items():
            if not matches[key].is_answered:
                raise self._unanswered(target)
        self._on_progress(Stage.LABELS, len(targets))
        draw = self._draw([matches[key] for key in targets])
        records = self._opening.draw.records if self._opening.draw is not None else 0
        self._on_progress(Stage.DRAW, records)
        replies = self._data(targets, draw) if draw is not None else {}
        # A draw that was prepared and not logged, before a crash, is none: nothing may be left of its cells.
        drawn = self._journal.cells if draw is not None else ()
        cells = {(cell.seg_id, cell.line): cell for cell in drawn}
        self._verify_enough([targets[key] for key in cells], replies)
        self._on_progress(Stage.DATA, records)
        results = [open_target(matches[key], replies, cells.get(key), self._countersigned) for key in targets]
        faulty = frozenset[str]().union(*(result.faulty for result in results))
        subjects = len(self._countersigned.authorization.terms.subjects)
        result = Result.of(results, self._asking.statuses(faulty), self._journal, self._state, subjects)
        self._close(result)
        self._on_progress(Stage.CLOSE, self._opening.close_index or 0)
        evidence = self._evidence(frozenset(segment.line.seg_id for segment, _ in reached))
        commitment = self._countersigned.authorization.commitment
        return result.answer(commitment, self._opening, evidence, self._journal.part)

    def _targets(self, reached: Sequence[tuple[Segment, int]]) -> dict[Key, Target]:
        """Every cell to ask for, with its header proven against the log."""
        targets: dict[Key, Target] = {}
        segments = {segment.line.seg_id: segment for segment, _ in reached}
        self._finders |= dict(zip(segments, self._vault.objects.map(self._finder, segments.values()), strict=True))
        for segment, line in reached:
            seg_id = segment.line.seg_id
            subject = self._countersigned.authorization.terms.subjects[line - 1]
            header = self._finders[seg_id].header
            targets[seg_id, line] = Target(segment=segment, header=header, line=line, subject=subject)
        return targets

    def _finder(self, segment: Segment) -> Finder:
        """Looks up labels in a segment whose header is proven. Many threads may make one at once."""
        segments, line = self._vault.segments, segment.line
        return segments.finder(verify_logged(segments.read_header(line.day, line.seg_id), segment))

    def _labels(self, targets: Sequence[Target]) -> dict[Key, Matches]:
        """R2: labels of ranks 0 to 63 of every cell, and another window while the last rank has a row."""
        matches: dict[Key, Matches] = {}
        terms, cell_cap = self._countersigned.authorization.terms, self._countersigned.roster.cell_cap
        for group in request_groups(targets):
            windows: Windows = {_key(target): [] for target in group}
            pending, number = group, 0
            while pending:
                cells = {target.window(number): target for target in pending}
                replies = self._ask(LABEL_LANE, cells, draw=NO_DRAW, salt=NO_SALT)
                its: dict[SegmentId, list[Target]] = {}
                for target in pending:
                    windows[_key(target)].append(replies)
                    its.setdefault(target.segment.line.seg_id, []).append(target)
                for matched in self._vault.objects.map(partial(self._matched, windows), its.values()):
                    matches |= matched
                number += 1
                may_go_on = number * WINDOW <= cell_cap or terms.is_hub
                pending = [t for t in pending if may_go_on and needs_another_window(matches[_key(t)], number)]
        return matches

    def _matched(self, windows: Windows, targets: Sequence[Target]) -> dict[Key, Matches]:
        """The rows of the targets of one segment. Each segment is looked at by one thread at a time."""
        with closing(self._finders[targets[0].segment.line.seg_id]) as finder:
            return {_key(target): find_rows(target, windows[_key(target)], finder) for target in targets}

    def _draw(self, matches: Sequence[Matches]) -> int | None:
        """R3: commit to the cells and their number of records; returns the entry's index.

        None if there is nothing to draw.

        Raises:
            Refused: over the budget. The opening is closed with nothing opened.
        """
        if self._opening.draw is not None:
            if draw_commitment(self._journal.salt, self._journal.cells) != self._opening.draw.table:
                raise NotProven("opening: the draw in the log is not the one that was prepared here")
            return self._opening.draw_index
        authorization = self._countersigned.authorization
        drawn = self._state.drawn(authorization.commitment, up_to=self._state.size)
        try:
            total = verify_budget(matches, self._countersigned, drawn, is_part=self._journal.part is not None)
        except Refused:
            if self._asks_for_next():
                needed = records_needed(matches, self._countersigned, drawn)
                self._vault.desk.mark_short(authorization.commitment, needed)
            self._abandon()  # or was, before a crash that left the journal behind
            raise
        if total == 0 or self._opening.close is not None:
            return None
        cells = tuple(sorted(item.cell for item in matches if item.rows))
        self._journal = self._journal.drawing(cells, self._vault.outside.entropy(32))
        self._vault.desk.write_opening(authorization.commitment, self._journal.format())
        table = draw_commitment(self._journal.salt, cells)
        return self._log(DrawEntry(intent=self._journal.intent, table=table, records=total))

    def _asks_for_next(self) -> bool:
        """Whether it asks for what the next part would, and not again for what an opening before it gave."""
        commitment = self._countersigned.authorization.commitment
        is_first = part_before(commitment, self._state, before=self._journal.intent).since is None
        return self._journal.part is not None or is_first

    def _data(self, targets: Mapping[Key, Target], draw: int) -> dict[str, Reply]:
        """R4: the data lane for exactly the drawn cells.

        Raises:
            Refused: the retention of a drawn day ended meanwhile.
        """
        drawn = {cell: targets.get((cell.seg_id, cell.line)) for cell in self._journal.cells}
        cells = {cell: target for cell, target in drawn.items() if target is not None}
        if len(cells) < len(drawn):
            self._abandon()
            raise Refused(
                "opening: the keys of a drawn day are no longer kept: its retention is over",
                code="time",
                hint="ask again for the days that are left",
            )
        return self._ask(DATA_LANE, cells, draw=draw, salt=self._journal.salt)

    def _ask(self, lane: int, cells: Mapping[Cell, Target], *, draw: int, salt: bytes) -> dict[str, Reply]:
        clock = self._vault.outside.clock
        checkpoint = self._vault.log.checkpoint()
        _verify_cosigned(checkpoint, self._state, clock())
        checkpoint = self._asking.cosigned(checkpoint, self._countersigned.authorization.terms.rules, clock)
        return self._asking.ask(lane, cells, intent=self._journal.intent, draw=draw, salt=salt, checkpoint=checkpoint)

    def _close(self, result: Result) -> None:
        """R5: log faults and result, unless they were logged before a crash."""
        if self._opening.close is None:
            self._log_faults(result.faulty)
            log_close(self._vault, self._state, self._countersigned.authorization, result.body)
        elif not is_same_result(self._opening.close, result.body):
            raise Unavailable(
                "opening: it was closed, and its answer comes out differently now",
                hint="run the same command again when the same custodians answer",
            )

    def _log_faults(self, names: Sequence[str]) -> None:
        """Log a fault for each custodian that the answer calls a fault, so that the log says the same.

        Faults that were logged before a crash are not repeated.
        """
        intent = self._journal.intent
        known = {body.accused for body in self._state.faults_of.get(intent, ()) if body.accuser == DESK}
        for name in names:
            if name not in known:
                evidence = self._asking.evidence_against(name)
                self._log(FaultEntry(accuser=DESK, accused=name, object=intent, evidence=evidence))

    def _abandon(self) -> None:
        give_up(self._vault, self._state, self._countersigned.authorization, self._journal)

    def _log(self, body: DrawEntry | FaultEntry) -> int:
        vault, state = self._vault, self._state
        return vault.append([vault.entry(body, vault.operator_key(DESK), state)], state)[0]

    def _verify_enough(self, targets: Sequence[Target], replies: Mapping[str, Reply]) -> None:
        """Refuse to close while too few custodians answered in the data lane. The opening can be resumed."""
        for target in targets:
            mask = sum(1 << i for i, name in enumerate(target.roster.names) if name in replies)
            if not target.segment.lock.is_satisfied_by(mask):
                raise self._unanswered(target)

    def _unanswered(self, target: Target) -> Refused | Unavailable:
        """The error to raise if too few custodians answered for a target."""
        signed, statuses = self._countersigned.signers, self._asking.statuses()
        said = ", ".join(
            f"{name}: {'has not approved it' if status == CONSTANT and name not in signed else status}"
            for name, status in statuses.items()
        )
        refused = [status for status in statuses.values() if status.startswith("refused")]
        message = f"custodians: too few answered for rule {target.rule.name} ({target.rule.expression}): {said}"
        if refused:
            said_code = refused[0].removeprefix("refused: ")
            code = said_code if said_code != "constant" else "scope"
            hint = "a custodian answers only for what it approved itself, while it is in force: coffer show NOTE --vault VAULT"
            if code == "scope" and is_urgent(self._countersigned.authorization.terms):
                hint = f"{hint}; {UNKNOWN_AUTHORITY}"
            return Refused(message, code=code, hint=hint)
        return Unavailable(
            message, hint="the opening is kept: run the same command again when more custodians can answer"
        )

    def _evidence(self, segments: frozenset[SegmentId]) -> Evidence:
        vault, checkpoint = self._vault, self._vault.log.checkpoint()
        wanted = evident_entries(self._opening, segments, self._state, self._journal.part)
        logged = vault.logged(wanted, checkpoint)
        finders = {seg_id.hex(): self._finders[seg_id] for seg_id in sorted(segments)}
        return Evidence(
            origin=vault.pins.origin,
            log_key=vault.pins.log_key.format(),
            genesis=vault.pins.genesis.hex(),
            note=self._countersigned.authorization.raw,
            checkpoint=checkpoint,
            entries={index: entry for index, (entry, _) in logged.items()},
            proofs={index: proof for index, (_, proof) in logged.items()},
            result_salt=self._journal.result_salt,
            requests=self._asking.requests,
            replies=self._asking.replies,
            segments={name: _proof(finder) for name, finder in finders.items()},
        )


def _verify_cosigned(checkpoint: bytes, state: State, now: dt.datetime) -> None:
    """Prove that enough witnesses cosigned. Otherwise custodians would refuse, and could not say why."""
    note, roster = parse_note(checkpoint, "checkpoint", may_be_cosigned=True), state.roster
    try:
        verify_quorum(note, roster.witnesses, roster.quorum, newest=state.newest, now=now)
    except NotProven as error:
        raise Unavailable(
            error.message,
            hint="the opening is kept: run the same command again when enough witnesses answer (coffer witness gather VAULT)",
        ) from None


def _proof(finder: Finder) -> SegmentEvidence:
    header = finder.header
    pages = None if header.core.version == 1 else finder.pages
    return SegmentEvidence(header=header.stripped, head=finder.head, pages=pages, batches=finder.touched)


def _key(target: Target) -> Key:
    return (target.segment.line.seg_id, target.line)
