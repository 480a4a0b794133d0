"""Lanes: threads reserved for one kind of work, with a fair queue before them."""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Final, TypeVar

from coffer.serving.crowd import Client, Crowd

MAX_WAITING: Final = 64
"""Strangers' requests that may wait. Each takes some milliseconds, and a longer queue would answer too late.

Addresses that proved something may wait in a queue of twice, and connections that did in one of three times this
length.
"""


class Busy(Exception):  # noqa: N818 - what it says is sent, not shown to people
    """Too many requests wait."""


_Outcome = TypeVar("_Outcome")


class Lane:
    """Threads reserved for one kind of work, with a fair queue before them.

    Clients that proved something go first. The others take turns.
    """

    def __init__(self, name: str, threads: int, crowd: Crowd) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads
        self._crowd = crowd
        self._numbers = count()
        self._waiting: list[tuple[int, int, int, asyncio.Future[None]]] = []
        self._hosts: Counter[str] = Counter()

    async def run(self, client: Client | None, act: Callable[..., _Outcome], *arguments: object) -> _Outcome:
        """The result of ``act``, run in a thread when it is this client's turn.

        Raises:
            Busy: too many requests wait.
        """
        host, loop = "" if client is None else client[0], asyncio.get_running_loop()
        self._hosts[host] += 1
        try:
            await self._turn(client, host)
            try:
                return await loop.run_in_executor(self._pool, partial(act, *arguments))
            finally:
                self._next()
        finally:
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]

    async def _turn(self, client: Client | None, host: str) -> None:
        if self._free > 0:
            self._free -= 1
            return
        rank = self._crowd.rank(client)
        if len(self._waiting) >= MAX_WAITING * (3 - rank):
            raise Busy
        turn = asyncio.get_running_loop().create_future()
        # Among equals, the host with the fewest requests here goes first, so one that sends many holds up no other.
        heapq.heappush(self._waiting, (rank, self._hosts[host], next(self._numbers), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[-1]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
