"""A log read over HTTP, as C2SP tlog-tiles serves it. The only file here that knows an HTTP client.

Promises: every answer is bounded in size and time. Trusts: nothing that it reads; its callers prove it
(``translog.mirror``). The server learns which tiles are read. They are those of the newest entries, whoever reads.
"""

import contextlib
import time
import weakref
from collections.abc import Sequence
from typing import Final

import httpx

from coffer.deadline import within
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.notes.keys import VerifyKey
from coffer.translog import tiling
from coffer.translog.checkpoint import verify_checkpoint

MAX_CHECKPOINT_BYTES: Final = 65_536
"""A checkpoint with many witness lines has a few kilobytes."""
MAX_BUNDLE_BYTES: Final = tiling.WIDTH * (2 + tiling.MAX_ENTRY_BYTES)
"""256 entries of the largest size; a server that sends more is cut off."""
TIMEOUT_S: Final = 10.0
"""For one tile. The log's server sends static files, so a working one answers far sooner."""

MAX_READING_S: Final = 600.0
"""For all entries of one step: 100 MB at 1.4 Mbit/s. A log that claims to be endless cannot hold a reader longer."""
MAX_READING_BYTES: Final = 2**29
"""Half a million entries of a kilobyte. All entries of one step are held in memory until they are proven."""
_ENDLESS: Final = "is it the right log? for one that has grown so long, first: coffer-audit fetch URL DIR/mirror"


class HttpLog:
    """A log read from a base address such as ``https://log.example.org/vault``.

    The contract is in ``coffer.translog.port``.
    """

    def __init__(self, url: str, *, key: VerifyKey, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s
        self._client = httpx.Client(timeout=timeout_s, trust_env=False, follow_redirects=False)
        weakref.finalize(self, self._client.close)  # a command that reads a log once need not close it

    def checkpoint(self) -> bytes:
        """The newest checkpoint, raw."""
        raw = self._get(tiling.CHECKPOINT, MAX_CHECKPOINT_BYTES)
        if raw is None:
            raise Unavailable("log: its server has no checkpoint", hint="look at the address of the log")
        return raw

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """The raw entries ``start`` to ``end`` (exclusive)."""
        entries: list[bytes] = []
        size, until = 0, time.monotonic() + MAX_READING_S
        for index, width, part in tiling.bundles_of(start, end):
            if time.monotonic() > until:
                raise Unavailable(f"log: its entries are not here after {MAX_READING_S:g} seconds")
            bundle = self._bundle(index, width)[part]
            size += sum(map(len, bundle))
            if size > MAX_READING_BYTES:
                raise Unavailable(f"log: over {MAX_READING_BYTES} bytes of entries in one step", hint=_ENDLESS)
            entries += bundle
        return entries

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _bundle(self, index: int, width: int) -> list[bytes]:
        """At least ``width`` entries of a bundle.

        The log may have replaced a partial bundle, by the full one or by one of the newest checkpoint's width.
        """
        for offered in (width, tiling.WIDTH, None):
            asked_width = offered or self._newest_width(index)
            path = tiling.tile_path(None, index, asked_width)
            raw = self._get(path, MAX_BUNDLE_BYTES) if asked_width >= width else None
            if raw is not None:
                return tiling.parse_bundle(raw, asked_width, f"log/{path}")
        raise Unavailable(
            f"log/{tiling.tile_path(None, index, width)}: missing", hint="the log's server lacks a part of it"
        )

    def _newest_width(self, index: int) -> int:
        """How many entries of a bundle the newest checkpoint covers: 1 to 256."""
        with contextlib.suppress(MalformedInput, NotProven):
            size = verify_checkpoint(self.checkpoint(), self._key, "log/checkpoint").head.size
            return max(1, min(tiling.WIDTH, size - index * tiling.WIDTH))
        return tiling.WIDTH

    def _get(self, path: str, most: int) -> bytes | None:
        """A file, or None if there is none."""
        try:
            return within(self._timeout_s, lambda: self._fetch(path, most))
        except TimeoutError:
            raise Unavailable(f"log/{path}: not here after {self._timeout_s:g} seconds") from None

    def _fetch(self, path: str, most: int) -> bytes | None:
        parts, size, until = [], 0, time.monotonic() + self._timeout_s
        try:
            with self._client.stream("GET", f"{self._url}/{path}") as response:
                if response.status_code == httpx.codes.NOT_FOUND:
                    return None
                if response.status_code != httpx.codes.OK:
                    raise Unavailable(f"log/{path}: its server answers {response.status_code}, expected 200")
                for part in response.iter_bytes():
                    if time.monotonic() > until:
                        break  # the caller's deadline has passed, and nobody waits for the rest
                    parts.append(part)
                    size += len(part)
                    if size > most:
                        raise MalformedInput(f"log/{path}: over {most} bytes")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
            raise Unavailable(
                f"log/{path}: {type(error).__name__}", hint="is the log's server up, and its address right?"
            ) from error
        return b"".join(parts)
