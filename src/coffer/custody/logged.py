"""A segment's header against the log: is it the logged one, and does it say what the log says? Pure.

Asked by a custodian before it answers (step 9 of ``docs/procedures/opening.md``) and before it gives a receipt, and by everyone who judges receipts
(steps 1 and 2 of ``docs/procedures/receipts.md``).
"""

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.kinds import KIND_NAMES
from coffer.ledger.facts import Segment
from coffer.ledger.state import State
from coffer.segments.header import Header, origin_hash, parse_header


def parse_logged_header(raw: bytes, segment: Segment) -> Header:
    """Read a header file and prove that it is the one in the log.

    Raises:
        NotProven: it is another one, or none: the file was changed since it was logged.
    """
    try:
        header = parse_header(raw, _place(segment))
    except MalformedInput as error:
        raise NotProven(error.message) from None
    return verify_logged(header, segment)


def verify_logged(header: Header, segment: Segment) -> Header:
    """The header of a segment, proven to be the one in the log.

    Raises:
        NotProven: it is another one.
    """
    if header.hash != segment.line.header_hash or header.core.seg_id != segment.line.seg_id:
        hint = "the header file was changed: restore it from a copy"
        raise NotProven(f"{_place(segment)}: its header is not the one in the log", hint=hint)
    return header


def contradiction(header: Header, segment: Segment, origin: str) -> str | None:
    """What a logged header says otherwise than the log line of its segment; None if nothing.

    Only an ingester can cause one, because it signed the hash of this header as a part of that line. ``origin``: of the log.
    """
    core, line, roster = header.core, segment.line, segment.roster
    said = (core.day, KIND_NAMES[core.kind], core.rule, core.part, core.feed, header.rows, core.roster, core.origin)
    logged = (line.day, line.kind, line.rule, line.part, segment.feed, line.rows, roster.hash, origin_hash(origin))
    if said != logged:
        return "header names another day, kind, rule, part, feed, rows, roster or origin"
    return "header has other clauses than its rule" if core.custodians != len(roster.custodians) else None


def wrong_in_header(header: Header, segment: Segment, state: State) -> str | None:
    """What an ingester sealed otherwise than the log says, clauses and epoch keys too; None if nothing.

    An opening does not need all of this: a custodian whose own bundle opens can answer, even if the bundles of others are wrong.
    """
    reason = contradiction(header, segment, state.origin)
    if reason is not None:
        return reason
    line, roster = segment.line, segment.roster
    if tuple(mask for mask, _ in header.commitments) != segment.lock.clauses:
        return "header has other clauses than its rule"
    for custodian, bundle, epoch_hash in zip(roster.custodians, header.bundles, header.epoch_hashes, strict=True):
        key = state.epoch_keys.get((custodian.name, line.day))
        is_holder = bool(segment.clauses_held(custodian.name))
        if bool(bundle) != is_holder:
            return f"bundle of {custodian.name} is missing or too many"
        if epoch_hash != (wire.digest(key) if is_holder and key is not None else bytes(32)):
            return f"sealed to another epoch key than the one that {custodian.name} published"
    return None


def _place(segment: Segment) -> str:
    return f"segment {segment.line.seg_id.hex()[:16]} of {segment.line.day}"
