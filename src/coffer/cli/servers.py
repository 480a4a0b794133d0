"""Running servers: sockets, signals and the first line on stdout.

What they serve is in ``custodian.machine.server``.
"""

import asyncio
import signal
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from coffer.bounds import LOOPBACK
from coffer.cli.console import say
from coffer.custodian.machine.errands import Errands
from coffer.custodian.machine.tls import server_context
from coffer.custody.port import Custodian
from coffer.errors import MalformedInput, Unavailable
from coffer.extras import extra
from coffer.serving.crowd import Crowd
from coffer.serving.figures import Figure, gauge, sample
from coffer.serving.listen import parse_listen
from coffer.serving.summed import Summed, sum_up_logs
from coffer.translog.store.witness import WitnessFolder
from coffer.translog.witness import MAX_ASK_BYTES

with extra("web"):
    from fastapi import FastAPI, Request, Response
    from starlette.requests import ClientDisconnect
    from starlette.types import ASGIApp

    from coffer.cli.figures import OPTION, Answered, figures_app, listener_figures, verify_own_machine
    from coffer.custodian.machine.bodies import BODY_TIMEOUT_S, client_of, crowd_of
    from coffer.custodian.machine.server import figures_of, make_app
    from coffer.serving.http import give_memory_back, make_server, places_within_descriptors, run_together
    from coffer.serving.lanes import Busy, Lane


def run_custodian_server(
    custodian: Custodian,
    errands: Errands,
    listen: str,
    *,
    certificate: Path | None,
    key: Path | None,
    on_start: Callable[[], object],
    page: "Listener | None" = None,
    page_listen: str = "",
    metrics: str | None = None,
) -> None:
    """Serve until a signal to stop; requests that are being answered then are finished.

    ``on_start`` is called once nothing can be wrong any more. ``page``: of its people, on a listener of its own.
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
    service = Listener(app=app, crowd=crowd_of(app), tls=tls)
    listeners = [(service, bind(listen, "--listen"))]
    if page is not None:
        listeners.append((page, bind(page_listen, "--page")))
    run_listeners(listeners, on_start=on_start, metrics=metrics, figures=lambda: figures_of(app))


METRICS_PLACES: Final = 8
"""Connections that ask for figures at once: one Prometheus, perhaps two, and a person who looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One listener of a process that may have several.

    ``what``: how it is called when there are others. ``address``: what people type, empty if that is the socket's own.
    """

    app: ASGIApp
    crowd: Crowd
    what: str = ""
    tls: "Callable[[], ssl.SSLContext] | None" = None
    address: str = ""

    def shown(self, bound: socket.socket) -> str:
        """What people type to reach it."""
        return self.address or address_of_socket(bound, scheme="http" if self.tls is None else "https")


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


def address_of_socket(bound: socket.socket, *, scheme: str = "http") -> str:
    """Scheme, host and port of a listener: what a browser on this machine calls it."""
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def run_listeners(
    listeners: Sequence[tuple[Listener, socket.socket]],
    *,
    on_start: Callable[[], object] = lambda: None,
    metrics: str | None = None,
    figures: Callable[[], Sequence[Figure]] = tuple,
) -> None:
    """Serve on all of them until a signal to stop.

    The address of each is a line of stdout, after ``on_start``. ``metrics``: where figures are served beside them;
    ``figures``: those of the service, beside what is counted here.
    """
    counted = {listener.what or "service": (Answered(listener.app), listener.crowd) for listener, _ in listeners}
    listeners = [
        (replace(listener, app=app), bound)
        for (listener, bound), (app, _) in zip(listeners, counted.values(), strict=True)
    ]
    summed, places = Summed(say), places_within_descriptors() // len(listeners)
    for _, crowd in counted.values():
        crowd.limit_places(places)
    if metrics is not None:
        app = figures_app(lambda: [*figures(), *listener_figures(counted)])
        listeners.append((_metrics_listener(app, metrics), bind(metrics, OPTION)))
    give_memory_back()
    on_start()
    servers = []
    for listener, bound in listeners:
        host, port = bound.getsockname()[:2]
        server = make_server(listener.app, host=host, port=port, tls=listener.tls, crowd=listener.crowd)
        servers.append((server, bound))
        name = f"{listener.what}: " if listener.what and len(listeners) > 1 else ""
        print(f"{name}{listener.shown(bound)}")
    sys.stdout.flush()

    told: list[Counter[str]] = [Counter() for _ in listeners]

    def gather() -> None:
        for (listener, _), before in zip(listeners, told, strict=True):
            _gather(listener.crowd, summed, before)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    undo = sum_up_logs(summed)
    summed.keep_saying(gather)
    try:
        run_together(servers)
    finally:
        summed.stop()
        undo()
        for number, handler in before.items():
            signal.signal(number, handler)


def _metrics_listener(app: ASGIApp, listen: str) -> Listener:
    """A listener with places of its own: figures must take none from those whom the service is there for.

    Raises:
        MalformedInput: another machine could ask there.
    """
    verify_own_machine(listen)
    return Listener(app=app, crowd=Crowd(time.monotonic, places=METRICS_PLACES), what="metrics")


def run_witness_server(own: WitnessFolder, listen: str, *, metrics: str | None = None) -> None:
    """Answer ``POST /add-checkpoint`` (C2SP tlog-witness) until a signal to stop.

    A TLS proxy stands before it.
    """
    app = make_witness_app(own)
    service = Listener(app=app, crowd=crowd_of(app))
    run_listeners(
        [(service, bind(listen, "--listen"))], metrics=metrics, figures=lambda: witness_figures(*own.counts())
    )


def witness_figures(known: int, cosigned: int, forked: int) -> Sequence[Figure]:
    """How many logs a witness knows, how many it cosigned, and how many showed it two histories."""
    return [
        gauge("coffer_witness_logs", "Logs that this witness knows.", sample(known)),
        gauge("coffer_witness_cosigned_logs", "Logs of which it cosigned a checkpoint.", sample(cosigned)),
        gauge("coffer_witness_forked_logs", "Logs that showed it two histories.", sample(forked)),
    ]


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


def _gather(crowd: Crowd, summed: Summed, told: Counter[str]) -> None:
    """Whom the gate turned away since last time.

    It counts in the thread of the connections and is read in another.
    """
    for kind, count in list(crowd.turned_away.items()):
        if count > told[kind]:
            summed.add(kind, count - told[kind])
            told[kind] = count
