"""A witness's folder: its key, the logs it knows, and the newest checkpoint of each that it cosigned.

A checkpoint is durable before the witness signs it, with each of its keys. The files are:

- ``name``: the witness's name.
- ``key``, ``key-ml-dsa-44``: the seeds of its two keys, hex, mode 0600. A folder of before has the first alone.
- ``logs``: one log vkey a line.
- ``state/<H(origin) hex>.checkpoint``: the checkpoint that was cosigned last.
- ``state/<H(origin) hex>.fork``: LP(remembered) || LP(offered). It exists only after a fork was seen; the witness then
  cosigns nothing of that log any more.
"""

import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path

from coffer import wire
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.notes.cosign import ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE, Cosigner
from coffer.notes.keys import Secret, VerifyKey, parse_vkey
from coffer.translog.witness import Conflict, Cosign, Deny, Fork, Outcome, decide_cosign, parse_ask

_KEYS = {"key": ED25519_COSIGNATURE, "key-ml-dsa-44": ML_DSA_44_COSIGNATURE}
_WAIT_S = 10.0
"""Another process of this witness holds the lock only for one write."""


def make_witness(path: Path, disk: Disk, name: str, logs: list[str]) -> tuple[Cosigner, ...]:
    """A new witness, in a folder that does not exist yet: its keys, one of each type.

    Raises:
        MalformedInput: a name or key is wrong, or ``path`` exists.
    """
    if path.exists():
        raise MalformedInput(f"{path.name}: exists already", hint="choose a new folder: nothing is overwritten")
    keys = [parse_vkey(text, f"--log {number}") for number, text in enumerate(logs, 1)]
    if len({key.name for key in keys}) != len(keys):
        raise MalformedInput("--log: an origin is named twice")
    made = tuple(Cosigner.generate(name, kind) for kind in _KEYS.values())
    seeds = (one.seed.unsafe_bytes().hex().encode("ascii") + b"\n" for one in made)
    files = dict(zip(_KEYS, seeds, strict=True)) | {
        "name": f"{name}\n".encode("ascii"),
        "logs": "".join(f"{key.format()}\n" for key in keys).encode("ascii"),
    }
    disk.write_folder(path, files)
    return made


def add_log(path: Path, disk: Disk, log: str) -> VerifyKey:
    """Let a witness cosign one more log. The witness's service reads the list when it starts.

    Raises:
        MalformedInput: not a witness's folder, not a log's key, or the origin is known already.
    """
    if not disk.is_file(path / "logs"):
        raise MalformedInput(f"{path.name}: not a witness's folder", hint="make one with: coffer witness init")
    key, raw = parse_vkey(log, "log"), disk.read(path / "logs")
    if key.name in {parse_vkey(line, "logs").name for line in raw.decode("ascii").splitlines()}:
        raise MalformedInput(
            f"log {key.name}: known already", hint="a log's key is for good: another one is another log"
        )
    disk.write(path / "logs", raw + f"{key.format()}\n".encode("ascii"))
    return key


def _read_seed(path: Path, disk: Disk) -> Secret:
    line = wire.parse_lines(disk.read(path), path.name)[0]
    return Secret(wire.parse_hex(line, path.name, size=32), "witness seed")


def is_witness(path: Path, disk: Disk) -> bool:
    """Whether a folder is a witness's."""
    return disk.is_file(path / "key") and disk.is_file(path / "name")


class WitnessFolder:
    """A witness at work. One request at a time."""

    def __init__(self, path: Path, disk: Disk, clock: Callable[[], dt.datetime]) -> None:
        if not disk.is_file(path / "key"):
            raise MalformedInput(f"{path.name}: not a witness's folder", hint="make one with: coffer witness init")
        self._path, self._disk, self._clock = path, disk, clock
        name = wire.parse_lines(disk.read(path / "name"), "name")[0]
        self.keys = tuple(
            Cosigner(name, _read_seed(path / file, disk), kind)
            for file, kind in _KEYS.items()
            if disk.is_file(path / file)
        )
        lines = disk.read(path / "logs").decode("ascii", "replace").splitlines()
        self._logs: dict[str, VerifyKey] = {key.name: key for key in (parse_vkey(line, "logs") for line in lines)}
        self._lock = threading.Lock()

    def counts(self) -> tuple[int, int, int]:
        """How many logs it knows, of how many it cosigned a checkpoint, and how many showed it two histories."""
        names = self._disk.names(self._path / "state")
        cosigned, forked = (sum(name.endswith(suffix) for name in names) for suffix in (".checkpoint", ".fork"))
        return len(self._logs), cosigned, forked

    def add_checkpoint(self, body: bytes) -> tuple[int, bytes]:
        """HTTP status and body for ``POST /add-checkpoint``. A checkpoint is durable before it is signed.

        Raises:
            Unavailable: the disk failed, and nothing was signed.
        """
        try:
            ask = parse_ask(body)
        except MalformedInput as error:
            return 400, error.message.encode("ascii") + b"\n"
        key = self._logs.get(ask.origin)
        if key is None:
            return 404, b"origin: not a log that this witness knows\n"
        # The lock file is for several processes of one witness: together they must not cosign two histories.
        with self._lock, self._disk.locked(self._path / "lock", what="witness", wait_s=_WAIT_S):
            return self._add(ask.origin, decide_cosign(ask, key, self._remembered(ask.origin)))

    def _add(self, origin: str, outcome: Outcome) -> tuple[int, bytes]:
        match outcome:
            case Cosign() if self._disk.is_file(self._file(origin, "fork")):
                return 422, b"log: frozen since it showed this witness two histories\n"
            case Cosign(checkpoint=checkpoint):
                self._disk.write(self._file(origin, "checkpoint"), checkpoint.note.raw)
                lines = [key.cosign(checkpoint.note.text, self._clock()).format() + "\n" for key in self.keys]
                return 200, "".join(lines).encode("utf-8")
            case Conflict(size=size):
                return 409, b"%d\n" % size
            case Fork(remembered=remembered, offered=offered, size=size):
                if not self._disk.is_file(self._file(origin, "fork")):
                    self._disk.write(self._file(origin, "fork"), wire.lp(remembered) + wire.lp(offered))
                if size is not None:
                    return 409, b"%d\n" % size
                return 422, b"log: two histories: both checkpoints are kept, nothing is cosigned any more\n"
            case Deny(status=status, reason=reason):
                return status, reason.encode("ascii") + b"\n"

    def _remembered(self, origin: str) -> bytes | None:
        path = self._file(origin, "checkpoint")
        return self._disk.read(path) if self._disk.is_file(path) else None

    def _file(self, origin: str, what: str) -> Path:
        return self._path / "state" / f"{wire.digest(origin.encode('ascii')).hex()}.{what}"
