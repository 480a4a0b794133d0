"""Objects in a store, through fsspec, put under their final names.

Nobody knows these names before the log has them.

Every call is made again a few times after a failure (``retries``). An answer that was lost after the store had done the
work shows as an object that is there already: then the bytes are read back and compared.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from coffer.entropy import Entropy
from coffer.errors import NotProven, Unavailable
from coffer.extras import extra
from coffer.objects.address import StoreAddress
from coffer.objects.port import Content, S, Staged, T
from coffer.objects.puts import Notes
from coffer.objects.retries import pauses

AT_ONCE: Final = 32
"""Requests under way. A request waits for the network, so that more than the machine's cores help."""
_SMALL_BYTES: Final = 4 * 2**20
"""Smaller objects are put by a thread of the pool: at most ``AT_ONCE`` of them wait in memory."""
_PIECE_BYTES: Final = 8 * 2**20
"""A whole object is read in pieces of this size, because its size is not asked for first."""
_AHEAD_BYTES: Final = 2**17
"""Blocks that are read whole, for about the price of a request: one for each object of a small segment."""
_KEPT_BYTES: Final = 2**14
"""A whole object up to this size stays in memory while an opening looks at its segment several times."""
_PARTS_AT_ONCE: Final = 2
"""Of one large upload: each part is a copy of 50 MiB in memory."""
_CONNECT_S: Final = 5
_READ_S: Final = 30
_FORBIDDEN: Final = "look at the credentials and the rights of this machine at the store"


