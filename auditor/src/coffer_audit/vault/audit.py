"""The audit of a vault, or of a log folder alone (docs/formats/vault.md)."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

from coffer_audit.entries.codes import codes_of_lines, find_false_code, received_of
from coffer_audit.errors import Findings, Unavailable, verify_that
from coffer_audit.log.checkpoint import parse_checkpoint, verify_checkpoint
from coffer_audit.segments import MAX_HEADER_BYTES, parse_header, verify_header, verify_rows, verify_whole_manifest
from coffer_audit.validity.facts import Segment
from coffer_audit.validity.state import State
from coffer_audit.vault.held import HeldFiles
from coffer_audit.vault.opened import Audited, open_vault
from coffer_audit.vault.orders import LIMIT, amended_limits, is_took_false, revealed_lines
from coffer_audit.wire import list_folder, parse_time, read_file, u32

MAX_FILE_BYTES = 1 << 31  # tallies and manifests are far smaller
APPROVALS = "coffer.approvals/v2"
APPROVAL = re.compile(
    r"(?:approved|agreed|taken-back|withdrawn) ([0-9TZ:-]{20}) [0-9a-f]{64} [0-9]{1,10}(?: [0-9A-Za-z+/=]+)* [0-9a-f]{64}",
    re.ASCII,
)
CHECKS = (".rows", ".manifest", ".header")


def audit_vault(folder: Path, log_key: str | None, genesis: str | None, *, quick: bool) -> Audited:
    """Audit everything that an outsider can recompute; `quick` leaves the rows unread."""
    audited, is_vault = open_vault(folder, log_key, genesis)
    state, findings = audited.state, audited.findings
    if is_vault:
        _verify_segments(folder, state, findings, quick=quick)
        _verify_tallies(folder / "tally", state, findings)
        for custodian in list_folder(folder / "custodians"):
            _verify_custodian(folder / "custodians" / custodian, audited)
    _verify_openings(state, findings)
    _verify_refusals(state, findings)
    _verify_debts(state, findings)
    return audited


def _verify_segments(folder: Path, state: State, findings: Findings, *, quick: bool) -> None:
    known = {f"{segment.line.day}/{seg_id}{end}" for seg_id, segment in state.segments.items() for end in CHECKS}
    stored = {
        f"{day}/{name}"
        for day in list_folder(folder / "segments")
        for name in list_folder(folder / "segments" / day) or [""]
    }
    for path in sorted(stored - known):
        if not path.endswith("/") or not (folder / "segments" / path).is_dir():
            findings.warn("FILE", f"segments: found {path!a}, which the log does not know")
    held = HeldFiles(folder, state)
    for seg_id, segment in sorted(state.segments.items(), key=lambda item: item[1].entry):
        base = f"{segment.line.day}/{seg_id}"
        here = [base + end for end in CHECKS if base + end in stored]
        is_dead = state.is_dead(segment)
        if is_dead and not held.is_needed(segment):
            _tell_dead(here, held.excuse(segment), findings, segment, seg_id)
        elif is_dead and not here:
            continue  # a hold needs it, and whether it evidently ended the custodians know better than the log
        elif len(here) < len(CHECKS):
            findings.violate(
                "FILE",
                f"segments: found {len(here)} files, expected .rows, .manifest and .header",
                entry=segment.entry,
                segment=seg_id,
            )
        else:
            with findings.guard("SEGMENT", entry=segment.entry, segment=seg_id):
                _verify_segment(folder / "segments" / base, segment, state, quick=quick)


def _tell_dead(here: list[str], excuse: str, findings: Findings, segment: Segment, seg_id: str) -> None:
    """Say of a dead segment that no open hold is known to cover that it is stored."""
    if here and excuse:
        findings.warn("DEAD", f"dead segment still stored: {excuse}", entry=segment.entry, segment=seg_id)
    elif here:
        findings.violate("DEAD", "dead segment still stored", entry=segment.entry, segment=seg_id)


def _verify_segment(base: Path, segment: Segment, state: State, *, quick: bool) -> None:
    header = parse_header(read_file(Path(f"{base}.header"), MAX_HEADER_BYTES), stripped=False)
    verify_header(header, segment, state.origin, state.keys)
    manifest = verify_whole_manifest(read_file(Path(f"{base}.manifest"), MAX_FILE_BYTES), header)
    rows = Path(f"{base}.rows")
    verify_that(
        rows.is_file() and rows.stat().st_size == header.rows * header.width,
        f"rows: found another size, expected {header.rows * header.width} B",
    )
    if not quick:
        verify_rows(rows, header, manifest)


def _verify_tallies(folder: Path, state: State, findings: Findings) -> None:
    known = set()
    for batch_id, batch in state.batches.items():
        is_counted = (
            batch.first.tally and batch_id not in state.withdrawn
        )  # the tables of a superseded batch are removed
        names = [f"{batch_id}.{table}.parquet" for table in ("hours", "countries")] if is_counted else []
        known.update(names)
        with findings.guard("TALLY"):
            verify_that(all((folder / name).is_file() for name in names), f"tally {batch_id}: found a file missing")
            digest = hashlib.sha256(b"coffer/v1/tally\n")
            for name in names:
                raw = read_file(folder / name, MAX_FILE_BYTES)
                digest.update(u32(len(raw)) + raw)
            verify_that(not names or digest.hexdigest() == batch.first.tally, f"tally {batch_id}: found another hash")
    for name in sorted(set(list_folder(folder)) - known):
        findings.warn("FILE", f"tally: found {name!a}, which the log does not know")


def _verify_custodian(folder: Path, audited: Audited) -> None:
    log, findings, name = audited.log, audited.findings, f"{folder.name!a}"
    try:
        present = [item for item in ("approvals", "remembered", "frozen") if (folder / item).exists()]
        raw = {item: read_file(folder / item, MAX_FILE_BYTES) for item in present if item != "frozen"}
    except (Unavailable, OSError):
        findings.warn("CUSTODIAN", f"custodian {name}: found its folder unreadable, its files are not audited")
        return
    if "frozen" in present:
        findings.violate("FROZEN", f"custodian {name}: found a frozen file: it saw a fork of this log")
    if "approvals" in raw:
        with findings.guard("APPROVALS"):
            head, *rows = raw["approvals"].decode("ascii", "replace").split("\n")
            matches = [APPROVAL.fullmatch(row) for row in rows[:-1]]
            is_whole = head == APPROVALS and rows[-1:] == [""] and all(matches)
            verify_that(is_whole, f"custodian {name} approvals: found a malformed line")
            for match in filter(None, matches):
                parse_time(match[1], f"custodian {name} approvals")
    if "remembered" in raw:
        with findings.guard("FORK"):
            place = f"custodian {name} remembered"
            seen = parse_checkpoint(raw["remembered"], place)
            verify_checkpoint(seen, audited.trust.key, place)
            verify_that(seen.size <= len(log.entries), f"{place}: found size {seen.size}, expected at most the log's")
            verify_that(log.tree.root_at(seen.size) == seen.root, f"{place}: found another root at {seen.size}: a fork")


def _revealed(state: State, findings: Findings) -> dict[str, dict[str, str]]:
    """Give, by commitment, the revealed lines that limit its openings."""
    limits: dict[str, dict[str, str]] = {}
    for index, reveal in state.reveals:
        lines = limits.setdefault(reveal.authorization, {})
        for line in reveal.shown:
            key, _, value = line.partition(": ")
            if key == "max-records" and not LIMIT.fullmatch(value):
                findings.violate("L1", "max-records: found no number in a revealed line", entry=index)
            elif key in ("max-records", "hub", "not-before", "expires"):
                lines[key] = value
    return limits


def _verify_debts(state: State, findings: Findings) -> None:
    """Say which emergencies were not ratified, late or disapproved, by the newest entry's time."""
    for index, debt in state.debts.all.items():
        status, no = debt.status(state.newest), state.disapproving(debt)
        within = f"{debt.roster.ratify_hours} hours"
        if status == "overdue":
            findings.violate("DEBT", f"emergency: found it unratified after {within}", entry=index)
        elif status == "to be ratified":
            findings.warn("DEBT", f"emergency: found it to be ratified within {within}", entry=index)
        elif status == "ratified late":
            findings.warn("DEBT", f"emergency: found it ratified, and later than {within}", entry=index)
        if no:
            findings.violate("DEBT", f"emergency: found it disapproved by {', '.join(no)}", entry=index)


