"""What a vault's records are found by: numbers always, handsets and SIMs where their feed says so.

A segment's layout tells it, and its header is proven by the log. The feed file decides the layout, so one segment of a
feed speaks for the feed: the newest of the days that are asked for.
"""

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from coffer.authority.authorization import Named
from coffer.errors import NotProven, Refused
from coffer.identity.identifier import IdentityType
from coffer.identity.numbering import can_exist
from coffer.kinds import KINDS
from coffer.ledger.facts import Segment
from coffer.ledger.retention import is_segment_past
from coffer.ledger.state import State
from coffer.records.layout import Layout
from coffer.segments.header import Header
from coffer.vault.folder import Vault

_BITS: Final = {IdentityType.IMEI: Layout.BY_IMEI, IdentityType.IMSI: Layout.BY_IMSI}
_NAMES: Final = {IdentityType.IMEI: "IMEI", IdentityType.IMSI: "IMSI"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """By name, which feeds' records are found by identities of a type, and which are not."""

    feeds: tuple[str, ...]
    others: tuple[str, ...]


def finding(vault: Vault, state: State, kind: IdentityType, *, days: Collection[dt.date] | None = None) -> Finding:
    """Which feeds with calls or texts of these days (None: of any) are found by this type.

    Raises:
        NotProven: a header is not the log's.
        Unavailable: a header cannot be read.
    """
    newest = _newest_of(vault, state, days)
    bit = _BITS.get(kind)
    is_found = {feed: bit is None or bool(_header(vault, one).core.layout & bit) for feed, one in newest.items()}
    names = sorted(is_found)
    return Finding(
        feeds=tuple(name for name in names if is_found[name]),
        others=tuple(name for name in names if not is_found[name]),
    )


def _newest_of(vault: Vault, state: State, days: Collection[dt.date] | None) -> dict[str, Segment]:
    """By feed, the newest segment of these days (None: of any) whose keys are kept."""
    today = vault.outside.clock().date()
    living = (one for one in state.segments.values() if not state.is_dead(one) and not is_segment_past(one, today))
    return _newest(one for one in living if days is None or one.line.day in days)


def _newest(segments: Iterable[Segment]) -> dict[str, Segment]:
    newest: dict[str, Segment] = {}
    for one in segments:
        if one.line.kind in KINDS and one.line.kind != "email":
            last = newest.get(one.feed)
            newest[one.feed] = one if last is None or one.entry_index >= last.entry_index else last
    return newest


def _header(vault: Vault, segment: Segment) -> Header:
    header = vault.segments.read_header(segment.line.day, segment.line.seg_id)
    if header.hash != segment.line.header_hash:
        raise NotProven(f"header of {segment.line.seg_id.hex()[:16]}: another than the log's")
    return header


def found_types(vault: Vault, state: State) -> frozenset[IdentityType]:
    """Of IMEI and IMSI those by which some feed's records are found now."""
    return frozenset(kind for kind in _BITS if finding(vault, state, kind).feeds)


def unlikely_numbers(vault: Vault, state: State, terms: Named) -> tuple[str, ...]:
    """A sentence for each number that cannot exist by the tables.

    Feeds keep such digits as they were dialled.

    Raises:
        NotProven: a header is not the log's.
        Unavailable: a header cannot be read.
    """
    remarks = []
    for line, subject in enumerate(terms.subjects, 1):
        if subject.type is not IdentityType.E164 or can_exist(subject.value):
            continue
        newest = _newest_of(vault, state, terms.days_of(line)).values()
        homes = sorted({home for one in newest if (home := _header(vault, one).core.home)})
        asked = " and ".join(f"dialled:{home}/..." for home in homes) or "dialled: with the feed's home country"
        remarks.append(
            f"subject {line}: by Coffer's tables no such number can exist. Records that have it keep its digits as "
            f"dialled: ask for {asked} too, with the digits as the feed writes them"
        )
    return tuple(remarks)


def verify_found(vault: Vault, state: State, terms: Named) -> tuple[str, ...]:
    """What a request for handsets and SIMs does not reach, a sentence for each such subject.

    Raises:
        Refused: all of some subject's days are over, and no feed with records of them is found so (code scope).
    """
    remarks = []
    for line, subject in enumerate(terms.subjects, 1):
        if subject.type not in _BITS:
            continue
        those = finding(vault, state, subject.type, days=terms.days_of(line))
        name = _NAMES[subject.type]
        is_to_come = max(terms.days_of(line)) >= vault.outside.clock().date()
        if those.others and not those.feeds and not is_to_come:
            raise Refused(
                f"subject {line}: records of its days are not found by an {name}: feed {', '.join(those.others)}",
                code="scope",
                hint="index in a feed file says by what is found, for what is ingested from then on",
            )
        if those.others:
            remarks.append(f"subject {line}: not found by an {name} in these days: feed {', '.join(those.others)}")
    return tuple(remarks)
