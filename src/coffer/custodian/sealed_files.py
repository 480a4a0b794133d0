"""Files of a custodian's folder that only its own keys write and read.

Promises: a file that another wrote, or that stood under another name, is refused. Source: ``docs/formats/custodian.md``,
"Requests".
"""

from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from coffer import wire
from coffer.custodian.keys import CustodianKeys
from coffer.disk import TEMPORARY, Disk
from coffer.errors import NotProven


class SealedFiles:
    """Folders of one custodian whose files are sealed by AES-256-SIV, each to its folder and name."""

    def __init__(self, path: Path, disk: Disk, name: str) -> None:
        self._path = path
        self._disk = disk
        self._name = name

    def write(self, folder: str, name: str, raw: bytes, keys: CustodianKeys) -> None:
        """Write a file, durably."""
        sealed = AESSIV(keys.requests.unsafe_bytes()).encrypt(raw, [_context(folder, name)])
        self._disk.write(self._path / folder / name, sealed, private=True)

    def read(self, folder: str, name: str, keys: CustodianKeys) -> bytes:
        """What was written there.

        Raises:
            NotProven: somebody else wrote the file, or changed it.
            Unavailable: it is not there, or cannot be read.
        """
        sealed = self._disk.read(self._path / folder / name)
        try:
            return AESSIV(keys.requests.unsafe_bytes()).decrypt(sealed, [_context(folder, name)])
        except (InvalidTag, ValueError):
            raise NotProven(
                f"custodian {self._name}: {folder or name}: a file is not its own",
                hint="somebody changed it: remove the file; the desk can send the request again",
            ) from None

    def files(self, folder: str) -> list[Path]:
        """The files of a folder, without those that a crash left half written."""
        return [path for path in self._disk.children(self._path / folder) if TEMPORARY not in path.name]


def _context(folder: str, name: str) -> bytes:
    return wire.tag("requests") + f"{folder}/{name}".encode("ascii")
