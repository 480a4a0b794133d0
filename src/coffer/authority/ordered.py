"""What a note says about the order behind it: its kind, who issued it, when it came, its files. Pure.

Source: ``docs/formats/authorization.md``.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from coffer import wire
from coffer.authority.period import format_instant, parse_instant
from coffer.errors import MalformedInput

MAX_FILES: Final = 8
"""Files of one order. An order of more parts is easier read as one file."""
MAX_FILE_BYTES: Final = 8 * 2**20
"""8 MiB, a scan of some fifty pages: what travels sealed to a custodian in one frame (``custody.exchange``)."""
MAX_TIME: Final = dt.timedelta(days=366)
"""From the receipt to the deadline."""
_Word = TypeVar("_Word", bound=StrEnum)


class OrderClass(StrEnum):
    """What is asked. An extension asks again about what an earlier order was about."""

    PRODUCE = "produce"
    EXTEND = "extend"
    ACCESS = "access"
    """A person asks for their own data."""
    PRESERVE = "preserve"
    """Records are to be kept and not read: the class of every hold, and of no authorization."""


OPENING_CLASSES: Final = (OrderClass.PRODUCE, OrderClass.EXTEND, OrderClass.ACCESS)
"""The classes of an authorization."""


class Urgency(StrEnum):
    """How soon it is asked. The deadline itself is a line of its own."""

    ORDINARY = "ordinary"
    URGENT = "urgent"
    EMERGENCY = "emergency"


class Issuer(StrEnum):
    """What kind of authority issued it.

    Finer kinds would single out a case in the statistics of a small vault.
    """

    COURT = "court"
    PROSECUTOR = "prosecutor"
    POLICE = "police"
    OTHER = "other"
    PERSON = "person"
    """The person concerned, for an ``access``."""


class IssuedIn(StrEnum):
    """Where it was issued.

    In the vault's own country, elsewhere in the European Union, or in another country.
    """

    HOME = "home"
    UNION = "union"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OrderFile:
    """One file of the order, as it came.

    ``sha256``: 32 bytes; ``size``: in bytes. What kind of file it is, its bytes say.
    """

    sha256: bytes
    size: int

    def format(self) -> str:
        """The value of an ``order:`` line."""
        return f"{self.sha256.hex()} {self.size}"

    def is_of(self, raw: bytes) -> bool:
        """Whether these are the file's bytes."""
        return len(raw) == self.size and wire.digest(raw) == self.sha256


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ordered:
    """What a note says about its order.

    ``received``, ``due``: with the offset of the clock that the order was given by; ``due`` is None where it names none.
    """

    order_class: OrderClass
    urgency: Urgency
    issuer: Issuer
    issued_in: IssuedIn
    received: dt.datetime
    due: dt.datetime | None
    files: tuple[OrderFile, ...]

    @property
    def is_access(self) -> bool:
        """Whether the person concerned asks for their own data."""
        return self.order_class is OrderClass.ACCESS


def order_file(raw: bytes, place: str) -> OrderFile:
    """The line of a file; raises ``MalformedInput`` if it is empty or too large."""
    if not 1 <= len(raw) <= MAX_FILE_BYTES:
        raise MalformedInput(f"{place}: {len(raw):,} bytes, expected 1 to {MAX_FILE_BYTES:,}")
    return OrderFile(sha256=wire.digest(raw), size=len(raw))


def format_ordered(ordered: Ordered) -> Iterator[str]:
    """Its lines; ``parse_ordered`` is the strict inverse."""
    yield f"class: {ordered.order_class}"
    yield f"urgency: {ordered.urgency}"
    yield f"issued-by: {ordered.issuer}"
    yield f"issued-in: {ordered.issued_in}"
    yield f"received: {format_instant(ordered.received)}"
    if ordered.due is not None:
        yield f"due: {format_instant(ordered.due)}"
    yield from (f"order: {file.format()}" for file in ordered.files)


def parse_ordered(fields: wire.Fields, classes: Sequence[OrderClass] = OPENING_CLASSES) -> Ordered:
    """The lines from ``class:`` to the last ``order:``; raises ``MalformedInput``.

    ``classes``: those that the note may be of.
    """
    order_class = _word(fields, "class", classes)
    urgency = _word(fields, "urgency", Urgency)
    issuer = _word(fields, "issued-by", Issuer)
    issued_in = _word(fields, "issued-in", IssuedIn)
    received = parse_instant(fields.one("received"), fields.place("received"))
    due = fields.optional("due")
    ordered = Ordered(
        order_class=order_class,
        urgency=urgency,
        issuer=issuer,
        issued_in=issued_in,
        received=received,
        due=None if due is None else parse_instant(due, fields.place("due")),
        files=tuple(_file(value, fields.place("order")) for value in fields.many("order")),
    )
    verify_ordered(ordered, fields.place)
    return ordered


def verify_ordered(ordered: Ordered, place: Callable[[str], str]) -> None:
    """Refuse what contradicts itself. ``place``: names a line in the message.

    Raises:
        MalformedInput: a deadline out of its bounds, too many files or one twice, a person's order that is no access.
    """
    due, received = ordered.due, ordered.received
    if due is not None and not dt.timedelta(0) < due - received <= MAX_TIME:
        raise MalformedInput(f"{place('due')}: expected after it was received, and at most {MAX_TIME.days} days later")
    if (ordered.issuer is Issuer.PERSON) != ordered.is_access:
        raise MalformedInput(f"{place('issued-by')}: expected person for the class access, and for no other")
    if len(ordered.files) > MAX_FILES:
        raise MalformedInput(f"{place('order')}: {len(ordered.files)} files, expected at most {MAX_FILES}")
    if len({file.sha256 for file in ordered.files}) != len(ordered.files):
        raise MalformedInput(f"{place('order')}: a file stands there twice")


def _word(fields: wire.Fields, key: str, words: Iterable[_Word]) -> _Word:
    known = {str(word): word for word in words}
    value = fields.one(key)
    if value not in known:
        raise MalformedInput(f"{fields.place(key)}: expected {', '.join(known)}")
    return known[value]


def _file(value: str, place: str) -> OrderFile:
    digest, _, size = value.partition(" ")
    return OrderFile(
        sha256=wire.parse_hex(digest, place, size=32),
        size=wire.parse_decimal(size, place, low=1, high=MAX_FILE_BYTES),
    )
