"""What every request passes before a page sees it, and the headers of what leaves.

The gate judges host, origin, size and pace.

Promises: no page is reached under a foreign host name (DNS rebinding), no other site makes a browser post here, no body
is larger than its bound or takes longer than its time, and nobody posts faster than a person can. Who signed in here
waits for no stranger. What a page fails with is written down without a value. ``coffer.serving`` bounds connections
before this.
"""

import asyncio
import logging
import re
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coffer.bounds import LOOPBACK
from coffer.serving.crowd import Client, Crowd, address_of
from coffer.web.ground.headers import NO_STORE, page_headers
from coffer.web.ground.sessions import cookie_name, token_hash, token_of
from coffer.web.ground.site import Site

_log = logging.getLogger(__name__)
MAX_FORM_BYTES: Final = 65_536
"""A typed form. A room names the paths that take more."""
BODY_S: Final = 30.0
"""For a typed form to arrive. Larger bodies have further time, at ``_BYTES_A_SECOND``."""
_BYTES_A_SECOND: Final = 131_072
_SAFE: Final = frozenset({"GET", "HEAD"})
_ONCE: Final = (b"host", b"origin", b"sec-fetch-site", b"content-length", b"content-type")
"""Headers on which something is decided. Of two, a proxy, this gate and a page might each read its own."""
_POSTS_AT_ONCE: Final = 30
_POSTS_A_SECOND: Final = 1.0
"""Of one address. A person who validates while typing posts twice a second for a while."""
_BEHIND_A_PROXY: Final = 20
"""So many people share the one address of a proxy on this machine."""
_ADDRESSES: Final = 4_096
_TOKENS: Final = 4_096


class Pace:
    """A bucket of posts for each name; the name that was silent longest is forgotten first."""

    def __init__(
        self, timer: Callable[[], float], *, burst: int = _POSTS_AT_ONCE, rate: float = _POSTS_A_SECOND
    ) -> None:
        self._timer = timer
        self._burst, self._rate = burst, rate
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def may_post(self, name: str, *, of: int = 1) -> bool:
        """Whether this name may post now; it is counted. ``of``: how many people have the name together."""
        now, cost = self._timer(), 1.0 / of
        left, since = self._buckets.pop(name, (float(self._burst), now))
        left = min(float(self._burst), left + (now - since) * self._rate)
        is_allowed = left >= cost
        self._buckets[name] = (left - cost if is_allowed else left, now)
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        return is_allowed


SIGNED_IN: Final = "coffer.signed-in"
"""In the scope of a request once its session was found: by that the gate knows sessions of before a restart, too."""


