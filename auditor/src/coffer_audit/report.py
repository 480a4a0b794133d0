"""The report of an audit, as lines of text for 80 columns; only keys and hashes may be wider."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from coffer_audit.vault.summaries import count_emergencies, summarise_collected, summarise_opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from coffer_audit.answer.audit import AuditedAnswer
    from coffer_audit.approvals.audit import AuditedApprovals
    from coffer_audit.errors import Finding, Findings
    from coffer_audit.log.checkpoint import Checkpoint
    from coffer_audit.log.remote import Fetched
    from coffer_audit.notice import AuditedNotice
    from coffer_audit.trust import Trust
    from coffer_audit.vault.histories import Histories
    from coffer_audit.vault.opened import Audited
    from coffer_audit.vault.witnesses import Witnesses

COLUMNS = 80
PLURALS = {"batch": "batches", "entry": "entries", "history": "histories", "further entry": "further entries"}


def format_count(number: object, noun: str) -> str:
    """Give `1 file`, `2 files`, `1,024 files`.

    In an answer that failed, `number` may be something else; it is then shown in ASCII.
    """
    if not isinstance(number, int):
        return f"{number!a:.40} {noun}"
    return f"{number:,} {noun if number == 1 else PLURALS.get(noun, f'{noun}s')}"


def wrap(text: str, indent: int = 0) -> str:
    """Break a line at spaces; indent its further lines by two columns more."""
    return textwrap.fill(
        text,
        COLUMNS,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _format_counts(counts: dict[str, object], nouns: dict[str, str], absent: str) -> str:
    """Join the counts that are not 0."""
    return ", ".join(format_count(counts[key], noun) for key, noun in nouns.items() if counts[key]) or absent


def format_checkpoint(checkpoint: Checkpoint) -> Iterator[str]:
    """Say which log it is."""
    yield f"origin: {checkpoint.origin}"
    yield f"size: {format_count(checkpoint.size, 'entry')}"
    yield f"root: {checkpoint.root.hex()}"


def format_trust(trust: Trust) -> Iterator[str]:
    """Say what the result rests on, with the values, so that readers can compare them."""
    for name, value, pinned in (
        ("log key", trust.key.text, trust.pinned_key),
        ("genesis", trust.genesis, trust.pinned_genesis),
    ):
        yield f"{name}: {value}"
        yield (
            "  as the caller gave it" if pinned else "  merely read from what is audited, whose writer could choose it"
        )


def format_witnesses(witnesses: Witnesses | None) -> Iterator[str]:
    """Say who else has seen the checkpoint."""
    if witnesses:
        yield f"witnesses: {witnesses.cosigned} of {witnesses.named} cosigned, {witnesses.needed or 'none'} needed"


def _sameness(item: Finding) -> tuple[object, ...]:
    return (id(item),) if item.entry is None else (item.code, item.message, item.segment)


def _format_group(name: str, findings: Sequence[Finding]) -> Iterator[str]:
    """Give one line for findings that several entries share."""
    for _, group in groupby(findings, key=_sameness):
        first, *more = group
        yield wrap(f"{name}: {first.format_line()}")
        if more:
            yield f"  the same of {format_count(len(more), 'further entry')}, the last is {more[-1].entry}"


def format_findings(findings: Findings, trust: Trust) -> Iterator[str]:
    """Give warnings and violations, and the verdict."""
    yield from _format_group("warning", findings.warnings)
    yield from _format_group("violation", findings.violations)
    if findings.violations:
        yield format_count(len(findings.violations), "violation")
        return
    names = [name for name, pinned in (("key", trust.pinned_key), ("genesis", trust.pinned_genesis)) if not pinned]
    options = [{"key": "--log-key", "genesis": "--genesis"}[name] for name in names]
    if findings.conditions:
        yield "clean, if all of this holds:"
        rest = [
            f"the log's {name} is the right one (give {option})" for name, option in zip(names, options, strict=True)
        ]
        yield from (wrap(f"- {clause}", 2) for clause in [*findings.conditions, *rest])
    elif not names:
        yield "clean"
    elif len(names) == 2:
        yield "clean, if the log's key and genesis are the right ones:"
        yield f"  compare them with what a custodian pins, or give {' and '.join(options)}"
    else:
        yield f"clean, if the log's {names[0]} is the right one:"
        yield f"  compare it with what a custodian pins, or give {options[0]}"


def format_vault(audited: Audited) -> Iterator[str]:
    """Give the report of a vault or a log."""
    yield from format_checkpoint(audited.log.checkpoint)
    yield from format_trust(audited.trust)
    yield from format_witnesses(audited.witnesses)
    feeds, opened = summarise_collected(audited.state), summarise_opened(audited.state)
    yield "collected:" if feeds else "collected: nothing"
    for feed in feeds:
        yield wrap(f"feed {feed['feed']}: {_format_files(feed)}", 2)
        kinds = feed["kinds"]
        for kind in kinds if isinstance(kinds, list) else []:
            rows = f"{format_count(kind['segments'], 'segment')}, {format_count(kind['rows'], 'padded row')}"
            notes = "".join(f"; {kind[word]:,} {word}" for word in ("superseded", "dead") if kind[word])
            yield wrap(f"{kind['kind']}: {rows}{notes}", 4)
    yield "authorizations:" if opened else "authorizations: none"
    nouns = {
        "intents": "intent",
        "draws": "draw",
        "records": "record",
        "closes": "close",
        "unconfirmed_cells": "unconfirmed cell",
        "refusals": "refusal",
        "revocations": "revocation",
        "reveals": "reveal",
    }
    for item in opened:
        yield f"  {item['authorization']}"
        yield wrap(_format_counts(item, nouns, "nothing"), 4)
    emergencies = count_emergencies(audited.state, audited.state.openings)
    if any(emergencies.values()):
        counted = ", ".join(f"{number:,} {word.replace('_', ' ')}" for word, number in emergencies.items() if number)
        yield wrap(f"emergencies: {counted}")
    yield "not shown by this audit:"
    yield "  MACs of approvals (they need a passphrase)"
    yield "  countersignatures (they need the authorization)"
    yield from format_findings(audited.findings, audited.trust)


def _format_files(feed: dict[str, object]) -> str:
    """Say how much the batches held; the log rounds these numbers down."""
    lines = ", ".join(f"{feed[key]:,} {key}" for key in ("files", "read", "kept", "rejected", "duplicate"))
    gone = f", {format_count(feed['superseded_batches'], 'batch')} superseded" if feed.get("superseded_batches") else ""
    return f"{format_count(feed['batches'], 'batch')}{gone}; at least {lines} (in whole 1,024s a batch)"


def _format_superseded(batches: object) -> Iterator[str]:
    """Name the superseded batches of an answer.

    Each has the entries that superseded it before the request, and how many of its records no other batch has.
    """
    for item in batches if isinstance(batches, list) else []:
        entries = ", ".join(map(str, item["entries"]))
        alone = item["records"] - item["repeated_records"]
        yield f"superseded batch {item['batch']}"
        by = f"{'entry' if len(item['entries']) == 1 else 'entries'} {entries}"
        yield wrap(
            f"of feed {item['feed']}, superseded by {by}, before the intent: "
            f"{format_count(item['records'], 'record')}, {alone:,} told by no other batch",
            2,
        )


def format_answer(audited: AuditedAnswer, totals: dict[str, object]) -> Iterator[str]:
    """Give the report of an answer."""
    yield from format_checkpoint(audited.given.checkpoint)
    yield from format_trust(audited.given.trust)
    yield "steps:"
    yield from (wrap(step, 2) for step in audited.findings.steps)
    outside = f", {_plain(totals['outside_period'])} outside the ordered times" if totals["outside_period"] else ""
    counts = ", ".join(f"{_plain(totals[f'{word}_records'])} {word}" for word in ("repeated", "superseded"))
    yield f"records: {_plain(totals['records'])}, {counts}{outside}"
    yield from _format_superseded(totals["superseded_batches"])
    yield from _format_part(totals["part"])
    cells = totals["cells"]
    if isinstance(cells, dict):
        shown = f"{cells['complete']:,} complete, {cells['no records']:,} without records"
        yield f"cells: {shown}, {cells['unconfirmed']:,} unconfirmed"
    if audited.findings.not_shown:
        yield "not shown by this audit:"
        yield from (wrap(item, 2) for item in audited.findings.not_shown)
    yield from format_findings(audited.findings, audited.given.trust)


def _format_part(part: object) -> Iterator[str]:
    """Say of which part of a continuing order the answer is, and where the other records are."""
    if not isinstance(part, dict):
        return
    number = part["number"]
    earlier = {1: "", 2: "; earlier records are in part 1"}.get(
        number, f"; earlier records are in parts 1 to {number - 1}"
    )
    since = "" if part["since"] is None else f", with what came since entry {part['since']}"
    yield wrap(f"part: {number:,} of a continuing order{since}{earlier}; later records are in later parts, if any")


def _plain(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number!a:.40}"


def format_notice(audited: AuditedNotice) -> Iterator[str]:
    """Give the report of a notice's proof."""
    totals = audited.totals
    yield from format_checkpoint(audited.checkpoint)
    yield from format_trust(audited.trust)
    yield "steps:"
    yield from (wrap(step, 2) for step in audited.findings.steps)
    yield f"authorization: {totals['authorization']}"
    yield f"openings: {_plain(totals['openings'])}"
    yield f"records drawn: {_plain(totals['records_drawn'])}"
    opened = totals["opened"]
    times = ", ".join(opened) if isinstance(opened, list) else ""
    yield wrap(f"opened: {times}" if totals["records_drawn"] else f"asked for, nothing opened: {times}")
    yield from format_findings(audited.findings, audited.trust)


