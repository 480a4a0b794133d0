"""Who may connect and ask, and how much: counted per address and in all.

Pure, except for the timer that it is given. Called by one thread.

A stranger is an address that proved nothing within the last hour. All strangers share one allowance. An address that
proved something has places and turns of its own. This decides only who waits, never what is answered.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Final

from coffer.bounds import LOOPBACK

PLACES: Final = 256
"""Connections at once, handshakes included. Each holds some 300 KiB, mostly buffers of TLS, so all together 80 MiB."""
PLACES_KEPT: Final = 16
"""Further places, for addresses that proved something: the desk can connect even if strangers hold all others."""
PLACES_OF_ONE: Final = 64
"""Connections of one address, so that one stranger cannot take all places."""
MAX_ADDRESSES: Final = 8_192
"""Addresses that are remembered at once, some hundred bytes each.

Beyond it, the address that was not seen for the longest time is forgotten. The limits for all strangers still hold.
"""
MAX_KNOWN: Final = 1_024
KNOWN_FOR_S: Final = 3_600.0
SETTLED_AFTER_S: Final = 1.0
"""A connection has this long before it can lose its place to a newcomer: ten times a handshake and a request."""
LONGEST_WAIT_S: Final = 5.0
"""A connection that would wait longer for its turn asks far too often, and is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How much is allowed: ``per_s`` in the long run, ``burst`` at once."""

    per_s: float
    burst: float


NEW_OF_ONE: Final = Rate(per_s=20, burst=128)
NEW_OF_STRANGERS: Final = Rate(per_s=100, burst=512)
"""A handshake costs about a millisecond: strangers take a tenth of a core at most."""
REQUESTS_OF_ONE: Final = Rate(per_s=50, burst=200)
"""An auditor that fetches a log of a million entries takes 80 s."""
REQUESTS_OF_STRANGERS: Final = Rate(per_s=150, burst=400)
"""A request costs one to two milliseconds: strangers take a quarter of a core at most."""
NOT_DELAYED: Final = 8
"""The first requests of an address do not wait for the others. Handshakes bound how many new addresses there are."""
BYTES_OF_ONE: Final = Rate(per_s=2**20, burst=17 * 2**20)
"""Large bodies of an address that proved nothing yet: two of the largest at once, then one in eight seconds."""
BYTES_OF_STRANGERS: Final = Rate(per_s=4 * 2**20, burst=34 * 2**20)
BYTES_OF_KNOWN: Final = Rate(per_s=8 * 2**20, burst=68 * 2**20)
"""Large bodies of an address that proved something before. A body that proves its sender is given back at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What strangers may do: ``connections`` and ``requests`` of one address, and of all together."""

    connections: Rate = NEW_OF_ONE
    connections_of_all: Rate = NEW_OF_STRANGERS
    requests: Rate = REQUESTS_OF_ONE
    requests_of_all: Rate = REQUESTS_OF_STRANGERS


CAREFUL: Final = Allowance()
"""Where a stranger's handshake and request cost a custodian time that the desk needs."""
OPEN_HOUSE: Final = Allowance(
    connections_of_all=Rate(per_s=1_000, burst=2_000),
    requests=Rate(per_s=100, burst=400),
    requests_of_all=Rate(per_s=1_500, burst=3_000),
)
"""For pages that are there for strangers and are kept finished: one costs half a millisecond.

200 visitors a second load a page, a style sheet and a few scripts each.
"""

Client = tuple[str, int]


@dataclass(slots=True)
class _Bucket:
    """How much one address, or all strangers, may still do. Below zero they have to wait."""

    level: float
    at: float

    def fill(self, rate: Rate, now: float) -> None:
        self.level = min(rate.burst, self.level + (now - self.at) * rate.per_s)
        self.at = now


@dataclass(slots=True, eq=False)
class Place:
    """One connection. ``cut`` ends it at once.

    ``is_busy``: it is being answered. ``has_proven``: the last thing it sent proved who sent it.
    """

    client: Client
    address: str
    since: float
    cut: Callable[[], object] = lambda: None
    is_busy: bool = False
    has_proven: bool = False

    def cut_by(self, cut: Callable[[], object]) -> None:
        """From now on ``cut`` ends this connection."""
        self.cut = cut

    def mark(self, *, is_busy: bool) -> None:
        """Say whether it is being answered now. Then it cannot lose its place."""
        self.is_busy = is_busy


