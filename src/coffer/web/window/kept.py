"""Finished answers, kept as long as the log stays as it is.

Each is made once for all readers who ask for the same.
"""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response

from coffer import wire

MOST: Final = 1_024
"""Answers kept at once; beyond it the one that nobody asked for longest goes."""
MOST_BYTES: Final = 64 * 2**20
_LEVEL: Final = 6
_WORTH_IT: Final = 1_024
"""Shorter bodies are not compressed: they fit a packet anyway."""
_VARY: Final = "cookie, accept-language, accept-encoding"

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A body, the same compressed (empty if that is not worth it), its type and its tag.

    ``name``: of a download.
    """

    body: bytes
    packed: bytes
    media_type: str
    tag: str
    name: str = ""

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.body) + len(self.packed)

    def respond(self, headers: Headers) -> Response:
        """The answer for a request with these headers: compressed if it may be, nothing if the reader has it."""
        is_packed = bool(self.packed) and _takes_gzip(headers.get("accept-encoding", ""))
        tag = f'"{self.tag}{"-gz" if is_packed else ""}"'
        # Kept by the reader, and asked for again each time: a longer log shows at once.
        sent = {"etag": tag, "cache-control": "no-cache", "vary": _VARY}
        if _knows(headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=sent)
        if is_packed:
            sent["content-encoding"] = "gzip"
        if self.name:
            sent["content-disposition"] = f'attachment; filename="{self.name}"'
        return Response(self.packed if is_packed else self.body, headers=sent, media_type=self.media_type)


def answer(body: bytes, media_type: str, *, name: str = "") -> Answer:
    """The answer with this body. The same body gives the same bytes, compressed too."""
    packed = gzip.compress(body, _LEVEL, mtime=0) if len(body) >= _WORTH_IT else b""
    tag = wire.digest(body).hex()[:32]
    return Answer(
        body=body,
        packed=packed if len(packed) < len(body) else b"",
        media_type=media_type,
        tag=tag,
        name=name,
    )


class Answers:
    """The answers that are kept. Called by the one thread of the server."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self._making: dict[Key, asyncio.Future[Answer]] = {}
        self.size_bytes = 0

    async def get(self, key: Key, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of a key.

        If nobody has it, one reader makes it and the others wait. Errors are not kept.
        """
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        waiting = self._making.get(key)
        if waiting is None:
            waiting = self._making[key] = asyncio.ensure_future(make())
            waiting.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(waiting)

    def _made(self, key: Key, done: asyncio.Future[Answer]) -> None:
        del self._making[key]
        if done.cancelled() or done.exception() is not None:
            return
        made = done.result()
        self._kept[key] = made
        self.size_bytes += made.size
        while self._kept and (len(self._kept) > MOST or self.size_bytes > MOST_BYTES):
            _, gone = self._kept.popitem(last=False)
            self.size_bytes -= gone.size

    def forget(self) -> None:
        """Drop all that is kept: the log has grown."""
        self._kept.clear()
        self.size_bytes = 0


def _takes_gzip(accepted: str) -> bool:
    """Whether gzip is named and not refused (RFC 9110, 12.5.3)."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _knows(header: str, tag: str) -> bool:
    return any(part.strip().removeprefix("W/") == tag for part in header.split(","))
