"""A served log, fetched into a folder and audited there (docs/procedures/auditing.md).

Trusts nothing that the server sends: each file has a greatest size, and the whole has a greatest size and time. It
follows no redirect, uses no proxy and keeps no cookie. If a fingerprint is given, only that certificate is accepted,
and it is compared before anything is sent.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from coffer_audit.errors import MalformedInput, NotProven, Unavailable
from coffer_audit.log.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from coffer_audit.log.tiles import TILE, format_tile
from coffer_audit.notes import MAX_CHECKPOINT_BYTES, MAX_NOTE_BYTES
from coffer_audit.wire import parse_hex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from coffer_audit.notes import VerifyKey

MAX_BUNDLE_BYTES = TILE * (2 + MAX_NOTE_BYTES)
HASH_TILE_BYTES = 32 * TILE
ROUNDS = 3
"""How often the fetch begins again with the newest checkpoint.

A log that grows during the fetch replaces its partial tiles.
"""
HOST = re.compile(r"[A-Za-z0-9._:-]{1,255}", re.ASCII)
PATH = re.compile(r"(?:/[A-Za-z0-9._~%-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what a server may cost; a server that exceeds one ends the fetch, and nothing is kept."""

    entries: int = 1 << 24  # an audit holds all of them in memory
    total_bytes: int = 1 << 31  # on the disk, then in memory
    silence_s: float = 30.0  # for a connection, and for each piece that comes through it
    whole_s: float = 3_600.0  # stops a server that sends a byte now and then


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of a served log; `path` ends in no slash.

    `fingerprint` is None if certificate authorities vouch for the server.
    """

    scheme: str
    host: str
    port: int
    path: str
    fingerprint: str | None

    def format_text(self) -> str:
        """Give the address back."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


_PORTS = {"http": 80, "https": 443}


def is_address(text: str) -> bool:
    """Whether a text is meant as an address and not as a folder."""
    return "://" in text


def parse_address(text: str, fingerprint: str | None) -> Address:
    """Decode an address. Errors do not repeat its text, because it could hold a password.

    Raises: MalformedInput.
    """
    expected = "expected http:// or https://HOST[:PORT][/PATH]"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise MalformedInput(f"address: found one that cannot be read, {expected}") from error
    if parts.scheme not in _PORTS:
        raise MalformedInput(f"address: found another scheme, {expected}")
    if parts.query or parts.fragment or "@" in parts.netloc or "?" in text or "#" in text:
        raise MalformedInput(f"address: found a user, a question mark or a fragment, {expected}")
    path = parts.path.rstrip("/")
    if not HOST.fullmatch(host) or not PATH.fullmatch(path) or port == 0:
        raise MalformedInput(f"address: found another host, port or path, {expected}")
    if fingerprint is not None:
        if parts.scheme != "https":
            raise MalformedInput(f"--fingerprint: found an address with {parts.scheme}, expected https")
        # openssl prints a fingerprint in capitals, with colons
        fingerprint = parse_hex(fingerprint.replace(":", "").lower(), 32, "--fingerprint")
    return Address(
        scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme], path=path, fingerprint=fingerprint
    )


