"""The port behind which a custodian answers, here or far away."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from coffer.authority.authorization import Authorization


class Custodian(Protocol):
    """Answers sealed requests.

    Idempotent: the same request again gives the same payload, so a caller may retry. Safe to call from several threads. It decides for itself, and returns
    within its deadline or raises ``Unavailable``; it raises nothing else. The reply is unproven: the caller unseals and verifies it.
    """

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def answer(self, sealed: bytes) -> bytes:
        """A sealed reply, or ``exchange.CONSTANT_REFUSAL``."""
        ...

    def standing(self, sealed: bytes) -> bytes:
        """A sealed report of how a request stands here, or ``exchange.CONSTANT_REFUSAL``.

        It changes nothing, so a caller may ask as often as it likes.
        """
        ...

    def cosign(self, checkpoint: bytes) -> bytes:
        """The cosignature line, with its line end, of a checkpoint that it follows; nothing for any other.

        It waits for no other custodian.
        """
        ...


@runtime_checkable
class AtHand(Protocol):
    """A custodian whose list of authorities lies here: an opening looks at it before it logs."""

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def is_doubtful(self, authorization: Authorization) -> bool:
        """Whether it answers only if every custodian of the rule has signed: as ``needs_every_signature``."""
        ...


class ReceiptGiver(Protocol):
    """Shows that its part of segments opens.

    Idempotent. Raises only ``Unavailable``, or ``MalformedInput`` for junk from another machine.
    """

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def receipt_entries(self, headers: Sequence[bytes]) -> list[bytes]:
        """Signed receipts or faults for the segments of these header files.

        It passes over what is not in the log, and segments of which it has spoken.
        """
        ...
