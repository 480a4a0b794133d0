"""The figures of ``coffer watch`` over HTTP, beside its work."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coffer.bounds import LOOPBACK
from coffer.cli.servers import address_of_socket, bind
from coffer.custodian.machine.folder import parse_listen
from coffer.errors import MalformedInput
from coffer.extras import extra

with extra("web"):
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse
    from starlette.responses import Response

    from coffer.custodian.machine.server import crowd_of
    from coffer.serving.http import make_server

OPTION = "--metrics"


@contextmanager
def serve_figures(listen: str, figures: Callable[[], str]) -> Iterator[str]:
    """Serve ``/metrics`` in a thread of its own while the block runs; gives the address.

    Raises:
        MalformedInput: another machine could ask there.
    """
    host, port = parse_listen(listen, OPTION)
    if host not in LOOPBACK:
        raise MalformedInput(
            f"{OPTION}: plain http is for this machine only", hint="listen on 127.0.0.1, behind a proxy of your own"
        )
    with bind(listen, OPTION) as bound:
        app = _app(figures)
        server = make_server(app, host=host, port=port, tls=None, crowd=crowd_of(app))
        thread = threading.Thread(
            target=lambda: asyncio.run(server._serve([bound])),  # noqa: SLF001 - `serve` is this and handlers of signals
            name="figures",
            daemon=True,
        )
        thread.start()
        try:
            yield address_of_socket(bound)
        finally:
            server.should_exit = True
            thread.join(5.0)


def _app(figures: Callable[[], str]) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    def metrics() -> Response:
        return PlainTextResponse(figures(), media_type="text/plain; version=0.0.4")

    app.add_api_route("/metrics", metrics, methods=["GET"], response_class=PlainTextResponse)
    return app