class LogServer:
    """One connection at a time to a log's server; a `with` block lasts at most `whole_s`."""

    def __init__(self, address: Address, limits: Limits) -> None:
        self.base, self.files, self.bytes = address.format_text(), 0, 0
        self._address, self._limits = address, limits
        self._connection: HTTPConnection | None = None
        self._is_over = False
        self._watch = threading.Timer(limits.whole_s, self._end)

    def __enter__(self) -> Self:
        """Start the clock."""
        self._watch.daemon = True
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._watch.cancel()
        self._drop()

    def fetch(self, path: str, limit: int) -> bytes | None:
        """Give a file of at most `limit` bytes; None if the server has none (404).

        Raises: Unavailable, MalformedInput (too long), NotProven (another certificate).
        """
        place = f"{self.base}/{path}"
        for is_fresh in (False, True):  # a server may have closed a kept connection, so try a fresh one once
            was_open = self._connection is not None and self._connection.sock is not None
            try:
                return self._fetch_once(place, path, limit)
            except ssl.SSLCertVerificationError as error:
                raise NotProven(
                    f"{self.base}: found a certificate that is not accepted ({error.verify_message}), "
                    "expected one that an authority of this system vouches for",
                    hint="if it is the custodian's own, give --fingerprint HEX, as coffer custodian status shows it",
                ) from error
            except (OSError, HTTPException) as error:
                self._drop()
                if self._is_over:
                    raise self._late(place) from error
                if is_fresh or not was_open:
                    raise self._explain(place, error) from error
        raise AssertionError(path)  # the second round returns or raises

    def _fetch_once(self, place: str, path: str, limit: int) -> bytes | None:
        connection = self._connect()
        connection.request("GET", f"{self._address.path}/{path}", headers={"User-Agent": "coffer-audit"})
        response = connection.getresponse()
        if response.status == HTTPStatus.NOT_FOUND:
            self._drop()
            return None
        if 300 <= response.status < 400:
            self._drop()
            raise Unavailable(
                f"{place}: found a redirect (status {response.status}), expected status 200",
                hint="no redirect is followed: give the address of the log itself",
            )
        if response.status != HTTPStatus.OK:
            self._drop()
            raise Unavailable(f"{place}: found status {response.status}, expected 200", hint=_WHERE)
        raw = self._read(response, place, limit)
        self.files, self.bytes = self.files + 1, self.bytes + len(raw)
        return raw

    def _read(self, response: HTTPResponse, place: str, limit: int) -> bytes:
        room = self._limits.total_bytes - self.bytes
        raw = response.read(min(limit, room) + 1)
        if len(raw) > limit:
            self._drop()
            raise MalformedInput(f"{place}: found over {limit} B, expected at most so many")
        if len(raw) > room:
            self._drop()
            raise Unavailable(
                f"{place}: found over {self._limits.total_bytes} B in all, expected at most so many",
                hint="copy the log's folder by other means and audit the copy",
            )
        if self._is_over:  # a body that the timer cut off could look complete
            self._drop()
            raise self._late(place)
        if response.length:
            self._drop()
            raise Unavailable(f"{place}: found {response.length} B less than announced, expected all", hint=_AGAIN)
        return raw

    def _connect(self) -> HTTPConnection:
        """Give the open connection, or open one and compare its certificate before anything is sent."""
        if self._connection is not None and self._connection.sock is not None:
            return self._connection
        address, wait = self._address, self._limits.silence_s
        if address.scheme == "http":
            self._connection = HTTPConnection(address.host, address.port, timeout=wait)
        else:
            context = ssl.create_default_context()
            if address.fingerprint:  # the fingerprint alone decides, not authorities or names
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._connection = HTTPSConnection(address.host, address.port, timeout=wait, context=context)
        self._connection.auto_open = 0  # otherwise it would open again without the comparison
        self._connection.connect()
        if self._is_over:
            raise self._late(self.base)
        if address.fingerprint:  # step 1
            sock = self._connection.sock
            certificate = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
            fingerprint = hashlib.sha256(certificate or b"").hexdigest()
            if fingerprint != address.fingerprint:
                self._drop()
                raise NotProven(
                    f"{self.base}: found a certificate with fingerprint {fingerprint}, expected {address.fingerprint}",
                    hint="nothing was sent; ask whoever serves this log, by other means, which one is theirs",
                )
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _end(self) -> None:
        """Close the socket, so that a thread waiting on it wakes and fails. The timer's thread calls this."""
        self._is_over = True
        connection = self._connection
        if connection is not None and isinstance(sock := connection.sock, socket.socket):
            with suppress(OSError):  # it was closed already
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _late(self, place: str) -> Unavailable:
        return Unavailable(f"{place}: found no end after {self._limits.whole_s:g} s, expected all files", hint=_AGAIN)

    def _explain(self, place: str, error: Exception) -> Unavailable:
        if isinstance(error, TimeoutError):
            return Unavailable(f"{place}: found nothing for {self._limits.silence_s:g} s, expected an answer", hint=_UP)
        if isinstance(error, ssl.SSLError):
            return Unavailable(f"{place}: found no TLS ({error.reason}), expected a server of https", hint=_UP)
        return Unavailable(f"{place}: found no answer ({type(error).__name__}), expected a log's server", hint=_UP)


