"""Who is signed in: how long, how often at once, and where it is kept. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Final, Protocol

IDLE: Final = dt.timedelta(minutes=30)
"""Without a request for so long, a session is over."""
LONGEST: Final = dt.timedelta(hours=12)
TOKEN_BYTES: Final = 32
MAX_OF_PERSON: Final = 10
"""So that nobody signs the others out by signing in again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is signed in.

    ``person``: the site's own name for them; never shown. ``seen``: the last request.
    """

    person: str
    began: dt.datetime
    seen: dt.datetime

    @property
    def ends(self) -> dt.datetime:
        """When it is over, if nothing more is asked."""
        return min(self.seen + IDLE, self.began + LONGEST)

    def is_over(self, now: dt.datetime) -> bool:
        """Whether it was idle for too long, lasted too long, or began in the future."""
        return now >= self.ends or now < self.began


class Sessions(Protocol):
    """Where the sessions of a site are kept.

    Tokens are hex text of ``TOKEN_BYTES`` random bytes. Only their hashes are kept.
    """

    def begin(self, person: str, now: dt.datetime) -> str:
        """A new session, under a token that nobody had before; the token."""
        ...

    def find(self, token: str, now: dt.datetime, *, is_seen: bool = True) -> Session | None:
        """The session of a token, marked as seen now if ``is_seen``.

        None if there is none, it is over, or the site does not know the person any more.
        """
        ...

    def end(self, token: str, now: dt.datetime) -> None:
        """End a session, if there is one."""
        ...

    def end_all(self, person: str, now: dt.datetime) -> None:
        """End every session of a person, for example because a passkey of theirs was revoked."""
        ...
