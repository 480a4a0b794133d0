"""The port: what rooms above ask of a place of objects."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

S = TypeVar("S")
T = TypeVar("T")
Content = bytes | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """An object on its way. ``temporary``: the file that waits to be renamed; None in a store."""

    key: str
    temporary: Path | None = None


class Parts(Protocol):
    """Reads parts of one object."""

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``. Raises ``Unavailable`` if there are fewer."""
        ...

    def close(self) -> None:
        """Give back what reading holds; the next read takes it again."""
        ...


class Objects(Protocol):
    """Objects by key, for example ``segments/2016-09-01/<seg_id>.rows``.

    Every method may be called by several threads at once. A network's call takes a few tries, each bounded in time; what
    then still fails raises ``Unavailable``, with the key and the store's code of the error.
    """

    @property
    def is_folder(self) -> bool:
        """Whether the objects are files of this machine: listed cheaply and truly, and renamed at once."""
        ...

    def stage(self, contents: Mapping[str, Content], *, proof: bytes = b"") -> list[Staged]:
        """Begin to put these objects.

        ``proof``: what shows whoever removes what is left over that these are of this ingest and of no other.

        In a folder they have no names yet; in a store nobody knows the names yet.
        The contents must not change until ``settle``. A key that has other bytes is never overwritten: ``settle`` or
        this raises ``NotProven``.
        """
        ...

    def settle(self, staged: Sequence[Staged]) -> None:
        """Wait until these are durable.

        Raises:
            Unavailable: they cannot be, or this is a task whose ingest is over: then the caller abandons them.
        """
        ...

    def publish(self, staged: Sequence[Staged]) -> None:
        """Give them their names, just before the log names them.

        From here on a crash leaves them where they are.
        """
        ...

    def conclude(self) -> None:
        """Forget what was noted about them: the log names them now."""
        ...

    def abandon(self, staged: Sequence[Staged]) -> None:
        """Remove these, published or not. The log never named them."""
        ...

    def is_there(self, key: str) -> bool:
        """Whether the object exists."""
        ...

    def read(self, key: str) -> bytes:
        """The whole object."""
        ...

    def parts(self, key: str) -> Parts:
        """Many parts of one object; nothing is asked before the first read."""
        ...

    def size(self, key: str) -> int | None:
        """Bytes of the object; None if it does not exist."""
        ...

    def put(self, key: str, content: Content) -> None:
        """Put an object, durable when this returns. The same bytes may be there already.

        Raises:
            NotProven: other bytes are there.
        """
        ...

    def replace(self, key: str, content: Content) -> None:
        """Put the one kind of object that changes, a checkpoint: readers see the old bytes or the new."""
        ...

    def delete(self, keys: Collection[str]) -> None:
        """Remove these objects. They may be gone already."""
        ...

    def map(self, function: Callable[[S], T], items: Collection[S], /) -> Iterator[T]:
        """What a function that reads says of each item, in their order.

        Many are asked at once where reading waits for a network. The function must not call ``map`` or ``delete`` itself.
        """
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with a prefix, which ends with a slash.

        A store may show too few or too many.
        """
        ...
