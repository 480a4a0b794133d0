"""What every request passes before a page sees it: host, origin, size, pace; and the headers of what leaves.

Promises: no page is reached under a foreign host name (DNS rebinding), no other site makes a browser post here, no body
is larger than its bound, and nobody posts faster than a person can. ``coffer.serving`` bounds connections before this.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coffer.serving.crowd import Client
from coffer.web.ground.headers import NO_STORE, page_headers
from coffer.web.ground.site import Site

MAX_FORM_BYTES: Final = 65_536
"""A typed form. A room names the paths that take more."""
_SAFE: Final = frozenset({"GET", "HEAD"})
_POSTS_AT_ONCE: Final = 30
_POSTS_A_SECOND: Final = 1.0
"""Of one address. A person who validates while typing posts twice a second for a while."""
_ADDRESSES: Final = 4_096


class Pace:
    """A bucket of posts for each address; the address that was silent longest is forgotten first."""

    def __init__(
        self, timer: Callable[[], float], *, burst: int = _POSTS_AT_ONCE, rate: float = _POSTS_A_SECOND
    ) -> None:
        self._timer = timer
        self._burst, self._rate = burst, rate
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def may_post(self, address: str) -> bool:
        """Whether this address may post now; it is counted."""
        now = self._timer()
        left, since = self._buckets.pop(address, (float(self._burst), now))
        left = min(float(self._burst), left + (now - since) * self._rate)
        is_allowed = left >= 1.0
        self._buckets[address] = (left - 1.0 if is_allowed else left, now)
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        return is_allowed


class Gate:
    """The outermost layer of a site's application.

    ``larger``: paths that take bodies over ``MAX_FORM_BYTES``, each with its bound; ``*`` stands for any one part of a
    path. ``log_paths``: beginnings of paths
    that machines read under any host name, with headers of their own: the public log.
    """

    def __init__(
        self,
        app: ASGIApp,
        site: Site,
        *,
        larger: dict[str, int] | None = None,
        log_paths: tuple[str, ...] = (),
        pace: Pace | None = None,
    ) -> None:
        self._app = app
        self._site = site
        self._larger = {
            re.compile(re.escape(path).replace(r"\*", "[^/]+")): bound for path, bound in (larger or {}).items()
        }
        self._log_paths = log_paths
        self._pace = pace or Pace(time.monotonic)
        self._headers = page_headers(is_tls=site.is_tls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        if self._log_paths and scope["path"].startswith(self._log_paths):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status, words = self._judge(scope, headers)
        if status:
            await self._refuse(send, status, words)
            return
        await self._app(scope, _bounded(receive, self._bound(scope["path"])), self._with_headers(send))

    def _bound(self, path: str) -> int:
        """The largest body that a path takes."""
        return next((bound for pattern, bound in self._larger.items() if pattern.fullmatch(path)), MAX_FORM_BYTES)

    def _judge(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str]:
        """The status of a refusal and its words; 0 where there is none."""
        if headers.get("host", "") != self._site.host:
            return 421, "this page has another address"
        if scope["method"] in _SAFE:
            return 0, ""
        if not _is_from_here(headers, self._site.origin):
            return 403, "another site made your browser send this: nothing was done"
        size = headers.get("content-length", "")
        if not (size.isascii() and size.isdigit() and len(size) < 12):
            return 411, "a body without its length"
        if int(size) > self._bound(scope["path"]):
            return 413, "this is too large: nothing was done"
        client: Client | None = scope.get("client")
        if not self._pace.may_post(client[0] if client else ""):
            return 429, "too many at once: wait a minute, then send it again"
        return 0, ""

    async def _refuse(self, send: Send, status: int, words: str) -> None:
        body = words.encode("ascii")
        own = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode("ascii")),
            (b"cache-control", NO_STORE.encode("ascii")),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": [*own, *self._headers]})
        await send({"type": "http.response.body", "body": body})

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message["headers"])
                names = {name.lower() for name, _ in own}
                own += [item for item in self._headers if item[0] not in names]
                if b"cache-control" not in names:
                    own.append((b"cache-control", NO_STORE.encode("ascii")))
                message = {**message, "headers": own}
            await send(message)

        return sending


def _is_from_here(headers: dict[str, str], origin: str) -> bool:
    """Whether the browser says that a page of this very site sent the request (Fetch, ``Origin``; Fetch Metadata).

    A browser says at least one of both. Who says neither is none, and has no business to post here.
    """
    said = headers.get("origin")
    site = headers.get("sec-fetch-site")
    if said is None and site is None:
        return False
    return said in {None, origin} and site in {None, "same-origin"}


class TooLarge(Exception):  # noqa: N818 - what happened, for the one who reads the body
    """A body ran over its bound."""


def _bounded(receive: Receive, bound: int) -> Receive:
    left = bound

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLarge
        return message

    return receiving
