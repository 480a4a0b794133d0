"""What a custodian's machine notes about one request that it holds. Pure.

Implements ``docs/formats/custodian.md``, "Marks".
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final, Self

from coffer import wire
from coffer.authority.hold import Requested
from coffer.authority.ordered import MAX_FILES
from coffer.custody.again import Again
from coffer.custody.check_words import NONCE_BYTES
from coffer.errors import MalformedInput
from coffer.ledger.entries import REFUSE_REASONS
from coffer.notes.keys import VerifyKey, parse_vkey

FORMAT: Final = "coffer.marks/v1"
MAX_NUMBER: Final = 999_999_999
"""Of a person: numbers are given in the order of invitations and never twice, so they outgrow how many people there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is noted about one request, beside the note itself.

    ``requester``, ``roster`` and ``expires`` are the note's. ``nonce``: of its check words. ``held``: when it was taken. ``seen``: first, in the list.
    ``readers``: each person's number, ascending, and when it opened the request first. ``opened``: each file of the order that was opened here, by its
    number in the note, ascending, and when first. ``signed``: when its countersignature was kept. ``said_no``: the reason and the time of a refusal;
    ``again``: how the desk may come again after it, None if nobody said.
    """

    requester: VerifyKey
    roster: bytes
    expires: dt.datetime
    nonce: bytes
    held: dt.datetime
    seen: dt.datetime | None = None
    readers: tuple[tuple[int, dt.datetime], ...] = ()
    opened: tuple[tuple[int, dt.datetime], ...] = ()
    signed: dt.datetime | None = None
    said_no: tuple[str, dt.datetime] | None = None
    again: Again | None = None

    @classmethod
    def of(cls, requested: Requested, nonce: bytes, now: dt.datetime) -> Self:
        """The marks of a note that is taken now."""
        terms = requested.terms
        return cls(requester=terms.requester, roster=terms.roster, expires=terms.ends, nonce=nonce, held=_second(now))

    def with_seen(self, now: dt.datetime) -> Self:
        """Seen now, unless it was seen before."""
        return self if self.seen is not None else replace(self, seen=_second(now))

    def with_reader(self, person: int, now: dt.datetime) -> Self:
        """Opened now by one person, unless this person opened it before. Whoever reads it has seen it."""
        if any(number == person for number, _ in self.readers):
            return self
        return replace(self.with_seen(now), readers=tuple(sorted((*self.readers, (person, _second(now))))))

    def with_opened(self, number: int, now: dt.datetime) -> Self:
        """File ``number`` of the order was opened now, unless it was before."""
        if any(one == number for one, _ in self.opened):
            return self
        return replace(self, opened=tuple(sorted((*self.opened, (number, _second(now))))))

    def with_signed(self, now: dt.datetime) -> Self:
        """Countersigned now, unless it was before."""
        return self if self.signed is not None else replace(self, signed=_second(now))

    def with_no(self, reason: str, now: dt.datetime, again: Again | None = None) -> Self:
        """Refused now, unless it was before: the first reason is the one in the log."""
        return self if self.said_no is not None else replace(self, said_no=(reason, _second(now)), again=again)

    def format(self) -> bytes:
        """Its text."""
        lines = [
            FORMAT,
            f"requester: {self.requester.format()}",
            f"roster: {self.roster.hex()}",
            f"expires: {wire.format_time(self.expires)}",
            f"nonce: {self.nonce.hex()}",
            f"held: {wire.format_time(self.held)}",
        ]
        lines += [f"seen: {wire.format_time(self.seen)}"] if self.seen is not None else []
        lines += [f"reader: {number} {wire.format_time(time)}" for number, time in self.readers]
        lines += [f"opened: {number} {wire.format_time(time)}" for number, time in self.opened]
        lines += [f"signed: {wire.format_time(self.signed)}"] if self.signed is not None else []
        lines += [f"no: {self.said_no[0]} {wire.format_time(self.said_no[1])}"] if self.said_no is not None else []
        lines += [f"again: {self.again.format()}"] if self.again is not None else []
        return ("\n".join(lines) + "\n").encode("ascii")

    @classmethod
    def parse(cls, raw: bytes, place: str) -> Self:
        """The strict inverse; raises ``MalformedInput``."""
        fields = wire.Fields(wire.parse_lines(raw, place), place)
        fields.literal(FORMAT)
        requester = parse_vkey(fields.one("requester"), place)
        roster = wire.parse_hex(fields.one("roster"), place, size=32)
        expires = wire.parse_time(fields.one("expires"), place)
        nonce = wire.parse_hex(fields.one("nonce"), place, size=NONCE_BYTES)
        held = wire.parse_time(fields.one("held"), place)
        seen = fields.optional("seen")
        readers = tuple(_parse_numbered(text, place, MAX_NUMBER) for text in fields.many("reader"))
        opened = tuple(_parse_numbered(text, place, MAX_FILES) for text in fields.many("opened"))
        signed, said_no = fields.optional("signed"), fields.optional("no")
        again = None if said_no is None else fields.optional("again")
        fields.end()
        marks = cls(
            requester=requester,
            roster=roster,
            expires=expires,
            nonce=nonce,
            held=held,
            seen=None if seen is None else wire.parse_time(seen, place),
            readers=readers,
            opened=opened,
            signed=None if signed is None else wire.parse_time(signed, place),
            said_no=None if said_no is None else _parse_no(said_no, place),
            again=None if again is None else Again.parse(again, place),
        )
        is_ascending = all(_is_ascending([number for number, _ in item]) for item in (readers, opened))
        if marks.format() != raw or not is_ascending:
            raise MalformedInput(f"{place}: not in canonical form")
        return marks


def _parse_numbered(text: str, place: str, most: int) -> tuple[int, dt.datetime]:
    number, _, time = text.partition(" ")
    return wire.parse_decimal(number, place, low=1, high=most), wire.parse_time(time, place)


def _is_ascending(numbers: list[int]) -> bool:
    return numbers == sorted(set(numbers))


def _parse_no(text: str, place: str) -> tuple[str, dt.datetime]:
    reason, _, time = text.partition(" ")
    if reason not in REFUSE_REASONS:
        raise MalformedInput(f"{place}: no: expected one of {', '.join(REFUSE_REASONS)}")
    return reason, wire.parse_time(time, place)


def _second(now: dt.datetime) -> dt.datetime:
    return now.replace(microsecond=0)
