"""A QR code: which squares of it are dark. Pure.

Bytes alone, error correction M (a reader mends 15 % of the code), versions 1 to 22: at most 779 bytes. The mask is the one
with the lowest penalty, the first of them. Source: ISO/IEC 18004:2015; clauses stand where each step is.
"""

from collections.abc import Callable, Iterator
from itertools import chain, groupby, pairwise
from typing import Final

_REPAIR: Final = (10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28)
"""Codewords for error correction of one block, by version from 1 (table 9, level M)."""
_BLOCKS: Final = (1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17)
"""Blocks, by version from 1 (table 9, level M)."""
VERSIONS: Final = len(_BLOCKS)
MAX_DATA_BYTES: Final = 779
_QUIET: Final = 4
"""Light squares around the code, without which readers do not see it (clause 6.3.8)."""
_BYTE_MODE: Final = 0b0100
_PADDING: Final = (0xEC, 0x11)
_LEVEL_M: Final = 0b00
_FINDER_LIKE: Final = (
    (True, False, True, True, True, False, True, False, False, False, False),
    (False, False, False, False, True, False, True, True, True, False, True),
)
_MASKS: Final[tuple[Callable[[int, int], bool], ...]] = (
    lambda row, column: (row + column) % 2 == 0,
    lambda row, _: row % 2 == 0,
    lambda _, column: column % 3 == 0,
    lambda row, column: (row + column) % 3 == 0,
    lambda row, column: (row // 2 + column // 3) % 2 == 0,
    lambda row, column: row * column % 2 + row * column % 3 == 0,
    lambda row, column: (row * column % 2 + row * column % 3) % 2 == 0,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2 == 0,
)
"""Which squares each mask turns over (table 10)."""


def qr_rows(data: bytes) -> tuple[tuple[bool, ...], ...]:
    """The rows of the smallest code that holds the data, without the quiet zone; True is dark.

    ``data``: at most ``MAX_DATA_BYTES``.
    """
    version = next(v for v in range(1, VERSIONS + 1) if len(data) <= _room(v))
    placed = list(_places(version))
    bits = [bool(word >> bit & 1) for word in _codewords(data, version) for bit in range(7, -1, -1)]
    bits += [False] * (len(placed) - len(bits))
    return min((_drawn(version, mask, dict(zip(placed, bits, strict=True))) for mask in range(8)), key=_penalty)


def qr_svg(data: bytes) -> str:
    """The code as a picture, with its quiet zone of four squares."""
    rows = qr_rows(data)
    size = len(rows) + 2 * _QUIET
    path = "".join(
        f"M{column + _QUIET} {row + _QUIET}h1v1h-1z"
        for row, squares in enumerate(rows)
        for column, is_dark in enumerate(squares)
        if is_dark
    )
    view = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"'
    return f'<svg {view}><rect width="{size}" height="{size}" fill="#fff"/><path d="{path}"/></svg>'


def _size(version: int) -> int:
    return 17 + 4 * version


def _words(version: int) -> int:
    """Codewords in all: the squares that no pattern takes, in bytes."""
    return sum(1 for _ in _places(version)) // 8


def _room(version: int) -> int:
    """Bytes of data that a version holds: what mode and length leave (clause 7.4)."""
    head = 12 if version < 10 else 20
    return (8 * (_words(version) - _REPAIR[version - 1] * _BLOCKS[version - 1]) - head) // 8


def _codewords(data: bytes, version: int) -> list[int]:
    """Data in blocks with their error correction, interleaved (clauses 7.4.9 to 7.6)."""
    count, repair = _BLOCKS[version - 1], _REPAIR[version - 1]
    total = _words(version) - count * repair
    length_bits = 8 if version < 10 else 16
    value = (_BYTE_MODE << length_bits | len(data)) << 8 * len(data) | int.from_bytes(data, "big")
    words = list((value << 4).to_bytes(len(data) + 1 + length_bits // 8, "big"))
    words += [_PADDING[n % 2] for n in range(total - len(words))]
    short = total // count
    sizes = [short + (n >= count - total % count) for n in range(count)]
    starts = [sum(sizes[:n]) for n in range(count)]
    blocks = [words[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    repairs = [_repair(block, repair) for block in blocks]
    return [
        part[n] for parts in (blocks, repairs) for n in range(max(map(len, parts))) for part in parts if n < len(part)
    ]


def _times(one: int, other: int) -> int:
    """The product in GF(256) with the polynomial 0x11D."""
    product = 0
    for bit in range(7, -1, -1):
        product = product << 1 ^ (product >> 7) * 0x11D
        product ^= (other >> bit & 1) * one
    return product


def _repair(block: list[int], count: int) -> list[int]:
    """The remainder of a block by the Reed-Solomon generator of ``count`` roots (annex A)."""
    generator, root = [1], 1
    for _ in range(count):
        shifted = [*generator, 0]
        generator = [a ^ _times(b, root) for a, b in zip(shifted, [0, *generator], strict=True)]
        root = _times(root, 2)
    rest = [0] * count
    for word in block:
        factor = word ^ rest[0]
        rest = [a ^ _times(b, factor) for a, b in zip([*rest[1:], 0], generator[1:], strict=True)]
    return rest


def _centres(version: int) -> list[int]:
    """Rows, and columns, of the centres of alignment patterns (annex E)."""
    if version == 1:
        return []
    between = version // 7 + 1
    step = 2 * ((8 * version + 3 * between + 8) // (4 * between))
    return [6, *sorted(_size(version) - 7 - step * n for n in range(between))]


def _patterns(version: int) -> dict[tuple[int, int], bool]:
    """The finder, timing and alignment patterns; format and version are light yet (clause 6.3)."""
    size, squares = _size(version), {}
    last = size - 1
    for n in range(size):
        squares[6, n] = squares[n, 6] = n % 2 == 0
    for row, column in ((3, 3), (3, last - 3), (last - 3, 3)):
        for r in range(max(row - 4, 0), min(row + 5, size)):
            for c in range(max(column - 4, 0), min(column + 5, size)):
                squares[r, c] = max(abs(r - row), abs(c - column)) in (0, 1, 3)
    centres = _centres(version)
    for row in centres:
        for column in centres:
            if (row, column) not in ((6, 6), (6, last - 6), (last - 6, 6)):
                for r in range(row - 2, row + 3):
                    for c in range(column - 2, column + 3):
                        squares[r, c] = max(abs(r - row), abs(c - column)) != 1
    for place in chain.from_iterable(_format_places(size)):
        squares[place] = False
    if version >= 7:
        for place in chain.from_iterable(_version_places(size)):
            squares[place] = False
    squares[size - 8, 8] = True
    return squares


def _places(version: int) -> Iterator[tuple[int, int]]:
    """The codewords' squares: two columns at a time, up and down, from the right (clause 7.7.3)."""
    taken, size = _patterns(version), _size(version)
    right = [*range(size - 1, 6, -2), 5, 3, 1]  # the timing column stands alone
    for turn, column in enumerate(right):
        for row in range(size) if turn % 2 else range(size - 1, -1, -1):
            yield from ((row, c) for c in (column, column - 1) if (row, c) not in taken)


def _format_places(size: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The two copies of the format's 15 bits, from the highest (clause 7.9)."""
    around = [(8, n) for n in (0, 1, 2, 3, 4, 5, 7, 8)] + [(n, 8) for n in (7, 5, 4, 3, 2, 1, 0)]
    apart = [(size - 1 - n, 8) for n in range(7)] + [(8, size - 8 + n) for n in range(8)]
    return around, apart


def _version_places(size: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The two copies of the version's 18 bits, from the highest (clause 7.10)."""
    places = [(row, size - 11 + n) for row in range(5, -1, -1) for n in (2, 1, 0)]
    return places, [(column, row) for row, column in places]


def _coded(value: int, bits: int, polynomial: int) -> list[bool]:
    """A value with its BCH remainder behind it, from the highest bit (annexes C and D)."""
    width = polynomial.bit_length() - 1
    rest = value << width
    for bit in range(bits - 1, -1, -1):
        rest ^= (rest >> bit + width & 1) * (polynomial << bit)
    word = value << width | rest
    return [bool(word >> n & 1) for n in range(bits + width - 1, -1, -1)]


def _drawn(version: int, mask: int, data: dict[tuple[int, int], bool]) -> tuple[tuple[bool, ...], ...]:
    size = _size(version)
    squares = _patterns(version) | {place: bit ^ _MASKS[mask](*place) for place, bit in data.items()}
    about = _coded(_LEVEL_M << 3 | mask, 5, 0b10100110111)
    masked = [bit ^ bool(0b101010000010010 >> 14 - n & 1) for n, bit in enumerate(about)]
    for places in _format_places(size):
        squares |= dict(zip(places, masked, strict=True))
    if version >= 7:
        for places in _version_places(size):
            squares |= dict(zip(places, _coded(version, 6, 0b1111100100101), strict=True))
    return tuple(tuple(squares[row, column] for column in range(size)) for row in range(size))


def _penalty(rows: tuple[tuple[bool, ...], ...]) -> int:
    """How badly a reader would see it (clause 7.8.3.1)."""
    lines = (*rows, *zip(*rows, strict=True))
    runs = [len(list(run)) for line in lines for _, run in groupby(line)]
    alike = sum(a[n] == a[n + 1] == b[n] == b[n + 1] for a, b in pairwise(rows) for n in range(len(rows) - 1))
    finders = sum(line[n : n + 11] in _FINDER_LIKE for line in lines for n in range(len(line) - 10))
    dark = sum(map(sum, rows)) * 20 / len(rows) ** 2
    return sum(run - 2 for run in runs if run >= 5) + 3 * alike + 40 * finders + 10 * int(abs(dark - 10))
