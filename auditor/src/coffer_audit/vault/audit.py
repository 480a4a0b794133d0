"""The audit of a vault, or of a log folder alone (docs/formats/vault.md)."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coffer_audit.entries.parse import COUNTS
from coffer_audit.errors import Findings, MalformedInput, NotProven, Unavailable, verify_that
from coffer_audit.log.folder import Checkpoint, LogCopy, parse_checkpoint, read_log, verify_checkpoint
from coffer_audit.notes import VerifyKey, cosigned_times, parse_vkey
from coffer_audit.segments import MAX_HEADER_BYTES, parse_header, verify_header, verify_manifest, verify_rows
from coffer_audit.validity.state import BACK_DATING, Opening, Segment, State, replay
from coffer_audit.wire import KEY_NAME, hash_of, parse_hex, parse_match, parse_time, read_file, u32

MAX_FILE_BYTES = 1 << 31  # a tally or a manifest; both are far smaller
APPROVAL = re.compile(r"[0-9a-f]{64} ([0-9TZ:-]{20})(?: withdrawn)? [0-9a-f]{64}", re.ASCII)
CHECKS = (".rows", ".manifest", ".header")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What an audit believes: the log's key and the genesis, and which of them the caller pinned."""

    key: VerifyKey
    genesis: str
    pinned_key: bool
    pinned_genesis: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """How many witnesses the roster in force names, how many of them cosigned the checkpoint, and how many must."""

    named: int
    cosigned: int
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A vault read to its end; `witnesses` is None where the roster names none."""

    trust: Trust
    log: LogCopy
    state: State
    findings: Findings
    witnesses: Witnesses | None


def decide_trust(found: dict[str, str], log_key: str | None, genesis: str | None, findings: Findings) -> Trust:
    """Prefer what the caller pinned to what the folder says (origin, log, genesis), and report a difference."""
    key = parse_vkey(log_key or found["log"], "log key")
    root = parse_hex(genesis or found["genesis"], 32, "genesis")
    for name, pinned in (("log", log_key), ("genesis", genesis)):
        if pinned and found.get(name, pinned) != pinned:
            findings.violate("PIN", f"{name}: found another in the folder than the one pinned")
    if found.get("origin", key.name) != key.name:
        findings.violate("PIN", "origin: found another in the folder than the name of the log's key")
    return Trust(key=key, genesis=root, pinned_key=bool(log_key), pinned_genesis=bool(genesis))


def _parse_vault_toml(raw: bytes) -> dict[str, str]:
    try:
        values = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MalformedInput("vault.toml: found no TOML, expected format, origin, log, genesis") from error
    if set(values) != {"format", "origin", "log", "genesis"} or not all(isinstance(v, str) for v in values.values()):
        raise MalformedInput("vault.toml: found other keys, expected format, origin, log, genesis")
    if values["format"] != "coffer.vault/v1":
        raise MalformedInput("vault.toml format: found another, expected coffer.vault/v1")
    parse_match(KEY_NAME, values["origin"], "vault.toml origin", "an origin")
    parse_vkey(values["log"], "vault.toml log")
    parse_hex(values["genesis"], 32, "vault.toml genesis")
    return values


def open_vault(folder: Path, log_key: str | None, genesis: str | None) -> tuple[Audited, bool]:
    """Read the log of a vault folder or of a log folder; the flag tells whether there is a vault around it."""
    findings = Findings()
    if not folder.is_dir():
        raise Unavailable(f"{str(folder)!a}: found no folder, expected a vault or a log")
    is_vault = (folder / "vault.toml").is_file()
    is_log = not is_vault and (folder / "checkpoint").is_file() and (folder / "tile").is_dir()
    if not is_vault and not is_log:
        raise MalformedInput(
            f"{str(folder)!a}: found neither vault.toml nor checkpoint and tile/, expected a vault or a log"
        )
    places = [folder / "vault.toml"] if is_vault else [folder.resolve().parent / "vault.toml", folder / "../vault.toml"]
    if toml := next((place for place in places if place.is_file()), None):
        found = _parse_vault_toml(read_file(toml, 1 << 16))
    elif log_key:
        found = {}
    else:
        raise MalformedInput(
            "log folder: found no vault.toml beside it, expected a log key",
            hint="give --log-key VKEY and --genesis HEX, as the vault publishes them",
        )
    log_folder = folder / "log" if is_vault else folder
    if not genesis and "genesis" not in found:  # only consistency can be shown: take the hash of entry 0
        probe = read_log(log_folder, parse_vkey(log_key or "", "log key"), Findings())
        found["genesis"] = (
            hash_of("roster", probe.entries[0].partition(b"\n\n")[0] + b"\n").hex() if probe.entries else "0" * 64
        )
    trust = decide_trust(found, log_key, genesis, findings)
    log = read_log(log_folder, trust.key, findings)
    state = replay(trust.key.name, trust.genesis, enumerate(log.entries))
    if not state.rosters:
        findings.violate("R1", "log: found no valid genesis at entry 0, expected the pinned one", entry=0)
    for index, code, message in state.invalid:
        tell = findings.warn if index in state.accidents else findings.violate
        tell(code, f"{message}; the entry has no effect", entry=index)
    for index, message in state.told_gone:
        findings.warn("ABSENCE", message, entry=index)
    if state.unlisted:
        findings.violate("LIMIT", f"log: found {state.unlisted} further entries without effect, expected none")
    with findings.guard("QUORUM"):
        verify_quorum(log.checkpoint, state)
    witnesses = count_witnesses(log.checkpoint, state)
    return Audited(trust=trust, log=log, state=state, findings=findings, witnesses=witnesses), is_vault


def count_witnesses(checkpoint: Checkpoint, state: State) -> Witnesses | None:
    """Count the cosignatures that verify, each witness by itself; `verify_quorum` judges them."""
    roster = state.rosters[-1] if state.rosters else None
    if roster is None or not roster.witnesses:
        return None
    cosigned: set[str] = set()
    for witness in roster.witnesses:
        with suppress(NotProven):  # a violation of the quorum says so
            cosigned |= cosigned_times(checkpoint.note, [witness], "checkpoint").keys()
    named = {witness.name for witness in roster.witnesses}
    return Witnesses(named=len(named), cosigned=len(cosigned), needed=roster.quorum)


def verify_quorum(checkpoint: Checkpoint, state: State) -> None:
    """Raise NotProven if fewer witnesses cosigned than the roster in force asks for."""
    if state.rosters and state.rosters[-1].quorum:
        roster = state.rosters[-1]
        times = cosigned_times(checkpoint.note, roster.witnesses, "checkpoint")
        if len(times) < roster.quorum:
            raise NotProven(
                f"checkpoint: found {len(times)} of {len({key.name for key in roster.witnesses})} cosignatures, "
                f"expected {roster.quorum}",
                hint="the log may lack cosignatures since its witnesses were down; "
                "ask the operator to run: coffer witness gather",
            )
        oldest = sorted(times.values())[-roster.quorum]
        verify_that(
            state.newest.timestamp() - oldest <= BACK_DATING.total_seconds(),
            "checkpoint: found it cosigned over 15 minutes before its newest entry: a clock is wrong",
        )


def audit_vault(folder: Path, log_key: str | None, genesis: str | None, *, quick: bool) -> Audited:
    """Audit all that an outsider can recompute; `quick` leaves the rows unread."""
    audited, is_vault = open_vault(folder, log_key, genesis)
    state, findings = audited.state, audited.findings
    if is_vault:
        _verify_segments(folder, state, findings, quick=quick)
        _verify_tallies(folder / "tally", state, findings)
        for custodian in list_folder(folder / "custodians"):
            _verify_custodian(folder / "custodians" / custodian, audited)
    _verify_openings(state, findings)
    return audited


def list_folder(folder: Path) -> list[str]:
    """Give the sorted names in a folder, none if it is not there."""
    try:
        return sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise Unavailable(f"{str(folder)!a}: found {type(error).__name__}, expected a readable folder") from error


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
    for seg_id, segment in sorted(state.segments.items(), key=lambda item: item[1].entry):
        base = f"{segment.line.day}/{seg_id}"
        here = [base + end for end in CHECKS if base + end in stored]
        if state.is_dead(segment):
            if here:
                findings.violate("DEAD", "dead segment still stored", entry=segment.entry, segment=seg_id)
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


def _verify_segment(base: Path, segment: Segment, state: State, *, quick: bool) -> None:
    header = parse_header(read_file(Path(f"{base}.header"), MAX_HEADER_BYTES), stripped=False)
    verify_header(header, segment, state.origin, state.keys)
    manifest = verify_manifest(read_file(Path(f"{base}.manifest"), MAX_FILE_BYTES), header)
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
        )  # the tables of a withdrawn batch are removed
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
            rows = raw["approvals"].decode("ascii", "replace").split("\n")
            matches = [APPROVAL.fullmatch(row) for row in rows[:-1]]
            verify_that(rows[-1] == "" and all(matches), f"custodian {name} approvals: found a malformed line")
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
    """Give, per commitment, the lines that limit it and were revealed (the strictest, were there two)."""
    limits: dict[str, dict[str, str]] = {}
    for index, reveal in state.reveals:
        found = limits.setdefault(reveal.authorization, {})
        for line in reveal.shown:
            key, _, value = line.partition(": ")
            if key == "max-records" and not re.fullmatch("[1-9][0-9]{0,6}", value, re.ASCII):
                findings.violate("L1", "max-records: found no number in a revealed line", entry=index)
            elif key in ("max-records", "hub", "not-before", "expires"):
                found[key] = value
    return limits


def _verify_openings(state: State, findings: Findings) -> None:
    """Hold draws against what was revealed; `not-before` and `expires` compare as text, which is in order of time."""
    limits, sums = _revealed(state, findings), Counter[str]()
    for index, opening in sorted(state.openings.items()):
        commitment = opening.intent.text["authorization"]
        shown, time = limits.get(commitment, {}), opening.time.strftime("%Y-%m-%dT%H:%M:%SZ")
        if not shown.get("not-before", "") <= time < shown.get("expires", "~"):
            findings.violate("TIME", "intent: found it outside the revealed not-before and expires", entry=index)
        if not opening.close:
            findings.warn("OPEN", f"intent: found no close {'after its draw ' if opening.draw else ''}yet", entry=index)
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
            if sums[commitment] > int(shown.get("max-records", "9999999999")):
                findings.violate(
                    "BUDGET",
                    f"draw: found {sums[commitment]} records in all, expected at most the revealed"
                    f" {shown['max-records']}",
                    entry=draw,
                )


def summarise_collected(state: State) -> list[dict[str, object]]:
    """Count, per feed, batches with what they had at least, and per kind its segments and padded rows.

    What was withdrawn is in `withdrawn` and, with its segments, in `superseded`; it is in no other number.
    """
    superseded = state.superseded()
    feeds: dict[str, dict[str, Counter[str]]] = {}
    for batch in state.batches.values():
        kinds = feeds.setdefault(batch.first.feed, {"": Counter()})
        if batch.first.batch in state.withdrawn:
            kinds[""].update(withdrawn=1)
        else:
            kinds[""].update(batches=1, **batch.first.counts)
    for seg_id, segment in state.segments.items():
        kind = feeds[segment.feed].setdefault(segment.line.kind, Counter())
        is_old = seg_id in superseded
        kind.update(segments=not is_old, superseded=is_old, dead=state.is_dead(segment))
        kind.update(rows=0 if is_old else segment.line.rows)
    files, segments = ("batches", "withdrawn", *COUNTS), ("segments", "rows", "superseded", "dead")
    return [
        {
            "feed": feed,
            **{key: kinds[""][key] for key in files},
            "kinds": [{"kind": kind, **{key: kinds[kind][key] for key in segments}} for kind in sorted(kinds) if kind],
        }
        for feed, kinds in sorted(feeds.items())
    ]


def summarise_opened(state: State) -> list[dict[str, object]]:
    """Count, per authorization commitment, what was opened under it."""
    opened: dict[str, Counter[str]] = {}
    for opening in state.openings.values():
        counts = opened.setdefault(opening.intent.text["authorization"], Counter())
        counts.update(_count_opening(opening))
    for mark, key in (("refuse", "refusals"), ("revoke", "revocations")):
        for _, commitment in state.marks[mark]:
            opened.setdefault(commitment, Counter()).update({key: 1})
    for _, reveal in state.reveals:
        opened.setdefault(reveal.authorization, Counter()).update(reveals=1)
    keys = ("intents", "draws", "records", "closes", "unconfirmed_cells", "refusals", "revocations", "reveals")
    return [
        {"authorization": commitment, **{key: counts[key] for key in keys}}
        for commitment, counts in sorted(opened.items())
    ]


def _count_opening(opening: Opening) -> dict[str, int]:
    return {
        "intents": 1,
        "draws": int(bool(opening.draw)),
        "closes": int(bool(opening.close)),
        "records": opening.draw[1].number["records"] if opening.draw else 0,
        "unconfirmed_cells": opening.close[1].number["unconfirmed-cells"] if opening.close else 0,
    }