class StoreObjects:
    """The contract is in ``coffer.objects.port``.

    ``puts``: where keys are noted before they are put; None to note none. ``pause``: waits before another try.
    """

    is_folder = False

    def __init__(
        self,
        address: StoreAddress,
        puts: Notes | None,
        entropy: Entropy,
        *,
        pause: Callable[[float], None] = time.sleep,
        filesystem: Any = None,  # noqa: ANN401 - fsspec ships no types
    ) -> None:
        self.address = address
        self.puts = puts
        self._entropy = entropy
        self._pause = pause
        self._files = filesystem or _filesystem(address.scheme)
        self._errors = _errors_of(address.scheme)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="coffer-store")
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._waiting: dict[str, Future[None]] = {}

    def stage(self, contents: Mapping[str, Content], *, proof: bytes = b"") -> list[Staged]:
        """As the port: put, after the keys were noted."""
        if self.puts is not None:
            self.puts.add(list(contents), proof)
        for key, content in contents.items():
            if len(content) < _SMALL_BYTES:
                self._room.acquire()
                self._waiting[key] = self._pool.submit(self._put_and_leave, key, content)
            else:
                self.put(key, content)
        return [Staged(key=key) for key in contents]

    def _put_and_leave(self, key: str, content: Content) -> None:
        try:
            self.put(key, content)
        finally:
            self._room.release()

    def settle(self, staged: Sequence[Staged]) -> None:
        """As the port: what the store acknowledged is durable."""
        for one in staged:
            waiting = self._waiting.pop(one.key, None)
            if waiting is not None:
                waiting.result()
        if staged and self.puts is not None:
            self.puts.verify_open()

    def publish(self, staged: Sequence[Staged]) -> None:
        """As the port: they have their names, and the note says that the log may name them."""
        if staged and self.puts is not None:
            self.puts.begin_logging([one.key for one in staged])

    def conclude(self) -> None:
        """As the port."""
        if self.puts is not None:
            self.puts.clear()

    def abandon(self, staged: Sequence[Staged]) -> None:
        """As the port.

        Also what was noted and is not among these, because a sealer failed before it could say so. The note has
        nothing of an earlier ingest: the one that begins sweeps it.
        """
        for waiting in self._waiting.values():
            waiting.cancel()
        for waiting in self._waiting.values():
            if not waiting.cancelled():
                waiting.exception()  # an object must not be put after it was deleted
        self._waiting = {}
        self._room = threading.BoundedSemaphore(AT_ONCE)
        noted = () if self.puts is None else self.puts.read().keys
        self.delete({*noted, *(one.key for one in staged)})
        if self.puts is not None:
            self.puts.clear()

    def is_there(self, key: str) -> bool:
        """As the port."""
        return self.size(key) is not None

    def read(self, key: str) -> bytes:
        """As the port."""
        pieces: list[bytes] = []
        while len(piece := self._range(key, len(pieces) * _PIECE_BYTES, _PIECE_BYTES, may_end=True)):
            pieces.append(piece)
            if len(piece) < _PIECE_BYTES:
                break
        return b"".join(pieces)

    def look(self, key: str, most: int) -> bytes | None:
        """The first ``most`` bytes of an object; None if it does not exist. One request."""

        def read() -> bytes | None:
            with suppress(FileNotFoundError):
                return self._cut(key, 0, most, may_end=True)
            return None

        return self._call(key, read)

    def parts(self, key: str) -> "_StoreParts":
        """As the port."""
        return _StoreParts(self, key)

    def range(self, key: str, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``, or fewer where the object ends."""
        return self._range(key, offset, size, may_end=False)

    def _range(self, key: str, offset: int, size: int, *, may_end: bool) -> bytes:
        return self._call(key, lambda: self._cut(key, offset, size, may_end=may_end))

    def _cut(self, key: str, offset: int, size: int, *, may_end: bool) -> bytes:
        """``may_end``: nothing where the object ends before, as an empty one does at once."""
        try:
            return bytes(self._files.cat_file(self._path(key), start=offset, end=offset + size))
        except self._errors as error:
            if may_end and _code(error) in {"InvalidRange", "416"}:
                return b""
            raise

    def size(self, key: str) -> int | None:
        """As the port."""
        tag = self.tag(key)
        return None if tag is None else tag[0]

    def tag(self, key: str) -> tuple[int, str] | None:
        """Size and entity tag, which changes with the content; None if the object does not exist."""

        def ask() -> tuple[int, str] | None:
            try:
                told = self._files.info(self._path(key))
            except FileNotFoundError:
                return None
            if told.get("type") == "directory":  # objects below its name make no object
                return None
            return int(told["size"]), str(told.get("ETag", ""))

        return self._call(key, ask)

    def put(self, key: str, content: Content) -> None:
        """As the port: created only if it is absent."""
        data = content if isinstance(content, bytes) else bytes(content)

        def create() -> bool:
            try:
                self._files.pipe_file(self._path(key), data, mode="create")
            except self._errors as error:
                if isinstance(error, FileExistsError) or _code(error) in {"PreconditionFailed", "412"}:
                    return False
                raise
            return True

        if not self._call(key, create) and not self._holds(key, data):
            raise NotProven(f"{key}: the store has other bytes under this name")

    def _holds(self, key: str, data: bytes) -> bool:
        """Whether the store has these bytes: the answer to a try that succeeded may have been lost."""
        return hashlib.sha256(self.read(key)).digest() == hashlib.sha256(data).digest()

    def replace(self, key: str, content: Content) -> None:
        """As the port."""
        self._call(key, lambda: self._files.pipe_file(self._path(key), bytes(content)))

    def delete(self, keys: Collection[str]) -> None:
        """As the port."""
        for _ in self._pool.map(self._delete, sorted(keys)):
            pass  # an error is raised here

    def _delete(self, key: str) -> None:
        def remove() -> None:
            with suppress(FileNotFoundError):
                self._files.rm_file(self._path(key))

        self._call(key, remove)

    def keys(self, prefix: str) -> Iterator[str]:
        """As the port."""
        root = self._path("")
        listed = self._call(prefix, lambda: self._files.find(self._path(prefix.rstrip("/"))))
        names = (name.lstrip("/") for name in listed)
        return iter(sorted(name.removeprefix(root) for name in names if name.startswith(root)))

    def map(self, function: Callable[[S], T], items: Collection[S], /) -> Iterator[T]:
        """As the port."""
        return self._pool.map(function, items)

    def _path(self, key: str) -> str:
        return f"{self.address.root}/{key}"

    def _call(self, key: str, function: Callable[[], T]) -> T:
        """What a call returns, made again after failures that may pass.

        Raises:
            Unavailable: it keeps failing, or fails in a way that does not pass.
        """
        waits = pauses(self._entropy)
        while True:
            try:
                return function()
            except self._errors as error:
                wait_s = None if isinstance(error, FileNotFoundError | PermissionError) else next(waits, None)
                if wait_s is None:
                    raise _unavailable(key, error) from None  # the library's words may hold an address with a query
            self._pause(wait_s)


class _StoreParts:
    """Parts of one object.

    What was read ahead is kept until it is closed, and a small whole object longer.
    """

    __slots__ = ("_held", "_is_whole", "_key", "_start", "_store")

    def __init__(self, store: StoreObjects, key: str) -> None:
        self._store = store
        self._key = key
        self._start, self._held, self._is_whole = 0, b"", False

    def read(self, offset: int, size: int) -> bytes:
        """As the port."""
        if not (self._is_whole or self._start <= offset <= offset + size <= self._start + len(self._held)):
            start = offset // _AHEAD_BYTES * _AHEAD_BYTES
            wanted = -(-(offset + size - start) // _AHEAD_BYTES) * _AHEAD_BYTES
            self._held = self._store.range(self._key, start, wanted)
            self._start, self._is_whole = start, start == 0 and len(self._held) < wanted
        data = self._held[offset - self._start : offset - self._start + size]
        if len(data) != size:
            raise Unavailable(f"{self._key}: {len(data)} bytes at {offset}, expected {size}")
        return data

    def close(self) -> None:
        """As the port."""
        if not (self._is_whole and len(self._held) <= _KEPT_BYTES):
            self._start, self._held, self._is_whole = 0, b"", False


def _filesystem(scheme: str) -> Any:  # noqa: ANN401 - fsspec ships no types
    """The file system of a scheme. It finds credentials by the store's own chain."""
    with extra("stores"):
        import fsspec  # noqa: PLC0415 - only vaults with a store pay for it

        if scheme != "s3":
            return fsspec.filesystem(scheme)
        import s3fs  # noqa: PLC0415
    settings: dict[str, Any] = {"connect_timeout": _CONNECT_S, "read_timeout": _READ_S, "max_pool_connections": AT_ONCE}
    settings |= {"retries": {"total_max_attempts": 1, "mode": "standard"}}  # this room repeats calls itself
    files = s3fs.S3FileSystem(
        skip_instance_cache=True,
        use_listings_cache=False,
        config_kwargs=settings,
        max_concurrency=_PARTS_AT_ONCE,
    )
    files.retries = 1
    return files


def _errors_of(scheme: str) -> tuple[type[Exception], ...]:
    """What a failed call may raise."""
    if scheme != "s3":
        return (OSError,)
    from aiohttp import ClientError as ConnectionFailed  # noqa: PLC0415 - as the library above
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # noqa: PLC0415

    return (OSError, BotoCoreError, ClientError, HTTPClientError, ConnectionFailed)


def _code(error: BaseException) -> str:
    """The store's code of an error, for example ``SlowDown``; else the kind of error."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))[:64]
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__


def _unavailable(key: str, error: Exception) -> Unavailable:
    """The error for people.

    It never has the library's message, which may hold an address with a query or a header.
    """
    hint = _FORBIDDEN if isinstance(error, PermissionError) or "Credentials" in _code(error) else None
    return Unavailable(f"{key}: the store says: {_code(error)}", hint=hint)
