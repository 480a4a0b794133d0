"""The figures of a service: what it counts of its listeners and its process, for this machine only.

A count says how often, never who: addresses, paths and bodies have no place in it.
"""

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from coffer import __version__
from coffer.bounds import LOOPBACK
from coffer.errors import MalformedInput
from coffer.extras import extra
from coffer.serving.crowd import Crowd
from coffer.serving.figures import CONTENT_TYPE, Figure, counter, format_figures, gauge, sample
from coffer.serving.listen import parse_listen

with extra("web"):
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPTION: Final = "--metrics"
_BEGAN: Final = time.time()
"""When this process began, to the second: this file is read while it starts."""
_DESCRIPTORS: Final = Path("/proc/self/fd")
_MEMORY: Final = Path("/proc/self/statm")


class Answered:
    """An application whose answers are counted by their HTTP status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.statuses: Counter[int] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
            await send(message)

        await self._app(scope, receive, counting)


def listener_figures(listeners: Mapping[str, tuple[Answered, Crowd]]) -> Sequence[Figure]:
    """What was answered on each listener, how many are connected, and how many were turned away."""
    answers = [
        sample(count, listener=name, code=str(status))
        for name, (app, _) in listeners.items()
        for status, count in sorted(app.statuses.items())
    ]
    turned_away = [
        sample(count, listener=name, why=why)
        for name, (_, crowd) in listeners.items()
        for why, count in sorted(crowd.turned_away.items())
    ]
    connected = [sample(len(crowd), listener=name) for name, (_, crowd) in listeners.items()]
    return [
        counter("coffer_answers_total", "Answers, by their HTTP status.", *answers),
        counter("coffer_turned_away_total", "Connections and requests that bounds cut off.", *turned_away),
        gauge("coffer_connections", "Connections now.", *connected),
    ]


def process_figures() -> Sequence[Figure]:
    """This process, under the names that Prometheus's own libraries give."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    figures = [
        gauge("coffer_build_info", "The release that runs, in its label; always 1.", sample(1, version=__version__)),
        gauge("process_start_time_seconds", "When the process began.", sample(int(_BEGAN))),
        counter("process_cpu_seconds_total", "Processor time used.", sample(round(used.ru_utime + used.ru_stime, 3))),
        gauge("process_max_fds", "File descriptors that it may open.", sample(allowed)),
    ]
    if sys.platform == "linux":
        with suppress(OSError):  # where /proc is not shown the two are absent
            pages = int(_MEMORY.read_text("ascii").split()[1])
            memory = sample(pages * os.sysconf("SC_PAGE_SIZE"))
            figures.append(gauge("process_resident_memory_bytes", "Memory that it holds.", memory))
            opened = sample(sum(1 for _ in _DESCRIPTORS.iterdir()))
            figures.append(gauge("process_open_fds", "File descriptors that are open.", opened))
    return figures


def figures_app(figures: Callable[[], Sequence[Figure]]) -> FastAPI:
    """An application that answers ``GET /metrics``, reading the figures anew each time."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    def metrics() -> Response:
        return PlainTextResponse(format_figures([*figures(), *process_figures()]), media_type=CONTENT_TYPE)

    app.add_api_route("/metrics", metrics, methods=["GET"], response_class=PlainTextResponse)
    return app


def verify_own_machine(listen: str) -> None:
    """Refuse an address of figures that another machine could ask.

    Raises:
        MalformedInput: it is no address of this machine's own.
    """
    if parse_listen(listen, OPTION)[0] not in LOOPBACK:
        raise MalformedInput(
            f"{OPTION}: plain http is for this machine only", hint="listen on 127.0.0.1, behind a proxy of your own"
        )
