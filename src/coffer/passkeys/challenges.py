"""Challenges that passkeys sign: random, for one purpose, one use, five minutes."""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from coffer.entropy import Entropy
from coffer.errors import Refused, Unavailable

CHALLENGE_BYTES: Final = 32
LIFE: Final = dt.timedelta(minutes=5)
"""Time enough to find a security key; a challenge that somebody noted down is worth nothing after it."""
MAX_WAITING: Final = 65_536
"""Of one purpose: some 200 a second for five minutes, and 20 MiB. Above it nobody new gets one for that purpose, so that
nobody's is thrown out for another's, and strangers who begin to sign in keep nobody who did from deciding."""


class Purpose(Enum):
    """What a challenge is for. One made for one purpose serves no other."""

    SIGN_IN = "sign-in"
    REGISTER = "register"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """``value``: what the authenticator signs, 32 bytes.

    ``nonce``: the random bytes of which it was made.

    ``subject``: what it is bound to beside its purpose, for example a person, a request or a browser's cookie.
    """

    value: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    purpose: Purpose
    subject: bytes = field(repr=False)
    until: dt.datetime


class Challenges:
    """The challenges that wait for their answers, in memory: after a restart people begin again.

    Any thread may call.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._lock = threading.Lock()
        self._waiting: dict[Purpose, dict[bytes, Challenge]] = {purpose: {} for purpose in Purpose}

    def issue(
        self,
        purpose: Purpose,
        subject: bytes,
        now: dt.datetime,
        *,
        derive: Callable[[bytes], bytes] = lambda nonce: nonce,
    ) -> Challenge:
        """A fresh one. ``derive`` makes what is signed from the nonce, where that must say more.

        Raises:
            Unavailable: too many wait.
        """
        nonce = self._entropy(CHALLENGE_BYTES)
        issued = Challenge(value=derive(nonce), nonce=nonce, purpose=purpose, subject=subject, until=now + LIFE)
        with self._lock:
            waiting = self._waiting[purpose]
            _forget_old(waiting, now)
            if len(waiting) >= MAX_WAITING:
                raise Unavailable(f"challenges: {MAX_WAITING} wait", hint="try again in some minutes")
            waiting[issued.value] = issued
        return issued

    def take(self, value: bytes, purpose: Purpose, subject: bytes, now: dt.datetime) -> Challenge:
        """The challenge of this value, which is used up by this, whatever comes of it.

        Raises:
            Refused: there is none, it is too old, or it was made for something else.
        """
        with self._lock:
            taken = [waiting.pop(value, None) for waiting in self._waiting.values()]
        issued = next((one for one in taken if one is not None), None)
        if issued is None or now >= issued.until or (issued.purpose, issued.subject) != (purpose, subject):
            raise Refused(
                f"challenge: none for this {purpose.value}, or older than {LIFE.seconds // 60} minutes, or used before",
                code="time",
                hint="begin again on the page",
            )
        return issued


def _forget_old(waiting: dict[bytes, Challenge], now: dt.datetime) -> None:
    """They lie in the order in which they were made, so the old ones are at the front."""
    for value in list(waiting):
        if now < waiting[value].until:
            return
        del waiting[value]
