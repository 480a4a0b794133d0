"""The port behind which a custodian answers, here or far away."""

from typing import Protocol


class Custodian(Protocol):
    """Answers sealed requests.

    Idempotent: the same request again gives the same payload, so a caller may retry. Safe to call from several threads.
    It decides for itself and returns within its
    deadline or raises ``Unavailable``; it raises nothing else. What it returns is unproven: the caller unseals and
    verifies.
    """

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def answer(self, sealed: bytes) -> bytes:
        """A sealed reply, or ``exchange.CONSTANT_REFUSAL``."""
        ...
