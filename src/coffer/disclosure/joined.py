"""Many parts of an answer in one file. Pure.

A file costs an answer more than its bytes do: it is created, synced, listed and opened one by one. So log entries and
segments' evidence are joined, each part behind its key. Source: ``docs/formats/answer.md``, "Joined files".
"""

from collections.abc import Collection, Iterator, Mapping

from coffer import wire
from coffer.errors import MalformedInput, NotProven


def join_parts(parts: Mapping[bytes, bytes]) -> bytes:
    """Over ascending keys, which all have one length: key || LP(part)."""
    return b"".join(piece for key, part in sorted(parts.items()) for piece in (key, len(part).to_bytes(4, "big"), part))


def split_parts(raw: bytes, key_bytes: int, place: str) -> Iterator[tuple[bytes, bytes]]:
    """Each key and its part: the strict inverse of ``join_parts``, one part at a time.

    Raises:
        MalformedInput: the file ends within a part, or a key does not follow the one before.
    """
    cursor, last = wire.Cursor(raw, place), b""
    while not cursor.at_end():
        at, key = cursor.offset, cursor.take(key_bytes)
        if key <= last:
            raise MalformedInput(f"{place}: byte {at}: a key that is not above the one before")
        yield key, cursor.lp()
        last = key


def verify_keys(raw: bytes, keys: Collection[bytes], place: str) -> None:
    """Prove that the parts are those of these keys, all of one length.

    The parts themselves are not looked at.

    Raises:
        MalformedInput: as ``split_parts``.
        NotProven: there are others, or one is missing.
    """
    key_bytes = len(next(iter(keys), b"?"))
    if {key for key, _ in split_parts(raw, key_bytes, place)} != set(keys):
        raise NotProven(f"{place}: other parts than those of the cells")
