"""A custodian's service over HTTP. Only ``machine`` knows an HTTP server.

Implements ``docs/formats/custodian.md``, "HTTP".

Promises: bounded bodies, connections, time and memory; the same status and the same sizes whatever is asked; nothing about a request in a log line,
metric or error. Trusts: nothing that comes in; ``CustodianService`` decides. A client can make it work for the time of one unsealing, and not longer.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy  # noqa: F401, ICN001 - answers load it where they compute: a service has it before, or its first answer would take longer than a refusal
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from coffer.custodian.machine.bodies import BINARY, OCTETS, REFUSALS, Act, Bodies
from coffer.custodian.machine.clients import client_of, crowd_of
from coffer.custodian.machine.errands import Errands
from coffer.custodian.machine.figures import Counts
from coffer.custodian.machine.log_paths import add_log_paths
from coffer.custody.exchange import CONSTANT_REFUSAL, FRAME_BYTES, MAX_FRAME_BYTES, format_frame, parse_frame
from coffer.custody.port import Custodian
from coffer.errors import CofferError
from coffer.notes.note import MAX_CHECKPOINT_BYTES
from coffer.serving import http
from coffer.serving.crowd import Crowd
from coffer.serving.figures import Figure, format_figures
from coffer.serving.lanes import Busy, Lane

MAX_NOTE_FRAME_BYTES: Final = 131_072
"""A note has at most 65,535 bytes. A longer body is refused unread."""
MAX_EXPLANATION_FRAME_BYTES: Final = 8_192
"""An explanation has at most 4,096 bytes, and its sealing some 1,200."""
MAX_HEADERS_FRAME_BYTES: Final = 2 * 2**20
"""The vault sends one MiB of header files at a time (``client.HEADERS_BYTES``)."""
ANSWERING: Final = 4
"""Requests in work at once. One at most is decided; the other threads unseal, so that neither strangers nor requesters wait behind each other."""
ERRANDS: Final = 2
"""Notes, headers and entries that are worked on at once."""
PACE_S: Final = 0.025
"""Replies leave at whole multiples of this after the request came in. So the time does not tell at which step it stopped, unless the work took long."""
GAUGES_FOR_S: Final = 1.0
"""The same numbers are shown for so long, so that asking again and again reads no disk."""
_OF_BYTES: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "bytes", **BINARY}}
_SEALED: Final[dict[str, Any]] = {"requestBody": {"required": True, **BINARY}}


def figures_of(app: FastAPI) -> Sequence[Figure]:
    """What ``/metrics`` of an application of ``make_app`` shows; read from the disk now."""
    figures: Sequence[Figure] = app.state.figures()
    return figures


def make_app(custodian: Custodian, errands: Errands) -> FastAPI:
    """The service as an ASGI application: ``custodian`` answers and cosigns, ``errands`` does all else."""
    app = FastAPI(
        title="Coffer custodian", version="1", docs_url=None, redoc_url=None, separate_input_output_schemas=False
    )
    crowd, counts = crowd_of(app), Counts()
    bodies = Bodies(crowd, counts)
    app.state.figures = lambda: counts.figures(errands.gauges())
    errand_lane = Lane("errands", ERRANDS, crowd)
    _add_answering(app, custodian, errands, Lane("answering", ANSWERING, crowd), errand_lane, bodies)
    _add_cosigning(app, custodian.cosign, errand_lane, bodies)
    _add_taking(app, errands, errand_lane, bodies)
    _add_entries(app, errands, errand_lane)
    _add_state_paths(app, counts, errands)
    add_log_paths(app, errands.mirror_file, prefix="/log")
    return app


def _add_answering(
    app: FastAPI, custodian: Custodian, errands: Errands, answer_lane: Lane, errand_lane: Lane, bodies: Bodies
) -> None:
    """The two paths that answer a frame with a frame."""
    crowd = crowd_of(app)

    @app.post("/v1/answer", responses=_OF_BYTES | REFUSALS, openapi_extra=_SEALED, response_class=Response)
    async def post_request(request: Request) -> Response:
        """A sealed request, framed; the sealed reply or the constant refusal, framed."""
        return await bodies.bounded(request, MAX_FRAME_BYTES, _at_pace(request, crowd, answer_lane, custodian.answer))

    @app.post("/v1/standing", responses=_OF_BYTES | REFUSALS, openapi_extra=_SEALED, response_class=Response)
    async def post_query(request: Request) -> Response:
        """A sealed query of the desk, framed; the sealed report or the constant refusal, framed."""
        return await bodies.bounded(request, FRAME_BYTES, _at_pace(request, crowd, errand_lane, errands.standing))


def _add_entries(app: FastAPI, errands: Errands, errand_lane: Lane) -> None:
    @app.get("/v1/entries", responses=_OF_BYTES | {503: REFUSALS[503]}, response_class=Response)
    async def entries(request: Request) -> Response:
        """Signed entries that wait to be logged, as an entry bundle."""
        try:
            return Response(await errand_lane.run(client_of(request), errands.waiting), media_type=OCTETS)
        except (CofferError, Busy):
            return PlainTextResponse(REFUSALS[503]["description"], 503, {"retry-after": "1"})


def _add_state_paths(app: FastAPI, counts: Counts, errands: Errands) -> None:
    gauges = _Gauges(errands)

    @app.get("/health", responses={503: REFUSALS[503]}, response_class=PlainTextResponse)
    async def health() -> Response:
        """Whether it could answer: ok, behind (the log cannot be read) or frozen (two histories were seen)."""
        now = await gauges.read()
        word = "frozen" if now["is_frozen"] else "behind" if now["is_behind"] else "ok"
        return PlainTextResponse(word, 200 if word == "ok" else 503)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Prometheus text: outcomes of HTTP and the state of the mirror; nothing about a request."""
        return PlainTextResponse(format_figures(counts.figures(await gauges.read())))


