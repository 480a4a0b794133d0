"""A custodian with its keys unlocked, and its own copy of the log: what all that it does rests on."""

import datetime as dt
import threading
from collections.abc import Callable

from coffer.authority.hold import Requested
from coffer.custodian.cosigning import Cosigning
from coffer.custodian.evident import Uptime
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.follow import Follower
from coffer.custodian.holding import Holding
from coffer.custodian.keyring import KeyRing
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.lifetime import KeyLifetime
from coffer.custody.review import parse_requested
from coffer.ledger.entries import Body
from coffer.ledger.grammar import format_entry
from coffer.ledger.state import State, verify_clock
from coffer.notes.keys import SigningKey, VerifyKey
from coffer.notes.note import sign_note
from coffer.translog.port import LogMirror, LogReader

Clock = Callable[[], dt.datetime]


class Unlocked:
    """One custodian's folder, its keys, and the log that it reads itself.

    It believes of the log only what its own mirror proves.
    """

    _has_begun = False
    """Whether it has replayed the log once since it started."""

    def __init__(
        self,
        folder: CustodianFolder,
        keys: CustodianKeys,
        *,
        log: LogReader,
        log_key: VerifyKey,
        genesis: bytes,
        clock: Clock,
        unlock: Callable[[], CustodianKeys] | None = None,
        mirror: LogMirror | None = None,
        after_sync: Callable[[State], None] = lambda _state: None,
        uptime: Callable[[], Uptime] = Uptime,
    ) -> None:
        """``unlock`` reads the keys anew, where another process of this custodian may have wrapped them anew.

        ``uptime``: how long this machine has been running. If that is unknown, only the log shows that time passes.
        """
        self._folder = folder
        self._ring = KeyRing(folder, keys, unlock)
        self._clock = clock
        self._origin = log_key.name
        self._following = Follower(
            folder,
            keys.snapshots,
            log=log,
            log_key=log_key,
            genesis=genesis,
            clock=clock,
            mirror=mirror,
            after=after_sync,
        )
        self._holding = Holding(folder, self._ring)
        self._lifetime = KeyLifetime(folder, self._ring, self._following, uptime, self._holding)
        self._cosigning = Cosigning(folder, self._ring, self._following, clock, log_key)
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """Its name in the roster."""
        return self._folder.name

    @property
    def keys(self) -> CustodianKeys:
        """Its keys as they are now."""
        return self._ring.keys

    @property
    def state(self) -> State:
        """Its replay up to the newest checkpoint it accepted; readers only."""
        return self._following.state

    def sync(self) -> State:
        """Catch up with the log's newest checkpoint; this custodian's own replay of it."""
        with self._lock:
            self._following.catch_up()
            self._has_begun = True
            return self._following.state

    def has_news(self) -> bool:
        """Whether the log shows another checkpoint than the one that was accepted last.

        Any thread may ask, and nothing waits for it.
        """
        return self._following.has_news()

    def verify_request(self, raw: bytes, place: str) -> tuple[Requested, State]:
        """A request of this vault, signed by its desk, and what the log says now.

        Raises:
            MalformedInput, NotProven, Refused: it is none.
        """
        state = self.sync()
        return parse_requested(raw, state, place), state

    def _entry(self, body: Body, key: SigningKey) -> bytes:
        """A signed entry, dated now."""
        now = self._clock()
        verify_clock(self._following.state, now)
        text = format_entry(body, origin=self._origin, time=max(now, self._following.state.newest))
        return sign_note(text, key).raw
