"""The paths of a served log (C2SP tlog-tiles), of a custodian's mirror and of the public window."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from coffer.custodian.machine.bodies import BINARY, OCTETS
from coffer.custodian.machine.clients import client_of, crowd_of
from coffer.errors import CofferError
from coffer.serving.lanes import Busy, Lane
from coffer.translog.tiling import CHECKPOINT, is_tile_path

READING: Final = 4
"""Files of the mirror that are read at once."""


async def _plain(_request: Request, error: Exception) -> Response:
    """Says in text that there is no such path or method. A path with a line end matches none."""
    assert isinstance(error, HTTPException), "it is registered for those alone"
    return PlainTextResponse(error.detail, error.status_code, error.headers)


def add_log_paths(app: FastAPI, read: Callable[[str], bytes | None], *, prefix: str) -> None:
    """Serve the log as C2SP tlog-tiles lays it out, and nothing else from the folder."""
    app.add_exception_handler(HTTPException, _plain)
    missing: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
        for status, text in {404: "there is no such tile", 503: "busy: try again"}.items()
    }
    octets: dict[int | str, dict[str, Any]] = {200: {"description": "bytes", **BINARY}}

    reading = Lane("reading", READING, crowd_of(app))

    async def respond(request: Request, name: str, media_type: str) -> Response:
        try:
            is_file = name == CHECKPOINT or is_tile_path(name)
            raw = await reading.run(client_of(request), read, name) if is_file else None
        except CofferError:
            raw = None  # a larger tile replaced it in this very moment
        except Busy:
            return PlainTextResponse("busy: try again", 503, {"retry-after": "1"})
        if raw is None:
            return PlainTextResponse("there is no such tile", 404)
        # No proxy may keep an old checkpoint by a rule of its own. A tile of a given name never changes.
        kept = "no-cache" if name == CHECKPOINT else "public, max-age=604800, immutable"
        return Response(raw, media_type=media_type, headers={"cache-control": kept})

    @app.get(f"{prefix}/checkpoint", responses=missing, response_class=PlainTextResponse)
    async def checkpoint(request: Request) -> Response:
        """The newest checkpoint."""
        return await respond(request, CHECKPOINT, "text/plain")

    @app.get(prefix + "/tile/{path:path}", responses=octets | missing, response_class=Response)
    async def tile(request: Request, path: str) -> Response:
        """A hash tile or an entry bundle."""
        return await respond(request, f"tile/{path}", OCTETS)
