"""The figures of ``coffer watch`` over HTTP, beside its work."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from coffer.cli.figures import OPTION, figures_app, verify_own_machine
from coffer.cli.servers import address_of_socket, bind
from coffer.extras import extra
from coffer.serving.crowd import Crowd
from coffer.serving.figures import Figure
from coffer.serving.listen import parse_listen

with extra("web"):
    from coffer.serving.http import make_server


@contextmanager
def serve_figures(listen: str, figures: Callable[[], Sequence[Figure]]) -> Iterator[str]:
    """Serve ``/metrics`` in a thread of its own while the block runs; gives the address.

    Raises:
        MalformedInput: another machine could ask there.
    """
    verify_own_machine(listen)
    host, port = parse_listen(listen, OPTION)
    with bind(listen, OPTION) as bound:
        server = make_server(figures_app(figures), host=host, port=port, tls=None, crowd=Crowd(time.monotonic))
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
