"""The port to everything beyond a vault's folder: time, randomness, and others who see its log.

Implementations: ``coffer.cli`` gives the system's clock and asks over HTTP; ``Alone`` asks nobody.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from coffer.custody.addresses import Address
from coffer.entropy import Entropy
from coffer.notes.cosign import CosignKey
from coffer.notes.keyfile import STANDARD, PassphraseCost
from coffer.notes.note import Note
from coffer.translog.witness import Gathered, Proof
from coffer.vault.memory import COSTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What guesses cost a thief of the vault's folder.

    ``passphrase``: at one. ``prints``: at a file that was read, as ``memory.Cost.of`` takes it.
    """

    passphrase: PassphraseCost = STANDARD
    prints: Sequence[tuple[int, int]] = COSTS


class Outside(Protocol):
    """The port. One command at a time calls it, and no method changes the vault."""

    @property
    def costs(self) -> Costs:
        """What guesses at secrets of this vault cost: as much time as people will wait for."""

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
        """Cosignatures of a checkpoint of ``size`` entries from these witnesses, and what went wrong.

        Waits a bounded time.

        Raises:
            Unavailable: this machine can ask nobody at all.
        """

    def checkpoints(self, addresses: Sequence[Address], /) -> Mapping[str, bytes]:
        """The newest checkpoints that custodians on other machines hold, by name, unproven.

        A custodian that does not answer soon is left out.
        """

    def say(self, message: str, /) -> None:
        """Tell the person at the command something that is not an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """An ``Outside`` with a clock and randomness, and with nobody to ask or to tell."""

    clock: Callable[[], dt.datetime]
    entropy: Entropy
    costs: Costs = field(default_factory=Costs)

    def gather(
        self,
        note: Note,  # noqa: ARG002 - nobody is asked
        size: int,  # noqa: ARG002
        proof: Proof,  # noqa: ARG002
        keys: Sequence[CosignKey],  # noqa: ARG002
        addresses: Mapping[str, str],  # noqa: ARG002
        /,
    ) -> Gathered:
        """No cosignatures and no failures."""
        return Gathered(lines=(), failed={})

    def checkpoints(self, addresses: Sequence[Address], /) -> Mapping[str, bytes]:  # noqa: ARG002 - nobody is asked
        """No checkpoints."""
        return {}

    def say(self, message: str, /) -> None:
        """Tell nobody."""
