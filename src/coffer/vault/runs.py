"""What a run of ingest tells the operator about itself: counts and reasons.

It tells while it goes on, and for a week after.

Promises: it names no file and holds nothing of a record. Records are counted in whole 1,024s, as in the log, so that the
noise of a tally still hides each of them from whoever has this file and its key. Rejected lines, which are in no tally,
are counted exactly. A reader takes no lock and sees the newest whole file. Trusts: the operator's file key.

Implements ``docs/formats/vault.md``, "Runs".
"""

import datetime as dt
import hmac
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coffer import wire
from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import COARSE
from coffer.notes.keyfile import NONCE_BYTES
from coffer.notes.keys import Secret

RUNS: Final = "runs"
KEPT_FOR: Final = dt.timedelta(days=7)
"""Long enough to ask about a week's rejects. What a year tells is in the log, rounded down."""
MAX_RUNS: Final = 1_000
"""Runs that are kept; beyond it the oldest are removed. A file every five minutes makes 2,016 a week."""
MAX_REASONS: Final = 100
"""Pairs of file and reason that a run keeps, the most frequent first."""
READING: Final = "reading"
LOGGING: Final = "logging"
LOGGED: Final = "logged"
KNOWN: Final = "known"
FAILED: Final = "failed"
STAGES: Final = (READING, LOGGING, LOGGED, KNOWN, FAILED)
"""``known``: every file was ingested before, and nothing was logged. ``failed``: nothing of it exists."""
ENDED: Final = (LOGGED, KNOWN, FAILED)
_VERSION: Final = 1
_PADDING: Final = 4_096
_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}Z)-[0-9a-f]{16}")
_TIME: Final = "%Y-%m-%dT%H%M%SZ"
_LABEL: Final = re.compile("[a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedLines:
    """Lines of one file that were rejected for one reason.

    ``file``: its place among the run's files, from 1. ``first``: the number of the first such line.
    """

    file: int
    reason: str
    lines: int
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of ingest, as far as it got at ``told``.

    ``files``: how many it was given. ``size_bytes``: of all of them, 0 if unknown, as with packed ones; ``done_bytes``: how
    much of it is sealed. ``read``, ``kept``, ``duplicate``: records, rounded down to multiples of ``COARSE``;
    ``rejected``: lines, exactly. ``batch``: its name in the
    log, empty until it is being logged; from then on the log knows whether it exists.
    """

    feed: str
    stage: str
    began: dt.datetime
    told: dt.datetime
    files: int
    size_bytes: int
    done_bytes: int = 0
    read: int = 0
    kept: int = 0
    duplicate: int = 0
    rejected: int = 0
    reasons: tuple[RejectedLines, ...] = ()
    batch: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be told of it."""
        return self.stage in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    version: int
    run: Run


_DECODER: Final = msgspec.msgpack.Decoder(_Form)


class RunKey:
    """The operator's ``file`` key, and the key derived from it that seals runs."""

    def __init__(self, secret: Secret, origin: str) -> None:
        self._key = hmac.digest(secret.unsafe_bytes(), wire.tag("run-key"), "sha256")
        self._origin = origin.encode("ascii")

    def seal(self, run: Run, name: str, entropy: Entropy) -> bytes:
        """The file of a run, bound to its name."""
        raw = msgspec.msgpack.encode(_Form(version=_VERSION, run=run))
        padded = len(raw).to_bytes(4, "big") + raw
        padded += bytes(-len(padded) % _PADDING)
        nonce = entropy(NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, padded, self._context(name))

    def unseal(self, raw: bytes, name: str) -> Run:
        """The inverse of ``seal``.

        Raises:
            NotProven: the file was changed, or belongs to another vault or name.
            MalformedInput: it has another version.
        """
        try:
            padded = AESGCM(self._key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], self._context(name))
        except (InvalidTag, ValueError):
            raise NotProven(f"{RUNS}: a file was changed, or is another vault's") from None
        try:
            form = _DECODER.decode(padded[4 : 4 + int.from_bytes(padded[:4], "big")])
        except msgspec.DecodeError:
            raise MalformedInput(f"{RUNS}: a file is not of this version") from None
        if form.version != _VERSION or not _is_sound(form.run):
            raise MalformedInput(f"{RUNS}: a file is not of this version")
        return form.run

    def _context(self, name: str) -> bytes:
        return wire.tag("run") + self._origin + b"\n" + name.encode("ascii")


def _is_sound(run: Run) -> bool:
    numbers = (run.files, run.size_bytes, run.done_bytes, run.read, run.kept, run.duplicate, run.rejected)
    are_reasons = [
        _LABEL.fullmatch(one.reason) is not None and min(one.file, one.lines, one.first) >= 1 for one in run.reasons
    ]
    return (
        run.stage in STAGES
        and min(numbers) >= 0
        and (run.read % COARSE, run.kept % COARSE, run.duplicate % COARSE) == (0, 0, 0)
        and len(run.reasons) <= MAX_REASONS
        and False not in are_reasons
        and run.began.tzinfo is not None
        and run.told.tzinfo is not None
    )


class Runs:
    """The folder ``runs`` of a vault.

    One ingest at a time writes; anybody with the key reads, without a lock.
    """

    def __init__(self, vault: Path, disk: Disk, *, key: Callable[[], RunKey], entropy: Entropy) -> None:
        self._folder = vault / RUNS
        self._disk = disk
        self._key = key
        self._entropy = entropy

    def name(self, now: dt.datetime) -> str:
        """The name of a new run."""
        return f"{now.strftime(_TIME)}-{self._entropy(8).hex()}"

    def write(self, name: str, run: Run) -> None:
        """Tell how far a run is; durable when this returns."""
        self._disk.make_folder(self._folder, private=True)
        self._disk.write(self._folder / name, self._key().seal(run, name, self._entropy), private=True)

    def tidy(self, now: dt.datetime) -> None:
        """Remove what is old, and end the runs that were cut short. The caller is the only ingest."""
        for path in self._disk.temporaries(self._folder):
            self._disk.remove(path)
        named = [path for path in self._disk.children(self._folder) if _NAME.fullmatch(path.name)]
        for place, path in enumerate(reversed(named)):
            if place >= MAX_RUNS or _began(path.name) < now - KEPT_FOR:
                self._disk.remove(path)
                continue
            run = self._read(path)
            if run is not None and not run.has_ended:
                self.write(path.name, replace(run, stage=FAILED))

    def all(self) -> list[Run]:
        """Every run that is kept, the newest first. A file that was changed is left out."""
        runs = [self._read(path) for path in self._disk.children(self._folder) if _NAME.fullmatch(path.name)]
        return sorted((run for run in runs if run is not None), key=lambda run: run.began, reverse=True)

    def _read(self, path: Path) -> Run | None:
        try:
            return self._key().unseal(self._disk.read(path), path.name)
        except (MalformedInput, NotProven, Unavailable):
            return None  # changed, of an older version, or just removed: nothing rests on it


def _began(name: str) -> dt.datetime:
    """When a run began, as the name of its file says. A name that is no time is the oldest."""
    with suppress(ValueError):
        return dt.datetime.strptime(name[:18], _TIME).replace(tzinfo=dt.UTC)
    return dt.datetime.min.replace(tzinfo=dt.UTC)
