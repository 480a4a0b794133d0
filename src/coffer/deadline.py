"""A bound on how long something may take, whatever it does meanwhile."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, act: Callable[[], T]) -> T:
    """What ``act`` gives, or raises; ``TimeoutError`` if it is not done in time: its thread is left behind and its outcome dropped.

    Libraries bound the time between two bytes, which lets a server that drips hold its client for hours.
    """
    outcome: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((act(), None))
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            outcome.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        found, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return found  # type: ignore[return-value]  # no error: it is what act gave
