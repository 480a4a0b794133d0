"""An HTTP server for strangers: uvicorn behind a gate that counts connections before TLS.

The only file of this package that knows a server.

Promises: an accepted socket gets a place in the crowd or is closed at once. A handshake, the wait for a request, and
the taking of a reply each have a time limit. One request of a connection is read at a time, and a request that was sent
before the last answer left is not read at all.
"""

import asyncio
import ctypes
import gc
import math
import resource
import socket
import ssl
import struct
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from types import FrameType
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from coffer.errors import Unavailable
from coffer.serving.crowd import PLACES, PLACES_KEPT, Client, Crowd, Place

HANDSHAKE_S: Final = 5.0
"""From the accepted socket to the end of the TLS handshake: two round trips, a second on the worst of lines."""
IDLE_TIMEOUT_S: Final = 10.0
"""A connection without a complete request for this long is closed. Headers that drip in do not keep it open longer."""
TAKE_S: Final = 20.0
"""From the first byte of a reply until the client has taken the last: 16 MiB at 8 Mbit/s."""
MAX_HEADER_BYTES: Final = 16_384
MAX_BYTES_OUT: Final = 48 * 2**20
"""Bytes of replies over ``PIECE`` that wait to be taken: three of the largest bundles.

Beyond it strangers get a 503; clients that proved something do not.
"""
PIECE: Final = 65_536
"""Large replies are written in pieces.

Each piece waits until the client took the one before, so the transport holds at most two.
"""
GRACE_S: Final = 10
"""Seconds for the requests under way to finish after a stop."""
BACKLOG: Final = 512
ACCEPTED_AT_ONCE: Final = 64
"""Connections accepted before other work gets its turn. Closing one that has no place costs 20 microseconds."""
WITHOUT_DESCRIPTORS_S: Final = 0.5
DESCRIPTORS_WANTED: Final = 4_096
DESCRIPTORS_OF_OUR_OWN: Final = 160
"""Kept for files, pipes, the log's connections and threads. All others may be strangers' connections."""
FEWEST_PLACES: Final = 32
_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)


