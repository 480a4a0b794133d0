"""A custodian on another machine, behind the port. No other file of custody knows an HTTP client.

Promises: ``answer`` returns within its time, whatever the other side does; the time includes name resolution, the handshake, and bytes that drip in one
by one. It asks again with the same bytes while time is left, and it reads no more than the largest reply. Trusts: nobody for the content, which the
caller proves; the pinned certificate for the party to which the sealed request is shown. It fails with ``Unavailable``, which holds the custodian's name
and nothing else.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx

from coffer import wire
from coffer.custody.addresses import Address
from coffer.custody.exchange import FRAME_BYTES, MAX_FRAME_BYTES, format_frame, parse_frame
from coffer.custody.gauges import MAX_METRICS_BYTES, Trouble
from coffer.custody.waiting import own_entries, waiting_body
from coffer.deadline import within
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.entries import FaultEntry, ReceiptEntry

MAX_REPLY_BYTES: Final = MAX_FRAME_BYTES * 2
"""The reply to the largest request stays far below."""
MAX_ENTRIES_BYTES: Final = 8 * 2**20
HEADERS_BYTES: Final = 2**20
"""Header files in one request: some hundred, which the custodian works off in a fraction of a second."""
AGAIN_AFTER_S: Final = (0.1, 0.3, 1.0, 2.0)
"""Pauses before asking again. A custodian that restarts is back within these seconds. The last pause repeats, unless nobody listens there."""
_OCTETS: Final = {"content-type": "application/octet-stream"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trouble:
    """Why a custodian did not answer, and what to do about it."""

    kind: Trouble
    said: str
    hint: str


_NOBODY: Final = _Trouble(
    kind=Trouble.NOBODY, said="nobody listens there", hint="is it up, and its address in custodians.toml right?"
)
_OTHER_CERTIFICATE: Final = _Trouble(
    kind=Trouble.CERTIFICATE,
    said="shows another certificate than the pinned one, so it was not asked",
    hint="compare: coffer custodian status DIR; an address that changed hands would look like this",
)
_BUSY: Final = _Trouble(
    kind=Trouble.BUSY, said="busy, or it cannot read the log", hint="is coffer serve running? look at its /health"
)
_SLOW: Final = _Trouble(
    kind=Trouble.SLOW, said="no answer in time", hint="is it up, and its address right? --deadline gives it longer"
)
_FINAL: Final = (_NOBODY, _OTHER_CERTIFICATE)
"""Troubles that a longer wait seldom ends: it is not asked again for ever."""
_FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)


def _trouble_of(error: BaseException) -> _Trouble:
    """Goes by the first cause, because the client's library wraps the socket's error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _OTHER_CERTIFICATE
        if isinstance(cause, ConnectionResetError | ssl.SSLEOFError):
            return _BUSY  # somebody listens there, and has no place for one more connection just now
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return _NOBODY
    return _BUSY if isinstance(error, httpx.RemoteProtocolError) else _SLOW


class _PinnedContext(ssl.SSLContext):
    """TLS to one certificate. It does not matter who signed that certificate."""

    fingerprint: bytes


class _PinnedSocket(ssl.SSLSocket):
    """Proves the certificate before a byte of a request is sent."""

    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        context = self.context
        assert isinstance(context, _PinnedContext), "only such a context makes this socket"
        if wire.digest(self.getpeercert(binary_form=True) or b"") != context.fingerprint:
            raise ssl.SSLCertVerificationError("another certificate than the pinned one")


