"""A bound on how long something may take, whatever it does meanwhile."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, act: Callable[[], T]) -> T:
    """The result of ``act``, or the exception that it raises; ``TimeoutError`` if it is not done in time.

    After a timeout its thread goes on, and its outcome is dropped. Libraries bound only the time between two bytes, so
    a server that sends slowly could hold its client for hours.
    """
    outcome: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((act(), None))
        except BaseException as error:  # noqa: BLE001 - the waiting thread raises it again
            outcome.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # without an error this is the result of act
