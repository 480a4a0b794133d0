"""Files of charging records to the places of the records.

A file is TS 32.297 frames, bare BER end to end, or Huawei's one SEQUENCE around all. Files come in pieces cut
anywhere; what is left of one waits for the next, at most one record long. Source: TS 32.297 sections 6.1.1 and 6.1.2;
X.690 for bare records; Huawei's ``CallEventDataFile``.
"""

import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.errors import MalformedInput
from coffer.records.readers.threegpp import tlv
from coffer.records.readers.threegpp.domains import BY_SERVICE
from coffer.records.rejects import Reason, Rejects, one_reject

MAX_RECORD_BYTES: Final = 65_535
"""The largest length that two octets of a frame can say. A bare record that claims more ends the file."""
MAX_HEADER_BYTES: Final = 131_200
"""The header has two fields of up to 65,535 bytes each, and some fixed ones."""
FIXED_HEADER_BYTES: Final = 52
MAX_FIRST_OCTET: Final = 0x20
"""A file of 512 MiB would begin with this octet; BER records begin with A0 and more, and padding with FF is no length."""
BER: Final = 1
CIRCUIT_SWITCHED: Final = frozenset({0, 2, 6})
"""TS 32.005, 32.205 and 32.250, as the TS number of a CDR header writes them."""
LIST_END: Final = b"\0\0"
_FILLED: Final = re.compile(rb"\x00+|\xff+")


class Container(Enum):
    """How records stand in a file."""

    FRAMED = "framed"
    BARE = "bare"
    WRAPPED = "wrapped"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader:
    """What a TS 32.297 file says of itself.

    ``number``: of the file among those of its node, and ``node``: the address that the node writes. ``lost``: the least
    number of records that the source could not write.
    """

    size: int
    header_size: int
    records: int
    number: int
    node: bytes
    lost: int


def parse_file_header(data: bytes) -> FileHeader | None:
    """The header, or None if the file begins with none.

    The lengths in a header must agree with each other.
    """
    if len(data) < FIXED_HEADER_BYTES or data[0] >= MAX_FIRST_OCTET:
        return None
    size, header_size = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
    filter_size = int.from_bytes(data[48:50], "big")
    private = 50 + filter_size
    expected = private + 2 + int.from_bytes(data[private : private + 2], "big")
    expected += (data[8] >> 5 == 7) + (data[9] >> 5 == 7)
    if header_size != expected or header_size > min(size, len(data)):
        return None
    mark = data[47]
    lost = mark if mark < 128 else (1 if mark == 128 else (127 if mark == 255 else mark - 128))
    return FileHeader(
        size=size,
        header_size=header_size,
        records=int.from_bytes(data[18:22], "big"),
        number=int.from_bytes(data[22:26], "big"),
        node=data[27:47],
        lost=lost,
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cut:
    """Records of one piece: each is ``data[starts:ends]`` and stands at byte ``offsets`` of its file.

    Shapes (n,).
    """

    data: bytes
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]


