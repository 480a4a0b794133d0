"""The audit of an answer, offline (docs/formats/answer.md), in numbered steps."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass

from coffer_audit.answer.authorization import parse_authorization
from coffer_audit.answer.claims import STATUSES, Cell
from coffer_audit.answer.completeness import verify_complete
from coffer_audit.answer.evidence import EvidenceAudit
from coffer_audit.answer.package import PackageFiles
from coffer_audit.answer.repeats import Told, mark_repeats
from coffer_audit.answer.rows import combine_partials, decrypt_row, find_candidates, find_rows, format_row
from coffer_audit.entries.parse import parse_entry
from coffer_audit.errors import MalformedInput, NotProven, Unavailable, verify_that
from coffer_audit.log.checkpoint import parse_checkpoint
from coffer_audit.log.cosigners import find_cosigners
from coffer_audit.notes import MAX_NOTE_BYTES
from coffer_audit.validity.state import State, replay
from coffer_audit.vault.audit import MAX_FILE_BYTES
from coffer_audit.vault.opened import open_vault
from coffer_audit.wire import MAX_SMALL_JSON, hash_of, parse_hex, parse_json, parse_time

COLUMNS = ("subject", "kind", "direction", "peer", "start_utc", "duration_s", "answered", "cell")
DEVICES = {2: "imei", 4: "imsi"}
"""Columns that follow where a segment that was asked has the bit in its layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was recomputed for a cell: the status by the rule, m, and the columns of the rows that verify.

    Of these only the rows within the subject's periods; `outside` is how many are not.
    """

    status: str
    hits: int
    rows: list[tuple[str, ...]]
    outside: int = 0


class AnswerAudit(EvidenceAudit):
    """Runs the steps in order over one answer, a folder or a package; a step that raises ends the audit with its violation."""

    def run(self) -> None:
        """Run every step."""
        self.found: dict[tuple[str, int], Found] = {}
        steps = [
            ("checkpoint signed by the log", self.verify_checkpoint),
            ("entries included in the checkpoint", self.verify_entries),
            ("intent, draw and close linked and signed", self.verify_opening),
            ("authorization well-formed, committed to, signed by the requester", self.verify_authorization),
            ("segment headers, manifests and batches lead to the log", self.verify_segments),
            ("requests signed and within the authorization", self.verify_requests),
            ("countersignatures satisfy every rule", self.verify_countersignatures),
            ("replies signed by the custodians", self.verify_replies),
            ("labels, rows and status of every cell", self.verify_cells),
            ("draw equals the rows asked", self.verify_draw),
            ("records.csv, superseded.csv, result and close", self.verify_result),
        ]
        if self.vault:
            steps.append(("complete against the vault's log", self.verify_complete))
        is_package = isinstance(self.files, PackageFiles)
        if is_package:
            steps.insert(0, ("package: manifest signed by the requester, every file as it lists", self.verify_package))
        for number, (name, step) in enumerate(steps, 0 if is_package else 1):
            before = len(self.findings.violations)
            try:
                step()
            except (MalformedInput, NotProven, Unavailable) as error:
                self.findings.violate(f"STEP{number}", str(error))
                self.findings.steps.append(f"{number} {name}: FAILED, later steps not run")
                return
            verdict = "OK" if before == len(self.findings.violations) else "FAILED"
            self.findings.steps.append(f"{number} {name}: {verdict}")

    def verify_package(self) -> None:
        """Step: the requester that the authorization names signed the manifest; the hashes held when it was read."""
        assert isinstance(self.files, PackageFiles)
        paper = parse_authorization(self._read("authorization.note", MAX_NOTE_BYTES))
        self.files.verify_manifest(self.trust.key.name, paper.commitment, paper.key)

    def _values(self, number: int, at: int, cell: Cell) -> dict[int, dict[str, bytes]]:
        """Give clause -> custodian -> value for one cell of one request, of all who replied."""
        values: dict[int, dict[str, bytes]] = {}
        for (asked, name), per_cell in self.replies.items():
            if asked == number:
                for mask, value in per_cell[at].items():
                    values.setdefault(mask, {})[name] = value
        clauses = self._segment(cell.segment).roster.rules[cell.rule].clauses
        return {mask: values.get(mask, {}) for mask in clauses}

    def _combine(self, number: int, at: int, cell: Cell) -> tuple[bytes | None, bool]:
        """Combine the replies of `by`, None if they miss a clause; the flag: each clause is confirmed or cannot be."""
        parts, confirmed = [], True
        silent = [name for name in cell.by if (number, name) not in self.replies]
        verify_that(
            not silent or cell.status == "unconfirmed", f"cell by: found no reply of {', '.join(silent)} to a request"
        )
        for mask, by_name in self._values(number, at, cell).items():
            agreed = {value for name, value in by_name.items() if name in cell.by}
            verify_that(len(agreed) <= 1, "cell: found replies of its by that disagree")
            liars = [
                name
                for name, value in by_name.items()
                if agreed and value not in agreed and self.named[name] != "fault"
            ]
            verify_that(not liars, f"cell: found a reply that disagrees and no fault named for {', '.join(liars)}")
            if not agreed:
                return None, False
            parts.append(agreed.pop())
            confirmed &= sum(name in cell.by for name in by_name) >= 2 or mask.bit_count() == 1
        return combine_partials(parts), confirmed

    def _windows(self, cell: Cell, lane: int) -> list[tuple[int, int, int, int]]:
        """Give (first rank, count, request number, place in it) of all windows of a cell, without repetition."""
        found = {
            (item.first, item.count): (item.first, item.count, number, at)
            for number, digest in enumerate(self.digests)
            if digest.lane == lane
            for at, item in enumerate(digest.cells)
            if (item.segment, item.subject) == (cell.segment, cell.subject)
        }
        return sorted(found.values())

    def _rows_of(self, seg_id: str, label: bytes) -> list[bytes]:
        rows = []
        for index in find_candidates(self.firsts[seg_id], label):
            verify_that(
                (seg_id, index) in self.batches, f"batch {index} of {seg_id}: found no file, expected it in evidence"
            )
            rows += find_rows(self.batches[seg_id, index], self.headers[seg_id].width, label)
        return rows

    def _find_labels(self, cell: Cell) -> tuple[list[list[bytes]], bool, bool]:
        """Give the rows under each label up to the first miss, whether there was a miss, and if it was confirmed."""
        hits: list[list[bytes]] = []
        for first, count, number, at in self._windows(cell, 1):
            labels, confirmed = self._combine(number, at, cell)
            if labels is None or first != len(hits):
                break
            for rank in range(count):
                rows = self._rows_of(cell.segment, labels[8 * rank : 8 * rank + 8])
                if not rows:
                    return hits, True, confirmed
                hits.append(rows)
        return hits, False, False

    def _open_cell(self, cell: Cell) -> Found:
        hits, missed, confirmed = self._find_labels(cell)
        windows = self._windows(cell, 2)
        for _, count, number, at in windows:
            data, _ = self._combine(number, at, cell)
            verify_that(
                count == len(hits) or data is None or not cell.by, f"draw: found {count} ranks, expected {len(hits)}"
            )
            if data is None or count != len(hits):
                continue
            rows = [
                self._open_row(cell, candidates, data[16 * rank : 16 * rank + 16])
                for rank, candidates in enumerate(hits)
            ]
            good = [row for row in rows if row]
            complete = [row and row[1] for row in rows] == [False] * (count - 1) + [True]
            within = [row[0] for row in good if self.paper.holds(cell.subject, parse_time(row[0][3], "row"))]
            return Found(
                status="complete" if complete else "unconfirmed",
                hits=len(hits),
                rows=within,
                outside=len(good) - len(within),
            )
        status = "no records" if missed and confirmed and not hits else "unconfirmed"
        return Found(status=status, hits=len(hits), rows=[])

    def _open_row(self, cell: Cell, candidates: list[bytes], y: bytes) -> tuple[tuple[str, ...], bool] | None:
        segment, header = self._segment(cell.segment), self.headers[cell.segment]
        for row in candidates:
            if plain := decrypt_row(row, y, header.seg_id):
                try:
                    return format_row(
                        *plain,
                        layout=header.layout,
                        day=segment.line.day,
                        kind=cell.kind,
                        feed=cell.feed,
                        home=header.home,
                    )
                except (MalformedInput, NotProven):
                    return None
        return None

    def verify_cells(self) -> None:
        """Step: recompute every cell and compare; a cell that cannot be recomputed is a violation of its own."""
        for cell in self.cells:
            with self.findings.guard("CELL", segment=cell.segment):
                verify_that(
                    all(isinstance(name, str) for name in cell.by) and set(cell.by) <= set(self.named),
                    "cell by: found an unknown custodian",
                )
                found = self.found[cell.segment, cell.subject] = self._open_cell(cell)
                verify_that(
                    cell.status == found.status,
                    f"cell of subject line {cell.subject}: found {cell.status!a}, expected {found.status}",
                )
                # answer.md does not say whether an unconfirmed cell's good rows are listed: both are taken
                counts = {len(found.rows)} | ({0} if found.status == "unconfirmed" else set())
                verify_that(
                    cell.records in counts,
                    f"cell of subject line {cell.subject}: found {cell.records} records, expected {len(found.rows)}",
                )
                dropped = {found.outside} | ({0} if found.status == "unconfirmed" else set())
                verify_that(
                    cell.outside_period in dropped,
                    f"cell of subject line {cell.subject}: found {cell.outside_period} outside its periods, expected {found.outside}",
                )

    def verify_draw(self) -> None:
        """Step: the draw commits to exactly the cells of lane 2, and its total is theirs."""
        data = [digest for digest in self.digests if digest.lane == 2]
        if not self.opening.draw:
            verify_that(not data, "requests: found lane 2 without a draw")
            return
        body = self.opening.draw[1]
        for digest in data:
            verify_that(
                hash_of("draw", digest.salt, digest.raw_cells).hex() == body.text["table"], "draw: found another table"
            )
            total = sum(cell.count for cell in digest.cells)
            verify_that(
                total == body.number["records"], f"draw: found {body.number['records']} records, expected {total}"
            )
        verify_that(data, "draw: found no request of lane 2, expected at least one")

    def _marked(self, *, superseded: bool) -> list[tuple[int, tuple[str, ...]]]:
        """Give the subject line and columns of every row, the mark of repeats behind them."""
        told = [
            Told(batch=self.state.batch_of(cell.segment), feed=cell.feed, subject=cell.subject, row=row)
            for cell in self.cells
            if cell.superseded == superseded and cell.records
            for row in self.found[cell.segment, cell.subject].rows
        ]
        marks = [""] * len(told) if superseded else mark_repeats(told)
        return [(one.subject, (*one.row, mark)) for one, mark in zip(told, marks, strict=True)]

    def _csv_of(self, *, superseded: bool) -> tuple[bytes, int, int]:
        rows = self._marked(superseded=superseded)
        repeated = sum(bool(row[-1]) for _, row in rows)
        bits = [bit for bit in DEVICES if any(self.headers[cell.segment].layout & bit for cell in self.cells)]
        kept = [*range(7), *(7 + list(DEVICES).index(bit) for bit in bits), -1]
        rows = [(line, tuple(row[i] for i in kept)) for line, row in rows]
        # by subject line, start, kind, direction, peer, then the other columns, all but the first as text
        rows.sort(key=lambda item: (item[0], item[1][3], *item[1][:3], *item[1][4:]))
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow((*COLUMNS, *(DEVICES[bit] for bit in bits), "repeat"))
        writer.writerows((self.paper.subjects[line - 1].text, *row) for line, row in rows)
        return out.getvalue().encode("utf-8", "surrogateescape"), len(rows), repeated

    def verify_result(self) -> None:
        """Step: both files byte for byte, the result in the close entry, and all totals."""
        verify_that(len(self.found) == len(self.cells), "records.csv: found cells that cannot be recomputed")
        (records, count, repeated), (old, old_count, _) = (self._csv_of(superseded=which) for which in (False, True))
        stored = self.files.read("records.csv", MAX_FILE_BYTES)
        verify_that(stored == records, "records.csv: found other bytes than the evidence gives")
        path = "superseded.csv"
        stored_old = self.files.read(path, MAX_FILE_BYTES) if self.files.has(path) else b""
        verify_that(
            stored_old == (old if old_count else b""), "superseded.csv: found other bytes than the evidence gives"
        )
        secrets = parse_json(self._read("secrets.json", MAX_SMALL_JSON), "secrets.json", ("result_salt",))
        salt = bytes.fromhex(parse_hex(str(secrets["result_salt"]), 32, "result_salt"))
        result = hash_of("result", salt, hashlib.sha256(stored).digest(), hashlib.sha256(stored_old).digest())
        close = self.opening.close[1] if self.opening.close else self.opening.intent
        verify_that(result.hex() == close.text["result"], "close: found another result than the files give")
        verify_that(
            (count, repeated, old_count)
            == tuple(self._number(key) for key in ("records", "repeated_records", "superseded_records")),
            f"answer.json: found other totals, expected {count} records, {repeated} repeated and {old_count} superseded",
        )
        days = sorted({cell.day for cell in self.cells})
        outside = sum(cell.outside_period for cell in self.cells)
        drawn = self.opening.draw[1].number["records"] if self.opening.draw else 0
        is_all = not any(cell.status == "unconfirmed" for cell in self.cells)
        verify_that(
            count + old_count + outside <= drawn and (not is_all or count + old_count + outside == drawn),
            f"draw: found {drawn} records, expected those within and outside the periods",
        )
        verify_that(
            (outside, days) == (self._number("outside_period"), self.answer["days_opened"]),
            f"answer.json: found other totals, expected {outside} outside the periods, and {len(days)} UTC days opened",
        )
        # entries.md does not say whether close counts the superseded rows: both are taken
        verify_that(close.number["records"] in (count, count + old_count), "close records: found another number")
        verify_that(close.number["answers"] == self._number("answers"), "close answers: found another number")
        unconfirmed = sum(cell.status == "unconfirmed" for cell in self.cells)
        verify_that(
            close.number["unconfirmed-cells"] == unconfirmed, f"close unconfirmed-cells: expected {unconfirmed}"
        )

    def verify_complete(self) -> None:
        """Step: the same log, valid in its full State, and no segment left out that was alive at the intent."""
        assert self.vault is not None
        audited, _ = open_vault(self.vault, self.trust.key.text, self.trust.genesis)
        log, intent = audited.log, self._number("intent")
        verify_that(not audited.findings.violations, "vault: found violations in its log; audit the vault for the list")
        seen = [
            self.checkpoint,
            *(parse_checkpoint(digest.checkpoint, "request checkpoint") for digest in self.digests),
        ]
        for checkpoint in seen:
            who = ", ".join(sorted(find_cosigners(checkpoint, self.roster)))
            verify_that(
                checkpoint.size <= len(log.entries) and log.tree.root_at(checkpoint.size) == checkpoint.root,
                f"checkpoint of size {checkpoint.size}: found another log than the vault's"
                + (f", cosigned by {who}: compare what they keep with coffer-audit histories" if who else ""),
            )
        verify_that(
            audited.state.openings.get(intent) == self.opening,
            "intent: found it, its draw or close invalid in the full log",
        )
        drawn = self.opening.draw[0] if self.opening.draw else -1
        total = sum(
            item.draw[1].number["records"]
            for item in audited.state.openings.values()
            if item.draw and item.draw[0] <= drawn and item.intent.text["authorization"] == self.paper.commitment
        )
        verify_that(total <= self.paper.max_records, f"draws: found {total} in all, expected at most max-records")
        close = self._number("close")
        before = replay(self.trust.key.name, self.trust.genesis, enumerate(log.entries[:intent]))
        after = replay(self.trust.key.name, self.trust.genesis, enumerate(log.entries[: close + 1]))
        replaced = before.superseded()
        self._verify_none_hidden_as_current(audited.state)
        for cell in self.cells:
            verify_that(
                before.segments.get(cell.segment) == self._segment(cell.segment),
                "cell: found a segment that the full log has not, or otherwise, before the intent",
            )
            verify_that(
                cell.superseded or cell.segment not in replaced, "cell superseded: found it no, but a later one stands"
            )
        asked = {(cell.segment, cell.subject) for cell in self.cells}
        closed = parse_entry(log.entries[close]).time.date()
        verify_complete(
            self.paper, self.roster, asked, before=before, after=after, closed=closed, findings=self.findings
        )

    def _verify_none_hidden_as_current(self, state: State) -> None:
        """A batch that was withdrawn before the close is shown as that: its entry must not be left out of the evidence."""
        close = self._number("close")
        for batch, index in state.withdrawn.items():
            segments = {segment.line.seg_id for segment in state.batches[batch].segments}
            current = any(cell.segment in segments and not cell.superseded for cell in self.cells)
            verify_that(
                index > close or not current,
                f"cells: found records of batch {batch} as current, expected them superseded: it was withdrawn",
            )


def summarise_answer(audit: AnswerAudit) -> dict[str, object]:
    """Give the totals."""
    counts = Counter(cell.status for cell in audit.cells)
    return {
        "records": audit.answer["records"],
        "repeated_records": audit.answer["repeated_records"],
        "superseded_records": audit.answer["superseded_records"],
        "outside_period": audit.answer["outside_period"],
        "cells": {word: counts[word] for word in STATUSES},
    }
