"""BER tags and lengths, column-wise: the n-th element of every record is read in one step.

Pure; nothing here knows what a tag means.

A record of thirty elements costs thirty array operations shared by all records of a piece, and no Python call of its own. Elements are
walked one level at a time and only where a level is asked for, so that nesting costs nothing and cannot exhaust the stack.
Source: ITU-T X.690 section 8.1.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.errors import MalformedInput

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

APPLICATION, CONTEXT = 1, 2
"""Classes of tags, bits 8 and 7 of the first octet: all those of roaming records, all those of charging records."""
MAX_LENGTH_OCTETS: Final = 4
MAX_DEPTH: Final = 16
"""Charging records nest five levels. Deeper nesting is no record, and could exhaust the stack with indefinite lengths."""
MAX_ELEMENTS: Final = 1024
"""Of one level: a record has some 150, a list some dozens; a record of nothing but empty elements would take all time and memory."""
PADDING: Final = 8
"""Bytes behind the last record, so that the header of a cut-off element can be read before its length is compared."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Elements:
    """Elements of some records, in no order; shape (m,) each.

    ``row``: which record. ``tag``: its number if it is of the class that was asked for, else -1. ``starts``, ``ends``: its contents.
    """

    row: I64
    tag: I64
    starts: I64
    ends: I64

    def where(self, chosen: Bools) -> "Elements":
        """Some of them."""
        return Elements(row=self.row[chosen], tag=self.tag[chosen], starts=self.starts[chosen], ends=self.ends[chosen])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Walked:
    """Elements of some records, and which records could not be walked; shape (n,).

    ``is_bad``: a length leads out of the record, or cannot be read, or there are more than ``MAX_ELEMENTS``.
    ``is_indefinite``: ``definite`` must rewrite it first. Shape (n,).
    """

    elements: Elements
    is_bad: Bools
    is_indefinite: Bools


def walk(view: U8, starts: I64, ends: I64, tag_class: int = CONTEXT) -> Walked:
    """The elements directly within each [start, end); shapes (n,).

    ``tag_class``: whose tags are told. ``view`` has ``PADDING`` bytes more than the last end.
    """
    is_bad, is_indefinite = np.zeros(len(starts), np.bool_), np.zeros(len(starts), np.bool_)
    rows = np.flatnonzero(starts < ends)
    at = starts[rows]
    found: list[tuple[I64, I64, I64, I64]] = []
    while len(rows):
        if len(found) == MAX_ELEMENTS:
            is_bad[rows] = True
            break
        first = view[at]
        tag, value = _tags(view, at, first)
        size = view[value].astype(np.int64)
        value = value + 1
        is_open = size == 128
        bad = (tag < 0) | (size > 128 + MAX_LENGTH_OCTETS)
        long = np.flatnonzero(size > 128)
        if len(long):
            octets = np.minimum(size[long] - 128, MAX_LENGTH_OCTETS)
            total = np.zeros(len(long), np.int64)
            for i in range(MAX_LENGTH_OCTETS):
                total = np.where(i < octets, total << 8 | view[np.minimum(value[long] + i, len(view) - 1)], total)
            size[long], value[long] = total, value[long] + octets
        stop = value + np.where(is_open, 0, size)
        bad |= stop > ends[rows]
        is_bad[rows[bad]] = True
        is_indefinite[rows[is_open & ~bad]] = True
        good = ~(bad | is_open)
        tag[first >> 6 != tag_class] = -1
        found.append((rows[good], tag[good], value[good], stop[good]))
        more = good & (stop < ends[rows])
        rows, at = rows[more], stop[more]
    row, tags, values, stops = (np.concatenate(part) for part in zip(*found, strict=True)) if found else (rows,) * 4
    return Walked(
        elements=Elements(row=row, tag=tags, starts=values, ends=stops), is_bad=is_bad, is_indefinite=is_indefinite
    )


def _tags(view: U8, at: I64, first: U8) -> tuple[I64, I64]:
    """Tag numbers, -1 where one has more than two further octets, and where the lengths stand."""
    tag, value = (first & 31).astype(np.int64), at + 1
    long = np.flatnonzero(tag == 31)
    if len(long):
        second = view[value[long]].astype(np.int64)
        third = view[value[long] + 1].astype(np.int64)
        is_two = second > 127
        tag[long] = np.where(is_two, np.where(third > 127, -1, (second & 127) << 7 | third), second)
        value[long] += 1 + is_two
    return tag, value


def header(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the contents of the element at ``at`` begin, and how long they are (-1: indefinite).

    None where ``data`` ends before.

    Raises:
        MalformedInput: no tag or length is written like this.
    """
    value = at + 1
    try:
        if data[at] & 31 == 31:
            while data[value] > 127:
                value += 1
                if value - at > 2:
                    raise MalformedInput(f"byte {at}: a tag of more than three octets")
            value += 1
        size = data[value]
        value += 1
        if size < 128:
            return value, size
        if size == 128:
            return value, -1
        octets = size - 128
        if octets > MAX_LENGTH_OCTETS:
            raise MalformedInput(f"byte {at}: a length of {octets} octets, expected at most {MAX_LENGTH_OCTETS}")
        if value + octets > len(data):
            return None
        return value + octets, int.from_bytes(data[value : value + octets], "big")
    except IndexError:
        return None


def indefinite_end(data: bytes, at: int, limit: int) -> int | None:
    """Where the element of indefinite length at ``at`` ends; None where ``data`` ends before.

    Raises:
        MalformedInput: it is longer than ``limit``, nested too deep, or no BER.
    """
    place, depth = at, 0
    while place <= at + limit:
        if depth and data[place : place + 2] == b"\0\0":
            place, depth = place + 2, depth - 1
            if not depth:
                return place
            continue
        found = header(data, place)
        if found is None or place + 2 > len(data):
            return None
        place, size = found
        if size < 0:
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedInput(f"byte {at}: nested deeper than {MAX_DEPTH}")
        else:
            place += size
    raise MalformedInput(f"byte {at}: longer than {limit} bytes")


def definite(data: bytes, depth: int = 0) -> bytes:
    """The same elements with definite lengths only.

    Raises:
        MalformedInput: no BER, or nested deeper than ``MAX_DEPTH``.
    """
    out, at = [], 0
    while at < len(data):
        if depth > MAX_DEPTH:
            raise MalformedInput(f"nested deeper than {MAX_DEPTH}")
        found = header(data, at)
        if found is None:
            raise MalformedInput(f"byte {at}: cut off")
        value, size = found
        end = value + size if size >= 0 else indefinite_end(data, at, len(data))
        if end is None or end > len(data):
            raise MalformedInput(f"byte {at}: cut off")
        if size >= 0 and not data[at] & 32:
            out.append(data[at:end])
            at = end
            continue
        contents = definite(data[value : end if size >= 0 else end - 2], depth + 1)
        length = bytes([len(contents)]) if len(contents) < 128 else b"\x84" + len(contents).to_bytes(4, "big")
        out.append(_tag_octets(data, at) + length + contents)
        at = end
    return b"".join(out)


def _tag_octets(data: bytes, at: int) -> bytes:
    end = at + 1
    if data[at] & 31 == 31:
        while data[end] > 127:
            end += 1
        end += 1
    return data[at:end]