def format_approvals(audited: AuditedApprovals) -> Iterator[str]:
    """Name the persons, by number, who agreed to each request."""
    yield from format_checkpoint(audited.checkpoint)
    yield from format_trust(audited.trust)
    yield f"custodian: {audited.agreements.custodian}"
    for request in audited.agreements.requests:
        persons = ", ".join(map(str, audited.agreements.persons_of(request)))
        yield f"request: {request.commitment}"
        yield f"  agreed: persons {persons}; {request.required} required"
    yield "not shown by this audit:"
    yield from (wrap(item, 2) for item in audited.findings.not_shown)
    yield from format_findings(audited.findings, audited.trust)


def format_histories(histories: Histories) -> Iterator[str]:
    """Name those who cosigned two histories."""
    yield from format_checkpoint(histories.checkpoint)
    yield from format_trust(histories.trust)
    yield f"{format_count(histories.seen, 'checkpoint')} of {format_count(histories.logs, 'history')}"
    for name, pair in sorted(histories.liars.items()):
        yield f"custodian {name} cosigned two histories:"
        for item in pair:
            yield wrap(f"{item.place}: size {item.checkpoint.size}", 2)
            yield f"    root {item.checkpoint.root.hex()}"
    yield from format_findings(histories.findings, histories.trust)


