"""Request and reply, to the byte. Pure. Source: ``docs/formats/exchange.md``."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import HPKE_PUBLIC_BYTES, SigningKey, VerifyKey
from coffer.segments.header import MIN_HEADER_BYTES, Header, parse_header
from coffer.segments.prf import DATA_LANE, LABEL_LANE, Blocks

MAX_REQUEST_BYTES: Final = 8 * 2**20
"""Step 1 of ``docs/procedures/opening.md``: bounds what an unauthenticated sender can make a custodian work on."""
COMMITMENT_BYTES: Final = 32
NO_DRAW: Final = 2**64 - 1
NO_SALT: Final = bytes(32)
CONSTANT_REFUSAL: Final = b"COFREF01"
_PAYLOAD: Final = b"COFRSP01"
_ERROR: Final = b"COFERR01"
_CELL: Final = struct.Struct(">32s B I I")
VALUE_BYTES: Final = {LABEL_LANE: 8, DATA_LANE: 16}


class Code(IntEnum):
    """Why a custodian refuses, told only to a requester that proved itself."""

    SCOPE = 1
    TIME = 2
    BUDGET = 3
    LOG = 4
    INTERNAL = 5


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """Some ranks of one subject in one segment. ``line`` is 1 for the note's first ``subject:`` line."""

    seg_id: bytes
    line: int
    rank_from: int
    rank_count: int

    @property
    def raw(self) -> bytes:
        """41 bytes."""
        return _CELL.pack(self.seg_id, self.line, self.rank_from, self.rank_count)


def format_cells(cells: Sequence[Cell]) -> bytes:
    """Their bytes, one after the other."""
    return b"".join(cell.raw for cell in cells)


def parse_cells(raw: bytes, place: str) -> tuple[Cell, ...]:
    """Strictly ascending cells, at least one, each of at least one rank."""
    if not raw:
        raise MalformedInput(f"{place}: no cell")
    if len(raw) % _CELL.size:
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected cells of {_CELL.size}")
    cells: list[Cell] = []
    last = b""
    for at, (seg_id, line, rank_from, rank_count) in zip(
        range(0, len(raw), _CELL.size), _CELL.iter_unpack(raw), strict=True
    ):
        own = raw[at : at + _CELL.size]
        if rank_count == 0 or last >= own:
            raise MalformedInput(f"{place}: cells must be strictly ascending, each with at least one rank")
        cells.append(Cell(seg_id=seg_id, line=line, rank_from=rank_from, rank_count=rank_count))
        last = own
    return tuple(cells)


def draw_commitment(salt: bytes, cells: Sequence[Cell]) -> bytes:
    """H(T("draw") || salt || cells)."""
    return wire.digest(wire.tag("draw"), salt, format_cells(cells))


@dataclass(frozen=True, kw_only=True, repr=False)
class Request:
    """A parsed request; nothing in it is proven.

    It has no slots, because derived values are computed once and kept.

    ``headers`` are ascending by seg_id, and exactly those that the cells name.
    """

    note: bytes
    seal_public: bytes
    intent: int
    draw: int
    lane: int
    draw_salt: bytes
    cells: tuple[Cell, ...]
    checkpoint: bytes
    headers: tuple[Header, ...]
    signature: bytes

    def _body(self, headers: bytes) -> bytes:
        return _format_body(self, format_cells(self.cells), headers)

    @cached_property
    def raw(self) -> bytes:
        """What is sealed to a custodian."""
        return self._body(b"".join(wire.lp(header.raw) for header in self.headers)) + self.signature

    @cached_property
    def digest_body(self) -> bytes:
        """The body with header hashes in the headers' place: what the requester signs."""
        return self._body(b"".join(header.hash for header in self.headers))

    @cached_property
    def digest_form(self) -> bytes:
        """What answers keep as evidence."""
        return self.digest_body + self.signature

    @cached_property
    def hash(self) -> bytes:
        """H(digest form)."""
        return wire.digest(self.digest_form)

    def is_signed_by(self, key: VerifyKey) -> bool:
        """Whether ``key`` made the requester's signature."""
        return key.is_signature(self.signature, _request_message(self.digest_body))


def _format_body(of: "Request | Envelope", cells: bytes, headers: bytes) -> bytes:
    return b"".join((
        wire.lp(of.note),
        wire.lp(of.seal_public),
        of.intent.to_bytes(8, "big"),
        of.draw.to_bytes(8, "big"),
        bytes([of.lane]),
        of.draw_salt,
        wire.lp(cells),
        wire.lp(of.checkpoint),
        wire.lp(headers),
    ))  # fmt: skip