class HttpCustodian:
    """Fits ``coffer.custody.port.Custodian``.

    ``deadline_s``: the most that all calls take together, from the first one on.

    ``trouble``: why it did not answer, if it did not, and ``trouble_kind``: which of the reasons that is. ``certificate``:
    the one that it showed last, in DER; empty over plain http.
    """

    def __init__(self, address: Address, *, deadline_s: float) -> None:
        self._address = address
        self._deadline_s = deadline_s
        self._first_asked: float | None = None
        self._closed = threading.Event()
        self.trouble: Unavailable | None = None
        self.trouble_kind: Trouble | None = None
        self.certificate = b""
        self._client = httpx.Client(
            verify=_context(address), trust_env=False, follow_redirects=False, timeout=max(0.1, deadline_s)
        )

    @property
    def name(self) -> str:
        """Its name in the roster."""
        return self._address.name

    def answer(self, sealed: bytes) -> bytes:
        """A sealed reply, or the constant refusal; empty if the other side sent no frame."""
        frame = format_frame(sealed)
        raw = self._within_time(lambda: self._exchange("POST", "/v1/answer", frame, MAX_REPLY_BYTES))
        try:
            return parse_frame(raw, "reply")
        except MalformedInput:
            return b""

    def standing(self, sealed: bytes) -> bytes:
        """A sealed report of how a request stands there, or the constant refusal.

        It is empty if the other side sent no frame.
        """
        frame = format_frame(sealed)
        raw = self._within_time(lambda: self._exchange("POST", "/v1/standing", frame, FRAME_BYTES))
        try:
            return parse_frame(raw, "standing")
        except MalformedInput:
            return b""

    def cosign(self, checkpoint: bytes) -> bytes:
        """Its cosignature line, or nothing; unproven."""
        return self._within_time(lambda: self._exchange("POST", "/v1/cosign", checkpoint, FRAME_BYTES))

    def entries(self) -> bytes:
        """The signed entries that wait there, as a bundle; unproven."""
        return self._within_time(lambda: self._exchange("GET", "/v1/entries", None, MAX_ENTRIES_BYTES))

    def checkpoint(self) -> bytes:
        """The newest checkpoint of its mirror; unproven."""
        return self._within_time(lambda: self._exchange("GET", "/log/checkpoint", None, FRAME_BYTES))

    def metrics(self) -> bytes:
        """What it says of itself (``gauges.parse_gauges``); unproven."""
        return self._within_time(lambda: self._exchange("GET", "/metrics", None, MAX_METRICS_BYTES))

    def receipt_entries(self, headers: Sequence[bytes]) -> list[bytes]:
        """The receipts and accusations that wait there once it was given these header files.

        Raises:
            MalformedInput: it hands out something else than entries of its own.
        """
        for batch in _batches(headers):
            frame = format_frame(batch)
            self._within_time(partial(self._exchange, "POST", "/v1/headers", frame, FRAME_BYTES))
        entries = own_entries(self.entries(), self.name)
        return [raw for raw in entries if isinstance(waiting_body(raw, self.name), ReceiptEntry | FaultEntry)]

    def send_note(self, sealed: bytes) -> None:
        """Hand over a sealed authorization to be reviewed."""
        frame = format_frame(sealed)
        self._within_time(lambda: self._exchange("POST", "/v1/notes", frame, FRAME_BYTES))

    def send_order(self, sealed: bytes) -> None:
        """Hand over a sealed file of the order of an authorization that was handed over before."""
        frame = format_frame(sealed)
        self._within_time(lambda: self._exchange("POST", "/v1/orders", frame, FRAME_BYTES))

    def send_explanation(self, sealed: bytes) -> None:
        """Hand over what the desk explains of an authorization that was handed over before."""
        frame = format_frame(sealed)
        self._within_time(lambda: self._exchange("POST", "/v1/explanations", frame, FRAME_BYTES))

    def send_hold(self, sealed: bytes) -> None:
        """Hand over a sealed hold with header files of segments that it covers."""
        frame = format_frame(sealed)
        self._within_time(lambda: self._exchange("POST", "/v1/holds", frame, FRAME_BYTES))

    def _until(self) -> float:
        """When the time is up. It runs from the first question.

        So waiting for the vault's lock costs none of it.
        """
        if self._first_asked is None:
            self._first_asked = time.monotonic()
        return self._first_asked + self._deadline_s

    def close(self) -> None:
        """Give up whatever is under way."""
        self._closed.set()
        self._client.close()

    def _within_time(self, ask: Callable[[], bytes]) -> bytes:
        """The outcome of ``ask``, asked again until it succeeds, time is up or the client is closed."""
        until, seen = self._until(), [_SLOW]
        try:
            reply = within(max(0.0, until - time.monotonic()), lambda: self._repeated(ask, until, seen))
        except TimeoutError:
            self.close()
            reply = None
        except RuntimeError:  # what httpx raises where a call that ran out of time closed it
            if not self._closed.is_set():
                raise
            reply = None
        if reply is None:
            self.trouble_kind = seen[-1].kind
            self.trouble = Unavailable(f"custodian {self.name}: {seen[-1].said}", hint=seen[-1].hint)
            raise self.trouble
        return reply

    def _repeated(self, ask: Callable[[], bytes], until: float, seen: list[_Trouble]) -> bytes | None:
        """The reply; None once asking again is of no use. ``seen``: collects what was wrong each time."""
        pauses = iter(AGAIN_AFTER_S)
        while True:
            try:
                return ask()
            except _FAILURES as error:
                trouble = _trouble_of(error)
            seen.append(trouble)
            last = None if trouble in _FINAL else AGAIN_AFTER_S[-1]
            pause = None if trouble is _OTHER_CERTIFICATE else next(pauses, last)
            if pause is None or self._closed.wait(pause) or time.monotonic() >= until:
                return None

    def _exchange(self, method: str, path: str, content: bytes | None, most: int) -> bytes:
        """One request. Raises an ``httpx.HTTPError`` if asking again may help."""
        parts, size = [], 0
        url = self._address.url + path
        with self._client.stream(method, url, content=content, headers=_OCTETS if content else None) as response:
            if response.status_code not in (httpx.codes.OK, httpx.codes.ACCEPTED):
                raise httpx.RemoteProtocolError("busy, or another service")
            self._look_at_certificate(response)
            for part in response.iter_raw():
                parts.append(part)
                size += len(part)
                if size > most or time.monotonic() >= self._until():
                    raise httpx.RemoteProtocolError("too long")
        return b"".join(parts)

    def _look_at_certificate(self, response: httpx.Response) -> None:
        stream = response.extensions.get("network_stream")
        connection = None if stream is None else stream.get_extra_info("ssl_object")
        if connection is not None:
            # By position: what the client holds is the C library's own object, which takes no names.
            self.certificate = connection.getpeercert(True) or b""  # noqa: FBT003


def _batches(headers: Sequence[bytes]) -> Iterator[bytes]:
    """Header files, each length-prefixed, as many together as one frame takes comfortably."""
    batch = b""
    for raw in headers:
        if batch and len(batch) + len(raw) > HEADERS_BYTES:
            yield batch
            batch = b""
        batch += wire.lp(raw)
    if batch:
        yield batch


def _context(address: Address) -> ssl.SSLContext | bool:
    if address.is_plain:
        return False
    if address.authorities is not None:
        try:
            return ssl.create_default_context(cafile=address.authorities)
        except (OSError, ssl.SSLError):
            raise MalformedInput(f"custodians.toml: {address.name}: ca: not a file of certificates") from None
    assert address.fingerprint is not None, "parse_address asks for one of the two"
    context = _PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # no authority is asked, because the socket compares the certificate itself
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.fingerprint = address.fingerprint
    context.sslsocket_class = _PinnedSocket
    return context