def _at_pace(request: Request, crowd: Crowd, lane: Lane, respond: Callable[[bytes], bytes]) -> Act:
    """Answers a frame with a frame, at whole multiples of ``PACE_S`` from now on.

    It tells the crowd who proved something.
    """
    started, client = time.monotonic(), client_of(request)

    async def act(body: bytes) -> Response:
        reply = await lane.run(client, lambda: respond(parse_frame(body, "request")))
        if reply == CONSTANT_REFUSAL:
            crowd.prove_nothing(client)
        else:
            crowd.prove(client, len(body))
        took = time.monotonic() - started
        await asyncio.sleep(PACE_S - took % PACE_S)
        return Response(format_frame(reply), media_type=OCTETS)

    return act


def _add_cosigning(app: FastAPI, cosign: Callable[[bytes], bytes], errand_lane: Lane, bodies: Bodies) -> None:
    body = {"requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}}

    @app.post("/v1/cosign", responses=_OF_BYTES | REFUSALS, openapi_extra=body, response_class=Response)
    async def cosign_checkpoint(request: Request) -> Response:
        """A checkpoint; this custodian's cosignature line if it follows it, else nothing."""

        async def act(body: bytes) -> Response:
            return Response(await errand_lane.run(client_of(request), cosign, body), media_type=OCTETS)

        return await bodies.bounded(request, MAX_CHECKPOINT_BYTES, act)


def _add_taking(app: FastAPI, errands: Errands, errand_lane: Lane, bodies: Bodies) -> None:
    """The paths to which something is handed, framed. Each answers the same, whatever it was."""
    taking: dict[str, tuple[int, Callable[[bytes], None], str]] = {
        "notes": (MAX_NOTE_FRAME_BYTES, errands.take_note, "An authorization to review, sealed."),
        "orders": (MAX_FRAME_BYTES, errands.take_order, "A file of an order whose authorization is held, sealed."),
        "holds": (MAX_HEADERS_FRAME_BYTES, errands.take_hold, "A hold with header files that it covers, sealed."),
        "headers": (MAX_HEADERS_FRAME_BYTES, errands.take_headers, "Header files of segments, to give receipts for."),
        "explanations": (
            MAX_EXPLANATION_FRAME_BYTES,
            errands.take_explanation,
            "What the desk explains of a request that is held, sealed.",
        ),
    }

    def add(name: str, most: int, take: Callable[[bytes], None], said: str) -> None:
        async def post(request: Request) -> Response:
            return await bodies.bounded(request, most, partial(_take, request, errand_lane, take))

        app.add_api_route(
            f"/v1/{name}",
            post,
            methods=["POST"],
            status_code=202,
            name=name,
            description=f"{said} The answer is always the same.",
            response_class=PlainTextResponse,
            responses=REFUSALS,
            openapi_extra=_SEALED,
        )

    for name, how in taking.items():
        add(name, *how)


async def _take(request: Request, errand_lane: Lane, act: Callable[[bytes], None], body: bytes) -> Response:
    await errand_lane.run(client_of(request), _quietly, act, parse_frame(body, "body"))
    return PlainTextResponse("taken", 202)


def _quietly(act: Callable[[bytes], None], raw: bytes) -> None:
    """Tells nobody whether it was taken.

    The desk sees that by the custodian's signature, refusal or receipt.
    """
    try:
        act(raw)
    except CofferError:
        return  # the custodian's own record says so


class _Gauges:
    """What health and metrics show.

    It is read from the disk at most once a second, in threads that nothing else uses.
    """

    def __init__(self, errands: Errands) -> None:
        self._errands = errands
        self._lock = asyncio.Lock()
        self._read: tuple[float, dict[str, int]] | None = None

    async def read(self) -> dict[str, int]:
        async with self._lock:
            if self._read is None or time.monotonic() - self._read[0] >= GAUGES_FOR_S:
                self._read = (time.monotonic(), await run_in_threadpool(self._errands.gauges))
            return self._read[1]


def make_server(app: FastAPI, *, host: str, port: int, tls: Callable[[], ssl.SSLContext] | None) -> uvicorn.Server:
    """A server that is not running yet; ``run(sockets)`` serves until a signal to stop.

    It logs nothing about requests.
    """
    return http.make_server(app, host=host, port=port, tls=tls, crowd=crowd_of(app))
