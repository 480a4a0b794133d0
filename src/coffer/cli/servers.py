"""Running servers: sockets, signals and the first line on stdout.

What they serve is in ``custodian.machine.server``.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coffer.bounds import LOOPBACK
from coffer.cli.console import say
from coffer.custodian.machine.errands import Errands
from coffer.custodian.machine.folder import parse_listen
from coffer.custodian.machine.tls import server_context
from coffer.custody.port import Custodian
from coffer.errors import MalformedInput, Unavailable
from coffer.extras import extra
from coffer.serving.crowd import Crowd
from coffer.serving.summed import Summed, sum_up_logs
from coffer.translog.store.witness import WitnessFolder
from coffer.translog.witness import MAX_ASK_BYTES

with extra("web"):
    from fastapi import FastAPI, Request, Response
    from starlette.requests import ClientDisconnect
    from starlette.types import ASGIApp

    from coffer.custodian.machine.server import (
        BODY_TIMEOUT_S,
        client_of,
        crowd_of,
        make_app,
    )
    from coffer.serving import http
    from coffer.serving.http import give_memory_back, places_within_descriptors, run_together
    from coffer.serving.lanes import Busy, Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One application and where it listens.

    ``option``: the one that chose it. ``bound``: its socket, if it was bound before. ``shown``: what people type, if
    that is not the address itself.
    """

    app: "ASGIApp"
    crowd: Crowd
    listen: str
    option: str
    tls: Callable[[], Any] | None
    shown: str = ""
    bound: socket.socket | None = None


def bind(listen: str, option: str) -> socket.socket:
    """A listening socket.

    Raises:
        MalformedInput: no address and port.
        Unavailable: somebody else listens there.
    """
    host, port = parse_listen(listen, option)
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Unavailable(f"{listen}: {error.strerror}", hint=f"choose another port with {option}") from error


def address_of_socket(bound: socket.socket, scheme: str = "http") -> str:
    """Scheme, host and port of a listener: what a browser on this machine calls it."""
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def run_custodian_server(
    custodian: Custodian,
    errands: Errands,
    listen: str,
    *,
    certificate: Path | None,
    key: Path | None,
    on_start: Callable[[], object],
    page: Listener | None = None,
) -> None:
    """Serve until a signal to stop; requests that are being answered then are finished.

    ``on_start`` is called once nothing can be wrong any more. ``page``: its people's page, on a listener of its own.
    """
    tls = None
    if certificate is not None and key is not None:
        context = server_context(certificate, key)
        tls = lambda: context  # noqa: E731 - the server asks for a function
    elif parse_listen(listen, "--listen")[0] not in LOOPBACK:
        raise MalformedInput("--plain: plain http is for this machine only", hint="listen on 127.0.0.1, or use https")
    else:
        say("plain http: nothing but this machine protects what is asked")
    app = make_app(custodian, errands)
    service = Listener(app=app, crowd=crowd_of(app), listen=listen, option="--listen", tls=tls)
    run_listeners([service, page] if page else [service], on_start=on_start)


def run_witness_server(own: WitnessFolder, listen: str) -> None:
    """Answer ``POST /add-checkpoint`` (C2SP tlog-witness) until a signal to stop.

    A TLS proxy stands before it.
    """
    run_listeners([_plain(make_witness_app(own), listen)], on_start=lambda: None)


def _plain(app: "FastAPI", listen: str) -> Listener:
    return Listener(app=app, crowd=crowd_of(app), listen=listen, option="--listen", tls=None)


def make_witness_app(own: WitnessFolder) -> FastAPI:
    """The HTTP application of a witness: bounded bodies, in bounded time."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    cosigning = Lane("cosigning", 1, crowd_of(app))

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > MAX_ASK_BYTES:
                        return Response(status_code=413, headers={"connection": "close"})
            status, answer = await cosigning.run(client_of(request), own.add_checkpoint, body)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408, headers={"connection": "close"})
        except (Unavailable, Busy):
            return Response(status_code=503)
        kind = "text/x.tlog.size" if status == 409 else "text/plain; charset=utf-8"
        return Response(content=answer, status_code=status, headers={"content-type": kind})

    app.add_api_route("/add-checkpoint", add_checkpoint, methods=["POST"], response_class=Response)
    return app


def run_listeners(listeners: Sequence[Listener], *, on_start: Callable[[], object]) -> None:
    """Serve each on its socket, in one process, until a signal to stop; their addresses are the lines on stdout."""
    summed = Summed(say)
    for listener in listeners:
        listener.crowd.limit_places(places_within_descriptors() // len(listeners))
    give_memory_back()
    with ExitStack() as held:
        sockets = [held.enter_context(one.bound or bind(one.listen, one.option)) for one in listeners]
        on_start()
        for listener, bound in zip(listeners, sockets, strict=True):
            print(listener.shown or address_of_socket(bound, "https" if listener.tls else "http"), flush=True)
        sys.stdout.flush()
        servers = [
            (http.make_server(one.app, host=host, port=port, tls=one.tls, crowd=one.crowd), bound)
            for one, bound in zip(listeners, sockets, strict=True)
            for host, port in [bound.getsockname()[:2]]
        ]
        # The servers stop in order at the first signal and then raise it again, for whoever had a handler: nobody here.
        before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
        undo = sum_up_logs(summed)
        summed.keep_saying(lambda: _gather([listener.crowd for listener in listeners], summed))
        try:
            run_together(servers)
        finally:
            summed.stop()
            undo()
            for number, handler in before.items():
                signal.signal(number, handler)


def _gather(crowds: Sequence[Crowd], summed: Summed) -> None:
    """Whom the gates turned away; they count in the thread of the connections and are read in another."""
    for crowd in crowds:
        for kind in list(crowd.turned_away):
            summed.add(kind, crowd.turned_away.pop(kind, 0))
