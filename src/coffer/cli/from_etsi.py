"""What ``coffer request --from-etsi FILE`` takes from an ETSI request message, and what the desk may add or narrow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from coffer import wire
from coffer.authority.authorization import parse_kinds
from coffer.cli.console import read_file
from coffer.disclosure.etsi_request import EtsiRequest, find_reference, parse_etsi_request
from coffer.errors import MalformedInput, Refused

Ranges = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who, when, which kinds, how many, and the legal basis, as the note will say them."""

    subjects: Sequence[str]
    ranges: Ranges
    kinds: str
    max_records: int
    basis: str


def asked_by(
    file: str | None,
    *,
    subjects: Sequence[str],
    ranges: Ranges,
    kinds: str | None,
    max_records: int | None,
    basis: str,
) -> Asked:
    """The options alone, or the message with what the options add to it.

    Raises:
        MalformedInput: an option is missing, or contradicts the message.
        Refused: the message asks for what is never opened, or the options for more than the message does.
    """
    if file is None:
        given = {"--subject": subjects, "--days": ranges, "--kinds": kinds, "--max-records": max_records}
        for name, value in given.items():
            if value is None or value == ():
                raise click.UsageError(f"Missing option '{name}'.", ctx=click.get_current_context())
        assert kinds is not None, "given"
        assert max_records is not None, "given"
        return Asked(subjects=subjects, ranges=ranges, kinds=kinds, max_records=max_records, basis=basis)
    if subjects:
        raise MalformedInput("--subject: not beside --from-etsi, which names whom")
    place = Path(file).name
    message = parse_etsi_request(read_file(file), place)
    return Asked(
        subjects=message.subjects,
        ranges=_ranges(message, ranges, place),
        kinds=_kinds(message, kinds),
        max_records=_limit(message, max_records, place),
        basis=_basis(message, basis),
    )


def _ranges(message: EtsiRequest, ranges: Ranges, place: str) -> Ranges:
    first, last = message.days
    if not ranges:
        if not message.is_whole_days:
            raise Refused(
                f"{place}: its first and last moment do not begin and end a UTC day, which a request is made of",
                code="time",
                hint=f"say which days the order covers: --days {first} {last} is all that it touches",
            )
        return [(str(first), str(last))]
    for begin, end in ranges:
        days = (wire.parse_day(begin, "--days"), wire.parse_day(end, "--days"))
        if not (first <= days[0] <= days[1] <= last):
            raise Refused(
                f"--days: beyond what {place} touches, expected days from {first} to {last}",
                code="time",
                hint="more days need another order",
            )
    return ranges


def _kinds(message: EtsiRequest, kinds: str | None) -> str:
    if kinds is None:
        return ",".join(message.kinds)
    if not set(parse_kinds(kinds, "--kinds")) <= set(message.kinds):
        raise Refused(
            f"--kinds: more than the message asks for, expected some of {','.join(message.kinds)}",
            code="scope",
            hint="calls and texts are telephonyRecord, e-mails are messageRecord",
        )
    return kinds


def _limit(message: EtsiRequest, max_records: int | None, place: str) -> int:
    if max_records is None and message.max_hits is None:
        raise MalformedInput(f"{place}: names no maxHits", hint="add --max-records")
    if max_records is not None and message.max_hits is not None and max_records > message.max_hits:
        raise Refused(
            f"--max-records: above the {message.max_hits} that {place} asks for", code="budget", hint="leave it out"
        )
    return max_records if max_records is not None else message.max_hits or 0


def _basis(message: EtsiRequest, basis: str) -> str:
    """The reference stands at the end, where custodians read it and the response takes it from."""
    text = f"{basis}; {message.reference.format()}"
    if find_reference(text) != message.reference:
        raise AssertionError("a reference is read back as it was written")
    return text