def format_table(audited: Audited, table: dict[str, object], period: str) -> Iterator[str]:
    """Give a yearly table; what the log cannot tell is said."""
    yield from format_checkpoint(audited.log.checkpoint)
    yield from format_trust(audited.trust)
    yield from format_witnesses(audited.witnesses)
    columns, rows = table["columns"], table["rows"]
    yield f"table {table['name']} of {period}: {', '.join(map(str, columns))}"  # type: ignore[call-overload]
    for row in rows:  # type: ignore[attr-defined]
        cells = ["not told" if cell is None else str(cell) for cell in row["cells"]]
        yield f"  {row['row']:24}{', '.join(cells)}"
    yield from format_findings(audited.findings, audited.trust)


def format_transparency(audited: Audited, figures: dict[str, object], period: str) -> Iterator[str]:
    """Give the figures of a period."""
    yield from format_checkpoint(audited.log.checkpoint)
    yield from format_trust(audited.trust)
    yield from format_witnesses(audited.witnesses)
    yield f"figures of {period}:"
    for key in ("authorizations", "openings", "closed", "records_drawn", "records_opened", "unconfirmed_cells"):
        yield _format_row(key, figures[key])
    times = figures["seconds_to_answer"]
    yield _format_row(
        "time_to_answer",
        f"median {times['median']:,} s, longest {times['longest']:,} s" if isinstance(times, dict) else "none",
    )
    urgent = {key: number for key, number in _counts(figures["emergencies"]).items() if number}
    if urgent:
        yield _format_row("emergencies", sum(urgent.values()) - urgent.get("disapproved", 0))
        yield from (_format_row(key, number, 4) for key, number in urgent.items())
    for key in ("refusals", "faults"):
        yield _format_row(key, sum(_counts(figures[key]).values()))
        yield from (_format_row(name, number, 4) for name, number in _counts(figures[key]).items())
    holds = ("holds", "extended_holds", "released_holds") if figures["holds"] else ()
    for key in ("revocations", "reveals", "destroyed_keys", "superseded_batches", *holds):
        yield _format_row(key, figures[key])
    for key, name in (("by_authority", "authority"), ("by_kind", "kind"), ("by_rule", "rule")):
        for at, item in enumerate(_rows(figures[key])):
            if not at:
                yield f"  {key.replace('_', ' ')}:"
            counts = f"{format_count(item['openings'], 'opening')}, {format_count(item['records'], 'record')}"
            yield wrap(f"{item[name]}: {counts}", 4)
    collected = _counts(figures["collected"])
    yield wrap(f"collected: {_format_files(dict(collected))}", 2)
    for item in _rows(figures["segments"]):
        rows = f"{format_count(item['segments'], 'segment')}, {format_count(item['padded_rows'], 'padded row')}"
        yield wrap(f"{item['kind']} under {item['rule']}: {rows}", 4)
    yield from format_findings(audited.findings, audited.trust)


def _counts(value: object) -> dict[str, int]:
    return value if isinstance(value, dict) else {}


def _rows(value: object) -> Sequence[dict[str, object]]:
    return value if isinstance(value, list) else []


def _format_row(key: str, value: object, indent: int = 2) -> str:
    return (
        f"{'':{indent}}{key.replace('_', ' ') + ':':{24 - indent}}{_plain(value) if isinstance(value, int) else value}"
    )


def format_fetched(fetched: Fetched, folder: str, *, is_signed: bool) -> Iterator[str]:
    """Say what was stored, and that nothing of it has been proven."""
    yield from format_checkpoint(fetched.checkpoint)
    yield f"fetched: {format_count(fetched.files, 'file')}, {format_count(fetched.size_bytes, 'byte')}"
    yield (
        "checkpoint: signed by the log's key"
        if is_signed
        else "checkpoint: its signature was not compared (give --log-key)"
    )
    yield "nothing else is audited yet; do it with:"
    yield f"  coffer-audit vault {folder} --log-key VKEY --genesis HEX"