def places_within_descriptors() -> int:
    """How many connections this process can hold.

    Its soft limit of descriptors is raised first, as far as the hard limit allows.

    Raises:
        Unavailable: too few for a server.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_WANTED)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    places = PLACES if soft == resource.RLIM_INFINITY else min(PLACES, soft - DESCRIPTORS_OF_OUR_OWN - PLACES_KEPT)
    if places < FEWEST_PLACES:
        least = FEWEST_PLACES + DESCRIPTORS_OF_OUR_OWN + PLACES_KEPT
        raise Unavailable(f"descriptors: {soft} allowed, expected at least {least}", hint="raise it: ulimit -n 1024")
    return places


def give_memory_back() -> None:
    """Make Python and glibc free the memory of connections and bodies soon.

    Call it once, after everything else was loaded. A connection and its TLS buffers (300 KiB) refer to each other in a
    circle. The collector of such circles runs late as long as it also counts everything that was loaded at the start.
    And glibc would keep the memory of the largest bodies, for each thread. Another C library is left as it is.
    """
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, 2**18)
        library.mallopt(_M_ARENA_MAX, 2)


_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def _nothing() -> None:
    """Do nothing: a connection that is over needs no cutting."""


class _Patient(H11Protocol):
    """One connection, which is cut if it holds its place without need.

    It checks that every tenth of ``IDLE_TIMEOUT_S``.
    """

    def __init__(self, *, config: uvicorn.Config, server_state: ServerState, crowd: Crowd, place: Place) -> None:
        super().__init__(config=config, server_state=server_state, app_state={})
        self.crowd = crowd
        self.place = place

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._asked, self._has_turn, self._is_waiting = 0, False, False
        self._doing: tuple[str, int] = ("idle", 0)
        self._since = self.loop.time()
        transport.set_write_buffer_limits(high=PIECE)
        # asyncio sets this only for sockets that were made with the protocol's number. Without it every reply waits
        # 40 ms for an acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.place.cut_by(transport.abort)
        self._look = self.loop.call_later(IDLE_TIMEOUT_S / 10, self._look_again)

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "_look"):
            self._look.cancel()
        self.crowd.leave(self.place)
        self.place.cut_by(_nothing)  # breaks a reference circle, so the collector has less to do
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Read one request at a time, once it is its turn and the reply before it was taken."""
        if self.conn.their_state is h11.IDLE and not self._has_turn and self.conn.trailing_data[0]:
            if self._is_waiting:
                return
            wait = 0.05 if self.transport.get_write_buffer_size() else self.crowd.turn_s(self.place)
            if math.isinf(wait):
                self.transport.abort()
                return
            self._has_turn = not self.transport.get_write_buffer_size()
            if wait > 0:
                self._is_waiting = True
                self.flow.pause_reading()
                self.loop.call_later(wait, self._turn_has_come)
                return
        super().handle_events()
        # While a body is still arriving nobody works on the request, so this connection may lose its place.
        self.place.mark(is_busy=self._is_answering() and not self.cycle.more_body)

    def _turn_has_come(self) -> None:
        self._is_waiting = False
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.handle_events()

    def on_response_complete(self) -> None:
        """End the connection if a further request came before the answer had left.

        That request is not read, and the client asks again (RFC 9112, 9.3.2).
        """
        self._asked += 1
        self._has_turn = False
        self.place.mark(is_busy=False)
        if self.conn.their_state is h11.DONE and self.conn.trailing_data[0]:
            self.crowd.turned_away["connections: asked before the answer had left"] += 1
            self.transport.close()
        super().on_response_complete()

    def _should_upgrade(self) -> bool:
        """Never: no connection is upgraded, and nothing is logged about the wish."""
        return False

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _now_doing(self) -> tuple[str, int]:
        if self.transport.get_write_buffer_size() or (self._is_answering() and self.cycle.response_started):
            return ("taking", self._asked)
        return ("busy", 0) if self._is_answering() or self._is_waiting else ("idle", self._asked)

    def _look_again(self) -> None:
        now, doing = self.loop.time(), self._now_doing()
        if doing != self._doing:
            self._doing, self._since = doing, now
        most = {"idle": IDLE_TIMEOUT_S, "taking": TAKE_S, "busy": math.inf}[doing[0]]
        if now - self._since >= most:
            self.crowd.turned_away[f"connections: {'silent' if doing[0] == 'idle' else 'reply not taken'}"] += 1
            self.transport.abort()
            return
        self._look = self.loop.call_later(IDLE_TIMEOUT_S / 10, self._look_again)