class _Tokens:
    """The tokens of sessions that this process gave out or found, and that no page called unknown since.

    They decide who waits, nothing else.
    """

    def __init__(self, site: Site) -> None:
        self._given: OrderedDict[bytes, None] = OrderedDict()
        self._site = site
        self._begins = f"{cookie_name(site)}=".encode("ascii")

    def of(self, scope: Scope) -> bytes | None:
        """What stands for the token of a request, if it was given out or found here."""
        name = self._name(scope)
        return name if name in self._given else None

    def learn(self, scope: Scope) -> None:
        """Know the token of a request from now on, if its session was found."""
        name = self._name(scope) if scope.get(SIGNED_IN) is True else None
        if name is not None:
            self._give(name)

    def _name(self, scope: Scope) -> bytes | None:
        token = token_of(Request(scope), self._site)
        return None if token is None else token_hash(token)

    def _give(self, name: bytes) -> None:
        self._given[name] = None
        while len(self._given) > _TOKENS:
            self._given.popitem(last=False)

    def note(self, known: bytes | None, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Learn from an answer which token was given out, and which is of no use any more."""
        for name, value in headers:
            if name == b"set-cookie" and value.startswith(self._begins):
                token = value.removeprefix(self._begins).partition(b";")[0].decode("latin-1")
                self._give(token_hash(token))
            # Whoever is led to the door has no session, whatever they sent.
            if known is not None and status == _LED and name == b"location" and value == _DOOR:
                self._given.pop(known, None)


_LED: Final = 303
_DOOR: Final = b"/sign-in"


class Gate:
    """The outermost layer of a site's application.

    ``larger``: paths that take bodies over ``MAX_FORM_BYTES``, each with its bound; ``*`` stands for any one part of a
    path. ``log_paths``: paths that machines read under any host name, with headers of their own: the public log. One
    that ends in a slash stands for all below it. ``crowd``: that of the server; who signed in waits in it for nobody.
    """

    def __init__(
        self,
        app: ASGIApp,
        site: Site,
        *,
        larger: dict[str, int] | None = None,
        log_paths: tuple[str, ...] = (),
        pace: Pace | None = None,
        crowd: Crowd | None = None,
    ) -> None:
        self._app = app
        self._site = site
        self._larger = {
            re.compile(re.escape(path).replace(r"\*", "[^/]+")): bound for path, bound in (larger or {}).items()
        }
        self._log_files = tuple(path for path in log_paths if not path.endswith("/"))
        self._log_folders = tuple(path for path in log_paths if path.endswith("/"))
        self._pace = pace or Pace(time.monotonic)
        self._crowd = crowd
        self._tokens = _Tokens(site)
        self._headers = page_headers(is_tls=site.is_tls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        is_begun = False

        async def watching(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._serve(scope, receive, watching)
        except Exception as error:  # noqa: BLE001 - the server would write the error's words and values to the log
            _log.error("site: a page failed (%s in %s)", type(error).__name__, _place(error))
            if not is_begun:
                await self._refuse(send, 500, "something is wrong with this page: nothing was decided by it")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path in self._log_files or path.startswith(self._log_folders or "\0"):
            await self._app(scope, receive, send)
            return
        known = self._tokens.of(scope)
        self._tell_crowd(scope, is_known=known is not None)
        status, words = self._judge(scope, known)
        if status:
            await self._refuse(send, status, words)
            return
        await self._app(scope, _bounded(receive, self._bound(path)), self._with_headers(send, known))
        if known is None:
            self._tokens.learn(scope)

    def _tell_crowd(self, scope: Scope, *, is_known: bool) -> None:
        """Said anew with each request: a proxy sends those of many people over one connection."""
        if self._crowd is None:
            return
        if is_known:
            self._crowd.prove(scope.get("client"), 0)
        else:
            self._crowd.prove_nothing(scope.get("client"))

    def _bound(self, path: str) -> int:
        """The largest body that a path takes."""
        return next((bound for pattern, bound in self._larger.items() if pattern.fullmatch(path)), MAX_FORM_BYTES)

    def _judge(self, scope: Scope, known: bytes | None) -> tuple[int, str]:
        """The status of a refusal and its words; 0 where there is none."""
        names = [name for name, _ in scope["headers"]]
        if any(names.count(name) > 1 for name in _ONCE):
            return 400, "a header twice: nothing was done"
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host", "") != self._site.host:
            return 421, f"this page has another address: {self._site.origin}"
        if scope["method"] in _SAFE:
            # Nobody reads it, and a proxy might take its end for the beginning of somebody else's request.
            has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
            return (400, "a body with a request that has none: nothing was done") if has_body else (0, "")
        if not _is_from_here(headers, self._site.origin):
            return 403, "another site made your browser send this: nothing was done"
        size = headers.get("content-length", "")
        if not (size.isascii() and size.isdigit() and len(size) < 12) or "transfer-encoding" in headers:
            return 411, "a body without its length"
        if int(size) > self._bound(scope["path"]):
            return 413, "this is too large: nothing was done"
        if not self._may_post(scope, known):
            return 429, "too many at once: wait a minute, then send it again"
        return 0, ""

    def _may_post(self, scope: Scope, known: bytes | None) -> bool:
        """Whoever signed in is counted by themselves.

        So no stranger of the same address keeps them from deciding.
        """
        if known is not None:
            return self._pace.may_post(known.hex())
        client: Client | None = scope.get("client")
        address = address_of(client[0]) if client else ""
        is_proxy = address in LOOPBACK and self._site.is_tls and scope.get("scheme") == "http"
        return self._pace.may_post(address, of=_BEHIND_A_PROXY if is_proxy else 1)

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

    def _with_headers(self, send: Send, known: bytes | None) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower(), value) for name, value in message["headers"]]
                self._tokens.note(known, message["status"], own)
                names = {name for name, _ in own}
                own += [item for item in self._headers if item[0] not in names]
                if b"cache-control" not in names:
                    own.append((b"cache-control", NO_STORE.encode("ascii")))
                message = {**message, "headers": own}
            await send(message)

        return sending


def _place(error: Exception) -> str:
    """Where it was raised: the innermost line of this program.

    Neither the words of the error nor a value.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "coffer" in frame.filename]
    return f"{frames[-1].filename.rpartition('coffer')[2]}:{frames[-1].lineno}" if frames else "?"


def _is_from_here(headers: dict[str, str], origin: str) -> bool:
    """Whether the browser says that a page of this very site sent the request.

    It says so in ``Origin`` (Fetch), in ``Sec-Fetch-Site`` (Fetch Metadata), or in both. Who says neither is no
    browser, and has no business to post here.
    """
    said = headers.get("origin")
    site = headers.get("sec-fetch-site")
    if said is None and site is None:
        return False
    return said in {None, origin} and site in {None, "same-origin"}


class TooLarge(Exception):  # noqa: N818 - what happened, for the one who reads the body
    """A body ran over its bound."""


class TooSlow(Exception):  # noqa: N818
    """A body did not arrive in its time."""


def _bounded(receive: Receive, bound: int) -> Receive:
    left, is_whole = bound, False
    until = asyncio.get_running_loop().time() + BODY_S + max(0, bound - MAX_FORM_BYTES) / _BYTES_A_SECOND

    async def receiving() -> Message:
        nonlocal left, is_whole
        if is_whole:
            return await receive()  # the news that the client is gone, for which there is no hurry
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise TooSlow from None
        is_whole = not message.get("more_body", False)
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLarge
        return message

    return receiving