@dataclass(slots=True)
class _Buckets:
    """One bucket for each address, at most ``MAX_ADDRESSES``."""

    rate: Rate
    held: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)

    def of(self, address: str, now: float, rate: Rate | None = None) -> _Bucket:
        rate = rate or self.rate
        bucket = self.held.get(address)
        if bucket is None:
            if len(self.held) >= MAX_ADDRESSES:
                self.held.popitem(last=False)
            bucket = self.held[address] = _Bucket(level=rate.burst, at=now)
        self.held.move_to_end(address)
        bucket.fill(rate, now)
        return bucket


class Crowd:
    """Everyone who is connected.

    ``is_behind_proxy``: connections from this machine may carry many people's requests, so they are bounded only in
    all.
    """

    def __init__(
        self,
        timer: Callable[[], float],
        *,
        places: int = PLACES,
        is_behind_proxy: bool = False,
        allowance: Allowance = CAREFUL,
    ) -> None:
        self._allowance = allowance
        self._places = places
        self._is_behind_proxy = is_behind_proxy
        self.turned_away: Counter[str] = Counter()
        self._timer = timer
        self._here: dict[Client, Place] = {}
        self._of: Counter[str] = Counter()
        self._known: OrderedDict[str, float] = OrderedDict()
        now = timer()
        self._new, self._asking = _Buckets(allowance.connections), _Buckets(allowance.requests)
        self._sending = _Buckets(BYTES_OF_ONE)
        self._new_of_all = _Bucket(allowance.connections_of_all.burst, now)
        self._asking_of_all = _Bucket(allowance.requests_of_all.burst, now)
        self._sending_of_all = _Bucket(BYTES_OF_STRANGERS.burst, now)

    def __len__(self) -> int:
        return len(self._here)

    def limit_places(self, places: int) -> None:
        """Allow this many connections at once, beside those kept for addresses that proved something."""
        self._places = places

    def stand_behind_proxy(self, *, is_behind_proxy: bool) -> None:
        """Set whether connections from this machine may come from a proxy."""
        self._is_behind_proxy = is_behind_proxy

    # Connections.

    def enter(self, client: Client) -> Place | None:
        """A place for a connection that was accepted just now; None if it must be closed.

        Another connection may be cut to make room.
        """
        now, address = self._timer(), address_of(client[0])
        is_known = self._is_known(address, now)
        self._new_of_all.fill(self._allowance.connections_of_all, now)
        why_not = self._why_not(address, now, is_known=is_known)
        if why_not:
            self.turned_away[why_not] += 1
            return None
        if self._is_one(address):
            self._new.of(address, now).level -= 1
        if not is_known:
            self._new_of_all.level -= 1
        place = Place(client=(client[0], client[1]), address=address, since=now)
        self._here[place.client] = place
        self._of[address] += 1
        return place

    def _why_not(self, address: str, now: float, *, is_known: bool) -> str:
        """Why there is no place for one more connection of this address; empty if there is one.

        May cut another connection to make room.
        """
        if self._is_one(address):
            if self._of[address] >= PLACES_OF_ONE:
                return "connections: too many of one address"
            if self._new.of(address, now).level < 1:
                return "connections: too often by one address"
        if not is_known and self._new_of_all.level < 1:
            return "connections: too often by strangers"
        if len(self._here) < self._places + (PLACES_KEPT if is_known else 0):
            return ""
        victim = self._victim(address, now, is_known=is_known)
        if victim is None:
            return "connections: all places taken"
        self.turned_away["connections: cut for a newcomer"] += 1
        self.leave(victim)
        victim.cut()
        return ""

    def leave(self, place: Place) -> None:
        """The connection is over. Idempotent."""
        if self._here.get(place.client) is place:
            del self._here[place.client]
            self._of[place.address] -= 1
            if not self._of[place.address]:
                del self._of[place.address]

    def _victim(self, address: str, now: float, *, is_known: bool) -> Place | None:
        """The connection that loses its place to a newcomer of ``address``; None if none should.

        Candidates are connections that proved nothing and are not being answered. The victim is the oldest of the
        address that holds most places. It loses its place to an address that proved something. To a stranger it loses
        its place only if its address would still hold more places than the newcomer's, or after ``SETTLED_AFTER_S``.
        """
        idle = [place for place in self._here.values() if not (place.is_busy or place.has_proven)]
        most = max(idle, key=lambda place: (self._of[place.address], -place.since), default=None)
        if most is None:
            return None
        is_fairer = self._of[most.address] > self._of[address] + 1
        return most if is_known or is_fairer or now - most.since > SETTLED_AFTER_S else None

    # Requests.

    def turn_s(self, place: Place) -> float:
        """Seconds to wait before reading the next request of this connection; ``inf``: cut the connection.

        The request is counted, unless the connection is to be cut.
        """
        if place.has_proven:
            return 0.0
        now, wait = self._timer(), 0.0
        turns, is_new_here = [], False
        if self._is_one(place.address):
            mine = self._asking.of(place.address, now)
            turns.append((mine, self._allowance.requests))
            is_new_here = mine.level > self._allowance.requests.burst - NOT_DELAYED
        if not self._is_known(place.address, now) and not is_new_here:
            self._asking_of_all.fill(self._allowance.requests_of_all, now)
            turns.append((self._asking_of_all, self._allowance.requests_of_all))
        for bucket, rate in turns:
            wait = max(wait, (1 - bucket.level) / rate.per_s)
        if wait > LONGEST_WAIT_S:
            self.turned_away["requests: too often"] += 1
            return float("inf")
        for bucket, _ in turns:
            bucket.level -= 1
        return wait

    def may_send(self, client: Client | None, size: int) -> bool:
        """Whether this connection may send a large body now. If so, the body is counted.

        A connection that proved something always may.
        """
        now, place = self._timer(), self._at(client)
        if client is None or (place is not None and place.has_proven):
            return True
        address = address_of(client[0])
        is_known = self._is_known(address, now)
        rate = BYTES_OF_KNOWN if is_known else BYTES_OF_ONE
        buckets = [self._sending.of(address, now, rate)] if self._is_one(address) else []
        if not is_known:
            self._sending_of_all.fill(BYTES_OF_STRANGERS, now)
            buckets.append(self._sending_of_all)
        if any(bucket.level < size for bucket in buckets):
            self.turned_away["large bodies: too many"] += 1
            return False
        for bucket in buckets:
            bucket.level -= size
        return True

    def prove(self, client: Client | None, size: int) -> None:
        """Note that this connection's body proved who sent it.

        From now on the connection is no stranger's, and the body costs it nothing.
        """
        if client is None:
            return
        now, address = self._timer(), address_of(client[0])
        place = self._at(client)
        if place is not None:
            place.has_proven = True
        self._sending.of(address, now, BYTES_OF_KNOWN).level += size
        self._known[address] = now
        self._known.move_to_end(address)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def prove_nothing(self, client: Client | None) -> None:
        """Note that this connection's body proved nothing. From now on it waits like the others."""
        place = self._at(client)
        if place is not None:
            place.has_proven = False

    def rank(self, client: Client | None) -> int:
        """Whose turn comes first: 0 a connection that proved something, 1 such an address, 2 a stranger."""
        place = self._at(client)
        if place is not None and place.has_proven:
            return 0
        return 1 if client is not None and self._is_known(address_of(client[0]), self._timer()) else 2

    def _at(self, client: Client | None) -> Place | None:
        return None if client is None else self._here.get((client[0], client[1]))

    def _is_one(self, address: str) -> bool:
        return not (self._is_behind_proxy and address in LOOPBACK)

    def _is_known(self, address: str, now: float) -> bool:
        at = self._known.get(address)
        return at is not None and now - at < KNOWN_FOR_S and self._is_one(address)


def address_of(host: str) -> str:
    """What counts as one address.

    For IPv6 that is the /64 network, because one household gets a whole one. An IPv4 address written as IPv6 counts as
    IPv4.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return "::1" if address.is_loopback else f"{IPv6Address(int(address) >> 64 << 64)}/64"
