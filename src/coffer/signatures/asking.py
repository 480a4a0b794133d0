"""Has a file looked at in a process of its own, within bounds.

Nothing of its answer is believed before its form is proven.
"""

import logging
import resource
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Timer
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from coffer.children import environment, pipe, start
from coffer.errors import MalformedInput, Unavailable
from coffer.extras import require
from coffer.signatures.finding import Finding, format_findings, parse_findings

MAX_SECONDS: Final = 30
"""For one file, with the libraries read. A file that takes longer is told to be unreadable."""
MAX_MEMORY_BYTES: Final = 2 * 2**30
"""Address space of the process: a PDF of 8 MiB can unfold to any size."""
MAX_ANSWER_BYTES: Final = 65_536
MAX_ANCHORS: Final = 1_000
MAX_ANCHOR_BYTES: Final = 2**20
_ENDINGS: Final = (".pem", ".crt", ".cer", ".der")


def read_anchors(folder: Path) -> tuple[bytes, ...]:
    """The certificates in a folder's files (PEM or DER), in DER.

    Raises:
        MalformedInput: there is none, or a file of that ending holds none.
        Unavailable: it cannot be read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
        files = [(path.name, path.read_bytes()) for path in paths if path.stat().st_size <= MAX_ANCHOR_BYTES]
    except OSError as error:
        raise Unavailable(f"{folder.name}: {error.strerror}") from error
    anchors = [anchor for name, raw in files for anchor in _certificates(raw, name)]
    if not 1 <= len(anchors) <= MAX_ANCHORS:
        raise MalformedInput(
            f"{folder.name}: {len(anchors)} certificates, expected 1 to {MAX_ANCHORS}",
            hint=f"put those of the issuers that you trust there, as files {', '.join(_ENDINGS)}",
        )
    return tuple(anchors)


def _certificates(raw: bytes, name: str) -> list[bytes]:
    try:
        if b"-----BEGIN" in raw:
            return [one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(raw)]
        return [x509.load_der_x509_certificate(raw).public_bytes(Encoding.DER)]
    except ValueError:
        raise MalformedInput(f"{name}: not a certificate, expected PEM or DER") from None


def findings_in(raw: bytes, anchors: Sequence[bytes]) -> tuple[Finding, ...] | None:
    """What is known of the signatures in a file; None if it could not be read.

    Raises:
        Unavailable: the extra ``signatures`` is not installed.
    """
    require("signatures", "pyhanko")
    require("signatures", "signxml")
    ours, theirs = pipe()
    with environment():
        process = start(_look, (theirs, raw, tuple(anchors)), name="signatures")
    theirs.close()
    timer = Timer(MAX_SECONDS, process.kill)  # then the pipe ends, also in the middle of an answer
    timer.start()
    try:
        # Bytes alone are taken: an object would be unpickled here, and the process may be a stranger's by now.
        return parse_findings(ours.recv_bytes(MAX_ANSWER_BYTES))
    except (EOFError, OSError, MalformedInput):
        return None
    finally:
        timer.cancel()
        process.kill()
        process.join()
        ours.close()


def _look(to: Connection, raw: bytes, anchors: tuple[bytes, ...]) -> None:
    """In the process: look, and send what there is. One that fails sends nothing."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable()  # the libraries would write what a stranger's file says
    from coffer.signatures.look import look  # noqa: PLC0415 - the libraries belong into this process alone

    try:
        findings = look(raw, anchors)
    except Exception:  # noqa: BLE001 - a stranger's file made a library fail: it could not be read, and no more is said
        return
    to.send_bytes(format_findings(findings))
