"""``coffer log``."""

import click

from coffer import wire
from coffer.cli.console import console, print_json, say
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.ledger.entries import (
    COARSE,
    NAME_DIGITS,
    AbsenceEntry,
    Body,
    CloseEntry,
    DestroyEntry,
    DrawEntry,
    EpochKeyEntry,
    ExtendEntry,
    FaultEntry,
    HeldEntry,
    HoldEntry,
    IngestEntry,
    IntentEntry,
    ObjectionEntry,
    RatifyEntry,
    ReceiptEntry,
    RefuseEntry,
    ReleaseEntry,
    RevealEntry,
    RevokeEntry,
    WithdrawEntry,
)
from coffer.ledger.facts import Invalid, Verdict
from coffer.ledger.roster import parse_roster
from coffer.ledger.state import State
from coffer.visible import counted


@click.command(epilog="Example: coffer log vault")
@click.argument("vault")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def log(vault: str, *, as_json: bool) -> None:
    """List the log's entries: all that anybody may know of what this vault did."""
    opened = vault_at(vault)
    state = opened.replay()
    again = State.empty(origin=opened.pins.origin, genesis=opened.pins.genesis)
    verdicts = again.apply_all(opened.log.entries(0, state.size))
    if as_json:
        print_json([_entry(verdict) for verdict in verdicts])
        return
    table = Table("entry", "time", "type", "what")
    for verdict in verdicts:
        entry = _entry(verdict)
        table.add_row(
            str(entry["entry"]), str(entry.get("time", "")), str(entry.get("type", "invalid")), str(entry["what"])
        )
    console().print(table)
    listed = opened.no_index()
    if listed is not None:
        say(
            f"no-index list beside the log: {counted(listed.lines, 'line')}, SHA-256 {listed.hash.hex()}; its hash is not in the log"
        )


def _entry(verdict: Verdict) -> dict[str, object]:
    if isinstance(verdict, Invalid):
        return {"entry": verdict.index, "valid": False, "what": f"has no effect ({verdict.rule}): {verdict.reason}"}
    entry = verdict.entry
    kind = entry.note.text.split(b"/", 1)[0].removeprefix(b"coffer.").decode("ascii")
    what = _roster(entry.note.text) if entry.body is None else _what(entry.body)
    if isinstance(entry.body, RevokeEntry | ReleaseEntry):
        what += f", by {', '.join(line.name.removesuffix('/auth') for line in entry.note.signatures)}"
    document = {"entry": verdict.index, "valid": True, "time": wire.format_time(entry.time), "type": kind, "what": what}
    if isinstance(entry.body, IngestEntry | WithdrawEntry):
        document["batch"] = entry.body.batch.hex()
    return document


def _roster(text: bytes) -> str:
    roster = parse_roster(text, "roster")
    return f"custodians, rules and limits, hash {roster.hash.hex()[:16]}"


def _offsets(body: IngestEntry) -> str:
    """What a batch took of a topic; nothing for one from files."""
    if body.offsets is None:
        return ""
    partitions = body.offsets.partitions
    gaps = [str(one.partition) for one in partitions if one.has_gap]
    missed = f", deleted before they were taken in {', '.join(gaps)}" if gaps else ""
    return f", offsets of {counted(len(partitions), 'partition')} of topic {body.offsets.topic.hex()[:8]}{missed}"


def _coarse(number: int) -> str:
    """A number as the log has it: rounded down to whole 1,024s."""
    return f"at least {number:,}" if number else f"under {COARSE:,}"


def _what(body: Body) -> str:  # noqa: C901, PLR0912 - one branch a type of entry
    match body:
        case EpochKeyEntry():
            return f"{body.custodian}: key of {body.day}"
        case IngestEntry():
            kept, rejected = (_coarse(number) for number in (body.counts.kept, body.counts.rejected))
            segments = counted(len(body.segments), "segment")
            return f"{body.feed}: batch {body.batch.hex()}, {kept} kept, {rejected} rejected, {segments} ({body.number}/{body.total}){_offsets(body)}"
        case WithdrawEntry():
            return f"supersedes batch {body.batch.hex()}"
        case ReceiptEntry():
            return f"{body.custodian}: can open its part of segment {body.segment.hex()[:16]}"
        case IntentEntry():
            asked = (
                f"authorization {body.authorization.hex()[:NAME_DIGITS]}, at most {counted(body.cells_at_most, 'cell')}"
            )
            urgent = f", an emergency that {', '.join(body.rules)} must ratify" if body.rules else ""
            return f"{body.requester}: is about to ask, {asked}{urgent}"
        case DrawEntry():
            return f"for intent {body.intent}: {counted(body.records, 'record')}"
        case CloseEntry():
            if body.answers == 0:
                return f"of intent {body.intent}: nothing opened"
            records, answers = counted(body.records, "record"), counted(body.answers, "custodian")
            return f"of intent {body.intent}: {records} opened, {answers} answered, {counted(body.unconfirmed_cells, 'cell')} unconfirmed"
        case RefuseEntry():
            return f"{body.custodian}: authorization {body.authorization.hex()[:NAME_DIGITS]}, {body.reason}"
        case AbsenceEntry():
            return f"all the others say that {body.custodian} is gone; it may object"
        case ObjectionEntry():
            return f"it is there, against entry {body.absence}"
        case RevokeEntry():
            return f"authorization {body.authorization.hex()[:NAME_DIGITS]}"
        case DestroyEntry():
            return f"{body.custodian}: key of {body.day}"
        case FaultEntry():
            return f"{body.accuser} accuses {body.accused}"
        case RevealEntry():
            return f"authorization {body.authorization.hex()[:NAME_DIGITS]}, {counted(sum(line.line is not None for line in body.lines), 'line')}"
        case HoldEntry():
            rules = counted(len(body.rules), "rule")
            return f"{body.requester}: asks to preserve, unread, note {body.note.hex()[:NAME_DIGITS]}, {rules}, until {wire.format_time(body.until)}"
        case HeldEntry():
            return f"{body.custodian}: keeps for hold {body.hold}, at most {counted(body.cells_at_most, 'cell')}"
        case ExtendEntry():
            return f"hold {body.hold} is to last until {wire.format_time(body.until)}, note {body.note.hex()[:NAME_DIGITS]}"
        case ReleaseEntry():
            return f"hold {body.hold}: nothing is kept any more"
        case RatifyEntry():
            return f"{body.custodian}: agrees to the emergency of intent {body.intent}"
