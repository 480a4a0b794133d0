"""Sessions in browsers and in memory.

The browser holds a random token in a cookie; the site holds its hash.
"""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from coffer import wire
from coffer.entropy import Entropy
from coffer.passkeys.sessions import MAX_OF_PERSON, TOKEN_BYTES, Session
from coffer.web.ground.site import Site

_TOKEN_CHARACTERS: Final = 2 * TOKEN_BYTES
MAX_SESSIONS: Final = 1_024


class MemorySessions:
    """``passkeys.sessions.Sessions`` in the memory of one process: all are over when it stops."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._lock = threading.Lock()
        self._by_hash: dict[bytes, Session] = {}

    def begin(self, person: str, now: dt.datetime) -> str:
        """As the port. With ``MAX_OF_PERSON`` or ``MAX_SESSIONS`` held, the one that was idle longest ends."""
        token = self._entropy(TOKEN_BYTES).hex()
        with self._lock:
            self._forget(lambda session: session.is_over(now))
            own = [name for name, session in self._by_hash.items() if session.person == person]
            held = own if len(own) >= MAX_OF_PERSON else list(self._by_hash)
            if len(own) >= MAX_OF_PERSON or len(self._by_hash) >= MAX_SESSIONS:
                del self._by_hash[min(held, key=lambda name: self._by_hash[name].seen)]
            self._by_hash[token_hash(token)] = Session(person=person, began=now, seen=now)
        return token

    def find(self, token: str, now: dt.datetime, *, is_seen: bool = True) -> Session | None:
        """As the port."""
        name = token_hash(token)
        with self._lock:
            session = self._by_hash.get(name)
            if session is None or session.is_over(now):
                self._by_hash.pop(name, None)
                return None
            if is_seen:
                session = self._by_hash[name] = replace(session, seen=max(session.seen, now))
        return session

    def end(self, token: str, now: dt.datetime) -> None:  # noqa: ARG002 - the port's
        """As the port."""
        with self._lock:
            self._by_hash.pop(token_hash(token), None)

    def end_all(self, person: str, now: dt.datetime) -> None:  # noqa: ARG002
        """As the port."""
        with self._lock:
            self._forget(lambda session: session.person == person)

    def _forget(self, is_gone: Callable[[Session], bool]) -> None:
        for name in [name for name, session in self._by_hash.items() if is_gone(session)]:
            del self._by_hash[name]


def token_hash(token: str) -> bytes:
    """What a site keeps of a token; 32 B. A token that is none has a hash that nobody has."""
    return wire.digest(wire.tag("session") + token.encode("utf-8", "replace"))


def cookie_name(site: Site) -> str:
    """The cookie of a site's sessions.

    Cookies do not know ports, so each site of a host has its own name.

    ``__Host-``: browsers take it only over https (or from localhost), for this host and the whole site.
    """
    return f"__Host-{site.tag}"


def token_of(request: Request, site: Site) -> str | None:
    """The token that the browser sent; None without one of the right form."""
    token = request.cookies.get(cookie_name(site), "")
    return token if len(token) == _TOKEN_CHARACTERS and token.isascii() and token.isalnum() else None


def set_token(response: Response, site: Site, token: str) -> None:
    """Give the browser a token."""
    response.set_cookie(cookie_name(site), token, path="/", secure=True, httponly=True, samesite="strict")


def clear_token(response: Response, site: Site) -> None:
    """Take the token back."""
    response.delete_cookie(cookie_name(site), path="/", secure=True, httponly=True, samesite="strict")
