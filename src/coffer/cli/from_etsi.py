"""What ``coffer request --from-order FILE`` takes from an ETSI request message.

The desk may add what the message leaves open, and narrow what it asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coffer.authority.authorization import parse_kinds
from coffer.authority.period import Period
from coffer.cli.console import read_file
from coffer.cli.periods import TypedTimes, show_period
from coffer.errors import MalformedInput, Refused

if TYPE_CHECKING:
    from coffer.disclosure.etsi_request import EtsiRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who, when each, which kinds, how many, and the legal basis, as the note will say them."""

    subjects: Sequence[str]
    periods: Sequence[Sequence[Period]]
    kinds: str
    max_records: int
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was typed of an order and may stand in its file instead; None where it was not."""

    authority: str | None
    basis: str | None
    kinds: str | None
    max_records: int | None


def verified(given: Given) -> str:
    """The authority, once the options that no ETSI message says are there."""
    verify_given({"--authority": given.authority, "--basis": given.basis})
    assert given.authority is not None, "looked at above"
    return given.authority


def asked_by(file: str | None, given: Given, *, subjects: Sequence[str], times: TypedTimes) -> Asked:
    """The options alone, or the message with what the options add to it.

    Raises:
        MalformedInput: an option is missing, or contradicts the message.
        Refused: the message asks for what is never opened, or the options for more than the message does.
    """
    kinds, max_records, basis = given.kinds, given.max_records, given.basis
    assert basis is not None, "verified before"
    if file is None:
        verify_given({"--subject": subjects, "--kinds": kinds, "--max-records": max_records})
        assert kinds is not None, "given"
        assert max_records is not None, "given"
        periods = periods_of(times, len(subjects))
        return Asked(subjects=subjects, periods=periods, kinds=kinds, max_records=max_records, basis=basis)
    if subjects:
        raise MalformedInput("--subject: not beside --from-order, which names whom")
    place = Path(file).name
    from coffer.disclosure.etsi_request import parse_etsi_request  # noqa: PLC0415 - only such a message needs the library of XML

    message = parse_etsi_request(read_file(file), place)
    return Asked(
        subjects=message.subjects,
        periods=[_periods(message, times.shared, place)] * len(message.subjects),
        kinds=_kinds(message, kinds),
        max_records=_limit(message, max_records, place),
        basis=_basis(message, basis),
    )


def verify_given(options: Mapping[str, object]) -> None:
    """Refuse the first option that is missing where no file says it."""
    for name, value in options.items():
        if value is None or value == ():
            raise click.UsageError(f"Missing option '{name}'.", ctx=click.get_current_context())


def periods_of(times: TypedTimes, count: int) -> list[tuple[Period, ...]]:
    """Of each subject.

    Raises:
        MalformedInput: a subject has none: what was typed for another is never taken for it.
    """
    periods = times.of(count)
    for number, own in enumerate(periods, 1):
        if not own:
            raise MalformedInput(
                f"--subject {number}: no time follows it",
                hint="add --days FIRST LAST, or --from and --to: they are for the subjects named directly before them",
            )
    return periods


def _periods(message: "EtsiRequest", typed: Sequence[Period], place: str) -> Sequence[Period]:
    """Exactly the message's, or what the desk narrows it to."""
    for period in typed:
        if not message.period.first <= period.first < period.end <= message.period.end:
            raise Refused(
                f"--days, --from: beyond what {place} asks for, expected within {show_period(message.period)}",
                code="time",
                hint="more needs another order",
            )
    return typed or (message.period,)


def _kinds(message: "EtsiRequest", kinds: str | None) -> str:
    if kinds is None:
        return ",".join(message.kinds)
    if not set(parse_kinds(kinds, "--kinds")) <= set(message.kinds):
        raise Refused(
            f"--kinds: more than the message asks for, expected some of {','.join(message.kinds)}",
            code="scope",
            hint="calls and texts are telephonyRecord, e-mails are messageRecord",
        )
    return kinds


def _limit(message: "EtsiRequest", max_records: int | None, place: str) -> int:
    if max_records is None and message.max_hits is None:
        raise MalformedInput(f"{place}: names no maxHits", hint="add --max-records")
    if max_records is not None and message.max_hits is not None and max_records > message.max_hits:
        raise Refused(
            f"--max-records: above the {message.max_hits} that {place} asks for", code="budget", hint="leave it out"
        )
    return max_records if max_records is not None else message.max_hits or 0


def _basis(message: "EtsiRequest", basis: str) -> str:
    from coffer.disclosure.etsi_request import find_reference  # noqa: PLC0415 - as above

    """The reference stands at the end, where custodians read it and the response takes it from."""
    text = f"{basis}; {message.reference.format()}"
    if find_reference(text) != message.reference:
        raise AssertionError("a reference is read back as it was written")
    return text