class RecordCutter:
    """The records of one file, piece by piece. ``skipped`` and ``rejected`` hold what else the file had."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self.rejected: list[Rejects] = []
        self._data = b""
        self._base = 0
        self._container: Container | None = None
        self._header: FileHeader | None = None
        self._records = 0
        self._is_over = False
        self._list_end: int | None = None
        self._is_in_list = False
        self._expected_size = 0
        self._said: int | None = None
        self._at = 0
        self._found: list[tuple[int, int, int]] = []

    def take(self, data: bytes) -> Cut:
        """The records that end in these next bytes of the file."""
        return self._cut(data, is_last=False)

    def end_file(self) -> Cut:
        """The last records of the file. What is left behind them was cut off, unless it is padding.

        The number of records that the file states is compared with the number read.

        Raises:
            MalformedInput: nothing in the file is a charging record or a frame of one.
        """
        cut = self._cut(b"", is_last=True)
        rest = self._data.strip(b"\0\xff")
        total = self._base + len(self._data)
        header = self._header
        if self._container is None and rest:
            raise MalformedInput(
                "neither BER records nor a TS 32.297 file", hint="is this a file of circuit-switched CDRs?"
            )
        if not self._is_over and (rest or self._is_in_list or total < self._expected_size):
            self.rejected.append(one_reject(self._base, Reason.CUT_OFF))
        if header is not None:
            self._said = header.records
            self.skipped["lost-by-source"] += header.lost
            self.skipped["length-mismatch"] += total > header.size
        if self._said is not None:
            self.skipped["missing-by-count"] += max(0, self._said - self._records)
            self.skipped["more-than-count"] += max(0, self._records - self._said)
        self.skipped = +self.skipped
        return cut

    def _cut(self, data: bytes, *, is_last: bool) -> Cut:
        self._data += data
        self._found = []
        self._at = 0
        if self._container is None:
            self._recognise(is_last=is_last)
        if self._container is not None and not self._is_over:
            try:
                self._frames() if self._container is Container.FRAMED else self._elements()
            except MalformedInput:
                self.rejected.append(one_reject(self._base + self._at, Reason.BAD_RECORD))
                self._is_over = True
        spans = np.array(self._found, np.int64).reshape(-1, 3)
        cut = Cut(data=self._data, starts=spans[:, 0], ends=spans[:, 1], offsets=spans[:, 2] + self._base)
        if self._is_over:
            self._at = len(self._data)
        self._data, self._base = self._data[self._at :], self._base + self._at
        self._records += len(spans)
        return cut

    def _recognise(self, *, is_last: bool) -> None:
        data = self._data
        is_first = self._base == 0
        header = parse_file_header(data) if is_first else None
        if header is not None:
            self._container, self._header, self._at = Container.FRAMED, header, header.header_size
            self._expected_size = header.size
            return
        if is_first and _may_be_header(data) and not is_last:
            return  # the next piece decides
        place = 0
        while match := _FILLED.match(data, place):
            place = match.end()
        self._at = place
        if place == len(data):
            return
        if data[place] == 0x30:
            self._container = Container.WRAPPED
        elif data[place] & 0xE0 == 0xA0:
            self._container = Container.BARE
        else:
            raise MalformedInput(
                "neither BER records nor a TS 32.297 file", hint="is this a file of circuit-switched CDRs?"
            )

    def _frames(self) -> None:
        """CDR headers of four octets, five with a release extension, each with a record behind it."""
        data, at, end = self._data, self._at, len(self._data)
        while at + 5 <= end:
            size = data[at] << 8 | data[at + 1]
            if size == 0 or data[at : at + 4] == b"\xff\xff\xff\xff":
                match = _FILLED.match(data, at)
                at = match.end() if match else at + 2
                self._at = at
                continue
            body = at + (5 if data[at + 2] >> 5 == 7 else 4)
            if body + size > end:
                break
            form, service = data[at + 3] >> 5, data[at + 3] & 31
            if service not in CIRCUIT_SWITCHED:
                other = BY_SERVICE.get(service)
                self.skipped[other.word if other is not None else "other-service"] += 1
                self._records += 1
            elif form != BER:
                self.rejected.append(one_reject(self._base + at, Reason.BAD_RECORD))
                self._records += 1
            else:
                self._found.append((body, body + size, at))
            at = body + size
            self._at = at

    def _elements(self) -> None:
        """Records end to end; around them, in a wrapped file, a SEQUENCE of header, list and trailer."""
        data, at = self._data, self._at
        while at < len(data):
            self._at = at
            if self._is_list_over(at):
                self._is_in_list, self._list_end = False, None
                at += 2 if data[at : at + 2] == LIST_END else 0
                continue
            first = data[at]
            if first in (0, 255):
                match = _FILLED.match(data, at)
                at = match.end() if match else at + 1
                if self._is_in_list and first == 0 and at == len(data):
                    return  # the end of the list, if one more zero follows
                self._at = at
                continue
            found = tlv.header(data, at)
            if found is None:
                return
            value, size = found
            if self._container is Container.WRAPPED and not self._is_in_list and self._opens(first, value, size):
                at = value
                continue
            end = value + size if size >= 0 else tlv.indefinite_end(data, at, MAX_RECORD_BYTES)
            if end is not None and end - at > MAX_RECORD_BYTES:
                raise MalformedInput(
                    f"byte {self._base + at}: a record of {end - at} bytes, expected at most {MAX_RECORD_BYTES}"
                )
            if end is None or end > len(data):
                return
            if self._container is Container.BARE or self._is_in_list:
                self._found.append((at, end, at))
            elif first == 0xA2:
                self._trailer(data[value:end])
            at = end
        self._at = at
        if self._list_end is not None and self._is_list_over(at):
            self._is_in_list = False

    def _is_list_over(self, at: int) -> bool:
        if not self._is_in_list:
            return False
        if self._list_end is not None:
            return self._base + at >= self._list_end
        return self._data[at : at + 2] == LIST_END

    def _opens(self, first: int, value: int, size: int) -> bool:
        """Whether this is the SEQUENCE around the whole file, or the list of records.

        Then its contents are read next.
        """
        if first == 0xA1:
            self._is_in_list = True
            self._list_end = None if size < 0 else self._base + value + size
        elif first == 0x30:
            self._expected_size = self._base + value + size
        return first in (0x30, 0xA1)

    def _trailer(self, contents: bytes) -> None:
        at = 0
        while (found := tlv.header(contents, at)) is not None:
            value, size = found
            if contents[at] == 0x84 and 0 < size <= 8:
                self._said = int.from_bytes(contents[value : value + size], "big")
            at = value + max(size, 0)


def _may_be_header(data: bytes) -> bool:
    """Whether these first bytes can be the beginning of a file header that is not complete yet."""
    if len(data) < 8:
        return not data or data[0] < MAX_FIRST_OCTET
    header_size = int.from_bytes(data[4:8], "big")
    return (
        len(data) < header_size and FIXED_HEADER_BYTES <= header_size <= MAX_HEADER_BYTES and data[0] < MAX_FIRST_OCTET
    )
