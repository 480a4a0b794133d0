"""Bundles: a custodian's subkeys of a segment, sealed to its key of the day and opened again. Pure.

Implements ``docs/formats/segment.md``.
"""

import struct
from collections.abc import Mapping
from typing import Final, Protocol

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import SealKey, Secret, seal
from coffer.segments.header import Header
from coffer.segments.prf import KEY_BYTES, effective_key, subkey_commitment

_PLACE: Final = "bundle"
_SUBKEY: Final = struct.Struct(f">H {KEY_BYTES}s")


def bundle_info(seg_id: bytes, custodian: int) -> bytes:
    """HPKE info of a bundle: T("bundle") || seg_id || u8 i."""
    return wire.tag("bundle") + seg_id + bytes([custodian])


def format_bundle(subkeys: Mapping[int, Secret]) -> bytes:
    """Over ascending c: u16 c || K_c."""
    return b"".join(c.to_bytes(2, "big") + subkeys[c].unsafe_bytes() for c in sorted(subkeys))


def parse_bundle(raw: bytes, clauses: tuple[int, ...], place: str) -> dict[int, Secret]:
    """The inverse of ``format_bundle``, for exactly these clauses."""
    if len(raw) != _SUBKEY.size * len(clauses):
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected {_SUBKEY.size * len(clauses)}")
    keys = dict(_SUBKEY.iter_unpack(raw))
    if tuple(keys) != clauses:
        raise MalformedInput(f"{place}: a subkey of another clause")
    return {clause: Secret(key, "subkey") for clause, key in keys.items()}


def seal_bundle(subkeys: Mapping[int, Secret], epoch_key: bytes, *, seg_id: bytes, index: int) -> bytes:
    """The bundle of custodian ``index`` (from 1). ``epoch_key``: its public key of the segment's day."""
    return seal(format_bundle(subkeys), epoch_key, info=bundle_info(seg_id, index))


def open_bundle(header: Header, key: SealKey, *, index: int, clauses: tuple[int, ...]) -> dict[int, Secret]:
    """The subkeys of custodian ``index`` (from 1), by clause, each proven to be the committed one.

    ``clauses``: those that the custodian holds, ascending. All holders of a clause check the same commitment, so that all of them use the same subkey.

    Raises:
        NotProven: the bundle does not open with this key, or a subkey is not the committed one.
        MalformedInput: the bundle holds something else than a subkey for each of the clauses.
    """
    if not 1 <= index <= len(header.bundles):
        raise NotProven(f"{_PLACE}: the header has none for custodian {index}, expected up to {len(header.bundles)}")
    seg_id, commitments = header.core.seg_id, dict(header.commitments)
    plain = key.unseal(header.bundles[index - 1], info=bundle_info(seg_id, index), place=_PLACE)
    subkeys = parse_bundle(plain, clauses, _PLACE)
    for clause, subkey in subkeys.items():
        if commitments.get(clause) != subkey_commitment(seg_id, clause, subkey):
            raise NotProven(f"{_PLACE}: the subkey of clause {clause} is not the one that the header commits to")
    return subkeys


class OpenBundle(Protocol):
    """``open_effective``, or what gives the same."""

    def __call__(self, header: Header, key: SealKey, *, index: int, clauses: tuple[int, ...]) -> dict[int, Secret]:
        """The effective keys, by clause; raises as ``open_effective`` does."""


def open_effective(header: Header, key: SealKey, *, index: int, clauses: tuple[int, ...]) -> dict[int, Secret]:
    """The effective keys, by clause, of the subkeys that ``open_bundle`` proves; raises as it does."""
    seg_id = header.core.seg_id
    subkeys = open_bundle(header, key, index=index, clauses=clauses)
    return {clause: effective_key(seg_id, clause, subkey) for clause, subkey in subkeys.items()}