_UP = "is the server up, and is the address right, http or https and port included?"
_WHERE = "is this the address of a log? A custodian serves it at https://HOST:PORT/log"
_AGAIN = "try again, or fetch from another copy of the log, such as a custodian's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A fetched log; `missing` are paths that the checkpoint demands and the server lacks."""

    checkpoint: Checkpoint
    files: int
    size_bytes: int
    missing: tuple[str, ...]


def list_tiles(size: int) -> Iterator[tuple[str, int, int]]:
    """Give (level, index, width) of every entry bundle and hash tile of a log of this size."""
    levels = [("entries", size)]
    while (nodes := size >> 8 * (len(levels) - 1)) > 0:
        levels.append((str(len(levels) - 1), nodes))
    for level, nodes in levels:
        for index in range(-(-nodes // TILE)):
            yield level, index, min(TILE, nodes - index * TILE)


def fetch_log(address: Address, folder: Path, key: VerifyKey | None, limits: Limits = LIMITS) -> Fetched:
    """Store a log as a new folder with `checkpoint` and `tile/`.

    With a key this proves who signed the checkpoint, and otherwise nothing. Files that the server lacks are left out,
    and the audit of the folder reports them.

    Raises: Unavailable, MalformedInput, NotProven (another log, or another server).
    """
    folder.mkdir()
    (folder / "tile").mkdir()
    raw, missing = b"", [""]
    with LogServer(address, limits) as server:
        for _ in range(ROUNDS):
            newest = server.fetch("checkpoint", MAX_CHECKPOINT_BYTES)  # step 2
            if newest is None:
                raise Unavailable(f"{server.base}/checkpoint: found none (status 404), expected one", hint=_WHERE)
            if newest == raw:
                break  # the log did not grow, so the server really lacks the missing files
            raw, place = newest, f"{server.base}/checkpoint"
            checkpoint = parse_checkpoint(raw, place)
            if key:
                _verify_log(checkpoint, key, place)
            if checkpoint.size > limits.entries:
                raise Unavailable(
                    f"{place}: found a log of {checkpoint.size} entries, expected at most {limits.entries}",
                    hint="copy the log's folder by other means and audit the copy",
                )
            missing = _fetch_tiles(server, folder / "tile", checkpoint.size)  # step 3
            if not missing:
                break
        (folder / "checkpoint").write_bytes(raw)
        return Fetched(checkpoint=checkpoint, files=server.files, size_bytes=server.bytes, missing=tuple(missing))


def _verify_log(checkpoint: Checkpoint, key: VerifyKey, place: str) -> None:
    try:
        verify_checkpoint(checkpoint, key, place)
    except NotProven as error:
        raise NotProven(str(error), hint="the server shows another log, or --log-key is another log's") from error


def _fetch_tiles(server: LogServer, folder: Path, size: int) -> list[str]:
    """Store the tiles that are not here yet, and give the paths that the server lacks."""
    missing = []
    for level, index, width in list_tiles(size):
        limit = MAX_BUNDLE_BYTES if level == "entries" else HASH_TILE_BYTES
        paths = dict.fromkeys((format_tile(level, index, width), format_tile(level, index, TILE)))
        if any((folder / path).exists() for path in paths):
            continue  # an earlier round stored it
        for path in paths:  # the server may have replaced a partial tile by the full one
            raw = server.fetch(f"tile/{path}", limit)
            if raw is not None:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(raw)
                break
        else:
            missing.append(next(iter(paths)))
    return missing