def _request_message(body: bytes) -> bytes:
    return wire.tag("request") + wire.digest(body)


def sign_request(unsigned: Request, key: SigningKey) -> Request:
    """The same request with the requester's signature."""
    signature = key.sign(_request_message(unsigned.digest_body))
    return replace(unsigned, signature=signature)


@dataclass(frozen=True, kw_only=True, repr=False)
class Envelope:
    """A request cut into its parts; cells and headers are not read yet. No slots, as ``Request``.

    These parts tell cheaply who asks, so that a stranger is turned away before the cells are read.
    """

    note: bytes
    seal_public: bytes
    intent: int
    draw: int
    lane: int
    draw_salt: bytes
    raw_cells: bytes
    checkpoint: bytes
    raw_headers: bytes
    signature: bytes

    @cached_property
    def headers(self) -> tuple[Header, ...]:
        """The headers, each of a proper form; raises ``MalformedInput``."""
        inner = wire.Cursor(self.raw_headers, "request: headers")
        headers: list[Header] = []
        while not inner.at_end():
            raw = inner.lp()
            if len(raw) < MIN_HEADER_BYTES:  # else a million of them would be cut out before the first is parsed
                raise MalformedInput(f"request: header {len(headers)}: {len(raw)} bytes")
            headers.append(parse_header(raw, f"request: header {len(headers)}"))
        return tuple(headers)

    def is_signed_by(self, key: VerifyKey) -> bool:
        """As ``Request.is_signed_by``, before the cells are read; raises ``MalformedInput``."""
        hashes = b"".join(header.hash for header in self.headers)
        body = _format_body(self, self.raw_cells, hashes)
        return key.is_signature(self.signature, _request_message(body))

    def request(self) -> Request:
        """The whole request; raises ``MalformedInput``."""
        cells = parse_cells(self.raw_cells, "request: cells")
        named = sorted({cell.seg_id for cell in cells})
        if [header.core.seg_id for header in self.headers] != named:
            raise MalformedInput("request: its headers are not those its cells name")
        is_lane_one = self.lane == LABEL_LANE and self.draw == NO_DRAW and self.draw_salt == NO_SALT
        is_lane = is_lane_one or (self.lane == DATA_LANE and self.draw != NO_DRAW)
        if len(self.seal_public) != HPKE_PUBLIC_BYTES or not is_lane:
            raise MalformedInput("request: seal key, lane, draw or salt out of range")
        return Request(
            note=self.note,
            seal_public=self.seal_public,
            intent=self.intent,
            draw=self.draw,
            lane=self.lane,
            draw_salt=self.draw_salt,
            cells=cells,
            checkpoint=self.checkpoint,
            headers=self.headers,
            signature=self.signature,
        )


def parse_envelope(raw: bytes) -> Envelope:
    """Cut a request into its parts; raises ``MalformedInput``."""
    cursor = wire.Cursor(raw, "request")
    note, seal_public = cursor.lp(), cursor.lp()
    intent, draw, lane, draw_salt = cursor.u64(), cursor.u64(), cursor.u8(), cursor.take(32)
    cells, checkpoint, headers = cursor.lp(), cursor.lp(), cursor.lp()
    signature = cursor.take(64)
    cursor.end()
    return Envelope(
        note=note,
        seal_public=seal_public,
        intent=intent,
        draw=draw,
        lane=lane,
        draw_salt=draw_salt,
        raw_cells=cells,
        checkpoint=checkpoint,
        raw_headers=headers,
        signature=signature,
    )


def parse_request(raw: bytes) -> Request:
    """Strict inverse of ``Request.raw``; raises ``MalformedInput``."""
    return parse_envelope(raw).request()


def request_info(roster_hash: bytes, index: int) -> bytes:
    """HPKE info of a request to custodian ``index``."""
    return wire.tag("request") + roster_hash + bytes([index])


def note_info(roster_hash: bytes, index: int) -> bytes:
    """HPKE info of an authorization that is sent to custodian ``index`` to be reviewed."""
    return wire.tag("note") + roster_hash + bytes([index])


def order_info(roster_hash: bytes, index: int) -> bytes:
    """HPKE info of a file of an order that is sent to custodian ``index``, beside its authorization."""
    return wire.tag("order") + roster_hash + bytes([index])


def format_order(commitment: bytes, raw: bytes) -> bytes:
    """A file of the order of an authorization, as it is sealed."""
    return wire.lp(commitment) + raw