def _verify_refusals(state: State, findings: Findings) -> None:
    """Compare the codes of refusals with the revealed lines."""
    revealed = revealed_lines(state)
    for index, body in state.refusals:
        if false := find_false_code(body.text, codes_of_lines(revealed.get(body.text["authorization"], {}))):
            findings.violate("CODES", f"refuse {false}: found another than the revealed lines tell", entry=index)


def _verify_openings(state: State, findings: Findings) -> None:
    """Compare intents and draws with the revealed lines.

    `not-before` and `expires` are compared as text, which sorts by time.
    """
    limits, sums, revealed = _revealed(state, findings), Counter[str](), revealed_lines(state)
    amended = amended_limits(revealed)
    for index, opening in sorted(state.openings.items()):
        commitment = opening.intent.text["authorization"]
        shown, time = limits.get(commitment, {}), opening.time.strftime("%Y-%m-%dT%H:%M:%SZ")
        if not shown.get("not-before", "") <= time < shown.get("expires", "~"):
            findings.violate("TIME", "intent: found it outside the revealed not-before and expires", entry=index)
        if not opening.close:
            findings.warn("OPEN", f"intent: found no close {'after its draw ' if opening.draw else ''}yet", entry=index)
        lines = revealed.get(commitment, {})
        if false := find_false_code(opening.intent.text, codes_of_lines(lines)):
            findings.violate("CODES", f"intent {false}: found another than the revealed lines tell", entry=index)
        if opening.close and is_took_false(opening, received_of(lines)):
            findings.violate("CODES", "close took: found another than the revealed lines tell", entry=opening.close[0])
        if opening.draw:
            draw, records = opening.draw[0], opening.draw[1].number["records"]
            sums[commitment] += records
            if records > opening.intent.number["cells-at-most"] * opening.roster.cell_cap and shown.get("hub") != "yes":
                tell = findings.violate if shown.get("hub") == "no" else findings.warn
                tell(
                    "CELL-CAP",
                    "draw: found more records than cells-at-most times cell-cap, lawful with hub: yes only",
                    entry=draw,
                )
            limit, raised = int(shown.get("max-records", "9999999999")), amended.get(commitment, 0)
            if limit < sums[commitment] <= raised:
                findings.warn(
                    "BUDGET",
                    f"draw: found {sums[commitment]} records in all, more than the revealed {limit}: a revealed amendment"
                    f" allows {raised}, and only an answer shows who signed it",
                    entry=draw,
                )
            elif sums[commitment] > limit:
                findings.violate(
                    "BUDGET",
                    f"draw: found {sums[commitment]} records in all, expected at most the revealed {max(limit, raised)}",
                    entry=draw,
                )
