"""Bodies that are posted to a custodian: read within limits, refused alike whatever they hold."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse
from starlette.requests import ClientDisconnect

from coffer.custodian.machine.clients import client_of
from coffer.custodian.machine.figures import Counts
from coffer.custody.exchange import MAX_FRAME_BYTES
from coffer.errors import CofferError, MalformedInput
from coffer.serving.crowd import Crowd
from coffer.serving.lanes import Busy

OCTETS: Final = "application/octet-stream"
BINARY: Final = {"content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}
"""A body of bytes, as OpenAPI describes it."""
MAX_BYTES_IN_FLIGHT: Final = 3 * MAX_FRAME_BYTES
"""Bytes of larger bodies held at once, counted as they arrive: three of the largest requests, or many ordinary ones. Beyond it the answer is 503.
Strangers' bodies are counted apart from those of addresses that proved something."""
BODY_TIMEOUT_S: Final = 20.0
"""For the largest body: 8 MiB at 4 Mbit/s. Slower senders are cut off. A smaller body gets less time, from two seconds on."""
MIN_BODY_TIMEOUT_S: Final = 2.0
SMALL_BODY_BYTES: Final = 131_072
"""Bodies up to this are always read: all connections together hold 32 MiB of them."""
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
    for status, text in {
        400: "the body is not a frame",
        408: "the body came too slowly",
        411: "no content-length",
        413: "the body is too large",
        503: "busy, or the log cannot be read: try again",
    }.items()
}
"""The same for everyone, as the service describes them."""
Act = Callable[[bytes], Coroutine[Any, Any, Response]]


class _Refuse(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Bodies:
    """Reads bodies within limits of size, time and what is held in all, and counts what became of them."""

    def __init__(self, crowd: Crowd, counts: Counts) -> None:
        self._crowd = crowd
        self._counts = counts
        self._held: Counter[bool] = Counter()

    async def bounded(self, request: Request, most: int, act: Act) -> Response:
        """``act`` on the body, or a refusal in plain text."""
        outcome, status = "failed", 500
        try:
            response = await self._read_and(request, most, act)
        except _Refuse as refusal:
            outcome, status = "busy" if refusal.status == 503 else "malformed", refusal.status
        except Busy:
            outcome, status = "busy", 503
        except MalformedInput:
            outcome, status = "malformed", 400
        except CofferError:
            outcome, status = "failed", 503
        else:
            outcome = "answered"
            return response
        finally:
            self._counts.add(outcome)
        headers = {"connection": "close"} | ({"retry-after": "1"} if status == 503 else {})
        return PlainTextResponse(REFUSALS[status]["description"], status, headers)

    async def _read_and(self, request: Request, most: int, act: Act) -> Response:
        """``act`` on the body.

        Raises:
            _Refuse: with the status to send.
        """
        text = request.headers.get("content-length", "")
        if not (text.isascii() and text.isdigit() and len(text) < 12):
            raise _Refuse(411)
        size = int(text)
        if size > most:
            raise _Refuse(413)
        if size > SMALL_BODY_BYTES and not self._crowd.may_send(client_of(request), size):
            raise _Refuse(503)
        body, is_strange = bytearray(), self._crowd.rank(client_of(request)) > 1
        try:
            await self._read(request, size, body, is_strange=is_strange)
            return await act(bytes(body))
        finally:
            if size > SMALL_BODY_BYTES:
                self._held[is_strange] -= len(body)

    async def _read(self, request: Request, size: int, body: bytearray, *, is_strange: bool) -> None:
        """Read into ``body``.

        Of a large body the bytes that arrived count as held, not those that were announced: announcing costs the sender nothing.
        """
        seconds = MIN_BODY_TIMEOUT_S + (BODY_TIMEOUT_S - MIN_BODY_TIMEOUT_S) * size / MAX_FRAME_BYTES
        try:
            async with asyncio.timeout(seconds):
                async for part in request.stream():
                    body += part
                    if size > SMALL_BODY_BYTES:
                        self._held[is_strange] += len(part)
                    if len(body) > size:
                        raise _Refuse(413)
                    if size > SMALL_BODY_BYTES and self._held[is_strange] > MAX_BYTES_IN_FLIGHT:
                        raise _Refuse(503)
        except (TimeoutError, ClientDisconnect):
            raise _Refuse(408) from None
