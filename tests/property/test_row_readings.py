"""Product and auditor open the same rows and refuse the same (docs/formats/segment.md, "A reader opens a row")."""

import datetime as dt
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from coffer.errors import CofferError
from coffer.procedures.opening.shown import _party, _peer
from coffer.segments.rows import parse_row
from coffer_audit.answer.rows import format_row
from coffer_audit.errors import MalformedInput, NotProven

DAY = dt.date(2016, 9, 1)


@dataclass(frozen=True, kw_only=True)
class Core:
    """What of a segment a row's peer depends on."""

    feed: str = "calls"
    home: str = "FR"


def product(core, extra, layout, kind):
    try:
        row = parse_row(core.to_bytes(16, "big"), extra, layout, "row")
        return _peer(row, kind, Core()), _party(row.own_type, row.own, Core()), row.second, row.is_last
    except CofferError:
        return None


def auditor(core, extra, layout, kind):
    try:
        columns, is_last = format_row(core, extra, layout=layout, day=DAY, kind=kind, feed="calls", home="FR")
    except (MalformedInput, NotProven):
        return None
    start = dt.datetime.strptime(columns[3], "%Y-%m-%dT%H:%M:%S%z")
    return columns[2], columns[7], start.hour * 3600 + start.minute * 60 + start.second, is_last


def core_of(peer_type, peer, second, flags):
    return peer_type << 124 | peer << 74 | second << 57 | flags << 32


PEERS = st.one_of(
    st.sampled_from([0, 1, 33612345678, 10**15 - 1, 10**15, 2**50 - 1]), st.integers(min_value=0, max_value=2**50 - 1)
)
OWN = st.one_of(
    st.sampled_from([0, 1 << 60 | 33612345678 << 10, 2 << 60, 4 << 60 | 7 << 10, 7 << 60]),
    st.integers(min_value=0, max_value=2**64 - 1),
)
SHORT = st.one_of(st.just(bytes(16)), st.binary(min_size=16, max_size=16), st.just(b"\x04BANK" + bytes(11)))
LONG = st.one_of(
    st.just(bytes(64)),
    st.binary(min_size=64, max_size=64),
    st.just(b"\x05a@b.c" + bytes(58)),
    st.binary(min_size=63, max_size=63).map(lambda raw: b"\xff" + raw),
)


@given(
    st.integers(min_value=0, max_value=15),
    PEERS,
    st.integers(min_value=0, max_value=2**17 - 1),
    st.integers(min_value=0, max_value=31),
    st.sampled_from([(8, "text"), (16, "email"), (0, "call"), (24, "text"), (34, "call"), (68, "call")]),
    SHORT,
    LONG,
    OWN,
)
@example(1, 0, 0, 0, (0, "call"), bytes(16), bytes(64), 0)
@example(1, 10**15, 0, 0, (0, "call"), bytes(16), bytes(64), 0)
@example(1, 33612345678, 0, 0, (8, "text"), b"\x04BANK" + bytes(11), bytes(64), 0)
@example(0, 0, 0, 0, (8, "text"), b"\x04BANK" + bytes(11), bytes(64), 0)
@example(2, 0, 0, 0, (8, "text"), b"\x04BANK" + bytes(11), bytes(64), 0)
def test_product_and_auditor_open_the_same_rows(peer_type, peer, second, flags, layout, short, long, own):
    bits, kind = layout
    device = 1_49015420323751 if bits & 32 else 208011234567890
    extra = (short if bits & 8 else b"") + (long if bits & 16 else b"")
    extra += b"".join(word.to_bytes(8, "big") for word in (device, own)) if bits & 96 else b""
    core = core_of(peer_type, peer, second, flags)
    assert product(core, extra, bits, kind) == auditor(core, extra, bits, kind)


def test_both_open_what_an_ingester_writes():
    core = core_of(1, 33612345678, 36000, 5)
    assert product(core, b"", 0, "call") == ("tel:+33612345678", "", 36000, True) == auditor(core, b"", 0, "call")
