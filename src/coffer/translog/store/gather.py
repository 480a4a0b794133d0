"""Cosignatures of a checkpoint from outside witnesses, over HTTP. Source: C2SP tlog-witness."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx

from coffer import wire
from coffer.deadline import within
from coffer.errors import MalformedInput, NotProven
from coffer.notes.cosign import CosignKey
from coffer.notes.note import Note, SignatureLine, parse_note
from coffer.translog.witness import LONGER, Ask, Gathered, Proof

DEADLINE_S: Final = 5.0
"""A witness that does not answer in time is left out. The quorum is there so that one may be down."""
MAX_REPLY_BYTES: Final = 65_536
"""Room for some signature lines, also post-quantum ones of up to 7 kB. A longer reply is dropped."""
MAX_TRIES: Final = 3
"""The first try learns the size that the witness knows; the second proves from there.

The third is for another writer that came between.
"""


def gather(note: Note, size: int, proof: Proof, keys: Sequence[CosignKey], addresses: Mapping[str, str]) -> Gathered:
    """The cosignatures of all witnesses, asked at once. Each line is verified before it counts."""
    known: dict[str, list[CosignKey]] = {}  # a witness may have a key of each type
    for key in keys:
        if key.name in addresses:
            known.setdefault(key.name, []).append(key)
    failed = {key.name: "no address of it is set" for key in keys if key.name not in addresses}
    lines: list[SignatureLine] = []
    with (
        httpx.Client(timeout=DEADLINE_S, follow_redirects=False, trust_env=False) as client,
        ThreadPoolExecutor(max_workers=max(1, len(known))) as pool,
    ):
        answers = list(
            pool.map(lambda name: _ask_in_time(client, note, size, proof, known[name], addresses[name]), known)
        )
    for name, answer in zip(known, answers, strict=True):
        if isinstance(answer, str):
            failed[name] = answer
        else:
            lines += answer
    return Gathered(lines=tuple(lines), failed=failed)


def _ask_in_time(
    client: httpx.Client, note: Note, size: int, proof: Proof, keys: Sequence[CosignKey], address: str
) -> list[SignatureLine] | str:
    try:
        return within(DEADLINE_S, lambda: _ask_one(client, note, size, proof, keys, address))
    except TimeoutError:
        return f"no answer in {DEADLINE_S:g} seconds"


def _ask_one(
    client: httpx.Client, note: Note, size: int, proof: Proof, keys: Sequence[CosignKey], address: str
) -> list[SignatureLine] | str:
    old, url = 0, address.rstrip("/") + "/add-checkpoint"
    try:
        for _ in range(MAX_TRIES):
            ask = Ask(old_size=old, proof=tuple(proof(old)) if 0 < old < size else (), checkpoint=note.raw)
            status, body = _post(client, url, ask.format())
            if status == 200:
                return _lines_of(note, body, keys)
            if status != 409:
                return f"status {status}"
            old = wire.parse_decimal(body.decode("ascii", "replace").removesuffix("\n"), "size", high=2**62)
            if old > size:
                return LONGER
    except TimeoutError:
        raise
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return "nobody listens there"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
        return type(error).__name__
    except (MalformedInput, NotProven) as error:
        return error.message
    return "its size changes all the time"


def _post(client: httpx.Client, url: str, body: bytes) -> tuple[int, bytes]:
    until = time.monotonic() + DEADLINE_S
    with client.stream("POST", url, content=body) as response:
        raw = b""
        for chunk in response.iter_bytes():
            if time.monotonic() > until:
                raise TimeoutError  # half a reply would be taken for a wrong one
            raw += chunk
            if len(raw) > MAX_REPLY_BYTES:
                raise MalformedInput(f"reply: over {MAX_REPLY_BYTES} bytes")
        return response.status_code, raw


def _lines_of(note: Note, body: bytes, keys: Sequence[CosignKey]) -> list[SignatureLine]:
    """The proven lines of this witness's keys. Lines of unknown keys are left out."""
    reply = parse_note(note.text + b"\n" + body, "reply", may_be_cosigned=True)
    newest = [key.newest_line(reply) for key in keys]
    lines = [line for _, line in filter(None, newest)]
    if not lines:
        raise NotProven("reply: no cosignature of this witness in it")
    return lines
