"""What a custodian remembers of the log: the newest checkpoint, its replay, the time, a fork.

See ``docs/formats/vault.md``.
"""

import hmac
from pathlib import Path
from typing import Final

from coffer import wire
from coffer.custodian.evident import Evident
from coffer.custodian.keys import CustodianKeys
from coffer.disk import Disk
from coffer.notes.keys import Secret

MAX_COSIGNED_BYTES: Final = 8 * 2**20
"""Some 10,000 checkpoints with their cosignatures. As many older ones are kept beside them."""
_MAC_LINE_BYTES: Final = len("mac: ") + 64 + 1


class Memory:
    """A custodian's files about the log. What is read back is proven by the log, or by a MAC."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk

    def remembered(self) -> bytes | None:
        """The newest checkpoint this custodian accepted, raw."""
        path = self._path / "remembered"
        return self._disk.read(path) if self._disk.is_file(path) else None

    def remember(self, checkpoint: bytes) -> None:
        """Keep a checkpoint, durably, before acting on it."""
        self._disk.write(self._path / "remembered", checkpoint, private=True)

    def snapshot(self) -> bytes | None:
        """This custodian's replay of the log as it was some time ago, raw; ``Replica.restore`` proves it."""
        path = self._path / "snapshot"
        return self._disk.read(path) if self._disk.is_file(path) else None

    def keep_snapshot(self, raw: bytes) -> None:
        """Keep a newer one."""
        self._disk.write(self._path / "snapshot", raw, private=True)

    def evident(self, keys: CustodianKeys) -> Evident | None:
        """What it knew of the time at its last look; None if that is missing or not its own.

        Then less is known, and less is destroyed.
        """
        path = self._path / "evident"
        raw = self._disk.read(path) if self._disk.is_file(path) else b""
        text, mac = raw[:-_MAC_LINE_BYTES], raw[-_MAC_LINE_BYTES:]
        if not hmac.compare_digest(mac, _mac_line(keys.evident, text)):
            return None
        return Evident.parse(text, "evident")

    def keep_evident(self, evident: Evident, keys: CustodianKeys) -> None:
        """Keep it, durably."""
        text = evident.format()
        self._disk.write(self._path / "evident", text + _mac_line(keys.evident, text), private=True)

    def is_frozen(self) -> bool:
        """Whether a fork was seen."""
        return self._disk.is_file(self._path / "frozen")

    def freeze(self, remembered: bytes, offered: bytes) -> None:
        """Answer nothing from now on, and keep both checkpoints."""
        self._disk.write(self._path / "frozen", wire.lp(remembered) + wire.lp(offered), private=True)

    def keep_cosigned(self, checkpoint: bytes) -> None:
        """Add a checkpoint to those that were answered under, durably.

        The oldest go once there are very many.
        """
        path = self._path / "cosigned"
        if self._disk.is_file(path) and self._disk.size(path) > MAX_COSIGNED_BYTES:
            self._disk.publish([(path, path.with_name("cosigned.old"))])
        self._disk.append(path, wire.lp(checkpoint))


def _mac_line(key: Secret, text: bytes) -> bytes:
    return b"mac: " + hmac.digest(key.unsafe_bytes(), text, "sha256").hex().encode("ascii") + b"\n"