class _Gate:
    """Accepts on one listening socket. Fits what ``uvicorn.Server`` expects of its servers."""

    def __init__(
        self, listener: socket.socket, make: Callable[[Place], _Patient], crowd: Crowd, tls: ssl.SSLContext | None
    ) -> None:
        self.sockets = (listener,)
        self._listener, self._make, self._crowd, self._tls = listener, make, crowd, tls
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._is_open = True
        listener.setblocking(False)  # noqa: FBT003 - the library's own
        listener.listen(BACKLOG)
        self._descriptor = listener.fileno()
        self._loop.add_reader(self._descriptor, self._accept)

    def close(self) -> None:
        """Accept no more."""
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._descriptor)
            self._listener.close()
            for task in self._beginning:
                task.cancel()

    async def wait_closed(self) -> None:
        """Wait until the handshakes that had begun have ended."""
        await asyncio.gather(*self._beginning, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._crowd.turned_away["out of descriptors"] += 1
                self._loop.remove_reader(self._descriptor)
                self._loop.call_later(WITHOUT_DESCRIPTORS_S, self._again)
                return
            place = self._crowd.enter((str(peer[0]), int(peer[1])))
            if place is None:
                # Closed with a reset, so that the system keeps nothing of the connection either.
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
                accepted.close()
                continue
            accepted.setblocking(False)  # noqa: FBT003
            task = self._loop.create_task(self._begin(accepted, place))
            place.cut_by(task.cancel)
            self._beginning.add(task)
            task.add_done_callback(partial(self._has_begun, accepted, place))

    def _again(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._descriptor, self._accept)

    async def _begin(self, accepted: socket.socket, place: Place) -> None:
        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls = {"ssl": self._tls, "ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": HANDSHAKE_S}
        await self._loop.connect_accepted_socket(lambda: self._make(place), accepted, **tls)

    def _has_begun(self, accepted: socket.socket, place: Place, task: asyncio.Task[None]) -> None:
        """Clean up after a handshake that failed, took too long or was cut."""
        self._beginning.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # The error holds the frames of the handshake, and these hold the buffers of TLS. The circle would be
            # collected late.
            traceback.clear_frames(error.__traceback__)
            error.__traceback__ = None
        if task.cancelled() or error is not None:
            self._crowd.turned_away["connections: no handshake"] += 1
            self._crowd.leave(place)
            accepted.close()


class _Server(uvicorn.Server):
    """The library's server behind our gate."""

    def __init__(self, config: uvicorn.Config, crowd: Crowd) -> None:
        super().__init__(config)
        self.crowd = crowd
        self.others: list[_Server] = []
        self.is_told = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        config = self.config

        def make(place: Place) -> _Patient:
            return _Patient(config=config, server_state=self.server_state, crowd=self.crowd, place=place)

        listeners = sockets or [socket.create_server((config.host, config.port))]
        self.servers = [_Gate(listener, make, self.crowd, config.ssl) for listener in listeners]  # type: ignore[misc]
        self.started = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, and with it those that run in the same loop."""
        super().handle_exit(sig, frame)
        for other in self.others:
            other.should_exit = True
            other.force_exit = self.force_exit

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Take signals, unless another server of this loop takes them for this one."""
        return nullcontext() if self.is_told else super().capture_signals()

    async def on_tick(self, counter: int) -> bool:
        """Collect the garbage of closed connections once a second. The library calls this ten times a second.

        While the garbage is young this takes a fraction of a millisecond.
        """
        if counter % 10 == 0:
            gc.collect(1)
        return await super().on_tick(counter)


def make_server(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    tls: Callable[[], ssl.SSLContext] | None,
    crowd: Crowd | None = None,
) -> uvicorn.Server:
    """A server that is not running yet. Its ``run(sockets)`` serves until a signal to stop.

    It logs nothing about requests. ``crowd``: the one that the application asks about its clients. Without ``tls``, the
    server may be behind a proxy on this machine.
    """
    crowd = Crowd(time.monotonic) if crowd is None else crowd
    crowd.stand_behind_proxy(is_behind_proxy=tls is None)
    config = uvicorn.Config(
        Measured(app, crowd),
        host=host,
        port=port,
        http=_Patient,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,  # the connecting address is counted, whatever a header says
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=math.ceil(IDLE_TIMEOUT_S),
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls(),
    )
    return _Server(config, crowd)


def run_together(servers: Sequence[tuple[uvicorn.Server, socket.socket]]) -> None:
    """Serve several at once in one loop, each on its own socket, until a signal to stop. The first one takes it."""
    first, *others = (server for server, _ in servers)
    assert isinstance(first, _Server), "made by make_server"
    for other in others:
        assert isinstance(other, _Server), "made by make_server"
        other.is_told = True
        first.others.append(other)

    async def serve_all() -> None:
        await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))

    asyncio.run(serve_all())


class Measured:
    """An application whose large replies are written in pieces and held within ``MAX_BYTES_OUT``."""

    def __init__(self, app: ASGIApp, crowd: Crowd) -> None:
        self._app = app
        self._crowd = crowd
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        start: Message | None = None

        async def measured(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body, more = message.get("body", b""), message.get("more_body", False)
            if start is not None and len(body) > PIECE and not self._has_room(scope.get("client"), len(body)):
                self._crowd.turned_away["replies: too many that nobody takes"] += 1
                start, body, more = _BUSY_START, _BUSY, False
            if start is not None:
                await send(start)
                start = None
            await self._written(body, more, send)

        await self._app(scope, receive, measured)

    def _has_room(self, client: Client | None, size: int) -> bool:
        return self._held + size <= MAX_BYTES_OUT or self._crowd.rank(client) == 0

    async def _written(self, body: bytes, more: bool, send: Send) -> None:
        large = len(body) if len(body) > PIECE else 0
        self._held += large
        try:
            for at in range(0, max(1, len(body)), PIECE):
                is_last = at + PIECE >= len(body)
                piece = body[at : at + PIECE] if large else body
                await send({"type": "http.response.body", "body": piece, "more_body": more or not is_last})
        finally:
            self._held -= large


_BUSY: Final = b"busy: try again"
_BUSY_START: Final[Message] = {
    "type": "http.response.start",
    "status": 503,
    "headers": [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(_BUSY)).encode("ascii")),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ],
}
