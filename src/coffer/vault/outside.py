"""What a vault is given from beyond its folder: the time, randomness, and others who see its log. A port.

Implementations: ``coffer.cli`` gives the system's clock and asks over HTTP; ``Alone`` asks nobody.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from coffer.custody.addresses import Address
from coffer.entropy import Entropy
from coffer.notes.cosign import CosignKey
from coffer.notes.note import Note
from coffer.translog.witness import Gathered, Proof


class Outside(Protocol):
    """Called by one command at a time. None of its methods changes the vault."""

    def clock(self) -> dt.datetime:
        """Now, in UTC."""

    def entropy(self, size: int, /) -> bytes:
        """Random bytes, fit for keys."""

    def gather(
        self,
        note: Note,
        size: int,
        proof: Proof,
        keys: Sequence[CosignKey],
        addresses: Mapping[str, str],
        /,
    ) -> Gathered:
        """Cosignatures of a checkpoint of ``size`` entries from these witnesses, and what went wrong at the others. Waits a bounded time.

        Raises:
            Unavailable: nobody can be asked from here at all.
        """

    def checkpoints(self, addresses: Sequence[Address], /) -> Mapping[str, bytes]:
        """The newest checkpoints that custodians on other machines hold, by name, unproven. Who does not answer soon is left out."""

    def say(self, message: str, /) -> None:
        """Tell the person at the command a thing that is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """An ``Outside`` of a clock and randomness, with nobody to ask or to tell."""

    clock: Callable[[], dt.datetime]
    entropy: Entropy

    def gather(
        self,
        note: Note,  # noqa: ARG002 - nobody is asked
        size: int,  # noqa: ARG002
        proof: Proof,  # noqa: ARG002
        keys: Sequence[CosignKey],  # noqa: ARG002
        addresses: Mapping[str, str],  # noqa: ARG002
        /,
    ) -> Gathered:
        """None."""
        return Gathered(lines=(), failed={})

    def checkpoints(self, addresses: Sequence[Address], /) -> Mapping[str, bytes]:  # noqa: ARG002 - nobody is asked
        """None."""
        return {}

    def say(self, message: str, /) -> None:
        """To nobody."""