def parse_order(raw: bytes) -> tuple[bytes, bytes]:
    """The commitment of the authorization, and the file; raises ``MalformedInput``."""
    cursor = wire.Cursor(raw, "order")
    commitment = cursor.lp()
    if len(commitment) != COMMITMENT_BYTES:
        raise MalformedInput(f"order: a commitment of {len(commitment)} bytes, expected {COMMITMENT_BYTES}")
    return commitment, raw[4 + COMMITMENT_BYTES :]


def reply_info(request_hash: bytes, index: int) -> bytes:
    """HPKE info of the reply of custodian ``index``."""
    return wire.tag("reply") + request_hash + bytes([index])


def format_payload(index: int, lane: int, request_hash: bytes, values: Blocks) -> bytes:
    """``values``: the partials, shape (n, 2): per cell, per clause, per rank."""
    return _PAYLOAD + bytes((index, lane)) + request_hash + values[:, : VALUE_BYTES[lane] // 8].tobytes()


def format_refusal(index: int, request_hash: bytes, code: Code) -> bytes:
    """A refusal that only the requester can read."""
    return _ERROR + bytes([index]) + request_hash + bytes([code])


def response_message(request_hash: bytes, seal_public: bytes, payload: bytes) -> bytes:
    """What a custodian's resp key signs."""
    return wire.tag("response") + request_hash + wire.digest(seal_public) + wire.digest(payload)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Reply:
    """A reply whose signature was verified.

    ``values``: per cell and clause mask, those of its ranks one after the other, each of ``width`` bytes. ``code``: set
    for a refusal.
    """

    custodian: str
    raw: bytes
    width: int
    values: dict[tuple[Cell, int], bytes]
    code: Code | None


def verify_reply(
    raw: bytes,
    *,
    custodian: str,
    index: int,
    key: VerifyKey,
    request: Request,
    held: Sequence[tuple[Cell, Sequence[int]]],
) -> Reply:
    """Prove that an unsealed reply is this custodian's to this request.

    ``held``: for each cell, the clauses the custodian holds, ascending.

    Raises:
        NotProven: another signature, another request, or values that are too few or too many.
    """
    place, width = f"reply of {custodian}", VALUE_BYTES[request.lane]
    payload, signature = raw[:-64], raw[-64:]
    if not key.is_signature(signature, response_message(request.hash, request.seal_public, payload)):
        raise NotProven(f"{place}: its signature does not verify")
    try:
        cursor = wire.Cursor(payload, place)
        magic = cursor.take(8)
        if magic == _ERROR:
            cursor.literal(bytes([index]) + request.hash)
            code = cursor.u8()
            cursor.end()
            return Reply(custodian=custodian, raw=raw, width=width, values={}, code=Code(code))
        wire.Cursor(magic, place).literal(_PAYLOAD)
        cursor.literal(bytes((index, request.lane)) + request.hash)
        values = {(cell, clause): cursor.take(width * cell.rank_count) for cell, clauses in held for clause in clauses}
        cursor.end()
    except (MalformedInput, ValueError):
        raise NotProven(f"{place}: signed, but not an answer to what was asked") from None
    return Reply(custodian=custodian, raw=raw, width=width, values=values, code=None)


FRAME_BYTES: Final = 4_096
"""The smallest frame. The constant refusal, a sealed refusal and a short answer all have this length."""
MAX_FRAME_BYTES: Final = MAX_REQUEST_BYTES + 2 * FRAME_BYTES
"""Room for the largest request, what sealing adds, and the length."""


def format_frame(raw: bytes) -> bytes:
    """LP(raw), then zeros up to a power of two.

    The network sees the size class, not the number of cells or records (``docs/attacks.md``, L3).
    """
    return wire.lp(raw).ljust(_frame_bytes(len(raw)), b"\0")


def _frame_bytes(size: int) -> int:
    framed = 4 + size
    return max(framed, min(MAX_FRAME_BYTES, max(FRAME_BYTES, 1 << (framed - 1).bit_length())))


def parse_frame(frame: bytes, place: str) -> bytes:
    """The strict inverse of ``format_frame``; raises ``MalformedInput``."""
    raw = wire.Cursor(frame, place).lp()
    # Strangers can send 8 MiB here, so the frame is not formatted again for a comparison.
    if len(frame) != _frame_bytes(len(raw)) or frame.count(0, 4 + len(raw)) != len(frame) - 4 - len(raw):
        raise MalformedInput(f"{place}: not padded with zeros to a power of two")
    return raw
